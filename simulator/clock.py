"""The time that the simulated lock and cloud live in."""

from __future__ import annotations

import time


class Clock:
    """Seconds since 1970 that start at the real time and run ``speed`` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        """Start at the real time."""
        self.speed = speed
        self._epoch = time.time()
        self._started = time.monotonic()

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._epoch + (time.monotonic() - self._started) * self.speed

    def advance(self, seconds: float) -> None:
        """Skip some time."""
        self._epoch += seconds
