"""Answers with unexpected content, by an attacker on the path to Xiaomi or by the cloud itself."""

from __future__ import annotations

import re
import zlib
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web

from demo.setup import allow_unlocking
from simulator.app_account import SERVICE_LOGIN, STS
from simulator.app_cloud import EVENTS

from .attack import HELD, Attacks, expect, until
from .house import CODE, WRONG
from .path import CLOUD_HOST, WHO, leave
from .redirects import DEVICES, reload_with_old_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from simulator.faults import Fault, Handler

    from .house import House

ATTACKS: Final = Attacks(WHO)

MEGABYTE: Final = 1024 * 1024
BEARABLE: Final = 100 * MEGABYTE
"""Bytes by which Home Assistant's memory may grow for a moment."""
YEAR: Final = 365 * 86_400  # seconds
GUESSES: Final = 5

PLANTED: Final = "planted"
COOKIES: Final = ("serviceToken", "yetAnotherServiceToken", "userId", "passToken", "deviceId")
# Of several cookies with one name in an answer, some versions of aiohttp keep only the last.
DOMAINS: Final = ("", "; Domain=io.mi.com", "; Domain=mi.com")


@asynccontextmanager
async def _all_answers(house: House, fault: Fault) -> AsyncIterator[None]:
    """Apply a fault to all answers, and restore the connections on exit."""
    house.simulator.cloud.disturb_next(fault, times=10_000)
    try:
        yield
    finally:
        house.simulator.cloud.calm()
        await leave(house)


# Large answers


class Bomb:
    """A fault that answers with about a megabyte that unpacks to a gigabyte."""

    def __init__(self, encoding: str, wbits: int) -> None:
        """Prepare with a compression: its name in the header, and its ``wbits`` in zlib."""
        self.thrown = 0
        packing = zlib.compressobj(9, wbits=wbits)
        packed = [packing.compress(bytes(MEGABYTE)) for _ in range(1024)]
        self._body = b"".join((*packed, packing.flush()))
        self._headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}

    async def __call__(self, _request: web.Request, _handler: Handler) -> web.StreamResponse:
        """Answer with the packed gigabyte."""
        self.thrown += 1
        return web.Response(body=self._body, headers=self._headers)


def _memory(house: House, what: str) -> int:
    """Return Home Assistant's memory in bytes: VmRSS is the current use, VmHWM the peak."""
    status = Path(f"/proc/{house.process.pid}/status").read_text(encoding="utf-8")
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    expect(found, f"nobody knows its {what}")
    return 1024 * int(found[1]) if found else 0


@asynccontextmanager
async def _bearable(house: House) -> AsyncIterator[list[str]]:
    """Yield a list that receives a problem on exit if the memory grew by more than BEARABLE."""
    problems: list[str] = []
    # proc(5): this resets the peak.
    Path(f"/proc/{house.process.pid}/clear_refs").write_text("5", encoding="ascii")
    before = _memory(house, "VmRSS")
    yield problems
    await house.owner.command("get_config")
    if (grown := _memory(house, "VmHWM") - before) > BEARABLE:
        problems.append(f"it takes {grown // MEGABYTE} MB of memory")


async def _throw(encoding: str, wbits: int, house: House) -> str:
    bomb = Bomb(encoding, wbits)
    async with _bearable(house) as problems, _all_answers(house, bomb):
        await house.reload(house.lock)
        await house.unlock(house.guest, house.lock)
        expect(bomb.thrown, "nothing was asked for")
    return "".join(problems)


for _encoding, _wbits in {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}.items():
    ATTACKS.try_to(f"send a megabyte that {_encoding} makes a gigabyte of", in_short=False)(
        partial(_throw, _encoding, _wbits)
    )


@ATTACKS.try_to("send headers that are too long, and too many")
async def _send_headers(house: House) -> str:
    sent = 0

    async def spoil(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal sent
        sent += 1
        answer = await handler(request)
        answer.headers["X-Long"] = "x" * MEGABYTE
        for number in range(sent % 2 * 10_000):
            answer.headers[f"X-{number}"] = "x"
        return answer

    async with _bearable(house) as problems, _all_answers(house, spoil):
        await house.reload(house.lock)
        await house.unlock(house.guest, house.lock)
        expect(sent > 1, "nothing was asked for")
    return "".join(problems)


# Answers with other times


@ATTACKS.try_to("date answers in other years, to block the lock or to end a block", in_short=False)
async def _date(house: House) -> str:
    cloud, opened = house.simulator.cloud, house.opened(house.lock)
    entry_id = house.homes[house.lock].entry_id
    try:
        for years in (0, 10, -10):
            cloud.ahead = years * YEAR
            await house.reload(house.lock)
            if blocked := await house.unlock(house.guest, house.lock):
                return f"who knows the code is told {blocked!r}"
        cloud.ahead = 0
        for _ in range(GUESSES):
            await house.unlock(house.guest, house.lock, WRONG)
        for years in (0, 10, -10):
            cloud.ahead = years * YEAR
            await house.reload(house.lock)
            blocked = await house.unlock(house.guest, house.lock)
            expect(blocked or years, "five wrong codes do not block")
            if not blocked:
                return "the block is over"
    finally:
        cloud.ahead = 0
        await allow_unlocking(house.owner, entry_id, CODE, house.lock.did)
        await leave(house)
    return HELD if house.opened(house.lock) == opened + 3 else "it opened"


# Content that the client might send back


class Planter:
    """A fault that sets cookies in all answers but those of the sign-in, and stores requests."""

    def __init__(self) -> None:
        """Start without requests."""
        self.asked: list[web.Request] = []

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, and set cookies, for other domains too."""
        self.asked.append(request)
        answer = await handler(request)
        if request.path not in (SERVICE_LOGIN, STS):
            for cookie in COOKIES:
                for domain in DOMAINS:
                    planted = f"{cookie}={PLANTED}; Path=/; Secure{domain}"
                    answer.headers.add("Set-Cookie", planted)
        return answer

    def renewed(self) -> bool:
        """Return whether the camera's list was requested after the session was renewed."""
        paths = [one.path for one in self.asked]
        return SERVICE_LOGIN in paths and EVENTS in paths[paths.index(SERVICE_LOGIN) :]

    def cookies(self, path: str) -> list[str]:
        """Return the values of the cookies in requests to a path."""
        asked = (one for one in self.asked if path in one.path)
        return [value for one in asked for value in one.cookies.values()]


@ATTACKS.try_to("plant cookies, for a session that is somebody else's")
async def _plant_cookies(house: House) -> str:
    planter = Planter()
    async with _all_answers(house, planter):
        await house.reload(house.lock)
        await reload_with_old_session(house)
        await until(planter.renewed, "the app's session is not renewed, and used then")
    expect(PLANTED in planter.cookies(DEVICES), f"no cookies are kept of {CLOUD_HOST}")
    others = (one for one in planter.asked if one.host != CLOUD_HOST)
    got = {one.path for one in others if PLANTED in one.cookies.values()}
    return f"{sorted(got)} get them" if got else HELD
