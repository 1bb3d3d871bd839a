"""The recording: MPEG-TS as a player takes it apart."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from simulator.recording import PART_SECONDS, PARTS, parts

PACKET = 188
TICKS = 90_000


def payloads(part: bytes, pid: int) -> list[tuple[bool, int, bytes]]:
    """Return of each packet of a stream whether something starts, its count, and its payload."""
    found = []
    for start in range(0, len(part), PACKET):
        packet = part[start : start + PACKET]
        assert packet[0] == 0x47
        if int.from_bytes(packet[1:3]) & 0x1FFF != pid:
            continue
        skipped = 4 + (packet[4] + 1 if packet[3] & 0x20 else 0)
        found.append((bool(packet[1] & 0x40), packet[3] & 0x0F, packet[skipped:]))
    return found


def section(part: bytes, pid: int) -> bytes:
    """Return the content of a table whose checksum is right."""
    [(start, _, payload)] = payloads(part, pid)
    assert start
    length = int.from_bytes(payload[2:4]) & 0x0FFF
    whole = payload[1 : 4 + length]
    rest = 0xFFFFFFFF
    for byte in whole:
        for bit in range(7, -1, -1):
            carry = rest >> 31 ^ byte >> bit & 1
            rest = (rest << 1 ^ (0x04C11DB7 if carry else 0)) & 0xFFFFFFFF
    assert rest == 0
    return whole[8:-4]


def frames(part: bytes, pid: int) -> list[tuple[int, bytes]]:
    """Return the time of each frame, and its bytes."""
    found: list[tuple[int, bytes]] = []
    packets = payloads(part, pid)
    for (_, before, _), (_, count, _) in pairwise(packets):
        assert count == (before + 1) % 16
    for start, _, payload in packets:
        if start:
            assert payload[:4] == b"\0\0\1\xe0"
            stamp = payload[9:14]
            time = (stamp[0] >> 1 & 7) << 30 | int.from_bytes(stamp[1:3]) >> 1 << 15
            found.append((time | int.from_bytes(stamp[3:5]) >> 1, payload[14:]))
        else:
            when, so_far = found[-1]
            found[-1] = (when, so_far + payload)
    return found


@pytest.mark.parametrize("number", range(PARTS))
def test_a_part_plays_by_itself(number: int) -> None:
    """Its tables lead to one H.264 video, whose frames need no other."""
    part = parts("08:12")[number]
    programs = section(part, 0)
    program_pid = int.from_bytes(programs[2:4]) & 0x1FFF
    program = section(part, program_pid)
    assert program[4] == 0x1B
    video_pid = int.from_bytes(program[5:7]) & 0x1FFF
    shown = frames(part, video_pid)
    times = [time for time, _ in shown]
    assert times[0] == TICKS * (1 + number * PART_SECONDS)
    assert {after - before for before, after in pairwise(times)} == {TICKS // 2}
    assert len(shown) == PART_SECONDS * 2
    for _, frame in shown:
        heads = [found[1][0] & 0x1F for found in re.finditer(b"\0\0\1(.)", frame, re.DOTALL)]
        assert heads == [9, 7, 8, 5]


def test_what_it_shows() -> None:
    """Another label is another video, and so is another part."""
    assert parts("08:12") != parts("08:13")
    assert parts("08:12")[0] != parts("08:12")[1]
