"""Lock actions, and the properties that they change, in the specification's numbers."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value


class Action(IntEnum):
    """lock-action (2.3): what happened to the lock."""

    DOOR_CLOSED = 1
    UNLOCKED = 2
    DEADBOLT_ON = 3
    DEADBOLT_OFF = 4
    CHILD_LOCK_ON = 5
    CHILD_LOCK_OFF = 6
    AWAY_MODE_ON = 7
    AWAY_MODE_OFF = 8


class Method(IntEnum):
    """operation-method (2.2): the values that the simulator uses."""

    FINGERPRINT = 2
    PASSWORD = 3
    FACE = 5
    ONE_TIME_PASSWORD = 7
    MANUAL = 11
    AUTOMATIC = 12
    REMOTE = 15


class Position(IntEnum):
    """operation-position (2.1): the side of the door."""

    INSIDE = 1
    OUTSIDE = 2
    UNKNOWN = 3


class Door(IntEnum):
    """door-state (3.1021)."""

    LOCKED = 1
    UNLOCKED = 2
    NOT_CLOSED = 3
    AJAR = 4
    CHILD_LOCK_ON = 5
    DEADBOLT_ON = 6


DOOR_STATE: Final = (3, 1021)
DEADBOLT: Final = (2, 7)
CHILD_LOCK: Final = (2, 8)
AWAY_MODE: Final = (18, 10)

# The properties that each lock action changes. The door is locked after the deadbolt or the child
# lock is turned off.
CONSEQUENCES: Final[dict[int, dict[Address, Value]]] = {
    Action.DOOR_CLOSED: {DOOR_STATE: Door.LOCKED},
    Action.UNLOCKED: {DOOR_STATE: Door.UNLOCKED},
    Action.DEADBOLT_ON: {DOOR_STATE: Door.DEADBOLT_ON, DEADBOLT: True},
    Action.DEADBOLT_OFF: {DOOR_STATE: Door.LOCKED, DEADBOLT: False},
    Action.CHILD_LOCK_ON: {DOOR_STATE: Door.CHILD_LOCK_ON, CHILD_LOCK: True},
    Action.CHILD_LOCK_OFF: {DOOR_STATE: Door.LOCKED, CHILD_LOCK: False},
    Action.AWAY_MODE_ON: {AWAY_MODE: True},
    Action.AWAY_MODE_OFF: {AWAY_MODE: False},
}
