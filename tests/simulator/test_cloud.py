"""The cloud's HTTP interface, over TLS: what it answers, and each of its refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from custom_components.xiaomi_smart_lock.miot.spec import Access
from simulator.model import SPEC

if TYPE_CHECKING:
    from simulator.account import Account
    from simulator.lock import Lock
    from simulator.simulator import Simulator

    from .client import Client

HOMES = "/app/v2/homeroom/gethome"
ROOMS = "/app/v2/homeroom/get_dev_room_page"
DEVICES = "/app/v2/home/device_list_page"
GET = "/app/v2/miotspec/prop/get"
SET = "/app/v2/miotspec/prop/set"
ACTION = "/app/v2/miotspec/action"

HOMES_BODY = {"limit": 150, "fetch_share": True, "fetch_share_dev": True, "plat_form": 0}
DEVICES_BODY = {"limit": 200, "get_split_device": True, "get_third_device": True, "dids": []}


@pytest.fixture
def account(simulator: Simulator) -> Account:
    """Return the account."""
    return next(iter(simulator.cloud.accounts.values()))


@pytest.fixture
async def lock(simulator: Simulator, account: Account, client: Client) -> Lock:
    """Return a lock of the account that the client is signed in to."""
    await client.sign_in()
    return simulator.add_lock(account)


def reading(*dids: str, address: tuple[int, int] = (3, 1021)) -> dict[str, Any]:
    """Return a body that reads a property of some devices."""
    siid, piid = address
    params = [{"did": did, "siid": siid, "piid": piid} for did in dids]
    return {"datasource": 1, "params": params}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Client-BizId": None}, 400),
        ({"X-Client-BizId": "app"}, 400),
        ({"X-Client-AppId": None}, 400),
        ({"X-Client-AppId": "1"}, 400),
        ({"Content-Type": None}, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 400),
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearerinvented"}, 401),
    ],
)
async def test_wrong_headers(
    client: Client, lock: Lock, headers: dict[str, str | None], status: int
) -> None:
    """Each of them has to be right."""
    assert (await client.post(GET, reading(lock.did), headers)).status == status


@pytest.mark.parametrize("prefix", ["Bearer ", "bearer", ""])
async def test_the_token_follows_its_word_without_a_blank(
    client: Client, lock: Lock, prefix: str
) -> None:
    """As the interface wants it, unlike others."""
    headers: dict[str, str | None] = {"Authorization": prefix + client.token}
    assert (await client.post(GET, reading(lock.did), headers)).status == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (HOMES, {}),
        (ROOMS, {"limit": 150}),
        (DEVICES, {"limit": 200}),
        (GET, {"params": [{"did": "1"}]}),
        (GET, {"params": None}),
        (GET, []),
        (SET, {"params": [{"did": "1", "siid": 2, "piid": 1}]}),
        (ACTION, {"params": {"did": "1", "siid": 2}}),
        (ACTION, {"params": []}),
    ],
)
async def test_bodies_of_another_shape(client: Client, lock: Lock, path: str, body: object) -> None:
    """They are answered with a code, not with a result."""
    answer = await client.answer(path, body)
    assert answer["code"] < 0
    assert answer["result"] is None


async def test_what_is_no_json(client: Client, lock: Lock) -> None:
    """It is refused as a request."""
    response = await client.session.post(
        client.addresses["api"] + GET,
        data=b"{",
        headers={"Content-Type": "application/json"},
        ssl=client.tls,
    )
    assert response.status == 400


async def test_reading(client: Client, lock: Lock) -> None:
    """Value and time of the last report, asleep or awake; a code for each item."""
    lock.sleep()
    siid_piid = [(3, 1021), (13, 1), (7, 1), (3, 1), (99, 1)]
    params = [{"did": lock.did, "siid": siid, "piid": piid} for siid, piid in siid_piid]
    result = await client.call(GET, {"datasource": 1, "params": params})
    assert [(item["did"], item["siid"], item["piid"]) for item in result] == [
        (lock.did, *address) for address in siid_piid
    ]
    assert [item["code"] for item in result] == [0, 0, -704002000, -704040003, -704040002]
    assert [item.get("value") for item in result] == [1, 87, None, None, None]
    assert result[0]["updateTime"] == lock.updated[3, 1021]
    assert "value" not in result[2]


async def test_reading_from_the_device(client: Client, lock: Lock) -> None:
    """What does not come from the cloud's copy needs the lock awake."""
    body = reading(lock.did) | {"datasource": 3}
    assert (await client.call(GET, body))[0]["value"] == 1
    lock.sleep()
    assert (await client.call(GET, body))[0]["code"] == -704042011


