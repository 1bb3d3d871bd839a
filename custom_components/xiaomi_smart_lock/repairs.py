"""Repair flows of the issues that can be fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_NAME
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)

from .account.entry_data import async_forget_lock, async_lock_name
from .const import CONF_CREDENTIALS, DOMAIN, SUBENTRY_PERSON
from .control.clock import async_set_clock
from .people import async_add, async_assign, people
from .reporting.issues import Issue
from .state.credential import Credential
from .wording.phrases import escaped
from .wording.reasons import error_in_words, translatable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from homeassistant.core import HomeAssistant
    from homeassistant.data_entry_flow import FlowResult

    from .runtime import LockConfigEntry


async def _set_clock(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    """Set the clock of a lock, which has to be set up and awake."""
    locks = entry.runtime_data.locks if entry.state is ConfigEntryState.LOADED else {}
    if (lock := locks.get(did)) is None:
        name = async_lock_name(hass, entry, did)
        raise translatable(HomeAssistantError, "not_loaded", lock=name)
    await async_set_clock(lock.session, lock.coordinator, lock.reporter)


async def _sign_in_again(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    """Start signing in again, which gives this Home Assistant an identity of its own."""
    entry.async_start_reauth(hass)


async def _acknowledge(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    """Do nothing: the issue only has to be read."""


type _Fix = Callable[[HomeAssistant, LockConfigEntry, str], Awaitable[None]]

FIXES: Final[dict[Issue, _Fix]] = {
    Issue.CLOCK: _set_clock,
    Issue.GONE: async_forget_lock,
    Issue.JOURNAL: _acknowledge,
    Issue.PUSH_TAKEN_OVER: _sign_in_again,
    Issue.SPECIFICATION: _acknowledge,
    Issue.STORAGE: _acknowledge,
}


_CONF_NOBODY: Final = "nobody"
_CONF_PERSON: Final = "person"


class LockRepairFlow(RepairsFlow):
    """Repair flow that explains a fix, and applies it once confirmed."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Prepare for the issue that the data describes."""
        self._data = data

    async def async_step_init(self, user_input: object = None) -> FlowResult[Any, str]:
        """Show the explanation."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: object = None) -> FlowResult[Any, str]:
        """Apply the fix; on failure, show the form again with the reason."""
        data = self._data
        texts = {name: escaped(str(value)) for name, value in data.items()}
        errors: dict[str, str] = {}
        if user_input is not None:
            entry = self.hass.config_entries.async_get_known_entry(data["entry_id"])
            try:
                await FIXES[Issue(data["issue"])](self.hass, entry, data["did"])
            except HomeAssistantError as error:
                errors["base"] = "not_fixed"
                texts["error"] = escaped(error_in_words(self.hass, error))
            else:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders=texts,
            errors=errors,
        )


class WhoWasItFlow(RepairsFlow):
    """Repair flow that asks whose a credential is that opened the door."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Prepare for the issue that the data describes."""
        self._data = data

    async def async_step_init(self, user_input: object = None) -> FlowResult[Any, str]:
        """Show the form."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> FlowResult[Any, str]:
        """Ask for a person, or the name of a new one."""
        entry: LockConfigEntry = self.hass.config_entries.async_get_known_entry(
            self._data["entry_id"]
        )
        everyone = [one for one in people(entry) if not one.is_guest]
        errors: dict[str, str] = {}
        if user_input is not None:
            name = user_input.get(CONF_NAME, "").strip()
            if user_input.get(_CONF_NOBODY):
                ir.async_ignore_issue(self.hass, DOMAIN, self.issue_id, ignore=True)
                return self.async_abort(reason="not_asked_again")
            if subentry_id := user_input.get(_CONF_PERSON):
                there = any(one.subentry.subentry_id == subentry_id for one in everyone)
                errors = self._give(entry, subentry_id) if there else {"base": "nobody_chosen"}
            elif not name:
                errors = {"base": "nobody_chosen"}
            elif any(name == one.name for one in people(entry)):
                errors = {CONF_NAME: "name_taken"}
            else:
                errors = self._give(entry, name, new=True)
            if not errors:
                return self.async_create_entry(data={})
        options = [
            SelectOptionDict(value=one.subentry.subentry_id, label=one.name) for one in everyone
        ]
        select = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))
        fields: dict[vol.Marker, Any] = {vol.Optional(_CONF_PERSON): select} if everyone else {}
        fields[vol.Optional(CONF_NAME)] = TextSelector()
        fields[vol.Optional(_CONF_NOBODY, default=False)] = BooleanSelector()
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), user_input),
            description_placeholders={
                name: escaped(str(value)) for name, value in self._data.items()
            },
            errors=errors,
        )

    def _give(self, entry: LockConfigEntry, person: str, *, new: bool = False) -> dict[str, str]:
        """Give the credential to a person, who may be new; return the errors of the form."""
        locks = entry.runtime_data.locks if entry.state is ConfigEntryState.LOADED else {}
        if (runtime := locks.get(self._data["did"])) is None:
            return {"base": "entry_not_loaded"}
        lock = runtime.coordinator
        shown = Credential(int(self._data["method"]), int(self._data["operation_id"]))
        used = [one for one in lock.data.users.uses if one.masked(lock.model) == shown]
        if not used:
            return {"base": "credential_gone"}
        if new:
            without: dict[str, Any] = {CONF_CREDENTIALS: []}
            person = async_add(self.hass, entry, SUBENTRY_PERSON, person, without)
        for credential in used:
            async_assign(lock, credential, person)
        return {}


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None
) -> RepairsFlow:
    """Return the repair flow of an issue."""
    of_issue = data or {}
    flow = WhoWasItFlow if of_issue.get("issue") == Issue.WHO_WAS_IT else LockRepairFlow
    return flow(of_issue)
