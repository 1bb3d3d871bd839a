"""Base of all entities of a lock."""

from __future__ import annotations

import asyncio
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
from .wording.phrases import common_text, in_words, product_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from homeassistant.const import Platform
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
    from homeassistant.helpers.typing import UndefinedType

    from .miot.spec import Address, Event, Property, Value
    from .model.lock_model import LockModel
    from .model.roles import Role
    from .model.tables import Ability
    from .runtime import LockConfigEntry, LockRuntime
    from .state.lock_state import Source
    from .undescribed import UndescribedItem

# A valid MAC address; all zeros or all ones belong to no device.
MAC: Final = re.compile("(?!00(:00){5}|ff(:ff){5})[0-9a-f]{2}(:[0-9a-f]{2}){5}")


UNDESCRIBED: Final = "undescribed"
"""The key of translations of usual states, for what only a specification describes."""


@dataclass(frozen=True, kw_only=True)
class LockEntityDescription(EntityDescription):
    """Description of an entity and what it shows, by roles and names; see ``LockModel``.

    Of the many items of a lock few are looked at every day: an entity is off by default unless its
    description says otherwise.
    """

    entity_registry_enabled_default: bool = False
    item: str | None = None
    """The property that this entity, and no other, shows."""
    event: Role | None = None
    """The event whose last arguments are shown; None for the property's own value."""
    read: Callable[[LockCoordinator], Value | None] | None = None
    """Returns the value to show instead, if it is derived from other data."""
    sources: tuple[Role | Topic, ...] = ()
    """What else the value is derived from."""
    also: tuple[Role, ...] = ()
    """What the value is derived from, too, if the lock has it."""
    fact: str | None = None
    """The fact of the door that is shown, by its name in ``DoorFacts``."""
    instead_of: str | None = None
    """The property that a lock must not have, as it is shown by another description."""
    ability: Ability | None = None
    """What must be possible with the lock."""
    of_settings: bool = False
    """Whether it is about settings that wait, so that the lock must have some."""
    undescribed: UndescribedItem | None = None
    """The item of the specification that gives the name, None for a translated one."""
    for_admins: bool = False
    """Whether only administrators may set it, as it decides who may open or change what."""

    @property
    def _needed(self) -> list[str]:
        """The properties and events that a lock must have."""
        named = (self.item, self.event, *self.sources)
        return [name for name in named if isinstance(name, str)]

    def prop(self, model: LockModel) -> Property | None:
        """Return the property that is shown."""
        return model.property(self.item) if self.item else None

    def only_pushed(self, model: LockModel) -> bool:
        """Return whether the value is known from push only, as it cannot be read."""
        prop = self.prop(model)
        return self.event is not None or (prop is not None and Access.READ not in prop.access)

    def told_by(self, model: LockModel) -> frozenset[Address]:
        """Return the events that are enough to know the value, even without push."""
        return frozenset(model.addresses_of((self.event,) if self.event else ()))

    def supported(self, lock: LockCoordinator) -> bool:
        """Return whether a lock has what is shown and its connection can provide the value."""
        model, needed = lock.model, self._needed
        if len(model.sources_of(needed)) < len(needed):
            return False
        if (
            (self.ability and not model.can(self.ability))
            or (self.fact and not model.tells(self.fact))
            or (self.instead_of and model.property(self.instead_of))
            or (self.of_settings and not lock.has_settings)
        ):
            return False
        told_by = self.told_by(model)
        told = bool(told_by) and told_by <= lock.history_events
        return lock.session.pushes or not self.only_pushed(model) or told

    def depends_on(self, model: LockModel) -> frozenset[Source]:
        """Return the sources whose news may change the state."""
        topics = (source for source in self.sources if isinstance(source, Topic))
        # A property that is shown from an event changes with the event.
        shown = (one for one in self._needed if one != self.item or not self.event)
        of_door = model.door_facts if self.fact else ()
        return frozenset((*topics, *of_door, *model.sources_of((*shown, *self.also))))

    def shows(self, model: LockModel) -> tuple[Property | Event, ...]:
        """Return the properties and events that a user finds at the entity."""
        return tuple(item for name in self._needed if (item := model.item(name)))


def connections(lock: LockCoordinator) -> set[tuple[str, str]]:
    """Return the connections that merge a lock's device with those of other integrations.

    That is its MAC address, if it is valid and no other lock of the config entry has it.
    """
    mac = format_mac(lock.device.mac or "")
    shared = lock.config_entry.runtime_data.macs[mac] > 1
    return {(CONNECTION_NETWORK_MAC, mac)} if MAC.fullmatch(mac) and not shared else set()


