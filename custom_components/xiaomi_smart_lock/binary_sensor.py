"""Binary sensors of the lock."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory, Platform

from .entity import LockEntity, LockEntityDescription, add_entities, described_as
from .model.roles import Role
from .model.tables import Ability

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import LockCoordinator
    from .runtime import LockConfigEntry

PARALLEL_UPDATES: Final = 0


@dataclass(frozen=True, kw_only=True)
class LockBinarySensorDescription(LockEntityDescription, BinarySensorEntityDescription):
    """Description of a binary sensor."""


# What few people need; a class would take about 25 KiB
detail: Final = partial(LockBinarySensorDescription, entity_category=EntityCategory.DIAGNOSTIC)


def _is_key(role: Role, key: str) -> Callable[[LockCoordinator], bool | None]:
    """Return a function that tells whether an enumeration has the value of a key."""

    def is_on(lock: LockCoordinator) -> bool | None:
        word = lock.data.word(role)
        return None if word is None else word == key

    return is_on


BINARY_SENSORS: Final = (
    LockBinarySensorDescription(
        key="door",
        fact="open",
        device_class=BinarySensorDeviceClass.DOOR,
        read=lambda lock: lock.data.door.open,
        entity_registry_enabled_default=True,
    ),
    LockBinarySensorDescription(
        key="deadbolt",
        item=Role.DEADBOLT,
        entity_registry_enabled_default=True,
    ),
    LockBinarySensorDescription(
        key="deadbolt",
        fact="deadbolt",
        instead_of=Role.DEADBOLT,
        read=lambda lock: lock.data.door.deadbolt,
        entity_registry_enabled_default=True,
    ),
    LockBinarySensorDescription(key="child_lock", item=Role.CHILD_LOCK),
    LockBinarySensorDescription(
        key="child_lock",
        fact="child_lock",
        instead_of=Role.CHILD_LOCK,
        read=lambda lock: lock.data.door.child_lock,
    ),
    detail(
        key="charging",
        sources=(Role.CHARGING_STATE,),
        device_class=BinarySensorDeviceClass.BATTERY_CHARGING,
        read=_is_key(Role.CHARGING_STATE, "charging"),
    ),
    detail(
        key="lithium_battery_installed",
        item=Role.LITHIUM_BATTERY_STATUS,
        read=_is_key(Role.LITHIUM_BATTERY_STATUS, "installed"),
    ),
    detail(
        key="dry_cells_installed",
        item=Role.DRY_CELLS_STATUS,
        read=_is_key(Role.DRY_CELLS_STATUS, "installed"),
    ),
    LockBinarySensorDescription(
        key="awake",
        ability=Ability.SLEEP,
        device_class=BinarySensorDeviceClass.RUNNING,
        read=lambda lock: lock.data.awake,
        entity_registry_enabled_default=True,
    ),
    LockBinarySensorDescription(key="do_not_disturb_active", item="no-disturb:current-no-disturb"),
    detail(key="local_settings_switch", item="lock:door-lock-local-settings"),
    detail(key="administrator_deadbolt", item="lock:turn-on-the-anti-lock-setting"),
    detail(key="verified_reset", item="lock:reset-with-verification-required-setting"),
    detail(key="face_unlock", item="lock:face-recognition-unlocking-switch"),
    detail(key="palm_vein_unlock", item="lock:palm-vein-recognition-unlocking-switch"),
)


class LockBinarySensor(LockEntity, BinarySensorEntity):
    """A binary sensor of the lock."""

    entity_description: LockBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether the sensor is on, None if unknown."""
        return None if self.known is None else bool(self.known)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of each lock."""
    undescribed = Platform.BINARY_SENSOR, described_as(detail)
    await add_entities(entry, async_add_entities, LockBinarySensor, BINARY_SENSORS, undescribed)
