"""An answer of the cloud that comes late: what the lock has told since is newer, and stays."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.exceptions import HomeAssistantError

from custom_components.xiaomi_smart_lock import connection
from simulator.faults import Held, Late
from tests.enrolment import GUEST, begin, show
from tests.lock_driver import until

from .conftest import ACTION, DEVICES, GET, SET, Home

if TYPE_CHECKING:
    from collections.abc import Iterator

AWAKE: Final = ("binary_sensor", "awake")
DO_NOT_DISTURB: Final = (20, 1)
RINGTONE: Final = (17, 6)
WRONG_VALUE: Final = -704220043


@pytest.fixture
def late(home: Home) -> Iterator[Late]:
    """Return the fault that has an answer come late."""
    fault = Late()
    yield fault
    fault.let_go()


@pytest.mark.parametrize(
    ("before", "since", "shown"), [("sleep", "wake", "on"), ("wake", "sleep", "off")]
)
async def test_a_list_of_devices(
    home: Home, late: Late, monkeypatch: pytest.MonkeyPatch, before: str, since: str, shown: str
) -> None:
    """A list that says how it was before does not tell that the lock sleeps or is awake."""
    monkeypatch.setattr(connection, "LIST_AGAIN_AFTER", 0)
    home.driver.do(before)
    await until(lambda: home.state(*AWAKE) == ("off" if shown == "on" else "on"))
    home.cloud.disturb_next(late, DEVICES)
    polling = asyncio.create_task(home.poll())
    await until(lambda: late.waiting)
    home.driver.do(since)
    await until(lambda: home.state(*AWAKE) == shown)
    late.let_go()
    await polling
    assert home.state(*AWAKE) == shown


async def test_a_list_of_devices_that_is_new(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that was asked for after the last word of the lock tells that it sleeps."""
    monkeypatch.setattr(connection, "LIST_AGAIN_AFTER", 0)
    home.driver.lock.awake = False
    await home.poll()
    assert home.state(*AWAKE) == "off"


async def test_a_setting_that_it_slept_through(home: Home, late: Late) -> None:
    """That it slept is no news once it has told that it is awake: it gets the setting now."""
    await home.put_to_sleep()
    home.cloud.disturb_next(late, SET)
    choosing = asyncio.create_task(home.call("number", "set_value", "camera_ringtone", value=4))
    await until(lambda: late.waiting)
    await home.wake()
    late.let_go()
    await choosing
    await home.all_delivered()
    assert home.driver.lock.values[RINGTONE] == 4
    assert home.state(*AWAKE) == "on"


async def test_an_action_that_it_answered_before_it_slept(home: Home, late: Late) -> None:
    """A late answer to an action does not tell that the lock is awake."""
    home.cloud.disturb_next(late, ACTION)
    adding = asyncio.create_task(home.manage("set_user", user_id=5))
    await until(lambda: late.waiting)
    await home.put_to_sleep()
    late.let_go()
    with suppress(HomeAssistantError):  # The lock may have told that it was done before it slept.
        await adding
    assert home.state(*AWAKE) == "off"


async def test_an_enrolment_goes_on(
    home: Home, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list from when the lock slept does not end an enrolment that has begun since."""
    monkeypatch.setattr(connection, "LIST_AGAIN_AFTER", 0)
    await home.manage("set_user", user_id=GUEST)
    await home.put_to_sleep()
    home.cloud.disturb_next(late, DEVICES)
    polling = asyncio.create_task(home.poll())
    await until(lambda: late.waiting)
    await home.wake()
    enrolling = await begin(home)
    late.let_go()
    await polling
    show(home, 0, 0, 0, 0, 0)
    assert await enrolling


@pytest.mark.parametrize("when", ["before", "during"])
async def test_a_setting_that_is_set_back(home: Home, late: Late, when: str) -> None:
    """A reading of what it was before does not end the wait of who wants that value again.

    It was asked for before the lock gets another value, or while it gets it.
    """
    held, before = Held(), home.driver.lock.values[RINGTONE]
    readings: list[asyncio.Task[None]] = []

    async def choose(value: object) -> None:
        await home.call("number", "set_value", "camera_ringtone", value=value)

    async def begin_to_read() -> None:
        home.cloud.disturb_next(late, GET)
        # Time must not pass for it: the write would time out.
        readings.append(asyncio.create_task(home.lock.coordinator.async_refresh()))
        await until(lambda: late.waiting)

    await home.put_to_sleep()
    await choose(4)
    if when == "before":
        await begin_to_read()
    home.cloud.disturb_next(held, SET)
    home.driver.do("wake")
    await until(lambda: held.waiting)
    back = asyncio.create_task(choose(before))
    await until(lambda: home.known.pending[RINGTONE].value == before)
    if when == "during":
        await begin_to_read()
    late.let_go()
    await asyncio.gather(*readings)
    held.let_go()
    await back
    await home.reached()
    assert [value for address, value in home.taken if address == RINGTONE] == [4, before]
    assert home.state("number", "camera_ringtone") == str(before)


async def test_a_reading_from_before_a_setting(
    home: Home, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was set since is newer, also if nobody has pushed it and it was known before."""
    home.driver.lock.values[RINGTONE] = 4
    home.cloud.disturb_next(late, GET)
    reading = asyncio.create_task(home.lock.coordinator.async_refresh())
    await until(lambda: late.waiting)
    with monkeypatch.context() as patch:
        patch.setattr(home.driver.lock, "listeners", [])
        await home.call("number", "set_value", "camera_ringtone", value=1)
    late.let_go()
    await reading
    assert home.state("number", "camera_ringtone") == "1"


async def test_a_reading_during_a_setting_that_is_refused(
    home: Home, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that the lock did not take does not hide what it has."""
    home.driver.lock.values[RINGTONE] = 4
    home.cloud.disturb_next(late, GET)
    reading = asyncio.create_task(home.lock.coordinator.async_refresh())
    await until(lambda: late.waiting)
    monkeypatch.setattr(home.driver.lock, "write", lambda *_: WRONG_VALUE)
    with pytest.raises(HomeAssistantError):
        await home.call("number", "set_value", "camera_ringtone", value=3)
    late.let_go()
    await reading
    assert home.state("number", "camera_ringtone") == "4"


async def test_a_reading_of_what_was_for_a_moment(home: Home, late: Late) -> None:
    """What was pushed since is newer, also if it is what was known before."""
    home.driver.lock.values[DO_NOT_DISTURB] = True
    home.cloud.disturb_next(late, GET)
    polling = asyncio.create_task(home.poll())
    await until(lambda: late.waiting)
    home.driver.lock.values[DO_NOT_DISTURB] = False
    for value in (True, False):
        home.driver.push_property(DO_NOT_DISTURB, value)
    await home.reached()
    late.let_go()
    await polling
    assert home.state("switch", "do_not_disturb") == "off"
