"""A lock on the local network, over real packets."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import struct
import time
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from miio.protocol import Message, Utils

from custom_components.xiaomi_smart_lock.miot import local
from custom_components.xiaomi_smart_lock.miot.client import Reading
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    NotSignedInError,
    Reason,
    ResultError,
)
from custom_components.xiaomi_smart_lock.miot.local import (
    GREETING,
    PORT,
    Info,
    LocalClient,
)
from custom_components.xiaomi_smart_lock.miot.spec import Access
from simulator.miio import MiioError, MiioServer
from simulator.model import SPEC
from tests.hosts import ELSEWHERE, NEARBY
from tests.lock_driver import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.lock import Lock
    from tests.lock_driver import LockDriver

DID = 700_000_000
TOKEN = "0123456789abcdef" * 2
NOWHERE = ("127.0.0.1", 9)
NO_ADDRESS = (socket.gaierror(socket.EAI_NONAME, "not known"), UnicodeError("label too long"))

READABLE = SPEC.having(Access.READ)
BATTERY = (13, 1)
RECORDING = (17, 1)
RECORD_VIDEO = (17, 4)
ADD_USER = (4, 1)

pytestmark = pytest.mark.usefixtures("short_timeouts")


@pytest.fixture
def patience(short_timeouts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for as long as a busy machine needs, where packets are counted."""
    monkeypatch.setattr(local, "HELLO_TIMEOUT", 3)
    monkeypatch.setattr(local, "ANSWER_TIMEOUT", 1)


# With the simulated lock


@pytest.fixture
def lock(driver: LockDriver) -> Lock:
    """Return a lock on the local network."""
    driver.lock = driver.simulation.call(
        driver.simulator.add_lock, driver.account, "Back door", host=NEARBY
    )
    driver.simulation.call(driver.simulator.settle)
    return driver.lock


@pytest.fixture
def client(lock: Lock) -> LocalClient:
    """Return a client with the right token."""
    return LocalClient(NEARBY, lock.token)


async def test_info(client: LocalClient, lock: Lock) -> None:
    """The device says which one it is."""
    assert await client.info() == Info(lock.did, "xiaomi.lock.s1", lock.firmware, lock.mac)


async def test_reading_in_pages(client: LocalClient, lock: Lock) -> None:
    """The lock refuses more than 15 properties a request; there are 45."""
    readings = await client.read(lock.did, READABLE)
    assert readings == {address: Reading(0, lock.values[address]) for address in READABLE}


async def test_one_greeting_for_a_reading(
    client: LocalClient, lock: Lock, driver: LockDriver, patience: None
) -> None:
    """A reading of 45 properties is one packet more than the limit demands, and its answers.

    The next reading, and whatever is written or done, begins with a greeting of its own.
    """
    asked: list[str] = []

    def note(packet: bytes) -> None:
        asked.append("hello" if packet == GREETING else opened(packet, lock.token)["method"])

    driver.simulator.miio[lock].stray = note
    reading = ["hello", *["get_properties"] * 3]
    for _ in range(2):
        assert len(await client.read(lock.did, READABLE)) == 45
    await client.write(lock.did, RECORDING, False)
    await client.act(lock.did, SPEC.actions[RECORD_VIDEO])
    assert await client.read(lock.did, READABLE)
    assert asked == [*reading * 2, "hello", "set_properties", "hello", "action", *reading]


async def test_greeting(
    client: LocalClient, lock: Lock, driver: LockDriver, patience: None
) -> None:
    """Who is awake answers, without a token; others at its address do not count."""
    assert await client.greet(lock.did, 10)
    assert await LocalClient(NEARBY, TOKEN).greet(lock.did, 10)
    assert not await client.greet(str(DID), 0.1)
    driver.do("sleep")
    assert not await client.greet(lock.did, 0.1)


