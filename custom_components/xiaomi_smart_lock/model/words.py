"""The meaning of value keys, independent of a model's numbers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

# Door states in which the bolt is out, and those in which the door is not closed
LOCKED: Final = ("locked", "child_lock_on", "deadbolt_on")
OPEN: Final = ("not_closed", "ajar")

type Meaning = tuple[Role, str | bool]
"""A property, and its value or the key of its value."""

# Property values that a lock event implies at once, before the lock reports the property itself. By
# lock action: the new value, and the values that the property must have had before (None: any). A
# door that closes is not assumed to be locked, and an open door is not assumed to be closed.
LOCK_ACTION_MEANS: Final[Mapping[str, tuple[tuple[Meaning, tuple[str, ...] | None], ...]]] = {
    "door_closed": (((Role.DOOR_STATE, "unlocked"), OPEN),),
    "unlocked": (((Role.DOOR_STATE, "unlocked"), LOCKED), ((Role.DEADBOLT, False), None)),
    "deadbolt_on": (
        ((Role.DOOR_STATE, "deadbolt_on"), ("locked", "unlocked", "child_lock_on")),
        ((Role.DEADBOLT, True), None),
    ),
    "deadbolt_off": (
        ((Role.DOOR_STATE, "locked"), ("deadbolt_on",)),
        ((Role.DEADBOLT, False), None),
    ),
    "child_lock_on": (
        ((Role.DOOR_STATE, "child_lock_on"), ("locked",)),
        ((Role.CHILD_LOCK, True), None),
    ),
    "child_lock_off": (
        ((Role.DOOR_STATE, "locked"), ("child_lock_on",)),
        ((Role.CHILD_LOCK, False), None),
    ),
    "away_mode_on": (((Role.AWAY_MODE, True), None),),
    "away_mode_off": (((Role.AWAY_MODE, False), None),),
}

# Values of properties that cannot be read, as implied by the door state
DOOR_STATE_MEANS: Final[Mapping[str, Meaning]] = {
    "locked": (Role.DEADBOLT, False),
    "unlocked": (Role.DEADBOLT, False),
    "child_lock_on": (Role.CHILD_LOCK, True),
    "deadbolt_on": (Role.DEADBOLT, True),
}
