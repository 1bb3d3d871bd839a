"""What entities show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.lock_driver import LockDriver


def shown(hass: HomeAssistant, driver: LockDriver, key: str) -> dict[str, Any]:
    """Return type and attributes of the last event, except those of Home Assistant."""
    attributes = driver.state(hass, "event", key).attributes
    not_ours = ("event_types", "friendly_name", "device_class")
    return {name: value for name, value in attributes.items() if name not in not_ours}
