"""An account's devices over the cloud's HTTP interface."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot.client import Reading
from custom_components.xiaomi_smart_lock.miot.cloud import Account, Device
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    MiotError,
    NotSignedInError,
    Reason,
    ResultError,
    StatusError,
    TooManyRequestsError,
)
from custom_components.xiaomi_smart_lock.miot.spec import Access, Action
from simulator.faults import silence, status
from simulator.model import SPEC
from tests.lock_driver import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from freezegun.api import FrozenDateTimeFactory

    from custom_components.xiaomi_smart_lock.miot.cloud import CloudClient
    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value
    from simulator.lock import Lock

    from .conftest import Liar, Signed

READABLE = SPEC.having(Access.READ)
BATTERY = (13, 1)
RECORDING = (17, 1)
RECORD_VIDEO = (17, 4)
ABSENT = Action((2, 99), "absent", "Absent", "", inputs=(), outputs=())


def add_lock(signed: Signed, name: str, **kwargs: Any) -> Lock:
    """Add a lock to the account."""
    simulation = signed.driver.simulation
    lock: Lock = simulation.call(
        simulation.simulator.add_lock, signed.driver.account, name, **kwargs
    )
    return lock


def reading(lock: Lock, address: Address, value: Value) -> Reading:
    """Return what is to be read: a value, and when the lock reported it."""
    return Reading(0, value, lock.updated[address])


# Reading


@pytest.mark.parametrize(("locks", "requests"), [(1, 1), (3, 1), (4, 2), (10, 3)])
async def test_reads_at_the_same_time_share_requests(
    signed: Signed, locks: int, requests: int
) -> None:
    """45 properties each, 150 a request; each lock gets its own values."""
    all_locks = [signed.driver.lock, *(add_lock(signed, f"{i}") for i in range(1, locks))]
    for level, lock in enumerate(all_locks):
        signed.driver.simulation.call(lock.set_battery, level)
    readings = await asyncio.gather(*(signed.cloud.read(one.did, READABLE) for one in all_locks))
    sent = signed.requests()
    assert [path for path, _ in sent] == ["get"] * requests
    assert all(len(body["params"]) <= 150 for _, body in sent)
    assert sum(len(body["params"]) for _, body in sent) == 45 * locks
    assert [of_lock[BATTERY] for of_lock in readings] == [
        reading(lock, BATTERY, level) for level, lock in enumerate(all_locks)
    ]
    assert all(set(of_lock) == set(READABLE) for of_lock in readings)


async def test_reads_one_after_the_other(signed: Signed) -> None:
    """Each sees what is there then."""
    lock = signed.driver.lock
    first = await signed.cloud.read(lock.did, [RECORDING])
    assert first == {RECORDING: reading(lock, RECORDING, True)}
    signed.driver.do("write", RECORDING, False)
    second = await signed.cloud.read(lock.did, [RECORDING])
    assert second == {RECORDING: reading(lock, RECORDING, False)}
    assert signed.paths() == ["get", "get"]


async def test_same_property_is_read_once(signed: Signed) -> None:
    """Whoever asks."""
    did = signed.driver.lock.did
    first, second = await asyncio.gather(
        signed.cloud.read(did, [BATTERY]), signed.cloud.read(did, [BATTERY])
    )
    assert first == second
    [(_, body)] = signed.requests()
    assert body["params"] == [{"did": did, "siid": 13, "piid": 1}]


async def test_reading_does_not_wake_the_lock(signed: Signed) -> None:
    """The cloud answers with what it knows, and says since when."""
    lock = signed.driver.lock
    lock.updated[BATTERY] = int(time.time()) - 3600
    signed.driver.do("sleep")
    readings = await signed.cloud.read(lock.did, [BATTERY])
    assert readings == {BATTERY: Reading(0, 87, lock.updated[BATTERY])}
    assert not lock.awake


@pytest.mark.parametrize(
    ("did", "address", "code"),
    [
        (None, (7, 1), -704002000),
        (None, (3, 9), -704040003),
        (None, (99, 1), -704040002),
        ("1", BATTERY, -704042001),
    ],
)
async def test_properties_that_cannot_be_read(
    signed: Signed, did: str | None, address: Address, code: int
) -> None:
    """Each has its own code, and does not disturb the others."""
    lock = signed.driver.lock
    readings, good = await asyncio.gather(
        signed.cloud.read(did or lock.did, [address]), signed.cloud.read(lock.did, [RECORDING])
    )
    assert readings == {address: Reading(code)}
    assert good == {RECORDING: reading(lock, RECORDING, True)}


async def test_who_stops_waiting_does_not_disturb_the_others(signed: Signed) -> None:
    """Reads share requests, not fates."""
    lock = signed.driver.lock
    short_timeouts = asyncio.create_task(signed.cloud.read(lock.did, [BATTERY]))
    patient = asyncio.create_task(signed.cloud.read(lock.did, [RECORDING]))
    await asyncio.sleep(0)
    short_timeouts.cancel()
    assert await patient == {RECORDING: reading(lock, RECORDING, True)}
    with pytest.raises(asyncio.CancelledError):
        await short_timeouts


async def test_reading_fails_for_all_who_asked(signed: Signed) -> None:
    """And works again the next time."""
    lock = signed.driver.lock
    signed.driver.simulator.cloud.refuse_next(500, "prop/get")
    results = await asyncio.gather(
        signed.cloud.read(lock.did, [BATTERY]),
        signed.cloud.read(lock.did, [RECORDING]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [StatusError] * 2
    assert await signed.cloud.read(lock.did, [BATTERY]) == {BATTERY: reading(lock, BATTERY, 87)}


async def test_closing_while_reading(signed: Signed) -> None:
    """Nobody waits for the answer any longer, and the next reading is a new one."""
    signed.driver.simulator.cloud.disturb_next(silence, "prop/get")
    reading_on = asyncio.create_task(signed.cloud.read(signed.driver.lock.did, [BATTERY]))
    await until(signed.paths)
    signed.cloud.close()
    with pytest.raises(asyncio.CancelledError):
        await reading_on
    assert await signed.cloud.read(signed.driver.lock.did, [BATTERY])


GOOD = {"did": "1", "siid": 13, "piid": 1, "code": 0, "value": 5}


@pytest.mark.parametrize(
    ("result", "found"),
    [
        ([GOOD], Reading(0, 5)),
        ([GOOD | {"updateTime": 1, "new": []}], Reading(0, 5, 1)),
        (["text", None, GOOD], Reading(0, 5)),
        ([GOOD | {"did": "2", "value": 6}, GOOD | {"piid": 2, "value": 7}, GOOD], Reading(0, 5)),
        ([GOOD | {"value": {"not": "checked"}}], Reading(0, {"not": "checked"})),
        ([GOOD | {"code": -704042011}], Reading(-704042011, 5)),
        ([GOOD | {"did": 1}], Reading(0, 5)),
    ],
)
async def test_readings_of_other_shapes(
    signed: Signed, liar: Liar, result: object, found: Reading
) -> None:
    """What is not of the property is passed over; whether the value is valid is not said here."""
    liar.answers = [{"code": 0, "message": "ok", "result": result}]
    assert await liar.client(signed).read("1", [BATTERY]) == {BATTERY: found}


@pytest.mark.parametrize(
    "result",
    [
        [{key: GOOD[key] for key in ("did", "siid", "piid")}],
        [GOOD | {"did": "2"}],
        [GOOD | {"siid": [13]}, GOOD | {"did": {}}, GOOD | {"code": "done"}, GOOD | {"code": True}],
        [],
        {},
        None,
    ],
)
async def test_readings_of_nothing(signed: Signed, liar: Liar, result: object) -> None:
    """An answer that says nothing of what was asked for is none."""
    liar.answers = [{"code": 0, "message": "ok", "result": result}]
    with pytest.raises(CannotConnectError, match="says nothing of what was read"):
        await liar.client(signed).read("1", [BATTERY])


async def test_reading_a_part(signed: Signed, liar: Liar) -> None:
    """What is missing in an answer is missing, the rest is there."""
    liar.answers = [{"code": 0, "result": [GOOD]}]
    readings = await liar.client(signed).read("1", [BATTERY, RECORDING])
    assert readings == {BATTERY: Reading(0, 5)}


NOW = 1_800_000_000


@pytest.mark.parametrize("frozen", [datetime.fromtimestamp(NOW, UTC)], indirect=True)
@pytest.mark.parametrize(
    ("told", "updated"),
    [
        (NOW - 86_400, NOW - 86_400),
        (0, 0),
        (NOW + 1, NOW),
        (NOW + 3600, NOW),
        (NOW + 3601, None),
        (NOW * 1000, None),
        (-1, None),
        (str(NOW), NOW),
        (float(NOW), NOW),
        ("now", None),
        (True, None),
        (None, None),
    ],
)
async def test_when_a_value_was_reported(
    frozen: FrozenDateTimeFactory,
    signed: Signed,
    liar: Liar,
    told: object,
    updated: int | None,
) -> None:
    """Never in the future: the service's clock may be ahead of ours by up to an hour."""
    liar.answers = [{"code": 0, "result": [GOOD | {"updateTime": told}]}]
    client = liar.client(signed)
    assert await client.read("1", [BATTERY]) == {BATTERY: Reading(0, 5, updated)}


