"""The processing of a lock's events: each is recorded once, and fired unless it is late."""

from __future__ import annotations

import logging
import time
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..const import CONF_LATE_AFTER, LATE_AFTER
from ..reporting.issues import Issue
from ..signal import Signal
from ..state.deduplicator import EventDeduplicator
from ..state.lock_event import LockEvent
from ..state.lock_state import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..coordinator import LockCoordinator
    from ..miot.app.client import Happened
    from ..miot.client import EventOccurred
    from ..miot.spec import Address
    from ..model.lock_model import LockModel
    from ..reporting.reporter import LockReporter
    from .journal import Journal

_LOGGER = logging.getLogger(__name__)

ABOUT: Final = 60  # seconds by which our clock and the cloud's may differ
TRAVELS: Final = 5  # seconds that an event takes at most if nothing delays it


class EventProcessor:
    """Processes the events of a lock, whatever their source."""

    def __init__(
        self, coordinator: LockCoordinator, journal: Journal, reporter: LockReporter
    ) -> None:
        """Prepare for a lock."""
        self._coordinator = coordinator
        self._journal = journal
        self._reporter = reporter
        options = coordinator.config_entry.options
        self._late_after = 60 * options.get(CONF_LATE_AFTER, LATE_AFTER)
        self._happened: Signal[Address, LockEvent] = Signal()

    @callback
    def async_listen(self, kind: Address, listener: Callable[[LockEvent], object]) -> CALLBACK_TYPE:
        """Call a listener each time an event fires; return a function that stops that."""
        return self._happened.async_listen(kind, listener)

    @callback
    def process(self, message: EventOccurred, now: float) -> None:
        """Record a pushed event once, and fire it unless it is late.

        ``now`` is in Unix seconds. Entities are updated before the event fires, so that listeners
        read the new state.
        """
        lock = self._coordinator
        event = lock.model.spec.events.get(message.address)
        if event is None:
            lock.reject(message.address)
            return
        arguments, wrong = event.understand(message.arguments)
        for address, reason in wrong:
            lock.reject(address, reason)
        lock_event = LockEvent(lock.model, event, arguments, now, message.tid)
        lock.write_event()
        if not lock.data.deduplicator.take(lock_event):
            return
        self._read_clock(lock_event, now)
        if self._take_event(lock_event, now - lock_event.when):
            # A clock that is off by up to two minutes is not corrected for.
            is_late = now - lock_event.when > TRAVELS and not lock.data.clock.is_steady
            implies_values = lock.data.apply_consequences(lock_event, is_late=is_late)
            lock.async_show_news(lock_event)
            self._fire(lock_event)
            if implies_values and is_late:  # What is so by now may be another thing.
                lock.read_soon()

    @callback
    def process_history(self, past: Iterable[Happened]) -> None:
        """Record events from the cloud's history, and update the entities once.

        An event that push missed a moment ago fires like any other. It changes no state: the state
        may have been read since, and is read again.
        """
        lock, now = self._coordinator, time.time()
        missed: list[LockEvent] = []
        remembered = _remembered(lock.model, past, now)
        heard_in_part = self._heard_in_part(remembered)
        for number, lock_event in enumerate(remembered):
            is_new, told = lock.data.deduplicator.take(lock_event), lock_event.when
            if heard := heard_in_part.get(number):
                self._complete(heard, lock_event)
            elif is_new:
                lock_event.when = min(lock.data.clock.was(lock_event.time, told), now)
                if self._take_event(lock_event, now - min(lock_event.when, told)):
                    missed.append(lock_event)
        lock.write_event()
        if missed:
            lock.caught_up_at = now
            if not lock.last_update_success:
                lock.async_update_listeners()  # An event must not make its entity available.
        lock.async_show_news()
        for lock_event in missed:
            self._fire(lock_event)
        if missed:
            lock.in_background(lock.async_request_refresh())

    def _heard_in_part(self, past: list[LockEvent]) -> dict[int, LockEvent]:
        """Return the journal's incomplete versions of past events, by the index of the past event.

        An incomplete version may lack the time, so it can only be recognized by about when it
        arrived: the nearest event of the same kind whose arguments agree is taken.
        """
        pairs: list[tuple[float, int, LockEvent]] = []
        for number, one in enumerate(past):
            around = self._journal.between(one.when - ABOUT, one.when + ABOUT)
            alike = [heard for heard in around if heard.kind == one.kind]
            if one.usable_time is None or any(_is_kept_as(heard, one) for heard in alike):
                continue
            pairs += (
                (abs(heard.when - one.when), number, heard)
                for heard in alike
                if heard.arguments.items() <= one.arguments.items()
            )
        found: dict[int, LockEvent] = {}
        for _, number, heard in sorted(pairs, key=itemgetter(0)):
            if number not in found and heard not in found.values():
                found[number] = heard
        return found

    def _complete(self, heard: LockEvent, lock_event: LockEvent) -> None:
        """Complete an event that was heard in part; it has fired already."""
        data = self._coordinator.data
        lock_event.when = heard.when
        self._journal.replace(heard, lock_event)
        data.record_last(lock_event, heard)
        data.news.add(Topic.JOURNAL)

    def _take_event(self, lock_event: LockEvent, age: float) -> bool:
        """Record an event; return whether it is current. Late events do not fire."""
        lock = self._coordinator
        lock.data.record_last(lock_event)
        self._journal.add(lock_event)
        lock.data.news.add(Topic.JOURNAL)
        if age > self._late_after:
            _LOGGER.debug("%s: an event came late and only counts as history", lock.name)
            return False
        return True

    def _fire(self, lock_event: LockEvent) -> None:
        """Send an event to its listeners."""
        self._happened.async_send((lock_event.kind,), lock_event)

    def _read_clock(self, lock_event: LockEvent, now: float) -> None:
        """Learn the offset of the lock's clock from an event, and correct the event's time."""
        clock = self._coordinator.data.clock
        was_off = clock.is_off
        lock_event.when = clock.when(lock_event.time, now)
        if clock.is_off and not was_off:
            self._reporter.raise_issue(Issue.CLOCK)
        elif was_off and not clock.is_off:
            self._reporter.clear_issue(Issue.CLOCK)


def _remembered(model: LockModel, past: Iterable[Happened], now: float) -> list[LockEvent]:
    """Return the events of the cloud's history without duplicates, in order of the cloud's time."""
    told = (LockEvent(model, one.event, one.arguments, min(one.time, now)) for one in past)
    seen = EventDeduplicator()
    return [one for one in sorted(told, key=lambda one: one.when) if seen.take(one)]


def _is_kept_as(kept: LockEvent, one: LockEvent) -> bool:
    """Return whether two events have the same identity, and times at most a second apart.

    Two services may give the same event times one second apart. False if either has no time.
    """
    if kept.time is None or one.time is None:
        return False
    return abs(kept.time - one.time) <= 1 and kept.identity_suffix == one.identity_suffix
