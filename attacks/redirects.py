"""Redirects by an attacker on the path to Xiaomi, or by a hostile service."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from yarl import URL

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo import recording
from demo.home_assistant import HomeAssistantError
from demo.setup import add_integration
from simulator import faults
from simulator.app_account import SERVICE_LOGIN, STS
from simulator.app_cloud import EVENTS, HISTORY, PICTURE, PLAYLIST
from simulator.cloud import GET_TOKEN, PROFILE
from simulator.instances import DEVICE, INSTANCE

from .attack import HELD, Attacks, NotTriedError, expect, until
from .impostors import PLAIN_HTTP, Stranger, listening
from .late import ACT, READ
from .path import WHO, leave

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from simulator.faults import Handler

    from .house import House

ATTACKS: Final = Attacks(WHO)

THERE: Final = "192.0.2.1"
"""An address to which none of Xiaomi's names resolves; scripts/lib/network.sh assigns it."""
TLS_PORT: Final = 443
WRITE: Final = "/miotspec/prop/set"
DEVICES: Final = "/home/device_list_page"
HOMES: Final = "/homeroom/gethome"
SEGMENT: Final = "/hls/"
STATUSES: Final = (301, 302, 303, 307, 308)
PLACES: Final = {
    "a server with a trusted certificate": f"https://{THERE}",
    "a server in plain text": f"http://{THERE}",
    "Xiaomi's own host in plain text": "http://{host}",
}
LOOPS: Final = 50
"""Far more hops than a redirect needs."""
RENEWED_IN: Final = 5  # seconds
FOLLOWED_IN: Final = 2  # seconds, in which many redirects can be followed


class Redirect:
    """A fault that redirects all requests to a place, with each redirect status in turn."""

    def __init__(self, place: str) -> None:
        """Prepare with a place, in which ``{host}`` stands for the host of the request.

        ``{hop}`` stands for the number of requests so far.
        """
        self.asked: list[web.Request] = []
        """The redirected requests."""
        self._place = place
        self._statuses = cycle(STATUSES)

    async def __call__(self, request: web.Request, _handler: Handler) -> web.StreamResponse:
        """Redirect a request."""
        self.asked.append(request)
        place = self._place.format(host=request.host, hop=len(self.asked))
        location = URL(place) if URL(place).query else URL(place).join(request.rel_url)
        return web.Response(status=next(self._statuses), headers={"Location": str(location)})

    def led(self, path: str) -> bool:
        """Return whether a request to a path with this part was redirected."""
        return any(path in request.path for request in self.asked)


# Actions that make Home Assistant send requests


async def _reload(house: House) -> None:
    await house.reload(house.lock)


async def _reload_with_picture(house: House) -> None:
    house.lock.camera.upload_seconds = 0
    house.lock.ring()
    await house.reload(house.lock)


async def _reload_with_old_token(house: House) -> None:
    house.simulator.cloud.expire_access_tokens()
    await house.reload(house.lock)


async def reload_with_old_session(house: House) -> None:
    """Reload the entry with an expired session of the app, until the session is renewed.

    A renewal that is already running makes the session valid again; then it is expired once more.
    """
    cloud, renewed = house.simulator.cloud, False
    before = len(cloud.requests)
    while not renewed:
        cloud.app_accounts.expire_service_tokens()
        await house.reload(house.lock)
        with suppress(NotTriedError):
            await until(lambda: _is_renewed(house, before), "not yet", within=RENEWED_IN)
            renewed = True


def _is_renewed(house: House, since: int) -> bool:
    return SERVICE_LOGIN in (path for path, _ in house.simulator.cloud.requests[since:])


async def _act(house: House) -> None:
    await house.unlock(house.guest, house.lock)


async def _set(house: House) -> None:
    light = house.entity_id(house.lock, "switch.doorbell_light")
    with suppress(HomeAssistantError):
        await house.owner.action("switch.toggle", light)


async def _play(house: House) -> None:
    """Play the newest recording, if there is one."""
    folder = f"media-source://{DOMAIN}/{house.lock.did}"
    with suppress(HomeAssistantError):
        for _ in ("day", "recording"):
            listed = await house.owner.command("media_source/browse_media", media_content_id=folder)
            folder = listed["children"][0]["media_content_id"]
        found = await house.owner.command("media_source/resolve_media", media_content_id=folder)
        await recording.parts(house.owner.file, found["url"])


async def _sign_in(house: House) -> None:
    """Start to add another account, which has no lock."""
    account = house.simulator.add_account("Nobody")
    with suppress(HomeAssistantError):
        await add_integration(house.owner, house.simulator.endpoints, account, ())


@dataclass(frozen=True, slots=True)
class Step:
    """An action that makes Home Assistant send requests, and the paths of the requests."""

    ask: Callable[[House], Awaitable[None]]
    paths: tuple[str, ...]


