"""Event entities: what happens at the door, as it happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.event import (
    EventDeviceClass,
    EventEntity,
    EventEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import callback
from homeassistant.util import dt as dt_util

from .entity import LockEntity, LockEntityDescription, add_entities
from .model.roles import Role
from .people import who
from .wording.phrases import OTHER

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import LockCoordinator
    from .miot.spec import Address, Property, Value
    from .model.lock_model import LockModel
    from .runtime import LockConfigEntry, LockRuntime
    from .state.lock_event import LockEvent

PARALLEL_UPDATES: Final = 0

# The type that Home Assistant requires of doorbells; its constant for it came after 2025.4.
RING: Final = "ring"

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


@dataclass(frozen=True, kw_only=True)
class LockEventDescription(LockEntityDescription, EventEntityDescription):
    """Description of an event entity: the events that it shows, and their types.

    ``type_of`` returns the type of an event, None if the event is not shown.
    """

    entity_registry_enabled_default: bool = True
    kinds: tuple[Role, ...]
    type_of: Callable[[LockEvent], str | None] = _own_name
    code: str | None = None
    """The argument that determines the type; its number is shown if the type does not tell it."""
    types: tuple[str, ...] = ()
    """The types; if empty, the keys of the argument ``code`` or else of the events."""
    masks: bool = True
    """Whether a duress fingerprint is shown as an ordinary one."""

    @override
    def only_pushed(self, model: LockModel) -> bool:
        return True

    @override
    def told_by(self, model: LockModel) -> frozenset[Address]:
        return frozenset(self.addresses(model))

    def addresses(self, model: LockModel) -> tuple[Address, ...]:
        """Return the addresses of a model's events that are shown."""
        return model.addresses_of(self.kinds)

    @override
    def supported(self, lock: LockCoordinator) -> bool:
        return bool(self.event_types_of(lock.model)) and super().supported(lock)

    def event_types_of(self, model: LockModel) -> list[str]:
        """Return the possible types of a model's events, none if it has no such event."""
        events = [model.spec.events[address] for address in self.addresses(model)]
        if not events:
            return []
        if self.code is None:
            return [*self.types] or [event.key for event in events]
        arguments = (one for event in events for one in event.arguments if one.name == self.code)
        return [*dict.fromkeys(key for one in arguments for key in one.options), OTHER]

    def attributes(self, lock: LockCoordinator, lock_event: LockEvent) -> dict[str, Any]:
        """Return the attributes of an event, beside its type."""
        shown = lock_event.masked if self.masks else lock_event
        said: dict[str, Any] = {
            ATTRIBUTES[argument.name]: _attribute(argument, value)
            for argument in shown.event.arguments
            if argument.name in ATTRIBUTES
            and (value := shown.arguments.get(argument.address[1])) is not None
        }
        if lock_event.kind == lock.model.lock_event:
            said |= who(lock, lock_event)
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


def _attribute(argument: Property, value: Value) -> object:
    """Return an argument in a form for automations: keys of value lists, times with time zone.

    A number that is not in the value list is returned as it came.
    """
    if argument.name == "current-time":
        return dt_util.utc_from_timestamp(int(value)).isoformat()
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
        """Whether the lock could be read, or its events are being received.

        An event must not be what makes its entity available: automations ignore such a change.
        """
        lock = self.coordinator
        return super().available or (lock.session.hears and not lock.gone)

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


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the events of each lock."""
    add_entities(entry, async_add_entities, LockEventEntity, EVENTS)
