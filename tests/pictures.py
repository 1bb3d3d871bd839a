"""The camera's sights, and the images that show them."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from homeassistant.const import Platform
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_LATE_AFTER
from custom_components.xiaomi_smart_lock.media import picture_schedule as schedule
from tests.conftest import TEN_YEARS
from tests.lock_driver import LockDriver, idle
from tests.lock_harness import entry_of

from .lock_harness import caught_up, lock_of

if TYPE_CHECKING:
    import pytest
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.xiaomi_smart_lock.media.latest_pictures import PendingPicture
    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.camera import Sight


VISITOR = "last_visitor"
STAY = "last_stay"
NEVER = float("inf")
RING: Address = (21, 1)


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pictures looked for at once and often."""
    monkeypatch.setattr(schedule, "INTERVAL", 0.02)
    monkeypatch.setattr(schedule, "CLOSE", 0.02)
    monkeypatch.setattr(schedule, "FIRST", (0.0, 0.0))


def see(driver: LockDriver, kind: str, ago: float = 0) -> Sight:
    """Let the camera see something, now or some seconds ago, without an event of the lock."""
    camera = driver.lock.camera
    sight: Sight = driver.simulation.call(camera.see, kind)
    sight.created -= int(ago * 1000)
    camera.sights.sort(key=lambda one: one.created)
    return sight


def happen(driver: LockDriver, kind: Address, ago: float = 0) -> None:
    """Push an event of the lock that happened some seconds ago."""
    driver.push_event(kind, int(driver.simulator.clock.now() - ago))


def rang(driver: LockDriver, ago: float = 0) -> Sight:
    """Push a ring of some seconds ago, which the camera saw."""
    sight = see(driver, "Bell", ago)
    happen(driver, RING, ago)
    return sight


def upload(sight: Sight) -> None:
    """Make the pictures available in the cloud."""
    for kind, frame in sight.frames.items():
        sight.frames[kind] = replace(frame, ready=0)


def when(sight: Sight) -> str:
    """Return the state of an image that shows a sight."""
    return dt_util.utc_from_timestamp(sight.created / 1000).isoformat()


def state(hass: HomeAssistant, driver: LockDriver, key: str) -> str:
    """Return the state of an image: the time of its picture."""
    return driver.state(hass, Platform.IMAGE, key).state


def follow(hass: HomeAssistant, driver: LockDriver, key: str) -> list[str]:
    """Return a growing list of an image's states, one for each change."""
    states: list[str] = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if old and new and old.state != new.state:
            states.append(new.state)

    async_track_state_change_event(hass, driver.entity_id(hass, Platform.IMAGE, key), changed)
    return states


async def assert_shown(
    hass: HomeAssistant,
    driver: LockDriver,
    client: ClientSessionGenerator,
    key: str,
    of: tuple[Sight, str],
) -> None:
    """Check that a browser gets exactly this picture."""
    sight, kind = of
    browser = await client()
    answer = await browser.get(f"/api/image_proxy/{driver.entity_id(hass, Platform.IMAGE, key)}")
    assert answer.status == HTTPStatus.OK
    assert answer.content_type == "image/jpeg"
    store_id = sight.frames[kind].store_id
    assert await answer.read() == driver.lock.camera.picture(sight.file_id, store_id)


def asked(driver: LockDriver, path: str) -> int:
    """Return the number of requests to a path."""
    return sum(path == one for one, _ in driver.simulator.cloud.requests)


async def set_up(hass: HomeAssistant, driver: LockDriver, **options: object) -> MockConfigEntry:
    """Set up the entry of a linked account."""
    data = {**driver.account_data(), CONF_APP: driver.app_data()}
    entry = entry_of(hass, data, **{CONF_LATE_AFTER: TEN_YEARS} | options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await caught_up(hass, entry)
    await idle()
    return entry


def awaited(entry: MockConfigEntry, driver: LockDriver) -> list[PendingPicture]:
    """Return the events whose pictures are expected."""
    pictures = lock_of(entry, driver).pictures
    assert pictures
    return list(pictures._awaited)
