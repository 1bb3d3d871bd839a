"""What the cameras of an entry's locks saw, as the Mi Home app's session tells."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback

from .app_link import NotNowError
from .const import DOMAIN
from .kept import Kept
from .miot.errors import CannotConnectError, NotSignedInError, ResultError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

    from . import LockConfigEntry
    from .app_link import AppLink
    from .miot.app import Page, Seen
    from .miot.app_recording import Recording
    from .miot.errors import MiotError

BELL: Final = "Bell"

PAGES_KEPT: Final = 64
PICTURES_KEPT: Final = 4 * 1024 * 1024  # bytes
PICTURES_AT_ONCE: Final = 4
RECORDINGS_KEPT: Final = 4
SEGMENTS_AT_ONCE: Final = 2

# By how every packet of MPEG-TS begins
_PACKET_START: Final = b"\x47"

WORDS: Final[Mapping[type[MiotError], str]] = {
    NotNowError: "app_not_now",
    NotSignedInError: "app_not_signed_in",
    ResultError: "app_has_nothing",
    CannotConnectError: "app_failed",
}


def words(error: MiotError) -> dict[str, Any]:
    """Return in which words Home Assistant's errors say what went wrong."""
    key = next(key for kind, key in WORDS.items() if isinstance(error, kind))
    return {
        "translation_domain": DOMAIN,
        "translation_key": key,
        "translation_placeholders": {"error": str(error)},
    }


def frame(seen: Seen) -> str | None:
    """Return which frame shows best what was seen, None where there is none."""
    return next(
        (seen.frames[kind] for kind in (BELL, *seen.kinds, *seen.frames) if kind in seen.frames),
        None,
    )


class Recordings:
    """Lists what was seen, and has its pictures and recordings.

    Things are known by a lock's did and the moment, in Unix milliseconds: what the cloud calls them
    and where it has them stays here. All methods raise MiotError, and return None for what is not
    there.
    """

    def __init__(self, entry: LockConfigEntry, link: AppLink) -> None:
        """Prepare; nothing is asked yet."""
        self.entry = entry
        self._link = link
        self._pages: Kept[tuple[str, int, int], Page[Seen]] = Kept(PAGES_KEPT)
        self._pictures: Kept[tuple[str, int], bytes | None] = Kept(
            PICTURES_KEPT, at_once=PICTURES_AT_ONCE, weigh=lambda picture: len(picture or b"")
        )
        self._recordings: Kept[tuple[str, int], Recording | None] = Kept(RECORDINGS_KEPT)
        self._looking = asyncio.Lock()
        self._fetching = asyncio.Semaphore(SEGMENTS_AT_ONCE)

    async def page(self, did: str, start: int, end: int) -> Page[Seen]:
        """Return the last of what a lock saw between two moments, the newest first."""

        async def ask() -> Page[Seen]:
            with self._link.asking() as client:
                page = await client.seen(did, start, end)
            within = tuple(seen for seen in page.entries if start <= seen.time <= end)
            return replace(page, entries=within)

        return await self._pages.get((did, start, end), ask)

    async def seen(self, did: str, moment: int) -> Seen | None:
        """Return what a lock saw at a moment."""
        async with self._looking:
            pages = (page for (of, *_), page in self._pages.newest_first() if of == did)
            if found := next((seen for page in pages if (seen := _at(page, moment))), None):
                return found
            # With what was seen before, as that is likely to be wanted as well.
            return _at(await self.page(did, 0, moment), moment)

    async def picture(self, did: str, moment: int) -> bytes | None:
        """Return the picture of what was seen at a moment, a JPEG."""

        async def ask() -> bytes | None:
            if (seen := await self.seen(did, moment)) is None or (best := frame(seen)) is None:
                return None
            with self._link.asking(of_budget=False) as client:
                return await client.picture(did, seen.file_id, best)

        return await self._pictures.get((did, moment), ask)

    async def recording(self, did: str, moment: int) -> Recording | None:
        """Return the recording of what was seen at a moment."""

        async def ask() -> Recording | None:
            if (seen := await self.seen(did, moment)) is None or not seen.has_recording:
                return None
            with self._link.asking(of_budget=False) as client:
                return await client.recording(did, seen.file_id, is_alarm=seen.is_alarm)

        return await self._recordings.get((did, moment), ask)

    async def segment(self, did: str, moment: int, number: int) -> bytes | None:
        """Return a segment of a recording, which is MPEG-TS."""
        recording = await self.recording(did, moment)
        if recording is None or number >= len(recording.segments):
            return None
        try:
            async with self._fetching:
                with self._link.asking(of_budget=False) as client:
                    return _video(await client.segment(recording.segments[number]))
        except CannotConnectError:
            # The addresses may have expired: who tries again gets new ones.
            self._recordings.drop((did, moment))
            raise


def _video(segment: bytes) -> bytes:
    """Return what is MPEG-TS; a wrong key may open a segment as well, to something else."""
    if segment.startswith(_PACKET_START):
        return segment
    raise CannotConnectError("a part of the recording is no video")


def _at(page: Page[Seen], moment: int) -> Seen | None:
    return next((seen for seen in page.entries if seen.time == moment), None)


@callback
def async_recordings(hass: HomeAssistant) -> dict[str, Recordings]:
    """Return where the recordings of each lock are had that is there and linked, by its did."""
    return {
        did: entry.runtime_data.recordings
        for entry in hass.config_entries.async_loaded_entries(DOMAIN)
        if entry.runtime_data.recordings
        for did in entry.runtime_data.coordinators
    }
