"""Home Assistant's own frontend, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.components.frontend import DOMAIN as FRONTEND
from homeassistant.components.media_source import DOMAIN as MEDIA_SOURCE
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.media import views
from demo.browser import signed_in
from demo.recording import named, open_folder, play_recording
from simulator import recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from homeassistant.auth.models import Credentials
    from homeassistant.core import HomeAssistant
    from playwright.async_api import Page
    from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .lock_driver import LockDriver
    from .lock_harness import Storage


WIDTH: Final = 270
"""Of what the simulator's camera shows."""


@pytest.fixture
async def page(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
    hass_admin_credential: Credentials,
    linked: MockConfigEntry,
) -> AsyncIterator[Page]:
    """Return a page of a browser in which the administrator is signed in."""
    steps = ["user", "core_config", "analytics", "integration"]
    hass_storage["onboarding"] = {"version": 4, "data": {"done": steps}}
    for component in (MEDIA_SOURCE, FRONTEND):
        assert await async_setup_component(hass, component, {})
    server = (await hass_client_no_auth()).server
    address = str(server.make_url("")).rstrip("/")
    await hass.auth.async_link_user(hass_admin_user, hass_admin_credential)
    token = await hass.auth.async_create_refresh_token(
        hass_admin_user, f"{address}/", credential=hass_admin_credential
    )
    tokens = {
        "access_token": hass.auth.async_create_access_token(token),
        "refresh_token": token.token,
        "expires_in": token.access_token_expiration.seconds,
        "token_type": "Bearer",
    }
    async with signed_in(address, tokens) as browser:
        yield await browser.new_page()


def rung(driver: LockDriver) -> datetime:
    """Have somebody ring; return when, by the clock of the browser's user."""
    driver.lock.camera.upload_seconds = 0
    driver.do("ring")
    moment = driver.lock.camera.sights[0].created / 1000
    return dt_util.as_local(dt_util.utc_from_timestamp(moment))


@pytest.mark.parametrize("container", ["mp4", "ts"])
async def test_a_recording_is_found_and_played(
    driver: LockDriver, page: Page, container: str
) -> None:
    """A user opens the lock and the day, sees the bell's picture, plays the recording and seeks."""
    driver.lock.camera.codecs = ("H264", "H265")
    driver.lock.camera.container = container
    when = rung(driver)
    await open_folder(page, "Xiaomi Smart Lock", "Front door", "Today")
    await page.locator("[style*='data:image/jpeg']").first.wait_for()
    video = await play_recording(page, f"{when:%H:%M} bell")
    assert await video.evaluate("video => video.videoWidth") == WIDTH
    seconds = recording.PARTS * recording.PART_SECONDS
    # The sound of a part is a little longer than its picture.
    assert await video.evaluate("video => video.duration") == pytest.approx(seconds, abs=0.5)
    await video.evaluate("(video, seconds) => { video.currentTime = seconds; }", seconds - 0.6)
    await page.wait_for_function("video => video.ended", arg=await video.element_handle())


async def test_whoever_has_the_choice_takes_the_recording(
    driver: LockDriver, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that can play both plays the recording, and never changes over to the words.

    This browser cannot play H.265: what it is offered as such is H.264.
    """
    driver.lock.camera.codecs = ("H264",)
    monkeypatch.setattr(views, "hevc_codecs", lambda _: "avc1.42C01E,mp4a.40.2")
    when = rung(driver)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await open_folder(page, "Xiaomi Smart Lock", "Front door", "Today")
    video = await play_recording(page, f"{when:%H:%M} bell")
    await page.wait_for_function("video => video.ended", arg=await video.element_handle())
    assert await video.evaluate("video => video.videoWidth") == WIDTH
    assert not [url for url in asked if "unplayable" in url]


async def test_a_browser_that_cannot_play_it_says_so(
    driver: LockDriver, linked: MockConfigEntry, page: Page
) -> None:
    """It shows words in place of H.265, asks for no part again and again, and can download it."""
    when = rung(driver)
    day = ("Xiaomi Smart Lock", "Front door", "Today")
    await open_folder(page, *day)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    video = await play_recording(page, f"{when:%H:%M} bell")
    words = await video.evaluate("video => [video.videoWidth, video.duration]")
    assert words == [640, pytest.approx(10, abs=0.1)]
    assert not [url for url in asked if ".m4s" in url]

    await open_folder(page, *day, "Download")
    await named(page, f"{when:%H:%M} bell").click()
    video = page.locator("hui-dialog-web-browser-play-media video")
    await video.wait_for(state="attached")
    address = await video.locator("source").get_attribute("src")
    async with page.expect_download() as downloading:
        # As the player's menu does
        await page.evaluate(
            "address => { const link = document.createElement('a'); link.href = address;"
            " link.download = ''; link.click(); }",
            address,
        )
    download = await downloading.value
    assert download.suggested_filename == f"front_door_{when:%Y-%m-%d_%H-%M-%S}.mp4"
    file = Path(await download.path()).read_bytes()
    [sight] = driver.lock.camera.sights
    parts = driver.lock.camera.recording(sight, "H265", driver.lock.time_zone)
    found = [packet for part in parts for packet in recording.packets(part)]
    assert sorted(recording.packets(file)) == sorted(found)
