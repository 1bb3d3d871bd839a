"""Network packets that attackers see and send: miIO and mDNS."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, cast

from miio.protocol import Message, Utils

from simulator.miio import PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

type Address = tuple[str | Any, int]

HEADER: Final = 32
"""Bytes of a miIO packet without payload, such as a greeting and its answer."""

_ON_THE_LAN: Final = "192.0.2.1"
_MDNS: Final = ("224.0.0.251", 5353)
_TYPE: Final = (b"_miio", b"_udp", b"local")
_A, _PTR, _TXT, _AAAA, _SRV = 1, 12, 16, 28, 33
_IN: Final = 1
_UNIQUE: Final = 0x8001
_LASTS: Final = 120  # seconds

_IPV4: Final = 0x0800
_IP_HEADER: Final = 20
_UDP_HEADER: Final = 8
_WHOLE: Final = 65535  # bytes


# Announcements


def _name(*labels: bytes) -> bytes:
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def _record(name: bytes, kind: int, data: bytes, lasts: int, unique: int = _UNIQUE) -> bytes:
    return name + struct.pack(">HHIH", kind, unique, lasts, len(data)) + data


def _announcement(name: bytes, hosts: tuple[str, ...], about: bytes, lasts: int) -> bytes:
    """Return the mDNS packet that announces a device; a time to live of 0 withdraws it."""
    kind, full, server = _name(*_TYPE), _name(name, *_TYPE), _name(name[-20:], b"local")
    where = [ip_address(host) for host in hosts]
    records = [
        _record(kind, _PTR, full, lasts, _IN),
        _record(full, _SRV, struct.pack(">HHH", 0, 0, PORT) + server, lasts),
        _record(full, _TXT, bytes((len(about),)) + about, lasts),
        *(_record(server, _A if one.version == 4 else _AAAA, one.packed, lasts) for one in where),
    ]
    return struct.pack(">HHHHHH", 0, 0x8400, 0, len(records), 0, 0) + b"".join(records)


def lock_name(did: object) -> bytes:
    """Return the mDNS name of a lock."""
    return f"xiaomi-lock-s1_miio{did}".encode()


@contextmanager
def announced(*names: bytes, at: tuple[str, ...], about: bytes = b"") -> Iterator[None]:
    """Announce devices at addresses by multicast DNS; withdraw the announcements on exit."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        interface = socket.inet_aton(_ON_THE_LAN)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
        for name in names:
            sock.sendto(_announcement(name, at, about, _LASTS), _MDNS)
        try:
            yield
        finally:
            for name in names:
                sock.sendto(_announcement(name, at, about, 0), _MDNS)


# miIO packets


def sealed(payload: bytes, did: str, token: str, stamp: int = 1) -> bytes:
    """Return a miIO packet with any payload, encrypted with a token."""
    key = bytes.fromhex(token)
    encrypted = Utils.encrypt(payload, key)
    header = struct.pack(">HHIII", 0x2131, HEADER + len(encrypted), 0, int(did), stamp)
    return header + Utils.md5(header + key + encrypted) + encrypted


def greeting(did: str, last: bytes = b"\xff" * 16) -> bytes:
    """Return a device's answer to a greeting, with any 16 bytes at its end."""
    return struct.pack(">HHIII", 0x2131, HEADER, 0, int(did), 1) + last


def opened(packet: bytes, token: str) -> dict[str, Any]:
    """Return the request in a packet, decrypted with the token."""
    request: dict[str, Any] = Message.parse(packet, token=bytes.fromhex(token)).data.value
    return request


def is_request(packet: bytes) -> bool:
    """Return whether a packet is more than a greeting."""
    return len(packet) > HEADER


class Packet(NamedTuple):
    """A captured miIO packet."""

    sender: Address
    receiver: Address
    data: bytes


class Wire:
    """A tap that captures all miIO packets on loopback, and sends packets with forged senders."""

    def __init__(self) -> None:
        """Start with an empty capture."""
        self.seen: list[Packet] = []

    async def __aenter__(self) -> Self:
        """Start capturing."""
        self._ear = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_IPV4))
        self._ear.bind(("lo", _IPV4))
        self._ear.setblocking(False)
        self._mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        asyncio.get_running_loop().add_reader(self._ear, self._hear)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop capturing."""
        asyncio.get_running_loop().remove_reader(self._ear)
        self._ear.close()
        self._mouth.close()

    def _hear(self) -> None:
        raw = self._ear.recv(_WHOLE)
        if raw[9] != socket.IPPROTO_UDP:
            return
        ports = struct.unpack_from(">HH", raw, _IP_HEADER)
        if PORT in ports:
            hosts = (socket.inet_ntoa(raw[start : start + 4]) for start in (12, 16))
            sender, receiver = zip(hosts, ports, strict=True)
            self.seen.append(Packet(sender, receiver, raw[_IP_HEADER + _UDP_HEADER :]))

    def forge(self, sender: Address, receiver: Address, data: bytes) -> None:
        """Send a packet with the address of another sender."""
        udp = struct.pack(">HHHH", sender[1], receiver[1], _UDP_HEADER + len(data), 0) + data
        addresses = socket.inet_aton(sender[0]) + socket.inet_aton(receiver[0])
        length = _IP_HEADER + len(udp)
        ip = struct.pack(">BBHHHBBH", 0x45, 0, length, 0, 0, 64, socket.IPPROTO_UDP, 0)
        self._mouth.sendto(ip + addresses + udp, (receiver[0], 0))


def _nothing(_packet: bytes) -> None:
    """Ignore a packet, and return no answer."""


class Lurker(asyncio.DatagramProtocol):
    """A server at a lock's address that gives an attack's answers, or none."""

    def __init__(self, answer: Callable[[bytes], bytes | None] = _nothing) -> None:
        """Prepare. Received packets are stored in ``asked``."""
        self.asked: list[bytes] = []
        self.asker: Address
        self._answer = answer

    @asynccontextmanager
    async def at(self, host: str, port: int = PORT) -> AsyncIterator[Self]:
        """Listen at an address."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        try:
            yield self
        finally:
            transport.close()
            await asyncio.sleep(0)  # lets the loop release the address

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport, which sends the answers."""
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Store a packet, and send the answer to it, if any."""
        self.asked.append(data)
        self.asker = addr
        if answer := self._answer(data):
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def relaying(
    host: str, lock: str, passed: Callable[[bytes], None] = _nothing
) -> AsyncIterator[tuple[list[bytes], list[bytes]]]:
    """Forward packets from an address to a lock, and its answers back.

    Yields the requests and the answers as growing lists. ``passed`` is called with each answer once
    it is forwarded.
    """

    def pass_on(asked: bytes) -> None:
        outside.transport.sendto(asked, (lock, PORT))

    def pass_back(answer: bytes) -> None:
        inside.transport.sendto(answer, inside.asker)
        passed(answer)

    inside, outside = Lurker(pass_on), Lurker(pass_back)
    async with inside.at(host), outside.at(host, 0):
        yield inside.asked, outside.asked
