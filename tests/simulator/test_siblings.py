"""Locks of other models, over sockets: the expected numbers are those of ``models.json``.

They are written down here again, by hand, from the file alone.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

import aiohttp
import aiomqtt
import pytest
from miio import MiotDevice

from simulator.clock import Clock
from simulator.facts import FACTS
from simulator.sibling import D100E, Sibling
from simulator.siblings import INVENTED, MODELS
from simulator.simulator import Simulator
from tests.hosts import NEARBY
from tests.lock_driver import PATIENCE, until

from .client import CLIENT_ID, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from simulator.account import Account
    from simulator.lock import Lock

DEVICES = "/app/v2/home/device_list_page"
READ = "/app/v2/miotspec/prop/get"
WRITE = "/app/v2/miotspec/prop/set"
ACT = "/app/v2/miotspec/action"

TIME = "the time"
"""Stands for the device's time in expected arguments."""


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a running simulator."""
    async with Simulator(tmp_path) as simulator:
        yield simulator


@pytest.fixture
def account(simulator: Simulator) -> Account:
    """Return an account."""
    return simulator.add_account("Ming")


@pytest.fixture
async def client(simulator: Simulator, account: Account) -> AsyncIterator[Client]:
    """Return a client that is signed in."""
    async with aiohttp.ClientSession() as session:
        client = Client(session, simulator.endpoints)
        await client.sign_in()
        yield client


class Said(NamedTuple):
    """What a message says: the address of an event or a property, and its arguments or value."""

    address: str
    what: Any


class Subscriber:
    """A client of the broker that has subscribed to a lock."""

    def __init__(self, mqtt: aiomqtt.Client, simulator: Simulator, lock: Lock | Sibling) -> None:
        """Listen to the lock."""
        self.mqtt = mqtt
        self.simulator = simulator
        self.lock = lock

    async def hears(self, act: Callable[[], None]) -> list[Said]:
        """Return what is pushed for an act at the door."""
        act()
        self.lock.listeners[0](f"device/{self.lock.did}/end", {})
        heard = []
        async with asyncio.timeout(PATIENCE):
            async for message in self.mqtt.messages:
                topic = str(message.topic).removeprefix(f"device/{self.lock.did}/")
                if topic == "end":
                    break
                assert isinstance(message.payload, bytes)
                heard.append(said(topic, json.loads(message.payload)))
        return heard


def said(topic: str, payload: dict[str, Any]) -> Said:
    """Return what a message says; the topic has to name what the payload names."""
    if topic.startswith("state/"):
        return Said(topic, payload["event"])
    _, kind, siid, iid = topic.split("/")
    params = payload["params"]
    assert int(params["siid"]) == int(siid)
    if kind == "event_occured":
        assert int(params["eiid"]) == int(iid)
        return Said(f"{siid}.{iid}", {one["piid"]: one["value"] for one in params["arguments"]})
    assert int(params["piid"]) == int(iid)
    return Said(f"{siid}.{iid}", params["value"])


@pytest.fixture
async def listen(
    simulator: Simulator, account: Account, client: Client
) -> AsyncIterator[Callable[[str], Any]]:
    """Return a function that adds a lock of a model, and returns a subscriber to it."""
    mqtt = aiomqtt.Client(
        client.addresses["broker"],
        client.addresses["broker_port"],
        identifier=client.device_id,
        username=str(CLIENT_ID),
        password=client.token,
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_context=ssl.create_default_context(cafile=client.addresses["ca_file"]),
        timeout=PATIENCE,
    )
    async with mqtt:

        async def listen(model: str) -> Subscriber:
            lock = simulator.add_lock(account, model=model)
            await mqtt.subscribe(f"device/{lock.did}/#", qos=2)
            return Subscriber(mqtt, simulator, lock)

        yield listen


class Expected(NamedTuple):
    """The numbers of a model: of its event, of words, and of its states.

    ``event`` has the address and the order of the arguments. Numbers of operations are those of
    position, method and action. ``door`` are those of a door that is unlocked, open, ajar, locked,
    locked with the deadbolt, and locked with deadbolt and child lock.
    """

    event: str
    order: list[str]
    piids: dict[str, int]
    fingerprint: tuple[int, int, int]
    button: tuple[int, int, int]
    deadbolt_on: tuple[int, int, int]
    child_lock_on: tuple[int, int, int]
    door_address: str
    door: tuple[int, int, int, int, int, int]
    prised: tuple[str, dict[int, Any]]
    battery: str
    bell: str | None


M30FA = Expected(
    event="2.1020",
    order=["method", "id", "time", "position", "action"],
    piids={"method": 2, "id": 3, "time": 4, "position": 5, "action": 6},
    fingerprint=(2, 2, 2),
    button=(1, 9, 2),
    deadbolt_on=(1, 5, 3),
    child_lock_on=(1, 5, 5),
    door_address="3.1021",
    door=(2, 5, 4, 1, 33, 49),
    prised=("2.1007", {1: 2, 4: TIME}),
    battery="4.1003",
    bell=None,
)
R2 = Expected(
    event="2.1020",
    order=["position", "method", "action", "id", "time"],
    piids={"position": 1, "method": 2, "action": 3, "id": 4, "time": 5},
    fingerprint=(2, 2, 2),
    button=(1, 15, 2),
    deadbolt_on=(1, 15, 4),
    child_lock_on=(1, 15, 6),
    door_address="3.1021",
    door=(32, 48, 64, 16, 24, 28),
    prised=("2.1007", {6: 9, 5: TIME}),
    battery="4.1003",
    bell="5.1006",
)
EXPECTED = {
    "xiaomi.lock.s2": Expected(
        event="2.1020",
        order=["position", "method", "action", "id", "time"],
        piids={"position": 1, "method": 2, "action": 3, "id": 5, "time": 6},
        fingerprint=(2, 2, 2),
        button=(1, 14, 2),
        deadbolt_on=(1, 11, 3),
        child_lock_on=(1, 11, 5),
        door_address="3.1021",
        door=(2, 3, 4, 1, 6, 5),
        prised=("2.1007", {4: 9, 6: TIME}),
        battery="13.1",
        bell="7.1006",
    ),
    "xiaomi.lock.m30fa": M30FA,
    "xiaomi.lock.s20pro": M30FA,
    "xiaomi.lock.m30max": M30FA,
    "xiaomi.lock.b03": M30FA._replace(bell="5.1006"),
    "loock.lock.r2": R2,
    "loock.lock.fcl201": R2,
    "loock.lock.h01lyk": R2._replace(door=(32, 64, 64, 16, 16, 16)),
    "lumi.lock.mcn002": R2._replace(
        order=["id", "time", "action", "method", "position"],
        piids={"id": 1, "time": 2, "action": 3, "method": 5, "position": 6},
        door_address="2.1021",
        prised=("2.1007", {2: TIME, 4: 9}),
    ),
    # Its lock event is made up to be in service 3.
    "lumi.lock.wbmcn1": R2._replace(
        event="3.1020", door_address="3.1021", prised=("3.1007", {6: 9, 5: TIME})
    ),
}


def arguments(expected: Expected, numbers: tuple[int, int, int], number: int) -> dict[int, Any]:
    """Return the arguments of a lock event, in order."""
    values = dict(zip(("position", "method", "action"), numbers, strict=True))
    known: dict[str, Any] = {**values, "id": number, "time": TIME}
    return {expected.piids[name]: known[name] for name in expected.order}


@pytest.mark.parametrize("model", EXPECTED)
async def test_what_is_done_at_the_door_is_pushed_in_the_models_numbers(
    listen: Callable[[str], Any], model: str
) -> None:
    expected = EXPECTED[model]
    subscriber = await listen(model)
    lock = subscriber.lock

    def timeless(what: Any) -> Any:
        if not isinstance(what, dict):
            return what
        return {
            piid: TIME if lock.time - 60 < one <= lock.time else one for piid, one in what.items()
        }

    async def hears(act: Callable[[], None]) -> list[Said]:
        return [Said(one.address, timeless(one.what)) for one in await subscriber.hears(act)]

    def operation(numbers: tuple[int, int, int], number: int = 0) -> Said:
        return Said(expected.event, arguments(expected, numbers, number))

    def door(index: int) -> Said:
        return Said(expected.door_address, expected.door[index])

    unlocked, opened, ajar, locked, deadbolt, both = range(6)
    found = await hears(lambda: lock.unlock("fingerprint", "outside", operation_id=7))
    assert found == [operation(expected.fingerprint, 7), door(unlocked)]
    assert list(found[0].what) == [expected.piids[name] for name in expected.order]
    assert await hears(lock.press_inside_button) == [operation(expected.button), door(unlocked)]
    assert await hears(lock.open_door) == [door(opened)]
    assert door(ajar) in await hears(lock.leave_ajar)
    assert door(locked) in await hears(lock.close_door)
    found = await hears(lambda: lock.deadbolt(on=True))
    assert found[:2] == [operation(expected.deadbolt_on), door(deadbolt)]
    found = await hears(lambda: lock.child_lock(on=True))
    assert found[:2] == [operation(expected.child_lock_on), door(both)]
    lock.child_lock(on=False)
    lock.deadbolt(on=False)
    assert door(locked) in await hears(lock.close_door)
    assert await hears(lambda: lock.report("prised")) == [Said(*expected.prised)]
    assert await hears(lambda: lock.set_battery(15)) == [Said(expected.battery, 15)]
    if expected.bell:
        first, *_ = await hears(lock.ring)
        assert first.address == expected.bell
    else:
        with pytest.raises(LookupError):
            lock.ring()


@pytest.mark.parametrize(
    ("model", "event", "order", "fingerprint", "door", "opened"),
    [
        ("loock.lock.v5", "2.1", [1, 2, 4], {1: 2}, "3.1", 0),
        ("lumi.lock.bmcn05", "2.1", [1, 2, 4], {1: 2}, "3.1", 0),
        ("lumi.lock.mcn01", "2.1", [1, 2, 4], {1: 2}, "3.1", None),
        ("chuangmi.door.515a01", "2.2", [6, 5, 2, 3, 4], {6: 2, 5: 2, 2: 2}, "3.1021", 3),
        ("xiaomi.lock.d100e", "22.1", [3, 1, 4, 5, 6], {1: 7}, "20.1", 0),
        (INVENTED, "7.1020", [8, 3, 11, 2, 5], {3: 0, 2: 0, 5: 9}, "9.4", 20),
    ],
)
async def test_what_is_done_at_the_door_of_other_families(
    listen: Callable[[str], Any],
    model: str,
    event: str,
    order: list[int],
    fingerprint: dict[int, int],
    door: str,
    opened: int | None,
) -> None:
    """Some do not report all: one does not say what its door does."""
    subscriber = await listen(model)
    lock = subscriber.lock
    first, *_ = await subscriber.hears(lambda: lock.unlock("fingerprint"))
    assert first.address == event
    assert list(first.what) == order
    assert fingerprint.items() <= first.what.items()
    expected = [] if opened is None else [Said(door, opened)]
    assert await subscriber.hears(lock.open_door) == expected


async def test_long_operation_ids(listen: Callable[[str], Any]) -> None:
    """As one was seen that does not fit into 16 bits."""
    subscriber = await listen("lumi.lock.bmcn05")
    [heard] = await subscriber.hears(lambda: subscriber.lock.unlock("password"))
    assert heard.what[2] == 2147876869


@pytest.mark.parametrize(("model", "kind"), [("loock.lock.v5", int), ("chuangmi.door.515a01", str)])
async def test_a_time_that_is_declared_a_text(
    listen: Callable[[str], Any], model: str, kind: type
) -> None:
    """One model sends a number all the same."""
    subscriber = await listen(model)
    assert subscriber.lock.spec.properties[2, 4].format == "string"
    heard, *_ = await subscriber.hears(lambda: subscriber.lock.unlock("fingerprint"))
    assert type(heard.what[4]) is kind


async def test_numbers_as_texts(listen: Callable[[str], Any], client: Client) -> None:
    """One model sends and answers them so."""
    subscriber = await listen("loock.lock.t3pul")
    event, door = await subscriber.hears(lambda: subscriber.lock.unlock("fingerprint"))
    assert event.what[2] == "2"
    assert door.what == "32"
    params = [{"did": subscriber.lock.did, "siid": 3, "piid": 1021}]
    [answer] = await client.call(READ, {"params": params, "datasource": 1})
    assert answer["value"] == "32"


async def test_alarms_of_d100e(listen: Callable[[str], Any]) -> None:
    subscriber = await listen("xiaomi.lock.d100e")
    lock = subscriber.lock
    [alarm] = await subscriber.hears(lambda: lock.report("left_open"))
    assert alarm.address == "22.2"
    assert list(alarm.what) == [3, 2, 4, 5, 6]
    assert alarm.what[2] == 4
    closed = await subscriber.hears(lock.close_door)
    assert [one.what[1] for one in closed if one.address == "22.1"] == [19, 18]
    assert Said("19.12", 0) in closed
    assert Said("20.1", 1) in closed
    assert await subscriber.hears(lambda: lock.set_battery(8, 1)) == [Said("21.2", 8)]


# In the cloud


@pytest.mark.parametrize("model", MODELS)
async def test_in_the_list_of_devices(
    simulator: Simulator, account: Account, client: Client, model: str
) -> None:
    """A gateway is told by its did, and by the kind of connection."""
    lock = simulator.add_lock(account, model=model)
    listed = await client.call(DEVICES, {"dids": [lock.did], "limit": 10})
    [device] = listed["list"]
    facts = MODELS[model].facts
    assert (device["model"], device["spec_type"]) == (model, facts.urn)
    assert device["isOnline"] is True
    assert (device["pid"], bool(device["parent_id"])) == ((6, True) if lock.gateway else (0, False))


@pytest.mark.parametrize("model", MODELS)
async def test_all_that_can_be_read_has_a_value_of_its_specification(
    simulator: Simulator, account: Account, client: Client, model: str
) -> None:
    lock = simulator.add_lock(account, model=model)
    readable = [address for address, prop in lock.spec.properties.items() if prop.access]
    params = [{"did": lock.did, "siid": siid, "piid": piid} for siid, piid in readable]
    answers = await client.call(READ, {"params": params, "datasource": 1})
    for answer in answers:
        prop = lock.spec.properties[answer["siid"], answer["piid"]]
        assert answer["code"] == 0
        if prop.values:
            assert int(answer["value"]) in [named.value for named in prop.values]


async def test_what_is_written_and_done(listen: Callable[[str], Any], client: Client) -> None:
    """As the lock's own specification allows it, with the codes of any lock."""
    subscriber = await listen("xiaomi.lock.d100e")
    did = subscriber.lock.did

    async def write(siid: int, piid: int, value: object) -> int:
        params = [{"did": did, "siid": siid, "piid": piid, "value": value}]
        [answer] = await client.call(WRITE, {"params": params})
        return int(answer["code"])

    async def act(aiid: int, *given: str) -> dict[str, Any]:
        params = {"did": did, "siid": 18, "aiid": aiid, "in": list(given)}
        answer: dict[str, Any] = await client.call(ACT, {"params": params})
        return answer

    assert await write(18, 5, -300) == 0
    assert subscriber.lock.values[18, 5] == -300
    assert await write(18, 5, 1 << 15) == -704220043
    assert await write(25, 1, 4) == -704220043
    assert await write(26, 1, True) == 0
    assert await write(19, 12, 1) == -704030023
    assert await write(3, 1021, 1) == -704040002
    assert await write(18, 99, 1) == -704040003
    assert (await act(99))["code"] == -704040005
    assert (await act(1))["code"] == -704220025
    assert (await act(8)) == {"did": did, "siid": 18, "aiid": 8, "code": 0, "out": []}


