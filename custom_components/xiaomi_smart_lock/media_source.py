"""Media source of the locks' camera detections, by lock, day, kind and time.

An identifier is ``DID``, ``DID/DAY``, ``DID/KIND`` or ``DID/MOMENT``; a moment is in Unix
milliseconds, and a kind is one of KINDS. Long lists continue at ``DID/before/MOMENT``,
``DID/DAY/before/MOMENT`` and ``DID/KIND/before/MOMENT``. The recordings of a day are also listed as
whole files at ``DID/DAY/clips``; each of these files is ``DID/MOMENT/clip``.

A player cannot be asked which codecs it supports, and reports little if it lacks one. The title of
the folder of files therefore tells what the files are for.
"""

from __future__ import annotations

import re
import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.media_player import BrowseError, MediaClass, MediaType
from homeassistant.components.media_source import (
    BrowseMediaSource,
    MediaSource,
    MediaSourceItem,
    PlayMedia,
    Unresolvable,
)
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .account.entry_data import async_lock_names
from .const import DOMAIN
from .media.recordings import BELL, STAY, async_recordings, failure, frame
from .media.views import (
    CLIP,
    PICTURE,
    PLAYLIST,
    path,
)
from .miot.errors import MiotError
from .wording.phrases import common_text, day_in_words, is_unlock, seen_in_words
from .wording.reasons import translated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from homeassistant.components.media_player import SearchMedia, SearchMediaQuery
    from homeassistant.core import HomeAssistant

    from .media.recordings import Recordings
    from .miot.app.client import Seen
    from .model.lock_model import LockModel

PAGES: Final = 5  # of the cloud's list, fetched at a time
# The content type that Home Assistant's own player uses for HLS
HLS: Final = "application/x-mpegURL"

# Maximum number of seconds that the cloud's clock may be ahead of ours
AHEAD: Final = 24 * 3600
MINUTE: Final = 60

# Whether Home Assistant can search a media source
SEARCHES: Final = hasattr(MediaSource, "async_search_media")

LATEST: Final = "latest"
# What is listed whatever the day: whether a kind of detection is listed there
KINDS: Final[Mapping[str, Callable[[LockModel, str], bool]]] = {
    LATEST: lambda _model, _kind: True,
    "bell": lambda _model, kind: kind == BELL,
    "stay": lambda _model, kind: kind == STAY,
    "unlock": is_unlock,
}

_CLIP: Final = "clip"
_CLIPS: Final = "clips"
_MOMENT: Final = re.compile(r"[0-9]{1,15}")


def _nothing_seen[Error: HomeAssistantError](hass: HomeAssistant, kind: type[Error]) -> Error:
    """Return an error of a type with the message that nothing was found."""
    return translated(hass, kind, "nothing_seen")


async def async_get_media_source(hass: HomeAssistant) -> DoorMediaSource:
    """Return the media source of the locks' camera detections."""
    return DoorMediaSource(hass)


