"""Home Assistant's own frontend, in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from homeassistant.components.frontend import DOMAIN as FRONTEND
from homeassistant.components.media_source import DOMAIN as MEDIA_SOURCE
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from demo.browser import signed_in
from demo.recording import open_folder, play_recording
from simulator import recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.auth.models import Credentials
    from homeassistant.core import HomeAssistant
    from playwright.async_api import Page
    from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .actor import Actor
    from .resident import Storage


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


async def test_a_recording_is_found_and_played(actor: Actor, page: Page) -> None:
    """A user opens the lock and the day, sees the bell's picture, plays the recording and seeks."""
    actor.lock.camera.upload_seconds = 0
    actor.do("ring")
    moment = actor.lock.camera.sights[0].created / 1000
    when = dt_util.as_local(dt_util.utc_from_timestamp(moment))
    await open_folder(page, "Xiaomi Smart Lock", "Front door", str(when.date()))
    await page.locator("[style*='data:image/jpeg']").first.wait_for()
    video = await play_recording(page, f"{when:%H:%M} bell")
    seconds = recording.PARTS * recording.PART_SECONDS
    assert await video.evaluate("video => video.duration") == pytest.approx(seconds, abs=0.1)
    await video.evaluate("(video, seconds) => { video.currentTime = seconds; }", seconds - 0.6)
    await page.wait_for_function("video => video.ended", arg=await video.element_handle())
