"""The addresses that the integration talks to, and whom it trusts there."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
from homeassistant.util.ssl import client_context

from .const import ENDPOINTS_VARIABLE
from .miot.endpoints import Endpoints, load

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant


async def async_endpoints(
    hass: HomeAssistant, *, any_name: bool = False
) -> tuple[Endpoints, ssl.SSLContext]:
    """Return the addresses to talk to, and how to trust who answers there.

    With ``any_name``, a certificate is trusted whatever host it names.
    """

    def read() -> tuple[Endpoints, ssl.SSLContext]:
        path = os.environ.get(ENDPOINTS_VARIABLE)
        endpoints = load(Path(path)) if path else Endpoints()
        if endpoints.ca_file is None and not any_name:
            return endpoints, client_context()
        trust = ssl.create_default_context(cafile=endpoints.ca_file or certifi.where())
        trust.check_hostname = not any_name
        return endpoints, trust

    return await hass.async_add_executor_job(read)
