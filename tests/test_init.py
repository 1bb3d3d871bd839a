"""Setting up, running and unloading a config entry, also while the cloud or the lock fails."""

from __future__ import annotations

import json
import logging
import ssl
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant import block_async_io
from homeassistant.components.lock import LockState
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import (
    ATTR_ENTITY_ID,
    CONF_TOKEN,
    EVENT_HOMEASSISTANT_STOP,
    EVENT_STATE_CHANGED,
    STATE_UNAVAILABLE,
)
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.xiaomi_smart_lock.account.endpoints import async_endpoints
from custom_components.xiaomi_smart_lock.connection import LIST_AGAIN_AFTER
from custom_components.xiaomi_smart_lock.const import (
    CONF_LOCKS,
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    CONF_TOKENS,
    CONF_UNLOCKING,
    CONF_UUID,
    DOMAIN,
    ENDPOINTS_VARIABLE,
)
from custom_components.xiaomi_smart_lock.miot import push
from custom_components.xiaomi_smart_lock.miot.endpoints import Endpoints
from simulator.faults import BUSY, PLAIN_TEXT, changed, status

from .hosts import NEARBY
from .lock_driver import until
from .lock_harness import connected, disconnected, is_connected, running_locks, setups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.device_registry import DeviceEntry

    from simulator.faults import Fault
    from simulator.lock import Lock

    from .lock_driver import LockDriver

READ = "/app/v2/miotspec/prop/get"
DEVICES = "/app/v2/home/device_list_page"
ACTION = "/app/v2/miotspec/action"
GET_TOKEN = "/app/v2/ha/oauth/get_token"

PLATFORMS = (
    "binary_sensor button event lock number select sensor switch text time".split()  # noqa: SIM905
)


class Requests:
    """The requests that reach the cloud from now on."""

    def __init__(self, driver: LockDriver) -> None:
        """Begin now."""
        self._all = driver.simulator.cloud.requests
        self._start = len(self._all)

    @property
    def paths(self) -> list[str]:
        """The paths of the requests, in order."""
        return [path for path, _ in self._all[self._start :]]


@pytest.fixture
def requests(driver: LockDriver) -> Requests:
    """Return the requests of this test."""
    return Requests(driver)


@pytest.fixture
def nearby(driver: LockDriver) -> Lock:
    """Return a lock that is on the local network."""
    lock: Lock = driver.simulation.call(
        driver.simulator.add_lock, driver.account, "Back door", host=NEARBY
    )
    driver.simulation.call(driver.simulator.settle)
    return lock


@pytest.fixture
def local(
    hass: HomeAssistant, driver: LockDriver, nearby: Lock, short_timeouts: None
) -> MockConfigEntry:
    """Return the entry of the lock on the local network, not set up."""
    driver.lock = nearby
    data = driver.local_data(NEARBY)
    entry = MockConfigEntry(domain=DOMAIN, unique_id=nearby.did, data=data)
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def outage(driver: LockDriver) -> Iterator[None]:
    """Have the cloud be down until the test ends or says otherwise."""
    driver.simulator.cloud.online = False
    yield
    driver.simulator.cloud.online = True


@pytest.fixture
def no_reconnection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep push from reconnecting for the rest of the test once it is lost."""
    monkeypatch.setattr(push, "FIRST_DELAY", 24 * 3600)


def connections(driver: LockDriver, entry: MockConfigEntry) -> int:
    """Return how often an entry is connected to the broker."""
    return driver.simulator.gate.connections.count(f"ha.{entry.data[CONF_UUID]}")


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set an entry up, whether that works or not."""
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def later(hass: HomeAssistant, seconds: float) -> None:
    """Let time pass, and fire the timers that are due."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


async def press(hass: HomeAssistant, driver: LockDriver, key: str) -> None:
    """Press a button."""
    target = {ATTR_ENTITY_ID: driver.entity_id(hass, "button", key)}
    await hass.services.async_call("button", "press", target, blocking=True)


async def unlock(hass: HomeAssistant, driver: LockDriver) -> None:
    """Unlock the door."""
    target = {ATTR_ENTITY_ID: driver.entity_id(hass, "lock", "lock")}
    await hass.services.async_call("lock", "unlock", target, blocking=True)


async def settle(hass: HomeAssistant, driver: LockDriver) -> Requests:
    """Wait for the reading that follows the connection to push; return what comes after it."""
    await later(hass, 1)
    await hass.async_block_till_done(wait_background_tasks=False)
    return Requests(driver)


async def lose_push(hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry) -> Requests:
    """Cut the connection to the broker; return the requests that follow."""
    await connected(entry)
    await settle(hass, driver)
    driver.simulation.call(driver.simulator.gate.cut)
    await disconnected(entry)
    return Requests(driver)


def signs_in_again(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Return whether the user is asked to sign in again."""
    return any(entry.async_get_active_flows(hass, {SOURCE_REAUTH}))


