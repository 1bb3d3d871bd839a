"""A recording, found in the media browser and played, as a user does it with a mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page


async def open_folder(page: Page, *names: str) -> None:
    """Open the media browser, and folders in it one after the other."""
    await page.goto("/media-browser/browser")
    for name in names:
        await _named(page, name).click()


async def play_recording(page: Page, title: str) -> Locator:
    """Play what is in the open folder; return the player once it shows a moving picture."""
    await _named(page, title).click()
    video = page.locator("ha-hls-player video")
    await video.wait_for(state="attached")
    await page.wait_for_function(
        "video => video.currentTime > 0.5 && video.videoWidth > 0",
        arg=await video.element_handle(),
    )
    return video


def _named(page: Page, name: str) -> Locator:
    """Return what is called so, and not its tooltip."""
    return page.get_by_text(name, exact=True).filter(visible=True).first
