"""One request, and all that can go wrong with it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot import http
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    NotSignedInError,
    TooManyRequestsError,
)

if TYPE_CHECKING:
    from .conftest import Liar, Signed

SECRET = "a-token"


async def ask(session: aiohttp.ClientSession, liar: Liar) -> dict[str, object]:
    """Send a request whose URL has a secret in it."""
    return await http.request(session, liar.tls, "GET", liar.url, params={"token": SECRET})


async def test_an_object(session: aiohttp.ClientSession, liar: Liar) -> None:
    """It is what is wanted; what type the server calls it does not matter."""
    liar.answers = [{"code": 0}, web.Response(text='{"code": 1}', content_type="text/plain")]
    assert await ask(session, liar) == {"code": 0}
    assert await ask(session, liar) == {"code": 1}


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (web.Response(status=401), NotSignedInError, "HTTP 401"),
        (web.Response(status=500), CannotConnectError, "HTTP 500"),
        (web.Response(status=204), CannotConnectError, "HTTP 204"),
        (web.Response(text="<html>"), CannotConnectError, "the answer is no JSON"),
        (web.Response(body=b"\xff\xfe{"), CannotConnectError, "the answer is no JSON"),
        (web.Response(text=""), CannotConnectError, "the answer is no JSON"),
        ([1], CannotConnectError, "the answer is no JSON object"),
    ],
)
async def test_other_answers(
    session: aiohttp.ClientSession, liar: Liar, answer: object, error: type[Exception], text: str
) -> None:
    """Each has its own words."""
    liar.answers = [answer]
    with pytest.raises(error) as raised:
        await ask(session, liar)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("date", "when"),
    [
        ("Wed, 21 Oct 2026 07:28:00 GMT", 1792567680.0),
        ("2026-10-21", None),
        ("Wed, 99 Oct 2026 99:28:00 GMT", None),
        ("", None),
    ],
)
async def test_the_service_s_clock(
    session: aiohttp.ClientSession, liar: Liar, date: str, when: float | None
) -> None:
    """It is told where it says something."""
    liar.answers = [web.Response(text="{}", headers={"Date": date})]
    answer = await http.fetch(session, liar.tls, "GET", liar.url)
    assert answer.date == when


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (None, 60),
        ("", 60),
        ("0", 0),
        ("120", 120),
        ("3601", 3600),
        pytest.param("9" * 5000, 3600, id="very long"),
        ("-1", 60),
        ("1.5", 60),
        ("tomorrow", 60),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 60),
    ],
)
async def test_too_many_requests(
    session: aiohttp.ClientSession, liar: Liar, retry_after: str | None, wait: int
) -> None:
    """A minute unless the service names some seconds, and an hour at most."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    liar.answers = [web.Response(status=429, headers=headers)]
    with pytest.raises(TooManyRequestsError) as raised:
        await ask(session, liar)
    assert raised.value.wait == wait
    assert str(raised.value) == f"the service wants to be left alone for {wait} s"


@pytest.mark.parametrize("status", [400, 401, 403, 426])
async def test_what_a_refusal_says(session: aiohttp.ClientSession, liar: Liar, status: int) -> None:
    """It is read, as far as it is worth it, by who wants to know; for others it is an error."""
    liar.answers = [web.Response(status=status, body=b"x" * 999_999) for _ in range(2)]
    answer = await http.exchange(session, liar.tls, "GET", liar.url, limit=1000)
    assert (answer.status, answer.refuses) == (status, True)
    assert http.LONGEST_REFUSAL <= len(answer.body) < 2 * http.LONGEST_REFUSAL
    with pytest.raises(NotSignedInError if status == 401 else CannotConnectError, match="HTTP"):
        await http.fetch(session, liar.tls, "GET", liar.url, limit=1000)


async def test_refusals_that_break_off(session: aiohttp.ClientSession, liar: Liar) -> None:
    """The status says enough."""
    liar.answers = [web.Response(status=401, body=b"x", headers={"Content-Encoding": "gzip"})]
    with pytest.raises(NotSignedInError):
        await http.fetch(session, liar.tls, "GET", liar.url)


async def test_what_is_no_refusal_says_nothing(session: aiohttp.ClientSession, liar: Liar) -> None:
    """Errors of the service and redirects have no body."""
    there = {"Location": "/there"}
    liar.answers = [web.Response(status=500, body=b"x"), web.Response(status=302, headers=there)]
    broken = await http.exchange(session, liar.tls, "GET", liar.url)
    assert (broken.body, broken.refuses) == (b"", False)
    moved = await http.exchange(session, liar.tls, "GET", liar.url)
    assert (moved.body, moved.location) == (b"", "/there")


async def test_answers_that_are_too_long(session: aiohttp.ClientSession, liar: Liar) -> None:
    """They are not read to their end; one that just fits is."""
    liar.answers = [web.Response(body=bytes(1000)), web.Response(body=bytes(1001))]
    answer = await http.fetch(session, liar.tls, "GET", liar.url, limit=1000)
    assert answer.body == bytes(1000)
    with pytest.raises(CannotConnectError, match="longer than 1000 bytes"):
        await http.fetch(session, liar.tls, "GET", liar.url, limit=1000)


async def test_redirects(session: aiohttp.ClientSession, liar: Liar) -> None:
    """They are an error, which keeps the secret that is in the address."""
    there = {"Location": f"{liar.url}?token={SECRET}"}
    liar.answers = [web.Response(status=302, headers=there)]
    with pytest.raises(CannotConnectError) as raised:
        await ask(session, liar)
    assert SECRET not in str(raised.value)


async def test_no_answer_in_time(
    session: aiohttp.ClientSession, liar: Liar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(http, "TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    liar.answers = [0.5]
    with pytest.raises(CannotConnectError, match="no answer in time"):
        await ask(session, liar)


async def test_certificate_of_an_authority_that_is_not_trusted(signed: Signed) -> None:
    """Nothing is sent."""
    with pytest.raises(CannotConnectError):
        await http.request(
            signed.session, ssl.create_default_context(), "GET", signed.endpoints.profile
        )
    assert signed.requests() == []


async def test_nobody_there(session: aiohttp.ClientSession, liar: Liar) -> None:
    """The error keeps the secret."""
    liar.url = "https://127.0.0.1:1"
    with pytest.raises(CannotConnectError) as raised:
        await ask(session, liar)
    assert SECRET not in str(raised.value)


async def test_home_assistant_has_stopped(session: aiohttp.ClientSession, liar: Liar) -> None:
    """Whoever still asks then cannot connect, and that is all."""
    await session.close()
    with pytest.raises(CannotConnectError, match="closed"):
        await ask(session, liar)
