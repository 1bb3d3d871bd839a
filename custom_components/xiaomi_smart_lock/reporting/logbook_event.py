"""Events for the logbook on Home Assistant's event bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.components.lock import DOMAIN as LOCK_DOMAIN
from homeassistant.const import (
    ATTR_DEVICE_ID,
    ATTR_ENTITY_ID,
    CONF_NAME,
    CONF_TYPE,
)
from homeassistant.core import Context, callback
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN
from .devices import async_device_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

EVENT: Final = f"{DOMAIN}_event"
CAUSE: Final = f"{DOMAIN}_cause"


@callback
def async_fire_logbook_event(
    hass: HomeAssistant,
    entry: ConfigEntry,
    did: str,
    kind: str,
    context: Context | None = None,
    entity_id: str | None = None,
    **facts: str,
) -> None:
    """Fire an event that the logbook shows as an entry of a lock, or of another of its entities.

    The text is the translation ``common.logbook_KIND``, with the facts as its placeholders. A fact
    that has a translation itself, ``common.NAME_FACT``, is replaced by it. The logbook also shows
    the originator of the context.
    """
    lock_id = er.async_get(hass).async_get_entity_id(LOCK_DOMAIN, DOMAIN, f"{did}-lock")
    device = async_device_of(hass, entry, did)
    told = {
        **facts,
        ATTR_DEVICE_ID: device.id if device else None,
        ATTR_ENTITY_ID: entity_id or lock_id,
        CONF_TYPE: kind,
    }
    hass.bus.async_fire(EVENT, told, context=context)


@callback
def async_fire_cause(
    hass: HomeAssistant, entry: ConfigEntry, did: str, context: Context, who: str, **facts: str
) -> None:
    """Fire an event that the logbook shows as the cause of changes with the same context.

    It has to be fired before they are made. Newer versions of Home Assistant show of a cause only
    an icon on the page of a device. That is why it names the device, and is a line there by itself.
    The text is ``common.logbook_cause``, after who or what it was.
    """
    device = async_device_of(hass, entry, did)
    told = {**facts, ATTR_DEVICE_ID: device.id if device else None, CONF_NAME: who}
    hass.bus.async_fire(CAUSE, told, context=context)
