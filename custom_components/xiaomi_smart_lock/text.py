"""Settings of the lock that are texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.text import TextEntity, TextEntityDescription, TextMode
from homeassistant.const import MAX_LENGTH_STATE_STATE, EntityCategory

from .entity import LockEntity, LockEntityDescription, add_entities

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from . import LockConfigEntry

PARALLEL_UPDATES: Final = 1


# The specification says this form of do not disturb only; the camera's periods have it too.
PERIOD: Final = r"([01]\d|2[0-3])(:[0-5]\d){2}-([01]\d|2[0-3])(:[0-5]\d){2}"

# Shown instead of a secret that is set
MASK: Final = "********"


@dataclass(frozen=True, kw_only=True)
class LockTextDescription(LockEntityDescription, TextEntityDescription):
    """A text of a property; one in password mode is a secret and never shown."""


TEXTS: Final = (
    LockTextDescription(
        key="live_video_period",
        address=(17, 12),
        entity_category=EntityCategory.CONFIG,
        pattern=PERIOD,
    ),
    LockTextDescription(
        key="recording_period",
        address=(17, 22),
        entity_category=EntityCategory.CONFIG,
        pattern=PERIOD,
    ),
    LockTextDescription(
        key="deadbolt_permission",
        address=(22, 11),
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
    ),
    LockTextDescription(
        key="wechat_info",
        address=(17, 24),
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
        mode=TextMode.PASSWORD,
    ),
)


class LockText(LockEntity, TextEntity):
    """A setting that is a text."""

    entity_description: LockTextDescription

    @property
    @override
    def native_value(self) -> str | None:
        """Return the text, or that there is one where it is a secret."""
        if self.known is None:
            return None
        text = str(self.known)
        if text and self.mode is TextMode.PASSWORD:
            return MASK
        if self.pattern and not re.fullmatch(self.pattern, text):
            return None  # Home Assistant refuses to show it
        return text[:MAX_LENGTH_STATE_STATE]

    @override
    async def async_set_value(self, value: str) -> None:
        """Set the text."""
        await self.async_write(value)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the texts of each lock."""
    add_entities(entry, async_add_entities, LockText, TEXTS)
