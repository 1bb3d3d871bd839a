"""All addresses that the integration connects to."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from yarl import URL

if TYPE_CHECKING:
    from pathlib import Path

REGIONS: Final = ("cn", "de", "i2", "ru", "sg", "us")

# The only redirect registered for Home Assistant's client; any path may follow.
REDIRECT: Final = "http://homeassistant.local:8123"

OWN_DOMAINS: Final = (".mi.com", ".xiaomi.com")

ADDRESSES: Final = (
    "authorize",
    "profile",
    "api",
    "instance",
    "account",
    "app_api",
    "camera",
    "pictures",
)
"""The fields of Endpoints that are URLs. The broker is not among them: it always uses TLS."""
ROOT: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The addresses of the clouds. Source: public clients.

    ``{region}`` stands for the region's name, ``{prefix}`` for the prefix of the host outside of
    mainland China. ``ca_file`` is the trust anchor if it is not one of the system's.
    """

    authorize: str = "https://account.xiaomi.com/oauth2/authorize"
    profile: str = "https://open.account.xiaomi.com/user/profile"
    api: str = "https://{prefix}ha.api.io.mi.com"
    broker: str = "{region}-ha.mqtt.io.mi.com"
    broker_port: int = 8883
    instance: str = "https://miot-spec.org/miot-spec-v2/instance"
    account: str = "https://account.xiaomi.com"
    app_api: str = "https://{prefix}api.io.mi.com/app"
    camera: str = "https://{prefix}business.smartcamera.api.io.mi.com"
    pictures: str = "https://{prefix}processor.smartcamera.api.io.mi.com"
    ca_file: str | None = None

    def api_url(self, region: str, path: str) -> str:
        """Return the URL of a path of a region's HTTP API."""
        return in_region(self.api, region) + path

    def broker_host(self, region: str) -> str:
        """Return the host of a region's MQTT broker."""
        return self.broker.format(region=region)


def is_own_host(host: str) -> bool:
    """Return whether a host's name is in one of Xiaomi's domains."""
    return host.lower().endswith(OWN_DOMAINS)


def in_region(address: str, region: str) -> str:
    """Return an address with its ``{prefix}`` for a region; mainland China has none."""
    return address.format(prefix="" if region == "cn" else f"{region}.")


def load(path: Path) -> Endpoints:
    """Read addresses from a file with a JSON object of the fields of Endpoints.

    Raises OSError, TypeError or ValueError if the file is invalid, if others may change it, or if
    an address is neither encrypted nor of this machine, because tokens are sent there.
    """
    endpoints = Endpoints(**json.loads(read_own(path)))
    for name in ADDRESSES:
        url = URL(in_region(str(getattr(endpoints, name)), ""))
        if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
            raise ValueError(f"{name} is neither encrypted nor of this machine")
    return endpoints


def read_own(path: Path) -> str:
    """Return the text of a file that nobody else may change; raises OSError or ValueError."""
    with path.open(encoding="utf-8") as file:
        status = os.fstat(file.fileno())
        others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if others or status.st_uid not in (os.geteuid(), ROOT):
            raise PermissionError(f"{path.name} may be changed by others")
        return file.read()


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        return False
