"""Reading of missed events from the cloud's history."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from copy import deepcopy
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later

from ..account.app_session import Service
from ..miot.errors import MiotError, ResultError
from ..state.lock_event import LockEvent
from .processor import ABOUT, EventProcessor

if TYPE_CHECKING:
    from datetime import datetime

    from ..account.app_session import AppSession
    from ..coordinator import LockCoordinator
    from ..miot.app.client import Happened
    from ..miot.spec import Address, Value
    from ..state.history_gaps import Gap, HistoryGaps
    from .journal import Journal

_LOGGER = logging.getLogger(__name__)

EVERY: Final = 4 * 3600  # seconds between reads
AGAIN: Final = 3600  # seconds until gaps that are left are tried again
SETTLING: Final = 10  # seconds that other sources need to report a current event


class HistorySync:
    """Reads a lock's history page by page, and has it processed as past events.

    All events of a read are processed together, so that entities change only once.
    """

    def __init__(
        self,
        coordinator: LockCoordinator,
        journal: Journal,
        processor: EventProcessor,
        link: AppSession,
    ) -> None:
        """Prepare for a lock of an entry that is linked to the Mi Home app."""
        self._lock = coordinator
        self._journal = journal
        self._processor = processor
        self._link = link
        self._heard = self._hears
        self._one_at_a_time = asyncio.Lock()
        self._cancel_next: CALLBACK_TYPE | None = None
        self._next = math.inf
        self._stopped = False

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start regular reads; return a function that stops them and drops a running read."""
        cancel_listener = self._lock.async_add_listener(self._look_whether_heard)
        self._read_within(SETTLING)

        @callback
        def stop() -> None:
            self._stopped = True
            cancel_listener()
            self._cancel()

        return stop

    @property
    def _hears(self) -> bool:
        """Whether push is connected; for a local lock, whether it is awake (somebody is at it)."""
        session = self._lock.session
        return session.hears if session.pushes else bool(self._lock.data.awake)

    @callback
    def _look_whether_heard(self) -> None:
        """Read missed events when push is back, or when a local lock wakes up or falls asleep.

        When it wakes up, what woke it is read; when it falls asleep, what happened since.
        """
        before, self._heard = self._heard, self._hears
        if self._heard != before and (self._heard or not self._lock.session.pushes):
            self._read_within(SETTLING)

    @callback
    def _read_within(self, seconds: float) -> None:
        """Read within some seconds; a later request does not postpone an earlier one."""
        at = self._lock.hass.loop.time() + seconds
        if at >= self._next:
            return
        self._cancel()
        self._next = at
        job = HassJob(self._read, "read the history", cancel_on_shutdown=True)
        self._cancel_next = async_call_later(self._lock.hass, seconds, job)

    @callback
    def _cancel(self) -> None:
        if self._cancel_next:
            self._cancel_next()
            self._cancel_next = None

    @callback
    def _read(self, _now: datetime) -> None:
        self._next = math.inf
        self._read_within(EVERY)
        self._lock.config_entry.async_create_background_task(
            self._lock.hass, self._async_read(), f"read the history of {self._lock.name}"
        )

    async def _async_read(self) -> None:
        """Read all unread history, newest first, as far as possible for now.

        The gaps are updated only when the events are processed: if the entry unloads meanwhile,
        nothing is lost.
        """
        lock = self._lock
        async with self._one_at_a_time:
            gaps = deepcopy(lock.data.history_gaps)
            asked_for = (event.address for event in lock.model.remembered_as)
            gaps.add_news(asked_for, int(time.time()))
            past: list[Happened] = []
            refused: set[Address] = set()
            try:
                while gap := gaps.newest(but=refused):
                    try:
                        past += await self._async_page(gap, gaps)
                    except ResultError as error:
                        _LOGGER.debug("%s: no history of %s: %s", lock.name, gap.kind, error)
                        refused.add(gap.kind)
            except MiotError as error:
                _LOGGER.debug("%s: no more history for now: %s", lock.name, error)
            if self._stopped:
                return
            lock.data.history_gaps = gaps
            # Events of the same second have no other order than the cloud's.
            oldest_first = reversed(past)
            self._processor.process_history(one for one in oldest_first if not self._was_heard(one))
            if gaps.gaps:
                self._read_within(AGAIN)

    def _was_heard(self, happened: Happened) -> bool:
        """Return whether the journal has an event already, with all that the history has of it.

        Events up to ``ABOUT`` seconds apart are compared, since the cloud's clock is not ours.
        Without a usable time of the lock, kind and values are all that identifies an event.
        """
        one = LockEvent(self._lock.model, happened.event, happened.arguments, happened.time)
        heard = self._journal.between(one.when - ABOUT, one.when + ABOUT)
        if any(
            one.event is other.event and one.arguments.items() <= other.arguments.items()
            for other in heard
        ):
            return True
        if one.usable_time is not None:
            return False
        # If none of its values is understood, only its kind can be compared.
        return any(
            one.kind == other.kind and _values(one) in ([], _values(other)) for other in heard
        )

    async def _async_page(self, gap: Gap, gaps: HistoryGaps) -> tuple[Happened, ...]:
        did = self._lock.device.did
        with self._link.request(Service.HISTORY, did) as client:
            event = self._lock.model.spec.events[gap.kind]
            page = await client.history(did, event, gap.start, gap.end)
        times = (happened.time for happened in page.entries)
        gaps.was_read(gap, times, page.following, int(time.time()), short=page.short)
        return page.entries


def _values(lock_event: LockEvent) -> list[Value]:
    return [value for _, value in lock_event.known_arguments]
