"""miIO as clients that nobody here wrote see it: python-miio's classes and its command."""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import miio
import pytest
from miio.exceptions import DeviceError, DeviceException
from miio.miioprotocol import MiIOProtocol
from miio.protocol import Utils

from simulator.clock import Clock
from simulator.lock import Lock
from simulator.miio import MiioError, MiioServer
from simulator.miio_methods import handle
from tests.hosts import ELSEWHERE, NEARBY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DID = 700123456
TOKEN = bytes(range(16))

DONE = 0
NO_SUCH_PROPERTY = -704040003
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
WRONG_COUNT, WRONG_PARAMETER = -704220025, -704220035

type Address = tuple[int, int]


class Device:
    """Stands in for a lock: answers from a dictionary."""

    def __init__(self) -> None:
        self.awake = True
        self.values: dict[Address, Any] = {(2, 1): True, (3, 1021): 3, (4, 1): "老王"}
        self.requests: list[tuple[str, Any]] = []

    def handle(self, method: str, params: Any) -> object:
        """Answer a request."""
        self.requests.append((method, params))
        match method:
            case "miIO.info":
                return {"model": "xiaomi.lock.s1", "fw_ver": "2.1.4_0009", "hw_ver": "esp32"}
            case "get_properties":
                return [self._read(item) for item in params]
            case "set_properties":
                return [self._write(item) for item in params]
            case "action":
                return {"code": DONE, "out": params["in"][::-1]}
        raise MiioError(METHOD_NOT_FOUND, "Method not found.")

    def _read(self, item: dict[str, Any]) -> dict[str, Any]:
        address = item["siid"], item["piid"]
        if address not in self.values:
            return {**item, "code": NO_SUCH_PROPERTY}
        return {**item, "code": DONE, "value": self.values[address]}

    def _write(self, item: dict[str, Any]) -> dict[str, Any]:
        self.values[item["siid"], item["piid"]] = item.pop("value")
        return {**item, "code": DONE}


@pytest.fixture
async def device(socket_enabled: None) -> AsyncIterator[Device]:
    """Return a device that answers at an address of its own."""
    device = Device()
    async with MiioServer(NEARBY, DID, TOKEN, device.handle, lambda: device.awake):
        yield device


def client(
    token: bytes = TOKEN, mapping: dict[str, dict[str, int]] | None = None
) -> miio.MiotDevice:
    return miio.MiotDevice(NEARBY, token.hex(), timeout=1, mapping=mapping or {})


async def blocking[T](function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call what waits for the network, out of the way of the server's event loop."""
    return await asyncio.to_thread(function, *args, **kwargs)


async def hello() -> Any:
    return await blocking(MiIOProtocol.discover, NEARBY, timeout=1)


async def test_hello_tells_the_did_but_not_the_token(device: Device) -> None:
    message = await hello()
    assert int.from_bytes(message.header.value.device_id) == DID
    assert message.checksum == b"\xff" * 16


async def test_the_stamp_counts_the_seconds_since_the_start(device: Device) -> None:
    """Which python-miio shows as a time of 1970; it has been running for an hour."""
    stamp = (await hello()).header.value.ts
    assert (stamp.year, stamp.month, stamp.day, stamp.hour, stamp.minute) == (1970, 1, 1, 1, 0)


async def test_properties_are_read_in_pages(device: Device) -> None:
    device.values = {(7, piid): piid * 11 for piid in range(1, 21)}
    mapping = {f"p{piid}": {"siid": 7, "piid": piid} for piid in range(1, 21)}
    answer = await blocking(client(mapping=mapping).get_properties_for_mapping)
    assert [(item["did"], item["value"]) for item in answer] == [
        (f"p{piid}", piid * 11) for piid in range(1, 21)
    ]
    assert [len(params) for _, params in device.requests] == [15, 5]


@pytest.mark.parametrize(("address", "value"), [((2, 1), True), ((3, 1021), 3), ((4, 1), "老王")])
async def test_a_property_is_read(device: Device, address: Address, value: object) -> None:
    (item,) = await blocking(client().get_property_by, *address)
    assert (item["code"], item["value"]) == (DONE, value)


async def test_a_property_that_is_not_there_has_its_code(device: Device) -> None:
    (item,) = await blocking(client().get_property_by, 9, 9)
    assert item["code"] == NO_SUCH_PROPERTY


async def test_a_property_is_set(device: Device) -> None:
    (item,) = await blocking(client().set_property_by, 3, 1021, 4)
    assert item["code"] == DONE
    assert device.values[3, 1021] == 4


async def test_an_action_takes_and_gives_values(device: Device) -> None:
    answer = await blocking(client().call_action_by, 22, 3, [1, "two", False])
    assert answer == {"code": DONE, "out": [False, "two", 1]}
    assert device.requests[-1][1]["aiid"] == 3


def by_piid(values: dict[int, object]) -> list[dict[str, object]]:
    return [{"piid": piid, "value": value} for piid, value in values.items()]


@pytest.fixture
async def lock(socket_enabled: None) -> AsyncIterator[Lock]:
    """Return the simulated lock, which answers at an address of its own."""
    lock = Lock(Clock(), did=str(DID), name="Front door", uid="1")
    async with MiioServer(NEARBY, DID, TOKEN, partial(handle, lock), lambda: lock.awake):
        yield lock


@pytest.mark.parametrize("given", [{1: 7, 2: 2}, {2: 2, 1: 7}], ids=["in order", "in another"])
async def test_the_lock_is_made_to_act_by_piid(lock: Lock, given: dict[int, object]) -> None:
    answer = await blocking(client().call_action_by, 4, 1, by_piid(given))
    added = by_piid({7: 0, 1: 7, 2: 2, 6: lock.time})
    assert answer == {"did": "call-4-1", "siid": 4, "aiid": 1, "code": DONE, "out": added}
    assert lock.users.types == {0: 0, 7: 2}


async def test_the_lock_acts_without_inputs(lock: Lock) -> None:
    answer = await blocking(client().call_action_by, 17, 4)
    assert (answer["code"], answer["out"]) == (DONE, [])
    assert len(lock.recordings) == 1


@pytest.mark.parametrize("bare", [[7, 2], [[7, 2]], [{"value": 7}, {"value": 2}]])
async def test_the_lock_takes_no_bare_values(lock: Lock, bare: list[object]) -> None:
    """Which are the cloud's way."""
    with pytest.raises(DeviceError) as error:
        await blocking(client().call_action_by, 4, 1, bare)
    assert error.value.code == INVALID_PARAMS
    assert lock.users.types == {0: 0}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({1: 7}, WRONG_COUNT),
        ({1: 7, 2: 2, 6: 1790000000}, WRONG_COUNT),
        ({1: 7, 3: 2}, WRONG_COUNT),
        ({1: 7, 2: "two"}, WRONG_PARAMETER),
    ],
)
async def test_the_lock_takes_its_own_inputs_only(
    lock: Lock, given: dict[int, object], code: int
) -> None:
    answer = await blocking(client().call_action_by, 4, 1, by_piid(given))
    assert (answer["code"], answer["out"]) == (code, [])
    assert lock.users.types == {0: 0}