# Writing and acting


async def test_writing(signed: Signed) -> None:
    """The lock has the value then."""
    await signed.cloud.write(signed.driver.lock.did, RECORDING, False)
    assert signed.driver.lock.values[RECORDING] is False
    assert signed.requests() == [
        (
            "set",
            {"params": [{"did": signed.driver.lock.did, "siid": 17, "piid": 1, "value": False}]},
        )
    ]


@pytest.mark.parametrize(
    ("address", "value", "reason"),
    [
        (BATTERY, 50, Reason.NOT_WRITABLE),
        (RECORDING, 50, Reason.WRONG_VALUE),
        ((17, 99), True, Reason.NO_SUCH_ITEM),
    ],
)
async def test_refused_writing(
    signed: Signed, address: Address, value: bool | int, reason: Reason
) -> None:
    """Nothing changes."""
    before = dict(signed.driver.lock.values)
    with pytest.raises(ResultError) as raised:
        await signed.cloud.write(signed.driver.lock.did, address, value)
    assert raised.value.reason is reason
    assert signed.driver.lock.values == before


async def test_asleep(signed: Signed) -> None:
    """Neither writing nor acting reaches the lock."""
    signed.driver.do("sleep")
    did = signed.driver.lock.did
    for attempt in (
        signed.cloud.write(did, RECORDING, False),
        signed.cloud.act(did, SPEC.actions[RECORD_VIDEO]),
    ):
        with pytest.raises(ResultError) as raised:
            await attempt
        assert raised.value.reason is Reason.ASLEEP
        assert raised.value.code == -704042011


