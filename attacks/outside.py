"""Requests that the demo's client does not make: literal paths and event subscriptions."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp

from demo.home_assistant import HOST, address

from .attack import until
from .house import PORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from demo.client import Client

NO_ACCESS: Final = (401, 403)


async def get(path: str, client: Client | None = None) -> tuple[int, bytes]:
    """Request a path exactly as written; return status and body of the answer.

    HTTP libraries normalize paths: they never send ``..``.
    """
    token = f"Authorization: Bearer {client.tokens['access_token']}\r\n" if client else ""
    reader, writer = await asyncio.open_connection(HOST, PORT)
    try:
        head = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{PORT}\r\n{token}Connection: close\r\n\r\n"
        writer.write(head.encode())
        answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]


@asynccontextmanager
async def listening(
    client: Client, *subscriptions: Mapping[str, object]
) -> AsyncIterator[list[str]]:
    """Subscribe as a user to what Home Assistant permits, and yield the growing list of messages.

    Raises NotTriedError if not all subscriptions are answered.
    """
    heard: list[str] = []

    async def hear() -> None:
        async for message in websocket:
            heard.append(str(message.data))  # noqa: PERF401, the list is read while it grows

    async with (
        aiohttp.ClientSession(address(PORT)) as http,
        http.ws_connect("/api/websocket", max_msg_size=0) as websocket,
    ):
        await websocket.send_json({"type": "auth", "access_token": client.tokens["access_token"]})
        for ident, subscription in enumerate(subscriptions, 1):
            await websocket.send_json({"id": ident, **subscription})
        hearing = asyncio.create_task(hear())
        try:
            await until(lambda: _answers(heard) == len(subscriptions), "nobody may listen")
            yield heard
        finally:
            hearing.cancel()


def _answers(heard: list[str]) -> int:
    return sum(json.loads(message)["type"] == "result" for message in heard)
