"""One HTTP request, and what went wrong in our own words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from .errors import CannotConnectError, NotSignedInError, TooManyRequestsError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

# How long to leave a service alone that does not say how long, and at most, in seconds
WAIT: Final = 60
LONGEST_WAIT: Final = 3600
TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
LONGEST_ANSWER: Final = 16 * 1024 * 1024  # bytes
CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a URL answers with, and the cookies that came with it."""

    body: bytes
    cookies: Mapping[str, str]
    date: float | None
    """When, by the service's clock, in Unix seconds; None where it does not say."""


async def fetch(
    session: aiohttp.ClientSession,
    tls: ssl.SSLContext,
    method: str,
    url: str,
    *,
    limit: int = LONGEST_ANSWER,
    timeout: aiohttp.ClientTimeout | None = None,  # noqa: ASYNC109, it is aiohttp's
    **kwargs: Any,
) -> Answer:
    """Return what a URL answers with, of at most ``limit`` bytes.

    Raises NotSignedInError for 401, CannotConnectError for anything else but 200. No error's text
    holds the URL: its query may be a secret.
    """
    if session.closed:
        raise CannotConnectError("the session is closed")
    try:
        async with session.request(
            method, url, ssl=tls, timeout=timeout or TIMEOUT, **kwargs
        ) as response:
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise NotSignedInError("HTTP 401")
            if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise TooManyRequestsError(_wait(response.headers.get("Retry-After", "")))
            if response.status != HTTPStatus.OK:
                raise CannotConnectError(f"HTTP {response.status}")
            date = _date(response.headers.get("Date", ""))
            return Answer(await _read(response, limit), _cookies(response), date)
    except TimeoutError:
        raise CannotConnectError("no answer in time") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise CannotConnectError(type(error).__name__) from None


async def request(
    session: aiohttp.ClientSession,
    tls: ssl.SSLContext,
    method: str,
    url: str,
    **kwargs: Any,
) -> dict[str, Any]:
    """Return the JSON object that a URL answers with; raises as ``fetch`` does."""
    answer = await fetch(session, tls, method, url, **kwargs)
    return parse(answer.body)


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is; raises CannotConnectError where it is none."""
    try:
        answer = json.loads(body.decode())
    except (RecursionError, ValueError):
        raise CannotConnectError("the answer is no JSON") from None
    if not isinstance(answer, dict):
        raise CannotConnectError("the answer is no JSON object")
    return answer


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > limit:
            raise CannotConnectError(f"the answer is longer than {limit} bytes")
    return bytes(body)


def _cookies(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the cookies of an answer and of the redirects that led to it."""
    return {
        name: cookie.value
        for answer in (*response.history, response)
        for name, cookie in answer.cookies.items()
    }


def _date(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (OverflowError, ValueError):
        return None


def _wait(retry_after: str) -> float:
    """Return the seconds that a Retry-After header asks for; a date is not worth the trouble."""
    return min(float(retry_after), LONGEST_WAIT) if retry_after.isdecimal() else WAIT
