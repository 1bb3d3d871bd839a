"""What the cameras of an entry's locks saw, as the Mi Home app's session tells."""

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

PAGES_KEPT: Final = 64
PICTURES_KEPT: Final = 4 * 1024 * 1024  # bytes
PICTURES_AT_ONCE: Final = 4
RECORDINGS_KEPT: Final = 4
SEGMENTS_KEPT: Final = 16 * 1024 * 1024  # bytes
SEGMENTS_AT_ONCE: Final = 2
CLIPS_KEPT: Final = 32 * 1024 * 1024  # bytes
CLIP_LIMIT: Final = 32 * 1024 * 1024

# The component that brings PyAV, in the version that Home Assistant wants
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
    """Return the error of Home Assistant that says what went wrong."""
    key = next(key for cause, key in WORDS.items() if isinstance(error, cause))
    return translated(hass, kind, key, reason=reason_in_words(hass, error))


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

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        link: AppSession,
        models: Mapping[str, LockModel],
    ) -> None:
        """Prepare for locks, whose models are given by their dids; nothing is asked yet."""
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
        """Return the last of what a lock saw between two moments, the newest first."""

        async def ask() -> Page[Seen]:
            page = await self._link.async_seen(did, self.models[did].name, start, end)
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
            with self._link.request(Service.PICTURES, did, of_budget=False) as client:
                return await client.picture(did, seen.file_id, best)

        return await self._pictures.get((did, moment), ask)

    async def recording(self, did: str, moment: int) -> Recording | None:
        """Return the recording of what was seen at a moment."""

        async def ask() -> Recording | None:
            if (seen := await self.seen(did, moment)) is None or not seen.has_recording:
                return None
            with self._link.request(Service.RECORDINGS, did, of_budget=False) as client:
                return await client.recording(
                    did, self.models[did].name, seen.file_id, is_alarm=seen.is_alarm
                )

        return await self._recordings.get((did, moment), ask)

    async def segment(self, did: str, moment: int, number: int) -> Fragment | None:
        """Return a segment of a recording as a browser takes it.

        Some are kept: each is fetched twice, first for its initialization, and a player that cannot
        show it begins again and again.
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
            # The addresses may have expired: who tries again gets new ones.
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
        """Have something remuxed, by the PyAV that Home Assistant installs for streams.

        It is not a requirement of ours: a lock works without it, and its version is not for us to
        say.
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
    """Return where the recordings of each lock are had that is there and linked, by its did."""
    return {
        did: entry.runtime_data.recordings
        for entry in hass.config_entries.async_loaded_entries(DOMAIN)
        if entry.runtime_data.recordings
        for did in entry.runtime_data.locks
    }
