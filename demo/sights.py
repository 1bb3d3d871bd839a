"""Pictures, recordings and the diary: as Home Assistant shows them, and as they should be."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import DOMAIN
from simulator.recording import packets

from . import recording

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from simulator.lock import Lock

    from .setup import Home

type Seen = tuple[str, str, str]
"""What is checked, what is expected and what is found."""

PICTURES: Final = {"image.last_visitor": "Bell", "image.last_stay": "Stay"}
ARRIVES_WITHIN: Final = 45  # seconds
SAME: Final = "the same bytes"
CAME_HOME: Final = "Front door was unlocked from outside by Ming with a fingerprint"


async def look_around(home: Home, lock: Lock) -> AsyncIterator[Seen]:
    """Yield the checks of pictures, a recording and the diary."""
    for key, kind in PICTURES.items():
        expected = picture(lock, kind)
        yield key, SAME, await _compared(lambda: shown(home, key), expected)  # noqa: B023
    sight = next(sight for sight in lock.camera.sights if "Bell" in sight.frames)
    [codec, *_] = lock.camera.codecs
    expected = contents(lock.camera.recording(sight, codec, lock.time_zone))
    yield "recording of the bell", SAME, await _compared(lambda: played(home), expected)
    yield "calendar.diary", CAME_HOME, await _written(home)


def picture(lock: Lock, kind: str) -> bytes:
    """Return the camera's newest picture of a kind."""
    sight = [sight for sight in lock.camera.sights if kind in sight.frames][-1]
    jpeg = lock.camera.picture(sight.file_id, sight.frames[kind].store_id, lock.time_zone)
    return jpeg or b""


async def shown(home: Home, key: str) -> bytes:
    """Return the picture of an image entity."""
    return await home.client.file(f"/api/image_proxy/{home.entity_ids[key]}")


async def played(home: Home) -> bytes:
    """Return the content of the recording of the newest day's first ring, by the media browser."""
    folder = f"media-source://{DOMAIN}"
    for _ in ("lock", "day"):
        folder = (await _browse(home, folder))["children"][0]["media_content_id"]
    seen = (await _browse(home, folder))["children"]
    rings = [item for item in seen if "bell" in item["title"]]
    found = await home.client.command(
        "media_source/resolve_media", media_content_id=rings[-1]["media_content_id"]
    )
    return contents(await recording.parts(home.client.file, found["url"]))


def contents(parts: list[bytes]) -> bytes:
    """Return the video and audio packets in segments, independent of their container."""
    return b"".join(packet for part in parts for packet in packets(part))


async def _browse(home: Home, folder: str) -> dict[str, Any]:
    listed: dict[str, Any] = await home.client.command(
        "media_source/browse_media", media_content_id=folder
    )
    return listed


async def _compared(get: Callable[[], Awaitable[bytes]], expected: bytes) -> str:
    """Request data until it is as expected, for ARRIVES_WITHIN seconds; return the result."""
    got = b""
    for _ in range(ARRIVES_WITHIN):
        if (got := await get()) == expected:
            return SAME
        await asyncio.sleep(1)
    return f"{len(got)} bytes, not the {len(expected)} expected"


async def _written(home: Home) -> str:
    """Return the diary's entry of a person who comes home, else its last entry."""
    now = dt_util.utcnow()
    answer = await home.client.ask(
        "calendar.get_events",
        home.entity_ids["calendar.diary"],
        start_date_time=(now - timedelta(hours=1)).isoformat(),
        end_date_time=(now + timedelta(minutes=1)).isoformat(),
    )
    entries = [event["summary"] for event in answer["events"]]
    return CAME_HOME if CAME_HOME in entries else str(entries[-1:])
