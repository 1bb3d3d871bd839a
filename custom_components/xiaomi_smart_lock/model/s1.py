"""What is special to ``xiaomi.lock.s1``: where its items are, and what its numbers mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..miot.spec import SPEC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..miot.spec import Address, Value

# Properties

DOOR_STATE: Final = (3, 1021)
DEADBOLT: Final = (2, 7)
CHILD_LOCK: Final = (2, 8)
AWAY_MODE: Final = (18, 10)
HARDWARE_VERSION: Final = (11, 4)
DO_NOT_DISTURB_PERIOD: Final = (20, 2)
CHARGING_STATE: Final = (13, 2)
LITHIUM_BATTERY_INSTALLED: Final = (13, 3)
DRY_CELLS_INSTALLED: Final = (6, 1004)
OPERATION_POSITION: Final = (2, 1)
OPERATION_METHOD: Final = (2, 2)
USER_ID: Final = (4, 1)
USER_TYPE: Final = (4, 2)
OPERATION_ID: Final = (4, 4)

FINGERPRINT: Final = SPEC.properties[OPERATION_METHOD].value_of("fingerprint")
DURESS_FINGERPRINT: Final = SPEC.properties[OPERATION_METHOD].value_of("duress_fingerprint")
PHONE: Final = 1
"""operation-method (4.3, 22.6); the only one of service 22, whose events leave it out."""

# Events

LOCK_EVENT: Final = (2, 1020)
EXCEPTION: Final = (2, 1007)
DOORBELL: Final = (21, 1)
SOMEONE_STAYS: Final = (17, 2)
WECHAT: Final = (17, 3)
HISTORY_EVENT: Final = (5, 1)
ENROLMENT_STEP: Final = (4, 3)
USERS_AND_CREDENTIALS: Final = ((4, 1), (4, 2), (4, 4), (4, 5), (4, 6), (4, 7), (4, 8), (4, 9))

# Events that the lock reports twice, once by each of two services, and the one that is kept.
SAME_EVENT: Final[dict[Address, Address]] = {
    (7, 1006): DOORBELL,
    **{(22, eiid): (4, eiid) for eiid in range(1, 10)},
}

# What the cloud remembers for the Mi Home app
IN_HISTORY: Final = frozenset({LOCK_EVENT, EXCEPTION, DOORBELL})

# What the lock pushes of its past, as JSON
HISTORY: Final[tuple[Address, ...]] = tuple((5, piid) for piid in range(11, 19))

# Actions

UNLOCK: Final = (2, 1)
WAKE: Final = (2, 2)
FETCH_HISTORY: Final = (5, 1)
SET_CLOCK: Final = (9, 1)
WAKE_CAMERA: Final = (17, 3)
RECORD_VIDEO: Final = (17, 4)

# By which event the lock tells that it has done an action, and by which other one that it has not:
# the success of that one may be of an action before.
COMPLETION_EVENTS: Final[Mapping[str, tuple[Address, ...]]] = {
    "add-lock-user": ((4, 4), (4, 1)),
    "delete-lock-user": ((4, 5), (4, 1)),
    "add-unlock-method": ((4, 6), (4, 2)),
    "delete-unlock-method": ((4, 7), (4, 2)),
    "alloc-lock-user": ((4, 2),),
    "sync-lock-user": ((4, 9),),
    "sync-unlock-method": ((4, 8),),
    "cancel-unlock-method": (),
}

# What one thing says of another

# What a lock event says at once, before the lock reports the property itself: by its lock action,
# the new value of a property and the values that it had to have before (None for any). A door
# that closes is not taken for locked, and an open one not for closed.
LOCK_ACTION_MEANS: Final[dict[int, tuple[tuple[Address, Value, tuple[Value, ...] | None], ...]]] = {
    1: ((DOOR_STATE, 2, (3, 4)),),
    2: ((DOOR_STATE, 2, (1, 5, 6)), (DEADBOLT, False, None)),
    3: ((DOOR_STATE, 6, (1, 2, 5)), (DEADBOLT, True, None)),
    4: ((DOOR_STATE, 1, (6,)), (DEADBOLT, False, None)),
    5: ((DOOR_STATE, 5, (1,)), (CHILD_LOCK, True, None)),
    6: ((DOOR_STATE, 1, (5,)), (CHILD_LOCK, False, None)),
    7: ((AWAY_MODE, True, None),),
    8: ((AWAY_MODE, False, None),),
}

# What the door state says of properties that cannot be read.
DOOR_STATE_MEANS: Final[dict[Value, tuple[Address, Value]]] = {
    1: (DEADBOLT, False),
    2: (DEADBOLT, False),
    5: (CHILD_LOCK, True),
    6: (DEADBOLT, True),
}

# Who may open the door, how, and the key to talk to who stands before it.
SECRET: Final[frozenset[Address]] = frozenset(
    {(4, 5), (5, 14), (5, 15), (5, 16), (5, 17), (17, 24), (22, 5), (22, 11), (22, 12)}
)
