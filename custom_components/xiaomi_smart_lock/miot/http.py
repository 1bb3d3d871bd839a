"""HTTP requests, with this package's errors instead of aiohttp's."""

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

WAIT: Final = 60  # seconds to pause after HTTP 429 without a usable Retry-After header
LONGEST_WAIT: Final = 3600  # seconds to pause at most
TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
LONGEST_ANSWER: Final = 4 * 1024 * 1024  # bytes
# Parsing JSON blocks all other threads, too: 40 ms for 100,000 values, seconds for millions. A list
# of a thousand devices has fewer values than this.
MOST_VALUES: Final = 60_000
READ_AT_ONCE: Final = 64 * 1024  # bytes; longer answers are parsed in a worker thread
LONGEST_REFUSAL: Final = 64 * 1024  # bytes to read of the body of a 4xx answer
CHUNK: Final = 64 * 1024
# Request uncompressed answers: none is worth compressing, and aiohttp may decompress a chunk to a
# thousand times its size at once.
UNPACKED: Final = {"Accept-Encoding": "identity"}
PACKED: Final = ("gzip", "deflate")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a URL, with its cookies."""

    body: bytes
    cookies: Mapping[str, str]
    date: float | None
    """Time by the service's clock, in Unix seconds; None if the answer has none."""
    status: int = HTTPStatus.OK
    location: str = ""
    """The target of a redirect."""

    @property
    def refuses(self) -> bool:
        """Whether the request was refused (status 4xx); the body may give the reason."""
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
    """Send a request and return the answer, whatever its status, of at most ``limit`` bytes.

    Redirects are not followed, because they would receive secrets, too. Callers that expect a
    redirect must check ``location`` before they follow it. Only answers with status 200 or 4xx
    have a body. Raises TooManyRequestsError for HTTP 429, and CannotConnectError if nothing
    answers or the answer is too long. Error texts never contain the URL: its query may be secret.
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
    """Send a request and return the answer, if its status is 200.

    Raises as ``exchange`` does, NotSignedInError for 401, and CannotConnectError for any other
    status.
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
    """Send a request and return the JSON object of the answer; raises as ``fetch`` does."""
    answer = await fetch(session, tls, method, url, **kwargs)
    if len(answer.body) > READ_AT_ONCE:
        return await asyncio.to_thread(parse, answer.body)
    return parse(answer.body)


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body.

    Raises CannotConnectError if the body is no JSON object, or if it may have more than MOST_VALUES
    values: a body has at most as many values as commas and opening brackets.
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
    """Abort a connection: after a regular close, asyncio continues to receive data."""
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
    """Return the body of a 200 answer, or the beginning of the body of a 4xx answer.

    A 4xx body ends where reading fails; it is empty if it cannot be decompressed. Other statuses
    have an empty body.
    """
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
    """Return the body decompressed, in case a service compresses it nevertheless."""
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
    """Return the seconds to pause, from a Retry-After header.

    At most LONGEST_WAIT; WAIT if the header is missing or has a date, which is not parsed.
    """
    return min(float(retry_after), LONGEST_WAIT) if retry_after.isdecimal() else WAIT
