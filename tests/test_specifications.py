"""Specifications over time: firmware changes, the service is away, and what was stored is lost."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.connection import LIST_AGAIN_AFTER
from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.descriptions import described
from custom_components.xiaomi_smart_lock.miot.spec import parse
from custom_components.xiaomi_smart_lock.model.lock_model import MODELS
from custom_components.xiaomi_smart_lock.model.r2 import R2
from simulator import faults, instances
from simulator.instances import DEVICE

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, caught_up, entry_of, running_lock, runtime_of
from .siblings import becomes, keys, sibling

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .lock_harness import Storage

SPECIFICATION: Final = "/miot-spec-v2/instance"
STORED: Final = f"{DOMAIN}_specifications"
GENERIC: Final = "loock.lock.t3pul"


async def test_firmware_update(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What newer firmware adds is there once the account's list of devices tells its revision."""
    monkeypatch.setattr(
        "custom_components.xiaomi_smart_lock.connection.LIST_AGAIN_AFTER", -LIST_AGAIN_AFTER
    )
    async with running_lock(hass, driver) as harness:
        assert "switch.property_2_20" not in keys(hass, harness)
        driver.lock.urn = f"{DEVICE}:4"
        await harness.poll()
        await until(lambda: "switch.property_2_20" in keys(hass, harness))
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
        await caught_up(hass, harness.entry)
        assert harness.issue("specification_newer")


async def test_a_suffix(hass: HomeAssistant, driver: LockDriver) -> None:
    """What may follow a revision makes no other one of it: ours is not asked for."""
    requests = driver.simulator.cloud.requests
    driver.lock.urn = f"{DEVICE}:1:0000C824"
    before = len(requests)
    async with running_lock(hass, driver) as harness:
        await runtime_of(harness.entry).async_learn_specifications()
        assert SPECIFICATION not in [path for path, _ in requests[before:]]
        assert harness.lock.is_learned


DAMAGE: Final[dict[str, Any]] = {
    "no object": ["a list"],
    "another version": None,
    "no specification": "text",
    "no services": {"type": "x"},
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_lost(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, damage: str
) -> None:
    """Without the stored specification and the service, it starts; no entity is forgotten."""
    async with sibling(hass, driver, GENERIC) as harness:
        registry = er.async_get(hass)
        before = keys(hass, harness)
        entity_id = harness.driver.entity_id(hass, "event", "event_2_1020")
        registry.async_update_entity(entity_id, name="Who comes")
        await harness.stop()
        file, urn = hass_storage[STORED], harness.driver.lock.urn
        match damage:
            case "no object":
                file["data"] = DAMAGE[damage]
            case "another version":
                file["version"] = 9
            case _:
                file["data"][urn] = DAMAGE[damage]
        driver.simulator.cloud.refuse_next(500, SPECIFICATION, times=9)
        assert await hass.config_entries.async_setup(harness.entry.entry_id)
        await hass.async_block_till_done()
        assert keys(hass, harness) >= before
        driver.simulator.cloud.calm()
        await harness.stop()
        assert await hass.config_entries.async_setup(harness.entry.entry_id)
        await until(lambda: harness.state("event", "event_2_1020") != "unavailable")
        assert registry.async_get(entity_id).name == "Who comes"  # type: ignore[union-attr]
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)


@pytest.mark.parametrize(
    "fault", [faults.page, faults.cut, faults.said("[]"), faults.status(302, Location="/x")]
)
async def test_the_service_is_odd(hass: HomeAssistant, driver: LockDriver, fault: Any) -> None:
    """Whatever it answers, a lock is set up, and learned at the next start."""
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, model=GENERIC)
    side = LockDriver(driver.simulation, driver.account, lock)
    driver.simulator.cloud.disturb_next(fault, SPECIFICATION, times=2)
    async with running_lock(hass, side) as harness:
        requests = driver.simulator.cloud.requests
        await until(lambda: SPECIFICATION in [path for path, _ in requests])
        await hass.async_block_till_done(wait_background_tasks=False)
        assert driver.simulator.cloud.calm()
        await harness.stop()
        await harness.start()
        await until(lambda: "event.event_2_1020" in keys(hass, harness))
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)


