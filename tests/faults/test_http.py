"""The cloud's HTTP interface fails: nothing untrue is shown, nothing done twice, nothing lost."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.xiaomi_smart_lock.const import CONF_TOKENS
from custom_components.xiaomi_smart_lock.miot import http
from simulator.faults import (
    BUSY,
    PLAIN_TEXT,
    changed,
    cut,
    cut_after,
    cut_within,
    silence,
    spoilt,
    status,
)
from tests.lock_driver import until

from .conftest import ACTION, DEVICES, GET, GET_TOKEN, SET, Home, tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from simulator.faults import Fault
    from tests.lock_driver import LockDriver

type Faults = dict[str, Fault]

BATTERY: Final = ("sensor", "lithium_battery")
SWITCH: Final = "full_colour_in_low_light"  # 17.15, off at first

# Nothing was carried out
REFUSED: Final[Faults] = {
    "403": status(403),
    "404": status(404),
    "429": status(429),
    "429, retry now": status(429, Retry_After="0"),
    "429, retry at a date": status(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"),
    "500": status(500),
    "502": status(502),
    "no answer": silence,
    "cut before the answer": cut,
}

# It was carried out, but nobody can tell
UNREADABLE: Final[Faults] = {
    "cut after it was done": cut_after,
    "cut within the answer": cut_within,
    "truncated": spoilt(lambda body: body[: len(body) // 2]),
    "empty": spoilt(lambda _: b""),
    "a web page": spoilt(lambda _: b"<!DOCTYPE html><title>Please sign in</title>"),
    "not UTF-8": spoilt(lambda body: body.replace(b'"ok"', b'"\xff\xfe"')),
    "nested too deeply": spoilt(lambda _: b"[" * 100_000),
    "a list": changed(lambda answer: [answer]),
    "null": changed(lambda _: None),
    "no code": changed(lambda answer: {"result": answer["result"]}),
    "code a word": changed(lambda answer: answer | {"code": "done"}),
    "code null": changed(lambda answer: answer | {"code": None}),
    "no result": changed(lambda _: {"code": 0, "message": "ok"}),
    "result a text": changed(lambda answer: answer | {"result": "ok"}),
    "result a number": changed(lambda answer: answer | {"result": 1}),
    "result null": changed(lambda answer: answer | {"result": None}),
    "result empty": changed(lambda answer: answer | {"result": type(answer["result"])()}),
}


def _each(**fields: object) -> Fault:
    """Have other fields in each item of a result that is a list, or in a result that is none."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        match answer["result"]:
            case list(items):
                return answer | {"result": [item | fields for item in items]}
            case result:
                return answer | {"result": result | fields}

    return changed(change)


def _values(of_type: Callable[[object], object]) -> Fault:
    """Have another value in each item."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        items = answer["result"]
        return answer | {"result": [item | {"value": of_type(item["value"])} for item in items]}

    return changed(change)


def _items(choose: Callable[[list[Any]], list[Any]]) -> Fault:
    """Have other items."""
    return changed(lambda answer: answer | {"result": choose(answer["result"])})


# Items that say nothing of the lock
UNKNOWN_ITEMS: Final[Faults] = {
    "items are texts": _items(lambda items: [str(item) for item in items]),
    "items are lists": _items(lambda items: [list(item.values()) for item in items]),
    "did another number": _each(did=1),
    "did null": _each(did=None),
    "another device": _each(did="1"),
    "siid no number": _each(siid="lock"),
    "siid a list": _each(siid=[13]),
    "piid null": _each(piid=None),
    "piid an object": _each(piid={}),
    "another property": _each(piid=4242),
    "code no number in the items": _each(code="done"),
    "code null in the items": _each(code=None),
    "code false in the items": _each(code=False),
    "an unknown error": _each(code=-704999999),
    "asleep": _each(code=-704042011),
}

UNKNOWN_ITEMS_WRITTEN: Final[Faults] = {
    name: fault for name, fault in UNKNOWN_ITEMS.items() if name != "an unknown error"
}
WRONG_ACTION_CODES: Final[Faults] = {
    "code of the action a word": _each(code="done"),
    "code of the action null": _each(code=None),
    "code of the action true": _each(code=True),
    "code of the action unknown": _each(code=-704999999),
}

# Values that no property can have
IMPOSSIBLE_VALUES: Final[Faults] = {
    "a value of another type": _values(lambda value: 5 if isinstance(value, str) else "many"),
    "value a list": _values(lambda value: [value]),
    "value an object": _values(lambda value: {"value": value}),
    "value below all": _values(lambda _: -1),
    "value above all": _values(lambda _: 2**64),
    "value infinite": _values(lambda _: float("inf")),
}


@pytest.fixture(autouse=True)
def _short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for answers for a moment only.

    For long enough, though, that a machine with much else to do answers in time.
    """
    monkeypatch.setattr(http, "TIMEOUT", aiohttp.ClientTimeout(total=2))


