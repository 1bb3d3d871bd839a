"""Storms of random events, writes and faults, with a check of events and values after each.

``scripts/chaos``: print lost events, events fired twice, and values that are wrong in the end. The
exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import aiohttp
import aiomqtt
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.account import app_session as app_link
from custom_components.xiaomi_smart_lock.const import CONF_APP_REQUESTS, CONF_POLL_INTERVAL
from custom_components.xiaomi_smart_lock.events import history_sync as history
from custom_components.xiaomi_smart_lock.miot import http, push
from custom_components.xiaomi_smart_lock.miot.spec import Access
from custom_components.xiaomi_smart_lock.state import history_gaps as unread
from simulator import broker
from simulator.door import Action, Method, Position
from simulator.model import SPEC
from simulator.sibling import Sibling
from simulator.simulator import Simulator

from .expectations import EVENTS, Expectations, Happening, kinds_of
from .faults import OF_ANSWERS, OF_CONNECTIONS, Weather, speak_nonsense
from .home import Home
from .local_chaos import run as run_local
from .mqtt_tap import MqttTap
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
from .unreliable_delivery import UnreliableDelivery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.device import Device
    from simulator.lock import Lock


LOCKS: Final = 10
OTHERS: Final = ("xiaomi.lock.m30fa", "loock.lock.r2", "lumi.lock.mcn002")
"""The models of the other locks of the account."""
EVENTS_A_MINUTE: Final = 1000
FAULTS_A_MINUTE: Final = 60
OPTIONS: Final = {CONF_POLL_INTERVAL: 5, CONF_APP_REQUESTS: 1_000_000}  # seconds; requests an hour

ENTITIES: Final = {entity for entity, _, _ in EVENTS.values()}
EXCEPTIONS: Final = [named.value for named in SPEC.properties[2, 4].values]

DAY: Final = 86_400


def hurry() -> None:
    """Shorten the integration's delays and time-outs from minutes to seconds."""
    push.FIRST_DELAY, push.LAST_DELAY = 0.05, 0.5  # type: ignore[misc]
    push.ANSWER_TIMEOUT = 1.0  # type: ignore[misc]
    http.TIMEOUT = aiohttp.ClientTimeout(total=1)  # type: ignore[misc]
    http.WAIT = 2  # type: ignore[misc]
    history.SETTLING = history.AGAIN = 1  # type: ignore[misc]
    app_link.PAUSE = app_link.LONGEST_PAUSE = 1  # type: ignore[misc]
    unread.OVERLAP = 60  # type: ignore[misc]
    # A broker that restarts never acknowledges the messages it received just before.
    broker.PUBLISH_SECONDS = 2  # type: ignore[misc]


