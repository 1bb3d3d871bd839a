"""A WebSocket client that follows all states, as a dashboard does."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from .house import House


class Observer:
    """A record of when entities change, as often as was expected of each."""

    def __init__(self) -> None:
        """Expect nothing yet."""
        self.changes: Counter[str] = Counter()
        """How often each entity has changed so far, by entity id."""
        self._missing: Counter[str] = Counter()
        self._left = 0
        self._seen: defaultdict[str, list[float]] = defaultdict(list)
        self._complete = asyncio.Event()

    def expect(self, entity_ids: Iterable[str]) -> None:
        """Expect so many changes of each entity from now on, and forget what was seen."""
        self._missing = Counter(entity_ids)
        self._left = self._missing.total()
        self._seen = defaultdict(list)
        self._complete.clear()

    async def seen(
        self, patience: float, silence: float | None = None
    ) -> Mapping[str, Sequence[float]]:
        """Return when the entities changed, once all have or after ``patience`` seconds.

        It waits no longer than ``silence`` seconds in which none of them changes, if given.
        """
        before = None
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._left not in (0, before):
                    before = self._left
                    with suppress(TimeoutError):
                        async with asyncio.timeout(silence):
                            await self._complete.wait()
        return {entity_id: tuple(times) for entity_id, times in self._seen.items()}

    async def follow(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        """Read the messages of ``subscribe_entities`` until the connection ends."""
        async for message in websocket:
            now = time.perf_counter()
            for told in _each(message.json()):
                for entity_id in told["event"].get("c", ()):
                    self.note(entity_id, now)

    def note(self, entity_id: str, now: float) -> None:
        """Note that an entity has changed."""
        self.changes[entity_id] += 1
        if self._missing[entity_id] > 0:
            self._missing[entity_id] -= 1
            self._left -= 1
            self._seen[entity_id].append(now)
            if not self._left:
                self._complete.set()


def _each(received: Any) -> list[Any]:
    """Return the messages of a frame, which has one or a list of them."""
    return received if isinstance(received, list) else [received]


@asynccontextmanager
async def observing(house: House) -> AsyncIterator[Observer]:
    """Connect an observer."""
    async with (
        aiohttp.ClientSession(house.address) as http,
        http.ws_connect("/api/websocket", max_msg_size=0) as websocket,
    ):
        await websocket.receive_json()
        token = house.client.tokens["access_token"]
        await websocket.send_json({"type": "auth", "access_token": token})
        await websocket.receive_json()
        # Home Assistant's frontend asks for it too: what is due at once comes in one message.
        together = {"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}}
        for request in (together, {"id": 2, "type": "subscribe_entities"}):
            await websocket.send_json(request)
            answer, *_ = _each(await websocket.receive_json())
            assert answer["success"]
        observer = Observer()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(observer.follow(websocket))
            yield observer
            following.cancel()