async def test_acting(signed: Signed) -> None:
    """Inputs go, outputs come, in the specification's order."""
    did = signed.driver.lock.did
    assert await signed.cloud.act(did, SPEC.actions[RECORD_VIDEO]) == []
    assert len(signed.driver.lock.recordings) == 1
    error, user, kind, when = await signed.cloud.act(did, SPEC.actions[4, 1], [7, 2])
    assert (error, user, kind) == (0, 7, 2)
    assert isinstance(when, int)
    assert [path for path, _ in signed.requests()] == ["action", "action"]


@pytest.mark.parametrize(
    ("did", "action", "inputs", "reason"),
    [
        (None, SPEC.actions[2, 1], [], Reason.NOT_NOW),
        (None, ABSENT, [], Reason.NO_SUCH_ITEM),
        (None, SPEC.actions[4, 1], [7], Reason.WRONG_PARAMETER),
        (None, SPEC.actions[4, 1], [7, "x"], Reason.WRONG_PARAMETER),
        ("1", SPEC.actions[2, 2], [], Reason.NO_SUCH_DEVICE),
    ],
)
async def test_refused_acting(
    signed: Signed,
    did: str | None,
    action: Action,
    inputs: list[int | str],
    reason: Reason,
) -> None:
    """The error says why."""
    with pytest.raises(ResultError) as raised:
        await signed.cloud.act(did or signed.driver.lock.did, action, inputs)
    assert raised.value.reason is reason


async def test_lock_of_another_account(signed: Signed) -> None:
    """It is not ours to use."""
    simulation = signed.driver.simulation
    mei = simulation.call(simulation.simulator.add_account, "Mei")
    lock = simulation.call(simulation.simulator.add_lock, mei)
    with pytest.raises(ResultError) as raised:
        await signed.cloud.act(lock.did, SPEC.actions[RECORD_VIDEO])
    assert raised.value.reason is Reason.NOT_AUTHORISED
    simulation.call(simulation.simulator.remove_lock, lock)


async def write(client: CloudClient) -> None:
    """Write something."""
    await client.write("1", RECORDING, True)


