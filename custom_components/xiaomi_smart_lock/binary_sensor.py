"""What is or is not so at the lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory

from .entity import LockEntity, LockEntityDescription, add_entities
from .miot.spec import SPEC
from .model.s1 import CHARGING_STATE, DOOR_STATE, DRY_CELLS_INSTALLED, LITHIUM_BATTERY_INSTALLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import LockCoordinator
    from .miot.spec import Address
    from .runtime import LockConfigEntry

PARALLEL_UPDATES: Final = 0


@dataclass(frozen=True, kw_only=True)
class LockBinarySensorDescription(LockEntityDescription, BinarySensorEntityDescription):
    """A binary sensor."""


def _door_is_open(lock: LockCoordinator) -> bool | None:
    """An ajar door is an open one: it is not closed."""
    state = lock.data.values.get(DOOR_STATE)
    return (
        None
        if state is None
        else SPEC.properties[DOOR_STATE].key_of(state) in ("not_closed", "ajar")
    )


def _is_key(address: Address, key: str) -> Callable[[LockCoordinator], bool | None]:
    """Say whether an enumeration has the value of a key."""
    wanted = SPEC.properties[address].value_of(key)

    def is_on(lock: LockCoordinator) -> bool | None:
        value = lock.data.values.get(address)
        return None if value is None else value == wanted

    return is_on


BINARY_SENSORS: Final = (
    LockBinarySensorDescription(
        key="door",
        sources=(DOOR_STATE,),
        device_class=BinarySensorDeviceClass.DOOR,
        read=_door_is_open,
    ),
    LockBinarySensorDescription(key="deadbolt", address=(2, 7)),
    LockBinarySensorDescription(key="child_lock", address=(2, 8)),
    LockBinarySensorDescription(
        key="charging",
        sources=(CHARGING_STATE,),
        device_class=BinarySensorDeviceClass.BATTERY_CHARGING,
        entity_category=EntityCategory.DIAGNOSTIC,
        read=_is_key(CHARGING_STATE, "charging"),
    ),
    LockBinarySensorDescription(
        key="lithium_battery_installed",
        address=(13, 3),
        entity_category=EntityCategory.DIAGNOSTIC,
        read=_is_key(LITHIUM_BATTERY_INSTALLED, "installed"),
    ),
    LockBinarySensorDescription(
        key="dry_cells_installed",
        address=(6, 1004),
        entity_category=EntityCategory.DIAGNOSTIC,
        read=_is_key(DRY_CELLS_INSTALLED, "installed"),
    ),
    LockBinarySensorDescription(
        key="awake",
        entity_category=EntityCategory.DIAGNOSTIC,
        read=lambda lock: lock.data.awake,
    ),
    LockBinarySensorDescription(key="do_not_disturb_active", address=(20, 3)),
    LockBinarySensorDescription(
        key="local_settings_switch",
        address=(2, 12),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockBinarySensorDescription(
        key="administrator_deadbolt",
        address=(2, 15),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockBinarySensorDescription(
        key="verified_reset",
        address=(2, 16),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockBinarySensorDescription(
        key="face_unlock",
        address=(2, 17),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockBinarySensorDescription(
        key="palm_vein_unlock",
        address=(2, 18),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
)


class LockBinarySensor(LockEntity, BinarySensorEntity):
    """Something that is or is not so."""

    entity_description: LockBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it is so, None where that is not known."""
        return None if self.known is None else bool(self.known)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the binary sensors of each lock."""
    add_entities(entry, async_add_entities, LockBinarySensor, BINARY_SENSORS)