async def test_greeting_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where nobody can be."""
    assert not await LocalClient(ELSEWHERE, TOKEN).greet(str(DID), 0.01)
    for error in NO_ADDRESS:
        find_nothing = Mock(side_effect=error)
        monkeypatch.setattr(socket, "getaddrinfo", find_nothing)
        assert not await LocalClient("no.such.host.invalid", TOKEN).greet(str(DID), 0.01)
        find_nothing.assert_called()


async def test_answers_get_lost(
    client: LocalClient, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was answered before counts; it is nothing only where nothing was answered."""
    read, asked = lock.read, iter(range(len(READABLE)))

    def fall_asleep(address: Address) -> Any:
        if next(asked) == 14:
            lock.sleep()
        return read(address)

    monkeypatch.setattr(lock, "read", fall_asleep)
    readings = await client.read(lock.did, READABLE)
    assert readings == {address: Reading(0, lock.values[address]) for address in READABLE[:15]}
    with pytest.raises(CannotConnectError):
        await client.read(lock.did, READABLE)


async def test_property_that_cannot_be_read(client: LocalClient, lock: Lock) -> None:
    """It does not disturb the others."""
    readings = await client.read(lock.did, [(5, 11), RECORDING])
    assert readings == {(5, 11): Reading(-704002000), RECORDING: Reading(0, True)}


async def test_writing(client: LocalClient, lock: Lock) -> None:
    """The lock has the value then."""
    await client.write(lock.did, RECORDING, False)
    assert lock.values[RECORDING] is False
    with pytest.raises(ResultError) as raised:
        await client.write(lock.did, BATTERY, 50)
    assert raised.value.reason is Reason.NOT_WRITABLE


async def test_acting(client: LocalClient, lock: Lock) -> None:
    """Inputs go, outputs come."""
    assert await client.act(lock.did, SPEC.actions[RECORD_VIDEO]) == []
    assert len(lock.recordings) == 1
    error, user, kind, when = await client.act(lock.did, SPEC.actions[4, 1], [7, 2])
    assert (error, user, kind) == (0, 7, 2)
    assert isinstance(when, int)
    with pytest.raises(ResultError) as raised:
        await client.act(lock.did, SPEC.actions[2, 1])
    assert raised.value.reason is Reason.NOT_NOW


async def test_at_the_same_time(client: LocalClient, lock: Lock) -> None:
    """One after the other, so that no answer is taken for another's."""
    await asyncio.gather(*(client.write(lock.did, (19, 1), value) for value in range(5)))
    readings = await asyncio.gather(*(client.read(lock.did, [(19, 1)]) for _ in range(3)))
    assert readings == [{(19, 1): Reading(0, 4)}] * 3


async def test_asleep_and_awake_again(client: LocalClient, lock: Lock, driver: LockDriver) -> None:
    """Asleep it does not answer at all."""
    driver.do("sleep")
    with pytest.raises(CannotConnectError, match="asleep or out of reach"):
        await client.read(lock.did, [RECORDING])
    driver.do("wake")
    assert await client.read(lock.did, [RECORDING]) == {RECORDING: Reading(0, True)}


async def test_wrong_token(lock: Lock) -> None:
    """The lock is there, but says nothing to a stranger."""
    with pytest.raises(NotSignedInError):
        await LocalClient(NEARBY, "f" * 32).info()


async def test_nobody_there() -> None:
    """Nobody answers at the address."""
    with pytest.raises(CannotConnectError):
        await LocalClient(ELSEWHERE, TOKEN).info()


