"""The logbook says in words who did what at the door, in Home Assistant's language."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import translation
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.xiaomi_smart_lock.const import CONF_LATE_AFTER, DOMAIN
from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from tests.operations import SAID

from .lock_driver import LockDriver, until
from .lock_harness import connected
from .people import give
from .siblings import sibling

if TYPE_CHECKING:
    from homeassistant.components.recorder import Recorder
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import (
        RecorderInstanceContextManager,
        WebSocketGenerator,
    )

NOON = 1790000000
UNLOCKED = 2  # door state
CLOSED = (3, 12, 1)
"""The position, method and action of a door that closes by itself."""


@pytest.fixture
async def mock_recorder_before_hass(
    async_test_recorder: RecorderInstanceContextManager, caplog: pytest.LogCaptureFixture
) -> None:
    """Have the recorder prepared before Home Assistant, and not tell of each query."""
    caplog.set_level(logging.WARNING, "sqlalchemy.engine")


@pytest.fixture
async def ming(
    recorder_mock: Recorder, hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Have a logbook, a person with two fingers, and a door that is closed and not locked."""
    translation.async_setup(hass)
    assert await async_setup_component(hass, "logbook", {})
    await hass.async_block_till_done()
    give(hass, loaded, "Ming", (2, 7), (9, 8))
    driver.push_property((3, 1021), UNLOCKED)
    await until(lambda: driver.state(hass, "lock", "lock").state == "unlocked")


async def read(
    hass: HomeAssistant, recorder: Recorder, client: WebSocketGenerator, **of: object
) -> list[dict[str, Any]]:
    """Return what a user reads in the logbook of entities or a device, but for states."""
    await hass.async_block_till_done()
    await hass.async_add_executor_job(recorder.block_till_done)
    connection = await client(hass)
    await connection.send_json_auto_id(
        {
            "type": "logbook/get_events",
            "start_time": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
            **({"device_ids": [of["device_id"]]} if "device_id" in of else of),
        }
    )
    answer = await connection.receive_json()
    assert answer["success"]
    return [line for line in answer["result"] if "message" in line]


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_operations(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    ming: None,
    language: str,
) -> None:
    """An operation is told with who, how, from where and what, in Home Assistant's language."""
    await hass.config.async_update(language=language)
    told = async_capture_events(hass, EVENT)
    # That the door closes by itself is told by other entities.
    said = [one for one in SAID if one[0][:3] != CLOSED]
    for second, (operation, _, _) in enumerate(SAID):
        position, method, action, operation_id = operation
        # What unlocks a locked door is told as the cause of that.
        driver.push_property((3, 1021), UNLOCKED)
        driver.push_event((2, 1020), position, method, action, operation_id, NOON + second)
    await until(lambda: len(told) == len(said))
    entity_id = driver.entity_id(hass, "lock", "lock")
    lines = await read(hass, recorder_mock, hass_ws_client, entity_ids=[entity_id])
    assert [line["message"] for line in lines] == [
        english if language == "en" else chinese for _, english, chinese in said
    ]
    assert {line["name"] for line in lines} == {"Front door"}
    assert {line["entity_id"] for line in lines} == {entity_id}


async def test_a_cause_has_an_icon(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    ming: None,
) -> None:
    """A cause is a line of its own with a verb, and has no entity to take an icon from."""
    driver.do("close_door")
    await until(lambda: driver.state(hass, "lock", "lock").state == "locked")
    driver.do("fingerprint", 7)
    await until(lambda: driver.state(hass, "lock", "lock").state == "unlocked")
    lines = await read(hass, recorder_mock, hass_ws_client)
    of_cause = [line for line in lines if line["name"] == "Ming"]
    assert [line["icon"] for line in of_cause] == ["mdi:account-key"]
    assert [line["message"] for line in of_cause] == ["unlocked from outside with a fingerprint"]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            [
                "was locked from outside with finger vein 7",
                "was locked from inside with the knob",
            ],
        ),
        ("zh-Hans", ["用指静脉 7 从门外上锁", "从门内用旋钮上锁"]),
    ],
)
async def test_operations_of_another_model(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    language: str,
    sentences: list[str],
) -> None:
    """What only other models do has a sentence, which says the side once.

    That the door locked by itself is told by the lock.
    """
    await hass.config.async_update(language=language)
    translation.async_setup(hass)
    assert await async_setup_component(hass, "logbook", {})
    told = async_capture_events(hass, EVENT)
    async with sibling(hass, driver, "loock.lock.r2") as harness:
        now = harness.driver.lock.time
        harness.driver.do("close_door")
        harness.driver.push_event((2, 1020), 2, 6, 3, 7, now - 3)
        harness.driver.push_event((2, 1020), 1, 14, 1, 0, now - 2)
        await until(lambda: len(told) == len(sentences))
        entity_ids = [harness.driver.entity_id(hass, "lock", "lock")]
        lines = await read(hass, recorder_mock, hass_ws_client, entity_ids=entity_ids)
        assert [line["message"] for line in lines] == sentences


