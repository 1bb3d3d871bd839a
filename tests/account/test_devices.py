"""The devices of locks: which can be deleted by the user, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.components import config
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.account.entry_data import DEVICES_ARE_OF_ONE_ENTRY
from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.control.unlock_attempts import async_keep_guesses
from tests.hosts import NEARBY
from tests.lock_driver import until
from tests.lock_harness import (
    LockHarness,
    Storage,
    entry_of,
    log_file,
    nearby,
    stored,
    stored_key,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import WebSocketGenerator

    from simulator.lock import Lock
    from tests.lock_driver import LockDriver


def device_of(hass: HomeAssistant, entry: MockConfigEntry, lock: Lock) -> dr.DeviceEntry | None:
    """Return the device of a lock, None where there is none."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return next((one for one in devices if (DOMAIN, lock.did) in one.identifiers), None)


async def delete(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, device: dr.DeviceEntry | None
) -> bool:
    """Have the user delete a device on its page; return whether that was allowed."""
    assert device
    assert await async_setup_component(hass, config.DOMAIN, {})
    client = await hass_ws_client()
    command: dict[str, Any] = {"type": "config/device_registry/remove", "device_id": device.id}
    if not DEVICES_ARE_OF_ONE_ENTRY:
        [entry_id] = device.config_entries
        command |= {
            "type": "config/device_registry/remove_config_entry",
            "config_entry_id": entry_id,
        }
    await client.send_json_auto_id(command)
    answer = await client.receive_json()
    await hass.async_block_till_done()
    return bool(answer["success"])


@pytest.fixture
def other(driver: LockDriver) -> Lock:
    """Return one more lock of the account."""
    lock: Lock = driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
    return lock


@pytest.fixture
async def harness(hass: HomeAssistant, driver: LockDriver, other: Lock) -> LockHarness:
    """Return who lives behind two doors, whose Home Assistant does not run yet."""
    return LockHarness(hass, driver, entry_of(hass, driver.account_data(driver.lock, other)))


def leave(driver: LockDriver, lock: Lock) -> None:
    """Take a lock out of the account, as its owner does in the app."""
    account = driver.account
    account.places = [place for place in account.places if place.lock is not lock]


async def test_lock_that_is_there(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, harness: LockHarness, other: Lock
) -> None:
    """It cannot be deleted: it would come back."""
    await harness.start()
    device = device_of(hass, harness.entry, other)
    assert not await delete(hass, hass_ws_client, device)
    assert device_of(hass, harness.entry, other) == device
    assert len(harness.entry.data[CONF_LOCKS]) == 2
    await harness.stop()


async def test_lock_that_cannot_be_asked_for(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, harness: LockHarness, other: Lock
) -> None:
    """While the entry is not set up nobody knows that a lock is gone."""
    await harness.start()
    await harness.stop()
    assert not await delete(hass, hass_ws_client, device_of(hass, harness.entry, other))


async def test_lock_that_is_gone(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_ws_client: WebSocketGenerator,
    harness: LockHarness,
    other: Lock,
) -> None:
    """It can, with all that is known of it; the other one stays."""
    driver = harness.driver
    await harness.start()
    await harness.lock.coordinator.async_save()
    leave(driver, driver.lock)
    await harness.poll()
    assert harness.issue("lock_gone")
    assert await delete(hass, hass_ws_client, device_of(hass, harness.entry, driver.lock))
    assert harness.entry.data[CONF_LOCKS] == [other.did]
    await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
    assert not device_of(hass, harness.entry, driver.lock)
    assert device_of(hass, harness.entry, other)
    assert not harness.issue("lock_gone")
    assert stored_key(driver) not in hass_storage
    await harness.stop()


async def test_last_lock_is_gone(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
) -> None:
    """With it the entry goes."""
    harness = LockHarness(hass, driver, entry_of(hass, driver.account_data()))
    await harness.start()
    await harness.stop()
    leave(driver, driver.lock)
    await hass.config_entries.async_setup(harness.entry.entry_id)
    assert harness.entry.state is ConfigEntryState.SETUP_RETRY
    assert await delete(hass, hass_ws_client, device_of(hass, harness.entry, driver.lock))
    assert not hass.config_entries.async_entries(DOMAIN)
    assert stored_key(driver) not in hass_storage
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


async def test_device_that_is_no_lock_of_the_entry(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, harness: LockHarness
) -> None:
    """What an older version or another integration left there can be deleted."""
    await harness.start()
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=harness.entry.entry_id,
        identifiers={("xiaomi_miot", "aa:bb")},
    )
    assert await delete(hass, hass_ws_client, device)
    assert not dr.async_get(hass).async_get(device.id)
    await harness.stop()


