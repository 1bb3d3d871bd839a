"""The README's pictures, taken of the running demo with Debian's Chromium."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Final

from playwright.async_api import async_playwright

from .home_assistant import HomeAssistantError
from .setup import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Page, ViewportSize

    from .setup import Home

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"

# Nothing of its own that talks to the network
CHROMIUM_ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


async def _as_it_is(page: Page) -> None:
    await page.locator("hui-tile-card").first.wait_for()


async def _device(page: Page) -> None:
    await page.locator("ha-device-entities-card").first.wait_for()


async def _details(page: Page) -> None:
    await page.locator("hui-tile-card").first.click()
    await page.locator("ha-more-info-history").first.wait_for()


async def _menu(page: Page) -> None:
    await page.get_by_text("Xiaomi account").first.wait_for()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: the page's path, its size, and what to do and wait for there."""

    name: str
    path: str
    prepare: Callable[[Page], Awaitable[None]]
    size: ViewportSize


PICTURES: Final = (
    Picture("dashboard", "/", _as_it_is, {"width": 1400, "height": 860}),
    Picture(
        "device", "/config/devices/device/{device_id}", _device, {"width": 1400, "height": 1100}
    ),
    Picture("lock", "/", _details, {"width": 900, "height": 760}),
    Picture(
        "config-flow",
        f"/config/integrations/dashboard/add?domain={DOMAIN}",
        _menu,
        {"width": 900, "height": 600},
    ),
)


async def take_screenshots(home: Home, address: str, progress: Callable[[str], None]) -> None:
    """Sign a browser in and save each of the pictures."""
    if (chromium := shutil.which("chromium")) is None:
        raise HomeAssistantError("the pictures need Debian's chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=list(CHROMIUM_ARGUMENTS)
        )
        context = await browser.new_context(
            base_url=address, reduced_motion="reduce", locale="en-GB", timezone_id="Asia/Shanghai"
        )
        await context.add_init_script(_signed_in(home, address))
        for picture in PICTURES:
            progress(f"{picture.name}.png")
            page = await context.new_page()
            await page.set_viewport_size(picture.size)
            await page.goto(picture.path.format(device_id=home.device_id))
            await picture.prepare(page)
            await page.wait_for_load_state("networkidle")
            # Icons and graphs are drawn a little later, and nothing says when.
            await page.wait_for_timeout(1500)
            await page.screenshot(path=IMAGES / f"{picture.name}.png")
            await page.close()
        await browser.close()


def _signed_in(home: Home, address: str) -> str:
    """Return a script that gives the page its tokens, as if the user had signed in there."""
    tokens = home.client.tokens
    stored = {
        **tokens,
        "hassUrl": address,
        "clientId": f"{address}/",
        "expires": int((time() + tokens["expires_in"]) * 1000),
    }
    return f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(stored))});"
