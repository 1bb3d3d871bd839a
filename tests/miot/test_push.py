"""The cloud's push: what messages mean, and a connection that is always there."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import replace
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]
import pytest
import trustme
from paho.mqtt import client as mqtt

from custom_components.xiaomi_smart_lock.miot import push as push_module
from custom_components.xiaomi_smart_lock.miot.client import (
    EventOccurred,
    Message,
    OnlineChanged,
    PropertyChanged,
)
from custom_components.xiaomi_smart_lock.miot.mqtt import Client
from custom_components.xiaomi_smart_lock.miot.push import Push, PushProblem, parse
from reliability.mqtt_tap import MqttTap
from simulator import gate
from simulator.broker import Broker
from simulator.packets import SESSION_TAKEN_OVER
from tests.lock_driver import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from .conftest import Signed

# Seen of another lock, which happens to have the same event
SEEN = {
    "id": 1,
    "method": "event_occured",
    "params": {
        "did": "1",
        "siid": 2,
        "eiid": 1020,
        "tid": 79,
        "arguments": [
            {"piid": 1, "value": 3},
            {"piid": 2, "value": 15},
            {"piid": 3, "value": 1},
            {"piid": 4, "value": 0},
            {"piid": 5, "value": 1724847027},
        ],
    },
}
PROPERTY = "device/1/up/properties_changed/13/1"
EVENT = "device/1/up/event_occured/2/1020"
STATE = "device/1/state/7"


# What messages mean


@pytest.mark.parametrize(
    ("topic", "payload", "message"),
    [
        (
            PROPERTY,
            {"params": {"did": "1", "siid": 13, "piid": 1, "value": 50}},
            PropertyChanged((13, 1), 50),
        ),
        (
            "device/1/up/properties_changed",
            {"id": 5, "params": {"siid": 13, "piid": 1, "value": None}},
            PropertyChanged((13, 1), None),
        ),
        (
            PROPERTY,
            {"params": {"did": 1, "siid": 13, "piid": 1, "value": 50}},
            PropertyChanged((13, 1), 50),
        ),
        (EVENT, SEEN, EventOccurred((2, 1020), SEEN["params"]["arguments"], 79)),  # type: ignore[index]
        (
            EVENT,
            {"params": {"siid": 2, "eiid": 1020, "arguments": [{"value": [1, 2]}]}},
            EventOccurred((2, 1020), [{"value": [1, 2]}]),
        ),
        (EVENT, {"params": {"siid": 5, "eiid": 1}}, EventOccurred((5, 1), None)),
        (
            PROPERTY,
            {"params": {"did": None, "siid": "13", "piid": "1", "value": "50"}},
            PropertyChanged((13, 1), "50"),
        ),
        (
            EVENT,
            {"params": [{"did": "1", "siid": 2.0, "eiid": "1020", "tid": "79", "arguments": {}}]},
            EventOccurred((2, 1020), {}, 79),
        ),
        (
            EVENT,
            {"params": {"siid": 5, "eiid": 1, "arguments": None}},
            EventOccurred((5, 1), None),
        ),
        (STATE, {"event": "online", "timestamp": 1, "uid": 2}, OnlineChanged(online=True)),
        ("device/1/state", {"event": "offline"}, OnlineChanged(online=False)),
    ],
)
def test_meaning(topic: str, payload: object, message: Message) -> None:
    """The topic says of which lock, the payload says what."""
    assert parse(topic, json.dumps(payload).encode()) == [("1", message)]


def test_several_in_one_message() -> None:
    """Each is one, and what makes no sense among them takes none with it."""
    items = [{"siid": 13, "piid": 1, "value": 50}, None, {}, {"siid": 13, "piid": 2, "value": 1}]
    payload = json.dumps({"params": items}).encode()
    expected = [("1", PropertyChanged((13, 1), 50)), ("1", PropertyChanged((13, 2), 1))]
    assert parse(PROPERTY, payload) == expected


@pytest.mark.parametrize("tid", [0, -1, True, 1.5, "seven", "-1", None, [79], 2**53, 2**64])
def test_a_number_that_is_none(tid: object) -> None:
    """The event is one all the same; only a whole number from one on tells it from others."""
    payload = {"params": {"siid": 4, "eiid": 8, "tid": tid, "arguments": []}}
    expected = [("1", EventOccurred((4, 8), [], None))]
    assert parse(EVENT, json.dumps(payload).encode()) == expected


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (PROPERTY, b'{"params": {"did": "2", "siid": 13, "piid": 1, "value": 50}}'),
        (EVENT, b'{"params": {"did": "2", "siid": 2, "eiid": 1020, "arguments": []}}'),
        (PROPERTY, b'{"params": {"siid": true, "piid": 1, "value": 50}}'),
        (PROPERTY, b""),
        (PROPERTY, b"\xff"),
        (PROPERTY, b"{"),
        (PROPERTY, b"[" * 100_000),
        (PROPERTY, b"[]"),
        (PROPERTY, b"null"),
        (PROPERTY, b'{"params": []}'),
        (PROPERTY, b'{"params": {"siid": 13, "piid": 1}}'),
        (PROPERTY, b'{"params": {"siid": "service", "piid": 1, "value": 1}}'),
        (PROPERTY, b'{"params": [[1], 2]}'),
        (EVENT, b'{"params": {"siid": 2, "eiid": null, "arguments": []}}'),
        (STATE, b'{"event": "rebooted"}'),
        (STATE, b"{}"),
        ("device/1/down/properties_changed", b'{"params": {"siid": 1, "piid": 1, "value": 1}}'),
        ("other/1/state/7", b'{"event": "online"}'),
    ],
)
def test_without_meaning(topic: str, payload: bytes) -> None:
    """It is passed over, whatever it is."""
    assert parse(topic, payload) == []


# The connection


async def test_dropped_when_it_was_given_up() -> None:
    """A broker that ends a connection at the very moment when its answer is overdue is no error."""
    client = Client("127.0.0.1", 1, lambda _topic, _payload: None)
    client._connected.cancel()
    client._on_disconnect(client._client, None, None, 7)
    assert not client._disconnected.done()


def unused_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def connections(port: int) -> list[str]:
    """Return the sockets of this process that lead to a port, those half closed too."""
    found = psutil.Process().net_connections("tcp")
    return [str(one) for one in found if one.raddr and one.raddr.port == port]


class Listening:
    """A push connection, and all that was heard of it."""

    def __init__(self, signed: Signed) -> None:
        """Listen to the driver's lock."""
        self.signed = signed
        self.driver = signed.driver
        self.heard: list[Message] = []
        self.connections: list[bool] = []
        self.problems: list[PushProblem | None] = []
        self.push = Push(signed.tls, signed.endpoints, signed.region, signed.uuid, signed.keeper)
        self.push.subscribe(self.driver.lock.did, self.heard.append)
        self.push.on_change(self._note)

    def _note(self) -> None:
        self.connections.append(self.push.connected)
        self.problems.append(self.push.problem)

    @property
    def clients(self) -> int:
        """How many connections the broker has of us."""
        return self.driver.simulator.gate.connections.count(f"ha.{self.signed.uuid}")

    def cut(self) -> None:
        """Drop the connection."""
        self.driver.simulation.call(self.driver.simulator.gate.cut)

    async def until_connected(self, times: int = 1) -> None:
        """Wait until it is connected for the first, or another, time."""
        await until(lambda: self.connections.count(True) == times)


