"""What happened at the lock, in Home Assistant's logbook and its language."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from homeassistant.components.logbook import (
    LOGBOOK_ENTRY_ENTITY_ID,
    LOGBOOK_ENTRY_MESSAGE,
    LOGBOOK_ENTRY_NAME,
)
from homeassistant.const import ATTR_ENTITY_ID, CONF_TYPE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_cached_translations

from .bus import EVENT
from .const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.components.logbook.models import LazyEventPartialState


@callback
def async_describe_events(
    hass: HomeAssistant,
    async_describe_event: Callable[
        [str, str, Callable[[LazyEventPartialState], dict[str, Any]]], None
    ],
) -> None:
    """Say how our events read."""

    @callback
    def describe(event: LazyEventPartialState) -> dict[str, Any]:
        data = event.data
        entity_id = data.get(ATTR_ENTITY_ID)
        state = hass.states.get(entity_id) if entity_id else None
        texts = async_get_cached_translations(hass, hass.config.language, "common", DOMAIN)
        common = f"component.{DOMAIN}.common"
        # A fact may be missing: the lock did not say it, or an older version did not write it.
        facts = defaultdict(str)
        for name, fact in data.items():
            facts[name] = texts.get(f"{common}.{name}_{fact}", fact)
        sentence = texts.get(f"{common}.logbook_{data[CONF_TYPE]}", "").format_map(facts)
        return {
            LOGBOOK_ENTRY_NAME: state.name if state else DOMAIN,
            LOGBOOK_ENTRY_MESSAGE: " ".join(sentence.split()),
            LOGBOOK_ENTRY_ENTITY_ID: entity_id,
        }

    async_describe_event(DOMAIN, EVENT, describe)
