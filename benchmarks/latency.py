"""The latency from a published message to the state that a WebSocket client sees.

Each lock is compared with an event entity of Home Assistant's own ``mqtt``, in the same process, at
the same broker behind the same gate, and with another integration if there is one. All are sent the
same number of bytes, in turn. A ring changes one state, as any event of ``mqtt`` does. Unlocking
also changes the lock and sensors; it is compared with as many entities of ``mqtt``, and with one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, product
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from simulator.facts import FACTS

from .course import BURST, ONE_ENTITY, course, states_written
from .figures import BESIDE, MQTT, OURS, Figure
from .flood import flood, flooded
from .messages import RING, UNLOCKED, Kind, unlocked_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .flood import Floods
    from .house import Setting

type Races = Mapping[str, Sequence[Sequence[float]]]
"""The latencies of each race, in seconds, by side."""

RACES: Final = 5
LOCKS: Final = 10
CROWD: Final = 100
OTHERS: Final = ("xiaomi.lock.m30fa", "loock.lock.r2", "lumi.lock.mcn002")
"""The models of the other locks of the account."""
FLOOD_OF_CROWD: Final = 10_000
FLOODS_OF_CROWD: Final = 3
SAMPLE: Final = 10

RATIO_OF_MEDIANS: Final = 1.1
RATIO_OF_BURST_P99: Final = 1.0
GOAL: Final = 1.0
GOAL_BESIDE: Final = 0.95


@dataclass(frozen=True)
class Effort:
    """How much is sent: messages and bursts in a race, and whether to a hundred locks too."""

    singles: int
    bursts: int
    flood: int
    crowd: bool


@dataclass(frozen=True)
class Line:
    """What is raced: a kind of event, one at a time or in bursts."""

    kind: Kind
    qos: int
    size: int

    @property
    def how(self) -> str:
        """How it is sent, in words."""
        return "single" if self.size == 1 else f"burst of {self.size}"


async def latencies(setting: Setting, effort: Effort) -> list[Figure]:
    """Measure each kind, QoS and size, other models, and floods.

    Each round of races and floods has a Home Assistant of its own.
    """
    lines = [
        *(Line(*one) for one in product((RING, UNLOCKED), (0, 1, 2), (1, BURST))),
        *(Line(unlocked_at(FACTS[model]), 1, 1) for model in OTHERS),
    ]
    races: list[dict[str, list[list[float]]]] = [{} for _ in lines]
    floods: Floods = {}
    states: dict[str, list[float]] = {}
    for _ in range(RACES):
        async with course(setting, LOCKS, OTHERS) as measured:
            for line, times in zip(lines, races, strict=True):
                rounds = effort.singles if line.size == 1 else effort.bursts
                seen_by = await measured.race(line.kind, line.qos, line.size, rounds)
                for side, seen in seen_by.items():
                    times.setdefault(side, []).append(seen)
            for side in (OURS, MQTT, BESIDE):
                if (side, UNLOCKED.name) in measured.lanes:
                    written = await states_written(measured, UNLOCKED, side, SAMPLE)
                    states.setdefault(side, []).append(written)
            await flood(measured, effort.flood, floods)
    figures = [
        *chain.from_iterable(map(raced, lines, races)),
        Figure(name="unlocked: states written", races=states),
        *flooded(f"{effort.flood} unlocked over {LOCKS} locks", floods),
    ]
    if effort.crowd:
        of_crowd: Floods = {}
        async with course(replace(setting, beside=None), CROWD) as measured:
            for _ in range(FLOODS_OF_CROWD):
                await flood(measured, FLOOD_OF_CROWD, of_crowd)
        figures += flooded(f"{FLOOD_OF_CROWD} unlocked over {CROWD} locks", of_crowd)
    return figures


def raced(line: Line, races: Races) -> list[Figure]:
    """Return the figures of the races of a line, in ms.

    Beside one entity of ``mqtt`` they are figures of their own.
    """
    kind = line.kind
    plain = {side: times for side, times in races.items() if side != ONE_ENTITY}
    name = f"QoS {line.qos}, {kind.name}, {line.how}:"
    figures = [
        Figure(
            name=f"{name} median",
            unit="ms",
            races={side: medians(times) for side, times in plain.items()},
            limit=RATIO_OF_MEDIANS if kind is RING else None,
            goal=GOAL if kind is RING else None,
            goal_beside=GOAL_BESIDE if kind is UNLOCKED else None,
        ),
        Figure(
            name=f"{name} p99",
            unit="ms",
            races={side: [p99(times)] for side, times in plain.items()},
            limit=RATIO_OF_BURST_P99 if line.size > 1 else None,
        ),
    ]
    if ONE_ENTITY in races:
        name = f"QoS {line.qos}, {kind.name}, beside one entity, {line.how}:"
        pair = {OURS: medians(races[OURS]), MQTT: medians(races[ONE_ENTITY])}
        figures.append(Figure(name=f"{name} median", unit="ms", races=pair))
    return figures


def medians(races: Sequence[Sequence[float]]) -> list[float]:
    """Return the median of each race, in ms."""
    return [median(times) * 1000 for times in races]


def p99(races: Sequence[Sequence[float]]) -> float:
    """Return the 99th percentile of the latencies of all races together, in ms."""
    return quantiles([one for times in races for one in times], n=100)[-1] * 1000
