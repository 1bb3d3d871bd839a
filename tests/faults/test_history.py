"""The cloud's memory of the past fails or says strange things: nothing untrue is taken."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_UNKNOWN

from custom_components.xiaomi_smart_lock.account import app_session as app_link
from simulator import app_cloud
from simulator.faults import cut, cut_within, silence, spoilt, status
from tests.lock_driver import until
from tests.lock_harness import connected, disconnected
from tests.past import (
    DAY,
    HOUR,
    KINDS,
    LOCK_EVENT,
    MINUTE,
    LinkedHarness,
    happened,
    reads,
    unlocked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from aiohttp import web
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant

    from simulator.app_cipher import Opened
    from simulator.app_cloud import AppCloud
    from simulator.faults import Fault, Handler

type Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
async def home(linked_harness: LinkedHarness) -> LinkedHarness:
    """Return a lock that is set up and whose history, which is empty, was read."""
    await linked_harness.start_and_read()
    return linked_harness


@contextmanager
def answers(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
    """Have another answer about lock events."""
    seal = app_cloud.AppCloud._sealed

    def changed(self: AppCloud, opened: Opened, said: Any) -> web.Response:
        of_operations = opened.payload.get("key") == "2.1020"
        return seal(self, opened, change(said) if of_operations else said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app_cloud.AppCloud, "_sealed", changed)
        yield


def rows(change: Change) -> AbstractContextManager[None]:
    """Have other rows in the answers about lock events."""
    return answers(lambda said: said | {"result": [change(row) for row in said["result"]]})


def of_value(change: Callable[[list[dict[str, Any]]], object]) -> Change:
    """Have another value in a row."""
    return lambda row: row | {"value": json.dumps(change(json.loads(row["value"])))}


# Shapes that say the same
SAME: Final[dict[str, Change]] = {
    "bare values": of_value(lambda items: [item["value"] for item in items]),
    "one item with a list": of_value(lambda items: [{"value": [item["value"] for item in items]}]),
    "other order": of_value(lambda items: items[::-1]),
    "more than there should be": of_value(lambda items: [*items, {"piid": 99, "value": 1}]),
    "no did": lambda row: {key: value for key, value in row.items() if key != "did"},
    "did a number": lambda row: row | {"did": int(row["did"])},
    "time a text": lambda row: row | {"time": str(row["time"])},
    "value a list": lambda row: row | {"value": json.loads(row["value"])},
}

# Rows that say nothing, or nothing of this lock's operations
NOTHING: Final[dict[str, Change]] = {
    "another device": lambda row: row | {"did": "1"},
    "another event": lambda row: row | {"key": "2.1007"},
    "time no number": lambda row: row | {"time": "soon"},
    "time a fraction": lambda row: row | {"time": row["time"] + 0.5},
    "time true": lambda row: row | {"time": True},
    "time negative": lambda row: row | {"time": -row["time"]},
    "no time": lambda row: {key: value for key, value in row.items() if key != "time"},
    "no value": lambda row: {key: value for key, value in row.items() if key != "value"},
    "value no JSON": lambda row: row | {"value": row["value"][:-1]},
    "value nested too deeply": lambda row: row | {"value": "[" * 10_000},
    "value an object": of_value(lambda items: {"items": items}),
}


@pytest.mark.parametrize("shape", SAME.values(), ids=SAME)
async def test_shapes(home: LinkedHarness, shape: Change) -> None:
    """All that say the same are the same event."""
    operations = home.fired("lock_event")
    unlocked(home.driver, 5, HOUR)
    unlocked(home.driver, 6, MINUTE)
    with rows(shape):
        await home.read_again()
    await home.restart()
    assert home.last()["last_operation_id"] == "6"
    assert [event["operation_id"] for event in operations] == [6]
    assert len(home.known.deduplicator.known) == 2


@pytest.mark.parametrize("nonsense", NOTHING.values(), ids=NOTHING)
async def test_nonsense(home: LinkedHarness, nonsense: Change) -> None:
    """It is left out, and what makes sense is taken; when it does later, it is too."""
    operations = home.fired("lock_event")
    unlocked(home.driver, 5, HOUR)
    happened(home.driver, (2, 1007), 24, told=time.time() - HOUR)
    with rows(nonsense):
        await home.read_again()
    assert home.last()["last_operation_id"] == STATE_UNKNOWN
    assert home.last()["last_exception"] == "door_ajar"
    await home.read_again()
    assert home.last()["last_operation_id"] == "5"
    assert not operations


async def test_arguments_that_make_no_sense(home: LinkedHarness) -> None:
    """The others of the event are taken."""
    unlocked(home.driver, 5, HOUR)
    with rows(of_value(lambda items: [{"piid": 3, "value": 99}, *items[3:]])):
        await home.read_again()
    assert home.last()["last_operation_id"] == "5"
    assert home.last()["last_action"] == STATE_UNKNOWN


FAILURES: Final[dict[str, Fault]] = {
    "429": status(429, Retry_After="60"),
    "500": status(500),
    "403": status(403),
    "cut before the answer": cut,
    "cut within the answer": cut_within,
    "truncated": spoilt(lambda body: body[: len(body) // 2]),
    "empty": spoilt(lambda _: b""),
    "a web page": spoilt(lambda _: b"<!DOCTYPE html><title>Please sign in</title>"),
    "another key's": spoilt(lambda body: body[::-1]),
}


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
async def test_failures_between_two_pages(
    home: LinkedHarness,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
) -> None:
    """What was read is taken; the rest is read later from where it stopped, without gaps."""
    monkeypatch.setattr(app_link, "PAUSE", 0)
    operations = home.fired("lock_event")
    for number in range(120):
        unlocked(home.driver, number, 2 * DAY + number * MINUTE)
    before = home.asked()
    cloud = home.driver.simulator.cloud
    home.disturb(passing, KINDS)
    home.disturb(fault)
    await home.read_again()
    assert cloud.calm() == 0
    assert home.asked() == before + KINDS + 1
    assert home.last()["last_operation_id"] == "0"
    assert len(home.known.deduplicator.known) == 50
    assert home.known.history_gaps.gaps
    frozen.tick(HOUR)  # the pause after an error
    await home.restart()
    assert len(home.known.deduplicator.known) == 120
    assert not home.known.history_gaps.gaps
    assert not operations


async def passing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request pass."""
    return await handler(request)