async def test_d100e_is_unlocked_by_a_secret_for_one_use(
    listen: Callable[[str], Any], client: Client
) -> None:
    """A refused command answers another one."""
    lock = (await listen("xiaomi.lock.d100e")).lock
    assert isinstance(lock, D100E)

    async def act(aiid: int, *given: str) -> list[Any]:
        params = {"did": lock.did, "siid": 18, "aiid": aiid, "in": list(given)}
        answer = await client.call(ACT, {"params": params})
        out: list[Any] = answer["out"]
        return out

    secret, *rest = await act(10)
    assert rest == [0, "ok"]
    code, fresh = await act(1, "guessed")
    assert (code, fresh != secret) == (1, True)
    assert lock.values[19, 12] == 0
    assert (await act(1, secret))[0] == 1
    _, fresh = await act(1, "")
    assert await act(1, fresh) == [0, "ok"]
    assert lock.values[19, 12] == 1
    secret, *_ = await act(10)
    assert await act(3, secret) == [0, "ok"]
    assert lock.values[19, 12] == 0


async def test_firmware_with_revision_4(
    simulator: Simulator, account: Account, client: Client
) -> None:
    """What is new can be read, written and done, and is reported."""
    lock = simulator.add_lock(account, revision=4)
    listed = await client.call(DEVICES, {"dids": [lock.did], "limit": 10})
    [device] = listed["list"]
    assert device["spec_type"] == "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1:4"

    async def read(siid: int, piid: int) -> dict[str, Any]:
        params = [{"did": lock.did, "siid": siid, "piid": piid}]
        [answer] = await client.call(READ, {"params": params})
        found: dict[str, Any] = answer
        return found

    assert (await read(13, 20))["value"] == 0
    assert (await read(2, 24))["code"] == -704002000
    params = [{"did": lock.did, "siid": 2, "piid": 22, "value": 60}]
    [answer] = await client.call(WRITE, {"params": params})
    assert answer["code"] == 0
    assert (await read(2, 22))["value"] == 60
    done = await client.call(ACT, {"params": {"did": lock.did, "siid": 30, "aiid": 1, "in": []}})
    assert done["code"] == 0
    lock.emit((2, 40), 3, 2, lock.time)
    lock.operate(10, method=16, position=2)
    lock.set((3, 1021), 7)
    assert (await read(3, 1021))["value"] == 7
    assert (await read(13, 1))["value"] == 87


