"""Where the real services are."""

from __future__ import annotations

import pytest

from custom_components.xiaomi_smart_lock.miot.endpoints import REGIONS, Endpoints, in_region

API = "ha.api.io.mi.com"
BROKER = "ha.mqtt.io.mi.com"


@pytest.mark.parametrize(
    ("region", "api", "broker"),
    [
        ("cn", f"https://{API}", f"cn-{BROKER}"),
        ("de", f"https://de.{API}", f"de-{BROKER}"),
        ("i2", f"https://i2.{API}", f"i2-{BROKER}"),
        ("ru", f"https://ru.{API}", f"ru-{BROKER}"),
        ("sg", f"https://sg.{API}", f"sg-{BROKER}"),
        ("us", f"https://us.{API}", f"us-{BROKER}"),
    ],
)
def test_regions(region: str, api: str, broker: str) -> None:
    """Mainland China has no prefix at the HTTP interface, but has one at the broker."""
    assert region in REGIONS
    assert Endpoints().api_url(region, "/app") == f"{api}/app"
    assert Endpoints().broker_host(region) == broker


def test_addresses_without_a_region() -> None:
    """The sign-in is the same everywhere, and the broker speaks TLS."""
    endpoints = Endpoints()
    assert endpoints.authorize == "https://account.xiaomi.com/oauth2/authorize"
    assert endpoints.profile == "https://open.account.xiaomi.com/user/profile"
    assert endpoints.broker_port == 8883
    assert endpoints.ca_file is None


def test_addresses_of_the_app() -> None:
    """Its three hosts have the prefix outside of mainland China, the account has none."""
    endpoints = Endpoints()
    assert endpoints.account == "https://account.xiaomi.com"
    assert in_region(endpoints.app_api, "cn") == "https://api.io.mi.com/app"
    assert in_region(endpoints.app_api, "de") == "https://de.api.io.mi.com/app"
    assert in_region(endpoints.camera, "cn") == "https://business.smartcamera.api.io.mi.com"
    assert in_region(endpoints.camera, "sg") == "https://sg.business.smartcamera.api.io.mi.com"
    assert in_region(endpoints.pictures, "cn") == "https://processor.smartcamera.api.io.mi.com"
    assert in_region(endpoints.pictures, "ru") == "https://ru.processor.smartcamera.api.io.mi.com"
