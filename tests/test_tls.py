"""Who cannot prove to be the one that we talk to is told nothing."""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import socketserver
import ssl
from contextlib import contextmanager, suppress
from dataclasses import fields
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

import aiomqtt
import pytest
import trustme
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.util.ssl import client_context

from custom_components.xiaomi_smart_lock.account import endpoints as endpoints_module
from custom_components.xiaomi_smart_lock.account.clients import async_cloud, async_sign_in
from custom_components.xiaomi_smart_lock.account.endpoints import (
    async_broker_trust,
    async_endpoints,
)
from custom_components.xiaomi_smart_lock.const import ENDPOINTS_VARIABLE
from custom_components.xiaomi_smart_lock.miot.endpoints import ADDRESSES, Endpoints, load
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError, MiotError
from custom_components.xiaomi_smart_lock.miot.instance import fetch
from custom_components.xiaomi_smart_lock.miot.oauth import TokenKeeper, Tokens
from custom_components.xiaomi_smart_lock.miot.push import Push
from simulator.model import SPEC

from .lock_harness import entry_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from .lock_driver import LockDriver
    from .lock_harness import Storage

HOST: Final = "127.0.0.1"
REFUSAL: Final = bytes((0x20, 3, 0, 0x87, 0))  # a CONNACK of MQTT 5: not authorised
ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

BROKER: Final = "cn-ha.mqtt.io.mi.com"

# The names of a certificate, after who issues it or where it has them, if that is special
RIGHT: Final = HOST
OTHER_AUTHORITY: Final = f"stranger {HOST}"
OTHER_NAME: Final = "127.0.0.2,elsewhere.example"
XIAOMIS_NAME: Final = BROKER


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
    who, _, names = certificate.rpartition(" ")
    if who == "subject":
        shown = trusted.issue_cert("push.example", common_name=names)
    else:
        shown = (other if who == "stranger" else trusted).issue_cert(*names.split(","))
    host = Host(shown)
    port = host.server_address[1]
    url = f"https://{HOST}:{port}"
    addresses = dict.fromkeys(("authorize", "profile", "api", "instance"), url) | {
        "broker": HOST,
        "broker_port": port,
        "ca_file": str(tmp_path / "ca.pem"),
    }
    (tmp_path / "endpoints.json").write_text(json.dumps(addresses), encoding="utf-8")
    for file in ("ca.pem", "endpoints.json"):
        (tmp_path / file).chmod(0o644)
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


async def connect_to_broker(hass: HomeAssistant) -> None:
    """Connect to the broker, once."""
    endpoints, _ = await async_endpoints(hass)
    tls = await async_broker_trust(hass, endpoints, "cn")
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
async def test_a_wrong_broker_is_told_nothing(hass: HomeAssistant, host: Host) -> None:
    """The password that it would get is the access token."""
    with pytest.raises(aiomqtt.MqttError, match="certificate verify failed"):
        await connect_to_broker(hass)
    assert host.told == b""


