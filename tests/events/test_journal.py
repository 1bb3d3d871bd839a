"""What happened at a lock is kept over a restart, in order, and not too much of it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.config_entries import ConfigEntryState

from custom_components.xiaomi_smart_lock.const import CONF_JOURNAL_ENTRIES, CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.events import journal
from custom_components.xiaomi_smart_lock.state.lock_event import LockEvent
from simulator.model import S1, SPEC
from tests.lock_driver import PATIENCE, LockDriver, until
from tests.lock_harness import LockHarness, Storage, running_lock
from tests.past import DURESS, HOUR, LOCK_EVENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant

NOON: Final = 1790000000
EVER: Final = (0.0, 2.0**40)


@pytest.fixture
async def home(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LockHarness]:
    """Return who lives behind the door of a lock in an account that is not linked."""
    async with running_lock(hass, driver) as home:
        yield home


def key(driver: LockDriver) -> str:
    """Return by what name the storage keeps the journal."""
    return f"{DOMAIN}.{driver.lock.did}.journal"


def numbers(home: LockHarness) -> list[object]:
    """Return the operations that the journal has, in order."""
    return [one.get("operation-id") for one in home.lock.journal.between(*EVER)]


async def test_kept_over_a_restart(home: LockHarness) -> None:
    """All that push tells, each once, in the order in which it happened."""
    home.driver.do("fingerprint", 1)
    home.driver.push_event(LOCK_EVENT, 2, 2, 2, 2, home.driver.lock.time - 2 * HOUR)
    home.driver.push_event(LOCK_EVENT, 2, 2, 2, 2, home.driver.lock.time - 2 * HOUR)
    home.driver.push_event((4, 6), 3, 7, 2, home.driver.lock.time - HOUR)
    await home.reached()
    expected = [2, 7, 1]
    assert numbers(home) == expected
    before = home.lock.journal.between(*EVER)
    await home.stop()
    await home.start()
    assert list(home.lock.journal.between(*EVER)) == list(before)


async def test_written_soon(
    home: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut takes little; what comes all the time does not put that off."""
    monkeypatch.setattr(journal, "SAVE_DELAY", 0.2)
    deadline = time.monotonic() + PATIENCE
    number = 0
    while key(home.driver) not in hass_storage:
        assert time.monotonic() < deadline
        home.driver.do("fingerprint", number := number + 1)
        await home.reached()
    assert hass_storage[key(home.driver)]["data"]


async def test_not_written_for_nothing(home: LockHarness, hass_storage: Storage) -> None:
    """Where nothing happened there is no journal."""
    await home.stop()
    assert key(home.driver) not in hass_storage


async def test_not_too_many(hass: HomeAssistant, home: LockHarness, hass_storage: Storage) -> None:
    """The oldest go first, whenever they come; an option says how many stay."""
    for number in range(110):
        home.driver.push_event(LOCK_EVENT, 2, 2, 2, number, home.driver.lock.time - 1000 + number)
    await home.reached()
    assert numbers(home) == list(range(110))
    hass.config_entries.async_update_entry(home.entry, options={CONF_JOURNAL_ENTRIES: 100})
    await hass.async_block_till_done()
    await until(lambda: home.entry.runtime_data.push.connected)
    assert numbers(home) == list(range(10, 110))
    home.driver.push_event(LOCK_EVENT, 2, 2, 2, 500, home.driver.lock.time - 2000)
    home.driver.push_event(LOCK_EVENT, 2, 2, 2, 501, home.driver.lock.time)
    await home.reached()
    assert numbers(home) == [*range(11, 110), 501]
    await home.stop()
    assert len(hass_storage[key(home.driver)]["data"]) == 100


async def test_a_flood_of_events(home: LockHarness) -> None:
    """Before it is looked at or written down, it is no more than what stays of it."""
    kept_of = home.lock.journal
    when = home.driver.lock.time
    for number in range(5000):
        kept_of.add(LockEvent(S1, SPEC.events[LOCK_EVENT], {5: number}, when - number % 7))
    assert len(kept_of._added) + len(kept_of._sorted) <= 2001
    kept = kept_of.between(*EVER)
    assert len(kept) == 1000
    assert [one.when for one in kept] == sorted(one.when for one in kept)
    assert {one.when for one in kept} == {when, when - 1}


