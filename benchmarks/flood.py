"""Thousands of unlock events at once, over all locks."""

from __future__ import annotations

import asyncio
from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

from .course import ONE_ENTITY, PATIENCE
from .figures import MQTT, OURS, Figure
from .messages import UNLOCKED
from .process import processor_time

if TYPE_CHECKING:
    from .course import Course

CALM: Final = 2.0
"""Seconds after the last event, for what is done later: it counts as processor time too."""
GOAL: Final = 0.75
GOAL_BESIDE: Final = 0.95

type Floods = dict[str, list[tuple[float, float, float]]]
"""How many were lost, when the last was seen and the processor time, of each flood by side."""


async def flood(measured: Course, events: int, floods: Floods) -> None:
    """Send events at once to all locks of each side in turn, and add how that went."""
    for side, lanes in measured.sides(UNLOCKED).items():
        started = processor_time(measured.house.process)
        times = await measured.send(islice(cycle(lanes), events), 1, PATIENCE)
        await asyncio.sleep(CALM)
        spent = processor_time(measured.house.process) - started
        one = events - len(times), max(times, default=PATIENCE), spent
        floods.setdefault(side, []).append(one)


def flooded(name: str, floods: Floods) -> list[Figure]:
    """Return the figures of the floods of all sides."""
    lost, last, spent = (_part(floods, number) for number in range(3))
    figures = [
        Figure(
            name=f"{name}: lost" + ("" if side == OURS else f" by {side}"),
            races={OURS: [sum(each)]},
            limit=0 if side == OURS else None,
        )
        for side, each in lost.items()
    ]
    for what, races in (("the last after", last), ("processor time", spent)):
        plain = {side: each for side, each in races.items() if side != ONE_ENTITY}
        one_entity = {OURS: races[OURS], MQTT: races[ONE_ENTITY]}
        figures += [
            Figure(
                name=f"{name}: {what}",
                unit="s",
                races=plain,
                goal=GOAL,
                goal_beside=GOAL_BESIDE,
            ),
            Figure(name=f"{name}, beside one entity: {what}", unit="s", races=one_entity),
        ]
    return figures


def _part(floods: Floods, number: int) -> dict[str, list[float]]:
    return {side: [one[number] for one in each] for side, each in floods.items()}
