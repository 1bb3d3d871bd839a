"""Event entities: what happens at the door, as it happens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.event import (
    EventDeviceClass,
    EventEntity,
    EventEntityDescription,
)
from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED
from homeassistant.const import CONF_NAME, EntityCategory, Platform
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util import dt as dt_util

from .account.entry_data import async_lock_name
from .const import DOMAIN, SUBENTRY_GUEST, SUBENTRY_PERSON
from .entity import LockEntity, LockEntityDescription, add_entities
from .miot.values import whole
from .model.roles import Role
from .model.tables import Ability
from .people import last_holder, person_of, who
from .reporting.devices import async_device_of, shortened
from .signal import Signal
from .state.credential import masked
from .undescribed import is_shown
from .wording.phrases import OTHER, credential_in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from homeassistant.config_entries import ConfigEntry, ConfigEntryChange, ConfigSubentry
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import LockCoordinator
    from .miot.spec import Address, Event, Property, Value
    from .model.lock_model import LockModel
    from .runtime import LockConfigEntry, LockRuntime
    from .state.credential import Credential
    from .state.lock_event import LockEvent
    from .undescribed import UndescribedItem

PARALLEL_UPDATES: Final = 0

# The type that Home Assistant requires of doorbells; its constant for it came after 2025.4.
RING: Final = "ring"

# What unlocking is called by the keys of the sides, for anybody and for a person
UNLOCKED: Final = "unlocked"
FROM_SIDE: Final = {"outside": "unlocked_outside", "inside": "unlocked_inside"}
BY_SIDE: Final = {"outside": "came_home", "inside": "unlocked_inside"}

_SECONDS: Final = range(2**32)
"""The times in seconds since 1970 that 32 bits have room for; others are in milliseconds."""

USED: Final = "used"
ENDED: Final = "ended"

# The names of event attributes, by the names of the arguments in the specification
ATTRIBUTES: Final = {
    "operation-position": "position",
    "operation-method": "method",
    "operation-id": "operation_id",
    "user-ids": "user_id",
    "user-type": "user_type",
    "error-code": "error",
    "credential-step-current": "step",
    "credential-step-all": "total",
    "current-time": "device_time",
}


def _by_argument(name: str) -> Callable[[LockEvent], str | None]:
    """Return a function that returns an argument's key as the type, OTHER if it has none."""

    def type_of(lock_event: LockEvent) -> str:
        return lock_event.word(name) or OTHER

    return type_of


def _duress(lock_event: LockEvent) -> str | None:
    forced = lock_event.get("operation-method") in lock_event.model.masks
    return "duress" if forced else None


def _own_name(lock_event: LockEvent) -> str:
    return lock_event.event.key


def _unlocked_from(sides: Mapping[str, str]) -> Callable[[LockEvent], str | None]:
    """Return a function that returns the type of unlocking by its side, None for other events.

    ``sides`` has the types by the keys of sides; UNLOCKED is the type for a side that has none.
    """

    def type_of(lock_event: LockEvent) -> str | None:
        if lock_event.word("lock-action") != UNLOCKED:
            return None
        return sides.get(lock_event.word("operation-position") or "", UNLOCKED)

    return type_of


_by_whom_unlocked: Final = _unlocked_from(BY_SIDE)


def _by_person(lock_event: LockEvent) -> str:
    return _by_whom_unlocked(lock_event) or lock_event.word("lock-action") or OTHER


def _by_guest(lock_event: LockEvent) -> str | None:
    return USED if _by_whom_unlocked(lock_event) else None


