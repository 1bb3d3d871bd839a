"""Home Assistant stops between a write and its delivery, at any moment, with or without warning."""

from __future__ import annotations

import asyncio
import copy
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.exceptions import HomeAssistantError

from simulator.faults import silence
from tests.lock_driver import until
from tests.lock_harness import LockHarness, running_lock, waiting

from .conftest import ACTION, SET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import web
    from homeassistant.core import HomeAssistant

    from simulator.faults import Handler
    from tests.lock_driver import LockDriver
    from tests.lock_harness import Storage

RINGTONE: Final = (17, 6)
RECORD_VIDEO: Final = (17, 4)
OLDER: Final = 2
WANTED: Final = 4

PATHS: Final = {"write": SET, "act": ACTION}

type Halt = Callable[[LockHarness, str], Callable[[], bool]]
"""Has a call of the client get no further than to a moment; returns how to tell whether it did."""

pytestmark = pytest.mark.usefixtures("short_timeouts")


def _unsent(harness: LockHarness, method: str) -> Callable[[], bool]:
    return _call_instead(harness, method, first=None)


def _answered(harness: LockHarness, method: str) -> Callable[[], bool]:
    return _call_instead(harness, method, first=getattr(harness.lock.session._client, method))


def _call_instead(
    harness: LockHarness, method: str, first: Callable[..., Awaitable[Any]] | None
) -> Callable[[], bool]:
    """Have a method of the client, which a restart replaces, never return."""
    reached = asyncio.Event()

    async def call(*args: Any) -> None:
        if first:
            await first(*args)
        reached.set()
        await asyncio.Event().wait()

    setattr(harness.lock.session._client, method, call)
    return reached.is_set


def _on_its_way(harness: LockHarness, method: str) -> Callable[[], bool]:
    requests = harness.driver.simulator.cloud.requests
    requests.clear()
    harness.driver.simulator.cloud.disturb_next(silence, PATHS[method])
    return lambda: any(path == PATHS[method] for path, _ in requests)


def _taken(harness: LockHarness, method: str) -> Callable[[], bool]:
    reached = asyncio.Event()

    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        reached.set()
        return await silence(request, handler)

    harness.driver.simulator.cloud.disturb_next(fault, PATHS[method])
    return reached.is_set


AT_THE_CLIENT: Final[dict[str, Halt]] = {
    "before it is sent": _unsent,
    "after the answer, before it is noted": _answered,
}
MOMENTS: Final[dict[str, Halt]] = AT_THE_CLIENT | {
    "while it is sent": _on_its_way,
    "after the lock took it, before the answer": _taken,
}
DONE: Final = (_answered, _taken)

at_any_moment = pytest.mark.parametrize(
    ("harness", "halt"),
    [
        *(pytest.param(False, halt, id=f"account-{name}") for name, halt in MOMENTS.items()),
        *(pytest.param(True, halt, id=f"nearby-{name}") for name, halt in AT_THE_CLIENT.items()),
    ],
    indirect=["harness"],
)


class Stop:
    """How Home Assistant stops, and starts again from what it has written down."""

    def __init__(self, harness: LockHarness, storage: Storage, *, hard: bool) -> None:
        """Take hold of what is written down; a hard stop leaves no time to write more."""
        self._resident = harness
        self._storage = storage
        self._hard = hard

    async def __call__(self, *running: asyncio.Task[None]) -> None:
        """Stop now."""
        kept = copy.deepcopy(self._storage) if self._hard else self._storage
        self._network(up=False)
        try:
            if self._hard:
                await _end(*running)
            await self._resident.stop()
            await _end(*running)
        finally:
            self._network(up=True)
        self._storage |= kept

    def _network(self, *, up: bool) -> None:
        """Have nothing reach the lock any more, or all again."""
        driver = self._resident.driver
        if self._resident.pushes:
            driver.simulator.cloud.online = up
        else:
            driver.simulator.miio[driver.lock].loss = 0.0 if up else 1.0


async def _end(*running: asyncio.Task[None]) -> None:
    for task in running:
        task.cancel()
        # What starts something at the door is called off already where it could be.
        with suppress(asyncio.CancelledError, HomeAssistantError):
            await task


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
async def harness(
    request: pytest.FixtureRequest, hass: HomeAssistant, driver: LockDriver
) -> AsyncIterator[LockHarness]:
    """Return who lives behind a door whose lock is awake, on each way to it."""
    async with running_lock(hass, driver, local=request.param) as harness:
        yield harness


