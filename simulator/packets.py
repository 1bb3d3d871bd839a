"""The MQTT packets that the gate reads and writes.

Numbers in parentheses are sections of the OASIS standard "MQTT Version 5.0".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

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
    """The reason for refusing a connection (3.2.2.2)."""

    MALFORMED_PACKET = 0x81
    PROTOCOL_ERROR = 0x82
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    BAD_USER_NAME_OR_PASSWORD = 0x86
    NOT_AUTHORIZED = 0x87
    SERVER_UNAVAILABLE = 0x88

    @property
    def connack(self) -> bytes:
        """The CONNACK with this reason, without session and properties."""
        return bytes((0x20, 3, 0, self, 0))


# A DISCONNECT with the reason (3.14.2.1) that the same client id connected again.
SESSION_TAKEN_OVER: Final = bytes((0xE0, 2, 0x8E, 0))


class RefusedError(Exception):
    """The connection of a client is refused."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason."""
        super().__init__(reason.name)
        self.reason = reason


class Reader:
    """A reader of MQTT's data types (1.5).

    Raises RefusedError if the packet ends too early or is malformed.
    """

    def __init__(self, data: bytes | bytearray, position: int = 0) -> None:
        self.data = data
        self.position = position

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes."""
        taken = bytes(self.data[self.position : self.position + count])
        if len(taken) < count:
            raise RefusedError(Reason.MALFORMED_PACKET)
        self.position += count
        return taken

    def integer(self, size: int) -> int:
        """Return an integer of ``size`` bytes (1.5.2, 1.5.3)."""
        return int.from_bytes(self.take(size))

    def variable(self) -> int:
        """Return a variable byte integer (1.5.5)."""
        value = 0
        for shift in range(0, 28, 7):
            byte = self.integer(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise RefusedError(Reason.MALFORMED_PACKET)

    def binary(self) -> bytes:
        """Return binary data (1.5.6)."""
        return self.take(self.integer(2))

    def text(self) -> str:
        """Return a string (1.5.4)."""
        try:
            return self.binary().decode()
        except UnicodeDecodeError:
            raise RefusedError(Reason.MALFORMED_PACKET) from None

    def properties(self) -> None:
        """Skip the properties."""
        self.take(self.variable())


def _variable(value: int) -> bytes:
    """Encode a variable byte integer (1.5.5)."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def body(data: bytes | bytearray) -> tuple[int, int] | None:
    """Return where the first packet's body starts and ends, None while its header is incomplete.

    Raises RefusedError if the length is invalid (2.1.4).
    """
    if len(data) < 2 or (len(data) < 5 and all(byte > 0x7F for byte in data[1:])):
        return None
    reader = Reader(data, 1)
    length = reader.variable()
    return reader.position, reader.position + length


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a client; a user name or password that it does not send is empty."""

    client_id: str
    user: str
    password: str


def credentials(packet: bytes | bytearray) -> Credentials:
    """Return the credentials of a CONNECT (3.1).

    Raises RefusedError if it is not a CONNECT of MQTT 5.
    """
    if packet[0] != CONNECT << 4:
        raise RefusedError(Reason.PROTOCOL_ERROR)
    reader = Reader(packet, 1)
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


def _copy(packet: bytes, start: int) -> tuple[bytes, bytes]:
    """Return a PUBLISH (3.3) changed to QoS 0, which needs no answer, and its packet identifier.

    The identifier is empty if it had QoS 0 already.
    """
    reader = Reader(packet, start)
    reader.binary()  # topic
    topic = packet[start : reader.position]
    identifier = reader.take(2) if packet[0] & _QOS else b""
    rest = topic + packet[reader.position :]
    header = bytes((PUBLISH << 4 | packet[0] & _RETAIN,)) + _variable(len(rest))
    return header + rest, identifier


class Repeater:
    """A parser of a packet stream that can insert copies of messages between packets at any time.

    A copy follows the packet that delivers the message: PUBLISH, or PUBREL with QoS 2.
    """

    def __init__(self) -> None:
        self._packet = bytearray()
        self._unreleased: dict[bytes, bytes] = {}

    def feed(self, data: bytes, times: int) -> list[bytes]:
        """Return the bytes, split at the ends of packets, with ``times`` copies of each message."""
        passed = len(self._packet)
        self._packet += data
        out = []
        while (span := body(self._packet)) and span[1] <= len(self._packet):
            packet = bytes(self._packet[: span[1]])
            del self._packet[: span[1]]
            out += [packet[passed:], self._copies(packet, span[0], times)]
            passed = 0
        return [part for part in (*out, bytes(self._packet[passed:])) if part]

    def _copies(self, packet: bytes, start: int, times: int) -> bytes:
        kind = packet[0] >> 4
        if kind == PUBREL:
            return self._unreleased.pop(packet[start : start + 2], b"")
        if kind != PUBLISH or not times:
            return b""
        copy, identifier = _copy(packet, start)
        if packet[0] & _QOS != _QOS_2:
            return copy * times
        self._unreleased[identifier] = copy * times
        return b""
