"""Checks of the URLs in a service's answers, before they are fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from yarl import URL

from ..endpoints import in_region, is_own_host
from ..errors import CannotConnectError

if TYPE_CHECKING:
    from ..endpoints import Endpoints

LONGEST_URL: Final = 8192  # characters, twice what servers accept
_LOCAL_DOMAINS: Final = (".arpa", ".home", ".internal", ".lan", ".local", ".localhost")


def account_url(raw: object, endpoints: Endpoints) -> str:
    """Return a URL of the account's own services; secrets are sent there.

    Raises CannotConnectError for any other URL.
    """
    url = _https(raw)
    if _is_of(url, endpoints.account) or (is_own_host(_host(url)) and _is_plain(url)):
        return str(url)
    raise CannotConnectError("the answer names an address that is not the service's")


def media_url(raw: object, endpoints: Endpoints, region: str) -> str:
    """Return a URL of a recording, which may be on any public host but not in the local network.

    Raises CannotConnectError for any other URL.
    """
    url = _https(raw)
    if _is_of(url, in_region(endpoints.camera, region)) or (_is_plain(url) and _is_public(url)):
        return str(url)
    raise CannotConnectError("the answer names an address that is not on the internet")


def _https(raw: object) -> URL:
    if isinstance(raw, str) and len(raw) <= LONGEST_URL:
        try:
            url = URL(raw)
        except ValueError:
            pass
        else:
            if url.scheme == "https" and url.raw_host:
                return url
    raise CannotConnectError("the answer names no address")


def _host(url: URL) -> str:
    return (url.raw_host or "").lower()


def _is_of(url: URL, address: str) -> bool:
    return url.user is None and url.origin() == URL(address).origin()


def _is_plain(url: URL) -> bool:
    return url.user is None and url.is_default_port()


def _is_public(url: URL) -> bool:
    """Return whether the host is a public domain name, not an IP address in any notation."""
    host = _host(url).rstrip(".")
    _, dot, last = host.rpartition(".")
    return bool(dot) and last[:1].isalpha() and not host.endswith(_LOCAL_DOMAINS)
