"""What Home Assistant's activity on the device page tells: few lines, in sentences."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import translation
from homeassistant.setup import async_setup_component

from .lock_driver import LockDriver, until
from .people import give

if TYPE_CHECKING:
    from homeassistant.components.recorder import Recorder
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import (
        RecorderInstanceContextManager,
        WebSocketGenerator,
    )

pytestmark = pytest.mark.usefixtures("default_entities")


@pytest.fixture
async def mock_recorder_before_hass(
    async_test_recorder: RecorderInstanceContextManager, caplog: pytest.LogCaptureFixture
) -> None:
    """Have the recorder prepared before Home Assistant, and not tell of each query."""
    caplog.set_level(logging.WARNING, "sqlalchemy.engine")


@pytest.fixture
async def activity(recorder_mock: Recorder, hass: HomeAssistant, linked: MockConfigEntry) -> None:
    """Have a logbook, and a person with a finger."""
    translation.async_setup(hass)
    assert await async_setup_component(hass, "logbook", {})
    await hass.async_block_till_done()
    give(hass, linked, "Ming", (2, 7))


async def lines_of_the_device_page(
    hass: HomeAssistant,
    recorder: Recorder,
    client: WebSocketGenerator,
    entry: MockConfigEntry,
    since: datetime,
) -> list[dict[str, Any]]:
    """Return the lines that the device page shows: of the device and of all its entities."""
    await hass.async_block_till_done()
    await hass.async_add_executor_job(recorder.block_till_done)
    registry = er.async_get(hass)
    of_lock = registry.async_get("lock.front_door")
    assert of_lock
    assert of_lock.device_id
    entities = er.async_entries_for_device(registry, of_lock.device_id)
    connection = await client(hass)
    await connection.send_json_auto_id(
        {
            "type": "logbook/get_events",
            "start_time": since.isoformat(),
            "device_ids": [of_lock.device_id],
            "entity_ids": [entity.entity_id for entity in entities],
        }
    )
    answer = await connection.receive_json()
    assert answer["success"]
    lines: list[dict[str, Any]] = answer["result"]
    return lines


def told(lines: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return of each line whose it is, the state or the sentence, and the cause, if any."""
    keys = ("state", "message", "context_name", "context_message")
    return [
        (line.get("entity_id") or line["name"], *(line[key] for key in keys if key in line))
        for line in lines
    ]


def told_of_coming_home(language: str) -> list[tuple[str, ...]]:
    """Return what the lines are to tell."""
    who = {
        "en": ("Ming", "unlocked from outside with a fingerprint"),
        "zh-Hans": ("Ming", "从门外用指纹开锁"),
    }
    return [
        who[language],
        ("lock.front_door", "unlocked", *who[language]),
        ("binary_sensor.front_door_door", "on"),
        ("binary_sensor.front_door_door", "off"),
        ("lock.front_door", "locked"),
    ]


async def come_home(hass: HomeAssistant, driver: LockDriver) -> None:
    """Come home, and wait until Home Assistant shows each step."""

    def shows(platform: str, key: str, state: str) -> bool:
        return driver.state(hass, platform, key).state == state

    driver.do("fingerprint", 7)
    await until(lambda: shows("lock", "lock", "unlocked") and shows("binary_sensor", "awake", "on"))
    driver.do("open_door")
    await until(lambda: shows("binary_sensor", "door", "on"))
    driver.do("close_door")
    await until(lambda: shows("lock", "lock", "locked") and shows("binary_sensor", "door", "off"))


async def fall_asleep(hass: HomeAssistant, driver: LockDriver) -> None:
    """Let the lock fall asleep, and wait until Home Assistant shows it."""
    driver.do("sleep")
    await until(lambda: driver.state(hass, "binary_sensor", "awake").state == "off")


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
async def test_coming_home(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
    activity: None,
    language: str,
) -> None:
    """Who it was and how, in a sentence, and four changes of state.

    The page of a device shows of a cause only an icon, at least in Home Assistant 2026.10.
    """
    await hass.config.async_update(language=language)
    await hass.async_block_till_done()
    since = datetime.now(UTC)

    await come_home(hass, driver)
    lines = await lines_of_the_device_page(hass, recorder_mock, hass_ws_client, linked, since)
    assert told(lines) == told_of_coming_home(language)


