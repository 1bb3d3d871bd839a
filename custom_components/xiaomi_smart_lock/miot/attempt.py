"""An attempt to have a lock do something: it leaves this machine within seconds, or never."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from .errors import NoAnswerError, NotSent, NotSentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

LEAVES_WITHIN: Final = 3  # seconds from being asked; whoever asked still stands at the door then


class Attempt:
    """Says whether an action may still leave this machine: in time, allowed, and not called off.

    Clients look at it right before they send.
    """

    def __init__(self, allowed: Callable[[], bool] = lambda: True) -> None:
        """Begin; whether it is allowed is asked again in whichever thread sends."""
        self._allowed = allowed
        self._deadline = time.monotonic() + LEAVES_WITHIN
        self._called_off = False
        self._may_have_left = False
        self._wait: asyncio.Timeout | None = None

    def _left(self) -> float:
        """Return how many seconds are left; raises NotSentError where it may not leave."""
        if self._called_off:
            raise NotSentError(NotSent.CALLED_OFF)
        if not self._allowed():
            raise NotSentError(NotSent.NOT_ALLOWED)
        if (left := self._deadline - time.monotonic()) <= 0:
            raise NotSentError(NotSent.TOO_LATE)
        return left

    def leave(self) -> float:
        """Return within how many seconds to send; raises NotSentError where it may not leave."""
        left = self._left()
        self._may_have_left = True
        return left

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Do what comes before sending; raises NotSentError where that takes too long."""
        try:
            async with asyncio.timeout(self._left()):
                yield
        except TimeoutError:
            raise NotSentError(NotSent.TOO_LATE) from None

    @asynccontextmanager
    async def interruptible(self) -> AsyncIterator[None]:
        """Send and wait for the answer, but no longer once it is called off.

        Raises then NotSentError, or NoAnswerError where the lock may have got it.
        """
        try:
            async with asyncio.timeout(0 if self._called_off else None) as self._wait:
                yield
        except TimeoutError:
            if self._may_have_left:
                raise NoAnswerError("the attempt was called off") from None
            raise NotSentError(NotSent.CALLED_OFF) from None
        finally:
            self._wait = None

    def call_off(self) -> None:
        """Have it not leave anymore, and not be waited for."""
        self._called_off = True
        if self._wait:
            self._wait.reschedule(asyncio.get_running_loop().time())


class Attempts:
    """The attempts at one lock that are under way, so that they can be called off."""

    def __init__(self) -> None:
        """Prepare; nothing is under way."""
        self._under_way: set[Attempt] = set()
        self._none_left = asyncio.Event()
        self._stopped = False

    @contextmanager
    def begin(self, allowed: Callable[[], bool] = lambda: True) -> Iterator[Attempt]:
        """Begin an attempt; one that begins after the end is called off."""
        attempt = Attempt(allowed)
        if self._stopped:
            attempt.call_off()
        self._under_way.add(attempt)
        self._none_left.clear()
        try:
            yield attempt
        finally:
            self._under_way.discard(attempt)
            if not self._under_way:
                self._none_left.set()

    async def async_stop(self) -> None:
        """Call off what is under way, and wait until it has ended."""
        self._stopped = True
        for attempt in self._under_way:
            attempt.call_off()
        if self._under_way:
            await self._none_left.wait()
