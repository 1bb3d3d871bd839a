"""What happened at a lock, kept over a restart."""

from __future__ import annotations

import bisect
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .miot.errors import InvalidValueError
from .state import SECRET, Occurrence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homeassistant.core import HomeAssistant

    from .miot.spec import Address

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION: Final = 1
SAVE_DELAY: Final = 5  # seconds in which entries are written together


class JournalStore(Store[list[list[Any]]]):
    """Where the journal of a lock is kept, on disk and not for everybody to read."""

    def __init__(self, hass: HomeAssistant, did: str) -> None:
        """Prepare for a lock."""
        super().__init__(hass, STORAGE_VERSION, f"{DOMAIN}.{did}.journal", private=True)

    @override
    async def _async_migrate_func(
        self, old_major_version: int, old_minor_version: int, old_data: Any
    ) -> list[list[Any]]:
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
        self._entries: list[Occurrence] = []
        self._unsaved = False

    async def async_load(self) -> None:
        """Take what was kept; what cannot be read is no reason not to go on."""
        try:
            stored = await self._store.async_load()
        except (HomeAssistantError, LookupError, TypeError) as error:
            _LOGGER.warning("A journal cannot be read and begins anew: %s", error)
            return
        self._entries = sorted(_read(stored), key=_when)[-self._most :]

    def add(self, occurrence: Occurrence) -> None:
        """Keep an event, without its secrets."""
        siid, _ = occurrence.event.address
        arguments = {
            piid: value
            for piid, value in occurrence.arguments.items()
            if (siid, piid) not in SECRET
        }
        bisect.insort(self._entries, replace(occurrence, arguments=arguments), key=_when)
        del self._entries[: -self._most]
        self.changes += 1
        if not self._unsaved:
            self._unsaved = True
            self._store.async_delay_save(self._as_list, SAVE_DELAY)

    def between(self, start: float, end: float) -> Sequence[Occurrence]:
        """Return what happened from one time on and before another, in Unix seconds, in order."""
        first = bisect.bisect_left(self._entries, start, key=_when)
        return self._entries[first : bisect.bisect_left(self._entries, end, key=_when)]

    def last(self, kinds: Iterable[Address]) -> Occurrence | None:
        """Return the last event of some kinds."""
        newest_first = reversed(self._entries)
        return next((one for one in newest_first if one.kind in kinds), None)

    async def async_stop(self) -> None:
        """Write down what was not written yet."""
        if self._unsaved:
            await self._store.async_save(self._as_list())

    def _as_list(self) -> list[list[Any]]:
        self._unsaved = False
        return [occurrence.as_list() for occurrence in self._entries]


def _when(occurrence: Occurrence) -> float:
    return occurrence.when


def _read(stored: object) -> Iterable[Occurrence]:
    """Return what was kept: each for itself, so that nothing takes others with it."""
    for entry in stored if isinstance(stored, list) else []:
        try:
            occurrence = Occurrence.from_list(entry)
        except (InvalidValueError, LookupError, OverflowError, TypeError, ValueError):
            continue
        if occurrence:
            yield occurrence