class LockEntity(CoordinatorEntity[LockCoordinator]):
    """An entity of a lock; it writes its state only when that changes.

    There are a hundred for each lock, so none stores what follows from its description: with more
    than 42 attributes, Python takes twice the memory for the attributes of an entity.
    """

    _attr_has_entity_name = True
    entity_description: LockEntityDescription

    def __init__(self, runtime: LockRuntime, description: LockEntityDescription) -> None:
        """Attach the entity to its lock."""
        super().__init__(runtime.coordinator)
        self.entity_description = description
        if named := description.undescribed:
            self._attr_name = shortened(_name_of(runtime, named))
        self._runtime = runtime
        self._shown: object = None

    @property
    @override
    def unique_id(self) -> str:
        """The lock's did and the description's key."""
        return f"{self._runtime.session.did}-{self.entity_description.key}"

    @property
    @override
    def translation_key(self) -> str:
        """The description's key; for an item that has none, that of the words of many locks."""
        description = self.entity_description
        return UNDESCRIBED if description.undescribed else description.key

    @property
    @override
    def device_info(self) -> DeviceInfo:
        """The lock's device, which all its entities share."""
        runtime = self._runtime
        if runtime.device_info is None:
            runtime.device_info = _device_info(runtime)
        return runtime.device_info

    @property
    def lock_name(self) -> str:
        """The lock's name, the user's own if there is one."""
        device = self.device_entry
        return (device and (device.name_by_user or device.name)) or self.coordinator.name

    @override
    async def async_added_to_hass(self) -> None:
        """Watch the sources of the state."""
        await super().async_added_to_hass()
        for source in self.entity_description.depends_on(self._runtime.model):
            self.async_on_remove(
                self.coordinator.async_watch(source, self._handle_coordinator_update)
            )
        # Home Assistant itself writes the first state right after this.
        self._shown = (self.available, self._state_key())

    @property
    @override
    def name(self) -> str | UndefinedType | None:
        """The name, which says so while the value waits for the lock to wake up."""
        name = super().name
        if not self.pending or not isinstance(name, str):
            return name
        return common_text(self.coordinator.hass, "waiting", "{name}").format(name=name)

    @property
    @override
    def available(self) -> bool:
        """Whether the lock could be read, or the history lately told what this entity shows."""
        return super().available or self._is_told()

    def _is_told(self) -> bool:
        """Return whether the history lately told what this entity shows."""
        lock, told_by = self.coordinator, self.entity_description.told_by(self._runtime.model)
        return bool(told_by) and told_by <= lock.history_events and lock.catches_up

    @property
    def known(self) -> Value | None:
        """The known value of what is shown, None if it is not known."""
        lock, description = self.coordinator, self.entity_description
        if description.read:
            return description.read(lock)
        if description.event is None:
            return lock.data.shown(self.prop.address)
        last = lock.data.last(description.event)
        return last.masked.get(self.prop.name) if last else None

    @property
    def _prop(self) -> Property | None:
        return self.entity_description.prop(self._runtime.model)

    @property
    def prop(self) -> Property:
        """The property that is shown."""
        prop = self._prop
        assert prop is not None  # noqa: S101
        return prop

    @property
    def pending(self) -> bool:
        """Whether the value waits for the lock to wake up."""
        prop = self._prop
        return prop is not None and prop.address in self.coordinator.data.pending

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """``pending`` while the value waits for the lock to wake up, else None."""
        return {"pending": True} if self.pending else None

    def _state_key(self) -> object:
        """Return everything that the state depends on."""
        return self.known, self.pending

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state if it has changed."""
        shows = (self.available, self._state_key())
        if shows != self._shown:
            self._shown = shows
            self.async_write_ha_state()

    async def async_write(self, value: Value) -> None:
        """Set the property.

        Raises Unauthorized or UnknownUser if only administrators may, HomeAssistantError if the
        lock refuses.
        """
        if self.entity_description.for_admins:
            await async_require_admin(self.hass, self._context)
        settings = self._runtime.settings
        await settings.async_write(self.prop.address, value, self._context, self.entity_id)


def _device_info(runtime: LockRuntime) -> DeviceInfo:
    """Return a lock's device as it is when the entities are added."""
    lock = runtime.coordinator
    device, rooms = lock.device, lock.config_entry.data.get(CONF_ROOMS, {})
    return DeviceInfo(
        identifiers={(DOMAIN, device.did)},
        connections=connections(lock),
        manufacturer=_manufacturer(runtime.model),
        model=product_in_words(lock.hass, runtime.model),
        model_id=device.model,
        name=shortened(device.name),
        sw_version=device.firmware,
        hw_version=lock.hardware_version,
        suggested_area=shortened(rooms[device.did]) if device.did in rooms else None,
    )


def _manufacturer(model: LockModel) -> str:
    """Return the manufacturer: Xiaomi if the product has that name, else who named the model."""
    vendor = model.name.partition(".")[0].capitalize()
    return MANUFACTURER if MANUFACTURER in model.product else vendor


def _name_of(runtime: LockRuntime, named: UndescribedItem) -> str:
    """Return the name of an item in Home Assistant's language.

    It has the service, and the address, where there are others of that name.
    """
    hass = runtime.coordinator.hass
    name = in_words(hass, named.item)
    if named.of_service is None:
        return name
    pattern = common_text(hass, "name_of_service", "{name} ({service})")
    service = in_words(hass, named.of_service)
    if named.has_address:
        service = f"{service} {named.name}"
    return pattern.format(name=name, service=service)


def described_as[Description: LockEntityDescription](
    description: Callable[..., Description], **details: Any
) -> Callable[[UndescribedItem], Description]:
    """Return a function that returns the description of an item that has none."""

    def describe(found: UndescribedItem) -> Description:
        return description(
            key=found.key,
            item=found.name,
            undescribed=found,
            entity_registry_enabled_default=found.is_enabled,
            **details,
        )

    return describe


async def add_entities[Description: LockEntityDescription](
    entry: LockConfigEntry,
    add: AddConfigEntryEntitiesCallback,
    entity: Callable[[LockRuntime, Description], Entity],
    descriptions: Iterable[Description],
    undescribed: tuple[Platform, Callable[[UndescribedItem], Description]] | None = None,
) -> None:
    """Add an entity of each description to each lock whose connection can provide its state.

    ``undescribed`` is a platform, and what returns the description of an item that has none. Home
    Assistant does other things between the locks: those of a hundred take long.
    """

    def all_of(lock: LockRuntime) -> Iterator[Description]:
        yield from descriptions
        if undescribed:
            platform, describe = undescribed
            yield from map(describe, lock.undescribed.get(platform, ()))

    for lock in entry.runtime_data.locks.values():
        await asyncio.sleep(0)
        add(
            [
                entity(lock, description)
                for description in all_of(lock)
                if description.supported(lock.coordinator)
            ]
        )
