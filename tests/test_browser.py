"""Home Assistant's own frontend, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.const import CONF_TOKEN, Platform
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util
from yarl import URL

from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.events import history_sync
from custom_components.xiaomi_smart_lock.media import views
from demo.recording import named, open_folder, play_recording
from simulator import recording

from .browsing import browsing, set_up_frontend
from .flow import sign_in
from .lock_driver import until
from .lock_harness import nearby

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant
    from playwright.async_api import Page
    from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .browsing import Browse
    from .lock_driver import LockDriver
    from .lock_harness import Storage


HOUR: Final = 3600  # seconds
WIDTH: Final = 270
"""Of what the simulator's camera shows."""


@pytest.fixture
async def page(linked: MockConfigEntry, browse: Browse) -> Page:
    """Return the page of an administrator whose lock is linked to the Mi Home app."""
    return await browse()


@pytest.fixture
async def first_page(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Page]:
    """Return the page of an administrator who has no lock yet."""
    monkeypatch.setattr(history_sync, "SETTLING", HOUR)
    # The web server of tests accepts no more views once it runs.
    await set_up_frontend(hass, hass_storage, Platform.CALENDAR, Platform.IMAGE, DOMAIN)
    async with browsing(hass, hass_client_no_auth, hass_admin_user) as browse:
        yield await browse()
    for entry in hass.config_entries.async_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


class Hand:
    """Clicks, and counts the clicks."""

    def __init__(self, page: Page) -> None:
        """Hover over a page."""
        self.clicks = 0
        self.page = page

    async def click(self, *those: str) -> None:
        """Click what is called so, one after the other."""
        for one in those:
            named = f"role=button[name='{one}']" if one in ("OK", "Submit") else f"text='{one}'"
            await self.page.locator(f"{named} >> visible=true").first.click()
            self.clicks += 1

    async def see(self, text: str) -> None:
        """Wait until a text is shown."""
        await self.page.locator(f"text='{text}' >> visible=true").first.wait_for()

    async def add_integration(self) -> None:
        """Open the first step, as by a link of My Home Assistant."""
        await self.page.goto(f"/config/integrations/dashboard/add?domain={DOMAIN}")
        await self.click("OK")

    async def scan(self, driver: LockDriver) -> None:
        """Confirm the code that is shown, with the phone."""
        await self.page.locator("ha-qr-code canvas").first.wait_for()
        phone = driver.simulator.cloud.app_accounts
        driver.simulation.call(phone.confirm, next(reversed(phone.tickets)), driver.account)

    async def see_entry(self, hass: HomeAssistant) -> ConfigEntry[Any]:
        """Wait until setting up has ended, in the browser too; return what came of it."""
        await until(lambda: hass.config_entries.async_loaded_entries(DOMAIN))
        await self.page.locator("step-flow-create-entry").first.wait_for()
        [entry] = hass.config_entries.async_loaded_entries(DOMAIN)
        return entry


async def test_setting_up_by_clicks(
    hass: HomeAssistant, driver: LockDriver, first_page: Page
) -> None:
    """An account is signed in and linked to the Mi Home app; the lock's area is its room."""
    hand = Hand(first_page)
    await hand.add_integration()
    await hand.click("Xiaomi account", "Submit", "Paste the address of the page")
    link = await first_page.locator("step-flow-form a").first.get_attribute("href")
    address = first_page.locator("step-flow-form input").first
    await address.fill(str(await sign_in(driver, URL(link or ""))))
    await hand.click("Submit")
    await hand.see("Choose the locks that Home Assistant is to show.")
    await hand.click("Submit", "Link now")
    await hand.scan(driver)
    entry = await hand.see_entry(hass)
    assert hand.clicks == 7
    assert entry.data[CONF_LOCKS] == [driver.lock.did]
    assert entry.data[CONF_APP]["user_id"] == driver.account.user_id
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert device.area_id == "hall"


async def test_setting_up_nearby_by_clicks(
    hass: HomeAssistant, driver: LockDriver, first_page: Page, short_timeouts: None
) -> None:
    """Nobody has to type anything: neither address nor token; the lock has to be touched."""
    there = nearby(driver)
    driver.lock.model = "xiaomi.lock.other"
    there.do("sleep")
    hand = Hand(first_page)
    await hand.add_integration()
    await hand.click("Local network", "Read them from my Mi Home app (QR code)")
    await hand.scan(driver)
    await hand.click("Submit")
    await first_page.locator("ha-alert >> text=/Touch it to wake it/").first.wait_for()
    there.do("wake")
    await hand.click("Submit", "Later")
    entry = await hand.see_entry(hass)
    assert hand.clicks == 6
    assert entry.data[CONF_TOKEN] == there.lock.token
    assert CONF_APP not in entry.data


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
