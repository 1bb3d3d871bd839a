"""Sensors of the lock: measurements, reports, last operation and versions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.sensor import (
    ATTR_STATE_CLASS,
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import (
    MAX_LENGTH_STATE_STATE,
    PERCENTAGE,
    EntityCategory,
    Platform,
    UnitOfTemperature,
)
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .entity import LockEntity, LockEntityDescription, add_entities, described_as
from .events.operation import closed_by_itself, in_a_sentence_of
from .miot.spec import Property
from .miot.values import text
from .model.roles import Role
from .model.tables import Ability
from .people import number_at, person_of
from .state.lock_state import Topic
from .undescribed import UNITS, UndescribedItem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
    from homeassistant.helpers.typing import StateType

    from .coordinator import LockCoordinator
    from .miot.spec import Event, Value
    from .model.lock_model import LockModel
    from .runtime import LockConfigEntry, LockRuntime
    from .state.lock_state import Source

PARALLEL_UPDATES: Final = 0

MINUTE: Final = 60  # seconds
DAY: Final = 24 * 60 * MINUTE
LATER: Final = 0.5  # seconds
MOST_LATELY: Final = 20
"""How much of what happened lately is an attribute."""


@dataclass(frozen=True, kw_only=True)
class LockSensorDescription(LockEntityDescription, SensorEntityDescription):
    """Description of a sensor; if its property has a value list, the states are its keys."""

    attributes: Callable[[LockRuntime, str], dict[str, Any]] | None = None
    """Returns the attributes for a lock and its name."""
    attributes_of: Topic | None = None
    """What else the attributes tell of: they are found out and shown LATER, once for a burst."""
    is_line: bool = True
    """Whether the activity has a line of each change."""


@dataclass(frozen=True, kw_only=True)
class LockLowestBatteryDescription(LockSensorDescription):
    """Description of the level of whichever battery is lower; a lock may have only one."""

    @override
    def supported(self, lock: LockCoordinator) -> bool:
        return bool(lock.model.batteries)

    @override
    def depends_on(self, model: LockModel) -> frozenset[Source]:
        parts = (prop for battery in model.batteries for prop in battery if prop)
        return frozenset(prop.address for prop in parts)

    @override
    def shows(self, model: LockModel) -> tuple[Property | Event, ...]:
        # The lowest of several tells nothing of each.
        one = model.batteries if len(model.batteries) == 1 else ()
        return tuple(battery.level for battery in one)


# Each class of descriptions takes about 25 KiB, so these, which have only other values, are none.
# A detail is what few people need.
detail: Final = partial(LockSensorDescription, entity_category=EntityCategory.DIAGNOSTIC)
battery: Final = partial(
    detail,
    device_class=SensorDeviceClass.BATTERY,
    state_class=SensorStateClass.MEASUREMENT,
    native_unit_of_measurement=PERCENTAGE,
)


# Home Assistant's activity leaves out the sensors that have this attribute, whatever its value.
UNLOGGED: Final[dict[str, Any]] = {ATTR_STATE_CLASS: None}


def _lowest_battery(lock: LockCoordinator) -> Value | None:
    """Return the lowest level of the batteries that are not removed, None if none is known."""
    levels = (lock.data.values.get(level.address) for level in lock.data.batteries)
    return min((level for level in levels if level is not None), default=None)


def _changes(runtime: LockRuntime, _name: str) -> dict[str, Any]:
    """Return the pending settings by their names in the specification, without secrets."""
    data = runtime.coordinator.data
    return {
        "changes": {
            data.model.spec.properties[address].description: wanted.value
            for address, wanted in data.pending.items()
            if address not in data.model.secret
        }
    }


def _lately(runtime: LockRuntime, name: str) -> dict[str, Any]:
    """Return what happened at the door within a day, in sentences, and when people came last.

    The latest is the first.
    """
    now, lock = time.time(), runtime.coordinator
    happened = (
        one
        for one in runtime.journal.newest_first(now - DAY, now + MINUTE)
        if one.kind in lock.model.remembered and not closed_by_itself(one)
    )
    return {
        "lately": [
            {
                "when": dt_util.utc_from_timestamp(one.when).isoformat(),
                "what": in_a_sentence_of(lock, name, one),
            }
            for one in islice(happened, MOST_LATELY)
        ],
        "people": _came(lock),
    }


def _came(lock: LockCoordinator) -> list[dict[str, str]]:
    """Return when each person used a credential last, the latest first.

    A guest whose credential was deleted is left out.
    """
    came: dict[str, dict[str, str]] = {}
    everybody = number_at(lock)
    for credential, use in reversed(lock.data.users.uses.items()):
        if len(came) == everybody:
            break
        one = person_of(lock, credential, use.when)
        if one and (not one.is_guest or one.has(lock, credential)):
            when = dt_util.utc_from_timestamp(use.when).isoformat()
            came.setdefault(one.subentry.subentry_id, {"name": one.name, "when": when})
    return list(came.values())


def _operated_at(lock: LockCoordinator) -> float | None:
    """Return the time of the last operation by our clock, as the lock's may be off."""
    last = lock.data.last(Role.LOCK_EVENT)
    return last.when if last else None