async def test_identifiers_of_others(
    hass: HomeAssistant, hass_storage: Storage, harness: LockHarness, other: Lock
) -> None:
    """A lock that is no longer chosen goes, and nobody else's number is taken for a lock's."""
    driver = harness.driver
    await harness.start()
    await harness.lock.coordinator.async_save()
    device = device_of(hass, harness.entry, other)
    assert device
    # Some integrations have three parts in theirs, whatever the type says.
    theirs: set[Any] = {("xiaomi_miot", driver.lock.did), ("mqtt", "a", "b")}
    dr.async_get(hass).async_update_device(device.id, new_identifiers=device.identifiers | theirs)
    data = {**harness.entry.data, CONF_LOCKS: [driver.lock.did]}
    hass.config_entries.async_update_entry(harness.entry, data=data)
    await hass.config_entries.async_reload(harness.entry.entry_id)
    assert not device_of(hass, harness.entry, other)
    assert device_of(hass, harness.entry, driver.lock)
    assert stored_key(driver) in hass_storage
    await harness.stop()


async def test_device_that_is_shared(
    hass: HomeAssistant, harness: LockHarness, other: Lock
) -> None:
    """Another integration's of the same MAC stays, whether it is the same device or not."""
    await harness.start()
    theirs = MockConfigEntry(domain="other")
    theirs.add_to_hass(hass)
    registry = dr.async_get(hass)
    ours = device_of(hass, harness.entry, other)
    assert ours
    registry.async_get_or_create(
        config_entry_id=theirs.entry_id,
        connections=ours.connections,
        identifiers={("other", "1")},
    )
    data = {**harness.entry.data, CONF_LOCKS: [harness.driver.lock.did]}
    hass.config_entries.async_update_entry(harness.entry, data=data)
    await hass.config_entries.async_reload(harness.entry.entry_id)
    [left] = dr.async_entries_for_config_entry(registry, theirs.entry_id)
    assert ("other", "1") in left.identifiers
    assert not device_of(hass, harness.entry, other)
    await harness.stop()


class Moved:
    """A lock that one entry had, and that another one on the local network has now."""

    def __init__(self, before: LockHarness, now: LockHarness) -> None:
        """Take the account with its other lock, and the lock nearby."""
        self.before, self.now = before, now

    def kept(self, storage: Storage) -> dict[str, bool]:
        """Return what there is of the lock."""
        hass, driver = self.now.hass, self.now.driver
        return {
            "state": stored_key(driver) in storage,
            "log": log_file(hass, driver).exists(),
            "wrong codes": f"{stored_key(driver)}.guesses" in storage,
        }

    async def writes(self, storage: Storage) -> bool:
        """Return whether what happens at the lock is still written down."""
        user_id = 1 + max(self.now.known.users.numbers, default=0)
        await self.now.manage("set_user", user_id=user_id)
        await self.now.lock.coordinator.async_save()
        return user_id in [row[0] for row in stored(storage, self.now.driver)["users"]["users"]]


@pytest.fixture
async def moved(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, short_timeouts: None
) -> AsyncIterator[Moved]:
    """Have a lock left out of its account's entry, which is not set up since, and set up nearby."""
    near = nearby(driver)
    data = driver.account_data(driver.lock, near.lock)
    before = LockHarness(hass, driver, entry_of(hass, data))
    await before.start()
    await before.stop()
    data = {**before.entry.data, CONF_LOCKS: [driver.lock.did]}
    hass.config_entries.async_update_entry(before.entry, data=data)
    now = LockHarness(hass, near, entry_of(hass, near.local_data(NEARBY)))
    await now.start()
    await now.lock.coordinator.async_save()
    await async_keep_guesses(hass, near.lock.did)
    moved = Moved(before, now)
    assert moved.kept(hass_storage) == dict.fromkeys(("state", "log", "wrong codes"), True)
    yield moved
    await now.stop()
    await before.stop()


async def test_a_lock_that_another_entry_has_by_now(
    hass: HomeAssistant, hass_storage: Storage, moved: Moved
) -> None:
    """The entry that had it before deletes its device, and nothing that is stored of the lock."""
    entry, lock = moved.before.entry, moved.now.driver.lock
    await moved.before.start()
    assert not device_of(hass, entry, lock)
    assert device_of(hass, moved.now.entry, lock)
    assert moved.kept(hass_storage) == dict.fromkeys(("state", "log", "wrong codes"), True)
    assert await moved.writes(hass_storage)


@pytest.mark.parametrize("as_well", [False, True], ids=["not chosen", "chosen twice"])
async def test_the_entry_is_removed_that_had_a_lock_before(
    hass: HomeAssistant, hass_storage: Storage, moved: Moved, *, as_well: bool
) -> None:
    """What is stored of the lock goes with the last entry that has it."""
    entry, lock = moved.before.entry, moved.now.driver.lock
    if as_well:
        dids = [moved.before.driver.lock.did, lock.did]
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_LOCKS: dids})
    await hass.config_entries.async_remove(entry.entry_id)
    assert device_of(hass, moved.now.entry, lock)
    assert moved.kept(hass_storage) == dict.fromkeys(("state", "log", "wrong codes"), True)
    assert await moved.writes(hass_storage)
    await hass.config_entries.async_remove(moved.now.entry.entry_id)
    assert moved.kept(hass_storage) == dict.fromkeys(("state", "log", "wrong codes"), False)
