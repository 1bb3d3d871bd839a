"""All of it at once: what happens at the door reaches clients that nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import aiomqtt
import pytest
from miio import DeviceError, DeviceException, MiotDevice

from simulator.clock import Clock
from simulator.runner import SimulatorThread
from simulator.simulator import Simulator
from tests.hosts import NEARBY
from tests.lock_driver import PATIENCE, until

from .client import CLIENT_ID, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(params=["rumqttd", "mosquitto"])
async def simulator(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a simulator with either broker."""
    async with Simulator(tmp_path, broker=request.param) as simulator:
        yield simulator


async def subscribed(client: Client, did: str) -> aiomqtt.Client:
    """Return an MQTT client for a signed-in client, to be entered."""
    addresses = client.addresses
    return aiomqtt.Client(
        addresses["broker"],
        addresses["broker_port"],
        identifier=client.device_id,
        username=str(CLIENT_ID),
        password=client.token,
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_context=ssl.create_default_context(cafile=addresses["ca_file"]),
        timeout=PATIENCE,
    )


async def test_from_the_door_to_a_subscriber(simulator: Simulator) -> None:
    """Sign in, subscribe, and hear a sleeping lock wake, in order."""
    lock = simulator.add_lock(simulator.add_account("Ming"))
    lock.sleep()
    await simulator.settle()
    async with aiohttp.ClientSession() as session:
        client = Client(session, simulator.endpoints)
        await client.sign_in()
    heard: list[tuple[str, dict[str, Any]]] = []
    async with await subscribed(client, lock.did) as mqtt, asyncio.timeout(PATIENCE):
        await mqtt.subscribe(f"device/{lock.did}/#", qos=2)
        lock.fingerprint(3)
        async for message in mqtt.messages:
            assert isinstance(message.payload, bytes)
            heard.append((str(message.topic), json.loads(message.payload)))
            if len(heard) == 4:
                break
    assert [topic for topic, _ in heard] == [
        f"device/{lock.did}/state/online",
        f"device/{lock.did}/up/properties_changed/18/12",
        f"device/{lock.did}/up/event_occured/2/1020",
        f"device/{lock.did}/up/properties_changed/3/1021",
    ]
    assert heard[2][1]["params"]["arguments"][3] == {"piid": 5, "value": 3}


async def test_a_token_that_ended_is_no_password(simulator: Simulator) -> None:
    """The broker asks the cloud."""
    lock = simulator.add_lock(simulator.add_account("Ming"))
    async with aiohttp.ClientSession() as session:
        client = Client(session, simulator.endpoints)
        await client.sign_in()
    simulator.cloud.expire_access_tokens()
    with pytest.raises(aiomqtt.MqttError):
        async with await subscribed(client, lock.did):
            pass


async def test_reports_go_on_after_a_restart_of_the_broker(simulator: Simulator) -> None:
    """The lock does not notice."""
    lock = simulator.add_lock(simulator.add_account("Ming"))
    await simulator.broker.restart()
    lock.ring()
    async with asyncio.timeout(PATIENCE):
        await simulator.settle()


async def test_it_falls_asleep_by_itself(tmp_path: Path) -> None:
    """Two minutes are short when time is fast."""
    async with Simulator(tmp_path, clock=Clock(speed=600)) as simulator:
        lock = simulator.add_lock(simulator.add_account("Ming"))
        await until(lambda: not lock.awake)