@pytest.fixture(params=[False, True], ids=["softly", "hard"])
def stop(request: pytest.FixtureRequest, harness: LockHarness, hass_storage: Storage) -> Stop:
    """Return how to stop Home Assistant, in both ways."""
    return Stop(harness, hass_storage, hard=request.param)


async def _choose(harness: LockHarness, number: int) -> None:
    await harness.call("number", "set_value", "camera_ringtone", value=number)


def _set_at_the_lock(harness: LockHarness) -> list[object]:
    """Return what the lock had one after the other, however often it was told."""
    values = [value for address, value in harness.taken if address == RINGTONE]
    return [value for value, _ in groupby(values)]


async def _assert_delivered(harness: LockHarness, storage: Storage) -> None:
    """See that the lock has what was wanted last, that all agree, and that nothing waits."""
    await harness.all_delivered()
    await harness.hass.async_block_till_done()
    assert harness.driver.lock.values[RINGTONE] == WANTED
    assert _set_at_the_lock(harness) in ([OLDER, WANTED], [WANTED])
    assert harness.state("number", "camera_ringtone") == str(WANTED)
    assert "pending" not in harness.attributes("number", "camera_ringtone")
    assert harness.state("sensor", "pending_changes") == "0"
    assert waiting(harness) == []


@at_any_moment
async def test_while_it_is_set(
    harness: LockHarness, stop: Stop, hass_storage: Storage, halt: Halt
) -> None:
    """A setting that was begun is finished, and an older one that was done is not done again."""
    await _choose(harness, OLDER)
    reached = halt(harness, "write")
    setting = asyncio.create_task(_choose(harness, WANTED))
    await until(reached)
    await stop(setting)
    assert harness.driver.lock.values[RINGTONE] == (WANTED if halt in DONE else OLDER)
    await harness.start()
    assert harness.state("number", "camera_ringtone") == str(WANTED)
    await _assert_delivered(harness, hass_storage)


@at_any_moment
async def test_while_it_is_delivered(
    harness: LockHarness, stop: Stop, hass_storage: Storage, halt: Halt
) -> None:
    """What waited for the lock to wake up is delivered by the next start, or waits on."""
    await harness.put_to_sleep()
    for number in (OLDER, WANTED):
        await _choose(harness, number)
    reached = halt(harness, "write")
    await harness.wake()
    await until(reached)
    await stop()
    await harness.start()
    assert harness.state("number", "camera_ringtone") == str(WANTED)
    await _assert_delivered(harness, hass_storage)


@pytest.mark.parametrize("woken", [False, True], ids=["sleeps on", "woken meanwhile"])
async def test_while_it_sleeps(
    harness: LockHarness, stop: Stop, hass_storage: Storage, woken: bool
) -> None:
    """What waits still waits, or is delivered by the next start."""
    await harness.put_to_sleep()
    for number in (OLDER, WANTED):
        await _choose(harness, number)
    await stop()
    if woken:
        harness.driver.do("wake")
    await harness.start()
    assert harness.state("number", "camera_ringtone") == str(WANTED)
    if not woken:
        assert harness.attributes("number", "camera_ringtone")["pending"] is True
        assert harness.state("sensor", "pending_changes") == "1"
        assert _set_at_the_lock(harness) == []
        await harness.wake()
    await _assert_delivered(harness, hass_storage)


@pytest.mark.parametrize("again", [False, True], ids=["at once", "after another sleep"])
async def test_twice_in_a_row(
    harness: LockHarness, stop: Stop, hass_storage: Storage, again: bool
) -> None:
    """Stopping again before anything was delivered loses nothing either."""
    await harness.put_to_sleep()
    await _choose(harness, WANTED)
    for _ in range(2):
        await stop()
        await harness.start()
        if again:
            reached = _unsent(harness, "write")
            await harness.wake()
            await until(reached)
            await stop()
            harness.driver.do("sleep")
            await harness.start()
    assert harness.attributes("number", "camera_ringtone")["pending"] is True
    await harness.wake()
    await _assert_delivered(harness, hass_storage)


@at_any_moment
async def test_while_something_is_done(harness: LockHarness, stop: Stop, halt: Halt) -> None:
    """What starts something at the door is never tried again, whether it was done or not."""
    reached = halt(harness, "act")
    pressing = asyncio.create_task(harness.call("button", "press", "record_video"))
    await until(reached)
    await stop(pressing)
    done = [RECORD_VIDEO] if halt in DONE else []
    await harness.start()
    await harness.put_to_sleep()
    await harness.wake()
    await harness.poll()
    assert harness.acts == done
