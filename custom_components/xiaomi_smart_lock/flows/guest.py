"""Subentry flow for a guest: a password that ends."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_NAME
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.selector import (
    DateTimeSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
)
from homeassistant.util import dt as dt_util

from ..const import CONF_CREDENTIALS, SUBENTRY_GUEST
from ..credentials.enrolment import PASSWORD, Wanted
from ..credentials.guests import USES, expiries_of, guest_title, left_in_words, seconds_of
from ..miot.values import text
from ..people import ENDED, VALID_UNTIL, Held, Person, as_stored, async_add
from ..wording.phrases import common_text, escaped, together
from ..wording.reasons import error_in_words
from .choices import Choice, free_name, names_taken
from .enrolment import CONF_PASSWORD
from .management import ManagementFlow

if TYPE_CHECKING:
    from homeassistant.config_entries import SubentryFlowResult

    from ..runtime import LockRuntime
    from ..state.credential import Credential
    from ..state.expiry import Expiry

CONF_USER: Final = "user_id"
MOST_USES: Final = 1000


class GuestFlow(ManagementFlow):
    """Subentry flow that adds a guest, and changes or ends what they may."""

    _gone = "guest_ended"
    _entered: dict[str, Any] | None = None
    """What was entered for a guest whose password the lock did not take."""
    _filled_in: dict[str, Any]
    """What the form that changes a guest was filled in with when it was shown first."""

    @property
    def _guest(self) -> Person:
        return Person(self._subentry(self._reconfigure_subentry_id))

    @property
    @override
    def _about(self) -> dict[str, str]:
        whose = together(common_text(self.hass, "guest_password").format(name=self._guest.name))
        return super()._about | {"credential": escaped(whose)}

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for name, password and end, and have the lock take the password."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        errors = {}
        if user_input is not None:
            errors = self._errors(user_input)
            if error := self._password_error(user_input[CONF_PASSWORD]):
                errors[CONF_PASSWORD] = error
            if not errors:
                return await self._async_begin(user_input)
        schema = vol.Schema(
            {
                vol.Required(CONF_NAME): TextSelector(),
                **self._password_field(),
                **_end_fields(),
                **self._lock_field(),
            }
        )
        return self.async_show_form(
            step_id="user",
            data_schema=self.add_suggested_values_to_schema(schema, user_input or self._entered),
            description_placeholders=self._rules,
            errors=errors,
        )

    @override
    async def async_step_enter_again(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show what was entered once more."""
        return await self.async_step_user()

    def _errors(self, user_input: dict[str, Any], guest: Person | None = None) -> dict[str, str]:
        """Return what is wrong with name and end."""
        errors: dict[str, str] = {}
        name, valid_until = text(user_input[CONF_NAME]), _valid_until(user_input)
        if not name:
            errors[CONF_NAME] = "no_name"
        elif name in names_taken(self._entry, but=guest):
            errors[CONF_NAME] = "name_taken"
        uses = user_input.get(USES)
        if valid_until is None and uses is None:
            errors["base"] = "no_end"
        elif valid_until is not None and valid_until <= time.time():
            errors[VALID_UNTIL] = "valid_until_past"
        if uses is not None and uses not in range(1, MOST_USES + 1):
            errors[USES] = "uses_range"
        return errors

    async def _async_begin(self, user_input: dict[str, Any]) -> SubentryFlowResult:
        self._entered = user_input
        lock, name = self._chosen_lock(user_input), text(user_input[CONF_NAME])
        valid_until, uses = _valid_until(user_input), _uses(user_input)

        def keep(credential: Credential) -> None:
            self._add(lock, name, credential, valid_until, uses)

        wanted = Wanted(
            method=PASSWORD,
            content=user_input[CONF_PASSWORD],
            valid_until=valid_until,
            uses=uses,
            keep=keep,
        )
        return await self._async_enrol(lock, wanted)

    def _add(
        self,
        lock: LockRuntime,
        name: str,
        credential: Credential,
        valid_until: float | None,
        uses: int | None,
    ) -> None:
        """Add the guest's subentry; how long it lasts is kept with the lock already."""
        did, expiry = lock.session.did, lock.coordinator.data.expiries.known[credential]
        name = free_name(self._entry, name)
        data = {
            CONF_NAME: name,
            CONF_CREDENTIALS: as_stored({(did, credential): Held(time.time())}),
            CONF_USER: expiry.user_id,
            VALID_UNTIL: valid_until,
            USES: uses,
        }
        async_add(self.hass, self._entry, SUBENTRY_GUEST, guest_title(self.hass, data), data)

    # A guest who is there

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Say what is left, and ask what to do."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        data = self._guest.subentry.data
        name = self._guest.name
        left = left_in_words(self.hass, data)
        about = {"title": name, "name": escaped(name), "left": left}
        choice = self._choice()
        if choice is None or ENDED in data:
            return self.async_abort(reason="guest_ended", description_placeholders=about)
        self._chosen = choice
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=["change", "delete"],
            description_placeholders=about,
        )

    def _choice(self) -> Choice | None:
        """Return the guest's credential that ends as it is shown, None if there is none."""
        guest, locks = self._guest, self._entry.runtime_data.connection.coordinators
        for did, credential in (*expiries_of(guest, locks), *guest.holds):
            return Choice(self._lock_of(did).coordinator, credential)
        return None

    async def async_step_change(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for another name or end."""
        lock, credential = self._chosen
        expiry = lock.data.expiries.known.get(credential)
        if expiry is None:
            return self.async_abort(reason="guest_ended", description_placeholders={})
        errors: dict[str, str] = {}
        placeholders = {"error": ""}
        if user_input is not None and not (errors := self._errors(user_input, self._guest)):
            name = text(user_input[CONF_NAME])
            change = partial(self._changed, user_input)
            try:
                await self._lock_of(lock.device.did).expiry.async_change(credential, change)
            except HomeAssistantError as error:
                errors = {"base": "not_changed"}
                placeholders = {"error": escaped(error_in_words(self.hass, error))}
            else:
                changed = lock.data.expiries.known.get(credential)
                if changed is None or changed.since != expiry.since:
                    return self.async_abort(reason="guest_ended")
                left = {VALID_UNTIL: changed.due, USES: changed.uses}
                data = {**self._guest.subentry.data, CONF_NAME: name, **left}
                return self.async_update_and_abort(
                    self._entry,
                    self._guest.subentry,
                    title=guest_title(self.hass, data),
                    data=data,
                )
        if user_input is None:
            self._filled_in = {
                CONF_NAME: self._guest.name,
                VALID_UNTIL: expiry.due and f"{_local(expiry.due):%Y-%m-%d %H:%M:%S}",
                USES: expiry.uses,
            }
        shown = user_input or self._filled_in
        schema = vol.Schema({vol.Required(CONF_NAME): TextSelector(), **_end_fields()})
        return self.async_show_form(
            step_id="change",
            data_schema=self.add_suggested_values_to_schema(
                schema, {key: value for key, value in shown.items() if value is not None}
            ),
            description_placeholders=placeholders,
            errors=errors,
        )

    def _changed(self, user_input: dict[str, Any], expiry: Expiry) -> Expiry:
        """Return an expiry with what was changed in the form.

        What was not stays as it is by now: the password may have been used or ended meanwhile.
        """
        changed = {
            key for key in (VALID_UNTIL, USES) if user_input.get(key) != self._filled_in[key]
        }
        if VALID_UNTIL in changed:
            expiry = expiry.until(_valid_until(user_input))
        uses = _uses(user_input) if USES in changed else expiry.uses
        return replace(expiry, name=text(user_input[CONF_NAME]), uses=uses)


def _end_fields() -> dict[vol.Marker, Any]:
    """Return the fields for when a guest's password ends."""
    # Without limits, which would be refused in English words of Home Assistant's own.
    uses = NumberSelectorConfig(step=1, mode=NumberSelectorMode.BOX)
    return {vol.Optional(VALID_UNTIL): DateTimeSelector(), vol.Optional(USES): NumberSelector(uses)}


def _valid_until(user_input: dict[str, Any]) -> float | None:
    """Return a time that was entered, in Unix seconds; None if none was."""
    if not (entered := user_input.get(VALID_UNTIL)):
        return None
    moment = dt_util.parse_datetime(entered, raise_on_error=True)
    return seconds_of(moment)


def _uses(user_input: dict[str, Any]) -> int | None:
    uses = user_input.get(USES)
    return None if uses is None else int(uses)


def _local(when: float) -> Any:
    return dt_util.as_local(dt_util.utc_from_timestamp(when))
