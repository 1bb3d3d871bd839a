"""Images of the lock's camera that show who was at the door, for linked config entries.

A linked config entry has a session of the Mi Home app.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .entity import LockEntity, LockEntityDescription, add_entities
from .media.recordings import BELL, STAY
from .model.tables import Ability

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .media.latest_pictures import Picture
    from .runtime import LockConfigEntry, LockRuntime

PARALLEL_UPDATES: Final = 0


@dataclass(frozen=True, kw_only=True)
class LockImageDescription(LockEntityDescription, ImageEntityDescription):
    """Description of an image: the kind of pictures that it shows."""

    ability: Ability | None = Ability.CAMERA
    kind: str
    or_any: bool = False
    """Whether the newest picture of any kind is shown while there is none of this kind."""


IMAGES: Final = (
    LockImageDescription(
        key="last_visitor",
        kind=BELL,
        or_any=True,
        entity_registry_enabled_default=True,
    ),
    LockImageDescription(key="last_stay", kind=STAY),
)


class LockImage(LockEntity, ImageEntity):
    """The newest picture of a kind."""

    entity_description: LockImageDescription

    def __init__(self, runtime: LockRuntime, description: LockImageDescription) -> None:
        """Attach the entity to its lock and the lock's pictures."""
        LockEntity.__init__(self, runtime, description)
        ImageEntity.__init__(self, runtime.coordinator.hass)
        assert runtime.pictures  # noqa: S101
        self._pictures = runtime.pictures
        self._picture: Picture | None = None

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for new pictures, and show the newest."""
        await super().async_added_to_hass()
        self.async_on_remove(self._pictures.async_listen(self._async_look))
        self._async_look()

    @callback
    def _async_look(self) -> None:
        """Show the newest picture, unless it was taken before the one that is shown."""
        description, newest = self.entity_description, self._pictures.newest
        picture = newest.get(description.kind)
        if not picture and description.or_any:
            picture = max(newest.values(), key=lambda one: one.taken, default=None)
        if picture and (not self._picture or picture.taken > self._picture.taken):
            self._picture = picture
            self._handle_coordinator_update()

    @override
    def _state_key(self) -> object:
        return self._picture

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any]:
        """The kind of pictures that it shows: ``bell`` or ``stay``."""
        return {"kind": self.entity_description.kind.lower()}

    @property
    @override
    def image_last_updated(self) -> datetime | None:
        """When the picture was taken, None if there is none."""
        return dt_util.utc_from_timestamp(self._picture.taken) if self._picture else None

    @override
    async def async_image(self) -> bytes | None:
        """Return the picture, None if there is none."""
        return self._picture.jpeg if self._picture else None


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the images of each lock of a linked config entry."""
    if entry.runtime_data.link:
        await add_entities(entry, async_add_entities, LockImage, IMAGES)
