"""The known state of one lock, and how its messages change it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from ..miot.errors import InvalidValueError
from ..miot.spec import Address, Event, Value
from ..model.door import UNKNOWN, DoorFacts
from .deduplicator import EventDeduplicator
from .device_clock import LockClock
from .expiry import ExpiryRegistry
from .history_gaps import HistoryGaps
from .lock_event import LockEvent
from .serialization import number
from .user_registry import Users

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..miot.spec import Spec
    from ..model.lock_model import LockModel


class Topic(Enum):
    """Topics of news, besides properties and events."""

    CONTACT = auto()
    """The time when the lock itself was last heard from."""
    CHANGES = auto()
    """The pending settings."""
    PEOPLE = auto()
    """The owners of credentials."""
    ENDINGS = auto()
    """The credentials that expire."""
    JOURNAL = auto()
    """The events that happened."""


type Source = Address | Event | Topic
"""A source of news: a property by its address, an event, or a topic."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A setting that waits for the lock to wake up, and since when, in Unix seconds."""

    value: Value
    since: float
    before: Value | None = None
    """The lock's value when the setting was requested, None if it was not known."""


@dataclass
class LockData:
    """The known state of one lock: valid values, the last events by kind, and pending settings."""

    model: LockModel = field(repr=False)
    values: dict[Address, Value] = field(default_factory=dict)
    events: dict[Address, LockEvent] = field(default_factory=dict)
    pending: dict[Address, Pending] = field(default_factory=dict)
    """Pending settings, in the order in which they were requested."""
    undelivered: dict[Address, None] = field(default_factory=dict)
    """Pending settings that were given up, until the lock accepts a value for them."""
    deduplicator: EventDeduplicator = field(default_factory=EventDeduplicator)
    news: set[Source] = field(default_factory=set)
    """The sources that have news since the entities were last updated."""
    clock: LockClock = field(default_factory=LockClock)
    users: Users = field(default_factory=Users)
    expiries: ExpiryRegistry = field(default_factory=ExpiryRegistry)
    history_gaps: HistoryGaps = field(default_factory=HistoryGaps)
    awake: bool | None = None
    last_response: float = 0.0
    """When the lock or the cloud was last heard from, in Unix seconds."""
    contact: float = 0.0
    """When the lock itself was last heard from, in Unix seconds."""
    rejected: Counter[str] = field(default_factory=Counter)
    """How often something arrived that the specification does not allow, by address; not saved."""
    unknown: dict[Address, float | None] = field(default_factory=dict)
    """Properties whose last value was not understood, with the number that came, if any."""
    spoilt: bool = field(default=False, compare=False)
    """Whether the stored data had a shape that we do not write."""
    _told: dict[Address, float] = field(default_factory=dict)
    """When the lock itself last reported each value, in Unix seconds."""
    _door: DoorFacts | None = field(default=None, compare=False)
    """What is known of the door, None if that has to be found out again."""

    def record_contact(self, contact: float) -> None:
        """Note that the lock itself reported something, at a time in Unix seconds."""
        before = self.last_contact
        self.contact = max(self.contact, contact)
        if self.last_contact != before:
            self.news.add(Topic.CONTACT)

    @property
    def last_contact(self) -> float | None:
        """When the lock was last heard from, to the minute, in Unix seconds; None if never."""
        return self.contact // 60 * 60 or None

    def known(self, name: str) -> Value | None:
        """Return the known value of a property by its role or name, None if there is none."""
        prop = self.model.property(name)
        return self.values.get(prop.address) if prop else None

    def word(self, name: str) -> str | None:
        """Return the key of a property's known value, None if there is none."""
        prop = self.model.property(name)
        value = self.values.get(prop.address) if prop else None
        return None if prop is None or value is None else prop.key_of(value)

    @property
    def door(self) -> DoorFacts:
        """What is known of the door: the bolt, the door, the deadbolt and the child lock."""
        if self._door is None:
            told = [
                values.get(self.values.get(address, ""), UNKNOWN)
                for address, values in self.model.door_facts.items()
            ]
            facts = zip(*told, strict=True)
            known = (next((one for one in fact if one is not None), None) for fact in facts)
            self._door = DoorFacts(*known)
        return self._door

    def last(self, name: str) -> LockEvent | None:
        """Return the last event of a kind by its role or name, None if there is none."""
        event = self.model.event(name)
        return self.events.get(event.address) if event else None

    def shown(self, address: Address) -> Value | None:
        """Return the value to show for a property: the pending one, else the known one."""
        if wanted := self.pending.get(address):
            return wanted.value
        return self.values.get(address)

    def set(self, address: Address, value: Value, told: float | None = None) -> None:
        """Take a valid value, and the values of other properties that it implies.

        ``told`` is when the lock itself reported the value, in Unix seconds; None if it was only
        read. A reading that repeats the known value implies nothing: the other property may have
        been reported since.
        """
        tells = told is not None or self.values.get(address) != value
        self._set(address, value)
        if told is not None:
            self._told[address] = told
        # A reading proves that the lock has the pending value. A value that it reports may be late.
        if told is None and (wanted := self.pending.get(address)) and wanted.value == value:
            del self.pending[address]
            self.news.add(Topic.CHANGES)
        if tells:
            for other, implied in self.model.meanings.get(address, {}).get(value, ()):
                self._set(other, implied)

    def forget(self, address: Address, number: float | None, told: float | None = None) -> None:
        """Forget the value of a property, since its new value was not understood.

        ``number`` is the number that came, if any. ``told`` is as in ``set``. The values that it
        would imply for other properties are forgotten too.
        """
        tells = told is not None or address in self.values or self.unknown.get(address) != number
        self._forget(address)
        self.unknown[address] = number
        if told is not None:
            self._told[address] = told
        if tells:
            meant = self.model.meanings.get(address, {}).values()
            for other in {other for meanings in meant for other, _ in meanings}:
                self._forget(other)

    def _forget(self, address: Address) -> None:
        self.values.pop(address, None)
        self._door = None
        self.news.add(address)

    def _set(self, address: Address, value: Value) -> None:
        self.values[address] = value
        self._door = None
        self.unknown.pop(address, None)
        self.news.add(address)

    def record_last(self, lock_event: LockEvent) -> None:
        """Keep an event as the last of its kind unless it is older, and apply it to credentials."""
        last = self.events.get(lock_event.kind)
        if last is None or lock_event.when >= last.when:
            self.events[lock_event.kind] = lock_event
            self.news.add(self.model.spec.events[lock_event.kind])
        self.apply_credentials(lock_event)

    def apply_credentials(self, lock_event: LockEvent) -> None:
        """Apply an event, or the answer to an action, to users and credentials."""
        if self.users.follow(lock_event):
            # It may tell who did the last operation, even if it is not the last event of its kind.
            self.news.add(Topic.PEOPLE)
        if self.expiries.follow(lock_event):
            self.news.add(Topic.ENDINGS)

    def apply_consequences(self, lock_event: LockEvent) -> None:
        """Set the properties that an event implies, except those that the lock reported since."""
        if self.events.get(lock_event.kind) is not lock_event:
            return
        action = lock_event.get("lock-action")
        means = () if action is None else self.model.action_meanings.get(action, ())
        for address, value, before in means:
            told_since = int(self._told.get(address, 0)) > int(lock_event.when)
            if not told_since and (before is None or self.values.get(address) in before):
                self._set(address, value)

    def as_dict(self) -> dict[str, Any]:
        """Return the state to keep over a restart, as JSON data.

        Secrets that nothing shows are left out.
        """
        return {
            "values": [
                [*address, value]
                for address, value in self.values.items()
                if address not in self.model.not_stored
            ],
            "events": [lock_event.as_list() for lock_event in self.events.values()],
            "pending": [
                [*address, wanted.value, wanted.since, wanted.before]
                for address, wanted in self.pending.items()
            ],
            "undelivered": [list(address) for address in self.undelivered],
            "handled": list(self.deduplicator.known),
            "users": self.users.as_dict(self.model),
            "endings": self.expiries.as_list(),
            "unread": self.history_gaps.as_dict(),
            "behind": self.clock.behind,
            "heard": self.last_response,
            "contact": self.contact,
        }

    @classmethod
    def from_dict(cls, model: LockModel, stored: Any) -> LockData:
        """Return the stored data, without what the specification no longer allows.

        Data of another shape was not written by us: it is ignored except for the expiries, which
        must never be forgotten.
        """
        try:
            data = cls._from_dict(model, stored)
        except (InvalidValueError, LookupError, OverflowError, TypeError, ValueError):
            data = cls(model, spoilt=True)
        if isinstance(stored, dict):
            data.expiries = ExpiryRegistry.from_list(model, stored.get("endings"))
        return data

    @classmethod
    def _from_dict(cls, model: LockModel, stored: Mapping[str, Any]) -> LockData:
        spec = model.spec
        data = cls(
            model,
            clock=LockClock(number(stored["behind"])),
            last_response=number(stored["heard"]),
            contact=number(stored["contact"]),
        )
        if "users" in stored:
            data.users = Users.from_dict(model, stored["users"])
        data.deduplicator = EventDeduplicator(dict.fromkeys(map(_text, stored["handled"])))
        for siid, piid, value in stored["values"]:
            if (valid := _still_valid(spec, (siid, piid), value)) is not None:
                data.values[siid, piid] = valid
        data.pending = dict(_pending(spec, stored["pending"]))
        for siid, piid in stored.get("undelivered", ()):
            if (siid, piid) in spec.properties:
                data.undelivered[siid, piid] = None
        data.history_gaps = HistoryGaps.from_dict(
            spec, stored.get("unread", HistoryGaps().as_dict())
        )
        for event in stored["events"]:
            if lock_event := LockEvent.from_list(model, event):
                data.events[lock_event.kind] = lock_event
        return data


def _text(raw: object) -> str:
    """Return a stored text; raises TypeError if it is not a text."""
    if not isinstance(raw, str):
        raise TypeError("no text")
    return raw


def _pending(spec: Spec, stored: Iterable[Any]) -> Iterator[tuple[Address, Pending]]:
    # An earlier version did not store the value from before.
    for siid, piid, value, since, *before in stored:
        if (valid := _still_valid(spec, (siid, piid), value)) is not None:
            had = _still_valid(spec, (siid, piid), before[0]) if before else None
            yield (siid, piid), Pending(valid, number(since), had)


def _still_valid(spec: Spec, address: Address, value: object) -> Value | None:
    try:
        return spec.properties[address].validate(value)
    except (KeyError, InvalidValueError):
        return None
