"""The events that were handled, to know them when they are delivered again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .lock_event import LockEvent

# How much is remembered: the events of weeks, so that nothing late is new.
REMEMBERED: Final = 1000
# How many more there may be until the oldest are forgotten
FORGOTTEN_TOGETHER: Final = 100

# In how many seconds a lock does not count to the same number with the same to tell: it may begin
# again, or count no further than to 255. From once to twice as many.
COUNTS_FOR: Final = 86_400

# Seconds within which two services report the same event, of which one says no time
TWINS_WITHIN: Final = 2.0
# How many of them there may be: nobody rings as often.
TWINS_LIMIT: Final = 100

type Identity = str
"""What makes an event itself, in a line: many are kept, and written down each time."""


@dataclass
class EventDeduplicator:
    """The last events.

    An event is the one with its time and what tells two of a second apart. Where its time says
    nothing, or it has none, it is the one with its number; without a number, the one that arrived
    at that second. Two services may stamp the same event a second apart.
    """

    known: dict[Identity, None] = field(default_factory=dict)
    """Their identities, oldest first."""
    _alone: list[tuple[float, LockEvent]] = field(default_factory=list, compare=False)
    """Those of just now that the other one of two services may report too, and when they came."""

    def take(self, lock_event: LockEvent) -> bool:
        """Remember an event that has just arrived, and say whether it is new."""
        seen_as = _seen_as(lock_event)
        if not self.known.keys().isdisjoint(seen_as):
            return False
        self.known.update(dict.fromkeys((seen_as[0], *_kept_too(lock_event))))
        if len(self.known) > REMEMBERED + FORGOTTEN_TOGETHER:
            self.known = dict.fromkeys(list(self.known)[-REMEMBERED:])
        return not self._was_reported(lock_event)

    def _was_reported(self, lock_event: LockEvent) -> bool:
        """Say whether the other one of two services has just reported the very same event.

        Each report stands for one of the other: two of both are two events. Where both have a time
        of the lock's, that tells.
        """
        if not lock_event.reported_twice:
            return False
        now = lock_event.when
        recent = [(came, one) for came, one in self._alone if abs(now - came) < TWINS_WITHIN]
        self._alone = recent[-TWINS_LIMIT:]
        for came, one in self._alone:
            if one.event is not lock_event.event and _alike(one, lock_event):
                self._alone.remove((came, one))
                return True
        self._alone.append((now, lock_event))
        return False


def _alike(one: LockEvent, other: LockEvent) -> bool:
    told_by_time = None not in (one.usable_time, other.usable_time)
    return (
        one.kind == other.kind and one.identity_suffix == other.identity_suffix and not told_by_time
    )


def _seen_as(lock_event: LockEvent) -> list[Identity]:
    """Return as what an event may be known; as the first it is known from now on."""
    if (moment := lock_event.usable_time) is not None:
        return _at(lock_event, moment, near=lock_event.reported_twice)
    if lock_event.tid is not None:
        return _numbered(lock_event)
    return _at(lock_event, int(lock_event.when), near=True)


def _kept_too(lock_event: LockEvent) -> list[Identity]:
    """Return as what else an event is known from now on.

    One without a usable time may come again without its number, or when its time can be one.
    """
    if lock_event.usable_time is not None:
        return []
    kept = _at(lock_event, int(lock_event.when))
    if lock_event.time is not None and lock_event.time > lock_event.when:
        kept += _at(lock_event, lock_event.time)
    return kept


def _at(lock_event: LockEvent, moment: int, *, near: bool = False) -> list[Identity]:
    """Return what an event is at a second, and if wanted at the one before and the one after."""
    (siid, eiid), identity_suffix = lock_event.kind, lock_event.identity_suffix
    seconds = (moment, moment - 1, moment + 1) if near else (moment,)
    return [f"{siid}.{eiid} {second} {identity_suffix}" for second in seconds]


def _numbered(lock_event: LockEvent) -> list[Identity]:
    """Return what an event is by its number in this period, the one before and the one after."""
    siid, eiid = lock_event.event.address
    period = int(lock_event.when) // COUNTS_FOR
    number = f"{siid}.{eiid} #{lock_event.tid}"
    alike = f"{lock_event.time} {lock_event.identity_suffix}"
    return [f"{number} {one} {alike}" for one in (period, period - 1, period + 1)]
