"""The events and values of the locks, compared with those in Home Assistant."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value
    from simulator.facts import Facts

LATE_AFTER: Final = 300  # seconds after which an event is history

type Kinds = Mapping[Address, tuple[str, int, int | None]]
"""By event: the entity that fires it, and the positions of its time and its detail."""

EVENTS: Final[Kinds] = {
    (2, 1020): ("lock_event", 4, 3),
    (2, 1007): ("exception", 1, 0),
    (7, 1006): ("doorbell", 0, None),
    (21, 1): ("doorbell", 0, None),
    (17, 2): ("someone_at_the_door", 0, None),
}

# Entities whose events the cloud keeps for the Mi Home app.
REMEMBERED: Final = ("lock_event", "exception", "doorbell")


class Happening(NamedTuple):
    """An event of a lock; its detail is an operation id, an exception code, or None."""

    did: str
    entity: str
    time: int
    detail: int | None = None


@dataclass(eq=False)
class Write:
    """A value that a user wrote in Home Assistant, and whether the write raised an error."""

    value: Value
    refused: bool = False
    by_hand: list[Value] = field(default_factory=list)
    """Values that were set at the lock itself since."""


def kinds_of(facts: Facts) -> Kinds:
    """Return the events of a lock of another model; only lock events have a detail there."""
    arguments = list(facts.arguments)
    kinds: dict[Address, tuple[str, int, int | None]] = {
        facts.event: ("lock_event", arguments.index("time"), arguments.index("id")),
        **dict.fromkeys(facts.bells, ("doorbell", 0, None)),
    }
    if facts.exception:
        time = list(facts.exception_arguments).index("time")
        kinds[facts.exception] = "exception", time, None
    return kinds


class Expectations:
    """The events that happened, arrived and were fired, and the values that were written."""

    def __init__(self) -> None:
        """Start without events and writes."""
        self.others: dict[str, Kinds] = {}
        """The events of locks of other models, by did."""
        self._by_id: dict[object, Happening] = {}
        """The event in each message of the locks, by message id."""
        self.happened: dict[Happening, bool] = {}
        """The events of the locks, and whether each was reported too late to fire."""
        self.sent: set[Happening] = set()
        """Events of which the broker sent a message to Home Assistant."""
        self.taken: set[Happening] = set()
        """Events of which Home Assistant acknowledged a message."""
        self.fired: Counter[Happening] = Counter()
        self.recorded: set[Happening] = set()
        """Late events that were found in the integration's deduplicator."""
        self.writes: dict[tuple[str, Address], Write] = {}
        """The newest write of each property, by did and address."""
        self.writes_in_all = 0

    def reported(self, now: float, payload: dict[str, Any]) -> None:
        """Note a lock's report as it leaves the lock."""
        if happening := self._happening(payload):
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
        """Return the event in a message as a list, which is empty if the event did not happen."""
        try:
            payload = json.loads(message)
        except ValueError:
            return []
        # A message has its id in every shape in which it is sent.
        number = payload.get("id") if isinstance(payload, dict) else None
        happening = self._by_id.get(number) if number else self._happening(payload)
        return [happening] if happening in self.happened else []

    def _happening(self, payload: Any) -> Happening | None:
        """Return the event in a lock's report, None if it is none that is followed."""
        match payload:
            case {"params": {"did": did, "siid": siid, "eiid": eiid, "arguments": arguments}} if (
                kind := self.others.get(did, EVENTS).get((siid, eiid))
            ):
                entity, time, detail = kind
                values = [int(argument["value"]) for argument in arguments]
                return Happening(
                    did, entity, values[time], None if detail is None else values[detail]
                )
        return None

    def asked(self, did: str, address: Address, value: Value) -> Write:
        """Note that a user writes a value in Home Assistant."""
        self.writes_in_all += 1
        write = self.writes[did, address] = Write(value)
        return write

    def set_by_hand(self, did: str, address: Address, value: Value) -> None:
        """Note that a setting changes at the lock itself."""
        if write := self.writes.get((did, address)):
            write.by_hand.append(value)

    @property
    def handled(self) -> set[Happening]:
        """The events that were fired or recorded, from any source."""
        return self.fired.keys() | self.recorded

    @property
    def lost(self) -> list[Happening]:
        """The events that arrived, but were neither fired nor recorded as history."""
        return list(self.taken - self.handled)

    @property
    def missed(self) -> list[Happening]:
        """The events that the cloud keeps, but that were neither fired nor recorded."""
        handled = self.handled
        return [one for one in self.happened if one.entity in REMEMBERED and one not in handled]

    @property
    def late(self) -> set[Happening]:
        """The events that were reported as history."""
        return {one for one, late in self.happened.items() if late}

    @property
    def twice(self) -> list[Happening]:
        """The events that were fired more than once."""
        return [one for one, times in self.fired.items() if times > 1]

    @property
    def wrongly_fired(self) -> list[Happening]:
        """The events that were fired although they never happened, or were history already."""
        return [one for one in self.fired if self.happened.get(one, True)]

    @property
    def undeliverable(self) -> int:
        """The number of events for which the broker had no client to send to."""
        return len(self.happened.keys() - self.sent - self.handled)

    @property
    def cut_off(self) -> int:
        """The number of events sent on a connection that ended before their acknowledgment."""
        return len(self.sent - self.taken - self.handled)

    def may_have(self, did: str, address: Address) -> list[Value] | None:
        """Return the values that a property may have in the end; None if any value may be."""
        write = self.writes.get((did, address))
        return None if write is None or write.refused else [write.value, *write.by_hand]
