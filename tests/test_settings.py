"""What is set in Home Assistant is what the lock gets, in the specification's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from homeassistant.const import ATTR_ENTITY_ID
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.const import DOMAIN

from .actor import Actor, until
from .hosts import NEARBY

if TYPE_CHECKING:
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
    hass: HomeAssistant, actor: Actor, entity: str, action: str, value: dict[str, object]
) -> None:
    """Call an action on an entity."""
    platform, key = entity.split(".")
    target = {ATTR_ENTITY_ID: actor.entity_id(hass, platform, key)}
    await hass.services.async_call(platform, action, value | target, blocking=True)


async def shows(hass: HomeAssistant, actor: Actor, entity: str, state: str) -> None:
    """Wait until an entity has a state; the lock still tells of what it was set to before."""
    platform, key = entity.split(".")
    await until(lambda: actor.state(hass, platform, key).state == state)


async def test_switches(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """A switch writes a bool and shows it."""
    for key, address in SWITCHES.items():
        before = actor.lock.values[address]
        await shows(hass, actor, f"switch.{key}", "on" if before else "off")
        for on in (not before, before):
            state = "on" if on else "off"
            await use(hass, actor, f"switch.{key}", f"turn_{state}", {})
            assert actor.lock.values[address] is on
            await shows(hass, actor, f"switch.{key}", state)


async def test_selects(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """A select writes the number of each of its options and shows the option."""
    for key, (address, options) in SELECTS.items():
        assert actor.state(hass, "select", key).attributes["options"] == list(options)
        for option, number in options.items():
            await use(hass, actor, f"select.{key}", "select_option", {"option": option})
            assert actor.lock.values[address] == number
            await shows(hass, actor, f"select.{key}", option)


async def test_it_is_shown_at_once(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """What the lock took is shown when the action returns, and not when the lock tells of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actor.lock, "listeners", [])
        await use(hass, actor, "select.doorbell_volume", "select_option", {"option": "3"})
    assert actor.state(hass, "select", "doorbell_volume").state == "3"


async def test_an_option_that_there_is_not(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """It is refused before the lock hears of it."""
    with pytest.raises(ServiceValidationError):
        await use(hass, actor, "select.doorbell_volume", "select_option", {"option": "4"})
    assert actor.lock.values[21, 5] == 2


async def test_number(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """The camera's ringtone is one of five."""
    attributes = actor.state(hass, "number", "camera_ringtone").attributes
    assert (attributes["min"], attributes["max"], attributes["step"]) == (1, 5, 1)
    await use(hass, actor, "number.camera_ringtone", "set_value", {"value": 5})
    await shows(hass, actor, "number.camera_ringtone", "5")
    with pytest.raises(ServiceValidationError):
        await use(hass, actor, "number.camera_ringtone", "set_value", {"value": 6})
    assert actor.lock.values[17, 6] == 5


@pytest.mark.parametrize(("key", "address"), PERIODS.items())
async def test_periods(
    hass: HomeAssistant,
    actor: Actor,
    loaded: MockConfigEntry,
    key: str,
    address: tuple[int, int],
) -> None:
    """A period is a text that has the form of one."""
    period = "08:00:00-18:30:00"
    await use(hass, actor, f"text.{key}", "set_value", {"value": period})
    await shows(hass, actor, f"text.{key}", period)
    for wrong in ("08:00-18:30", "24:00:00-18:30:00", "always", ""):
        with pytest.raises((ValueError, ServiceValidationError)):
            await use(hass, actor, f"text.{key}", "set_value", {"value": wrong})
    assert actor.lock.values[address] == period


async def test_do_not_disturb(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """Each half of the period is set without the other."""
    await shows(hass, actor, "time.do_not_disturb_start", "22:00:00")
    await shows(hass, actor, "time.do_not_disturb_end", "07:00:00")
    await use(hass, actor, "time.do_not_disturb_start", "set_value", {"time": "21:30:00"})
    assert actor.lock.values[20, 2] == "21:30:00-07:00:00"
    await use(hass, actor, "time.do_not_disturb_end", "set_value", {"time": "06:15:30"})
    assert actor.lock.values[20, 2] == "21:30:00-06:15:30"
    await shows(hass, actor, "time.do_not_disturb_start", "21:30:00")
    await shows(hass, actor, "time.do_not_disturb_end", "06:15:30")


async def test_do_not_disturb_without_a_period(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """Where none is known both halves are unknown, and the half that is not set is midnight."""
    for text in ("", "22:00:00", "whenever"):
        actor.push_property((20, 2), text)
        await shows(hass, actor, "time.do_not_disturb_start", "unknown")
        await shows(hass, actor, "time.do_not_disturb_end", "unknown")
    await use(hass, actor, "time.do_not_disturb_end", "set_value", {"time": "06:00:00"})
    assert actor.lock.values[20, 2] == "00:00:00-06:00:00"


@pytest.mark.usefixtures("all_enabled")
async def test_wechat_is_a_secret(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """The lock gets it; nobody can read it in a state or in what we log."""
    secret = "key of a call"
    await shows(hass, actor, "text.wechat_info", "")
    await use(hass, actor, "text.wechat_info", "set_value", {"value": secret})
    assert actor.lock.values[17, 24] == secret
    await shows(hass, actor, "text.wechat_info", "********")
    assert secret not in str([state.as_dict() for state in hass.states.async_all()])
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("custom_components")]
    assert secret not in "".join(ours)


@pytest.mark.usefixtures("all_enabled")
async def test_deadbolt_permission(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """What the lock keeps of it is its own; a state shows as much as a state can."""
    actor.push_property((22, 11), "7" * 300)
    await shows(hass, actor, "text.deadbolt_permission", "7" * 255)
    await use(hass, actor, "text.deadbolt_permission", "set_value", {"value": "1,2"})
    assert actor.lock.values[22, 11] == "1,2"
    await shows(hass, actor, "text.deadbolt_permission", "1,2")


async def test_set_at_the_lock(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """What someone sets in the app or at the lock is shown."""
    actor.do("set", (21, 5), 3)
    await shows(hass, actor, "select.doorbell_volume", "3")
    actor.do("away_mode", on=True)
    await shows(hass, actor, "switch.away_mode", "on")


async def test_refused(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """What the cloud refuses is not shown as done."""
    actor.simulation.call(actor.simulator.remove_lock, actor.lock)
    with pytest.raises(HomeAssistantError) as raised:
        await use(hass, actor, "time.do_not_disturb_end", "set_value", {"time": "06:00:00"})
    assert raised.value.translation_key == "lock_not_authorised"
    await shows(hass, actor, "time.do_not_disturb_end", "07:00:00")


async def test_on_the_local_network(hass: HomeAssistant, actor: Actor, impatient: None) -> None:
    """The other door takes the same values."""
    simulation = actor.simulation
    actor.lock = simulation.call(simulation.simulator.add_lock, actor.account, host=NEARBY)
    simulation.call(simulation.simulator.settle)
    entry = MockConfigEntry(domain=DOMAIN, title="Front door", data=actor.local_data(NEARBY))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await use(hass, actor, "switch.doorbell", "turn_off", {})
    assert actor.lock.values[21, 1] is False
    assert actor.state(hass, "switch", "doorbell").state == "off"
    await use(hass, actor, "select.language", "select_option", {"option": "english"})
    assert actor.lock.values[19, 7] == 1
