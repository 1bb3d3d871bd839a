"""Every address that we talk to, in one place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

REGIONS: Final = ("cn", "de", "i2", "ru", "sg", "us")

# The only redirect that is registered for Home Assistant's client, plus any path.
REDIRECT: Final = "http://homeassistant.local:8123"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses of the clouds for one region, as public clients of them use them.

    ``{region}`` stands for the region's name, ``{prefix}`` for what precedes the host outside of
    mainland China. ``ca_file`` is the trust anchor where it is not one of the system's.
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
        """Return the URL of a path of a region's HTTP interface."""
        return in_region(self.api, region) + path

    def broker_host(self, region: str) -> str:
        """Return the host of a region's MQTT broker."""
        return self.broker.format(region=region)


def in_region(address: str, region: str) -> str:
    """Return an address as it is in a region."""
    return address.format(prefix="" if region == "cn" else f"{region}.")


def load(path: Path) -> Endpoints:
    """Read addresses from a JSON object with the fields of Endpoints."""
    return Endpoints(**json.loads(path.read_text(encoding="utf-8")))
