"""Repair flows of the issues that can be fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError

from .account.entry_data import async_forget_lock, async_lock_name
from .control.clock import async_set_clock
from .reporting.issues import Issue
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
    Issue.STORAGE: _acknowledge,
}


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


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None
) -> RepairsFlow:
    """Return the repair flow of an issue."""
    return LockRepairFlow(data or {})
