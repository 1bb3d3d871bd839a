"""The examples that users copy work as they stand there."""

from __future__ import annotations

from datetime import timedelta
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    async_fire_time_changed,
    async_mock_service,
)

from tests.examples import ASKED_TO_LOCK, EXAMPLES

from .lock_driver import LockDriver, until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant, ServiceCall
    from pytest_homeassistant_custom_component.common import MockConfigEntry

type Act = Callable[[HomeAssistant, LockDriver], Awaitable[None]]

AWAY_MODE: Final = (18, 10)
NOON: Final = 1790000000

# What happens twice within a second is not the same.
NUMBERS: Final = count(1)


async def later(hass: HomeAssistant, minutes: float) -> None:
    """Let the time come for what is due in some minutes."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=minutes))
    await hass.async_block_till_done()


async def seen(hass: HomeAssistant, entity_id: str, state: str) -> None:
    """Wait until an entity has a state."""
    await until(lambda: hass.states.get(entity_id).state == state)  # type: ignore[union-attr]
    await hass.async_block_till_done()


async def come_home(hass: HomeAssistant, driver: LockDriver) -> None:
    """Unlock with a finger."""
    before = driver.state(hass, "event", "lock_event").state
    driver.do("fingerprint", next(NUMBERS))
    await until(lambda: driver.state(hass, "event", "lock_event").state != before)
    await seen(hass, "lock.front_door", "unlocked")


async def open_door(hass: HomeAssistant, driver: LockDriver) -> None:
    """Open the door."""
    driver.do("open_door")
    await seen(hass, "binary_sensor.front_door_door", "on")


async def close_door(hass: HomeAssistant, driver: LockDriver) -> None:
    """Close the door, which locks itself."""
    driver.do("close_door")
    await seen(hass, "lock.front_door", "locked")


async def close_unlocked(hass: HomeAssistant, driver: LockDriver) -> None:
    """Close the door, which does not lock itself as it should."""
    driver.push_property((3, 1021), 2)
    await seen(hass, "binary_sensor.front_door_door", "off")


async def ring(hass: HomeAssistant, driver: LockDriver) -> None:
    """Ring the bell."""
    before = driver.state(hass, "event", "doorbell").state
    driver.push_event((21, 1), NOON + 10 * next(NUMBERS))
    await until(lambda: driver.state(hass, "event", "doorbell").state != before)
    await hass.async_block_till_done()


async def go_away(hass: HomeAssistant, driver: LockDriver) -> None:
    """Have the lock know that nobody is there."""
    driver.do("set", AWAY_MODE, True)
    await seen(hass, "switch.front_door_away_mode", "on")


async def guess(hass: HomeAssistant, driver: LockDriver) -> None:
    """Have somebody guess the code."""
    hass.bus.async_fire("xiaomi_smart_lock_event", {"type": "unlocking_blocked"})
    await hass.async_block_till_done()


async def mistype(hass: HomeAssistant, driver: LockDriver) -> None:
    """Have somebody mistype the code once."""
    hass.bus.async_fire("xiaomi_smart_lock_event", {"type": "unlocking_wrong_code"})
    await hass.async_block_till_done()


def sun(state: str) -> Act:
    """Have the sun go up or down."""

    async def move(hass: HomeAssistant, driver: LockDriver) -> None:
        hass.states.async_set("sun.sun", state)

    return move


def wait(minutes: float) -> Act:
    """Wait for some minutes."""

    async def waiting(hass: HomeAssistant, driver: LockDriver) -> None:
        await later(hass, minutes)

    return waiting


def battery(level: int, *, dry_cells: bool = False) -> Act:
    """Have a battery at a level."""

    async def drain(hass: HomeAssistant, driver: LockDriver) -> None:
        driver.do("set_battery", level, dry_cells=dry_cells)
        key = "dry_cells" if dry_cells else "lithium_battery"
        await seen(hass, f"sensor.front_door_{key}", str(level))

    return drain


def charging(state: int, shown: str) -> Act:
    """Plug the charger in or out."""

    async def plug(hass: HomeAssistant, driver: LockDriver) -> None:
        driver.do("set_charging", state)
        await seen(hass, "binary_sensor.front_door_charging", shown)

    return plug


# What happens for each example: what it takes no notice of, what it is for, and the action that it
# then takes once.
STORIES: Final[dict[str, tuple[list[Act], list[Act], str]]] = {
    "Light for who comes home": (
        [sun("above_horizon"), come_home, close_door, sun("below_horizon")],
        [come_home],
        "light.turn_on",
    ),
    "Somebody guesses the code": ([mistype], [guess], "notify.mobile_app_phone"),
    "Somebody rings": ([come_home, ring, close_door], [ring], "notify.mobile_app_phone"),
    "Somebody is there again": (
        [come_home, close_door, go_away],
        [come_home],
        "switch.turn_off",
    ),
    "The door stays open": (
        [open_door, wait(4.5), close_door, wait(6)],
        [open_door, wait(5.1)],
        "notify.mobile_app_phone",
    ),
    "The door stays unlocked": (
        [come_home, open_door, wait(10.1), close_door],
        [come_home, wait(10.1)],
        "notify.mobile_app_phone",
    ),
    "Everybody is in": (
        [come_home, open_door, close_unlocked],
        [close_door],
        "light.turn_off",
    ),
    "The battery is low": (
        [battery(80), battery(20), battery(60, dry_cells=True)],
        [battery(19), battery(15)],
        "notify.mobile_app_phone",
    ),
    "The battery is charged": (
        [battery(95), charging(1, "on"), charging(2, "off"), battery(50)],
        [charging(1, "on")],
        "notify.mobile_app_phone",
    ),
}


def known(example: dict[str, Any]) -> bool:
    """Return whether this Home Assistant has all that is in an example."""
    used = [one["trigger"] for one in example["triggers"]]
    used += [one["condition"] for one in example.get("conditions", ())]
    owners = [name.partition(".")[0] for name in used if "." in name]
    kinds = ("trigger", "condition")
    return all(
        find_spec(f"homeassistant.components.{owner}")
        and any(find_spec(f"homeassistant.components.{owner}.{kind}") for kind in kinds)
        for owner in owners
    )


def test_every_example_has_a_story() -> None:
    """Nothing is shown that does not run, on the newest version at least."""
    assert EXAMPLES.keys() == {*STORIES, ASKED_TO_LOCK}


@pytest.mark.parametrize("alias", [alias for alias in STORIES if known(EXAMPLES[alias])])
async def test_example(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, alias: str
) -> None:
    """It acts once when it should, and not before."""
    ignored, wanted, action = STORIES[alias]
    calls: list[ServiceCall] = async_mock_service(hass, *action.split("."))
    assert await async_setup_component(hass, "automation", {"automation": [EXAMPLES[alias]]})
    await hass.async_block_till_done()
    [automation] = hass.states.async_all("automation")
    assert automation.state == "on"
    for act in ignored:
        await act(hass, driver)
    assert calls == []
    for act in wanted:
        await act(hass, driver)
    [call] = calls
    expected = EXAMPLES[alias]["actions"][0]
    entity_id = expected.get("target", {}).get("entity_id")
    assert call.data.get("entity_id") == (entity_id and [entity_id])
    assert call.data.get("message") == expected.get("data", {}).get("message")
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
