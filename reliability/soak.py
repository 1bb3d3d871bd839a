"""A month of use within minutes, to find leaks of memory, tasks, sockets and threads.

``scripts/soak``: print memory, tasks, sockets and threads after each day. The exit code is 1 if
they grow.

Only the waiting is left out: whenever nothing is in progress, the clocks of Home Assistant, its
event loop and the simulator leap to the next poll. Every poll of the month, every timer and every
renewal of a token is real, on real connections.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import gc
import logging
import sys
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, override
from unittest.mock import patch

import psutil  # type: ignore[import-untyped]
from aiohttp import connector
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.connection import GREETING_EVERY, READ_AFTER_PUSH
from custom_components.xiaomi_smart_lock.const import CONF_POLL_INTERVAL, POLL_INTERVAL_CLOUD
from custom_components.xiaomi_smart_lock.miot import local
from simulator.simulator import Simulator

from .disk import Disk
from .home import Home
from .local_chaos import addresses
from .years import pass_years

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from simulator.lock import Lock

LOCKS: Final = 3
"""How many locks are in the account; one more is on the local network."""
OPTIONS: Final = {CONF_POLL_INTERVAL: POLL_INTERVAL_CLOUD}
"""The lock on the local network is read as seldom: each reading in vain takes real time."""
HELLO_TIMEOUT: Final = 0.05  # seconds, instead of a second
DAYS: Final = 30
DAY: Final = 86_400
STEPS_A_DAY: Final = DAY // READ_AFTER_PUSH
BYTES_A_DAY: Final = 200_000
"""How much may be written for a lock on a day."""
MEBIBYTES: Final = 2
PATIENCE: Final = 30
IDLE: Final = 60  # seconds after which idle connections are closed
M_ARENA_MAX: Final = -8  # of glibc's mallopt()


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can leap."""

    leapt = 0.0

    @override
    def time(self) -> float:
        return super().time() + self.leapt


class Time:
    """The clocks of Home Assistant, its event loop and the simulator, which leap together."""

    def __init__(self, simulator: Simulator) -> None:
        """Start at the real time."""
        self._clock = simulator.clock
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        self._loop = loop
        self._real = time.time

    def now(self) -> float:
        """Return the time, in Unix seconds."""
        return self._real() + self._loop.leapt

    def utcnow(self) -> datetime:
        """Return the time as a datetime in UTC, as Home Assistant does."""
        return datetime.fromtimestamp(self.now(), UTC)

    def leap(self, seconds: float) -> None:
        """Advance all clocks."""
        self._loop.leapt += seconds
        self._clock.advance(seconds)


