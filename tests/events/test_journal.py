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
from tests.lock_driver import PATIENCE, LockDriver
from tests.lock_harness import LockHarness, Storage, connected, running_lock
from tests.past import DURESS, HOUR, LOCK_EVENT

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

NOON: Final = 1790000000
EVER: Final = (0.0, 2.0**40)


def key(driver: LockDriver) -> str:
    """Return by what name the storage keeps the journal."""
    return f"{DOMAIN}.{driver.lock.did}.journal"


def numbers(harness: LockHarness) -> list[object]:
    """Return the operations that the journal has, in order."""
    return [one.get("operation-id") for one in harness.lock.journal.between(*EVER)]


async def test_kept_over_a_restart(harness: LockHarness) -> None:
    """All that push tells, each once, in the order in which it happened."""
    harness.driver.do("fingerprint", 1)
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 2, harness.driver.lock.time - 2 * HOUR)
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 2, harness.driver.lock.time - 2 * HOUR)
    harness.driver.push_event((4, 6), 3, 7, 2, harness.driver.lock.time - HOUR)
    await harness.reached()
    expected = [2, 7, 1]
    assert numbers(harness) == expected
    before = harness.lock.journal.between(*EVER)
    await harness.stop()
    await harness.start()
    assert list(harness.lock.journal.between(*EVER)) == list(before)


async def test_written_soon(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut takes little; what comes all the time does not put that off."""
    monkeypatch.setattr(journal, "SAVE_DELAY", 0.2)
    deadline = time.monotonic() + PATIENCE
    number = 0
    while key(harness.driver) not in hass_storage:
        assert time.monotonic() < deadline
        harness.driver.do("fingerprint", number := number + 1)
        await harness.reached()
    assert hass_storage[key(harness.driver)]["data"]


async def test_not_written_for_nothing(harness: LockHarness, hass_storage: Storage) -> None:
    """Where nothing happened there is no journal."""
    await harness.stop()
    assert key(harness.driver) not in hass_storage


async def test_not_too_many(
    hass: HomeAssistant, harness: LockHarness, hass_storage: Storage
) -> None:
    """The oldest go first, whenever they come; an option says how many stay."""
    for number in range(110):
        harness.driver.push_event(
            LOCK_EVENT, 2, 2, 2, number, harness.driver.lock.time - 1000 + number
        )
    await harness.reached()
    assert numbers(harness) == list(range(110))
    hass.config_entries.async_update_entry(harness.entry, options={CONF_JOURNAL_ENTRIES: 100})
    await hass.async_block_till_done()
    await connected(harness.entry)
    assert numbers(harness) == list(range(10, 110))
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 500, harness.driver.lock.time - 2000)
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 501, harness.driver.lock.time)
    await harness.reached()
    assert numbers(harness) == [*range(11, 110), 501]
    await harness.stop()
    assert len(hass_storage[key(harness.driver)]["data"]) == 100


async def test_a_flood_of_events(harness: LockHarness) -> None:
    """Before it is looked at or written down, it is no more than what stays of it."""
    kept_of = harness.lock.journal
    when = harness.driver.lock.time
    for number in range(5000):
        kept_of.add(LockEvent(S1, SPEC.events[LOCK_EVENT], {5: number}, when - number % 7))
    assert len(kept_of._added) + len(kept_of._sorted) <= 2001
    kept = kept_of.between(*EVER)
    assert len(kept) == 1000
    assert [one.when for one in kept] == sorted(one.when for one in kept)
    assert {one.when for one in kept} == {when, when - 1}


async def test_the_truth_without_secrets(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps that a finger was one of duress, but nothing that opens a door."""
    harness.driver.push_event(LOCK_EVENT, 2, DURESS, 2, 8, NOON)
    await harness.reached()
    [kept] = harness.lock.journal.between(*EVER)
    assert kept.get("operation-method") == DURESS
    assert kept.get("operation-id") == 8
    monkeypatch.setitem(vars(harness.lock.model), "secret", frozenset({(2, 5)}))
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 9, NOON + 1)
    await harness.reached()
    _, kept = harness.lock.journal.between(*EVER)
    assert kept.get("operation-id") is None
    await harness.stop()
    said = json.dumps(hass_storage[key(harness.driver)])
    for secret in (harness.driver.lock.token, *harness.entry.data["tokens"].values()):
        assert str(secret) not in said


async def test_removed_with_the_entry(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """Nothing is left of it."""
    async with running_lock(hass, driver) as harness:
        driver.do("fingerprint", 1)
        await harness.reached()
        await harness.stop()
        assert key(driver) in hass_storage
        await hass.config_entries.async_remove(harness.entry.entry_id)
        assert key(driver) not in hass_storage


async def test_removed_with_the_lock(
    hass: HomeAssistant, harness: LockHarness, hass_storage: Storage
) -> None:
    """Where it is no longer chosen."""
    harness.driver.do("fingerprint", 1)
    await harness.reached()
    await harness.stop()
    assert key(harness.driver) in hass_storage
    simulator = harness.driver.simulator
    other = harness.driver.simulation.call(simulator.add_lock, harness.driver.account)
    data = {**harness.entry.data, CONF_LOCKS: [other.did]}
    hass.config_entries.async_update_entry(harness.entry, data=data)
    await harness.start()
    assert key(harness.driver) not in hass_storage


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
async def test_broken(harness: LockHarness, hass_storage: Storage, stored: object) -> None:
    """What makes no sense is left out, and takes nothing with it."""
    await harness.stop()
    entries = [GOOD, *stored] if isinstance(stored, list) else stored
    hass_storage[key(harness.driver)] = {"version": 1, "minor_version": 1, "data": entries}
    await harness.start()
    assert numbers(harness) == ([7] if isinstance(stored, list) else [])


async def test_arguments_that_are_not_in_the_specification(
    harness: LockHarness, hass_storage: Storage
) -> None:
    """Numbers are kept as they are, as of a specification that has changed; others are left out."""
    await harness.stop()
    order = [argument.address[1] for argument in SPEC.events[LOCK_EVENT].arguments]
    given = {1: 2, 2: 99, 3: "unlocked", 5: 2147876869}
    stored = [[NOON, *LOCK_EVENT, *(given.get(piid) for piid in order), "more"]]
    hass_storage[key(harness.driver)] = {"version": 1, "minor_version": 1, "data": stored}
    await harness.start()
    [kept] = harness.lock.journal.between(*EVER)
    assert kept.arguments == {1: 2, 2: 99, 5: 2147876869}


@pytest.mark.parametrize("version", [0, 2, 99])
async def test_of_another_version(
    harness: LockHarness, hass_storage: Storage, version: int
) -> None:
    """It is not understood, and nothing else suffers."""
    await harness.stop()
    hass_storage[key(harness.driver)] = {"version": version, "minor_version": 1, "data": [GOOD]}
    await harness.start()
    assert harness.entry.state is ConfigEntryState.LOADED
    assert numbers(harness) == []
