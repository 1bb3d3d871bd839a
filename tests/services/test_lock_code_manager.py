"""The automation that follows Lock Code Manager's entities, as the documents show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml

from tests.documents import yaml_blocks
from tests.lock_driver import until
from tests.people import give

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.lock_harness import LockHarness

pytestmark = pytest.mark.usefixtures("short_timeouts")

ACTIVE, CODE = "binary_sensor.house_wei_active", "text.house_wei_pin"


def codes(harness: LockHarness) -> list[str]:
    """Return the passwords that the lock itself has."""
    return [one.text for one in harness.driver.lock.users.credentials.values()]


async def test_a_code_is_set_changed_and_deleted(hass: HomeAssistant, harness: LockHarness) -> None:
    """The lock has the code while it is to be active, as soon as it is awake; one user serves."""
    give(hass, harness.entry, "Wei")
    hass.states.async_set(ACTIVE, "off")
    hass.states.async_set(CODE, "246810")
    [example] = yaml_blocks("id: code_of_wei")
    assert await async_setup_component(hass, "automation", {"automation": [parse_yaml(example)]})
    await hass.async_block_till_done()
    hass.states.async_set(ACTIVE, "on")
    await until(lambda: codes(harness) == ["246810"])
    await hass.async_block_till_done()
    await harness.put_to_sleep()
    hass.states.async_set(CODE, "135790")
    await harness.reached()
    assert codes(harness) == ["246810"]
    await harness.wake()
    await until(lambda: codes(harness) == ["135790"])
    await hass.async_block_till_done()
    hass.states.async_set(ACTIVE, "off")
    await until(lambda: codes(harness) == [])
    assert harness.driver.lock.users.types.keys() == {0, 1}
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
