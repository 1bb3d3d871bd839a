"""What the lock can be asked to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory

from .control.clock import async_set_clock
from .entity import LockEntity, LockEntityDescription, add_entities
from .model.s1 import (
    FETCH_HISTORY,
    HISTORY_EVENT,
    LOCK_EVENT,
    RECORD_VIDEO,
    SET_CLOCK,
    WAKE,
    WAKE_CAMERA,
)

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .miot.spec import Address
    from .runtime import LockConfigEntry, LockRuntime

# What is asked of a lock is done now or not at all: it does not wait in a queue.
PARALLEL_UPDATES: Final = 0

type Press = Callable[[LockRuntime], Awaitable[object]]


def _act(action: Address) -> Press:
    return lambda lock: lock.session.async_act(action)


async def _fetch_history(lock: LockRuntime) -> None:
    """Ask for what happened since the last that is known."""
    known = (lock.coordinator.data.events.get(kind) for kind in (LOCK_EVENT, HISTORY_EVENT))
    await lock.session.async_act(
        FETCH_HISTORY, max((last.time or 0 for last in known if last), default=0)
    )


@dataclass(frozen=True, kw_only=True)
class LockButtonDescription(LockEntityDescription, ButtonEntityDescription):
    """A button, what it does, and the action of the specification that this is."""

    action: Address | None = None
    press: Press


BUTTONS: Final = (
    LockButtonDescription(key="wake", action=WAKE, press=_act(WAKE)),
    LockButtonDescription(key="wake_camera", action=WAKE_CAMERA, press=_act(WAKE_CAMERA)),
    LockButtonDescription(key="record_video", action=RECORD_VIDEO, press=_act(RECORD_VIDEO)),
    LockButtonDescription(
        key="fetch_history",
        action=FETCH_HISTORY,
        press=_fetch_history,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockButtonDescription(
        key="set_clock",
        action=SET_CLOCK,
        press=lambda lock: async_set_clock(lock.session, lock.coordinator, lock.reporter),
        entity_category=EntityCategory.CONFIG,
    ),
    LockButtonDescription(
        key="discard_pending",
        press=lambda lock: lock.settings.async_discard(),
        entity_category=EntityCategory.CONFIG,
    ),
)


class LockButton(LockEntity, ButtonEntity):
    """Something that the lock can be asked to do."""

    entity_description: LockButtonDescription

    @override
    def _state_key(self) -> object:
        return None

    @override
    async def async_press(self) -> None:
        """Have it done."""
        await self.entity_description.press(self._runtime)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons of each lock."""
    add_entities(entry, async_add_entities, LockButton, BUTTONS)
