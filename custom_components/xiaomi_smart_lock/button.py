"""Buttons of the lock, most of them for its actions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory

from .control.clock import async_set_clock
from .entity import LockEntity, LockEntityDescription, add_entities
from .model.roles import Role
from .model.tables import Ability

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import LockCoordinator
    from .miot.spec import Value
    from .runtime import LockConfigEntry, LockRuntime

# Actions run at once or not at all; they do not wait in a queue.
PARALLEL_UPDATES: Final = 0

type Press = Callable[[LockRuntime], Awaitable[object]]


async def _fetch_history(lock: LockRuntime) -> None:
    """Ask the lock for its history since the last known event."""
    known = map(lock.coordinator.data.last, (Role.LOCK_EVENT, Role.HISTORY_REPORTED))
    await _act(lock, Role.FETCH_HISTORY, max((last.time or 0 for last in known if last), default=0))


async def _act(lock: LockRuntime, role: Role, *inputs: Value) -> None:
    if action := lock.model.action(role):
        await lock.session.async_act(action, *inputs)


def _acts(role: Role) -> Press:
    return lambda lock: _act(lock, role)


@dataclass(frozen=True, kw_only=True)
class LockButtonDescription(LockEntityDescription, ButtonEntityDescription):
    """Description of a button: its function, and the action in the specification, if any."""

    action: Role | None = None
    press: Press

    @override
    def supported(self, lock: LockCoordinator) -> bool:
        has_it = self.action is None or lock.model.action(self.action) is not None
        return has_it and super().supported(lock)


BUTTONS: Final = (
    # It keeps a lock awake. One that sleeps is not reached, therefore it is off by default.
    LockButtonDescription(key="wake", action=Role.WAKE, press=_acts(Role.WAKE)),
    LockButtonDescription(
        key="wake_camera", action=Role.WAKE_CAMERA, press=_acts(Role.WAKE_CAMERA)
    ),
    LockButtonDescription(
        key="record_video", action=Role.RECORD_VIDEO, press=_acts(Role.RECORD_VIDEO)
    ),
    LockButtonDescription(
        key="fetch_history",
        action=Role.FETCH_HISTORY,
        press=_fetch_history,
        entity_category=EntityCategory.DIAGNOSTIC,
    ),
    LockButtonDescription(
        key="set_clock",
        action=Role.SET_CLOCK,
        press=lambda lock: async_set_clock(lock.session, lock.coordinator, lock.reporter),
        entity_category=EntityCategory.CONFIG,
    ),
    LockButtonDescription(
        key="discard_pending",
        ability=Ability.SLEEP,
        of_settings=True,
        press=lambda lock: lock.settings.async_discard(),
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=True,
    ),
)


class LockButton(LockEntity, ButtonEntity):
    """A button of the lock."""

    entity_description: LockButtonDescription

    @override
    def _state_key(self) -> object:
        return None

    @override
    async def async_press(self) -> None:
        """Run the button's function."""
        await self.entity_description.press(self._runtime)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons of each lock."""
    await add_entities(entry, async_add_entities, LockButton, BUTTONS)
