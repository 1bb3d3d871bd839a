"""Helpers for time without contact to the lock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant


FIVE_MINUTES = 301  # seconds, with a margin


async def later(hass: HomeAssistant, frozen: FrozenDateTimeFactory, seconds: float) -> None:
    """Let time pass, and wait for everything that is due then."""
    frozen.tick(seconds)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done()


def unavailable(
    hass: HomeAssistant, entry: MockConfigEntry, *, but: str | None = None
) -> set[bool]:
    """Return whether entities are unavailable: a set of one value if they agree.

    Entities of the domain ``but`` are ignored.
    """
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    states = [
        hass.states.get(entity.entity_id)
        for entity in entities
        if not entity.disabled and entity.domain != but
    ]
    return {state is None or state.state == STATE_UNAVAILABLE for state in states}
