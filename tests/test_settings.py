"""What is set in Home Assistant is what the lock gets, in the specification's numbers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
from homeassistant.auth.const import GROUP_ID_ADMIN, GROUP_ID_USER
from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.core import Context
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
    UnknownUser,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.const import DOMAIN

from .hosts import NEARBY
from .lock_driver import LockDriver, until
from .lock_harness import caught_up, lock_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant

SWITCHES = {
    "away_mode": (18, 10),
    "automatic_screen": (17, 9),
    "distortion_correction": (17, 7),
    "do_not_disturb": (20, 1),
    "doorbell": (21, 1),
    "doorbell_light": (21, 7),
    "face_marking": (17, 20),
    "full_colour_in_low_light": (17, 15),
    "inside_unlock_recording": (17, 25),
    "live_video": (17, 23),
    "local_settings": (18, 11),
    "recording": (17, 1),
    "someone_staying": (17, 18),
}

VOLUMES = {"mute": 0, "1": 1, "2": 2, "3": 3}
SELECTS = {
    "doorbell_ringtone": ((21, 4), {"ringtone_01": 0, "ringtone_02": 1, "ringtone_03": 2}),
    "doorbell_volume": ((21, 5), VOLUMES),
    "night_vision": ((17, 2), {"always_off": 0, "always_on": 1, "automatic": 2}),
    "live_video_time": (
        (17, 11),
        {"1_minute": 1, "2_minutes": 2, "3_minutes": 3, "4_minutes": 4, "5_minutes": 5},
    ),
    "detection_sensitivity": ((17, 13), {"0": 0, "1": 1, "2": 2}),
    "automatic_screen_time": ((17, 14), {"10_seconds": 0, "15_seconds": 1, "20_seconds": 2}),
    "camera_mode": (
        (17, 16),
        {"live_monitoring": 0, "standard": 1, "power_saving": 2, "custom": 3},
    ),
    "staying_time": (
        (17, 19),
        {"6_seconds": 0, "10_seconds": 1, "15_seconds": 2, "20_seconds": 3, "30_seconds": 4},
    ),
    "door_open_reminder_time": (
        (19, 1),
        {
            "no_reminder": 0,
            "after_5_seconds": 1,
            "after_10_seconds": 2,
            "after_20_seconds": 3,
            "after_30_seconds": 4,
            "after_120_seconds": 5,
            "after_180_seconds": 6,
        },
    ),
    "door_open_alarm_volume": ((19, 2), VOLUMES),
    "door_ajar_reminder_time": ((19, 3), {"after_3_seconds": 7}),
    "door_ajar_alarm_volume": ((19, 4), VOLUMES),
    "lock_broken_reminder_time": (
        (19, 5),
        {"immediately": 0, "after_5_seconds": 1, "after_10_seconds": 2, "after_20_seconds": 3},
    ),
    "lock_broken_alarm_volume": ((19, 6), VOLUMES),
    "language": ((19, 7), {"chinese": 0, "english": 1}),
    "operation_volume": ((19, 8), VOLUMES),
    "alarm_volume": ((19, 9), VOLUMES),
    "door_closing_volume": ((19, 10), VOLUMES),
}

PERIODS = {"live_video_period": (17, 12), "recording_period": (17, 22)}


async def use(
    hass: HomeAssistant, driver: LockDriver, entity: str, action: str, value: dict[str, object]
) -> None:
    """Call an action on an entity."""
    platform, key = entity.split(".")
    target = {ATTR_ENTITY_ID: driver.entity_id(hass, platform, key)}
    await hass.services.async_call(platform, action, value | target, blocking=True)


async def shows(hass: HomeAssistant, driver: LockDriver, entity: str, state: str) -> None:
    """Wait until an entity has a state; the lock still tells of what it was set to before."""
    platform, key = entity.split(".")
    await until(lambda: driver.state(hass, platform, key).state == state)


async def test_switches(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """A switch writes a bool and shows it."""
    for key, address in SWITCHES.items():
        before = driver.lock.values[address]
        await shows(hass, driver, f"switch.{key}", "on" if before else "off")
        for on in (not before, before):
            state = "on" if on else "off"
            await use(hass, driver, f"switch.{key}", f"turn_{state}", {})
            assert driver.lock.values[address] is on
            await shows(hass, driver, f"switch.{key}", state)


async def test_selects(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """A select writes the number of each of its options and shows the option."""
    for key, (address, options) in SELECTS.items():
        assert driver.state(hass, "select", key).attributes["options"] == list(options)
        for option, number in options.items():
            await use(hass, driver, f"select.{key}", "select_option", {"option": option})
            assert driver.lock.values[address] == number
            await shows(hass, driver, f"select.{key}", option)


async def test_it_is_shown_at_once(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """What the lock took is shown when the action returns, and not when the lock tells of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver.lock, "listeners", [])
        await use(hass, driver, "select.doorbell_volume", "select_option", {"option": "3"})
    assert driver.state(hass, "select", "doorbell_volume").state == "3"


