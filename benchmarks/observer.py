"""A WebSocket client that follows all states, as a dashboard does."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from .house import House

type Mark = tuple[str, object]
"""An entity id, and the value of one of its attributes."""


class Observer:
    """A record of when expected values are seen."""

    def __init__(self) -> None:
        """Expect nothing yet."""
        self._expected: set[Mark] = set()
        self._seen: dict[Mark, float] = {}
        self._complete = asyncio.Event()

    def expect(self, marks: Iterable[Mark]) -> None:
        """Expect these marks from now on, and forget the previous ones."""
        self._expected = set(marks)
        self._seen = {}
        self._complete.clear()

    async def seen(self, patience: float) -> dict[Mark, float]:
        """Return when each mark was seen, once all were seen or after ``patience`` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._complete.wait()
        return self._seen

    async def follow(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        """Read the messages of ``subscribe_entities`` until the connection ends."""
        async for message in websocket:
            now = time.perf_counter()
            for entity_id, change in message.json()["event"].get("c", {}).items():
                for value in change.get("+", {}).get("a", {}).values():
                    if isinstance(value, str | int) and (entity_id, value) in self._expected:
                        self._note((entity_id, value), now)

    def _note(self, mark: Mark, now: float) -> None:
        self._expected.remove(mark)
        self._seen[mark] = now
        if not self._expected:
            self._complete.set()


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
        await websocket.send_json({"id": 1, "type": "subscribe_entities"})
        assert (await websocket.receive_json())["success"]
        observer = Observer()
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(observer.follow(websocket))
            yield observer
            following.cancel()