# Asleep, or behind a gateway


async def test_behind_a_gateway_no_lock_sleeps(tmp_path: Path) -> None:
    """The others do, by themselves; both kinds in one account."""
    async with Simulator(tmp_path, clock=Clock(speed=600)) as simulator:
        account = simulator.add_account("Ming")
        through_gateway = simulator.add_lock(account, model="lumi.lock.mcn002")
        by_itself = simulator.add_lock(account, model="xiaomi.lock.m30fa")
        await until(lambda: not by_itself.awake)
        through_gateway.sleep()
        assert through_gateway.awake
        by_itself.unlock()
        assert by_itself.awake
        with pytest.raises(ValueError, match="no local network"):
            simulator.add_lock(account, model="lumi.lock.mcn002", host=NEARBY)


async def test_nothing_is_pushed_about_sleep_but_the_state(listen: Callable[[str], Any]) -> None:
    subscriber = await listen("xiaomi.lock.m30fa")
    heard = await subscriber.hears(subscriber.lock.sleep)
    assert heard == [Said("state/offline", "offline")]


async def test_on_the_local_network(simulator: Simulator, account: Account) -> None:
    """A lock with Wi-Fi answers there as well, by its own specification."""
    lock = simulator.add_lock(account, model="xiaomi.lock.m30fa", host=NEARBY)
    await simulator.settle()
    device = MiotDevice(NEARBY, lock.token, lazy_discover=True)
    info = await asyncio.to_thread(device.info)
    assert info.model == "xiaomi.lock.m30fa"
    lock.unlock()
    params = [
        {"did": "1", "siid": siid, "piid": piid} for siid, piid in ((3, 1021), (2, 2), (7, 1))
    ]
    answer = await asyncio.to_thread(device.send, "get_properties", params)
    assert [item["code"] for item in answer] == [0, -704002000, -704040002]
    assert answer[0]["value"] == 2


