"""Cache of answers for a limited time, so that the same request is not sent again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator

KEPT_FOR: Final = 600  # seconds


class TtlCache[Key: Hashable, Answer]:
    """Cache of answers, bounded in time (KEPT_FOR) and in total weight."""

    def __init__(
        self, most: int, *, at_once: int = 1, weigh: Callable[[Answer], int] = lambda _: 1
    ) -> None:
        """Limit the total weight to ``most``, and simultaneous requests to ``at_once``.

        ``weigh`` returns the weight of an answer, by default 1.
        """
        self._most = most
        self._weigh = weigh
        self._asking = asyncio.Semaphore(at_once)
        self._kept: dict[Key, tuple[float, Answer]] = {}

    def newest_first(self) -> Iterator[tuple[Key, Answer]]:
        """Return an iterator over the kept keys and answers, newest first."""
        self._drop_old()
        return ((key, answer) for key, (_, answer) in reversed(self._kept.items()))

    async def get(self, key: Key, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the kept answer of a key, or ask for it; None is returned, but not kept."""
        async with self._asking:
            self._drop_old()
            if known := self._kept.get(key):
                return known[1]
            answer = await ask()
            if answer is not None:
                self._kept[key] = (time.monotonic(), answer)
                self._drop_too_much()
            return answer

    def drop(self, key: Key) -> None:
        """Remove the answer of a key."""
        self._kept.pop(key, None)

    def _drop_old(self) -> None:
        oldest = time.monotonic() - KEPT_FOR
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > oldest}

    def _drop_too_much(self) -> None:
        weight = sum(self._weigh(answer) for _, answer in self._kept.values())
        while weight > self._most:
            _, answer = self._kept.pop(next(iter(self._kept)))
            weight -= self._weigh(answer)
