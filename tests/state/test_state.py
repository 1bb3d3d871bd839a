"""What is known of a lock: what moves it at once, and what is left of it after a restart."""

from __future__ import annotations

import json
import time
import weakref
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.xiaomi_smart_lock import coordinator
from custom_components.xiaomi_smart_lock.miot.client import PropertyChanged
from custom_components.xiaomi_smart_lock.state.credential import Credential
from custom_components.xiaomi_smart_lock.state.deduplicator import (
    FORGOTTEN_TOGETHER,
    REMEMBERED,
    TWINS_LIMIT,
    EventDeduplicator,
)
from custom_components.xiaomi_smart_lock.state.expiry import Expiry
from custom_components.xiaomi_smart_lock.state.lock_event import LockEvent
from custom_components.xiaomi_smart_lock.state.lock_state import LockData, restored
from simulator.model import S1, SPEC
from tests.lock_driver import LockDriver, until
from tests.lock_harness import connected, lock_of

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

LOCK_EVENT = (2, 1020)
POSITION, METHOD, ACTION, OPERATION_ID, TIME = (
    argument.address[1] for argument in SPEC.events[LOCK_EVENT].arguments
)
WHOLE = {POSITION: 2, METHOD: 3, ACTION: 2, OPERATION_ID: 20}
"""Unlocked from outside with password 20."""
CODE = Credential(3, 20)

DOOR_STATES = {
    "locked": 1,
    "unlocked": 2,
    "not_closed": 3,
    "ajar": 4,
    "child_lock_on": 5,
    "deadbolt_on": 6,
}

# What each lock action makes of each door state. A door that closes is not taken for locked, and
# one that is open stays open whatever the bolt does.
MOVES = {
    "door_closed": {"not_closed": "unlocked", "ajar": "unlocked"},
    "unlocked": dict.fromkeys(("locked", "child_lock_on", "deadbolt_on"), "unlocked"),
    "deadbolt_on": dict.fromkeys(("locked", "unlocked", "child_lock_on"), "deadbolt_on"),
    "deadbolt_off": {"deadbolt_on": "locked"},
    "child_lock_on": {"locked": "child_lock_on"},
    "child_lock_off": {"child_lock_on": "locked"},
    "away_mode_on": {},
    "away_mode_off": {},
}


def shown(hass: HomeAssistant, driver: LockDriver, platform: str, key: str) -> str:
    """Return the state of one of the lock's entities."""
    return driver.state(hass, platform, key).state


async def shows(
    hass: HomeAssistant, driver: LockDriver, platform: str, key: str, state: str
) -> None:
    """Wait until one of the lock's entities has a state."""
    await until(lambda: shown(hass, driver, platform, key) == state)


async def was_read(
    driver: LockDriver, loaded: MockConfigEntry, door_state: str, when: float
) -> None:
    """Have the door state read that the lock reported at a time in Unix seconds."""
    driver.tell((3, 1021), DOOR_STATES[door_state], when)
    await lock_of(loaded, driver).coordinator.async_refresh()


