"""Logbook entries of what happened at the lock, in Home Assistant's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homeassistant.components.lock import DOMAIN as LOCK
from homeassistant.components.logbook import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_ICON,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, CONF_NAME, CONF_TYPE
from homeassistant.core import HomeAssistant, callback, split_entity_id
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN, NAME
from .reporting.logbook_event import CAUSE, EVENT
from .wording.phrases import sentence

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.components.logbook.models import LazyEventPartialState


def _lock_of(hass: HomeAssistant, device_id: str) -> str | None:
    """Return the current entity id of a device's lock, None if there is none.

    The entity may have been renamed since the event.
    """
    entities = er.async_entries_for_device(er.async_get(hass), device_id)
    locks = (one.entity_id for one in entities if (one.platform, one.domain) == (DOMAIN, LOCK))
    return next(locks, None)


def _is_another(entity_id: str | None) -> bool:
    """Return whether the entity of an event is another one than the lock."""
    return entity_id is not None and split_entity_id(entity_id)[0] != LOCK


def _name(hass: HomeAssistant, device_id: str | None) -> str:
    device = dr.async_get(hass).async_get(device_id) if device_id else None
    return (device and (device.name_by_user or device.name)) or NAME


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[LazyEventPartialState], dict[str, Any]]], None
    ],
) -> None:
    """Register how our events are described in the logbook."""

    @callback
    def describe(event: LazyEventPartialState) -> dict[str, Any]:
        data = event.data
        # Other sources can fire events of this type too, with any data.
        device_id, entity_id = (
            said if isinstance(said := data.get(key), str) else None
            for key in (ATTR_DEVICE_ID, ATTR_ENTITY_ID)
        )
        if device_id and not _is_another(entity_id):
            entity_id = _lock_of(hass, device_id)
        state = hass.states.get(entity_id) if entity_id else None
        described = {
            LOGBOOK_ENTRY_NAME: (state and state.name) or _name(hass, device_id),
            LOGBOOK_ENTRY_MESSAGE: sentence(hass, data.get(CONF_TYPE, ""), data),
        }
        return described | ({LOGBOOK_ENTRY_ENTITY_ID: entity_id} if state else {})

    @callback
    def describe_cause(event: LazyEventPartialState) -> dict[str, Any]:
        return {
            LOGBOOK_ENTRY_NAME: str(event.data.get(CONF_NAME, NAME)),
            LOGBOOK_ENTRY_MESSAGE: sentence(hass, "cause", event.data),
            # A cause is also a line of its own, of no entity.
            LOGBOOK_ENTRY_ICON: "mdi:account-key",
        }

    async_describe_event(DOMAIN, EVENT, describe)
    async_describe_event(DOMAIN, CAUSE, describe_cause)
