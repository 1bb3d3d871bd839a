"""The local network between a lock and Home Assistant: packets lost, late, repeated or forged."""

from __future__ import annotations

import asyncio
import os
from collections import Counter, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from miio.protocol import Message

from custom_components.xiaomi_smart_lock.miot import local
from custom_components.xiaomi_smart_lock.miot.local import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from simulator.lock import Lock
    from simulator.miio import MiioServer

type Receiver = tuple[str | Any, int]

LOSS: Final = 0.1
"""The share of requests that are lost, and of answers."""
DISTURBED: Final = 0.3
"""The share of answers that something happens to, besides."""
DOZING: Final = 0.04
"""The share of requests that are carried out, but not answered: the lock falls asleep just then."""
KEPT: Final = 50
"""How many of the latest packets may be repeated."""
ANOTHER_DID: Final = 123_456_789
ANOTHER_TOKEN: Final = bytes.fromhex("fedcba98" * 4)


class UnreliableNetwork:
    """The way of one lock's packets; without faults while there is no storm."""

    def __init__(self, lock: Lock, random: Random, heard: Callable[[], None]) -> None:
        """Prepare. ``heard`` is called after the lock has carried out what it was asked."""
        self._lock = lock
        self._random = random
        self._heard = heard
        self._lately: deque[bytes] = deque(maxlen=KEPT)
        self._door: MiioServer
        self._send: Callable[[bytes, Receiver], None]
        self.stormy = False
        self.faults: Counter[str] = Counter()
        """How often each fault happened."""

    def attach(self, door: MiioServer) -> None:
        """Carry the packets of a miIO server from now on; of a new one after the lock has moved."""
        self._door = door
        self._send = door.send
        door.send = self._carry
        door.stray = self._answering
        self.set_stormy(stormy=self.stormy)

    def set_stormy(self, *, stormy: bool) -> None:
        """Begin or end all faults."""
        self.stormy = stormy
        self._door.loss = LOSS if stormy else 0.0

    def cut_off(self) -> None:
        """Lose all packets, until ``set_stormy`` is called again."""
        self._door.loss = 1.0

    def _answering(self, request: bytes) -> None:
        self._heard()
        if self.stormy and len(request) > HEADER and self._random.random() < DOZING:
            self.faults["asleep before the answer"] += 1
            self._lock.sleep()

    def _carry(self, packet: bytes, to: Receiver) -> None:
        if not self._lock.awake:
            return
        self._lately.append(packet)
        if not self.stormy or self._random.random() > DISTURBED:
            self._send(packet, to)
            return
        name = self._random.choice(list(OF_PACKETS))
        self.faults[name] += 1
        OF_PACKETS[name](self, packet, to)

    def late(self, packet: bytes, to: Receiver) -> None:
        """Deliver it late, maybe too late."""
        delay = self._random.uniform(0.05, 2 * local.ANSWER_TIMEOUT)
        asyncio.get_running_loop().call_later(delay, self._send, packet, to)

    def twice(self, packet: bytes, to: Receiver) -> None:
        """Deliver it twice."""
        self._send(packet, to)
        self._send(packet, to)

    def damaged(self, packet: bytes, to: Receiver) -> None:
        """Change one byte of it."""
        where = self._random.randrange(len(packet))
        changed = bytes([packet[where] ^ self._random.randint(1, 255)])
        self._send(packet[:where] + changed + packet[where + 1 :], to)

    def cut(self, packet: bytes, to: Receiver) -> None:
        """Deliver its beginning only."""
        self._send(packet[: self._random.randrange(len(packet))], to)

    def after_garbage(self, packet: bytes, to: Receiver) -> None:
        """Deliver anything before it."""
        self._send(os.urandom(self._random.randint(1, 1400)), to)
        self._send(packet, to)

    def after_an_earlier_one(self, packet: bytes, to: Receiver) -> None:
        """Deliver one of the lock's earlier packets before it."""
        self._send(self._random.choice(self._lately), to)
        self._send(packet, to)

    def after_another_device(self, packet: bytes, to: Receiver) -> None:
        """Deliver a packet of another device before it."""
        header = {"length": 0, "unknown": 0, "device_id": ANOTHER_DID.to_bytes(4)}
        header["ts"] = datetime.fromtimestamp(4000, UTC)
        answer = {"id": 1, "result": [{"siid": 13, "piid": 1, "code": 0, "value": 1}]}
        message = {"data": {"value": answer}, "header": {"value": header}, "checksum": 0}
        self._send(Message.build(message, token=ANOTHER_TOKEN), to)
        self._send(packet, to)


OF_PACKETS: Final[Mapping[str, Callable[[UnreliableNetwork, bytes, Receiver], None]]] = {
    "answer late": UnreliableNetwork.late,
    "answer twice": UnreliableNetwork.twice,
    "answer damaged": UnreliableNetwork.damaged,
    "answer cut": UnreliableNetwork.cut,
    "garbage before the answer": UnreliableNetwork.after_garbage,
    "an earlier answer before it": UnreliableNetwork.after_an_earlier_one,
    "another device's before it": UnreliableNetwork.after_another_device,
}
