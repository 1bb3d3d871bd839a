"""A lock's state, and which events were handled, over sleep, outages and restarts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock import coordinator
from custom_components.xiaomi_smart_lock.const import CONF_LATE_AFTER, CONF_UNAVAILABLE_AFTER
from custom_components.xiaomi_smart_lock.state import deduplicator as handled

from .lock_driver import until
from .lock_harness import (
    LockHarness,
    Storage,
    connected,
    entry_of,
    log_file,
    logged,
    running_lock,
    stored_key,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant

    from .lock_driver import LockDriver

LOCK_EVENT: Final = (2, 1020)
RING: Final = (21, 1)
RING_AS_WELL: Final = (7, 1006)

MINUTE: Final = 60
HOUR: Final = 3600

# What is about freshness, and so changes when nothing else does
OF_FRESHNESS: Final = ("last_contact", "awake")


@pytest.fixture
def internet(driver: LockDriver) -> Iterator[Callable[[bool], None]]:
    """Return a function that takes the cloud and the broker down, and brings them back."""
    simulator = driver.simulator

    def switch(on: bool) -> None:
        simulator.cloud.online = simulator.gate.open = on
        if not on:
            driver.simulation.call(simulator.gate.cut)

    yield switch
    switch(True)


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
async def anyone(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    short_timeouts: None,
) -> AsyncIterator[LockHarness]:
    """Return a running lock, of an account and on the local network."""
    async with running_lock(hass, driver, local=request.param) as harness:
        yield harness


def shown(harness: LockHarness) -> dict[str, str]:
    """Return the states of all enabled entities of the lock except those about the last contact."""
    registry = er.async_get(harness.hass)
    entities = er.async_entries_for_config_entry(registry, harness.entry.entry_id)
    states = {one.unique_id: harness.hass.states.get(one.entity_id) for one in entities}
    return {
        f"{state.domain} {unique_id.partition('-')[2]}": state.state
        for unique_id, state in states.items()
        if state and not unique_id.endswith(OF_FRESHNESS)
    }


def available(harness: LockHarness) -> set[bool]:
    """Return whether entities are available: one value if all agree."""
    return {state != STATE_UNAVAILABLE for state in shown(harness).values()}


def last_contact(harness: LockHarness) -> float:
    """Return when the lock was last heard of, in Unix seconds."""
    moment = dt_util.parse_datetime(harness.state("sensor", "last_contact"))
    assert moment
    return moment.timestamp()


# Asleep is not unavailable


async def test_sleep(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """A lock that sleeps keeps its states; polling the cloud is no contact with the lock."""
    harness.driver.do("open_door")
    await until(lambda: harness.state("binary_sensor", "door") == "on")
    before = shown(harness)
    await harness.put_to_sleep()
    await harness.reached()
    assert shown(harness) == before | {"sensor wifi_status": "sleep"}
    heard = last_contact(harness)
    assert abs(heard - time.time()) < 2 * MINUTE
    frozen.tick(20 * HOUR)
    await harness.poll()
    assert last_contact(harness) == heard
    assert available(harness) == {True}


async def test_the_first_moment_of_waking(harness: LockHarness) -> None:
    """An event that is pushed while the lock counts as asleep, or just wakes up, is not missed."""
    rung = harness.events("doorbell")
    await harness.put_to_sleep()
    now = int(time.time())
    harness.driver.push_event(RING, {"value": [now - 2]})
    await until(lambda: len(rung) == 1)
    assert harness.state("binary_sensor", "awake") == "off"
    harness.driver.do("ring")
    await until(lambda: len(rung) == 2)


async def test_sleep_nearby(neighbour: LockHarness) -> None:
    """A lock on the local network that sleeps stays available."""
    before = shown(neighbour)
    await neighbour.put_to_sleep()
    assert shown(neighbour) == before
    assert last_contact(neighbour) <= time.time()
    neighbour.driver.do("set_battery", 41)
    await neighbour.wake()
    assert neighbour.state("sensor", "lithium_battery") == "41"


# Restarts


async def test_restart_while_asleep(harness: LockHarness) -> None:
    """After a restart all states are restored, also those that are only ever pushed."""
    harness.driver.do("push_settings")
    harness.driver.do("deadbolt", True)
    harness.driver.do("ring")
    await harness.put_to_sleep()
    await harness.reached()
    before = shown(harness)
    heard = last_contact(harness)
    await harness.stop()
    await harness.start()
    assert shown(harness) == before
    assert harness.state("binary_sensor", "deadbolt") == "on"
    assert harness.state("binary_sensor", "awake") == "off"
    assert last_contact(harness) == heard


async def test_restart_while_the_cloud_is_down(
    harness: LockHarness, internet: Callable[[bool], None]
) -> None:
    """Recent states are restored without the cloud, and read again when the cloud is back."""
    harness.driver.do("fingerprint", 3)
    await harness.reached()
    before = shown(harness)
    await harness.stop()
    internet(False)
    await harness.start()
    assert shown(harness) == before
    harness.driver.do("set_battery", 41)
    internet(True)
    await harness.poll()
    await until(lambda: harness.state("sensor", "lithium_battery") == "41")
    await connected(harness.entry)
    assert harness.state("binary_sensor", "awake") == "on"


@pytest.mark.parametrize(
    ("options", "minutes", "expected"),
    [
        ({}, 9, ConfigEntryState.LOADED),
        ({}, 11, ConfigEntryState.SETUP_RETRY),
        ({CONF_UNAVAILABLE_AFTER: 60}, 59, ConfigEntryState.LOADED),
        ({CONF_UNAVAILABLE_AFTER: 60}, 61, ConfigEntryState.SETUP_RETRY),
    ],
)
async def test_restart_after_long(
    harness: LockHarness,
    internet: Callable[[bool], None],
    frozen: FrozenDateTimeFactory,
    options: dict[str, int],
    minutes: int,
    expected: ConfigEntryState,
) -> None:
    """States that are older than an option says are not restored."""
    await harness.stop()
    harness.hass.config_entries.async_update_entry(harness.entry, options=options)
    internet(False)
    frozen.tick(minutes * MINUTE)
    await harness.hass.config_entries.async_setup(harness.entry.entry_id)
    assert harness.entry.state is expected
    await harness.hass.config_entries.async_unload(harness.entry.entry_id)


async def test_the_first_start_needs_the_cloud(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, internet: Callable[[bool], None]
) -> None:
    """A lock that was never read is set up again later."""
    internet(False)
    entry = entry_of(hass, driver.account_data())
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert stored_key(driver) not in hass_storage
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("hours", "expected"), [(23, ConfigEntryState.LOADED), (25, ConfigEntryState.SETUP_RETRY)]
)
async def test_restart_nearby_while_asleep(
    neighbour: LockHarness,
    frozen: FrozenDateTimeFactory,
    hours: int,
    expected: ConfigEntryState,
) -> None:
    """A sleeping lock is set up with states of the last 24 hours, but with none that are older."""
    await neighbour.put_to_sleep()
    before = shown(neighbour)
    await neighbour.stop()
    frozen.tick(hours * HOUR)
    await neighbour.hass.config_entries.async_setup(neighbour.entry.entry_id)
    assert neighbour.entry.state is expected
    if expected is ConfigEntryState.LOADED:
        assert shown(neighbour) == before
        await neighbour.wake()
    else:
        await neighbour.hass.config_entries.async_unload(neighbour.entry.entry_id)


# Outages


async def test_unavailable_and_back(
    anyone: LockHarness,
    internet: Callable[[bool], None],
    frozen: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Entities are unavailable after too long without an answer; both changes are logged once."""
    harness = anyone
    before = shown(harness)
    patience = 10 * MINUTE if harness.pushes else 24 * HOUR
    internet(False)
    harness.driver.do("sleep")
    caplog.clear()
    for waited, expected in ((0, True), (patience - 30, True), (60, False)):
        frozen.tick(waited)
        await harness.poll()
        await harness.poll()
        assert available(harness) == {expected}
    internet(True)
    harness.driver.do("wake")
    await harness.poll()
    await until(lambda: available(harness) == {True})
    assert shown(harness) == before
    ours = [
        record.levelname
        for record in caplog.records
        if record.name.startswith("custom_components.xiaomi_smart_lock")
        and record.levelname != "DEBUG"
    ]
    assert ours == ["ERROR", "INFO"]


