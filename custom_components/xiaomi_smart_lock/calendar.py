"""Calendar of past events at the door: who came and went, and who rang."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.util import dt as dt_util

from .entity import LockEntity, LockEntityDescription, add_entities
from .events.journal import async_lines
from .events.operation import in_a_sentence_of
from .state.lock_state import Topic

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry
    from .state.lock_event import LockEvent

PARALLEL_UPDATES: Final = 0

# Duration of calendar events in seconds. Events at a door have none, but a calendar needs one.
LASTS: Final = 60


@dataclass(frozen=True, kw_only=True)
class LockCalendarDescription(LockEntityDescription, CalendarEntityDescription):
    """Description of a calendar."""


# Entries contain people's names. There is also news of people for events that are not the last of
# their kind.
DIARIES: Final = (LockCalendarDescription(key="diary", sources=(Topic.JOURNAL, Topic.PEOPLE)),)


class LockDiary(LockEntity, CalendarEntity):
    """The events in the lock's journal, as a calendar."""

    entity_description: LockCalendarDescription

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """The last event while it lasts, else None, as future events are not known."""
        last = self._runtime.journal.last(self._runtime.model.remembered)
        return self._event(last) if last and time.time() < last.when + LASTS else None

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return the events between two times."""
        start, end = start_date.timestamp(), end_date.timestamp()

        def told(one: LockEvent) -> list[CalendarEvent]:
            shown = one.kind in self._runtime.model.remembered and one.when + LASTS > start
            return [self._event(one)] if shown else []

        happened = self._runtime.journal.newest_first(start - LASTS, end)
        return (await async_lines(happened, told, sys.maxsize))[::-1]

    def _event(self, lock_event: LockEvent) -> CalendarEvent:
        """Return a lock event as a calendar event."""
        return CalendarEvent(
            *_span(lock_event.when), in_a_sentence_of(self.coordinator, self.lock_name, lock_event)
        )

    @override
    def _state_key(self) -> object:
        return self._runtime.journal.changes, self.event


def _span(when: float) -> tuple[datetime, datetime]:
    """Return start and end of a calendar event.

    Home Assistant compares local times without their zone. These go back when summer time ends, and
    Home Assistant refuses an event that ends before it starts. In that minute, an event therefore
    has no duration.
    """
    start, end = (
        dt_util.as_local(dt_util.utc_from_timestamp(edge)) for edge in (when, when + LASTS)
    )
    return start, max(start, end)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the diary of each lock of a linked config entry."""
    if entry.runtime_data.link:
        await add_entities(entry, async_add_entities, LockDiary, DIARIES)
