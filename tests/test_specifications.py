"""Specifications over time: firmware changes, the service is away, and what was stored is lost."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import AsyncMock

import pytest
from aiohttp import ClientTimeout
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.account import specifications
from custom_components.xiaomi_smart_lock.connection import LIST_AGAIN_AFTER
from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.descriptions import described
from custom_components.xiaomi_smart_lock.miot import http
from custom_components.xiaomi_smart_lock.miot.spec import parse
from custom_components.xiaomi_smart_lock.model.lock_model import MODELS
from custom_components.xiaomi_smart_lock.model.r2 import R2
from custom_components.xiaomi_smart_lock.runtime import LEARN_AGAIN_AFTER
from custom_components.xiaomi_smart_lock.store import LockStore
from simulator import faults, instances
from simulator.instances import DEVICE
from simulator.siblings import MODELS as SIBLINGS

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, caught_up, entry_of, running_lock, runtime_of, setups
from .siblings import becomes, keys, sibling

if TYPE_CHECKING:
    from collections.abc import Callable

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


def another(driver: LockDriver, model: str) -> LockDriver:
    """Return the driver of another lock of the account, of a model."""
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, model=model)
    return LockDriver(driver.simulation, driver.account, lock)


def of_another(hass: HomeAssistant, driver: LockDriver, model: str) -> LockHarness:
    """Return Home Assistant with an entry of another lock of the account, not set up yet."""
    side = another(driver, model)
    return LockHarness(hass, side, entry_of(hass, side.account_data()))


def paths(driver: LockDriver) -> list[str]:
    """Return the paths of all requests that the cloud has got."""
    return [path for path, _ in driver.simulator.cloud.requests]


async def passes(harness: LockHarness, condition: Callable[[], object]) -> None:
    """Let time pass until a condition holds."""
    while not condition():
        await harness.later(LEARN_AGAIN_AFTER[-1])
        await asyncio.sleep(0.01)


async def asked(harness: LockHarness, times: int) -> None:
    """Let time pass until specifications were asked for so often."""
    await passes(harness, lambda: paths(harness.driver).count(SPECIFICATION) >= times)


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


FAULTS: Final = [faults.page, faults.cut, faults.said("[]"), faults.status(404), faults.silence]


@pytest.mark.parametrize("fault", FAULTS)
async def test_it_is_asked_for_again(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    """Whatever the service did at first, the lock is learned later, without a restart."""
    monkeypatch.setattr(http, "TIMEOUT", ClientTimeout(total=0.2))
    cloud, at_first = driver.simulator.cloud, 2
    cloud.disturb_next(fault, SPECIFICATION, times=at_first)
    async with running_lock(hass, another(driver, GENERIC)) as harness:
        await asked(harness, at_first)
        assert "event.event_2_1020" not in keys(hass, harness)
        await passes(harness, lambda: "event.event_2_1020" in keys(hass, harness))
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
        await caught_up(hass, harness.entry)


async def test_it_never_answers(hass: HomeAssistant, driver: LockDriver) -> None:
    """Neither setting up nor unloading waits for the service, and nothing is asked after that."""
    held = faults.Held()
    driver.simulator.cloud.disturb_next(held, SPECIFICATION)
    harness = of_another(hass, driver, GENERIC)
    await harness.start()
    await until(lambda: held.waiting)
    await harness.stop()
    held.let_go()
    before = len(driver.simulator.cloud.requests)
    await harness.later(sum(LEARN_AGAIN_AFTER))
    assert SPECIFICATION not in [path for path, _ in driver.simulator.cloud.requests[before:]]


async def test_more_is_published(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was a stub grows by itself under the same URN; keys and texts stay as they were."""
    whole = instances.instance
    stub = _stub(whole(SIBLINGS[GENERIC].facts.urn))
    monkeypatch.setattr(instances, "instance", lambda _urn: stub)
    async with sibling(hass, driver, GENERIC) as harness:
        small = keys(hass, harness)
        types = harness.attributes("event", "event_2_1020")["event_types"]
        monkeypatch.setattr(instances, "instance", whole)
        times = paths(driver).count(SPECIFICATION)
        for _ in range(3):
            await harness.later(LEARN_AGAIN_AFTER[-1])
        assert paths(driver).count(SPECIFICATION) == times
        assert keys(hass, harness) == small
        monkeypatch.setattr(specifications, "ASK_AGAIN_AFTER", 0)
        await passes(harness, lambda: "sensor.property_3_1021" in keys(hass, harness))
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
        await caught_up(hass, harness.entry)
        assert keys(hass, harness) > small
        assert harness.attributes("event", "event_2_1020")["event_types"] == types
        # What lacks something is not taken over.
        monkeypatch.setattr(instances, "instance", lambda _urn: stub)
        grown = keys(hass, harness)
        await asked(harness, paths(driver).count(SPECIFICATION) + 2)
        await harness.stop()
        await harness.start()
        assert keys(hass, harness) == grown
        assert harness.state("sensor", "property_3_1021") != "unavailable"


async def test_a_full_disk(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be stored does not make the entry reload for ever."""
    monkeypatch.setattr(LockStore, "async_save", AsyncMock())
    async with running_lock(hass, another(driver, GENERIC)) as harness:
        states = setups(harness.entry)
        await asked(harness, 2)
        assert states == []


def _stub(published: dict[str, Any]) -> dict[str, Any]:
    """Return a specification with little more than one event, and in other words."""
    stub = deepcopy(published)
    stub["services"] = [one for one in stub["services"] if one["iid"] in (1, 2)]
    stub["services"][-1]["events"][0]["description"] = "Something happened"
    return stub


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
