"""Set-up time, memory and cloud requests for different numbers of locks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .figures import Figure
from .house import house

if TYPE_CHECKING:
    from collections.abc import Callable

    from .house import House

REQUESTS: Final = {1: 1, 3: 1, 10: 3, 100: 30}
"""The most requests for a refresh of all locks: 45 properties each, 150 a request."""
MEMORY: Final = (1, 10, 50)
MEBIBYTES: Final = 10
MEBIBYTES_A_LOCK: Final = 1

POLL_INTERVAL: Final = 5
SETTLED: Final = 2.0
"""Seconds without a change after which a number counts as final."""
PATIENCE: Final = 120


async def footprints(*, recorder: bool) -> list[Figure]:
    """Measure each number of locks in a Home Assistant of its own."""
    return [
        figure
        for locks in sorted({*REQUESTS, *MEMORY})
        for figure in await footprint(locks, recorder=recorder)
    ]


async def footprint(locks: int, *, recorder: bool) -> list[Figure]:
    """Measure with a number of locks.

    Memory is the growth of the process's resident memory since before the integration's set-up.
    """
    name = f"{locks} lock{'s' if locks > 1 else ''}: "
    async with house(locks, recorder=recorder, poll_interval=POLL_INTERVAL) as measured:
        before = await _settled(lambda: _resident(measured.process))
        set_up = await measured.set_up()
        requests = await _requests_of_a_refresh(measured)
        memory = await _settled(lambda: _resident(measured.process)) - before
    figures = [Figure(name=name + "set-up", value=set_up, unit="s")]
    if locks in MEMORY:
        limit = float(MEBIBYTES + MEBIBYTES_A_LOCK * locks)
        figures.append(Figure(name=name + "memory", value=memory, unit="MiB", limit=limit))
    if locks in REQUESTS:
        figures.append(
            Figure(
                name=name + "requests for a refresh",
                value=requests,
                unit="",
                limit=REQUESTS[locks],
            )
        )
    return figures


def _resident(process: int) -> float:
    """Return how much memory of a process is resident, in MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


async def _requests_of_a_refresh(measured: House) -> int:
    """Return how many requests of any kind a regular refresh makes."""
    requests = measured.simulator.cloud.requests
    await _settled(lambda: len(requests))
    requests.clear()
    deadline = time.monotonic() + PATIENCE
    while not requests:
        assert time.monotonic() < deadline, "no refresh"
        await asyncio.sleep(0.05)
    return await _settled(lambda: len(requests))


async def _settled[Number: float](measure: Callable[[], Number]) -> Number:
    """Return a number once it has not changed for SETTLED seconds, or after PATIENCE seconds.

    Changes of up to 0.1 are ignored, as memory always varies a little.
    """
    value, since = measure(), time.monotonic()
    deadline = since + PATIENCE
    while time.monotonic() - since < SETTLED and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        if abs((new := measure()) - value) > 0.1:
            value, since = new, time.monotonic()
    return value
