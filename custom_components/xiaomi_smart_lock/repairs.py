"""The ways out of what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow
from homeassistant.exceptions import HomeAssistantError

from .const import CONF_ACCEPT_BROKER_NAME, CONF_LOCKS
from .issues import Issue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from homeassistant.core import HomeAssistant
    from homeassistant.data_entry_flow import FlowResult

    from . import LockConfigEntry


async def _set_clock(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    await entry.runtime_data.coordinators[did].async_set_clock()


async def _forget_lock(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    """Take a lock out of its entry, and the entry away with its last lock."""
    if locks := [lock for lock in entry.data[CONF_LOCKS] if lock != did]:
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_LOCKS: locks})
        await hass.config_entries.async_reload(entry.entry_id)
    else:
        await hass.config_entries.async_remove(entry.entry_id)


async def _accept_broker_name(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    options = {**entry.options, CONF_ACCEPT_BROKER_NAME: True}
    hass.config_entries.async_update_entry(entry, options=options)


type _Fix = Callable[[HomeAssistant, LockConfigEntry, str], Awaitable[None]]

FIXES: Final[dict[Issue, _Fix]] = {
    Issue.CLOCK: _set_clock,
    Issue.GONE: _forget_lock,
    Issue.PUSH_NAME: _accept_broker_name,
}


class LockRepairFlow(RepairsFlow):
    """Explains what will be done, and does it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Prepare for the issue that the data is of."""
        self._data = data

    async def async_step_init(self, user_input: object = None) -> FlowResult[Any, str]:
        """Explain."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: object = None) -> FlowResult[Any, str]:
        """Do it; where it fails, say why, and let it be tried again."""
        data = self._data
        if user_input is not None:
            entry = self.hass.config_entries.async_get_known_entry(data["entry_id"])
            try:
                await FIXES[Issue(data["issue"])](self.hass, entry, data["did"])
            except HomeAssistantError as error:
                return self.async_abort(
                    reason="not_fixed", description_placeholders={"error": str(error)}
                )
            return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders={"lock": data.get("lock", "")},
        )


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None
) -> RepairsFlow:
    """Return the way out of an issue."""
    return LockRepairFlow(data or {})