def _cases(*tables: Faults) -> pytest.MarkDecorator:
    """Parametrise by the faults of some tables, by their names."""
    together = {name: fault for table in tables for name, fault in table.items()}
    return pytest.mark.parametrize("fault", together.values(), ids=together)


def _tables(**tables: Faults) -> pytest.MarkDecorator:
    """Parametrise by tables whose faults one home meets one after the other."""
    return pytest.mark.parametrize("faults", tables.values(), ids=tables)


def _be_left_alone(home: Home) -> None:
    """Have the time be over for which the service wants to be left alone."""
    assert home.connection.cloud
    home.connection.cloud._left_alone_until = 0.0


async def _caught_up(home: Home) -> None:
    """Poll until the lock's own battery level is shown."""
    _be_left_alone(home)
    await home.poll()
    assert home.state(*BATTERY) == str(home.driver.lock.values[13, 1])


@_tables(refused=REFUSED, unreadable=UNREADABLE, items=UNKNOWN_ITEMS)
async def test_reading(home: Home, faults: Faults) -> None:
    """What was known stays, all is available, and the next reading catches up."""
    for level, (name, fault) in enumerate(faults.items(), start=10):
        before = home.shown()
        home.driver.do("set_battery", level, push=False)
        home.driver.do("set_battery", level + 30, dry_cells=True, push=False)
        home.cloud.disturb_next(fault, GET)
        await home.poll()
        assert home.shown() == before, name
        await _caught_up(home)
        news = {"sensor lithium_battery": f"{level}", "sensor dry_cells": f"{level + 30}"}
        assert home.shown() == before | news, name


async def test_reading_what_makes_no_sense(home: Home) -> None:
    """Nothing old is shown for what is not understood, and the next reading catches up."""
    told = ("sensor lithium_battery", "sensor door_state", "lock lock")
    before = [home.shown()[key] for key in told[1:]]
    for level, (name, fault) in enumerate(IMPOSSIBLE_VALUES.items(), start=10):
        home.driver.do("set_battery", level, push=False)
        home.cloud.disturb_next(fault, GET)
        await home.poll()
        assert {home.shown()[key] for key in told} == {STATE_UNKNOWN}, name
        home.assert_available()
        await _caught_up(home)
        assert [home.shown()[key] for key in told] == [f"{level}", *before], name


@pytest.mark.parametrize(
    "choose",
    [
        lambda items: items[::-1],
        lambda items: items * 2,
        lambda items: [{"did": "1"} | item | {"unknown": 1} for item in items],
        lambda items: [None, {}, *items],
        lambda items: [item | {"did": int(item["did"])} for item in items],
        lambda items: [item | {"did": "1", "value": 3} for item in items] + items,
    ],
    ids=[
        "reordered",
        "twice",
        "more fields",
        "with what says nothing",
        "did a number",
        "after another device's",
    ],
)
async def test_reading_in_another_shape(
    home: Home, choose: Callable[[list[Any]], list[Any]]
) -> None:
    """Each item is taken for what it says that it is."""
    before = home.shown()
    home.driver.do("set_battery", 50, push=False)
    home.cloud.disturb_next(_items(choose), GET)
    await home.poll()
    assert home.shown() == before | {"sensor lithium_battery": "50"}


async def test_reading_a_part(home: Home) -> None:
    """What is missing stays as it was, the rest is taken."""
    before = home.shown()
    home.driver.do("set_battery", 50, push=False)
    home.driver.do("set_battery", 40, dry_cells=True, push=False)
    without = _items(lambda items: [it for it in items if (it["siid"], it["piid"]) != (13, 1)])
    home.cloud.disturb_next(without, GET)
    await home.poll()
    assert home.shown() == before | {"sensor dry_cells": "40"}
    await _caught_up(home)


@pytest.mark.parametrize(
    "told",
    ["1790000000", None, [], -1, 0, 10**18, 253_402_300_800, 4_000_000_000, 1.5, True],
)
async def test_times_that_make_no_sense(home: Home, told: object) -> None:
    """The values are taken; the last contact is never in the future."""
    before = home.state("sensor", "last_contact")
    home.driver.do("set_battery", 50, push=False)
    home.cloud.disturb_next(_each(updateTime=told), GET)
    await home.poll()
    assert home.state(*BATTERY) == "50"
    contact = dt_util.parse_datetime(home.state("sensor", "last_contact"), raise_on_error=True)
    assert dt_util.parse_datetime(before, raise_on_error=True) <= contact
    assert contact <= dt_util.utcnow()


