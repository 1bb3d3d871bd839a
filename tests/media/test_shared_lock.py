"""A lock that is only shared with the linked account: its camera may be for its owner alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.const import STATE_UNKNOWN, Platform

from custom_components.xiaomi_smart_lock.account.app_session import REFUSAL_PAUSE
from custom_components.xiaomi_smart_lock.const import CONF_APP
from simulator.app_account import SERVICE_LOGIN
from tests.lock_driver import LockDriver, until
from tests.lock_harness import diagnostics, entry_of
from tests.past import HOUR, LinkedHarness, unlocked
from tests.pictures import look_often
from tests.recordings import EVENTS, PICTURE, RECORDING, SOURCE, sit_down

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from tests.lock_harness import Storage
    from tests.recordings import Viewer

NOT_ALLOWED: Final = (
    "Xiaomi does not show this account what the lock's camera saw. That is usual where the lock "
    "is only shared with the account; signing in again does not help. Link the account that the "
    "lock was added with"
)


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    look_often(monkeypatch)


@pytest.fixture(params=[401, 403])
def guest(request: pytest.FixtureRequest, driver: LockDriver) -> LockDriver:
    """Return who is at a friend's lock, whose camera's hosts refuse the account."""
    simulator = driver.simulator
    lock = driver.simulation.call(simulator.add_lock, driver.account, "Friend's door", shared=True)
    lock.camera.shared_status = request.param
    lock.camera.upload_seconds = 0
    return LockDriver(driver.simulation, driver.account, lock)


@pytest.fixture
async def home(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, guest: LockDriver
) -> AsyncIterator[LinkedHarness]:
    """Return who has the friend's lock in Home Assistant, and one of their own."""
    driver.lock.camera.upload_seconds = 0
    data = {**driver.account_data(guest.lock, driver.lock), CONF_APP: driver.app_data()}
    driver.simulator.cloud.requests.clear()
    home = LinkedHarness(hass, guest, entry_of(hass, data))
    yield home
    await home.stop()


@pytest.fixture
async def viewer(
    hass: HomeAssistant,
    home: LinkedHarness,
    hass_ws_client: Any,
    hass_client: ClientSessionGenerator,
    hass_client_no_auth: ClientSessionGenerator,
) -> Viewer:
    """Return who sits before the media browser."""
    await home.start_and_read()
    await until(lambda: home.issue("camera_not_allowed"))
    return await sit_down(hass, hass_ws_client, hass_client, hass_client_no_auth)


def asked(home: LinkedHarness, *paths: str) -> int:
    """Return how often something was asked for."""
    return sum(path in paths for path, _ in home.driver.simulator.cloud.requests)


async def test_the_past_goes_on(hass: HomeAssistant, home: LinkedHarness) -> None:
    """The refusal is said once, in a repair, and neither renews nor ends the session."""
    unlocked(home.driver, 7, HOUR)
    await home.start_and_read()
    await until(lambda: home.issue("camera_not_allowed"))
    assert home.last()["last_operation_id"] == "7"
    unlocked(home.driver, 8, HOUR / 2)
    await home.read_again()
    assert home.last()["last_operation_id"] == "8"
    issue = home.issue("camera_not_allowed")
    assert issue
    assert issue.translation_placeholders == {"lock": "Friend's door"}
    assert asked(home, SERVICE_LOGIN) == 0
    assert not hass.config_entries.flow.async_progress()
    assert not (await diagnostics(hass, home.entry))["link"]["ended"]


async def test_who_rings_is_not_asked_for_again(
    hass: HomeAssistant, driver: LockDriver, home: LinkedHarness
) -> None:
    """Neither by the event nor by who looks; the picture of the account's own lock comes."""
    await home.start_and_read()
    await until(lambda: home.issue("camera_not_allowed"))
    before = asked(home, EVENTS, PICTURE, RECORDING)
    rings = home.fired("doorbell")
    for _ in range(3):
        home.driver.do("ring")
    await until(lambda: rings)
    await home.reached()
    assert asked(home, EVENTS, PICTURE, RECORDING) == before
    driver.do("ring")
    await until(lambda: driver.state(hass, Platform.IMAGE, "last_visitor").state != STATE_UNKNOWN)
    assert home.state("image", "last_visitor") == STATE_UNKNOWN


async def test_words(driver: LockDriver, home: LinkedHarness, viewer: Viewer) -> None:
    """The media browser says why, and asks for nothing; the account's own lock is shown."""
    before = asked(home, EVENTS)
    folder = f"{SOURCE}/{home.driver.lock.did}"
    for what in ("browse_media", "resolve_media"):
        ident = folder if what == "browse_media" else f"{folder}/1"
        assert await viewer.refused(what, ident) == NOT_ALLOWED
    assert asked(home, EVENTS) == before
    assert await viewer.days(f"{SOURCE}/{driver.lock.did}") == []


async def test_who_may_see_it_after_all(
    frozen: FrozenDateTimeFactory, home: LinkedHarness, viewer: Viewer
) -> None:
    """It is looked again later, when somebody wants to see it, and the repair is over."""
    frozen.tick(REFUSAL_PAUSE + 60)
    folder = f"{SOURCE}/{home.driver.lock.did}"
    before = asked(home, EVENTS)
    assert await viewer.refused("browse_media", folder) == NOT_ALLOWED
    assert asked(home, EVENTS) == before + 1
    assert home.issue("camera_not_allowed")
    home.driver.lock.camera.shared_status = None
    frozen.tick(REFUSAL_PAUSE + 60)
    assert await viewer.days(folder) == []
    assert home.issue("camera_not_allowed") is None
    assert asked(home, SERVICE_LOGIN) == 0
