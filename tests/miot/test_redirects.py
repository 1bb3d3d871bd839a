"""No request of ours is led to another place: what it carries opens the account."""

from __future__ import annotations

import base64
import math
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot.app.client import AppClient
from custom_components.xiaomi_smart_lock.miot.app.login import (
    AppLogin,
    NoSessionError,
    QrCode,
    SessionData,
)
from custom_components.xiaomi_smart_lock.miot.app.recording import Segment
from custom_components.xiaomi_smart_lock.miot.cloud import CloudClient
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError, NotRenewedError
from custom_components.xiaomi_smart_lock.miot.instance import fetch
from custom_components.xiaomi_smart_lock.miot.oauth import SignIn, TokenKeeper, Tokens
from simulator.model import MODEL, SPEC
from tests.lock_driver import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .conftest import Liar

KEY = base64.b64encode(bytes(16)).decode()
DATA = SessionData("1", "two", "three", KEY, "five", "six")
DID = "700000001"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session that keeps no cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


class Trap:
    """A plain-text server, to which no request belongs."""

    def __init__(self) -> None:
        """Wait."""
        self.url = ""
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Note what came."""
        self.asked.append(str(request.rel_url))
        return web.json_response({})


@pytest.fixture
async def trap() -> AsyncIterator[Trap]:
    """Return where redirects lead to."""
    trap, app = Trap(), web.Application()
    app.router.add_route("*", "/{path:.*}", trap.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    trap.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield trap
    await runner.cleanup()


class Asked:
    """All that can be asked of Xiaomi's services, all of which are the liar."""

    def __init__(self, session: aiohttp.ClientSession, liar: Liar) -> None:
        """Have what is secret."""
        self.session = session
        self.tls = liar.tls
        self.url = liar.url
        self.endpoints = replace(
            liar.endpoints, account=liar.url, app_api=liar.url, camera=liar.url, pictures=liar.url
        )
        self.sign_in = SignIn(session, self.tls, self.endpoints, "cn", "7c0ffee0")
        tokens = Tokens("access", "refresh", math.inf)
        self.keeper = TokenKeeper(self.sign_in, "/", tokens, lambda _: None)
        self.cloud = CloudClient(session, self.tls, self.endpoints, "cn", self.keeper)
        self.app = AppClient(session, self.tls, self.endpoints, "cn", DATA, lambda _: None)
        self.login = AppLogin(session, self.tls, self.endpoints, DATA.device_id)


type Ask = Callable[[Asked], Awaitable[Any]]

REQUESTS: dict[str, Ask] = {
    "code": lambda asked: asked.sign_in.exchange("/", "code"),
    "renewal": lambda asked: asked.keeper.access_token(refused="access"),
    "nickname": lambda asked: asked.cloud.nickname(),
    "homes": lambda asked: asked.cloud.account(),
    "devices": lambda asked: asked.cloud.devices(),
    "reading": lambda asked: asked.cloud.read(DID, [(13, 1)]),
    "writing": lambda asked: asked.cloud.write(DID, (17, 6), 1),
    "action": lambda asked: asked.cloud.act(DID, SPEC.actions[17, 4]),
    "specification": lambda asked: fetch(asked.session, asked.tls, asked.endpoints, "urn"),
    "app's devices": lambda asked: asked.app.dids(),
    "history": lambda asked: asked.app.history(DID, SPEC.events[2, 1020], 0, 1),
    "camera": lambda asked: asked.app.seen(DID, MODEL, 0, 1),
    "picture": lambda asked: asked.app.picture(DID, "file", "frame"),
    "segment": lambda asked: asked.app.segment(Segment(1.0, f"{asked.url}/part", None, b"")),
    "key": lambda asked: asked.app._key(f"{asked.url}/key"),
}
SIGN_INS: dict[str, Ask] = {
    "beginning": lambda asked: asked.login.begin(),
    "app's renewal": lambda asked: asked.login.renew(DATA),
}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("ask", REQUESTS.values(), ids=REQUESTS)
async def test_nobody_follows(
    session: aiohttp.ClientSession, liar: Liar, trap: Trap, ask: Ask, status: int
) -> None:
    """Not even to the same service."""
    for place in (f"{trap.url}/there", f"{liar.url}/there"):
        liar.answers = [web.Response(status=status, headers={"Location": place}), {}, {}]
        with pytest.raises(CannotConnectError, match=f"HTTP {status}"):
            await ask(Asked(session, liar))
        assert len(liar.answers) == 2
    assert trap.asked == []


async def test_nobody_follows_to_a_recording(
    session: aiohttp.ClientSession, liar: Liar, trap: Trap
) -> None:
    """A playlist is asked for in two codecs, each once."""
    there = {"Location": f"{trap.url}/there"}
    liar.answers = [web.Response(status=302, headers=there) for _ in range(3)]
    with pytest.raises(CannotConnectError, match="HTTP 302"):
        await Asked(session, liar).app.recording(DID, MODEL, "file", is_alarm=False)
    assert len(liar.answers) == 1
    assert trap.asked == []


PLACES = (
    "{trap}",
    "http://account.xiaomi.com/pass",
    "https://127.0.0.1:1/",
    "https://account.xiaomi.com.example/",
    "https://account.xiaomi.com:8443/",
    "https://a@account.xiaomi.com/",
    "//127.0.0.1:1/",
    "ftp://account.xiaomi.com/",
    "",
)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("ask", SIGN_INS.values(), ids=SIGN_INS)
async def test_a_sign_in_is_led_away(
    session: aiohttp.ClientSession, liar: Liar, trap: Trap, ask: Ask, place: str, status: int
) -> None:
    """It goes to https and to hosts of Xiaomi's alone."""
    there = {"Location": place.format(trap=f"{trap.url}/there")}
    liar.answers = [web.Response(status=status, headers=there) for _ in range(9)]
    with pytest.raises((NoSessionError, NotRenewedError)):
        await ask(Asked(session, liar))
    assert len(liar.answers) == 8 or not place
    assert trap.asked == []


@pytest.mark.parametrize("place", ["{trap}/sts", "http://account.xiaomi.com/sts"])
async def test_a_session_is_had_elsewhere(
    session: aiohttp.ClientSession, liar: Liar, trap: Trap, place: str
) -> None:
    """Neither the last step of a sign-in nor its second is taken where the answer says."""
    place = place.format(trap=trap.url)
    confirmed = {"code": 0, "userId": 1, "ssecurity": KEY, "passToken": "x", "cUserId": "y"}
    code = QrCode("", f"{liar.url}/lp", time.monotonic() + PATIENCE)
    asked = Asked(session, liar)
    liar.answers = [confirmed | {"location": place}]
    with pytest.raises(CannotConnectError):
        await asked.login.wait(code)
    there = {"Location": place}
    liar.answers = [confirmed | {"location": f"{liar.url}/sts"}]
    liar.answers.append(web.Response(status=302, headers=there))
    with pytest.raises(CannotConnectError):
        await asked.login.wait(code)
    liar.answers = [{"location": f"{place}?a=b"}]
    with suppress(CannotConnectError):
        await asked.login.begin()
    assert liar.answers == []
    assert trap.asked == []
