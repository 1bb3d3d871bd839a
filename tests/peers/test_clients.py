"""Clients from the package index, unmodified, find a Xiaomi cloud and a lock."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.xiaomi_smart_lock.miot.endpoints import REGIONS
from tests.lock_driver import until

from .conftest import HOST

if TYPE_CHECKING:
    from simulator.account import Account
    from simulator.lock import Lock
    from simulator.runner import SimulatorThread

    from .conftest import Peer


async def mijia_api(peer: Peer, lock: Lock, *, kept: bool, volume: int) -> dict[str, Any]:
    """Run mijia-api's program."""
    given = {"did": lock.did, "kept": kept, "volume": volume}
    return await peer.run("mijia-api", "mijia_api", **given)


async def test_mijia_api(
    peer: Peer, simulation: SimulatorThread, account: Account, lock: Lock
) -> None:
    """It signs in with a QR code, has every call answered, and renews its session by itself."""
    simulator = simulation.simulator
    shared = simulation.call(simulator.add_lock, account, "Friend's", home="Theirs", shared=True)
    simulation.call(lock.fingerprint, 3)
    accounts = simulator.cloud.app_accounts
    accounts.tickets.clear()
    running = asyncio.ensure_future(mijia_api(peer, lock, kept=False, volume=1))
    await until(lambda: running.done() or bool(accounts.tickets))
    if not running.done():
        (ticket,) = accounts.tickets
        simulation.call(accounts.confirm, ticket, account)
    said = await running

    assert [home["name"] for home in said["homes"]] == ["Home", "Theirs"]
    assert [device["did"] for device in said["devices"]] == [lock.did, shared.did]
    assert [device["did"] for device in said["shared"]] == [shared.did]
    assert [item["value"] for item in said["read"]] == [87, 2]
    assert (said["written"]["code"], lock.values[21, 5]) == (0, 1)
    assert said["acted"]["code"] == 0
    assert [json.loads(day["value"]) for day in said["statistics"]] == [[1]]
    assert (said["consumables"], said["scenes"]) == ([], [])
    assert "-1" in said["unknown"]

    simulation.call(accounts.expire_service_tokens)
    again = await mijia_api(peer, lock, kept=True, volume=3)
    assert (again["written"]["code"], lock.values[21, 5]) == (0, 3)
    simulation.call(simulator.remove_lock, shared)


async def test_micloud(
    peer: Peer, simulation: SimulatorThread, account: Account, lock: Lock
) -> None:
    """It signs in with a password, and finds the lock in every region."""
    simulation.call(lock.fingerprint, 3)
    said = await peer.run(
        "micloud",
        "micloud_client",
        user=account.user_id,
        password=account.password,
        did=lock.did,
        countries=REGIONS,
    )
    assert said["refused"] is True
    assert said["signed_in"] is True
    for region in REGIONS:
        (device,) = said["devices"][region]
        assert (device["did"], device["token"]) == (lock.did, lock.token)
    assert [row["key"] for row in said["history"]["result"]] == ["2.1020"]


@pytest.mark.parametrize("version", ["0.5", "0.6"])
async def test_python_miio(peer: Peer, lock: Lock, version: str) -> None:
    """It reads, writes and acts on the local network, and nobody does with another token."""
    clock = [{"piid": 1, "value": 1.0}, {"piid": 2, "value": 1_800_000_000}]
    said = await peer.run(
        f"python-miio-{version}", "miio_device", host=HOST, token=lock.token, volume=1, clock=clock
    )
    assert said["info"] == [lock.model, lock.mac, lock.firmware]
    assert [item["value"] for item in said["read"]] == [87]
    assert ([item["code"] for item in said["written"]], lock.values[21, 5]) == ([0], 1)
    assert said["acted"]["code"] == 0
    assert (said["clock_set"]["code"], lock.time_zone) == (0, 1.0)
    assert said["refused"] is True


async def test_python_miio_by_the_published_specification(
    peer: Peer, account: Account, lock: Lock
) -> None:
    """It knows the lock's settings and actions by what miot-spec.org says of the model."""
    said = await peer.run(
        "python-miio-0.6",
        "generic_miot",
        host=HOST,
        token=lock.token,
        user=account.user_id,
        password=account.password,
        volume=1,
    )
    assert said["status"]["battery:battery-level"] == "87"
    assert (said["status"]["doorbell:volume"], lock.values[21, 5]) == ("2", 1)
    assert said["acted"]["code"] == 0
    assert said["devices"] == {f"{lock.did}_{region}": lock.token for region in REGIONS}