@dataclass
class Chaos:
    """A home, the faults that happen to it, and the expected events and values."""

    home: Home
    weather: Weather
    expectations: Expectations
    door: Random
    user: Random
    postmen: list[UnreliableDelivery]
    exceptions: Exceptions = field(default_factory=Exceptions)
    operations: Counter[str] = field(default_factory=Counter)
    """The last operation id of each lock, by did."""
    faults: Counter[str] = field(default_factory=Counter)
    """How often each fault happened."""
    _running: bool = False
    _shown: dict[str, tuple[str, Happening]] = field(default_factory=dict)

    async def start(self) -> None:
        """Start Home Assistant, and follow the events that its entities fire."""
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

    @callback
    def _state_changed(self, event: Event[EventStateChangedData]) -> None:
        """Count an event that an entity fires, but not one that it restores."""
        entity_id, new = event.data["entity_id"], event.data["new_state"]
        if not entity_id.startswith("event.") or not new:
            return
        if new.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
            return
        entry = er.async_get(self.home.hass).async_get(entity_id)
        assert entry
        did, _, key = entry.unique_id.partition("-")
        if key not in ENTITIES:
            return
        moment = dt_util.parse_datetime(new.attributes["device_time"], raise_on_error=True)
        detail = new.attributes.get("operation_id")
        if detail is None and did not in {lock.did for lock in self.home.others}:
            detail = new.attributes.get("code")
        shown = new.state, Happening(did, key, int(moment.timestamp()), detail)
        before = self._shown.get(entity_id)
        if before is None or (shown != before and shown[0] >= before[0]):
            self._shown[entity_id] = shown
            self.expectations.fired[shown[1]] += 1

    # A storm

    async def storm(self, seconds: float) -> None:
        """Run events, writes and faults at the same time, for some seconds."""
        for delivery in self.postmen:
            delivery.stormy = True
        async with asyncio.TaskGroup() as group:
            for a_minute, act in (
                (EVENTS_A_MINUTE, self._something_happens),
                (WRITES_A_MINUTE, self._someone_writes),
                (FAULTS_A_MINUTE, self._something_fails),
            ):
                number = round(a_minute * seconds / 60)
                group.create_task(paced(seconds, number, act, group))

    async def _something_happens(self) -> None:
        """Trigger an event at a lock, and sometimes a change that is no event."""
        locks: list[Lock | Sibling] = [*self.home.locks, *self.home.others]
        lock = self.door.choice(locks)
        if isinstance(lock, Sibling):
            self._happens_to_another(lock)
            return
        self._happens_to(lock)
        chance = self.door.random()
        if chance < 0.1:
            set_by_hand(self.expectations, lock, self.door)
        elif chance < 0.15:
            lock.set_battery(self.door.randint(5, 100), push=self.door.random() < 0.5)
        elif chance < 0.25:
            lock.sleep()
        elif chance < 0.3:
            lock.wake()
        elif chance < 0.32:
            with suppress(aiomqtt.MqttError):
                await speak_nonsense(self.weather, lock)

    def _happens_to(self, lock: Lock) -> None:
        """Trigger an event that differs from all others; some kinds happen once a second at most.

        A lock never rings twice within two seconds, since two of its services stamp each ring.
        """
        chance, now, before = self.door.random(), lock.time, len(self.expectations.happened)
        code = self.door.choice(EXCEPTIONS)
        happened = self.expectations.happened
        rang = {Happening(lock.did, "doorbell", now - ago) for ago in range(-1, 3)}
        if chance < 0.15 and not rang & happened.keys():
            lock.ring()
        elif chance < 0.25 and Happening(lock.did, "someone_at_the_door", now) not in happened:
            lock.stay()
        elif chance < 0.35 and Happening(lock.did, "exception", now, code) not in happened:
            lock.exception(code)
        elif chance < 0.4:
            ago = self.door.randint(3600, 30 * DAY)
            operation_id = self._operation(lock)
            lock.emit((2, 1020), Position.OUTSIDE, Method.FINGERPRINT, 2, operation_id, now - ago)
        else:
            lock.operate(
                self.door.choice(list(Action)),
                method=Method.MANUAL,
                position=Position.INSIDE,
                operation_id=self._operation(lock),
            )
        assert len(happened) == before + 1

    def _happens_to_another(self, lock: Sibling) -> None:
        """Trigger an event of a lock of another model, and change the state of its door."""
        chance, now, happened = self.door.random(), lock.time, self.expectations.happened
        exceptions = list(lock.facts.words["exception"].values())
        once = ("doorbell", "exception")
        seen = [key for key in once if Happening(lock.did, key, now) in happened]
        if chance < 0.15 and lock.facts.bells and "doorbell" not in seen:
            lock.ring()
        elif chance < 0.35 and exceptions and "exception" not in seen:
            lock.report(self.door.choice(exceptions))
        else:
            lock.unlock("fingerprint", operation_id=self._operation(lock))
        assert lock.facts.door
        state = self.door.choice(list(lock.facts.words["door_state"]))
        locked_too = self.door.choice([0, *lock.facts.bits.values()])
        lock.set(lock.facts.door, state + locked_too)

    def _operation(self, lock: Device) -> int:
        self.operations[lock.did] += 1
        return self.operations[lock.did]

    async def _someone_writes(self) -> None:
        """Change a setting in Home Assistant, as soon as its entity is available."""
        lock = self.user.choice(self.home.locks)
        await write(self.home, self.expectations, lock, self.user, lambda: self._running)

    async def _something_fails(self) -> None:
        """Cause one fault of any kind."""
        chance = self.weather.random.random()
        if chance < 0.02:
            self.faults["Home Assistant restarted"] += 1
            if self._running:
                await self.restart()
        elif chance < 0.05:
            self.faults["account reloaded"] += 1
            if self._running and self.home.entry.state is ConfigEntryState.LOADED:
                await self.home.reload()
        elif chance < 0.65:
            name = self.weather.random.choice(list(OF_ANSWERS))
            self.faults[name] += 1
            fault, path = OF_ANSWERS[name]
            times = 1 if name == "401" else self.weather.random.randint(1, 4)
            self.home.simulator.cloud.disturb_next(fault, path, times)
        else:
            name = self.weather.random.choice(list(OF_CONNECTIONS))
            self.faults[name] += 1
            await OF_CONNECTIONS[name](self.weather)

    # After a storm

    async def calm(self) -> list[str]:
        """End all faults, and wait CALM_WITHIN seconds at most; return the remaining problems."""
        for delivery in self.postmen:
            delivery.stormy = False
        self.weather.clear()
        deadline = time.monotonic() + CALM_WITHIN
        await until(lambda: not any(man.on_their_way for man in self.postmen), deadline)
        if self.home.entry.state is ConfigEntryState.SETUP_ERROR:
            self.faults["signed in again"] += 1
            await self.home.sign_in_again()
        await until(lambda: self.home.connected, deadline)
        for lock in (*self.home.locks, *self.home.others):
            lock.sleep()
            lock.wake()
        await self.home.simulator.settle()
        await until(lambda: not any(self._wrong()), deadline)
        return list(self._wrong())

    def _wrong(self) -> Iterable[str]:
        """Yield a description of each problem."""
        if not self.home.connected:
            yield "not connected"
            return
        yield from self._wrong_values()
        self._look_for_late_ones()
        yield from self._wrong_events()

    def _look_for_late_ones(self) -> None:
        """Note the late events that the deduplicator knows, before it forgets them."""
        for happening in self.expectations.late - self.expectations.recorded:
            coordinator = self.home.entry.runtime_data.locks[happening.did].coordinator
            told = {str(happening.time), str(happening.detail)}
            if any(
                told <= set(identity.split()) for identity in coordinator.data.deduplicator.known
            ):
                self.expectations.recorded.add(happening)

    def _wrong_events(self) -> Iterable[str]:
        for name in ("lost", "twice", "wrongly_fired", *(["missed"] if self.home.linked else [])):
            for happening in getattr(self.expectations, name):
                yield f"{name.replace('_', ' ')}: {happening}"

    def _wrong_values(self) -> Iterable[str]:
        """Yield each value in which Home Assistant, a lock and the user's writes differ."""
        for lock in self.home.locks:
            yield from wrong_values(self.home, self.expectations, lock)
        for other in self.home.others:
            yield from self._wrong_values_of(other)

    def _wrong_values_of(self, lock: Sibling) -> Iterable[str]:
        """Yield each value in which Home Assistant and a lock of another model differ."""
        coordinator = self.home.coordinator(lock)
        for address in lock.spec.having(Access.READ):
            has, shown = lock.values[address], coordinator.data.shown(address)
            if has != shown:
                yield f"{lock.model} {address} is {has!r}, shown as {shown!r}"
        assert lock.facts.door
        door = lock.values[lock.facts.door]
        assert isinstance(door, int)
        state = lock.facts.words["door_state"][door & ~sum(lock.facts.bits.values())]
        told = {
            ("lock", "lock"): "locked" if state == "locked" else "unlocked",
            ("binary_sensor", "door"): "off" if state in ("locked", "unlocked") else "on",
            ("binary_sensor", "deadbolt"): _on(door & lock.facts.bits["deadbolt"]),
            ("binary_sensor", "child_lock"): _on(door & lock.facts.bits["child_lock"]),
        }
        for (platform, key), expected in told.items():
            if (shows := self.home.state(lock, platform, key)) != expected:
                yield f"{lock.model} {platform} {key} is {shows}, the lock has {expected}"


