"""A tap between gate and broker that sees which messages reached Home Assistant.

A client acknowledges a message after it was handed over: acknowledged messages did arrive.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from simulator.packets import PUBLISH, Reader, body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PUBACK: Final = 4
_QOS: Final = 0x06
_CHUNK: Final = 65536


class MqttTap:
    """A proxy that passes on the payload of each message sent or acknowledged to callbacks."""

    def __init__(
        self, broker_port: int, *, sent: Callable[[bytes], None], taken: Callable[[bytes], None]
    ) -> None:
        """Prepare. Only messages of QoS 1 are handled: the simulator publishes with QoS 1."""
        self.port = 0
        self._broker_port = broker_port
        self._sent = sent
        self._taken = taken

    async def __aenter__(self) -> Self:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening, and close the connections of clients."""
        self._server.close()
        self._server.close_clients()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            broker, to_broker = await asyncio.open_connection("127.0.0.1", self._broker_port)
        except OSError:
            to_client.close()
            return
        sent: dict[bytes, bytes] = {}
        ways = [
            asyncio.create_task(self._down(broker, to_client, sent)),
            asyncio.create_task(self._up(client, to_broker, sent)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way, writer in zip(ways, (to_client, to_broker), strict=True):
                way.cancel()
                writer.close()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _down(
        self, broker: asyncio.StreamReader, client: asyncio.StreamWriter, sent: dict[bytes, bytes]
    ) -> None:
        async for packet, start in _packets(broker):
            if packet[0] >> 4 == PUBLISH and packet[0] & _QOS:
                reader = Reader(packet, start)
                reader.text()  # topic
                identifier = reader.take(2)
                reader.properties()
                sent[identifier] = packet[reader.position :]
                self._sent(sent[identifier])
            client.write(packet)
            await client.drain()

    async def _up(
        self, client: asyncio.StreamReader, broker: asyncio.StreamWriter, sent: dict[bytes, bytes]
    ) -> None:
        async for packet, start in _packets(client):
            if packet[0] >> 4 == PUBACK:
                self._taken(sent.pop(packet[start : start + 2]))
            broker.write(packet)
            await broker.drain()


async def _packets(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, int]]:
    """Yield each packet, and the position of its body."""
    received = bytearray()
    while data := await reader.read(_CHUNK):
        received += data
        while (span := body(received)) and span[1] <= len(received):
            yield bytes(received[: span[1]]), span[0]
            del received[: span[1]]
