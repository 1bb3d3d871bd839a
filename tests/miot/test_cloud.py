"""An account's devices over the cloud's HTTP interface."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot.client import Reading
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    MiotError,
    NotSignedInError,
    Reason,
    ResultError,
)
from custom_components.xiaomi_smart_lock.miot.spec import SPEC, Access

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from custom_components.xiaomi_smart_lock.miot.cloud import CloudClient
    from simulator.lock import Lock

    from .conftest import Liar, Signed

READABLE = SPEC.having(Access.READ)
BATTERY = (13, 1)
RECORDING = (17, 1)
RECORD_VIDEO = (17, 4)


def add_lock(signed: Signed, name: str, **kwargs: Any) -> Lock:
    """Add a lock to the account."""
    simulation = signed.actor.simulation
    lock: Lock = simulation.call(
        simulation.simulator.add_lock, signed.actor.account, name, **kwargs
    )
    return lock


# Reading


@pytest.mark.parametrize(("locks", "requests"), [(1, 1), (3, 1), (4, 2), (10, 3)])
async def test_reads_at_the_same_time_share_requests(
    signed: Signed, locks: int, requests: int
) -> None:
    """45 properties each, 150 a request; each lock gets its own values."""
    all_locks = [signed.actor.lock, *(add_lock(signed, f"{i}") for i in range(1, locks))]
    for level, lock in enumerate(all_locks):
        signed.actor.simulation.call(lock.set_battery, level)
    readings = await asyncio.gather(*(signed.cloud.read(one.did, READABLE) for one in all_locks))
    sent = signed.requests()
    assert [path for path, _ in sent] == ["get"] * requests
    assert all(len(body["params"]) <= 150 for _, body in sent)
    assert sum(len(body["params"]) for _, body in sent) == 45 * locks
    assert [of_lock[BATTERY] for of_lock in readings] == [Reading(0, i) for i in range(locks)]
    assert all(set(of_lock) == set(READABLE) for of_lock in readings)


async def test_reads_one_after_the_other(signed: Signed) -> None:
    """Each sees what is there then."""
    did = signed.actor.lock.did
    assert await signed.cloud.read(did, [RECORDING]) == {RECORDING: Reading(0, True)}
    signed.actor.do("write", RECORDING, False)
    assert await signed.cloud.read(did, [RECORDING]) == {RECORDING: Reading(0, False)}
    assert signed.paths() == ["get", "get"]


async def test_same_property_is_read_once(signed: Signed) -> None:
    """Whoever asks."""
    did = signed.actor.lock.did
    first, second = await asyncio.gather(
        signed.cloud.read(did, [BATTERY]), signed.cloud.read(did, [BATTERY])
    )
    assert first == second
    [(_, body)] = signed.requests()
    assert body["params"] == [{"did": did, "siid": 13, "piid": 1}]


async def test_reading_does_not_wake_the_lock(signed: Signed) -> None:
    """The cloud answers with what it knows."""
    signed.actor.do("sleep")
    readings = await signed.cloud.read(signed.actor.lock.did, [BATTERY])
    assert readings == {BATTERY: Reading(0, 87)}
    assert not signed.actor.lock.awake


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
    signed: Signed, did: str | None, address: tuple[int, int], code: int
) -> None:
    """Each has its own code, and does not disturb the others."""
    did = did or signed.actor.lock.did
    readings, good = await asyncio.gather(
        signed.cloud.read(did, [address]), signed.cloud.read(signed.actor.lock.did, [RECORDING])
    )
    assert readings == {address: Reading(code)}
    assert good == {RECORDING: Reading(0, True)}


async def test_who_stops_waiting_does_not_disturb_the_others(signed: Signed) -> None:
    """Reads share requests, not fates."""
    did = signed.actor.lock.did
    impatient = asyncio.create_task(signed.cloud.read(did, [BATTERY]))
    patient = asyncio.create_task(signed.cloud.read(did, [RECORDING]))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == {RECORDING: Reading(0, True)}
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_reading_fails_for_all_who_asked(signed: Signed) -> None:
    """And works again the next time."""
    did = signed.actor.lock.did
    signed.actor.simulator.cloud.refuse_next(500, "prop/get")
    results = await asyncio.gather(
        signed.cloud.read(did, [BATTERY]),
        signed.cloud.read(did, [RECORDING]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [CannotConnectError] * 2
    assert await signed.cloud.read(did, [BATTERY]) == {BATTERY: Reading(0, 87)}


GOOD = {"did": "1", "siid": 13, "piid": 1, "code": 0, "value": 5}


@pytest.mark.parametrize(
    ("result", "readings"),
    [
        ([GOOD], {BATTERY: Reading(0, 5)}),
        ([GOOD | {"updateTime": 1, "new": []}], {BATTERY: Reading(0, 5)}),
        ([{key: GOOD[key] for key in ("did", "siid", "piid")}], {}),
        ([GOOD | {"did": "2"}], {}),
        ([GOOD | {"siid": [13]}, GOOD | {"did": {}}, GOOD | {"code": "0"}], {}),
        (["text", None, GOOD], {BATTERY: Reading(0, 5)}),
        ([], {}),
        ({}, {}),
        (None, {}),
    ],
)
async def test_readings_of_other_shapes(
    signed: Signed, liar: Liar, result: object, readings: dict[tuple[int, int], Reading]
) -> None:
    """What is not there is missing."""
    liar.answers = [{"code": 0, "message": "ok", "result": result}]
    assert await liar.client(signed).read("1", [BATTERY]) == readings


# Writing and acting


async def test_writing(signed: Signed) -> None:
    """The lock has the value then."""
    await signed.cloud.write(signed.actor.lock.did, RECORDING, False)
    assert signed.actor.lock.values[RECORDING] is False
    assert signed.requests() == [
        ("set", {"params": [{"did": signed.actor.lock.did, "siid": 17, "piid": 1, "value": False}]})
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
    signed: Signed, address: tuple[int, int], value: bool | int, reason: Reason
) -> None:
    """Nothing changes."""
    before = dict(signed.actor.lock.values)
    with pytest.raises(ResultError) as raised:
        await signed.cloud.write(signed.actor.lock.did, address, value)
    assert raised.value.reason is reason
    assert signed.actor.lock.values == before


async def test_asleep(signed: Signed) -> None:
    """Neither writing nor acting reaches the lock."""
    signed.actor.do("sleep")
    did = signed.actor.lock.did
    for attempt in (signed.cloud.write(did, RECORDING, False), signed.cloud.act(did, RECORD_VIDEO)):
        with pytest.raises(ResultError) as raised:
            await attempt
        assert raised.value.reason is Reason.ASLEEP
        assert raised.value.code == -704042011


async def test_acting(signed: Signed) -> None:
    """Inputs go, outputs come, in the specification's order."""
    did = signed.actor.lock.did
    assert await signed.cloud.act(did, RECORD_VIDEO) == []
    assert len(signed.actor.lock.recordings) == 1
    error, user, kind, when = await signed.cloud.act(did, (4, 1), [7, 2])
    assert (error, user, kind) == (0, 7, 2)
    assert isinstance(when, int)
    assert [path for path, _ in signed.requests()] == ["action", "action"]


