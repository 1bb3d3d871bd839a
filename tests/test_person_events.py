"""What people and guests do, each at an event entity of their own; and how one unlocked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from awesomeversion import AwesomeVersion
from homeassistant.const import EVENT_STATE_CHANGED, Platform, __version__
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.xiaomi_smart_lock import async_remove_config_entry_device
from custom_components.xiaomi_smart_lock.const import DOMAIN

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, running_lock
from .people import DURESS, FINGERPRINT, NOON, give, invite, the_lock

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

# Home Assistant's trigger for event entities
RECEIVED: Final = AwesomeVersion(__version__) >= AwesomeVersion("2026.10")

INSIDE, OUTSIDE, UNKNOWN_SIDE = 1, 2, 3
CLOSED, UNLOCKED, DEADBOLT_ON, DEADBOLT_OFF = 1, 2, 3, 4
LOCK_EVENT: Final = (2, 1020)


def activity(hass: HomeAssistant, subentry: ConfigSubentry) -> str | None:
    """Return the entity id of what a person or a guest does, None if there is none."""
    unique_id = f"{subentry.subentry_id}-activity"
    return er.async_get(hass).async_get_entity_id(Platform.EVENT, DOMAIN, unique_id)


def told(hass: HomeAssistant, entity_id: str | None) -> list[dict[str, Any]]:
    """Return a growing list of what an event entity tells, without its types."""
    happened: list[dict[str, Any]] = []

    @callback
    def changed(event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        if event.data["entity_id"] == entity_id and new and new.state != "unavailable":
            unsaid = ("event_types", "friendly_name")
            happened.append({k: v for k, v in new.attributes.items() if k not in unsaid})

    hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
    return happened


async def test_what_a_person_does(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Each operation with a credential of theirs is told, with how, by what and where."""
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    hong = give(hass, loaded, "Hong", (FINGERPRINT, 4))
    await hass.async_block_till_done()
    of_ming, of_hong = told(hass, activity(hass, ming)), told(hass, activity(hass, hong))
    operations = [
        (OUTSIDE, FINGERPRINT, UNLOCKED, 3),
        (OUTSIDE, FINGERPRINT, UNLOCKED, 4),
        (INSIDE, FINGERPRINT, UNLOCKED, 3),
        (UNKNOWN_SIDE, FINGERPRINT, UNLOCKED, 3),
        (OUTSIDE, FINGERPRINT, DEADBOLT_ON, 3),
        (OUTSIDE, FINGERPRINT, DEADBOLT_OFF, 3),
        (OUTSIDE, FINGERPRINT, 99, 3),
        (OUTSIDE, FINGERPRINT, UNLOCKED, 9),
        (INSIDE, 12, CLOSED, 0),
    ]
    for second, operation in enumerate(operations):
        driver.push_event(LOCK_EVENT, *operation, NOON + second)
    kept = the_lock(loaded, driver).data.events
    await until(lambda: (last := kept.get(LOCK_EVENT)) and last.when == NOON + len(operations) - 1)
    types = ["came_home", "unlocked_inside", "unlocked", "deadbolt_on", "deadbolt_off", "other"]
    assert [one["event_type"] for one in of_ming] == types
    assert of_hong == [
        {
            "event_type": "came_home",
            "method": "fingerprint",
            "credential": "Fingerprint 4",
            "lock": "Front door",
        }
    ]
    state = hass.states.get(activity(hass, ming) or "")
    assert state
    assert set(types) < set(state.attributes["event_types"])


