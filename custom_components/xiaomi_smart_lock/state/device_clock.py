"""The lock's clock, held against ours, to tell what happened just now from what happened before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# A time outside of these says nothing: before, the clock was never set and counts from zero, as
# after a change of batteries; so far in the future, it is no time at all.
EARLIEST: Final = 1_700_000_000
FURTHEST_AHEAD: Final = 86_400
AHEAD: Final = 5.0  # seconds by which an event may seem to come from the future
CLEARLY_OFF: Final = 120.0  # seconds from which on a clock that is off is worth a word
APART: Final = 5.0  # seconds between two events that together show how far a clock is off
ALIKE: Final = 2.0  # seconds by which such two may disagree


def says_something(device_time: float, arrival: float) -> bool:
    """Say whether a time of the lock's can be one at all, both in Unix seconds."""
    return EARLIEST <= device_time <= arrival + FURTHEST_AHEAD


@dataclass
class LockClock:
    """How far the lock's clock is behind ours, as its events tell.

    An event of this very moment shows at once that the clock is right, and one from the future
    that it is ahead. One from the past is late, or the clock is behind: two that arrive some
    seconds apart, each as far from the past as the other, show that it is the clock. What is
    delivered late comes in one go instead.
    """

    behind: float = 0.0
    says_nothing: bool = False
    _arrival: float | None = None
    _lag: float = 0.0

    def when(self, device_time: float | None, arrival: float) -> float:
        """Return when something happened by our clock, both times in Unix seconds."""
        if device_time is None:
            return arrival
        self.says_nothing = not says_something(device_time, arrival)
        if self.says_nothing:
            return arrival
        lag = arrival - device_time
        alike = self._arrival is not None and abs(lag - self._lag) <= ALIKE
        apart = self._arrival is not None and arrival - self._arrival >= APART
        from_the_future = lag < self.behind - AHEAD
        if abs(lag) <= AHEAD:
            self.behind = 0.0
        elif from_the_future or (alike and apart and lag - self.behind > CLEARLY_OFF):
            self.behind = lag
        self._arrival, self._lag = arrival, lag
        return min(device_time + self.behind, arrival)

    def was(self, device_time: float | None, told: float) -> float:
        """Return when something happened that is told of afterwards, at a time in Unix seconds.

        Nothing is learned of it: how long afterwards says nothing of the clock.
        """
        if device_time is None or not says_something(device_time, told):
            return told
        return device_time + self.behind

    @property
    def is_off(self) -> bool:
        """Whether the clock is so far off that it should be set."""
        return self.says_nothing or abs(self.behind) > CLEARLY_OFF

    def was_set(self) -> None:
        """Begin anew, since the clock was set to ours."""
        self.behind, self.says_nothing, self._arrival = 0.0, False, None