async def test_on_the_local_network(tmp_path: Path) -> None:
    """python-miio reads, writes and acts; codes are the lock's."""
    async with Simulator(tmp_path) as simulator:
        account = simulator.add_account("Ming")
        simulator.remove_lock(simulator.add_lock(account, host=NEARBY))
        lock = simulator.add_lock(account, host=NEARBY)
        await simulator.settle()
        device = MiotDevice(NEARBY, lock.token, lazy_discover=True)

        def ask(*request: Any) -> Any:
            return asyncio.to_thread(device.send, *request)

        info = await asyncio.to_thread(device.info)
        assert (info.model, info.firmware_version) == ("xiaomi.lock.s1", lock.firmware)
        assert info.mac_address == lock.mac
        wanted = [(3, 1021), (7, 1), (3, 1)]
        params = [{"did": str(i), "siid": s, "piid": p} for i, (s, p) in enumerate(wanted)]
        answer = await ask("get_properties", params)
        assert [item["code"] for item in answer] == [0, -704002000, -704040003]
        assert answer[0] == {"did": "0", "siid": 3, "piid": 1021, "code": 0, "value": 1}
        assert len(await ask("get_properties", params * 5)) == 15
        with pytest.raises(DeviceException):
            await ask("get_properties", params * 6)
        for method, refused in {
            "get_prop": [],
            "action": [],
            "set_properties": [{"siid": 21}],
        }.items():
            with pytest.raises(DeviceError, match="-3260"):
                await ask(method, refused)
        write = await asyncio.to_thread(device.set_property_by, 21, 5, 3)
        assert [item["code"] for item in write] == [0]
        assert lock.values[21, 5] == 3
        action = await asyncio.to_thread(device.call_action_by, 4, 6, [])
        assert (action["code"], action["out"]) == (0, [{"piid": 7, "value": 0}])


def test_in_a_thread(tmp_path: Path) -> None:
    """Others call it from their own loop, or from none."""
    with SimulatorThread(tmp_path) as running:
        simulator = running.simulator
        account = running.call(simulator.add_account, "Mei")
        lock = running.call(simulator.add_lock, account, room="Porch")
        running.call(lock.ring)
        running.call(simulator.settle)
        assert account.places[0].room == "Porch"
        with pytest.raises(KeyError):
            running.call(lock.emit, (2, 9))


async def test_its_services_move(tmp_path: Path) -> None:
    """Somebody else can take their ports; they know afterwards what they knew before."""
    async with Simulator(tmp_path) as simulator, aiohttp.ClientSession() as session:
        simulator.add_account("Ming")
        client = Client(session, simulator.endpoints)
        await client.sign_in()
        for service in (simulator.cloud, simulator.gate):
            port = service.port
            await service.move(0)
            assert service.port != port
            taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
            taken.close()
            await service.move(port)
            assert service.port == port
        found = await client.call("/app/v2/homeroom/gethome", {"limit": 1})
        assert [home["name"] for home in found["homelist"]] == ["Home"]


def test_a_thread_that_cannot_start(tmp_path: Path) -> None:
    """Whoever wants it hears why."""
    with (
        SimulatorThread(tmp_path / "1") as running,
        pytest.raises(OSError, match="address already in use"),
        SimulatorThread(tmp_path / "2", http_port=running.simulator.cloud.port),
    ):
        pass


async def test_its_certificate_is_of_its_own_authority(tmp_path: Path) -> None:
    """Who does not know it does not come in."""
    with SimulatorThread(tmp_path) as running:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(running.simulator.cloud.url)


async def test_alone(tmp_path: Path) -> None:
    """``python -m simulator`` takes what happens at the door, and ends when told to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulator", "--speed", "2"),
        cwd=Path(__file__).parents[2],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    async with asyncio.timeout(60):
        endpoints = Path((await process.stdout.readline()).decode().strip())
        assert json.loads(endpoints.read_text(encoding="utf-8"))["broker"] == "127.0.0.1"
        for line, answer in {
            "ring": "done",
            "fingerprint 3 position=1": "done",
            "set_battery 15 dry_cells=True": "done",
            "exception": "exception: ",
            "read (1,2)": "One of: ",
        }.items():
            process.stdin.write(f"{line}\n".encode())
            assert (await process.stdout.readline()).decode().startswith(answer)
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        assert await process.stderr.read() == b""
    assert not endpoints.exists()