# Coming and going


async def test_coming_and_going(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """An unloaded entry keeps no connection and sends no request."""
    assert connections(driver, loaded) == 1
    assert await hass.config_entries.async_unload(loaded.entry_id)
    assert loaded.state is ConfigEntryState.NOT_LOADED
    await until(lambda: connections(driver, loaded) == 0)
    requests = Requests(driver)
    await later(hass, 3600)
    assert requests.paths == []


async def test_what_is_known_goes_with_the_entry(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """Stored data is kept while the entry is not loaded, and deleted when it is removed."""
    key = f"{DOMAIN}.{driver.lock.did}"
    await set_up(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    assert key in hass_storage
    await hass.config_entries.async_remove(entry.entry_id)
    assert key not in hass_storage


async def test_locks_that_are_no_longer_chosen(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The devices of locks that are no longer chosen are deleted; the others stay."""
    another = driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
    registry = dr.async_get(hass)

    async def devices_when_chosen(*locks: Lock) -> set[str | None]:
        dids = [lock.did for lock in locks]
        hass.config_entries.async_update_entry(loaded, data={**loaded.data, CONF_LOCKS: dids})
        await hass.config_entries.async_reload(loaded.entry_id)
        devices = dr.async_entries_for_config_entry(registry, loaded.entry_id)
        return {device.name for device in devices}

    assert await devices_when_chosen(driver.lock, another) == {"Front door", "Back door"}
    assert await devices_when_chosen(another) == {"Back door"}


UNUSABLE_MACS = ["", "00:00:00:00:00:00", "FF:FF:FF:FF:FF:FF", "000000000000", "unknown", "5448E6"]


def devices_of(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str | None, DeviceEntry]:
    """Return the devices of an entry by name."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    return {device.name: device for device in devices}


@pytest.fixture
def two(hass: HomeAssistant, driver: LockDriver) -> tuple[MockConfigEntry, Lock]:
    """Return an entry of two locks, not set up, and the second lock."""
    other: Lock = driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
    entry = MockConfigEntry(domain=DOMAIN, data=driver.account_data(driver.lock, other))
    entry.add_to_hass(hass)
    return entry, other


@pytest.mark.parametrize("mac", [*UNUSABLE_MACS, "54:48:E6:00:00:09", "5448e6000009"])
async def test_locks_of_one_mac(
    hass: HomeAssistant,
    driver: LockDriver,
    two: tuple[MockConfigEntry, Lock],
    monkeypatch: pytest.MonkeyPatch,
    mac: str,
) -> None:
    """Each is a device of its own; a MAC that is no lock's alone joins it with nothing."""
    entry, other = two
    monkeypatch.setattr(driver.lock, "mac", "54:48:E6:00:00:09" if "9" in mac else mac)
    monkeypatch.setattr(other, "mac", mac)
    await set_up(hass, entry)
    devices = devices_of(hass, entry)
    assert {name: device.connections for name, device in devices.items()} == {
        "Front door": set(),
        "Back door": set(),
    }
    await hass.config_entries.async_unload(entry.entry_id)


async def test_locks_of_a_mac_each(
    hass: HomeAssistant, driver: LockDriver, two: tuple[MockConfigEntry, Lock]
) -> None:
    """The MAC of a lock joins its device with what other integrations know of it."""
    entry, other = two
    await set_up(hass, entry)
    for name, lock in {"Front door": driver.lock, "Back door": other}.items():
        assert devices_of(hass, entry)[name].connections == {("mac", lock.mac.lower())}
    await hass.config_entries.async_unload(entry.entry_id)


async def test_locks_that_became_one_device(
    hass: HomeAssistant,
    driver: LockDriver,
    two: tuple[MockConfigEntry, Lock],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which an earlier version did by their MAC: they are two again, with their entities."""
    entry, other = two
    monkeypatch.setattr(other, "mac", driver.lock.mac)
    merged = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={(DOMAIN, driver.lock.did), (DOMAIN, other.did)},
        connections={("mac", driver.lock.mac)},
    )
    await set_up(hass, entry)
    devices = devices_of(hass, entry)
    assert {name: device.identifiers for name, device in devices.items()} == {
        "Front door": {(DOMAIN, driver.lock.did)},
        "Back door": {(DOMAIN, other.did)},
    }
    assert merged.id in {device.id for device in devices.values()}
    entities = er.async_get(hass).entities
    for name, lock in {"Front door": driver.lock, "Back door": other}.items():
        ours = entities.get_entries_for_device_id(devices[name].id)
        assert ours
        assert all(entity.unique_id.startswith(lock.did) for entity in ours)
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("own", "shown"), [(None, "Garden gate"), ("My gate", "My gate")], ids=["", "name of one's own"]
)
async def test_a_lock_is_renamed_in_the_app(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    own: str | None,
    shown: str,
) -> None:
    """It has the new name here too, unless the user gave its device one; ids stay as they are."""
    registry = dr.async_get(hass)
    [device] = devices_of(hass, loaded).values()
    registry.async_update_device(device.id, name_by_user=own)
    battery = driver.entity_id(hass, "sensor", "lithium_battery")
    monkeypatch.setattr(driver.lock, "name", "Garden gate")
    await later(hass, 301)
    assert "Garden gate" not in devices_of(hass, loaded)
    frozen.tick(LIST_AGAIN_AFTER + 1)
    requests = Requests(driver)
    await later(hass, 301)
    assert requests.paths == [DEVICES, READ]
    [device] = devices_of(hass, loaded).values()
    assert (device.name, device.name_by_user) == ("Garden gate", own)
    state = driver.state(hass, "sensor", "lithium_battery")
    assert state.entity_id == battery
    assert state.name.startswith(shown)
    await later(hass, LIST_AGAIN_AFTER + 1)
    assert requests.paths == [DEVICES, READ, READ]


async def test_lock_that_left_the_account(hass: HomeAssistant, driver: LockDriver) -> None:
    """A lock that left the account does not keep the other locks from working."""
    another = driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
    entry = MockConfigEntry(domain=DOMAIN, data=driver.account_data(driver.lock, another))
    entry.add_to_hass(hass)
    driver.simulation.call(driver.simulator.remove_lock, another)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    assert running_locks(hass, entry) == [driver.lock.did]
    assert [issue.translation_key for issue in ir.async_get(hass).issues.values()] == ["lock_gone"]


# Setting up in a bad moment


@pytest.mark.usefixtures("outage")
async def test_cloud_is_down(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry
) -> None:
    """While the cloud is down, setting up is tried again until it is back."""
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    driver.simulator.cloud.online = True
    await later(hass, 60)
    await until(lambda: entry.state is ConfigEntryState.LOADED)


@pytest.mark.parametrize("path", [DEVICES, READ])
async def test_cloud_fails(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, path: str
) -> None:
    """Setting up is tried again, whichever request of the cloud fails."""
    driver.simulator.cloud.refuse_next(500, path)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await later(hass, 60)
    await until(lambda: entry.state is ConfigEntryState.LOADED)


async def test_account_signed_us_out(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry
) -> None:
    """The user is asked to sign in again."""
    driver.simulator.cloud.revoke(driver.account)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert signs_in_again(hass, entry)


def bare(answer: Any) -> Any:
    """Have the list of devices say of each its did alone, as a number."""
    listed = [{"did": int(item["did"])} for item in answer["result"]["list"]]
    return answer | {"result": {"list": listed, "has_more": None}}


def numbered(answer: Any) -> Any:
    """Have a reading name its devices by numbers."""
    items = [item | {"did": int(item["did"])} for item in answer["result"]]
    return answer | {"result": items}


async def test_answers_with_little_in_them(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Ids may be numbers, and what a list leaves out about a lock stays as it was."""
    [before] = dr.async_entries_for_config_entry(dr.async_get(hass), loaded.entry_id)
    await hass.config_entries.async_unload(loaded.entry_id)
    cloud = driver.simulator.cloud
    cloud.disturb_next(changed(bare), DEVICES, times=9)
    cloud.disturb_next(changed(numbered), READ, times=9)
    driver.do("set_battery", 33, push=False)
    await set_up(hass, loaded)
    await connected(loaded)
    assert driver.state(hass, "sensor", "lithium_battery").state == "33"
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), loaded.entry_id)
    assert (device.name, device.sw_version) == (before.name, before.sw_version)
    assert (device.model_id, device.connections) == (before.model_id, before.connections)
    params = {"did": int(driver.lock.did), "siid": 13, "piid": 1, "value": 22}
    topic = f"device/{driver.lock.did}/up/properties_changed/13/1"
    driver.publish(topic, json.dumps({"params": params}).encode())
    await until(lambda: driver.state(hass, "sensor", "lithium_battery").state == "22")
    cloud.calm()


@pytest.mark.parametrize("result", [None, {}, {"list": None}])
async def test_a_list_of_nothing(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, result: object
) -> None:
    """An empty list of devices does not make a lock gone; only a reading does."""
    await hass.config_entries.async_unload(loaded.entry_id)
    driver.simulator.cloud.disturb_next(changed(lambda it: it | {"result": result}), DEVICES)
    await set_up(hass, loaded)
    assert loaded.state is ConfigEntryState.LOADED
    assert not ir.async_get(hass).issues


@pytest.mark.parametrize("fault", [BUSY, PLAIN_TEXT, status(500)], ids=["code", "text", "500"])
async def test_the_token_service_fails(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, fault: Fault
) -> None:
    """If the token service fails, set-up is tried again, without a new sign-in."""
    driver.simulator.cloud.expire_access_tokens()
    driver.simulator.cloud.disturb_next(fault, GET_TOKEN, times=2)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert not signs_in_again(hass, entry)
    driver.simulator.cloud.calm()
    await later(hass, 60)
    await until(lambda: entry.state is ConfigEntryState.LOADED)


async def test_local_lock_is_asleep(
    hass: HomeAssistant, driver: LockDriver, local: MockConfigEntry
) -> None:
    """Setting up a sleeping local lock is tried again until it wakes up; its answer is kept."""
    driver.do("sleep")
    await set_up(hass, local)
    assert local.state is ConfigEntryState.SETUP_RETRY
    driver.do("wake")
    await later(hass, 60)
    await until(lambda: local.state is ConfigEntryState.LOADED)
    driver.do("sleep")
    await hass.config_entries.async_reload(local.entry_id)
    await until(lambda: local.state is ConfigEntryState.LOADED)


async def test_local_lock_has_another_token(hass: HomeAssistant, local: MockConfigEntry) -> None:
    """The user is asked for the new token of a local lock."""
    hass.config_entries.async_update_entry(local, data={**local.data, CONF_TOKEN: "f" * 32})
    await set_up(hass, local)
    assert local.state is ConfigEntryState.SETUP_ERROR
    assert signs_in_again(hass, local)


# Tokens


async def test_expired_token(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """An expired token is renewed and kept without a reload; the call is repeated once."""
    before, again = loaded.data[CONF_TOKENS], setups(loaded)
    requests = await settle(hass, driver)
    driver.simulator.cloud.expire_access_tokens()
    await press(hass, driver, "record_video")
    assert requests.paths == [ACTION, GET_TOKEN, ACTION]
    assert len(driver.lock.recordings) == 1
    await hass.async_block_till_done()
    assert loaded.data[CONF_TOKENS]["access"] != before["access"]
    assert loaded.data[CONF_TOKENS]["refresh"] != before["refresh"]
    assert driver.simulator.cloud.tokens.grant(loaded.data[CONF_TOKENS]["access"])
    assert not again
    await hass.config_entries.async_reload(loaded.entry_id)
    assert loaded.state is ConfigEntryState.LOADED


async def test_token_is_renewed_before_it_expires(
    hass: HomeAssistant, entry: MockConfigEntry, requests: Requests
) -> None:
    """A token is renewed when most of its lifetime is over."""
    tokens = entry.data[CONF_TOKENS] | {"renew_at": time.time() - 1}
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_TOKENS: tokens})
    await set_up(hass, entry)
    assert requests.paths[:2] == [GET_TOKEN, DEVICES]
    assert requests.paths.count(GET_TOKEN) == 1
    assert entry.data[CONF_TOKENS]["renew_at"] > time.time() + 24 * 3600


async def test_signed_out_while_running(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """An action that fails for a refused token says so; the user is asked to sign in again."""
    driver.simulator.cloud.revoke(driver.account)
    with pytest.raises(HomeAssistantError) as raised:
        await press(hass, driver, "record_video")
    assert raised.value.translation_key == "not_signed_in"
    await hass.async_block_till_done()
    assert signs_in_again(hass, loaded)


async def test_signed_out_is_noticed_by_polling(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The user is asked to sign in again."""
    await settle(hass, driver)
    driver.simulator.cloud.revoke(driver.account)
    await later(hass, 301)
    await until(lambda: signs_in_again(hass, loaded))


# Polling


async def test_polling_with_push(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """With push, the lock is read after five minutes, with one request."""
    requests = await settle(hass, driver)
    await later(hass, 290)
    assert requests.paths == []
    await later(hass, 301)
    assert requests.paths == [READ]


@pytest.mark.usefixtures("no_reconnection")
async def test_polling_without_push(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Without push, it is read every minute; the device list tells whether it is asleep."""
    requests = await lose_push(hass, driver, loaded)
    driver.do("sleep")
    await later(hass, 50)
    assert requests.paths == []
    await later(hass, 61)
    assert requests.paths == [DEVICES, READ]
    assert driver.state(hass, "binary_sensor", "awake").state == "off"


@pytest.mark.usefixtures("no_reconnection")
async def test_device_list_fails(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The lock is read even if the list of devices cannot be read."""
    requests = await lose_push(hass, driver, loaded)
    driver.simulator.cloud.refuse_next(500, DEVICES)
    driver.do("set_battery", 33, push=False)
    await later(hass, 61)
    assert requests.paths == [DEVICES, READ]
    assert driver.state(hass, "sensor", "lithium_battery").state == "33"


async def test_what_push_missed_is_read(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The lock is read as soon as push is connected again."""
    await settle(hass, driver)
    driver.simulation.call(driver.simulator.gate.cut)
    await disconnected(loaded)
    driver.do("set_battery", 44)
    await connected(loaded)
    await until(lambda: driver.state(hass, "sensor", "lithium_battery").state == "44")


async def test_local_polling(
    hass: HomeAssistant, driver: LockDriver, local: MockConfigEntry
) -> None:
    """A local lock is read every half a minute."""
    await set_up(hass, local)
    driver.do("set_battery", 55)
    await later(hass, 31)
    await until(lambda: driver.state(hass, "sensor", "lithium_battery").state == "55")


# Options


async def test_poll_interval_is_an_option(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A changed poll interval applies at once."""
    hass.config_entries.async_update_entry(loaded, options={CONF_POLL_INTERVAL: 20})
    await hass.async_block_till_done()
    await connected(loaded)
    requests = await settle(hass, driver)
    await later(hass, 15)
    assert requests.paths == []
    await later(hass, 21)
    assert requests.paths == [READ]


@pytest.mark.usefixtures("no_reconnection")
async def test_poll_interval_without_push_is_an_option(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A changed poll interval without push applies at once."""
    options = {CONF_POLL_INTERVAL_WITHOUT_PUSH: 10}
    hass.config_entries.async_update_entry(loaded, options=options)
    await hass.async_block_till_done()
    requests = await lose_push(hass, driver, loaded)
    await later(hass, 11)
    assert requests.paths == [DEVICES, READ]


async def test_unlocking_is_an_option(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, requests: Requests
) -> None:
    """Without the option, unlocking sends no request."""
    driver.lock.accepts_remote_unlock = True
    with pytest.raises(HomeAssistantError) as raised:
        await unlock(hass, driver)
    assert raised.value.translation_key == "unlocking_not_allowed"
    assert ACTION not in requests.paths
    hass.config_entries.async_update_entry(
        loaded, options={CONF_UNLOCKING: {driver.lock.did: None}}
    )
    await hass.async_block_till_done()
    await connected(loaded)
    await unlock(hass, driver)
    await until(lambda: driver.state(hass, "lock", "lock").state == LockState.UNLOCKED)


# Manners


async def test_real_addresses_are_trusted_as_any_other(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certificates of the real services are verified, and their names too."""
    monkeypatch.delenv(ENDPOINTS_VARIABLE, raising=False)
    endpoints, tls = await async_endpoints(hass)
    assert endpoints == Endpoints()
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


def test_loading_does_not_import_miio() -> None:
    """Loading the integration does not import python-miio, which takes over a second."""
    package = f"custom_components.{DOMAIN}"
    modules = [package, *(f"{package}.{name}" for name in (*PLATFORMS, "config_flow"))]
    program = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules}];"
        " print('miio' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


@pytest.mark.usefixtures("disable_block_async_io")
async def test_a_good_day(
    hass: HomeAssistant, driver: LockDriver, caplog: pytest.LogCaptureFixture
) -> None:
    """A day without faults logs no warning, and blocks the event loop nowhere."""
    block_async_io.enable()
    entry = MockConfigEntry(domain=DOMAIN, data=driver.account_data())
    entry.add_to_hass(hass)
    await set_up(hass, entry)
    await connected(entry)
    driver.do("fingerprint", 7)
    await until(lambda: driver.state(hass, "lock", "lock").state == LockState.UNLOCKED)
    driver.do("close_door")
    driver.do("ring")
    await press(hass, driver, "record_video")
    driver.do("sleep")
    await until(lambda: driver.state(hass, "binary_sensor", "awake").state == "off")
    await later(hass, 301)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert complaints(caplog) == []


@pytest.mark.usefixtures("disable_block_async_io")
async def test_a_good_day_nearby(
    hass: HomeAssistant, local: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """A day without faults on the local network logs no warning either."""
    block_async_io.enable()
    await set_up(hass, local)
    await later(hass, 31)
    assert await hass.config_entries.async_unload(local.entry_id)
    await hass.async_block_till_done()
    assert complaints(caplog) == []


# What is said of every custom integration, of how Home Assistant was installed, and of a slow
# machine (asyncio warns of that in debug mode only).
NO_COMPLAINTS = {"homeassistant.loader", "aiohttp_fast_zlib", "asyncio"}


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged that somebody should look at."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR
        or (record.levelno >= logging.WARNING and record.name not in NO_COMPLAINTS)
    ]


async def test_the_device_page_shows_the_lock_s_versions(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    def device() -> DeviceEntry:
        [found] = dr.async_entries_for_config_entry(dr.async_get(hass), loaded.entry_id)
        return found

    assert (device().sw_version, device().hw_version) == (driver.lock.firmware, None)
    driver.do("push_versions")
    await until(lambda: device().hw_version == driver.lock.values[11, 4])

    assert await hass.config_entries.async_reload(loaded.entry_id)
    assert device().hw_version == driver.lock.values[11, 4]


async def test_heard_only_while_somebody_shows_it(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Push ends before the entities are unloaded: an event would count as handled, and be lost."""
    connected: list[bool] = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        goes = new is None or new.state == STATE_UNAVAILABLE
        if event.data["entity_id"].startswith("event.") and goes:
            connected.append(is_connected(loaded))

    hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
    await hass.config_entries.async_unload(loaded.entry_id)
    await hass.async_block_till_done()
    assert connected
    assert not any(connected)


async def test_home_assistant_stops(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """When Home Assistant stops, push and polling end."""
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    assert not is_connected(loaded)
    driver.simulator.cloud.requests.clear()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1))
    await hass.async_block_till_done()
    assert driver.simulator.cloud.requests == []
