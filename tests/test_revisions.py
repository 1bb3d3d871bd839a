"""Newer firmware of our lock: what its specification adds shows up by itself.

The expectations are those of the made-up revision 4, ``simulator/revision_4.py``.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.account import specifications
from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.miot.instance import adopt, as_instance
from custom_components.xiaomi_smart_lock.miot.spec import parse
from custom_components.xiaomi_smart_lock.model.lock_model import shipped
from simulator import instances

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, caught_up, fix, running_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .lock_harness import Storage

ADDED: Final = {
    "binary_sensor.property_2_21": "Latch jammed",
    "binary_sensor.property_2_23": "Remote unlock",  # It might unlock: it is only shown.
    "event.event_2_40": "Someone knocked",
    "event.event_17_4": "Someone passed by",
    "event.event_30_1": "The air is bad",
    "number.property_2_22": "Relock delay",
    "select.property_21_20": "Night tone",
    "sensor.property_13_5": "Battery temperature",
    "sensor.property_13_20": "Indoor temperature",
    "sensor.property_13_21": "Battery current",
    "sensor.property_17_40": "Lens heater",
    "sensor.property_18_40": "Network name",
    "sensor.property_30_1": "TVOC",
    "switch.property_2_20": "Relock after opening",
    "switch.property_30_2": "Measuring",
    "text.property_18_41": "Greeting",
}
SPECIFICATION: Final = "/miot-spec-v2/instance"


@asynccontextmanager
async def newer(hass: HomeAssistant, driver: LockDriver) -> AsyncIterator[LockHarness]:
    """Run Home Assistant with a lock of revision 4, its specification learned."""
    lock = driver.simulation.call(
        driver.simulator.add_lock, driver.account, "Side door", revision=4
    )
    side = LockDriver(driver.simulation, driver.account, lock)
    async with running_lock(hass, side) as harness:
        await until(lambda: added(hass, harness))
        await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
        await caught_up(hass, harness.entry)
        yield harness


def added(hass: HomeAssistant, harness: LockHarness) -> dict[str, er.RegistryEntry]:
    """Return the generic entities of the lock as ``platform.key``."""
    did = f"{harness.driver.lock.did}-"
    return {
        f"{entity.domain}.{key}": entity
        for entity in er.async_entries_for_config_entry(er.async_get(hass), harness.entry.entry_id)
        if (key := entity.unique_id.removeprefix(did)).startswith(("property_", "event_"))
        and key[-1].isdigit()
    }


@pytest.mark.usefixtures("default_entities")
async def test_what_is_added(hass: HomeAssistant, driver: LockDriver) -> None:
    """It is there by the right platform and name, and off; secrets and actions are not."""
    async with newer(hass, driver) as harness:
        found = added(hass, harness)
        assert {key: entity.original_name for key, entity in found.items()} == ADDED
        assert all(entity.disabled_by for entity in found.values())


async def test_in_chinese(hass: HomeAssistant, driver: LockDriver) -> None:
    """It has the specification's Chinese name where that is the language."""
    hass.config.language = "zh-Hans"
    async with newer(hass, driver) as harness:
        found = added(hass, harness)
        assert found["switch.property_2_20"].original_name == "开门后自动回锁"
        assert found["event.event_2_40"].original_name == "有人敲门"


async def test_it_works(hass: HomeAssistant, driver: LockDriver) -> None:
    """Values are shown, settings are set, and events fire."""
    async with newer(hass, driver) as harness:
        lock = harness.driver.lock
        for address, value, platform, shown in (
            ((2, 21), True, "binary_sensor", "on"),
            ((13, 20), -7, "sensor", "-7"),
            ((13, 21), -300, "sensor", "-300"),
            ((17, 40), 1, "sensor", "running"),
            ((18, 40), "Home", "sensor", "Home"),
            ((30, 1), 0.25, "sensor", "0.25"),
            ((21, 20), 1, "select", "bird_song"),
        ):
            harness.driver.do("set", address, value)
            key = "property_{}_{}".format(*address)
            await until(lambda: harness.state(platform, key) == shown)  # noqa: B023
        temperature = harness.attributes("sensor", "property_13_20")
        assert temperature["unit_of_measurement"] == "°C"

        await harness.call("switch", "turn_on", "property_2_20")
        await harness.call("number", "set_value", "property_2_22", value=35)
        await harness.call("select", "select_option", "property_21_20", option="wind_chime")
        await harness.call("text", "set_value", "property_18_41", value="Hello")
        settings = ((2, 20), (2, 22), (21, 20), (18, 41))
        assert [lock.values[address] for address in settings] == [True, 35, 0, "Hello"]
        number = harness.attributes("number", "property_2_22")
        assert (number["min"], number["max"], number["step"]) == (5, 600, 5)
        assert number["unit_of_measurement"] == "s"

        knocked = harness.events("event_2_40")
        harness.driver.do("emit", (2, 40), 3, 2, lock.time)
        await until(lambda: knocked)
        shown_event = harness.attributes("event", "event_2_40")
        assert shown_event["event_type"] == "someone_knocked"
        assert shown_event["knock_count"] == 3
        assert shown_event["operation_position"] == "outside"


