"""Registration of the dashboard's module with Home Assistant's frontend."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from homeassistant.components.frontend import (
    DATA_EXTRA_MODULE_URL,
    add_extra_js_url,
)
from homeassistant.components.http import StaticPathConfig
from homeassistant.core import callback
from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

MODULE: Final = Path(__file__).with_name("xiaomi-smart-lock.js")
MODULE_URL: HassKey[str] = HassKey(f"{DOMAIN}_module_url")
"""The address of the module."""


async def async_serve_dashboard(hass: HomeAssistant) -> None:
    """Serve the module as a static file.

    Its address changes with its content, so that browsers may cache it.
    """
    version = await hass.async_add_executor_job(_version)
    hass.data[MODULE_URL] = url = f"/{DOMAIN}/frontend/{version}/{MODULE.name}"
    await hass.http.async_register_static_paths([StaticPathConfig(url, str(MODULE))])


@callback
def async_add_dashboard(hass: HomeAssistant) -> None:
    """Have browsers load the module until Home Assistant stops, where it has a frontend.

    A dashboard that stays when the last entry is deleted says so, which it could not without it.
    """
    if urls := hass.data.get(DATA_EXTRA_MODULE_URL):
        url = hass.data[MODULE_URL]
        if url not in urls.urls:
            add_extra_js_url(hass, url)


def _version() -> str:
    """Return a short digest of the module."""
    return hashlib.sha256(MODULE.read_bytes()).hexdigest()[:12]
