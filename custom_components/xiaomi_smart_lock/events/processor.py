"""The events of one lock: each is taken once, kept, and handed over unless it is an old one."""

from __future__ import annotations

import logging
import time
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from ..const import CONF_LATE_AFTER, LATE_AFTER
from ..miot.spec import SPEC
from ..reporting.issues import Issue
from ..state.deduplicator import Handled
from ..state.lock_state import JOURNAL, Occurrence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..coordinator import LockCoordinator
    from ..miot.app.client import Happened
    from ..miot.client import EventOccurred
    from ..miot.spec import Address

type Listener = Callable[[Occurrence], None]

_LOGGER = logging.getLogger(__name__)

ABOUT: Final = 60  # seconds by which our clock and the cloud's, together, may be off


class Occurrences:
    """Takes the events of a lock, whoever tells of them."""

    def __init__(self, lock: LockCoordinator) -> None:
        """Prepare for a lock."""
        self._lock = lock
        self._late_after = 60 * lock.config_entry.options.get(CONF_LATE_AFTER, LATE_AFTER)
        self._listeners: dict[Address, list[Listener]] = {}
        self.caught_up = 0.0
        """When an event of now was last known of only afterwards, in Unix seconds."""

    @callback
    def async_listen(self, kind: Address, listener: Listener) -> Callable[[], None]:
        """Have an event handed over each time that it happens; returns how to stop that."""
        listeners = self._listeners.setdefault(kind, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    @callback
    def take(self, message: EventOccurred, now: float) -> None:
        """Take an event once, and hand it over to who listens unless it is an old one.

        What it changes is shown before, so that who acts on it reads what is so by then.
        """
        lock, event = self._lock, SPEC.events.get(message.address)
        if event is None:
            lock.reject(message.address, "no such event")
            return
        arguments, wrong = event.understand(message.arguments)
        for address, reason in wrong:
            lock.reject(address, reason)
        occurrence = Occurrence(event, arguments, now, message.tid)
        lock.save_event()
        if not lock.data.handled.take(occurrence):
            return
        self._read_clock(occurrence, now)
        if self._take_event(occurrence, now - occurrence.when):
            lock.data.follow(occurrence)
            lock.async_show_news()
            self._fire(occurrence)

    @callback
    def take_past(self, past: Iterable[Happened]) -> None:
        """Take events that the cloud remembers, and show at once what that changes.

        What push has missed a moment ago fires like any other. It moves no state: that may have
        been read since, and is read again.
        """
        lock, now = self._lock, time.time()
        missed: list[Occurrence] = []
        remembered = _remembered(past, now)
        heard_in_part = self._heard_in_part(remembered)
        for number, occurrence in enumerate(remembered):
            is_new, told = lock.data.handled.take(occurrence), occurrence.when
            if heard := heard_in_part.get(number):
                self._complete(heard, occurrence)
            elif is_new:
                occurrence.when = min(lock.data.clock.was(occurrence.time, told), now)
                if self._take_event(occurrence, now - min(occurrence.when, told)):
                    missed.append(occurrence)
        lock.save_event()
        if missed:
            self.caught_up = now
            if not lock.last_update_success:
                lock.async_update_listeners()  # An event must not make its entity available.
        lock.async_show_news()
        for occurrence in missed:
            self._fire(occurrence)
        if missed:
            lock.in_background(lock.async_request_refresh())

    def _heard_in_part(self, past: list[Occurrence]) -> dict[int, Occurrence]:
        """Return what was heard of past events but in part, by their place in the list.

        Without a time, nothing but about when it was tells so: what is nearest is the same.
        """
        pairs: list[tuple[float, int, Occurrence]] = []
        for number, one in enumerate(past):
            around = self._lock.journal.between(one.when - ABOUT, one.when + ABOUT)
            alike = [heard for heard in around if heard.kind == one.kind]
            if one.usable_time is None or any(_is_kept_as(heard, one) for heard in alike):
                continue
            pairs += (
                (abs(heard.when - one.when), number, heard)
                for heard in alike
                if heard.arguments.items() <= one.arguments.items()
            )
        found: dict[int, Occurrence] = {}
        for _, number, heard in sorted(pairs, key=itemgetter(0)):
            if number not in found and heard not in found.values():
                found[number] = heard
        return found

    def _complete(self, heard: Occurrence, occurrence: Occurrence) -> None:
        """Know all of an event that was heard in part; it has fired already."""
        lock = self._lock
        occurrence.when = heard.when
        lock.journal.replace(heard, occurrence)
        if occurrence.told_apart != heard.told_apart:
            lock.data.record(occurrence)
            lock.data.news.add(JOURNAL)

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


def _remembered(past: Iterable[Happened], now: float) -> list[Occurrence]:
    """Return each event that the cloud remembers once, in order, at the time it was told."""
    told = (Occurrence(one.event, one.arguments, min(one.time, now)) for one in past)
    seen = Handled()
    return [one for one in sorted(told, key=lambda one: one.when) if seen.take(one)]


def _is_kept_as(kept: Occurrence, one: Occurrence) -> bool:
    """Say whether an event is in the journal with its time, as one of two services told it."""
    if kept.time is None or one.time is None:
        return False
    return abs(kept.time - one.time) <= 1 and kept.told_apart == one.told_apart
