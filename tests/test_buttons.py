"""What the lock can be asked to do, and with what."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.exceptions import HomeAssistantError

from simulator.device import Past

from .lock_driver import LockDriver, until
from .lock_harness import lock_of, running_lock

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .lock_harness import Storage

NOON = 1790000000
ACTION = "/app/v2/miotspec/action"


async def press(hass: HomeAssistant, driver: LockDriver, key: str) -> dict[str, Any]:
    """Press a button, and return what the cloud was asked."""
    target = {ATTR_ENTITY_ID: driver.entity_id(hass, "button", key)}
    await hass.services.async_call("button", "press", target, blocking=True)
    [asked] = [
        body["params"]
        for path, body in driver.simulator.cloud.requests
        if path == ACTION and body["params"]["did"] == driver.lock.did
    ]
    assert isinstance(asked, dict)
    return asked


@pytest.mark.parametrize(
    ("key", "address"), [("wake", (2, 2)), ("wake_camera", (17, 3)), ("record_video", (17, 4))]
)
async def test_without_inputs(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    key: str,
    address: tuple[int, int],
) -> None:
    """The lock does what it is asked to, and stays awake for longer."""
    before = driver.lock.falls_asleep_at
    siid, aiid = address
    asked = await press(hass, driver, key)
    assert asked == {"did": driver.lock.did, "siid": siid, "aiid": aiid, "in": []}
    assert driver.lock.falls_asleep_at > before
    assert len(driver.lock.recordings) == (key == "record_video")


async def test_fetch_all_history(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who knows of nothing asks for all; that it was reported is shown, and kept is what came."""
    past = Past(NOON, (2, 1020), [2, 2, 2, 7, NOON], NOON)
    driver.simulation.call(driver.lock.history.append, past)
    assert (await press(hass, driver, "fetch_history"))["in"] == [0]
    reported = "2026-09-21T14:13:20+00:00"
    await until(lambda: driver.state(hass, "sensor", "history_reported").state == reported)
    known = lock_of(loaded, driver).coordinator.data.values
    await until(lambda: known.get((5, 18)) == f"[[{NOON}, 2, 2, 2, 7, {NOON}]]")


async def test_fetch_new_history(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who knows of something asks for what came after it."""
    driver.push_event((5, 1), NOON - 60)
    driver.push_event((2, 1020), 2, 2, 2, 7, NOON)
    await until(lambda: driver.state(hass, "sensor", "last_action").state == "unlocked")
    asked = await press(hass, driver, "fetch_history")
    assert (asked["siid"], asked["aiid"], asked["in"]) == (5, 1, [NOON])


@pytest.mark.parametrize(
    ("zone", "frozen", "hours"),
    [
        ("Asia/Shanghai", "2027-01-15", 8),
        ("Asia/Kathmandu", "2027-01-15", 5.75),
        ("America/New_York", "2027-01-15", -5),
        ("America/New_York", "2027-07-15", -4),
        ("Australia/Lord_Howe", "2027-01-15", 11),
        ("Australia/Lord_Howe", "2027-07-15", 10.5),
    ],
    indirect=["frozen"],
)
async def test_set_clock(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    driver: LockDriver,
    loaded: MockConfigEntry,
    zone: str,
    hours: float,
) -> None:
    """The lock gets Home Assistant's time and its offset at that time, quarter hours included."""
    await hass.config.async_set_time_zone(zone)
    asked = await press(hass, driver, "set_clock")
    now = frozen().replace(tzinfo=UTC).timestamp()
    assert (asked["siid"], asked["aiid"], asked["in"]) == (9, 1, [hours, int(now)])
    assert driver.lock.time_zone == hours


async def test_on_the_local_network(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """The lock takes the inputs of actions there too, where they have another shape."""
    async with running_lock(hass, driver, local=True) as harness:
        await hass.config.async_set_time_zone("Asia/Kathmandu")
        lock = harness.driver.lock
        lock.clock_offset = 3600
        await harness.call("button", "press", "set_clock")
        assert (lock.clock_offset, lock.time_zone) == (0, 5.75)
        await harness.call("button", "press", "fetch_history")
        assert harness.acts == [(9, 1), (5, 1)]


async def test_asleep(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """A button of a sleeping lock fails with an error that says that it sleeps."""
    driver.do("sleep")
    with pytest.raises(HomeAssistantError) as raised:
        await press(hass, driver, "record_video")
    assert raised.value.translation_key == "lock_asleep"
    assert driver.lock.recordings == []
