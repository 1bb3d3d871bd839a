"""A lock on the local network, over real packets."""

from __future__ import annotations

import asyncio
import errno
import struct
from typing import TYPE_CHECKING, Any

import pytest
from miio.protocol import Utils

from custom_components.xiaomi_smart_lock.miot import local
from custom_components.xiaomi_smart_lock.miot.client import Reading
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    NotSignedInError,
    Reason,
    ResultError,
)
from custom_components.xiaomi_smart_lock.miot.local import Info, LocalClient
from custom_components.xiaomi_smart_lock.miot.spec import SPEC, Access
from simulator.miio import MiioError, MiioServer
from tests.hosts import NEARBY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.lock import Lock
    from tests.actor import Actor

DID = 700_000_000
TOKEN = "0123456789abcdef" * 2
NOWHERE = ("127.0.0.1", 9)
HELLO_END = b"\xff" * 28

READABLE = SPEC.having(Access.READ)
BATTERY = (13, 1)
RECORDING = (17, 1)
RECORD_VIDEO = (17, 4)

pytestmark = pytest.mark.usefixtures("impatient")


# With the simulated lock


@pytest.fixture
def lock(actor: Actor) -> Lock:
    """Return a lock on the local network."""
    actor.lock = actor.simulation.call(
        actor.simulator.add_lock, actor.account, "Back door", host=NEARBY
    )
    actor.simulation.call(actor.simulator.settle)
    return actor.lock


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
    assert await client.act(lock.did, RECORD_VIDEO) == []
    assert len(lock.recordings) == 1
    assert (await client.act(lock.did, (4, 1), [7, 2]))[:3] == [0, 7, 2]
    with pytest.raises(ResultError) as raised:
        await client.act(lock.did, (2, 1))
    assert raised.value.reason is Reason.NOT_NOW


async def test_at_the_same_time(client: LocalClient, lock: Lock) -> None:
    """One after the other, so that no answer is taken for another's."""
    await asyncio.gather(*(client.write(lock.did, (19, 1), value) for value in range(5)))
    readings = await asyncio.gather(*(client.read(lock.did, [(19, 1)]) for _ in range(3)))
    assert readings == [{(19, 1): Reading(0, 4)}] * 3


async def test_asleep_and_awake_again(client: LocalClient, lock: Lock, actor: Actor) -> None:
    """Asleep it does not answer at all."""
    actor.do("sleep")
    with pytest.raises(CannotConnectError, match="asleep or out of reach"):
        await client.read(lock.did, [RECORDING])
    actor.do("wake")
    assert await client.read(lock.did, [RECORDING]) == {RECORDING: Reading(0, True)}


async def test_wrong_token(lock: Lock) -> None:
    """The lock is there, but says nothing to a stranger."""
    with pytest.raises(NotSignedInError):
        await LocalClient(NEARBY, "f" * 32).info()


@pytest.mark.parametrize("host", ["127.0.0.6", "no.such.host.invalid"])
async def test_nobody_there(host: str) -> None:
    """Whether the address is wrong or is none at all."""
    with pytest.raises(CannotConnectError):
        await LocalClient(host, TOKEN).info()


# With a device that does as it is told


def packet(payload: bytes) -> bytes:
    """Return a packet whose payload nobody looked at."""
    token = bytes.fromhex(TOKEN)
    encrypted = Utils.encrypt(payload, token)
    header = struct.pack(">HHIII", 0x2131, 32 + len(encrypted), 0, DID, 1)
    return header + Utils.md5(header + token + encrypted) + encrypted


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
        self.awake = True
        self.loses = self.falls_asleep = False
        self.garbled = b""

    def _next(self, method: str, _: object) -> object:
        self.methods.append(method)
        self.awake = not self.falls_asleep
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, MiioError):
            raise answer
        return answer

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take a packet, and do not answer it as it should be."""
        if data.endswith(HELLO_END):
            super().datagram_received(data, addr)
        elif self.garbled:
            self._transport.sendto(self.garbled, addr)
        else:
            super().datagram_received(data, NOWHERE if self.loses or self.falls_asleep else addr)


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
    return await client.act(str(DID), RECORD_VIDEO)


async def info(client: LocalClient) -> object:
    """Ask who it is."""
    return await client.info()


type Ask = Callable[[LocalClient], Awaitable[object]]

GOOD = {"siid": 13, "piid": 1, "code": 0}


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
        (act, {"code": 0, "out": [1]}, [1]),
        (act, {"code": 1}, []),
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


@pytest.mark.parametrize("trouble", ["loses", "falls_asleep"])
async def test_action_is_never_repeated(device: Device, trouble: str) -> None:
    """One lost answer says nothing of the token either."""
    device.answers = [{"code": 0}]
    setattr(device, trouble, True)
    with pytest.raises(CannotConnectError):
        await act(LocalClient(NEARBY, TOKEN))
    assert device.methods == ["action"]


async def test_action_is_not_repeated_for_a_busy_lock(device: Device) -> None:
    """Its answer is one that python-miio would try again at."""
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


async def test_network_is_gone_after_the_greeting(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That says nothing of the token."""
    device.loses = True
    client = LocalClient(NEARBY, TOKEN)
    greetings = [await asyncio.to_thread(client._hello)]

    def hello() -> object:
        if greetings:
            return greetings.pop()
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(client, "_hello", hello)
    with pytest.raises(CannotConnectError, match="does not answer any more"):
        await read(client)


async def test_falling_asleep_while_reading(device: Device) -> None:
    """Nothing is wrong with the token."""
    device.falls_asleep = True
    with pytest.raises(CannotConnectError):
        await read(LocalClient(NEARBY, TOKEN))


@pytest.mark.parametrize("garbled", [b"garbage", packet(b'{"id": 1, "resu')])
async def test_garbled_answers(device: Device, garbled: bytes) -> None:
    """They are no answers; the next good one is."""
    device.garbled = garbled
    client = LocalClient(NEARBY, TOKEN)
    with pytest.raises(CannotConnectError, match="garbled"):
        await read(client)
    device.garbled = b""
    device.answers = [[GOOD]]
    assert await read(client) == {BATTERY: Reading(0)}
