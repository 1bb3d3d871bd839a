"""The known state of one lock, and how its messages change it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

from orjson import Fragment

from ..miot.errors import InvalidValueError
from ..miot.spec import Address, Event, Value
from ..model.door import UNKNOWN, DoorFacts
from .deduplicator import EventDeduplicator
from .device_clock import LockClock
from .event_row import events_in, row_of
from .expiry import ExpiryRegistry
from .history_gaps import HistoryGaps
from .lock_event import LockEvent
from .serialization import number
from .user_registry import Users

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..miot.spec import Property, Spec
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


# Parts that every version has stored
ALWAYS: Final = frozenset({"pending", "behind", "heard", "contact"})

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
class Unwritten:
    """What has happened at a lock and changed since it was last written down."""

    events: list[LockEvent] = field(default_factory=list)
    replaced: list[LockEvent] = field(default_factory=list)
    """Events that were kept before, and that some of ``events`` replace."""
    values: dict[Address, None] = field(default_factory=dict)
    """The properties whose values changed."""
    parts: Mapping[str, Any] = field(default_factory=dict)
    """The parts of the state that are written as a whole, as they were written last."""


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
    unwritten: Unwritten = field(default_factory=Unwritten, compare=False)
    """What has happened and changed since it was last written down."""
    _told: dict[Address, float] = field(default_factory=dict)
    """When the lock itself last reported each value, in Unix seconds."""
    _read: dict[Address, float] = field(default_factory=dict, compare=False)
    """When the lock reported each value that was read, by the service's clock, in Unix seconds."""
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

    @property
    def batteries(self) -> list[Property]:
        """The levels of the batteries that are there: all that do not say they were removed."""
        return [
            level
            for level, status in self.model.batteries
            if not status
            or (told := self.values.get(status.address)) is None
            or status.key_of(told) != "removed"
        ]

    def last(self, name: str) -> LockEvent | None:
        """Return the last event of a kind by its role or name, None if there is none."""
        event = self.model.event(name)
        return self.events.get(event.address) if event else None

    def shown(self, address: Address) -> Value | None:
        """Return the value to show for a property: the pending one, else the known one."""
        if wanted := self.pending.get(address):
            return wanted.value
        return self.values.get(address)

    def set(
        self,
        address: Address,
        value: Value,
        told: float | None = None,
        updated: float | None = None,
    ) -> None:
        """Take a valid value, and the values of other properties that it implies.

        ``told`` is when the lock itself reported the value, in Unix seconds; None if it was only
        read. Then ``updated`` is when the lock reported it by the service's clock, if that says so.
        A reading that repeats the known value implies nothing: the other property may have been
        reported since.
        """
        tells = told is not None or self.values.get(address) != value
        times, at = (self._read, updated) if told is None else (self._told, told)
        self._set(address, value)
        # A reading proves that the lock has the pending value. A value that it reports may be late.
        if told is None and (wanted := self.pending.get(address)) and wanted.value == value:
            del self.pending[address]
            self.news.add(Topic.CHANGES)
        implied = self.model.meanings.get(address, {}).get(value, ())
        if tells:
            for other, its_value in implied:
                self._set(other, its_value)
        if at is not None:
            times.update(dict.fromkeys((address, *(other for other, _ in implied)), at))

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
        if self.values.pop(address, None) is not None:
            self.unwritten.values[address] = None
        self._door = None
        self.news.add(address)

    def _set(self, address: Address, value: Value) -> None:
        if self.values.get(address) != value:
            self.unwritten.values[address] = None
        self.values[address] = value
        self._door = None
        self.unknown.pop(address, None)
        self.news.add(address)

    def record_last(self, lock_event: LockEvent, heard: LockEvent | None = None) -> None:
        """Keep an event as the last of its kind unless it is older, and apply it to credentials.

        ``heard`` is the incomplete version of it that was recorded before, if there was one.
        """
        last = self.events.get(lock_event.kind)
        if last is None or lock_event.when >= last.when:
            self.events[lock_event.kind] = lock_event
            self.news.add(self.model.spec.events[lock_event.kind])
        self.apply_credentials(lock_event, heard)

    def apply_credentials(self, lock_event: LockEvent, heard: LockEvent | None = None) -> None:
        """Apply an event, or the answer to an action, to users and credentials.

        A use of which ``heard`` told already does not count again.
        """
        if self.users.follow(lock_event):
            # It may tell who did the last operation, even if it is not the last event of its kind.
            self.news.add(Topic.PEOPLE)
        counted = heard and heard.credential and heard.word("lock-action")
        if not counted and self.expiries.follow(lock_event):
            self.news.add(Topic.ENDINGS)

    def apply_consequences(self, lock_event: LockEvent, *, is_late: bool = False) -> bool:
        """Set the properties that an event implies, except those that the lock reported since.

        Return whether it implies any. For a late event, what was read counts too: the service says
        when the lock reported it. For others it does not, since the service's clock may differ from
        ours.
        """
        if self.events.get(lock_event.kind) is not lock_event:
            return False
        action = lock_event.get("lock-action")
        means = () if action is None else self.model.action_meanings.get(action, ())
        for address, new in means:
            told = self._told.get(address, 0)
            if is_late:
                told = max(told, self._read.get(address, 0))
            value = new.get(self.values.get(address, "")) if isinstance(new, dict) else new
            if value is not None and int(told) <= int(lock_event.when):
                self._set(address, value)
        return bool(means)

    def as_dict(self) -> dict[str, Any]:
        """Return the state to keep over a restart, as JSON data.

        Secrets that nothing shows are left out, and so are the identities of events.
        """
        return {
            "values": self._rows(self.values),
            "events": [lock_event.as_list() for lock_event in self.events.values()],
            "users": self.users.as_dict(self.model),
            "endings": self.expiries.as_list(),
            **self._parts(),
        }

    def _rows(self, addresses: Iterable[Address]) -> list[list[Any]]:
        """Return the values of properties as JSON data, null for one that is not known."""
        return [
            [*address, self.values.get(address)]
            for address in addresses
            if address not in self.model.not_stored
        ]

    def _parts(self) -> dict[str, Any]:
        """Return the parts of the state that are small enough to be written after each change."""
        return {
            "pending": [
                [*address, wanted.value, wanted.since, wanted.before]
                for address, wanted in self.pending.items()
            ],
            "undelivered": [list(address) for address in self.undelivered],
            "unread": self.history_gaps.as_dict(),
            "behind": self.clock.behind,
            "heard": self.last_response,
            "contact": self.contact,
        }

    def take_changes(self) -> dict[str, Any]:
        """Return what has happened and changed since the last call, for orjson; empty if nothing.

        ``apply`` takes it once it was read again. Users and expiries are part of it only where an
        event tells of them.
        """
        before, parts = self.unwritten, self._parts()
        handled, self.deduplicator.added = self.deduplicator.added, []
        self.unwritten = Unwritten(parts=parts)
        changes = {
            "events": [Fragment(row_of(one)) for one in before.events],
            "replaced": [Fragment(row_of(one)) for one in before.replaced],
            "handled": handled,
            "values": self._rows(before.values),
        }
        changed = {name: part for name, part in parts.items() if part != before.parts.get(name)}
        return {name: rows for name, rows in changes.items() if rows} | changed

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Apply what ``take_changes`` returned.

        What the specification no longer allows is left out, and what was not written by us.
        """
        try:
            self._apply(changes)
        except (InvalidValueError, LookupError, OverflowError, TypeError, ValueError):
            return

    def _apply(self, changes: Mapping[str, Any]) -> None:
        for siid, piid, value in changes.get("values", ()):
            if (valid := _still_valid(self.model.spec, (siid, piid), value)) is None:
                self.values.pop((siid, piid), None)
            else:
                self.values[siid, piid] = valid
        replaced = {(one.kind, one.when): one for one in self._events_in(changes, "replaced")}
        for lock_event in self._events_in(changes, "events"):
            self.record_last(lock_event, replaced.pop((lock_event.kind, lock_event.when), None))
        self._apply_parts(changes)

    def _events_in(self, changes: Mapping[str, Any], name: str) -> Iterator[LockEvent]:
        return events_in(self.model, changes.get(name))

    def _apply_parts(self, stored: Mapping[str, Any]) -> None:
        """Take the parts that are there; raises as ``_from_dict``."""
        spec = self.model.spec
        if "pending" in stored:
            self.pending = dict(_pending(spec, stored["pending"]))
        if "undelivered" in stored:
            given_up = ((siid, piid) for siid, piid in stored["undelivered"])
            self.undelivered = dict.fromkeys(one for one in given_up if one in spec.properties)
        if "unread" in stored:
            self.history_gaps = HistoryGaps.from_dict(spec, stored["unread"])
        if "behind" in stored:
            self.clock = LockClock(number(stored["behind"]))
        self.last_response = number(stored.get("heard", self.last_response))
        self.contact = number(stored.get("contact", self.contact))

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
        if not isinstance(stored, dict):
            raise TypeError("no object")
        data = cls(model)
        if "users" in stored:
            data.users = Users.from_dict(model, stored["users"])
        # Earlier versions kept the identities of events here.
        data.deduplicator.remember(map(_text, stored.get("handled", ())))
        for siid, piid, value in stored["values"]:
            if (valid := _still_valid(model.spec, (siid, piid), value)) is not None:
                data.values[siid, piid] = valid
        if missing := ALWAYS - stored.keys():
            raise LookupError(f"without {missing}")
        data._apply_parts(stored)
        for event in stored["events"]:
            if lock_event := LockEvent.from_list(model, event):
                data.events[lock_event.kind] = lock_event
        return data


def restored(
    model: LockModel, saved: Any, number_of_saved: int, lines: Sequence[Mapping[str, Any]]
) -> LockData:
    """Return the state that was saved, with all that lines of the log tell since.

    A line has a ``line`` number, what ``LockData.take_changes`` returned, and in ``state`` the
    whole state if it replaces all lines before.
    """
    data = LockData.from_dict(model, saved)
    for line in lines:
        if line["line"] > number_of_saved:
            if "state" in line:
                # Its events are part of the state: a use of a credential counts once.
                data = LockData.from_dict(model, line["state"])
            else:
                data.apply(line)
    for line in lines:
        handled = line.get("handled")
        data.deduplicator.remember(
            one for one in (handled if isinstance(handled, list) else []) if isinstance(one, str)
        )
    data.news.clear()
    data.take_changes()
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
