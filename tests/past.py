"""Events that were not pushed, and the reading of the history."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from homeassistant.const import (
    EVENT_STATE_CHANGED,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    Platform,
)
from homeassistant.core import callback
from homeassistant.helpers.entity import Entity
from homeassistant.util.async_ import get_scheduled_timer_handles

from custom_components.xiaomi_smart_lock.const import CONF_APP
from custom_components.xiaomi_smart_lock.events import history_sync as history
from simulator.device import Past

from .hosts import NEARBY
from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, entry_of, nearby

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest
    from homeassistant.core import Event, EventStateChangedData, HomeAssistant

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.faults import Fault

HISTORY: Final = "/app/user/get_user_device_data"
LOCK_EVENT: Final = (2, 1020)
EXCEPTION: Final = (2, 1007)
KINDS: Final = 4
"""Lock events, exceptions, and the bells of both services: each is requested separately."""

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

NO_STATE: Final = (STATE_UNAVAILABLE, STATE_UNKNOWN)
OUTSIDE, FINGERPRINT, DURESS, UNLOCKED = 2, 2, 9, 2


def happened(
    driver: LockDriver, address: Address, *values: int, told: float, ahead: int | None = 0
) -> int:
    """Add an event to the cloud's history, with the lock's time last; return the lock's time.

    ``told`` is the time at which the cloud received it. The lock's clock is ``ahead`` of it by so
    many seconds; with None, the clock is at zero.
    """
    device_time = 0 if ahead is None else int(told) + ahead
    driver.lock.history.append(Past(device_time, address, [*values, device_time], int(told)))
    return device_time


def unlocked(
    driver: LockDriver,
    operation_id: int,
    ago: float,
    ahead: int | None = 0,
    method: int = FINGERPRINT,
) -> int:
    """Add an unlocking from outside to the history, so many seconds ago; return its time."""
    values = (OUTSIDE, method, UNLOCKED, operation_id)
    return happened(driver, LOCK_EVENT, *values, told=time.time() - ago, ahead=ahead)


def rang(driver: LockDriver, ago: float) -> int:
    """Add a ring to the history, reported by both services; return its time."""
    told = time.time() - ago
    happened(driver, (7, 1006), told=told)
    return happened(driver, (21, 1), told=told)


class LinkedHarness(LockHarness):
    """A lock whose Home Assistant is linked to the Mi Home app."""

    def fired(self, key: str) -> list[dict[str, Any]]:
        """Return a growing list of the attributes of each event that an entity fires.

        An event that is shown again after the entity was unavailable is not repeated.
        """
        fired: list[dict[str, Any]] = []
        seen: list[tuple[str, dict[str, Any]]] = []
        entity_id = self.driver.entity_id(self.hass, Platform.EVENT, key)

        @callback
        def changed(event: Event[EventStateChangedData]) -> None:
            new = event.data["new_state"]
            if event.data["entity_id"] != entity_id or not new or new.state in NO_STATE:
                return
            if (shown := (new.state, dict(new.attributes))) not in seen:
                seen.append(shown)
                fired.append(shown[1])

        self.hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
        return fired

    def asked(self) -> int:
        """Return the number of history requests."""
        return sum(path == HISTORY for path, _ in self.driver.simulator.cloud.requests)

    async def all_read(self, pages: int = KINDS) -> None:
        """Wait until at least so many pages have been requested, and all are processed."""
        await until(lambda: self.asked() >= pages and not reads())
        await self.hass.async_block_till_done()

    async def restart(self) -> None:
        """Restart Home Assistant, and wait until the history is read."""
        await self.stop()
        await self.start_and_read()

    async def start_and_read(self) -> None:
        """Start Home Assistant, and wait until the history is read."""
        before = self.asked()
        await self.start()
        await self.settle()
        await self.all_read(before + 1)

    async def settle(self) -> None:
        """Advance the timers to the first reading of the history."""
        await self.later(history.SETTLING + 1)

    async def read_again(self) -> None:
        """Advance the timers to the next reading of the history, and wait for it."""
        before = self.asked()
        await self.later(history.EVERY + 1)
        await self.all_read(before + 1)

    def disturb(self, fault: Fault, times: int = 1) -> None:
        """Apply a fault to the next answers of the history."""
        self.driver.simulator.cloud.disturb_next(fault, HISTORY, times)

    def last(self) -> dict[str, str]:
        """Return the states of the last operation and the last exception."""
        keys = ("last_operation_id", "last_action", "last_operation_time", "last_exception")
        return {key: self.state("sensor", key) for key in keys}


@asynccontextmanager
async def linked_lock(
    hass: HomeAssistant, driver: LockDriver, *, local: bool = False, **options: object
) -> AsyncIterator[LinkedHarness]:
    """Add the linked entry of a lock without setting it up; unload it on exit."""
    if local:
        driver = nearby(driver)
    data = driver.local_data(NEARBY) if local else driver.account_data()
    entry = entry_of(hass, {**data, CONF_APP: driver.app_data()}, **options)
    harness = LinkedHarness(hass, driver, entry)
    yield harness
    await harness.stop()


def reads() -> bool:
    """Return whether the history is being read, or will be within a minute."""
    loop = asyncio.get_running_loop()
    return any("read the history" in task.get_name() for task in asyncio.all_tasks()) or any(
        "read the history" in repr(timer._args) and timer.when() - loop.time() < MINUTE
        for timer in get_scheduled_timer_handles(loop)
        if not timer.cancelled()
    )


def state_writes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return a growing count of state writes by entity id."""
    written: Counter[str] = Counter()
    write = Entity._async_write_ha_state

    def note(entity: Entity) -> None:
        written[entity.entity_id] += 1
        write(entity)

    monkeypatch.setattr(Entity, "_async_write_ha_state", note)
    return written
