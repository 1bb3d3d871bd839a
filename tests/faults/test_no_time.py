"""Events that do not say when they were: each counts once, by the lock's number of its report."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest

from simulator.model import S1
from tests.lock_driver import PATIENCE
from tests.lock_harness import stored_key

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory

    from simulator.gate import Gate
    from tests.lock_harness import Storage

    from .conftest import Home

type Report = tuple[tuple[int, int], tuple[int, ...]]

MINUTE: Final = 60
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# By one of two services that may report it, and by the other one. A time of zero is none.
TWICE: Final[dict[str, tuple[Report, Report]]] = {
    "credentials synchronised": (((4, 8), ()), ((22, 8), ())),
    "users synchronised": (((4, 9), ()), ((22, 9), ())),
    "step of an enrolment": (((4, 3), (0, 1, 5)), ((22, 3), (0, 1, 5))),
    "ring": (((7, 1006), (0,)), ((21, 1), (0,))),
}
ONCE: Final[dict[str, Report]] = {
    **{f"{name} by {service[0][0]}": service for name, both in TWICE.items() for service in both},
    "lock event": ((2, 1020), (2, 2, 2, 7, 0)),
    "exception": ((2, 1007), (25, 0)),
    "someone at the door": ((17, 2), (0,)),
}

at_any_report = pytest.mark.parametrize("report", ONCE.values(), ids=ONCE)
by_both = pytest.mark.parametrize("services", TWICE.values(), ids=TWICE)


class Heard:
    """Counts what is handed over of a kind, whichever service reports it."""

    def __init__(self, home: Home, *reports: Report) -> None:
        """Listen, until Home Assistant stops."""
        self._home = home
        self._heard: list[object] = []
        for kind in {S1.kind_of(address) for address, _ in reports}:
            home.lock.events.async_listen(kind, self._heard.append)

    async def times(self) -> int:
        """Return how often it was, once all that was published before has been taken."""
        await self._home.reached()
        return len(self._heard)


def _push(home: Home, report: Report, tid: int | None) -> None:
    address, arguments = report
    home.driver.push_event(address, *arguments, tid=tid)


@at_any_report
@pytest.mark.parametrize("later", [3, 10 * MINUTE, 23 * HOUR])
async def test_delivered_again(
    home: Home, gate: Gate, frozen: FrozenDateTimeFactory, report: Report, later: int
) -> None:
    """It is the same event by the same number, however much later, after a restart too."""
    gate.repeat = 1
    heard = Heard(home, report)
    _push(home, report, 79)
    assert await heard.times() == 1
    frozen.tick(later)
    _push(home, report, 79)
    assert await heard.times() == 1
    await home.stop()
    await home.start()
    heard = Heard(home, report)
    _push(home, report, 79)
    assert await heard.times() == 0


@at_any_report
async def test_two_in_a_moment(home: Home, gate: Gate, report: Report) -> None:
    """They are two by their numbers, though each is delivered twice, and out of order."""
    gate.repeat = 1
    heard = Heard(home, report)
    for tid in (81, 79, 81):
        _push(home, report, tid)
    assert await heard.times() == 2


@pytest.mark.parametrize("order", ["aAbB", "abAB", "AaBb", "aABb", "abBA", "aAB"])
@by_both
async def test_two_by_two_services(
    home: Home, frozen: FrozenDateTimeFactory, services: tuple[Report, Report], order: str
) -> None:
    """Two events are two, though each is reported by two services; none of them comes again.

    Small letters are the one service, great ones the other.
    """
    heard = Heard(home, *services)
    for later in (0, 10 * MINUTE):
        frozen.tick(later)
        for number in map(ord, order):
            _push(home, services[chr(number).isupper()], number)
        assert await heard.times() == 2


@by_both
async def test_told_by_one_with_a_number_only(
    home: Home, frozen: FrozenDateTimeFactory, services: tuple[Report, Report]
) -> None:
    """They arrive together: it is one event, whichever of them does without."""
    for later, tids in ((0, (79, None)), (10, (None, 80))):
        frozen.tick(later)
        heard = Heard(home, *services)
        for service, tid in zip(services, tids, strict=True):
            _push(home, service, tid)
        assert await heard.times() == 1


@at_any_report
async def test_again_without_its_number(home: Home, report: Report) -> None:
    """It is still the one that arrived at that moment."""
    heard = Heard(home, report)
    for tid in (79, None):
        _push(home, report, tid)
    assert await heard.times() == 1


@at_any_report
@pytest.mark.parametrize("tid", [None, 0, "none"], ids=["none", "zero", "text"])
async def test_without_a_number(
    home: Home, frozen: FrozenDateTimeFactory, report: Report, tid: int | None
) -> None:
    """When they arrive tells them apart."""
    heard = Heard(home, report)
    for seconds, expected in ((0, 1), (0, 1), (3, 2), (0, 2)):
        frozen.tick(seconds)
        _push(home, report, tid)
        assert await heard.times() == expected


@at_any_report
async def test_a_number_that_comes_round(
    home: Home, frozen: FrozenDateTimeFactory, report: Report
) -> None:
    """The lock may count from the beginning again: days later the same number is another event."""
    heard = Heard(home, report)
    _push(home, report, 79)
    assert await heard.times() == 1
    frozen.tick(2 * DAY)
    _push(home, report, 79)
    assert await heard.times() == 2


async def test_another_finger_by_the_same_number(home: Home) -> None:
    """What else an event tells is part of what it is."""
    heard = Heard(home, ((2, 1020), ()))
    for finger in (7, 8):
        home.driver.push_event((2, 1020), 2, 2, 2, finger, 0, tid=79)
    assert await heard.times() == 2


@pytest.mark.parametrize("tid", [79, None])
async def test_a_time_that_says_nothing_yet(
    home: Home, frozen: FrozenDateTimeFactory, tid: int | None
) -> None:
    """A clock 25 hours ahead is one of the future; two hours later its time could be one of now."""
    heard = Heard(home, ((2, 1020), ()))
    ahead = int(home.lock.coordinator.data.last_response) + 25 * HOUR
    home.driver.push_event((2, 1020), 2, 2, 2, 7, ahead, tid=79)
    assert await heard.times() == 1
    frozen.tick(2 * HOUR)
    home.driver.push_event((2, 1020), 2, 2, 2, 7, ahead, tid=tid)
    assert await heard.times() == 1


@pytest.mark.parametrize("tids", [(79, 80), (79, None), (None, 80)])
async def test_a_time_needs_no_number(home: Home, tids: tuple[int | None, int | None]) -> None:
    """What is delivered by another way, without its number or with another one, is the same."""
    heard = Heard(home, ((2, 1020), ()))
    now = int(home.lock.coordinator.data.last_response)
    for tid in tids:
        home.driver.push_event((2, 1020), 2, 2, 2, 7, now, tid=tid)
    assert await heard.times() == 1


async def test_what_was_kept_before_there_were_numbers(home: Home, hass_storage: Storage) -> None:
    """Events that a version before has handled are known."""
    now = int(home.lock.coordinator.data.last_response)
    await home.stop()
    data = hass_storage[stored_key(home.driver)]["data"]["data"]
    data["handled"] = [f"2.1020 {now} 2 -1 -1 7 -1 -1 -1 -1"]
    await home.start()
    heard = Heard(home, ((2, 1020), ()))
    home.driver.push_event((2, 1020), 2, 2, 2, 7, now, tid=79)
    assert await heard.times() == 0
    home.driver.push_event((2, 1020), 2, 2, 2, 8, now, tid=80)
    assert await heard.times() == 1


async def test_synchronised_twice_in_a_row(home: Home) -> None:
    """Who waits for the second one does not wait for as long as it may take."""
    async with asyncio.timeout(PATIENCE):
        for _ in range(2):
            await home.manage("sync_credentials")
