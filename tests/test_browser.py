"""Home Assistant's own frontend, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.media import views
from demo.recording import named, open_folder, play_recording
from simulator import recording

if TYPE_CHECKING:
    from datetime import datetime

    from playwright.async_api import Page
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .browsing import Browse
    from .lock_driver import LockDriver


WIDTH: Final = 270
"""Of what the simulator's camera shows."""


pytestmark = pytest.mark.usefixtures("linked")


@pytest.fixture
async def page(browse: Browse) -> Page:
    """Return a page of a browser in which the administrator is signed in."""
    return await browse()


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
    await open_folder(page, "Xiaomi Smart Lock", "Front door", str(when.date()))
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
    await open_folder(page, "Xiaomi Smart Lock", "Front door", str(when.date()))
    video = await play_recording(page, f"{when:%H:%M} bell")
    await page.wait_for_function("video => video.ended", arg=await video.element_handle())
    assert await video.evaluate("video => video.videoWidth") == WIDTH
    assert not [url for url in asked if "unplayable" in url]


async def test_a_browser_that_cannot_play_it_says_so(
    driver: LockDriver, linked: MockConfigEntry, page: Page
) -> None:
    """It shows words in place of H.265, asks for no part again and again, and can download it."""
    when = rung(driver)
    day = ("Xiaomi Smart Lock", "Front door", str(when.date()))
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
