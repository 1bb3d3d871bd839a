"""The events that were already handled, to recognize duplicates."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .lock_event import LockEvent

# Identities that are kept: the events of weeks, so that no late duplicate is taken as new
REMEMBERED: Final = 1000
# Identities above that limit, before the oldest ones are dropped together
FORGOTTEN_TOGETHER: Final = 100

# Seconds in which the same number with the same content means a duplicate. The lock may restart its
# numbering, or count no further than 255. The effective time is one to two times as long.
COUNTS_FOR: Final = 86_400

# Seconds within which two services report the same event, if one of them gives no time
TWINS_WITHIN: Final = 2.0
# Limit of such reports that are kept: nobody rings that often.
TWINS_LIMIT: Final = 100

type Reports = deque[tuple[float, LockEvent]]
"""Reports of events with the time of their arrival, oldest first."""

type Identity = str
"""The identity of an event, in one text: many are kept."""


@dataclass
class EventDeduplicator:
    """The identities of the last events.

    An event is identified by its time and by the values that distinguish events of the same second.
    If its time is missing or unusable, it is identified by its number; without a number, by the
    second of its arrival. Two services may give the same event times one second apart.
    """

    known: dict[Identity, None] = field(default_factory=dict)
    """The identities, oldest first."""
    added: list[Identity] = field(default_factory=list, compare=False)
    """The identities that were added since somebody took them away to write them down."""
    _alone: Mapping[bool, Reports] = field(
        default_factory=lambda: {each: deque(maxlen=TWINS_LIMIT) for each in (True, False)},
        compare=False,
    )
    """Recent reports that another service may repeat: those with a usable time, and the others."""

    def take(self, lock_event: LockEvent) -> bool:
        """Remember an event that has just arrived, and return whether it is new."""
        seen_as = _seen_as(lock_event)
        if not self.known.keys().isdisjoint(seen_as):
            return False
        self.remember((seen_as[0], *_kept_too(lock_event)))
        return not self._was_reported(lock_event)

    def remember(self, identities: Iterable[Identity]) -> None:
        """Remember identities, and forget the oldest ones beyond the limit."""
        new = tuple(identities)
        self.known.update(dict.fromkeys(new))
        self.added += new
        if len(self.known) > REMEMBERED + FORGOTTEN_TOGETHER:
            self.known = dict.fromkeys(list(self.known)[-REMEMBERED:])

    def _was_reported(self, lock_event: LockEvent) -> bool:
        """Return whether the other one of two services has just reported the same event.

        Each report matches one of the other service: two reports from each are two events. If both
        have a usable time of the lock, the times decide instead.
        """
        if not lock_event.reported_twice:
            return False
        now, has_time = lock_event.when, lock_event.usable_time is not None
        for reports in self._alone.values():
            while reports and abs(now - reports[0][0]) >= TWINS_WITHIN:
                reports.popleft()
        candidates = [self._alone[False], *([] if has_time else [self._alone[True]])]
        for reports in candidates:
            for report in reports:
                if _is_twin(report[1], lock_event):
                    reports.remove(report)
                    return True
        self._alone[has_time].append((now, lock_event))
        return False


def _is_twin(one: LockEvent, other: LockEvent) -> bool:
    """Return whether two services have reported the same, as far as values tell."""
    return (
        one.event is not other.event
        and one.kind == other.kind
        and one.identity_suffix == other.identity_suffix
    )


def _seen_as(lock_event: LockEvent) -> list[Identity]:
    """Return the possible identities of an event; the first one is to be remembered."""
    if (moment := lock_event.usable_time) is not None:
        return _at(lock_event, moment, near=lock_event.reported_twice)
    if lock_event.tid is not None:
        return _numbered(lock_event)
    return _at(lock_event, int(lock_event.when), near=True)


def _kept_too(lock_event: LockEvent) -> list[Identity]:
    """Return further identities to remember for an event.

    An event without a usable time may come again without its number, or later, when its time has
    become plausible.
    """
    if lock_event.usable_time is not None:
        return []
    kept = _at(lock_event, int(lock_event.when))
    if lock_event.time is not None and lock_event.time > lock_event.when:
        kept += _at(lock_event, lock_event.time)
    return kept


def _at(lock_event: LockEvent, moment: int, *, near: bool = False) -> list[Identity]:
    """Return the identity of an event at a second; if ``near``, also a second before and after."""
    (siid, eiid), identity_suffix = lock_event.kind, lock_event.identity_suffix
    seconds = (moment, moment - 1, moment + 1) if near else (moment,)
    return [f"{siid}.{eiid} {second} {identity_suffix}" for second in seconds]


def _numbered(lock_event: LockEvent) -> list[Identity]:
    """Return the identities of an event by number, in this period, the one before and the next."""
    siid, eiid = lock_event.event.address
    period = int(lock_event.when) // COUNTS_FOR
    number = f"{siid}.{eiid} #{lock_event.tid}"
    alike = f"{lock_event.time} {lock_event.identity_suffix}"
    return [f"{number} {one} {alike}" for one in (period, period - 1, period + 1)]
