"""The journal: a lock's events, kept over a restart."""

from __future__ import annotations

import asyncio
import math
from array import array
from bisect import bisect_left, bisect_right
from itertools import batched
from typing import TYPE_CHECKING, Final

from ..state.event_row import event_of, row_of, rows_in
from ..store import async_journal_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..coordinator import LockCoordinator
    from ..lock_log import Line
    from ..miot.spec import Address
    from ..state.event_row import Row
    from ..state.lock_event import LockEvent

AT_ONCE: Final = 50
"""Events of which something is told in one turn of the event loop; each takes some 50 µs."""


class Journal:
    """The events of a lock in order of time, limited in number.

    Events are stored unmasked; use ``.masked`` for display.
    """

    def __init__(self, coordinator: LockCoordinator, most: int) -> None:
        """Prepare to keep at most ``most`` events of a lock."""
        self.changes = 0
        """How often an event was added."""
        self._lock = coordinator
        self._model = coordinator.model
        self._most = most
        self._times = array("d")
        self._rows: list[Row] = []
        """The events in order, and their times in ``_times``."""
        self._added: list[LockEvent] = []
        coordinator.kept_events = self._all_rows

    async def async_load(self, lines: Sequence[Line]) -> bool:
        """Load the events from lines of the log, or from the file of an earlier version.

        Returns False if that file is unreadable; it is put aside then.
        """
        store = async_journal_store(self._lock.hass, self._lock.session.did)
        whole, is_old = True, not lines
        if is_old:
            stored = await store.async_load()
            if store.unreadable or not isinstance(stored, list | None):
                await store.async_put_aside()
                whole = False
            lines = [{"events": stored}]
        found = await self._lock.hass.async_add_executor_job(rows_in, self._model, lines)
        self._times = array("d", (when for when, _ in found[-self._most :]))
        self._rows = [row for _, row in found[-self._most :]]
        if is_old and (found or self._lock.data.deduplicator.known or not whole):
            is_written = await self._lock.async_rewrite_log()
            if whole and is_written:
                await store.async_remove()
        return whole

    def _all_rows(self) -> list[Row]:
        """Return the events in order; those that were added in a burst are sorted in only here."""
        self._settle()
        return self._rows

    def _settle(self) -> None:
        """Sort in the added events, and drop the oldest beyond the limit."""
        added, self._added = self._added, []
        for lock_event in added:
            place = bisect_right(self._times, lock_event.when)
            self._times.insert(place, lock_event.when)
            self._rows.insert(place, row_of(lock_event))
        del self._times[: -self._most], self._rows[: -self._most]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._all_rows())

    def add(self, lock_event: LockEvent) -> None:
        """Add an event, which the coordinator writes down without its secrets."""
        self._added.append(lock_event)
        if len(self._added) > self._most:
            self._settle()
        self.changes += 1
        self._lock.data.unwritten.events.append(lock_event)

    def replace(self, kept: LockEvent, lock_event: LockEvent) -> None:
        """Keep an event instead of one that was added before."""
        row = row_of(kept)
        if row in self._all_rows():
            place = self._rows.index(row)
            del self._times[place], self._rows[place]
        self._lock.data.unwritten.replaced.append(kept)
        self.add(lock_event)

    def between(self, start: float, end: float) -> Sequence[LockEvent]:
        """Return the events from a start until before an end, in Unix seconds, in order."""
        return list(self._read_in_order(self._between(start, end)))

    def newest_first(self, start: float = -math.inf, end: float = math.inf) -> Iterator[LockEvent]:
        """Yield the events from a start until before an end, in Unix seconds, the newest first."""
        return self._read_in_order(reversed(self._between(start, end)))

    def last(self, kinds: Iterable[Address]) -> LockEvent | None:
        """Return the last event of some kinds, None if there is none."""
        return next((one for one in self.newest_first() if one.kind in kinds), None)

    def _between(self, start: float, end: float) -> list[Row]:
        rows = self._all_rows()
        return rows[bisect_left(self._times, start) : bisect_left(self._times, end)]

    def _read_in_order(self, rows: Iterable[Row]) -> Iterator[LockEvent]:
        return (event_of(self._model, row) for row in rows)


async def async_lines[Line](
    events: Iterable[LockEvent], lines_of: Callable[[LockEvent], Iterable[Line]], most: int
) -> list[Line]:
    """Return what is told of many events, at most ``most`` lines.

    Home Assistant does other things in between.
    """
    lines: list[Line] = []
    for some in batched(events, AT_ONCE):  # noqa: B911  the last one has fewer
        for lock_event in some:
            lines += lines_of(lock_event)
        if len(lines) >= most:
            break
        await asyncio.sleep(0)
    return lines[:most]
