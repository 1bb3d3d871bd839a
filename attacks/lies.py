"""Helpers for attacks by Xiaomi's cloud: wrong answers, temporary accounts and locks, and push."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.setup import at_home, begin_integration, choose_locks
from simulator.camera import Frame, Sight

from .traces import answers, shows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.account import Account
    from simulator.faults import Fault
    from simulator.lock import Lock

    from .house import House

WHO: Final = "Xiaomi's cloud, or somebody who shares a lock with the account"

HALF: Final = "\ud83d"
"""The first half of a surrogate pair: an emoji that was cut in two."""

# Requests, by a part of their path
DEVICES: Final = "/device_list_page"
READING: Final = "/miotspec/prop/get"
ACTING: Final = "/miotspec/action"
TOKENS: Final = "/get_token"
LOGIN: Final = "/serviceLogin"
HISTORY: Final = "/get_user_device_data"
SEEN: Final = "/eventlist"
PICTURE: Final = "/app/v1/img"
PLAYLIST: Final = "/m3u8"

MEDIA: Final = f"media-source://{DOMAIN}"
ENTRIES: Final = "/api/config/config_entries/entry"
FLOW: Final = "/api/config/config_entries/flow"

BATTERY: Final = (13, 1)
DRY_CELLS: Final = (6, 1003)
NUMBERS: Final = count(1)
"""A new number at each use, to tell new values from old ones."""
_ALWAYS: Final = 10**9  # times


@contextmanager
def lying(house: House, fault: Fault, path: str) -> Iterator[None]:
    """Apply a fault to the answers at some paths."""
    house.simulator.cloud.disturb_next(fault, path, _ALWAYS)
    try:
        yield
    finally:
        house.simulator.cloud.calm()


def answer_with(**result: object) -> dict[str, Any]:
    """Return an answer of the cloud with a result."""
    return {"code": 0, "message": "ok", "result": result}


async def reload(house: House, lock: Lock, *awaited: str) -> None:
    """Reload the entry of a lock, and wait for requests to all awaited paths."""
    asked = len(house.simulator.cloud.requests)
    await house.owner.post(f"{ENTRIES}/{house.homes[lock].entry_id}/reload", {})
    for part in awaited:
        while not any(part in path for path in paths(house, asked)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def paths(house: House, since: int) -> list[str]:
    """Return the paths of the cloud's requests after the first ``since``."""
    return [path for path, _ in house.simulator.cloud.requests[since:]]


# Temporary accounts and locks


@asynccontextmanager
async def another_account(house: House, name: str = "Hua") -> AsyncIterator[Account]:
    """Add an account, and remove it and its locks on exit."""
    account = house.simulator.add_account(name)
    try:
        yield account
    finally:
        for lock in account.locks.values():
            house.simulator.remove_lock(lock)
        del house.simulator.cloud.accounts[account.user_id]


@asynccontextmanager
async def added(house: House, account: Account) -> AsyncIterator[str]:
    """Add all offered locks of an account as the owner; yield the entry's id, delete it on exit."""
    step = await begin_integration(house.owner, house.simulator.endpoints, account)
    [field] = step["data_schema"]
    offered = [option["value"] for option in field["selector"]["select"]["options"]]
    entry_id = await choose_locks(house.owner, step, offered)
    try:
        yield entry_id
    finally:
        await house.owner.delete(f"{ENTRIES}/{entry_id}")


@asynccontextmanager
async def another_lock(house: House, name: str = "Garage") -> AsyncIterator[Lock]:
    """Add a lock with an entry of its own, and remove both on exit."""
    async with another_account(house) as account:
        lock = house.simulator.add_lock(account, name)
        lock.accepts_remote_unlock = True
        async with added(house, account) as entry_id:
            house.homes[lock] = await at_home(house.owner, entry_id, lock, all_enabled=True)
            try:
                yield lock
            finally:
                del house.homes[lock]


@contextmanager
def having_seen(lock: Lock, times: int) -> Iterator[list[Sight]]:
    """Give a camera a number of sights of the last hours, and restore its own on exit.

    Yields them with the newest first.
    """
    camera, now = lock.camera, lock.clock.now() - 10_000
    known, camera.sights = camera.sights, []
    try:
        for number in range(times):
            taken = now - 30 * number
            sight = Sight(int(taken * 1_000), str(10**17 + number), f"CAMERA_VIDEO_{number}")
            sight.frames["Bell"] = Frame(f"CAMERA_IMG_{number}", taken, ready=0)
            camera.sights.insert(0, sight)
        yield camera.sights[::-1]
    finally:
        camera.sights = known


# Push


def message_of(lock: Lock, items: list[str], kind: str = "properties_changed") -> tuple[str, bytes]:
    """Return topic and payload of a push message. The items are written in JSON."""
    return f"device/{lock.did}/up/{kind}/1/1", f'{{"params": [{",".join(items)}]}}'.encode()


def parameter(lock: Lock, address: Address, value: str) -> str:
    """Return the push item of a property. Its value is written in JSON."""
    siid, piid = address
    return f'{{"did": "{lock.did}", "siid": {siid}, "piid": {piid}, "value": {value}}}'


async def tell(house: House, lock: Lock, address: Address, value: str) -> None:
    """Push a value, written in JSON, after everything pushed before."""
    await house.simulator.settle()
    await house.simulator.broker.publish(*message_of(lock, [parameter(lock, address, value)]))


# What Home Assistant shows


async def goes_on(house: House, lock: Lock) -> bool:
    """Return whether Home Assistant answers, and shows the latest pushed value of a lock."""
    level = str(next(NUMBERS) % 100)
    await tell(house, lock, DRY_CELLS, level)
    return await shows(house, lock, "sensor.dry_cells", level) and await answers(house)


async def devices_of(house: House, entry_id: str) -> list[dict[str, Any]]:
    """Return the devices of a config entry."""
    devices = await house.owner.command("config/device_registry/list")
    return [device for device in devices if entry_id in device["config_entries"]]


async def diagnostics_of(house: House, lock: Lock) -> dict[str, Any]:
    """Return the diagnostics of the config entry of a lock."""
    entry_id = house.homes[lock].entry_id
    answer = await house.owner.get(f"/api/diagnostics/config_entry/{entry_id}")
    data: dict[str, Any] = answer["data"]
    return data
