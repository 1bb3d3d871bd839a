"""Pictures and recordings for browsers: fetched and decrypted here, only for who is signed in.

A player sends no token with what it fetches. Home Assistant therefore signs the path of the
playlist in the name of who wants to play it, and the playlist the paths of its segments.
"""

from __future__ import annotations

import math
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web
from homeassistant.components.http import KEY_HASS, HomeAssistantView, StaticPathConfig
from homeassistant.components.http.auth import async_sign_path
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util
from homeassistant.util import slugify

from ..account.entry_data import async_lock_name
from ..const import DOMAIN
from ..miot.errors import MiotError, ResultError
from ..miot.values import path_part
from .recordings import async_recordings, failure
from .remuxing import hevc_codecs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant

    from ..miot.app.recording import Recording
    from .recordings import Recordings

PICTURE: Final = "picture.jpg"
PLAYLIST: Final = "playlist.m3u8"
VIDEO: Final = "video.m3u8"
CLIP: Final = "clip.mp4"
SIGNED_FOR: Final = timedelta(hours=1)

_STATIC: Final = f"/{DOMAIN}/static"
UNPLAYABLE: Final = f"{_STATIC}/unplayable.m3u8"
UNPLAYABLE_CODEC: Final = "avc1.42C01F"

_SEGMENT_TYPES: Final = {
    "ts": "video/mp2t",
    "mp4": "video/mp4",
    "m4s": "video/iso.segment",
}
_OF_MOMENT: Final = f"/api/{DOMAIN}/{{did:[A-Za-z0-9._-]+}}/{{moment:[0-9]{{1,15}}}}"
# Nothing is to be left in a browser that others use.
_HEADERS: Final = {"Cache-Control": "no-store"}


def path(did: str, moment: int, name: str) -> str:
    """Return where something is of what a lock saw at a moment."""
    return f"/api/{DOMAIN}/{path_part(did)}/{moment}/{name}"


async def async_register_views(hass: HomeAssistant) -> None:
    """Serve what cameras saw, as long as there are locks that are linked."""
    static = StaticPathConfig(
        _STATIC, str(Path(__file__).parents[1] / "static"), cache_headers=False
    )
    await hass.http.async_register_static_paths([static])
    for view in (PictureView, PlaylistView, SegmentView, ClipView):
        hass.http.register_view(view)


async def _asked[Answer](
    request: web.Request, did: str, ask: Callable[[Recordings], Awaitable[Answer | None]]
) -> Answer:
    """Return what is had for a lock, or the status that says why it is not."""
    hass = request.app[KEY_HASS]
    recordings = async_recordings(hass).get(did)
    try:
        answer = await ask(recordings) if recordings else None
    except MiotError as error:
        status = web.HTTPNotFound if isinstance(error, ResultError) else web.HTTPBadGateway
        raise status(text=str(failure(hass, HomeAssistantError, error))) from None
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
    """The playlist of a recording, or what else to show where a browser cannot play it."""

    url = f"{_OF_MOMENT}/{{name:{PLAYLIST}|{VIDEO}}}"
    name = f"api:{DOMAIN}:playlist"

    async def get(self, request: web.Request, did: str, moment: str, name: str) -> web.Response:
        """Return the playlist, whose segments are for who asks."""
        recording = await _asked(request, did, lambda of: of.recording(did, int(moment)))
        first = await _asked(request, did, lambda of: of.segment(did, int(moment), 0))

        def signed(name: str) -> str:
            segment = path(did, int(moment), name)
            return async_sign_path(request.app[KEY_HASS], segment, SIGNED_FOR)

        codecs = hevc_codecs(first.initialization or b"")
        text = (
            choice(codecs, signed(VIDEO))
            if codecs and name == PLAYLIST
            else playlist(recording, signed, fragmented=first.initialization is not None)
        )
        return _response(text.encode(), "application/vnd.apple.mpegurl")


class SegmentView(HomeAssistantView):
    """A segment of a recording: MPEG-TS, or the initialization and the media of fragmented MP4."""

    url = f"{_OF_MOMENT}/{{number:[0-9]{{1,5}}}}.{{kind:ts|mp4|m4s}}"
    name = f"api:{DOMAIN}:segment"

    async def get(
        self, request: web.Request, did: str, moment: str, number: str, kind: str
    ) -> web.Response:
        """Return the segment."""
        segment = await _asked(request, did, lambda of: of.segment(did, int(moment), int(number)))
        if (segment.initialization is None) != (kind == "ts"):
            raise web.HTTPNotFound
        body = segment.initialization if kind == "mp4" else segment.media
        return _response(body or b"", _SEGMENT_TYPES[kind])


class ClipView(HomeAssistantView):
    """A whole recording, to be kept."""

    url = f"{_OF_MOMENT}/{CLIP}"
    name = f"api:{DOMAIN}:clip"

    async def get(self, request: web.Request, did: str, moment: str) -> web.Response:
        """Return the clip, or the range of it that a player asks for."""
        clip = await _asked(request, did, lambda of: of.clip(did, int(moment)))
        hass = request.app[KEY_HASS]
        lock = async_lock_name(hass, async_recordings(hass)[did].entry, did)
        taken = dt_util.as_local(dt_util.utc_from_timestamp(int(moment) / 1000))
        name = f"{slugify(lock)}_{taken:%Y-%m-%d_%H-%M-%S}.mp4"
        response = _response(clip, "video/mp4")
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Accept-Ranges"] = "bytes"
        if "Range" in request.headers:
            _cut(response, request, clip)
        return response


def _cut(response: web.Response, request: web.Request, whole: bytes) -> None:
    """Leave of a response the range that was asked for."""
    try:
        start, end, _ = request.http_range.indices(len(whole))
    except ValueError:
        start, end = 0, 0
    if start >= end:
        raise web.HTTPRequestRangeNotSatisfiable(
            headers={**_HEADERS, "Content-Range": f"bytes */{len(whole)}"}
        )
    response.set_status(HTTPStatus.PARTIAL_CONTENT)
    response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(whole)}"
    response.body = whole[start:end]


def choice(codecs: str, address: str) -> str:
    """Return a playlist of what there is to choose from: HEVC, or words about it.

    What a browser does not have is left out of the choice. Without it Home Assistant's player would
    begin anew forever. By the bandwidths that are told, who can choose never takes the words.
    """
    return "\n".join(
        [
            "#EXTM3U",
            f'#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="{codecs}"',
            address,
            f'#EXT-X-STREAM-INF:BANDWIDTH={10**12},CODECS="{UNPLAYABLE_CODEC}"',
            UNPLAYABLE,
            "",
        ]
    )


def playlist(recording: Recording, address: Callable[[str], str], *, fragmented: bool) -> str:
    """Return a playlist of a recording whose segments are at other addresses, and not encrypted.

    Each segment of fragmented MP4 was a file of its own, whose times begin at zero.
    """
    longest = max(segment.duration for segment in recording.segments)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{7 if fragmented else 3}",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXT-X-TARGETDURATION:{math.ceil(longest)}",
        f"#EXT-X-MEDIA-SEQUENCE:{recording.segments[0].number}",
    ]
    for number, segment in enumerate(recording.segments):
        if number and (fragmented or segment.discontinuity):
            lines.append("#EXT-X-DISCONTINUITY")
        if fragmented:
            lines.append(f'#EXT-X-MAP:URI="{address(f"{number}.mp4")}"')
        name = f"{number}.{'m4s' if fragmented else 'ts'}"
        lines += [f"#EXTINF:{segment.duration:.3f},", address(name)]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])
