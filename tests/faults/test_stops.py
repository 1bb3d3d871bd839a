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
from tests.actor import until
from tests.resident import Resident, at_home, waiting

from .conftest import ACTION, SET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from aiohttp import web
    from homeassistant.core import HomeAssistant

    from simulator.faults import Handler
    from tests.actor import Actor
    from tests.resident import Storage

RINGTONE: Final = (17, 6)
RECORD_VIDEO: Final = (17, 4)
OLDER: Final = 2
WANTED: Final = 4

PATHS: Final = {"write": SET, "act": ACTION}

type Halt = Callable[[Resident, str], Callable[[], bool]]
"""Has a call of the client get no further than to a moment; returns how to tell whether it did."""

pytestmark = pytest.mark.usefixtures("impatient")


def _unsent(resident: Resident, method: str) -> Callable[[], bool]:
    return _call_instead(resident, method, first=None)


def _answered(resident: Resident, method: str) -> Callable[[], bool]:
    return _call_instead(resident, method, first=getattr(resident.lock.session._client, method))


def _call_instead(
    resident: Resident, method: str, first: Callable[..., Awaitable[Any]] | None
) -> Callable[[], bool]:
    """Have a method of the client, which a restart replaces, never return."""
    reached = asyncio.Event()

    async def call(*args: Any) -> None:
        if first:
            await first(*args)
        reached.set()
        await asyncio.Event().wait()

    setattr(resident.lock.session._client, method, call)
    return reached.is_set


def _on_its_way(resident: Resident, method: str) -> Callable[[], bool]:
    requests = resident.actor.simulator.cloud.requests
    requests.clear()
    resident.actor.simulator.cloud.disturb_next(silence, PATHS[method])
    return lambda: any(path == PATHS[method] for path, _ in requests)


def _taken(resident: Resident, method: str) -> Callable[[], bool]:
    reached = asyncio.Event()

    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        await handler(request)
        reached.set()
        return await silence(request, handler)

    resident.actor.simulator.cloud.disturb_next(fault, PATHS[method])
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
    ("resident", "halt"),
    [
        *(pytest.param(False, halt, id=f"account-{name}") for name, halt in MOMENTS.items()),
        *(pytest.param(True, halt, id=f"nearby-{name}") for name, halt in AT_THE_CLIENT.items()),
    ],
    indirect=["resident"],
)


class Stop:
    """How Home Assistant stops, and starts again from what it has written down."""

    def __init__(self, resident: Resident, storage: Storage, *, hard: bool) -> None:
        """Take hold of what is written down; a hard stop leaves no time to write more."""
        self._resident = resident
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
        actor = self._resident.actor
        if self._resident.pushes:
            actor.simulator.cloud.online = up
        else:
            actor.simulator.miio[actor.lock].loss = 0.0 if up else 1.0


async def _end(*running: asyncio.Task[None]) -> None:
    for task in running:
        task.cancel()
        # What starts something at the door is called off already where it could be.
        with suppress(asyncio.CancelledError, HomeAssistantError):
            await task


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
async def resident(
    request: pytest.FixtureRequest, hass: HomeAssistant, actor: Actor
) -> AsyncIterator[Resident]:
    """Return who lives behind a door whose lock is awake, on each way to it."""
    async with at_home(hass, actor, local=request.param) as resident:
        yield resident


@pytest.fixture(params=[False, True], ids=["softly", "hard"])
def stop(request: pytest.FixtureRequest, resident: Resident, hass_storage: Storage) -> Stop:
    """Return how to stop Home Assistant, in both ways."""
    return Stop(resident, hass_storage, hard=request.param)


async def _choose(resident: Resident, number: int) -> None:
    await resident.call("number", "set_value", "camera_ringtone", value=number)


def _set_at_the_lock(resident: Resident) -> list[object]:
    """Return what the lock had one after the other, however often it was told."""
    values = [value for address, value in resident.taken if address == RINGTONE]
    return [value for value, _ in groupby(values)]


