"""HTTP views of pictures and recordings, for signed-in users only.

Media is fetched and decrypted here. Players send no token with their requests. Therefore Home
Assistant signs the path of the playlist for the user who plays it, and the playlist contains
signed paths of its segments.
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
# Leave nothing in the cache of a browser that others use too.
_HEADERS: Final = {"Cache-Control": "no-store"}


def path(did: str, moment: int, name: str) -> str:
    """Return the path of a file that belongs to a lock's detection."""
    return f"/api/{DOMAIN}/{path_part(did)}/{moment}/{name}"


async def async_register_views(hass: HomeAssistant) -> None:
    """Register the views and the static files.

    The views have content only for locks of loaded and linked config entries.
    """
    static = StaticPathConfig(
        _STATIC, str(Path(__file__).parents[1] / "static"), cache_headers=False
    )
    await hass.http.async_register_static_paths([static])
    for view in (PictureView, PlaylistView, SegmentView, ClipView):
        hass.http.register_view(view)


async def _asked[Answer](
    request: web.Request, did: str, ask: Callable[[Recordings], Awaitable[Answer | None]]
) -> Answer:
    """Return what ``ask`` gets from a lock's recordings.

    Raises HTTPNotFound if there is nothing, also on ResultError, and HTTPBadGateway on any other
    MiotError.
    """
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
    """View of the picture of a detection."""

    url = f"{_OF_MOMENT}/{PICTURE}"
    name = f"api:{DOMAIN}:picture"

    async def get(self, request: web.Request, did: str, moment: str) -> web.Response:
        """Return the picture."""
        picture = await _asked(request, did, lambda of: of.picture(did, int(moment)))
        return _response(picture, "image/jpeg")


class PlaylistView(HomeAssistantView):
    """View of a recording's playlist.

    For HEVC, the playlist also offers a notice for browsers that cannot play it.
    """

    url = f"{_OF_MOMENT}/{{name:{PLAYLIST}|{VIDEO}}}"
    name = f"api:{DOMAIN}:playlist"

    async def get(self, request: web.Request, did: str, moment: str, name: str) -> web.Response:
        """Return the playlist, with paths signed for the user who requests it."""
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
    """View of a segment: MPEG-TS, or the initialization or the media of fragmented MP4."""

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
    """View of a whole recording, to download."""

    url = f"{_OF_MOMENT}/{CLIP}"
    name = f"api:{DOMAIN}:clip"

    async def get(self, request: web.Request, did: str, moment: str) -> web.Response:
        """Return the clip, or the range of it that a player requests."""
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
    """Reduce a response to the requested range.

    Raises HTTPRequestRangeNotSatisfiable if the range is invalid or empty.
    """
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
    """Return a playlist with two variants: an HEVC recording, and a notice for other browsers.

    Browsers ignore variants whose codec they lack. Without the notice, Home Assistant's player
    would restart forever. The stated bandwidths keep a player that supports both from ever
    selecting the notice.
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
    """Return a playlist of a recording, with decrypted segments at our own URLs.

    ``address`` returns the URL of a segment by its name. Each segment of fragmented MP4 was a file
    of its own, whose times begin at zero; hence the discontinuities.
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
