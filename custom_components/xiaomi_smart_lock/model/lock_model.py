"""The meaning of the items and values of a lock's specification."""

from __future__ import annotations

import json
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

from ..miot.spec import Access, Item, parse
from .roles import COMPLETION_EVENTS, PAST, REMEMBERED, SECRET, USER_SERVICE, Role
from .s1 import S1
from .words import DOOR_STATE_MEANS, LOCK_ACTION_MEANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..miot.spec import Action, Address, Event, Property, Spec, Value
    from .tables import Tables
    from .words import Meaning

MODELS: Final[dict[str, Tables]] = {tables.model: tables for tables in (S1,)}
"""The tables of the supported models by Xiaomi's model name; each model has its own file."""


class LockModel:
    """A lock's specification, and the items in it that have a meaning for the integration.

    Items are found by role, or by name as ``SERVICE:ITEM``. An item that the lock does not have is
    None.
    """

    def __init__(self, tables: Tables, spec: Spec) -> None:
        """Join a model's tables with a specification."""
        self.name: Final = tables.model
        self.spec: Final = spec
        self._properties = _by_name(spec, "properties", spec.properties, tables.places)
        self._events = _by_name(spec, "events", spec.events, tables.places)
        self._actions = _by_name(spec, "actions", spec.actions, tables.places)
        self.methods: Final = self.property(Role.OPERATION_METHOD)
        """The property whose values are the methods of opening the door."""
        numbers = self.methods.numbers if self.methods else {}
        self.masks: Final[Mapping[int, int]] = {
            numbers[hidden]: numbers[shown]
            for hidden, shown in tables.masks.items()
            if {hidden, shown} <= numbers.keys()
        }
        """Methods to show as other ones, since a person at the door must not see them."""
        self.phone: Final = numbers.get("phone", 0)
        """The method of a credential event that gives none; 0 if there is no phone method."""
        self.lock_event: Final = self.address_of(Role.LOCK_EVENT)
        self.same_events: Final = tables.same_events
        """Events that two services report: by a duplicate's address, the address that counts."""
        self.reported_twice: Final = frozenset(tables.same_events.values())

    def property(self, name: str) -> Property | None:
        """Return a property."""
        return self._properties.get(name)

    def event(self, name: str) -> Event | None:
        """Return an event."""
        return self._events.get(name)

    def action(self, name: str) -> Action | None:
        """Return an action."""
        return self._actions.get(name)

    def address_of(self, name: str) -> Address | None:
        """Return the address of a property or an event."""
        item = self.property(name) or self.event(name)
        return item.address if item else None

    def addresses_of(self, names: Iterable[str]) -> tuple[Address, ...]:
        """Return the addresses of properties and events, without missing ones."""
        return tuple(address for name in names if (address := self.address_of(name)))

    def sources_of(self, names: Iterable[str]) -> tuple[Address | Event, ...]:
        """Return the sources of news: a property by its address, an event as itself.

        Items that the lock does not have are left out.
        """
        return tuple(
            source
            for name in names
            if (source := self.address_of(name) if self.property(name) else self.event(name))
        )

    def kind_of(self, event: Address) -> Address:
        """Return the address that counts for an event that two services may report."""
        return self.same_events.get(event, event)

    @cached_property
    def readable(self) -> list[Address]:
        """The properties that can be read."""
        return self.spec.having(Access.READ)

    @cached_property
    def secret(self) -> frozenset[Address]:
        """The properties with secret values, which are never shown."""
        return self._named(SECRET)

    @cached_property
    def past(self) -> frozenset[Address]:
        """The properties that report past events."""
        return self._named(PAST)

    def _named(self, names: frozenset[str]) -> frozenset[Address]:
        properties = self.spec.properties.values()
        return frozenset(prop.address for prop in properties if prop.name in names)

    @cached_property
    def remembered(self) -> frozenset[Address]:
        """The events that the cloud keeps in its history."""
        return frozenset(self.addresses_of(REMEMBERED))

    @cached_property
    def remembered_as(self) -> list[Event]:
        """The events to request for the whole history, including a second service's duplicates."""
        events = self.spec.events.values()
        return [event for event in events if self.kind_of(event.address) in self.remembered]

    @cached_property
    def meanings(self) -> Mapping[Address, Mapping[Value, tuple[Address, Value]]]:
        """The implied value of another property, by a property's address and value."""
        state = self.property(Role.DOOR_STATE)
        found = ((key, self._meant(meaning)) for key, meaning in DOOR_STATE_MEANS.items())
        means = {key: meant for key, meant in found if meant}
        if not state:
            return {}
        return {
            state.address: {
                named.value: means[named.key] for named in state.values if named.key in means
            }
        }

    @cached_property
    def action_meanings(
        self,
    ) -> Mapping[Value, list[tuple[Address, Value, frozenset[Value] | None]]]:
        """The property values that a lock action implies, by the action's value.

        Each is the property's address, its new value, and the values that it must have had before
        (None: any).
        """
        actions = self.property(Role.LOCK_ACTION)
        return {
            named.value: [
                (*meant, self._numbers(meaning[0], before) if before else None)
                for meaning, before in LOCK_ACTION_MEANS.get(named.key, ())
                if (meant := self._meant(meaning))
            ]
            for named in (actions.values if actions else ())
        }

    def _meant(self, meaning: Meaning) -> tuple[Address, Value] | None:
        role, value = meaning
        prop = self.property(role)
        number = prop.numbers.get(value) if prop and isinstance(value, str) else value
        return None if prop is None or number is None else (prop.address, number)

    def _numbers(self, role: Role, keys: Iterable[str]) -> frozenset[Value]:
        prop = self.property(role)
        values = prop.values if prop else ()
        return frozenset(named.value for named in values if named.key in keys)

    def commands(self, name: str) -> list[Action]:
        """Return the actions with this name in the services that manage users and credentials."""
        services = (service for service in self.spec.services if service.name == USER_SERVICE)
        return [action for service in services for action in service.actions if action.name == name]

    def completion_events(self, name: str) -> tuple[Address, ...]:
        """Return the events by which the lock reports the outcome of an action."""
        return self.addresses_of(COMPLETION_EVENTS[name])


def _by_name[Kind: Item](
    spec: Spec, kind: str, items: Mapping[Address, Kind], places: Mapping[str, Address]
) -> dict[str, Kind]:
    """Return the items of a kind by ``SERVICE:ITEM``, overridden by the model's places."""
    named = [
        (f"{service.name}:{item.name}", items[item.address])
        for service in spec.services
        for item in getattr(service, kind)
    ]
    # If several items have the same name, the first one counts.
    placed = {role: items[address] for role, address in places.items() if address in items}
    return dict(reversed(named)) | placed


@cache
def model_of(name: str) -> LockModel:
    """Return a model by Xiaomi's name; its specification is read from disk the first time.

    Only locks of supported models are set up. If the account no longer reports the model, or
    reports another one by now, the first supported model is returned.
    """
    tables = MODELS.get(name, S1)
    instance = json.loads(tables.instance.read_text(encoding="utf-8"))
    return LockModel(tables, parse(instance, tables.words))
