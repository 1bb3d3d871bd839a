"""A day at the door: its events, and what Home Assistant must show after each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.lock import Lock

    from .setup import Home


@dataclass(frozen=True, slots=True)
class Step:
    """An event at the door, and what Home Assistant must show afterwards.

    ``states`` are the expected states of entities. ``events`` are the expected attributes of event
    entities after they have fired again. The keys are platform and end of the unique id, such as
    ``lock.lock``.
    """

    name: str
    act: Callable[[Lock], None]
    states: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """An action of a user in Home Assistant, and its effect on the lock."""

    name: str
    key: str
    action: str
    obeyed: Callable[[Lock], object]
    data: Mapping[str, Any] = field(default_factory=dict)

    async def give(self, home: Home) -> None:
        """Call the service action."""
        await home.client.action(self.action, home.entity_ids[self.key], **self.data)


def _operation(action: str, method: str, position: str, number: int = 0) -> Mapping[str, Any]:
    return {
        "event_type": action,
        "method": method,
        "position": position,
        "operation_id": number,
    }


GUEST: Final = 7
GUEST_DIGITS: Final = "246810"
GUEST_OPERATION: Final = 21

_CLOSED: Final = _operation("door_closed", "automatic", "unknown_side")

DAY: Final = (
    Step(
        "Ming comes home by fingerprint",
        lambda lock: lock.fingerprint(3),
        {
            "lock.lock": "unlocked",
            "sensor.door_state": "unlocked",
            "binary_sensor.awake": "on",
            "sensor.last_action": "unlocked",
            "sensor.last_method": "fingerprint",
            "sensor.last_position": "outside",
            "sensor.last_operation_id": "3",
            "sensor.last_person": "Ming",
        },
        {
            "event.lock_event": {
                **_operation("unlocked", "fingerprint", "outside", 3),
                "person": "Ming",
            }
        },
    ),
    Step(
        "The door opens",
        lambda lock: lock.open_door(),
        {"binary_sensor.door": "on", "sensor.door_state": "not_closed"},
    ),
    Step(
        "The door closes and locks",
        lambda lock: lock.close_door(),
        {
            "lock.lock": "locked",
            "binary_sensor.door": "off",
            "sensor.door_state": "locked",
            "sensor.last_action": "door_closed",
        },
        {"event.lock_event": _CLOSED},
    ),
    Step(
        "Li comes home, known by her face",
        lambda lock: lock.face(5),
        {"lock.lock": "unlocked", "sensor.last_method": "face", "sensor.last_person": "Li"},
        {"event.lock_event": {**_operation("unlocked", "face", "outside", 5), "person": "Li"}},
    ),
    Step(
        "The door closes behind her",
        lambda lock: lock.close_door(),
        {"lock.lock": "locked", "sensor.last_person": "Li"},
        {"event.lock_event": _CLOSED},
    ),
    Step(
        "The bell rings",
        lambda lock: lock.ring(),
        events={"event.doorbell": {"event_type": "ring"}},
    ),
    Step(
        "Someone stays at the door",
        lambda lock: lock.stay(),
        events={"event.someone_at_the_door": {"event_type": "someone_at_the_door"}},
    ),
    Step(
        "A guest uses a one-time password",
        lambda lock: lock.one_time_password(12),
        {
            "lock.lock": "unlocked",
            "sensor.last_method": "one_time_password",
            "sensor.last_operation_id": "12",
            "sensor.last_person": "unknown",
        },
        {"event.lock_event": _operation("unlocked", "one_time_password", "outside", 12)},
    ),
    Command(
        "The lock gets to know another guest",
        "lock.lock",
        f"{DOMAIN}.set_user",
        lambda lock: GUEST in lock.users.types,
        {"user_id": GUEST, "user_type": "frequent_visitor"},
    ),
    Command(
        "The guest gets a password for one visit",
        "lock.lock",
        f"{DOMAIN}.set_credential",
        lambda lock: lock.users.credentials[GUEST_OPERATION].text == GUEST_DIGITS,
        {
            "user_id": GUEST,
            "credential_type": "password",
            "credential_data": GUEST_DIGITS,
            "operation_id": GUEST_OPERATION,
            "uses": 1,
        },
    ),
    Step(
        "The guest comes, and the password ends",
        lambda lock: lock.password(GUEST_OPERATION),
        {"lock.lock": "unlocked", "sensor.last_method": "password"},
        {
            "event.lock_event": _operation("unlocked", "password", "outside", GUEST_OPERATION),
            "event.users_and_credentials": {"event_type": "unlock_method_deleted"},
        },
    ),
    Step(
        "The door is left ajar",
        lambda lock: lock.leave_ajar(),
        {
            "binary_sensor.door": "on",
            "sensor.door_state": "ajar",
            "sensor.last_exception": "door_ajar",
        },
        {"event.exception": {"event_type": "door_ajar"}},
    ),
    Step(
        "The door is closed properly",
        lambda lock: lock.close_door(),
        {"lock.lock": "locked", "binary_sensor.door": "off", "sensor.door_state": "locked"},
        {"event.lock_event": _CLOSED},
    ),
    Step(
        "The deadbolt goes on for the night",
        lambda lock: lock.deadbolt(on=True),
        {
            "lock.lock": "locked",
            "binary_sensor.deadbolt": "on",
            "sensor.door_state": "deadbolt_on",
        },
        {"event.lock_event": _operation("deadbolt_on", "manual", "inside")},
    ),
    Step(
        "The lock goes to sleep",
        lambda lock: lock.sleep(),
        {
            "binary_sensor.awake": "off",
            "lock.lock": "locked",
            "binary_sensor.deadbolt": "on",
            "sensor.lithium_battery": "87",
        },
    ),
    Step(
        "The battery runs low",
        lambda lock: lock.set_battery(15),
        {"binary_sensor.awake": "on", "sensor.lithium_battery": "15"},
    ),
    Step(
        "A finger is not recognized again and again",
        lambda lock: lock.exception(3),
        {"sensor.last_exception": "fingerprint_failed_repeatedly"},
        {"event.exception": {"event_type": "fingerprint_failed_repeatedly"}},
    ),
    Step(
        "The deadbolt comes off in the morning",
        lambda lock: lock.deadbolt(on=False),
        {"lock.lock": "locked", "binary_sensor.deadbolt": "off", "sensor.door_state": "locked"},
        {"event.lock_event": _operation("deadbolt_off", "manual", "inside")},
    ),
    Step(
        "The battery is charged",
        lambda lock: lock.set_battery(87),
        {"sensor.lithium_battery": "87"},
    ),
)

LOUD: Final = 3

COMMANDS: Final = (
    Command(
        "The doorbell is turned up",
        "select.doorbell_volume",
        "select.select_option",
        lambda lock: lock.values[21, 5] == LOUD,
        {"option": str(LOUD)},
    ),
    Command(
        "A video is recorded",
        "button.record_video",
        "button.press",
        lambda lock: bool(lock.recordings),
    ),
)
