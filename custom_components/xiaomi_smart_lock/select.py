"""Settings of the lock with a list of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory

from .entity import LockEntity, LockEntityDescription, add_entities

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry, LockRuntime

PARALLEL_UPDATES: Final = 1


@dataclass(frozen=True, kw_only=True)
class LockSelectDescription(LockEntityDescription, SelectEntityDescription):
    """A select of a property; its options are the keys of the property's value list."""


SELECTS: Final = (
    LockSelectDescription(
        key="doorbell_ringtone",
        address=(21, 4),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="doorbell_volume",
        address=(21, 5),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="night_vision",
        address=(17, 2),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="live_video_time",
        address=(17, 11),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="detection_sensitivity",
        address=(17, 13),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="automatic_screen_time",
        address=(17, 14),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="camera_mode",
        address=(17, 16),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="staying_time",
        address=(17, 19),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="door_open_reminder_time",
        address=(19, 1),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="door_open_alarm_volume",
        address=(19, 2),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="door_ajar_reminder_time",
        address=(19, 3),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="door_ajar_alarm_volume",
        address=(19, 4),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="lock_broken_reminder_time",
        address=(19, 5),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="lock_broken_alarm_volume",
        address=(19, 6),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(key="language", address=(19, 7), entity_category=EntityCategory.CONFIG),
    LockSelectDescription(
        key="operation_volume",
        address=(19, 8),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="alarm_volume",
        address=(19, 9),
        entity_category=EntityCategory.CONFIG,
    ),
    LockSelectDescription(
        key="door_closing_volume",
        address=(19, 10),
        entity_category=EntityCategory.CONFIG,
    ),
)


class LockSelect(LockEntity, SelectEntity):
    """A setting with a list of values."""

    entity_description: LockSelectDescription

    def __init__(self, runtime: LockRuntime, description: LockSelectDescription) -> None:
        """Take the options from the specification."""
        super().__init__(runtime, description)
        self._attr_options = description.prop.options

    @property
    @override
    def current_option(self) -> str | None:
        """Return the key of the value."""
        return None if self.known is None else self.entity_description.prop.key_of(self.known)

    @override
    async def async_select_option(self, option: str) -> None:
        """Set the value of a key."""
        await self.async_write(self.entity_description.prop.value_of(option))


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the selects of each lock."""
    add_entities(entry, async_add_entities, LockSelect, SELECTS)
