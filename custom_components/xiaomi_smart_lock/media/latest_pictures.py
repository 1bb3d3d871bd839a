"""The newest camera pictures of one lock, and the retrieval of new ones.

A detection, here, is one entry in the cloud's list of what the camera saw (``Seen``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final, Self

from homeassistant.core import CALLBACK_TYPE, callback

from ..account.app_session import Service
from ..miot.errors import MiotError, ResultError
from ..model.roles import Role
from ..signal import Signal
from . import picture_schedule as schedule
from .picture_schedule import Delays, Requests, next_look
from .recordings import BELL, STAY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from ..account.app_session import AppSession
    from ..coordinator import LockCoordinator
    from ..events.processor import EventProcessor
    from ..miot.app.client import Seen
    from ..state.lock_event import LockEvent

_LOGGER = logging.getLogger(__name__)

# The camera's name for the kind of a detection, by the event that the lock reports for it
KINDS: Final = {Role.DOORBELL: BELL, Role.SOMEONE_STAYS: STAY}

# How many seconds the picture of an event is awaited
PATIENCE: Final = 45.0
# Maximum seconds between a detection and its event, before or after, and between an event and its
# arrival, for both to belong together without doubt
NEAR: Final = 5
# How often a picture is asked for before the list is read again: it may name another one by then.
ASKED: Final = 4
# How many events may wait for a picture: of many rings in a row, only the last few get one.
AWAITED: Final = 4

# How many seconds before or after an event its detection may begin. The lock reports that
# somebody stays after up to 30 seconds, and the camera merges what it sees within moments.
BEFORE: Final = 60.0
AFTER: Final = 15.0

# At the start: how many seconds to look back for the newest pictures, how many detections of a
# kind to try, and the seconds before each retry if the cloud could not be asked
LOOK_BACK: Final = 30 * 86400
TRIED: Final = 3
LOOK_AGAIN: Final = (60, 600, 3600)
# Seconds to look ahead: a clock may be off by more than is known yet.
LOOK_AHEAD: Final = 86400


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture: its kind, when it was taken, and the detection and frame that it comes from.

    ``began`` is when the detection began, in Unix milliseconds by the cloud's clock.
    """

    kind: str
    taken: float
    """In Unix seconds, by the cloud's clock."""
    began: int
    frame: str = field(repr=False)
    jpeg: bytes = field(repr=False)


@dataclass(eq=False, slots=True)
class PendingPicture:
    """An event that waits for its picture.

    ``when`` is when it happened, ``told`` when it arrived, in Unix seconds by our clock.
    """

    kind: str
    when: float
    told: float
    since: float
    """When it arrived, or happened if it arrived late, in seconds of the monotonic clock."""
    until: float
    """When to give up, by the same clock."""
    teaches: bool = True
    """Whether it can be told from its requests how long its picture took."""
    found: Seen | None = None
    """The detection in the cloud's list whose picture was not there yet, None if none is listed."""
    asked: int = 0
    """How often that picture was asked for since the list was read."""
    missing: float | None = None
    """When the picture was last looked for in vain, in seconds after ``since``; None if never."""
    timed_out: bool = False

    @classmethod
    def of(cls, kind: str, when: float) -> Self:
        """Return an event that arrives now."""
        told, now = time.time(), time.monotonic()
        late = told - when if told - when > NEAR else 0.0
        return cls(kind, when, told, now - late, now + PATIENCE, teaches=not late)

    def gap(self, began: float) -> float:
        """Return how many seconds a detection is away from the event, infinite if too far.

        If the event's own time does not fit, the lock's clock may still be off. Its arrival is
        compared instead; as that is less certain, BEFORE seconds are added.
        """
        for moment, doubt in ((self.when, 0.0), (self.told, BEFORE)):
            gap = began - moment
            if -BEFORE <= gap <= AFTER:
                return abs(gap) + doubt
        return inf

    def taken(self, seen: Seen, ahead: float) -> float:
        """Return when the picture was taken, in Unix seconds by the cloud's clock.

        A detection of several kinds may have begun before the event. The event's time counts then,
        plus up to one second, since the lock reports whole seconds.
        """
        began = seen.time / 1000
        if len(seen.kinds) > 1:
            began = max(began, min(self.when + 1, self.told) + ahead)
        return began


def match(
    events: Iterable[PendingPicture], frames: Iterable[tuple[Seen, str]], ahead: float
) -> dict[PendingPicture, Seen]:
    """Return the detection of each event: the nearest one that is nearer to no other event.

    ``frames`` are detections, each with one kind of its frames. ``ahead`` is how many seconds the
    camera's clock is ahead of ours.
    """
    nearest: dict[PendingPicture, tuple[float, Seen]] = {}
    for seen, kind in frames:
        began = seen.time / 1000 - ahead
        gaps = {event: event.gap(began) for event in events if event.kind == kind}
        event = min(gaps, key=gaps.__getitem__, default=None)
        if event and gaps[event] < nearest.get(event, (inf, seen))[0]:
            nearest[event] = gaps[event], seen
    return {event: seen for event, (_, seen) in nearest.items()}


