"""A device on the local network: miIO over UDP, with python-miio's own packets."""

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

# A request is for the time since the device started. How far it may seem to be ahead, in seconds
_AHEAD: Final = 5
_UPTIME: Final = 3600
"""How long a device has been running when the simulation starts, in seconds."""

# A packet without payload, of which only magic and length count; the rest is ones.
_HELLO: Final = struct.pack(">HH", 0x2131, 32) + b"\xff" * 28


class MiioError(Exception):
    """The device answers a request with an error."""

    def __init__(self, code: int, message: str) -> None:
        """Keep what the answer says."""
        super().__init__(message)
        self.code = code
        self.message = message


class MiioServer(asyncio.DatagramProtocol):
    """One device at one address; it says nothing to who does not know its token."""

    def __init__(
        self,
        host: str,
        did: int,
        token: bytes,
        handle: Callable[[str, object], object],
        awake: Callable[[], bool],
    ) -> None:
        """Prepare; ``handle`` returns the result of a method with its parameters.

        It may raise MiioError. While ``awake`` says no, nothing is answered.
        """
        self._host = host
        self._did = did.to_bytes(4)
        self._token = token
        self._handle = handle
        self._awake = awake
        self.loss = 0.0
        """Which share of the packets is lost, of requests as of answers."""
        self.stray: Callable[[bytes], bytes | None] = lambda _request: None
        """What else arrives just before the answer to a packet, where something does."""
        self.held: list[tuple[bytes, tuple[str | Any, int]]] | None = None
        """The packets that wait, where the way to the device is slow."""
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
        """Give the address back."""
        self._transport.close()
        await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are sent with."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell that the address is free again."""
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a packet, or stay silent as the device does."""
        if self.held is not None:
            self.held.append((data, addr))
            return
        if not self._awake() or self._is_lost():
            return
        answer = self._greeting() if data == _HELLO else self._answer(data)
        if stray := self.stray(data):
            self._transport.sendto(stray, addr)
        if answer and not self._is_lost():
            self._transport.sendto(answer, addr)

    def let_go(self) -> None:
        """Have the packets that wait arrive."""
        held, self.held = self.held or [], None
        for data, addr in held:
            self.datagram_received(data, addr)

    def restart(self) -> None:
        """Start again: the stamp counts from zero."""
        self._started = time.monotonic()

    def _is_lost(self) -> bool:
        return self._random.random() < self.loss

    @property
    def _stamp(self) -> int:
        """The seconds since the device started."""
        return int(time.monotonic() - self._started)

    def _greeting(self) -> bytes:
        """Return the answer to a hello: who we are and our stamp, but not our token."""
        return struct.pack(">HHI4sI16s", 0x2131, 32, 0, self._did, self._stamp, b"\xff" * 16)

    def _answer(self, data: bytes) -> bytes | None:
        try:
            packet = Message.parse(data, token=self._token)
        except Exception:  # noqa: BLE001, whatever a packet leads to in python-miio
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
