"""Answers that are kept for a while, so that what is asked again is not asked for again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator

KEPT_FOR: Final = 600  # seconds


class TtlCache[Key: Hashable, Answer]:
    """Keeps answers, bounded in time and in what they weigh together."""

    def __init__(
        self, most: int, *, at_once: int = 1, weigh: Callable[[Answer], int] = lambda _: 1
    ) -> None:
        """Keep no more than ``most``; have no more than ``at_once`` asked for at a time."""
        self._most = most
        self._weigh = weigh
        self._asking = asyncio.Semaphore(at_once)
        self._kept: dict[Key, tuple[float, Answer]] = {}

    def newest_first(self) -> Iterator[tuple[Key, Answer]]:
        """Go through what is kept."""
        self._drop_old()
        return ((key, answer) for key, (_, answer) in reversed(self._kept.items()))

    async def get(self, key: Key, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return what is kept under a key, or ask for it; that there is nothing is not kept."""
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
        """Keep what is under a key no longer."""
        self._kept.pop(key, None)

    def _drop_old(self) -> None:
        oldest = time.monotonic() - KEPT_FOR
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] > oldest}

    def _drop_too_much(self) -> None:
        weight = sum(self._weigh(answer) for _, answer in self._kept.values())
        while weight > self._most:
            _, answer = self._kept.pop(next(iter(self._kept)))
            weight -= self._weigh(answer)
