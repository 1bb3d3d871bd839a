"""What is shown of a lock that sleeps, and of one that nothing is heard of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from homeassistant.const import STATE_UNAVAILABLE
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
)

from custom_components.xiaomi_smart_lock.const import DOMAIN
from tests.availability import FIVE_MINUTES, later, unavailable

from .hosts import NEARBY
from .lock_driver import LockDriver, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what we logged as an error."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "ERROR" and record.name.startswith("custom_components")
    ]


@pytest.fixture
def asleep(hass: HomeAssistant, driver: LockDriver) -> None:
    """Have the lock sleep, so that it says nothing by itself."""
    driver.do("sleep")


@pytest.fixture
def outage(driver: LockDriver) -> Iterator[None]:
    """Have the cloud be back for others when the test is over."""
    yield
    driver.simulator.cloud.online = True


async def test_asleep(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """A lock that sleeps shows what it showed; that it sleeps is a state of its own."""
    driver.do("fingerprint", 7)
    await until(lambda: driver.state(hass, "sensor", "last_operation_id").state == "7")
    driver.do("sleep")
    await until(lambda: driver.state(hass, "binary_sensor", "awake").state == "off")
    assert unavailable(hass, loaded) == {False}
    assert driver.state(hass, "sensor", "door_state").state == "unlocked"
    assert driver.state(hass, "sensor", "wifi_status").state == "sleep"

    assert await hass.config_entries.async_reload(loaded.entry_id)
    assert unavailable(hass, loaded) == {False}
    assert driver.state(hass, "binary_sensor", "awake").state == "off"
    assert driver.state(hass, "sensor", "door_state").state == "unlocked"


async def test_awake_again(
    hass: HomeAssistant, driver: LockDriver, asleep: None, loaded: MockConfigEntry
) -> None:
    """A lock that wakes up is read at once, for what it did not push."""
    await until(lambda: driver.state(hass, "binary_sensor", "awake").state == "off")
    driver.do("set_battery", 15, push=False)
    driver.do("wake")
    await until(lambda: driver.state(hass, "binary_sensor", "awake").state == "on")
    await until(lambda: driver.state(hass, "sensor", "lithium_battery").state == "15")


@pytest.mark.usefixtures("outage")
async def test_no_cloud(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    driver: LockDriver,
    asleep: None,
    loaded: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A cloud that is away for a moment is no news; one that is away for long is said once."""
    driver.simulator.cloud.online = False
    await later(hass, frozen, FIVE_MINUTES)
    assert unavailable(hass, loaded) == {False}
    assert driver.state(hass, "sensor", "door_state").state == "locked"
    assert errors(caplog) == []

    # What happens would still be heard.
    await later(hass, frozen, FIVE_MINUTES)
    assert unavailable(hass, loaded, but="event") == {True}
    await later(hass, frozen, FIVE_MINUTES)
    assert unavailable(hass, loaded, but="event") == {True}
    assert driver.state(hass, "event", "doorbell").state != STATE_UNAVAILABLE
    assert len(errors(caplog)) == 1

    driver.simulator.cloud.online = True
    await later(hass, frozen, FIVE_MINUTES)
    assert unavailable(hass, loaded) == {False}
    assert driver.state(hass, "sensor", "door_state").state == "locked"
    assert len(errors(caplog)) == 1


@pytest.mark.usefixtures("outage")
async def test_no_cloud_but_push(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    driver: LockDriver,
    asleep: None,
    loaded: MockConfigEntry,
) -> None:
    """A lock that is heard of by push is there, whatever becomes of the readings."""
    driver.simulator.cloud.online = False
    for level in (80, 79, 78):
        driver.push_property((13, 1), level)
        shown = str(level)
        await until(lambda: driver.state(hass, "sensor", "lithium_battery").state == shown)  # noqa: B023
        await later(hass, frozen, FIVE_MINUTES)
    assert unavailable(hass, loaded) == {False}


async def test_gone(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    driver: LockDriver,
    asleep: None,
    loaded: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A lock that left the account is unavailable at the next reading; what it was is not."""
    driver.simulation.call(driver.simulator.remove_lock, driver.lock)
    await later(hass, frozen, FIVE_MINUTES)
    assert unavailable(hass, loaded) == {True}
    await later(hass, frozen, FIVE_MINUTES)
    [error] = errors(caplog)
    assert "Front door is no longer in the account" in error


async def test_asleep_on_the_local_network(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, driver: LockDriver, short_timeouts: None
) -> None:
    """A lock that does not answer is asleep, for as long as a day; then something is wrong."""
    simulation = driver.simulation
    driver.lock = simulation.call(simulation.simulator.add_lock, driver.account, host=NEARBY)
    simulation.call(simulation.simulator.settle)
    entry = MockConfigEntry(domain=DOMAIN, title="Front door", data=driver.local_data(NEARBY))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert driver.state(hass, "binary_sensor", "awake").state == "on"

    driver.do("sleep")
    await later(hass, frozen, 31)
    assert driver.state(hass, "binary_sensor", "awake").state == "off"
    await later(hass, frozen, 23 * 3600)
    assert unavailable(hass, entry) == {False}
    await later(hass, frozen, 3600)
    assert unavailable(hass, entry) == {True}

    driver.do("wake")
    await later(hass, frozen, 31)
    assert unavailable(hass, entry) == {False}
    assert driver.state(hass, "binary_sensor", "awake").state == "on"
