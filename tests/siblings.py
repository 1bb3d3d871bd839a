"""Home Assistant with a lock of another model."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import entity_registry as er

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, caught_up, running_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest
    from homeassistant.core import HomeAssistant


# Actions that only a model with tables may take, with what they need
ACTIONS: Final[dict[str, dict[str, Any]]] = {
    "set_user": {"user_id": 5},
    "delete_user": {"user_id": 5},
    "delete_all_users": {},
    "set_credential": {"user_id": 1, "credential_type": "password", "credential_data": "246810"},
    "delete_credential": {"user_id": 1, "operation_id": 1},
    "delete_all_credentials": {"user_id": 1},
    "sync_users": {},
    "sync_credentials": {},
}


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


def troubles(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged as an error or with a traceback."""
    return [
        one.getMessage()
        for one in [*caplog.get_records("setup"), *caplog.get_records("call")]
        if one.levelno >= logging.ERROR or one.exc_info
    ]