@_cases(REFUSED)
async def test_an_outage(home: Home, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is unavailable before its time; then all is, and back again; each is said once."""
    for _ in range(2):
        home.cloud.disturb_next(fault, GET)
        await home.poll()
        _be_left_alone(home)
    home.assert_available()
    home.known.last_response -= timedelta(minutes=11).total_seconds()
    for _ in range(2):
        home.cloud.disturb_next(fault, GET)
        await home.poll()
        _be_left_alone(home)
    # Push is connected: what happens at the door would be told.
    shown = {key: state for key, state in home.shown().items() if not key.startswith("event ")}
    assert set(shown.values()) == {STATE_UNAVAILABLE}
    await _caught_up(home)
    home.assert_available()
    of_ours = [record for record in caplog.records if "xiaomi_smart_lock" in record.name]
    assert [record.levelname for record in of_ours if record.levelno > 10] == ["ERROR", "INFO"]


async def _set(home: Home) -> None:
    await home.call("switch", "turn_on", SWITCH)


async def _act(home: Home) -> None:
    await home.call("button", "press", "record_video")


# How each path comes to be asked for
CALLS: Final = {DEVICES: Home.reload, GET: Home.poll, SET: _set, ACTION: _act}


@pytest.mark.parametrize("path", CALLS)
async def test_a_refused_token(home: Home, path: str) -> None:
    """It is renewed, kept, and the call repeated once: the user notices nothing."""
    old = home.entry.data[CONF_TOKENS]
    home.cloud.requests.clear()
    home.cloud.expire_access_tokens()
    await CALLS[path](home)
    await home.hass.async_block_till_done()
    assert home.asked()[:3] == [path, GET_TOKEN, path]
    assert home.asked().count(GET_TOKEN) == 1
    assert home.entry.data[CONF_TOKENS] != old
    assert not home.hass.config_entries.flow.async_progress()
    assert home.driver.lock.values[17, 15] is (path == SET)
    assert len(home.driver.lock.recordings) == (path == ACTION)
    home.assert_available()


@pytest.mark.parametrize("path", [GET, SET, ACTION])
async def test_tokens_that_stay_refused(home: Home, path: str) -> None:
    """After the one repetition the user is asked to sign in again, once."""
    home.cloud.requests.clear()
    home.cloud.disturb_next(status(401), path, times=2)
    with nullcontext() if path == GET else pytest.raises(HomeAssistantError):
        await CALLS[path](home)
    await home.hass.async_block_till_done()
    assert home.asked() == [path, GET_TOKEN, path]
    flows = home.hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]
    assert home.driver.lock.recordings == []
    assert home.driver.lock.values[17, 15] is False
    assert home.state("switch", SWITCH) != "on"


# What refuses tokens says so by 401; anything else is a fault that passes.
@_cases(
    REFUSED,
    {name: UNREADABLE[name] for name in ("a web page", "no code", "result a text")},
    {"an error code with 200": BUSY, "plain text": PLAIN_TEXT},
)
async def test_renewing(home: Home, fault: Fault) -> None:
    """Where renewing fails, nobody is asked to sign in again."""
    before = home.shown()
    home.cloud.expire_access_tokens()
    home.cloud.disturb_next(fault, GET_TOKEN)
    await home.poll()
    assert home.shown() == before
    assert not home.hass.config_entries.flow.async_progress()


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({}, 60), ({"Retry_After": "1800"}, 1800), ({"Retry_After": "tomorrow"}, 60)],
)
async def test_too_many_requests(home: Home, headers: dict[str, str], wait: int) -> None:
    """The service is left alone for as long as it says; what is set meanwhile waits."""
    home.cloud.disturb_next(status(429, **headers), GET)
    started = time.monotonic()
    await home.poll()
    home.cloud.requests.clear()
    await home.poll()
    await _set(home)
    with pytest.raises(HomeAssistantError):
        await _act(home)
    assert home.asked() == []
    assert home.state("switch", SWITCH) == "on"
    home.assert_available()
    assert home.connection.cloud
    assert 0 <= home.connection.cloud._left_alone_until - started - wait < wait
    _be_left_alone(home)
    await home.poll()
    await until(lambda: home.driver.lock.values[17, 15] is True and not home.known.pending)
    assert home.asked() == [GET, SET]
    assert home.driver.lock.recordings == []


@_tables(refused=REFUSED, unreadable=UNREADABLE, items=UNKNOWN_ITEMS_WRITTEN)
async def test_writing(home: Home, faults: Faults) -> None:
    """What was set is shown at once, and delivered by and by; setting is safe to repeat."""
    for number, (name, fault) in enumerate(faults.items()):
        wanted = number % 2 == 0
        shown = "on" if wanted else "off"
        home.cloud.requests.clear()
        home.cloud.disturb_next(fault, SET)
        await home.call("switch", f"turn_{shown}", SWITCH)
        assert home.state("switch", SWITCH) == shown, name
        assert home.known.pending or home.driver.lock.values[17, 15] is wanted, name
        _be_left_alone(home)
        await home.poll()
        await until(lambda: not home.known.pending)
        assert home.driver.lock.values[17, 15] is wanted, name
        assert home.state("switch", SWITCH) == shown, name
        assert home.asked().count(SET) <= 2, name


@pytest.mark.parametrize("code", [-704030023, -704220043, -704999999])
async def test_writing_what_is_refused(
    home: Home, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock's own value is shown again, and nobody tries once more."""
    monkeypatch.setattr(home.driver.lock, "write", lambda *_: code)
    with pytest.raises(HomeAssistantError):
        await _set(home)
    assert home.state("switch", SWITCH) == "off"
    await home.poll()
    assert home.asked().count(SET) == 1
    assert home.state("switch", SWITCH) == "off"


@_tables(refused=REFUSED, unreadable=UNREADABLE, codes=WRONG_ACTION_CODES)
async def test_acting(home: Home, faults: Faults) -> None:
    """The user is told, and what starts something at the door is never tried again by itself."""
    recordings = home.driver.lock.recordings
    for name, fault in faults.items():
        home.cloud.requests.clear()
        recordings.clear()
        home.cloud.disturb_next(fault, ACTION)
        with pytest.raises(HomeAssistantError):
            await _act(home)
        assert len(recordings) == (faults is not REFUSED), name
        _be_left_alone(home)
        home.driver.do("sleep")
        home.driver.do("wake")
        await home.poll()
        assert len(recordings) == (faults is not REFUSED), name
        assert home.asked().count(ACTION) == 1, name


@pytest.mark.parametrize("path", [DEVICES, GET])
@_cases(REFUSED, UNREADABLE)
async def test_setting_up(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, fault: Fault, path: str
) -> None:
    """It is tried again later, and nothing that was begun is left until then."""
    cloud = driver.simulator.cloud
    cloud.disturb_next(fault, path)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await until(lambda: not tasks())
    assert not ir.async_get(hass).issues
    await asyncio.sleep(0.2 if fault is REFUSED["429"] else 0)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=1))
    await until(lambda: entry.state is ConfigEntryState.LOADED)
    assert driver.state(hass, *BATTERY).state == "87"
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, [{}]], ids=repr)
async def test_setting_up_by_a_strange_list(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, value: object
) -> None:
    """What cannot be understood of a lock is not needed to show it."""

    def change(answer: dict[str, Any]) -> dict[str, Any]:
        listed = [
            {field: it if field in ("did", "model") else value for field, it in item.items()}
            for item in answer["result"]["list"]
        ]
        return answer | {"result": answer["result"] | {"list": [value, *listed]}}

    driver.simulator.cloud.disturb_next(changed(change), DEVICES)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert driver.state(hass, *BATTERY).state == "87"
    await hass.config_entries.async_unload(entry.entry_id)


async def test_unloading_while_reading(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the answer any longer."""
    monkeypatch.setattr(http, "TIMEOUT", aiohttp.ClientTimeout(total=300))
    home.cloud.requests.clear()
    home.cloud.disturb_next(silence, GET)
    polling = asyncio.create_task(home.poll())
    await until(lambda: home.asked() == [GET])
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    await until(lambda: not tasks())
    await polling


@pytest.mark.parametrize("path", [SET, ACTION])
async def test_unloading_while_calling(home: Home, path: str) -> None:
    """Who called is told when the time is over, and a setting is delivered after the restart."""
    home.cloud.requests.clear()
    home.cloud.disturb_next(silence, path)
    calling = asyncio.create_task(CALLS[path](home))
    await until(lambda: home.asked() == [path])
    await home.hass.config_entries.async_unload(home.entry.entry_id)
    with nullcontext() if path == SET else pytest.raises(HomeAssistantError):
        await calling
    await home.hass.config_entries.async_setup(home.entry.entry_id)
    await until(lambda: home.driver.lock.values[17, 15] is (path == SET))
    assert home.driver.lock.recordings == []
