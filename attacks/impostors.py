"""Servers of somebody who stands between Home Assistant and Xiaomi's services."""

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
"""Where Xiaomi's names lead to."""
PLAIN_HTTP: Final = 80
AT_ONCE: Final = 64 * 1024  # bytes
TLS: Final = b"\x16\x03"
"""How the first bytes of a client begin that speaks TLS."""


@asynccontextmanager
async def listening(meet: Meet, port: int, host: str = HERE) -> AsyncIterator[None]:
    """Meet whoever connects to a port; all connections end with that."""
    server = await asyncio.start_server(meet, host, port)
    try:
        yield
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


@asynccontextmanager
async def in_the_place_of(service: Cloud | Gate, meet: Meet) -> AsyncIterator[None]:
    """Meet whoever wants to go to a service, which is at another port meanwhile."""
    port = service.port
    await service.move(0)
    try:
        async with listening(meet, port):
            yield
    finally:
        await service.move(port)


class Relay:
    """Passes on what goes to a service, but nothing before it is let go."""

    def __init__(self, service: Cloud | Gate) -> None:
        """Hold everything back from now on."""
        self.waiting = 0
        """How many connections came so far."""
        self._service = service
        self._go = asyncio.Event()

    def let_go(self) -> None:
        """Hold nothing back anymore."""
        self._go.set()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Have somebody wait, then speak to the service."""
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
    """Pretends to be another server, and keeps what it is told."""

    def __init__(self, tls: ssl.SSLContext | None = None, answer: bytes = b"") -> None:
        """Prepare; without TLS it speaks plain text."""
        self.tls = tls
        self.visits = 0
        self.present = 0
        """How many visitors are there just now."""
        self._answer = answer
        self._told: list[bytes] = []

    @property
    def told(self) -> list[bytes]:
        """What was told by who did not stop at the first words of TLS."""
        return [told for told in self._told if told and not told.startswith(TLS)]

    def forget(self) -> None:
        """Count and keep what comes from now on."""
        self.visits = 0
        self._told.clear()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Listen to what a visitor says first, answer, and end the connection."""
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