def _on(bit: int) -> str:
    """Return the state of a binary sensor."""
    return "on" if bit else "off"


async def run(seed: int, minutes: float, *, linked: bool) -> int:
    """Run storms for some minutes, with a check after each; return 0 if nothing is wrong."""
    hurry()
    logging.getLogger().addHandler(
        logging.NullHandler()
    )  # Keeps Home Assistant's log off the screen.
    expectations = Expectations()
    wrong: list[str] = []
    with TemporaryDirectory(prefix="xiaomi-smart-lock-chaos-") as temporary:
        directory = Path(temporary)
        async with (
            Simulator(directory / "simulator", broker="mosquitto") as simulator,
            MqttTap(
                simulator.broker.port, sent=expectations.on_its_way, taken=expectations.acknowledged
            ) as mqtt_tap,
        ):
            home = Home(
                directory / "ha", simulator, LOCKS, others=OTHERS, linked=linked, options=OPTIONS
            )
            expectations.others |= {lock.did: kinds_of(lock.facts) for lock in home.others}
            locks: list[Device] = [*home.locks, *home.others]
            # A generator for each lock: its random choices do not depend on the other locks.
            postmen = [UnreliableDelivery(lock, Random(f"{seed} {lock.did}")) for lock in locks]
            for lock in locks:
                lock.listeners.append(
                    lambda _topic, payload: expectations.reported(simulator.clock.now(), payload)
                )
            weather = Weather(home, Random(f"{seed} weather"), mqtt_tap.port)
            weather.clear()
            door, user = Random(f"{seed} door"), Random(f"{seed} user")
            chaos = Chaos(home, weather, expectations, door, user, postmen)
            await chaos.start()
            wrong += await chaos.calm()
            storms = math.ceil(minutes * 60 / STORM)
            for number in range(storms):
                await chaos.storm(minutes * 60 / storms)
                wrong += await chaos.calm()
                say(f"storm {number + 1} of {storms}: {len(expectations.happened)} events so far")
                if wrong:
                    break
            await home.stop()
    _report(chaos, wrong + chaos.exceptions.seen, seed)
    return 1 if wrong or chaos.exceptions.seen else 0


