"""The lock's clock is wrong or jumps: each event counts once, and as what it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from homeassistant.util import dt as dt_util

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory

    from simulator.gate import Gate

    from .conftest import Home

SECOND: Final = 1
HOUR: Final = 3600
DAY: Final = 24 * HOUR
YEAR: Final = 365 * DAY
LATE: Final = 10 * 60  # more than the five minutes within which an event is one of now

OUTSIDE: Final = 2
FINGERPRINT: Final = 2
UNLOCKED: Final = 2


class Told(NamedTuple):
    """An event of the lock, and what is true once it arrived."""

    arrives: int
    """Seconds from the beginning."""
    ahead: int | None
    """How far its time is ahead of its arrival; None where it is zero."""
    fires: bool
    is_last: bool
    clock_off: bool


# An hour behind looks like one event that came late, until a second one shows the clock.
CASES: Final[dict[str, list[Told]]] = {
    "zero": [
        Told(0, None, fires=True, is_last=True, clock_off=True),
        Told(10, None, fires=True, is_last=True, clock_off=True),
        Told(20, None, fires=True, is_last=True, clock_off=True),
    ],
    "zero, then set": [
        Told(0, None, fires=True, is_last=True, clock_off=True),
        Told(10, 0, fires=True, is_last=True, clock_off=False),
    ],
    "an hour ahead": [
        Told(0, HOUR, fires=True, is_last=True, clock_off=True),
        Told(10, HOUR, fires=True, is_last=True, clock_off=True),
        Told(20, HOUR - SECOND, fires=True, is_last=True, clock_off=True),
    ],
    "an hour ahead, and one that is late": [
        Told(0, HOUR, fires=True, is_last=True, clock_off=True),
        Told(10, HOUR - LATE, fires=False, is_last=False, clock_off=True),
        Told(1000, HOUR - LATE - 100, fires=False, is_last=True, clock_off=True),
    ],
    "a year ahead": [
        Told(0, YEAR, fires=True, is_last=True, clock_off=True),
        Told(10, YEAR, fires=True, is_last=True, clock_off=True),
        Told(20, YEAR, fires=True, is_last=True, clock_off=True),
    ],
    "an hour ahead, then set": [
        Told(0, HOUR, fires=True, is_last=True, clock_off=True),
        Told(10, 0, fires=True, is_last=True, clock_off=False),
        Told(20, -LATE, fires=False, is_last=False, clock_off=False),
    ],
    "a year ahead, then set": [
        Told(0, YEAR, fires=True, is_last=True, clock_off=True),
        Told(10, 0, fires=True, is_last=True, clock_off=False),
    ],
    "jumping back an hour": [
        Told(0, 0, fires=True, is_last=True, clock_off=False),
        Told(10, -HOUR, fires=False, is_last=False, clock_off=False),
        Told(20, -HOUR, fires=True, is_last=True, clock_off=True),
        Told(30, -HOUR, fires=True, is_last=True, clock_off=True),
    ],
    "jumping back a year": [
        Told(0, 0, fires=True, is_last=True, clock_off=False),
        Told(10, -YEAR, fires=False, is_last=False, clock_off=False),
        Told(20, -YEAR, fires=True, is_last=True, clock_off=True),
    ],
    "jumping back to zero": [
        Told(0, 0, fires=True, is_last=True, clock_off=False),
        Told(10, None, fires=True, is_last=True, clock_off=True),
        Told(20, None, fires=True, is_last=True, clock_off=True),
    ],
    "jumping back an hour, and ahead again": [
        Told(0, 0, fires=True, is_last=True, clock_off=False),
        Told(10, -HOUR, fires=False, is_last=False, clock_off=False),
        Told(20, -HOUR, fires=True, is_last=True, clock_off=True),
        Told(30, 0, fires=True, is_last=True, clock_off=False),
    ],
}


def _push(home: Home, told: Told, operation_id: int, start: int) -> None:
    """Push that the door was unlocked with a finger."""
    when = 0 if told.ahead is None else start + told.arrives + told.ahead
    home.driver.push_event((2, 1020), OUTSIDE, FINGERPRINT, UNLOCKED, operation_id, when)


def _last_operation(home: Home) -> tuple[int, float]:
    """Return the number and the time of what is shown as the last operation."""
    shown = dt_util.parse_datetime(home.state("sensor", "last_operation_time"), raise_on_error=True)
    return int(home.state("sensor", "last_operation_id")), shown.timestamp()


def _is_a_time(told: Told) -> bool:
    """Say whether an event is known again by its time, whenever it comes again."""
    return told.ahead is not None and told.ahead <= DAY


@pytest.mark.parametrize("events", CASES.values(), ids=CASES)
async def test_a_clock_that_is_wrong(
    home: Home, gate: Gate, frozen: FrozenDateTimeFactory, events: list[Told]
) -> None:
    """An event of now is fired, an old one is history, and nothing counts twice."""
    fired = home.follow("lock_event")
    start = int(time.time())
    gate.repeat = 1
    expected: list[int] = []
    last = 0
    for number, told in enumerate(events, start=1):
        frozen.move_to(dt_util.utc_from_timestamp(start + told.arrives))
        _push(home, told, number, start)
        await home.reached()
        expected += [number] * told.fires
        last = number if told.is_last else last
        assert [event["operation_id"] for event in fired] == expected
        shown, when = _last_operation(home)
        assert shown == last
        assert when <= start + told.arrives
        assert not told.fires or when >= start + told.arrives - 2
        assert bool(home.issue("clock_off")) is told.clock_off
    gate.repeat = 0

    before = home.shown()
    for restarted in (False, True):
        if restarted:
            await home.stop()
            assert home.issue("clock_off") is None
            await home.start()
        for number, told in enumerate(events, start=1):
            if _is_a_time(told):
                _push(home, told, number, start)
        await home.reached()
        assert [event["operation_id"] for event in fired] == expected
        assert {key: it for key, it in home.shown().items() if "last_" in key} == {
            key: it for key, it in before.items() if "last_" in key
        }


async def test_two_rings_by_a_clock_that_stands_still(
    home: Home, gate: Gate, frozen: FrozenDateTimeFactory
) -> None:
    """When they arrive tells them apart, though two services report each and all come twice."""
    rings = home.follow("doorbell")
    gate.repeat = 1
    for seconds in (0, 4):
        frozen.tick(seconds)
        home.driver.push_event((7, 1006), 0)
        home.driver.push_event((21, 1), 0)
        await home.reached()
    assert len(rings) == 2
    assert home.issue("clock_off")
