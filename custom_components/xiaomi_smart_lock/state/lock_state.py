"""What is known of one lock, and what a message of it means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ..miot.errors import InvalidValueError
from ..miot.spec import (
    SPEC,
    Address,
    Event,
    Property,
    Value,
)
from .deduplicator import Handled
from .device_clock import LockClock, says_something
from .expiry import Endings
from .history_gaps import Unread
from .user_registry import (
    Credential,
    Users,
    disguised,
    number,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

OPERATION_METHOD: Final = SPEC.properties[2, 2]

HISTORY_EVENT: Final = (5, 1)
DOOR_STATE: Final = (3, 1021)
LOCK_EVENT: Final = (2, 1020)
EXCEPTION: Final = (2, 1007)
DOORBELL: Final = (21, 1)
DEADBOLT: Final = (2, 7)
CHILD_LOCK: Final = (2, 8)
AWAY_MODE: Final = (18, 10)

type Source = Address | Event
"""What there is news of: a property by its address, an event, or one of those that follow."""

# In a service that no specification has
CONTACT: Final = (0, 1)
CHANGES: Final = (0, 2)
PEOPLE: Final = (0, 3)
ENDINGS: Final = (0, 4)
JOURNAL: Final = (0, 5)

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

# What the cloud remembers for the Mi Home app
IN_HISTORY: Final = frozenset({LOCK_EVENT, EXCEPTION, DOORBELL})

# Events that the lock reports twice, once by each of two services, and the one that is kept.
SAME_EVENT: Final[dict[Address, Address]] = {
    (7, 1006): DOORBELL,
    **{(22, eiid): (4, eiid) for eiid in range(1, 10)},
}

_REPORTED_TWICE: Final = frozenset(SAME_EVENT.values())

# By what two events of the same second are told apart.
_IDENTIFYING: Final = (
    "lock-action",
    "abnormal-condition",
    "user-ids",
    "operation-id",
    "error-code",
    "credential-state",
    "credential-step-current",
    "credential-step-all",
)
_ALIKE: Final = " ".join("-1" for _ in _IDENTIFYING)
_TIMES: Final = ("current-time", "last-history-time")


@dataclass
class Occurrence:
    """An event that happened, with what is understood of its arguments, by piid.

    Where a value list does not have a number, it is there as it came.
    """

    event: Event
    arguments: Mapping[int, Value]
    when: float
    """When it happened by our clock, in Unix seconds; until that is known, when it arrived."""
    tid: int | None = field(default=None, compare=False)
    """The lock's number of the report, where it came with one."""

    @cached_property
    def known_arguments(self) -> list[tuple[Property, Value]]:
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
        """Return an argument's value by its name, None where it is not known."""
        piid = self.event.piids.get(name)
        return None if piid is None else self.arguments.get(piid)

    def listed(self, name: str) -> int | None:
        """Return an argument's value by its name, None where the value list does not have it."""
        value = self.get(name)
        has_it = value is not None and self.argument(name).key_of(value) is not None
        return int(value) if has_it and value is not None else None

    @cached_property
    def time(self) -> int | None:
        """When it happened by the lock's clock, in Unix seconds."""
        for name in _TIMES:
            if (time := self.get(name)) is not None:
                return int(time)
        return None

    @cached_property
    def credential(self) -> Credential | None:
        """The credential by which the lock was operated, None where it was without one."""
        method, operation_id = self.get("operation-method"), self.get("operation-id")
        return Credential(int(method), int(operation_id)) if method and operation_id else None

    @property
    def disguised(self) -> Occurrence:
        """The event as it is shown, whether the credential was used, enrolled or deleted."""
        method = self.get("operation-method")
        if method is None or (shown := disguised(int(method))) == method:
            return self
        piid = self.event.piids["operation-method"]
        return replace(self, arguments={**self.arguments, piid: shown})

    @cached_property
    def kind(self) -> Address:
        """The event's address, the same for events that two services report."""
        return SAME_EVENT.get(self.event.address, self.event.address)

    @property
    def reported_twice(self) -> bool:
        """Whether two services may report it."""
        return self.kind in _REPORTED_TWICE

    @cached_property
    def usable_time(self) -> int | None:
        """When it happened by the lock's clock, None where that says nothing."""
        usable = self.time is not None and says_something(self.time, self.when)
        return self.time if usable else None

    @property
    def told_apart(self) -> str:
        """What tells it from other events of its kind at the same second."""
        if self.event.piids.keys().isdisjoint(_IDENTIFYING):
            return _ALIKE
        identifying = (self.get(name) for name in _IDENTIFYING)
        return " ".join("-1" if value is None else str(int(value)) for value in identifying)

    def as_list(self) -> list[Any]:
        """Return it as JSON allows."""
        return [*self.event.address, list(self.arguments.items()), self.when]

    @classmethod
    def from_list(cls, stored: list[Any]) -> Occurrence | None:
        """Return what was kept, without what the specification no longer allows.

        None where it has no such event; raises what its shape or its values deserve if it was
        not written by us.
        """
        siid, eiid, arguments, when = stored
        if (event := SPEC.events.get((siid, eiid))) is None:
            return None
        items = [{"piid": piid, "value": value} for piid, value in arguments]
        known, _ = event.understand(items)
        return cls(event, known, number(when))