def _report(chaos: Chaos, wrong: list[str], seed: int) -> None:
    expectations = chaos.expectations
    late = sum(expectations.happened.values())
    home = chaos.home
    models = len({lock.model for lock in (*home.locks, *home.others)})
    locks = f"{LOCKS + len(OTHERS)} locks of {models} models"
    print(f"seed {seed}: {locks}, {expectations.writes_in_all} writes")
    print(f"events                {len(expectations.happened)}, {late} of them told late")
    print(f"  recorded only       {len(expectations.recorded)}")
    print(f"  undeliverable       {expectations.undeliverable}")
    print(f"  cut off on the way  {expectations.cut_off}")
    print(f"  fired               {expectations.fired.total()}")
    of_others = (one for one in expectations.fired if one.did in expectations.others)
    others = sum(expectations.fired[one] for one in of_others)
    print(f"    of other models   {others}")
    print(f"  lost                {len(expectations.lost)}")
    print(f"  twice               {len(expectations.twice)}")
    print(f"  wrongly fired       {len(expectations.wrongly_fired)}")
    if chaos.home.linked:
        print(f"  missed              {len(expectations.missed)}")
    print("faults                " + ", ".join(f"{n} {k}" for k, n in chaos.faults.most_common()))
    print("\n".join(dict.fromkeys(wrong)))


def main() -> int:
    """Return 0 if no event was lost or fired twice, and all values are right."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=10.0)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--linked", action="store_true", help="link the Mi Home app as well")
    where.add_argument("--local", action="store_true", help="at locks on the local network instead")
    options = parser.parse_args()
    if options.local:
        return asyncio.run(run_local(options.seed, options.minutes))
    return asyncio.run(run(options.seed, options.minutes, linked=options.linked))


if __name__ == "__main__":
    sys.exit(main())
