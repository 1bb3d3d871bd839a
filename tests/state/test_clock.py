"""The lock's clock against ours: what is late, what is not, and when the clock should be set."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.reporting.issues import Issue
from custom_components.xiaomi_smart_lock.state.device_clock import LockClock
from tests.lock_driver import until
from tests.lock_harness import LockHarness, fix, submit_fix

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator


NOON: Final = 1_790_000_000.0
TEN_MINUTES: Final = 600

# Events one after the other: what the lock's clock said, when it arrived, and when it was by ours.
# All are seconds since noon.
type Told = tuple[float, float, float]

RIGHT: Final[dict[str, list[Told]]] = {
    "at once": [(0, 0, 0)],
    "a second on its way": [(0, 1, 0)],
    "some seconds ahead are none": [(4, 0, 0)],
    "a minute ahead is corrected for": [(60, 0, 0), (70, 10, 10), (60, 20, 0)],
    "two minutes ahead are still no trouble": [(120, 0, 0)],
    "a minute behind is no trouble": [(-60, 0, -60), (-50, 10, -50)],
    "one late event": [(-600, 0, -600)],
    "late ones in one go": [(-600, 0, -600), (-600, 1, -600), (-599, 1, -599)],
    "late ones by different times": [(-600, 0, -600), (-500, 10, -500), (-100, 20, -100)],
    "late ones as long ago as each other, in one go": [(-600, 0, -600), (-598, 2, -598)],
    "ten minutes behind, then set": [(-600, 0, -600), (-590, 10, 10), (20, 20, 20)],
    "ten minutes ahead, then set": [(600, 0, 0), (10, 10, 10), (20, 20, 20)],
    "at zero, then set": [(-NOON, 0, 0), (10, 10, 10)],
}
OFF: Final[dict[str, list[Told]]] = {
    "ten minutes ahead": [(600, 0, 0)],
    "ten minutes ahead, and late": [(600, 0, 0), (650, 350, 50)],
    "ten minutes behind": [(-600, 0, -600), (-595, 5, 5), (-580, 20, 20)],
    "ten minutes behind, and late": [(-600, 0, -600), (-590, 10, 10), (-590, 310, 10)],
    "ten minutes behind, give or take two seconds": [(-600, 0, -600), (-592, 10, 10)],
    "just more than two minutes ahead": [(121, 0, 0)],
    "at zero": [(-NOON, 0, 0), (-NOON, 10, 10)],
    "counting from zero": [(5 - NOON, 0, 0), (15 - NOON, 10, 10)],
    "of years ago": [(1_699_999_999 - NOON, 0, 0)],
    "more than a day ahead": [(86_401, 0, 0)],
    "nearly a day ahead": [(86_400, 0, 0)],
}


@pytest.mark.parametrize(
    ("told", "off"),
    [*((told, False) for told in RIGHT.values()), *((told, True) for told in OFF.values())],
    ids=[*RIGHT, *OFF],
)
def test_rules(told: list[Told], off: bool) -> None:
    """A time is corrected by what events show of the clock; only a clock far off is one."""
    clock = LockClock()
    given = [clock.when(NOON + device, NOON + arrival) - NOON for device, arrival, _ in told]
    assert given == [when for _, _, when in told]
    assert clock.is_off is off


def test_an_event_without_a_time() -> None:
    """It happened when it arrived, and says nothing of the clock."""
    clock = LockClock()
    assert clock.when(None, NOON) == NOON
    assert not clock.is_off


@pytest.mark.parametrize("told", OFF.values(), ids=OFF)
def test_setting(told: list[Told]) -> None:
    """Once it was set, the clock is right until an event shows otherwise."""
    clock = LockClock()
    for device, arrival, _ in told:
        clock.when(NOON + device, NOON + arrival)
    clock.was_set()
    assert not clock.is_off
    assert clock.when(NOON + 1000, NOON + 1000) == NOON + 1000
    assert not clock.is_off


def _last_operation(harness: LockHarness) -> float:
    shown = dt_util.parse_datetime(harness.state("sensor", "last_operation_time"))
    assert isinstance(shown, datetime)
    return shown.timestamp()


async def test_ahead(harness: LockHarness) -> None:
    """A clock that is ahead is noticed at the first event, which is one of now."""
    operated, rung = harness.events("lock_event"), harness.events("doorbell")
    harness.driver.lock.clock_offset = TEN_MINUTES
    harness.driver.do("fingerprint", 3)
    await until(lambda: operated)
    harness.driver.do("ring")
    await until(lambda: rung)
    assert abs(_last_operation(harness) - time.time()) < 60
    issue = harness.issue("clock_off")
    assert issue
    assert issue.is_fixable
    assert issue.translation_placeholders == {"lock": "Front door"}


async def test_late_by_a_clock_that_is_ahead(harness: LockHarness) -> None:
    """What seems to be still to come is more than five minutes old, and fires no event."""
    operated = harness.events("lock_event")
    harness.driver.lock.clock_offset = TEN_MINUTES
    harness.driver.do("fingerprint", 3)
    await until(lambda: operated)
    harness.driver.push_event((2, 1020), {"value": [2, 2, 2, 4, int(time.time()) + 200]})
    await harness.reached()
    assert [event["operation_id"] for event in operated] == [3]
    assert harness.state("sensor", "last_operation_id") == "3"


async def test_behind(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """A clock that is behind is noticed at the second event; from then on they are of now."""
    operated = harness.events("lock_event")
    harness.driver.lock.clock_offset = -TEN_MINUTES
    harness.driver.do("fingerprint", 3)
    await harness.reached()
    assert operated == []
    assert harness.state("sensor", "last_operation_id") == "3"
    assert harness.issue("clock_off") is None

    frozen.tick(30)
    harness.driver.lock.clock_offset = 30 - TEN_MINUTES
    harness.driver.do("fingerprint", 4)
    await until(lambda: operated)
    assert [event["operation_id"] for event in operated] == [4]
    assert harness.state("sensor", "last_operation_id") == "4"
    assert abs(_last_operation(harness) - time.time()) < 60
    assert harness.issue("clock_off")


async def test_it_is_known_after_a_restart(harness: LockHarness) -> None:
    """How far the clock is off is kept, so that what is late is still known to be."""
    harness.driver.lock.clock_offset = TEN_MINUTES
    harness.driver.do("fingerprint", 3)
    await until(lambda: harness.issue("clock_off"))
    await harness.stop()
    assert harness.issue("clock_off") is None
    await harness.start()
    operated = harness.events("lock_event")
    harness.driver.push_event((2, 1020), {"value": [2, 2, 2, 4, int(time.time()) + 200]})
    await harness.reached()
    assert operated == []
    assert harness.issue("clock_off")


async def test_set_at_the_lock(harness: LockHarness) -> None:
    """The issue goes when an event shows that the clock is right again."""
    harness.driver.lock.clock_offset = 0
    harness.driver.push_event((2, 1020), {"value": [2, 2, 2, 4, 0]})
    await until(lambda: harness.issue("clock_off"))
    harness.driver.do("fingerprint", 3)
    await until(lambda: not harness.issue("clock_off"))


async def test_the_fix(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, harness: LockHarness
) -> None:
    """The repair sets the lock's clock and zone to Home Assistant's."""
    await hass.config.async_set_time_zone("Asia/Kolkata")
    harness.driver.lock.clock_offset = TEN_MINUTES
    harness.driver.do("fingerprint", 3)
    await until(lambda: harness.issue("clock_off"))
    result = await fix(hass, hass_client, harness.issue("clock_off"))
    assert result["type"] == "create_entry"
    assert harness.driver.lock.clock_offset == 0
    assert harness.driver.lock.time_zone == 5.5
    assert harness.issue("clock_off") is None
    operated = harness.events("lock_event")
    harness.driver.do("fingerprint", 4)
    await until(lambda: operated)
    assert harness.issue("clock_off") is None


async def test_the_fix_of_a_lock_that_sleeps(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, harness: LockHarness
) -> None:
    """It is not set later without a word: the form says why, and is submitted again."""
    harness.driver.lock.clock_offset = TEN_MINUTES
    harness.driver.do("fingerprint", 3)
    await until(lambda: harness.issue("clock_off"))
    await harness.put_to_sleep()
    result = await fix(hass, hass_client, harness.issue("clock_off"))
    for _ in range(2):
        assert result["type"] == "form"
        assert result["errors"] == {"base": "not_fixed"}
        assert "asleep. Touch it" in result["description_placeholders"]["error"]
        assert harness.issue("clock_off")
        result = await submit_fix(hass, hass_client, result)
    await harness.wake()
    await harness.reached()
    assert harness.driver.lock.clock_offset == TEN_MINUTES
    result = await submit_fix(hass, hass_client, result)
    assert result["type"] == "create_entry"
    assert harness.driver.lock.clock_offset == 0
    assert harness.issue("clock_off") is None


async def test_the_fix_of_a_lock_nearby_that_sleeps(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, neighbour: LockHarness
) -> None:
    """Where nothing says that it is asleep, the form says that it did not answer."""
    lock = neighbour.lock
    lock.reporter.raise_issue(Issue.CLOCK)
    await neighbour.put_to_sleep()
    neighbour.driver.lock.clock_offset = TEN_MINUTES
    result = await fix(hass, hass_client, neighbour.issue("clock_off"))
    assert result["errors"] == {"base": "not_fixed"}
    neighbour.driver.do("wake")
    result = await submit_fix(hass, hass_client, result)
    assert result["type"] == "create_entry"
    assert neighbour.driver.lock.clock_offset == 0


async def test_the_fix_of_a_lock_that_is_not_set_up_any_more(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, harness: LockHarness
) -> None:
    """A form that was left open meanwhile says so, and works once the lock is there again."""
    harness.driver.lock.clock_offset = TEN_MINUTES
    harness.driver.do("fingerprint", 3)
    await until(lambda: harness.issue("clock_off"))
    await harness.put_to_sleep()
    result = await fix(hass, hass_client, harness.issue("clock_off"))
    await harness.stop()
    result = await submit_fix(hass, hass_client, result)
    assert result["errors"] == {"base": "not_fixed"}
    assert "is not set up" in result["description_placeholders"]["error"]
    await harness.start()
    await harness.wake()
    result = await submit_fix(hass, hass_client, result)
    assert result["type"] == "create_entry"
    assert harness.driver.lock.clock_offset == 0
