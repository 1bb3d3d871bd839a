"""Settings of the lock that are on or off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory, Platform

from .entity import LockEntity, LockEntityDescription, add_entities, described_as
from .model.roles import Role
from .model.tables import Ability

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry

PARALLEL_UPDATES: Final = 1


@dataclass(frozen=True, kw_only=True)
class LockSwitchDescription(LockEntityDescription, SwitchEntityDescription):
    """Description of a switch for a property."""

    entity_category: EntityCategory | None = EntityCategory.CONFIG
    ability: Ability | None = Ability.SETTINGS


SWITCHES: Final = (
    LockSwitchDescription(
        key="away_mode",
        item=Role.AWAY_MODE,
        entity_registry_enabled_default=True,
    ),
    LockSwitchDescription(
        key="doorbell",
        item="doorbell:on",
        entity_registry_enabled_default=True,
    ),
    LockSwitchDescription(key="doorbell_light", item="doorbell:doorbell-light-on"),
    LockSwitchDescription(
        key="do_not_disturb",
        item="no-disturb:no-disturb",
        entity_registry_enabled_default=True,
    ),
    LockSwitchDescription(
        key="local_settings", item="lock:door-lock-local-setting-status", for_admins=True
    ),
    LockSwitchDescription(
        key="recording",
        item="door-lock-camera:on",
        entity_registry_enabled_default=True,
    ),
    LockSwitchDescription(
        key="distortion_correction", item="door-lock-camera:image-distortion-correction"
    ),
    LockSwitchDescription(key="automatic_screen", item="door-lock-camera:auto-screen-on"),
    LockSwitchDescription(
        key="full_colour_in_low_light", item="door-lock-camera:glimmer-full-color"
    ),
    LockSwitchDescription(
        key="someone_staying", item="door-lock-camera:someone-staying-activated-switch"
    ),
    LockSwitchDescription(key="face_marking", item="door-lock-camera:face-marking-switch"),
    LockSwitchDescription(key="live_video", item="door-lock-camera:live-video-streaming"),
    LockSwitchDescription(
        key="inside_unlock_recording", item="door-lock-camera:inside-unlock-recording"
    ),
)


class LockSwitch(LockEntity, SwitchEntity):
    """A setting that is on or off."""

    entity_description: LockSwitchDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether the setting is on, None if unknown."""
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
    # Nobody has checked what such a setting decides.
    undescribed = Platform.SWITCH, described_as(LockSwitchDescription, for_admins=True)
    await add_entities(entry, async_add_entities, LockSwitch, SWITCHES, undescribed)
