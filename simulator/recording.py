"""A recording of the camera: a few seconds of video, in parts."""

from __future__ import annotations

from typing import Final

PART_SECONDS: Final = 2
PARTS: Final = 2
_PACKET: Final = 188


def parts(created: int) -> list[bytes]:
    """Return the parts of a recording: packets of MPEG-TS that say when it was made."""
    return [_part(created + number * PART_SECONDS) for number in range(PARTS)]


def _part(second: int) -> bytes:
    filling = b"\x47\x1f\xff\x10" + str(second).encode()
    return filling.ljust(_PACKET, b"\xff") * 7
