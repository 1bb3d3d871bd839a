"""Settings of the lock that are numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.number import NumberEntity, NumberEntityDescription
from homeassistant.const import EntityCategory, Platform

from .entity import LockEntity, LockEntityDescription, add_entities, described_as
from .model.tables import Ability
from .undescribed import UNITS

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry, LockRuntime
    from .undescribed import UndescribedItem

PARALLEL_UPDATES: Final = 1


@dataclass(frozen=True, kw_only=True)
class LockNumberDescription(LockEntityDescription, NumberEntityDescription):
    """Description of a number; its range is the property's."""

    entity_category: EntityCategory | None = EntityCategory.CONFIG
    ability: Ability | None = Ability.SETTINGS


NUMBERS: Final = (LockNumberDescription(key="camera_ringtone", item="door-lock-camera:ringtone"),)


def _undescribed(found: UndescribedItem) -> LockNumberDescription:
    """Return the description of a number for a property that has none."""
    unit = UNITS.get(getattr(found.item, "unit", None) or "")
    # Nobody has checked what such a setting decides.
    describe = described_as(LockNumberDescription, for_admins=True, native_unit_of_measurement=unit)
    return describe(found)


class LockNumber(LockEntity, NumberEntity):
    """A setting that is a number."""

    entity_description: LockNumberDescription

    def __init__(self, runtime: LockRuntime, description: LockNumberDescription) -> None:
        """Take the range from the specification."""
        super().__init__(runtime, description)
        if self.prop.range:
            (
                self._attr_native_min_value,
                self._attr_native_max_value,
                self._attr_native_step,
            ) = self.prop.range

    @property
    @override
    def native_value(self) -> float | None:
        """The number, None if it is not known."""
        return None if self.known is None or isinstance(self.known, str) else self.known

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Set the number."""
        await self.async_write(value if self.prop.format == "float" else int(value))


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the numbers of each lock."""
    undescribed = Platform.NUMBER, _undescribed
    await add_entities(entry, async_add_entities, LockNumber, NUMBERS, undescribed)
