"""Events for the logbook on Home Assistant's event bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.components.lock import DOMAIN as LOCK_DOMAIN
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, CONF_TYPE
from homeassistant.core import Context, callback
from homeassistant.helpers import entity_registry as er

from ..const import DOMAIN
from .devices import async_device_of

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

EVENT: Final = f"{DOMAIN}_event"


@callback
def async_fire_logbook_event(
    hass: HomeAssistant,
    entry: ConfigEntry,
    did: str,
    kind: str,
    context: Context | None = None,
    **facts: str,
) -> None:
    """Fire an event that the logbook shows as an entry of a lock.

    The text is the translation ``common.logbook_KIND``, with the facts as its placeholders. A fact
    that has a translation itself, ``common.NAME_FACT``, is replaced by it. The logbook also shows
    the originator of the context.
    """
    entity_id = er.async_get(hass).async_get_entity_id(LOCK_DOMAIN, DOMAIN, f"{did}-lock")
    device = async_device_of(hass, entry, did)
    told = {
        **facts,
        ATTR_DEVICE_ID: device.id if device else None,
        ATTR_ENTITY_ID: entity_id,
        CONF_TYPE: kind,
    }
    hass.bus.async_fire(EVENT, told, context=context)
