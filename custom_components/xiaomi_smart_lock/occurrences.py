"""The events of one lock: each is taken once, kept, and handed over unless it is an old one."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .const import CONF_LATE_AFTER, LATE_AFTER
from .issues import Issue
from .miot.errors import InvalidValueError
from .miot.spec import SPEC
from .state import JOURNAL, Occurrence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .coordinator import LockCoordinator
    from .miot.app import Happened
    from .miot.client import EventOccurred
    from .miot.spec import Address, Property, Value

type Listener = Callable[[Occurrence], None]

_LOGGER = logging.getLogger(__name__)


class Occurrences:
    """Takes the events of a lock, whoever tells of them."""

    def __init__(self, lock: LockCoordinator) -> None:
        """Prepare for a lock."""
        self._lock = lock
        self._late_after = 60 * lock.config_entry.options.get(CONF_LATE_AFTER, LATE_AFTER)
        self._listeners: dict[Address, list[Listener]] = {}

    @callback
    def async_listen(self, kind: Address, listener: Listener) -> Callable[[], None]:
        """Have an event handed over each time that it happens; returns how to stop that."""
        listeners = self._listeners.setdefault(kind, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    @callback
    def take(self, message: EventOccurred, now: float) -> None:
        """Take an event once, and hand it over to who listens unless it is an old one."""
        lock, event = self._lock, SPEC.events.get(message.address)
        if event is None:
            lock.reject(message.address, "no such event")
            return
        try:
            arguments = self._valid(event.pair(message.arguments))
        except InvalidValueError as error:
            lock.reject(message.address, error)
            return
        occurrence = Occurrence(event, arguments, now, message.tid)
        lock.save_event()
        if not lock.data.handled.take(occurrence):
            return
        self._read_clock(occurrence, now)
        if self._take_event(occurrence, now - occurrence.when):
            lock.data.follow(occurrence)
            self._fire(occurrence)

    @callback
    def take_past(self, past: Iterable[Happened]) -> None:
        """Take events that the cloud remembers, and show at once what that changes.

        What push has missed a moment ago fires like any other. It moves no state: that may have
        been read since, and is read again.
        """
        lock, now = self._lock, time.time()
        missed: list[Occurrence] = []
        for happened in sorted(past, key=lambda happened: happened.time):
            told = min(happened.time, now)
            occurrence = Occurrence(happened.event, happened.arguments, told)
            if lock.data.handled.take(occurrence):
                occurrence.when = min(lock.data.clock.was(occurrence.time, told), now)
                if self._take_event(occurrence, now - min(occurrence.when, told)):
                    missed.append(occurrence)
        lock.save_event()
        for occurrence in missed:
            self._fire(occurrence)
        lock.async_show_news()
        if missed:
            lock.in_background(lock.async_request_refresh())

    def _take_event(self, occurrence: Occurrence, age: float) -> bool:
        """Record an event, and say whether it is one of now; an old one fires nothing."""
        lock = self._lock
        lock.data.record(occurrence)
        lock.journal.add(occurrence)
        lock.data.news.add(JOURNAL)
        if age > self._late_after:
            _LOGGER.debug("%s: an event came late and only counts as history", lock.name)
            return False
        return True

    def _fire(self, occurrence: Occurrence) -> None:
        """Hand an event over to who listens."""
        for listener in self._listeners.get(occurrence.kind, ()):
            listener(occurrence)

    def _read_clock(self, occurrence: Occurrence, now: float) -> None:
        """Learn from an event how far the lock's clock is off, and correct the event's time."""
        clock = self._lock.data.clock
        was_off = clock.is_off
        occurrence.when = clock.when(occurrence.time, now)
        if clock.is_off and not was_off:
            self._lock.tell(Issue.CLOCK)
        elif was_off and not clock.is_off:
            self._lock.settle(Issue.CLOCK)

    def _valid(self, given: Mapping[Property, object]) -> dict[int, Value]:
        """Return the arguments that the specification allows, by piid."""
        arguments: dict[int, Value] = {}
        for argument, raw in given.items():
            try:
                arguments[argument.address[1]] = argument.validate(raw)
            except InvalidValueError as error:
                self._lock.reject(argument.address, error)
        return arguments
