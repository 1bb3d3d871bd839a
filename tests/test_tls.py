"""Who cannot prove to be the one that we talk to is told nothing."""

from __future__ import annotations

import json
import math
import socketserver
import ssl
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Final

import aiomqtt
import pytest
import trustme
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from custom_components.xiaomi_smart_lock.connection import async_cloud, async_sign_in
from custom_components.xiaomi_smart_lock.const import ENDPOINTS_VARIABLE
from custom_components.xiaomi_smart_lock.endpoints import async_endpoints
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError, MiotError
from custom_components.xiaomi_smart_lock.miot.instance import fetch
from custom_components.xiaomi_smart_lock.miot.oauth import TokenKeeper, Tokens
from custom_components.xiaomi_smart_lock.miot.push import Push
from custom_components.xiaomi_smart_lock.miot.spec import SPEC

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from homeassistant.core import HomeAssistant

HOST: Final = "127.0.0.1"
REFUSAL: Final = bytes((0x20, 3, 0, 0x87, 0))  # a CONNACK of MQTT 5: not authorised
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

RIGHT: Final = "right"
OTHER_AUTHORITY: Final = "other authority"
OTHER_NAME: Final = "other name"


class Host(socketserver.TCPServer):
    """A host with a certificate; it keeps what it was told."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        """Take a free port."""
        super().__init__((HOST, 0), _Visit)
        self.told = b""
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.tls)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for a while, in a thread: a handshake that fails is no news to Home Assistant."""
        with self:
            thread = Thread(target=self.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield
            finally:
                self.shutdown()
                thread.join()


class _Visit(socketserver.BaseRequestHandler):
    server: Host

    def handle(self) -> None:
        with suppress(OSError), self.server.tls.wrap_socket(self.request, server_side=True) as told:
            self.server.told += told.recv(1000)
            told.sendall(REFUSAL if b"MQTT" in self.server.told else ANSWER)


@pytest.fixture
def certificate(request: pytest.FixtureRequest) -> str:
    """Return which certificate the host has; tests choose."""
    return str(request.param)


@pytest.fixture
def host(certificate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """Return the host that all of our addresses lead to."""
    trusted, other = trustme.CA(), trustme.CA()
    trusted.cert_pem.write_to_path(tmp_path / "ca.pem")
    host = Host(
        {
            RIGHT: trusted.issue_cert(HOST),
            OTHER_AUTHORITY: other.issue_cert(HOST),
            OTHER_NAME: trusted.issue_cert("127.0.0.2", "elsewhere.example"),
        }[certificate]
    )
    port = host.server_address[1]
    url = f"https://{HOST}:{port}"
    addresses = dict.fromkeys(("authorize", "profile", "api", "instance"), url) | {
        "broker": HOST,
        "broker_port": port,
        "ca_file": str(tmp_path / "ca.pem"),
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(addresses), encoding="utf-8")
    monkeypatch.setenv(ENDPOINTS_VARIABLE, str(tmp_path / "endpoints.json"))
    with host.listening():
        yield host


async def keeper(hass: HomeAssistant) -> TokenKeeper:
    """Return who keeps tokens that need not be renewed."""
    tokens = Tokens("access", "refresh", math.inf)
    return TokenKeeper(await async_sign_in(hass, "cn", "7c0ffee0"), "/", tokens, lambda _: None)


async def api(hass: HomeAssistant) -> None:
    """Ask the cloud for devices."""
    await (await async_cloud(hass, "cn", await keeper(hass))).devices()


async def token(hass: HomeAssistant) -> None:
    """Exchange a code."""
    await (await async_sign_in(hass, "cn", "7c0ffee0")).exchange("/", "code")


async def profile(hass: HomeAssistant) -> None:
    """Ask for the nickname."""
    await (await async_cloud(hass, "cn", await keeper(hass))).nickname()


async def instance(hass: HomeAssistant) -> None:
    """Ask for a specification."""
    endpoints, tls = await async_endpoints(hass)
    await fetch(async_get_clientsession(hass), tls, endpoints, SPEC.urn)


async def connect_to_broker(hass: HomeAssistant, *, any_name: bool = False) -> None:
    """Connect to the broker, once."""
    endpoints, tls = await async_endpoints(hass, any_name=any_name)
    push = Push(tls, endpoints, "cn", "7c0ffee0", await keeper(hass))
    await push._connect_and_listen()


wrong = pytest.mark.parametrize("certificate", [OTHER_AUTHORITY, OTHER_NAME], indirect=True)
requests = pytest.mark.parametrize("ask", [api, token, profile, instance])


@wrong
@requests
async def test_a_wrong_host_is_asked_nothing(
    hass: HomeAssistant, host: Host, ask: Callable[[HomeAssistant], Awaitable[None]]
) -> None:
    """Neither tokens nor anything else leave us before the host has proved who it is."""
    with pytest.raises(CannotConnectError, match="ClientConnectorCertificateError"):
        await ask(hass)
    assert host.told == b""


@pytest.mark.parametrize("certificate", [RIGHT], indirect=True)
@requests
async def test_the_right_host_is_asked(
    hass: HomeAssistant, host: Host, ask: Callable[[HomeAssistant], Awaitable[None]]
) -> None:
    """It is nothing but the certificate that made the difference."""
    try:
        await ask(hass)
    except MiotError as error:
        assert "Certificate" not in str(error)  # noqa: PT017
    assert b"HTTP/1.1\r\n" in host.told


@wrong
async def test_a_wrong_broker_is_told_nothing(
    hass: HomeAssistant, host: Host, certificate: str
) -> None:
    """The password that it would get is the access token."""
    with pytest.raises(aiomqtt.MqttError, match="certificate verify failed"):
        await connect_to_broker(hass)
    assert host.told == b""


@pytest.mark.parametrize("certificate", [OTHER_AUTHORITY], indirect=True)
async def test_accepting_any_name_is_not_accepting_any_authority(
    hass: HomeAssistant, host: Host
) -> None:
    """The option of the broker's name leaves the chain verified."""
    with pytest.raises(aiomqtt.MqttError, match="certificate verify failed"):
        await connect_to_broker(hass, any_name=True)
    assert host.told == b""


@pytest.mark.parametrize(
    ("certificate", "any_name"),
    [(RIGHT, False), (RIGHT, True), (OTHER_NAME, True)],
    indirect=["certificate"],
)
async def test_a_broker_is_told(hass: HomeAssistant, host: Host, any_name: bool) -> None:
    """One that proved who it is, or that only needs a trusted chain because the user says so."""
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await connect_to_broker(hass, any_name=any_name)
    assert b"MQTT" in host.told


@pytest.mark.parametrize("any_name", [False, True])
async def test_the_real_hosts_are_verified(hass: HomeAssistant, any_name: bool) -> None:
    """Where nothing replaces the addresses, there is a chain to verify, and a name to match."""
    endpoints, tls = await async_endpoints(hass, any_name=any_name)
    assert endpoints.ca_file is None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname is not any_name
    assert tls.cert_store_stats()["x509_ca"] > 0
    for address in (endpoints.authorize, endpoints.profile, endpoints.instance):
        assert address.startswith("https://")
    assert endpoints.api_url("de", "/").startswith("https://de.")
