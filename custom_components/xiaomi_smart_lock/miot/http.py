"""One HTTP request with a JSON answer, and what went wrong in our own words."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from .errors import CannotConnectError, NotSignedInError, TooManyRequestsError

if TYPE_CHECKING:
    import ssl

# How long to leave a service alone that does not say how long, and at most, in seconds
WAIT: Final = 60
LONGEST_WAIT: Final = 3600
TIMEOUT: Final = aiohttp.ClientTimeout(total=30)


async def request(
    session: aiohttp.ClientSession,
    tls: ssl.SSLContext,
    method: str,
    url: str,
    **kwargs: Any,
) -> dict[str, Any]:
    """Return the JSON object that a URL answers with.

    Raises NotSignedInError for 401, CannotConnectError for anything else but a JSON object. No
    error's text holds the URL: its query may be a secret.
    """
    if session.closed:
        raise CannotConnectError("the session is closed")
    try:
        async with session.request(method, url, ssl=tls, timeout=TIMEOUT, **kwargs) as response:
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise NotSignedInError("HTTP 401")
            if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                raise TooManyRequestsError(_wait(response.headers.get("Retry-After", "")))
            if response.status != HTTPStatus.OK:
                raise CannotConnectError(f"HTTP {response.status}")
            answer = await response.json(content_type=None, encoding="utf-8")
    except TimeoutError:
        raise CannotConnectError("no answer in time") from None
    except aiohttp.ClientError as error:
        raise CannotConnectError(type(error).__name__) from None
    except (RecursionError, ValueError):
        raise CannotConnectError("the answer is no JSON") from None
    if not isinstance(answer, dict):
        raise CannotConnectError("the answer is no JSON object")
    return answer


def _wait(retry_after: str) -> float:
    """Return the seconds that a Retry-After header asks for; a date is not worth the trouble."""
    return min(float(retry_after), LONGEST_WAIT) if retry_after.isdecimal() else WAIT
