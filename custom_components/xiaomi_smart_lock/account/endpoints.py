"""The addresses that the integration talks to, and whom it trusts there."""

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
    """Return the addresses to talk to, and how to trust who answers there over HTTP.

    Raises ConfigEntryError where addresses that replace Xiaomi's are not to be trusted.
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
    """Return how to trust a region's broker: any name of Xiaomi's does, where we use one."""

    def create() -> ssl.SSLContext:
        # Home Assistant's context is shared: another one trusts the same authorities.
        trust = _trusted_by(endpoints) or ssl.create_default_context(
            cadata=b"".join(client_context().get_ca_certs(binary_form=True))
        )
        if is_own_host(endpoints.broker_host(region)):
            accept_own_names(trust)
        return trust

    return await hass.async_add_executor_job(create)


def _trusted_by(endpoints: Endpoints) -> ssl.SSLContext | None:
    """Return who trusts the authority of replaced addresses, None where they name none."""
    if not endpoints.ca_file:
        return None
    return ssl.create_default_context(cadata=read_own(Path(endpoints.ca_file)))
