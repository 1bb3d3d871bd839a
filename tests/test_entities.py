"""The entities of a lock in an account, and of one on the local network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.const import EVENT_STATE_CHANGED, EntityCategory
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.xiaomi_smart_lock.const import DOMAIN

from .hosts import NEARBY
from .lock_driver import LockDriver, until
from .lock_harness import lock_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.core import HomeAssistant, State
    from syrupy.assertion import SnapshotAssertion

NOON = 1790000000  # 2026-09-21T14:13:20 UTC

# Home Assistant's own, which differ between its versions or say nothing of ours
NOT_OURS = {"friendly_name", "supported_features"}


def _shown(entry: er.RegistryEntry, state: State) -> dict[str, str]:
    """Return what a user sees of an entity, in words that do not depend on time or version."""
    shown = {"name": state.name, "state": state.state}
    if state.attributes.get("event_type") or entry.unique_id.endswith("-last_contact"):
        shown["state"] = "a time"
    if entry.entity_category:
        shown["category"] = entry.entity_category.value
    shown |= {
        str(key): ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in state.attributes.items()
        if key not in NOT_OURS
    }
    return dict(sorted(shown.items()))


def _all_shown(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, dict[str, str]]:
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    states = {entity.entity_id: hass.states.get(entity.entity_id) for entity in entities}
    return {
        entity.entity_id: _shown(entity, state)
        for entity in sorted(entities, key=lambda entity: entity.entity_id)
        if (state := states[entity.entity_id])
    }


def _tell_everything(driver: LockDriver) -> None:
    """Have the lock tell all that it only ever pushes, at times that do not change."""
    driver.do("push_settings")
    driver.do("push_versions")
    driver.push_property((13, 4), NOON)
    driver.push_property((22, 12), "fingerprint 7")
    driver.push_property((22, 13), 3)
    driver.push_event((5, 1), {"piid": 6, "value": NOON})
    for address, arguments in {
        (2, 1020): (2, 9, 2, 7, NOON),
        (2, 1007): (25, NOON),
        (4, 3): (1004, 2, 5),
        (4, 6): (3, 7, 2, NOON),
        (17, 2): (NOON,),
        (17, 3): (NOON,),
        (21, 1): (NOON,),
    }.items():
        driver.push_event(address, {"value": arguments})


@pytest.mark.usefixtures("all_enabled")
async def test_in_an_account(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, snapshot: SnapshotAssertion
) -> None:
    """All is shown of a lock that an account tells of, once everything was pushed."""
    driver.tell((3, 1021), 2, NOON)
    _tell_everything(driver)
    told = lock_of(loaded, driver).coordinator.data
    await until(lambda: len(told.events) == 8 and {(2, 19), (11, 8), (22, 13)} <= set(told.values))
    await until(lambda: driver.state(hass, "lock", "lock").state == "unlocked")
    assert _all_shown(hass, loaded) == snapshot


@pytest.fixture
def nearby(driver: LockDriver) -> LockDriver:
    """Return who stands at the door of a lock on the local network."""
    simulation = driver.simulation
    lock = simulation.call(simulation.simulator.add_lock, driver.account, host=NEARBY)
    simulation.call(simulation.simulator.settle)
    return LockDriver(simulation, driver.account, lock)


@pytest.mark.usefixtures("all_enabled")
async def test_on_the_local_network(
    hass: HomeAssistant,
    nearby: LockDriver,
    snapshot: SnapshotAssertion,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What can be read or done is there; what is only ever pushed is not. Nothing to warn of."""
    entry = MockConfigEntry(domain=DOMAIN, title="Front door", data=nearby.local_data(NEARBY))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert _all_shown(hass, entry) == snapshot
    ours = ("custom_components", "miio")
    assert not [r for r in caplog.records if r.levelname == "WARNING" and r.name.startswith(ours)]


# By platform, what a new config entry has on by default. The first are without a category.
PRIMARY: Final = {
    "lock": {"lock"},
    "binary_sensor": {"door", "deadbolt", "awake"},
    "sensor": {"battery", "last_person", "pending_changes"},
    "event": {"doorbell", "exception", "duress", "someone_at_the_door"},
    "image": {"last_visitor"},
}
SETTINGS: Final = {
    "switch": {"away_mode", "doorbell", "do_not_disturb", "recording"},
    "select": {
        *("doorbell_volume", "operation_volume", "camera_mode"),
        *("door_open_reminder_time", "door_open_alarm_volume"),
    },
    "time": {
        *("do_not_disturb_start", "do_not_disturb_end"),
        *("recording_start", "recording_end"),
    },
    "button": {"discard_pending"},
}
OFTEN: Final = 30


