"""Settings of the lock that are texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.text import TextEntity, TextEntityDescription, TextMode
from homeassistant.const import MAX_LENGTH_STATE_STATE, EntityCategory, Platform

from .entity import LockEntity, LockEntityDescription, add_entities, described_as
from .miot.values import text
from .model.period import format_period, parse_period
from .model.roles import Role
from .model.tables import Ability

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry

PARALLEL_UPDATES: Final = 1

# Shown instead of a secret, unless it is empty
MASK: Final = "********"


@dataclass(frozen=True, kw_only=True)
class LockTextDescription(LockEntityDescription, TextEntityDescription):
    """Description of a text; in password mode it is a secret and never shown."""

    entity_category: EntityCategory | None = EntityCategory.CONFIG
    ability: Ability | None = Ability.SETTINGS
    is_period: bool = False


TEXTS: Final = (
    LockTextDescription(
        key="live_video_period",
        item=Role.LIVE_VIDEO_PERIOD,
        is_period=True,
    ),
    LockTextDescription(key="recording_period", item=Role.RECORDING_PERIOD, is_period=True),
    LockTextDescription(
        key="deadbolt_permission",
        item="lock-manage:user-deadbolt-permission",
        for_admins=True,
    ),
    LockTextDescription(
        key="wechat_info",
        item="door-lock-camera:wechat-info",
        mode=TextMode.PASSWORD,
        for_admins=True,
    ),
)


class LockText(LockEntity, TextEntity):
    """A setting that is a text."""

    entity_description: LockTextDescription

    @property
    @override
    def native_value(self) -> str | None:
        """The text, or a mask if it is a secret; None if it is not known.

        Periods are shown in one form, whatever form the lock uses; a period that cannot be parsed
        is shown as it is.
        """
        if self.known is None:
            return None
        raw = str(self.known)
        if raw and self.mode is TextMode.PASSWORD:
            return MASK
        if self.entity_description.is_period and (ends := parse_period(raw)):
            return format_period(ends)
        return text(raw, MAX_LENGTH_STATE_STATE)

    @override
    async def async_set_value(self, value: str) -> None:
        """Set the text, a period in the form that the lock uses.

        Setting the shown text, such as the mask, writes back what the lock has.
        """
        known = "" if self.known is None else str(self.known)
        if known and value == self.native_value:
            value = known
        elif self.entity_description.is_period and (ends := parse_period(value)):
            value = format_period(ends, like=known)
        await self.async_write(value)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the texts of each lock."""
    # Nobody has checked what such a setting decides.
    undescribed = Platform.TEXT, described_as(LockTextDescription, for_admins=True)
    await add_entities(entry, async_add_entities, LockText, TEXTS, undescribed)
