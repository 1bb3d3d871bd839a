"""Settings of the lock that are on or off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory

from .entity import LockEntity, LockEntityDescription, add_entities

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry

PARALLEL_UPDATES: Final = 1


@dataclass(frozen=True, kw_only=True)
class LockSwitchDescription(LockEntityDescription, SwitchEntityDescription):
    """A switch of a property."""


SWITCHES: Final = (
    LockSwitchDescription(
        key="away_mode",
        address=(18, 10),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(key="doorbell", address=(21, 1), entity_category=EntityCategory.CONFIG),
    LockSwitchDescription(
        key="doorbell_light",
        address=(21, 7),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="do_not_disturb",
        address=(20, 1),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="local_settings",
        address=(18, 11),
        entity_category=EntityCategory.CONFIG,
        for_admins=True,
    ),
    LockSwitchDescription(key="recording", address=(17, 1), entity_category=EntityCategory.CONFIG),
    LockSwitchDescription(
        key="distortion_correction",
        address=(17, 7),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="automatic_screen",
        address=(17, 9),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="full_colour_in_low_light",
        address=(17, 15),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="someone_staying",
        address=(17, 18),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="face_marking",
        address=(17, 20),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="live_video",
        address=(17, 23),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSwitchDescription(
        key="inside_unlock_recording",
        address=(17, 25),
        entity_category=EntityCategory.CONFIG,
    ),
)


class LockSwitch(LockEntity, SwitchEntity):
    """A setting that is on or off."""

    entity_description: LockSwitchDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether it is on."""
        return None if self.known is None else bool(self.known)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn it on."""
        await self.async_write(True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn it off."""
        await self.async_write(False)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the switches of each lock."""
    add_entities(entry, async_add_entities, LockSwitch, SWITCHES)
