"""Parts of recordings, put into what browsers play."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

import av
import pytest

from custom_components.xiaomi_smart_lock.media.remuxing import (
    NotVideoError,
    fragment,
    hevc_codecs,
    is_mpeg_ts,
    joined,
)
from simulator import recording


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        # The examples of RFC 6381's registry for HEVC: main, and main 10
        ("01 01 60000000 B00000000000 5D", "hvc1.1.6.L93.B0"),
        ("01 02 20000000 B00000000000 99", "hvc1.2.4.L153.B0"),
        # The higher tier, another space, and constraints up to the last
        ("01 61 60000000 900000000001 5D", "hvc1.A1.6.H93.90.0.0.0.0.1"),
        ("01 01 60000000 000000000000 5D", "hvc1.1.6.L93"),
        ("01 01 60000000", None),
    ],
)
def test_what_hevc_is_called(configuration: str, expected: str | None) -> None:
    """As browsers are asked whether they have it."""
    assert hevc_codecs(b"....hvcC" + bytes.fromhex(configuration)) == expected


def test_what_other_codecs_are_called() -> None:
    """There is nothing to choose from."""
    assert hevc_codecs(b"") is None
    [part, *_] = recording.parts("x", "H264")
    assert hevc_codecs(fragment(part).initialization or b"") is None


@pytest.mark.parametrize("codec", recording.ENCODERS)
def test_a_fragment_has_what_the_part_has(codec: str) -> None:
    """Pictures and sounds are copied, and what Apple's players take is named so."""
    for part in recording.parts("x", codec):
        found = fragment(part)
        assert recording.packets(found.whole) == recording.packets(part)
        assert found.initialization
        assert b"hev1" not in found.initialization
        assert b"moof" not in found.initialization
        assert fragment(found.whole) == found


@pytest.mark.parametrize("container", recording.FORMATS)
@pytest.mark.parametrize("codec", recording.ENCODERS)
def test_what_is_joined_plays_through(codec: str, container: str) -> None:
    """Each part follows the one before, in picture and sound."""
    parts = recording.parts("x", codec, container)
    with av.open(BytesIO(joined(parts)), "r") as source:
        times = [frame.time or 0.0 for frame in source.decode(video=0)]
    expected = recording.PARTS * recording.PART_SECONDS * recording.FRAMES_A_SECOND
    assert len(times) == expected
    steps = [after - before for before, after in pairwise(times)]
    assert min(steps) > 0
    # AAC begins and ends with whole frames of its own
    assert max(steps) < 1 / recording.FRAMES_A_SECOND + 0.2


def test_a_video_without_sound() -> None:
    """It is a video all the same."""
    file = BytesIO()
    [part, *_] = recording.parts("x")
    with av.open(BytesIO(part), "r") as source, av.open(file, "w", format="mp4") as target:
        packets = [packet for packet in source.demux(video=0) if packet.dts is not None]
        copy: Any = target.add_stream("libx265", rate=recording.FRAMES_A_SECOND)
        copy.width, copy.height = 270, 480
        copy.codec_context.extradata = source.streams.video[0].codec_context.extradata
        for packet in packets:
            packet.stream = copy
            target.mux(packet)
    silent = file.getvalue()
    assert "mp4a" not in (hevc_codecs(fragment(silent).initialization or b"") or "")
    with av.open(BytesIO(joined([silent, part])), "r") as source:
        assert [stream.type for stream in source.streams] == ["video"]


def test_sound_alone_is_no_video() -> None:
    """There is nothing to see."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as target:
        audio = target.add_stream("aac", rate=16_000)
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = 16_000
        for each in (frame, None):
            target.mux(audio.encode(each))
    with pytest.raises(NotVideoError):
        fragment(file.getvalue())


def test_a_fragment_without_its_beginning() -> None:
    """Nothing can be played of samples alone, which is not said to be a video."""
    whole = fragment(recording.parts("x")[0])
    assert whole.initialization
    file_type = whole.initialization[: int.from_bytes(whole.initialization[:4])]
    for samples in (whole.media, file_type + whole.media):
        with pytest.raises(NotVideoError):
            fragment(samples)


def test_what_is_mpeg_ts() -> None:
    """It is known by its first byte."""
    assert is_mpeg_ts(recording.parts("x", "H264", "ts")[0])
    assert not is_mpeg_ts(recording.parts("x")[0])
    assert not is_mpeg_ts(b"")
