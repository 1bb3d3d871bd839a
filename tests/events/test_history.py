"""What happened while nobody listened is known afterwards, and is the past."""

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
from tests.hosts import NEARBY
from tests.lock_driver import LockDriver, until
from tests.lock_harness import app_session, connected, disconnected, entry_of, nearby
from tests.past import (
    DAY,
    EXCEPTION,
    HOUR,
    KINDS,
    LOCK_EVENT,
    MINUTE,
    LinkedHarness,
    happened,
    linked_data,
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
async def away(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LinkedHarness]:
    """Return who is linked to the Mi Home app, and whose Home Assistant does not run yet."""
    data = linked_data(driver, driver.account_data())
    harness = LinkedHarness(hass, driver, entry_of(hass, data))
    yield harness
    await harness.stop()


@pytest.fixture
async def neighbour(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, short_timeouts: None
) -> AsyncIterator[LinkedHarness]:
    """Return the same of a lock on the local network."""
    driver = nearby(driver)
    data = linked_data(driver, driver.local_data(NEARBY))
    harness = LinkedHarness(hass, driver, entry_of(hass, data))
    yield harness
    await harness.stop()


def iso(when: float) -> str:
    """Return a time as a sensor shows it."""
    return dt_util.utc_from_timestamp(int(when)).isoformat()


async def test_at_the_start(away: LinkedHarness) -> None:
    """The last operation is the newest of those that were missed; nothing of it fires."""
    unlocked(away.driver, 1, 3 * HOUR)
    newest = unlocked(away.driver, 3, 1 * HOUR)
    unlocked(away.driver, 2, 2 * HOUR)
    happened(away.driver, EXCEPTION, AJAR, told=time.time() - HOUR)
    rang(away.driver, HOUR)
    told = async_capture_events(away.hass, EVENT)
    await away.start_and_read()
    assert away.last() == {
        "last_operation_id": "3",
        "last_action": "unlocked",
        "last_operation_time": iso(newest),
        "last_exception": "door_ajar",
    }
    for key in ("lock_event", "doorbell", "exception"):
        assert away.state("event", key) == STATE_UNKNOWN
    assert not told


async def test_what_was_missed_a_moment_ago_fires(away: LinkedHarness) -> None:
    """Each once and in its order; also where both services remember a ring."""
    await away.start_and_read()
    operations, rings = away.fired("lock_event"), away.fired("doorbell")
    unlocked(away.driver, 9, 10 * MINUTE)
    unlocked(away.driver, 1, 2 * MINUTE)
    unlocked(away.driver, 2, 1 * MINUTE)
    rang(away.driver, MINUTE)
    await away.read_again()
    await away.read_again()
    assert [event["operation_id"] for event in operations] == [1, 2]
    assert len(rings) == 1
    assert away.last()["last_operation_id"] == "2"


async def test_within_a_second(away: LinkedHarness) -> None:
    """The order is that in which the cloud was told."""
    told = time.time() - MINUTE
    for number in (3, 1, 2):
        happened(away.driver, LOCK_EVENT, 2, 2, 2, number, told=told)
    await away.start_and_read()
    assert away.last()["last_operation_id"] == "2"


async def test_what_push_told_is_no_news(away: LinkedHarness) -> None:
    """Nor is it after a restart, whether it is told again or read."""
    await away.start_and_read()
    operations, rings = away.fired("lock_event"), away.fired("doorbell")
    away.driver.do("fingerprint", 7)
    away.driver.do("ring")
    await until(lambda: operations and rings)
    await away.read_again()
    await away.restart()
    assert (len(operations), len(rings)) == (1, 1)
    assert len(away.known.deduplicator.known) == 2


@pytest.mark.parametrize("lag", [0, 3, 20])
async def test_what_push_told_in_part(hass: HomeAssistant, away: LinkedHarness, lag: int) -> None:
    """What it lacked is known from then on, and nothing fires or is kept a second time."""
    await away.start_and_read()
    give(hass, away.entry, "Ming", (2, 7))
    kinds = ("doorbell", "lock_event", "exception")
    fired = [away.fired(kind) for kind in kinds]
    rang(away.driver, lag)
    unlocked(away.driver, 7, lag)
    happened(away.driver, EXCEPTION, AJAR, told=time.time() - lag)
    for address, arguments in (
        ((7, 1006), None),
        ((21, 1), {}),
        (LOCK_EVENT, [2, 2, 2]),
        (EXCEPTION, None),
    ):
        away.driver.push_arguments(address, arguments)
    await until(lambda: all(fired))
    assert away.last()["last_operation_id"] == STATE_UNKNOWN
    for read in (away.read_again, away.read_again, away.restart, away.read_again):
        await read()
        assert [len(events) for events in fired] == [1, 1, 1]
        assert len(away.lock.journal) == 3
        assert away.last()["last_operation_id"] == "7"
        assert away.last()["last_exception"] == "door_ajar"
        assert away.state("sensor", "last_person") == "Ming"


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("told_less", ["push", "history"])
async def test_what_was_told_with_less(
    away: LinkedHarness, monkeypatch: pytest.MonkeyPatch, told_less: str, timed: bool
) -> None:
    """Whichever of both knows less, it is the same event, and all is known of it."""
    await away.start_and_read()
    operations = away.fired("lock_event")
    now = int(time.time())
    some: list[Any] = [{"piid": 3, "value": 2}, *([{"piid": 6, "value": now}] if timed else [])]
    pushed = some if told_less == "push" else [2, 2, 2, 7, now]
    remembered = some if told_less == "history" else [2, 2, 2, 7, now]
    monkeypatch.setattr(away.driver.simulator.cloud.app, "bare_values", True)
    away.driver.lock.history.append(Past(now, LOCK_EVENT, remembered, now))
    away.driver.push_arguments(LOCK_EVENT, pushed)
    await until(lambda: operations)
    for read in (away.read_again, away.restart):
        await read()
        assert away.asked() > 0
        assert len(operations) == len(away.lock.journal) == 1
        assert away.last()["last_operation_id"] == "7"


async def test_what_push_told_in_part_and_not_at_all(away: LinkedHarness) -> None:
    """Of two rings of which one was heard, the other one is told, once."""
    await away.start_and_read()
    rings = away.fired("doorbell")
    rang(away.driver, 20)
    rang(away.driver, 1)
    away.driver.push_arguments((7, 1006), None)
    await until(lambda: rings)
    for _ in range(2):
        await away.read_again()
        assert len(rings) == 2
        assert len(away.lock.journal) == 2


async def test_an_old_operation_moves_no_state(away: LinkedHarness) -> None:
    """Nor does one of a moment ago: what was read since says more."""
    await away.start_and_read()
    away.driver.do("set", (3, 1021), 6)
    await until(lambda: away.state("sensor", "door_state") == "deadbolt_on")
    operations = away.fired("lock_event")
    unlocked(away.driver, 1, HOUR)
    unlocked(away.driver, 2, MINUTE)
    await away.read_again()
    assert [event["operation_id"] for event in operations] == [2]
    assert away.state("sensor", "door_state") == "deadbolt_on"
    assert away.state("binary_sensor", "deadbolt") == "on"


async def test_when_push_is_back(away: LinkedHarness) -> None:
    """What was missed meanwhile is read."""
    await away.start_and_read()
    before = away.asked()
    gate = away.driver.simulator.gate
    gate.open = False
    away.driver.simulation.call(gate.cut)
    await disconnected(away.entry)
    unlocked(away.driver, 5, HOUR)
    gate.open = True
    await connected(away.entry)
    await away.settle()
    await away.all_read(before + KINDS)
    assert away.last()["last_operation_id"] == "5"


async def test_every_few_hours(away: LinkedHarness) -> None:
    """Not more often: an idle lock costs little."""
    await away.start_and_read()
    before = away.asked()
    await away.later(history.EVERY - HOUR)
    assert away.asked() == before
    await away.read_again()
    assert away.asked() == before + KINDS


async def test_only_what_is_newer_is_read_again(away: LinkedHarness) -> None:
    """What the lock told late is looked for too."""
    for number in range(120):
        unlocked(away.driver, number, 2 * DAY + number * MINUTE)
    unlocked(away.driver, 200, MINUTE)
    await away.start_and_read()
    assert away.asked() == KINDS + 4  # pages of 50, and two that show that there is no more
    unlocked(away.driver, 201, HOUR)
    await away.restart()
    assert away.asked() == 2 * KINDS + 4
    assert away.last()["last_operation_id"] == "200"
    assert len(away.known.deduplicator.known) == 122


@pytest.fixture
def _whole_pages(driver: LockDriver) -> Iterator[None]:
    yield
    app = driver.simulator.cloud.app
    app.longest_page, app.nothing_is_null = LONGEST_PAGE, False


@pytest.mark.usefixtures("_whole_pages")
@pytest.mark.parametrize("longest", [1, 7])
async def test_pages_that_are_cut_short(
    hass: HomeAssistant, away: LinkedHarness, longest: int
) -> None:
    """However little comes at once, all that was missed is read; an idle lock costs little."""
    app = away.driver.simulator.cloud.app
    app.longest_page, app.nothing_is_null = longest, True
    hass.config_entries.async_update_entry(away.entry, options={CONF_APP_REQUESTS: 200})
    for number in range(20):
        unlocked(away.driver, number, 2 * DAY + number * MINUTE)
    await away.start_and_read()
    assert len(away.known.deduplicator.known) == 20
    assert not away.known.history_gaps.gaps
    before = away.asked()
    await away.read_again()
    assert away.asked() == before + KINDS
    for number in range(20, 40):
        unlocked(away.driver, number, DAY + number * MINUTE)
    await away.read_again()
    assert len(away.known.deduplicator.known) == 40


@pytest.mark.usefixtures("_whole_pages")
async def test_null_is_nothing(away: LinkedHarness) -> None:
    """It is no error, after which nothing would be asked for a while."""
    away.driver.simulator.cloud.app.nothing_is_null = True
    await away.start_and_read()
    assert app_session(away.entry).failed == 0
    unlocked(away.driver, 1, HOUR)
    await away.read_again()
    assert away.last()["last_operation_id"] == "1"


async def test_shown_once(
    hass: HomeAssistant, away: LinkedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much was missed, each entity writes what comes of it once."""
    await away.start_and_read()
    for one in range(500):
        unlocked(away.driver, one, HOUR + one * MINUTE)
    written = state_writes(monkeypatch)
    await away.read_again()
    assert len(away.known.deduplicator.known) == 500
    for platform, key in (("sensor", "last_operation_time"), ("calendar", "diary")):
        assert written[away.driver.entity_id(hass, platform, key)] == 1
    assert set(written.values()) == {1}


async def test_whose_it_was(hass: HomeAssistant, away: LinkedHarness) -> None:
    """Names are known of what was missed too."""
    unlocked(away.driver, 7, HOUR)
    await away.start_and_read()
    give(hass, away.entry, "Ming", (2, 7))
    await until(lambda: away.state("sensor", "last_person") == "Ming")


async def test_a_spent_budget(hass: HomeAssistant, away: LinkedHarness) -> None:
    """The newest come first; the rest comes later, without gaps. Pictures have their own budget."""
    hass.config_entries.async_update_entry(away.entry, options={CONF_APP_REQUESTS: KINDS + 1})
    for number in range(170):
        unlocked(away.driver, number, DAY + number * MINUTE)
    await away.start_and_read()
    assert away.last()["last_operation_id"] == "0"
    assert len(away.known.deduplicator.known) == 99  # two pages that meet in a second
    unlocked(away.driver, 999, MINUTE)
    await away.restart()  # which begins another hour's budget
    assert away.last()["last_operation_id"] == "999"
    for _ in range(5):
        await away.restart()
    assert len(away.known.deduplicator.known) == 171
    assert not away.known.history_gaps.gaps


async def test_not_linked(hass: HomeAssistant, driver: LockDriver, hass_storage: Storage) -> None:
    """Nothing is asked."""
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
    """What the history tells is there, and nothing else of what is only pushed."""
    await neighbour.start_and_read()
    entities = er.async_entries_for_config_entry(er.async_get(hass), neighbour.entry.entry_id)
    keys = {entity.unique_id.partition("-")[2] for entity in entities}
    assert {key for key in keys if "last_" in key} == {
        *("last_contact", "last_action", "last_position", "last_method", "last_operation_id"),
        *("last_operation_time", "last_person", "last_exception", "last_visitor", "last_stay"),
    }
    events = {one.unique_id.partition("-")[2] for one in entities if one.domain == Platform.EVENT}
    assert events == {"lock_event", "doorbell", "exception", "duress"}
    assert "diary" in keys
    assert not keys & {"deadbolt", "history_reported", "button_function"}


async def test_a_lock_nearby(neighbour: LinkedHarness) -> None:
    """Who wakes it is known as soon as that is noticed; and so is what came after."""
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
