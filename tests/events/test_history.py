"""Events that were not pushed are read from the cloud's history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.const import STATE_UNKNOWN, Platform
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.xiaomi_smart_lock.const import CONF_APP_REQUESTS
from custom_components.xiaomi_smart_lock.events import history_sync as history
from custom_components.xiaomi_smart_lock.miot import push
from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from simulator.app_cloud import LONGEST_PAGE
from simulator.device import Past
from tests.lock_driver import LockDriver, until
from tests.lock_harness import app_session, connected, disconnected, entry_of
from tests.past import (
    DAY,
    EXCEPTION,
    HOUR,
    KINDS,
    LOCK_EVENT,
    MINUTE,
    LinkedHarness,
    happened,
    linked_lock,
    rang,
    state_writes,
    unlocked,
)
from tests.people import give

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from homeassistant.core import HomeAssistant

    from tests.lock_harness import Storage

AJAR = 24


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, driver: LockDriver) -> None:
    monkeypatch.setattr(push, "FIRST_DELAY", 0.02)
    driver.simulator.cloud.requests.clear()


@pytest.fixture
async def neighbour(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, short_timeouts: None
) -> AsyncIterator[LinkedHarness]:
    """Return a lock on the local network that is linked to the app, with nothing set up yet."""
    async with linked_lock(hass, driver, local=True) as harness:
        yield harness


def iso(when: float) -> str:
    """Return a time as a sensor shows it."""
    return dt_util.utc_from_timestamp(int(when)).isoformat()


async def test_at_the_start(linked_harness: LinkedHarness) -> None:
    """The last operation is the newest event that was missed; old events fire nothing."""
    unlocked(linked_harness.driver, 1, 3 * HOUR)
    newest = unlocked(linked_harness.driver, 3, 1 * HOUR)
    unlocked(linked_harness.driver, 2, 2 * HOUR)
    happened(linked_harness.driver, EXCEPTION, AJAR, told=time.time() - HOUR)
    rang(linked_harness.driver, HOUR)
    told = async_capture_events(linked_harness.hass, EVENT)
    await linked_harness.start_and_read()
    assert linked_harness.last() == {
        "last_operation_id": "3",
        "last_action": "unlocked",
        "last_operation_time": iso(newest),
        "last_exception": "door_ajar",
    }
    for key in ("lock_event", "doorbell", "exception"):
        assert linked_harness.state("event", key) == STATE_UNKNOWN
    assert not told


async def test_what_was_missed_a_moment_ago_fires(linked_harness: LinkedHarness) -> None:
    """Recent events fire once each and in order, also a ring that two services report."""
    await linked_harness.start_and_read()
    operations, rings = linked_harness.fired("lock_event"), linked_harness.fired("doorbell")
    unlocked(linked_harness.driver, 9, 10 * MINUTE)
    unlocked(linked_harness.driver, 1, 2 * MINUTE)
    unlocked(linked_harness.driver, 2, 1 * MINUTE)
    rang(linked_harness.driver, MINUTE)
    await linked_harness.read_again()
    await linked_harness.read_again()
    assert [event["operation_id"] for event in operations] == [1, 2]
    assert len(rings) == 1
    assert linked_harness.last()["last_operation_id"] == "2"


async def test_within_a_second(linked_harness: LinkedHarness) -> None:
    """Events of the same second are in the order in which the cloud received them."""
    told = time.time() - MINUTE
    for number in (3, 1, 2):
        happened(linked_harness.driver, LOCK_EVENT, 2, 2, 2, number, told=told)
    await linked_harness.start_and_read()
    assert linked_harness.last()["last_operation_id"] == "2"


async def test_what_push_told_is_no_news(linked_harness: LinkedHarness) -> None:
    """An event that was pushed does not fire again when it is read, also after a restart."""
    await linked_harness.start_and_read()
    operations, rings = linked_harness.fired("lock_event"), linked_harness.fired("doorbell")
    linked_harness.driver.do("fingerprint", 7)
    linked_harness.driver.do("ring")
    await until(lambda: operations and rings)
    await linked_harness.read_again()
    await linked_harness.restart()
    assert (len(operations), len(rings)) == (1, 1)
    assert len(linked_harness.known.deduplicator.known) == 2


@pytest.mark.parametrize("lag", [0, 3, 20])
async def test_what_push_told_in_part(
    hass: HomeAssistant, linked_harness: LinkedHarness, lag: int
) -> None:
    """Arguments that were missing in a pushed event are added; nothing fires or is kept twice."""
    await linked_harness.start_and_read()
    give(hass, linked_harness.entry, "Ming", (2, 7))
    kinds = ("doorbell", "lock_event", "exception")
    fired = [linked_harness.fired(kind) for kind in kinds]
    rang(linked_harness.driver, lag)
    unlocked(linked_harness.driver, 7, lag)
    happened(linked_harness.driver, EXCEPTION, AJAR, told=time.time() - lag)
    for address, arguments in (
        ((7, 1006), None),
        ((21, 1), {}),
        (LOCK_EVENT, [2, 2, 2]),
        (EXCEPTION, None),
    ):
        linked_harness.driver.push_arguments(address, arguments)
    await until(lambda: all(fired))
    assert linked_harness.last()["last_operation_id"] == STATE_UNKNOWN
    for read in (
        linked_harness.read_again,
        linked_harness.read_again,
        linked_harness.restart,
        linked_harness.read_again,
    ):
        await read()
        assert [len(events) for events in fired] == [1, 1, 1]
        assert len(linked_harness.lock.journal) == 3
        assert linked_harness.last()["last_operation_id"] == "7"
        assert linked_harness.last()["last_exception"] == "door_ajar"
        assert linked_harness.state("sensor", "last_person") == "Ming"


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("told_less", ["push", "history"])
async def test_what_was_told_with_less(
    linked_harness: LinkedHarness, monkeypatch: pytest.MonkeyPatch, told_less: str, timed: bool
) -> None:
    """An event that is pushed and read is one event, and has the arguments of both."""
    await linked_harness.start_and_read()
    operations = linked_harness.fired("lock_event")
    now = int(time.time())
    some: list[Any] = [{"piid": 3, "value": 2}, *([{"piid": 6, "value": now}] if timed else [])]
    pushed = some if told_less == "push" else [2, 2, 2, 7, now]
    remembered = some if told_less == "history" else [2, 2, 2, 7, now]
    monkeypatch.setattr(linked_harness.driver.simulator.cloud.app, "bare_values", True)
    linked_harness.driver.lock.history.append(Past(now, LOCK_EVENT, remembered, now))
    linked_harness.driver.push_arguments(LOCK_EVENT, pushed)
    await until(lambda: operations)
    for read in (linked_harness.read_again, linked_harness.restart):
        await read()
        assert linked_harness.asked() > 0
        assert len(operations) == len(linked_harness.lock.journal) == 1
        assert linked_harness.last()["last_operation_id"] == "7"


async def test_what_push_told_in_part_and_not_at_all(linked_harness: LinkedHarness) -> None:
    """Of two rings of which one was pushed, the other one fires, once."""
    await linked_harness.start_and_read()
    rings = linked_harness.fired("doorbell")
    rang(linked_harness.driver, 20)
    rang(linked_harness.driver, 1)
    linked_harness.driver.push_arguments((7, 1006), None)
    await until(lambda: rings)
    for _ in range(2):
        await linked_harness.read_again()
        assert len(rings) == 2
        assert len(linked_harness.lock.journal) == 2


async def test_an_old_operation_moves_no_state(linked_harness: LinkedHarness) -> None:
    """An event from the history, even a recent one, replaces no state that was read since."""
    await linked_harness.start_and_read()
    linked_harness.driver.do("set", (3, 1021), 6)
    await until(lambda: linked_harness.state("sensor", "door_state") == "deadbolt_on")
    operations = linked_harness.fired("lock_event")
    unlocked(linked_harness.driver, 1, HOUR)
    unlocked(linked_harness.driver, 2, MINUTE)
    await linked_harness.read_again()
    assert [event["operation_id"] for event in operations] == [2]
    assert linked_harness.state("sensor", "door_state") == "deadbolt_on"
    assert linked_harness.state("binary_sensor", "deadbolt") == "on"


async def test_when_push_is_back(linked_harness: LinkedHarness) -> None:
    """The history is read when push is connected again."""
    await linked_harness.start_and_read()
    before = linked_harness.asked()
    gate = linked_harness.driver.simulator.gate
    gate.open = False
    linked_harness.driver.simulation.call(gate.cut)
    await disconnected(linked_harness.entry)
    unlocked(linked_harness.driver, 5, HOUR)
    gate.open = True
    await connected(linked_harness.entry)
    await linked_harness.settle()
    await linked_harness.all_read(before + KINDS)
    assert linked_harness.last()["last_operation_id"] == "5"


async def test_every_few_hours(linked_harness: LinkedHarness) -> None:
    """The history is read every few hours, not more often."""
    await linked_harness.start_and_read()
    before = linked_harness.asked()
    await linked_harness.later(history.EVERY - HOUR)
    assert linked_harness.asked() == before
    await linked_harness.read_again()
    assert linked_harness.asked() == before + KINDS


async def test_only_what_is_newer_is_read_again(linked_harness: LinkedHarness) -> None:
    """Later reads ask for newer events only, and for those that the lock reported late."""
    for number in range(120):
        unlocked(linked_harness.driver, number, 2 * DAY + number * MINUTE)
    unlocked(linked_harness.driver, 200, MINUTE)
    await linked_harness.start_and_read()
    # Pages of 50, and two that show that there is no more
    assert linked_harness.asked() == KINDS + 4
    unlocked(linked_harness.driver, 201, HOUR)
    await linked_harness.restart()
    assert linked_harness.asked() == 2 * KINDS + 4
    assert linked_harness.last()["last_operation_id"] == "200"
    assert len(linked_harness.known.deduplicator.known) == 122


@pytest.fixture
def _whole_pages(driver: LockDriver) -> Iterator[None]:
    yield
    app = driver.simulator.cloud.app
    app.longest_page, app.nothing_is_null = LONGEST_PAGE, False


@pytest.mark.usefixtures("_whole_pages")
@pytest.mark.parametrize("longest", [1, 7])
async def test_pages_that_are_cut_short(
    hass: HomeAssistant, linked_harness: LinkedHarness, longest: int
) -> None:
    """All missed events are read with any page size; an idle lock takes few requests."""
    app = linked_harness.driver.simulator.cloud.app
    app.longest_page, app.nothing_is_null = longest, True
    hass.config_entries.async_update_entry(linked_harness.entry, options={CONF_APP_REQUESTS: 200})
    for number in range(20):
        unlocked(linked_harness.driver, number, 2 * DAY + number * MINUTE)
    await linked_harness.start_and_read()
    assert len(linked_harness.known.deduplicator.known) == 20
    assert not linked_harness.known.history_gaps.gaps
    before = linked_harness.asked()
    await linked_harness.read_again()
    assert linked_harness.asked() == before + KINDS
    for number in range(20, 40):
        unlocked(linked_harness.driver, number, DAY + number * MINUTE)
    await linked_harness.read_again()
    assert len(linked_harness.known.deduplicator.known) == 40


@pytest.mark.usefixtures("_whole_pages")
async def test_null_is_nothing(linked_harness: LinkedHarness) -> None:
    """An answer of null is an empty history, and no error."""
    linked_harness.driver.simulator.cloud.app.nothing_is_null = True
    await linked_harness.start_and_read()
    assert app_session(linked_harness.entry).failed == 0
    unlocked(linked_harness.driver, 1, HOUR)
    await linked_harness.read_again()
    assert linked_harness.last()["last_operation_id"] == "1"


async def test_shown_once(
    hass: HomeAssistant, linked_harness: LinkedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entity writes its state once, however many events were missed."""
    await linked_harness.start_and_read()
    for one in range(500):
        unlocked(linked_harness.driver, one, HOUR + one * MINUTE)
    written = state_writes(monkeypatch)
    await linked_harness.read_again()
    assert len(linked_harness.known.deduplicator.known) == 500
    for platform, key in (("sensor", "last_operation_time"), ("calendar", "diary")):
        assert written[linked_harness.driver.entity_id(hass, platform, key)] == 1
    assert set(written.values()) == {1}


