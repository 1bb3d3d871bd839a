"""Clients of an account: its sign-in, its token keeper and its cloud client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.components import webhook
from homeassistant.const import CONF_REGION
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.hass_dict import HassKey

from ..const import CONF_TOKENS, CONF_UUID, DOMAIN
from ..miot.cloud import CloudClient
from ..miot.oauth import SignIn, TokenKeeper, Tokens
from .endpoints import async_endpoints

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

KEEPERS: Final[HassKey[dict[str, TokenKeeper]]] = HassKey(f"{DOMAIN}.keepers")
"""The current or last token keeper by client UUID; it may still be renewing tokens."""


def redirect_path(uuid: str) -> str:
    """Return the path that the sign-in of a client redirects to."""
    return webhook.async_generate_path(f"{DOMAIN}_{uuid}")


async def async_sign_in(hass: HomeAssistant, region: str, uuid: str) -> SignIn:
    """Return the sign-in of a client in a region."""
    endpoints, tls = await async_endpoints(hass)
    return SignIn(async_get_clientsession(hass), tls, endpoints, region, uuid)


async def async_cloud(hass: HomeAssistant, region: str, keeper: TokenKeeper) -> CloudClient:
    """Return the cloud client of a region for the account whose tokens ``keeper`` holds."""
    endpoints, tls = await async_endpoints(hass)
    return CloudClient(async_get_clientsession(hass), tls, endpoints, region, keeper)


async def async_token_keeper(hass: HomeAssistant, entry: ConfigEntry) -> TokenKeeper:
    """Return the token keeper of a config entry, which stores renewed tokens in the entry.

    If an earlier keeper of the same client is renewing tokens, wait for that first.
    """
    uuid = entry.data[CONF_UUID]
    keepers = hass.data.setdefault(KEEPERS, {})
    if before := keepers.get(uuid):
        await before.settled()

    @callback
    def keep(tokens: Tokens) -> None:
        if entry.data[CONF_UUID] != uuid:  # The user signed in again meanwhile.
            return
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_TOKENS: tokens.as_dict()}
        )

    sign_in = await async_sign_in(hass, entry.data[CONF_REGION], uuid)
    keeper = TokenKeeper(sign_in, redirect_path(uuid), Tokens(**entry.data[CONF_TOKENS]), keep)
    keepers[uuid] = keeper
    return keeper
