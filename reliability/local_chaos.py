"""Storms at locks on the local network, with a check of values and actions after each.

``scripts/chaos --local``: print values that are wrong in the end, values that were shown though the
lock never had them or no longer, and actions that were done twice. The exit code is 1 if there are
any.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock import connection
from custom_components.xiaomi_smart_lock.const import CONF_POLL_INTERVAL, DOMAIN
from custom_components.xiaomi_smart_lock.miot import local
from simulator.miio import MiioServer
from simulator.model import S1
from simulator.simulator import Simulator

from .expectations import Expectations
from .home import Home
from .storm import (
    CALM_WITHIN,
    STORM,
    WRITES_A_MINUTE,
    Exceptions,
    paced,
    say,
    set_by_hand,
    until,
    write,
    wrong_values,
)
from .unreliable_network import ANOTHER_DID, ANOTHER_TOKEN, UnreliableNetwork

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value
    from simulator.device import Device
    from simulator.lock import Lock

LOCKS: Final = 4
ACTS_A_MINUTE: Final = 600
PRESSES_A_MINUTE: Final = 120
FAULTS_A_MINUTE: Final = 60
OPTIONS: Final = {CONF_POLL_INTERVAL: 2}  # seconds

BATTERY: Final = (13, 1)
RECORD_VIDEO: Final = (17, 4)
LOWEST, FULL = 5, 100  # percent


def hurry() -> None:
    """Shorten the integration's time-outs from seconds to fractions of one."""
    local.HELLO_TIMEOUT = 0.3  # type: ignore[misc]
    local.ANSWER_TIMEOUT = 0.3  # type: ignore[misc]
    connection.GREETING_EVERY = 0.2  # type: ignore[misc]


def addresses() -> Iterator[str]:
    """Yield addresses of loopback that only this process uses."""
    process = os.getpid()
    return (f"127.{1 + (process >> 8) % 254}.{process % 256}.{n}" for n in count(1))


class Ledger:
    """What the locks had and did, compared with what Home Assistant shows and was asked."""

    def __init__(self) -> None:
        """Start without anything."""
        self.had: defaultdict[tuple[str, Address], set[Value]] = defaultdict(set)
        """The values that a lock had when it answered something, by did and address."""
        self.battery: dict[str, int] = {}
        """The level that was last shown in a storm, by did; the locks' levels only fall in one."""
        self.shown_wrongly: list[str] = []
        self.asked = self.said = 0
        """How often an action was asked for, and said to be done."""
        self.done: Counter[str] = Counter()
        """How often a lock did it, by did."""
        self.done_wrongly: list[str] = []

    def heard(self, lock: Lock) -> None:
        """Note the values of a lock that was just asked something."""
        for address in S1.readable:
            self.had[lock.did, address].add(lock.values[address])

    def shows(self, lock: Lock, values: Mapping[Address, Value], *, stormy: bool) -> None:
        """Note what Home Assistant knows of a lock."""
        for address in S1.readable:
            if (value := values.get(address)) not in (None, *self.had[lock.did, address]):
                self.shown_wrongly.append(f"{lock.did} {address} was never {value!r}")
        if not stormy:
            self.battery.pop(lock.did, None)
            return
        before = self.battery.get(lock.did, FULL)
        level = self.battery[lock.did] = int(values.get(BATTERY, before))
        if level > before:
            self.shown_wrongly.append(f"{lock.did} {BATTERY} was {before}, and is {level} again")

    def acted(self, did: str, times: int, *, said: bool) -> None:
        """Note how often a lock did what it was asked for once, and what was said of it."""
        self.asked += 1
        self.said += said
        if not said <= times <= 1:
            self.done_wrongly.append(f"{did} did it {times} times, said to be done: {said}")


