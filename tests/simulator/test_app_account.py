"""Signing in with the Mi Home app, from the protocol's description alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

if TYPE_CHECKING:
    from simulator.simulator import Simulator

    from .client import Client

SERVICE = {"_json": "true", "sid": "xiaomiio"}
QR = {
    "theme": "",
    "bizDeviceType": "",
    "_hasLogo": "false",
    "_qrsize": "240",
    "_dc": "1790000000000",
}


async def say(client: Client, url: str, cookie: str = "", **params: str) -> dict[str, Any]:
    """Ask; return the JSON behind the prefix."""
    response = await client.session.get(
        url if "://" in url else client.addresses["account"] + url,
        params=params,
        headers={"Cookie": cookie} if cookie else {},
        ssl=client.tls,
    )
    assert response.status == 200
    text = await response.text()
    assert text.startswith("&&&START&&&")
    said: dict[str, Any] = json.loads(text.removeprefix("&&&START&&&"))
    return said


async def begin(client: Client) -> dict[str, Any]:
    """Return a code to scan."""
    begun = await say(client, "/pass/serviceLogin", "deviceId=device", **SERVICE)
    assert begun["code"] != 0
    return await say(client, "/longPolling/loginUrl", **URL(begun["location"]).query, **QR)


async def test_a_page_stands_in_for_the_phone(client: Client) -> None:
    """It confirms for the account whose button is pressed."""
    code = await begin(client)
    page = await (await client.session.get(code["loginUrl"], ssl=client.tls)).text()
    found = re.search(r'value="(\d+)">Sign in as Ming', page)
    assert found
    await client.session.post(code["loginUrl"], data={"user": found[1]}, ssl=client.tls)
    said = await say(client, code["lp"])
    assert said["code"] == 0
    assert said.keys() >= {"cUserId", "ssecurity", "psecurity", "nonce", "passToken", "location"}
    assert said["userId"] == int(found[1])
    response = await client.session.get(said["location"], ssl=client.tls)
    assert response.cookies["serviceToken"].value
    assert (await client.session.get(said["location"], ssl=client.tls)).status == 403
    assert (await say(client, code["lp"]))["code"] == 702
    wrong = await client.session.post(code["loginUrl"], data={"user": "1"}, ssl=client.tls)
    assert wrong.status == 400


async def test_the_page_can_refuse(client: Client) -> None:
    """The long poll says so."""
    code = await begin(client)
    await client.session.post(code["loginUrl"], data={"user": ""}, ssl=client.tls)
    assert (await say(client, code["lp"]))["code"] == 70016


async def test_a_code_is_valid_for_a_while(simulator: Simulator, client: Client) -> None:
    """The long poll waits as long, at most."""
    simulator.cloud.app_accounts.code_seconds = 0
    code = await begin(client)
    assert (await say(client, code["lp"]))["code"] == 702


async def test_a_long_poll_ends_without_an_answer(simulator: Simulator, client: Client) -> None:
    """Then it can be asked again."""
    simulator.cloud.app_accounts.hold_seconds = 0.01
    code = await begin(client)
    assert (await say(client, code["lp"]))["code"] == 700
    simulator.cloud.app_accounts.scan(code["loginUrl"])
    assert (await say(client, code["lp"]))["code"] == 701


@pytest.mark.parametrize("change", [{"sid": "other"}, {"_json": "false"}])
async def test_other_services(client: Client, change: dict[str, str]) -> None:
    """They are none of the simulator's."""
    response = await client.session.get(
        client.addresses["account"] + "/pass/serviceLogin", params=SERVICE | change, ssl=client.tls
    )
    assert response.status == 400


@pytest.mark.parametrize(
    "change", [{"_sign": "x"}, {"_qrsize": "1"}, {"_hasLogo": ""}, {"_dc": ""}, {"callback": ""}]
)
async def test_codes_that_are_asked_for_wrongly(client: Client, change: dict[str, str]) -> None:
    """They are not given."""
    begun = await say(client, "/pass/serviceLogin", **SERVICE)
    query = {**URL(begun["location"]).query, **QR, **change}
    response = await client.session.get(
        client.addresses["account"] + "/longPolling/loginUrl", params=query, ssl=client.tls
    )
    assert response.status == 400


async def test_codes_that_nobody_gave(client: Client) -> None:
    """There is nothing to wait for."""
    for path in ("/lp/1", "/qr/login/1"):
        url = client.addresses["account"] + path
        assert (await client.session.get(url, ssl=client.tls)).status == 404


@pytest.mark.parametrize("wrong", ["userId", "cUserId", "passToken", "deviceId", None])
async def test_renewing(simulator: Simulator, client: Client, wrong: str | None) -> None:
    """All four cookies have to be right."""
    account = next(iter(simulator.cloud.accounts.values()))
    given = simulator.cloud.app_accounts.sign_in(account, "device")
    cookies = {
        "userId": given["user_id"],
        "cUserId": given["cuser_id"],
        "passToken": given["pass_token"],
        "deviceId": given["device_id"],
    }
    if wrong:
        cookies[wrong] = "x"
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())
    said = await say(client, "/pass/serviceLogin", header, **SERVICE)
    assert (said["code"] == 0) == (wrong is None)
    if wrong is None:
        assert said["ssecurity"] != given["ssecurity"]
        simulator.cloud.app_accounts.revoke(account)
        assert simulator.cloud.app_accounts.grant(given["service_token"]) is None
        assert (await say(client, "/pass/serviceLogin", header, **SERVICE))["code"] != 0


async def test_renewals_that_want_the_user(simulator: Simulator, client: Client) -> None:
    """They succeed with nothing but an address, where the user says that it is them."""
    account = next(iter(simulator.cloud.accounts.values()))
    given = simulator.cloud.app_accounts.sign_in(account, "device")
    header = (
        f"userId={given['user_id']}; cUserId={given['cuser_id']}; "
        f"passToken={given['pass_token']}; deviceId=device"
    )
    simulator.cloud.app_accounts.unconfirmed.add(account)
    said = await say(client, "/pass/serviceLogin", header, **SERVICE)
    assert (said["code"], said["location"]) == (0, "")
    for status in (200, 404):
        response = await client.session.get(said["notificationUrl"], ssl=client.tls)
        assert response.status == status
    assert (await say(client, "/pass/serviceLogin", header, **SERVICE))["location"]