def _last_person(lock: LockCoordinator) -> str | None:
    """Return who used a credential last, even if later operations were without one."""
    if (last := lock.data.users.last_use) is None:
        return None
    credential, use = last
    person = person_of(lock, credential, use.when)
    return person.name if person else None


SENSORS: Final = (
    detail(
        key="last_contact",
        is_line=False,
        sources=(Topic.CONTACT,),
        read=lambda lock: lock.data.last_contact,
        device_class=SensorDeviceClass.TIMESTAMP,
    ),
    LockSensorDescription(
        key="pending_changes",
        ability=Ability.SLEEP,
        of_settings=True,
        is_line=False,
        sources=(Topic.CHANGES,),
        read=lambda lock: len(lock.data.pending),
        attributes=_changes,
        entity_registry_enabled_default=True,
    ),
    LockSensorDescription(key="door_state", item=Role.DOOR_STATE),
    LockSensorDescription(
        key="last_action", is_line=False, item=Role.LOCK_ACTION, event=Role.LOCK_EVENT
    ),
    LockSensorDescription(
        key="last_position", is_line=False, item=Role.OPERATION_POSITION, event=Role.LOCK_EVENT
    ),
    LockSensorDescription(
        key="last_method", is_line=False, item=Role.OPERATION_METHOD, event=Role.LOCK_EVENT
    ),
    LockSensorDescription(
        key="last_operation_id", is_line=False, item="lock:operation-id", event=Role.LOCK_EVENT
    ),
    LockSensorDescription(
        key="last_operation_time",
        is_line=False,
        item="lock:current-time",
        event=Role.LOCK_EVENT,
        read=_operated_at,
        device_class=SensorDeviceClass.TIMESTAMP,
    ),
    LockSensorDescription(
        key="last_person",
        is_line=False,
        event=Role.LOCK_EVENT,
        ability=Ability.PEOPLE,
        sources=(Topic.PEOPLE,),
        read=_last_person,
        attributes=_lately,
        attributes_of=Topic.JOURNAL,
        entity_registry_enabled_default=True,
    ),
    LockSensorDescription(key="last_exception", item=Role.ABNORMAL_CONDITION, event=Role.EXCEPTION),
    LockLowestBatteryDescription(
        key="battery",
        device_class=SensorDeviceClass.BATTERY,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=PERCENTAGE,
        read=_lowest_battery,
        entity_registry_enabled_default=True,
    ),
    battery(key="lithium_battery", item=Role.LITHIUM_BATTERY_LEVEL),
    battery(key="dry_cells", item=Role.DRY_CELLS_LEVEL),
    detail(
        key="charging_state",
        item=Role.CHARGING_STATE,
    ),
    detail(
        key="wifi_status",
        item="lock:low-power-device-wifi-status",
    ),
    detail(
        key="history_reported",
        is_line=False,
        item="lock-history:last-history-time",
        event=Role.HISTORY_REPORTED,
        device_class=SensorDeviceClass.TIMESTAMP,
    ),
    detail(
        key="lithium_battery_time",
        item="battery:current-time",
        device_class=SensorDeviceClass.TIMESTAMP,
    ),
    detail(key="button_function", item="lock:button-function"),
    detail(key="face_unlock_sensitivity", item="lock:face-unlock-sensitivity"),
    detail(key="face_unlock_sleep_time", item="lock:face-unlock-sleep-time"),
    detail(key="triggering_method", item="lock:triggering-method"),
    detail(key="front_panel_version", item="lock-version:front-panel-version"),
    detail(key="rear_panel_version", item="lock-version:rear-panel-version"),
    detail(key="fingerprint_board_version", item="lock-version:fingerprint-board-version"),
    detail(key="hardware_version", item=Role.HARDWARE_VERSION),
    detail(key="voice_version", item="lock-version:voice-version"),
    detail(key="wifi_version", item="lock-version:wifi-version"),
    detail(key="camera_version", item="lock-version:camera-version"),
    detail(key="face_palm_vein_version", item="lock-version:face-palm-vein-version"),
    detail(key="unlock_methods", item="lock-manage:unlock-method-info-string"),
    detail(key="sync_version", item="lock-manage:sync-version"),
)