STEPS: Final = (
    Step(_act, (ACT,)),
    Step(_set, (WRITE,)),
    Step(_reload, (DEVICES, READ, EVENTS, INSTANCE)),
    Step(_reload_with_picture, (PICTURE,)),
    Step(_play, (PLAYLIST,)),
    Step(_play, (SEGMENT,)),
    Step(_reload_with_old_token, (GET_TOKEN,)),
    Step(reload_with_old_session, (SERVICE_LOGIN,)),
    Step(reload_with_old_session, (STS,)),
    Step(_sign_in, (PROFILE,)),
    Step(_sign_in, (HOMES,)),
    Step(_sign_in, (GET_TOKEN,)),
    Step(_reload, (HISTORY,)),
)


# Servers at the redirect's target


@asynccontextmanager
async def _waiting(house: House) -> AsyncIterator[Callable[[], int]]:
    """Listen at the targets of redirects, with a trusted certificate too; yield the visit count."""
    plain, trusted = Stranger(), Stranger(house.simulator.authority.context(THERE))
    async with (
        listening(plain.meet, PLAIN_HTTP),
        listening(plain.meet, PLAIN_HTTP, THERE),
        listening(trusted.meet, TLS_PORT, THERE),
    ):
        yield lambda: plain.visits + trusted.visits


@asynccontextmanager
async def _of_newer_firmware(house: House) -> AsyncIterator[None]:
    """Give the lock a newer specification, which is then requested; restore everything on exit."""
    urn, upload_seconds = house.lock.urn, house.lock.camera.upload_seconds
    house.lock.urn = f"{DEVICE}:3"
    try:
        yield
    finally:
        house.lock.urn, house.lock.camera.upload_seconds = urn, upload_seconds
        house.simulator.cloud.calm()
        await house.owner.action(
            "button.press", house.entity_id(house.lock, "button.discard_pending")
        )
        await leave(house)


async def _lead_away(place: str, house: House) -> str:
    """Redirect every kind of request to a place, while all others are answered."""
    cloud = house.simulator.cloud
    async with _of_newer_firmware(house), _waiting(house) as visits:
        await house.reload(house.lock)
        for step in STEPS:
            redirect = Redirect(place)
            for path in step.paths:
                cloud.disturb_next(redirect, path, times=1000)
            await step.ask(house)
            for path in step.paths:
                await until(partial(redirect.led, path), f"nothing asks for {path}")
            cloud.calm()
            if visits():
                return f"it follows from {step.paths}"
        await asyncio.sleep(FOLLOWED_IN)
        return "it follows from the last ones" if visits() else HELD


for _what, _place in PLACES.items():
    ATTACKS.try_to(f"lead all requests to {_what}", in_short=False)(partial(_lead_away, _place))


@ATTACKS.try_to("lead the renewal of the session in a circle", in_short=False)
async def _lead_in_a_circle(house: House) -> str:
    redirect = Redirect(f"https://{{host}}{SERVICE_LOGIN}?sid=xiaomiio&_json=true&hop={{hop}}")
    house.simulator.cloud.disturb_next(redirect, SERVICE_LOGIN, times=1000)
    try:
        await reload_with_old_session(house)
        await until(lambda: any("hop" in one.query for one in redirect.asked), "nobody follows")
        await asyncio.sleep(FOLLOWED_IN)
    finally:
        house.simulator.cloud.calm()
        await leave(house)
    followed = [one for one in redirect.asked if "hop" in one.query]
    first = [one for one in redirect.asked if "hop" not in one.query]
    expect(any("passToken" in one.cookies for one in first), "it has nothing secret")
    if any("passToken" in one.cookies for one in followed):
        return "what opens the account goes along"
    return "it does not end" if len(redirect.asked) >= LOOPS else HELD


@ATTACKS.try_to("have the session be fetched elsewhere", in_short=False)
async def _have_it_fetched_elsewhere(house: House) -> str:
    said: list[bytes] = []

    def name(place: str, body: bytes) -> bytes:
        said.append(body)
        prefix, brace, rest = body.partition(b"{")
        answer: dict[str, Any] = json.loads(brace + rest)
        path = URL(answer["location"]).path_qs
        return prefix + json.dumps(answer | {"location": place + path}).encode()

    async with _waiting(house) as visits:
        try:
            for place in PLACES.values():
                fault = faults.spoilt(partial(name, place.format(host="account.xiaomi.com")))
                house.simulator.cloud.disturb_next(fault, SERVICE_LOGIN, times=1000)
                before = len(said)
                await reload_with_old_session(house)
                await until(lambda: len(said) > before, "the session is not renewed")  # noqa: B023
                house.simulator.cloud.calm()
                await asyncio.sleep(FOLLOWED_IN)
                if visits():
                    return "it comes"
        finally:
            house.simulator.cloud.calm()
            await leave(house)
    return HELD
