"""When a picture is looked for: soon after it is there, and with no more requests than before."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from math import ceil, inf
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import get_scheduled_timer_handles
from hypothesis import given
from hypothesis import strategies as st
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.xiaomi_smart_lock.media.latest_pictures import PATIENCE
from custom_components.xiaomi_smart_lock.media.picture_schedule import (
    CLOSE,
    FIRST,
    INTERVAL,
    Delays,
    Requests,
    next_look,
)
from simulator.app_cloud import EVENTS, PICTURE
from tests.lock_driver import idle, until
from tests.pictures import NEVER, VISITOR, asked, awaited, rang, state, upload, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.lock_driver import LockDriver

AT_ONCE: Final = 0.0


def before(there: float, listed: float) -> int:
    """Return how many requests it takes to ask every INTERVAL seconds from the event on.

    ``there`` and ``listed`` are when the picture and its entry in the list are there.
    """
    looks = min(ceil(there / INTERVAL), ceil(PATIENCE / INTERVAL) - 1) + 1
    return looks + sum(listed <= look * INTERVAL for look in range(looks))


def follow(delays: Delays, there: float, listed: float) -> tuple[float, int]:
    """Wait for one picture, and learn from it.

    Return when it is found, infinite if never, and the number of requests.
    """
    requests, last, missing, found = Requests(0), 0.0, None, False
    while (last := next_look(last, delays.likely, requests)) < PATIENCE:
        requests.made += not found
        found = found or listed <= last
        requests.made += found
        if found and there <= last:
            delays.learn(missing, last)
            return last, requests.made
        missing = last
        requests.note(last, listed=found)
    return inf, requests.made


def learned(*pictures: float) -> Delays:
    """Return what was learned of pictures that were missing CLOSE seconds before."""
    delays = Delays()
    for there in pictures:
        delays.learn(there - CLOSE, there)
    return delays


@pytest.mark.parametrize("listed", [AT_ONCE, 1.0])
@pytest.mark.parametrize("there", [4, 4.5, 5.2, 6, 7.9, 8, 10.4, 12, 15, 20, 30, 41])
def test_always_the_same_delay(there: float, listed: float) -> None:
    """The first picture is found about as soon as before, each from the fourth on in a second."""
    delays = Delays()
    late = [follow(delays, there, there * listed)[0] - there for _ in range(12)]
    assert late[0] <= INTERVAL
    assert max(late[3:]) < 1


@pytest.mark.parametrize("listed", [AT_ONCE, 1.0])
@pytest.mark.parametrize("there", [0.5, 1, 2, 2.5, 3, 3.5])
def test_a_picture_that_is_there_very_soon(there: float, listed: float) -> None:
    """There are too few requests by then to find it at once, but it is not found late."""
    delays = Delays()
    late = [follow(delays, there, there * listed)[0] - there for _ in range(12)]
    assert max(late[3:]) < INTERVAL


@pytest.mark.parametrize("listed", [AT_ONCE, 1.0])
@pytest.mark.parametrize(("old", "new"), [(8, 4), (4, 8), (12, 3), (8, 30), (30, 6)])
def test_another_delay_from_now_on(old: float, new: float, listed: float) -> None:
    """It is learned anew, downward too, where each picture is there at the first look at first."""
    delays = Delays()
    for _ in range(8):
        follow(delays, old, old * listed)
    late = [follow(delays, new, new * listed)[0] - new for _ in range(16)]
    assert max(late[10:]) <= 1.5
    assert late[-1] <= 1


@pytest.mark.parametrize("outlier", [1, 30, inf])
def test_an_outlier(outlier: float) -> None:
    """The next picture comes as fast as before it."""
    delays = Delays()
    for _ in range(5):
        follow(delays, 8, 8)
    follow(delays, outlier, outlier)
    for _ in range(5):
        assert follow(delays, 8, 8)[0] - 8 < 1


@pytest.mark.parametrize(
    ("pictures", "likely"),
    [
        ([], FIRST),
        ([8.25], (7.25, 8.75)),
        ([0.5], (0, 1)),
        ([8.25, 10.25], (7.25, 10.75)),
        ([8.25, 30.25, 10.25], (7.25, 10.75)),
        ([8.25, 1.25, 8.25, 8.25], (7.25, 8.75)),
        ([1.25, 1.25, 8.25, 9.25, 10.25, 8.25, 9.25], (7.25, 10.75)),
    ],
)
def test_when_it_is_likely(pictures: Sequence[float], likely: tuple[float, float]) -> None:
    """It is about when the last ones came."""
    assert learned(*pictures).likely == likely


def test_there_at_the_first_look() -> None:
    """Unless it came when they usually do, the next one is looked for earlier."""
    delays = learned(8.25)
    delays.learn(None, 8.25)
    assert delays.likely == (7.25, 8.75)
    delays.learn(None, 7.5)
    delays.learn(None, 7.5)
    assert delays.likely == (4.875, 8.75)


def test_what_is_known_well_counts() -> None:
    """A picture that was looked for rarely is taken to have come when others did."""
    delays = learned(8.25)
    delays.learn(6, 9)
    assert delays.likely == (7.25, 8.75)


@pytest.mark.parametrize(
    ("last", "made", "listed", "expected"),
    [
        pytest.param(0, 0, None, 7.5, id="not before it is likely"),
        pytest.param(7.5, 1, None, 8, id="close together while it is likely"),
        pytest.param(8, 2, None, 8.5, id="as often as may be"),
        pytest.param(8.5, 3, None, 9, id="once more"),
        pytest.param(9, 4, None, 12, id="not more often than before"),
        pytest.param(9, 4, 7.5, 9.5, id="a picture in the list may be asked for, too"),
        pytest.param(12, 5, None, 15, id="rarely when it is late"),
        pytest.param(30, 5, None, 33, id="rarely, even if little was asked before"),
    ],
)
def test_the_next_look(last: float, made: int, listed: float | None, expected: float) -> None:
    """A picture that is likely after 7 to 9 seconds is looked for then."""
    assert next_look(last, (7, 9), Requests(0, made, listed)) == expected


times = st.integers(0, 6000).map(lambda hundredths: hundredths / 100)


@given(st.lists(st.tuples(times, times), max_size=9), times, times)
def test_no_more_requests_than_before(
    past: list[tuple[float, float]], there: float, within: float
) -> None:
    """Whatever was learned, and whenever picture and list come."""
    delays = Delays()
    for one, other in past:
        delays.learn(*sorted((one, other)))
    listed = min(there, within)
    shown, made = follow(delays, there, listed)
    assert made <= before(there, listed)
    assert shown >= there


STEP: Final = 0.2
"""Seconds by which the tests move the clocks."""
MINUTE: Final = 60


def _waits() -> bool:
    """Return whether pictures are waited for, and nothing is asked for right now."""
    waiting: list[Any] = [
        one for one in asyncio.all_tasks() if "LatestPictures" in repr(one.get_coro())
    ]
    slept = [
        handle._args[0]
        for handle in get_scheduled_timer_handles(asyncio.get_running_loop())
        if handle._args and not handle.cancelled()
    ]
    return all(any(one._fut_waiter is future for future in slept) for one in waiting)


class _Clocks:
    """The clocks of Home Assistant and of the simulator, which go on together, in steps."""

    def __init__(self, driver: LockDriver, frozen: FrozenDateTimeFactory) -> None:
        self._driver, self._frozen, self._moved = driver, frozen, 0.0

    def move(self, seconds: float) -> None:
        """Move both clocks."""
        self._frozen.tick(timedelta(seconds=seconds))
        clock = self._driver.simulator.clock
        self._advance(time.time() - clock.now())

    def _advance(self, seconds: float) -> None:
        self._driver.simulation.call(self._driver.simulator.clock.advance, seconds)
        self._moved += seconds

    def end(self) -> None:
        """Set the simulator's clock back."""
        self._advance(-self._moved)