@dataclass(frozen=True, slots=True)
class Pending:
    """A setting that waits for the lock to wake up, and since when, in Unix seconds."""

    value: Value
    since: float
    before: Value | None = None
    """What the lock had when it was asked for, as far as was known."""


@dataclass
class LockData:
    """What is known of one lock: valid values, the last event of each kind, and what waits."""

    values: dict[Address, Value] = field(default_factory=dict)
    events: dict[Address, Occurrence] = field(default_factory=dict)
    pending: dict[Address, Pending] = field(default_factory=dict)
    """In the order in which they were asked for."""
    undelivered: dict[Address, None] = field(default_factory=dict)
    """Settings that waited and were given up, until the lock takes a value of them."""
    handled: Handled = field(default_factory=Handled)
    news: set[Source] = field(default_factory=set)
    """What there is news of since it was last shown."""
    clock: LockClock = field(default_factory=LockClock)
    users: Users = field(default_factory=Users)
    endings: Endings = field(default_factory=Endings)
    unread: Unread = field(default_factory=Unread)
    awake: bool | None = None
    heard: float = 0.0
    """When the lock or the cloud was last heard of, in Unix seconds."""
    contact: float = 0.0
    """When the lock itself was last heard of, in Unix seconds."""
    rejected: Counter[str] = field(default_factory=Counter)
    """How often something came that the specification does not allow, by its address."""
    unknown: dict[Address, float | None] = field(default_factory=dict)
    """Properties whose last value is not understood, and the number that came."""
    spoilt: bool = field(default=False, compare=False)
    """Whether what was kept had another shape than what we write."""
    _told: dict[Address, float] = field(default_factory=dict)
    """When the lock itself told a value, in Unix seconds."""

    def touch(self, contact: float) -> None:
        """Note that the lock itself told something, at a time in Unix seconds."""
        before = self.last_contact
        self.contact = max(self.contact, contact)
        if self.last_contact != before:
            self.news.add(CONTACT)

    @property
    def last_contact(self) -> float | None:
        """When the lock itself was last heard of, to the minute, in Unix seconds."""
        return self.contact // 60 * 60 or None

    def shown(self, address: Address) -> Value | None:
        """Return what is to be shown of a property: what was asked for, else what is known."""
        if wanted := self.pending.get(address):
            return wanted.value
        return self.values.get(address)

    def set(self, address: Address, value: Value, told: float | None = None) -> None:
        """Take a valid value, and what it says of other properties.

        ``told`` is when the lock itself told it; None where it was only read. What was known when
        it was read says nothing new: the other property may have been told since.
        """
        tells = told is not None or self.values.get(address) != value
        self._set(address, value)
        if told is not None:
            self._told[address] = told
        # A reading proves that the lock has what waits for it. What it told may have come late.
        if told is None and (wanted := self.pending.get(address)) and wanted.value == value:
            del self.pending[address]
            self.news.add(CHANGES)
        if tells and address == DOOR_STATE and value in DOOR_STATE_MEANS:
            self._set(*DOOR_STATE_MEANS[value])

    def forget(self, address: Address, number: float | None, told: float | None = None) -> None:
        """Know nothing of a property anymore, since its new value is not understood.

        ``told`` is as in ``set``. What else the door state would say is not known either.
        """
        tells = told is not None or address in self.values or self.unknown.get(address) != number
        self._forget(address)
        self.unknown[address] = number
        if told is not None:
            self._told[address] = told
        if tells and address == DOOR_STATE:
            for other, _ in DOOR_STATE_MEANS.values():
                self._forget(other)

    def _forget(self, address: Address) -> None:
        self.values.pop(address, None)
        self.news.add(address)

    def _set(self, address: Address, value: Value) -> None:
        self.values[address] = value
        self.unknown.pop(address, None)
        self.news.add(address)

    def record(self, occurrence: Occurrence) -> None:
        """Keep an event as the last of its kind, unless it is older."""
        last = self.events.get(occurrence.kind)
        if last is None or occurrence.when >= last.when:
            self.events[occurrence.kind] = occurrence
            self.news.add(SPEC.events[occurrence.kind])
        self.learn(occurrence)

    def learn(self, occurrence: Occurrence) -> None:
        """Take what an event, or the answer to an action, says of users and credentials."""
        if self.users.follow(occurrence):
            # It may tell whose the last operation was, even one that is not the last of its kind.
            self.news.add(PEOPLE)
        if self.endings.follow(occurrence):
            self.news.add(ENDINGS)

    def follow(self, occurrence: Occurrence) -> None:
        """Take what an event says of properties, but for those that the lock told of since."""
        if self.events.get(occurrence.kind) is not occurrence:
            return
        action = int(occurrence.get("lock-action") or 0)
        for address, value, before in LOCK_ACTION_MEANS.get(action, ()):
            told_since = int(self._told.get(address, 0)) > int(occurrence.when)
            if not told_since and (before is None or self.values.get(address) in before):
                self._set(address, value)

    def as_dict(self) -> dict[str, Any]:
        """Return what is worth keeping over a restart, as JSON allows."""
        return {
            "values": [[*address, value] for address, value in self.values.items()],
            "events": [occurrence.as_list() for occurrence in self.events.values()],
            "pending": [
                [*address, wanted.value, wanted.since, wanted.before]
                for address, wanted in self.pending.items()
            ],
            "undelivered": [list(address) for address in self.undelivered],
            "handled": list(self.handled.known),
            "users": self.users.as_dict(),
            "endings": self.endings.as_list(),
            "unread": self.unread.as_dict(),
            "behind": self.clock.behind,
            "heard": self.heard,
            "contact": self.contact,
        }

    @classmethod
    def from_dict(cls, stored: Any) -> LockData:
        """Return what was kept, without what the specification no longer allows.

        What has another shape was not written by us: then nothing is known, but for what is to
        end, which is never forgotten.
        """
        try:
            data = cls._from_dict(stored)
        except (InvalidValueError, LookupError, OverflowError, TypeError, ValueError):
            data = cls(spoilt=True)
        if isinstance(stored, dict):
            data.endings = Endings.from_list(stored.get("endings"))
        return data

    @classmethod
    def _from_dict(cls, stored: Mapping[str, Any]) -> LockData:
        data = cls(
            clock=LockClock(number(stored["behind"])),
            heard=number(stored["heard"]),
            contact=number(stored["contact"]),
        )
        if "users" in stored:
            data.users = Users.from_dict(stored["users"])
        data.handled = Handled(dict.fromkeys(map(_text, stored["handled"])))
        for siid, piid, value in stored["values"]:
            if (valid := _still_valid((siid, piid), value)) is not None:
                data.values[siid, piid] = valid
        data.pending = dict(_pending(stored["pending"]))
        for siid, piid in stored.get("undelivered", ()):
            if (siid, piid) in SPEC.properties:
                data.undelivered[siid, piid] = None
        data.unread = Unread.from_dict(stored.get("unread", Unread().as_dict()))
        for event in stored["events"]:
            if occurrence := Occurrence.from_list(event):
                data.events[occurrence.kind] = occurrence
        return data


def _text(raw: object) -> str:
    """Return a text that was kept; raises TypeError where it is none."""
    if not isinstance(raw, str):
        raise TypeError("no text")
    return raw


def _pending(stored: Iterable[Any]) -> Iterator[tuple[Address, Pending]]:
    # A version before did not keep what the lock had.
    for siid, piid, value, since, *before in stored:
        if (valid := _still_valid((siid, piid), value)) is not None:
            had = _still_valid((siid, piid), before[0]) if before else None
            yield (siid, piid), Pending(valid, number(since), had)


def _still_valid(address: Address, value: object) -> Value | None:
    try:
        return SPEC.properties[address].validate(value)
    except (KeyError, InvalidValueError):
        return None
