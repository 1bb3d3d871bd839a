"""What the locks really did, and what Home Assistant made of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value

LATE_AFTER: Final = 300  # seconds from which on an event is history

# Of each event: the entity that fires it, and which arguments are its time and its detail
EVENTS: Final[dict[Address, tuple[str, int, int | None]]] = {
    (2, 1020): ("lock_event", 4, 3),
    (2, 1007): ("exception", 1, 0),
    (7, 1006): ("doorbell", 0, None),
    (21, 1): ("doorbell", 0, None),
    (17, 2): ("someone_at_the_door", 0, None),
}

# What the cloud remembers for the Mi Home app
REMEMBERED: Final = ("lock_event", "exception", "doorbell")


class Happening(NamedTuple):
    """One event at one door; the detail is an operation's id, or an exception's code."""

    did: str
    entity: str
    time: int
    detail: int | None = None


@dataclass(eq=False)
class Write:
    """A value that Home Assistant's user asked for, and whether the user was told of a failure."""

    value: Value
    refused: bool = False
    by_hand: list[Value] = field(default_factory=list)
    """What was set at the lock itself since."""


class Expectations:
    """Both sides of the door: what happened, what arrived, what was fired, and what was asked."""

    def __init__(self) -> None:
        """Begin."""
        self._by_id: dict[object, Happening] = {}
        """What the messages of the locks tell of, by their numbers."""
        self.happened: dict[Happening, bool] = {}
        """What happened at the locks, and whether it was told too late to fire."""
        self.sent: set[Happening] = set()
        """Of which the broker sent a message to Home Assistant."""
        self.taken: set[Happening] = set()
        """Of which Home Assistant acknowledged a message."""
        self.fired: Counter[Happening] = Counter()
        self.recorded: set[Happening] = set()
        """What came late and was found among what Home Assistant remembers."""
        self.writes: dict[tuple[str, Address], Write] = {}
        """The newest of each property."""
        self.writes_in_all = 0

    def reported(self, now: float, payload: dict[str, Any]) -> None:
        """Note what a lock reports, as it leaves the lock."""
        if happening := _happening(payload):
            self._by_id[payload.get("id")] = happening
            late = now - happening.time > LATE_AFTER
            self.happened[happening] = late

    def on_its_way(self, message: bytes) -> None:
        """Note a message that the broker sent to Home Assistant."""
        self.sent.update(self._told(message))

    def acknowledged(self, message: bytes) -> None:
        """Note a message that Home Assistant acknowledged."""
        self.taken.update(self._told(message))

    def _told(self, message: bytes) -> list[Happening]:
        """Return what really happened of what a message tells of."""
        try:
            payload = json.loads(message)
        except ValueError:
            return []
        # A message has its number, in whatever shape it is sent.
        number = payload.get("id") if isinstance(payload, dict) else None
        happening = self._by_id.get(number) if number else _happening(payload)
        return [happening] if happening in self.happened else []

    def asked(self, did: str, address: Address, value: Value) -> Write:
        """Note that Home Assistant is to write."""
        self.writes_in_all += 1
        write = self.writes[did, address] = Write(value)
        return write

    def set_by_hand(self, did: str, address: Address, value: Value) -> None:
        """Note that someone at the lock changes a setting."""
        if write := self.writes.get((did, address)):
            write.by_hand.append(value)

    @property
    def handled(self) -> set[Happening]:
        """What was fired or recorded, whoever told it."""
        return self.fired.keys() | self.recorded

    @property
    def lost(self) -> list[Happening]:
        """What arrived and was never fired, or recorded where it arrived as history."""
        return list(self.taken - self.handled)

    @property
    def missed(self) -> list[Happening]:
        """What the cloud remembers, and neither was fired nor recorded."""
        handled = self.handled
        return [one for one in self.happened if one.entity in REMEMBERED and one not in handled]

    @property
    def late(self) -> set[Happening]:
        """What was told as history."""
        return {one for one, late in self.happened.items() if late}

    @property
    def twice(self) -> list[Happening]:
        """What was fired more than once."""
        return [one for one, times in self.fired.items() if times > 1]

    @property
    def wrongly_fired(self) -> list[Happening]:
        """What was fired though it never happened, or was history already."""
        return [one for one in self.fired if self.happened.get(one, True)]

    @property
    def undeliverable(self) -> int:
        """How many events the broker had nobody to send to."""
        return len(self.happened.keys() - self.sent - self.handled)

    @property
    def cut_off(self) -> int:
        """How many events were sent, but on a connection that ended before they were answered."""
        return len(self.sent - self.taken - self.handled)

    def may_have(self, did: str, address: Address) -> list[Value] | None:
        """Return what a written property may be in the end; None for anything."""
        write = self.writes.get((did, address))
        return None if write is None or write.refused else [write.value, *write.by_hand]


def _happening(payload: Any) -> Happening | None:
    """Return what a lock's report tells of, None where that is no event that is followed."""
    match payload:
        case {"params": {"did": did, "siid": siid, "eiid": eiid, "arguments": arguments}} if (
            siid,
            eiid,
        ) in EVENTS:
            entity, time, detail = EVENTS[siid, eiid]
            values = [argument["value"] for argument in arguments]
            return Happening(did, entity, values[time], None if detail is None else values[detail])
    return None
