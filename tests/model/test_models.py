"""A second model that is a file of tables: what they say of a lock is all that it takes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.model import lock_model
from simulator.codes import Code
from tests.lock_driver import until
from tests.lock_harness import connected
from tests.model.two import TWO

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from tests.lock_driver import LockDriver

LOCK_EVENT: Final = (4, 1020)
DOOR_STATE: Final = (5, 1021)
BATTERY: Final = (7, 1003)
VALUES: Final[dict[Address, int]] = {DOOR_STATE: 11, BATTERY: 87}

# What there is of every lock that sleeps, and what there is of this one; see tests/model/two.json
OF_EVERY_LOCK: Final = {"awake", "last_contact"}
OF_THIS_LOCK: Final = {
    "battery",
    "deadbolt",
    "door",
    "door_state",
    "dry_cells",
    "duress",
    "last_action",
    "last_method",
    "last_operation_id",
    "last_operation_time",
    "last_person",
    "last_position",
    "lock",
    "lock_event",
    "unlocking",
}


@pytest.fixture
async def two(
    driver: LockDriver, entry: MockConfigEntry, hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> MockConfigEntry:
    """Return the entry of an account whose lock is of the second model, set up."""

    def read(address: Address) -> tuple[Code, object]:
        return (Code.DONE, VALUES[address]) if address in VALUES else (Code.NO_SUCH_PROPERTY, None)

    monkeypatch.setitem(lock_model.MODELS, TWO.model, TWO)
    monkeypatch.setattr(driver.lock, "model", TWO.model)
    monkeypatch.setattr(driver.lock, "urn", "urn:miot-spec-v2:device:lock:0000A038:example-two:1")
    monkeypatch.setattr(driver.lock, "read", read)
    monkeypatch.setattr(driver.lock, "updated", dict.fromkeys(VALUES, int(time.time())))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await connected(entry)
    return entry


def operate(
    driver: LockDriver, method: int, position: int, action: int, operation_id: int = 7
) -> None:
    """Have the lock tell of an operation, its arguments in this model's order."""
    driver.push_event(LOCK_EVENT, method, operation_id, int(time.time()), position, action)


def state(hass: HomeAssistant, driver: LockDriver, platform: str, key: str) -> str:
    """Return the state of one of the lock's entities."""
    return driver.state(hass, platform, key).state


async def happened(
    hass: HomeAssistant, driver: LockDriver, key: str, **attributes: Any
) -> dict[str, Any]:
    """Return the attributes of an event entity once it has shown some."""
    await until(lambda: attributes.items() <= driver.state(hass, "event", key).attributes.items())
    return dict(driver.state(hass, "event", key).attributes)


async def test_what_it_has_is_there(
    hass: HomeAssistant, driver: LockDriver, two: MockConfigEntry
) -> None:
    """Nothing of a camera, a bell or users, which it has not."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), two.entry_id)
    keys = {entity.unique_id.removeprefix(f"{driver.lock.did}-") for entity in entities}
    assert keys == OF_EVERY_LOCK | OF_THIS_LOCK
    assert state(hass, driver, "lock", "lock") == "locked"
    assert state(hass, driver, "binary_sensor", "door") == "off"
    assert state(hass, driver, "sensor", "dry_cells") == "87"


async def test_somebody_comes_home(
    hass: HomeAssistant, driver: LockDriver, two: MockConfigEntry
) -> None:
    """What its numbers mean is told in the same words; the lock is unlocked before it fires."""
    operate(driver, method=2, position=2, action=2)
    told = await happened(hass, driver, "lock_event", event_type="unlocked")
    assert told["method"] == "fingerprint"
    assert told["position"] == "outside"
    assert told["operation_id"] == 7
    lock = driver.state(hass, "lock", "lock")
    assert (lock.state, lock.attributes["changed_by"]) == ("unlocked", "Fingerprint 7")
    assert state(hass, driver, "sensor", "last_method") == "fingerprint"
    driver.push_property(DOOR_STATE, 13)
    await until(lambda: state(hass, driver, "binary_sensor", "door") == "on")
    driver.push_property(DOOR_STATE, 14)  # Its specification does not list this one, the tables do.
    await until(lambda: state(hass, driver, "sensor", "door_state") == "ajar")
    assert state(hass, driver, "binary_sensor", "door") == "on"


async def test_the_deadbolt(hass: HomeAssistant, driver: LockDriver, two: MockConfigEntry) -> None:
    """An event says of other properties what it says of them on any lock."""
    operate(driver, method=9, position=1, action=3)
    await happened(hass, driver, "lock_event", event_type="deadbolt_on")
    assert state(hass, driver, "binary_sensor", "deadbolt") == "on"
    assert state(hass, driver, "sensor", "door_state") == "deadbolt_on"
    assert state(hass, driver, "lock", "lock") == "locked"


async def test_duress_is_its_own_number(
    hass: HomeAssistant, driver: LockDriver, two: MockConfigEntry
) -> None:
    """What means duress on another lock is the button inside of this one."""
    operate(driver, method=9, position=1, action=2, operation_id=0)
    await happened(hass, driver, "lock_event", method="inside_button")
    assert state(hass, driver, "event", "duress") == "unknown"
    operate(driver, method=8, position=2, action=2)
    await happened(hass, driver, "duress", event_type="duress")
    assert driver.state(hass, "event", "lock_event").attributes["method"] == "fingerprint"


async def test_it_is_kept(hass: HomeAssistant, driver: LockDriver, two: MockConfigEntry) -> None:
    """What was known is known after a restart."""
    operate(driver, method=2, position=2, action=2)
    await happened(hass, driver, "lock_event", event_type="unlocked")
    assert await hass.config_entries.async_reload(two.entry_id)
    assert state(hass, driver, "sensor", "last_method") == "fingerprint"
    assert state(hass, driver, "sensor", "last_position") == "outside"