# Events exactly once


def operation(operation_id: int, when: float) -> dict[str, list[int]]:
    """Return the arguments of an unlocking from outside with a finger."""
    return {"value": [2, 2, 2, operation_id, int(when)]}


async def test_again_after_a_restart(harness: LockHarness) -> None:
    """An event that is delivered again is not handled again, also after a restart."""
    rung, operated = harness.events("doorbell"), harness.events("lock_event")
    now = int(time.time())

    def deliver() -> None:
        for kind in (RING_AS_WELL, RING):
            harness.driver.push_event(kind, {"value": [now]})
        harness.driver.push_event(LOCK_EVENT, operation(3, now))

    deliver()
    await until(lambda: rung and operated)
    await harness.stop()
    await harness.start()
    rung.clear()
    operated.clear()
    deliver()
    deliver()
    await harness.reached()
    assert (rung, operated) == ([], [])
    assert harness.state("sensor", "last_operation_id") == "3"


@contextmanager
def crash(harness: LockHarness, hass_storage: Storage) -> Iterator[None]:
    """Forget all that is written within, as if Home Assistant was killed before."""
    file, state = log_file(harness.hass, harness.driver), hass_storage[stored_key(harness.driver)]
    written = file.read_bytes()
    yield
    file.write_bytes(written)
    hass_storage[stored_key(harness.driver)] = state


