"""The pictures of one lock: the newest of each kind, and the waiting for those to come."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..account.app_session import Service
from ..miot.errors import MiotError, ResultError
from ..model.roles import Role
from ..signal import Signal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from ..account.app_session import AppSession
    from ..coordinator import LockCoordinator
    from ..events.processor import EventProcessor
    from ..miot.app.client import Seen
    from ..state.lock_event import LockEvent

_LOGGER = logging.getLogger(__name__)

BELL: Final = "Bell"
STAY: Final = "Stay"

# Why the camera looked, as it says itself, by the event that the lock tells of it
KINDS: Final = {Role.DOORBELL: BELL, Role.SOMEONE_STAYS: STAY}

# How often, and for how long, to ask for the picture of an event, in seconds
INTERVAL: Final = 3.0
PATIENCE: Final = 45.0
# How many events may wait for theirs: who rings like mad gets the pictures of the last few.
NEAR: Final = 5  # seconds by which the camera saw something before or after the lock told of it
AWAITED: Final = 4

# How long before and after an event what the camera saw of it may begin, in seconds. Somebody
# stays for up to 30 until it is told, and what is seen within moments is one thing to the camera.
BEFORE: Final = 60.0
AFTER: Final = 15.0

# How far back to look for the newest pictures at the start, how many of a kind to try there, and
# after how many seconds to look again where nobody could be asked
LOOK_BACK: Final = 30 * 86400
TRIED: Final = 3
LOOK_AGAIN: Final = (60, 600, 3600)
# How far ahead to look: a clock may be off by more than is known yet.
LOOK_AHEAD: Final = 86400


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, why and when it was taken, and of what that the camera saw it is."""

    kind: str
    taken: float
    """By the cloud's clock, in Unix seconds."""
    began: int
    frame: str = field(repr=False)
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, eq=False, slots=True)
class PendingPicture:
    """An event whose picture is to come; its times are by our clock, in Unix seconds."""

    kind: str
    when: float
    told: float
    until: float
    """When to give up, by the event loop's clock."""

    def gap(self, began: float) -> float:
        """Return how far the event is from what the camera saw, infinite where too far.

        The lock's clock may still be off: then it is the arrival that is near, which says less.
        """
        for moment, doubt in ((self.when, 0.0), (self.told, BEFORE)):
            gap = began - moment
            if -BEFORE <= gap <= AFTER:
                return abs(gap) + doubt
        return inf

    def taken(self, seen: Seen, ahead: float) -> float:
        """Return when its picture was taken.

        What joined something that was seen already was seen when it happened: the lock tells the
        second.
        """
        began = seen.time / 1000
        if len(seen.kinds) > 1:
            began = max(began, min(self.when + 1, self.told) + ahead)
        return began


