"""The diary of the door: who came and went, and who rang."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.calendar import (
    CalendarEntity,
    CalendarEntityDescription,
    CalendarEvent,
)
from homeassistant.util import dt as dt_util

from .entity import LockEntity, LockEntityDescription, add_entities
from .miot.spec import SPEC
from .operation import described
from .state import EXCEPTION, IN_HISTORY, JOURNAL, LOCK_EVENT, PEOPLE
from .words import in_words, sentence

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from . import LockConfigEntry
    from .state import Occurrence

PARALLEL_UPDATES: Final = 0

# What happens at a door takes no time, but everything in a calendar does.
LASTS: Final = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class LockCalendarDescription(LockEntityDescription, CalendarEntityDescription):
    """A calendar."""


# There is news of people with each event, also with one that is not the last of its kind.
DIARIES: Final = (LockCalendarDescription(key="diary", sources=(JOURNAL, PEOPLE)),)


class LockDiary(LockEntity, CalendarEntity):
    """What the journal has of the door, as events of a calendar."""

    entity_description: LockCalendarDescription

    @property
    @override
    def event(self) -> CalendarEvent | None:
        """Return what happened last, while it lasts: nobody knows what comes."""
        if last := self.coordinator.journal.last(IN_HISTORY):
            event = self._event(last)
            if event and dt_util.utcnow() < event.end_datetime_local:
                return event
        return None

    @override
    async def async_get_events(
        self, hass: HomeAssistant, start_date: datetime, end_date: datetime
    ) -> list[CalendarEvent]:
        """Return what happened in a time."""
        happened = self.coordinator.journal.between(
            (start_date - LASTS).timestamp(), end_date.timestamp()
        )
        events = (self._event(one) for one in happened if one.kind in IN_HISTORY)
        return [event for event in events if event and event.end_datetime_local > start_date]

    def _event(self, occurrence: Occurrence) -> CalendarEvent | None:
        """Return something that happened, None where the lock did not say what."""
        summary = self._summary(occurrence)
        start = dt_util.as_local(dt_util.utc_from_timestamp(occurrence.when))
        return CalendarEvent(start, start + LASTS, summary) if summary else None

    def _summary(self, occurrence: Occurrence) -> str | None:
        if occurrence.kind == LOCK_EVENT:
            operation = described(self.coordinator, occurrence)
            return operation and f"{self._lock_name} {sentence(self.hass, *operation)}"
        if occurrence.kind == EXCEPTION:
            code = occurrence.get("abnormal-condition")
            condition = occurrence.argument("abnormal-condition")
            return None if code is None else in_words(self.hass, condition.named(code))
        return in_words(self.hass, SPEC.events[occurrence.kind])

    @property
    def _lock_name(self) -> str:
        """What the user calls the lock."""
        device = self.device_entry
        return (device and (device.name_by_user or device.name)) or self.coordinator.name

    @override
    def _shows(self) -> object:
        return self.coordinator.journal.changes, self.event


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the diary of each lock of an entry that is linked."""
    if entry.runtime_data.link:
        add_entities(entry, async_add_entities, LockDiary, DIARIES)