@dataclass(frozen=True)
class Left:
    """The resources that this process uses, the simulator included."""

    mebibytes: float
    tasks: int
    sockets: int
    threads: int

    @classmethod
    def now(cls) -> Left:
        """Measure, after garbage is collected and free memory is returned to the system."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        process = psutil.Process()
        return cls(
            process.memory_info().rss / 2**20,
            len(asyncio.all_tasks()),
            len(process.net_connections("all")),
            threading.active_count(),
        )

    def grew(self, since: Left) -> list[str]:
        """Return the names of the resources that have grown too much."""
        counted = ("tasks", "sockets", "threads")
        grown = [name for name in counted if getattr(self, name) > getattr(since, name)]
        return grown if self.mebibytes - since.mebibytes < MEBIBYTES else ["memory", *grown]


class Month:
    """Days of use of the locks of a home."""

    def __init__(self, home: Home, leaping: Time, chance: Random) -> None:
        """Prepare."""
        self.home = home
        self.events = self.writes = self.requests = self.wakings = 0
        self._time = leaping
        self._chance = chance

    async def day(self) -> Left:
        """Run a day of acts and troubles at random times; return the resources used after it."""
        acts = (act for act, times in ACTS.items() for _ in range(times * len(self.locks)))
        plan = [*TROUBLES, *acts]
        at: dict[int, list[Callable[[Month], object]]] = {}
        for act in plan:
            at.setdefault(self._chance.randrange(STEPS_A_DAY), []).append(act)
        for step in range(STEPS_A_DAY):
            for act in at.get(step, ()):
                if asyncio.iscoroutine(doing := act(self)):
                    await doing
                await self._settle()
                await self._notice_waking()
            self._time.leap(READ_AFTER_PUSH)
            await self._settle()
        await self._quiet()
        return Left.now()

    async def _settle(self) -> None:
        """Wait until nothing is in progress."""
        await self.home.simulator.settle()
        for _ in range(3):
            await asyncio.sleep(0.001)
            await self.home.hass.async_block_till_done()
        if self.home.simulator.gate.open and not self.home.connected:
            await asyncio.sleep(0.05)  # A leap would time out an attempt to connect.

    async def _quiet(self) -> None:
        """Wait until push is connected and idle connections are closed.

        Then have it noticed that the lock on the local network sleeps, which keeps a socket open,
        count the requests, and clear the simulator's requests, history and camera events.
        """
        deadline = time.monotonic() + PATIENCE
        while not self.home.connected:
            assert time.monotonic() < deadline, "push does not come back"
            await asyncio.sleep(0.05)
            self._time.leap(1)
        for _ in range(3):  # One of them may be the next poll.
            self._time.leap(IDLE)
            await self._settle()
            await asyncio.sleep(0.1)
        for lock in self.home.nearby:
            lock.sleep()
            await self.home.coordinator(lock).async_refresh()
        await self._settle()
        requests = self.home.simulator.cloud.requests
        self.requests += len(requests)
        requests.clear()
        for lock in self.locks:
            lock.history.clear()
            lock.camera.sights.clear()

    async def _notice_waking(self) -> None:
        """Wait until Home Assistant knows that a lock on the local network is awake, if one is."""
        deadline = time.monotonic() + PATIENCE
        for lock in self.home.nearby:
            while lock.awake and not self.home.coordinator(lock).data.awake:
                assert time.monotonic() < deadline, "that a lock woke up is not noticed"
                self._time.leap(GREETING_EVERY)
                await self._settle()
                self.wakings += bool(self.home.coordinator(lock).data.awake)

    @property
    def locks(self) -> list[Lock]:
        """The locks of the account and on the local network."""
        return [*self.home.locks, *self.home.nearby]

    @property
    def _lock(self) -> Lock:
        return self._chance.choice(self.locks)

    def come_home(self) -> None:
        """Unlock the door, and close it."""
        lock = self._lock
        lock.fingerprint(self._chance.randint(1, 9))
        lock.open_door()
        lock.close_door()
        self.events += 2

    def ring(self) -> None:
        """Ring the bell."""
        self._lock.ring()
        self.events += 1

    def stay(self) -> None:
        """Stay in front of the door."""
        self._lock.stay()
        self.events += 1

    def fail(self) -> None:
        """Report an exception."""
        self._lock.exception(self._chance.choice((3, 5, 24)))
        self.events += 1

    def run_low(self) -> None:
        """Change the level of the battery."""
        self._lock.set_battery(self._chance.randint(5, 100), push=self._chance.random() < 0.5)

    async def change_a_setting(self) -> None:
        """Change a setting in Home Assistant, mostly while the lock is asleep."""
        volume = str(self._chance.randint(1, 3))
        await self.home.call(
            self._lock, "select", "select_option", "doorbell_volume", option=volume
        )
        self.writes += 1

    # Troubles

    def lose_push(self) -> None:
        """End the connection to the broker."""
        self.home.simulator.gate.cut()

    async def restart_broker(self) -> None:
        """Restart the broker."""
        await self.home.simulator.broker.restart()

    async def lose_the_cloud(self) -> None:
        """Make the cloud unreachable for half an hour."""
        cloud, gate = self.home.simulator.cloud, self.home.simulator.gate
        cloud.online = gate.open = False
        gate.cut()
        for _ in range(6):
            self._time.leap(READ_AFTER_PUSH)
            await self._settle()
        cloud.online = gate.open = True

    def expire_tokens(self) -> None:
        """Expire the access tokens early."""
        self.home.simulator.cloud.expire_access_tokens()

    async def reload(self) -> None:
        """Reload the account's config entry."""
        await self.home.reload()


