"""Delivery of a lock's reports to the broker: late, repeated, reordered, in other shapes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from simulator.dialect import DIALECTS, PLAIN

if TYPE_CHECKING:
    from random import Random

    from simulator.device import Device

KEPT: Final = 50
"""How many of the latest messages may be repeated."""


class UnreliableDelivery:
    """Delivery of the messages of one lock; in order and once while there is no storm."""

    def __init__(self, lock: Device, random: Random) -> None:
        """Replace the lock's only listener, and pass the messages on to it."""
        (self._send,) = lock.listeners
        lock.listeners[:] = [self._take]
        self._lock = lock
        self._random = random
        self._lately: deque[tuple[str, dict[str, Any]]] = deque(maxlen=KEPT)
        self.stormy = False
        self.on_their_way = 0

    def _take(self, topic: str, payload: dict[str, Any]) -> None:
        self._lately.append((topic, payload))
        chance = self._random.random()
        if not self.stormy or chance > 0.1:
            self._carry(topic, payload)
            return
        if chance < 0.03:
            self._carry(*self._random.choice(self._lately))
        self._later(topic, payload)

    def _carry(self, topic: str, payload: dict[str, Any]) -> None:
        """Send a message; in a storm, in a random observed shape, also when it is repeated."""
        self._lock.dialect = self._random.choice(list(DIALECTS.values())) if self.stormy else PLAIN
        self._send(topic, payload)

    def _later(self, topic: str, payload: dict[str, Any]) -> None:
        self.on_their_way += 1
        delay = self._random.uniform(0.05, 3)
        asyncio.get_running_loop().call_later(delay, self._deliver, topic, payload)

    def _deliver(self, topic: str, payload: dict[str, Any]) -> None:
        self.on_their_way -= 1
        self._carry(topic, payload)
