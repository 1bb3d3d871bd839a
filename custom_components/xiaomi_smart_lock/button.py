"""What the lock can be asked to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.util import dt as dt_util

from .entity import LockEntity, LockEntityDescription, add_entities
from .state import HISTORY_EVENT, LOCK_EVENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from . import LockConfigEntry
    from .miot.spec import Address, Value
    from .state import LockData

PARALLEL_UPDATES: Final = 1


def _last_known_time(data: LockData) -> tuple[Value, ...]:
    """Return the time up to which what happened is known."""
    known = (data.events.get(kind) for kind in (LOCK_EVENT, HISTORY_EVENT))
    return (max((last.time or 0 for last in known if last), default=0),)


def _clock(_data: LockData) -> tuple[Value, ...]:
    """Return Home Assistant's offset from UTC in hours as it is now, and its time."""
    offset = dt_util.now().utcoffset()
    assert offset is not None  # noqa: S101
    return round(offset.total_seconds() / 900) / 4, int(time.time())


@dataclass(frozen=True, kw_only=True)
class LockButtonDescription(LockEntityDescription, ButtonEntityDescription):
    """A button, the action that it has done, and with what."""

    action: Address
    inputs: Callable[[LockData], tuple[Value, ...]] = lambda _data: ()


BUTTONS: Final = (
    LockButtonDescription(key="wake", action=(2, 2)),
    LockButtonDescription(key="wake_camera", action=(17, 3)),
    LockButtonDescription(key="record_video", action=(17, 4)),
    LockButtonDescription(
        key="fetch_history",
        action=(5, 1),
        inputs=_last_known_time,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockButtonDescription(
        key="set_clock",
        action=(9, 1),
        inputs=_clock,
        entity_category=EntityCategory.CONFIG,
    ),
)


class LockButton(LockEntity, ButtonEntity):
    """Something that the lock can be asked to do."""

    entity_description: LockButtonDescription

    @override
    def _shows(self) -> object:
        return None

    @override
    async def async_press(self) -> None:
        """Have it done."""
        description = self.entity_description
        inputs = description.inputs(self.coordinator.data)
        await self.coordinator.async_act(description.action, *inputs)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons of each lock."""
    add_entities(entry, async_add_entities, LockButton, BUTTONS)
