"""The lock's clock compared with ours, to tell current events from past ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Times outside these bounds are implausible, in Unix seconds and in seconds from now. Before: the
# clock was never set and counts from zero, as after a change of batteries. Further in the future:
# it is no time at all.
EARLIEST: Final = 1_700_000_000
FURTHEST_AHEAD: Final = 86_400
AHEAD: Final = 5.0  # seconds by which an event may seem to come from the future
CLEARLY_OFF: Final = 120.0  # seconds from which on an offset is reported
APART: Final = 5.0  # least seconds between two events that show how far a clock is off
ALIKE: Final = 2.0  # seconds by which the lags of such two events may differ


def says_something(device_time: float, arrival: float) -> bool:
    """Return whether a time of the lock is plausible; both times are in Unix seconds."""
    return EARLIEST <= device_time <= arrival + FURTHEST_AHEAD


@dataclass
class LockClock:
    """The offset of the lock's clock from ours, as learned from its events.

    An event of this moment shows at once that the clock is right, and one from the future that it
    is ahead. One from the past is either late, or the clock is behind. Two events that arrive some
    seconds apart with the same lag show that the clock is behind: late events arrive all at once
    instead.
    """

    behind: float = 0.0
    says_nothing: bool = False
    is_steady: bool = False
    """Whether the last event lagged like those before it: none of them was delayed."""
    _arrival: float | None = None
    _lag: float = 0.0

    def when(self, device_time: float | None, arrival: float) -> float:
        """Return when something happened by our clock, and learn the offset from it.

        Both times are in Unix seconds. The time of arrival is returned if the lock's time is
        missing or implausible.
        """
        if device_time is None:
            return arrival
        self.says_nothing = not says_something(device_time, arrival)
        if self.says_nothing:
            return arrival
        lag = arrival - device_time
        alike = self._arrival is not None and abs(lag - self._lag) <= ALIKE
        apart = self._arrival is not None and arrival - self._arrival >= APART
        self.is_steady = alike and (apart or self.is_steady)
        from_the_future = lag < self.behind - AHEAD
        if abs(lag) <= AHEAD:
            self.behind = 0.0
        elif from_the_future or (alike and apart and lag - self.behind > CLEARLY_OFF):
            self.behind = lag
        self._arrival, self._lag = arrival, lag
        return min(device_time + self.behind, arrival)

    def was(self, device_time: float | None, told: float) -> float:
        """Return when a past event happened by our clock.

        ``told`` is when it was reported, in Unix seconds; it is returned if the lock's time is
        missing or implausible. Nothing is learned from it: the delay of the report says nothing
        about the clock.
        """
        if device_time is None or not says_something(device_time, told):
            return told
        return device_time + self.behind

    @property
    def is_off(self) -> bool:
        """Whether the clock should be set, since its time is implausible or clearly off."""
        return self.says_nothing or abs(self.behind) > CLEARLY_OFF

    def was_set(self) -> None:
        """Reset the offset, since the clock was set to ours."""
        self.behind, self.says_nothing, self._arrival = 0.0, False, None
        self.is_steady = False
