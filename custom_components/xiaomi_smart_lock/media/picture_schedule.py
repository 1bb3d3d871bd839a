"""When to ask the cloud for a picture that is on its way there. No I/O.

Asking every INTERVAL seconds finds a picture late. No more requests than that takes are made when
the picture is likely to come, by how long the last ones took.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

INTERVAL: Final = 3.0
"""The interval of requests, in seconds, whose number is not exceeded."""
CLOSE: Final = 0.5
"""The shortest time between two looks for a picture, in seconds."""
AROUND: Final = 0.75
"""How many seconds before and after the expected times a picture is likely, too."""
FIRST: Final = (2.0, 15.0)
"""When a picture is likely that nothing is known of, in seconds after its event."""
REMEMBERED: Final = 5
"""How many pictures are learned from."""


class Delays:
    """How long the last pictures of one kind took, in seconds after their events."""

    def __init__(self) -> None:
        """Start without knowledge."""
        self._between: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        """The last look that missed a picture and the one that found it, the newest first."""

    def learn(self, missing: float | None, there: float) -> None:
        """Learn from a picture that was missing at one time and there at the next look.

        ``missing`` is None if the first look found it. It may have been there long before, and is
        taken to have come in the second half of that time: who is always late looks earlier.
        """
        self._between.appendleft((there / 2 if missing is None else missing, there))

    @property
    def likely(self) -> tuple[float, float]:
        """The times between which a picture is likely to come; one outlier does not count."""
        if not self._between:
            return FIRST
        usual = self._usual
        delays = sorted(
            usual if missing <= usual <= there else (missing + there) / 2
            for missing, there in self._between
        )
        if _is_outlier(delays):
            del delays[0]
        if _is_outlier([-one for one in reversed(delays)]):
            del delays[-1]
        return max(delays[0] - AROUND, 0.0), delays[-1] + AROUND

    @property
    def _usual(self) -> float:
        """The time at which as many pictures as possible may have come, the best known first."""
        after, by = 0.0, inf
        for missing, there in sorted(self._between, key=lambda one: one[1] - one[0]):
            if max(after, missing) < min(by, there):
                after, by = max(after, missing), min(by, there)
        return (after + by) / 2


def _is_outlier(delays: list[float]) -> bool:
    """Return whether the first of sorted numbers is farther from the others than they lie apart."""
    if len(delays) < 3:  # noqa: PLR2004
        return False
    first, second, *_, last = delays
    return second - first > last - second + AROUND


@dataclass(slots=True)
class Requests:
    """The requests for pictures that are awaited together, counted since the first event.

    Asking every INTERVAL seconds takes one request for the list each time, and another one for a
    picture that is listed but not there yet. All times are in seconds of the same clock.
    """

    began: float
    made: int = 0
    listed: float | None = None
    """When a picture was first seen in the list that is not there yet, None if none is."""

    def allowed(self, moment: float) -> int:
        """Return how many requests may have been made at a time, all together."""
        return self._rounds(moment) + self._for_pictures(moment)

    def soonest(self, cost: int) -> float:
        """Return from when on so many more requests may be made."""
        needed = self.made + cost
        if self.listed is not None:
            needed = ceil((needed + self._rounds(self.listed) - 1) / 2)
        return self.began + (needed - 1) * INTERVAL

    def note(self, moment: float, *, listed: bool) -> None:
        """Note after a look whether a picture is in the list that is not there yet."""
        if listed and self.listed is None:
            self.listed = moment
        elif not listed:
            # What was allowed for it still is.
            self.made -= self._for_pictures(moment)
            self.listed = None

    def _rounds(self, moment: float) -> int:
        return int((moment - self.began) // INTERVAL) + 1

    def _for_pictures(self, moment: float) -> int:
        if self.listed is None:
            return 0
        return self._rounds(moment) - self._rounds(self.listed) + 1


def next_look(last: float, likely: tuple[float, float], requests: Requests, cost: int = 1) -> float:
    """Return when to look for a picture again.

    ``last`` is when it was looked for last, or when its event happened, and ``cost`` how many
    requests a look takes. Looks are spread over the time in which the picture is likely; after that
    they are close together at first.
    """
    earliest, latest = likely
    begin = max(last, earliest)
    if begin < latest:
        looks = (requests.allowed(latest) - requests.made) // cost
        pause = max((latest - begin) / max(looks, 1), CLOSE)
    else:
        pause = min(max(begin - latest, CLOSE), INTERVAL)
    return max(begin + pause, requests.soonest(cost))
