"""A browser with a signed-in user of the demo's Home Assistant."""

from __future__ import annotations

import json
import shutil
from contextlib import asynccontextmanager
from time import time
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import async_playwright

from .home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from playwright.async_api import BrowserContext

# Prefer Chrome: Chromium can play H.264 only from some sources, such as Debian.
BROWSERS: Final = ("google-chrome", "chromium")
# No network traffic of the browser's own
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


@asynccontextmanager
async def signed_in(
    address: str, tokens: Mapping[str, Any], locale: str = "en-GB"
) -> AsyncIterator[BrowserContext]:
    """Start a browser that is signed in with tokens of ``/auth/token``, and close it on exit.

    Home Assistant's frontend speaks the language of its locale. Raises HomeAssistantError without a
    browser.
    """
    if (program := next(filter(None, map(shutil.which, BROWSERS)), None)) is None:
        raise HomeAssistantError("this needs Debian's chromium")
    stored = {
        **tokens,
        "hassUrl": address,
        "clientId": f"{address}/",
        "expires": int((time() + tokens["expires_in"]) * 1000),
    }
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        context = await browser.new_context(
            base_url=address, reduced_motion="reduce", locale=locale, timezone_id="Asia/Shanghai"
        )
        await context.add_init_script(
            f"localStorage.setItem('hassTokens', {json.dumps(json.dumps(stored))});"
        )
        try:
            yield context
        finally:
            await browser.close()
