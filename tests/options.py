"""The options flow of an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.data_entry_flow import FlowResultType

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry, ConfigFlowResult
    from homeassistant.core import HomeAssistant


async def begin(
    hass: HomeAssistant, entry: ConfigEntry[Any], part: str = "", did: str | None = None
) -> ConfigFlowResult:
    """Open the options; for the part ``unlocking``, continue with that of a lock."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert result["type"] is FlowResultType.FORM
    if part != "unlocking":
        return result
    did = did or next(iter(locks(result)))
    return await submit(hass, result, **filled(result, lock=did))


def fields(result: ConfigFlowResult) -> dict[str, tuple[str, Any, Any]]:
    """Return the section, the marker and the selector of each field of the options' form."""
    schema = result["data_schema"]
    assert schema
    return {
        str(marker): (str(part), marker, selector)
        for part, inside in schema.schema.items()
        for marker, selector in inside.schema.schema.items()
    }


def values(result: ConfigFlowResult) -> dict[str, Any]:
    """Return what the fields of the options' form show, by section.

    Entries of tests have numbers that are larger than a user could enter.
    """
    shown: dict[str, Any] = {}
    for key, (part, marker, selector) in fields(result).items():
        shown.setdefault(part, {})
        if isinstance(marker, vol.Required):
            default = marker.default()
            shown[part][key] = min(default, selector.config.get("max", default))
    return shown


def chosen(result: ConfigFlowResult) -> dict[str, Any]:
    """Return what the fields of the options' form suggest beside what they show."""
    found = fields(result).items()
    descriptions = {key: marker.description or {} for key, (_, marker, _) in found}
    return {
        key: one["suggested_value"]
        for key, one in descriptions.items()
        if one.get("suggested_value") is not None
    }


def filled(result: ConfigFlowResult, **changes: object) -> dict[str, Any]:
    """Return what is submitted by who changes some fields of the options' form."""
    shown, found = values(result), fields(result)
    for key, value in changes.items():
        part, _, _ = found[key]
        shown[part][key] = value
    return shown


def locks(result: ConfigFlowResult) -> dict[str, str]:
    """Return the names of the locks to choose from, by did."""
    _, _, selector = fields(result)["lock"]
    return {option["value"]: option["label"] for option in selector.config["options"]}


async def submit(hass: HomeAssistant, result: ConfigFlowResult, **data: object) -> ConfigFlowResult:
    """Submit a form, and wait for its effects."""
    result = await hass.config_entries.options.async_configure(result["flow_id"], data)
    await hass.async_block_till_done()
    return result