def match(
    events: Iterable[PendingPicture], frames: Iterable[tuple[Seen, str]], ahead: float
) -> dict[PendingPicture, Seen]:
    """Return what the camera saw of each event: the nearest, of what is nearer to no other.

    Frames are of a kind each; ``ahead`` is how far the camera's clock is ahead of ours.
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
    """The newest pictures of a lock; it gets new ones when somebody rings or stays."""

    def __init__(
        self,
        lock: LockCoordinator,
        events: EventProcessor,
        link: AppSession,
        keep: Callable[[Picture], Awaitable[None]],
    ) -> None:
        """Prepare for a lock of an entry that is linked; ``keep`` takes each picture."""
        self._lock = lock
        self._events = events
        self._link = link
        self._keep = keep
        self._changed: Signal[None] = Signal()
        self._awaited: deque[PendingPicture] = deque(maxlen=AWAITED)
        """The last events that got no picture yet; some of them were given up."""
        self._waiting: asyncio.Task[None] | None = None
        self.newest: dict[str, Picture] = {}
        """The newest picture of each kind."""

    @callback
    def async_start(self) -> None:
        """Look for the newest pictures there are, and follow the lock."""
        entry = self._lock.config_entry
        for role, kind in KINDS.items():
            if event := self._lock.model.event(role):
                happened = partial(self._async_happened, kind)
                entry.async_on_unload(self._events.async_listen(event.address, happened))
        self._in_background(self._async_look_back())

    @callback
    def async_listen(self, listener: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Have it told that a newer picture came; returns how to stop that."""
        return self._changed.async_listen(None, listener)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        lock = self._lock
        return lock.config_entry.async_create_background_task(lock.hass, work, "pictures")

    @callback
    def _async_happened(self, kind: str, lock_event: LockEvent) -> None:
        """Wait for the picture of an event."""
        until = self._lock.hass.loop.time() + PATIENCE
        self._awaited.append(PendingPicture(kind, lock_event.when, time.time(), until))
        if not self._waiting or self._waiting.done():
            self._waiting = self._in_background(self._async_wait())

    async def _async_wait(self) -> None:
        """Ask for pictures until all are there, or were waited for long enough."""
        wanted = self._wanted()
        while wanted:
            asked_for = wanted
            try:
                await self._async_look(asked_for)
            except MiotError as error:
                _LOGGER.debug("%s: no pictures: %s", self._lock.name, error)
            if self._wanted():
                await asyncio.sleep(INTERVAL)
            wanted = self._wanted()
            for event in asked_for:
                if event in self._awaited and event not in wanted:
                    _LOGGER.debug("%s: no picture came in time: %s", self._lock.name, event.kind)

    def _wanted(self) -> list[PendingPicture]:
        """Return the events whose picture is still waited for, the oldest first."""
        now = self._lock.hass.loop.time()
        wanted = (event for event in self._awaited if event.until > now)
        return sorted(wanted, key=lambda event: event.when)

    async def _async_look(self, wanted: list[PendingPicture]) -> None:
        """Fetch those pictures that are there."""
        entries = await self._async_seen(min(event.when for event in wanted) - BEFORE)
        frames = [(seen, kind) for seen in entries for kind in seen.frames]
        newer = [(seen, kind) for seen, kind in frames if self._is_newer(seen, kind)]
        ahead = self._link.client.ahead
        found = match(self._awaited, newer, ahead)
        for event in wanted:
            if seen := found.get(event):
                try:
                    await self._async_fetch(seen, event.kind, event.taken(seen, ahead))
                except MiotError as error:
                    _LOGGER.debug("%s: no picture yet: %s", self._lock.name, error)
                else:
                    self._no_longer_await(event)

    def _no_longer_await(self, fulfilled: PendingPicture) -> None:
        """Wait neither for a picture that came, nor for older ones, which none would see."""
        for event in list(self._awaited):
            if event.kind == fulfilled.kind and event.when <= fulfilled.when:
                self._awaited.remove(event)

    def _no_longer_await_near(self, seen: Seen, kind: str) -> None:
        """Wait no longer for a picture that has come by looking back."""
        ahead = self._link.client.ahead
        for event in match(self._awaited, [(seen, kind)], ahead):
            if event.gap(seen.time / 1000 - ahead) < NEAR:
                self._no_longer_await(event)

    async def _async_look_back(self) -> None:
        """Fetch the newest pictures that there are at the start, as soon as may be asked."""
        for again in (*LOOK_AGAIN, None):
            try:
                uploading = await self._async_fetch_newest(of_budget=True)
                while uploading:
                    await asyncio.sleep(INTERVAL)
                    uploading = await self._async_fetch_newest()
            except MiotError as error:
                _LOGGER.debug("%s: no pictures at the start: %s", self._lock.name, error)
            else:
                return
            if again:
                await asyncio.sleep(again)

    async def _async_fetch_newest(self, *, of_budget: bool = False) -> bool:
        """Fetch the newest pictures; returns whether one may still be on its way to the cloud.

        That is so where somebody rang moments before the entry was set up.
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
        """Fetch the newest picture that can be had, of a kind or of the last one in each entry.

        Returns whether a newer one was not there yet, and still may come.
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
        """Return what the camera saw since a time by our clock, the newest first."""
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
        """Fetch a picture, and hand it over; raises MiotError where it is not there yet."""
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
        """Say whether what the camera saw may be newer than what is known of its kind."""
        known = self.newest.get(kind)
        return not known or (seen.time >= known.began and seen.frames[kind] != known.frame)
