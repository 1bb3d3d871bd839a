"""Make the video that replaces a recording a browser cannot play: ``static/unplayable.*``.

It is H.264, since every browser that Home Assistant runs in plays that, and in both languages,
since it is the same for all users. Needs Debian's fonts-noto-cjk.
"""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import av
from PIL import Image, ImageDraw, ImageFont

from custom_components.xiaomi_smart_lock.media.remuxing import fragment

STATIC: Final = Path(__file__).parent.parent / "custom_components/xiaomi_smart_lock/static"
FONT: Final = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
SIMPLIFIED_CHINESE: Final = 2
"""The index of the font in its file."""

SECONDS: Final = 10
SIZE: Final = (640, 360)
LINES: Final = (
    (22, "This recording is H.265,"),
    (22, "which this browser cannot play."),
    (18, "To keep and watch it, go back"),
    (18, 'and open the day\'s folder "Download".'),
    (22, ""),
    (22, "此录像为 H.265 格式，当前浏览器无法播放。"),  # noqa: RUF001
    (18, "请返回，在当天的“下载”文件夹中下载后观看。"),  # noqa: RUF001
)


def main() -> None:
    """Write the video, and its playlist."""
    drawn = fragment(encoded(picture()))
    first, rest = len(drawn.initialization or b""), len(drawn.media)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXT-X-TARGETDURATION:{SECONDS}",
        f'#EXT-X-MAP:URI="unplayable.mp4",BYTERANGE="{first}@0"',
        f"#EXTINF:{SECONDS},",
        f"#EXT-X-BYTERANGE:{rest}@{first}",
        "unplayable.mp4",
        "#EXT-X-ENDLIST",
        "",
    ]
    STATIC.mkdir(exist_ok=True)
    (STATIC / "unplayable.mp4").write_bytes(drawn.whole)
    (STATIC / "unplayable.m3u8").write_text("\n".join(lines))


def picture() -> Image.Image:
    """Draw the text."""
    image = Image.new("RGB", SIZE, "#101010")
    pen = ImageDraw.Draw(image)
    top = 48
    for size, line in LINES:
        font = ImageFont.truetype(FONT, size, index=SIMPLIFIED_CHINESE)
        pen.text((SIZE[0] / 2, top), line, font=font, fill="#f0f0f0", anchor="ma")
        top += round(size * 1.7)
    return image


def encoded(image: Image.Image) -> bytes:
    """Return a video that shows one picture throughout."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as target:
        options = {"preset": "veryslow", "profile": "baseline", "tune": "stillimage"}
        video: Any = target.add_stream("libx264", rate=1, options=options)
        video.width, video.height = SIZE
        video.pix_fmt = "yuv420p"
        video_frame: Any = av.VideoFrame  # not typed in full
        for second in range(SECONDS):
            frame = video_frame.from_image(image)
            frame.pts, frame.time_base = second, Fraction(1)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
    return file.getvalue()


if __name__ == "__main__":
    main()
