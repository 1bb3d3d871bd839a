"""The gate before the MQTT broker: ends TLS, checks who comes, and can disturb the connection.

It is there because rumqttd drops who gives wrong credentials without a word. Packets are those of
the OASIS standard "MQTT Version 5.0", whose sections are named.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from socket import IPPROTO_TCP, TCP_QUICKACK
from typing import TYPE_CHECKING, Final, Self, cast

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

CONNECT: Final = 1
PUBLISH: Final = 3
PUBREL: Final = 6
VERSION: Final = 5

_WILL: Final = 0x04
_PASSWORD: Final = 0x40
_USER: Final = 0x80
_RETAIN: Final = 0x01
_QOS: Final = 0x06
_QOS_2: Final = 0x04


class Reason(IntEnum):
    """Why a connection is refused (3.2.2.2)."""

    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88

    @property
    def connack(self) -> bytes:
        """The CONNACK that says so: no session, no properties."""
        return bytes((0x20, 3, 0, self, 0))


class RefusedError(Exception):
    """A client does not come in."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason."""
        super().__init__(reason.name)
        self.reason = reason


class _Reader:
    """Reads the data types of MQTT (1.5); refuses a packet that ends too early."""

    def __init__(self, data: bytes | bytearray, position: int = 0) -> None:
        self.data = data
        self.position = position

    def take(self, count: int) -> bytes:
        taken = bytes(self.data[self.position : self.position + count])
        if len(taken) < count:
            raise RefusedError(Reason.MALFORMED_PACKET)
        self.position += count
        return taken

    def integer(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def variable(self) -> int:
        value = 0
        for shift in range(0, 28, 7):
            byte = self.integer(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise RefusedError(Reason.MALFORMED_PACKET)

    def binary(self) -> bytes:
        return self.take(self.integer(2))

    def text(self) -> str:
        try:
            return self.binary().decode()
        except UnicodeDecodeError:
            raise RefusedError(Reason.MALFORMED_PACKET) from None

    def properties(self) -> None:
        """Pass over them."""
        self.take(self.variable())


def _variable(value: int) -> bytes:
    """Encode a variable byte integer (1.5.5)."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def _body(data: bytes | bytearray) -> tuple[int, int] | None:
    """Return where the first packet's body starts and ends, None while its header is incomplete.

    Raises RefusedError where the length is none (2.1.4).
    """
    if len(data) < 2 or (len(data) < 5 and all(byte > 0x7F for byte in data[1:])):
        return None
    reader = _Reader(data, 1)
    length = reader.variable()
    return reader.position, reader.position + length


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client says it is; a user name or password that it does not give is empty."""

    client_id: str
    user: str
    password: str


def credentials(packet: bytes | bytearray) -> Credentials:
    """Return what a CONNECT says (3.1). Raises RefusedError where it is none of MQTT 5."""
    if packet[0] != CONNECT << 4:
        raise RefusedError(Reason.PROTOCOL_ERROR)
    reader = _Reader(packet, 1)
    reader.variable()
    if reader.text() != "MQTT" or reader.integer(1) != VERSION:
        raise RefusedError(Reason.UNSUPPORTED_PROTOCOL_VERSION)
    flags = reader.integer(1)
    reader.integer(2)  # keep-alive
    reader.properties()
    client_id = reader.text()
    if flags & _WILL:
        reader.properties()
        reader.text()
        reader.binary()
    user = reader.text() if flags & _USER else ""
    password = reader.text() if flags & _PASSWORD else ""
    return Credentials(client_id, user, password)


def _copy(packet: bytes, body: int) -> tuple[bytes, bytes]:
    """Return a PUBLISH (3.3) as one of QoS 0, which needs no answer, and the identifier it had."""
    reader = _Reader(packet, body)
    reader.binary()  # topic
    topic = packet[body : reader.position]
    identifier = reader.take(2) if packet[0] & _QOS else b""
    rest = topic + packet[reader.position :]
    header = bytes((PUBLISH << 4 | packet[0] & _RETAIN,)) + _variable(len(rest))
    return header + rest, identifier


class _Repeater:
    """Follows the packets of a stream, so that copies can be put in between at any time.

    A copy follows what delivers the message: PUBLISH, or with QoS 2 PUBREL.
    """

    def __init__(self) -> None:
        self._packet = bytearray()
        self._unreleased: dict[bytes, bytes] = {}

    def feed(self, data: bytes, times: int) -> bytes:
        """Return the bytes with every message that they deliver repeated a number of times."""
        passed = len(self._packet)
        self._packet += data
        out = []
        while (body := _body(self._packet)) and body[1] <= len(self._packet):
            packet = bytes(self._packet[: body[1]])
            del self._packet[: body[1]]
            out += [packet[passed:], self._copies(packet, body[0], times)]
            passed = 0
        return b"".join((*out, self._packet[passed:]))

    def _copies(self, packet: bytes, body: int, times: int) -> bytes:
        kind = packet[0] >> 4
        if kind == PUBREL:
            return self._unreleased.pop(packet[body : body + 2], b"")
        if kind != PUBLISH or not times:
            return b""
        copy, identifier = _copy(packet, body)
        if packet[0] & _QOS != _QOS_2:
            return copy * times
        self._unreleased[identifier] = copy * times
        return b""


class _Side(asyncio.Protocol):
    """One of the two connections of a client: to us, and from us to the broker.

    asyncio sets TCP_NODELAY on both.
    """

    transport: asyncio.Transport
    other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if self.other:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other:
            self.other.transport.resume_reading()


class _Broker(_Side):
    """The side of the broker."""

    def __init__(self, client: _Client) -> None:
        self.other: _Client = client

    def data_received(self, data: bytes) -> None:
        # rumqttd leaves Nagle's algorithm on: it sends no more until this has been acknowledged.
        # The kernel keeps no such setting, it only stops delaying now.
        self.transport.get_extra_info("socket").setsockopt(IPPROTO_TCP, TCP_QUICKACK, 1)
        self.other.deliver(data)


class _Client(_Side):
    """The side of the client."""

    def __init__(self, gate: Gate) -> None:
        self.id = ""
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._opening: asyncio.Task[None] | None = None
        self._repeater = _Repeater()
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._gate.open:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._gate.clients.discard(self)
        for pending in (self._opening, self._timer):
            if pending:
                pending.cancel()

    def data_received(self, data: bytes) -> None:
        if self.other:
            self.other.transport.write(data)
            return
        self._received += data
        if self._opening:
            return
        try:
            if (body := _body(self._received)) is None or len(self._received) < body[1]:
                return
            self._check(credentials(self._received[: body[1]]))
        except RefusedError as refused:
            self._refuse(refused.reason)
        else:
            self._opening = self._loop.create_task(self._open())

    def _check(self, who: Credentials) -> None:
        if not self._gate.authenticate(who.client_id, who.user, who.password):
            given = who.user or who.password
            raise RefusedError(Reason.BAD_USER_NAME_OR_PASSWORD if given else Reason.NOT_AUTHORIZED)
        self.id = who.client_id

    def _refuse(self, reason: Reason) -> None:
        self.transport.write(reason.connack)
        self.transport.close()

    async def _open(self) -> None:
        try:
            _, broker = await self._loop.create_connection(
                lambda: _Broker(self), "127.0.0.1", self._gate.upstream_port
            )
        except OSError:
            self._refuse(Reason.SERVER_UNAVAILABLE)
            return
        broker.transport.write(bytes(self._received))
        self.other = broker
        self._gate.clients.add(self)

    def deliver(self, data: bytes) -> None:
        """Send what the broker says, with its copies, and after its delay."""
        data = self._repeater.feed(data, self._gate.repeat)
        if not self._gate.delay and not self._waiting:
            self.transport.write(data)
            return
        self._waiting.append((self._loop.time() + self._gate.delay, data))
        if len(self._waiting) == 1:
            self._wait()

    def _wait(self) -> None:
        self._timer = self._loop.call_at(self._waiting[0][0], self._send)

    def _send(self) -> None:
        _, data = self._waiting.popleft()
        self.transport.write(data)
        if self._waiting:
            self._wait()


class Gate:
    """Where clients connect instead of at the broker."""

    def __init__(
        self,
        upstream_port: int,
        ssl_context: ssl.SSLContext | None,
        authenticate: Callable[[str, str, str], bool],
        port: int = 0,
    ) -> None:
        """Prepare; ``authenticate`` is asked with client id, user name and password."""
        self.upstream_port = upstream_port
        self.authenticate = authenticate
        self.port = port
        self.open = True
        """Whether new connections are let in, or closed at once."""
        self.delay = 0.0
        """How long what the broker sends is held back, in seconds."""
        self.repeat = 0
        """How many more times each message that the broker delivers arrives, with QoS 0."""
        self.clients: set[_Client] = set()
        self._ssl_context = ssl_context

    async def __aenter__(self) -> Self:
        """Listen on loopback."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Client(self),
            "127.0.0.1",
            self.port,
            ssl=self._ssl_context,
            backlog=1024,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    @property
    def connections(self) -> list[str]:
        """The ids of the clients that are connected."""
        return [client.id for client in self.clients]

    def cut(self) -> None:
        """Drop all connections now."""
        self._server.abort_clients()
