"""What answers at a lock's address by miIO."""

from __future__ import annotations

import asyncio
import hashlib
import json
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from miio.protocol import Message, Utils

from custom_components.xiaomi_smart_lock.miot import local
from custom_components.xiaomi_smart_lock.miot.client import Reading
from custom_components.xiaomi_smart_lock.miot.errors import MiotError
from custom_components.xiaomi_smart_lock.miot.local import Info, LocalClient
from simulator.model import SPEC
from tests.hosts import NEARBY

from .strategies import damaged, json_values, spoilt

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

PORT = 54321
DID = 700000001
TOKEN = bytes(range(16))
STAMP = 1000
LARGEST = 65_507  # bytes that UDP can send
HELLO = 32  # bytes; a packet of that size has no payload

READ = [{"did": str(DID), "siid": 13, "piid": 1, "code": 0, "value": 87}]
WRITTEN = [{"did": str(DID), "siid": 21, "piid": 5, "code": 0}]
ACTED = {"code": 0, "out": [{"piid": 7, "value": 0}, {"piid": 1, "value": 7}]}
INFO = {"model": "xiaomi.lock.s1", "fw_ver": "2.1.4_0009", "mac": "54:48:E6:00:00:02"}
ERROR = {"code": -9999, "message": "user ack timeout"}


def greeting(did: int = DID, stamp: int = STAMP) -> bytes:
    """Return the answer to a hello."""
    return struct.pack(">HHIII16s", 0x2131, HELLO, 0, did, stamp, b"\xff" * 16)


@dataclass(frozen=True)
class Packet:
    """An encrypted packet with a right checksum, as far as its size goes."""

    payload: bytes
    did: int = DID
    stamp: int = STAMP
    size: int | None = None

    def to(self, request: bytes) -> bytes:
        """Return the bytes; where the payload has the number 1, it has that of the request."""
        number = Message.parse(request, token=TOKEN).data.value["id"]
        payload = self.payload.replace(b'"id": 1', b'"id": %d' % number)
        data = Utils.encrypt(payload, TOKEN)
        head = struct.pack(">HHIII", 0x2131, HELLO + len(data), 0, self.did, self.stamp)
        whole = head + hashlib.md5(head + TOKEN + data, usedforsecurity=False).digest() + data
        return whole[: self.size]


def answer(result: object) -> Packet:
    """Return the packet of an answer."""
    return Packet(json.dumps({"id": 1, "result": result}).encode())


class Device(asyncio.DatagramProtocol):
    """Answers every hello and every request with the bytes that it is told."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.greeting = greeting()
        self.answer: Packet | bytes = b""
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are sent with."""
        assert isinstance(transport, asyncio.DatagramTransport)
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer."""
        if len(data) == HELLO:
            said = self.greeting
        else:
            said = self.answer if isinstance(self.answer, bytes) else self.answer.to(data)
        self._transport.sendto(said[:LARGEST], addr)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for a while."""

        async def listen() -> None:
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda: self, local_addr=(NEARBY, PORT))

        with self.runner:
            self.runner.run(listen())
            yield
            self._transport.close()

    def run[Result](self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do something in the event loop."""
        return self.runner.run(asyncio.wait_for(work, 10))


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """Return who answers at the lock's address: once, so that nothing more is waited for."""
    monkeypatch.setattr(local, "PACKETS_LIMIT", 1)
    device = Device()
    with device.listening():
        yield device


LAST_STAMP = 2**32 - 2  # requests have the next one
stamps = st.one_of(st.just(STAMP), st.integers(0, LAST_STAMP), st.just(LAST_STAMP))
payloads = st.one_of(
    *(
        damaged({"id": 1, "result": result}).map(json.dumps).map(str.encode)
        for result in (READ, WRITTEN, ACTED, INFO)
    ),
    damaged({"id": 1, "error": ERROR}).map(json.dumps).map(str.encode),
    json_values.map(json.dumps).map(str.encode),
    st.binary(max_size=60),
)
greetings = st.one_of(
    st.just(greeting()),
    st.builds(greeting, st.just(DID), stamps),
    st.builds(greeting, st.integers(0, 2**32 - 1)),
    st.binary(max_size=64),
)
answers = st.one_of(
    st.builds(Packet, payloads, st.just(DID), stamps),
    st.builds(Packet, payloads, st.integers(0, 2**32 - 1)),
    st.binary(max_size=100),
    st.builds(Packet, payloads, size=st.integers(0, 80)),
)


async def ask_everything(client: LocalClient) -> None:
    """Ask all that can be asked, and look at what comes of it."""
    asked: list[Coroutine[Any, Any, object]] = [
        client.info(),
        client.read(str(DID), [(13, 1)]),
        client.write(str(DID), (21, 5), 2),
        client.act(str(DID), SPEC.actions[4, 1], [7, 2]),
    ]
    for result in await asyncio.gather(*asked, return_exceptions=True):
        match result:
            case None | MiotError():
                pass
            case list():
                assert len(result) == len(SPEC.actions[4, 1].outputs)
            case Info(did, model, firmware, mac):
                assert did.isdecimal()
                assert not any(spoilt(text or "") for text in (model, firmware, mac))
            case dict():
                for (siid, piid), reading in result.items():
                    assert type(siid) is int
                    assert type(piid) is int
                    assert isinstance(reading, Reading)
                    assert type(reading.code) is int
            case other:
                raise AssertionError(other)


@given(hello=greetings, said=answers)
@example(greeting(), Packet(b"\xff\xfe"))
@example(greeting(), Packet(b'{"id": 1, "error": "a text"}'))
@example(greeting(), Packet(b'{"id": 1, "error": {"code": []}}'))
@example(greeting(), Packet(b'{"id": "a text", "result": []}'))
@example(greeting(), Packet(b'{"id": 1, "result": []}', stamp=LAST_STAMP))
def test_answers(device: Device, hello: bytes, said: Packet | bytes) -> None:
    """Whatever is answered, it is a result or an error of ours; what is asked next works."""
    client = LocalClient(NEARBY, TOKEN.hex())
    device.greeting, device.answer = greeting(), answer(READ)
    device.run(client.read(str(DID), [(13, 1)]))
    device.greeting, device.answer = hello, said
    device.run(ask_everything(client))
    device.greeting, device.answer = greeting(), answer(READ)
    assert device.run(client.read(str(DID), [(13, 1)])) == {(13, 1): Reading(0, 87)}
