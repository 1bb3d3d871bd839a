"""Remuxing of a recording's parts into containers that browsers and players support.

Nothing is re-encoded. It uses PyAV, which Home Assistant's ``stream`` installs, and is blocking.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

# Players fetch the initialization of fragmented MP4 by itself, so an empty moov box comes first.
_FRAGMENTED: Final = {"movflags": "empty_moov+default_base_moof+frag_keyframe"}
_BOX_HEAD: Final = 8
_LARGE_BOX: Final = 1  # in the size field: the real size follows
_HEVC_HEAD: Final = 13  # bytes of the HEVC configuration that the codec's name is made of
_AAC: Final = "mp4a.40.2"
# Apple's players accept HEVC under this name only.
_NAMES: Final = {"hevc": "hvc1"}


class NotVideoError(Exception):
    """A part of a recording is neither MPEG-TS nor MP4, or is corrupt."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of a recording for HLS; ``initialization`` is None for MPEG-TS."""

    initialization: bytes | None = field(repr=False)
    media: bytes = field(repr=False)

    @property
    def whole(self) -> bytes:
        """The part as one file."""
        return (self.initialization or b"") + self.media


def is_mpeg_ts(part: bytes) -> bool:
    """Return whether a part begins with the sync byte of MPEG-TS packets."""
    return part.startswith(b"\x47")


def fragment(part: bytes) -> Fragment:
    """Return a part as fragmented MP4, or unchanged if it is MPEG-TS; raises NotVideoError."""
    if is_mpeg_ts(part):
        return Fragment(None, part)
    if b"moof" not in _boxes(part):
        part = _remuxed([part], _FRAGMENTED)
    boxes = _boxes(part)
    if not {"moov", "moof"} <= {name.decode("latin-1") for name in boxes}:
        raise NotVideoError
    _, end = boxes[b"moov"]
    return Fragment(part[:end], part[end:])


def hevc_codecs(initialization: bytes) -> str | None:
    """Return the codecs of a fragment as HLS names them, None if its video is not HEVC.

    Format of ISO/IEC 14496-15, annex E: profile, compatibility, tier, level and constraints.
    """
    _, found, configuration = initialization.partition(b"hvcC")
    if not found or len(configuration) < _HEVC_HEAD:
        return None
    profile = configuration[1]
    space = ("", "A", "B", "C")[profile >> 6]
    compatibility = int(f"{int.from_bytes(configuration[2:6]):032b}"[::-1], 2)
    tier = "H" if profile & 0x20 else "L"
    constraints = "".join(f".{byte:X}" for byte in configuration[6:12].rstrip(b"\0"))
    video = f"hvc1.{space}{profile & 0x1F}.{compatibility:X}.{tier}{configuration[12]}{constraints}"
    return f"{video},{_AAC}" if b"mp4a" in initialization else video


def joined(parts: Iterable[bytes]) -> bytes:
    """Return consecutive parts as one MP4 file; raises NotVideoError."""
    return _remuxed(parts, {})


def _boxes(part: bytes) -> dict[bytes, tuple[int, int]]:
    """Return start and end of the first top-level box of each name; raises NotVideoError."""
    found: dict[bytes, tuple[int, int]] = {}
    start = 0
    while start < len(part):
        size, name = int.from_bytes(part[start : start + 4]), part[start + 4 : start + _BOX_HEAD]
        if size == _LARGE_BOX:
            size = int.from_bytes(part[start + _BOX_HEAD : start + 2 * _BOX_HEAD])
        if size == 0:
            size = len(part) - start
        if size < _BOX_HEAD or start + size > len(part) or (not found and name != b"ftyp"):
            raise NotVideoError
        found.setdefault(name, (start, start + size))
        start += size
    return found


def _remuxed(parts: Iterable[bytes], options: dict[str, str]) -> bytes:
    from av.error import FFmpegError  # noqa: PLC0415

    try:
        return _copied(parts, options)
    except (FFmpegError, ValueError) as error:
        raise NotVideoError from error


def _copied(parts: Iterable[bytes], options: dict[str, str]) -> bytes:
    import av  # noqa: PLC0415

    file = BytesIO()
    with av.open(file, "w", format="mp4", container_options=options) as target:
        copies: dict[str, Any] = {}
        end = Fraction(0)
        for part in parts:
            # Set the format explicitly: other formats can refer to further URLs.
            form = "mpegts" if is_mpeg_ts(part) else "mp4"
            with av.open(BytesIO(part), "r", format=form) as source:
                streams: list[Any] = [*source.streams.video[:1], *source.streams.audio[:1]]
                if not source.streams.video:
                    raise NotVideoError
                if not copies:
                    copies = {stream.type: _copy(target, stream) for stream in streams}
                packets: list[Any] = [one for one in source.demux(streams) if one.dts is not None]
                if not packets:
                    raise NotVideoError
                shift = end - min(_seconds(packet, _shown(packet)) for packet in packets)
                for packet in packets:
                    if (copy := copies.get(packet.stream.type)) is None:
                        continue
                    ticks = round(shift / packet.time_base)
                    packet.pts, packet.dts = _shown(packet) + ticks, packet.dts + ticks
                    end = max(end, _seconds(packet, packet.pts + max(packet.duration or 0, 1)))
                    packet.stream = copy
                    target.mux(packet)
    return file.getvalue()


def _shown(packet: Any) -> int:
    """Return the presentation time of a packet in its own ticks, else its decoding time."""
    return int(packet.dts if packet.pts is None else packet.pts)


def _seconds(packet: Any, ticks: int) -> Fraction:
    return Fraction(ticks * packet.time_base)


def _copy(target: Any, stream: Any) -> Any:
    """Add a stream to a file, with the parameters of another stream."""
    if hasattr(target, "add_stream_from_template"):
        # Opaque needs no encoder; not every FFmpeg has one for HEVC.
        copy = target.add_stream_from_template(stream, opaque=True)
    else:  # PyAV before 14, as in Home Assistant 2025.4
        copy = target.add_stream(template=stream)
    if name := _NAMES.get(stream.codec_context.name):
        copy.codec_context.codec_tag = name
    return copy
