"""What the values of a door state mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from .roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..miot.spec import Value


class DoorFacts(NamedTuple):
    """The facts of which a door state is made; None for what it does not tell."""

    locked: bool | None = None
    """Whether the bolt is out."""
    open: bool | None = None
    """Whether the door is open; an ajar door is open, too."""
    deadbolt: bool | None = None
    child_lock: bool | None = None


UNKNOWN: Final = DoorFacts()

BOTH_ON: Final = "child_lock_and_deadbolt_on"
LOCKED: Final = ("locked", "child_lock_on", "deadbolt_on", BOTH_ON)
"""The states in which the bolt is out."""
OPEN: Final = ("not_closed", "ajar", "ajar_too_long", "badly_closed")

FACTS: Final[Mapping[Role, Mapping[str, DoorFacts]]] = {
    Role.DOOR_STATE: {
        "locked": DoorFacts(locked=True, open=False, deadbolt=False),
        "unlocked": DoorFacts(locked=False, open=False, deadbolt=False),
        "child_lock_on": DoorFacts(locked=True, open=False, child_lock=True),
        "deadbolt_on": DoorFacts(locked=True, open=False, deadbolt=True),
        BOTH_ON: DoorFacts(locked=True, open=False, deadbolt=True, child_lock=True),
        "closed": DoorFacts(open=False),
        **{key: DoorFacts(locked=False, open=True) for key in OPEN},
    },
    Role.LOCK_STATE: {
        "locked": DoorFacts(locked=True),
        "unlocked": DoorFacts(locked=False),
    },
}
"""The facts by property and by the key of its value; a value that is not listed tells nothing."""


def without_guesses(facts: Mapping[Value, DoorFacts]) -> Mapping[Value, DoorFacts]:
    """Return the facts by value, without those that no value tells to be true.

    Of a lock that has no state for its deadbolt, none tells that the deadbolt is off.
    """
    told = {name for one in facts.values() for name, on in one._asdict().items() if on}
    untold = dict.fromkeys(set(DoorFacts._fields) - told)
    return {value: one._replace(**untold) for value, one in facts.items()}


@dataclass(frozen=True)
class DoorBits:
    """A door state that is a bit field: a state, and one bit each for two more facts."""

    states: Mapping[int, str]
    """The keys of the state, with both bits off."""
    child_lock: int
    deadbolt: int

    def keys(self) -> dict[int, str]:
        """Return the key of each value.

        While the bolt is out, the key tells the deadbolt and the child lock; else only the state.
        """
        return {
            state | bits: locked if key == "locked" else key
            for state, key in self.states.items()
            for bits, locked in (
                (0, "locked"),
                (self.child_lock, "child_lock_on"),
                (self.deadbolt, "deadbolt_on"),
                (self.child_lock | self.deadbolt, BOTH_ON),
            )
        }

    def changed(self, value: int, key: str | None, changes: Mapping[Role, bool]) -> int:
        """Return a value with the state of a key, None for the same one, and with changed bits."""
        bits = value & (self.child_lock | self.deadbolt)
        state = "locked" if key in LOCKED else key
        number = next((one for one, name in self.states.items() if name == state), value - bits)
        for role, bit in ((Role.CHILD_LOCK, self.child_lock), (Role.DEADBOLT, self.deadbolt)):
            if changes.get(role, bool(bits & bit)):
                number |= bit
        return number

    def facts(self, value: int) -> DoorFacts:
        """Return the facts of a value; none if the state is not known."""
        state = self.states.get(value & ~(self.child_lock | self.deadbolt), "")
        facts = FACTS[Role.DOOR_STATE].get(state, UNKNOWN)
        if facts is UNKNOWN:
            return UNKNOWN
        return facts._replace(
            deadbolt=bool(value & self.deadbolt), child_lock=bool(value & self.child_lock)
        )
