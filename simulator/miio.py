"""A device on the local network: miIO over UDP, with packets made by python-miio."""

from __future__ import annotations

import asyncio
import random
import struct
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self, cast

from miio.protocol import Message

if TYPE_CHECKING:
    from collections.abc import Callable

PORT: Final = 54321

# How far the stamp of a request may be ahead of the device's uptime, in seconds.
_AHEAD: Final = 5
_UPTIME: Final = 3600
"""The uptime of a device when the simulation starts, in seconds."""

# A packet without payload. Only magic and length matter; all other bits are ones.
_HELLO: Final = struct.pack(">HH", 0x2131, 32) + b"\xff" * 28


class MiioError(Exception):
    """The device answers a request with an error."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the error code and message of the answer."""
        super().__init__(message)
        self.code = code
        self.message = message


class MiioServer(asyncio.DatagramProtocol):
    """A device at an address. It does not answer requests made without its token."""

    def __init__(
        self,
        host: str,
        did: int,
        token: bytes,
        handle: Callable[[str, object], object],
        awake: Callable[[], bool],
    ) -> None:
        """Prepare. ``handle`` gets a method and its parameters, and returns the result.

        It may raise MiioError. Nothing is answered while ``awake`` returns False.
        """
        self._host = host
        self._did = did.to_bytes(4)
        self._token = token
        self._handle = handle
        self._awake = awake
        self.loss = 0.0
        """The share of packets that is lost, from 0 to 1; applies to requests and to answers."""
        self.stray: Callable[[bytes], bytes | None] = lambda _request: None
        """Returns a packet to send just before the answer to a request, None for no such packet."""
        self.held: list[tuple[bytes, tuple[str | Any, int]]] | None = None
        """The packets held back by a slow network, with their senders; None if it is not slow."""
        self.send: Callable[[bytes, tuple[str | Any, int]], None] = self._send
        """Sends a packet to an address; a network with faults takes its place."""
        self._random = random.Random(did)  # noqa: S311
        self._started = time.monotonic() - _UPTIME
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Listen at the device's address."""
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(self._host, PORT)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the socket, and wait until the address is free."""
        self._transport.close()
        await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for answers."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Signal that the address is free again."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a packet, hold it back, or ignore it as the device does."""
        if self.held is not None:
            self.held.append((data, addr))
            return
        if not self._awake() or self._is_lost():
            return
        answer = self._greeting() if data == _HELLO else self._answer(data)
        if stray := self.stray(data):
            self.send(stray, addr)
        if answer and not self._is_lost():
            self.send(answer, addr)

    def _send(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        if not self._closed.is_set():
            self._transport.sendto(data, addr)

    def let_go(self) -> None:
        """Deliver the packets that were held back, and hold back no more."""
        held, self.held = self.held or [], None
        for data, addr in held:
            self.datagram_received(data, addr)

    def restart(self) -> None:
        """Restart the device: the stamp counts from zero."""
        self._started = time.monotonic()

    def _is_lost(self) -> bool:
        return self._random.random() < self.loss

    @property
    def _stamp(self) -> int:
        """The uptime of the device, in seconds."""
        return int(time.monotonic() - self._started)

    def _greeting(self) -> bytes:
        """Return the answer to a hello: the device's did and stamp, but not its token."""
        return struct.pack(">HHI4sI16s", 0x2131, 32, 0, self._did, self._stamp, b"\xff" * 16)

    def _answer(self, data: bytes) -> bytes | None:
        try:
            packet = Message.parse(data, token=self._token)
        except Exception:  # noqa: BLE001, python-miio raises many errors for bad packets
            return None
        if packet.header.value.ts.replace(tzinfo=UTC).timestamp() > self._stamp + _AHEAD:
            return None
        request = packet.data.value
        match request:
            case {"id": int(message_id), "method": str(method), **rest}:
                return self._packet({"id": message_id} | self._outcome(method, rest.get("params")))
        return None

    def _outcome(self, method: str, params: object) -> dict[str, object]:
        try:
            return {"result": self._handle(method, params)}
        except MiioError as error:
            return {"error": {"code": error.code, "message": error.message}}

    def _packet(self, answer: dict[str, object]) -> bytes:
        header = {
            "length": 0,
            "unknown": 0,
            "device_id": self._did,
            "ts": datetime.fromtimestamp(self._stamp, UTC),
        }
        message = {"data": {"value": answer}, "header": {"value": header}, "checksum": 0}
        packet: bytes = Message.build(message, token=self._token)
        return packet
