"""What was written down, read back. No I/O."""

from __future__ import annotations

import math


def number(raw: object) -> float:
    """Return a number that was kept; raises ValueError or OverflowError where it is none."""
    if not isinstance(raw, int | float) or not math.isfinite(raw):
        raise ValueError("no number")
    return float(raw)
