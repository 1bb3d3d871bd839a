"""Signing in, and keeping tokens fresh."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from yarl import URL

from custom_components.xiaomi_smart_lock.miot import oauth
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError, NotSignedInError
from custom_components.xiaomi_smart_lock.miot.oauth import Tokens
from simulator.faults import BUSY, PLAIN_TEXT, said, status
from simulator.tokens import Grant

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory

    from simulator.faults import Fault

    from .conftest import Signed

CLIENT_ID = 2882303761520251711
THREE_DAYS = 3 * 24 * 3600


def code(signed: Signed) -> str:
    """Return a code for the client, as the browser brings it."""
    redirect = f"http://homeassistant.local:8123{signed.path}"
    grant = Grant(signed.driver.account, f"ha.{signed.uuid}", redirect)
    return signed.driver.simulator.cloud.tokens.code(grant)


async def test_authorize_url(signed: Signed) -> None:
    """It has all that the service wants."""
    url = URL(signed.sign_in.authorize_url("/api/webhook/1", "a state"))
    assert str(url.with_query(None)) == signed.endpoints.authorize
    assert url.query == {
        "client_id": str(CLIENT_ID),
        "response_type": "code",
        "redirect_uri": "http://homeassistant.local:8123/api/webhook/1",
        "device_id": f"ha.{signed.uuid}",
        "state": "a state",
        "skip_confirm": "false",
    }


async def test_code_is_exchanged_once(signed: Signed) -> None:
    """Its tokens are to be renewed after 70 % of their lifetime."""
    given = code(signed)
    before = time.time()
    tokens = await signed.sign_in.exchange(signed.path, given)
    assert before <= tokens.renew_at - 0.7 * THREE_DAYS <= time.time()
    assert signed.driver.simulator.cloud.tokens.grant(tokens.access)
    with pytest.raises(NotSignedInError):
        await signed.sign_in.exchange(signed.path, given)


async def test_code_is_of_one_redirect(signed: Signed) -> None:
    """Another path is not the one that it was given for."""
    with pytest.raises(NotSignedInError):
        await signed.sign_in.exchange("/elsewhere", code(signed))


async def test_renewing(signed: Signed) -> None:
    """There is a new refresh token too; the old one has done its work."""
    renewed = await signed.sign_in.renew(signed.path, signed.tokens)
    assert renewed.access != signed.tokens.access
    assert renewed.refresh != signed.tokens.refresh
    with pytest.raises(NotSignedInError):
        await signed.sign_in.renew(signed.path, signed.tokens)


async def test_fresh_token_is_kept(signed: Signed) -> None:
    """Asking costs nothing."""
    assert await signed.keeper.access_token() == signed.tokens.access
    assert await signed.keeper.access_token(refused="another") == signed.tokens.access
    assert signed.paths() == []
    assert signed.renewed == []


async def test_old_token_is_renewed_once(signed: Signed) -> None:
    """However many ask at the same time."""
    keeper = signed.keep(replace(signed.tokens, renew_at=time.time()))
    got = await asyncio.gather(*(keeper.access_token() for _ in range(5)))
    assert signed.paths() == ["get_token"]
    assert [set(got)] == [{tokens.access} for tokens in signed.renewed]


async def test_refused_token_is_renewed_once(signed: Signed) -> None:
    """However many it was refused to."""
    refused = signed.tokens.access
    got = await asyncio.gather(*(signed.keeper.access_token(refused) for _ in range(5)))
    assert signed.paths() == ["get_token"]
    assert [set(got)] == [{tokens.access} for tokens in signed.renewed]
    assert refused not in got


async def test_renewing_fails_for_now(signed: Signed) -> None:
    """The old refresh token is kept for the next time."""
    signed.driver.simulator.cloud.refuse_next(502, "get_token")
    with pytest.raises(CannotConnectError):
        await signed.keeper.access_token(signed.tokens.access)
    assert await signed.keeper.access_token(signed.tokens.access) != signed.tokens.access


GOOD = {"access_token": "a", "refresh_token": "r", "expires_in": 100}


async def test_a_token_works_until_it_is_refused(
    frozen: FrozenDateTimeFactory, signed: Signed
) -> None:
    """It is due to be renewed long before its end, and a token service may be down meanwhile."""
    keeper = signed.keep(replace(signed.tokens, renew_at=time.time()))
    signed.driver.simulator.cloud.disturb_next(BUSY, "get_token")
    assert await keeper.access_token() == signed.tokens.access
    assert await keeper.access_token() == signed.tokens.access
    assert signed.paths() == ["get_token"]
    frozen.tick(oauth.RENEW_AGAIN_AFTER)
    assert await keeper.access_token() != signed.tokens.access
    assert signed.paths() == ["get_token"]


@pytest.mark.parametrize("code", [200, 400, 403])
async def test_the_code_of_a_refusal_counts_whatever_its_status(signed: Signed, code: int) -> None:
    """Where the body says that the token is invalid, only signing in again helps."""
    invalid = said('{"code": 96013, "message": "invalid refresh token"}', code=code)
    signed.driver.simulator.cloud.disturb_next(invalid, "get_token")
    with pytest.raises(NotSignedInError, match="code 96013"):
        await signed.keeper.access_token(signed.tokens.access)


FAILS = {
    "code": BUSY,
    "text": PLAIN_TEXT,
    "500": status(500),
    "403": status(403),
    "code with 400": said('{"code": -6}', code=400),
    "invalid, but of no refusal": said('{"code": 96013}', code=502),
}


@pytest.mark.parametrize("fault", FAILS.values(), ids=FAILS)
async def test_a_token_service_that_fails_signs_nobody_out(signed: Signed, fault: Fault) -> None:
    """Neither who is signed in, nor who is just signing in: both may try again."""
    cloud = signed.driver.simulator.cloud
    cloud.disturb_next(fault, "get_token", times=2)
    given = code(signed)
    with pytest.raises(CannotConnectError):
        await signed.keeper.access_token(signed.tokens.access)
    with pytest.raises(CannotConnectError):
        await signed.sign_in.exchange(signed.path, given)
    assert (await signed.sign_in.exchange(signed.path, given)).access
    assert await signed.keeper.access_token(signed.tokens.access) != signed.tokens.access


@pytest.mark.parametrize("code", [401, 96008, 96009, 96013])
def test_refusal(code: int) -> None:
    """Xiaomi publishes which codes say that a token, or what was given for it, is invalid."""
    with pytest.raises(NotSignedInError, match=f"code {code}"):
        Tokens.from_answer({"code": code, "result": GOOD})


@pytest.mark.parametrize("code", [-1, 1, -6, 500, 96002, -704010000])
def test_an_error_is_no_refusal(code: int) -> None:
    """Other codes say nothing of the sign-in."""
    with pytest.raises(CannotConnectError, match=f"the answer has no tokens but code {code}"):
        Tokens.from_answer({"code": code, "result": GOOD})


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"result": GOOD},
        {"code": "1", "result": GOOD},
        {"code": 0, "result": None},
        {"code": 0, "result": {"access_token": "a", "expires_in": 1}},
        {"code": 0, "result": GOOD | {"access_token": 1}},
        {"code": 0, "result": GOOD | {"access_token": ""}},
        {"code": 0, "result": GOOD | {"access_token": "a\r\nX-Header: b"}},
        {"code": 0, "result": GOOD | {"refresh_token": "r r"}},
        {"code": 0, "result": GOOD | {"expires_in": "soon"}},
        {"code": 0, "result": GOOD | {"expires_in": 0}},
        {"code": 0, "result": GOOD | {"expires_in": -1}},
        {"code": 0, "result": GOOD | {"expires_in": 1e300}},
        {"code": 0, "result": GOOD | {"expires_in": float("nan")}},
    ],
)
def test_answers_without_tokens(answer: dict[str, object]) -> None:
    """They sign nobody in, and nobody out."""
    with pytest.raises(CannotConnectError, match="the answer has no tokens"):
        Tokens.from_answer(answer)


def test_tokens_stay_out_of_logs() -> None:
    """And come back from storage as they were."""
    tokens = Tokens("secret one", "secret two", 1.5)
    assert "secret" not in repr(tokens)
    assert Tokens(**tokens.as_dict()) == tokens
