"""Steps of subentry flows that rename and delete credentials."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
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
from ..miot.values import text
from ..people import async_rename_credential
from ..state.lock_state import Topic
from ..wording.phrases import credential_in_words, escaped
from ..wording.reasons import error_in_words, translatable
from .choices import Choice, credential_label, credential_name, own_name
from .enrolment import EnrolmentFlow
from .progress import long_enough

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.config_entries import SubentryFlowResult

    from ..people import Key
    from ..runtime import LockRuntime

CONF_CREDENTIAL: Final = "credential"
LONGEST_NAME: Final = 50
DELETED_WITHIN: Final = 20
"""Seconds that a dialog waits for the lock to delete a credential."""


class ManagementFlow(EnrolmentFlow):
    """A subentry flow that can rename and delete a credential.

    A subclass sets ``_chosen``, and goes on with ``async_step_rename`` or ``async_step_delete``.
    """

    _gone = "credential_gone"
    """The reason with which the flow ends if the chosen credential was deleted meanwhile."""
    _key: Key
    _before: float
    """When a credential of the number was last deleted before it was chosen."""
    _deleting: asyncio.Task[bool] | None = None
    _deleted: dict[str, str]
    """What is deleted, as placeholders: its name is forgotten with it."""

    @property
    def _chosen(self) -> Choice:
        """The chosen credential, of its lock as that is loaded now.

        The flow ends if it was deleted since it was chosen: its number may be another one's by now.
        """
        did, credential = self._key
        choice = Choice(self._lock_of(did).coordinator, credential)
        if choice.deleted > self._before:
            raise AbortFlow(self._gone)
        return choice

    @_chosen.setter
    def _chosen(self, choice: Choice) -> None:
        self._key, self._before = choice.key, choice.deleted

    @property
    def _lock_names(self) -> dict[str, str]:
        """The names of the entry's locks by did."""
        return async_lock_names(self.hass, ((self._entry, did) for did in self._locks))

    def _choice_field(self, choices: Mapping[str, Choice], labels: Iterable[str]) -> SelectSelector:
        """Return a list to choose one credential from."""
        options = [
            SelectOptionDict(value=value, label=label)
            for value, label in zip(choices, labels, strict=True)
        ]
        return SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))

    @property
    def _about(self) -> dict[str, str]:
        """The chosen credential and its lock, as placeholders of a form."""
        return {
            "credential": escaped(credential_name(self._chosen)),
            "lock": escaped(self._chosen.lock.name),
        }

    def _show_manage(self, *options: str) -> SubentryFlowResult:
        """Ask what to do with the chosen credential."""
        label = escaped(credential_label(self._chosen, {}))
        return self.async_show_menu(
            step_id="manage",
            menu_options=list(options),
            description_placeholders=self._about | {"credential": label},
        )

    async def async_step_rename(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a name of the chosen credential; an empty one takes its name away."""
        chosen, errors = self._chosen, {}
        before = own_name(chosen)
        if user_input is not None:
            name = text(user_input.get(CONF_NAME), LONGEST_NAME)
            if name or before:
                async_rename_credential(*chosen, name)
                return self.async_abort(
                    reason="renamed" if name else "name_removed",
                    description_placeholders=self._about,
                )
            errors = {CONF_NAME: "no_name"}
        without = credential_in_words(self.hass, chosen.lock.model, chosen.credential)
        return self.async_show_form(
            step_id="rename",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Optional(CONF_NAME): TextSelector()}), {CONF_NAME: before}
            ),
            description_placeholders=self._about | {"without": escaped(without)},
            errors=errors,
        )

    async def async_step_delete(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for confirmation, then have the chosen credential deleted at the lock."""
        if user_input is None:
            return self.async_show_form(step_id="delete", description_placeholders=self._about)
        return await self.async_step_deleting()

    async def async_step_deleting(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show progress until the lock has deleted it, or cannot be reached."""
        if self._deleting is None:
            self._deleted = self._about
            deleting = self._async_delete(self._lock_of(self._key[0]), self._chosen)
            self._deleting = self.hass.async_create_task(deleting, "delete")
        if not self._deleting.done():
            return self.async_show_progress(
                step_id="deleting",
                progress_action="deleting",
                description_placeholders=self._deleted,
                progress_task=self._deleting,
            )
        return self._show_done("deleted")

    async def async_step_deleted(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Say whether the lock has deleted it."""
        deleting, self._deleting = self._deleting, None
        assert deleting  # noqa: S101
        try:
            gone = deleting.result()
        except HomeAssistantError as error:
            return self.async_abort(
                reason="not_deleted",
                description_placeholders={"error": escaped(error_in_words(self.hass, error))},
            )
        return self.async_abort(
            reason="deleted" if gone else "deleted_later", description_placeholders=self._deleted
        )

    async def _async_delete(self, runtime: LockRuntime, choice: Choice) -> bool:
        """Have a credential deleted; return whether the lock has done so already.

        Raises HomeAssistantError if that could not be begun.
        """
        lock, credential = choice
        async with long_enough():
            if (user_id := lock.data.users.user_of(credential)) is None:
                # Only the lock knows whose it is, which a deletion must say.
                await runtime.commands.async_synchronise("sync-unlock-method")
                user_id = lock.data.users.user_of(credential)
            if user_id is None:
                raise translatable(HomeAssistantError, "not_told_whose", lock=lock.name)
            gone = asyncio.Event()
            stop = lock.async_watch(Topic.ENDINGS, partial(_look, choice, gone))
            try:
                await runtime.expiry.async_expire(credential, user_id)
                async with asyncio.timeout(DELETED_WITHIN if lock.data.awake is not False else 0):
                    await gone.wait()
            except TimeoutError:
                return False
            finally:
                stop()
            return True


@callback
def _look(choice: Choice, gone: asyncio.Event) -> None:
    """Note when a credential that was to be deleted is gone."""
    if choice.credential not in choice.lock.data.expiries.known:
        gone.set()