@pytest.mark.parametrize(
    ("did", "address", "inputs", "reason"),
    [
        (None, (2, 1), [], Reason.NOT_NOW),
        (None, (2, 99), [], Reason.NO_SUCH_ITEM),
        (None, (4, 1), [7], Reason.WRONG_PARAMETER),
        (None, (4, 1), [7, "x"], Reason.WRONG_PARAMETER),
        ("1", (2, 2), [], Reason.NO_SUCH_DEVICE),
    ],
)
async def test_refused_acting(
    signed: Signed,
    did: str | None,
    address: tuple[int, int],
    inputs: list[int | str],
    reason: Reason,
) -> None:
    """The error says why."""
    with pytest.raises(ResultError) as raised:
        await signed.cloud.act(did or signed.actor.lock.did, address, inputs)
    assert raised.value.reason is reason


async def test_lock_of_another_account(signed: Signed) -> None:
    """It is not ours to use."""
    simulation = signed.actor.simulation
    mei = simulation.call(simulation.simulator.add_account, "Mei")
    lock = simulation.call(simulation.simulator.add_lock, mei)
    with pytest.raises(ResultError) as raised:
        await signed.cloud.act(lock.did, RECORD_VIDEO)
    assert raised.value.reason is Reason.NOT_AUTHORISED
    simulation.call(simulation.simulator.remove_lock, lock)


async def write(cloud: CloudClient) -> None:
    """Write something."""
    await cloud.write("1", RECORDING, True)


async def act(cloud: CloudClient) -> object:
    """Have something done."""
    return await cloud.act("1", RECORD_VIDEO)


WRITTEN = {"did": "1", "siid": 17, "piid": 1}