@dataclass(frozen=True, kw_only=True)
class LockEventDescription(LockEntityDescription, EventEntityDescription):
    """Description of an event entity: the events that it shows, and their types.

    ``type_of`` returns the type of an event, None if the event is not shown.
    """

    entity_registry_enabled_default: bool = True
    kinds: tuple[str, ...]
    type_of: Callable[[LockEvent], str | None] = _own_name
    code: str | None = None
    """The argument that determines the type; its number is shown if the type does not tell it."""
    types: tuple[str, ...] = ()
    """The types, before the keys of the argument ``code``; without both, the keys of the events."""
    masks: bool = True
    """Whether a duress fingerprint is shown as an ordinary one."""

    @override
    def only_pushed(self, model: LockModel) -> bool:
        return True

    @override
    def told_by(self, model: LockModel) -> frozenset[Address]:
        return frozenset(self.addresses(model))

    @override
    def shows(self, model: LockModel) -> tuple[Property | Event, ...]:
        return tuple(event for kind in self.kinds if (event := model.event(kind)))

    def addresses(self, model: LockModel) -> tuple[Address, ...]:
        """Return the addresses of a model's events that are shown."""
        return model.addresses_of(self.kinds)

    @override
    def supported(self, lock: LockCoordinator) -> bool:
        has_it = bool(self.event_types_of(lock.model)) and (self.masks or bool(lock.model.masks))
        return has_it and super().supported(lock)

    def event_types_of(self, model: LockModel) -> list[str]:
        """Return the possible types of a model's events, none if it has no such event."""
        events = [model.spec.events[address] for address in self.addresses(model)]
        if not events:
            return []
        if self.code is None:
            return [*self.types] or [event.key for event in events]
        arguments = (one for event in events for one in event.arguments if one.name == self.code)
        keys = (key for one in arguments for key in one.options)
        return [*dict.fromkeys((*self.types, *keys)), OTHER]

    def attributes(self, lock: LockCoordinator, lock_event: LockEvent) -> dict[str, Any]:
        """Return the attributes of an event, beside its type."""
        return _details(lock, lock_event, masks=self.masks) | self.code_of(lock_event)

    def code_of(self, lock_event: LockEvent) -> dict[str, Value]:
        """Return the number of the argument ``code`` if the type does not tell it."""
        said = {}
        if self.code and (code := lock_event.get(self.code)) is not None:
            argument = lock_event.argument(self.code)
            if argument.key_of(code) is None or len(argument.options) < len(argument.values):
                said["code"] = code
        return said


USERS_AND_CREDENTIALS: Final = (
    Role.USER_UPDATED,
    Role.CREDENTIAL_UPDATED,
    Role.USER_ADDED,
    Role.USER_DELETED,
    Role.CREDENTIAL_ADDED,
    Role.CREDENTIAL_DELETED,
    Role.CREDENTIALS_SYNCHRONISED,
    Role.USERS_SYNCHRONISED,
)