async def test_whose_it_was(hass: HomeAssistant, linked_harness: LinkedHarness) -> None:
    """Events from the history have the names of persons."""
    unlocked(linked_harness.driver, 7, HOUR)
    await linked_harness.start_and_read()
    give(hass, linked_harness.entry, "Ming", (2, 7))
    await until(lambda: linked_harness.state("sensor", "last_person") == "Ming")


async def test_a_spent_budget(hass: HomeAssistant, linked_harness: LinkedHarness) -> None:
    """The newest events are read first, the rest later. Pictures have their own budget."""
    hass.config_entries.async_update_entry(
        linked_harness.entry, options={CONF_APP_REQUESTS: KINDS + 1}
    )
    for number in range(170):
        unlocked(linked_harness.driver, number, DAY + number * MINUTE)
    await linked_harness.start_and_read()
    assert linked_harness.last()["last_operation_id"] == "0"
    assert len(linked_harness.known.deduplicator.known) == 99  # two pages that meet in a second
    unlocked(linked_harness.driver, 999, MINUTE)
    await linked_harness.restart()  # which begins another hour's budget
    assert linked_harness.last()["last_operation_id"] == "999"
    for _ in range(5):
        await linked_harness.restart()
    assert len(linked_harness.known.deduplicator.known) == 171
    assert not linked_harness.known.history_gaps.gaps


