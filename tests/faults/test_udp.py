"""A lock on the local network whose packets are lost, garbled or not its own: none misleads."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import CONF_TOKEN, STATE_UNAVAILABLE
from homeassistant.exceptions import HomeAssistantError
from miio.protocol import Message

from custom_components.xiaomi_smart_lock.const import POLL_INTERVAL_LOCAL
from custom_components.xiaomi_smart_lock.miot import local
from custom_components.xiaomi_smart_lock.miot.spec import Access
from simulator.model import SPEC
from tests.hosts import NEARBY
from tests.lock_driver import until
from tests.lock_harness import LockHarness, entry_of, nearby, running_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from homeassistant.core import HomeAssistant

    from simulator.miio import MiioServer
    from tests.lock_driver import LockDriver
    from tests.lock_harness import Storage

RECORD_VIDEO: Final = (17, 4)
RINGTONE: Final = (17, 6)
READABLE: Final = SPEC.having(Access.READ)
HELLO_LENGTH: Final = 32
ANOTHER_TOKEN: Final = "fedcba98" * 4
ANOTHER_DID: Final = 123_456_789

pytestmark = pytest.mark.usefixtures("short_timeouts")


@pytest.fixture
async def neighbour(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[LockHarness]:
    """Return who lives behind the door of a lock on the local network; its token stays secret."""
    caplog.set_level("DEBUG")
    async with running_lock(hass, driver, local=True) as harness:
        yield harness
    logged = [record.getMessage() for record in caplog.get_records("call")]
    assert not [line for line in logged if harness.driver.lock.token in line]


@pytest.fixture
def door(neighbour: LockHarness) -> MiioServer:
    """Return where the lock is reached."""
    return neighbour.driver.simulator.miio[neighbour.driver.lock]


async def _poll(harness: LockHarness) -> None:
    await harness.later(POLL_INTERVAL_LOCAL + 1)


async def _use(harness: LockHarness, ringtone: int) -> bool:
    """Set something, and have something done; return whether that was said to be done."""
    await harness.call("number", "set_value", "camera_ringtone", value=ringtone)
    assert harness.state("number", "camera_ringtone") == str(ringtone)
    with suppress(HomeAssistantError):
        await harness.call("button", "press", "record_video")
        return True
    return False


async def _assert_right(harness: LockHarness, ringtone: int) -> None:
    """See that a good connection mends all, and that nothing is done that was not asked for."""
    done = list(harness.acts)
    for _ in range(2):  # what waits is delivered after the first reading
        await _poll(harness)
    await harness.all_delivered()
    lock = harness.driver.lock
    assert {address: harness.known.values[address] for address in READABLE} == {
        address: lock.values[address] for address in READABLE
    }
    assert lock.values[RINGTONE] == ringtone
    assert harness.state("number", "camera_ringtone") == str(ringtone)
    assert harness.state("binary_sensor", "awake") == "on"
    assert harness.acts == done
    assert not harness.hass.config_entries.flow.async_progress()


async def test_loss(neighbour: LockHarness, door: MiioServer) -> None:
    """Of three packets one is lost: readings come through, and what is said to be done is."""
    door.loss = 0.3
    read = 0
    for number in range(1, 6):
        before = len(neighbour.acts)
        said = await _use(neighbour, ringtone=number)
        assert int(said) <= len(neighbour.acts) - before <= 1
        neighbour.driver.do("set_battery", 50 + number)
        await _poll(neighbour)
        shown = neighbour.state("sensor", "lithium_battery")
        assert int(shown) in (87, *range(51, 51 + number))
        read += shown == str(50 + number)
    assert read
    assert neighbour.acts
    door.loss = 0.0
    await _assert_right(neighbour, ringtone=5)


def _packet(token: str, did: int, value: object) -> bytes:
    """Return a good packet of a device."""
    header = {"length": 0, "unknown": 0, "ts": datetime.fromtimestamp(4000, UTC)}
    header["device_id"] = did.to_bytes(4)
    message = {"data": {"value": value}, "header": {"value": header}, "checksum": 0}
    packet: bytes = Message.build(message, token=bytes.fromhex(token))
    return packet


def _greeting(did: int) -> bytes:
    return struct.pack(">HHIII16s", 0x2131, HELLO_LENGTH, 0, did, 4000, b"\xff" * 16)


STALE: Final = [{"siid": 13, "piid": 1, "code": 0, "value": 3}]

# What arrives before the lock's own answer
STRAY: Final[dict[str, Callable[[LockDriver], bytes]]] = {
    "one byte": lambda _: b"!",
    "no packet": lambda _: b"GET / HTTP/1.1\r\n\r\n",
    "noise": lambda _: os.urandom(1400),
    "only a header": lambda driver: _greeting(int(driver.lock.did)),
    "half a packet": lambda driver: _packet(driver.lock.token, int(driver.lock.did), {"id": 1})[
        :40
    ],
    "another device's greeting": lambda _: _greeting(ANOTHER_DID),
    "another device's answer": lambda _: _packet(
        ANOTHER_TOKEN, ANOTHER_DID, {"id": 1, "result": ["ok"]}
    ),
    "without a result": lambda driver: _packet(driver.lock.token, int(driver.lock.did), {"id": 1}),
    "a list": lambda driver: _packet(driver.lock.token, int(driver.lock.did), [1, 2]),
    "an id that is a text": lambda driver: _packet(
        driver.lock.token, int(driver.lock.did), {"id": "one", "result": []}
    ),
    "an error that is a text": lambda driver: _packet(
        driver.lock.token, int(driver.lock.did), {"id": 1, "error": "no"}
    ),
    "an answer to another request": lambda driver: _packet(
        driver.lock.token, int(driver.lock.did), {"id": 20000, "result": STALE}
    ),
    "a refusal of another request": lambda driver: _packet(
        driver.lock.token, int(driver.lock.did), {"id": 20000, "error": {"code": -30001}}
    ),
    "an error without a code": lambda driver: _packet(
        driver.lock.token, int(driver.lock.did), {"id": 1, "error": {}}
    ),
}


@pytest.mark.parametrize("greetings", [True, False], ids=["always", "not to greetings"])
@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
async def test_stray_packets(
    neighbour: LockHarness, door: MiioServer, stray: Callable[[LockDriver], bytes], greetings: bool
) -> None:
    """They are no answers: what was known stays, and what was done once is not done again."""
    packet = stray(neighbour.driver)
    before = neighbour.state("sensor", "lithium_battery")
    neighbour.driver.do("set_battery", 50)
    door.stray = lambda request: packet if greetings or len(request) > HELLO_LENGTH else None
    await _poll(neighbour)
    assert neighbour.state("sensor", "lithium_battery") in (before, "50")
    said = await _use(neighbour, ringtone=3)
    assert int(said) <= len(neighbour.acts) <= 1
    door.stray = lambda _: None
    await _assert_right(neighbour, ringtone=3)
    assert neighbour.state("sensor", "lithium_battery") == "50"


async def test_restarts(neighbour: LockHarness, door: MiioServer) -> None:
    """One whose counter begins anew is asked anew, without losing or repeating anything."""
    for number in range(1, 3):
        door.restart()
        # First what is sent once only: what is sent again would make up for it.
        await neighbour.call("button", "press", "record_video")
        await neighbour.call("number", "set_value", "camera_ringtone", value=number)
        assert len(neighbour.acts) == number
        await _assert_right(neighbour, ringtone=number)


async def test_restarting_while_it_is_asked(neighbour: LockHarness, door: MiioServer) -> None:
    """It takes no request of the time before, not even one that comes right after a greeting."""

    def restart(request: bytes) -> None:
        if len(request) == HELLO_LENGTH:
            door.restart()

    door.stray = restart
    said = await _use(neighbour, ringtone=4)
    assert int(said) == len(neighbour.acts)
    await _poll(neighbour)
    door.stray = lambda _: None
    await _assert_right(neighbour, ringtone=4)


async def test_another_token(
    hass: HomeAssistant, neighbour: LockHarness, door: MiioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that was given another token is asked for again, once; all that waits is kept."""
    before = neighbour.state("sensor", "lithium_battery")
    neighbour.driver.do("set_battery", 50)
    with monkeypatch.context() as patch:
        patch.setattr(neighbour.lock.session._client, "_patience", 2)
        patch.setattr(door, "_token", bytes.fromhex(ANOTHER_TOKEN))
        assert not await _use(neighbour, ringtone=5)
        assert neighbour.state("sensor", "lithium_battery") == before
        for _ in range(3):
            await _poll(neighbour)
        assert neighbour.state("sensor", "lithium_battery") == STATE_UNAVAILABLE
        flows = hass.config_entries.flow.async_progress()
        assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]
    assert neighbour.acts == []
    for flow in flows:
        hass.config_entries.flow.async_abort(flow["flow_id"])
    await _assert_right(neighbour, ringtone=5)


