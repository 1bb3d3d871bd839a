"""What happened at the lock, in Home Assistant's logbook and its language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.logbook import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_ENTITY_ID, CONF_TYPE
from homeassistant.core import HomeAssistant, callback

from .bus import EVENT
from .const import DOMAIN
from .words import sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.components.logbook.models import LazyEventPartialState


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[LazyEventPartialState], dict[str, Any]]], None
    ],
) -> None:
    """Say how our events read."""

    @callback
    def describe(event: LazyEventPartialState) -> dict[str, Any]:
        data = event.data
        entity_id = data.get(ATTR_ENTITY_ID)
        state = hass.states.get(entity_id) if entity_id else None
        return {
            LOGBOOK_ENTRY_NAME: state.name if state else DOMAIN,
            LOGBOOK_ENTRY_MESSAGE: sentence(hass, data[CONF_TYPE], data),
            LOGBOOK_ENTRY_ENTITY_ID: entity_id,
        }

    async_describe_event(DOMAIN, EVENT, describe)
