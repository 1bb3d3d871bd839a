"""The camera at the door: its events, and their frames. No I/O."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageDraw, ImageFont

from . import recording

if TYPE_CHECKING:
    from .clock import Clock

MERGED_SECONDS: Final = 20
"""Seconds after the start of an event in which events of other kinds are merged into it."""

_SIZE: Final = (480, 640)
_WALL, _DOOR_MAT, _COAT, _SKIN, _INK = "#c9c2b8", "#7a6a58", "#35506b", "#e3b793", "#202020"


@dataclass(eq=False, slots=True)
class Sight:
    """An event of the camera: its storage ids, and a frame for each kind of thing seen."""

    created: int
    """The start of the event, in milliseconds since 1970."""
    file_id: str
    video_id: str
    frames: dict[str, Frame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture: its storage id, when it was taken, and from when on it can be fetched.

    Both times are in seconds since 1970.
    """

    store_id: str
    taken: float
    ready: float


class Camera:
    """The camera of a lock."""

    def __init__(self, clock: Clock) -> None:
        """Start without events."""
        self.upload_seconds = 8.0
        """How long it takes until a frame can be fetched, by the simulator's clock."""
        self.keeps_pictures = True
        """Whether frames can ever be fetched. If False, events are listed all the same."""
        self.longest_page = 200
        """The most events in an answer, even if more are requested."""
        self.searched_ms: int | None = None
        """The period that one answer covers, in milliseconds; None for all that is requested.

        If it is set, each answer says that the list continues. At the end of the list, the answer
        repeats the requested begin as the time to continue from.
        """
        self.shared_status: int | None = None
        """The HTTP status for accounts that the lock is only shared with; None to serve them."""
        self.codecs: tuple[str, ...] = ("H265",)
        """The codecs of its recordings. No other was observed for this model."""
        self.container = "mp4"
        """The format of a recording's parts. ``ts`` was never observed for this model."""
        self.sights: list[Sight] = []
        self._clock = clock

    def see(self, kind: str) -> Sight:
        """Record an event: ``Bell``, ``Stay``, ``FaceUnlock`` or another of the service's types."""
        now = self._clock.now()
        last = self.sights[-1] if self.sights else None
        if last is None or now - last.created / 1000 > MERGED_SECONDS or kind in last.frames:
            last = Sight(
                created=int(now * 1000),
                file_id=str(secrets.randbelow(10**18) + 10**18),
                video_id=f"CAMERA_VIDEO_{secrets.token_urlsafe(18)}",
            )
            self.sights.append(last)
        ready = now + self.upload_seconds if self.keeps_pictures else float("inf")
        last.frames[kind] = Frame(f"CAMERA_IMG_{secrets.token_urlsafe(18)}", now, ready)
        return last

    def listed(self, begin: int, end: int, limit: int) -> dict[str, Any]:
        """Return the events between two times in milliseconds, the newest first."""
        since = begin if self.searched_ms is None else max(begin, end - self.searched_ms)
        seen = [sight for sight in reversed(self.sights) if since <= sight.created <= end]
        listed = seen[: min(limit, self.longest_page)]
        cut = len(listed) < len(seen)
        return {
            "thirdPartPlayUnits": [self._unit(sight) for sight in listed],
            "isContinue": cut or self.searched_ms is not None,
            "nextTime": listed[-1].created if cut else since,
        }

    def _unit(self, sight: Sight) -> dict[str, Any]:
        return {
            "createTime": sight.created,
            "eventType": ":".join(sight.frames),
            "fileId": sight.file_id,
            "videoStoreId": sight.video_id,
            "isAlarm": False,
            "eventTypeDetail": [
                {"event": kind, "imgStoreId": frame.store_id}
                for kind, frame in sight.frames.items()
            ],
        }

    def sight(self, file_id: str) -> Sight | None:
        """Return the event with a file id, None if there is none."""
        return next((sight for sight in self.sights if sight.file_id == file_id), None)

    def picture(self, file_id: str, store_id: str, zone: float = 8.0) -> bytes | None:
        """Return a frame as a JPEG with the time in it, None while it cannot be fetched."""
        sight = self.sight(file_id)
        for kind, frame in sight.frames.items() if sight else ():
            if frame.store_id == store_id and frame.ready <= self._clock.now():
                return draw(_local(frame.taken, zone), kind)
        return None

    def label(self, sight: Sight, zone: float = 8.0) -> str:
        """Return the text in a recording: the event's time at an offset from UTC in hours."""
        return _local(sight.created / 1000, zone)

    def recording(self, sight: Sight, codec: str, zone: float = 8.0) -> list[bytes]:
        """Return the parts of a recording."""
        return recording.parts(self.label(sight, zone), codec, self.container)


def _local(moment: float, zone: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC) + timedelta(hours=zone):%Y-%m-%d %H:%M:%S}"


@cache
def draw(time: str, kind: str) -> bytes:
    """Return a JPEG of a person at the door, with a time and a kind of event in it."""
    width, height = _SIZE
    image = Image.new("RGB", _SIZE, _WALL)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, height * 0.85, width, height), fill=_DOOR_MAT)
    pen.rounded_rectangle((120, 330, 360, 620), radius=70, fill=_COAT)
    pen.ellipse((160, 150, 320, 350), fill=_SKIN)
    pen.ellipse((200, 230, 218, 248), fill=_INK)
    pen.ellipse((262, 230, 280, 248), fill=_INK)
    pen.arc((205, 255, 275, 310), 20, 160, fill=_INK, width=5)
    font = ImageFont.load_default(size=30)
    pen.rectangle((0, 0, width, 52), fill=_INK)
    pen.text((14, 8), time, font=font, fill="white")
    pen.text((14, height - 48), kind, font=font, fill="white")
    file = BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