@pytest.mark.parametrize("error", NO_ADDRESS)
async def test_no_address(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """What was entered leads nowhere, or is no host's name at all."""

    def find_nothing(_: str) -> str:
        raise error

    monkeypatch.setattr(socket, "gethostbyname", find_nothing)
    with pytest.raises(CannotConnectError):
        await LocalClient("no.such.host.invalid", TOKEN).info()


async def test_no_way_to_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network there is no connection, which says nothing of the token."""

    def unreachable(_: socket.socket, _address: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    with pytest.raises(CannotConnectError):
        await LocalClient(NEARBY, TOKEN).info()


# With a device that does as it is told


def packet(payload: bytes, *, did: int = DID, token: str = TOKEN) -> bytes:
    """Return a packet whose payload nobody looked at."""
    key = bytes.fromhex(token)
    encrypted = Utils.encrypt(payload, key)
    header = struct.pack(">HHIII", 0x2131, 32 + len(encrypted), 0, did, 1)
    return header + Utils.md5(header + key + encrypted) + encrypted


def refusal(code: Any) -> MiioError:
    """Return an error as the device's answer."""
    return MiioError(code, "no")


class Device(MiioServer):
    """Answers what it is told to; may fall silent, lose its answers or garble them."""

    def __init__(self, *answers: object) -> None:
        """Prepare answers, the last of which is given for ever."""
        super().__init__(NEARBY, DID, bytes.fromhex(TOKEN), self._next, lambda: self.awake)
        self.answers = list(answers)
        self.methods: list[str] = []
        self.params: object = None
        self.awake = True
        self.loses = self.falls_asleep = False
        self.lost: Collection[int] = ()
        """The numbers of the packets that get lost on their way here."""
        self.packets: list[bytes] = []
        self.asked_by: tuple[str | Any, int] = NOWHERE

    def _next(self, method: str, params: object) -> object:
        self.methods.append(method)
        self.params = params
        self.awake = not self.falls_asleep
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, MiioError):
            raise answer
        return answer

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take a packet, and do not answer it as it should be."""
        self.asked_by = addr
        self.packets.append(data)
        if len(self.packets) not in self.lost:
            super().datagram_received(data, addr)

    def _answer(self, data: bytes) -> bytes | None:
        answer = super()._answer(data)
        return None if self.loses or self.falls_asleep else answer


@pytest.fixture
async def device() -> AsyncIterator[Device]:
    """Return a device that is there."""
    async with Device([]) as device:
        yield device


async def read(client: LocalClient) -> object:
    """Read something."""
    return await client.read(str(DID), [BATTERY])


async def write(client: LocalClient) -> None:
    """Write something."""
    await client.write(str(DID), BATTERY, 5)


async def act(client: LocalClient) -> object:
    """Have something done."""
    return await client.act(str(DID), SPEC.actions[RECORD_VIDEO])


async def add(client: LocalClient) -> object:
    """Have something done that is answered."""
    return await client.act(str(DID), SPEC.actions[ADD_USER], [7, 2])


async def info(client: LocalClient) -> object:
    """Ask who it is."""
    return await client.info()


type Ask = Callable[[LocalClient], Awaitable[object]]

GOOD = {"siid": 13, "piid": 1, "code": 0}
ADDED: list[object] = [
    {"piid": piid, "value": value} for piid, value in ((7, 0), (1, 7), (2, 2), (6, 1790000000))
]


@pytest.mark.parametrize(
    ("ask", "answer", "outcome"),
    [
        (read, [GOOD | {"value": 5}], {BATTERY: Reading(0, 5)}),
        (read, [None, {}, GOOD], {BATTERY: Reading(0)}),
        (read, {}, {}),
        (read, refusal(-32601), ResultError),
        (read, refusal(None), CannotConnectError),
        (write, [GOOD], None),
        (write, [GOOD | {"siid": 2}, GOOD | {"code": 1}], None),
        (write, [GOOD | {"code": -704220043}], ResultError),
        (write, [], CannotConnectError),
        (write, "ok", CannotConnectError),
        (act, {"code": 0, "out": [1]}, []),
        (act, {"code": 1}, []),
        (add, {"code": 0, "out": ADDED}, [0, 7, 2, 1790000000]),
        (add, {"code": 0, "out": ADDED[::-1]}, [0, 7, 2, 1790000000]),
        (add, {"code": 0, "out": [*ADDED[:2], {"piid": 99, "value": 1}]}, [0, 7, None, None]),
        (add, {"code": 0, "out": [{"piid": 7}, {"value": 7}, {"piid": []}, 2]}, [None] * 4),
        (add, {"code": 0, "out": [0, 7]}, [0, 7, None, None]),
        (add, {"code": 0, "out": []}, [None] * 4),
        (add, {"code": 0, "out": {}}, [None] * 4),
        (add, {"code": 0}, [None] * 4),
        (act, {}, CannotConnectError),
        (act, [], CannotConnectError),
        (info, {"model": "m"}, Info(str(DID), "m", None, None)),
        (info, {}, CannotConnectError),
        (info, {"model": None}, CannotConnectError),
        (info, [], CannotConnectError),
    ],
)
async def test_answers_of_other_shapes(
    device: Device, ask: Ask, answer: object, outcome: object
) -> None:
    """What is not clearly done is an error."""
    device.answers = [answer]
    if isinstance(outcome, type) and issubclass(outcome, Exception):
        with pytest.raises(outcome):
            await ask(LocalClient(NEARBY, TOKEN))
    else:
        assert await ask(LocalClient(NEARBY, TOKEN)) == outcome


async def test_inputs_have_piids(device: Device) -> None:
    """The bare values that the cloud takes are the cloud's way only."""
    device.answers = [{"code": 0, "out": ADDED}]
    await add(LocalClient(NEARBY, TOKEN))
    inputs = [{"piid": 1, "value": 7}, {"piid": 2, "value": 2}]
    assert device.params == {"did": str(DID), "siid": 4, "aiid": 1, "in": inputs}


