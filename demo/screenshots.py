"""The screenshots in docs/images, taken of the running demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN

from .browser import signed_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from .setup import Home

IMAGES: Final = Path(__file__).parents[1] / "docs" / "images"


@dataclass(frozen=True, slots=True)
class Picture:
    """A screenshot: page, elements to click one after the other, element to wait for, and size.

    The elements are selectors of Playwright. The language is that of the demo.
    """

    name: str
    path: str
    awaited: str
    width: int
    height: int
    pressed: tuple[str, ...] = ()
    dark: bool = False
    language: str = "en"


LOCALES: Final = {"en": "en-GB", "zh-Hans": "zh-CN"}
_ACTIVITY: Final = "hui-markdown-card ha-markdown"
_PICTURE: Final = "hui-picture-entity-card img"

PICTURES: Final = (
    Picture("dashboard", "/", _ACTIVITY, 1400, 880),
    Picture("dashboard-phone", "/", _PICTURE, 390, 844, dark=True),
    Picture("dashboard-zh-Hans", "/", _ACTIVITY, 1400, 880, language="zh-Hans"),
    Picture("device", "/config/devices/device/{device_id}", "ha-device-entities-card", 1400, 1080),
    Picture(
        "config-flow",
        f"/config/integrations/dashboard/add?domain={DOMAIN}",
        "step-flow-menu",
        900,
        560,
        pressed=("role=button[name=OK]",),
    ),
    Picture(
        "person",
        f"/config/integrations/integration/{DOMAIN}",
        "step-flow-form",
        900,
        760,
        pressed=("role=button[name=/Add person/]",),
    ),
    Picture(
        "link",
        f"/config/integrations/integration/{DOMAIN}",
        "ha-qr-code canvas",
        900,
        760,
        pressed=(
            "ha-config-entry-row ha-dropdown ha-icon-button",
            "text=Reconfigure",
            "text='Link the Mi Home app'",
            "role=button[name='Show the code']",
        ),
    ),
    Picture(
        "recording",
        "/media-browser/browser",
        "ha-hls-player video",
        1100,
        820,
        pressed=(
            "text='Xiaomi Smart Lock'",
            "ha-media-player-browse >> text='Front door'",
            "ha-media-player-browse >> text=Today",
            "ha-media-player-browse >> text=bell",
        ),
    ),
)


async def take_screenshots(
    home: Home, address: str, language: str, progress: Callable[[str], None]
) -> None:
    """Open a signed-in browser and save each screenshot of a language."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with signed_in(address, home.client.tokens, LOCALES[language]) as browser:
        for picture in PICTURES:
            if picture.language != language:
                continue
            progress(f"{picture.name}.png")
            page = await browser.new_page()
            await page.emulate_media(color_scheme="dark" if picture.dark else "light")
            await page.set_viewport_size({"width": picture.width, "height": picture.height})
            await page.goto(picture.path.format(device_id=home.device_id))
            for pressed in picture.pressed:
                await page.locator(f"{pressed} >> visible=true").first.click()
            await page.locator(picture.awaited).first.wait_for(state="attached")
            await page.wait_for_load_state("networkidle")
            # Icons and graphs are drawn a little later, without a sign when they are done.
            await page.wait_for_timeout(1500)
            await page.screenshot(path=IMAGES / f"{picture.name}.png")
            await page.close()