async def test_again_after_a_crash(harness: LockHarness, hass_storage: Storage) -> None:
    """Handled events are written soon, so that they are known after a crash."""
    await harness.lock.coordinator.async_save()
    rung = harness.events("doorbell")
    harness.driver.do("ring")
    await until(lambda: rung)
    await harness.later(coordinator.SAVE_DELAY_OF_AN_EVENT)
    [identity] = logged(harness.hass, harness.driver)[-1]["handled"]
    with crash(harness, hass_storage):
        await harness.stop()
    await harness.start()
    rung.clear()
    harness.driver.push_event(RING, {"value": [int(identity.split()[1])]})
    await harness.reached()
    assert rung == []


async def test_all_is_known_after_a_crash(
    harness: LockHarness, hass_storage: Storage, internet: Callable[[bool], None]
) -> None:
    """What was written since the state was saved is part of it: values, events and settings."""
    await harness.lock.coordinator.async_save()
    harness.driver.do("deadbolt", True)
    harness.driver.do("fingerprint", 3)
    harness.driver.do("set_battery", 41)
    await harness.reached()
    await harness.poll()
    await harness.put_to_sleep()
    await harness.call("switch", "turn_on", "do_not_disturb")
    await harness.later(coordinator.SAVE_DELAY)
    before = shown(harness)
    with crash(harness, hass_storage):
        await harness.stop()
    internet(False)
    await harness.start()
    assert shown(harness) == before
    assert harness.state("sensor", "last_operation_id") == "3"
    assert harness.state("switch", "do_not_disturb") == "on"


