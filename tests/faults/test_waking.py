"""A lock on the local network that wakes up: noticed at once, and believed once it was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from custom_components.xiaomi_smart_lock import connection
from custom_components.xiaomi_smart_lock.const import CONF_POLL_INTERVAL
from custom_components.xiaomi_smart_lock.miot import local
from custom_components.xiaomi_smart_lock.miot.local import GREETING
from tests.lock_driver import until
from tests.lock_harness import LockHarness, running_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant

    from simulator.miio import MiioServer
    from tests.lock_driver import LockDriver
    from tests.lock_harness import Storage

HOUR: Final = 3600  # seconds
RINGTONE: Final = (17, 6)
HELLO, REQUEST = "hello", "request"
READING: Final = [HELLO, *[REQUEST] * 3]
ANOTHER_DID: Final = 123_456_789
ANOTHER_TOKEN: Final = bytes.fromhex("fedcba98" * 4)


@pytest.fixture
async def neighbour(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LockHarness]:
    """Return who lives behind the door of a lock on the local network, read once an hour."""
    monkeypatch.setattr(local, "HELLO_TIMEOUT", 1)
    monkeypatch.setattr(local, "ANSWER_TIMEOUT", 1)
    monkeypatch.setattr(connection, "GREETING_EVERY", 0.1)
    async with running_lock(hass, driver, local=True, **{CONF_POLL_INTERVAL: HOUR}) as harness:
        yield harness


@pytest.fixture
def door(neighbour: LockHarness) -> MiioServer:
    """Return where the lock is reached."""
    return neighbour.driver.simulator.miio[neighbour.driver.lock]


@pytest.fixture
def heard(door: MiioServer) -> list[str]:
    """Return a growing list of what the lock hears while it is awake."""
    packets: list[str] = []
    door.stray = lambda sent: packets.append(HELLO if sent == GREETING else REQUEST)
    return packets


async def _poll(harness: LockHarness) -> None:
    await harness.later(HOUR + 1)


async def _fall_asleep(harness: LockHarness) -> None:
    harness.driver.do("sleep")
    await _poll(harness)
    assert not _is_awake(harness)


def _is_awake(harness: LockHarness) -> bool:
    return harness.state("binary_sensor", "awake") == "on"


async def _noticed(harness: LockHarness) -> None:
    """Wait until the lock is known to be awake, without any regular reading."""
    await until(lambda: _is_awake(harness))
    await harness.hass.async_block_till_done()


async def test_it_is_read_once(neighbour: LockHarness, heard: list[str]) -> None:
    """It is greeted no more then, and next read when it would be otherwise."""
    await _fall_asleep(neighbour)
    assert heard == []
    neighbour.driver.do("set_battery", 50)
    await _noticed(neighbour)
    assert neighbour.state("sensor", "lithium_battery") == "50"
    await _poll(neighbour)
    greetings, readings = heard[:-8], heard[-8:]
    assert set(greetings) == {HELLO}
    assert readings == READING * 2


async def test_what_waits_is_delivered(neighbour: LockHarness) -> None:
    await _fall_asleep(neighbour)
    await neighbour.call("number", "set_value", "camera_ringtone", value=4)
    assert neighbour.attributes("number", "camera_ringtone")["pending"] is True
    neighbour.driver.do("wake")
    await neighbour.all_delivered()
    assert neighbour.driver.lock.values[RINGTONE] == 4
    await _noticed(neighbour)


async def test_nobody_had_noticed_that_it_sleeps(neighbour: LockHarness) -> None:
    """A setting that it does not hear shows that, and is delivered when it wakes up."""
    neighbour.driver.do("sleep")
    await neighbour.call("number", "set_value", "camera_ringtone", value=4)
    assert neighbour.attributes("number", "camera_ringtone")["pending"] is True
    neighbour.driver.do("wake")
    await neighbour.all_delivered()
    assert neighbour.driver.lock.values[RINGTONE] == 4


async def test_it_slept_when_home_assistant_started(neighbour: LockHarness) -> None:
    await neighbour.stop()
    neighbour.driver.do("sleep")
    await neighbour.start()
    assert not _is_awake(neighbour)
    neighbour.driver.do("wake")
    await _noticed(neighbour)


async def test_greetings_and_answers_get_lost(
    neighbour: LockHarness, door: MiioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes through is enough."""
    await _fall_asleep(neighbour)
    lost = iter([True, True, False, True])
    monkeypatch.setattr(door, "_is_lost", lambda: next(lost, False))
    neighbour.driver.do("wake")
    await _noticed(neighbour)


async def test_another_device_at_its_address(
    neighbour: LockHarness,
    door: MiioServer,
    heard: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is greeted, and asked nothing."""
    await _fall_asleep(neighbour)
    with monkeypatch.context() as patch:
        patch.setattr(door, "_did", ANOTHER_DID.to_bytes(4))
        neighbour.driver.do("wake")
        await until(lambda: len(heard) >= 3)
        assert set(heard) == {HELLO}
        assert not _is_awake(neighbour)
    await _noticed(neighbour)


async def test_who_answers_greetings_only(
    neighbour: LockHarness,
    door: MiioServer,
    heard: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the token nothing is believed; it is tried once, and then as often as usual."""
    await _fall_asleep(neighbour)
    with monkeypatch.context() as patch:
        patch.setattr(door, "_token", ANOTHER_TOKEN)
        neighbour.driver.do("wake")
        await until(lambda: REQUEST in heard)
        await neighbour.hass.async_block_till_done()
        assert heard.count(REQUEST) == 3
        assert not _is_awake(neighbour)
        before = len(heard)
        await _poll(neighbour)
        assert heard[before:] == [*[HELLO, REQUEST] * 3, HELLO]
        assert not _is_awake(neighbour)
    await _poll(neighbour)
    assert _is_awake(neighbour)
