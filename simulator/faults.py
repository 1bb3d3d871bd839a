"""What can go wrong with an answer of the cloud's HTTP interface.

A fault gets the request, its body already read, and how it would be answered. Those that answer
with a status or not at all have nothing carried out; the others only spoil the answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
type Fault = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


def status(code: int, **headers: str) -> Fault:
    """Answer with an HTTP status alone; a header's underscores are dashes."""

    async def fault(_request: web.Request, _handler: Handler) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, headers=named)

    return fault


async def silence(request: web.Request, _handler: Handler) -> web.StreamResponse:
    """Say nothing until the client goes."""
    while (transport := request.transport) and not transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return web.Response()


async def cut(request: web.Request, _handler: Handler) -> web.StreamResponse:
    """End the connection instead of answering."""
    _abort(request)
    return web.Response()


async def cut_after(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Do as asked, and end the connection instead of answering."""
    await handler(request)
    return await cut(request, handler)


async def cut_within(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Do as asked, and end the connection in the middle of the answer's body."""
    body = await _body(request, handler)
    response = web.StreamResponse(headers={"Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    _abort(request)
    return response


def spoilt(change: Callable[[bytes], bytes]) -> Fault:
    """Do as asked, and answer with other bytes."""

    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = change(await _body(request, handler))
        return web.Response(body=body, content_type="application/json")

    return fault


def changed(change: Callable[[Any], Any]) -> Fault:
    """Do as asked, and answer with other JSON."""
    return spoilt(lambda body: json.dumps(change(json.loads(body))).encode())


async def _body(request: web.Request, handler: Handler) -> bytes:
    response = await handler(request)
    assert isinstance(response, web.Response)
    assert isinstance(response.body, bytes)
    return response.body


def _abort(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()
