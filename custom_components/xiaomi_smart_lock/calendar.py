"""The diary of the door: who came and went, and who rang."""

from __future__ import annotations

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
from .events.operation import described
from .model.roles import Role
from .state.lock_state import Topic
from .wording.phrases import in_words, sentence, value_in_words

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry
    from .state.lock_event import LockEvent

PARALLEL_UPDATES: Final = 0

# What happens at a door takes no time, but everything in a calendar does: in seconds.
LASTS: Final = 60


@dataclass(frozen=True, kw_only=True)
class LockCalendarDescription(LockEntityDescription, CalendarEntityDescription):
    """A calendar."""


# There is news of people with each event, also with one that is not the last of its kind.
DIARIES: Final = (LockCalendarDescription(key="diary", sources=(Topic.JOURNAL, Topic.PEOPLE)),)


class LockDiary(LockEntity, CalendarEntity):
    """What the journal has of the door, as events of a calendar."""

    entity_description: LockCalendarDescription

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return what happened last, while it lasts: nobody knows what comes."""
        last = self._runtime.journal.last(self._runtime.model.remembered)
        return self._event(last) if last and time.time() < last.when + LASTS else None

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return what happened in a time."""
        start, end = start_date.timestamp(), end_date.timestamp()
        happened = self._runtime.journal.between(start - LASTS, end)
        return [
            self._event(one)
            for one in happened
            if one.kind in self._runtime.model.remembered and one.when + LASTS > start
        ]

    def _event(self, lock_event: LockEvent) -> CalendarEvent:
        """Return something that happened."""
        return CalendarEvent(*_span(lock_event.when), self._summary(lock_event))

    def _summary(self, lock_event: LockEvent) -> str:
        model = lock_event.model
        if lock_event.kind == model.lock_event:
            operation = described(self.coordinator, lock_event)
            return f"{self._lock_name} {sentence(self.hass, *operation)}"
        if lock_event.kind == model.address_of(Role.EXCEPTION):
            code = lock_event.get("abnormal-condition")
            if code is not None:
                return value_in_words(self.hass, lock_event.argument("abnormal-condition"), code)
        return in_words(self.hass, model.spec.events[lock_event.kind])

    @property
    def _lock_name(self) -> str:
        """What the user calls the lock."""
        device = self.device_entry
        return (device and (device.name_by_user or device.name)) or self.coordinator.name

    @override
    def _state_key(self) -> object:
        return self._runtime.journal.changes, self.event


def _span(when: float) -> tuple[datetime, datetime]:
    """Return when an entry of the diary starts and ends.

    Home Assistant compares what the clock on the wall shows, which goes back when summer time ends,
    and refuses what ends before it starts: an entry of that very minute has no duration.
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
    """Add the diary of each lock of an entry that is linked."""
    if entry.runtime_data.link:
        add_entities(entry, async_add_entities, LockDiary, DIARIES)
