"""Figures of several sides, what they are to be, and tables of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OURS: Final = "lock"
MQTT: Final = "mqtt"
BESIDE: Final = "beside"
"""The sides that a figure may be of: this integration, Home Assistant's ``mqtt``, another one."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the values of several races, and the lowest and the highest of them."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Return the spread of some values."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        if self.lowest == self.highest:
            return f"{self.median:.2f}"
        return f"{self.median:.2f} ({self.lowest:.2f}–{self.highest:.2f})"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was measured: a value of each side for each race.

    ``limit`` and ``goal`` are for the median ratio to ``mqtt``, or for our value where there is
    none of ``mqtt``. A goal may not be reached yet; a limit has to be kept.
    """

    name: str
    unit: str = ""
    races: Mapping[str, Sequence[float]]
    limit: float | None = None
    goal: float | None = None
    goal_beside: float | None = None
    """The goal for the median ratio to the other integration."""

    def value(self, side: str) -> float | None:
        """Return the median of a side's races, None if the side has none."""
        return median(self.races[side]) if side in self.races else None

    def ratio(self, side: str) -> Spread | None:
        """Return ours as a multiple of a side's in each race, None if the side has none."""
        if side not in self.races:
            return None
        pairs = zip(self.races[OURS], self.races[side], strict=True)
        # Processor time is counted in hundredths of a second: a short one may be none.
        return Spread.of([ours / theirs if theirs else math.inf for ours, theirs in pairs])

    def joined(self, other: Figure) -> Figure:
        """Return the figure with the races of another one too."""
        both = {side: [*values, *other.races[side]] for side, values in self.races.items()}
        return replace(self, races=both)

    @property
    def verdict(self) -> str:
        """Return whether limit and goal are kept, "" without either."""
        ratio = self.ratio(MQTT)
        judged = ratio.median if ratio else self.value(OURS)
        return "" if judged is None else _verdict(judged, self.limit, self.goal)

    @property
    def verdict_beside(self) -> str:
        """Return whether the goal beside the other integration is kept, "" without it."""
        ratio = self.ratio(BESIDE)
        return "" if ratio is None else _verdict(ratio.median, None, self.goal_beside)


BROKEN: Final = "BROKEN"


def _verdict(judged: float, limit: float | None, goal: float | None) -> str:
    if limit is not None and judged > limit:
        return BROKEN
    if goal is not None and judged > goal:
        return "not yet"
    return "" if limit is None and goal is None else "kept"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def _text(spread: Spread | None) -> str:
    return str(spread or "")


def table(figures: Sequence[Figure], beside: str | None = None) -> str:
    """Return a table in Markdown; ``beside`` is the name of the other integration, None without."""
    columns: dict[str, list[str]] = {
        "": [one.name for one in figures],
        OURS: [_number(one.value(OURS)) for one in figures],
    }
    if beside:
        columns[beside] = [_number(one.value(BESIDE)) for one in figures]
    columns |= {
        MQTT: [_number(one.value(MQTT)) for one in figures],
        "unit": [one.unit for one in figures],
    }
    if beside:
        columns |= {
            f"÷ {beside}": [_text(one.ratio(BESIDE)) for one in figures],
            "its goal": [_number(one.goal_beside) for one in figures],
            " ": [one.verdict_beside for one in figures],
        }
    columns |= {
        f"÷ {MQTT}": [_text(one.ratio(MQTT)) for one in figures],
        "limit": [_number(one.limit) for one in figures],
        "goal": [_number(one.goal) for one in figures],
        "  ": [one.verdict for one in figures],
    }
    return _aligned(columns)


def comparison(before: Sequence[Figure], now: Sequence[Figure]) -> str:
    """Return a table of the same figures of two commits; ratios to ``mqtt`` where possible."""
    measured = [(_compared(old), _compared(new)) for old, new in zip(before, now, strict=True)]
    columns = {
        "": [one.name for one in now],
        "before": [str(old) for old, _ in measured],
        "now": [str(new) for _, new in measured],
        "unit": [f"÷ {MQTT}" if MQTT in one.races else one.unit for one in now],
        "now ÷ before": [
            f"{new.median / old.median:.2f}" if old.median else "" for old, new in measured
        ],
    }
    return _aligned(columns)


def _compared(figure: Figure) -> Spread:
    return figure.ratio(MQTT) or Spread.of(figure.races[OURS])


def _aligned(columns: Mapping[str, Sequence[str]]) -> str:
    """Return a table in Markdown, aligned for a terminal."""
    padded = []
    for heading, cells in columns.items():
        width = max(map(len, (heading.strip(), *cells)))
        padded.append([heading.strip().ljust(width), "-" * width, *(c.ljust(width) for c in cells)])
    texts = [f"| {' | '.join(line)} |" for line in zip(*padded, strict=True)]
    texts[1] = texts[1].replace(" ", "-")
    return "\n".join(texts)