EVENTS: Final = (
    LockEventDescription(
        key="lock_event",
        kinds=(Role.LOCK_EVENT,),
        type_of=_by_argument("lock-action"),
        code="lock-action",
        entity_registry_enabled_default=False,
    ),
    LockEventDescription(
        key="doorbell",
        kinds=(Role.DOORBELL,),
        device_class=EventDeviceClass.DOORBELL,
        types=(RING,),
        type_of=lambda _occurrence: RING,
    ),
    LockEventDescription(
        key="exception",
        kinds=(Role.EXCEPTION,),
        type_of=_by_argument("abnormal-condition"),
        code="abnormal-condition",
    ),
    LockEventDescription(
        key="duress",
        kinds=(Role.LOCK_EVENT,),
        types=("duress",),
        type_of=_duress,
        masks=False,
        entity_registry_visible_default=False,
    ),
    LockEventDescription(
        key="someone_at_the_door",
        kinds=(Role.SOMEONE_STAYS,),
        device_class=EventDeviceClass.MOTION,
    ),
    LockEventDescription(
        key="users_and_credentials",
        kinds=USERS_AND_CREDENTIALS,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockEventDescription(
        key="enrolment",
        kinds=(Role.ENROLMENT_STEP,),
        type_of=_by_argument("credential-state"),
        code="credential-state",
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
    LockEventDescription(
        key="wechat",
        kinds=(Role.WECHAT,),
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
    ),
)

# It repeats some of the lock's events: Home Assistant lets one choose types by a click, but not
# attributes such as the side.
UNLOCKING: Final = LockEventDescription(
    key="unlocking",
    kinds=(Role.LOCK_EVENT,),
    types=(*FROM_SIDE.values(), UNLOCKED),
    type_of=_unlocked_from(FROM_SIDE),
    entity_registry_enabled_default=False,
)

# What is also told as an event of Home Assistant's bus. Duress is not: it has one place.
HAPPENED: Final = f"{DOMAIN}_happened"
TOLD: Final = [one for one in (*EVENTS, UNLOCKING) if one.masks and not one.entity_category]


@dataclass(frozen=True, kw_only=True)
class UndescribedEventDescription(LockEventDescription):
    """Description of an event entity for an event that has none; it shows all arguments."""

    @override
    def attributes(self, lock: LockCoordinator, lock_event: LockEvent) -> dict[str, Any]:
        shown = lock_event.masked
        return {
            argument.name.replace("-", "_"): _attribute(argument, value)
            for argument, value in shown.known_arguments
            if is_shown(argument)
        }


def _undescribed(found: UndescribedItem) -> LockEventDescription:
    """Return the description of an event entity for an event that has none."""
    return UndescribedEventDescription(
        key=found.key,
        kinds=(found.name,),
        undescribed=found,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=found.is_enabled,
    )


# What those do who have credentials, by the type of their subentry. Their device has their name:
# where the automation editor shows the name of an entity alone, it says whose it is.
HOLDERS: Final = {
    SUBENTRY_PERSON: LockEventDescription(
        key="person_activity",
        name=None,
        ability=Ability.PEOPLE,
        kinds=(Role.LOCK_EVENT,),
        types=tuple(BY_SIDE.values()),
        type_of=_by_person,
        code="lock-action",
    ),
    SUBENTRY_GUEST: LockEventDescription(
        key="guest_activity",
        name=None,
        ability=Ability.MANAGEMENT,
        kinds=(Role.LOCK_EVENT,),
        types=(USED, ENDED),
        type_of=_by_guest,
    ),
}


def _details(lock: LockCoordinator, lock_event: LockEvent, *, masks: bool) -> dict[str, Any]:
    """Return what is told of an event in whichever way: its arguments, and who it was.

    ``masks`` is whether a duress fingerprint is shown as an ordinary one.
    """
    shown = lock_event.masked if masks else lock_event
    said = {
        ATTRIBUTES[argument.name]: _attribute(argument, value)
        for argument, value in shown.known_arguments
        if argument.name in ATTRIBUTES
    }
    return said | who(lock, lock_event) if shown.kind == lock.model.lock_event else said


def _attribute(argument: Property, value: Value) -> object:
    """Return an argument in a form for automations: keys of value lists, times with time zone.

    A number that is not in the value list, and a time that is none in seconds, is returned as it
    came.
    """
    if argument.name == "current-time":
        if (seconds := whole(value)) is None or seconds not in _SECONDS:
            return value
        return dt_util.utc_from_timestamp(seconds).isoformat()
    key = argument.key_of(value) if argument.values else None
    return value if key is None else key


class LockEventEntity(LockEntity, EventEntity):
    """An event entity of the lock."""

    entity_description: LockEventDescription

    def __init__(self, runtime: LockRuntime, description: LockEventDescription) -> None:
        """Take the types from the specification."""
        super().__init__(runtime, description)
        self._attr_event_types = description.event_types_of(runtime.model)

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the events."""
        await super().async_added_to_hass()
        for kind in self.entity_description.addresses(self._runtime.model):
            self.async_on_remove(self._runtime.events.async_listen(kind, self._async_happened))

    @property
    @override
    def available(self) -> bool:
        """Whether the lock could be read, or its events are being received."""
        return super().available or _hears(self.coordinator)

    @override
    def _state_key(self) -> object:
        return None

    @callback
    def _async_happened(self, lock_event: LockEvent) -> None:
        """Show an event, unless it has no type here."""
        description = self.entity_description
        if (its_type := description.type_of(lock_event)) is None:
            return
        self._trigger_event(its_type, description.attributes(self.coordinator, lock_event))
        self.async_write_ha_state()


@callback
def _async_tell(hass: HomeAssistant, entry: LockConfigEntry) -> None:
    """Fire what happens at the door as events with the lock's device, for blueprints.

    A blueprint that asks for a device can find out its entities, but cannot wait for their states.
    """

    @callback
    def tell(
        lock: LockRuntime, descriptions: list[LockEventDescription], lock_event: LockEvent
    ) -> None:
        types = {one.key: one.type_of(lock_event) for one in descriptions}
        if not any(types.values()):
            return
        if device := async_device_of(hass, entry, lock.session.did):
            details = _details(lock.coordinator, lock_event, masks=True)
            for one in descriptions:
                if its_type := types[one.key]:
                    told = {"device_id": device.id, "kind": one.key, "type": its_type}
                    hass.bus.async_fire(HAPPENED, told | details | one.code_of(lock_event))

    for lock in entry.runtime_data.locks.values():
        told: dict[Address, list[LockEventDescription]] = {}
        for description in TOLD:
            for kind in description.addresses(lock.model):
                told.setdefault(kind, []).append(description)
        for kind, descriptions in told.items():
            listener = partial(tell, lock, descriptions)
            entry.async_on_unload(lock.events.async_listen(kind, listener))


@dataclass(frozen=True, eq=False)
class Holders:
    """What the event entities of all people have in common, or those of all guests."""

    description: LockEventDescription
    locks: list[LockRuntime]
    """The locks at which they can be told of."""
    event_types: list[str]
    operated: Signal[str, LockRuntime, LockEvent]
    """Sent when somebody operates a lock, by the id of their subentry."""
    looked: Signal[None]
    """Sent when it changed whether events of any of the locks are being received."""

    @property
    def hears(self) -> bool:
        """Whether events of a lock are being received; see ``LockEventEntity``."""
        return any(_hears(lock.coordinator) for lock in self.locks)


class HolderEventEntity(EventEntity):
    """What a person or a guest does with their credentials, at all locks of the config entry."""

    _attr_has_entity_name = True
    _attr_should_poll = False

    def __init__(self, holders: Holders, subentry: ConfigSubentry) -> None:
        """Attach the entity to its person or guest."""
        self.entity_description: LockEventDescription = holders.description
        self._attr_translation_key = holders.description.key
        self._attr_unique_id = f"{subentry.subentry_id}-activity"
        self._attr_event_types = holders.event_types
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, subentry.subentry_id)},
            name=shortened(_name(subentry)),
            model_id=subentry.subentry_type,
            entry_type=DeviceEntryType.SERVICE,
        )
        self._subentry_id = subentry.subentry_id
        self._holders = holders
        self._shown_available = False

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the operations of all locks, and to the ends of credentials."""
        await super().async_added_to_hass()
        holders = self._holders
        self._shown_available = self.available
        self.async_on_remove(holders.operated.async_listen(self._subentry_id, self._async_operated))
        self.async_on_remove(holders.looked.async_listen(None, self._async_look))
        if ENDED in self.event_types:
            for lock in holders.locks:
                self.async_on_remove(lock.expiry.async_listen(partial(self._async_ended, lock)))

    @property
    @override
    def available(self) -> bool:
        """Whether the events of a lock are being received; see ``LockEventEntity``."""
        return self._holders.hears

    @callback
    def _async_look(self) -> None:
        """Show whether events are being received, if that has changed."""
        if self.available != self._shown_available:
            self._shown_available = self.available
            self.async_write_ha_state()

    @callback
    def _async_operated(self, lock: LockRuntime, lock_event: LockEvent) -> None:
        """Show an operation of a lock by this holder."""
        its_type, credential = self.entity_description.type_of(lock_event), lock_event.credential
        if its_type and credential:
            self._show(lock, its_type, credential)

    @callback
    def _async_ended(self, lock: LockRuntime, credential: Credential) -> None:
        """Show that a credential was deleted because its time had come, if it was this guest's."""
        if last_holder(lock.coordinator, credential) == self._subentry_id:
            self._show(lock, ENDED, credential)

    def _show(self, lock: LockRuntime, its_type: str, credential: Credential) -> None:
        """Show an event, with what was used in words; a duress fingerprint is masked."""
        model, hass = lock.model, self.hass
        method = masked(model, credential.method)
        entry = lock.coordinator.config_entry
        attributes = {
            "method": model.methods.key_of(method) if model.methods else None,
            "credential": credential_in_words(hass, model, credential),
            "lock": async_lock_name(hass, entry, lock.session.did),
        }
        self._trigger_event(its_type, {key: said for key, said in attributes.items() if said})
        self.async_write_ha_state()


def _name(subentry: ConfigSubentry) -> str:
    """Return the name of a person or a guest; a guest's title says more than the name."""
    return str(subentry.data.get(CONF_NAME) or subentry.title)


def _hears(lock: LockCoordinator) -> bool:
    """Return whether a lock could be read, or its events are being received.

    An event must not be what makes its entity available: automations ignore such a change.
    """
    return lock.last_update_success or (lock.session.hears and not lock.gone)


@callback
def _async_operated(entry: LockConfigEntry) -> Signal[str, LockRuntime, LockEvent]:
    """Return a signal that is sent when somebody operates a lock, by the id of their subentry."""
    signal: Signal[str, LockRuntime, LockEvent] = Signal()

    @callback
    def happened(lock: LockRuntime, lock_event: LockEvent) -> None:
        credential = lock_event.credential
        if credential and (by := person_of(lock.coordinator, credential, lock_event.when)):
            signal.async_send((by.subentry.subentry_id,), lock, lock_event)

    for lock in entry.runtime_data.locks.values():
        if kind := lock.model.lock_event:
            entry.async_on_unload(lock.events.async_listen(kind, partial(happened, lock)))
    return signal


@callback
def _async_holders(
    entry: LockConfigEntry,
    description: LockEventDescription,
    operated: Signal[str, LockRuntime, LockEvent],
) -> Holders:
    """Return what people or guests have in common, by the description of their entities."""
    locks = [
        lock
        for lock in entry.runtime_data.locks.values()
        if description.supported(lock.coordinator)
    ]
    models = dict.fromkeys(lock.model for lock in locks)
    types = dict.fromkeys(one for model in models for one in description.event_types_of(model))
    holders = Holders(description, locks, [*types], operated, Signal())
    hears = holders.hears

    @callback
    def look() -> None:
        # Those of a hundred locks look once at each of them, and not each of them.
        nonlocal hears
        if (now := holders.hears) != hears:
            hears = now
            holders.looked.async_send((None,))

    for lock in locks:
        entry.async_on_unload(lock.coordinator.async_add_listener(look))
    return holders


class HolderEntities:
    """The event entities of an entry's people and guests, each of which gets one."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: LockConfigEntry,
        async_add_entities: AddConfigEntryEntitiesCallback,
    ) -> None:
        """Prepare to add entities."""
        self._hass = hass
        self._entry = entry
        self._async_add_entities = async_add_entities
        operated = _async_operated(entry)
        self._holders = {
            kind: _async_holders(entry, description, operated)
            for kind, description in HOLDERS.items()
        }
        self._known: dict[str, str] = {}
        """Their names, by the id of the subentry."""

    async def async_start(self) -> None:
        """Add the entities, and follow who is added, renamed and removed.

        Home Assistant does other things between them. It removes what belongs to a removed
        subentry.
        """
        entry = self._entry
        entry.async_on_unload(
            async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._async_changed)
        )
        for subentry_id in list(entry.subentries):
            await asyncio.sleep(0)
            if subentry := entry.subentries.get(subentry_id):
                self._async_look(subentry)

    @callback
    def _async_changed(self, _change: ConfigEntryChange, changed: ConfigEntry) -> None:
        if changed is not self._entry:
            return
        for subentry in changed.subentries.values():
            self._async_look(subentry)
        for subentry_id in self._known.keys() - changed.subentries.keys():
            del self._known[subentry_id]

    @callback
    def _async_look(self, subentry: ConfigSubentry) -> None:
        """Add the entity of a person or a guest who is new; rename the device of others."""
        if (holders := self._holders.get(subentry.subentry_type)) is None:
            return
        subentry_id, name = subentry.subentry_id, shortened(_name(subentry))
        known, self._known[subentry_id] = self._known.get(subentry_id), name
        if known is None and holders.locks:
            entity = HolderEventEntity(holders, subentry)
            self._async_add_entities([entity], config_subentry_id=subentry_id)
        elif known not in (None, name) and (
            device := async_device_of(self._hass, self._entry, subentry_id)
        ):
            dr.async_get(self._hass).async_update_device(device.id, name=name)


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the events of each lock, and those of each person and guest."""
    _async_tell(hass, entry)
    undescribed = Platform.EVENT, _undescribed
    await add_entities(
        entry, async_add_entities, LockEventEntity, (*EVENTS, UNLOCKING), undescribed
    )
    await HolderEntities(hass, entry, async_add_entities).async_start()
