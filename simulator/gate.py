"""The gate before the MQTT broker: ends TLS, checks credentials, and can disturb connections.

Reason: rumqttd drops clients with wrong credentials without an answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from socket import IPPROTO_TCP, TCP_QUICKACK
from typing import TYPE_CHECKING, Self, cast

from .packets import (
    SESSION_TAKEN_OVER,
    Credentials,
    Reason,
    RefusedError,
    Repeater,
    body,
    credentials,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


class _Side(asyncio.Protocol):
    """One of the two connections of a client: to the gate, and from the gate to the broker.

    asyncio sets TCP_NODELAY on both.
    """

    transport: asyncio.Transport
    other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        if self.other:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other:
            self.other.transport.resume_reading()


class _Broker(_Side):
    """The connection from the gate to the broker."""

    def __init__(self, client: _Client) -> None:
        self.other: _Client = client

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.other.transport.close()
        self.other.gone.set()

    def data_received(self, data: bytes) -> None:
        # rumqttd leaves Nagle's algorithm on: it sends no more until this data is acknowledged.
        # The kernel does not keep the option: it only stops delaying the current acknowledgment.
        self.transport.get_extra_info("socket").setsockopt(IPPROTO_TCP, TCP_QUICKACK, 1)
        self.other.deliver(data)


class _Client(_Side):
    """The connection from a client to the gate."""

    def __init__(self, gate: Gate) -> None:
        self.id = ""
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._received = bytearray()
        self._opening: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()
        self._repeater = Repeater()
        self._waiting: deque[tuple[float, list[bytes]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._gate.open:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._gate.clients.discard(self)
        self._leave()
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
            if (span := body(self._received)) is None or len(self._received) < span[1]:
                return
            who = credentials(self._received[: span[1]])
            if self._gate.silent:
                return
            self._check(who)
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
        self.end(reason.connack)

    async def _open(self) -> None:
        # rumqttd drops the older of two clients with the same id without a packet, and the newer
        # too if it connects before the older's connection has ended.
        while (older := self._gate.latest.get(self.id)) and not older.gone.is_set():
            older.end(SESSION_TAKEN_OVER)
            await older.gone.wait()
        self._gate.latest[self.id] = self
        try:
            _, broker = await self._loop.create_connection(
                lambda: _Broker(self), "127.0.0.1", self._gate.upstream_port
            )
        except OSError:
            self._refuse(Reason.SERVER_UNAVAILABLE)
            return
        if self.transport.is_closing():
            broker.transport.abort()
            return
        broker.transport.write(bytes(self._received))
        self.other = broker
        self._gate.clients.add(self)

    def end(self, last: bytes) -> None:
        """End the connection with a last packet."""
        if not self.transport.is_closing():
            self.transport.write(last)
            self.transport.close()
        self._leave()

    def _leave(self) -> None:
        """End the data to the broker; it then closes its connection, and ``gone`` is set."""
        if not self.other:
            self.gone.set()
            return
        self.other.transport.resume_reading()
        self.other.transport.write_eof()

    def deliver(self, data: bytes) -> None:
        """Send data of the broker to the client, with the gate's copies and delay.

        Each packet is a TLS record, as from a broker that ends TLS itself: a client may take only
        one packet of each record, as Home Assistant's ``mqtt`` does.
        """
        if self.transport.is_closing():
            return
        packets = self._repeater.feed(data, self._gate.repeat)
        if not self._gate.delay and not self._waiting:
            self.transport.writelines(packets)
            return
        self._waiting.append((self._loop.time() + self._gate.delay, packets))
        if len(self._waiting) == 1:
            self._wait()

    def _wait(self) -> None:
        self._timer = self._loop.call_at(self._waiting[0][0], self._send)

    def _send(self) -> None:
        _, packets = self._waiting.popleft()
        self.transport.writelines(packets)
        if self._waiting:
            self._wait()


class Gate:
    """The server to which clients connect instead of the broker."""

    def __init__(
        self,
        upstream_port: int,
        ssl_context: ssl.SSLContext | None,
        authenticate: Callable[[str, str, str], bool],
        port: int = 0,
        address: str = "127.0.0.1",
    ) -> None:
        """Prepare. ``authenticate`` gets client id, user name and password."""
        self._address = address
        self.upstream_port = upstream_port
        self.authenticate = authenticate
        self.port = port
        self.open = True
        """Whether new connections are accepted; if not, they are closed at once."""
        self.silent = False
        """Whether a CONNECT gets no answer."""
        self.delay = 0.0
        """How long data of the broker is held back, in seconds."""
        self.repeat = 0
        """How many copies, with QoS 0, follow each message of the broker."""
        self.clients: set[_Client] = set()
        self.latest: dict[str, _Client] = {}
        """The last client with each client id; its connection to the broker may have ended."""
        self._ssl_context = ssl_context

    async def __aenter__(self) -> Self:
        """Listen on loopback."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Client(self),
            self._address,
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

    async def move(self, port: int) -> None:
        """Move to another port, 0 for a free one. The old port is free for another server."""
        await self.__aexit__()
        self.port = port
        await self.__aenter__()

    @property
    def connections(self) -> list[str]:
        """The ids of the clients that are connected."""
        return [client.id for client in self.clients]

    def cut(self) -> None:
        """Drop all connections now."""
        self._server.abort_clients()
