"""The parts of a lock's history that have not been read yet. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .serialization import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..miot.spec import Address, Spec

DAY: Final = 86_400  # seconds
FIRST: Final = 7 * DAY
"""How far back to read if nothing was read before, in seconds."""
LONGEST: Final = 30 * DAY
OVERLAP: Final = DAY // 4
"""How much to read again, in seconds: events that the lock reported late are older."""
AHEAD: Final = DAY
"""How far the cloud's clock may be ahead of ours, in seconds."""


class Gap(NamedTuple):
    """A time span in which an event may have happened, in Unix seconds by the cloud's clock."""

    kind: Address
    start: int
    end: int


@dataclass
class HistoryGaps:
    """The time spans of a lock's history that have not been read yet."""

    known: dict[Address, int] = field(default_factory=dict)
    """When the last event of each kind that was read happened, in Unix seconds of the cloud."""
    gaps: list[Gap] = field(default_factory=list)

    def add_news(self, kinds: Iterable[Address], now: int) -> None:
        """Add the time since the last event that was read as a gap, for each kind of event."""
        for kind in kinds:
            # The last event may be in the future, if a clock was ahead then.
            last = min(self.known.get(kind, now - FIRST + OVERLAP), now)
            start = max(last - OVERLAP, now - LONGEST)
            self._add(Gap(kind, start, now + AHEAD))

    def _add(self, gap: Gap) -> None:
        """Add a gap, merged with the gaps that it touches."""
        apart = [
            one
            for one in self.gaps
            if one.kind != gap.kind or one.end < gap.start or gap.end < one.start
        ]
        met = [gap, *(one for one in self.gaps if one not in apart)]
        whole = Gap(gap.kind, min(one.start for one in met), max(one.end for one in met))
        self.gaps = [*apart, whole]

    def newest(self, but: Iterable[Address] = ()) -> Gap | None:
        """Return the newest gap, except for some kinds of events; None if there is none."""
        gaps = (gap for gap in self.gaps if gap.kind not in but)
        return max(gaps, key=lambda gap: gap.end, default=None)

    def was_read(
        self,
        gap: Gap,
        times: Iterable[int],
        following: int | None,
        now: int,
        *,
        short: bool = False,
    ) -> None:
        """Apply the newest page of a gap: the times of its events, and where to read on.

        A short page may have been cut, so the time before it is read too, except for the overlap
        that had been read already: an idle lock must cost only one request.
        """
        self.gaps.remove(gap)
        start = gap.start + OVERLAP + 1 if short else gap.start
        if following is not None and start <= following < gap.end:
            self.gaps.append(gap._replace(end=following))
        if happened := [min(time, now) for time in times]:
            self.known[gap.kind] = max(*happened, self.known.get(gap.kind, 0))

    def as_dict(self) -> dict[str, Any]:
        """Return the gaps as JSON data."""
        return {
            "known": [[*kind, time] for kind, time in self.known.items()],
            "spans": [[*gap.kind, gap.start, gap.end] for gap in self.gaps],
        }

    @classmethod
    def from_dict(cls, spec: Spec, stored: Mapping[str, Any]) -> HistoryGaps:
        """Return the stored gaps.

        Raises LookupError, OverflowError, TypeError or ValueError if the data was not written by
        us.
        """
        gaps = cls()
        for siid, eiid, time in stored["known"]:
            gaps.known[spec.events[siid, eiid].address] = int(number(time))
        for siid, eiid, start, end in stored["spans"]:
            kind = spec.events[siid, eiid].address
            gaps.gaps.append(Gap(kind, int(number(start)), int(number(end))))
        return gaps