def holding(held: list[bool]) -> Fault:
    """Hold a request back for as long as there is anything in the list."""

    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        while held:
            await asyncio.sleep(0.01)
        return await handler(request)

    return fault


async def test_no_answer(home: LinkedHarness) -> None:
    """Whoever takes the entry down does not wait for it, and nothing of the past is missing."""
    for number in range(60):
        unlocked(home.driver, number, number * HOUR)
    pages = home.asked() + KINDS + 1
    home.disturb(passing, KINDS)
    home.disturb(silence)
    await home.later(4 * HOUR + 1)
    await until(lambda: home.asked() == pages)
    await home.restart()
    assert home.last()["last_operation_id"] == "0"
    assert len(home.lock.journal.between(0, 2**40)) == 60


async def test_read_while_the_entry_goes(
    home: LinkedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody shows any more is left to whoever comes next, and fires then."""
    operations = home.fired("lock_event")
    unlocked(home.driver, 5, MINUTE)
    before, unload, held = home.asked(), home.hass.config_entries.async_unload_platforms, [True]

    async def answer_then(*args: Any) -> bool:
        unloaded = await unload(*args)
        held.clear()
        await until(lambda: not reads())
        return unloaded

    monkeypatch.setattr(home.hass.config_entries, "async_unload_platforms", answer_then)
    home.disturb(holding(held))
    await home.later(4 * HOUR + 1)
    await until(lambda: home.asked() == before + 1)
    await home.restart()
    assert [event["operation_id"] for event in operations] == [5]


async def test_one_kind_is_refused(home: LinkedHarness) -> None:
    """The others are read all the same, and that one later."""
    unlocked(home.driver, 5, HOUR)
    happened(home.driver, (2, 1007), 24, told=time.time() - HOUR)
    with answers(lambda _: {"code": -704040004, "message": "no such event"}):
        await home.read_again()
    assert home.last()["last_operation_id"] == STATE_UNKNOWN
    assert home.last()["last_exception"] == "door_ajar"
    assert [span.kind for span in home.known.history_gaps.gaps] == [LOCK_EVENT]
    await home.read_again()
    assert home.last()["last_operation_id"] == "5"


async def test_push_is_back_while_it_is_read(home: LinkedHarness) -> None:
    """What was missed just now is not put off by what is left of the past."""
    held = [True]
    unlocked(home.driver, 5, HOUR)
    before, gate = home.asked(), home.driver.simulator.gate
    home.disturb(passing, KINDS - 1)
    home.disturb(holding(held))
    with answers(lambda _: {"code": -704040004, "message": "no such event"}):
        await home.later(4 * HOUR + 1)
        await until(lambda: home.asked() == before + KINDS)
        home.driver.simulation.call(gate.cut)
        await disconnected(home.entry)
        await connected(home.entry)
        held.clear()
        await home.settle()
        await home.all_read(before + 2 * KINDS)
    assert home.last()["last_operation_id"] == STATE_UNKNOWN


# The session


def doing(do: Callable[..., object], *args: object) -> Fault:
    """Do something before a page is answered."""

    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        do(*args)
        return await handler(request)

    return fault


async def test_the_session_expires_between_two_pages(home: LinkedHarness) -> None:
    """It renews itself, and nothing is missing or asked twice."""
    for number in range(120):
        unlocked(home.driver, number, 2 * DAY + number * MINUTE)
    accounts = home.driver.simulator.cloud.app_accounts
    home.disturb(passing, KINDS)
    home.disturb(doing(accounts.expire_service_tokens))
    await home.read_again()
    assert len(home.known.deduplicator.known) == 120
    assert not home.known.history_gaps.gaps


async def test_the_session_ends_between_two_pages(hass: HomeAssistant, home: LinkedHarness) -> None:
    """What was read is taken, the user is asked to sign in, and nothing more is asked."""
    for number in range(120):
        unlocked(home.driver, number, 2 * DAY + number * MINUTE)
    driver, accounts = home.driver, home.driver.simulator.cloud.app_accounts
    home.disturb(passing, KINDS)
    home.disturb(doing(accounts.revoke, driver.account))
    await home.read_again()
    assert len(home.known.deduplicator.known) == 50
    flows = hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]
    before = home.asked()
    await home.later(4 * HOUR + 1)
    await home.all_read()
    assert home.asked() == before
    hass.config_entries.flow.async_abort(flows[0]["flow_id"])


# Gaps, overlaps and clocks


async def test_gaps_and_overlaps(home: LinkedHarness) -> None:
    """What was pushed, what was missed and what is remembered twice: each is one event."""
    operations = home.fired("lock_event")
    unlocked(home.driver, 1, 3 * HOUR)
    home.driver.do("fingerprint", 2)
    await home.reached()
    unlocked(home.driver, 3, 2 * HOUR)
    home.driver.lock.history *= 2
    await home.read_again()
    await home.read_again()
    assert home.last()["last_operation_id"] == "2"
    assert [event["operation_id"] for event in operations] == [2]
    assert [one.get("operation-id") for one in home.lock.journal.between(0, 2**40)] == [1, 3, 2]


@pytest.mark.parametrize("hours", [-3, -1, 1, 3])
async def test_the_clock_of_the_account_is_off(home: LinkedHarness, hours: int) -> None:
    """The lock's own times tell the order, nothing old fires, and nothing later is missed."""
    operations = home.fired("lock_event")
    now = time.time()
    home.driver.do("fingerprint", 1)
    await home.reached()
    off = hours * HOUR
    for number, ago in ((2, 3 * HOUR), (3, 2 * HOUR)):
        told = now - ago + off
        happened(home.driver, LOCK_EVENT, 2, 2, 2, number, told=told, ahead=-off)
    await home.read_again()
    assert home.last()["last_operation_id"] == "1"
    assert [one.get("operation-id") for one in home.lock.journal.between(0, 2**40)] == [2, 3, 1]
    happened(home.driver, LOCK_EVENT, 2, 2, 2, 4, told=now + 1 + off, ahead=-off)
    await home.read_again()
    assert home.last()["last_operation_id"] == "4"
    assert {event["operation_id"] for event in operations} <= {1, 4}
    assert home.issue("clock_off") is None


@pytest.mark.parametrize("ahead", [-HOUR, HOUR, None])
async def test_the_clock_of_the_lock_is_off(home: LinkedHarness, ahead: int | None) -> None:
    """Nobody knows by how much: nothing old fires, nothing is in the future, the order is right.

    And the past does not teach that the clock is off, nor that it is right.
    """
    operations = home.fired("lock_event")
    for number in range(1, 6):
        unlocked(home.driver, number, 2 * HOUR - 20 * MINUTE * number, ahead)
    await home.read_again()
    assert home.last()["last_operation_id"] == "5"
    shown = [one.when for one in home.lock.journal.between(0, 2**40)]
    assert len(shown) == 5
    assert max(shown) <= time.time()
    assert not operations
    assert home.known.clock.behind == 0
    assert home.issue("clock_off") is None


async def test_a_clock_that_stands_still(home: LinkedHarness) -> None:
    """What was pushed is known again, though nothing but about when it was tells so."""
    operations, rings = home.fired("lock_event"), home.fired("doorbell")
    for number in (1, 2):
        home.driver.push_event(LOCK_EVENT, 2, 2, 2, number, 0)
        home.driver.push_event((21, 1), 0)
        await home.reached()
        happened(home.driver, LOCK_EVENT, 2, 2, 2, number, told=time.time() - 9, ahead=None)
    happened(home.driver, (21, 1), told=time.time() + 9, ahead=None)
    unlocked(home.driver, 3, 2 * MINUTE, ahead=None)
    unlocked(home.driver, 1, 2 * MINUTE, ahead=None)
    await home.read_again()
    await home.read_again()
    assert [event["operation_id"] for event in operations] == [1, 2, 3, 1]
    assert len(rings) == 1
    assert home.last()["last_operation_id"] == "2"


async def test_a_clock_that_is_known_to_be_off(home: LinkedHarness) -> None:
    """What was missed is corrected as what is pushed."""
    home.driver.lock.clock_offset = HOUR
    home.driver.do("fingerprint", 1)
    await home.reached()
    assert home.issue("clock_off")
    behind = home.known.clock.behind
    assert abs(behind + HOUR) < 5
    told = int(time.time()) - 30 * MINUTE
    happened(home.driver, LOCK_EVENT, 2, 2, 2, 2, told=told, ahead=HOUR)
    await home.read_again()
    [missed, _] = home.lock.journal.between(0, 2**40)
    assert abs(missed.when - told) < 5
    assert home.known.clock.behind == behind
    assert home.issue("clock_off")


async def test_a_time_far_in_the_future(home: LinkedHarness) -> None:
    """It does not hide what comes after it."""
    happened(home.driver, LOCK_EVENT, 2, 2, 2, 1, told=time.time() + HOUR)
    await home.read_again()
    unlocked(home.driver, 2, 2 * MINUTE)
    await home.read_again()
    assert len(home.known.deduplicator.known) == 2
