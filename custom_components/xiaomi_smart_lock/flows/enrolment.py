"""Steps of subentry flows that enroll a credential, live in the dialog."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, UnknownEntry
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)

from ..account.entry_data import async_lock_names
from ..const import CONF_LEAST_DIGITS, CONF_MOST_DIGITS, LEAST_DIGITS, MOST_DIGITS
from ..credentials.enrolment import PASSWORD
from ..model.tables import Ability
from ..wording.phrases import escaped
from ..wording.reasons import error_in_words
from .live_enrolment import LiveEnrolment
from .progress import async_tell_until_heard, nothing

if TYPE_CHECKING:
    import asyncio

    from homeassistant.config_entries import ConfigSubentry, SubentryFlowResult

    from ..credentials.enrolment import Wanted
    from ..runtime import LockConfigEntry, LockRuntime

CONF_LOCK: Final = "lock"
CONF_PASSWORD: Final = "password"  # noqa: S105
MADE_UP_DIGITS: Final = 8


class EnrolmentFlow(ConfigSubentryFlow):
    """A subentry flow that can enroll a credential.

    A subclass begins one with ``_async_enrol``.
    """

    _live: LiveEnrolment
    _news: asyncio.Task[None] | None = None
    _stop_telling: CALLBACK_TYPE = staticmethod(nothing)

    @callback
    def _show_done(self, next_step_id: str) -> SubentryFlowResult:
        """End the progress that is shown; the browser goes on with another step."""
        self._stop_telling()
        self._stop_telling = async_tell_until_heard(self)
        return self.async_show_progress_done(next_step_id=next_step_id)

    @property
    def _entry(self) -> LockConfigEntry:
        try:
            return self._get_entry()
        except UnknownEntry:  # It was removed while the dialog was open.
            raise AbortFlow("entry_not_loaded") from None

    @property
    def _locks(self) -> dict[str, LockRuntime]:
        """The locks of the entry by did. The flow ends if the entry is not loaded any more."""
        if self._entry.state is not ConfigEntryState.LOADED:
            raise AbortFlow("entry_not_loaded")
        return self._entry.runtime_data.locks

    @property
    def _managed(self) -> dict[str, LockRuntime]:
        """The locks whose users and credentials can be managed, by did.

        The flow ends if there is none: it may be gone from the account, where others are not.
        """
        can = {did: lock for did, lock in self._locks.items() if lock.model.can(Ability.MANAGEMENT)}
        if not can:
            raise AbortFlow("entry_not_loaded")
        return can

    def _lock_of(self, did: str) -> LockRuntime:
        """Return a lock of the entry. The flow ends if it is not there any more."""
        if lock := self._locks.get(did):
            return lock
        raise AbortFlow("entry_not_loaded")

    def _subentry(self, subentry_id: str) -> ConfigSubentry:
        """Return a subentry of the entry. The flow ends if it was removed."""
        if subentry := self._entry.subentries.get(subentry_id):
            return subentry
        raise AbortFlow("removed")

    def _lock_field(self) -> dict[vol.Marker, Any]:
        """Return a field to choose a lock; nothing if there is only one."""
        if len(self._managed) == 1:
            return {}
        names = async_lock_names(self.hass, ((self._entry, did) for did in self._managed))
        options = [SelectOptionDict(value=did, label=name) for did, name in names.items()]
        selector = SelectSelector(
            SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST)
        )
        return {vol.Required(CONF_LOCK, default=next(iter(names))): selector}

    def _chosen_lock(self, user_input: dict[str, Any]) -> LockRuntime:
        """Return the lock that a form says, or the only one."""
        return self._lock_of(user_input.get(CONF_LOCK, next(iter(self._managed))))

    @property
    def _digits(self) -> tuple[int, int]:
        """How many digits a password has at least and at most."""
        options = self._entry.options
        least = int(options.get(CONF_LEAST_DIGITS, LEAST_DIGITS))
        return least, int(options.get(CONF_MOST_DIGITS, MOST_DIGITS))

    def _password_field(self) -> dict[vol.Marker, Any]:
        """Return a field for a password, with one that was made up."""
        least, most = self._digits
        made_up = made_up_password(min(max(MADE_UP_DIGITS, least), most))
        return {vol.Required(CONF_PASSWORD, default=made_up): TextSelector()}

    def _password_error(self, password: str) -> str | None:
        """Return the key of what is wrong with a password, None if nothing is."""
        least, most = self._digits
        digits = password.isascii() and password.isdigit()
        return None if digits and least <= len(password) <= most else "password_rules"

    @property
    def _rules(self) -> dict[str, str]:
        """The rules for passwords, as placeholders of a form."""
        least, most = self._digits
        return {"least": str(least), "most": str(most)}

    async def _async_enrol(self, lock: LockRuntime, wanted: Wanted) -> SubentryFlowResult:
        """Begin an enrollment, and follow it; see ``LiveEnrolment``."""
        self._live = LiveEnrolment(lock, wanted)
        return await self.async_step_enrol()

    async def async_step_enrol(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show what to do at the lock, until the enrollment has ended."""
        live = self._live
        if live.task.done():
            return self._show_done("enrolled")
        if self._news is None or self._news.done():
            self._news = self.hass.async_create_task(live.async_news(), "follow an enrollment")
        return self.async_show_progress(
            step_id="enrol",
            progress_action="enrol",
            description_placeholders={"hint": live.hint, "lock": escaped(live.lock.session.name)},
            progress_task=self._news,
        )

    async def async_step_enrolled(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Go on with the credential, or say why there is none."""
        if self._live.task.cancelled():
            return self.async_abort(reason="entry_not_loaded")
        if isinstance(error := self._live.task.exception(), HomeAssistantError):
            # The same password may be refused again: the lock has it already, for example.
            another = ["enter_again"] if is_password(self._live.wanted) else []
            return self.async_show_menu(
                step_id="enrolled",
                menu_options=["enrol_again", *another, "give_up"],
                description_placeholders={"error": escaped(error_in_words(self.hass, error))},
            )
        await self._live.task
        if is_password(self._live.wanted):
            return await self.async_step_password_made()
        return await self.async_step_has_it()

    async def async_step_has_it(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Say that the lock has it, and offer to add another.

        A browser asks for the step once for each hint, and shows an error if the flow is over by
        then. That is why no flow ends here by itself.
        """
        return self.async_show_menu(step_id="has_it", menu_options=["add", "finish"])

    async def async_step_finish(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """End with the credential."""
        return self.async_abort(reason="enrolled")

    async def async_step_password_made(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show a password, this once."""
        if user_input is not None:
            return await self.async_step_finish()
        password = self._live.wanted.content
        return self.async_show_form(
            step_id="password_made",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Optional(CONF_PASSWORD): TextSelector()}), {CONF_PASSWORD: password}
            ),
            description_placeholders={"lock": escaped(self._live.lock.session.name)},
        )

    async def async_step_enrol_again(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Try the same once more, unless the entry was loaded anew."""
        lock = self._live.lock
        if self._lock_of(lock.session.did) is not lock:
            return self.async_abort(reason="entry_not_loaded")
        self._live = self._live.again()
        return await self.async_step_enrol()

    @abstractmethod
    async def async_step_enter_again(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for another password."""

    async def async_step_give_up(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """End without a credential."""
        return self.async_abort(reason="not_enrolled")

    @callback
    @override
    def async_remove(self) -> None:
        """Cancel an enrollment whose dialog was closed."""
        self._stop_telling()
        if live := getattr(self, "_live", None):
            live.async_cancel()


def made_up_password(digits: int) -> str:
    """Return a random password that is not one digit over and over, nor counts up or down."""
    while True:
        password = "".join(secrets.choice("0123456789") for _ in range(digits))
        steps = {(int(b) - int(a)) % 10 for a, b in pairwise(password)}
        if not steps <= {0} and not steps <= {1} and not steps <= {9}:
            return password


def is_password(wanted: Wanted) -> bool:
    """Return whether a credential is a password."""
    return wanted.method == PASSWORD
