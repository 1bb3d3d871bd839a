"""A day at the door of any model, by words alone; what a model does not have is left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.lock import Lock
    from simulator.sibling import Sibling


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done at the door.

    ``states`` and ``events`` are what Home Assistant must show afterwards, as those of a ``Step``,
    for a model in CHECKED.
    """

    name: str
    act: Callable[[Lock | Sibling], None]
    states: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def play(self, lock: Lock | Sibling) -> bool:
        """Do it; return False if the model has no such thing."""
        try:
            self.act(lock)
        except LookupError:
            return False
        return True


CHECKED: Final = ("xiaomi.lock.m30fa",)
"""The models that have all that the day expects."""

_CLOSED: Final = {"lock.lock": "locked", "binary_sensor.door": "off", "sensor.door_state": "locked"}

ANY_DAY: Final = (
    Act(
        "Somebody comes home by fingerprint",
        lambda lock: lock.unlock(operation_id=3),
        {
            "lock.lock": "unlocked",
            "sensor.last_position": "outside",
            "sensor.last_person": "unknown",
        },
        {
            "event.lock_event": {
                "event_type": "unlocked",
                "method": "fingerprint",
                "position": "outside",
                "operation_id": 3,
            }
        },
    ),
    Act(
        "The door opens",
        lambda lock: lock.open_door(),
        {"binary_sensor.door": "on", "sensor.door_state": "not_closed"},
    ),
    Act(
        "The door closes and locks",
        lambda lock: lock.close_door(),
        {**_CLOSED, "sensor.last_action": "locked_automatically"},
    ),
    Act(
        "Somebody comes home by password",
        lambda lock: lock.unlock("password", operation_id=5),
        {
            "lock.lock": "unlocked",
            "sensor.last_method": "password",
            "sensor.last_operation_id": "5",
        },
        {"event.unlocking": {"event_type": "unlocked_outside", "method": "password"}},
    ),
    Act(
        "The door is left ajar",
        lambda lock: lock.leave_ajar(),
        {
            "binary_sensor.door": "on",
            "sensor.door_state": "ajar",
            "sensor.last_exception": "door_ajar",
        },
        {"event.exception": {"event_type": "door_ajar"}},
    ),
    Act("The door is closed properly", lambda lock: lock.close_door(), _CLOSED),
    Act(
        "The bell rings",
        lambda lock: lock.ring(),
        events={"event.doorbell": {"event_type": "ring"}},
    ),
    Act(
        "Somebody leaves by the button inside",
        lambda lock: lock.press_inside_button(),
        {"lock.lock": "unlocked", "sensor.last_method": "inside_button"},
        {"event.unlocking": {"event_type": "unlocked_inside", "method": "inside_button"}},
    ),
    Act("The door closes behind them", lambda lock: lock.close_door(), _CLOSED),
    Act(
        "Somebody tries to prise the lock",
        lambda lock: lock.report("prised", "keypad_prised"),
        {"sensor.last_exception": "possible_tampering"},
        {"event.exception": {"event_type": "possible_tampering"}},
    ),
    Act(
        "The deadbolt goes on for the night",
        lambda lock: lock.deadbolt(on=True),
        {
            "lock.lock": "locked",
            "binary_sensor.deadbolt": "on",
            "sensor.door_state": "deadbolt_on",
        },
        {"event.lock_event": {"event_type": "deadbolt_on", "position": "inside"}},
    ),
    Act(
        "The child lock goes on",
        lambda lock: lock.child_lock(on=True),
        {
            "binary_sensor.child_lock": "on",
            "binary_sensor.deadbolt": "on",
            "sensor.door_state": "child_lock_and_deadbolt_on",
        },
    ),
    Act(
        "The lock goes to sleep, if it ever does",
        lambda lock: lock.sleep(),
        {"binary_sensor.awake": "off", "lock.lock": "locked", "binary_sensor.deadbolt": "on"},
    ),
    Act(
        "The battery runs low",
        lambda lock: lock.set_battery(15),
        {"binary_sensor.awake": "on", "sensor.battery": "15"},
    ),
    Act(
        "The child lock comes off in the morning",
        lambda lock: lock.child_lock(on=False),
        {"binary_sensor.child_lock": "off", "binary_sensor.deadbolt": "on"},
    ),
    Act(
        "The deadbolt comes off",
        lambda lock: lock.deadbolt(on=False),
        {"binary_sensor.deadbolt": "off", "lock.lock": "locked", "sensor.door_state": "locked"},
    ),
    Act("The battery is changed", lambda lock: lock.set_battery(90), {"sensor.battery": "90"}),
)
