"""The broker and its gate, as mosquitto_sub, aiomqtt and hand-made packets see them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import aiomqtt
import pytest
import trustme
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulator.broker import Broker
from simulator.gate import Gate
from tests.lock_driver import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIENT, USER, PASSWORD = "ha.0123", "2882303761520251711", "a-token"

BAD_USER_NAME_OR_PASSWORD = 0x86
NOT_AUTHORIZED = 0x87

# Packets of MQTT 5, byte by byte as its specification has them.
CONNECT = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01x"
CONNACK = b"\x20\x03\x00\x00\x00"


class Tls(NamedTuple):
    """Both ends' contexts, and what mosquitto_sub wants: the authority's certificate in a file."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    ca_file: Path


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    return Tls(server, client, ca_file)


@pytest.fixture(params=["rumqttd", "mosquitto"])
async def broker(
    request: pytest.FixtureRequest, tmp_path: Path, socket_enabled: None
) -> AsyncIterator[Broker]:
    async with Broker(request.param, tmp_path) as broker:
        yield broker


def authenticate(client_id: str, user: str, password: str) -> bool:
    return client_id.startswith("ha.") and (user, password) == (USER, PASSWORD)


@pytest.fixture
async def gate(broker: Broker, tls: Tls) -> AsyncIterator[Gate]:
    async with Gate(broker.port, tls.server, authenticate) as gate:
        yield gate


def client(gate: Gate, tls: Tls, **changes: Any) -> aiomqtt.Client:
    settings: dict[str, Any] = {
        "identifier": CLIENT,
        "username": USER,
        "password": PASSWORD,
        "protocol": aiomqtt.ProtocolVersion.V5,
        "timeout": PATIENCE,
    }
    return aiomqtt.Client(
        "127.0.0.1",
        gate.port,
        tls_context=tls.client,
        socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        **settings | changes,
    )


async def take(client: aiomqtt.Client, count: int) -> list[tuple[int, bytes]]:
    """Return QoS and payload of the next messages."""
    async with asyncio.timeout(120):
        messages = [await anext(client.messages) for _ in range(count)]
    return [(message.qos, bytes(message.payload)) for message in messages]


