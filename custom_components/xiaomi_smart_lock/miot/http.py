"""One HTTP request, and what went wrong in our own words."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from .errors import (
    CannotConnectError,
    NoAnswerError,
    NoConnectionError,
    NotSignedInError,
    StatusError,
    TooLongError,
    TooManyRequestsError,
)
from .values import loads

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

# How long to leave a service alone that does not say how long, and at most, in seconds
WAIT: Final = 60
LONGEST_WAIT: Final = 3600
TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
LONGEST_ANSWER: Final = 4 * 1024 * 1024  # bytes
# Reading JSON holds up everything else, in whatever thread: 40 ms for 100,000 values, seconds for
# millions. A list of a thousand devices has fewer.
MOST_VALUES: Final = 60_000
READ_AT_ONCE: Final = 64 * 1024  # bytes; what is longer is read in a worker thread
LONGEST_REFUSAL: Final = 64 * 1024  # bytes that are read of the body of a refusal
CHUNK: Final = 64 * 1024
# Nothing that is asked for is worth packing, and aiohttp may unpack each piece of what is, into a
# thousand times as much at once.
UNPACKED: Final = {"Accept-Encoding": "identity"}
PACKED: Final = ("gzip", "deflate")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a URL answers with, and the cookies that came with it."""

    body: bytes
    cookies: Mapping[str, str]
    date: float | None
    """When, by the service's clock, in Unix seconds; None where it does not say."""
    status: int = HTTPStatus.OK
    location: str = ""
    """Where a redirect leads to."""

    @property
    def refuses(self) -> bool:
        """Whether the request was refused, a status of 4xx; the body may say why."""
        return HTTPStatus.BAD_REQUEST <= self.status < HTTPStatus.INTERNAL_SERVER_ERROR


async def exchange(
    session: aiohttp.ClientSession,
    tls: ssl.SSLContext,
    method: str,
    url: str,
    *,
    limit: int = LONGEST_ANSWER,
    timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109, it is aiohttp's
    headers: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> Answer:
    """Return what a URL answers with, whatever the status, of at most ``limit`` bytes.

    Redirects are not followed: they would take along what is secret. Who expects one looks at the
    location, and whether it is to be trusted. Only successes and refusals have a body. Raises
    CannotConnectError where nothing answers, and TooManyRequestsError. No error's text holds the
    URL: its query may be a secret.
    """
    if session.closed:
        raise CannotConnectError("the session is closed")
    try:
        async with session.request(
            method,
            url,
            ssl=tls,
            timeout=timeout or TIMEOUT,
            allow_redirects=False,
            auto_decompress=False,
            headers={**UNPACKED, **(headers or {})},
            **kwargs,
        ) as response:
            if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise TooManyRequestsError(_wait(response.headers.get("Retry-After", "")))
            return Answer(
                body=await _body(response, limit),
                cookies={name: cookie.value for name, cookie in response.cookies.items()},
                date=_date(response.headers.get("Date", "")),
                status=response.status,
                location=response.headers.get("Location", ""),
            )
    except TimeoutError:
        raise NoAnswerError("no answer in time") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise NoConnectionError(type(error).__name__) from None


async def fetch(
    session: aiohttp.ClientSession,
    tls: ssl.SSLContext,
    method: str,
    url: str,
    **kwargs: Any,
) -> Answer:
    """Return what a URL answers with; raises as ``exchange`` does.

    And NotSignedInError for 401, CannotConnectError for anything else but 200.
    """
    answer = await exchange(session, tls, method, url, **kwargs)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise NotSignedInError("HTTP 401")
    if answer.status != HTTPStatus.OK:
        raise StatusError(answer.status)
    return answer


async def request(
    session: aiohttp.ClientSession,
    tls: ssl.SSLContext,
    method: str,
    url: str,
    **kwargs: Any,
) -> dict[str, Any]:
    """Return the JSON object that a URL answers with; raises as ``fetch`` does."""
    answer = await fetch(session, tls, method, url, **kwargs)
    if len(answer.body) > READ_AT_ONCE:
        return await asyncio.to_thread(parse, answer.body)
    return parse(answer.body)


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is; raises CannotConnectError where it is none.

    Nor where it has too many values, of which there are no more than there are such signs.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise CannotConnectError("the answer has too many values")
    try:
        answer = loads(body.decode())
    except ValueError:
        raise CannotConnectError("the answer is no JSON") from None
    if not isinstance(answer, dict):
        raise CannotConnectError("the answer is no JSON object")
    return answer


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """End a connection at once: where it is closed well, asyncio goes on taking what comes."""
    if (connection := response.connection) and (transport := connection.transport):
        transport.abort()


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > limit:
            _hang_up(response)
            raise TooLongError(limit)
    return bytes(body)


async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the body of a success; of a refusal its beginning, as far as that comes."""
    coding = response.headers.get("Content-Encoding", "").lower()
    if response.status == HTTPStatus.OK:
        return _unpacked(await _read(response, limit), coding, limit)
    body = bytearray()
    if HTTPStatus.BAD_REQUEST <= response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        with suppress(TimeoutError, aiohttp.ClientError):
            while len(body) < LONGEST_REFUSAL and (chunk := await response.content.read(CHUNK)):
                body += chunk
    with suppress(CannotConnectError):
        return _unpacked(bytes(body), coding, LONGEST_REFUSAL)
    return b""


def _unpacked(body: bytes, coding: str, limit: int) -> bytes:
    """Return what a body is once it is unpacked, where a service packs it all the same."""
    if coding not in PACKED:
        return body
    try:
        plain = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(body, limit + 1)
    except zlib.error:
        raise CannotConnectError("the answer cannot be unpacked") from None
    if len(plain) > limit:
        raise TooLongError(limit)
    return plain


def _date(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (OverflowError, ValueError):
        return None


def _wait(retry_after: str) -> float:
    """Return the seconds that a Retry-After header asks for; a date is not worth the trouble."""
    return min(float(retry_after), LONGEST_WAIT) if retry_after.isdecimal() else WAIT
