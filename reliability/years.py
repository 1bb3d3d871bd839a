"""Years of events at one lock, and what they leave: its log, its journal, and memory.

Each day has 60 events, which are handed over without a broker in between: half of them in the
morning, half of them in the evening. Everything else is as in the soak.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.miot.client import EventOccurred
from simulator.door import Action, Method, Position
from simulator.model import SPEC

from .disk import Disk

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.lock import Lock

    from .home import Home

LOCK_EVENT: Final = (2, 1020)
AT_ONCE: Final = 30
HALF_A_DAY: Final = 43_200
DAYS: Final = 365
FINGERPRINTS: Final = 9
JOURNAL: Final = 1000
"""How many events the journal keeps."""
MOST_IN_A_FILE: Final = 1_000_000
"""Bytes that the log may have."""
MEBIBYTES: Final = 2


async def pass_years(
    home: Home, years: int, leap: Callable[[float], None], resident: Callable[[], float]
) -> int:
    """Have years pass at the first lock; return 0 if nothing grows after the first year.

    ``leap`` lets seconds pass, and ``resident`` measures memory, in MiB.
    """
    [lock, *_] = home.locks
    log = home.directory / ".storage" / f"{DOMAIN}.{lock.did}.log"
    print(
        " year      MiB   events   journal   KB of the log   KB/day   files/day   s to load       s"
    )
    started, first, grown = time.monotonic(), 0.0, ["nothing"]
    for year in range(1, years + 1):
        with Disk().counting() as disk:
            for _ in range(2 * DAYS):
                _come_home(home, lock)
                leap(HALF_A_DAY)
                await home.simulator.settle()
                for _ in range(3):
                    await asyncio.sleep(0.001)
                    await home.hass.async_block_till_done()
        home.simulator.cloud.requests.clear()
        before = time.perf_counter()
        await home.reload()
        loading = time.perf_counter() - before
        kept = len(home.entry.runtime_data.locks[lock.did].journal)
        size, memory = log.stat().st_size, resident()
        first = first or memory
        differs = {
            "journal": kept != JOURNAL,
            "log": size > MOST_IN_A_FILE,
            "memory": memory - first > MEBIBYTES,
        }
        grown = [name for name, is_so in differs.items() if is_so]
        print(
            f"{year:5} {memory:8.1f} {year * 2 * DAYS * AT_ONCE:8} {kept:9} {size / 1000:15.1f}"
            f" {disk.written / DAYS / 1000:8.1f} {disk.writes / DAYS:11.1f} {loading:11.2f}"
            f" {time.monotonic() - started:7.0f}   {', '.join(grown)}",
            flush=True,
        )
    return 1 if grown else 0


def _come_home(home: Home, lock: Lock) -> None:
    """Report unlockings of the last half minute."""
    piids = [argument.address[1] for argument in SPEC.events[LOCK_EVENT].arguments]
    now = int(time.time())
    for number in range(AT_ONCE):
        values = (
            Position.OUTSIDE,
            Method.FINGERPRINT,
            Action.UNLOCKED,
            number % FINGERPRINTS + 1,
            now - AT_ONCE + number,
        )
        arguments = [
            {"piid": piid, "value": int(value)} for piid, value in zip(piids, values, strict=False)
        ]
        home.entry.runtime_data.locks[lock.did].async_handle(EventOccurred(LOCK_EVENT, arguments))
