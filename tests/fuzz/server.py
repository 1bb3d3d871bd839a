"""A server on loopback that answers every request with given bytes."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from custom_components.xiaomi_smart_lock.miot.endpoints import Endpoints

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Server:
    """The server, a client session, and the event loop of both."""

    session: aiohttp.ClientSession
    endpoints: Endpoints

    def __init__(self) -> None:
        """Prepare. The first answer is empty."""
        self.tls = ssl.create_default_context()
        self._runner = asyncio.Runner()
        self._answer = b""
        self._last = True

    def __enter__(self) -> Self:
        """Start the server."""
        self._runner.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        with self._runner:
            self._runner.run(self._stop())

    def answer(self, answer: bytes) -> None:
        """Answer all further requests with these bytes, and close their connections."""
        self._answer, self._last = answer, True

    def answer_json(self, data: object) -> None:
        """Answer all further requests with JSON."""
        body = json.dumps(data).encode()
        self._answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        self._last = False

    def run[Result](self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the event loop. Raises TimeoutError after 10 seconds."""
        return self._runner.run(asyncio.wait_for(work, 10))

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.endpoints = Endpoints(
            authorize=url, profile=url, api=url, instance=url, broker="127.0.0.1", broker_port=1
        )
        self.session = aiohttp.ClientSession()

    async def _stop(self) -> None:
        await self.session.close()
        self._server.close()
        self._server.close_clients()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                _, _, length = head.lower().partition(b"content-length:")
                await reader.readexactly(int(length.split(b"\r\n")[0] or 0))
                writer.write(self._answer)
                if self._last:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