async def act(client: CloudClient) -> object:
    """Have something done."""
    return await client.act("1", SPEC.actions[RECORD_VIDEO])


async def add(client: CloudClient) -> object:
    """Have something done that is answered."""
    return await client.act("1", SPEC.actions[4, 1], [7, 2])


WRITTEN = {"did": "1", "siid": 17, "piid": 1}


@pytest.mark.parametrize(
    ("ask", "result", "outcome"),
    [
        (write, [WRITTEN | {"code": 0}], None),
        (write, [WRITTEN | {"code": 1}], None),
        (write, [WRITTEN | {"did": 1, "code": 0}], None),
        (write, [WRITTEN | {"did": "2", "code": -1}, WRITTEN | {"code": 0}], None),
        (write, [WRITTEN | {"code": -704053036}], ResultError),
        (write, [WRITTEN | {"code": None}], CannotConnectError),
        (write, [WRITTEN | {"code": True}], CannotConnectError),
        (write, [WRITTEN], CannotConnectError),
        (write, [], CannotConnectError),
        (write, ["text"], CannotConnectError),
        (write, None, CannotConnectError),
        (add, {"code": 0, "out": [0, 7, 2, 1790000000]}, [0, 7, 2, 1790000000]),
        (add, {"code": 0, "out": [0, 7, 2, 1790000000, 5]}, [0, 7, 2, 1790000000]),
        (add, {"code": 0, "out": [0]}, [0, None, None, None]),
        (add, {"code": 0, "out": [{"piid": 1, "value": 7}]}, [None, 7, None, None]),
        (add, {"code": 0, "out": {}}, [None] * 4),
        (act, {"code": 0, "out": [1, "x"]}, []),
        (act, {"code": 1, "out": []}, []),
        (act, {"code": 0}, []),
        (act, {"code": 0, "out": {}}, []),
        (act, {"code": -705201015}, ResultError),
        (act, {}, CannotConnectError),
        (act, [], CannotConnectError),
        (act, None, CannotConnectError),
    ],
)
async def test_results_of_other_shapes(
    signed: Signed,
    liar: Liar,
    ask: Callable[[CloudClient], Awaitable[object]],
    result: object,
    outcome: object,
) -> None:
    """What is not clearly done is an error."""
    liar.answers = [{"code": 0, "result": result}]
    if isinstance(outcome, type):
        assert issubclass(outcome, MiotError)
        with pytest.raises(outcome):
            await ask(liar.client(signed))
    else:
        assert await ask(liar.client(signed)) == outcome


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ({"code": -10007, "message": "offline"}, ResultError, "asleep (-10007)"),
        ({"code": -12345}, ResultError, "unknown_code (-12345)"),
        ({"result": {}}, CannotConnectError, "the answer has no code"),
        ({"code": "done", "result": {}}, CannotConnectError, "the answer has no code"),
        ({"code": "-10007"}, ResultError, "asleep (-10007)"),
        (web.Response(status=500), CannotConnectError, "HTTP 500"),
        (web.Response(text="{"), CannotConnectError, "the answer is no JSON"),
    ],
)
async def test_answers_that_are_errors(
    signed: Signed, liar: Liar, answer: object, error: type[Exception], text: str
) -> None:
    """An unknown code is told by its number."""
    liar.answers = [answer]
    with pytest.raises(error) as raised:
        await act(liar.client(signed))
    assert str(raised.value) == text


# Tokens


async def test_refused_token_is_renewed_and_the_call_repeated_once(signed: Signed) -> None:
    """The lock acts once."""
    signed.driver.simulator.cloud.expire_access_tokens()
    await signed.cloud.act(signed.driver.lock.did, SPEC.actions[RECORD_VIDEO])
    assert signed.paths() == ["action", "get_token", "action"]
    assert len(signed.driver.lock.recordings) == 1
    assert len(signed.renewed) == 1


async def test_renewed_token_is_refused_too(signed: Signed) -> None:
    """There is no third time."""
    signed.driver.simulator.cloud.refuse_next(401, "action", times=3)
    with pytest.raises(NotSignedInError):
        await signed.cloud.act(signed.driver.lock.did, SPEC.actions[RECORD_VIDEO])
    assert signed.paths() == ["action", "get_token", "action"]
    with pytest.raises(ResultError):
        await signed.cloud.act(signed.driver.lock.did, ABSENT)


