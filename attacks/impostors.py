"""Servers of an attacker between Home Assistant and Xiaomi's services."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from simulator.cloud import Cloud
    from simulator.gate import Gate

    type Meet = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HERE: Final = "127.0.0.1"
"""The address to which Xiaomi's names resolve."""
PLAIN_HTTP: Final = 80
AT_ONCE: Final = 64 * 1024  # bytes
TLS: Final = b"\x16\x03"
"""The first bytes of a client that speaks TLS."""


@asynccontextmanager
async def listening(meet: Meet, port: int, host: str = HERE) -> AsyncIterator[None]:
    """Handle all connections to a port with ``meet``, and close them on exit."""
    server = await asyncio.start_server(meet, host, port)
    try:
        yield
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


@asynccontextmanager
async def in_the_place_of(service: Cloud | Gate, meet: Meet) -> AsyncIterator[None]:
    """Handle all connections to a service with ``meet``; the service has another port meanwhile."""
    port = service.port
    await service.move(0)
    try:
        async with listening(meet, port):
            yield
    finally:
        await service.move(port)


class Relay:
    """A relay that holds connections to a service until ``let_go`` is called."""

    def __init__(self, service: Cloud | Gate) -> None:
        """Prepare to hold all connections."""
        self.waiting = 0
        """The number of connections so far."""
        self._service = service
        self._go = asyncio.Event()

    def let_go(self) -> None:
        """Forward all connections, waiting and new ones."""
        self._go.set()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold a connection until ``let_go`` is called, then forward it to the service."""
        self.waiting += 1
        await self._go.wait()
        there = await asyncio.open_connection(HERE, self._service.port)
        await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while said := await reader.read(AT_ONCE):
            writer.write(said)
            await writer.drain()
    writer.close()


class Stranger:
    """A server that impersonates another, and stores what clients send."""

    def __init__(self, tls: ssl.SSLContext | None = None, answer: bytes = b"") -> None:
        """Prepare. Without TLS, speak plain text."""
        self.tls = tls
        self.visits = 0
        self.present = 0
        """The number of open connections."""
        self._answer = answer
        self._told: list[bytes] = []

    @property
    def told(self) -> list[bytes]:
        """What clients sent, except empty messages and those that begin with a TLS handshake."""
        return [told for told in self._told if told and not told.startswith(TLS)]

    def forget(self) -> None:
        """Reset the visit count and the stored messages."""
        self.visits = 0
        self._told.clear()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Store the first message of a client, send the answer, and close the connection."""
        self.visits += 1
        self.present += 1
        connection = writer.transport
        try:
            if self.tls:
                await writer.start_tls(self.tls)
            self._told.append(await reader.read(AT_ONCE))
            writer.write(self._answer)
            await writer.drain()
        except OSError:
            connection.abort()
        finally:
            self.present -= 1
            writer.close()
