"""The endpoints that the integration connects to, and the TLS contexts for them."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from homeassistant.exceptions import ConfigEntryError
from homeassistant.util.ssl import client_context

from ..const import ENDPOINTS_VARIABLE
from ..miot.endpoints import (
    Endpoints,
    is_own_host,
    load,
    read_own,
)
from ..miot.mqtt import accept_own_names
from ..wording.reasons import translatable

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant


async def async_endpoints(hass: HomeAssistant) -> tuple[Endpoints, ssl.SSLContext]:
    """Return the endpoints, and the TLS context for HTTP.

    Raises ConfigEntryError if the file that replaces Xiaomi's endpoints is unreadable or not
    trusted.
    """

    def read() -> tuple[Endpoints, ssl.SSLContext]:
        path = os.environ.get(ENDPOINTS_VARIABLE)
        try:
            endpoints = load(Path(path)) if path else Endpoints()
            return endpoints, _trusted_by(endpoints) or client_context()
        except (OSError, TypeError, ValueError) as error:
            raise translatable(
                ConfigEntryError, "endpoints_refused", variable=ENDPOINTS_VARIABLE, file=str(path)
            ) from error

    return await hass.async_add_executor_job(read)


async def async_broker_trust(
    hass: HomeAssistant, endpoints: Endpoints, region: str
) -> ssl.SSLContext:
    """Return the TLS context for a region's broker.

    If the broker is a host of Xiaomi's, a certificate for any of Xiaomi's names is accepted.
    """

    def create() -> ssl.SSLContext:
        # Home Assistant's context is shared, so create another one that trusts the same CAs.
        trust = _trusted_by(endpoints) or ssl.create_default_context(
            cadata=b"".join(client_context().get_ca_certs(binary_form=True))
        )
        if is_own_host(endpoints.broker_host(region)):
            accept_own_names(trust)
        return trust

    return await hass.async_add_executor_job(create)


def _trusted_by(endpoints: Endpoints) -> ssl.SSLContext | None:
    """Return a TLS context that trusts the CA of replaced endpoints, None if they have none."""
    if not endpoints.ca_file:
        return None
    return ssl.create_default_context(cadata=read_own(Path(endpoints.ca_file)))