@pytest.mark.parametrize(
    ("language", "name", "sentence"),
    [
        ("en", "Hua", "now opens with Hua’s password 1, which was added"),
        ("zh-Hans", "Hua", "已添加 Hua 的密码 1，现在可以用它开锁"),
        ("zh-Hans", "小华", "已添加小华的密码 1，现在可以用它开锁"),
    ],
)
async def test_what_was_added(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    loaded: MockConfigEntry,
    ming: None,
    language: str,
    name: str,
    sentence: str,
) -> None:
    """A credential that was added is told with whose it is; Chinese words are written together."""
    await hass.config.async_update(language=language)
    give(hass, loaded, name)
    entity_id = driver.entity_id(hass, "lock", "lock")
    asked = {"person": name, "credential_type": "password", "credential_data": "246810"}
    await hass.services.async_call(
        DOMAIN, "set_credential", {"entity_id": entity_id, **asked}, blocking=True
    )
    lines = await read(hass, recorder_mock, hass_ws_client, entity_ids=[entity_id])
    assert [line["message"] for line in lines] == [sentence]


async def test_what_came_late(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """An event that comes late has no line."""
    hass.config_entries.async_update_entry(loaded, options={CONF_LATE_AFTER: 5})
    await hass.async_block_till_done()
    await connected(loaded)
    driver.push_property((3, 1021), UNLOCKED)
    await until(lambda: driver.state(hass, "lock", "lock").state == "unlocked")
    told = async_capture_events(hass, EVENT)
    driver.push_event((2, 1020), 2, 2, 2, 7, driver.lock.time - 3600)
    driver.do("fingerprint", 9)
    await until(lambda: told)
    assert [event.data["credential"] for event in told] == ["fingerprint 9"]


@pytest.mark.parametrize("change", ["renamed", "disabled", "removed"])
async def test_lines_from_before_a_change_of_the_lock_entity(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    loaded: MockConfigEntry,
    ming: None,
    change: str,
) -> None:
    """What happened before is told of the lock by its name now, and links to what is there."""
    told = async_capture_events(hass, EVENT)
    driver.push_event((2, 1020), 2, 2, 2, 7, NOON)
    await until(lambda: told)
    registry = er.async_get(hass)
    entity = registry.async_get(driver.entity_id(hass, "lock", "lock"))
    assert entity
    assert entity.device_id
    expected = {"message": SAID[0][1], "name": "Front door"}
    match change:
        case "renamed":
            registry.async_update_entity(
                entity.entity_id, new_entity_id="lock.main", name="Main door"
            )
            expected |= {"name": "Main door", "entity_id": "lock.main"}
        case "disabled":
            registry.async_update_entity(
                entity.entity_id, disabled_by=er.RegistryEntryDisabler.USER
            )
        case "removed":
            registry.async_remove(entity.entity_id)
    await hass.async_block_till_done()
    [line] = await read(hass, recorder_mock, hass_ws_client, device_id=entity.device_id)
    assert {key: line[key] for key in line if key in ("message", "name", "entity_id")} == expected


async def test_a_disabled_lock_entity_still_has_its_lines(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    loaded: MockConfigEntry,
    ming: None,
) -> None:
    """What happens at a lock is told of its device, even where nobody wants the lock entity."""
    registry = er.async_get(hass)
    entity_id = driver.entity_id(hass, "lock", "lock")
    entity = registry.async_get(entity_id)
    assert entity
    assert entity.device_id
    registry.async_remove(entity_id)
    await hass.async_block_till_done()
    told = async_capture_events(hass, EVENT)
    driver.push_event((2, 1020), 2, 2, 2, 7, NOON)
    await until(lambda: told)
    [line] = await read(hass, recorder_mock, hass_ws_client, device_id=entity.device_id)
    assert (line["name"], line["message"]) == ("Front door", SAID[0][1])


async def test_an_event_that_somebody_else_fired(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    ming: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An event without type or device has an empty line, and logs no error."""
    entity_id = driver.entity_id(hass, "lock", "lock")
    said: list[dict[str, Any]] = [
        {},
        {"type": None},
        {"type": ["operation"], "action": {}, "user": [1]},
        {"type": "operation", "device_id": ["x"]},
        {"type": "operation", "device_id": 5, "action": None},
    ]
    for data in said:
        hass.bus.async_fire(EVENT, data | {"entity_id": entity_id})
    lines = await read(hass, recorder_mock, hass_ws_client, entity_ids=[entity_id])
    assert {line["name"] for line in lines} == {"Front door"}
    assert [line["message"] for line in lines[:3]] == [""] * 3
    hass.bus.async_fire(EVENT, {"type": "operation", "entity_id": [entity_id]})
    hass.bus.async_fire(EVENT, {"type": "operation", "entity_id": 5})
    await read(hass, recorder_mock, hass_ws_client)
    assert "Traceback" not in caplog.text