async def test_two_entries(hass: HomeAssistant, driver: LockDriver) -> None:
    """What one entry learns, the other one shows too, though it was set up before that."""
    simulation = driver.simulation
    first, second, other = (
        LockDriver(
            simulation,
            driver.account,
            simulation.call(driver.simulator.add_lock, driver.account, model=model),
        )
        for model in (GENERIC, GENERIC, "loock.lock.v5")
    )
    held = faults.Held(faults.status(500))
    driver.simulator.cloud.disturb_next(held, SPECIFICATION)
    data = {**first.account_data(), CONF_LOCKS: [first.lock.did, other.lock.did]}
    waits = LockHarness(hass, first, entry_of(hass, data))
    await waits.start()
    async with running_lock(hass, second) as learns:
        await until(lambda: "event.event_2_1020" in keys(hass, learns))
        await until(lambda: learns.entry.state is ConfigEntryState.LOADED)
        assert "event.event_2_1020" not in keys(hass, waits)
        held.let_go()
        await until(lambda: "event.event_2_1020" in keys(hass, waits))
        await until(lambda: waits.entry.state is ConfigEntryState.LOADED)
        await caught_up(hass, waits.entry)
        await waits.stop()


async def test_supported_later(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With tables, what is described now is there once; what is still generic goes on."""
    async with sibling(hass, driver, GENERIC) as harness:
        before = keys(hass, harness)
        assert {"event.event_2_1020", "sensor.property_3_1021", "sensor.battery"} <= before
        kept = harness.driver.entity_id(hass, "sensor", "battery")
        await harness.stop()
        monkeypatch.setitem(MODELS, GENERIC, replace(R2, model=GENERIC))
        await harness.start()
        after = keys(hass, harness)
        assert {"event.lock_event", "sensor.door_state", "sensor.battery", "lock.lock"} <= after
        assert not after & {"event.event_2_1020", "sensor.property_3_1021"}
        assert harness.driver.entity_id(hass, "sensor", "battery") == kept
        restored = [
            one.entity_id for one in hass.states.async_all() if one.attributes.get("restored")
        ]
        assert restored == []


async def test_described_later(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same of a supported lock whose account is linked with the Mi Home app."""
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, revision=4)
    side = LockDriver(driver.simulation, driver.account, lock)
    harness = LockHarness(
        hass, side, entry_of(hass, {**side.account_data(), CONF_APP: side.app_data()})
    )
    await harness.start()
    await until(lambda: "event.event_2_40" in keys(hass, harness))
    await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
    await caught_up(hass, harness.entry)
    await harness.stop()

    def now(model: Any) -> Any:
        yield from described(model)
        yield model.event("2.40")

    monkeypatch.setattr("custom_components.xiaomi_smart_lock.described", now)
    await harness.start()
    found = keys(hass, harness)
    assert "event.event_2_40" not in found
    assert "switch.property_2_20" in found
    await harness.stop()


async def test_another_duress(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method of duress that newer firmware adds looks like the method without it."""
    published = instances.services_of

    def services_of(urn: str) -> Any:
        services = deepcopy(list(published(urn)))
        for service in services:
            for prop in service.get("properties", ()):
                if prop["type"].endswith(":operation-method"):
                    prop["value-list"] += [
                        {"value": 40, "description": "Duress palm vein"},
                        {"value": 41, "description": "Duress", "description_zh": "胁迫密码"},
                    ]
        return services

    monkeypatch.setattr(instances, "services_of", services_of)
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, revision=4)
    lock.spec = parse({"type": lock.urn, "services": services_of(lock.urn)})
    side = LockDriver(driver.simulation, driver.account, lock)
    async with running_lock(hass, side) as harness:
        await until(lambda: "event.event_2_40" in keys(hass, harness))
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
        await caught_up(hass, harness.entry)
        duress = harness.events("duress")
        for number, shown in ((40, "palm_vein"), (41, "fingerprint")):
            side.do("operate", 2, method=number, position=2, operation_id=number)
            await until(
                lambda: harness.attributes("event", "lock_event").get("operation_id") == number  # noqa: B023
            )
            assert harness.attributes("event", "lock_event")["method"] == shown
            await becomes(harness, "sensor", "last_method", shown)
        await until(lambda: len(duress) == 2)
