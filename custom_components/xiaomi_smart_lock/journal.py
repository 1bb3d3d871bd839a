"""What happened at a lock, kept over a restart."""

from __future__ import annotations

import bisect
import logging
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .miot.errors import InvalidValueError
from .miot.spec import SPEC
from .state import SECRET, Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homeassistant.core import HomeAssistant

    from .miot.spec import Address, Value

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION: Final = 1
SAVE_DELAY: Final = 5  # seconds in which entries are written together

type Entry = tuple[Any, ...]
"""When an event happened, its address, and its arguments in the specification's order, None where
one is not known. So little, since thousands are kept in memory."""

WHEN: Final = itemgetter(0)


class JournalStore(Store[list[Entry]]):
    """Where the journal of a lock is kept, on disk and not for everybody to read."""

    def __init__(self, hass: HomeAssistant, did: str) -> None:
        """Prepare for a lock."""
        super().__init__(hass, STORAGE_VERSION, f"{DOMAIN}.{did}.journal", private=True)

    @override
    async def _async_migrate_func(
        self, old_major_version: int, old_minor_version: int, old_data: Any
    ) -> list[Entry]:
        """Begin anew: another version wrote what we do not understand."""
        return []


class Journal:
    """The events of a lock in the order in which they happened, and not too many.

    It keeps the truth; who shows it has to disguise what is to be disguised.
    """

    def __init__(self, hass: HomeAssistant, did: str, most: int) -> None:
        """Prepare to keep so many entries of a lock at most."""
        self.changes = 0
        """How often something was added."""
        self._most = most
        self._store = JournalStore(hass, did)
        self._sorted: list[Entry] = []
        self._added: list[Occurrence] = []
        self._unsaved = False

    async def async_load(self) -> None:
        """Take what was kept; what cannot be read is no reason not to go on."""
        try:
            stored = await self._store.async_load()
        except (HomeAssistantError, LookupError, TypeError) as error:
            _LOGGER.warning("A journal cannot be read and begins anew: %s", error)
            return
        self._sorted = sorted(map(_entry, _read(stored)), key=WHEN)[-self._most :]

    @property
    def _entries(self) -> list[Entry]:
        """The entries in order; what was added in a burst is put there once it is asked for."""
        if self._added:
            added, self._added = map(_entry, self._added), []
            self._sorted = sorted((*self._sorted, *added), key=WHEN)[-self._most :]
        return self._sorted

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self._entries)

    def add(self, occurrence: Occurrence) -> None:
        """Keep an event, without its secrets."""
        self._added.append(occurrence)
        self.changes += 1
        if not self._unsaved:
            self._unsaved = True
            self._store.async_delay_save(self._as_list, SAVE_DELAY)

    def between(self, start: float, end: float) -> Sequence[Occurrence]:
        """Return what happened from one time on and before another, in Unix seconds, in order."""
        first = bisect.bisect_left(self._entries, start, key=WHEN)
        after = bisect.bisect_left(self._entries, end, key=WHEN)
        return [_occurrence(*entry) for entry in self._entries[first:after]]

    def last(self, kinds: Iterable[Address]) -> Occurrence | None:
        """Return the last event of some kinds."""
        newest_first = (_occurrence(*entry) for entry in reversed(self._entries))
        return next((one for one in newest_first if one.kind in kinds), None)

    async def async_stop(self) -> None:
        """Write down what was not written yet."""
        if self._unsaved:
            await self._store.async_save(self._as_list())

    def _as_list(self) -> list[Entry]:
        self._unsaved = False
        return list(self._entries)


def _entry(occurrence: Occurrence) -> Entry:
    """Return what is kept of an event: all but its secrets."""
    arguments = (
        None if argument.address in SECRET else occurrence.arguments.get(argument.address[1])
        for argument in occurrence.event.arguments
    )
    return (occurrence.when, *occurrence.event.address, *arguments)


def _occurrence(when: float, siid: int, eiid: int, *values: Value | None) -> Occurrence:
    event = SPEC.events[siid, eiid]
    given = zip(event.arguments, values, strict=True)
    known = {argument.address[1]: value for argument, value in given if value is not None}
    return Occurrence(event, known, when)


def _read(stored: object) -> Iterable[Occurrence]:
    """Return what was kept: each for itself, so that nothing takes others with it."""
    for entry in stored if isinstance(stored, list) else []:
        try:
            when, siid, eiid, *values = entry
            piids = (argument.address[1] for argument in SPEC.events[siid, eiid].arguments)
            occurrence = Occurrence.from_list([siid, eiid, zip(piids, values, strict=False), when])
        except (InvalidValueError, LookupError, OverflowError, TypeError, ValueError):
            continue
        if occurrence:
            yield occurrence