# The acts of a day, and how often each happens per lock.
ACTS: Final[dict[Callable[[Month], object], int]] = {
    Month.come_home: 21,
    Month.ring: 8,
    Month.stay: 8,
    Month.fail: 2,
    Month.run_low: 2,
    Month.change_a_setting: 5,
}
# The troubles of a day, once each.
TROUBLES: Final[tuple[Callable[[Month], object], ...]] = (
    Month.lose_push,
    Month.restart_broker,
    Month.lose_the_cloud,
    Month.expire_tokens,
    Month.reload,
)


@asynccontextmanager
async def at_home(locks: int, *, nearby: bool) -> AsyncIterator[tuple[Home, Time]]:
    """Start a home whose time can leap, and stop it."""
    logging.getLogger().addHandler(logging.NullHandler())  # Keeps its log off the screen.
    with TemporaryDirectory(prefix="xiaomi-smart-lock-soak-") as temporary:
        directory = Path(temporary)
        async with Simulator(directory / "simulator", broker="mosquitto") as simulator:
            leaping = Time(simulator)
            near = [next(addresses())] if nearby else []
            home = Home(directory / "ha", simulator, locks, nearby=near, options=OPTIONS)
            with (
                patch.object(time, "time", leaping.now),
                patch.object(dt_util, "utcnow", leaping.utcnow),
                patch.object(connector, "monotonic", asyncio.get_running_loop().time),
                patch.object(local, "HELLO_TIMEOUT", HELLO_TIMEOUT),
            ):
                await home.start()
                yield home, leaping
                await home.stop()


async def run(days: int, seed: int) -> int:
    """Run some days; return 0 if the last uses no more resources than the first."""
    started = time.monotonic()
    async with at_home(LOCKS, nearby=True) as (home, leaping):
        month = Month(home, leaping, Random(seed))
        print(
            " day      MiB   tasks   sockets   threads   requests   events   writes"
            "   wakings   KB/lock   files/lock       s"
        )
        grown: list[str] = []
        first: Left | None = None
        for day in range(1, days + 1):
            with Disk().counting() as disk:
                left = await month.day()
            locks = len(month.locks)
            first = first or left
            grown = left.grew(first)
            if disk.written > BYTES_A_DAY * locks:
                grown.append("disk")
            print(
                f"{day:4} {left.mebibytes:8.1f} {left.tasks:7} {left.sockets:9}"
                f" {left.threads:9} {month.requests:10} {month.events:8} {month.writes:8}"
                f" {month.wakings:9} {disk.written / locks / 1000:9.1f}"
                f" {disk.writes / locks:12.1f} {time.monotonic() - started:7.0f}"
                f"   {', '.join(grown)}",
                flush=True,
            )
    return 1 if grown else 0


async def run_years(years: int) -> int:
    """Run years of events at one lock; return 0 if nothing grows after the first."""
    async with at_home(1, nearby=False) as (home, leaping):
        return await pass_years(home, years, leaping.leap, lambda: Left.now().mebibytes)


def main() -> int:
    """Return 0 if nothing grows after the first day, and little enough is written."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--years", type=int, help="years of events at one lock instead")
    options = parser.parse_args()
    # Otherwise each worker thread has a heap of its own, which takes weeks to fill once.
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        if options.years:
            return runner.run(run_years(options.years))
        return runner.run(run(options.days, options.seed))


if __name__ == "__main__":
    sys.exit(main())