@pytest.fixture
async def listening(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listening]:
    """Return a connection that is made again without much ado."""
    monkeypatch.setattr(push_module, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(push_module, "LAST_DELAY", 0.05)
    listening = Listening(signed)
    running = asyncio.create_task(listening.push.run())
    yield listening
    running.cancel()
    await asyncio.wait([running])
    await until(lambda: listening.clients == 0)
    assert not listening.push.connected


async def test_messages_are_handed_over(listening: Listening) -> None:
    """In the order in which the lock sent them, those without meaning left out."""
    await listening.until_connected()
    did = listening.driver.lock.did
    listening.driver.do("set_battery", 50)
    listening.driver.publish(f"device/{did}/up/properties_changed/1/1", b"garbage")
    listening.driver.publish("device/another/state/1", b'{"event": "online"}')
    listening.driver.do("exception", 24)
    listening.driver.do("sleep")
    await until(lambda: OnlineChanged(online=False) in listening.heard)
    first, second, third, fourth = listening.heard
    assert first == PropertyChanged((13, 1), 50)
    assert isinstance(second, EventOccurred)
    assert second.address == (2, 1007)
    assert third == PropertyChanged((18, 12), 2)
    assert fourth == OnlineChanged(online=False)


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_any_quality_of_service(listening: Listening, qos: int) -> None:
    """Each message arrives once."""
    await listening.until_connected()
    topic = f"device/{listening.driver.lock.did}/state/1"
    for event in (b'{"event": "online"}', b'{"event": "offline"}'):
        listening.driver.publish(topic, event, qos)
    await until(lambda: len(listening.heard) == 2)
    assert listening.heard == [OnlineChanged(online=True), OnlineChanged(online=False)]


async def test_messages_are_acknowledged(listening: Listening, tmp_path: Path) -> None:
    """Each, once it was handed over: what was acknowledged did arrive."""
    await listening.until_connected()
    its_gate, heard_at = listening.driver.simulator.gate, list[int]()
    port, topic = its_gate.upstream_port, f"device/{listening.driver.lock.did}/state/1"
    sent: list[bytes] = []
    # The other broker delivers with QoS 0.
    async with (
        Broker("mosquitto", tmp_path) as broker,
        MqttTap(
            broker.port, sent=sent.append, taken=lambda _: heard_at.append(len(listening.heard))
        ) as mqtt_tap,
    ):
        its_gate.upstream_port = mqtt_tap.port
        listening.cut()
        await listening.until_connected(2)
        its_gate.upstream_port = port
        for _ in range(50):
            await broker.publish(topic, b'{"event": "online"}', qos=1)
        await until(lambda: len(heard_at) == 50)
    assert len(sent) == 50
    assert all(heard >= number for number, heard in enumerate(heard_at, 1))


async def test_cut_connection_is_made_again(listening: Listening) -> None:
    """And listens as before."""
    await listening.until_connected()
    listening.cut()
    await listening.until_connected(2)
    assert listening.connections == [True, False, True]
    listening.driver.do("set_battery", 51)
    await until(lambda: listening.heard == [PropertyChanged((13, 1), 51)])


async def test_long_connection_ends_the_growing_of_pauses(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that was good for long enough comes back as fast as the first time."""
    monkeypatch.setattr(push_module, "STABLE_AFTER", 0)
    monkeypatch.setattr(push_module, "LAST_DELAY", 24 * 3600)
    for times in range(1, 11):
        await listening.until_connected(times)
        listening.cut()
    await listening.until_connected(11)


async def test_refused_token_is_renewed_for_the_next_connection(listening: Listening) -> None:
    """The broker lets nobody in whose token ended."""
    await listening.until_connected()
    listening.driver.simulator.cloud.expire_access_tokens()
    listening.cut()
    await listening.until_connected(2)
    assert listening.signed.paths() == ["get_token"]
    assert len(listening.signed.renewed) == 1


async def test_broker_that_is_down_says_nothing_of_the_token(listening: Listening) -> None:
    """So the token stays as it is."""
    await listening.until_connected()
    there = listening.driver.simulator.gate
    port, there.upstream_port = there.upstream_port, unused_port()
    listening.cut()
    await until(lambda: listening.connections == [True, False])
    await asyncio.sleep(0.2)
    there.upstream_port = port
    await listening.until_connected(2)
    assert listening.signed.paths() == []


async def test_revoked_account_is_no_end(listening: Listening) -> None:
    """It goes on trying, in case that the user signs in again."""
    await listening.until_connected()
    listening.driver.simulator.cloud.revoke(listening.driver.account)
    listening.cut()
    requests: list[str] = []

    def tried_often() -> bool:
        requests.extend(listening.signed.paths())
        return len(requests) > 2

    await until(tried_often)
    assert set(requests) == {"get_token"}
    assert not listening.push.connected
    assert listening.push.problem is None


async def test_what_is_wrong_is_told_once(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is met again; a token that just ended is not worth a word."""
    refused: list[str] = []

    def refuse(_client: str, _user: str, password: str) -> bool:
        refused.append(password)
        return False

    await listening.until_connected()
    with monkeypatch.context() as patch:
        patch.setattr(listening.driver.simulator.gate, "authenticate", refuse)
        listening.cut()
        await until(lambda: len(refused) > 3)
    await listening.until_connected(2)
    assert listening.connections == [True, False, False, True]
    assert listening.problems == [None, None, PushProblem.REFUSED, None]
    assert len(set(refused)) == len(refused)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_another_name(signed: Signed, host: str) -> None:
    """It is known for what it is, whether a host or an address should have been named."""
    simulation, simulator = signed.driver.simulation, signed.driver.simulator
    signed.endpoints = replace(signed.endpoints, broker=host)
    listening = Listening(signed)
    simulation.call(simulator.name_broker, "push.example")
    running = asyncio.create_task(listening.push.run())
    try:
        await until(lambda: listening.problems)
    finally:
        simulation.call(simulator.name_broker)
    assert listening.problems == [PushProblem.WRONG_NAME]
    assert listening.connections == [False]
    assert signed.paths() == []
    running.cancel()
    await asyncio.wait([running])


async def test_an_authority_that_nobody_trusts(signed: Signed) -> None:
    """It is known for what it is, also where the name is another one's too."""
    simulation, simulator = signed.driver.simulation, signed.driver.simulator
    listening = Listening(signed)
    simulation.call(trustme.CA().issue_cert("push.example").configure_cert, simulator._gate_tls)
    running = asyncio.create_task(listening.push.run())
    try:
        await until(lambda: listening.problems)
    finally:
        simulation.call(simulator.name_broker)
    assert listening.problems == [PushProblem.UNTRUSTED]
    assert listening.connections == [False]
    running.cancel()
    await asyncio.wait([running])


def loud(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return what was said to more than those who debug, but by the loop about a slow machine."""
    said = [record for record in caplog.records if record.levelno > logging.DEBUG]
    return [record for record in said if record.name != "asyncio"]


async def test_who_listens_fails(listening: Listening, caplog: pytest.LogCaptureFixture) -> None:
    """One message that cannot be handled is logged; the others are heard, on the same line."""
    other = listening.driver.simulation.call(
        listening.driver.simulator.add_lock, listening.driver.account, "Back door"
    )

    def fail(_: Message) -> None:
        raise ZeroDivisionError

    listening.push.subscribe(other.did, fail)
    await listening.until_connected()
    listening.driver.publish(f"device/{other.did}/state/1", b'{"event": "online"}')
    listening.driver.do("set_battery", 50)
    await until(lambda: listening.heard == [PropertyChanged((13, 1), 50)])
    assert listening.connections == [True]
    assert [record.exc_info and record.exc_info[0] for record in loud(caplog)] == [
        ZeroDivisionError
    ]


def reset(side: gate._Side) -> None:
    """End a connection so that what is read from it next is an error."""
    sock = side.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.transport.abort()


def reset_who_connects(side: gate._Side, transport: asyncio.Transport) -> None:
    """Drop a client once the connection is encrypted."""
    side.transport = transport
    reset(side)


def reset_who_says_who_it_is(side: gate._Side, _data: bytes) -> None:
    """Drop a client once it sent its token, as rumqttd does with one that it does not know."""
    reset(side)


@pytest.mark.parametrize(
    ("moment", "drop"),
    [("connection_made", reset_who_connects), ("data_received", reset_who_says_who_it_is)],
)
async def test_broker_drops_who_just_came(
    listening: Listening,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    drop: Callable[..., None],
) -> None:
    """Only who debugs is told of it, and no connection is left half open."""
    await listening.until_connected()
    as_before, broker = getattr(gate._Client, moment), listening.driver.simulator.gate

    def drop_ours(side: gate._Client, given: Any) -> None:
        # Whoever publishes goes through a gate as well.
        (drop if side._gate is broker else as_before)(side, given)

    with caplog.at_level(logging.DEBUG), monkeypatch.context() as patch:
        patch.setattr(push_module, "ANSWER_TIMEOUT", 0.1)
        patch.setattr(gate._Client, moment, drop_ours)
        listening.cut()
        await until(lambda: caplog.text.count("Push connection ended") > 5)
    assert "Connection reset by peer" in caplog.text
    await listening.until_connected(2)
    assert loud(caplog) == []
    assert listening.problems == [None] * 3
    await until(lambda: len(connections(listening.driver.simulator.gate.port)) == 1)


def established(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Return the client's end of a TLS connection as asyncio has it: without a socket."""
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(ours, theirs, server_hostname="localhost"),
        server.wrap_bio(theirs, ours, server_side=True),
    )
    for end in ends * 3:
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return ends[0]


async def test_a_broken_connection_ends_no_other(socket_enabled: None) -> None:
    """OpenSSL keeps a system error for the thread; ssl would raise it for any other connection."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    other = established(server, trusting)
    with pytest.raises(ssl.SSLWantReadError):
        other.read(1)

    def reset_who_comes() -> None:
        with server.wrap_socket(listener.accept()[0], server_side=True) as broker:
            linger = struct.pack("ii", 1, 0)
            broker.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = Thread(target=reset_who_comes)
        serving.start()
        connection = socket.create_connection(listener.getsockname())
        sock = trusting.wrap_socket(connection, server_hostname="localhost")
        serving.join()
    client: Any = Client("127.0.0.1", 1, lambda _topic, _payload: None)
    client._client._sock = sock
    broken: list[type[OSError]] = []
    while broken.count(BrokenPipeError) < 2:
        try:
            client._client._sock_send(b"x")
        except OSError as error:
            broken.append(type(error))
    with pytest.raises(ssl.SSLWantReadError):
        other.read(1)
    sock.close()


async def test_socket_that_was_closed_before_it_is_watched() -> None:
    """What the client's thread wants done comes to the event loop too late."""
    failed: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    client = Client("127.0.0.1", 0, print)
    with socket.socket() as closed:
        pass
    await asyncio.to_thread(client._on_socket_register_write, None, None, closed)
    await asyncio.sleep(0)
    assert failed == []


async def test_writing_fails(listening: Listening, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is over then, and made again."""
    write = mqtt.Client.loop_write

    def fail(client: mqtt.Client) -> object:
        if client._client_id == f"ha.{listening.signed.uuid}".encode():
            raise BrokenPipeError
        return write(client)

    await listening.until_connected()
    with monkeypatch.context() as patch:
        patch.setattr(mqtt.Client, "loop_write", fail)
        listening.driver.do("set_battery", 50)
        await until(lambda: not listening.push.connected)
    await listening.until_connected(2)


async def test_broker_says_nothing(
    listening: Listening, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is closed before the next one is tried, not when memory is cleaned up."""
    there = listening.driver.simulator.gate
    await listening.until_connected()
    gc.disable()
    there.silent = True
    try:
        with caplog.at_level(logging.DEBUG), monkeypatch.context() as patch:
            patch.setattr(push_module, "ANSWER_TIMEOUT", 0.1)
            listening.cut()
            await until(lambda: caplog.text.count("Push connection ended") > 5)
        assert len(connections(there.port)) <= 1
    finally:
        there.silent = False
        gc.enable()
    await listening.until_connected(2)


async def test_pauses_grow(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """They double up to five minutes, a bit shorter by chance; the token stays as it is."""
    pauses: list[float] = []
    enough = asyncio.Event()

    pause = asyncio.sleep

    async def sleep(seconds: float, _: object = None) -> None:
        # The simulator's own pauses stay as they are, or it would do nothing but end them.
        ours = asyncio.current_task() is running
        await pause(0 if ours else seconds)
        if not ours:
            return
        pauses.append(seconds)
        if len(pauses) == 12:
            enough.set()
            await asyncio.Event().wait()

    signed.endpoints = replace(signed.endpoints, broker_port=unused_port())
    running = asyncio.create_task(Listening(signed).push.run())
    with monkeypatch.context() as patched:
        patched.setattr(asyncio, "sleep", sleep)
        async with asyncio.timeout(PATIENCE):
            await enough.wait()
    running.cancel()
    await asyncio.wait([running])
    longest = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    shares = [seconds / most for seconds, most in zip(pauses, longest, strict=True)]
    assert all(0.5 <= share <= 1 for share in shares), pauses
    assert len(set(shares)) > 1
    assert signed.paths() == []


async def test_cancelled_while_connecting(signed: Signed) -> None:
    """Nothing stays behind, at whichever moment it is."""
    for steps in range(40):
        listening = Listening(signed)
        running = asyncio.create_task(listening.push.run())
        for _ in range(steps):
            await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])
    await until(lambda: listening.clients == 0)


async def test_another_of_the_same_identity(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noticed, the pauses only grow as long as it is there, and it is over when it goes."""
    monkeypatch.setattr(push_module, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(push_module, "LAST_DELAY", 0.32)
    monkeypatch.setattr(push_module, "STABLE_AFTER", 0.0)  # as if each had lasted for minutes
    pauses: dict[object, list[float]] = {}
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        pauses.setdefault(asyncio.current_task(), []).append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(push_module, "random", SimpleNamespace(uniform=lambda *_: 1))
    patched = SimpleNamespace(**{**vars(asyncio), "sleep": pause})
    monkeypatch.setattr(push_module, "asyncio", patched)
    await listening.until_connected()
    rival = Listening(listening.signed)
    rivals = asyncio.create_task(rival.push.run())
    both = (listening, rival)
    await until(lambda: all(PushProblem.TAKEN_OVER in one.problems for one in both))
    await until(lambda: 0.32 in pauses.get(rivals, []))
    for ours in pauses.values():
        assert ours == sorted(ours)
    rivals.cancel()
    await asyncio.wait([rivals])
    await until(lambda: listening.push.connected)
    assert listening.push.problem is PushProblem.TAKEN_OVER
    monkeypatch.setattr(push_module, "ALONE_AFTER", 0.01)
    listening.cut()
    await until(lambda: listening.push.connected and listening.push.problem is None)


async def test_taken_over_before_it_subscribes(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is noticed too, though the client then only says that it is not connected."""
    await listening.until_connected()
    subscribe, gate = Client.subscribe, listening.driver.simulator.gate

    def take_over() -> None:
        for one in list(gate.clients):
            one.end(SESSION_TAKEN_OVER)

    async def subscribe_late(client: Client, *args: Any, **kwargs: Any) -> object:
        listening.driver.simulation.call(take_over)
        await until(lambda: client.reason is not None)
        return await subscribe(client, *args, **kwargs)

    monkeypatch.setattr(Client, "subscribe", subscribe_late)
    listening.cut()
    await until(lambda: listening.push.problem is PushProblem.TAKEN_OVER)
    monkeypatch.setattr(Client, "subscribe", subscribe)


async def test_taken_over_once(listening: Listening) -> None:
    """A connection of before that is still there is nobody else's."""
    await listening.until_connected()
    rival = Listening(listening.signed)
    rivals = asyncio.create_task(rival.push.run())
    await until(lambda: False in listening.connections)
    rivals.cancel()
    await asyncio.wait([rivals])
    await until(lambda: listening.push.connected)
    assert PushProblem.TAKEN_OVER not in listening.problems
