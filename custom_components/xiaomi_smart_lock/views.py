"""Pictures and recordings for browsers: fetched and decrypted here, only for who is signed in.

A player sends no token with what it fetches. Home Assistant therefore signs the path of the
playlist in the name of who wants to play it, and the playlist the paths of its segments.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aiohttp import web
from homeassistant.components.http import KEY_HASS, HomeAssistantView
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .miot.errors import MiotError, ResultError
from .recordings import async_recordings, words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant

    from .miot.app_recording import Recording
    from .recordings import Recordings

PICTURE: Final = "picture.jpg"
PLAYLIST: Final = "playlist.m3u8"
SIGNED_FOR: Final = timedelta(hours=1)

_OF_MOMENT: Final = f"/api/{DOMAIN}/{{did}}/{{moment:[0-9]{{1,15}}}}"
# Nothing is to be left in a browser that others use.
_HEADERS: Final = {"Cache-Control": "no-store"}


def path(did: str, moment: int, name: str) -> str:
    """Return where something is of what a lock saw at a moment."""
    return f"/api/{DOMAIN}/{did}/{moment}/{name}"


@callback
def async_register_views(hass: HomeAssistant) -> None:
    """Serve what cameras saw, as long as there are locks that are linked."""
    for view in (PictureView, PlaylistView, SegmentView):
        hass.http.register_view(view)


async def _asked[Answer](
    request: web.Request, did: str, ask: Callable[[Recordings], Awaitable[Answer | None]]
) -> Answer:
    """Return what is had for a lock, or the status that says why it is not."""
    recordings = async_recordings(request.app[KEY_HASS]).get(did)
    try:
        answer = await ask(recordings) if recordings else None
    except MiotError as error:
        status = web.HTTPNotFound if isinstance(error, ResultError) else web.HTTPBadGateway
        raise status(text=str(HomeAssistantError(**words(error)))) from None
    if answer is None:
        raise web.HTTPNotFound
    return answer


def _response(body: bytes, content_type: str) -> web.Response:
    return web.Response(body=body, content_type=content_type, headers=_HEADERS)


class PictureView(HomeAssistantView):
    """The picture of what was seen."""

    url = f"{_OF_MOMENT}/{PICTURE}"
    name = f"api:{DOMAIN}:picture"

    async def get(self, request: web.Request, did: str, moment: str) -> web.Response:
        """Return the picture."""
        picture = await _asked(request, did, lambda of: of.picture(did, int(moment)))
        return _response(picture, "image/jpeg")


class PlaylistView(HomeAssistantView):
    """The playlist of a recording."""

    url = f"{_OF_MOMENT}/{PLAYLIST}"
    name = f"api:{DOMAIN}:playlist"

    async def get(self, request: web.Request, did: str, moment: str) -> web.Response:
        """Return the playlist, whose segments are for who asks."""
        recording = await _asked(request, did, lambda of: of.recording(did, int(moment)))

        def signed(number: int) -> str:
            segment = path(did, int(moment), f"{number}.ts")
            return async_sign_path(request.app[KEY_HASS], segment, SIGNED_FOR)

        return _response(playlist(recording, signed).encode(), "application/vnd.apple.mpegurl")


class SegmentView(HomeAssistantView):
    """A segment of a recording."""

    url = f"{_OF_MOMENT}/{{number:[0-9]{{1,5}}}}.ts"
    name = f"api:{DOMAIN}:segment"

    async def get(self, request: web.Request, did: str, moment: str, number: str) -> web.Response:
        """Return the segment."""
        segment = await _asked(request, did, lambda of: of.segment(did, int(moment), int(number)))
        return _response(segment, "video/mp2t")


def playlist(recording: Recording, address: Callable[[int], str]) -> str:
    """Return a playlist of a recording whose segments are at other addresses, and not encrypted."""
    longest = max(segment.duration for segment in recording.segments)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXT-X-TARGETDURATION:{math.ceil(longest)}",
    ]
    for number, segment in enumerate(recording.segments):
        lines += [f"#EXTINF:{segment.duration:.3f},", address(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])