def _by_platform(entities: Iterable[er.RegistryEntry], driver: LockDriver) -> dict[str, set[str]]:
    """Return the keys of entities by their platform."""
    keys: dict[str, set[str]] = {}
    for entity in entities:
        key = entity.unique_id.removeprefix(f"{driver.lock.did}-")
        keys.setdefault(entity.domain, set()).add(key)
    return keys


@pytest.mark.usefixtures("default_entities")
async def test_enabled_by_default(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry
) -> None:
    """What is looked at or changed often is on, and the rest is there for who asks for it."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), linked.entry_id)
    enabled = [entity for entity in entities if not entity.disabled]
    assert {entity.disabled_by for entity in entities if entity.disabled} == {
        er.RegistryEntryDisabler.INTEGRATION
    }
    assert len(enabled) < OFTEN < len(entities)
    primary = [entity for entity in enabled if not entity.entity_category]
    assert _by_platform(primary, driver) == PRIMARY
    settings = [entity for entity in enabled if entity.entity_category is EntityCategory.CONFIG]
    assert _by_platform(settings, driver) == SETTINGS
    assert len(enabled) == len(primary) + len(settings)


@pytest.mark.usefixtures("default_entities")
async def test_what_was_on_stays_on(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry
) -> None:
    """Who has an entity keeps it with its id, whatever it is called and by default now."""
    registry = er.async_get(hass)
    for platform, key, object_id in (
        ("sensor", "door_state", "front_door_door_state"),
        ("sensor", "dry_cells", "front_door_dry_cells"),
        ("sensor", "pending_changes", "front_door_pending_changes"),
        ("switch", "live_video", "front_door_live_video"),
        ("text", "recording_period", "front_door_recording_period"),
        ("event", "lock_event", "front_door_lock"),
    ):
        registry.async_get_or_create(
            platform,
            DOMAIN,
            f"{driver.lock.did}-{key}",
            config_entry=entry,
            suggested_object_id=object_id,
        )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    for entity_id, name in (
        ("sensor.front_door_door_state", "Front door Door state"),
        ("sensor.front_door_dry_cells", "Front door Dry cells"),
        ("sensor.front_door_pending_changes", "Front door Changes waiting"),
        ("switch.front_door_live_video", "Front door Camera live video"),
        ("text.front_door_recording_period", "Front door Camera recording period"),
        ("event.front_door_lock", "Front door Lock"),
    ):
        state = hass.states.get(entity_id)
        assert state, entity_id
        assert state.name == name
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("lithium", "dry", "lower"),
    [
        ((80, 1), (60, 1), "60"),
        ((15, 1), (60, 1), "15"),
        ((80, 1), (0, 2), "80"),
        ((0, 2), (60, 1), "60"),
        ((0, 2), (0, 2), "unknown"),
    ],
)
async def test_one_battery(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    lithium: tuple[int, int],
    dry: tuple[int, int],
    lower: str,
) -> None:
    """It is the lower one of those that are installed."""
    for service, level, status in ((13, (13, 1), (13, 3)), (6, (6, 1003), (6, 1004))):
        values = lithium if service == 13 else dry
        driver.push_property(level, values[0])
        driver.push_property(status, values[1])
    await until(lambda: driver.state(hass, "sensor", "dry_cells").state == str(dry[0]))
    await until(lambda: driver.state(hass, "sensor", "battery").state == lower)
    assert driver.state(hass, "sensor", "battery").attributes["device_class"] == "battery"


async def test_the_device(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """The device page says what lock it is, and on which firmware."""
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), loaded.entry_id)
    assert device.identifiers == {(DOMAIN, driver.lock.did)}
    assert device.name == "Front door"
    assert device.manufacturer == "Xiaomi"
    assert device.model == "Xiaomi Smart Door Lock 4 Pro"
    assert device.model_id == "xiaomi.lock.s1"
    assert device.sw_version == driver.lock.firmware
    assert device.connections == {("mac", driver.lock.mac.lower())}


async def test_states_are_written_when_they_change(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A message that changes one value writes one state."""
    await hass.async_block_till_done()
    written = async_capture_events(hass, EVENT_STATE_CHANGED)
    driver.push_property((13, 1), 87)
    driver.do("set_battery", 99, dry_cells=True)
    await until(lambda: written)
    assert [event.data["entity_id"] for event in written] == ["sensor.front_door_dry_cells"]
    assert written[0].data["new_state"].state == "99"
