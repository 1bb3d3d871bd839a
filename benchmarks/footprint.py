"""Set-up time, its longest callback, memory and cloud requests, by numbers of locks.

All of it is after a restart.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN

from .callbacks import longest
from .entries import LOCK_ENTRY
from .figures import BESIDE, OURS, Figure
from .house import site
from .messages import FINGERPRINTS_AT_HOME
from .process import resident

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from .house import House, Setting, Site

REFRESH: Final = {1: 1, 3: 1, 10: 3, 100: 30}
"""The most requests for a refresh of all locks: 45 properties each, 150 a request."""
START: Final = {1: 2, 3: 2, 10: 4}
"""The goals for the requests of a set-up."""
SET_UP: Final = {1: 0.15, 100: 1.5}
"""The goals for the set-up, in seconds."""
CALLBACK: Final = 20.0
"""The goal for the longest callback of the event loop during the set-up, in milliseconds."""
MEBIBYTES: Final = 10.0
MEBIBYTES_A_LOCK: Final = 1.0
GOAL_MEBIBYTES: Final = 5.0
GOAL_MEBIBYTES_A_LOCK: Final = 0.4

PAST: Final = 1000
"""How many events the journal of each lock has."""
POLL_INTERVAL: Final = 5
SETTLED: Final = 2.0
"""Seconds without a change after which a number counts as final."""
SETTLED_BESIDE: Final = 30.0
"""The same for the requests of another integration: it may connect long after its set-up."""
PATIENCE: Final = 120

type Measured = Mapping[str, float]
"""What was measured of one side, by name."""


async def footprints(setting: Setting, sizes: Sequence[int]) -> list[Figure]:
    """Measure each number of locks, and each side, in a Home Assistant of its own."""
    figures = []
    for locks in sizes:
        sides = {OURS: await _footprint(setting, locks, OURS)}
        if setting.beside:
            sides[BESIDE] = await _footprint(setting, locks, BESIDE)
        figures += figures_of(locks, sides)
    return figures


def figures_of(locks: int, sides: Mapping[str, Measured]) -> list[Figure]:
    """Return the figures for a number of locks."""
    further = locks - 1
    limits: dict[str, tuple[float | None, float | None]] = {
        "set-up": (None, SET_UP.get(locks)),
        "longest callback": (None, CALLBACK),
        "memory": (
            MEBIBYTES + MEBIBYTES_A_LOCK * locks,
            GOAL_MEBIBYTES + GOAL_MEBIBYTES_A_LOCK * further,
        ),
        "requests for set-up": (None, START.get(locks)),
        "requests for a refresh": (REFRESH.get(locks), None),
    }
    units = {"set-up": "s", "longest callback": "ms", "memory": "MiB"}
    return [
        Figure(
            name=f"{locks} lock{'s' if further else ''}: {name}",
            unit=units.get(name, ""),
            races={side: [measured[name]] for side, measured in sides.items() if name in measured},
            limit=limit,
            goal=goal,
        )
        for name, (limit, goal) in limits.items()
        if name in sides[OURS]
    ]


async def _footprint(setting: Setting, locks: int, side: str) -> dict[str, float]:
    """Measure a side with a number of locks that are lived with, after it was set up once.

    Memory is the growth of the process's resident memory since before the set-up.
    """
    lived_in = site(
        setting, locks, poll_interval=POLL_INTERVAL, fingerprints=FINGERPRINTS_AT_HOME, past=PAST
    )
    async with lived_in as place:
        async with place.house() as house:
            entry_id = await _set_up_once(house, side)
        notes = place.configuration / "callbacks"
        async with place.house(again=True, callbacks=notes) as house:
            return await _measured(place, house, entry_id, notes)


async def _set_up_once(house: House, side: str) -> str:
    """Set up a side for the first time, and unload it; return the id of its config entry."""
    if side == OURS:
        await house.enable()
        entry_id = LOCK_ENTRY
        locks = house.site.accounts[0].locks
        await house.event_entities(DOMAIN, (f"{did}-doorbell" for did in locks))
    else:
        entry_id = await house.add_beside()
    await _settled(lambda: len(house.site.simulator.cloud.requests))
    await house.disable(entry_id)
    return entry_id


async def _measured(place: Site, house: House, entry_id: str, notes: Path) -> dict[str, float]:
    requests = place.simulator.cloud.requests
    before = await _settled(lambda: resident(house.process))
    requests.clear()
    since = time.monotonic()
    measured = {"set-up": await house.enable(entry_id)}
    lines = notes.read_text(encoding="utf-8").splitlines()
    measured["longest callback"] = 1000 * longest(lines, since, time.monotonic())
    ours = entry_id == LOCK_ENTRY
    still = SETTLED if ours else SETTLED_BESIDE
    measured["requests for set-up"] = await _settled(lambda: len(requests), still)
    if ours:
        measured["requests for a refresh"] = await _requests_of_a_refresh(place)
    return measured | {"memory": await _settled(lambda: resident(house.process)) - before}


async def _requests_of_a_refresh(place: Site) -> int:
    """Return how many requests of any kind a regular refresh makes."""
    requests = place.simulator.cloud.requests
    await _settled(lambda: len(requests))
    requests.clear()
    deadline = time.monotonic() + PATIENCE
    while not requests:
        assert time.monotonic() < deadline, "no refresh"
        await asyncio.sleep(0.05)
    return await _settled(lambda: len(requests))


async def _settled[Number: float](measure: Callable[[], Number], still: float = SETTLED) -> Number:
    """Return a number once it has not changed for ``still`` seconds, or after PATIENCE seconds.

    Changes of up to 0.1 are ignored, as memory always varies a little.
    """
    value, since = measure(), time.monotonic()
    deadline = since + PATIENCE
    while time.monotonic() - since < still and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        if abs((new := measure()) - value) > 0.1:
            value, since = new, time.monotonic()
    return value
