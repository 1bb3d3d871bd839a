"""The lock: locked or not, and by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from homeassistant.const import ATTR_ENTITY_ID, EVENT_STATE_CHANGED
from homeassistant.exceptions import ServiceValidationError
from pytest_homeassistant_custom_component.common import async_capture_events

from .lock_driver import LockDriver, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, State
    from pytest_homeassistant_custom_component.common import MockConfigEntry

NOON = 1790000000


def shown(hass: HomeAssistant, driver: LockDriver) -> State:
    """Return the lock's state."""
    return driver.state(hass, "lock", "lock")


async def use(hass: HomeAssistant, driver: LockDriver, action: str) -> None:
    """Lock or unlock."""
    target = {ATTR_ENTITY_ID: driver.entity_id(hass, "lock", "lock")}
    await hass.services.async_call("lock", action, target, blocking=True)


async def test_door_states(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A door that is open or ajar is not locked; one with child lock or deadbolt on is."""
    for door_state, words, lock, door in (
        (2, "unlocked", "unlocked", "off"),
        (1, "locked", "locked", "off"),
        (3, "not_closed", "unlocked", "on"),
        (5, "child_lock_on", "locked", "off"),
        (4, "ajar", "unlocked", "on"),
        (6, "deadbolt_on", "locked", "off"),
    ):
        driver.push_property((3, 1021), door_state)
        await until(lambda: driver.state(hass, "sensor", "door_state").state == words)  # noqa: B023
        assert shown(hass, driver).state == lock
        assert driver.state(hass, "binary_sensor", "door").state == door


@pytest.mark.parametrize(
    ("language", "method", "operation_id", "changed_by"),
    [
        ("en", 2, 7, "Fingerprint 7"),
        ("en", 12, 0, "Automatic"),
        ("zh-Hans", 2, 7, "指纹 7"),
        ("zh-Hans", 7, 12, "一次性密码 12"),
        ("zh-Hans", 14, 0, "门内按钮开锁"),
    ],
)
async def test_changed_by(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    language: str,
    method: int,
    operation_id: int,
    changed_by: str,
) -> None:
    """Who opens the door is named by how and by which credential, in the user's language."""
    hass.config.language = language
    assert shown(hass, driver).attributes.get("changed_by") is None
    driver.push_event((2, 1020), 2, method, 2, operation_id, NOON)
    await until(lambda: shown(hass, driver).attributes.get("changed_by") == changed_by)


async def test_changed_by_what_has_no_name(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A method that the specification does not have is said by its number."""
    driver.push_event((2, 1020), 2, 99, 2, 7, driver.lock.time)
    await until(lambda: shown(hass, driver).state == "unlocked")
    assert shown(hass, driver).attributes.get("changed_by") == "Operation method (99) 7"


async def test_locking(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """There is no action that locks: saying so is better than doing nothing."""
    with pytest.raises(ServiceValidationError) as raised:
        await use(hass, driver, "lock")
    assert raised.value.translation_key == "cannot_be_locked_remotely"


@pytest.mark.parametrize("action", ["lock", "unlock"])
async def test_what_is_refused_at_once(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, action: str
) -> None:
    """The lock is shown again as it is, so that what was moved on a dashboard goes back."""
    before = shown(hass, driver)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    with pytest.raises(ServiceValidationError):
        await use(hass, driver, action)
    states = [event.data["new_state"] for event in changes]
    assert [state.attributes.get("refused") for state in states] == [True, None]
    assert {(state.state, state.last_changed) for state in states} == {
        (before.state, before.last_changed)
    }