async def test_setting_up_with_a_wrong_token(
    hass: HomeAssistant, driver: LockDriver, caplog: pytest.LogCaptureFixture
) -> None:
    """The user is asked for the right one; neither is logged."""
    caplog.set_level("DEBUG")
    driver = nearby(driver)
    entry = entry_of(hass, driver.local_data(NEARBY) | {CONF_TOKEN: ANOTHER_TOKEN})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    flows = hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]
    assert ANOTHER_TOKEN not in caplog.text
    assert driver.lock.token not in caplog.text


async def test_setting_up_while_requests_get_lost(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked for a token because some packets in a row got lost at the start."""
    driver = nearby(driver)
    greeted_in_vain = [False, False, True]  # the greeting, its answer, the request
    lost = iter(greeted_in_vain * 3)
    monkeypatch.setattr(driver.simulator.miio[driver.lock], "_is_lost", lambda: next(lost, False))
    harness = LockHarness(hass, driver, entry_of(hass, driver.local_data(NEARBY)))
    await harness.start()
    assert harness.state("sensor", "lithium_battery") == "87"
    assert not hass.config_entries.flow.async_progress()
    await harness.stop()


async def test_setting_up_in_spite_of_loss(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again later; who is silent because packets are lost is not given up."""
    monkeypatch.setattr(local, "SILENCES", 10)
    driver = nearby(driver)
    door = driver.simulator.miio[driver.lock]
    harness = LockHarness(hass, driver, entry_of(hass, driver.local_data(NEARBY)))
    door.loss = 1.0
    assert not await hass.config_entries.async_setup(harness.entry.entry_id)
    assert harness.entry.state is ConfigEntryState.SETUP_RETRY
    door.loss = 0.0
    await harness.later(60)
    await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
    assert await _use(harness, ringtone=2)
    await _assert_right(harness, ringtone=2)
    await harness.stop()