async def test_not_linked(hass: HomeAssistant, driver: LockDriver, hass_storage: Storage) -> None:
    """Without the app no history is requested."""
    unlocked(driver, 1, HOUR)
    harness = LinkedHarness(hass, driver, entry_of(hass, driver.account_data()))
    await harness.start()
    await harness.later(history.EVERY + 1)
    assert harness.asked() == 0
    assert harness.last()["last_operation_id"] == STATE_UNKNOWN
    assert not hass.states.async_entity_ids(Platform.CALENDAR)
    await harness.stop()


# A lock on the local network


async def test_entities_of_a_lock_nearby(hass: HomeAssistant, neighbour: LinkedHarness) -> None:
    """A lock on the local network gets the entities that the history fills, and no others."""
    await neighbour.start_and_read()
    entities = er.async_entries_for_config_entry(er.async_get(hass), neighbour.entry.entry_id)
    keys = {entity.unique_id.partition("-")[2] for entity in entities}
    assert {key for key in keys if "last_" in key} == {
        *("last_contact", "last_action", "last_position", "last_method", "last_operation_id"),
        *("last_operation_time", "last_person", "last_exception", "last_visitor", "last_stay"),
    }
    events = {one.unique_id.partition("-")[2] for one in entities if one.domain == Platform.EVENT}
    assert events == {"lock_event", "unlocking", "doorbell", "exception", "duress"}
    assert "diary" in keys
    assert not keys & {"deadbolt", "history_reported", "button_function"}


async def test_a_lock_nearby(neighbour: LinkedHarness) -> None:
    """The history is read when a lock on the local network wakes up or falls asleep."""
    await neighbour.start_and_read()
    await neighbour.put_to_sleep()
    await neighbour.settle()
    await neighbour.all_read(2 * KINDS)
    operations, rings = neighbour.fired("lock_event"), neighbour.fired("doorbell")
    before = neighbour.asked()
    neighbour.driver.do("fingerprint", 4)
    await neighbour.poll()
    await neighbour.settle()
    await neighbour.all_read(before + KINDS)
    assert [event["operation_id"] for event in operations] == [4]
    assert neighbour.last()["last_operation_id"] == "4"
    before = neighbour.asked()
    neighbour.driver.do("ring")
    await neighbour.put_to_sleep()
    await neighbour.settle()
    await neighbour.all_read(before + KINDS)
    assert (len(operations), len(rings)) == (1, 1)
