"""Settings of the lock with a list of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory, Platform

from .entity import LockEntity, LockEntityDescription, add_entities, described_as
from .model.tables import Ability

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry

PARALLEL_UPDATES: Final = 1


@dataclass(frozen=True, kw_only=True)
class LockSelectDescription(LockEntityDescription, SelectEntityDescription):
    """Description of a select; its options are the keys of the property's value list."""

    entity_category: EntityCategory | None = EntityCategory.CONFIG
    ability: Ability | None = Ability.SETTINGS


SELECTS: Final = (
    LockSelectDescription(key="doorbell_ringtone", item="doorbell:ringtone"),
    LockSelectDescription(
        key="doorbell_volume",
        item="doorbell:volume",
        entity_registry_enabled_default=True,
    ),
    LockSelectDescription(key="night_vision", item="door-lock-camera:night-shot"),
    LockSelectDescription(key="live_video_time", item="door-lock-camera:live-video-valid-time"),
    LockSelectDescription(
        key="detection_sensitivity", item="door-lock-camera:detection-sensitivity"
    ),
    LockSelectDescription(key="automatic_screen_time", item="door-lock-camera:auto-screen-on-time"),
    LockSelectDescription(
        key="camera_mode",
        item="door-lock-camera:mode",
        entity_registry_enabled_default=True,
    ),
    LockSelectDescription(key="staying_time", item="door-lock-camera:staying-time"),
    LockSelectDescription(
        key="door_open_reminder_time",
        item="lock-volume-management:door-open-reminder-time",
        entity_registry_enabled_default=True,
    ),
    LockSelectDescription(
        key="door_open_alarm_volume",
        item="lock-volume-management:door-open-reminder-volume",
        entity_registry_enabled_default=True,
    ),
    LockSelectDescription(
        key="door_ajar_reminder_time", item="lock-volume-management:door-ajar-reminder-time"
    ),
    LockSelectDescription(
        key="door_ajar_alarm_volume", item="lock-volume-management:door-ajar-reminder-volume"
    ),
    LockSelectDescription(
        key="lock_broken_reminder_time",
        item="lock-volume-management:door-lock-broken-reminder-time",
    ),
    LockSelectDescription(
        key="lock_broken_alarm_volume",
        item="lock-volume-management:door-lock-broken-reminder-volume",
    ),
    LockSelectDescription(key="language", item="lock-volume-management:language"),
    LockSelectDescription(
        key="operation_volume",
        item="lock-volume-management:door-operation-volume",
        entity_registry_enabled_default=True,
    ),
    LockSelectDescription(key="alarm_volume", item="lock-volume-management:reminder-volume"),
    LockSelectDescription(
        key="door_closing_volume", item="lock-volume-management:door-closing-reminder-volume"
    ),
)


class LockSelect(LockEntity, SelectEntity):
    """A setting with a list of values."""

    entity_description: LockSelectDescription

    @property
    @override
    def options(self) -> list[str]:
        """The keys of the property's value list."""
        return self.prop.options

    @property
    @override
    def current_option(self) -> str | None:
        """The key of the value, None if it is not known."""
        return None if self.known is None else self.prop.key_of(self.known)

    @override
    async def async_select_option(self, option: str) -> None:
        """Set the value that has the option as its key."""
        await self.async_write(self.prop.value_of(option))


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the selects of each lock."""
    # Nobody has checked what such a setting decides.
    undescribed = Platform.SELECT, described_as(LockSelectDescription, for_admins=True)
    await add_entities(entry, async_add_entities, LockSelect, SELECTS, undescribed)
