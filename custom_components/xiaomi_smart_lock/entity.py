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
from .miot.spec import (
    SPEC,
    Access,
    Address,
    Property,
)
from .reporting.devices import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .miot.spec import Value
    from .runtime import LockConfigEntry, LockRuntime
    from .state.lock_state import Source

# A MAC that is one; all zeros or all ones are nobody's.
MAC: Final = re.compile("(?!00(:00){5}|ff(:ff){5})[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True, kw_only=True)
class LockEntityDescription(EntityDescription):
    """An entity, and where its place in the specification is."""

    address: Address | None = None
    """The property that is shown here and nowhere else."""
    event: Address | None = None
    """The event whose last arguments are shown; None for the property's own value."""
    read: Callable[[LockCoordinator], Value | None] | None = None
    """What is shown instead, where it is made of other things that are known."""
    sources: tuple[Source, ...] = ()
    """What else it is made of."""
    for_admins: bool = False
    """Whether only administrators may set it: it decides who opens or changes what at the door."""

    @property
    def only_pushed(self) -> bool:
        """Whether only a connection that tells by itself ever knows the value."""
        return self.event is not None or (
            self.address is not None and Access.READ not in SPEC.properties[self.address].access
        )

    @property
    def told_by(self) -> frozenset[Address]:
        """The events that suffice to know the value, even where nothing is pushed."""
        return frozenset((self.event,) if self.event else ())

    def supported(self, lock: LockCoordinator) -> bool:
        """Say whether the connection of a lock can ever know the value."""
        told = bool(self.told_by) and self.told_by <= lock.history_events
        return lock.session.pushes or not self.only_pushed or told

    @property
    def depends_on(self) -> frozenset[Source]:
        """What there may be news of that change the state."""
        shown = SPEC.events[self.event] if self.event else self.address
        return frozenset((*self.sources, shown) if shown else self.sources)

    @property
    def prop(self) -> Property:
        """The property that is shown."""
        assert self.address is not None  # noqa: S101
        return SPEC.properties[self.address]

    @property
    def keys(self) -> list[str] | None:
        """The keys of the property's value list, None where it has none."""
        return self.prop.options if self.address and self.prop.values else None

    def value(self, lock: LockCoordinator) -> Value | None:
        """Return what is known of the property, None where nothing is."""
        if self.read:
            return self.read(lock)
        assert self.address is not None  # noqa: S101
        if self.event is None:
            return lock.data.shown(self.address)
        last = lock.data.events.get(self.event)
        return last.masked.arguments.get(self.address[1]) if last else None


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
            model=SPEC.description,
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
        for source in self.entity_description.depends_on:
            self.async_on_remove(
                self.coordinator.async_watch(source, self._handle_coordinator_update)
            )
        # Home Assistant writes the first state by itself, right after this.
        self._shown = (self.available, self._state_key())

    @property
    @override
    def available(self) -> bool:
        """Return whether the lock was read, or what this shows was told afterwards."""
        lock, told_by = self.coordinator, self.entity_description.told_by
        told = bool(told_by) and told_by <= lock.history_events and lock.catches_up
        return super().available or told

    @property
    def known(self) -> Value | None:
        """The property's value, None where it is not known."""
        return self.entity_description.value(self.coordinator)

    @property
    def pending(self) -> bool:
        """Whether the value is one that waits for the lock to wake up."""
        return self.entity_description.address in self.coordinator.data.pending

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
        await self._runtime.settings.async_write(self.entity_description.prop.address, value)


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
