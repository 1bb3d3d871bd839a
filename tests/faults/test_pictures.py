"""Pictures that come late, never or spoilt, and what else may go wrong while they are awaited."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN

from custom_components.xiaomi_smart_lock.account import app_session as app_link
from custom_components.xiaomi_smart_lock.const import CONF_APP, DOMAIN
from custom_components.xiaomi_smart_lock.media import latest_pictures as pictures
from simulator import faults
from simulator.app_account import SERVICE_LOGIN
from simulator.app_cloud import EVENTS, PICTURE
from tests.lock_driver import idle, until
from tests.lock_harness import caught_up, entry_of
from tests.pictures import (
    NEVER,
    STAY,
    VISITOR,
    asked,
    assert_shown,
    awaited,
    follow,
    happen,
    look_often,
    rang,
    see,
    set_up,
    state,
    upload,
    when,
)

from .conftest import Home, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import web
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.camera import Sight
    from simulator.faults import Fault, Handler
    from tests.lock_driver import LockDriver

RING: Final = (21, 1)

SPOILT: Final[dict[str, Fault]] = {
    "not a JPEG": faults.spoilt(lambda _: b"<!DOCTYPE html><title>Please sign in</title>"),
    "empty": faults.spoilt(lambda _: b""),
    "wrong key": faults.spoilt(lambda body: os.urandom(len(body))),
    "truncated": faults.spoilt(lambda body: body[: len(body) // 2]),
    "truncated at a block": faults.spoilt(lambda body: body[: len(body) // 32 * 16]),
    "one block too many": faults.spoilt(lambda body: body + os.urandom(32)),
    "20 MB": faults.spoilt(lambda body: body + bytes(20 * 1024 * 1024)),
    "cut within": faults.cut_within,
    "not found": faults.status(404),
    "error": faults.status(500),
}


@pytest.fixture(autouse=True)
def _seen_before(monkeypatch: pytest.MonkeyPatch, driver: LockDriver) -> None:
    """Have somebody ring and stay before the home is set up; pictures arrive at once then."""
    look_often(monkeypatch)
    driver.lock.camera.upload_seconds = 0
    see(driver, "Bell", ago=300)
    see(driver, "Stay", ago=200)


@pytest.fixture
async def home(hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry) -> Home:
    """Return a home that shows who rang and stayed before."""
    home = Home(hass, driver, linked)
    await idle()
    assert shown(home) == [when(sight) for sight in driver.lock.camera.sights]
    return home


def shown(home: Home) -> list[str]:
    """Return when the pictures were taken of who rang and who stayed."""
    return [state(home.hass, home.driver, key) for key in (VISITOR, STAY)]


async def rang_and_waits(home: Home, ago: float = 0) -> Sight:
    """Have somebody ring, and Home Assistant wait for the picture; the event does not wait."""
    rings = home.follow("doorbell")
    sight = rang(home.driver, ago)
    await until(lambda: len(rings) == 1)
    await until(lambda: awaited(home.entry, home.driver))
    return sight


@pytest.mark.parametrize("kind", SPOILT)
async def test_spoilt(
    home: Home, kind: str, hass_client: ClientSessionGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    """The old picture stays until the new one is there; nothing in between is ever shown."""
    visitors = follow(home.hass, home.driver, VISITOR)
    home.cloud.disturb_next(SPOILT[kind], PICTURE, times=2)
    sight = rang(home.driver)
    await until(lambda: visitors)
    await idle()
    assert visitors == [when(sight)]
    await assert_shown(home.hass, home.driver, hass_client, VISITOR, (sight, "Bell"))
    assert not [one for one in caplog.records if one.levelno > logging.INFO and DOMAIN in one.name]


@pytest.mark.parametrize("kind", [None, *SPOILT])
async def test_never(
    home: Home,
    kind: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    hass_client: ClientSessionGenerator,
) -> None:
    """It is given up, quietly; the old picture stays, with its own time. Another ring is well."""
    patience = pictures.PATIENCE
    monkeypatch.setattr(pictures, "PATIENCE", 0.3)
    caplog.set_level(logging.DEBUG, pictures.__name__)
    caplog.clear()
    before, (bell, _) = shown(home), home.driver.lock.camera.sights
    home.driver.lock.camera.keeps_pictures = kind is not None
    if kind:
        home.cloud.disturb_next(SPOILT[kind], PICTURE, times=1000)
    await rang_and_waits(home, ago=30)
    await idle()
    assert shown(home) == before
    await assert_shown(home.hass, home.driver, hass_client, VISITOR, (bell, "Bell"))
    assert caplog.text.count("no picture came in time") == 1
    assert {one.levelno for one in caplog.records if one.name == pictures.__name__} == {10}
    asked_for = len(home.cloud.requests)
    home.driver.simulation.call(home.cloud.calm)
    home.driver.lock.camera.keeps_pictures = True
    await asyncio.sleep(0.1)
    assert len(home.cloud.requests) == asked_for
    monkeypatch.setattr(pictures, "PATIENCE", patience)
    sight = rang(home.driver)
    await until(lambda: shown(home)[0] == when(sight))


async def test_late(home: Home) -> None:
    """It is shown when it comes."""
    home.driver.lock.camera.upload_seconds = NEVER
    before = shown(home)
    sight = await rang_and_waits(home)
    pictures_asked = asked(home.driver, PICTURE)
    await until(lambda: asked(home.driver, PICTURE) > pictures_asked + 3)
    assert shown(home) == before
    upload(sight)
    await until(lambda: shown(home)[0] == when(sight))


@pytest.mark.parametrize("kind", ["Bell", "Stay"])
async def test_set_up_before_it_is_uploaded(home: Home, kind: str) -> None:
    """The picture of who was there moments before the start is shown when it comes."""
    shown_at = list(pictures.KINDS.values()).index(kind)
    before = shown(home)
    assert await home.hass.config_entries.async_unload(home.entry.entry_id)
    home.driver.lock.camera.upload_seconds = NEVER
    sight = see(home.driver, kind)
    await home.start()
    pictures_asked = asked(home.driver, PICTURE)
    await until(lambda: asked(home.driver, PICTURE) > pictures_asked + 3)
    assert shown(home) == before
    upload(sight)
    await until(lambda: shown(home)[shown_at] == when(sight))
    await idle()


async def test_another_one_is_listed_later(home: Home) -> None:
    """The list is read again from time to time: what it named at first may never be there."""
    home.driver.lock.camera.upload_seconds = NEVER
    sight = await rang_and_waits(home)
    pictures_asked = asked(home.driver, PICTURE)
    await until(lambda: asked(home.driver, PICTURE) > pictures_asked + 1)
    sight.frames["Bell"] = replace(sight.frames["Bell"], store_id="CAMERA_IMG_another", ready=0)
    await until(lambda: shown(home)[0] == when(sight))


async def test_a_listed_picture_is_asked_for_alone(home: Home) -> None:
    """Most requests for one that is not there yet are for the picture, not for the list."""
    home.driver.lock.camera.upload_seconds = NEVER
    home.cloud.requests.clear()
    sight = await rang_and_waits(home)
    await until(lambda: asked(home.driver, PICTURE) > 12)
    assert asked(home.driver, EVENTS) * 3 < asked(home.driver, PICTURE)
    upload(sight)
    await until(lambda: shown(home)[0] == when(sight))


async def test_not_listed_yet(home: Home) -> None:
    """Who rang before is not taken for who rings now, nor is who was only seen."""
    earlier = see(home.driver, "Bell", ago=100)
    see(home.driver, "FaceUnlock", ago=30)
    before = shown(home)
    happen(home.driver, RING)
    home.cloud.requests.clear()
    await until(lambda: asked(home.driver, EVENTS) > 3)
    assert asked(home.driver, PICTURE) == 0
    assert shown(home) == before
    sight = see(home.driver, "Bell")
    assert when(sight) > when(earlier)
    await until(lambda: shown(home)[0] == when(sight))


async def test_an_older_one_comes_after_a_newer_one(home: Home) -> None:
    """What is shown only ever gets newer."""
    older = see(home.driver, "Bell", ago=20)
    newer = rang(home.driver, ago=5)
    await until(lambda: shown(home)[0] == when(newer))
    happen(home.driver, RING, ago=20)
    await until(lambda: awaited(home.entry, home.driver))
    home.cloud.requests.clear()
    await until(lambda: asked(home.driver, EVENTS) > 2)
    assert shown(home)[0] == when(newer) > when(older)
    assert asked(home.driver, PICTURE) == 0


async def test_an_older_one_is_told_after_a_newer_one(home: Home) -> None:
    """Its picture ends no waiting for the newer one's."""
    visitors = follow(home.hass, home.driver, VISITOR)
    home.driver.lock.camera.upload_seconds = NEVER
    newer = await rang_and_waits(home)
    home.driver.lock.camera.upload_seconds = 0
    older = rang(home.driver, ago=40)
    await until(lambda: visitors == [when(older)])
    upload(newer)
    await until(lambda: visitors == [when(older), when(newer)])


