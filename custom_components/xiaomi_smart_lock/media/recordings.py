"""Camera detections, pictures and recordings of a config entry's locks.

They come from the session of the Mi Home app.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.loader import IntegrationNotFound
from homeassistant.requirements import (
    RequirementsNotFound,
    async_get_integration_with_requirements,
)

from ..account.app_session import Service
from ..const import DOMAIN
from ..miot.errors import (
    CannotConnectError,
    MiotError,
    NotAllowedError,
    NotSignedInError,
    RequestDeferredError,
    ResultError,
    TooLongError,
)
from ..wording.reasons import reason_in_words, translated
from . import remuxing
from .remuxing import NotVideoError
from .ttl_cache import TtlCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant
    from homeassistant.exceptions import HomeAssistantError

    from ..account.app_session import AppSession
    from ..miot.app.client import Page, Seen
    from ..miot.app.recording import Recording
    from ..model.lock_model import LockModel
    from .remuxing import Fragment

BELL: Final = "Bell"
STAY: Final = "Stay"

PAGES_KEPT: Final = 64
PICTURES_KEPT: Final = 4 * 1024 * 1024  # bytes
PICTURES_AT_ONCE: Final = 4
RECORDINGS_KEPT: Final = 4
SEGMENTS_KEPT: Final = 16 * 1024 * 1024  # bytes
SEGMENTS_AT_ONCE: Final = 2
CLIPS_KEPT: Final = 32 * 1024 * 1024  # bytes
CLIP_LIMIT: Final = 32 * 1024 * 1024

# The integration that installs PyAV, in the version that Home Assistant requires
STREAM: Final = "stream"


class NoRemuxerError(MiotError):
    """Home Assistant has no PyAV, and cannot install it."""


WORDS: Final[Mapping[type[MiotError], str]] = {
    RequestDeferredError: "app_not_now",
    NotAllowedError: "app_not_allowed",
    NotSignedInError: "app_not_signed_in",
    ResultError: "app_has_nothing",
    CannotConnectError: "app_failed",
    NoRemuxerError: "no_remuxer",
}


def failure[Error: HomeAssistantError](
    hass: HomeAssistant, kind: type[Error], error: MiotError
) -> Error:
    """Return a Home Assistant error with a translated message for a MiotError."""
    key = next(key for cause, key in WORDS.items() if isinstance(error, cause))
    return translated(hass, kind, key, reason=reason_in_words(hass, error))


def frame(seen: Seen) -> str | None:
    """Return the frame that shows a detection best, None if it has no frame."""
    return next(
        (seen.frames[kind] for kind in (BELL, *seen.kinds, *seen.frames) if kind in seen.frames),
        None,
    )


class Recordings:
    """The camera detections of locks, with their pictures and recordings.

    A detection is identified by the lock's did and its time in Unix milliseconds; the cloud's ids
    and URLs are not passed on. All methods raise MiotError, and return None for what does not
    exist.
    """

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        link: AppSession,
        models: Mapping[str, LockModel],
    ) -> None:
        """Prepare for locks; ``models`` is by did. No request is sent yet."""
        self.models: Final = models
        self.entry = entry
        self._hass = hass
        self._link = link
        self._pages: TtlCache[tuple[str, int, int], Page[Seen]] = TtlCache(PAGES_KEPT)
        self._pictures: TtlCache[tuple[str, int], bytes | None] = TtlCache(
            PICTURES_KEPT, at_once=PICTURES_AT_ONCE, weigh=lambda picture: len(picture or b"")
        )
        self._recordings: TtlCache[tuple[str, int], Recording | None] = TtlCache(RECORDINGS_KEPT)
        self._segments: TtlCache[tuple[str, int, int], Fragment | None] = TtlCache(
            SEGMENTS_KEPT,
            at_once=SEGMENTS_AT_ONCE,
            weigh=lambda part: len(part.whole if part else b""),
        )
        self._clips: TtlCache[tuple[str, int], bytes | None] = TtlCache(
            CLIPS_KEPT, weigh=lambda clip: len(clip or b"")
        )
        self._looking = asyncio.Lock()

    async def page(self, did: str, start: int, end: int) -> Page[Seen]:
        """Return the newest page of a lock's detections between two times, newest first."""

        async def ask() -> Page[Seen]:
            page = await self._link.async_seen(did, self.models[did].name, start, end)
            within = tuple(seen for seen in page.entries if start <= seen.time <= end)
            return replace(page, entries=within)

        return await self._pages.get((did, start, end), ask)

    async def seen(self, did: str, moment: int) -> Seen | None:
        """Return a lock's detection at a time."""
        async with self._looking:
            pages = (page for (of, *_), page in self._pages.newest_first() if of == did)
            if found := next((seen for page in pages if (seen := _at(page, moment))), None):
                return found
            # Fetch a page, as earlier detections are likely to be requested as well.
            return _at(await self.page(did, 0, moment), moment)

    async def picture(self, did: str, moment: int) -> bytes | None:
        """Return the picture of a detection, a JPEG."""

        async def ask() -> bytes | None:
            if (seen := await self.seen(did, moment)) is None or (best := frame(seen)) is None:
                return None
            with self._link.request(Service.PICTURES, did, of_budget=False) as client:
                return await client.picture(did, seen.file_id, best)

        return await self._pictures.get((did, moment), ask)

    async def recording(self, did: str, moment: int) -> Recording | None:
        """Return the recording of a detection."""

        async def ask() -> Recording | None:
            if (seen := await self.seen(did, moment)) is None or not seen.has_recording:
                return None
            with self._link.request(Service.RECORDINGS, did, of_budget=False) as client:
                return await client.recording(
                    did, self.models[did].name, seen.file_id, is_alarm=seen.is_alarm
                )

        return await self._recordings.get((did, moment), ask)

    async def segment(self, did: str, moment: int, number: int) -> Fragment | None:
        """Return a segment of a recording in a form that browsers play.

        Some segments are cached: players fetch each twice, first for its initialization, and a
        player that cannot play it retries again and again.
        """

        async def ask() -> Fragment | None:
            recording = await self.recording(did, moment)
            if recording is None or number >= len(recording.segments):
                return None
            with self._link.request(Service.RECORDINGS, did, of_budget=False) as client:
                part = await client.segment(recording.segments[number])
            if remuxing.is_mpeg_ts(part):
                return remuxing.fragment(part)
            return await self._remuxed(remuxing.fragment, part)

        try:
            return await self._segments.get((did, moment, number), ask)
        except CannotConnectError:
            # The URLs may have expired; a retry gets new ones.
            self._recordings.drop((did, moment))
            raise

    async def clip(self, did: str, moment: int) -> bytes | None:
        """Return a whole recording as one MP4 file."""

        async def ask() -> bytes | None:
            if (recording := await self.recording(did, moment)) is None:
                return None
            parts: list[bytes] = []
            for number in range(len(recording.segments)):
                if segment := await self.segment(did, moment, number):
                    parts.append(segment.whole)
                if sum(map(len, parts)) > CLIP_LIMIT:
                    raise TooLongError(CLIP_LIMIT)
            return await self._remuxed(remuxing.joined, parts)

        return await self._clips.get((did, moment), ask)

    async def _remuxed[Input, Output](
        self, remux: Callable[[Input], Output], media: Input
    ) -> Output:
        """Run a remuxing function with the PyAV that Home Assistant installs for streams.

        PyAV is not a requirement of this integration: locks work without it, and Home Assistant
        decides on its version. Raises NoRemuxerError if PyAV cannot be installed, and
        CannotConnectError if the media is no video.
        """
        try:
            await async_get_integration_with_requirements(self._hass, STREAM)
            return await self._hass.async_add_executor_job(remux, media)
        except (ImportError, IntegrationNotFound, RequirementsNotFound):
            raise NoRemuxerError("PyAV cannot be installed") from None
        except NotVideoError:
            raise CannotConnectError("a part of the recording is no video") from None


def _at(page: Page[Seen], moment: int) -> Seen | None:
    return next((seen for seen in page.entries if seen.time == moment), None)


@callback
def async_recordings(hass: HomeAssistant) -> dict[str, Recordings]:
    """Return the recordings of each lock that has a camera and a linked, loaded entry, by did."""
    return {
        did: recordings
        for entry in hass.config_entries.async_loaded_entries(DOMAIN)
        if (recordings := entry.runtime_data.recordings)
        for did in recordings.models
    }
