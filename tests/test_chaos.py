"""A short chaos with a real Home Assistant, and a ledger that tells each kind of difference."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reliability.ledger import Happening, Ledger

PROJECT = Path(__file__).parents[1]
NOW = 1_795_000_000
RING = Happening("700000001", "doorbell", NOW)
OPENED = Happening("700000001", "lock_event", NOW, 7)
VOLUME = "700000001", (21, 5)


@pytest.mark.parametrize("link", [(), ("--linked",)], ids=["alone", "linked"])
async def test_a_short_chaos(link: tuple[str, ...]) -> None:
    """Nothing is lost, nothing fires twice, all values are right; seen as users of it see it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "reliability.chaos", "--seed", "1", "--minutes", "0.1", *link),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert "10 locks, 20 writes" in output.decode()


def _report(siid: int, eiid: int, *values: int) -> dict[str, Any]:
    """Return an event as a lock reports it."""
    arguments = [{"piid": number, "value": value} for number, value in enumerate(values, 1)]
    return {"params": {"did": "700000001", "siid": siid, "eiid": eiid, "arguments": arguments}}


@pytest.fixture
def ledger() -> Ledger:
    """Return the ledger of a ring that two services report, and of an opening that came late."""
    ledger = Ledger()
    for report in (_report(7, 1006, NOW), _report(21, 1, NOW)):
        ledger.reported(NOW + 1, report)
    ledger.reported(NOW + 301, _report(2, 1020, 2, 2, 2, 7, NOW))
    return ledger


MESSAGES = [
    json.dumps(report).encode()
    for report in (_report(21, 1, NOW), _report(2, 1020, 2, 2, 2, 7, NOW))
]


def _deliver(ledger: Ledger) -> None:
    for message in MESSAGES:
        ledger.on_its_way(message)
        ledger.acknowledged(message)


def test_what_nobody_took_is_not_lost(ledger: Ledger) -> None:
    """Be it that there was nobody to send it to, or that the connection ended on the way."""
    for message in (MESSAGES[0], b"not JSON"):
        ledger.on_its_way(message)
    ledger.acknowledged(b"not JSON")
    assert ledger.lost == []
    assert ledger.undeliverable == 1
    assert ledger.cut_off == 1


def test_what_the_cloud_remembers_has_to_be_handled(ledger: Ledger) -> None:
    """Whether it arrived or not; the cloud does not remember who stayed."""
    ledger.reported(NOW, _report(17, 2, NOW))
    assert ledger.missed == [RING, OPENED]
    ledger.fired[RING] += 1
    ledger.recorded.add(OPENED)
    assert ledger.missed == []


def test_what_was_taken_has_to_be_handled(ledger: Ledger) -> None:
    """What is new has to be fired; what is history has to be recorded."""
    _deliver(ledger)
    assert set(ledger.lost) == {RING, OPENED}
    ledger.fired[RING] += 1
    ledger.recorded.add(OPENED)
    assert ledger.lost == ledger.twice == ledger.wrongly_fired == []
    assert ledger.undeliverable == ledger.cut_off == 0


def test_what_is_fired_twice(ledger: Ledger) -> None:
    ledger.fired[RING] += 2
    assert ledger.twice == [RING]


def test_what_is_fired_though_it_is_history_or_never_was(ledger: Ledger) -> None:
    never = RING._replace(time=NOW + 2)
    ledger.fired.update([OPENED, never])
    assert ledger.wrongly_fired == [OPENED, never]


def test_what_a_written_property_may_be(ledger: Ledger) -> None:
    """What was asked last, or set at the lock since; anything where the user knows of a failure."""
    assert ledger.may_have(*VOLUME) is None
    ledger.set_by_hand(*VOLUME, 1)
    ledger.asked(*VOLUME, 2)
    write = ledger.asked(*VOLUME, 3)
    assert ledger.may_have(*VOLUME) == [3]
    ledger.set_by_hand(*VOLUME, 0)
    assert ledger.may_have(*VOLUME) == [3, 0]
    write.refused = True
    assert ledger.may_have(*VOLUME) is None