@pytest.mark.parametrize("trouble", ["loses", "falls_asleep"])
async def test_action_is_never_repeated(device: Device, trouble: str) -> None:
    """One lost answer says nothing of the token either."""
    device.answers = [{"code": 0}]
    setattr(device, trouble, True)
    with pytest.raises(CannotConnectError):
        await act(LocalClient(NEARBY, TOKEN))
    assert device.methods == ["action"]


async def test_action_is_not_repeated_for_a_busy_lock(device: Device) -> None:
    """Its answer is one at which a reading is tried again."""
    device.answers = [refusal(-9999), {"code": 0}]
    with pytest.raises(ResultError) as raised:
        await act(LocalClient(NEARBY, TOKEN))
    assert raised.value.code == -9999
    assert device.methods == ["action"]


async def test_reading_is_repeated(device: Device) -> None:
    """It does no harm."""
    device.answers = [refusal(-9999), [GOOD]]
    assert await read(LocalClient(NEARBY, TOKEN)) == {BATTERY: Reading(0)}
    assert device.methods == ["get_properties"] * 2


async def test_what_nobody_waits_for_is_not_sent_again(device: Device) -> None:
    """A setting whose entry was reloaded meanwhile does not replace one that was set since."""
    device.answers = [[GOOD]]
    device.lost = {2}
    client = LocalClient(NEARBY, TOKEN)
    first = asyncio.create_task(client.write(str(DID), BATTERY, 1))
    await until(lambda: len(device.packets) == 2)
    first.cancel()
    await asyncio.wait([first])
    await client.write(str(DID), BATTERY, 2)
    await asyncio.get_running_loop().shutdown_default_executor()
    assert device.methods == ["set_properties"]
    assert device.params == [{"did": str(DID), "siid": 13, "piid": 1, "value": 2}]


@pytest.mark.parametrize("ask", [read, write, act])
async def test_another_device_at_the_address(device: Device, ask: Ask) -> None:
    """It is asked nothing, and least of all to do something."""
    device._did = (DID + 1).to_bytes(4)
    with pytest.raises(CannotConnectError, match="another device"):
        await ask(LocalClient(NEARBY, TOKEN))
    assert device.methods == []