async def test_the_truth_without_secrets(
    home: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps that a finger was one of duress, but nothing that opens a door."""
    home.driver.push_event(LOCK_EVENT, 2, DURESS, 2, 8, NOON)
    await home.reached()
    [kept] = home.lock.journal.between(*EVER)
    assert kept.get("operation-method") == DURESS
    assert kept.get("operation-id") == 8
    monkeypatch.setitem(vars(home.lock.model), "secret", frozenset({(2, 5)}))
    home.driver.push_event(LOCK_EVENT, 2, 2, 2, 9, NOON + 1)
    await home.reached()
    _, kept = home.lock.journal.between(*EVER)
    assert kept.get("operation-id") is None
    await home.stop()
    said = json.dumps(hass_storage[key(home.driver)])
    for secret in (home.driver.lock.token, *home.entry.data["tokens"].values()):
        assert str(secret) not in said


async def test_removed_with_the_entry(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """Nothing is left of it."""
    async with running_lock(hass, driver) as home:
        driver.do("fingerprint", 1)
        await home.reached()
        await home.stop()
        assert key(driver) in hass_storage
        await hass.config_entries.async_remove(home.entry.entry_id)
        assert key(driver) not in hass_storage


async def test_removed_with_the_lock(
    hass: HomeAssistant, home: LockHarness, hass_storage: Storage
) -> None:
    """Where it is no longer chosen."""
    home.driver.do("fingerprint", 1)
    await home.reached()
    await home.stop()
    assert key(home.driver) in hass_storage
    simulator = home.driver.simulator
    other = home.driver.simulation.call(simulator.add_lock, home.driver.account)
    data = {**home.entry.data, CONF_LOCKS: [other.did]}
    hass.config_entries.async_update_entry(home.entry, data=data)
    await home.start()
    assert key(home.driver) not in hass_storage


GOOD: Final = [NOON, *LOCK_EVENT, 2, 2, 2, 7, NOON]

BROKEN: Final[dict[str, object]] = {
    "nothing": None,
    "an object": {"entries": []},
    "a text": "diary",
    "texts": ["a", "b"],
    "numbers": [1, 2],
    "too short": [[NOON, 2]],
    "no such event": [[NOON, 2, 9999]],
    "event a list": [[NOON, [2], [1020]]],
    "time a text": [["noon", 2, 1020]],
    "time too large": [[10**400, 2, 1020]],
    "time null": [[None, 2, 1020]],
}


@pytest.mark.parametrize("stored", BROKEN.values(), ids=BROKEN)
async def test_broken(home: LockHarness, hass_storage: Storage, stored: object) -> None:
    """What makes no sense is left out, and takes nothing with it."""
    await home.stop()
    entries = [GOOD, *stored] if isinstance(stored, list) else stored
    hass_storage[key(home.driver)] = {"version": 1, "minor_version": 1, "data": entries}
    await home.start()
    assert numbers(home) == ([7] if isinstance(stored, list) else [])


async def test_arguments_that_are_not_in_the_specification(
    home: LockHarness, hass_storage: Storage
) -> None:
    """Numbers are kept as they are, as of a specification that has changed; others are left out."""
    await home.stop()
    order = [argument.address[1] for argument in SPEC.events[LOCK_EVENT].arguments]
    given = {1: 2, 2: 99, 3: "unlocked", 5: 2147876869}
    stored = [[NOON, *LOCK_EVENT, *(given.get(piid) for piid in order), "more"]]
    hass_storage[key(home.driver)] = {"version": 1, "minor_version": 1, "data": stored}
    await home.start()
    [kept] = home.lock.journal.between(*EVER)
    assert kept.arguments == {1: 2, 2: 99, 5: 2147876869}


@pytest.mark.parametrize("version", [0, 2, 99])
async def test_of_another_version(home: LockHarness, hass_storage: Storage, version: int) -> None:
    """It is not understood, and nothing else suffers."""
    await home.stop()
    hass_storage[key(home.driver)] = {"version": version, "minor_version": 1, "data": [GOOD]}
    await home.start()
    assert home.entry.state is ConfigEntryState.LOADED
    assert numbers(home) == []
