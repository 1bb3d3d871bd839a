"""Starts and ends of periods of the day: do not disturb, recording, and live video."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.time import TimeEntity, TimeEntityDescription
from homeassistant.const import EntityCategory

from .entity import LockEntity, LockEntityDescription, add_entities
from .model.period import format_period, parse_period
from .model.roles import Role
from .model.tables import Ability

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry

PARALLEL_UPDATES: Final = 1


@dataclass(frozen=True, kw_only=True)
class LockTimeDescription(LockEntityDescription, TimeEntityDescription):
    """Description of one end of a period; the lock stores both in one text."""

    entity_category: EntityCategory | None = EntityCategory.CONFIG
    ability: Ability | None = Ability.SETTINGS
    end: int
    """0 for the start of the period, 1 for its end."""


TIMES: Final = (
    LockTimeDescription(
        key="do_not_disturb_start",
        item=Role.DO_NOT_DISTURB_PERIOD,
        end=0,
        entity_registry_enabled_default=True,
    ),
    LockTimeDescription(
        key="do_not_disturb_end",
        item=Role.DO_NOT_DISTURB_PERIOD,
        end=1,
        entity_registry_enabled_default=True,
    ),
    LockTimeDescription(
        key="recording_start",
        item=Role.RECORDING_PERIOD,
        end=0,
        entity_registry_enabled_default=True,
    ),
    LockTimeDescription(
        key="recording_end",
        item=Role.RECORDING_PERIOD,
        end=1,
        entity_registry_enabled_default=True,
    ),
    LockTimeDescription(key="live_video_start", item=Role.LIVE_VIDEO_PERIOD, end=0),
    LockTimeDescription(key="live_video_end", item=Role.LIVE_VIDEO_PERIOD, end=1),
)


class LockTime(LockEntity, TimeEntity):
    """One end of a period."""

    entity_description: LockTimeDescription

    @property
    @override
    def native_value(self) -> dt.time | None:
        """This end of the period, None if it is not known."""
        ends = parse_period(str(self.known or ""))
        return ends[self.entity_description.end] if ends else None

    @override
    async def async_set_value(self, value: dt.time) -> None:
        """Set this end of the period and keep the other one, midnight if it is not known."""
        known = str(self.known or "")
        ends = parse_period(known) or [dt.time(), dt.time()]
        ends[self.entity_description.end] = value.replace(microsecond=0, tzinfo=None)
        await self.async_write(format_period(ends, like=known))


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the times of each lock."""
    await add_entities(entry, async_add_entities, LockTime, TIMES)