async def test_coming_home_to_a_lock_that_slept(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
    activity: None,
) -> None:
    """*Awake* tells that it woke up and fell asleep again, and nothing else is told besides.

    Home Assistant leaves sensors out of the activity by an attribute, but no binary sensors.
    """
    await fall_asleep(hass, driver)
    since = datetime.now(UTC)
    await come_home(hass, driver)
    await fall_asleep(hass, driver)
    lines = told(await lines_of_the_device_page(hass, recorder_mock, hass_ws_client, linked, since))
    awake = [line for line in lines if line[0] == "binary_sensor.front_door_awake"]
    assert [line[1] for line in awake] == ["on", "off"]
    assert [line for line in lines if line not in awake] == told_of_coming_home("en")


@pytest.mark.parametrize(
    ("operation", "who", "how"),
    [
        ((2, 2, 2, 9), "Fingerprint 9", "unlocked from outside"),
        ((2, 9, 2, 8), "Fingerprint 8", "unlocked from outside"),
        ((1, 14, 2, 0), "Inside button", "unlocked from inside"),
    ],
)
async def test_who_unlocked(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
    activity: None,
    operation: tuple[int, int, int, int],
    who: str,
    how: str,
) -> None:
    """A credential of nobody is named by its method and number; duress looks like any other."""
    since = datetime.now(UTC)
    driver.push_event((2, 1020), *operation, driver.lock.time)
    await until(lambda: driver.state(hass, "lock", "lock").state == "unlocked")
    lines = await lines_of_the_device_page(hass, recorder_mock, hass_ws_client, linked, since)
    # The line of the event duress is one that its page tells to leave out.
    lines = [line for line in lines if line.get("entity_id") != "event.front_door_duress"]
    assert told(lines) == [(who, how), ("lock.front_door", "unlocked", who, how)]


async def test_the_cause_is_of_one_change_only(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
    activity: None,
) -> None:
    """What unlocks an unlocked door is a line of its own, and locking has no cause."""
    since = datetime.now(UTC)
    driver.do("fingerprint", 7)
    await until(lambda: driver.state(hass, "lock", "lock").state == "unlocked")
    driver.push_event((2, 1020), 2, 2, 2, 7, driver.lock.time + 1)
    driver.push_property((3, 1021), 1)
    await until(lambda: driver.state(hass, "lock", "lock").state == "locked")
    lines = await lines_of_the_device_page(hass, recorder_mock, hass_ws_client, linked, since)
    cause = ("Ming", "unlocked from outside with a fingerprint")
    assert told(lines) == [
        cause,
        ("lock.front_door", "unlocked", *cause),
        ("lock.front_door", "was unlocked from outside by Ming with a fingerprint"),
        ("lock.front_door", "locked"),
    ]


@pytest.mark.parametrize(
    ("language", "waits", "name"),
    [
        ("en", "waits until the lock wakes", "Front door Away mode (waiting)"),
        ("zh-Hans", "等待门锁唤醒后生效", "Front door 离家场景（等待中）"),
    ],
)
async def test_a_setting_that_waits(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    driver: LockDriver,
    entry: MockConfigEntry,
    language: str,
    waits: str,
    name: str,
) -> None:
    """A setting that waits says so at once, in its name and in the activity."""
    await hass.config.async_update(language=language)
    translation.async_setup(hass)
    assert await async_setup_component(hass, "logbook", {})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    entity_id = driver.entity_id(hass, "switch", "away_mode")
    before = driver.state(hass, "switch", "away_mode")
    await fall_asleep(hass, driver)
    since = datetime.now(UTC)
    await hass.services.async_call("switch", "turn_on", {"entity_id": entity_id}, blocking=True)
    assert driver.state(hass, "switch", "away_mode").name == name
    assert driver.state(hass, "sensor", "pending_changes").state == "1"
    lines = await lines_of_the_device_page(hass, recorder_mock, hass_ws_client, entry, since)
    assert (entity_id, waits) in [
        (line["entity_id"], line["message"]) for line in lines if "message" in line
    ]
    assert [line["name"] for line in lines if line.get("message") == waits] == [name]
    driver.do("wake")
    await until(lambda: driver.state(hass, "sensor", "pending_changes").state == "0")
    after = driver.state(hass, "switch", "away_mode")
    assert (after.name, after.entity_id) == (before.name, entity_id)
    await hass.config_entries.async_unload(entry.entry_id)