async def test_a_burst_is_written_together(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first event is written at once, and those that follow together."""
    monkeypatch.setattr(coordinator, "SAVE_DELAY_OF_EVENTS", 20)
    before = len(logged(harness.hass, harness.driver))

    def written() -> list[int]:
        lines = logged(harness.hass, harness.driver)[before:]
        return [len(line["events"]) for line in lines if "events" in line]

    for operation_id in range(5):
        harness.driver.push_event(LOCK_EVENT, operation(operation_id, time.time()))
        await harness.reached()
        await harness.later(1)
    assert written() == [1]
    await harness.later(20)
    assert written() == [1, 4]


@pytest.mark.parametrize("arrive", [(0, 2), (2, 0)], ids=["in order", "out of order"])
async def test_two_presses(harness: LockHarness, arrive: tuple[int, int]) -> None:
    """Two rings two seconds apart are two events, although two services report each."""
    rung = harness.events("doorbell")
    before = int(time.time()) - 10
    for after in arrive:
        for kind in (RING_AS_WELL, RING):
            harness.driver.push_event(kind, {"value": [before + after]})
    await until(lambda: len(rung) == 2)
    await harness.reached()
    assert len(rung) == 2


async def test_out_of_order(harness: LockHarness) -> None:
    """Each event fires, but the last operation is the one with the latest time."""
    operated = harness.events("lock_event")
    now = time.time()
    for operation_id, age in ((3, 60), (5, 20), (4, 40)):
        harness.driver.push_event(LOCK_EVENT, operation(operation_id, now - age))
    await until(lambda: len(operated) == 3)
    assert [event["operation_id"] for event in operated] == [3, 5, 4]
    assert harness.state("sensor", "last_operation_id") == "5"


@pytest.mark.parametrize(
    ("options", "minutes", "late"),
    [
        ({}, 4.8, False),
        ({}, 5.2, True),
        ({}, 24 * 60, True),
        ({CONF_LATE_AFTER: 30}, 29.8, False),
        ({CONF_LATE_AFTER: 30}, 30.2, True),
    ],
)
async def test_late(
    harness: LockHarness, options: dict[str, int], minutes: float, late: bool
) -> None:
    """An event that is older than an option says fires nothing, and is only history."""
    await harness.stop()
    harness.hass.config_entries.async_update_entry(harness.entry, options=options)
    then = time.time() - minutes * 60
    harness.driver.tell((3, 1021), 1, then - 60)
    await harness.start()
    operated, rung = harness.events("lock_event"), harness.events("doorbell")
    door = harness.state("sensor", "door_state")
    harness.driver.tell((3, 1021), 1 if late else 2, then)
    harness.driver.push_event(LOCK_EVENT, operation(3, then))
    harness.driver.push_event(RING, {"value": [int(then)]})
    await harness.reached()
    assert [len(operated), len(rung)] == ([0, 0] if late else [1, 1])
    assert harness.state("sensor", "last_operation_id") == "3"
    assert (harness.state("sensor", "door_state") == door) is late


async def test_late_ones_in_the_right_order(harness: LockHarness) -> None:
    """A late event is the last operation only if no later one is known."""
    now = time.time()
    for operation_id, age, expected in (
        (3, 2 * HOUR, "3"),
        (4, 3 * HOUR, "3"),
        (5, HOUR, "5"),
        (6, 0, "6"),
        (7, HOUR / 2, "6"),
    ):
        harness.driver.push_event(LOCK_EVENT, operation(operation_id, now - age))
        await harness.reached()
        assert harness.state("sensor", "last_operation_id") == expected


async def test_what_is_remembered_is_bounded(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a number of events is remembered, the newest."""
    assert handled.REMEMBERED >= 1000
    monkeypatch.setattr(handled, "REMEMBERED", 5)
    monkeypatch.setattr(handled, "FORGOTTEN_TOGETHER", 0)
    await harness.stop()
    await harness.start()
    operated = harness.events("lock_event")
    now = int(time.time()) - 60
    for number in range(12):
        harness.driver.push_event(LOCK_EVENT, operation(number, now + number))
    await until(lambda: len(operated) == 12)
    await harness.stop()
    await harness.start()
    operated.clear()
    for number in range(7, 12):
        harness.driver.push_event(LOCK_EVENT, operation(number, now + number))
    await harness.reached()
    assert operated == []
    for number in range(7):
        harness.driver.push_event(LOCK_EVENT, operation(number, now + number))
    await until(lambda: len(operated) == 7)