@pytest.fixture
def xiaomi_s_name(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the broker reached under its real name, which leads to the host."""
    replace_addresses(tmp_path, broker="{region}-ha.mqtt.io.mi.com")
    resolve = socket.getaddrinfo

    def lead_here(name: object, *args: Any, **kwargs: Any) -> Any:
        assert name == BROKER
        return resolve(HOST, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lead_here)


def replace_addresses(directory: Path, **addresses: str | None) -> None:
    """Change what is in the file of addresses; None takes one out."""
    file = directory / "endpoints.json"
    changed = json.loads(file.read_text(encoding="utf-8")) | addresses
    left = {key: value for key, value in changed.items() if value is not None}
    file.write_text(json.dumps(left), encoding="utf-8")


@pytest.mark.parametrize("certificate", [RIGHT], indirect=True)
async def test_the_right_broker_is_told(hass: HomeAssistant, host: Host) -> None:
    """One that proved who it is."""
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await connect_to_broker(hass)
    assert b"MQTT" in host.told


@pytest.mark.parametrize("certificate", [XIAOMIS_NAME], indirect=True)
async def test_a_name_of_xiaomi_s_is_none_of_ours(hass: HomeAssistant, host: Host) -> None:
    """Who is reached under another name than one of Xiaomi's has to show that one."""
    with pytest.raises(aiomqtt.MqttError, match="certificate verify failed"):
        await connect_to_broker(hass)
    assert host.told == b""


@pytest.mark.parametrize(
    "certificate",
    [BROKER, BROKER.upper(), "*.io.mi.com", "push.mi.com", "*.xiaomi.com", f"a.example,{BROKER}"],
    indirect=True,
)
@pytest.mark.usefixtures("xiaomi_s_name")
async def test_xiaomi_s_broker_is_told(hass: HomeAssistant, host: Host) -> None:
    """Any name in Xiaomi's own domains will do for a server that is reached under one."""
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await connect_to_broker(hass)
    assert b"MQTT" in host.told


@pytest.mark.parametrize(
    "certificate",
    [
        "push.example",
        "mi.com",
        "evilmi.com",
        "mi.com.example",
        f"{BROKER}.example",
        "*.com",
        HOST,
        f"subject {BROKER}",
        f"stranger {BROKER}",
    ],
    indirect=True,
)
@pytest.mark.usefixtures("xiaomi_s_name")
async def test_a_stranger_s_broker_is_told_nothing(
    hass: HomeAssistant, host: Host, certificate: str
) -> None:
    """Anybody gets a trusted certificate for a name of their own."""
    wrong = "local issuer" if "stranger" in certificate else "names no host of Xiaomi's"
    with pytest.raises(aiomqtt.MqttError, match=wrong):
        await connect_to_broker(hass)
    assert host.told == b""


@pytest.mark.parametrize("certificate", [RIGHT], indirect=True)
async def test_an_authority_that_home_assistant_trusts(
    hass: HomeAssistant, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that somebody gave to Home Assistant is trusted everywhere."""
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    monkeypatch.setattr(endpoints_module, "client_context", lambda: trust)
    replace_addresses(tmp_path, ca_file=None)
    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        await connect_to_broker(hass)
    assert b"MQTT" in host.told
    assert trust.check_hostname


async def test_the_real_hosts_are_verified(hass: HomeAssistant) -> None:
    """Where nothing replaces the addresses, there is a chain to verify, and a name to match."""
    endpoints, tls = await async_endpoints(hass)
    assert endpoints.ca_file is None
    assert tls.check_hostname
    broker = await async_broker_trust(hass, endpoints, "cn")
    assert broker is not tls
    for trust in (tls, broker):
        assert trust.verify_mode is ssl.CERT_REQUIRED
        assert trust.cert_store_stats()["x509_ca"] > 0
        assert set(trust.get_ca_certs(binary_form=True)) == set(
            client_context().get_ca_certs(binary_form=True)
        )
    for address in (endpoints.authorize, endpoints.profile, endpoints.instance):
        assert address.startswith("https://")
    assert endpoints.api_url("de", "/").startswith("https://de.")


# The file that replaces the addresses


async def refused(hass: HomeAssistant, driver: LockDriver) -> bool:
    """Say whether an entry is not set up, for the file of addresses."""
    asked = len(driver.simulator.cloud.requests)
    entry = entry_of(hass, driver.account_data())
    if await hass.config_entries.async_setup(entry.entry_id):
        await hass.config_entries.async_unload(entry.entry_id)
        return False
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "endpoints_refused"
    assert entry.reason
    assert entry.reason.startswith(f"{ENDPOINTS_VARIABLE} is set to /")
    assert len(driver.simulator.cloud.requests) == asked
    return True


@pytest.fixture
def replacing(driver: LockDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the simulator's addresses, with its authority beside it."""
    addresses = json.loads(driver.simulator.endpoints.read_text(encoding="utf-8"))
    shutil.copy(addresses["ca_file"], tmp_path / "ca.pem")
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps(addresses | {"ca_file": str(tmp_path / "ca.pem")}), encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv(ENDPOINTS_VARIABLE, str(file))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "mode", "is_refused"),
    [
        ("endpoints.json", 0o644, False),
        ("ca.pem", 0o600, False),
        ("endpoints.json", 0o664, True),
        ("endpoints.json", 0o602, True),
        ("ca.pem", 0o664, True),
        ("ca.pem", 0o646, True),
    ],
)
async def test_whoever_may_change_the_addresses(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    replacing: Path,
    name: str,
    mode: int,
    is_refused: bool,
) -> None:
    """They would be given the tokens."""
    (replacing / name).chmod(mode)
    assert await refused(hass, driver) is is_refused


@pytest.mark.parametrize("name", ["endpoints.json", "ca.pem"])
async def test_a_file_of_somebody_else(
    hass: HomeAssistant,
    driver: LockDriver,
    replacing: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """Its owner may change it at any time; root's are as good as ours."""
    fstat = os.fstat
    inode = (replacing / name).stat().st_ino

    def owned(descriptor: int) -> os.stat_result:
        status = fstat(descriptor)
        return os.stat_result((*status[:4], 12345, *status[5:])) if status[1] == inode else status

    monkeypatch.setattr(os, "fstat", owned)
    assert await refused(hass, driver)


@pytest.mark.parametrize("field", ADDRESSES)
@pytest.mark.parametrize(
    "address",
    ["http://192.168.1.2", "http://{prefix}mi.com", "http://127.0.0.1.example", "ftp://127.0.0.1"],
)
async def test_plain_text(
    hass: HomeAssistant, driver: LockDriver, replacing: Path, field: str, address: str
) -> None:
    """Nothing secret is sent in it, but within this machine."""
    replace_addresses(replacing, **{field: address})
    assert await refused(hass, driver)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_plain_text_within_this_machine(replacing: Path, host: str) -> None:
    """As a proxy that shows what is said."""
    replace_addresses(replacing, profile=f"http://{host}:8080")
    assert load(replacing / "endpoints.json").profile == f"http://{host}:8080"


def test_all_addresses_are_looked_at() -> None:
    """None is left out."""
    urls = {field.name for field in fields(Endpoints) if "://" in str(field.default)}
    assert set(ADDRESSES) == urls


@pytest.mark.parametrize("text", ["", "[]", "5", '{"other": 1}', '{"api": 5}'])
async def test_no_addresses(
    hass: HomeAssistant, driver: LockDriver, replacing: Path, text: str
) -> None:
    """What cannot be read replaces nothing, and is not passed over either."""
    (replacing / "endpoints.json").write_text(text, encoding="utf-8")
    assert await refused(hass, driver)


@pytest.mark.parametrize("file", ["endpoints.json", "ca.pem"])
async def test_no_file(hass: HomeAssistant, driver: LockDriver, replacing: Path, file: str) -> None:
    """Nor is one that is missing."""
    (replacing / file).unlink()
    assert await refused(hass, driver)
