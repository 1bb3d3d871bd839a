"""The device of a lock in Home Assistant's device registry."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.util import slugify

from ..const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant


LONGEST_SLUG: Final = 128
"""Maximum number of characters of a name in an entity id, which has at most 255."""


@lru_cache(maxsize=64)
def shortened(name: str) -> str:
    """Return a lock's or a room's name, cut so that entity ids made of it are not too long.

    Ids have Latin letters, several for each Chinese character. Home Assistant cuts entity ids that
    are too long. If several are the same then, it may make invalid ids of them, and an entity with
    an invalid id is missing.
    """
    while len(slugify(name)) > LONGEST_SLUG:
        name = name[:-1].rstrip()
    return name


@callback
def async_device_of(hass: HomeAssistant, entry: ConfigEntry, did: str) -> dr.DeviceEntry | None:
    """Return a lock's device in a config entry, None if there is none.

    From 2026.8 on, several config entries may each have a device with the same identifier.
    """
    registry, identifier = dr.async_get(hass), (DOMAIN, did)
    # Older versions of Home Assistant cannot find the one of an entry.
    if find := getattr(registry, "async_get_device_by_identifier", None):
        found: dr.DeviceEntry | None = find(identifier, entry.entry_id)
        return found
    devices = dr.async_entries_for_config_entry(registry, entry.entry_id)
    return next((device for device in devices if identifier in device.identifiers), None)
