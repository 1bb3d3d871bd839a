"""Attempts to perform an action on a lock, which is sent within seconds or never."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

from .errors import NoAnswerError, NotSent, NotSentError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

LEAVES_WITHIN: Final = 3  # seconds after the request; the user is still at the door then


class Attempt:
    """The permission to send an action: in time, allowed, and not called off.

    Clients check it right before they send.
    """

    def __init__(self, allowed: Callable[[], bool] = lambda: True) -> None:
        """Start the time-out. ``allowed`` is called again before sending, in the sending thread."""
        self._allowed = allowed
        self._deadline = time.monotonic() + LEAVES_WITHIN
        self._called_off = False
        self._may_have_left = False
        self._wait: asyncio.Timeout | None = None

    def _left(self) -> float:
        """Return how many seconds are left; raises NotSentError if sending is not permitted."""
        if self._called_off:
            raise NotSentError(NotSent.CALLED_OFF)
        if not self._allowed():
            raise NotSentError(NotSent.NOT_ALLOWED)
        if (left := self._deadline - time.monotonic()) <= 0:
            raise NotSentError(NotSent.TOO_LATE)
        return left

    def leave(self) -> float:
        """Return the seconds left to send; the action counts as possibly sent from now on.

        Raises NotSentError if sending is not permitted.
        """
        left = self._left()
        self._may_have_left = True
        return left

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """Limit the time of the steps before sending; raises NotSentError if they take too long."""
        try:
            async with asyncio.timeout(self._left()):
                yield
        except TimeoutError:
            raise NotSentError(NotSent.TOO_LATE) from None

    @asynccontextmanager
    async def interruptible(self) -> AsyncIterator[None]:
        """Send and wait for the answer, until the attempt is called off.

        Raises NotSentError then, or NoAnswerError if the lock may have received the action.
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
        """Prevent the action from being sent, and stop waiting for its answer."""
        self._called_off = True
        if self._wait:
            self._wait.reschedule(asyncio.get_running_loop().time())


class Attempts:
    """The running attempts at one lock, to call them off together."""

    def __init__(self) -> None:
        """Initialize without any attempt."""
        self._under_way: set[Attempt] = set()
        self._none_left = asyncio.Event()
        self._stopped = False

    @contextmanager
    def begin(self, allowed: Callable[[], bool] = lambda: True) -> Iterator[Attempt]:
        """Start an attempt; after async_stop(), it is called off at once."""
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
        """Call off all running attempts, and wait until they have ended."""
        self._stopped = True
        for attempt in self._under_way:
            attempt.call_off()
        if self._under_way:
            await self._none_left.wait()