async def test_an_error_reaches_the_client(device: Device) -> None:
    with pytest.raises(DeviceError) as error:
        await blocking(client().send, "no_such_method")
    assert error.value.code == METHOD_NOT_FOUND
    assert error.value.message == "Method not found."


async def test_one_client_sends_many_requests(device: Device) -> None:
    one = client()
    for value in range(20):
        await blocking(one.set_property_by, 3, 1021, value)
        (item,) = await blocking(one.get_property_by, 3, 1021)
        assert item["value"] == value


async def test_an_answer_of_many_kilobytes_arrives(device: Device) -> None:
    """python-miio itself takes 4096 bytes."""
    device.values[4, 1] = "门" * 600
    (item,) = await blocking(client().get_property_by, 4, 1)
    assert item["value"] == "门" * 600


async def test_a_wrong_token_is_not_answered(device: Device) -> None:
    with pytest.raises(DeviceException, match="No response"):
        await blocking(client(token=bytes(16)).send, "miIO.info", retry_count=0)
    assert not device.requests


def signed(payload: bytes) -> bytes:
    """Return a packet with the device's token whose payload nobody looked at."""
    encrypted = Utils.encrypt(payload, TOKEN)
    header = struct.pack(">HHIII", 0x2131, 32 + len(encrypted), 0, DID, 1)
    return header + Utils.md5(header + TOKEN + encrypted) + encrypted


@pytest.mark.parametrize(
    "packet",
    [
        *(b"", b"!1", b"!1\x00\x20", bytes(32), b"!1\x00\x40" + bytes(60), b"x" * 1000),
        *(signed(b"\xe1\xe1"), signed(b"{")),
    ],
    ids=["empty", "magic", "cut off", "zeros", "unsigned", "other", "no text", "no JSON"],
)
async def test_rubbish_is_not_answered(device: Device, packet: bytes) -> None:
    """And does no harm."""
    harm: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: harm.append(context))
    transport, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    transport.sendto(packet, (NEARBY, 54321))
    assert (await blocking(client().info)).model == "xiaomi.lock.s1"
    assert [method for method, _ in device.requests] == ["miIO.info"]
    transport.close()
    assert not harm


async def test_asleep_it_is_silent(device: Device) -> None:
    one = client()
    await blocking(one.send, "miIO.info")
    device.awake = False
    with pytest.raises(DeviceException, match="No response"):
        await blocking(one.send, "miIO.info", retry_count=0)
    assert await hello() is None
    device.awake = True
    assert (await blocking(client().info)).model == "xiaomi.lock.s1"


async def test_two_devices_live_at_two_addresses(device: Device) -> None:
    other = Device()
    other.values[3, 1021] = 9
    async with MiioServer(ELSEWHERE, DID + 1, bytes(16), other.handle, lambda: True):
        neighbour = miio.MiotDevice(ELSEWHERE, bytes(16).hex(), timeout=1, mapping={})
        ((theirs,), (ours,)) = await asyncio.gather(
            blocking(neighbour.get_property_by, 3, 1021),
            blocking(client().get_property_by, 3, 1021),
        )
    assert (theirs["value"], ours["value"]) == (9, 3)


async def miiocli(group: str, *command: str) -> str:
    """Run python-miio's command, which pip puts beside the interpreter."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("miiocli"),
        *("-o", "json", group, "--ip", NEARBY, "--token", TOKEN.hex(), *command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_the_command_shows_the_device(device: Device) -> None:
    info = json.loads(await miiocli("device", "info"))
    assert info["model"] == "xiaomi.lock.s1"
    assert info["fw_ver"] == "2.1.4_0009"


async def test_the_command_reads_sets_and_acts(device: Device) -> None:
    (read,) = json.loads(await miiocli("miotdevice", "get_property_by", "3", "1021"))
    assert read["value"] == 3
    await miiocli("miotdevice", "set_property_by", "3", "1021", "5", "int")
    assert device.values[3, 1021] == 5
    acted = json.loads(await miiocli("miotdevice", "call_action_by", "2", "1", "[1, 2]"))
    assert acted == {"code": DONE, "out": [2, 1]}