async def test_an_option_that_there_is_not(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """It is refused before the lock hears of it."""
    with pytest.raises(ServiceValidationError):
        await use(hass, driver, "select.doorbell_volume", "select_option", {"option": "4"})
    assert driver.lock.values[21, 5] == 2


async def test_number(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """The camera's ringtone is one of five."""
    attributes = driver.state(hass, "number", "camera_ringtone").attributes
    assert (attributes["min"], attributes["max"], attributes["step"]) == (1, 5, 1)
    await use(hass, driver, "number.camera_ringtone", "set_value", {"value": 5})
    await shows(hass, driver, "number.camera_ringtone", "5")
    with pytest.raises(ServiceValidationError):
        await use(hass, driver, "number.camera_ringtone", "set_value", {"value": 6})
    assert driver.lock.values[17, 6] == 5


@pytest.mark.parametrize(("key", "address"), PERIODS.items())
async def test_periods(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    key: str,
    address: tuple[int, int],
) -> None:
    """A period is a text, and two times in whatever form are one."""
    for text, period in (
        ("08:00:00-18:30:00", "08:00:00-18:30:00"),
        ("9:00 - 18:30", "09:00:00-18:30:00"),
    ):
        await use(hass, driver, f"text.{key}", "set_value", {"value": text})
        await shows(hass, driver, f"text.{key}", period)
        assert driver.lock.values[address] == period


@pytest.mark.parametrize(("key", "address"), PERIODS.items())
@pytest.mark.parametrize(
    ("reported", "shown", "written"),
    [
        ("08:00-18:30", "08:00:00-18:30:00", "09:15-17:45"),
        ("8:00~18:30", "08:00:00-18:30:00", "9:15~17:45"),
        (
            '{"start":"08:00:00","end":"18:30:00","week":[1,2]}',
            "08:00:00-18:30:00",
            '{"start":"09:15:00","end":"17:45:00","week":[1,2]}',
        ),
        ("[28800, 66600]", "08:00:00-18:30:00", "[33300, 63900]"),
        ("00:00-24:00", "00:00:00-00:00:00", "09:15-17:45"),
        ("always", "always", "09:15:00-17:45:00"),
        ("", "", "09:15:00-17:45:00"),
    ],
)
async def test_periods_of_other_forms(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    key: str,
    address: tuple[int, int],
    reported: str,
    shown: str,
    written: str,
) -> None:
    """Two times are written where the lock has them; what is shown can be written back."""
    driver.push_property(address, reported)
    await shows(hass, driver, f"text.{key}", shown)
    await use(hass, driver, f"text.{key}", "set_value", {"value": shown})
    assert driver.lock.values[address] == reported
    await use(hass, driver, f"text.{key}", "set_value", {"value": "09:15:00-17:45:00"})
    assert driver.lock.values[address] == written
    await shows(hass, driver, f"text.{key}", "09:15:00-17:45:00")
    if reported == shown:
        await use(hass, driver, f"text.{key}", "set_value", {"value": shown})
        assert driver.lock.values[address] == reported
        await shows(hass, driver, f"text.{key}", shown)


async def test_a_text_that_is_shown_in_part(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """It is not cut when what is shown is written back."""
    text = "always " * 100
    driver.push_property((17, 12), text)
    await shows(hass, driver, "text.live_video_period", text[:255])
    await use(hass, driver, "text.live_video_period", "set_value", {"value": text[:255]})
    assert driver.lock.values[17, 12] == text


@pytest.mark.parametrize("key", ["live_video", "recording"])
async def test_periods_as_times(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, key: str
) -> None:
    """Each half of a period is set without the other, in whichever form the lock writes both."""
    start, end, address = f"time.{key}_start", f"time.{key}_end", PERIODS[f"{key}_period"]
    for reported, written in (
        ("08:00-18:30", ("09:15-18:30", "09:15-17:45")),
        ("8:00~18:30", ("9:15~18:30", "9:15~17:45")),
        ("[28800, 66600]", ("[33300, 66600]", "[33300, 63900]")),
    ):
        # What the lock told of the settings before has to be out before something else is told.
        driver.simulation.call(driver.simulator.settle)
        driver.lock.values[address] = reported  # A reading that comes now finds the same.
        driver.push_property(address, reported)
        await shows(hass, driver, start, "08:00:00")
        await shows(hass, driver, end, "18:30:00")
        await use(hass, driver, start, "set_value", {"time": "09:15:00"})
        assert driver.lock.values[address] == written[0]
        await use(hass, driver, end, "set_value", {"time": "17:45:00"})
        assert driver.lock.values[address] == written[1]
        await shows(hass, driver, start, "09:15:00")
        await shows(hass, driver, end, "17:45:00")


async def test_do_not_disturb(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Each half of the period is set without the other."""
    await shows(hass, driver, "time.do_not_disturb_start", "22:00:00")
    await shows(hass, driver, "time.do_not_disturb_end", "07:00:00")
    await use(hass, driver, "time.do_not_disturb_start", "set_value", {"time": "21:30:00"})
    assert driver.lock.values[20, 2] == "21:30:00-07:00:00"
    await use(hass, driver, "time.do_not_disturb_end", "set_value", {"time": "06:15:30"})
    assert driver.lock.values[20, 2] == "21:30:00-06:15:30"
    await shows(hass, driver, "time.do_not_disturb_start", "21:30:00")
    await shows(hass, driver, "time.do_not_disturb_end", "06:15:30")


async def test_do_not_disturb_without_a_period(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Where none is known both halves are unknown, and the half that is not set is midnight."""
    for text in ("", "22:00:00", "whenever"):
        driver.push_property((20, 2), text)
        await shows(hass, driver, "time.do_not_disturb_start", "unknown")
        await shows(hass, driver, "time.do_not_disturb_end", "unknown")
    await use(hass, driver, "time.do_not_disturb_end", "set_value", {"time": "06:00:00"})
    assert driver.lock.values[20, 2] == "00:00:00-06:00:00"


@pytest.mark.usefixtures("all_enabled")
async def test_wechat_is_a_secret(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The lock gets it; nobody can read it in a state or in what we log, or lose it by that."""
    secret = "key of a call"
    await shows(hass, driver, "text.wechat_info", "")
    await use(hass, driver, "text.wechat_info", "set_value", {"value": secret})
    assert driver.lock.values[17, 24] == secret
    await shows(hass, driver, "text.wechat_info", "********")
    await use(hass, driver, "text.wechat_info", "set_value", {"value": "********"})
    assert driver.lock.values[17, 24] == secret
    assert secret not in str([state.as_dict() for state in hass.states.async_all()])
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("custom_components")]
    assert secret not in "".join(ours)


@pytest.mark.usefixtures("all_enabled")
async def test_deadbolt_permission(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """What the lock keeps of it is its own; a state shows as much as a state can."""
    driver.push_property((22, 11), "7" * 300)
    await shows(hass, driver, "text.deadbolt_permission", "7" * 255)
    await use(hass, driver, "text.deadbolt_permission", "set_value", {"value": "1,2"})
    assert driver.lock.values[22, 11] == "1,2"
    await shows(hass, driver, "text.deadbolt_permission", "1,2")


async def test_set_at_the_lock(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """What someone sets in the app or at the lock is shown."""
    driver.do("set", (21, 5), 3)
    await shows(hass, driver, "select.doorbell_volume", "3")
    driver.do("away_mode", on=True)
    await shows(hass, driver, "switch.away_mode", "on")


async def test_refused(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """What the cloud refuses is not shown as done."""
    driver.simulation.call(driver.simulator.remove_lock, driver.lock)
    with pytest.raises(HomeAssistantError) as raised:
        await use(hass, driver, "time.do_not_disturb_end", "set_value", {"time": "06:00:00"})
    assert raised.value.translation_key == "lock_not_authorised"
    await shows(hass, driver, "time.do_not_disturb_end", "07:00:00")


async def test_on_the_local_network(
    hass: HomeAssistant, driver: LockDriver, short_timeouts: None
) -> None:
    """The other door takes the same values."""
    simulation = driver.simulation
    driver.lock = simulation.call(simulation.simulator.add_lock, driver.account, host=NEARBY)
    simulation.call(simulation.simulator.settle)
    entry = MockConfigEntry(domain=DOMAIN, title="Front door", data=driver.local_data(NEARBY))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await use(hass, driver, "switch.doorbell", "turn_off", {})
    assert driver.lock.values[21, 1] is False
    assert driver.state(hass, "switch", "doorbell").state == "off"
    await use(hass, driver, "select.language", "select_option", {"option": "english"})
    assert driver.lock.values[19, 7] == 1


# Who may


@pytest.mark.parametrize(
    ("platform", "key", "service", "data"),
    [
        ("switch", "local_settings", "turn_off", {}),
        ("switch", "local_settings", "toggle", {}),
        ("text", "deadbolt_permission", "set_value", {"value": "1"}),
        ("text", "wechat_info", "set_value", {"value": "1"}),
    ],
)
async def test_for_administrators(
    hass: HomeAssistant,
    driver: LockDriver,
    all_enabled: None,
    entry: MockConfigEntry,
    platform: str,
    key: str,
    service: str,
    data: dict[str, str],
) -> None:
    """What weakens the door is set by them, and by automations; the lock hears of nobody else."""
    await hass.auth.async_create_user("Owner")  # The first one always may.
    admin = await hass.auth.async_create_user("Admin", group_ids=[GROUP_ID_ADMIN])
    guest = await hass.auth.async_create_user("Guest", group_ids=[GROUP_ID_USER])
    async with running(hass, entry):
        entity_id = driver.entity_id(hass, platform, key)

        async def call(user: str | None) -> None:
            await hass.services.async_call(
                platform,
                service,
                {ATTR_ENTITY_ID: entity_id} | data,
                blocking=True,
                context=Context(user_id=user),
            )

        writes = partial(written, driver)
        before = writes()
        with pytest.raises(Unauthorized):
            await call(guest.id)
        with pytest.raises(UnknownUser):
            await call("nobody")
        assert not lock_of(entry, driver).coordinator.data.pending
        assert writes() == before
        await call(admin.id)
        await call(None)
        assert writes() == before + 2


def written(driver: LockDriver) -> int:
    """Return how often the cloud was asked to set something."""
    return [path for path, _ in driver.simulator.cloud.requests].count("/app/v2/miotspec/prop/set")


async def test_voice_is_offered_no_settings(
    hass: HomeAssistant, driver: LockDriver, all_enabled: None, entry: MockConfigEntry
) -> None:
    """Assistants are offered what is seen and done at the door, and nothing that is set."""
    assert await async_setup_component(hass, "homeassistant", {})
    async with running(hass, entry):
        offered = {
            entity.entity_id
            for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
            if async_should_expose(hass, "conversation", entity.entity_id)
        }
        assert driver.entity_id(hass, "binary_sensor", "door") in offered
        settings = {"switch", "select", "number", "text", "time"}
        assert not {one for one in offered if one.partition(".")[0] in settings}


@asynccontextmanager
async def running(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncIterator[None]:
    """Have an entry set up for a while."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await caught_up(hass, entry)
    yield
    await hass.config_entries.async_unload(entry.entry_id)
