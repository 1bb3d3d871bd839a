"""Messages to the locks and to what stands beside them, and when a WebSocket client sees them."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain, count, cycle, islice
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.home_assistant import HomeAssistantError
from demo.setup import READY_WITHIN
from simulator.facts import FACTS
from simulator.model import MODEL

from .figures import BESIDE, MQTT, OURS
from .house import site
from .messages import RING, UNLOCKED, Happening, Kind, numbers, unlocked_at
from .observer import observing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from simulator.device import Device

    from .house import House, Setting
    from .observer import Observer

type Encoder = Callable[[str, Happening], tuple[str, bytes]]
"""Makes topic and payload for the lock with a did, or for its ``mqtt`` entities."""

ONE_ENTITY: Final = "one entity of mqtt"
"""The side of an event entity of ``mqtt`` that nothing else changes with."""
BURST: Final = 10
WARMING_ROUNDS: Final = 20
STALLED: Final = 0.25
"""Time-out for a message in a race, in seconds; a lost message counts with this time."""
TOGETHER: Final = 0.1
"""Seconds within which entities change that change together."""
SILENT_AFTER: Final = 5
"""Rounds of which nothing is seen, after which a side is not waited for anymore in a race."""
LATE: Final = 1.0
"""Seconds for which what is late is waited for, so that it does not count for what comes next."""
SILENCE: Final = 20.0
"""Seconds without any of the changes, after which no more are waited for."""
PATIENCE: Final = 300
"""Seconds after which what was not seen of a flood is lost; one that is only slow is none."""


@dataclass(frozen=True)
class Lane:
    """A lock or what stands beside it: a kind of event, how it is sent, and where it is seen."""

    did: str
    kind: Kind
    encode: Encoder
    entity_ids: Sequence[str]
    """The entities that show the events in turn."""
    numbers: count[int] = field(default_factory=numbers)

    def following(self) -> tuple[str, str, bytes]:
        """Return the next event: the entity that shows it, the topic and the payload."""
        number = next(self.numbers)
        topic, payload = self.encode(self.did, self.kind.happening(number))
        return self.entity_ids[number % len(self.entity_ids)], topic, payload


@dataclass(frozen=True)
class Course:
    """The house and the observer between which messages are timed.

    ``lanes`` are those of each lock, by side and kind of event.
    """

    house: House
    observer: Observer
    lanes: Mapping[tuple[str, str], Sequence[Lane]]

    def sides(self, kind: Kind) -> dict[str, Sequence[Lane]]:
        """Return the lanes for a kind of event, by side."""
        return {side: lanes for (side, name), lanes in self.lanes.items() if name == kind.name}

    async def send(self, lanes: Iterable[Lane], qos: int, patience: float) -> list[float]:
        """Publish an event on each lane at once; return the latencies of those seen, in seconds.

        The k-th change of an entity is taken for what the k-th event has changed.
        """
        events = [lane.following() for lane in lanes]
        published: defaultdict[str, list[float]] = defaultdict(list)

        async def publish(entity_id: str, topic: str, payload: bytes) -> None:
            published[entity_id].append(time.perf_counter())
            await self.house.site.simulator.broker.publish(topic, payload, qos)

        self.observer.expect(entity_id for entity_id, *_ in events)
        await asyncio.gather(*(publish(*event) for event in events))
        seen = await self.observer.seen(patience, SILENCE)
        times = [
            when - start
            for entity_id, moments in seen.items()
            for start, when in zip(published[entity_id], moments, strict=False)
        ]
        if len(times) < len(events):
            await self.observer.seen(LATE)
        return times

    async def race(self, kind: Kind, qos: int, size: int, rounds: int) -> dict[str, list[float]]:
        """Send bursts to the first lock of each side in turn; return their latencies.

        Each round begins with another side. A side that hears nothing anymore is sent nothing in
        the rest of the race, which counts as not seen.
        """
        sides = {side: lanes[0] for side, lanes in self.sides(kind).items()}
        times: dict[str, list[float]] = {side: [] for side in sides}
        unseen = dict.fromkeys(sides, 0)
        order = list(sides)
        for _ in range(rounds):
            for side in order:
                seen: list[float] = []
                if unseen[side] < SILENT_AFTER:
                    seen = await self.send([sides[side]] * size, qos, STALLED)
                    unseen[side] = 0 if seen else unseen[side] + 1
                times[side] += seen + [STALLED] * (size - len(seen))
            order = [*order[1:], order[0]]
        return times

    async def hears(self, side: str, name: str) -> None:
        """Send events until all are seen: those published before a client has subscribed are lost.

        Raises HomeAssistantError if some are not seen within READY_WITHIN seconds.
        """
        lanes = self.lanes[side, name]
        deadline = time.monotonic() + READY_WITHIN
        while (seen := len(await self.send(lanes, 2, LATE))) < len(lanes):
            if time.monotonic() > deadline:
                what = f"only {seen} of {len(lanes)} events are seen"
                raise HomeAssistantError(f"{side}, {name}: {what}")


@asynccontextmanager
async def course(setting: Setting, locks: int, others: Sequence[str] = ()) -> AsyncIterator[Course]:
    """Prepare a course: all sides have subscribed, and are warmed up.

    ``others`` are the models of more locks, which are only unlocked.
    """
    async with (
        site(setting, locks, others=others, with_mqtt=True) as place,
        place.house() as house,
    ):
        await house.enable()
        if setting.beside:
            await house.add_beside()
        lanes = await _lanes(house)
        async with observing(house) as observer:
            if house.site.beside:
                lanes |= await _lanes_beside(house, observer)
            prepared = Course(house, observer, lanes)
            for side, name in lanes:
                await prepared.hears(side, name)
            for kind in (RING, UNLOCKED):
                await prepared.race(kind, 1, BURST, WARMING_ROUNDS)
            yield prepared


def unlocking(lock: Device) -> Kind:
    """Return the kind of event that unlocking a lock is."""
    return UNLOCKED if lock.model == MODEL else unlocked_at(FACTS[lock.model])


async def _lanes(house: House) -> dict[tuple[str, str], list[Lane]]:
    """Return the lanes of the integration and of ``mqtt``."""
    locks = house.site.accounts[0].locks.values()
    kinds = [(lock.did, unlocking(lock)) for lock in locks]
    kinds = [*((lock.did, RING) for lock in locks if lock.model == MODEL), *kinds]
    shown = [[one.format(did=did) for one in kind.unique_ids] for did, kind in kinds]
    ours = await house.event_entities(DOMAIN, chain.from_iterable(shown))
    mqtt = await house.event_entities(MQTT, (lock.did for lock in locks))
    lanes: defaultdict[tuple[str, str], list[Lane]] = defaultdict(list)
    for (did, kind), unique_ids in zip(kinds, shown, strict=True):
        entity_ids = [ours[unique_id] for unique_id in unique_ids]
        lanes[OURS, kind.name].append(Lane(did, kind, kind.pushed, entity_ids))
        lanes[MQTT, kind.name].append(Lane(did, kind, kind.mqtt, [mqtt[did]]))
        if kind.shown_too:
            lanes[ONE_ENTITY, kind.name].append(Lane(did, kind, kind.mqtt_event, [mqtt[did]]))
    return dict(lanes)


async def _lanes_beside(house: House, observer: Observer) -> dict[tuple[str, str], list[Lane]]:
    """Return the lanes of the other integration, whose entities are found by trying."""
    return {
        (BESIDE, kind.name): [
            Lane(did, kind, kind.pushed, [await _shown_by(house, observer, kind, did)])
            for did in house.site.accounts[1].locks
        ]
        for kind in (RING, UNLOCKED)
    }


async def _shown_by(house: House, observer: Observer, kind: Kind, did: str) -> str:
    """Return the other integration's event entity that shows an event of a lock.

    It is the only one that changes, twice: when an integration has connected, all of them may.
    Raises HomeAssistantError if none does within READY_WITHIN seconds.
    """
    deadline, last = time.monotonic() + READY_WITHIN, None
    for number in numbers():
        known = await house.event_entity_ids(house.site.beside)
        before = observer.changes.copy()
        await house.site.simulator.broker.publish(*kind.pushed(did, kind.happening(number)))
        changed = await _changed(observer, known, before)
        if len(changed) == 1 and changed == last:
            return changed[0]
        if time.monotonic() > deadline:
            break
        last = changed
    raise HomeAssistantError(f"no event entity of {house.site.beside} shows: {kind.name}")


async def _changed(observer: Observer, known: list[str], before: Counter[str]) -> list[str]:
    """Return which entities change soon."""
    for _ in range(50):
        await asyncio.sleep(0.01)
        if any(observer.changes[one] > before[one] for one in known):
            await asyncio.sleep(TOGETHER)
            break
    return [one for one in known if observer.changes[one] > before[one]]


async def states_written(measured: Course, kind: Kind, side: str, sample: int) -> float:
    """Return how many states an event changes at a side, the mean of several events."""
    platform = {OURS: DOMAIN, MQTT: MQTT, BESIDE: measured.house.site.beside}[side]
    assert platform
    entity_ids = [entity_id for entity_id, _ in await measured.house.registered(platform)]
    before = measured.observer.changes.copy()
    for lane in islice(cycle(measured.lanes[side, kind.name]), sample):
        await measured.send([lane], 1, LATE)
        await asyncio.sleep(STALLED)
    changed = measured.observer.changes
    return sum(changed[one] - before[one] for one in entity_ids) / sample
