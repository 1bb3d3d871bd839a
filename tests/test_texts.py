"""Texts from outside are cleaned where they come in: nothing that is kept is spoilt by them."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.util import slugify
from pytest_homeassistant_custom_component.common import flush_store

from custom_components.xiaomi_smart_lock.connection import LIST_AGAIN_AFTER
from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, CONF_ROOMS, DOMAIN
from custom_components.xiaomi_smart_lock.diagnostics import async_get_config_entry_diagnostics
from custom_components.xiaomi_smart_lock.miot.values import LONGEST_TEXT
from custom_components.xiaomi_smart_lock.reporting.devices import (
    LONGEST_SLUG,
    async_device_of,
    shortened,
)

from .flow import (
    authorize_url,
    begin_account,
    by_hand,
    labels,
    later,
    paste,
    sign_in,
    submit,
)
from .fuzz.strategies import spoilt
from .hosts import NEARBY
from .lock_driver import until
from .lock_harness import LockHarness, Storage, running_lock, stored_key

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.storage import Store

    from .lock_driver import LockDriver

HALF: Final = "\ud83d"
"""The first half of an emoji that was cut in two."""
FAMILY: Final = "👨\u200d👩\u200d👧"
"""One emoji of three, held together by characters that cannot be seen."""

NAMES: Final = [
    (f"Front {HALF}door", "Front door"),
    (f"Front door{HALF}", "Front door"),
    ("Front\x00 \x1b[31mdoor\n\r\t\x7f", "Front [31mdoor"),
    ("Front \u202edoor\u2066\u200b\ufeff", "Front door"),
    (f"Front door {FAMILY}", f"Front door {FAMILY}"),
    ("大门（三楼）", "大门（三楼）"),
    ("大" * 100_000, "大" * LONGEST_TEXT),
    (HALF, "xiaomi.lock.s1"),
    ("\u200d\u200d", "xiaomi.lock.s1"),
]
"""What a lock may be called, and what it is called here."""


async def written(hass: HomeAssistant, storage: Storage, key: str) -> Any:
    """Have Home Assistant write its own registries; return what one of them has on the disk."""
    stores: dict[str, Store[Any]] = {
        "core.config_entries": hass.config_entries._store,
        "core.device_registry": dr.async_get(hass)._store,
        "core.entity_registry": er.async_get(hass)._store,
    }
    await flush_store(stores[key])
    return storage[key]["data"]


def texts_in(data: Any) -> list[str]:
    """Return all texts in what is kept."""
    match data:
        case str():
            return [data]
        case dict():
            return [text for pair in data.items() for part in pair for text in texts_in(part)]
        case list() | tuple():
            return [text for part in data for text in texts_in(part)]
    return []


@pytest.mark.parametrize(("name", "shown"), NAMES, ids=count(1))
async def test_names_of_a_lock(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, name: str, shown: str
) -> None:
    """Whatever a lock is called, it is set up, and all registries can be saved."""
    driver.lock.name = name
    async with running_lock(hass, driver) as harness:
        device = async_device_of(hass, harness.entry, driver.lock.did)
        assert device
        assert device.name == shortened(shown)
        devices = await written(hass, hass_storage, "core.device_registry")
        assert device.name in [stored["name"] for stored in devices["devices"]]
        entities = await written(hass, hass_storage, "core.entity_registry")
        ours = [one for one in entities["entities"] if one["platform"] == DOMAIN]
        assert ours
        assert all(hass.states.get(one["entity_id"]) for one in ours if not one["disabled_by"])
    assert hass_storage[stored_key(driver)]["data"]["device"]["name"] == shown


@pytest.mark.parametrize(
    "name",
    ["大" * LONGEST_TEXT, "x" * LONGEST_TEXT, "大门 " * 50],
    ids=["Chinese", "Latin", "words"],
)
def test_names_that_fill_ids(name: str) -> None:
    """As much of them is taken as leaves room for what entities are called."""
    assert name.startswith(shortened(name))
    assert LONGEST_SLUG - 4 <= len(slugify(shortened(name))) <= LONGEST_SLUG


@pytest.mark.parametrize("name", ["Front door", "大门（三楼）", "！" * LONGEST_TEXT, ""])
def test_names_that_do_not(name: str) -> None:
    """They stay as they are."""
    assert shortened(name) == name


async def test_all_that_an_account_is_called(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """Its owner, home and room, and what its list says of a lock, also of a second one."""
    bad = f"\u202eAll {HALF}\x00 doors"
    begun = await begin_account(hass, "paste")
    location = await sign_in(driver, authorize_url(begun))
    driver.account.name = bad
    driver.account.places[:] = [replace(driver.account.places[0], home=bad, room=bad)]
    lock = driver.lock
    lock.name, lock.firmware, lock.mac, lock.host = bad, bad, bad, bad
    other = driver.simulation.call(driver.simulator.add_lock, driver.account, bad)
    result = await paste(hass, begun, location)
    assert labels(result)[lock.did] == "All doors (All doors, All doors)"
    result = await submit(hass, result, {CONF_LOCKS: [lock.did, other.did]})
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == "Xiaomi account · All doors"
    assert entry.data[CONF_ROOMS][lock.did] == "All doors"
    for key in ("core.config_entries", "core.device_registry"):
        kept = await written(hass, hass_storage, key)
        assert lock.did in texts_in(kept)
        assert not list(filter(spoilt, texts_in(kept)))
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not list(filter(spoilt, texts_in(hass_storage[stored_key(driver)])))


async def test_a_lock_that_is_renamed(
    harness: LockHarness, hass_storage: Storage, frozen: FrozenDateTimeFactory
) -> None:
    """The new name is cleaned as well."""
    harness.driver.lock.name = f"Back {HALF} door"
    frozen.tick(LIST_AGAIN_AFTER + 1)
    await harness.poll()
    device = async_device_of(harness.hass, harness.entry, harness.driver.lock.did)
    assert device
    assert device.name == "Back door"
    assert await written(harness.hass, hass_storage, "core.device_registry")


async def test_push_names_a_lock(harness: LockHarness) -> None:
    """What says that a lock woke up names it: half a character there takes nothing else along."""
    await harness.put_to_sleep()
    harness.driver.lock.name = f"Front {HALF}door"
    harness.driver.do("wake")
    await until(lambda: harness.state("binary_sensor", "awake") == "on")


@pytest.mark.usefixtures("all_enabled")
@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (f"1.0{HALF}", "unknown"),
        ("1" * 5_000, "unknown"),
        ("1.0\x00", "unknown"),
        ("1.0\x1b[2J\u202e", "1.0 [2J"),
        ("1" * 300, "1" * 255),
    ],
    ids=count(1),
)
async def test_texts_of_the_lock(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, raw: str, shown: str
) -> None:
    """A version that is shown fits into a state, and into the registry."""
    async with running_lock(hass, driver) as harness:
        driver.push_property((11, 1), "before")
        driver.push_property((11, 4), "before")
        await harness.reached()
        driver.push_property((11, 1), raw)
        driver.push_property((11, 4), raw)
        await harness.reached()
        assert harness.state("sensor", "front_panel_version") == shown
        device = async_device_of(hass, harness.entry, driver.lock.did)
        assert device
        assert len(device.hw_version or "") <= LONGEST_TEXT
        assert not spoilt(device.hw_version or "")
        assert await written(hass, hass_storage, "core.device_registry")


@pytest.mark.usefixtures("all_enabled")
@pytest.mark.parametrize("raw", [10**30, -(10**400), 1e300])
async def test_numbers_that_nothing_can_hold(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, raw: float
) -> None:
    """A number of too many digits is shown nowhere: a browser would get no state at all."""
    async with running_lock(hass, driver) as harness:
        driver.push_property((21, 5), raw)
        driver.push_event((2, 1020), raw, raw, raw, raw, raw, tid=raw)
        await harness.reached()
        for state in hass.states.async_all():
            assert state.as_dict_json
        assert await async_get_config_entry_diagnostics(hass, harness.entry)
    assert hass_storage[stored_key(driver)]


@pytest.mark.usefixtures("short_timeouts")
async def test_texts_of_the_local_network(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """What a device nearby says of itself is kept with its entry."""
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, host=NEARBY)
    lock.firmware = lock.mac = f"2.1{HALF}\x00\u202e"
    result = await by_hand(hass)
    result = await submit(hass, result, {"host": NEARBY, "token": lock.token})
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["firmware"] == result["data"]["mac"] == "2.1"
    assert await written(hass, hass_storage, "core.config_entries")
    assert await hass.config_entries.async_unload(result["result"].entry_id)
