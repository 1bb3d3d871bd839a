"""Fixtures for the protocols: sessions, a trust anchor, tokens, and a service that lies."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from homeassistant.const import CONF_REGION

from custom_components.xiaomi_smart_lock.account.clients import redirect_path
from custom_components.xiaomi_smart_lock.const import CONF_TOKENS, CONF_UUID
from custom_components.xiaomi_smart_lock.miot.cloud import CloudClient
from custom_components.xiaomi_smart_lock.miot.endpoints import Endpoints, load
from custom_components.xiaomi_smart_lock.miot.oauth import SignIn, TokenKeeper, Tokens
from simulator.tls import Authority

from .app import App

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.lock_driver import LockDriver


class Signed:
    """A client that has just signed in to the account."""

    def __init__(self, driver: LockDriver, session: aiohttp.ClientSession) -> None:
        """Sign in, and store the tokens."""
        data = driver.account_data()
        self.driver = driver
        self.session = session
        self.endpoints = load(driver.simulator.endpoints)
        self.tls = ssl.create_default_context(cafile=self.endpoints.ca_file)
        self.region = data[CONF_REGION]
        self.uuid = data[CONF_UUID]
        self.path = redirect_path(self.uuid)
        self.tokens = Tokens(**data[CONF_TOKENS])
        self.renewed: list[Tokens] = []
        self.sign_in = SignIn(session, self.tls, self.endpoints, self.region, self.uuid)
        self.keeper = self.keep(self.tokens)
        self.cloud = CloudClient(session, self.tls, self.endpoints, self.region, self.keeper)
        self._seen = len(driver.simulator.cloud.requests)

    def keep(self, tokens: Tokens) -> TokenKeeper:
        """Return a keeper of tokens. Renewed tokens are recorded in ``renewed``."""
        return TokenKeeper(self.sign_in, self.path, tokens, self.renewed.append)

    def requests(self) -> list[tuple[str, Any]]:
        """Return the last part of the path, and the body, of the requests since the last call."""
        seen, self._seen = self._seen, len(self.driver.simulator.cloud.requests)
        return [
            (path.rpartition("/")[2], body)
            for path, body in self.driver.simulator.cloud.requests[seen:]
        ]

    def paths(self) -> list[str]:
        """Return the last part of the path of each request since the last call."""
        return [path for path, _ in self.requests()]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Return a plain session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def signed(driver: LockDriver, session: aiohttp.ClientSession) -> AsyncIterator[Signed]:
    """Return a signed-in client; wait for a pending renewal of its tokens afterwards."""
    signed = Signed(driver, session)
    yield signed
    await signed.keeper.settled()


@pytest.fixture
async def app(driver: LockDriver) -> AsyncIterator[App]:
    """Return a signed-in client of the Mi Home app's API."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield App(driver, session)


class Liar:
    """A service with a trusted certificate that gives configured answers in turn."""

    def __init__(self, url: str, tls: ssl.SSLContext) -> None:
        """Prepare with an address and a TLS context that trusts it."""
        self.url = url
        self.tls = tls
        self.answers: list[object] = []
        self.headers: list[Mapping[str, str]] = []
        """The headers of each request."""

    @property
    def endpoints(self) -> Endpoints:
        """The endpoints for HTTP requests to it."""
        return Endpoints(api=self.url, profile=self.url, instance=self.url)

    def client(self, signed: Signed) -> CloudClient:
        """Return a signed-in client of this service."""
        return CloudClient(signed.session, self.tls, self.endpoints, "cn", signed.keeper)

    async def answer(self, request: web.Request) -> web.Response:
        """Give the next answer: JSON, a ready response, or {} after so many seconds."""
        self.headers.append(request.headers)
        match self.answers.pop(0):
            case web.Response() as ready:
                return ready
            case float(seconds):
                await asyncio.sleep(seconds)
                return web.json_response({})
            case said:
                return web.json_response(said)


@pytest.fixture
async def liar(tmp_path: Path) -> AsyncIterator[Liar]:
    """Return a service that gives configured answers."""
    ca_file = tmp_path / "ca.pem"
    context = Authority(ca_file).context()
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    liar = Liar("", ssl.create_default_context(cafile=ca_file))
    app.router.add_route("*", "/{path:.*}", liar.answer)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    liar.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield liar
    await runner.cleanup()
