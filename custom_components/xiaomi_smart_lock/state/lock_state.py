"""What is known of one lock, and what a message of it means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from ..miot.errors import InvalidValueError
from ..miot.spec import Address, Event, Value
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
    """What there is news of beside properties and events."""

    CONTACT = auto()
    """When the lock itself was last heard of."""
    CHANGES = auto()
    """The settings that wait."""
    PEOPLE = auto()
    """Whose a credential is."""
    ENDINGS = auto()
    """The credentials that are to end."""
    JOURNAL = auto()
    """What happened."""


type Source = Address | Event | Topic
"""What there is news of: a property by its address, an event, or a topic."""


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

    model: LockModel = field(repr=False)
    values: dict[Address, Value] = field(default_factory=dict)
    events: dict[Address, LockEvent] = field(default_factory=dict)
    pending: dict[Address, Pending] = field(default_factory=dict)
    """In the order in which they were asked for."""
    undelivered: dict[Address, None] = field(default_factory=dict)
    """Settings that waited and were given up, until the lock takes a value of them."""
    deduplicator: EventDeduplicator = field(default_factory=EventDeduplicator)
    news: set[Source] = field(default_factory=set)
    """What there is news of since it was last shown."""
    clock: LockClock = field(default_factory=LockClock)
    users: Users = field(default_factory=Users)
    expiries: ExpiryRegistry = field(default_factory=ExpiryRegistry)
    history_gaps: HistoryGaps = field(default_factory=HistoryGaps)
    awake: bool | None = None
    last_response: float = 0.0
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

    def record_contact(self, contact: float) -> None:
        """Note that the lock itself told something, at a time in Unix seconds."""
        before = self.last_contact
        self.contact = max(self.contact, contact)
        if self.last_contact != before:
            self.news.add(Topic.CONTACT)

    @property
    def last_contact(self) -> float | None:
        """When the lock itself was last heard of, to the minute, in Unix seconds."""
        return self.contact // 60 * 60 or None

    def known(self, name: str) -> Value | None:
        """Return what is known of a property, by its role or name."""
        prop = self.model.property(name)
        return self.values.get(prop.address) if prop else None

    def word(self, name: str) -> str | None:
        """Return the key of what is known of a property, None where nothing is."""
        prop = self.model.property(name)
        value = self.values.get(prop.address) if prop else None
        return None if prop is None or value is None else prop.key_of(value)

    def last(self, name: str) -> LockEvent | None:
        """Return the last event of a kind, by its role or name."""
        event = self.model.event(name)
        return self.events.get(event.address) if event else None

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
            self.news.add(Topic.CHANGES)
        if tells and (meant := self.model.meanings.get(address, {}).get(value)):
            self._set(*meant)

    def forget(self, address: Address, number: float | None, told: float | None = None) -> None:
        """Know nothing of a property anymore, since its new value is not understood.

        ``told`` is as in ``set``. What else it would say is not known either.
        """
        tells = told is not None or address in self.values or self.unknown.get(address) != number
        self._forget(address)
        self.unknown[address] = number
        if told is not None:
            self._told[address] = told
        if tells:
            for other, _ in self.model.meanings.get(address, {}).values():
                self._forget(other)

    def _forget(self, address: Address) -> None:
        self.values.pop(address, None)
        self.news.add(address)

    def _set(self, address: Address, value: Value) -> None:
        self.values[address] = value
        self.unknown.pop(address, None)
        self.news.add(address)

    def record_last(self, lock_event: LockEvent) -> None:
        """Keep an event as the last of its kind, unless it is older."""
        last = self.events.get(lock_event.kind)
        if last is None or lock_event.when >= last.when:
            self.events[lock_event.kind] = lock_event
            self.news.add(self.model.spec.events[lock_event.kind])
        self.apply_credentials(lock_event)

    def apply_credentials(self, lock_event: LockEvent) -> None:
        """Take what an event, or the answer to an action, says of users and credentials."""
        if self.users.follow(lock_event):
            # It may tell whose the last operation was, even one that is not the last of its kind.
            self.news.add(Topic.PEOPLE)
        if self.expiries.follow(lock_event):
            self.news.add(Topic.ENDINGS)

    def apply_consequences(self, lock_event: LockEvent) -> None:
        """Take what an event says of properties, but for those that the lock told of since."""
        if self.events.get(lock_event.kind) is not lock_event:
            return
        action = lock_event.get("lock-action")
        means = () if action is None else self.model.action_meanings.get(action, ())
        for address, value, before in means:
            told_since = int(self._told.get(address, 0)) > int(lock_event.when)
            if not told_since and (before is None or self.values.get(address) in before):
                self._set(address, value)

    def as_dict(self) -> dict[str, Any]:
        """Return what is worth keeping over a restart, as JSON allows."""
        return {
            "values": [[*address, value] for address, value in self.values.items()],
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
        """Return what was kept, without what the specification no longer allows.

        What has another shape was not written by us: then nothing is known, but for what is to
        end, which is never forgotten.
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
    """Return a text that was kept; raises TypeError where it is none."""
    if not isinstance(raw, str):
        raise TypeError("no text")
    return raw


def _pending(spec: Spec, stored: Iterable[Any]) -> Iterator[tuple[Address, Pending]]:
    # A version before did not keep what the lock had.
    for siid, piid, value, since, *before in stored:
        if (valid := _still_valid(spec, (siid, piid), value)) is not None:
            had = _still_valid(spec, (siid, piid), before[0]) if before else None
            yield (siid, piid), Pending(valid, number(since), had)


def _still_valid(spec: Spec, address: Address, value: object) -> Value | None:
    try:
        return spec.properties[address].validate(value)
    except (KeyError, InvalidValueError):
        return None
