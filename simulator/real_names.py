"""The host names of Xiaomi's services, for clients that cannot use other addresses."""

from __future__ import annotations

from typing import Final

from custom_components.xiaomi_smart_lock.miot.endpoints import REGIONS

_WORLDWIDE: Final = (
    "account.xiaomi.com",
    "open.account.xiaomi.com",
    "sts.api.io.mi.com",
    "miot-spec.org",
    "api.mijia.tech",  # The app's interface too; mijia-api uses this name.
)
_IN_EACH_REGION: Final = (
    "ha.api.io.mi.com",
    "api.io.mi.com",
    "business.smartcamera.api.io.mi.com",
    "processor.smartcamera.api.io.mi.com",
)
_PREFIXES: Final = ("", *(f"{region}." for region in REGIONS if region != "cn"))

CLOUD: Final = (*_WORLDWIDE, *(prefix + host for host in _IN_EACH_REGION for prefix in _PREFIXES))
CLOUD_PORT: Final = 443

BROKER: Final = tuple(f"{region}-ha.mqtt.io.mi.com" for region in REGIONS)
BROKER_PORT: Final = 8883


def hosts(address: str) -> str:
    """Return the lines for /etc/hosts that resolve the names to an address."""
    return "\n".join(f"{address} {name}" for name in (*CLOUD, *BROKER))


def region_of(host: str | None) -> str:
    """Return the region that a host name is for; names of mainland China have no prefix."""
    prefix, _, _ = (host or "").partition(".")
    return prefix if prefix in REGIONS else "cn"