async def test_150_properties_are_read_at_once_and_not_one_more(
    simulator: Simulator, account: Account, client: Client, lock: Lock
) -> None:
    """Of any devices of the account."""
    others = [simulator.add_lock(account, f"Door {number}") for number in range(3)]
    readable = SPEC.having(Access.READ)
    params = [
        {"did": one.did, "siid": siid, "piid": piid}
        for one in (lock, *others)
        for siid, piid in readable
    ]
    assert len(params) == 180
    result = await client.call(GET, {"datasource": 1, "params": params[:150]})
    assert [item["code"] for item in result] == [0] * 150
    answer = await client.answer(GET, {"datasource": 1, "params": params[:151]})
    assert answer["code"] < 0


async def test_devices_of_others(
    simulator: Simulator, account: Account, client: Client, lock: Lock
) -> None:
    """Unknown ones do not exist; another's, and one that left, are not authorised."""
    stranger = simulator.add_lock(simulator.add_account("Mei"), "Hers")
    gone = simulator.add_lock(account, "Gone")
    simulator.remove_lock(gone)
    dids = ["1", stranger.did, gone.did, lock.did]
    codes = [-704042001, -704010000, -704010000, 0]
    assert [item["code"] for item in await client.call(GET, reading(*dids))] == codes
    writes = [{"did": did, "siid": 21, "piid": 5, "value": 1} for did in dids]
    result = await client.call(SET, {"params": writes})
    assert [item["code"] for item in result] == codes
    for did, code in zip(dids, codes, strict=True):
        params = {"did": did, "siid": 2, "aiid": 2, "in": []}
        assert (await client.call(ACTION, {"params": params}))["code"] == code
    assert stranger.values[21, 5] == 2
    devices = (await client.call(DEVICES, DEVICES_BODY))["list"]
    assert [device["did"] for device in devices] == [lock.did]


async def test_writing(client: Client, lock: Lock) -> None:
    """A code for each item; what was accepted takes effect."""
    wanted = [(21, 5, 3), (21, 5, 9), (3, 1021, 1), (3, 1, 1), (99, 1, 1)]
    params = [
        {"did": lock.did, "siid": siid, "piid": piid, "value": value}
        for siid, piid, value in wanted
    ]
    result = await client.call(SET, {"params": params})
    assert [item["code"] for item in result] == [
        0,
        -704220043,
        -704030023,
        -704040003,
        -704040002,
    ]
    assert lock.values[21, 5] == 3
    lock.sleep()
    result = await client.call(SET, {"params": params[:1]})
    assert result == [{"did": lock.did, "siid": 21, "piid": 5, "code": -704042011}]


@pytest.mark.parametrize(
    ("aiid", "inputs", "code", "out"),
    [
        (6, [], 0, [0]),
        (1, [7, 2], 0, [0, 7, 2, None]),
        (1, [7], -704220025, []),
        (1, [7, 9], -704220035, []),
        (99, [], -704040005, []),
    ],
)
async def test_acting(
    client: Client, lock: Lock, aiid: int, inputs: list[int], code: int, out: list[int | None]
) -> None:
    """The answer has the action's outputs in the specification's order."""
    body = {"params": {"did": lock.did, "siid": 4, "aiid": aiid, "in": inputs}}
    result = await client.call(ACTION, body)
    assert result["code"] == code
    expected = [lock.time if value is None else value for value in out]
    assert result["out"] == pytest.approx(expected, abs=5)
    lock.sleep()
    assert (await client.call(ACTION, body))["code"] == (code or -704042011)


async def test_homes_of_an_account_without_locks(client: Client, account: Account) -> None:
    """Its own home still tells who it is."""
    await client.sign_in()
    result = await client.call(HOMES, HOMES_BODY)
    assert [home["uid"] for home in result["homelist"]] == [int(account.user_id)]
    assert result["share_home_list"] == []
    assert result["has_more"] is False


async def test_homes_and_rooms(
    simulator: Simulator, account: Account, client: Client, lock: Lock
) -> None:
    """Own and shared homes, rooms, and locks in no room; singly shared ones in no home."""
    loose = simulator.add_lock(account, "Loose", room=None)
    cabin = simulator.add_lock(account, "Cabin", home="Cabin", room="Porch")
    shared = simulator.add_lock(account, "Office", home="Work", room="Lobby", shared=True)
    single = simulator.add_lock(account, "Neighbour", home=None, shared=True)
    result = await client.call(HOMES, HOMES_BODY)

    def content(home: dict[str, Any]) -> tuple[str, list[str], dict[str, list[str]]]:
        rooms = {room["name"]: room["dids"] for room in home["roomlist"]}
        return home["name"], home["dids"], rooms

    assert list(map(content, result["homelist"])) == [
        ("Home", [loose.did], {"Hall": [lock.did]}),
        ("Cabin", [], {"Porch": [cabin.did]}),
    ]
    assert list(map(content, result["share_home_list"])) == [("Work", [], {"Lobby": [shared.did]})]
    assert result["share_home_list"][0]["uid"] != int(account.user_id)
    ids = [home["id"] for home in result["homelist"] + result["share_home_list"]]
    assert len(set(ids)) == 3
    without = await client.call(HOMES, HOMES_BODY | {"fetch_share": False})
    assert without["share_home_list"] == []

    devices = {one["did"]: one for one in (await client.call(DEVICES, DEVICES_BODY))["list"]}
    assert devices.keys() == {lock.did, loose.did, cabin.did, shared.did, single.did}
    assert devices[lock.did]["owner"] is None
    for did in (shared.did, single.did):
        assert devices[did]["owner"].keys() == {"userid", "nickname"}


