"""Locks of four families in one account: what one does is never said of another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS
from simulator.facts import FACTS
from simulator.model import MODEL

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, caught_up, entry_of
from .siblings import becomes, keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from homeassistant.core import HomeAssistant

OTHERS: Final = ("xiaomi.lock.m30fa", "loock.lock.r2", "lumi.lock.mcn002")
ROUNDS: Final = 5
DURESS: Final = {MODEL: 9, "xiaomi.lock.m30fa": 8, "loock.lock.r2": 12, "lumi.lock.mcn002": 12}
"""The number of a duress fingerprint; it is another method of the other families."""


@pytest.fixture
async def house(hass: HomeAssistant, driver: LockDriver) -> AsyncIterator[dict[str, LockHarness]]:
    """Return one lock of each family, by model, all in one account and set up."""
    drivers = {MODEL: driver} | {
        model: LockDriver(
            driver.simulation,
            driver.account,
            driver.simulation.call(
                driver.simulator.add_lock, driver.account, FACTS[model].name, model=model
            ),
        )
        for model in OTHERS
    }
    data = {**driver.account_data(), CONF_LOCKS: [one.lock.did for one in drivers.values()]}
    entry = entry_of(hass, data)
    locks = {model: LockHarness(hass, one, entry) for model, one in drivers.items()}
    await locks[MODEL].start()
    await until(lambda: all("event.lock_event" in keys(hass, one) for one in locks.values()))
    await until(lambda: entry.state is ConfigEntryState.LOADED)
    await caught_up(hass, entry)
    yield locks
    await locks[MODEL].stop()


def fired(hass: HomeAssistant, key: str) -> Counter[tuple[str, Any]]:
    """Return how often each event was fired, by did and operation id; it grows."""
    counted: Counter[tuple[str, Any]] = Counter()
    registry = er.async_get(hass)

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        new, entity = event.data["new_state"], registry.async_get(event.data["entity_id"])
        if not new or not entity or new.state in (STATE_UNKNOWN, STATE_UNAVAILABLE):
            return
        did, _, its_key = entity.unique_id.partition("-")
        if (entity.domain, its_key) == ("event", key):
            counted[did, new.attributes["operation_id"]] += 1

    hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
    return counted


def unlock(harness: LockHarness, method: int, operation_id: int) -> None:
    """Have a lock tell that somebody unlocked it from outside, in its model's own numbers."""
    lock, facts = harness.driver.lock, FACTS[harness.driver.lock.model]
    values: Mapping[str, int] = {
        "position": facts.number("position", "outside"),
        "method": method,
        "action": facts.number("action", "unlocked"),
        "id": operation_id,
        "time": lock.time,
    }
    harness.driver.do("emit", facts.event, *(values[name] for name in facts.arguments))


async def test_events_come_once(hass: HomeAssistant, house: dict[str, LockHarness]) -> None:
    """All locks are used in turn, with the same operation ids in the same seconds."""
    counted = fired(hass, "lock_event")
    expected = {
        (harness.driver.lock.did, number): 1
        for harness in house.values()
        for number in range(ROUNDS)
    }
    for number in range(ROUNDS):
        for model, harness in house.items():
            unlock(harness, FACTS[model].number("method", "fingerprint"), number)
    await until(lambda: counted.keys() == expected.keys())
    # What is delivered again fires nothing.
    for harness in house.values():
        harness.driver.simulator.gate.repeat = 2
    for model, harness in house.items():
        unlock(harness, FACTS[model].number("method", "password"), ROUNDS)
        expected[harness.driver.lock.did, ROUNDS] = 1
    await until(lambda: counted.keys() == expected.keys())
    for harness in house.values():
        await becomes(harness, "sensor", "last_method", "password")
        assert harness.state("lock", "lock") == "unlocked"
        assert harness.state("sensor", "last_operation_id") == str(ROUNDS)
    assert counted == expected


async def test_the_same_number_is_another_word(
    hass: HomeAssistant, house: dict[str, LockHarness]
) -> None:
    """What means duress on one lock does not on the locks of other families."""
    duress = fired(hass, "duress")
    expected = set()
    for operation_id, number in enumerate(sorted({*DURESS.values()}), 1):
        for model, harness in house.items():
            word = FACTS[model].words["method"].get(number)
            assert (word in ("duress", "duress_fingerprint")) is (DURESS[model] == number)
            unlock(harness, number, operation_id)
            if DURESS[model] == number:
                expected.add((harness.driver.lock.did, operation_id))
    for harness in house.values():
        await becomes(harness, "sensor", "last_operation_id", str(len({*DURESS.values()})))
    assert duress.keys() == expected
    assert set(duress.values()) == {1}


async def test_the_end_of_a_day(hass: HomeAssistant, house: dict[str, LockHarness]) -> None:
    """Each lock shows its own door and battery, and the others' never."""
    levels = {model: 41 + number for number, model in enumerate(house)}
    open_door, bolted, ajar, closed = house.values()
    open_door.driver.do("open_door")
    bolted.driver.do("deadbolt", on=True)
    ajar.driver.do("leave_ajar")
    closed.driver.do("close_door")
    for model, harness in house.items():
        harness.driver.do("set_battery", levels[model])
    doors = {open_door: "on", bolted: "off", ajar: "on", closed: "off"}
    deadbolts = {bolted: "on"}
    for model, harness in house.items():
        key = "lithium_battery" if model == MODEL else "battery"
        await becomes(harness, "sensor", key, str(levels[model]))
        await becomes(harness, "binary_sensor", "door", doors[harness])
        assert harness.state("binary_sensor", "deadbolt") == deadbolts.get(harness, "off")
        assert harness.state("lock", "lock") == (
            "locked" if doors[harness] == "off" else "unlocked"
        )
