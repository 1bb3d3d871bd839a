"""Signing in, over TLS: the page, the code, the tokens, and all that is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .client import CLIENT_ID, REDIRECT, Client

if TYPE_CHECKING:
    import aiohttp

    from simulator.simulator import Simulator

HOMES = "/app/v2/homeroom/gethome"
HOMES_BODY = {"limit": 150, "fetch_share": True}


async def test_the_page_has_a_button_for_each_account(simulator: Simulator, client: Client) -> None:
    """And one to refuse; it needs no script."""
    simulator.add_account('Mei <"&>')
    html = await (await client.authorize()).text()
    assert "Sign in as Ming" in html
    assert "Sign in as Mei &lt;&quot;&amp;&gt;" in html
    assert "Refuse" in html
    assert "<script" not in html


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "1"},
        {"response_type": "token"},
        {"redirect_uri": "http://127.0.0.1:8123/api/webhook/1"},
        {"redirect_uri": "http://homeassistant.local:81234/"},
        {"redirect_uri": "https://homeassistant.local:8123/"},
        {"device_id": "7c0ffee0"},
        {"state": ""},
    ],
)
async def test_the_page_is_refused(client: Client, changes: dict[str, str]) -> None:
    """What is not registered, or missing, gets no page."""
    assert (await client.authorize(**changes)).status == 400


@pytest.mark.parametrize(
    "redirect",
    ["http://homeassistant.local:8123", "http://homeassistant.local:8123/any/path"],
)
async def test_any_path_of_the_redirect_will_do(client: Client, redirect: str) -> None:
    """Only the host is registered."""
    assert (await client.authorize(redirect_uri=redirect)).status == 200


async def test_signing_in(simulator: Simulator, client: Client) -> None:
    """The browser comes back with code and state; the code gives tokens that work."""
    response = await client.press("Sign in as Ming")
    location = response.headers["Location"]
    assert location.startswith(f"{REDIRECT}?code=")
    assert location.endswith("&state=s1")
    simulator.cloud.token_lifetime = 1000
    result = await client.keep(await client.exchange(await client.code()))
    assert result["expires_in"] == 1000
    assert result["mac_key"]
    homes = await client.call(HOMES, HOMES_BODY)
    assert homes["homelist"][0]["uid"] == int(next(iter(simulator.cloud.accounts)))


async def test_refusing(client: Client) -> None:
    """The browser comes back with the refusal."""
    response = await client.press("Refuse")
    assert response.status == 302
    assert response.headers["Location"] == f"{REDIRECT}?error=access_denied&state=s1"


async def test_an_account_that_does_not_exist(client: Client) -> None:
    """It is not what the page offers."""
    response = await client.session.post(
        client.addresses["authorize"], params=client.query, data={"user": "1"}, ssl=client.tls
    )
    assert response.status == 400


async def test_a_code_works_once(client: Client) -> None:
    """The second time it is refused."""
    code = await client.code()
    await client.keep(await client.exchange(code))
    assert (await client.exchange(code)).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "invented"},
        {"device_id": "ha.another"},
        {"redirect_uri": REDIRECT + "2"},
        {"client_id": str(CLIENT_ID)},
        {"client_id": 1},
        {"refresh_token": "invented"},
    ],
)
async def test_refused_exchanges(client: Client, changes: dict[str, object]) -> None:
    """Whatever differs from what the code was given for."""
    assert (await client.exchange(await client.code(), **changes)).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Authorization": "Bearer1"},
        {"X-Client-BizId": "haapi"},
        {"X-Client-AppId": str(CLIENT_ID)},
    ],
)
async def test_tokens_are_asked_for_with_one_header(
    client: Client, headers: dict[str, str]
) -> None:
    """Another is refused."""
    data = {"code": await client.code(), "device_id": client.device_id}
    response = await client.get_token(data, headers)
    assert response.status == 400


async def test_tokens_are_asked_for_with_data(client: Client) -> None:
    """Without, nothing is understood."""
    response = await client.session.get(
        client.addresses["api"] + "/app/v2/ha/oauth/get_token",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        ssl=client.tls,
    )
    assert response.status == 400


async def test_renewing(simulator: Simulator, client: Client) -> None:
    """A refresh token gives new tokens, once."""
    await client.sign_in()
    old = client.refresh_token
    simulator.cloud.expire_access_tokens()
    assert (await client.post(HOMES, HOMES_BODY)).status == 401
    await client.keep(await client.renew(old))
    assert client.refresh_token != old
    await client.call(HOMES, HOMES_BODY)
    assert (await client.renew(old)).status == 401


async def test_tokens_end_with_their_lifetime(simulator: Simulator, client: Client) -> None:
    """One of no length has none."""
    simulator.cloud.token_lifetime = 0
    await client.sign_in()
    assert (await client.post(HOMES, HOMES_BODY)).status == 401


async def test_revoking(simulator: Simulator, client: Client) -> None:
    """Nothing of the account works any more; another's does."""
    account = next(iter(simulator.cloud.accounts.values()))
    simulator.add_account("Mei")
    other = Client(client.session, client.endpoints)
    await client.sign_in()
    await other.sign_in("Mei")
    code = await client.code()
    simulator.cloud.revoke(account)
    assert (await client.post(HOMES, HOMES_BODY)).status == 401
    assert (await client.renew(client.refresh_token)).status == 401
    assert (await client.exchange(code)).status == 401
    await other.call(HOMES, HOMES_BODY)


async def test_whom_the_broker_lets_in(simulator: Simulator, client: Client) -> None:
    """The client that signed in, by the OAuth client's id and an access token that works."""
    await client.sign_in()
    authenticate = simulator.cloud.authenticate
    user = str(CLIENT_ID)
    assert authenticate(client.device_id, user, client.token)
    assert not authenticate("ha.another", user, client.token)
    assert not authenticate(client.device_id, "1", client.token)
    assert not authenticate(client.device_id, user, client.refresh_token)
    simulator.cloud.expire_access_tokens()
    assert not authenticate(client.device_id, user, client.token)


async def test_the_profile(client: Client) -> None:
    """The nickname, for a token that works."""
    await client.sign_in()

    async def profile(token: str, client_id: int = CLIENT_ID) -> aiohttp.ClientResponse:
        return await client.session.get(
            client.addresses["profile"],
            params={"clientId": str(client_id), "token": token},
            ssl=client.tls,
        )

    assert (await (await profile(client.token)).json())["data"]["miliaoNick"] == "Ming"
    assert (await profile("invented")).status == 401
    assert (await profile(client.token, 1)).status == 401
