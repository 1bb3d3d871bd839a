"""The device of a lock in Home Assistant's registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr

from ..const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant


@callback
def async_device_of(hass: HomeAssistant, entry: ConfigEntry, did: str) -> dr.DeviceEntry | None:
    """Return a lock's device of a config entry, None where there is none.

    Several entries may have a device of the same identifier each, from 2026.8 on.
    """
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return next((device for device in devices if (DOMAIN, did) in device.identifiers), None)