async def test_new_values(hass: HomeAssistant, driver: LockDriver) -> None:
    """They have keys of their own, and known ones keep theirs whatever they are called now."""
    async with newer(hass, driver) as harness:
        harness.driver.do("operate", 2, method=16, position=2, operation_id=5)
        await until(lambda: harness.attributes("event", "lock_event").get("method") == "watch")
        assert harness.attributes("event", "lock_event")["event_type"] == "unlocked"
        harness.driver.do("operate", 10, method=2, position=1, operation_id=5)
        told = harness.attributes
        await until(lambda: told("event", "lock_event").get("event_type") == "bell_muted")
        assert told("event", "lock_event")["method"] == "fingerprint"
        assert harness.state("sensor", "last_action") == "bell_muted"
        harness.driver.do("exception", 40)
        await until(lambda: told("event", "exception").get("event_type") == "water_inside")
        harness.driver.do("exception", 24)
        await until(lambda: told("event", "exception").get("event_type") == "door_ajar")
        harness.driver.do("set", (3, 1021), 4)
        await until(lambda: harness.state("sensor", "door_state") == "ajar")
        harness.driver.do("set", (3, 1021), 7)
        await until(lambda: harness.state("sensor", "door_state") == "latch_out")
        # Nobody knows what that means for the bolt and the door.
        assert harness.state("lock", "lock") == "unknown"
        assert harness.state("binary_sensor", "door") == "unknown"


async def test_the_note(
    hass: HomeAssistant, driver: LockDriver, hass_client: ClientSessionGenerator
) -> None:
    """It says what was added until it is read, also after a restart."""
    async with newer(hass, driver) as harness:
        issue = harness.issue("specification_newer")
        assert issue
        assert issue.is_persistent
        items = str((issue.translation_placeholders or {})["items"])
        assert "- 2.20 Relock after opening" in items
        assert "- 3.1021 Door state: +7 = Latch out" in items
        result = await fix(hass, hass_client, issue)
        assert result["type"] == "create_entry"
        assert harness.issue("specification_newer") is None


async def test_kept(hass: HomeAssistant, hass_storage: Storage, driver: LockDriver) -> None:
    """It is asked for once: what is stored serves the next start, without the service."""
    async with newer(hass, driver) as harness:
        requests = driver.simulator.cloud.requests
        before = len(requests)
        driver.simulator.cloud.refuse_next(500, SPECIFICATION, times=9)
        await harness.stop()
        await harness.start()
        assert added(hass, harness).keys() == ADDED.keys()
        assert SPECIFICATION not in [path for path, _ in requests[before:]]
        assert harness.driver.lock.urn in hass_storage[f"{DOMAIN}_specifications"]["data"]
        await hass.config_entries.async_remove(harness.entry.entry_id)
        assert f"{DOMAIN}_specifications" not in hass_storage


async def test_shipped_later(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later version of ours that ships the specification, in other words, renames no key."""
    async with newer(hass, driver) as harness:
        urn = harness.driver.lock.urn
        published = await hass.async_add_executor_job(instances.instance, urn)
        plain = as_instance(parse(published))
        [bell] = [one for one in plain["services"] if one["iid"] == 21]
        [tone] = [one for one in bell["properties"] if one["iid"] == 20]
        tone["value-list"][0]["description"] = "Chimes"
        with_it = {**shipped("xiaomi.lock.s1"), urn: plain}
        monkeypatch.setattr(specifications, "shipped", lambda _name: with_it)
        assert await hass.config_entries.async_reload(harness.entry.entry_id)
        options = harness.attributes("select", "property_21_20")["options"]
        assert options == ["wind_chime", "bird_song"]
        assert harness.attributes("event", "lock_event")["event_types"][1] == "unlocked"


async def test_actions_elsewhere(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unlocking, and what else is done, is never done by another number of a newer revision."""
    published = instances.instance

    def moved(urn: str) -> dict[str, Any]:
        found = published(urn)
        for service in found["services"]:
            for action in service.get("actions", ()):
                action["iid"] += 50
        return found

    monkeypatch.setattr(instances, "instance", moved)
    async with newer(hass, driver) as harness:
        buttons = {
            one.entity_id
            for one in er.async_get(hass).entities.values()
            if one.platform == DOMAIN and one.domain == "button"
        }
        assert buttons == {harness.driver.entity_id(hass, "button", "discard_pending")}
        with pytest.raises(HomeAssistantError):
            await harness.call("lock", "unlock", "lock")
        with pytest.raises(HomeAssistantError):
            await harness.manage("sync_users")
        assert harness.acts == []


def _instance(*values: tuple[int, str], text: str = "Mood") -> dict[str, object]:
    listed = [
        {"value": number, "description": said, "description_zh": ""} for number, said in values
    ]
    prop = {
        "iid": 1,
        "type": "urn:miot-spec-v2:property:mood",
        "description": text,
        "description_zh": "",
        "value-list": listed,
    }
    service = {
        "iid": 2,
        "type": "urn:miot-spec-v2:service:lock",
        "description": "Lock",
        "description_zh": "",
        "properties": [prop],
        "actions": [],
        "events": [],
    }
    return {"type": "urn:a:b:lock:c:d:2", "services": [service]}


def test_words_stay() -> None:
    """A value keeps its words, and a new one never has those of another."""
    theirs = _instance((1, "Cheerful"), (2, "Good"), (3, "Bad"), text="Temper")
    assert adopt(theirs, _instance((1, "Good"), (3, "Bad"))) == _instance(
        (1, "Good"), (2, "Good 2"), (3, "Bad")
    )