class DoorMediaSource(MediaSource):
    """Media source that lists and plays camera detections."""

    name = "Xiaomi Smart Lock"

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare."""
        super().__init__(DOMAIN)
        self.hass = hass

    @override
    async def async_resolve_media(self, item: MediaSourceItem) -> PlayMedia:
        """Return the path of a recording or a picture, after checking that it is available.

        Raises Unresolvable if it is not.
        """
        did, raw, kind = [*item.identifier.split("/", 2), "", ""][:3]
        recordings = async_recordings(self.hass).get(did)
        moment = _moment(raw)
        if recordings and moment is not None and kind in ("", _CLIP):
            try:
                if kind == _CLIP:
                    if await recordings.clip(did, moment):
                        return PlayMedia(path(did, moment, CLIP), "video/mp4")
                    raise _nothing_seen(self.hass, Unresolvable)
                if await recordings.segment(did, moment, 0):
                    return PlayMedia(path(did, moment, PLAYLIST), HLS)
                if await recordings.picture(did, moment):
                    return PlayMedia(path(did, moment, PICTURE), "image/jpeg")
            except MiotError as error:
                raise failure(self.hass, Unresolvable, error) from error
        raise _nothing_seen(self.hass, Unresolvable)

    @override
    async def async_browse_media(self, item: MediaSourceItem) -> BrowseMediaSource:
        """List the locks, the days of a lock, or the detections of a day.

        Raises BrowseError if no config entry is linked or nothing is found.
        """
        locks = async_recordings(self.hass)
        if not locks:
            raise translated(self.hass, BrowseError, "not_linked")
        if not item.identifier:
            return self._locks(locks)
        did, *place = item.identifier.split("/")
        until: int | None = None
        match place:
            case [*place, "before", raw]:
                until = _moment(raw)
                if until is None:
                    raise _nothing_seen(self.hass, BrowseError)
        try:
            recordings = locks.get(did)
            folder = recordings and await self._folder(did, recordings, place, until)
        except MiotError as error:
            raise failure(self.hass, BrowseError, error) from error
        if not folder:
            raise _nothing_seen(self.hass, BrowseError)
        return folder

    async def _folder(
        self, did: str, recordings: Recordings, place: list[str], until: int | None
    ) -> BrowseMediaSource | None:
        """Return a folder of a lock, or how it goes on before a moment; None if there is none."""
        newest = _now() if until is None else until
        match place:
            case []:
                listed = await self._days(did, recordings, newest)
                return self._with_shortcuts(did, listed) if until is None else listed
            case [kind] if kind in KINDS:
                return await self._of_kind(did, recordings, kind, newest)
            case [day, *clips] if clips in ([], [_CLIPS]) and (span := _span(day)):
                span = (span[0], span[1] if until is None else until)
                return await self._day(did, recordings, day, span, clips=bool(clips))
        return None

    def _locks(self, locks: dict[str, Recordings]) -> BrowseMediaSource:
        nodes = [_list(did, name) for did, name in self._names(locks).items()]
        return _list(None, self.name, sorted(nodes, key=lambda node: node.title))

    @override
    async def async_search_media(  # type: ignore[misc, unused-ignore]
        self, item: MediaSourceItem, query: SearchMediaQuery
    ) -> SearchMedia:
        """Search what a camera saw by its words, such as a kind, a way to unlock or a date.

        The newest pages are searched, of all locks, of one, or of a day or a kind of one. Raises
        BrowseError if no config entry is linked or the cloud does not answer.
        """
        from homeassistant.components.media_player import (  # noqa: PLC0415
            SearchMedia,  # Older versions have no search.
        )

        locks = async_recordings(self.hass)
        if not locks:
            raise translated(self.hass, BrowseError, "not_linked")
        did, _, place = (item.identifier or "").partition("/")
        wanted = set(query.media_filter_classes or ())
        text = query.search_query.casefold()
        found: list[BrowseMediaSource] = []
        try:
            for of, recordings in locks.items():
                if did in ("", of):
                    start, until = _span(place) or (0, _now())
                    some, _ = await self._seen(of, recordings, start, until)
                    kind = place if place in KINDS else LATEST
                    found += self._things_of_kind(of, recordings, kind, some)
        except MiotError as error:
            raise failure(self.hass, BrowseError, error) from error
        return SearchMedia(
            result=[
                node
                for node in found
                if text in node.title.casefold() and (not wanted or node.media_class in wanted)
            ]
        )

    def _with_shortcuts(self, did: str, listed: BrowseMediaSource) -> BrowseMediaSource:
        """Add to the days of a lock what most look for: the last two days, and each kind."""
        today = dt_util.now().date()
        first = [self._folder_of_day(did, today - timedelta(days=back)) for back in range(2)]
        first += [_list(f"{did}/{kind}", common_text(self.hass, f"media_{kind}")) for kind in KINDS]
        shown = {node.media_content_id for node in first}
        days = [node for node in listed.children or () if node.media_content_id not in shown]
        listed.children = [*first, *days]
        return listed

    def _folder_of_day(self, did: str, day: date) -> BrowseMediaSource:
        return _list(f"{did}/{day}", day_in_words(self.hass, day))

    async def _of_kind(
        self, did: str, recordings: Recordings, kind: str, until: int
    ) -> BrowseMediaSource:
        """List the newest detections of a kind, of whatever day."""
        pages = 1 if kind == LATEST else PAGES
        some, following = await self._seen(did, recordings, 0, until, pages)
        nodes = self._things_of_kind(did, recordings, kind, some)
        folder = f"{did}/{kind}"
        title = common_text(self.hass, f"media_{kind}")
        return _list(folder, title, nodes + self._earlier(folder, following))

    def _things_of_kind(
        self, did: str, recordings: Recordings, kind: str, seen: list[Seen]
    ) -> list[BrowseMediaSource]:
        """Return the detections of a kind, with their days; each says what it has of the kind."""
        model, listed = recordings.models[did], KINDS[kind]
        return [
            self._thing(did, recordings, one, dated=True, kinds=kinds)
            for one in seen
            if (kinds := [of for of in one.kinds if listed(model, of)]) or kind == LATEST
        ]

    async def _seen(
        self, did: str, recordings: Recordings, start: int, until: int, pages: int = PAGES
    ) -> tuple[list[Seen], int | None]:
        """Return the newest detections between two times, and until when there may be more."""

        async def ask(until: int) -> tuple[list[Seen], int | None]:
            page = await recordings.page(did, start, until)
            return list(page.entries), page.following

        some, following = await _some(ask, until, pages)
        # Pages overlap: the last entry of a page is the first of the next one.
        return list({one.time: one for one in some}.values()), following

    async def _days(self, did: str, recordings: Recordings, until: int) -> BrowseMediaSource:
        async def ask(until: int) -> tuple[list[date], int | None]:
            page = await recordings.page(did, 0, until)
            days = [_local(seen.time).date() for seen in page.entries]
            if days and page.following is not None:
                # Skip the rest of the earliest day, as it adds no other day.
                return days, min(page.following, _milliseconds(min(days)) - 1)
            return days, page.following

        days, following = await _some(ask, until)
        nodes = [self._folder_of_day(did, day) for day in dict.fromkeys(days)]
        name = self._names(async_recordings(self.hass))[did]
        return _list(did, name, nodes + self._earlier(did, following))

    async def _day(
        self, did: str, recordings: Recordings, day: str, span: tuple[int, int], *, clips: bool
    ) -> BrowseMediaSource:
        start, until = span
        seen, following = await self._seen(did, recordings, start, until)
        recorded = [one for one in seen if one.has_recording]
        if clips:
            folder, title = f"{did}/{day}/{_CLIPS}", common_text(self.hass, "clips")
            nodes = [self._thing(did, recordings, one, f"/{_CLIP}") for one in recorded]
        else:
            folder, title = f"{did}/{day}", day_in_words(self.hass, date.fromisoformat(day))
            nodes = [self._thing(did, recordings, one) for one in seen]
            if recorded:
                place = f"{folder}/{_CLIPS}/before/{until}"
                nodes.append(_list(place, common_text(self.hass, "clips")))
        return _list(folder, title, nodes + self._earlier(folder, following))

    def _thing(
        self,
        did: str,
        recordings: Recordings,
        seen: Seen,
        form: str = "",
        *,
        dated: bool = False,
        kinds: Iterable[str] | None = None,
    ) -> BrowseMediaSource:
        """Return a detection, with its day if that is not the title of the list.

        All its kinds are said, or those that are given; once those that are called the same.
        """
        model = recordings.models[did]
        moment = _local(seen.time)
        day = f"{day_in_words(self.hass, moment.date())} " if dated else ""
        picture = frame(seen)
        what, kind = (
            (MediaClass.VIDEO, MediaType.VIDEO)
            if seen.has_recording
            else (MediaClass.IMAGE, MediaType.IMAGE)
        )
        words = (seen_in_words(self.hass, model, one) for one in kinds or seen.kinds)
        said = " · ".join(dict.fromkeys(words))
        return BrowseMediaSource(
            domain=DOMAIN,
            identifier=f"{did}/{seen.time}{form}",
            media_class=what,
            media_content_type=kind,
            title=f"{day}{moment:%H:%M} {said}",
            can_play=seen.has_recording or picture is not None,
            can_expand=False,
            thumbnail=path(did, seen.time, PICTURE) if picture else None,
        )

    def _earlier(self, identifier: str, until: int | None) -> list[BrowseMediaSource]:
        """Return the item that continues a list, empty if the list is complete."""
        if until is None:
            return []
        return [_list(f"{identifier}/before/{until}", common_text(self.hass, "earlier"))]

    def _names(self, locks: dict[str, Recordings]) -> dict[str, str]:
        return async_lock_names(self.hass, ((of.entry, did) for did, of in locks.items()))


def _list(
    identifier: str | None, title: str, nodes: list[BrowseMediaSource] | None = None
) -> BrowseMediaSource:
    return BrowseMediaSource(
        domain=DOMAIN,
        identifier=identifier,
        media_class=MediaClass.DIRECTORY,
        media_content_type="",
        title=title,
        can_play=False,
        can_expand=True,
        children=nodes,
        **({"can_search": True} if SEARCHES else {}),
    )


async def _some[Found](
    ask: Callable[[int], Awaitable[tuple[list[Found], int | None]]], until: int, pages: int = PAGES
) -> tuple[list[Found], int | None]:
    """Return the items of some pages, and until when to ask for more (None: no more)."""
    found: list[Found] = []
    following: int | None = until
    for _ in range(pages):
        if following is None:
            break
        some, following = await ask(following)
        found += some
    return found, following


def _now() -> int:
    """Return the end of the newest page, in Unix milliseconds.

    It stays the same for a minute, so that the page is found in the cache.
    """
    return (int(time.time()) // MINUTE * MINUTE + MINUTE + AHEAD) * 1000


def _local(moment: int) -> datetime:
    return dt_util.as_local(dt_util.utc_from_timestamp(moment / 1000))


def _moment(raw: str) -> int | None:
    return int(raw) if _MOMENT.fullmatch(raw) else None


def _milliseconds(day: date) -> int:
    """Return the start of a local day, in Unix milliseconds."""
    return int(dt_util.start_of_local_day(day).timestamp()) * 1000


def _span(raw: str) -> tuple[int, int] | None:
    """Return start and end of a local day in Unix milliseconds, None if the text is no day."""
    try:
        day = date.fromisoformat(raw)
        start, end = _milliseconds(day), _milliseconds(day + timedelta(days=1)) - 1
    except (OverflowError, ValueError):
        return None
    return (start, end) if start >= 0 else None
