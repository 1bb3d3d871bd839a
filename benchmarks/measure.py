"""Everything that is measured in one run, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .footprint import footprints
from .latency import Effort, latencies
from .nearby import nearby

if TYPE_CHECKING:
    from .figures import Figure
    from .house import Setting


@dataclass(frozen=True)
class Extent:
    """How much is sent, and the numbers of locks that are set up."""

    effort: Effort
    sizes: tuple[int, ...]


FULL: Final = Extent(Effort(singles=200, bursts=400, flood=5_000, crowd=True), (1, 3, 10, 50, 100))
BESIDE: Final = Extent(Effort(singles=50, bursts=40, flood=5_000, crowd=True), (1, 3, 10))
"""Beside another integration: Xiaomi Home hears nothing after some ten thousand messages."""
QUICK: Final = Extent(Effort(singles=20, bursts=10, flood=1_000, crowd=False), (1, 10))


async def measure(setting: Setting, extent: Extent) -> list[Figure]:
    """Measure everything."""
    return [
        *await latencies(setting, extent.effort),
        *await footprints(setting, extent.sizes),
        *await nearby(extent.effort.singles),
    ]
