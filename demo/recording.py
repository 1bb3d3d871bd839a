"""A recording, found and played in the media browser as a user would."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Locator, Page


_MAP: Final = re.compile(r'#EXT-X-MAP:URI="([^"]*)"')
PLAYS_WITHIN: Final = 120
"""Seconds within which a player reaches what is waited for, even on a busy machine."""
_CHOICE: Final = "#EXT-X-STREAM-INF"


async def parts(get: Callable[[str], Awaitable[bytes]], address: str) -> list[bytes]:
    """Return the segments of a recording as a player gets them, each with its initialization.

    The player takes the first of several variants, since it supports all codecs.
    """
    lines = (await get(address)).decode().splitlines()
    if any(line.startswith(_CHOICE) for line in lines):
        return await parts(get, next(line for line in lines if not line.startswith("#")))
    found: list[bytes] = []
    initialization = b""
    for line in lines:
        if described := _MAP.match(line):
            initialization = await get(described[1])
        elif line and not line.startswith("#"):
            found.append(initialization + await get(line))
    return found


async def open_folder(page: Page, *names: str) -> None:
    """Open the media browser, then the named folders one inside the other."""
    await page.goto("/media-browser/browser")
    for name in names:
        await named(page, name).click()


async def play_recording(page: Page, title: str) -> Locator:
    """Play an item of the open folder; return the player once it shows a moving picture."""
    await named(page, title).click()
    video = page.locator("ha-hls-player video")
    await until_shown(video, "video => video.currentTime > 0.5 && video.videoWidth > 0")
    return video


async def until_shown(video: Locator, condition: str) -> None:
    """Wait until a condition of JavaScript holds for a player, also if it is drawn anew meanwhile.

    Raises TimeoutError.
    """
    async with asyncio.timeout(PLAYS_WITHIN):
        while not await video.evaluate(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def named(page: Page, name: str) -> Locator:
    """Return the visible element with a name. Its tooltip is hidden."""
    return page.get_by_text(name, exact=True).filter(visible=True).first
