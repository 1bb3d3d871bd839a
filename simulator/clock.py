"""The clock of the simulated lock and cloud."""

from __future__ import annotations

import time


class Clock:
    """A clock that starts at the real time and runs ``speed`` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        """Start at the real time."""
        self.speed = speed
        self._epoch = time.time()
        self._started = time.monotonic()

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        return self._epoch + (time.monotonic() - self._started) * self.speed

    def advance(self, seconds: float) -> None:
        """Advance the clock by some seconds."""
        self._epoch += seconds