@dataclass
class LocalChaos:
    """A home with locks on the local network, the faults that happen to it, and the ledger."""

    home: Home
    seed: int
    hosts: Iterator[str]
    expectations: Expectations = field(default_factory=Expectations)
    ledger: Ledger = field(default_factory=Ledger)
    exceptions: Exceptions = field(default_factory=Exceptions)
    faults: Counter[str] = field(default_factory=Counter)
    """How often each fault happened."""
    networks: dict[str, UnreliableNetwork] = field(default_factory=dict)
    """The way to each lock, by did."""
    _running: bool = False
    _moving: asyncio.Lock = field(default_factory=asyncio.Lock)
    _presses: defaultdict[str, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    """What lets one action begin after the other, by did."""
    _strangers: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Other devices, at addresses that locks had."""

    def __post_init__(self) -> None:
        """Make the generators of chance, one for each of what happens by chance."""
        self.door, self.user, self.weather = (
            Random(f"{self.seed} {name}") for name in ("door", "user", "weather")
        )

    # A home

    async def start(self) -> None:
        """Start Home Assistant, and follow what its entities show."""
        await self.home.start(
            lambda hass: hass.bus.async_listen(EVENT_STATE_CHANGED, self._state_changed)
        )
        logging.getLogger().addHandler(self.exceptions)  # Home Assistant removes earlier ones.
        self._running = True

    async def restart(self) -> None:
        """Stop Home Assistant whatever it is doing, and start it again."""
        self._running = False
        await self.home.stop()
        await self.start()

    def follow(self, lock: Lock) -> None:
        """Have the packets of a lock be carried by chance, and note what it does."""
        random = Random(f"{self.seed} {lock.did}")
        network = UnreliableNetwork(lock, random, lambda: self.ledger.heard(lock))
        self.networks[lock.did] = network
        network.attach(self.home.simulator.miio[lock])
        self.ledger.heard(lock)
        act = lock.act

        def note(address: Address, raw: list[object]) -> object:
            code, out = act(address, raw)
            self.ledger.done[lock.did] += address == RECORD_VIDEO and code == 0
            return code, out

        lock.act = note  # type: ignore[method-assign, assignment]

    @callback
    def _state_changed(self, event: Event[EventStateChangedData]) -> None:
        entry = er.async_get(self.home.hass).async_get(event.data["entity_id"])
        new = event.data["new_state"]
        if not entry or entry.platform != DOMAIN or not new or new.state == STATE_UNAVAILABLE:
            return
        did = entry.unique_id.partition("-")[0]
        lock = next(one for one in self.home.nearby if one.did == did)
        if hasattr(self.home.entry_of(lock), "runtime_data"):
            values = self.home.coordinator(lock).data.values
            self.ledger.shows(lock, values, stormy=self.networks[did].stormy)

    # A storm

    async def storm(self, seconds: float) -> None:
        """Run what happens at the doors, writes, actions and faults at the same time."""
        for network in self.networks.values():
            network.set_stormy(stormy=True)
        async with AsyncExitStack() as self._strangers, asyncio.TaskGroup() as group:
            for a_minute, act in (
                (ACTS_A_MINUTE, self._something_happens),
                (WRITES_A_MINUTE, self._someone_writes),
                (PRESSES_A_MINUTE, self._someone_presses),
                (FAULTS_A_MINUTE, self._something_fails),
            ):
                group.create_task(paced(seconds, round(a_minute * seconds / 60), act, group))

    async def _something_happens(self) -> None:
        """Use or leave a lock, or change something at it."""
        lock = self.door.choice(self.home.nearby)
        chance = self.door.random()
        if chance < 0.3:
            lock.sleep()
            return
        if chance < 0.5:
            set_by_hand(self.expectations, lock, self.door)
        elif chance < 0.65:
            lock.set_battery(max(int(lock.values[BATTERY]) - 1, LOWEST))
        elif chance < 0.8:
            lock.fingerprint(self.door.randint(1, 9))
            lock.close_door()
        lock.wake()
        await self._announce(lock)

    async def _announce(self, lock: Device) -> None:
        if self._running:
            await self.home.announce(lock)

    async def _someone_writes(self) -> None:
        """Change a setting in Home Assistant, as soon as its entity is available."""
        lock = self.user.choice(self.home.nearby)
        await write(self.home, self.expectations, lock, self.user, lambda: self._running)

    async def _someone_presses(self) -> None:
        """Have a video be recorded, which is done now or not at all."""
        lock = self.user.choice(self.home.nearby)
        async with self._presses[lock.did]:
            # Home Assistant passes over a button that is unavailable, without an error.
            state = self.home.state(lock, "button", "record_video") if self._running else None
            if state in (None, STATE_UNAVAILABLE):
                return
            before, said = self.ledger.done[lock.did], True
            try:
                await self.home.call(lock, "button", "press", "record_video")
            except HomeAssistantError:
                said = False
            self.ledger.acted(lock.did, self.ledger.done[lock.did] - before, said=said)

    async def _something_fails(self) -> None:
        """Cause one fault of any kind."""
        name = self.weather.choices(list(FAULTS), [weight for weight, _ in FAULTS.values()])[0]
        _, fault = FAULTS[name]
        self.faults[name] += 1
        await fault(self, self.weather.choice(self.home.nearby))

    async def _restart_home(self, _lock: Lock) -> None:
        if self._running:
            await self.restart()

    async def _reload(self, lock: Lock) -> None:
        if self._running and self.home.entry_of(lock).state is ConfigEntryState.LOADED:
            await self.home.reload(lock.did)

    async def _restart_lock(self, lock: Lock) -> None:
        if door := self.home.simulator.miio.get(lock):
            door.restart()

    async def _cut_off(self, lock: Lock) -> None:
        network = self.networks[lock.did]
        network.cut_off()
        await asyncio.sleep(self.weather.uniform(0.2, 3))
        network.set_stormy(stormy=network.stormy)

    async def _move(self, lock: Lock) -> None:
        """Give a lock another address, and its old one to another device."""
        simulator = self.home.simulator
        async with self._moving:
            before = lock.host
            assert before
            simulator.move_lock(lock, next(self.hosts))
            await simulator.settle()
            self.networks[lock.did].attach(simulator.miio[lock])
            stranger = MiioServer(before, ANOTHER_DID, ANOTHER_TOKEN, lambda *_: [], lambda: True)
            await self._strangers.enter_async_context(stranger)
        lock.wake()
        await self._announce(lock)

    # After a storm

    async def calm(self) -> list[str]:
        """End all faults, and wait CALM_WITHIN seconds at most; return the remaining problems."""
        deadline = time.monotonic() + CALM_WITHIN
        for network in self.networks.values():
            network.set_stormy(stormy=False)
        for lock in self.home.nearby:
            lock.set_battery(FULL)
            lock.sleep()
            lock.wake()
            await self.home.announce(lock)
        await until(lambda: not any(self._wrong()), deadline)
        return list(self._wrong())

    def _wrong(self) -> Iterable[str]:
        """Yield a description of each problem."""
        for lock in self.home.nearby:
            entry = self.home.entry_of(lock)
            if entry.state is not ConfigEntryState.LOADED:
                yield f"{lock.did} is {entry.state}"
                continue
            if (host := entry.data[CONF_HOST]) != lock.host:
                yield f"{lock.did} is at {lock.host}, and looked for at {host}"
            yield from wrong_values(self.home, self.expectations, lock)
            if pending := self.home.coordinator(lock).data.pending:
                yield f"{lock.did} still waits for {list(pending)}"
            if (awake := self.home.state(lock, "binary_sensor", "awake")) != "on":
                yield f"{lock.did} is awake, and shown as {awake}"
        for flow in self.home.hass.config_entries.flow.async_progress():
            yield f"the user is asked: {flow['context']['source']}"
        yield from self.ledger.shown_wrongly
        yield from self.ledger.done_wrongly


FAULTS: Final[Mapping[str, tuple[int, Callable[[LocalChaos, Lock], Awaitable[None]]]]] = {
    "Home Assistant restarted": (2, LocalChaos._restart_home),
    "entry reloaded": (5, LocalChaos._reload),
    "lock restarted": (10, LocalChaos._restart_lock),
    "lock cut off": (10, LocalChaos._cut_off),
    "lock at another address": (6, LocalChaos._move),
}
"""How often each happens, in proportion, and how."""


async def run(seed: int, minutes: float) -> int:
    """Run storms for some minutes, with a check after each; return 0 if nothing is wrong."""
    hurry()
    logging.getLogger().addHandler(logging.NullHandler())  # Keeps its log off the screen.
    wrong: list[str] = []
    with TemporaryDirectory(prefix="xiaomi-smart-lock-chaos-") as temporary:
        directory, hosts = Path(temporary), addresses()
        async with Simulator(directory / "simulator", broker="mosquitto") as simulator:
            nearby = [next(hosts) for _ in range(LOCKS)]
            home = Home(directory / "ha", simulator, 0, nearby=nearby, options=OPTIONS)
            await simulator.settle()
            chaos = LocalChaos(home, seed, hosts)
            for lock in home.nearby:
                chaos.follow(lock)
            await chaos.start()
            wrong += await chaos.calm()
            storms = math.ceil(minutes * 60 / STORM)
            for number in range(storms):
                await chaos.storm(minutes * 60 / storms)
                wrong += await chaos.calm()
                say(f"storm {number + 1} of {storms}")
                if wrong:
                    break
            await home.stop()
    wrong += chaos.exceptions.seen
    _report(chaos, wrong)
    return 1 if wrong else 0


def _report(chaos: LocalChaos, wrong: list[str]) -> None:
    ledger = chaos.ledger
    packets: Counter[str] = Counter()
    for network in chaos.networks.values():
        packets += network.faults
    locks = f"{LOCKS} locks on the local network"
    print(f"seed {chaos.seed}: {locks}, {chaos.expectations.writes_in_all} writes")
    print(f"actions               {ledger.asked} asked for, {ledger.done.total()} done")
    print(f"  said to be done     {ledger.said}")
    print(f"  done wrongly        {len(ledger.done_wrongly)}")
    print(f"shown wrongly         {len(ledger.shown_wrongly)}")
    for title, happened in (("faults", chaos.faults), ("packets", packets)):
        print(f"{title:22}" + ", ".join(f"{n} {k}" for k, n in happened.most_common()))
    print("\n".join(dict.fromkeys(wrong)))
