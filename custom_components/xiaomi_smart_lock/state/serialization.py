"""Checks of stored values. No I/O."""

from __future__ import annotations

import math


def number(raw: object) -> float:
    """Return a stored number; raises ValueError or OverflowError if it is not a finite number."""
    if not isinstance(raw, int | float) or not math.isfinite(raw):
        raise ValueError("no number")
    return float(raw)
