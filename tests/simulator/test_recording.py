"""The recording: parts as a player takes them."""

from __future__ import annotations

from io import BytesIO

import av
import pytest

from simulator.recording import (
    ENCODERS,
    FORMATS,
    FRAMES_A_SECOND,
    PART_SECONDS,
    PARTS,
    packets,
    parts,
)


@pytest.mark.parametrize("container", FORMATS)
@pytest.mark.parametrize(("codec", "name"), [("H264", "h264"), ("H265", "hevc")])
def test_a_part_plays_by_itself(codec: str, name: str, container: str) -> None:
    """Each is a file of its own, with a moving picture and sound of the same length."""
    shown = parts("08:12", codec, container)
    assert len(shown) == PARTS
    for part in shown:
        with av.open(BytesIO(part), "r") as source:
            assert [stream.codec_context.name for stream in source.streams] == [name, "aac"]
            assert len(list(source.decode(video=0))) == PART_SECONDS * FRAMES_A_SECOND
        with av.open(BytesIO(part), "r") as source:
            samples = sum(int(frame.samples) for frame in source.decode(audio=0))
            assert samples / 16_000 == pytest.approx(PART_SECONDS, abs=0.2)


def test_parts_of_mp4_begin_anew() -> None:
    """Each begins at zero, as files of their own do, and is called as cameras call it."""
    for part in parts("08:12"):
        assert part[4:8] == b"ftyp"
        assert b"hev1" in part
        with av.open(BytesIO(part), "r") as source:
            assert source.start_time == 0


def test_what_it_shows() -> None:
    """Another label is another video, and so is another part."""
    assert parts("08:12") != parts("08:13")
    assert parts("08:12")[0] != parts("08:12")[1]


@pytest.mark.parametrize("codec", ENCODERS)
def test_it_is_drawn_the_same_again(codec: str) -> None:
    """What was drawn in another process can be compared with it."""
    assert parts("08:12", codec) == parts.__wrapped__("08:12", codec)


def test_packets() -> None:
    """They are the pictures, one by one, then the sounds."""
    found = packets(parts("08:12")[0])
    assert len(found) > PART_SECONDS * FRAMES_A_SECOND
    assert found != packets(parts("08:12")[1])
