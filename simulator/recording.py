"""A recording of the camera: a few seconds of video that plays, without an encoder.

H.264 allows macroblocks of plain samples (I_PCM), so that a picture becomes a video by writing it
down, and MPEG-TS is a matter of packets. It is large for what it shows.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator

PART_SECONDS: Final = 2
PARTS: Final = 2
FRAMES_A_SECOND: Final = 2

_COLUMNS, _ROWS = 12, 9
"""Macroblocks."""
_BLOCK: Final = 16
_SIZE: Final = (_COLUMNS * _BLOCK, _ROWS * _BLOCK)
_CLOCK: Final = 90_000
"""Ticks of MPEG-TS a second."""
_PACKET: Final = 188
_TABLES, _PROGRAM, _VIDEO = 0, 0x100, 0x101
_H264: Final = 0x1B
_CONFUSING: Final = re.compile(rb"\0\0(?=[\0-\3])")
"""What might be taken for the start of another NAL unit."""


@cache
def parts(label: str) -> list[bytes]:
    """Return the parts of a recording, each with a picture of a label and of the second."""
    return [_part(label, number) for number in range(PARTS)]


def _part(label: str, number: int) -> bytes:
    stream = Stream()
    packets = stream.tables()
    for frame in range(PART_SECONDS * FRAMES_A_SECOND):
        index = number * PART_SECONDS * FRAMES_A_SECOND + frame
        video = _access_unit(_drawn(label, index / FRAMES_A_SECOND), index)
        packets += stream.video(video, _CLOCK + index * _CLOCK // FRAMES_A_SECOND)
    return packets


def _drawn(label: str, second: float) -> Image.Image:
    image = Image.new("YCbCr", _SIZE, (200, 128, 128))
    pen = ImageDraw.Draw(image)
    pen.text((8, 8), label, font=ImageFont.load_default(size=18), fill=(20, 128, 128))
    width = int(second / (PART_SECONDS * PARTS) * _SIZE[0]) + 8
    pen.rectangle((0, _SIZE[1] - 20, width, _SIZE[1]), fill=(90, 200, 90))
    return image


# H.264: ITU-T H.264, 7.3


class Bits:
    """Writes a NAL unit bit by bit."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._bits: list[str] = []

    def u(self, value: int, width: int) -> None:
        """Write a number of a fixed width."""
        self._bits.append(f"{value:0{width}b}")

    def ue(self, *values: int) -> None:
        """Write numbers in Exp-Golomb code."""
        for value in values:
            code = f"{value + 1:b}"
            self._bits.append("0" * (len(code) - 1) + code)

    def align(self) -> None:
        """Fill up with zeros to the next byte."""
        self._bits = ["".join(self._bits)]
        self._bits.append("0" * (-len(self._bits[0]) % 8))

    def samples(self, plain: bytes) -> None:
        """Write whole bytes."""
        self._bits.append(f"{int.from_bytes(plain):0{len(plain) * 8}b}")

    def unit(self, head: int) -> bytes:
        """Return the NAL unit, ended and escaped."""
        self._bits.append("1")
        self.align()
        text = "".join(self._bits)
        body = int(text, 2).to_bytes(len(text) // 8)
        return b"\0\0\0\1" + bytes([head]) + _CONFUSING.sub(b"\0\0\3", body)


def _access_unit(image: Image.Image, index: int) -> bytes:
    """Return a frame that needs no other: delimiter, both parameter sets, and one slice."""
    return b"\0\0\0\1\x09\x10" + _sequence() + _picture() + _slice(image, index)


def _sequence() -> bytes:
    bits = Bits()
    for value in (66, 0xC0, 30):  # Constrained baseline, level 3
        bits.u(value, 8)
    bits.ue(0, 0, 2, 1)  # Id; 16 frame numbers; output in the order of decoding; one reference
    bits.u(0, 1)
    bits.ue(_COLUMNS - 1, _ROWS - 1)
    bits.u(0b1_1_0_0, 4)  # Frames only, direct inference; neither cropping nor usability
    return bits.unit(0x67)


def _picture() -> bytes:
    bits = Bits()
    bits.ue(0, 0)
    bits.u(0, 2)  # CAVLC
    bits.ue(0, 0, 0)
    bits.u(0, 3)  # No weights
    bits.ue(0, 0, 0)
    bits.u(0b1_0_0, 3)  # Deblocking is said by each slice
    return bits.unit(0x68)


def _slice(image: Image.Image, index: int) -> bytes:
    bits = Bits()
    bits.ue(0, 7, 0)  # The first macroblock; only I slices; the picture's parameters
    bits.u(0, 4)  # The frame's number
    bits.ue(index % 2)  # Neighbours that begin anew have different ids
    bits.u(0, 2)  # Nothing stays for later
    bits.ue(0)  # The quantiser as it is
    bits.ue(1)  # No deblocking
    for block in _blocks(image):
        bits.ue(25)  # I_PCM
        bits.align()
        bits.samples(block)
    return bits.unit(0x65)


def _blocks(image: Image.Image) -> Iterator[bytes]:
    """Yield the samples of each macroblock: luma, and both halved chromas."""
    luma, *chromas = image.split()
    halves = [chroma.resize((_SIZE[0] // 2, _SIZE[1] // 2)) for chroma in chromas]
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            planes = ((luma, _BLOCK), *((half, _BLOCK // 2) for half in halves))
            yield b"".join(
                plane.crop(
                    (column * size, row * size, (column + 1) * size, (row + 1) * size)
                ).tobytes()
                for plane, size in planes
            )


# MPEG-TS: ISO/IEC 13818-1, 2.4


class Stream:
    """Puts one video into packets."""

    def __init__(self) -> None:
        """Start counting."""
        self._counts: dict[int, int] = {}

    def tables(self) -> bytes:
        """Return what says that there is one program, of one video."""
        programs = b"\0\1" + (0xE000 | _PROGRAM).to_bytes(2)
        video = (0xE000 | _VIDEO).to_bytes(2)
        program = video + b"\xf0\0" + bytes([_H264]) + video + b"\xf0\0"
        return self._table(_TABLES, 0, programs) + self._table(_PROGRAM, 2, program)

    def video(self, unit: bytes, time: int) -> bytes:
        """Return a frame that is shown at a time."""
        stamp = bytes(
            [
                0x21 | time >> 29 & 0x0E,
                time >> 22 & 0xFF,
                time >> 14 & 0xFE | 1,
                time >> 7 & 0xFF,
                time << 1 & 0xFE | 1,
            ]
        )
        left = b"\0\0\1\xe0\0\0\x80\x80\x05" + stamp + unit
        clock = (time << 15 | 0x7E00).to_bytes(6)
        packets = self._packet(_VIDEO, left[:176], start=True, fields=b"\x50" + clock)
        left = left[176:]
        while left:
            packets += self._packet(_VIDEO, left[:184])
            left = left[184:]
        return packets

    def _table(self, pid: int, kind: int, content: bytes) -> bytes:
        section = bytes([kind]) + (0xB000 | len(content) + 9).to_bytes(2)
        section += b"\0\1\xc1\0\0" + content
        section += _checksum(section).to_bytes(4)
        return self._packet(pid, (b"\0" + section).ljust(184, b"\xff"), start=True)

    def _packet(
        self, pid: int, content: bytes, *, start: bool = False, fields: bytes = b""
    ) -> bytes:
        count = self._counts[pid] = (self._counts.get(pid, -1) + 1) % 16
        room = _PACKET - 4 - len(content)
        field = b""
        if room:
            fields = fields or b"\0"
            field = bytes([room - 1]) + (fields.ljust(room - 1, b"\xff") if room > 1 else b"")
        head = (pid | 0x4000 * start).to_bytes(2)
        return b"\x47" + head + bytes([0x10 | 0x20 * bool(room) | count]) + field + content


def _checksum(section: bytes) -> int:
    """Return the CRC of a table, which begins with all ones and is not reflected."""
    value = 0xFFFFFFFF
    for byte in section:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value
