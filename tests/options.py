"""The options flow of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.data_entry_flow import FlowResultType

from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
)

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry, ConfigFlowResult
    from homeassistant.core import HomeAssistant


async def begin(hass: HomeAssistant, entry: ConfigEntry[Any], part: str) -> ConfigFlowResult:
    """Open the options, and choose a part of them."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["type"] is FlowResultType.MENU
    linked = ["app"] if CONF_APP in entry.data else []
    assert result["menu_options"] == ["general", "unlocking", *linked]
    return await submit(hass, result, next_step_id=part)


async def submit(hass: HomeAssistant, result: ConfigFlowResult, **data: object) -> ConfigFlowResult:
    """Submit a form, and wait for its effects."""
    result = await hass.config_entries.options.async_configure(result["flow_id"], data)
    await hass.async_block_till_done()
    return result
