"""The latency from a published message to the state that a WebSocket client sees.

Each lock is compared with an event entity of Home Assistant's own ``mqtt``, in the same process, at
the same broker behind the same gate. Both are sent the same number of bytes, in turn. A ring
changes one state, as any event of ``mqtt`` does: their medians are comparable. An unlock also
changes the lock and the sensors of the last operation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count, product
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from simulator.facts import FACTS

from .figures import Figure
from .house import house
from .messages import RING, UNLOCKED, Happening, Kind, unlocked_at
from .observer import observing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .house import House
    from .observer import Observer

type Encoder = Callable[[str, Happening], tuple[str, bytes]]
"""Makes topic and payload for the lock with a did, or for its ``mqtt`` entity."""

BURST: Final = 10
FLOOD: Final = 5000
LOCKS: Final = 10
OTHERS: Final = ("xiaomi.lock.m30fa", "loock.lock.r2", "lumi.lock.mcn002")
"""The models of the other locks of the account."""
RATIO_OF_MEDIANS: Final = 1.1
RATIO_OF_BURST_P99: Final = 1.0

WARMING_ROUNDS: Final = 20
STALLED: Final = 0.25
"""Time-out for a message in a race, in seconds; a lost message counts with this time."""
PATIENCE: Final = 60


@dataclass(frozen=True)
class Lane:
    """A lock or its ``mqtt`` entity: the entity for a kind of event, and the encoder for it."""

    did: str
    entity_id: str
    kind: Kind
    encode: Encoder


@dataclass(frozen=True)
class Course:
    """The house and the observer between which messages are timed, and the entity ids."""

    house: House
    observer: Observer
    numbers: count[int]
    lock_entities: dict[str, str]
    mqtt_entities: dict[str, str]

    def lanes(self, kind: Kind, lock: int) -> tuple[Lane, Lane]:
        """Return the lanes of a lock and of its ``mqtt`` entity, for a kind of event."""
        did = self.house.locks[lock].did
        return (
            Lane(did, self.lock_entities[f"{did}-{kind.entity}"], kind, kind.pushed),
            Lane(did, self.mqtt_entities[did], kind, kind.mqtt),
        )

    async def send(self, lanes: Iterable[Lane], qos: int, patience: float) -> list[float]:
        """Publish an event on each lane at once; return the latencies of those seen, in seconds."""
        events = [(lane, lane.kind.happening(next(self.numbers))) for lane in lanes]
        published: dict[tuple[str, object], float] = {}

        async def publish(lane: Lane, happening: Happening) -> None:
            topic, payload = lane.encode(lane.did, happening)
            published[_mark(lane, happening)] = time.perf_counter()
            await self.house.simulator.broker.publish(topic, payload, qos)

        self.observer.expect(_mark(*event) for event in events)
        await asyncio.gather(*(publish(*event) for event in events))
        seen = await self.observer.seen(patience)
        return [when - published[mark] for mark, when in seen.items()]

    async def race(
        self, kind: Kind, qos: int, size: int, rounds: int, at: int = 0
    ) -> tuple[list[float], list[float]]:
        """Send bursts to a lock and its ``mqtt`` entity in turn; return their latencies."""
        lock, mqtt = self.lanes(kind, at)
        times: dict[Lane, list[float]] = {lock: [], mqtt: []}
        for number in range(rounds):
            for lane in (lock, mqtt) if number % 2 else (mqtt, lock):
                seen = await self.send([lane] * size, qos, STALLED)
                times[lane] += seen + [STALLED] * (size - len(seen))
        return times[lock], times[mqtt]


async def latencies(rounds: int, *, recorder: bool) -> list[Figure]:
    """Measure ``rounds`` single messages, and half as many bursts, of each kind and QoS."""
    async with house(LOCKS, others=OTHERS, recorder=recorder, with_mqtt=True) as measured:
        await measured.set_up()
        await measured.learned()
        async with observing(measured) as observer:
            course = await prepare(measured, observer)
            figures = []
            for kind, qos, size in product((RING, UNLOCKED), (0, 1, 2), (1, BURST)):
                times = await course.race(kind, qos, size, rounds if size == 1 else rounds // 2)
                figures += _figures(kind, qos, size, *times)
            for at, model in enumerate(OTHERS, LOCKS):
                kind = unlocked_at(FACTS[model])
                times = await course.race(kind, 1, 1, rounds, at)
                figures += _figures(replace(kind, name=f"unlocked, {model}"), 1, 1, *times)
            return figures + await _flood(course)


async def prepare(measured: House, observer: Observer) -> Course:
    """Return the course once both sides have subscribed and are warmed up."""
    course = Course(
        measured,
        observer,
        count(1),
        await measured.event_entities(DOMAIN),
        await measured.event_entities("mqtt"),
    )
    for kind in (RING, UNLOCKED):
        # Messages published before a client has subscribed are lost.
        while len(await course.send(course.lanes(kind, 0), qos=2, patience=1)) < 2:
            pass
        await course.race(kind, qos=2, size=BURST, rounds=WARMING_ROUNDS)
    return course


def _mark(lane: Lane, happening: Happening) -> tuple[str, object]:
    return lane.entity_id, happening.attributes[lane.kind.mark]


def _figures(kind: Kind, qos: int, size: int, lock: list[float], mqtt: list[float]) -> list[Figure]:
    """Return median and p99, in ms."""
    name = f"QoS {qos}, {kind.name}, {'single' if size == 1 else f'burst of {size}'}:"
    return [
        Figure(
            name=f"{name} median",
            value=median(lock) * 1000,
            mqtt=median(mqtt) * 1000,
            unit="ms",
            limit=RATIO_OF_MEDIANS if kind is RING else None,
        ),
        Figure(
            name=f"{name} p99",
            value=_p99(lock) * 1000,
            mqtt=_p99(mqtt) * 1000,
            unit="ms",
            limit=RATIO_OF_BURST_P99 if size > 1 else None,
        ),
    ]


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[-1]


async def _flood(course: Course) -> list[Figure]:
    """Send FLOOD unlock events at once to all locks, and then the same to ``mqtt``."""
    lanes = [course.lanes(UNLOCKED, lock) for lock in range(LOCKS)] * (FLOOD // LOCKS)
    times = [await course.send(side, qos=1, patience=PATIENCE) for side in zip(*lanes, strict=True)]
    lost = [FLOOD - len(seen) for seen in times]
    lock, mqtt = (max(seen) for seen in times)
    name = f"{FLOOD} events over {LOCKS} locks:"
    return [
        Figure(name=f"{name} lost", value=lost[0], unit="", limit=0),
        Figure(name=f"{name} lost by mqtt", value=lost[1], unit=""),
        Figure(name=f"{name} the last after", value=lock, mqtt=mqtt, unit="s"),
    ]