async def test_an_action_moves_the_door_state_at_once(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """What can be concluded of the door is shown before the lock reports it; nothing else is."""
    operations = count(1)
    for number, (action, moves) in enumerate(MOVES.items(), start=1):
        moved = {}
        for before, its_number in DOOR_STATES.items():
            driver.push_property((3, 1021), its_number)
            await shows(hass, driver, "sensor", "door_state", before)
            operation = next(operations)
            driver.push_event((2, 1020), 1, 11, number, operation, int(time.time()))
            await shows(hass, driver, "sensor", "last_operation_id", str(operation))
            assert shown(hass, driver, "sensor", "last_action") == action
            if (after := shown(hass, driver, "sensor", "door_state")) != before:
                moved[before] = after
        assert moved == moves, action


async def test_an_action_tells_of_more_than_the_door(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Deadbolt, child lock and away mode follow the actions that say so."""
    operations = count(1)
    for action, platform, key, expected in (
        (3, "binary_sensor", "deadbolt", "on"),
        (4, "binary_sensor", "deadbolt", "off"),
        (3, "binary_sensor", "deadbolt", "on"),
        (2, "binary_sensor", "deadbolt", "off"),
        (5, "binary_sensor", "child_lock", "on"),
        (6, "binary_sensor", "child_lock", "off"),
        (7, "switch", "away_mode", "on"),
        (8, "switch", "away_mode", "off"),
    ):
        assert shown(hass, driver, platform, key) != expected
        driver.push_event((2, 1020), 1, 11, action, next(operations), int(time.time()))
        await shows(hass, driver, platform, key, expected)


async def test_the_door_state_tells_of_the_bolts(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The truth about the door says what cannot be read of deadbolt and child lock."""
    for door_state, key, expected in (
        (6, "deadbolt", "on"),
        (1, "deadbolt", "off"),
        (6, "deadbolt", "on"),
        (2, "deadbolt", "off"),
        (5, "child_lock", "on"),
    ):
        assert shown(hass, driver, "binary_sensor", key) != expected
        driver.push_property((3, 1021), door_state)
        await shows(hass, driver, "binary_sensor", key, expected)


async def test_a_late_event_moves_nothing(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """An event that is older than the last one is not the last operation."""
    now = int(time.time())
    await was_read(driver, loaded, "locked", now - 200)
    driver.tell((3, 1021), DOOR_STATES["unlocked"], now - 120)
    driver.push_event((2, 1020), 2, 2, 2, 8, now - 120)
    await until(lambda: shown(hass, driver, "sensor", "last_operation_id") == "8")
    driver.push_event((2, 1020), 1, 11, 3, 7, now - 180)
    driver.push_event((2, 1020), 2, 3, 2, 9, now - 60)
    await until(lambda: shown(hass, driver, "sensor", "last_operation_id") == "9")
    assert shown(hass, driver, "sensor", "door_state") == "unlocked"
    assert shown(hass, driver, "binary_sensor", "deadbolt") == "off"


async def test_a_late_event_moves_nothing_that_was_read_since(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The door was locked after it was unlocked, which is heard last."""
    monkeypatch.setattr(coordinator, "REPORTS_WITHIN", 0.05)
    now = int(time.time())
    await was_read(driver, loaded, "locked", now - 30)
    before = driver.simulator.cloud.requests.copy()
    driver.push_event(LOCK_EVENT, 2, 2, 2, 7, now - 60)
    await shows(hass, driver, "sensor", "last_operation_id", "7")
    assert shown(hass, driver, "lock", "lock") == "locked"
    driver.push_event(LOCK_EVENT, 1, 11, 3, 8, now - 40)  # the deadbolt, before it was off
    await shows(hass, driver, "sensor", "last_operation_id", "8")
    assert shown(hass, driver, "binary_sensor", "deadbolt") == "off"
    await until(lambda: driver.simulator.cloud.requests != before)


async def test_a_slow_clock_makes_no_event_late(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Of a lock whose clock is a minute behind, what it says is so even if more was read since."""
    now = int(time.time())
    clock = lock_of(loaded, driver).coordinator.data.clock
    clock.when(now - 90, now - 30)
    clock.when(now - 75, now - 15)
    await was_read(driver, loaded, "locked", now - 10)
    driver.push_event(LOCK_EVENT, 2, 2, 2, 7, int(time.time()) - 60)
    await shows(hass, driver, "sensor", "last_operation_id", "7")
    assert shown(hass, driver, "lock", "lock") == "unlocked"


async def test_what_was_reported_since_tells_of_the_deadbolt(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The door state that the lock reported after an event says that the deadbolt is off."""
    now = int(time.time())
    driver.push_property((3, 1021), DOOR_STATES["unlocked"])
    await shows(hass, driver, "lock", "lock", "unlocked")
    driver.push_event(LOCK_EVENT, 1, 11, 3, 7, now - 3)
    await shows(hass, driver, "sensor", "last_operation_id", "7")
    assert shown(hass, driver, "binary_sensor", "deadbolt") == "off"
    assert shown(hass, driver, "lock", "lock") == "unlocked"


async def test_a_late_event_is_followed_by_a_reading(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it says is shown until the lock is read, which says what is so now."""
    monkeypatch.setattr(coordinator, "REPORTS_WITHIN", 0.05)
    now = int(time.time())
    await was_read(driver, loaded, "locked", now - 90)
    driver.tell((3, 1021), DOOR_STATES["ajar"], now - 30)
    states = async_capture_events(hass, EVENT_STATE_CHANGED)
    driver.push_event(LOCK_EVENT, 2, 2, 2, 7, now - 60)
    await shows(hass, driver, "sensor", "door_state", "ajar")
    door = driver.entity_id(hass, "sensor", "door_state")
    told = [one.data["new_state"].state for one in states if one.data["entity_id"] == door]
    assert told == ["unlocked", "ajar"]


async def test_what_is_not_pushed_is_polled(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The lock does not tell of each change of its battery."""
    driver.do("set_battery", 40, push=False)
    await lock_of(loaded, driver).coordinator.async_refresh()
    assert shown(hass, driver, "sensor", "lithium_battery") == "40"


LASTING = {
    ("sensor", "last_action"): "deadbolt_on",
    ("sensor", "last_method"): "fingerprint",
    ("sensor", "last_position"): "inside",
    ("sensor", "last_operation_id"): "7",
    ("sensor", "last_exception"): "possible_tampering",
    ("binary_sensor", "deadbolt"): "on",
    ("binary_sensor", "child_lock"): "off",
}


async def test_a_restart(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    hass_storage: dict[str, object],
) -> None:
    """What cannot be read is what it was; the account's cloud has no copy of it."""
    now = int(time.time())
    driver.push_event((2, 1007), 25, now - 60)
    driver.push_property((2, 8), False)
    driver.push_event((2, 1020), 1, 2, 3, 7, now)
    expected = LASTING | {
        ("sensor", "last_operation_time"): dt_util.utc_from_timestamp(now).isoformat()
    }

    def lasting() -> dict[tuple[str, str], str]:
        return {(platform, key): shown(hass, driver, platform, key) for platform, key in expected}

    await until(lambda: lasting() == expected)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    # What is kept is JSON; Home Assistant reads it as such after a real restart.
    key = f"xiaomi_smart_lock.{driver.lock.did}"
    hass_storage[key] = json.loads(json.dumps(hass_storage[key]))
    driver.simulation.call(driver.lock.values.__setitem__, (3, 1021), 3)

    assert await hass.config_entries.async_setup(loaded.entry_id)
    await connected(loaded)
    assert lasting() == expected
    assert shown(hass, driver, "sensor", "door_state") == "not_closed"
    assert shown(hass, driver, "event", "lock_event") != "unavailable"


async def test_what_comes_after_the_end_is_not_kept(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, hass_storage: dict[str, object]
) -> None:
    """Nothing is written any more of an entry that was unloaded, or even removed."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    lock = lock_of(entry, driver)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.config_entries.async_remove(entry.entry_id)
    lock.async_handle(PropertyChanged((13, 1), 5))
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=1))
    await hass.async_block_till_done()
    assert f"xiaomi_smart_lock.{driver.lock.did}" not in hass_storage


async def test_what_was_kept_and_is_no_longer_allowed(
    hass: HomeAssistant,
    driver: LockDriver,
    entry: MockConfigEntry,
    hass_storage: dict[str, object],
) -> None:
    """A value that a newer specification does not have is forgotten, the rest is not."""
    noon = 1790000000
    hass_storage[f"xiaomi_smart_lock.{driver.lock.did}"] = {
        "version": 1,
        "data": {
            "device": {},
            "data": {
                "values": [[2, 8, True], [2, 9, 7], [2, 99, 1]],
                "events": [[2, 1007, [[4, 24], [6, noon]], noon], [2, 1, [], noon]],
                "pending": [[2, 99, 1, noon], [21, 1, "yes", noon]],
                "undelivered": [[2, 99]],
                "handled": [],
                "behind": 0,
                "heard": noon,
                "contact": noon,
            },
        },
    }
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert shown(hass, driver, "binary_sensor", "child_lock") == "on"
    assert shown(hass, driver, "sensor", "last_exception") == "door_ajar"
    assert shown(hass, driver, "sensor", "pending_changes") == "0"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_what_was_kept_and_makes_no_sense(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, hass_storage: dict[str, object]
) -> None:
    """What has another shape, as of a version before, does not keep the lock from being shown."""
    kept = {"values": [[2, 8, True]], "events": [], "handled": [], "heard": 0}
    hass_storage[f"xiaomi_smart_lock.{driver.lock.did}"] = {"version": 1, "data": kept}
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert shown(hass, driver, "sensor", "door_state") == "locked"
    await hass.config_entries.async_unload(entry.entry_id)


def test_events_without_a_time_in_a_flood() -> None:
    """Few of them wait for the other one of two services to report them too, and all are new."""
    doorbell = SPEC.events[7, 1006]
    handled = EventDeduplicator()
    for number in range(1, 5001):
        assert handled.take(LockEvent(S1, doorbell, {}, 1_790_000_000.5, tid=number))
    assert sum(map(len, handled._alone.values())) <= TWINS_LIMIT + 1
    assert len(handled.known) <= REMEMBERED + FORGOTTEN_TOGETHER
    twin = LockEvent(S1, SPEC.events[21, 1], {}, 1_790_000_000.6, tid=1)
    assert not handled.take(twin)


def test_an_event_goes_when_nobody_wants_it() -> None:
    """What is found out of it does not keep it: the collector would stop everything for that."""
    lock_event = SPEC.events[LOCK_EVENT]
    occurrence = LockEvent(
        S1, lock_event, {1: 2, 2: 2, 3: 2, 5: 7, 6: 1_790_000_000}, 1_790_000_000
    )
    assert occurrence.masked is occurrence
    assert (occurrence.credential, occurrence.usable_time) == ((2, 7), 1_790_000_000)
    EventDeduplicator().take(occurrence)
    kept = weakref.ref(occurrence)
    del occurrence
    assert kept() is None


@pytest.mark.parametrize(
    "lacks", [(), (METHOD,), (ACTION,), (OPERATION_ID,), (POSITION,), (METHOD, POSITION)]
)
def test_what_the_history_completes_counts_once(lacks: tuple[int, ...]) -> None:
    """A use of which push told in part is one use, now and after a power cut."""
    now = int(time.time())
    data = LockData(S1)
    data.expiries.known[CODE] = Expiry(user_id=5, since=now - 3600, due=None, uses=2)
    saved = json.loads(json.dumps(data.as_dict()))
    lines = []
    heard = {piid: value for piid, value in WHOLE.items() if piid not in lacks}
    events = [LockEvent(S1, SPEC.events[LOCK_EVENT], told, now - 50.0) for told in (heard, WHOLE)]
    for number, (lock_event, before) in enumerate([(events[0], None), (events[1], events[0])]):
        data.record_last(lock_event, before)
        data.unwritten.events.append(lock_event)
        data.unwritten.replaced += [before] if before else []
        lines.append({"line": number + 1, **orjson.loads(orjson.dumps(data.take_changes()))})
    for known in (data, restored(S1, saved, 0, lines), restored(S1, saved, 0, joined(*lines))):
        assert known.expiries.known[CODE].uses == 1
        assert known.users.uses[CODE].position == WHOLE[POSITION]
        assert known.events[LOCK_EVENT].arguments == WHOLE


def joined(first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """Return two lines as the one that is written where both happened shortly after each other."""
    rows = {name: first.get(name, []) + second.get(name, []) for name in ("events", "replaced")}
    return [first | second | rows]