@pytest.mark.parametrize(
    ("ask", "result", "outcome"),
    [
        (write, [WRITTEN | {"code": 0}], None),
        (write, [WRITTEN | {"code": 1}], None),
        (write, [WRITTEN | {"did": "2", "code": -1}, WRITTEN | {"code": 0}], None),
        (write, [WRITTEN | {"code": -704053036}], ResultError),
        (write, [WRITTEN | {"code": None}], CannotConnectError),
        (write, [WRITTEN | {"code": True}], CannotConnectError),
        (write, [WRITTEN], CannotConnectError),
        (write, [], CannotConnectError),
        (write, ["text"], CannotConnectError),
        (write, None, CannotConnectError),
        (act, {"code": 0, "out": [1, "x"]}, [1, "x"]),
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
        ({"code": "0", "result": {}}, CannotConnectError, "the answer has no code"),
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
    signed.actor.simulator.cloud.expire_access_tokens()
    await signed.cloud.act(signed.actor.lock.did, RECORD_VIDEO)
    assert signed.paths() == ["action", "get_token", "action"]
    assert len(signed.actor.lock.recordings) == 1
    assert len(signed.renewed) == 1


async def test_renewed_token_is_refused_too(signed: Signed) -> None:
    """There is no third time."""
    signed.actor.simulator.cloud.refuse_next(401, "action", times=3)
    with pytest.raises(NotSignedInError):
        await signed.cloud.act(signed.actor.lock.did, RECORD_VIDEO)
    assert signed.paths() == ["action", "get_token", "action"]
    with pytest.raises(ResultError):
        await signed.cloud.act(signed.actor.lock.did, (2, 99))


async def test_revoked_account(signed: Signed) -> None:
    """Nothing helps but signing in again."""
    signed.actor.simulator.cloud.revoke(signed.actor.account)
    with pytest.raises(NotSignedInError):
        await signed.cloud.read(signed.actor.lock.did, [BATTERY])
    assert signed.paths() == ["get", "get_token"]


@pytest.mark.parametrize(("path", "ask"), [("action", act), ("prop/set", write)])
async def test_failed_call_is_not_repeated(
    signed: Signed, path: str, ask: Callable[[CloudClient], Awaitable[object]]
) -> None:
    """It may have been carried out."""
    signed.actor.simulator.cloud.refuse_next(502, path)
    with pytest.raises(CannotConnectError):
        await ask(signed.cloud)
    assert len(signed.paths()) == 1


# The account and its devices


async def test_nickname(signed: Signed, liar: Liar) -> None:
    """It is the owner's; None where the service does not say."""
    assert await signed.cloud.nickname() == "Ming"
    liar.answers = [{"code": 0, "data": {}}, {"code": 0}]
    assert await liar.client(signed).nickname() is None
    assert await liar.client(signed).nickname() is None


async def test_account(signed: Signed) -> None:
    """Own homes and shared ones, with rooms and without."""
    lock = signed.actor.lock
    yard = add_lock(signed, "Yard", room=None)
    friend = add_lock(signed, "Friend's", shared=True, home="Hua's home", room="Entrance")
    single = add_lock(signed, "Single", shared=True, home=None, room=None)
    account = await signed.cloud.account()
    assert account.user_id == signed.actor.account.user_id
    assert account.rooms == {
        lock.did: ("Home", "Hall"),
        yard.did: ("Home", None),
        friend.did: ("Hua's home", "Entrance"),
    }
    assert single.did in {device.did for device in await signed.cloud.devices()}


async def test_homes_of_more_than_a_page(signed: Signed) -> None:
    """150 devices a page; later pages do not name the homes."""
    locks = [signed.actor.lock, *(add_lock(signed, f"Lock {i}") for i in range(310))]
    account = await signed.cloud.account()
    assert account.rooms == {lock.did: ("Home", "Hall") for lock in locks}
    assert signed.paths() == ["gethome", "get_dev_room_page", "get_dev_room_page"]


async def test_devices(signed: Signed) -> None:
    """They have what the list says of them, and keep their token to themselves."""
    lock = signed.actor.lock
    lock.host = "127.0.0.9"
    signed.actor.do("sleep")
    [device] = await signed.cloud.devices()
    lock.host = None
    assert (device.did, device.name, device.model) == (lock.did, "Front door", "xiaomi.lock.s1")
    assert device.urn == "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1:1"
    assert (device.online, device.firmware, device.mac) == (False, "2.1.4_0009", lock.mac)
    assert (device.address, device.token) == ("127.0.0.9", lock.token)
    assert lock.token not in repr(device)


async def test_devices_of_more_than_a_page(signed: Signed) -> None:
    """200 a page."""
    locks = [signed.actor.lock, *(add_lock(signed, f"Lock {i}") for i in range(410))]
    assert [device.did for device in await signed.cloud.devices()] == [lock.did for lock in locks]
    assert signed.paths() == ["device_list_page"] * 3


async def test_devices_of_other_shapes(signed: Signed, liar: Liar) -> None:
    """What has no did and no model is left out; the rest may be missing."""
    devices = [
        {"did": "1", "model": "m"},
        {"did": "2", "model": "m", "extra": None, "isOnline": "yes", "name": None, "mac": ""},
        {"did": 3, "model": "m"},
        {"model": "m"},
        "text",
    ]
    liar.answers = [{"code": 0, "result": {"list": devices, "has_more": True}}]
    found = await liar.client(signed).devices()
    assert [(device.did, device.name, device.online) for device in found] == [
        ("1", "m", False),
        ("2", "m", False),
    ]
    assert [(one.firmware, one.mac, one.address, one.token) for one in found] == [(None,) * 4] * 2


async def test_homes_of_other_shapes(signed: Signed, liar: Liar) -> None:
    """What makes no sense is left out."""
    homes = [
        {"id": "1", "dids": None, "roomlist": None},
        {"name": "without an id", "dids": ["5"]},
        {"id": "2", "name": "Home", "dids": ["6"], "roomlist": [None, {"dids": ["7"]}]},
    ]
    liar.answers = [{"code": 0, "result": {"homelist": homes}}]
    account = await liar.client(signed).account()
    assert account.user_id is None
    assert account.rooms == {"6": ("Home", None), "7": ("Home", None)}