async def test_revoked_account(signed: Signed) -> None:
    """Nothing helps but signing in again."""
    signed.driver.simulator.cloud.revoke(signed.driver.account)
    with pytest.raises(NotSignedInError):
        await signed.cloud.read(signed.driver.lock.did, [BATTERY])
    assert signed.paths() == ["get", "get_token"]


@pytest.mark.parametrize(("path", "ask"), [("action", act), ("prop/set", write)])
async def test_failed_call_is_not_repeated(
    signed: Signed, path: str, ask: Callable[[CloudClient], Awaitable[object]]
) -> None:
    """It may have been carried out."""
    signed.driver.simulator.cloud.refuse_next(502, path)
    with pytest.raises(CannotConnectError):
        await ask(signed.cloud)
    assert len(signed.paths()) == 1


# Being left alone


async def test_service_that_wants_to_be_left_alone(
    frozen: FrozenDateTimeFactory, signed: Signed
) -> None:
    """Until its time is over it is asked nothing at all, whatever is wanted of it."""
    did = signed.driver.lock.did
    signed.driver.simulator.cloud.disturb_next(status(429, Retry_After="1800"), "prop/get")
    with pytest.raises(TooManyRequestsError) as raised:
        await signed.cloud.read(did, [BATTERY])
    assert raised.value.wait == 1800
    for attempt in (
        signed.cloud.read(did, [BATTERY]),
        signed.cloud.devices(),
        act(signed.cloud),
        write(signed.cloud),
    ):
        with pytest.raises(TooManyRequestsError) as raised:
            await attempt
        assert 0 < raised.value.wait <= 1800
    assert signed.paths() == ["get"]
    frozen.tick(1800)
    assert await signed.cloud.read(did, [BATTERY])


async def test_service_that_is_busy_for_now(signed: Signed) -> None:
    """It may be asked again at once where it says so."""
    signed.driver.simulator.cloud.disturb_next(status(429, Retry_After="0"), "prop/get")
    with pytest.raises(TooManyRequestsError):
        await signed.cloud.read(signed.driver.lock.did, [BATTERY])
    assert await signed.cloud.read(signed.driver.lock.did, [BATTERY])


# The account and its devices


async def test_nickname(signed: Signed, liar: Liar) -> None:
    """It is the owner's; None where the service does not say."""
    assert await signed.cloud.nickname() == "Ming"
    liar.answers = [{"code": 0, "data": {}}, {"code": 0}, {"code": 0, "data": None}]
    assert [await liar.client(signed).nickname() for _ in range(3)] == [None] * 3
    liar.answers = [{"code": 0, "data": {"miliaoNick": 5}}]
    assert await liar.client(signed).nickname() == "5"


async def test_account(signed: Signed) -> None:
    """Own homes and shared ones, with rooms and without."""
    lock = signed.driver.lock
    yard = add_lock(signed, "Yard", room=None)
    friend = add_lock(signed, "Friend's", shared=True, home="Hua's home", room="Entrance")
    single = add_lock(signed, "Single", shared=True, home=None, room=None)
    account = await signed.cloud.account()
    assert account.user_id == signed.driver.account.user_id
    assert account.rooms == {
        lock.did: ("Home", "Hall"),
        yard.did: ("Home", None),
        friend.did: ("Hua's home", "Entrance"),
    }
    assert single.did in {device.did for device in await signed.cloud.devices()}


async def test_homes_of_more_than_a_page(signed: Signed) -> None:
    """150 devices a page; later pages do not name the homes."""
    locks = [signed.driver.lock, *(add_lock(signed, f"Lock {i}") for i in range(310))]
    account = await signed.cloud.account()
    assert account.rooms == {lock.did: ("Home", "Hall") for lock in locks}
    assert signed.paths() == ["gethome", "get_dev_room_page", "get_dev_room_page"]


async def test_devices(signed: Signed) -> None:
    """They have what the list says of them, and keep their token to themselves."""
    lock = signed.driver.lock
    lock.host = "127.0.0.9"
    signed.driver.do("sleep")
    [device] = await signed.cloud.devices()
    lock.host = None
    assert (device.did, device.name, device.model) == (lock.did, "Front door", "xiaomi.lock.s1")
    assert device.urn == "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1:1"
    assert (device.online, device.firmware, device.mac) == (False, "2.1.4_0009", lock.mac)
    assert (device.address, device.token) == ("127.0.0.9", lock.token)
    assert lock.token not in repr(device)


