"""Many locks in one entry: setting them up holds up nothing else in Home Assistant."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_CREDENTIALS,
    SUBENTRY_PERSON,
)
from tests.lock_driver import idle
from tests.lock_harness import entry_of

if TYPE_CHECKING:
    from homeassistant.core import Event, EventStateChangedData, HomeAssistant

    from tests.lock_driver import LockDriver

LOCKS: Final = 3


@pytest.mark.parametrize("is_again", [False, True])
async def test_other_things_are_done_between_the_locks(
    hass: HomeAssistant, driver: LockDriver, *, is_again: bool
) -> None:
    """No platform adds entities of two locks, nor those of two people, in one go."""
    others = [
        driver.simulation.call(driver.simulator.add_lock, driver.account, f"Door {number}")
        for number in range(1, LOCKS)
    ]
    data = driver.account_data(driver.lock, *others) | {CONF_APP: driver.app_data()}
    entry = entry_of(hass, data)
    for number in range(LOCKS):
        person = ConfigSubentry(
            data=MappingProxyType({CONF_CREDENTIALS: []}),
            subentry_type=SUBENTRY_PERSON,
            title=f"Person {number}",
            unique_id=None,
        )
        hass.config_entries.async_add_subentry(entry, person)
    if is_again:
        assert await hass.config_entries.async_setup(entry.entry_id)
        await idle()
        assert await hass.config_entries.async_unload(entry.entry_id)

    loop, turn, ended = asyncio.get_running_loop(), 0, False
    added: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    registry = er.async_get(hass)

    def take_turns() -> None:
        nonlocal turn
        turn += 1
        if not ended:
            loop.call_soon(take_turns)

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        entity = registry.async_get(event.data["entity_id"])
        if entity and entity.config_entry_id == entry.entry_id:
            whose, _, _ = entity.unique_id.partition("-")
            added[turn, entity.domain].add(whose)

    take_turns()
    hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
    assert await hass.config_entries.async_setup(entry.entry_id)
    ended = True
    await idle()
    dids = {lock.did for lock in (driver.lock, *others)}
    assert set().union(*added.values()) == dids | set(entry.subentries)
    assert {turn: whose for turn, whose in added.items() if len(whose) > 1} == {}
    assert await hass.config_entries.async_unload(entry.entry_id)