async def test_the_session_expires_between_two_requests(home: Home) -> None:
    """It renews itself, and the picture comes."""

    async def expire(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        home.cloud.app_accounts.expire_service_tokens()
        return answer

    home.cloud.disturb_next(expire, EVENTS)
    sight = rang(home.driver)
    await until(lambda: shown(home)[0] == when(sight))
    assert asked(home.driver, SERVICE_LOGIN) == 1


async def test_the_session_ends(home: Home) -> None:
    """The user is asked to sign in again, once; nothing more is asked for, the picture stays."""
    before = shown(home)
    home.driver.simulation.call(home.cloud.app_accounts.revoke, home.driver.account)
    rang(home.driver, ago=10)
    await until(lambda: list(home.entry.async_get_active_flows(home.hass, {SOURCE_REAUTH})))
    asked_for = asked(home.driver, EVENTS)
    await rang_and_waits(home)
    await asyncio.sleep(0.1)
    assert asked(home.driver, EVENTS) == asked_for
    assert shown(home) == before
    assert len(list(home.entry.async_get_active_flows(home.hass, {SOURCE_REAUTH}))) == 1


@pytest.mark.parametrize("retry_after", ["60", None])
async def test_left_alone(home: Home, retry_after: str | None) -> None:
    """Who wants to be left alone is, by the next ring too."""
    before = shown(home)
    headers = {"Retry_After": retry_after} if retry_after else {}
    home.cloud.disturb_next(faults.status(429, **headers), EVENTS)
    home.cloud.requests.clear()
    await rang_and_waits(home, ago=10)
    await until(lambda: asked(home.driver, EVENTS) == 1)
    await asyncio.sleep(0.1)
    await rang_and_waits(home)
    await asyncio.sleep(0.1)
    assert (asked(home.driver, EVENTS), asked(home.driver, PICTURE)) == (1, 0)
    assert shown(home) == before


async def test_left_alone_for_a_moment(home: Home) -> None:
    """The picture comes, though later."""
    home.cloud.disturb_next(faults.status(429, Retry_After="0"), EVENTS)
    home.cloud.disturb_next(faults.status(429, Retry_After="1"), PICTURE)
    sight = rang(home.driver)
    await until(lambda: shown(home)[0] == when(sight))


@pytest.fixture(params=[1200, -1200])
def off(request: pytest.FixtureRequest, driver: LockDriver) -> Iterator[int]:
    """Return by how much the cloud's clock is ahead of Home Assistant's; the lock's is right."""
    seconds: int = request.param
    simulation, clock = driver.simulation, driver.simulator.clock
    simulation.call(clock.advance, seconds)
    driver.lock.clock_offset = -seconds
    yield seconds
    simulation.call(clock.advance, -seconds)


@pytest.mark.parametrize("lock_too", [False, True])
async def test_the_cloud_s_clock_is_off(
    hass: HomeAssistant, driver: LockDriver, off: int, lock_too: bool
) -> None:
    """The picture comes, and is of this ring; what is shown has the cloud's time."""
    if lock_too:
        driver.lock.clock_offset = 0
    driver.lock.camera.sights.clear()
    old = see(driver, "Bell", ago=300)
    entry = await set_up(hass, driver)
    assert state(hass, driver, VISITOR) == when(old)
    see(driver, "Bell", ago=100)
    driver.simulator.cloud.requests.clear()
    driver.push_event(RING, driver.lock.time)
    await until(lambda: asked(driver, EVENTS) > 3)
    assert state(hass, driver, VISITOR) == when(old)
    sight = see(driver, "Bell")
    await until(lambda: state(hass, driver, VISITOR) == when(sight))
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("path", [EVENTS, PICTURE])
@pytest.mark.parametrize("fault", [faults.cut, faults.cut_after, faults.status(503)])
async def test_the_network_fails(home: Home, path: str, fault: Fault) -> None:
    """It is asked again."""
    home.cloud.disturb_next(fault, path, times=2)
    sight = rang(home.driver)
    await until(lambda: shown(home)[0] == when(sight))


async def test_unloaded_while_waiting(home: Home) -> None:
    """Nothing is left, nothing more is asked for; the next start shows what came meanwhile."""
    home.driver.lock.camera.upload_seconds = NEVER
    sight = await rang_and_waits(home)
    await until(lambda: asked(home.driver, PICTURE) > 2)
    assert await home.hass.config_entries.async_unload(home.entry.entry_id)
    assert not tasks()
    home.cloud.requests.clear()
    upload(sight)
    await asyncio.sleep(0.1)
    assert home.cloud.requests == []
    assert shown(home) == [STATE_UNAVAILABLE] * 2
    await home.start()
    await until(lambda: shown(home)[0] == when(sight))


async def test_nobody_answers_at_the_start(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked again after a while, a few times."""
    monkeypatch.setattr(pictures, "LOOK_AGAIN", (0, 0))
    monkeypatch.setattr(app_link, "PAUSE", 0)
    driver.simulator.cloud.disturb_next(faults.status(503), EVENTS, times=2)
    loaded = await set_up(hass, driver)
    bell, stay = driver.lock.camera.sights
    assert [state(hass, driver, key) for key in (VISITOR, STAY)] == [when(bell), when(stay)]
    await hass.config_entries.async_unload(loaded.entry_id)


async def test_nobody_ever_answers_at_the_start(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the next ring brings the next picture."""
    monkeypatch.setattr(pictures, "LOOK_AGAIN", (0, 0))
    monkeypatch.setattr(app_link, "PAUSE", 0)
    driver.simulator.cloud.disturb_next(faults.status(503), EVENTS, times=3)
    loaded = await set_up(hass, driver)
    assert [state(hass, driver, key) for key in (VISITOR, STAY)] == [STATE_UNKNOWN] * 2
    sight = rang(driver)
    await until(lambda: state(hass, driver, VISITOR) == when(sight))
    await hass.config_entries.async_unload(loaded.entry_id)


async def test_somebody_rings_at_the_start(hass: HomeAssistant, driver: LockDriver) -> None:
    """What comes of looking back meanwhile is older: it is neither shown nor taken for newer."""
    released: list[bool] = []

    async def hold(request: web.Request, handler: Handler) -> web.StreamResponse:
        while not released:
            await asyncio.sleep(0.01)
        return await handler(request)

    cloud = driver.simulator.cloud
    cloud.disturb_next(hold, PICTURE)
    entry = entry_of(hass, {**driver.account_data(), CONF_APP: driver.app_data()})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: asked(driver, PICTURE))
    await caught_up(hass, entry)
    sight = rang(driver, ago=10)
    await until(lambda: state(hass, driver, VISITOR) == when(sight))
    released.append(True)
    await idle()
    cloud.requests.clear()
    happen(driver, RING)
    await until(lambda: asked(driver, EVENTS) > 2)
    assert asked(driver, PICTURE) == 0
    assert state(hass, driver, VISITOR) == when(sight)
    await hass.config_entries.async_unload(entry.entry_id)