async def _assert_delivered(resident: Resident, storage: Storage) -> None:
    """See that the lock has what was wanted last, that all agree, and that nothing waits."""
    await resident.all_delivered()
    await resident.hass.async_block_till_done()
    assert resident.actor.lock.values[RINGTONE] == WANTED
    assert _set_at_the_lock(resident) in ([OLDER, WANTED], [WANTED])
    assert resident.state("number", "camera_ringtone") == str(WANTED)
    assert "pending" not in resident.attributes("number", "camera_ringtone")
    assert resident.state("sensor", "pending_changes") == "0"
    assert waiting(storage, resident.actor) == []


@at_any_moment
async def test_while_it_is_set(
    resident: Resident, stop: Stop, hass_storage: Storage, halt: Halt
) -> None:
    """A setting that was begun is finished, and an older one that was done is not done again."""
    await _choose(resident, OLDER)
    reached = halt(resident, "write")
    setting = asyncio.create_task(_choose(resident, WANTED))
    await until(reached)
    await stop(setting)
    assert resident.actor.lock.values[RINGTONE] == (WANTED if halt in DONE else OLDER)
    await resident.start()
    assert resident.state("number", "camera_ringtone") == str(WANTED)
    await _assert_delivered(resident, hass_storage)


@at_any_moment
async def test_while_it_is_delivered(
    resident: Resident, stop: Stop, hass_storage: Storage, halt: Halt
) -> None:
    """What waited for the lock to wake up is delivered by the next start, or waits on."""
    await resident.put_to_sleep()
    for number in (OLDER, WANTED):
        await _choose(resident, number)
    reached = halt(resident, "write")
    await resident.wake()
    await until(reached)
    await stop()
    await resident.start()
    assert resident.state("number", "camera_ringtone") == str(WANTED)
    await _assert_delivered(resident, hass_storage)


@pytest.mark.parametrize("woken", [False, True], ids=["sleeps on", "woken meanwhile"])
async def test_while_it_sleeps(
    resident: Resident, stop: Stop, hass_storage: Storage, woken: bool
) -> None:
    """What waits still waits, or is delivered by the next start."""
    await resident.put_to_sleep()
    for number in (OLDER, WANTED):
        await _choose(resident, number)
    await stop()
    if woken:
        resident.actor.do("wake")
    await resident.start()
    assert resident.state("number", "camera_ringtone") == str(WANTED)
    if not woken:
        assert resident.attributes("number", "camera_ringtone")["pending"] is True
        assert resident.state("sensor", "pending_changes") == "1"
        assert _set_at_the_lock(resident) == []
        await resident.wake()
    await _assert_delivered(resident, hass_storage)


@pytest.mark.parametrize("again", [False, True], ids=["at once", "after another sleep"])
async def test_twice_in_a_row(
    resident: Resident, stop: Stop, hass_storage: Storage, again: bool
) -> None:
    """Stopping again before anything was delivered loses nothing either."""
    await resident.put_to_sleep()
    await _choose(resident, WANTED)
    for _ in range(2):
        await stop()
        await resident.start()
        if again:
            reached = _unsent(resident, "write")
            await resident.wake()
            await until(reached)
            await stop()
            resident.actor.do("sleep")
            await resident.start()
    assert resident.attributes("number", "camera_ringtone")["pending"] is True
    await resident.wake()
    await _assert_delivered(resident, hass_storage)


@at_any_moment
async def test_while_something_is_done(resident: Resident, stop: Stop, halt: Halt) -> None:
    """What starts something at the door is never tried again, whether it was done or not."""
    reached = halt(resident, "act")
    pressing = asyncio.create_task(resident.call("button", "press", "record_video"))
    await until(reached)
    await stop(pressing)
    done = [RECORD_VIDEO] if halt in DONE else []
    await resident.start()
    await resident.put_to_sleep()
    await resident.wake()
    await resident.poll()
    assert resident.acts == done
