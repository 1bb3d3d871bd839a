"""What the lock measures and reports, its last operation and its versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import MAX_LENGTH_STATE_STATE, PERCENTAGE, EntityCategory
from homeassistant.util import dt as dt_util

from .entity import LockEntity, LockEntityDescription, add_entities
from .miot.spec import SPEC
from .miot.values import text
from .model.s1 import EXCEPTION, HISTORY_EVENT, LOCK_EVENT, SECRET
from .people import person_of
from .state.lock_state import Topic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
    from homeassistant.helpers.typing import StateType

    from .coordinator import LockCoordinator
    from .runtime import LockConfigEntry, LockRuntime
    from .state.lock_state import LockData

PARALLEL_UPDATES: Final = 0


@dataclass(frozen=True, kw_only=True)
class LockSensorDescription(LockEntityDescription, SensorEntityDescription):
    """A sensor; where the property has a value list, its states are the keys of that."""

    attributes: Callable[[LockData], dict[str, Any]] | None = None


def _changes(data: LockData) -> dict[str, Any]:
    """List the settings that wait, by their names in the specification."""
    return {
        "changes": {
            SPEC.properties[address].description: wanted.value
            for address, wanted in data.pending.items()
            if address not in SECRET
        }
    }


def _operated_at(lock: LockCoordinator) -> float | None:
    """Return when it was by our clock: the lock's own may be off."""
    last = lock.data.events.get(LOCK_EVENT)
    return last.when if last else None


def _last_person(lock: LockCoordinator) -> str | None:
    """Return who used a credential last, whatever moved without one since."""
    if (last := lock.data.users.last_use) is None:
        return None
    credential, use = last
    person = person_of(lock, credential, use.when)
    return person.name if person else None


SENSORS: Final = (
    LockSensorDescription(
        key="last_contact",
        sources=(Topic.CONTACT,),
        read=lambda lock: lock.data.last_contact,
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockSensorDescription(
        key="pending_changes",
        sources=(Topic.CHANGES,),
        read=lambda lock: len(lock.data.pending),
        attributes=_changes,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockSensorDescription(key="door_state", address=(3, 1021)),
    LockSensorDescription(key="last_action", address=(2, 3), event=LOCK_EVENT),
    LockSensorDescription(key="last_position", address=(2, 1), event=LOCK_EVENT),
    LockSensorDescription(key="last_method", address=(2, 2), event=LOCK_EVENT),
    LockSensorDescription(key="last_operation_id", address=(2, 5), event=LOCK_EVENT),
    LockSensorDescription(
        key="last_operation_time",
        address=(2, 6),
        event=LOCK_EVENT,
        read=_operated_at,
        device_class=SensorDeviceClass.TIMESTAMP,
    ),
    LockSensorDescription(
        key="last_person", event=LOCK_EVENT, sources=(Topic.PEOPLE,), read=_last_person
    ),
    LockSensorDescription(key="last_exception", address=(2, 4), event=EXCEPTION),
    LockSensorDescription(
        key="lithium_battery",
        address=(13, 1),
        device_class=SensorDeviceClass.BATTERY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockSensorDescription(
        key="dry_cells",
        address=(6, 1003),
        device_class=SensorDeviceClass.BATTERY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockSensorDescription(
        key="charging_state",
        address=(13, 2),
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockSensorDescription(
        key="wifi_status",
        address=(18, 12),
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockSensorDescription(
        key="history_reported",
        address=(5, 6),
        event=HISTORY_EVENT,
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockSensorDescription(
        key="lithium_battery_time",
        address=(13, 4),
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="button_function",
        address=(2, 9),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="face_unlock_sensitivity",
        address=(2, 13),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="face_unlock_sleep_time",
        address=(2, 14),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="triggering_method",
        address=(2, 19),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="front_panel_version",
        address=(11, 1),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="rear_panel_version",
        address=(11, 2),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="fingerprint_board_version",
        address=(11, 3),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="hardware_version",
        address=(11, 4),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="voice_version",
        address=(11, 5),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="wifi_version",
        address=(11, 6),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="camera_version",
        address=(11, 7),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="face_palm_vein_version",
        address=(11, 8),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="unlock_methods",
        address=(22, 12),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockSensorDescription(
        key="sync_version",
        address=(22, 13),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
)


class LockSensor(LockEntity, SensorEntity):
    """A value of the lock that nobody can set."""

    entity_description: LockSensorDescription

    def __init__(self, runtime: LockRuntime, description: LockSensorDescription) -> None:
        """Make an enumeration of a property with a value list."""
        super().__init__(runtime, description)
        if keys := description.keys:
            self._attr_device_class = SensorDeviceClass.ENUM
            self._attr_options = keys

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the value as Home Assistant shows it."""
        value = self.known
        if value is None:
            return None
        if self.entity_description.keys:
            return self.entity_description.prop.key_of(value)
        if self.device_class is SensorDeviceClass.TIMESTAMP:
            return dt_util.utc_from_timestamp(int(value))
        return text(value, MAX_LENGTH_STATE_STATE) if isinstance(value, str) else value

    @override
    def _state_key(self) -> object:
        return self.known, self.extra_state_attributes

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return what else there is to say, where the description has something."""
        attributes = self.entity_description.attributes
        return attributes(self.coordinator.data) if attributes else None


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of each lock."""
    add_entities(entry, async_add_entities, LockSensor, SENSORS)