@pytest.fixture
def clocks(driver: LockDriver, frozen: FrozenDateTimeFactory) -> Iterator[_Clocks]:
    """Return clocks that stand still until they are moved."""
    clocks = _Clocks(driver, frozen)
    clocks.move(0)
    yield clocks
    clocks.end()


@pytest.mark.parametrize("listed_at_once", [True, False])
@pytest.mark.parametrize("takes", [4.8, 7.4, 13.6])
async def test_rings(
    hass: HomeAssistant,
    driver: LockDriver,
    clocks: _Clocks,
    linked: MockConfigEntry,
    takes: float,
    listed_at_once: bool,
) -> None:
    """After a few rings the picture is shown within a second, by no more requests than before."""
    driver.lock.camera.upload_seconds = NEVER
    late = []
    for _ in range(5):
        clocks.move(10 * MINUTE)
        driver.simulator.cloud.requests.clear()
        sight = rang(driver)
        if not listed_at_once:
            driver.lock.camera.sights.remove(sight)
        await until(lambda: awaited(linked, driver))
        waited = 0.0
        while state(hass, driver, VISITOR) != when(sight):
            await until(_waits)
            clocks.move(STEP)
            waited += STEP
            if waited >= takes:
                if sight not in driver.lock.camera.sights:
                    driver.lock.camera.sights.append(sight)
                upload(sight)
            async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=CLOSE))
            await until(_waits)
            assert waited < PATIENCE
        await idle()
        late.append(waited - takes)
        requests = asked(driver, EVENTS) + asked(driver, PICTURE)
        assert requests <= before(takes, AT_ONCE if listed_at_once else takes)
    assert late[0] <= INTERVAL
    assert max(late[3:]) <= 1
