"""Faults in the answers of the cloud's HTTP interface.

A fault gets a request, with its body already read, and the request's handler. Some faults do not
call the handler: the request is not carried out. The others only change or drop the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from threading import Event
from typing import Any, Final, override

from aiohttp import web

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
type Fault = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


def status(code: int, **headers: str) -> Fault:
    """Answer with an HTTP status only. Underscores in a header's name become dashes."""

    async def fault(request: web.Request, _handler: Handler) -> web.StreamResponse:
        await _read(request)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, headers=named)

    return fault


def said(body: str, content_type: str = "text/plain", code: int = 200) -> Fault:
    """Answer with a text of the service, by default with HTTP 200, and do nothing else."""

    async def fault(request: web.Request, _handler: Handler) -> web.StreamResponse:
        await _read(request)
        return web.Response(text=body, content_type=content_type, status=code)

    return fault


# Observed: temporary failures of the token service (XiaoMi/ha_xiaomi_home 1144 and 780).
BUSY: Final = said('{"code": -6, "message": "UpdateAccessToken failed", "result": null}')
PLAIN_TEXT: Final = said("upstream request timeout")


async def silence(request: web.Request, _handler: Handler) -> web.StreamResponse:
    """Send no answer until the client disconnects."""
    while (transport := request.transport) and not transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return web.Response()


class Held:
    """A fault that holds requests until their release, and then handles them or applies a fault."""

    def __init__(self, then: Fault | None = None) -> None:
        """Hold requests from now on; ``then`` is the fault to apply after their release."""
        self.waiting = 0
        """How many requests arrived so far."""
        self._then = then
        self._go = Event()

    def let_go(self) -> None:
        """Release all requests, and hold no more."""
        self._go.set()

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Hold a request until its release, then answer it."""
        self.waiting += 1
        while not self._go.is_set():  # noqa: ASYNC110, it is set in another thread.
            await asyncio.sleep(0.01)
        return await (self._then(request, handler) if self._then else handler(request))


class Late(Held):
    """A fault that carries requests out, and holds their answers until their release."""

    @override
    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Carry a request out now, and answer it after its release."""
        answer = await handler(request)

        async def give(_request: web.Request) -> web.StreamResponse:
            return answer

        return await super().__call__(request, give)


async def page(request: web.Request, _handler: Handler) -> web.StreamResponse:
    """Answer with an HTML page, as for a browser."""
    await _read(request)
    return web.Response(text="<!DOCTYPE html><title>Xiaomi</title>", content_type="text/html")


async def cut(request: web.Request, _handler: Handler) -> web.StreamResponse:
    """End the connection instead of answering."""
    _abort(request)
    return web.Response()


async def cut_after(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Carry the request out, and end the connection instead of answering."""
    await handler(request)
    return await cut(request, handler)


async def cut_within(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Carry the request out, and end the connection in the middle of the answer's body."""
    body = await _body(request, handler)
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    _abort(request)
    return response


def spoilt(change: Callable[[bytes], bytes]) -> Fault:
    """Carry the request out, and change the bytes of the answer."""

    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = change(await _body(request, handler))
        return web.Response(body=body, content_type="application/json")

    return fault


def changed(change: Callable[[Any], Any]) -> Fault:
    """Carry the request out, and change the JSON of the answer."""
    return spoilt(lambda body: json.dumps(change(json.loads(body))).encode())


async def _body(request: web.Request, handler: Handler) -> bytes:
    response = await handler(request)
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    return response.body


async def _read(request: web.Request) -> None:
    """Read the body of a request.

    If it is left unread, the server closes the connection after its answer, and a request that the
    client sends on it meanwhile fails.
    """
    await request.read()


def _abort(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()
