"""The device of a lock in Home Assistant's registry."""

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
"""How many characters a name may take of an entity's id, which has 255 at most."""


@lru_cache(maxsize=64)
def shortened(name: str) -> str:
    """Return as much of a lock's or a room's name as leaves room in ids that are made of it.

    They have Latin letters, of which a Chinese character is several. Home Assistant cuts ids of
    entities that are too long, and what it makes of those that are the same then may be none: such
    an entity is not there at all.
    """
    while len(slugify(name)) > LONGEST_SLUG:
        name = name[:-1].rstrip()
    return name


@callback
def async_device_of(hass: HomeAssistant, entry: ConfigEntry, did: str) -> dr.DeviceEntry | None:
    """Return a lock's device of a config entry, None where there is none.

    Several entries may have a device of the same identifier each, from 2026.8 on.
    """
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return next((device for device in devices if (DOMAIN, did) in device.identifiers), None)
