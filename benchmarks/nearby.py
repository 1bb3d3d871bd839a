"""A reading of a lock on the local network, beside python-miio's own client.

Both read all readable properties of the same simulated lock in turn, over real packets.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from miio import MiotDevice

from custom_components.xiaomi_smart_lock.miot.local import GREETING, LocalClient
from custom_components.xiaomi_smart_lock.miot.spec import Access
from simulator.clock import Clock
from simulator.lock import Lock
from simulator.miio import MiioServer
from simulator.miio_methods import handle
from simulator.model import SPEC

from .figures import MQTT, OURS, Figure
from .latency import RACES, medians

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

HOST: Final = "127.54.3.21"
"""An address of loopback that nothing else uses: the port is the same for all devices."""
DID: Final = "700000001"
READABLE: Final = SPEC.having(Access.READ)
WARMING_ROUNDS: Final = 5
NAME: Final = f"{len(READABLE)} properties on the local network, python-miio instead of mqtt"


async def nearby(rounds: int, host: str = HOST) -> list[Figure]:
    """Measure readings by both clients, in RACES races of some rounds."""
    lock = Lock(Clock(), SPEC, did=DID, name="Front door", uid="1")
    token = bytes.fromhex(lock.token)
    async with MiioServer(host, int(DID), token, partial(handle, lock), lambda: True) as door:
        packets: list[bytes] = []
        door.stray = packets.append
        sides = {OURS: _ours(host, lock.token), MQTT: _theirs(host, lock.token)}
        times: dict[str, list[list[float]]] = {side: [] for side in sides}
        trips: dict[str, list[int]] = {}
        order = list(sides)
        for _ in range(WARMING_ROUNDS):
            for side in order:
                packets.clear()
                await sides[side]()
                trips[side] = [round_trips(packets)]
        for _ in range(RACES):
            for seen in times.values():
                seen.append([])
            for _ in range(rounds):
                for side in order:
                    started = time.perf_counter()
                    await sides[side]()
                    times[side][-1].append(time.perf_counter() - started)
                order.reverse()
    return [
        Figure(
            name=f"{NAME}: median",
            unit="ms",
            races={side: medians(races) for side, races in times.items()},
        ),
        Figure(name=f"{NAME}: round trips", races=trips),
    ]


def round_trips(packets: Sequence[bytes]) -> int:
    """Return how often a client waits for an answer; greetings one after the other are one."""
    pairs = pairwise([b"", *packets])
    return sum(packet != GREETING or before != GREETING for before, packet in pairs)


def _ours(host: str, token: str) -> Callable[[], Awaitable[None]]:
    client = LocalClient(host, token)

    async def read() -> None:
        assert len(await client.read(DID, READABLE)) == len(READABLE)

    return read


def _theirs(host: str, token: str) -> Callable[[], Awaitable[None]]:
    mapping = {f"{siid}.{piid}": {"siid": siid, "piid": piid} for siid, piid in READABLE}
    client = MiotDevice(host, token, mapping=mapping)

    async def read() -> None:
        assert len(await asyncio.to_thread(client.get_properties_for_mapping)) == len(READABLE)

    return read
