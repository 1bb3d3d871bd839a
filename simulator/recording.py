"""A recording of the camera: a few parts, each a complete media file."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import av
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS: Final = 3
PART_SECONDS: Final = 2
FRAMES_A_SECOND: Final = 5

FORMATS: Final = {"mp4": "mp4", "ts": "mpegts"}
"""FFmpeg's name for the format of a part, by file extension."""
ENCODERS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "H264": ("libx264", {"tune": "zerolatency"}),
    # Without these options, x265 logs all it does, and starts threads.
    "H265": ("libx265", {"x265-params": "log-level=none:pools=none:frame-threads=1:bframes=0"}),
}
"""FFmpeg's encoder and its options, by the service's name for the codec."""

_VIDEO_FRAME: Final[Any] = av.VideoFrame  # not typed in full
_SIZE: Final = (270, 480)
_SAMPLES_A_SECOND: Final = 16_000
_SAMPLES_A_FRAME: Final = 1024  # of AAC
_WALL, _INK, _BAR = "#c8c8c8", "#141414", "#3c8c3c"


@cache
def parts(label: str, codec: str = "H265", container: str = "mp4") -> list[bytes]:
    """Return the parts of a recording that shows a label and its progress."""
    return [_part(label, number, codec, container) for number in range(PARTS)]


def packets(media: bytes) -> list[bytes]:
    """Return the packets of a media file: first video, then audio."""
    with av.open(BytesIO(media), "r") as source:
        found = [(packet.stream.type, bytes(packet)) for packet in source.demux() if packet.size]
    return [packet for _, packet in sorted(found, key=lambda one: one[0], reverse=True)]


def _part(label: str, number: int, codec: str, container: str) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format=FORMATS[container]) as target:
        encoder, options = ENCODERS[codec]
        video: Any = target.add_stream(
            encoder, rate=FRAMES_A_SECOND, options={"preset": "ultrafast", **options}
        )
        video.width, video.height = _SIZE
        video.pix_fmt = "yuv420p"
        audio: Any = target.add_stream("aac", rate=_SAMPLES_A_SECOND)
        audio.layout = "mono"
        for stream, frames in ((video, _pictures(label, number)), (audio, _silence())):
            for frame in (*frames, None):
                target.mux(stream.encode(frame))
    return file.getvalue()


def _pictures(label: str, number: int) -> Iterator[Any]:
    for index in range(PART_SECONDS * FRAMES_A_SECOND):
        second = number * PART_SECONDS + index / FRAMES_A_SECOND
        frame = _VIDEO_FRAME.from_image(_drawn(label, second))
        frame.pts, frame.time_base = index, Fraction(1, FRAMES_A_SECOND)
        yield frame


def _drawn(label: str, second: float) -> Image.Image:
    image = Image.new("RGB", _SIZE, _WALL)
    pen = ImageDraw.Draw(image)
    pen.text((10, 10), label, font=ImageFont.load_default(size=24), fill=_INK)
    width = int(second / (PART_SECONDS * PARTS) * _SIZE[0]) + 8
    pen.rectangle((0, _SIZE[1] - 20, width, _SIZE[1]), fill=_BAR)
    return image


def _silence() -> Iterator[av.AudioFrame]:
    for start in range(0, PART_SECONDS * _SAMPLES_A_SECOND, _SAMPLES_A_FRAME):
        frame = av.AudioFrame(format="fltp", layout="mono", samples=_SAMPLES_A_FRAME)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = _SAMPLES_A_SECOND
        frame.pts, frame.time_base = start, Fraction(1, _SAMPLES_A_SECOND)
        yield frame