def _device_class(name: str, unit: str | None) -> SensorDeviceClass | None:
    """Return the device class of a property that has no description, None if none is certain."""
    if unit == UnitOfTemperature.CELSIUS:
        return SensorDeviceClass.TEMPERATURE
    if unit == PERCENTAGE and "battery" in name:
        return SensorDeviceClass.BATTERY
    return None


def _undescribed(found: UndescribedItem) -> LockSensorDescription:
    """Return the description of a sensor for a property that has none."""
    prop = found.item
    # A text or a word has no unit.
    of_number = prop.unit if isinstance(prop, Property) and prop.is_number else None
    unit = UNITS.get(of_number or "")
    describe = described_as(
        detail,
        native_unit_of_measurement=unit,
        device_class=_device_class(found.item.name, unit),
        state_class=SensorStateClass.MEASUREMENT if unit else None,
    )
    return describe(found)


class LockSensor(LockEntity, SensorEntity):
    """A read-only value of the lock."""

    entity_description: LockSensorDescription
    # The journal has it already.
    _unrecorded_attributes = frozenset({"lately", "people"})
    _cancel_look: CALLBACK_TYPE | None = None
    """Cancels the next look at attributes that are shown later, None if there is none."""
    _attributes: dict[str, Any] | None = None
    """The attributes that are shown later, as they were found out last."""
    _attributes_for: str = ""
    """The lock's name in them."""

    @property
    @override
    def device_class(self) -> SensorDeviceClass | None:
        """The description's, or that of an enumeration if the property has a value list."""
        if self.options is not None:
            return SensorDeviceClass.ENUM
        return self.entity_description.device_class

    @property
    @override
    def options(self) -> list[str] | None:
        """The keys of the property's value list, None if it has none."""
        prop = self._prop
        return prop.options if prop and prop.values else None

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """The value as Home Assistant shows it, None if it is not known."""
        value = self.known
        if value is None:
            return None
        if self.device_class is SensorDeviceClass.ENUM:
            return self.prop.key_of(value)
        if self.device_class is SensorDeviceClass.TIMESTAMP:
            return dt_util.utc_from_timestamp(int(value))
        return text(value, MAX_LENGTH_STATE_STATE) if isinstance(value, str) else value

    @override
    def _state_key(self) -> object:
        if self.entity_description.attributes_of:
            return self.known
        return self.known, self.extra_state_attributes

    @override
    async def async_added_to_hass(self) -> None:
        """Watch what the attributes tell of."""
        await super().async_added_to_hass()
        if topic := self.entity_description.attributes_of:
            self.async_on_remove(self.coordinator.async_watch(topic, self._look_later))

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state if it has changed, and look at attributes that are shown later."""
        super()._handle_coordinator_update()
        if self.entity_description.attributes_of:
            self._look_later()

    @callback
    def _look_later(self) -> None:
        """Look at the attributes LATER, once for all that happens until then."""
        if not self._cancel_look:
            look = HassJob(self._async_show_attributes, cancel_on_shutdown=True)
            self._cancel_look = async_call_later(self.hass, LATER, look)

    @callback
    def _async_show_attributes(self, _now: datetime) -> None:
        """Find out the attributes, and write the state if they have changed."""
        self._cancel_look = None
        before, self._attributes = self._attributes, self._find_attributes()
        if self._attributes != before:
            self.async_write_ha_state()

    @override
    async def async_will_remove_from_hass(self) -> None:
        """Look no more."""
        await super().async_will_remove_from_hass()
        if self._cancel_look:
            self._cancel_look()

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """The attributes of the description."""
        if not self.entity_description.attributes_of:
            return self._find_attributes()
        # Home Assistant writes the state when the lock is renamed.
        if self._attributes is None or self._attributes_for != self.lock_name:
            self._attributes = self._find_attributes()
        return self._attributes

    def _find_attributes(self) -> dict[str, Any]:
        description, self._attributes_for = self.entity_description, self.lock_name
        shown = {} if description.is_line else UNLOGGED
        if description.attributes:
            shown = shown | description.attributes(self._runtime, self._attributes_for)
        return shown


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the sensors of each lock."""
    undescribed = Platform.SENSOR, _undescribed
    await add_entities(entry, async_add_entities, LockSensor, SENSORS, undescribed)