class MosquittoSub:
    """The command, running."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        """Return the next line that it prints."""
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stdout.readline()).decode().strip()


@asynccontextmanager
async def mosquitto_sub(gate: Gate, tls: Tls, *arguments: str) -> AsyncIterator[MosquittoSub]:
    """Run the command, which subscribes as the integration does."""
    process = await asyncio.create_subprocess_exec(
        *(
            "stdbuf",
            "-oL",
            "mosquitto_sub",
            "-h",
            "127.0.0.1",
            "-p",
            str(gate.port),
            "--cafile",
            tls.ca_file,
        ),
        *("-i", CLIENT, "-t", "device/#", "-q", "2", "-F", "%t %p", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield MosquittoSub(process)
    finally:
        if process.returncode is None:
            # Told to end just when it was disconnected, it sometimes waits for itself forever.
            process.kill()
        await process.communicate()


async def test_mosquitto_sub_hears_what_is_published(broker: Broker, gate: Gate, tls: Tls) -> None:
    arguments = ("-V", "mqttv5", "-u", USER, "-P", PASSWORD, "-d")
    async with mosquitto_sub(gate, tls, *arguments) as command:
        while not (await command.line()).startswith("Subscribed"):
            pass
        assert gate.connections == [CLIENT]
        for qos in (0, 1, 2):
            await broker.publish("device/1/state/online", f'{{"门": {qos}}}'.encode(), qos)
            while (line := await command.line()).startswith("Client"):
                pass
            assert line == f'device/1/state/online {{"门": {qos}}}'
    await until(lambda: not gate.connections)


@pytest.mark.parametrize(
    ("arguments", "reason", "words"),
    [
        (("-V", "mqttv5", "-u", USER, "-P", "no"), 0x86, "Bad User Name or Password"),
        (("-V", "mqttv5"), 0x87, "Not authorized"),
        (("-V", "mqttv311", "-u", USER, "-P", PASSWORD), 0x84, "Connection Refused"),
    ],
    ids=["wrong password", "nothing given", "MQTT 3.1.1"],
)
async def test_mosquitto_sub_is_told_why_it_is_refused(
    gate: Gate, tls: Tls, arguments: tuple[str, ...], reason: int, words: str
) -> None:
    async with mosquitto_sub(gate, tls, *arguments) as command:
        assert words in await command.line()
        assert await command.process.wait() == reason
    assert gate.connections == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"password": "no"}, BAD_USER_NAME_OR_PASSWORD),
        ({"username": "no"}, BAD_USER_NAME_OR_PASSWORD),
        ({"identifier": "mine"}, BAD_USER_NAME_OR_PASSWORD),
        ({"username": None, "password": None}, NOT_AUTHORIZED),
    ],
)
async def test_aiomqtt_is_told_why_it_is_refused(
    gate: Gate, tls: Tls, changes: dict[str, Any], reason: int
) -> None:
    with pytest.raises(aiomqtt.MqttCodeError) as refused:
        await client(gate, tls, **changes).__aenter__()
    assert getattr(refused.value.rc, "value", None) == reason


@pytest.mark.parametrize("subscribed", [0, 1, 2])
@pytest.mark.parametrize("published", [0, 1, 2])
async def test_bursts_arrive_whole_and_in_order(
    broker: Broker, gate: Gate, tls: Tls, subscribed: int, published: int
) -> None:
    expected = [str(number).encode() for number in range(500)]
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#", subscribed)
        publishing = asyncio.gather(
            *(broker.publish("device/1", payload, published) for payload in expected)
        )
        assert [payload for _, payload in await take(subscriber, 500)] == expected
        await publishing


async def test_thousands_of_messages_at_once(broker: Broker, gate: Gate, tls: Tls) -> None:
    expected = [str(number).encode() for number in range(2000)]
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#", 2)
        publishing = asyncio.gather(
            *(broker.publish(f"device/{int(payload) % 10}", payload) for payload in expected)
        )
        received = [payload for _, payload in await take(subscriber, len(expected))]
        await publishing
    assert sorted(received, key=int) == expected
    for lock in range(10):
        assert [it for it in received if int(it) % 10 == lock] == expected[lock::10]


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_message_of_a_megabyte(broker: Broker, gate: Gate, tls: Tls, qos: int) -> None:
    payload = os.urandom(1_000_000)
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#", 2)
        await broker.publish("device/1", payload, qos)
        assert [received for _, received in await take(subscriber, 1)] == [payload]


async def test_many_clients(broker: Broker, gate: Gate, tls: Tls) -> None:
    clients = [client(gate, tls, identifier=f"ha.{number}") for number in range(200)]
    for one in clients:
        await one.__aenter__()
        await one.subscribe("device/#", 1)
    assert set(gate.connections) == {f"ha.{number}" for number in range(200)}
    await broker.publish("device/1", b"all")
    assert [await take(one, 1) for one in clients] == [[(1, b"all")]] * 200
    for one in clients:
        await one.__aexit__(None, None, None)
    await until(lambda: not gate.connections)


async def test_a_client_publishes_too(gate: Gate, tls: Tls) -> None:
    async with client(gate, tls) as one, client(gate, tls, identifier="ha.2") as other:
        await one.subscribe("device/#", 2)
        await other.publish("device/1", bytes(300_000), 2)
        assert await take(one, 1) == [(2, bytes(300_000))]


async def test_the_same_client_again_takes_over(broker: Broker, gate: Gate, tls: Tls) -> None:
    first, second = client(gate, tls), client(gate, tls)
    await first.__aenter__()
    async with second:
        with pytest.raises(aiomqtt.MqttError):
            await take(first, 1)
        await until(lambda: gate.connections == [CLIENT])
        await second.subscribe("device/#", 1)
        await broker.publish("device/1", b"still there")
        assert await take(second, 1) == [(1, b"still there")]


async def test_mosquitto_sub_is_told_that_it_is_taken_over(gate: Gate, tls: Tls) -> None:
    """By the reason of the standard (3.14.2.1)."""
    arguments = ("-V", "mqttv5", "-u", USER, "-P", PASSWORD, "-d")
    async with mosquitto_sub(gate, tls, *arguments) as command:
        while not (await command.line()).startswith("Subscribed"):
            pass
        async with client(gate, tls):
            assert await command.line() == "Received DISCONNECT (142)"  # 0x8E


async def test_cut_drops_clients_which_can_come_again(broker: Broker, gate: Gate, tls: Tls) -> None:
    dropped = client(gate, tls)
    await dropped.__aenter__()
    gate.cut()
    with pytest.raises(aiomqtt.MqttError):
        await take(dropped, 1)
    await until(lambda: not gate.connections)
    async with client(gate, tls) as back:
        await back.subscribe("device/#")
        await broker.publish("device/1", b"again")
        assert [payload for _, payload in await take(back, 1)] == [b"again"]


async def test_what_is_published_after_the_publisher_was_dropped(
    broker: Broker, gate: Gate, tls: Tls
) -> None:
    """The broker drops who is silent for long; what happens then is told all the same."""
    async with client(gate, tls) as listening:
        await listening.subscribe("lock/#", qos=1)
        for number in range(2):
            broker._gate.cut()
            while not broker._publisher._disconnected.done():
                await asyncio.sleep(0.01)
            await broker.publish("lock/said", str(number).encode())
        assert [payload for _, payload in await take(listening, 2)] == [b"0", b"1"]


async def test_a_closed_gate_lets_nobody_in(gate: Gate, tls: Tls) -> None:
    async with client(gate, tls):
        gate.open = False
        with suppress(OSError):
            async with connection(gate, tls) as (reader, writer):
                writer.write(CONNECT)
                assert await reader.read(1) == b""
        assert gate.connections == [CLIENT]
        gate.open = True
        async with client(gate, tls, identifier="ha.2"):
            assert sorted(gate.connections) == [CLIENT, "ha.2"]


async def test_a_restart_ends_connections_and_sessions(
    broker: Broker, gate: Gate, tls: Tls
) -> None:
    port = broker.port
    before = client(gate, tls)
    await before.__aenter__()
    await before.subscribe("device/#", 1)
    await broker.restart()
    with pytest.raises(aiomqtt.MqttError):
        await take(before, 1)
    assert broker.port == port
    async with client(gate, tls) as after:
        await after.subscribe("device/#", 1)
        await broker.publish("device/1", b"after")
        assert await take(after, 1) == [(1, b"after")]


@pytest.mark.parametrize("subscribed", [1, 2])
@pytest.mark.parametrize("size", [10, 113, 117, 120, 100_000])
async def test_repeated_messages_follow_with_qos_0(
    broker: Broker, gate: Gate, tls: Tls, subscribed: int, size: int
) -> None:
    """Also where a copy's length takes a byte less than the message's."""
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#", subscribed)
        for repeat in (0, 2, 1, 0):
            gate.repeat = repeat
            payload = os.urandom(size)
            await broker.publish("device/1", payload, subscribed)
            assert await take(subscriber, 1 + repeat) == [
                (subscribed, payload),
                *[(0, payload)] * repeat,
            ]


async def test_repeated_messages_keep_their_order(broker: Broker, gate: Gate, tls: Tls) -> None:
    gate.repeat = 1
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#", 2)
        publishing = asyncio.gather(
            *(broker.publish("device/1", str(number).encode(), 2) for number in range(300))
        )
        received = await take(subscriber, 600)
        await publishing
    assert received == [(qos, str(number).encode()) for number in range(300) for qos in (2, 0)]


async def test_delayed_messages_come_later_and_in_order(
    broker: Broker, gate: Gate, tls: Tls
) -> None:
    loop = asyncio.get_running_loop()
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#")
        gate.delay = 0.3
        started = loop.time()
        await broker.publish("device/1", b"first")
        await asyncio.sleep(0.05)
        gate.delay = 0.1
        await broker.publish("device/1", b"second")
        gate.delay = 0.0
        await broker.publish("device/1", b"third")
        received = [payload for _, payload in await take(subscriber, 3)]
    assert received == [b"first", b"second", b"third"]
    assert loop.time() - started >= 0.3


async def test_a_cut_drops_what_is_delayed(broker: Broker, gate: Gate, tls: Tls) -> None:
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#")
        gate.delay = 60
        await broker.publish("device/1", b"never")
        gate.cut()
        with pytest.raises(aiomqtt.MqttError):
            await take(subscriber, 1)


async def test_a_will_with_properties_passes_through(broker: Broker, gate: Gate, tls: Tls) -> None:
    """What stands in CONNECT between client id and user name is read over, and kept."""
    connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    will = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    connect.SessionExpiryInterval = 0
    connect.UserProperty = [("a", "b" * 200)]
    will.ContentType = "text/plain"
    async with client(gate, tls) as subscriber:
        await subscriber.subscribe("device/#", 1)
        dying = client(
            gate,
            tls,
            identifier="ha.dying",
            properties=connect,
            will=aiomqtt.Will("device/will", b"gone" * 50, 1, properties=will),
        )
        await dying.__aenter__()
        dying._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
        assert await take(subscriber, 1) == [(1, b"gone" * 50)]
    with pytest.raises(aiomqtt.MqttError):
        await take(dying, 1)


@asynccontextmanager
async def connection(
    gate: Gate, tls: Tls
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect with TLS, and no MQTT yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port, ssl=tls.client)
    try:
        yield reader, writer
    finally:
        writer.close()


def everybody(client_id: str, user: str, password: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("packet", "answer"),
    [
        pytest.param(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 0x84, id="MQTT 3.1.1"),
        pytest.param(b"\x10\x0e\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00", 0x84, id="MQTT 3.1"),
        pytest.param(b"\xc0\x00", 0x82, id="not a CONNECT"),
        pytest.param(b"\x10\xff\xff\xff\xff", 0x81, id="no length"),
        pytest.param(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x09", 0x81, id="too short"),
        pytest.param(CONNECT[:-2] + b"\x01\xff", 0x81, id="no UTF-8"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n" + bytes(80), 0x82, id="HTTP"),
    ],
)
async def test_what_is_no_connect_of_mqtt_5_is_refused(
    tls: Tls, socket_enabled: None, packet: bytes, answer: int
) -> None:
    async with Gate(1, tls.server, everybody) as gate, connection(gate, tls) as (reader, writer):
        writer.write(packet)
        assert await reader.read() == bytes((0x20, 3, 0, answer, 0))


async def test_without_a_broker_the_server_is_unavailable(tls: Tls, socket_enabled: None) -> None:
    async with Gate(1, tls.server, everybody) as gate, connection(gate, tls) as (reader, writer):
        writer.write(CONNECT)
        assert await reader.read() == b"\x20\x03\x00\x88\x00"


@pytest.mark.parametrize("repeat", [0, 2])
async def test_packets_may_come_in_pieces(tls: Tls, socket_enabled: None, repeat: int) -> None:
    """In both directions, down to single bytes, and with what follows in the same piece."""
    publish = b"\x32\x0b\x00\x03a/b\x12\x34\x00xyz"
    copy = b"\x30\x09\x00\x03a/b\x00xyz"
    retained = b"\x31\x07\x00\x03a/b\x00x"
    pong = b"\xd0\x00"
    ping = b"\xc0\x00"
    received = bytearray()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readexactly(len(CONNECT + ping)))
        for byte in CONNACK + publish + pong + retained:
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0.002)
        writer.write(publish + pong)
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Gate(port, tls.server, everybody) as gate:
        gate.repeat = repeat
        async with connection(gate, tls) as (reader, writer):
            for byte in CONNECT[:-1]:
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.002)
            writer.write(CONNECT[-1:] + ping)
            answer = await reader.read()
    assert bytes(received) == CONNECT + ping
    assert answer == b"".join(
        (
            *(CONNACK, publish, copy * repeat, pong, retained, retained * repeat),
            *(publish, copy * repeat, pong),
        )
    )


async def test_the_newer_client_is_let_in_when_the_older_has_left_the_broker(
    tls: Tls, socket_enabled: None
) -> None:
    """Rumqttd drops the newer one where the connection of the older ends after it came."""
    seen = []
    leave = asyncio.Event()

    async def upstream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append("came")
        await reader.readexactly(len(CONNECT))
        writer.write(CONNACK)
        await reader.read()
        seen.append("told to leave")
        await leave.wait()
        seen.append("left")
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        Gate(port, tls.server, everybody) as gate,
        connection(gate, tls) as (older, to_older),
        connection(gate, tls) as (newer, to_newer),
    ):
        to_older.write(CONNECT)
        assert await older.readexactly(len(CONNACK)) == CONNACK
        to_newer.write(CONNECT)
        assert await older.read() == b"\xe0\x02\x8e\x00"  # DISCONNECT, session taken over
        await until(lambda: len(seen) > 1)
        leave.set()
        assert await newer.readexactly(len(CONNACK)) == CONNACK
        assert seen == ["came", "told to leave", "left", "came"]


KILLED = """
import asyncio, os, pathlib, sys
from simulator.broker import Broker
async def main():
    async with Broker(sys.argv[1], pathlib.Path(sys.argv[2])) as broker:
        print(broker.port, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["rumqttd", "mosquitto"])
async def test_the_broker_ends_with_a_killed_simulator(
    tmp_path: Path, socket_enabled: None, kind: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, kind, str(tmp_path)),
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    port = int(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    await process.communicate()

    def gone() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    await until(gone)


async def test_a_broker_that_does_not_start_says_why(tmp_path: Path, socket_enabled: None) -> None:
    broker = Broker("mosquitto", tmp_path)
    (tmp_path / "mosquitto.conf").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(RuntimeError, match="nonsense"):
        await broker.__aenter__()
