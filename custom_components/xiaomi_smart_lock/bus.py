"""What is worth a line in the logbook, on Home Assistant's bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.components.lock import DOMAIN as LOCK_DOMAIN
from homeassistant.const import ATTR_DEVICE_ID, ATTR_ENTITY_ID, CONF_TYPE
from homeassistant.core import Context, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN

if TYPE_CHECKING:
    from .coordinator import LockCoordinator

EVENT: Final = f"{DOMAIN}_event"


@callback
def async_log(
    lock: LockCoordinator, kind: str, context: Context | None = None, **facts: str
) -> None:
    """Have the logbook say what happened at a lock.

    It is said by the translation ``common.logbook_KIND``, whose placeholders are the facts; who
    is behind the context is shown beside it.
    """
    did = lock.device.did
    device = dr.async_get(lock.hass).async_get_device({(DOMAIN, did)})
    entity_id = er.async_get(lock.hass).async_get_entity_id(LOCK_DOMAIN, DOMAIN, f"{did}-lock")
    told = {
        **facts,
        ATTR_DEVICE_ID: device.id if device else None,
        ATTR_ENTITY_ID: entity_id,
        CONF_TYPE: kind,
    }
    lock.hass.bus.async_fire(EVENT, told, context=context)