class LatestPictures:
    """The newest pictures of a lock. New ones are fetched when somebody rings or stays."""

    def __init__(
        self,
        lock: LockCoordinator,
        events: EventProcessor,
        link: AppSession,
        keep: Callable[[Picture], Awaitable[None]],
    ) -> None:
        """Prepare for a lock of a linked config entry; ``keep`` is called with each picture."""
        self._lock = lock
        self._events = events
        self._link = link
        self._keep = keep
        self._changed: Signal[None] = Signal()
        self._awaited: deque[PendingPicture] = deque(maxlen=AWAITED)
        """The last events without a picture, including those that timed out."""
        self._waiting: asyncio.Task[None] | None = None
        self._delays: defaultdict[str, Delays] = defaultdict(Delays)
        """How long the pictures of each kind took."""
        self.newest: dict[str, Picture] = {}
        """The newest picture of each kind."""

    @callback
    def async_start(self) -> None:
        """Fetch the newest existing pictures, and listen to the lock's events."""
        entry = self._lock.config_entry
        for role, kind in KINDS.items():
            if event := self._lock.model.event(role):
                happened = partial(self._async_happened, kind)
                entry.async_on_unload(self._events.async_listen(event.address, happened))
        self._in_background(self._async_look_back())

    @callback
    def async_listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call a listener whenever a newer picture came; return a function that removes it."""
        return self._changed.async_listen(None, listener)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        lock = self._lock
        return lock.config_entry.async_create_background_task(lock.hass, work, "pictures")

    @callback
    def _async_happened(self, kind: str, lock_event: LockEvent) -> None:
        """Wait for the picture of an event."""
        self._awaited.append(PendingPicture.of(kind, lock_event.when))
        if not self._waiting or self._waiting.done():
            self._waiting = self._in_background(self._async_wait())

    async def _async_wait(self) -> None:
        """Request the pictures when they are likely to be there, until each came or timed out."""
        looked, requests = -inf, Requests(time.monotonic())
        while wanted := self._wanted():
            now, moment = time.monotonic(), self._next_look(wanted, looked, requests)
            if now < moment:
                # Another event may arrive meanwhile, whose picture is there sooner.
                await asyncio.sleep(min(moment - now, schedule.CLOSE))
                continue
            looked = now
            try:
                await self._async_look(wanted, requests)
            except MiotError as error:
                _LOGGER.debug("%s: no pictures: %s", self._lock.name, error)
                for event in wanted:
                    event.teaches = False
            requests.note(looked, listed=any(event.found for event in self._awaited))

    def _wanted(self) -> list[PendingPicture]:
        """Return the events that still wait for a picture, oldest first."""
        now = time.monotonic()
        wanted = []
        for event in self._awaited:
            if now < event.until:
                wanted.append(event)
            elif not event.timed_out:
                event.timed_out, event.found = True, None
                _LOGGER.debug("%s: no picture came in time: %s", self._lock.name, event.kind)
        return sorted(wanted, key=lambda event: event.when)

    def _next_look(self, wanted: list[PendingPicture], looked: float, requests: Requests) -> float:
        """Return when to look for the pictures again, by the monotonic clock."""
        listed = sum(event.found is not None for event in wanted)
        cost = listed + (not self._are_found(wanted))
        moments = []
        for event in wanted:
            earliest, latest = self._delays[event.kind].likely
            likely = event.since + earliest, event.since + latest
            moments.append(next_look(max(looked, event.since), likely, requests, cost))
        return min(moments)

    def _are_found(self, wanted: list[PendingPicture]) -> bool:
        """Return whether the detections of events are known, so that the list is not needed."""
        ahead = self._link.client.ahead
        return all(
            event.found
            and event.asked < ASKED
            and event.gap(event.found.time / 1000 - ahead) < NEAR
            and self._is_newer(event.found, event.kind)
            for event in wanted
        )

    async def _async_look(self, wanted: list[PendingPicture], requests: Requests) -> None:
        """Fetch the wanted pictures that are available now."""
        looked = time.monotonic()
        if not self._are_found(wanted):
            requests.made += 1
            await self._async_find(wanted)
        ahead = self._link.client.ahead
        for event in wanted:
            if seen := event.found:
                requests.made += 1
                event.asked += 1
                try:
                    await self._async_fetch(seen, event.kind, event.taken(seen, ahead))
                except MiotError as error:
                    _LOGGER.debug("%s: no picture yet: %s", self._lock.name, error)
                    event.teaches &= isinstance(error, ResultError)
                else:
                    self._learn(event)
                    self._no_longer_await(event)
            event.missing = looked - event.since

    async def _async_find(self, wanted: list[PendingPicture]) -> None:
        """Look for the detections of events in the cloud's list."""
        entries = await self._async_seen(min(event.when for event in wanted) - BEFORE)
        frames = [(seen, kind) for seen in entries for kind in seen.frames]
        newer = [(seen, kind) for seen, kind in frames if self._is_newer(seen, kind)]
        found = match(self._awaited, newer, self._link.client.ahead)
        for event in wanted:
            event.found, event.asked = found.get(event), 0

    def _learn(self, event: PendingPicture) -> None:
        """Learn how long the picture of an event took that has just come."""
        if event.teaches:
            there = time.monotonic() - event.since
            self._delays[event.kind].learn(event.missing, there)
            _LOGGER.debug("%s: the picture took %.1f s at most", self._lock.name, there)

    def _no_longer_await(self, fulfilled: PendingPicture) -> None:
        """Stop waiting for a picture that came, and for older ones of its kind.

        Nobody would see the older ones.
        """
        for event in list(self._awaited):
            if event.kind == fulfilled.kind and event.when <= fulfilled.when:
                self._awaited.remove(event)

    def _no_longer_await_near(self, seen: Seen, kind: str) -> None:
        """Stop waiting for a picture that the search at the start has found."""
        ahead = self._link.client.ahead
        for event in match(self._awaited, [(seen, kind)], ahead):
            if event.gap(seen.time / 1000 - ahead) < NEAR:
                self._no_longer_await(event)

    async def _async_look_back(self) -> None:
        """Fetch the newest existing pictures at the start; retry after errors (LOOK_AGAIN)."""
        for again in (*LOOK_AGAIN, None):
            try:
                uploading = await self._async_fetch_newest(of_budget=True)
                while uploading:
                    await asyncio.sleep(schedule.INTERVAL)
                    uploading = await self._async_fetch_newest()
            except MiotError as error:
                _LOGGER.debug("%s: no pictures at the start: %s", self._lock.name, error)
            else:
                return
            if again:
                await asyncio.sleep(again)

    async def _async_fetch_newest(self, *, of_budget: bool = False) -> bool:
        """Fetch the newest pictures; return whether one may still be on its way to the cloud.

        This happens if somebody rang moments before the config entry was set up.
        """
        entries = await self._async_seen(time.time() - LOOK_BACK, of_budget=of_budget)
        uploading = False
        for kind in KINDS.values():
            of_kind = [seen for seen in entries if kind in seen.frames]
            uploading |= await self._async_fetch_first(of_kind, kind, of_budget=of_budget)
        if BELL not in self.newest:
            framed = [seen for seen in entries if seen.frames]
            uploading |= await self._async_fetch_first(framed, of_budget=of_budget)
        return uploading

    async def _async_fetch_first(
        self, entries: list[Seen], kind: str | None = None, *, of_budget: bool
    ) -> bool:
        """Fetch the newest available picture of a kind, or of the last kind in each entry.

        Returns whether a newer picture was not available yet, but may still come.
        """
        uploading = False
        for seen in entries[:TRIED]:
            of_kind = kind or list(seen.frames)[-1]
            if not self._is_newer(seen, of_kind):
                break
            try:
                await self._async_fetch(seen, of_kind, seen.time / 1000, of_budget=of_budget)
            except ResultError:
                age = time.time() + self._link.client.ahead - seen.time / 1000
                uploading |= abs(age) < PATIENCE
            else:
                self._no_longer_await_near(seen, of_kind)
                break
        return uploading

    async def _async_seen(self, since: float, *, of_budget: bool = False) -> list[Seen]:
        """Return the detections since a time (Unix seconds, our clock), newest first."""
        begin, end = since + self._link.client.ahead, time.time() + LOOK_AHEAD
        page = await self._link.async_seen(
            self._lock.device.did,
            self._lock.model.name,
            int(begin * 1000),
            int(end * 1000),
            of_budget=of_budget,
        )
        return sorted(page.entries, key=lambda seen: seen.time, reverse=True)

    async def _async_fetch(
        self, seen: Seen, kind: str, taken: float, *, of_budget: bool = False
    ) -> None:
        """Fetch a picture and pass it on; raises MiotError if it is not available yet."""
        frame = seen.frames[kind]
        did = self._lock.device.did
        with self._link.request(Service.PICTURES, did, of_budget=of_budget) as client:
            jpeg = await client.picture(did, seen.file_id, frame)
        picture = Picture(kind, taken, seen.time, frame, jpeg)
        if (known := self.newest.get(kind)) is None or taken > known.taken:
            self.newest[kind] = picture
            self._changed.async_send((None,))
        await self._keep(picture)

    def _is_newer(self, seen: Seen, kind: str) -> bool:
        """Return whether a detection may be newer than the known picture of its kind."""
        known = self.newest.get(kind)
        return not known or (seen.time >= known.began and seen.frames[kind] != known.frame)
