"""What has not been read yet of a lock's past. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .serialization import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..miot.spec import Address, Spec

DAY: Final = 86_400  # seconds
FIRST: Final = 7 * DAY
"""How much is read where nothing was read before."""
LONGEST: Final = 30 * DAY
OVERLAP: Final = DAY // 4
"""How much is read again: what the lock told late is among what is older."""
AHEAD: Final = DAY
"""How far the cloud's clock may be ahead of ours."""


class Gap(NamedTuple):
    """A time, in Unix seconds by the cloud's clock, in which an event may have happened."""

    kind: Address
    start: int
    end: int


@dataclass
class HistoryGaps:
    """The times of which it is not known yet what happened in them."""

    known: dict[Address, int] = field(default_factory=dict)
    """When each event happened last of all that was read, in Unix seconds by the cloud's clock."""
    gaps: list[Gap] = field(default_factory=list)

    def add_news(self, kinds: Iterable[Address], now: int) -> None:
        """Add what may have happened since the last event that was read."""
        for kind in kinds:
            # By a clock that was ahead once, the last one may be in the future.
            last = min(self.known.get(kind, now - FIRST + OVERLAP), now)
            start = max(last - OVERLAP, now - LONGEST)
            self._add(Gap(kind, start, now + AHEAD))

    def _add(self, gap: Gap) -> None:
        """Add a gap, as one with those that it meets."""
        apart = [
            one
            for one in self.gaps
            if one.kind != gap.kind or one.end < gap.start or gap.end < one.start
        ]
        met = [gap, *(one for one in self.gaps if one not in apart)]
        whole = Gap(gap.kind, min(one.start for one in met), max(one.end for one in met))
        self.gaps = [*apart, whole]

    def newest(self, but: Iterable[Address] = ()) -> Gap | None:
        """Return the newest gap, of other events than some; None where there is none."""
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
        """Note what a span's newest page says: when it happened, and where to read on.

        A page that is short may have been cut, so what is before it is read too, but for the time
        that had been read already: an idle lock is to cost one request.
        """
        self.gaps.remove(gap)
        start = gap.start + OVERLAP + 1 if short else gap.start
        if following is not None and start <= following < gap.end:
            self.gaps.append(gap._replace(end=following))
        if happened := [min(time, now) for time in times]:
            self.known[gap.kind] = max(*happened, self.known.get(gap.kind, 0))

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON allows."""
        return {
            "known": [[*kind, time] for kind, time in self.known.items()],
            "spans": [[*gap.kind, gap.start, gap.end] for gap in self.gaps],
        }

    @classmethod
    def from_dict(cls, spec: Spec, stored: Mapping[str, Any]) -> HistoryGaps:
        """Return what was kept; raises what its shape or its values deserve if it was not ours."""
        gaps = cls()
        for siid, eiid, time in stored["known"]:
            gaps.known[spec.events[siid, eiid].address] = int(number(time))
        for siid, eiid, start, end in stored["spans"]:
            kind = spec.events[siid, eiid].address
            gaps.gaps.append(Gap(kind, int(number(start)), int(number(end))))
        return gaps
