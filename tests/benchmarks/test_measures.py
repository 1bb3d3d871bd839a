"""What the benchmarks read and compute."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks import messages
from benchmarks.callbacks import longest, watched
from benchmarks.figures import BESIDE, MQTT, OURS
from benchmarks.flood import Floods, flooded
from benchmarks.footprint import figures_of
from benchmarks.latency import Line, medians, p99, raced
from benchmarks.messages import FINGERPRINTS, PEOPLE, RING, UNLOCKED, fingerprints_of
from benchmarks.nearby import nearby
from benchmarks.observer import Observer
from benchmarks.process import processor_time, resident, ticks
from tests.hosts import NEARBY

if TYPE_CHECKING:
    from pathlib import Path


def test_races_have_medians_in_ms() -> None:
    assert medians([[0.001, 0.002, 0.009], [0.004]]) == [2, 4]


def test_the_p99_is_of_all_races_together() -> None:
    fast, slow = [0.001] * 98, [0.5] * 2
    assert p99([fast, slow]) > 400
    assert p99([fast * 3, slow]) < 400


def test_unlocking_is_raced_beside_as_many_entities_and_beside_one() -> None:
    races = {side: [[0.002, 0.002]] * 5 for side in (OURS, MQTT, BESIDE)}
    races["one entity of mqtt"] = [[0.001, 0.001]] * 5
    median, slowest, one_entity = raced(Line(UNLOCKED, 1, 1), races)
    assert (median.races[BESIDE], median.goal_beside) == ([2] * 5, 0.95)
    assert slowest.races == {side: [2] for side in (OURS, MQTT, BESIDE)}
    assert one_entity.races == {OURS: [2] * 5, MQTT: [1] * 5}
    assert [one.limit for one in raced(Line(RING, 1, 10), {OURS: [[1, 1]]})] == [1.1, 1.0]


def test_floods() -> None:
    floods: Floods = {
        OURS: [(0, 2.0, 3.0)],
        MQTT: [(1, 4.0, 6.0)],
        "one entity of mqtt": [(0, 1.0, 1.5)],
    }
    figures = {figure.name: figure for figure in flooded("f", floods)}
    assert (figures["f: lost"].value(OURS), figures["f: lost"].limit) == (0, 0)
    assert figures["f: lost by mqtt"].value(OURS) == 1
    assert figures["f: processor time"].races == {OURS: [3.0], MQTT: [6.0]}
    assert figures["f: the last after"].verdict == "kept"
    assert figures["f, beside one entity: the last after"].races == {OURS: [2.0], MQTT: [1.0]}


def test_goals_grow_with_the_number_of_locks() -> None:
    sides = {OURS: {"set-up": 0.1, "memory": 9.0, "requests for set-up": 4}}
    figures = {figure.name: figure for figure in figures_of(10, sides)}
    memory = figures["10 locks: memory"]
    assert memory.limit == 20
    assert memory.goal == pytest.approx(8.6)
    assert figures["10 locks: requests for set-up"].verdict == "kept"
    assert "10 locks: requests for a refresh" not in figures


def test_the_longest_callback_of_a_time() -> None:
    notes = ["1.5 0.2 <Task a>", "2.0 0.01 <Task b>", "2.5 0.03 <Task c>", "3.5 0.4 <Task d>"]
    assert longest([*notes, "2.2 0.9 <Task coro=<RequestHandler._handle()>>"], 2, 3) == 0.03
    assert longest(notes, 4, 5) == 0


def test_callbacks_are_noted_within_another_process(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    beside = "import asyncio, time; asyncio.run(asyncio.to_thread(time.sleep, 0.05))"
    slow = "async def slow(): time.sleep(0.05)\nimport asyncio, time\nasyncio.run(slow())"
    for program in (slow, beside):
        since = time.monotonic()
        subprocess.run((sys.executable, "-c", program), env=watched(notes), check=True)  # noqa: S603
        found = longest(notes.read_text().splitlines(), since, time.monotonic())
        assert (found >= 0.05) == (program == slow)


async def test_readings_on_the_local_network_beside_another_client() -> None:
    """Ours greets the lock before each reading; python-miio keeps what it once heard."""
    took, trips = await nearby(1, NEARBY)
    assert {side: len(races) for side, races in took.races.items()} == {OURS: 5, MQTT: 5}
    assert trips.races == {OURS: [4], MQTT: [3]}


def test_processor_time_of_a_process() -> None:
    assert ticks("7 (a (b) c) S 1 7 7 0 -1 4 9 0 0 0 120 34 5 6 20 0 3") == 154
    before = processor_time(os.getpid())
    while processor_time(os.getpid()) == before:
        pass
    assert resident(os.getpid()) > 1


def test_the_people_of_a_lock_have_all_its_fingerprints() -> None:
    held = [number for person in range(PEOPLE) for number in fingerprints_of(person)]
    assert sorted(held) == [*range(1, FINGERPRINTS + 1)]
    for number in (0, 1, FINGERPRINTS - 1, FINGERPRINTS):
        *_, fingerprint, _time = UNLOCKED.happening(number).arguments
        assert fingerprint in fingerprints_of(number % PEOPLE)


def test_a_ring_is_never_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a race which begins an hour after the first one is of that moment."""
    monkeypatch.setattr(messages, "_FIRST_RING", int(time.time()) - 3600)
    ring = RING.happening(next(messages.numbers()))
    assert ring.arguments[0] == pytest.approx(time.time(), abs=60)


async def test_the_observer_counts_the_changes_of_each_entity() -> None:
    observer = Observer()
    observer.expect(["event.a", "event.a", "event.b"])
    seeing = asyncio.ensure_future(observer.seen(60))
    for moment, entity_id in enumerate(("event.a", "event.c", "event.b", "event.b", "event.a")):
        observer.note(entity_id, moment)
    assert await seeing == {"event.a": (0, 4), "event.b": (2,)}
    assert observer.changes["event.b"] == 2
    observer.expect(["event.a"])
    assert await observer.seen(0) == {}
    assert await observer.seen(60, silence=0) == {}