# Facts


def test_facts_of_no_model_are_lost() -> None:
    """Each has an event with its arguments; and only what has a camera has one here."""
    cameras = {model for model, facts in FACTS.items() if facts.camera}
    assert cameras == {
        "xiaomi.lock.m30max",
        "xiaomi.lock.s2",
        "loock.lock.fcl201",
        "loock.lock.h01myk",
        "lumi.lock.bmcn05",
        "lumi.lock.mcn002",
        "lumi.lock.wbmcn1",
    }
    for facts in FACTS.values():
        assert facts.arguments
        assert facts.batteries


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        ("xiaomi.lock.s20pro", "method", {9: "inside_button", 11: "face"}),
        ("xiaomi.lock.m30max", "method", {13: "remote"}),
        ("loock.lock.h01lyk", "method", {2: "fingerprint", 3: "password", 20: "member"}),
        ("loock.lock.h01myk", "action", {12: "add", 14: "share_cancelled"}),
        ("loock.lock.r2", "action", {3: "locked_from_outside", 4: "deadbolt_on"}),
        ("lumi.lock.mcn002", "position", {3: "unknown"}),
        ("xiaomi.lock.b03", "exception", {1: "many_failures", 7: "ajar", 12: "unlock_error"}),
        ("loock.lock.fcl201", "exception", {9: "prised", 20: "batteries", 25: "forced"}),
        ("xiaomi.lock.b03", "door_state", {1: "locked", 6: "badly_closed"}),
        ("loock.lock.v5", "lock_state", {0: "open", 255: "other"}),
    ],
)
def test_what_refers_to_another_model(model: str, kind: str, words: dict[int, str]) -> None:
    assert words.items() <= FACTS[model].words[kind].items()


def test_what_a_remark_leaves_out() -> None:
    """Not all numbers of "1..7,9..12 as m30fa" are taken."""
    assert list(FACTS["xiaomi.lock.b03"].words["exception"]) == [*range(1, 8), *range(9, 13)]


def test_what_is_assumed_says_so() -> None:
    assert FACTS["xiaomi.lock.m30fa"].assumed == {"battery"}
    assert FACTS["xiaomi.lock.b03"].assumed == set()
    assert {"args", "method"} <= FACTS["loock.lock.t3pul"].assumed