async def test_homes_come_in_pages(
    simulator: Simulator, account: Account, client: Client, lock: Lock
) -> None:
    """The pages together have every lock once."""
    locks = [simulator.add_lock(account, f"Door {n}", room=f"Room {n % 3}") for n in range(9)]
    result = await client.call(HOMES, HOMES_BODY | {"limit": 4})
    seen = [did for room in result["homelist"][0]["roomlist"] for did in room["dids"]]
    pages = 1
    while result["has_more"]:
        result = await client.call(ROOMS, {"start_id": result["max_id"], "limit": 4})
        pages += 1
        seen += [
            did for page in result["info"] for room in page["roomlist"] for did in room["dids"]
        ]
    assert pages == 3
    assert sorted(seen) == sorted(one.did for one in (lock, *locks))


async def test_a_device(client: Client, lock: Lock) -> None:
    """All that its list says of it."""
    lock.host = "127.0.0.2"
    (device,) = (await client.call(DEVICES, DEVICES_BODY))["list"]
    assert device["name"] == "Front door"
    assert device["model"] == "xiaomi.lock.s1"
    assert device["spec_type"] == "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1:1"
    assert device["isOnline"] is True
    assert device["local_ip"] == "127.0.0.2"
    assert len(bytes.fromhex(device["token"])) == 16
    assert type(device["pid"]) is int
    assert device["extra"]["fw_version"] == lock.firmware
    assert {"mac", "rssi", "ssid", "bssid", "parent_id"} <= device.keys()
    lock.sleep()
    (device,) = (await client.call(DEVICES, DEVICES_BODY))["list"]
    assert device["isOnline"] is False


async def test_devices_come_in_pages(
    simulator: Simulator, account: Account, client: Client, lock: Lock
) -> None:
    """Each page says where the next one starts."""
    dids = [lock.did] + [simulator.add_lock(account, f"Door {n}").did for n in range(4)]
    seen: list[str] = []
    body: dict[str, Any] = DEVICES_BODY | {"limit": 2}
    for expected_more in (True, True, False):
        result = await client.call(DEVICES, body)
        seen += [device["did"] for device in result["list"]]
        assert result["has_more"] is expected_more
        body = body | {"start_did": result["next_start_did"]}
    assert seen == dids


async def test_some_devices(
    simulator: Simulator, account: Account, client: Client, lock: Lock
) -> None:
    """Only those asked for, and at most 150."""
    other = simulator.add_lock(account, "Back door")
    result = await client.call(DEVICES, DEVICES_BODY | {"dids": [other.did, "1"]})
    assert [device["did"] for device in result["list"]] == [other.did]
    many = [str(number) for number in range(151)]
    assert (await client.answer(DEVICES, DEVICES_BODY | {"dids": many}))["code"] < 0


async def test_what_was_asked_is_kept(simulator: Simulator, client: Client, lock: Lock) -> None:
    """In order, with bodies."""
    simulator.cloud.requests.clear()
    await client.call(GET, reading(lock.did))
    await client.call(HOMES, HOMES_BODY)
    assert simulator.cloud.requests == [(GET, reading(lock.did)), (HOMES, HOMES_BODY)]


async def test_an_outage(simulator: Simulator, client: Client, lock: Lock) -> None:
    """Connections end without an answer, until it is over."""
    simulator.cloud.online = False
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.post(GET, reading(lock.did))
    simulator.cloud.online = True
    await client.call(GET, reading(lock.did))


async def test_refusing_the_next(simulator: Simulator, client: Client, lock: Lock) -> None:
    """As many as said, and of a path."""
    simulator.cloud.refuse_next(503, "prop/get", times=2)
    await client.call(HOMES, HOMES_BODY)
    statuses = [(await client.post(GET, reading(lock.did))).status for _ in range(3)]
    assert statuses == [503, 503, 200]
