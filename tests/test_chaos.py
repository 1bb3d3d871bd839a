"""A short chaos with a real Home Assistant, and what was expected, with each kind of difference."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reliability.expectations import Expectations, Happening

PROJECT = Path(__file__).parents[1]
NOW = 1_795_000_000
RING = Happening("700000001", "doorbell", NOW)
OPENED = Happening("700000001", "lock_event", NOW, 7)
VOLUME = "700000001", (21, 5)


async def _chaos(*options: str) -> str:
    """Return what a chaos of six seconds prints, in which nothing may be wrong."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "reliability.chaos", "--seed", "1", "--minutes", "0.1", *options),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.parametrize("link", [(), ("--linked",)], ids=["alone", "linked"])
async def test_a_short_chaos(link: tuple[str, ...]) -> None:
    """Nothing is lost, nothing fires twice, all values are right; seen as users of it see it."""
    assert "13 locks of 4 models, 20 writes" in await _chaos(*link)


async def test_a_short_chaos_on_the_local_network() -> None:
    """No value is shown that the lock did not have, nothing is done twice, and all is delivered."""
    output = await _chaos("--local")
    assert "4 locks on the local network, 20 writes" in output


def _report(siid: int, eiid: int, *values: int) -> dict[str, Any]:
    """Return an event as a lock reports it."""
    arguments = [{"piid": number, "value": value} for number, value in enumerate(values, 1)]
    return {"params": {"did": "700000001", "siid": siid, "eiid": eiid, "arguments": arguments}}


@pytest.fixture
def expectations() -> Expectations:
    """Return what is expected of a ring that two services report, and of a late opening."""
    expectations = Expectations()
    for report in (_report(7, 1006, NOW), _report(21, 1, NOW)):
        expectations.reported(NOW + 1, report)
    expectations.reported(NOW + 301, _report(2, 1020, 2, 2, 2, 7, NOW))
    return expectations


MESSAGES = [
    json.dumps(report).encode()
    for report in (_report(21, 1, NOW), _report(2, 1020, 2, 2, 2, 7, NOW))
]


def _deliver(expectations: Expectations) -> None:
    for message in MESSAGES:
        expectations.on_its_way(message)
        expectations.acknowledged(message)


def test_what_nobody_took_is_not_lost(expectations: Expectations) -> None:
    """Be it that there was nobody to send it to, or that the connection ended on the way."""
    for message in (MESSAGES[0], b"not JSON"):
        expectations.on_its_way(message)
    expectations.acknowledged(b"not JSON")
    assert expectations.lost == []
    assert expectations.undeliverable == 1
    assert expectations.cut_off == 1


def test_what_the_cloud_remembers_has_to_be_handled(expectations: Expectations) -> None:
    """Whether it arrived or not; the cloud does not remember who stayed."""
    expectations.reported(NOW, _report(17, 2, NOW))
    assert expectations.missed == [RING, OPENED]
    expectations.fired[RING] += 1
    expectations.recorded.add(OPENED)
    assert expectations.missed == []


def test_what_was_taken_has_to_be_handled(expectations: Expectations) -> None:
    """What is new has to be fired; what is history has to be recorded."""
    _deliver(expectations)
    assert set(expectations.lost) == {RING, OPENED}
    expectations.fired[RING] += 1
    expectations.recorded.add(OPENED)
    assert expectations.lost == expectations.twice == expectations.wrongly_fired == []
    assert expectations.undeliverable == expectations.cut_off == 0


def test_what_is_fired_twice(expectations: Expectations) -> None:
    expectations.fired[RING] += 2
    assert expectations.twice == [RING]


def test_what_is_fired_though_it_is_history_or_never_was(expectations: Expectations) -> None:
    never = RING._replace(time=NOW + 2)
    expectations.fired.update([OPENED, never])
    assert expectations.wrongly_fired == [OPENED, never]


def test_what_a_written_property_may_be(expectations: Expectations) -> None:
    """What was asked last, or set at the lock since; anything where the user knows of a failure."""
    assert expectations.may_have(*VOLUME) is None
    expectations.set_by_hand(*VOLUME, 1)
    expectations.asked(*VOLUME, 2)
    write = expectations.asked(*VOLUME, 3)
    assert expectations.may_have(*VOLUME) == [3]
    expectations.set_by_hand(*VOLUME, 0)
    assert expectations.may_have(*VOLUME) == [3, 0]
    write.refused = True
    assert expectations.may_have(*VOLUME) is None
