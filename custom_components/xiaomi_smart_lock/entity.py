"""What all entities of a lock have in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import (
    CONNECTION_NETWORK_MAC,
    DeviceInfo,
    format_mac,
)
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import CONF_ROOMS, DOMAIN, MANUFACTURER
from .control.admins import async_require_admin
from .coordinator import LockCoordinator
from .miot.spec import Access
from .reporting.devices import shortened
from .state.lock_state import Topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .miot.spec import Address, Property, Value
    from .model.lock_model import LockModel
    from .model.roles import Role
    from .runtime import LockConfigEntry, LockRuntime
    from .state.lock_state import Source

# A MAC that is one; all zeros or all ones are nobody's.
MAC: Final = re.compile("(?!00(:00){5}|ff(:ff){5})[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True, kw_only=True)
class LockEntityDescription(EntityDescription):
    """An entity, and what it shows of a lock: by roles and names, see ``LockModel``."""

    item: str | None = None
    """The property that is shown here and nowhere else."""
    event: Role | None = None
    """The event whose last arguments are shown; None for the property's own value."""
    read: Callable[[LockCoordinator], Value | None] | None = None
    """What is shown instead, where it is made of other things that are known."""
    sources: tuple[Role | Topic, ...] = ()
    """What else it is made of."""
    for_admins: bool = False
    """Whether only administrators may set it: it decides who opens or changes what at the door."""

    @property
    def _needed(self) -> list[str]:
        """The properties and events that a lock must have."""
        named = (self.item, self.event, *self.sources)
        return [name for name in named if isinstance(name, str)]

    def prop(self, model: LockModel) -> Property | None:
        """Return the property that is shown."""
        return model.property(self.item) if self.item else None

    def only_pushed(self, model: LockModel) -> bool:
        """Say whether only a connection that tells by itself ever knows the value."""
        prop = self.prop(model)
        return self.event is not None or (prop is not None and Access.READ not in prop.access)

    def told_by(self, model: LockModel) -> frozenset[Address]:
        """Return the events that suffice to know the value, even where nothing is pushed."""
        return frozenset(model.addresses_of((self.event,) if self.event else ()))

    def supported(self, lock: LockCoordinator) -> bool:
        """Say whether a lock has what is shown, and its connection can ever know the value."""
        model, needed = lock.model, self._needed
        if len(model.sources_of(needed)) < len(needed):
            return False
        told_by = self.told_by(model)
        told = bool(told_by) and told_by <= lock.history_events
        return lock.session.pushes or not self.only_pushed(model) or told

    def depends_on(self, model: LockModel) -> frozenset[Source]:
        """Return what there may be news of that change the state."""
        topics = (source for source in self.sources if isinstance(source, Topic))
        # Of a property that is in an event, there is news by the event.
        shown = (one for one in self._needed if one != self.item or not self.event)
        return frozenset((*topics, *model.sources_of(shown)))


def connections(lock: LockCoordinator) -> set[tuple[str, str]]:
    """Return what makes a lock's device one with another's: a MAC that it shares with no lock."""
    mac = format_mac(lock.device.mac or "")
    locks = lock.config_entry.runtime_data.locks.values()
    shared = sum(format_mac(one.session.device.mac or "") == mac for one in locks) > 1
    return {(CONNECTION_NETWORK_MAC, mac)} if MAC.fullmatch(mac) and not shared else set()


class LockEntity(CoordinatorEntity[LockCoordinator]):
    """An entity of a lock; it writes its state only when that changes."""

    _attr_has_entity_name = True
    entity_description: LockEntityDescription

    def __init__(self, runtime: LockRuntime, description: LockEntityDescription) -> None:
        """Attach the entity to its lock."""
        super().__init__(runtime.coordinator)
        self.entity_description = description
        self._attr_translation_key = description.key
        self._attr_unique_id = f"{runtime.session.did}-{description.key}"
        self._runtime = runtime
        self._prop = description.prop(runtime.model)
        self._last_of = runtime.model.address_of(description.event) if description.event else None
        self._told_by = description.told_by(runtime.model)
        self._shown: object = None

    @property
    @override
    def device_info(self) -> DeviceInfo:
        """The lock; asked for once, and not kept by each of its many entities."""
        device = self.coordinator.device
        rooms = self.coordinator.config_entry.data.get(CONF_ROOMS, {})
        return DeviceInfo(
            identifiers={(DOMAIN, device.did)},
            connections=connections(self.coordinator),
            manufacturer=MANUFACTURER,
            model=self._runtime.model.spec.description,
            model_id=device.model,
            name=shortened(device.name),
            sw_version=device.firmware,
            hw_version=self.coordinator.hardware_version,
            suggested_area=shortened(rooms[device.did]) if device.did in rooms else None,
        )

    @override
    async def async_added_to_hass(self) -> None:
        """Watch what the state is made of."""
        await super().async_added_to_hass()
        for source in self.entity_description.depends_on(self._runtime.model):
            self.async_on_remove(
                self.coordinator.async_watch(source, self._handle_coordinator_update)
            )
        # Home Assistant writes the first state by itself, right after this.
        self._shown = (self.available, self._state_key())

    @property
    @override
    def available(self) -> bool:
        """Return whether the lock was read, or what this shows was told afterwards."""
        lock, told_by = self.coordinator, self._told_by
        told = bool(told_by) and told_by <= lock.history_events and lock.catches_up
        return super().available or told

    @property
    def known(self) -> Value | None:
        """What is known of what is shown, None where nothing is."""
        lock, description = self.coordinator, self.entity_description
        if description.read:
            return description.read(lock)
        assert self._prop is not None  # noqa: S101
        if self._last_of is None:
            return lock.data.shown(self._prop.address)
        last = lock.data.events.get(self._last_of)
        return last.masked.get(self._prop.name) if last else None

    @property
    def prop(self) -> Property:
        """The property that is shown."""
        assert self._prop is not None  # noqa: S101
        return self._prop

    @property
    def pending(self) -> bool:
        """Whether the value is one that waits for the lock to wake up."""
        return self._prop is not None and self._prop.address in self.coordinator.data.pending

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return that the value waits, while it does."""
        return {"pending": True} if self.pending else None

    def _state_key(self) -> object:
        """Return all that the state is made of."""
        return self.known, self.pending

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state if it is another one than before."""
        shows = (self.available, self._state_key())
        if shows != self._shown:
            self._shown = shows
            self.async_write_ha_state()

    async def async_write(self, value: Value) -> None:
        """Set the property, as far as who asks for it may."""
        if self.entity_description.for_admins:
            await async_require_admin(self.hass, self._context)
        await self._runtime.settings.async_write(self.prop.address, value)


def add_entities[Description: LockEntityDescription](
    entry: LockConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    entity: Callable[[LockRuntime, Description], Entity],
    descriptions: Iterable[Description],
) -> None:
    """Add an entity of each description to each lock whose connection can ever know its state."""
    add(
        entity(lock, description)
        for lock in entry.runtime_data.locks.values()
        for description in descriptions
        if description.supported(lock.coordinator)
    )