async def test_duress_looks_like_any_other(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A duress fingerprint fires the same event as any other."""
    ming = give(hass, loaded, "Ming", (DURESS, 8))
    await hass.async_block_till_done()
    of_ming = told(hass, activity(hass, ming))
    driver.push_event(LOCK_EVENT, OUTSIDE, DURESS, UNLOCKED, 8, NOON)
    await until(lambda: of_ming)
    [came] = of_ming
    assert (came["event_type"], came["method"]) == ("came_home", "fingerprint")
    assert "uress" not in str(hass.states.get(activity(hass, ming) or ""))


async def test_late_events_tell_nothing(hass: HomeAssistant, driver: LockDriver) -> None:
    """A late event of a person is recorded, but fires nothing."""
    async with running_lock(hass, driver, late_after=5) as harness:
        ming = give(hass, harness.entry, "Ming", (FINGERPRINT, 3))
        await hass.async_block_till_done()
        of_ming = told(hass, activity(hass, ming))
        driver.push_event(LOCK_EVENT, OUTSIDE, FINGERPRINT, UNLOCKED, 3, int(time.time()) - 3600)
        driver.push_event(LOCK_EVENT, INSIDE, FINGERPRINT, UNLOCKED, 3, int(time.time()))
        await until(lambda: of_ming)
        assert [one["event_type"] for one in of_ming] == ["unlocked_inside"]


async def test_people_come_and_go(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A person's entity and device are there from when they are added until they are removed."""
    runtime = loaded.runtime_data
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await hass.async_block_till_done()
    entity_id = activity(hass, ming)
    assert entity_id == "event.ming"
    entity = er.async_get(hass).async_get(entity_id)
    assert entity
    assert entity.config_subentry_id == ming.subentry_id
    registry = dr.async_get(hass)
    device = registry.async_get(entity.device_id or "")
    assert isinstance(device, dr.DeviceEntry)
    assert (device.name, device.entry_type) == ("Ming", dr.DeviceEntryType.SERVICE)
    assert not await async_remove_config_entry_device(hass, loaded, device)
    hass.config_entries.async_update_subentry(loaded, ming, title="Xiao Ming")
    await hass.async_block_till_done()
    renamed = registry.async_get(device.id)
    assert renamed
    assert renamed.name == "Xiao Ming"
    state = hass.states.get(entity_id)
    assert state
    assert state.name == "Xiao Ming"
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get(entity_id)
    assert registry.async_get(device.id)
    hass.config_entries.async_remove_subentry(loaded, ming.subentry_id)
    await hass.async_block_till_done()
    assert not hass.states.get(entity_id)
    assert not registry.async_get(device.id)
    again = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await hass.async_block_till_done()
    assert activity(hass, again) == entity_id
    assert loaded.runtime_data is not runtime  # only since it was reloaded here


async def test_without_a_reload(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Adding, renaming or removing a person does not reload the entry."""
    runtime = loaded.runtime_data
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    hass.config_entries.async_update_subentry(loaded, ming, title="Xiao Ming")
    hass.config_entries.async_remove_subentry(loaded, ming.subentry_id)
    await hass.async_block_till_done()
    assert loaded.runtime_data is runtime
    assert runtime.push.connected


async def test_where_no_events_are_told(hass: HomeAssistant, neighbour: LockHarness) -> None:
    """On the local network nobody is told who came, so there is nothing that would."""
    ming = give(hass, neighbour.entry, "Ming", (FINGERPRINT, 3))
    await hass.async_block_till_done()
    assert activity(hass, ming) is None


async def test_available_while_events_come(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A person's entity is there as long as a lock could tell of them."""
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await hass.async_block_till_done()
    entity_id = activity(hass, ming) or ""
    lock = the_lock(loaded, driver)
    lock.gone = True
    lock.async_set_update_error(RuntimeError())
    assert (state := hass.states.get(entity_id))
    assert state.state == "unavailable"
    lock.gone = False
    lock.async_hear(time.time())
    assert (state := hass.states.get(entity_id))
    assert state.state == "unknown"


def chosen(entity_id: str | None, its_type: str) -> dict[str, Any]:
    """Return the trigger that is chosen by clicks, with a condition in older versions."""
    if RECEIVED:
        options = {"event_type": [its_type]}
        target = {"entity_id": entity_id}
        return {"triggers": [{"trigger": "event.received", "target": target, "options": options}]}
    of_entity = {"entity_id": entity_id}
    condition = {"condition": "state", "attribute": "event_type", "state": its_type, **of_entity}
    return {"triggers": [{"trigger": "state", **of_entity}], "conditions": [condition]}


async def test_event_received(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """An automation on a person's coming home needs no template."""
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await hass.async_block_till_done()
    entity_id = activity(hass, ming)
    automation = {**chosen(entity_id, "came_home"), "actions": [{"event": "came_home"}]}
    came = async_capture_events(hass, "came_home")
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()
    of_ming = told(hass, entity_id)
    driver.push_event(LOCK_EVENT, INSIDE, FINGERPRINT, UNLOCKED, 3, NOON)
    await until(lambda: of_ming)
    await hass.async_block_till_done()
    assert not came
    driver.push_event(LOCK_EVENT, OUTSIDE, FINGERPRINT, UNLOCKED, 3, NOON + 1)
    await until(lambda: came)
    assert len(came) == 1


# Guests


async def test_the_end_of_a_guest(hass: HomeAssistant, harness: LockHarness) -> None:
    """It is told when the password of a guest was deleted because its time had come."""
    await harness.manage("set_user", user_id=7, user_type="frequent_visitor")
    answer = await harness.manage(
        "set_credential",
        user_id=7,
        credential_type="password",
        credential_data="482913",
        valid_until="2100-01-01T00:00:00+00:00",
    )
    credential = {
        "did": harness.driver.lock.did,
        "method": 3,
        "operation_id": answer["operation_id"],
        "since": time.time(),
    }
    earlier = invite(hass, harness.entry, "Mei", {**credential, "since": NOON - 1000})
    wei = invite(hass, harness.entry, "Wei", credential)
    await hass.async_block_till_done()
    of_mei, of_wei = told(hass, activity(hass, earlier)), told(hass, activity(hass, wei))
    state = hass.states.get(activity(hass, wei) or "")
    assert state
    assert state.name == "Wei"
    assert state.attributes["event_types"] == ["used", "ended"]
    expiries = harness.known.expiries.known
    for one, expiry in list(expiries.items()):
        expiries[one] = expiry.by(time.time())
    harness.lock.expiry.async_look()
    await until(lambda: of_wei)
    assert of_wei == [
        {
            "event_type": "ended",
            "method": "password",
            "credential": f"Password {answer['operation_id']}",
            "lock": "Front door",
        }
    ]
    assert of_mei == []


# Unlocking


@pytest.mark.parametrize(
    ("side", "its_type"),
    [(OUTSIDE, "unlocked_outside"), (INSIDE, "unlocked_inside"), (UNKNOWN_SIDE, "unlocked")],
)
async def test_unlocking(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, side: int, its_type: str
) -> None:
    """How the door was unlocked can be chosen by its type; *Lock* still says that it was."""
    harness = LockHarness(hass, driver, loaded)
    unlocking, lock = harness.events("unlocking"), harness.events("lock_event")
    driver.push_event(LOCK_EVENT, side, FINGERPRINT, DEADBOLT_OFF, 3, NOON)
    driver.push_event(LOCK_EVENT, side, FINGERPRINT, UNLOCKED, 3, NOON + 1)
    await until(lambda: unlocking)
    assert [one["event_type"] for one in unlocking] == [its_type]
    assert [one["event_type"] for one in lock] == ["deadbolt_off", "unlocked"]


async def test_events_of_the_device(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """What happens is told with the device, also where nobody wants its entity; duress is not."""
    registry = er.async_get(hass)
    entity_id = driver.entity_id(hass, "event", "doorbell")
    device_id = registry.async_get(entity_id).device_id  # type: ignore[union-attr]
    registry.async_update_entity(entity_id, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.async_block_till_done()
    happened = async_capture_events(hass, f"{DOMAIN}_happened")
    driver.push_event(LOCK_EVENT, OUTSIDE, DURESS, UNLOCKED, 8, NOON)
    driver.push_event((21, 1), NOON + 1)
    await until(lambda: len(happened) > 2)
    assert {event.data["device_id"] for event in happened} == {device_id}
    told = [(event.data["kind"], event.data["type"]) for event in happened]
    assert told == [
        ("lock_event", "unlocked"),
        ("unlocking", "unlocked_outside"),
        ("doorbell", "ring"),
    ]
    assert {event.data.get("method") for event in happened} == {"fingerprint", None}
