"""What the camera at the door sees and keeps: events, and their frames. No I/O."""

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
"""For how long something that is seen belongs to what was seen before it."""

_SIZE: Final = (480, 640)
_WALL, _DOOR_MAT, _COAT, _SKIN, _INK = "#c9c2b8", "#7a6a58", "#35506b", "#e3b793", "#202020"


@dataclass(eq=False, slots=True)
class Sight:
    """What the camera saw: what it is stored as, and when each reason to look came up."""

    created: int
    """In milliseconds."""
    file_id: str
    video_id: str
    frames: dict[str, Frame] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture: what it is stored as, when it was taken, and from when on it can be fetched."""

    store_id: str
    taken: float
    ready: float


class Camera:
    """The camera of a lock."""

    def __init__(self, clock: Clock) -> None:
        """Start with nothing seen."""
        self.upload_seconds = 8.0
        """How long it takes until a frame can be fetched, by the simulator's clock."""
        self.keeps_pictures = True
        """False where what is seen is listed, but its frames never arrive."""
        self.longest_page = 200
        """How many things an answer lists at most, whatever was asked for."""
        self.searched_ms: int | None = None
        """How much time an answer looks through; None where all that was asked for.

        Then the list always goes on, at the end too, where it repeats from where.
        """
        self.shared_status: int | None = None
        """With which HTTP status its hosts refuse accounts that the lock is only shared with."""
        self.codecs: tuple[str, ...] = ("H265",)
        """What its recordings can be had in; nobody saw another for this model."""
        self.container = "mp4"
        """What a part of a recording is: ``ts`` was never seen of this model."""
        self.sights: list[Sight] = []
        self._clock = clock

    def see(self, kind: str) -> Sight:
        """See something: ``Bell``, ``Stay``, ``FaceUnlock`` or another of the service's words."""
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
        """Return what was seen between two times in milliseconds, the newest first."""
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
        """Return what is stored under an id."""
        return next((sight for sight in self.sights if sight.file_id == file_id), None)

    def picture(self, file_id: str, store_id: str, zone: float = 8.0) -> bytes | None:
        """Return a frame as a JPEG with the time in it, None while it cannot be fetched."""
        sight = self.sight(file_id)
        for kind, frame in sight.frames.items() if sight else ():
            if frame.store_id == store_id and frame.ready <= self._clock.now():
                return draw(_local(frame.taken, zone), kind)
        return None

    def label(self, sight: Sight, zone: float = 8.0) -> str:
        """Return what is written into a recording."""
        return _local(sight.created / 1000, zone)

    def recording(self, sight: Sight, codec: str, zone: float = 8.0) -> list[bytes]:
        """Return the parts of a recording."""
        return recording.parts(self.label(sight, zone), codec, self.container)


def _local(moment: float, zone: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC) + timedelta(hours=zone):%Y-%m-%d %H:%M:%S}"


@cache
def draw(time: str, kind: str) -> bytes:
    """Draw who stands at the door, as a JPEG."""
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
