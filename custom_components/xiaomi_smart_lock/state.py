"""What is known of one lock, and what a message of it means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .miot.errors import InvalidValueError
from .miot.spec import SPEC, Address, Event, Property, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

HISTORY_EVENT: Final = (5, 1)
DOOR_STATE: Final = (3, 1021)
LOCK_EVENT: Final = (2, 1020)
DEADBOLT: Final = (2, 7)
CHILD_LOCK: Final = (2, 8)
AWAY_MODE: Final = (18, 10)

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

# Events that the lock reports twice, once by each of two services, and the one that is kept.
SAME_EVENT: Final[dict[Address, Address]] = {
    (7, 1006): (21, 1),
    **{(22, eiid): (4, eiid) for eiid in range(1, 10)},
}

_REPORTED_TWICE: Final = frozenset(SAME_EVENT.values())

# By what two events of the same second are told apart.
_IDENTIFYING: Final = ("lock-action", "abnormal-condition", "user-ids", "operation-id")
_TIMES: Final = ("current-time", "last-history-time")

REMEMBERED: Final = 500  # events

type Identity = tuple[int, ...]


@dataclass(frozen=True)
class Occurrence:
    """An event that happened, with those of its arguments that are valid, by piid."""

    event: Event
    arguments: Mapping[int, Value]

    @cached_property
    def valid_arguments(self) -> list[tuple[Property, Value]]:
        """The arguments in the specification's order."""
        return [
            (argument, self.arguments[argument.address[1]])
            for argument in self.event.arguments
            if argument.address[1] in self.arguments
        ]

    def argument(self, name: str) -> Property:
        """Return the argument with a name in the specification."""
        return next(argument for argument in self.event.arguments if argument.name == name)

    def get(self, name: str) -> Value | None:
        """Return an argument's value by its name, None where there is none or it is not valid."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, Value]:
        return {argument.name: value for argument, value in self.valid_arguments}

    @cached_property
    def time(self) -> int | None:
        """When it happened by the lock's clock, in Unix seconds."""
        for name in _TIMES:
            if (time := self.get(name)) is not None:
                return int(time)
        return None

    @property
    def kind(self) -> Address:
        """The event's address, the same for events that two services report."""
        return SAME_EVENT.get(self.event.address, self.event.address)

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What makes it the same event when it comes again: its own identity first.

        Two services may stamp the same event a second apart. Nothing can tell an event without
        a time from the next one.
        """
        if self.time is None:
            return ()
        told_apart = [int(self._by_name.get(name, -1)) for name in _IDENTIFYING]
        seconds = (0, -1, 1) if self.kind in _REPORTED_TWICE else (0,)
        return tuple((*self.kind, self.time + second, *told_apart) for second in seconds)


@dataclass
class LockData:
    """What is known of one lock: valid values and the last event of each kind."""

    values: dict[Address, Value] = field(default_factory=dict)
    events: dict[Address, Occurrence] = field(default_factory=dict)
    handled: dict[Identity, None] = field(default_factory=dict)
    """The identities of the last events, oldest first."""
    news: set[Address] = field(default_factory=set)
    """The properties and events that something came of since they were last shown."""
    awake: bool | None = None
    heard: float = 0.0
    """When the lock or the cloud was last heard of, in Unix seconds."""
    rejected: Counter[str] = field(default_factory=Counter)
    """How often something came that the specification does not allow, by its address."""

    def set(self, address: Address, value: Value) -> None:
        """Take a valid value, and what it says of other properties."""
        self._set(address, value)
        if address == DOOR_STATE and value in DOOR_STATE_MEANS:
            self._set(*DOOR_STATE_MEANS[value])

    def _set(self, address: Address, value: Value) -> None:
        self.values[address] = value
        self.news.add(address)

    def record(self, occurrence: Occurrence) -> bool:
        """Take an event, and what it says of properties; False where it is not new."""
        if identities := occurrence.identities:
            if not self.handled.keys().isdisjoint(identities):
                return False
            self.handled[identities[0]] = None
            if len(self.handled) > REMEMBERED:
                del self.handled[next(iter(self.handled))]
        last = self.events.get(occurrence.kind)
        if last and last.time and occurrence.time and occurrence.time < last.time:
            return True
        self.events[occurrence.kind] = occurrence
        self.news.add(occurrence.kind)
        for address, value, before in LOCK_ACTION_MEANS.get(
            int(occurrence.get("lock-action") or 0), ()
        ):
            if before is None or self.values.get(address) in before:
                self._set(address, value)
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return what is worth keeping over a restart, as JSON allows."""
        return {
            "values": [[*address, value] for address, value in self.values.items()],
            "events": [
                [*occurrence.event.address, list(occurrence.arguments.items())]
                for occurrence in self.events.values()
            ],
            "handled": [list(identity) for identity in self.handled],
            "heard": self.heard,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> LockData:
        """Return what was kept, without what the specification no longer allows."""
        data = cls(heard=stored["heard"])
        data.handled = dict.fromkeys(map(tuple, stored["handled"]))
        for siid, piid, value in stored["values"]:
            try:
                data.values[siid, piid] = SPEC.properties[siid, piid].validate(value)
            except (KeyError, InvalidValueError):
                continue
        for siid, eiid, arguments in stored["events"]:
            if event := SPEC.events.get((siid, eiid)):
                occurrence = Occurrence(event, dict(arguments))
                data.events[occurrence.kind] = occurrence
        return data