async def test_devices_of_more_than_a_page(signed: Signed) -> None:
    """200 a page."""
    locks = [signed.driver.lock, *(add_lock(signed, f"Lock {i}") for i in range(410))]
    assert [device.did for device in await signed.cloud.devices()] == [lock.did for lock in locks]
    assert signed.paths() == ["device_list_page"] * 3


async def test_devices_of_other_shapes(signed: Signed, liar: Liar) -> None:
    """What has no did is left out; the rest may be missing, and ids may be numbers."""
    devices = [
        {"did": "1", "model": "m"},
        {"did": "2", "model": "m", "extra": None, "isOnline": "yes", "name": None, "mac": ""},
        {"did": 3, "model": None, "name": 4},
        {"did": 5.0, "extra": []},
        {"did": 0, "model": "m"},
        {"did": True, "model": "m"},
        {"did": None, "model": "m"},
        {"model": "m"},
        "text",
        None,
    ]
    liar.answers = [{"code": 0, "result": {"list": devices, "has_more": True}}]
    found = await liar.client(signed).devices()
    assert [(device.did, device.name, device.online) for device in found] == [
        ("1", "m", False),
        ("2", "m", False),
        ("3", "4", False),
        ("5", "5", False),
    ]
    assert [(one.firmware, one.mac, one.address, one.token) for one in found] == [(None,) * 4] * 4


def test_a_device_is_completed_by_what_was_known() -> None:
    """Where the list does not say it; what it says now is newer."""
    known = Device("1", "Door", "m", "urn:1", True, "1.0", "aa", "192.0.2.1", "t")
    bare = Device.from_list({"did": 1})
    assert bare
    assert bare.completed(known) == replace(known, online=False)
    new = Device("1", "Gate", "n", "urn:2", False, "2.0", "bb", "192.0.2.2", "u")
    assert new.completed(known) == new


@pytest.mark.parametrize("result", [None, {}, {"list": None}, {"list": []}])
async def test_no_devices(signed: Signed, liar: Liar, result: object) -> None:
    """Null or missing is nothing."""
    liar.answers = [{"code": 0, "result": result}]
    assert await liar.client(signed).devices() == []


@pytest.mark.parametrize("result", [None, {}, {"homelist": None, "share_home_list": None}])
async def test_no_homes(signed: Signed, liar: Liar, result: object) -> None:
    """Null or missing is nothing."""
    liar.answers = [{"code": 0, "result": result}]
    assert await liar.client(signed).account() == Account(None, {})


@pytest.mark.parametrize("result", [{"list": {}}, {"list": "no"}, [], "no", 0])
async def test_no_list_of_devices(signed: Signed, liar: Liar, result: object) -> None:
    """It is not taken for an account without devices."""
    liar.answers = [{"code": 0, "result": result}]
    with pytest.raises(CannotConnectError):
        await liar.client(signed).devices()


async def test_homes_of_other_shapes(signed: Signed, liar: Liar) -> None:
    """What makes no sense is left out."""
    homes = [
        {"id": "1", "dids": None, "roomlist": None},
        {"name": "Without an id", "dids": ["5", 8, None], "uid": 0},
        {"id": ["3"], "name": None, "dids": ["9"]},
        {"id": "2", "name": "Home", "dids": ["6"], "roomlist": [None, {"dids": ["7"]}]},
    ]
    liar.answers = [{"code": 0, "result": {"homelist": homes}}]
    account = await liar.client(signed).account()
    assert account.user_id is None
    assert account.rooms == {
        "5": ("Without an id", None),
        "8": ("Without an id", None),
        "6": ("Home", None),
        "7": ("Home", None),
        "9": ("", None),
    }


async def test_ids_that_are_numbers(signed: Signed, liar: Liar) -> None:
    """They are compared as text, on each page."""
    rooms = [{"id": 3, "name": 4, "dids": [5]}]
    liar.answers = [
        {
            "code": 0,
            "result": {
                "homelist": [{"id": 1, "uid": 2, "name": "A", "roomlist": rooms}],
                "has_more": True,
                "max_id": 7,
            },
        },
        {"code": 0, "result": {"info": [{"id": "1", "dids": [6.0]}], "max_id": 8}},
    ]
    account = await liar.client(signed).account()
    assert account == Account("2", {"5": ("A", "4"), "6": ("A", None)})
