"""Home Assistant with a lock of another model."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import entity_registry as er

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, caught_up, running_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant


@asynccontextmanager
async def sibling(
    hass: HomeAssistant, driver: LockDriver, model: str
) -> AsyncIterator[LockHarness]:
    """Run Home Assistant with a lock of a model, its specification learned."""
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, "Gate", model=model)
    side = LockDriver(driver.simulation, driver.account, lock)
    async with running_lock(hass, side) as harness:
        await until(lambda: any(key.startswith("event.") for key in keys(hass, harness)))
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
        await caught_up(hass, harness.entry)
        yield harness


def keys(hass: HomeAssistant, harness: LockHarness) -> set[str]:
    """Return the lock's entities as ``platform.key``."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), harness.entry.entry_id)
    did = f"{harness.driver.lock.did}-"
    return {
        f"{entity.domain}.{entity.unique_id.removeprefix(did)}"
        for entity in entities
        if entity.unique_id.startswith(did)
    }


async def becomes(harness: LockHarness, platform: str, key: str, state: str) -> None:
    """Wait until an entity has a state."""
    await until(lambda: harness.state(platform, key) == state)
