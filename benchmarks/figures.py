"""Figures, their limits, and a table of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADINGS: Final = ("", "lock", "mqtt", "unit", "ratio", "limit", "")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A measured value. If there is one of ``mqtt`` too, the limit is for their ratio."""

    name: str
    value: float
    unit: str
    mqtt: float | None = None
    limit: float | None = None

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of that of Home Assistant's ``mqtt``, None if it has none."""
        return None if self.mqtt is None else self.value / self.mqtt

    @property
    def kept(self) -> bool:
        """Whether the limit, if there is one, is kept."""
        judged = self.value if self.ratio is None else self.ratio
        return self.limit is None or judged <= self.limit

    @property
    def cells(self) -> tuple[str, ...]:
        """The figure as the cells of a table line."""
        numbers = map(_number, (self.value, self.mqtt, self.ratio, self.limit))
        value, mqtt, ratio, limit = numbers
        verdict = "" if self.limit is None else "kept" if self.kept else "BROKEN"
        return self.name, value, mqtt, self.unit, ratio, limit, verdict


def _number(value: float | None) -> str:
    match value:
        case None:
            return ""
        case int():
            return str(value)
    return f"{value:.2f}"


def table(figures: Sequence[Figure]) -> str:
    """Return a table in Markdown, aligned for a terminal."""
    lines = [_HEADINGS, *(figure.cells for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |"
        for line in lines
    ]
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    return "\n".join((texts[0], rule, *texts[1:]))
