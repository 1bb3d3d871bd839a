"""The journal: a lock's events, kept over a restart."""

from __future__ import annotations

import asyncio
import bisect
import math
from itertools import batched
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback

from ..miot.errors import InvalidValueError
from ..state.lock_event import LockEvent
from ..store import async_journal_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from homeassistant.core import HomeAssistant

    from ..miot.spec import Address, Value
    from ..model.lock_model import LockModel

SAVE_DELAY: Final = 5  # seconds in which entries are written together

AT_ONCE: Final = 50
"""Events of which something is told in one turn of the event loop; each takes some 50 µs."""

type Entry = tuple[Any, ...]
"""An event's time, its address, and its arguments in the specification's order (None: unknown).

Entries are this small because thousands of them are kept in memory.
"""

WHEN: Final = itemgetter(0)


class Journal:
    """The events of a lock in order of time, limited in number.

    Events are stored unmasked; use ``.masked`` for display.
    """

    def __init__(self, hass: HomeAssistant, did: str, model: LockModel, most: int) -> None:
        """Prepare to keep at most ``most`` events of a lock."""
        self.changes = 0
        """How often an event was added."""
        self._model = model
        self._most = most
        self._store = async_journal_store(hass, did)
        self._sorted: list[Entry] = []
        self._added: list[LockEvent] = []
        self._unsaved = False
        self._stopped = False

    async def async_load(self) -> bool:
        """Load the stored events; return False if the file is unreadable, and put it aside then."""
        stored = await self._store.async_load()
        self._sorted = sorted(map(_entry, _read(self._model, stored)), key=WHEN)[-self._most :]
        if self._store.unreadable or not isinstance(stored, list | None):
            await self._store.async_put_aside()
            await self._store.async_save([])
            return False
        return True

    @property
    def _entries(self) -> list[Entry]:
        """The entries in order; events that were added in a burst are sorted in only here."""
        self._settle()
        return self._sorted

    def _settle(self) -> None:
        """Sort in the added events, and drop the oldest beyond the limit."""
        added, self._added = map(_entry, self._added), []
        for entry in added:
            bisect.insort(self._sorted, entry, key=WHEN)
        del self._sorted[: -self._most]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._entries)

    def add(self, lock_event: LockEvent) -> None:
        """Store an event, without its secrets."""
        self._added.append(lock_event)
        if len(self._added) > self._most:
            self._settle()
        self.changes += 1
        if not self._unsaved and not self._stopped:
            self._unsaved = True
            self._store.async_delay_save(self._as_list, SAVE_DELAY)

    def replace(self, kept: LockEvent, lock_event: LockEvent) -> None:
        """Store an event instead of one that was stored before."""
        self._sorted = [entry for entry in self._entries if entry != _entry(kept)]
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

    def _between(self, start: float, end: float) -> list[Entry]:
        entries = self._entries
        first = bisect.bisect_left(entries, start, key=WHEN)
        after = bisect.bisect_left(entries, end, key=WHEN)
        return entries[first:after]

    def _read_in_order(self, entries: Iterable[Entry]) -> Iterator[LockEvent]:
        return (_lock_event(self._model, *entry) for entry in entries)

    async def async_stop(self) -> None:
        """Write unsaved entries, and write nothing afterwards."""
        if self._unsaved:
            await self._store.async_save(self._as_list())
        self._stopped = True

    @callback
    def async_abandon(self) -> None:
        """Cancel pending writes, unless already stopped: a later instance may have newer data."""
        if not self._stopped:
            self._stopped = True
            self._store.async_cancel()

    def _as_list(self) -> list[Entry]:
        self._unsaved = False
        return list(self._entries)


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


def _entry(lock_event: LockEvent) -> Entry:
    """Return the entry of an event, without its secrets."""
    secret = lock_event.model.secret
    arguments = (
        None if argument.address in secret else lock_event.arguments.get(argument.address[1])
        for argument in lock_event.event.arguments
    )
    return (lock_event.when, *lock_event.event.address, *arguments)


def _lock_event(
    model: LockModel, when: float, siid: int, eiid: int, *values: Value | None
) -> LockEvent:
    event = model.spec.events[siid, eiid]
    given = zip(event.arguments, values, strict=True)
    known = {argument.address[1]: value for argument, value in given if value is not None}
    return LockEvent(model, event, known, when)


def _read(model: LockModel, stored: object) -> Iterable[LockEvent]:
    """Return the stored events; invalid entries are skipped one by one."""
    for entry in stored if isinstance(stored, list) else []:
        try:
            when, siid, eiid, *values = entry
            piids = (one.address[1] for one in model.spec.events[siid, eiid].arguments)
            arguments = zip(piids, values, strict=False)
            lock_event = LockEvent.from_list(model, [siid, eiid, arguments, when])
        except (InvalidValueError, LookupError, OverflowError, TypeError, ValueError):
            continue
        if lock_event:
            yield lock_event