async def test_token_that_worked_is_given_time(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost packets look like a wrong token; an answer shows that it is right."""
    monkeypatch.setattr(local, "SILENCES", 2)
    device.answers = [[GOOD]]
    client = LocalClient(NEARBY, TOKEN)

    async def lose(times: int) -> None:
        device.loses = True
        for _ in range(times):
            with pytest.raises(CannotConnectError, match="awake but does not answer"):
                await read(client)

    for times in (1, 2):
        device.loses = False
        await read(client)
        await lose(times)
    with pytest.raises(NotSignedInError, match="does not take this token"):
        await read(client)


@pytest.mark.parametrize("ask", [read, write])
async def test_token_of_a_lock_that_slept_at_the_start(device: Device, ask: Ask) -> None:
    """Whatever is asked first, it is no sign of a wrong token that three packets get lost."""
    device.answers = [[GOOD]]
    client = LocalClient(NEARBY, TOKEN)
    device.awake = False
    with pytest.raises(CannotConnectError):
        await read(client)
    device.awake = True
    device.packets.clear()
    device.lost = {2, 4, 6}
    await ask(client)
    assert len(device.methods) == 1


async def test_network_is_gone_after_the_greeting(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That says nothing of the token."""
    device.loses = True
    client = LocalClient(NEARBY, TOKEN)
    send, greetings = local._Socket.send, iter(range(1 + local.RETRIES_OF_A_START))

    def greet(sock: local._Socket, packet: bytes) -> None:
        if packet == local.GREETING and next(greetings, None) is None:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        send(sock, packet)

    monkeypatch.setattr(local._Socket, "send", greet)
    with pytest.raises(CannotConnectError, match="does not answer anymore"):
        await read(client)


async def test_falling_asleep_while_reading(device: Device) -> None:
    """Nothing is wrong with the token."""
    device.falls_asleep = True
    with pytest.raises(CannotConnectError):
        await read(LocalClient(NEARBY, TOKEN))


# A reading of three requests, which share a greeting

PAGES = [READABLE[start : start + 15] for start in range(0, 45, 15)]
"""What is asked in each request."""


def answered(page: Collection[Address]) -> list[dict[str, int]]:
    """Return the answer to a request; the values are as good as others."""
    return [{"siid": siid, "piid": piid, "code": 0, "value": piid} for siid, piid in page]


@pytest.fixture
def asked(device: Device, patience: None) -> Callable[[], list[str]]:
    """Return what tells which packets arrived at a device that has answers to a reading."""
    device.answers = [answered(page) for page in PAGES]
    return lambda: ["hello" if one == GREETING else "request" for one in device.packets]


async def read_all(client: LocalClient) -> list[Address]:
    """Read all properties; return those that were answered."""
    readings = await client.read(str(DID), READABLE)
    assert all(reading == Reading(0, piid) for (_, piid), reading in readings.items())
    return list(readings)


async def test_a_request_within_a_reading_gets_lost(
    device: Device, asked: Callable[[], list[str]]
) -> None:
    """It is sent again after a new greeting, which serves the rest of the reading too."""
    device.lost = {3}
    assert await read_all(LocalClient(NEARBY, TOKEN)) == [*READABLE]
    assert asked() == ["hello", "request", "request", "hello", "request", "request"]


async def test_a_greeting_gets_lost(device: Device, asked: Callable[[], list[str]]) -> None:
    """Another one follows."""
    device.lost = {1}
    assert await read_all(LocalClient(NEARBY, TOKEN)) == [*READABLE]
    assert asked() == ["hello", "hello", *["request"] * 3]


async def test_restarting_within_a_reading(device: Device, asked: Callable[[], list[str]]) -> None:
    """Its clock starts anew: it takes no request of the time before, but one after a greeting."""

    def restart(sent: bytes) -> None:
        if len(device.packets) == 2:
            device.restart()

    device.stray = restart
    assert await read_all(LocalClient(NEARBY, TOKEN)) == [*READABLE]
    assert asked() == ["hello", "request", "request", "hello", "request", "request"]
    assert device.methods == ["get_properties"] * 3


async def test_another_device_within_a_reading(
    device: Device, asked: Callable[[], list[str]]
) -> None:
    """It is not believed, even if it has the same token; what the lock said before counts."""

    def replace(sent: bytes) -> None:
        if len(device.packets) == 2:
            device._did = (DID + 1).to_bytes(4)

    device.stray = replace
    assert await read_all(LocalClient(NEARBY, TOKEN)) == [*PAGES[0]]
    assert asked() == ["hello", "request", "request"]


type Change = Callable[[bytes, dict[str, Any]], bytes]


def said(payload: object, *, did: int = DID, token: str = TOKEN, cut: int = 0) -> bytes:
    """Return a packet as a device makes it, or its beginning."""
    whole = packet(json.dumps(payload).encode(), did=did, token=token)
    return whole[: len(whole) - cut]


def as_greeting(whole: bytes) -> bytes:
    """Return a packet that says of itself to be as long as a greeting, which has no checksum."""
    return whole[:2] + struct.pack(">H", 32) + whole[4:16] + b"\xff" * 16 + whole[32:]


STALE = {"siid": 13, "piid": 1, "code": 0, "value": 3}
FRESH = {"siid": 13, "piid": 1, "code": 0, "value": 5}

# What somebody sends before the lock answers, who knows the request and all that the lock ever said
STRAY: dict[str, Change] = {
    "a byte": lambda *_: b"!",
    "noise": lambda *_: os.urandom(1400),
    "a greeting": lambda *_: struct.pack(">HHIII16s", 0x2131, 32, 0, DID, 1, b"\xff" * 16),
    "the request itself": lambda sent, _: sent,
    "no JSON": lambda *_: packet(b'{"id": 1, "resu'),
    "neither result nor error": lambda _, request: said({"id": request["id"]}),
    "an array": lambda _, request: said([request["id"], [STALE]]),
    "the answer before": lambda _, request: said({"id": request["id"] - 1, "result": [STALE]}),
    "a refusal of another request": lambda *_: said({"id": 1, "error": {"code": -9999}}),
    "an answer to all": lambda *_: said({"id": None, "result": [STALE]}),
    "a number as a text": lambda _, request: said({"id": str(request["id"]), "result": [STALE]}),
    "true": lambda *_: said({"id": True, "result": [STALE]}),
    "another device": lambda _, request: said({"id": request["id"], "result": [STALE]}, did=1),
    "another token": lambda _, request: said(
        {"id": request["id"], "result": [STALE]}, token="f" * 32
    ),
    "half an answer": lambda _, request: said({"id": request["id"], "result": [STALE]}, cut=16),
    "more than an answer": lambda _, request: (
        said({"id": request["id"], "result": [STALE]}) + bytes(16)
    ),
    "no checksum": lambda _, request: as_greeting(said({"id": request["id"], "result": [STALE]})),
}


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
async def test_what_is_no_answer(device: Device, stray: Change) -> None:
    """It is passed over: the answer comes after it."""
    device.answers = [[FRESH]]
    device.stray = lambda sent: None if sent == GREETING else stray(sent, opened(sent))
    assert await read(LocalClient(NEARBY, TOKEN)) == {BATTERY: Reading(0, 5)}
    assert device.methods == ["get_properties"]


@pytest.mark.parametrize("ask", [read, write, act, info])
@pytest.mark.parametrize("name", sorted(STRAY.keys() - {"a greeting"}))
async def test_nothing_but_what_is_no_answer(device: Device, ask: Ask, name: str) -> None:
    """Nothing is taken of it, and it does not say that the token is wrong, as silence does."""
    stray = STRAY[name]
    device.stray = lambda sent: None if sent == GREETING else stray(sent, opened(sent))
    device.loses = True
    with pytest.raises(CannotConnectError):
        await ask(LocalClient(NEARBY, TOKEN))


def opened(sent: bytes, token: str = TOKEN) -> dict[str, Any]:
    """Return a request as the lock reads it."""
    request: dict[str, Any] = Message.parse(sent, token=bytes.fromhex(token)).data.value
    return request


async def test_recorded_answers(device: Device) -> None:
    """Whoever recorded a thousand answers, and gives them all again, changes nothing."""
    client = LocalClient(NEARBY, TOKEN)
    device.answers = [[STALE]]
    numbers = []

    def record(sent: bytes) -> None:
        if sent != GREETING:
            numbers.append(opened(sent)["id"])

    device.stray = record
    for _ in range(20):
        assert await read(client) == {BATTERY: Reading(0, 3)}
    assert len({number >> 16 for number in numbers}) > 10  # nobody guesses the next one
    recorded = [said({"id": number, "result": [STALE]}) for number in numbers]
    device.answers = [[FRESH]]

    def play(sent: bytes) -> None:
        if sent != GREETING:
            for old in recorded:
                device._transport.sendto(old, device.asked_by)

    device.stray = play
    assert await read(client) == {BATTERY: Reading(0, 5)}


@pytest.mark.parametrize("drop", [b"!", b"!" * len(GREETING)], ids=["short", "as greetings"])
async def test_a_flood(device: Device, drop: bytes) -> None:
    """So much that is no answer that none is waited for any longer; the next question works.

    It does not say that the token is wrong, as silence does, though it may look like greetings.
    """
    device.answers = [[FRESH]]

    def flood(sent: bytes) -> None:
        if sent != GREETING:
            for _ in range(local.PACKETS_LIMIT):
                device._transport.sendto(drop, device.asked_by)

    device.stray = flood
    with pytest.raises(CannotConnectError, match="no answer to the request"):
        await read(LocalClient(NEARBY, TOKEN))
    device.stray = lambda _: None
    assert await read(LocalClient(NEARBY, TOKEN)) == {BATTERY: Reading(0, 5)}


async def test_answers_of_another_address(device: Device) -> None:
    """Only the address that was asked is heard, whatever the packet says."""
    device.answers = [[FRESH]]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((ELSEWHERE, PORT))

        def answer(sent: bytes) -> None:
            if sent != GREETING:
                number = opened(sent)["id"]
                other.sendto(said({"id": number, "result": [STALE]}), device.asked_by)

        device.stray = answer
        assert await read(LocalClient(NEARBY, TOKEN)) == {BATTERY: Reading(0, 5)}
        device.loses = True
        with pytest.raises(NotSignedInError, match="does not take this token"):
            await read(LocalClient(NEARBY, TOKEN))


async def test_a_flood_of_another_address(device: Device) -> None:
    """Whoever only guesses where answers are awaited costs nothing, however much they send."""
    device.answers = [[FRESH]]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((ELSEWHERE, PORT))

        def flood(_sent: bytes) -> None:
            for _ in range(2 * local.PACKETS_LIMIT):
                other.sendto(b"!", device.asked_by)

        device.stray = flood
        assert await read(LocalClient(NEARBY, TOKEN)) == {BATTERY: Reading(0, 5)}
    assert device.methods == ["get_properties"]


async def test_nobody_listens_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """That an address refuses what is sent there says nothing of what it does a moment later."""
    monkeypatch.setattr(local, "HELLO_TIMEOUT", 3)
    client = LocalClient(NEARBY, TOKEN)
    reading = asyncio.create_task(read(client))
    await asyncio.sleep(0.1)
    async with Device([FRESH]):
        assert await reading == {BATTERY: Reading(0, 5)}


async def test_a_clock_at_its_end(device: Device) -> None:
    """Nothing can be asked of a lock whose clock is at the last number."""
    device._started = time.monotonic() - (2**32 - 1)
    with pytest.raises(CannotConnectError, match="clock"):
        await read(LocalClient(NEARBY, TOKEN))
