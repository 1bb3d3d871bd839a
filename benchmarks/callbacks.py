"""The longest callbacks of the event loop of the Home Assistant that is measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .within.sitecustomize import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WITHIN: Final = Path(__file__).parent / "within"
OF_ITS_SERVER: Final = "RequestHandler"
"""What the steps of Home Assistant's web server are of."""


def watched(notes: Path) -> dict[str, str]:
    """Return the environment of a Home Assistant that notes its callbacks in a file."""
    others = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (str(WITHIN), others)))
    return {"PYTHONPATH": path, VARIABLE: str(notes)}


def longest(notes: Iterable[str], since: float, until: float) -> float:
    """Return how long the longest callback took that began between two times, in seconds.

    The times are in seconds of the monotonic clock, which all processes share. It is 0 if none was
    long enough to be noted. Those of Home Assistant's web server do not count: there it enables the
    entities of an entry, which it does not at a restart.
    """
    return max((took for began, took in _noted(notes) if since <= began <= until), default=0.0)


def _noted(notes: Iterable[str]) -> Iterator[tuple[float, float]]:
    for line in notes:
        began, took, whose = line.split(maxsplit=2)
        if OF_ITS_SERVER not in whose:
            yield float(began), float(took)
