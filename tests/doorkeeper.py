"""Unlocking as a user of Home Assistant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT

if TYPE_CHECKING:
    from homeassistant.core import Event

    from tests.lock_harness import LockHarness


UNLOCK: Final = (2, 1)


class Doorkeeper:
    """A helper that unlocks one lock, and records requests, states and logbook events."""

    def __init__(self, harness: LockHarness) -> None:
        """Start to record, and let the lock accept remote unlocking."""
        self.harness = harness
        self.hass = harness.hass
        self.entity_id = harness.driver.entity_id(self.hass, "lock", "lock")
        self.asked = 0
        """The number of unlock requests to the lock."""
        self.changes: list[Event[Any]] = []
        self.lock = harness.driver.lock
        self.lock.accepts_remote_unlock = True
        self._told = async_capture_events(self.hass, EVENT)
        self._act = self.lock.act
        self.lock.act = self._note_act  # type: ignore[method-assign]
        self.hass.bus.async_listen(EVENT_STATE_CHANGED, self._note_change)

    def _note_act(self, address: Any, raw: Any) -> Any:
        self.asked += address == UNLOCK
        return self._act(address, raw)

    async def _note_change(self, event: Event[Any]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if event.data["entity_id"] == self.entity_id and old and old.state != new.state:
            self.changes.append(event)

    @property
    def states(self) -> list[str]:
        """The states of the lock entity since the start."""
        return [event.data["new_state"].state for event in self.changes]

    @property
    def logged(self) -> list[str]:
        """The types of the logbook events about unlocking."""
        return [event.data["type"] for event in self.told]

    @property
    def told(self) -> list[Event[Any]]:
        """The logbook events about unlocking."""
        return [event for event in self._told if event.data["type"].startswith("unlocking")]

    async def unlock(self, code: str | None = None, user: str | None = None) -> None:
        """Unlock the lock as a user."""
        data = {ATTR_ENTITY_ID: self.entity_id} | ({"code": code} if code else {})
        context = Context(user_id=user)
        await self.hass.services.async_call("lock", "unlock", data, blocking=True, context=context)

    async def refused(self, code: str | None = None, user: str | None = None) -> HomeAssistantError:
        """Unlock the lock as a user, and return the error. Fails if there is none."""
        with pytest.raises(HomeAssistantError) as raised:
            await self.unlock(code, user)
        return raised.value
