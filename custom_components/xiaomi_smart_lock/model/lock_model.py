"""What the items and values of a lock's specification mean."""

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
"""The models that are supported, by what Xiaomi calls them; the tables are those of a file each."""


class LockModel:
    """A lock's specification, and what of it has a meaning of its own.

    Items are found by a role, or by their name as ``SERVICE:ITEM``; what a lock has not is None.
    """

    def __init__(self, tables: Tables, spec: Spec) -> None:
        """Join a model's tables with a specification."""
        self.name: Final = tables.model
        self.spec: Final = spec
        self._properties = _by_name(spec, "properties", spec.properties, tables.places)
        self._events = _by_name(spec, "events", spec.events, tables.places)
        self._actions = _by_name(spec, "actions", spec.actions, tables.places)
        self.methods: Final = self.property(Role.OPERATION_METHOD)
        """The property whose values are the ways to open the door."""
        numbers = self.methods.numbers if self.methods else {}
        self.masks: Final[Mapping[int, int]] = {
            numbers[hidden]: numbers[shown]
            for hidden, shown in tables.masks.items()
            if {hidden, shown} <= numbers.keys()
        }
        """Ways that are shown as other ones, since who stands at the door must not see them."""
        self.phone: Final = numbers.get("phone", 0)
        """The way that an event is about which says none."""
        self.lock_event: Final = self.address_of(Role.LOCK_EVENT)
        self.same_events: Final = tables.same_events
        """Events that are reported twice, once by each of two services, and the one that counts."""
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
        """Return where a property or an event is."""
        item = self.property(name) or self.event(name)
        return item.address if item else None

    def addresses_of(self, names: Iterable[str]) -> tuple[Address, ...]:
        """Return where those properties and events are that there are."""
        return tuple(address for name in names if (address := self.address_of(name)))

    def sources_of(self, names: Iterable[str]) -> tuple[Address | Event, ...]:
        """Return by what there is news of properties and events: by its address, and by itself."""
        return tuple(
            source
            for name in names
            if (source := self.address_of(name) if self.property(name) else self.event(name))
        )

    def kind_of(self, event: Address) -> Address:
        """Return the event that counts where two services report the same one."""
        return self.same_events.get(event, event)

    @cached_property
    def readable(self) -> list[Address]:
        """The properties that can be read."""
        return self.spec.having(Access.READ)

    @cached_property
    def secret(self) -> frozenset[Address]:
        """The properties that nobody is shown."""
        return self._named(SECRET)

    @cached_property
    def past(self) -> frozenset[Address]:
        """The properties that tell of the past."""
        return self._named(PAST)

    def _named(self, names: frozenset[str]) -> frozenset[Address]:
        properties = self.spec.properties.values()
        return frozenset(prop.address for prop in properties if prop.name in names)

    @cached_property
    def remembered(self) -> frozenset[Address]:
        """The events that the cloud remembers."""
        return frozenset(self.addresses_of(REMEMBERED))

    @cached_property
    def remembered_as(self) -> list[Event]:
        """The events that may be asked for, to have all that the cloud remembers."""
        events = self.spec.events.values()
        return [event for event in events if self.kind_of(event.address) in self.remembered]

    @cached_property
    def meanings(self) -> Mapping[Address, Mapping[Value, tuple[Address, Value]]]:
        """What the value of a property says of another one: by its address and the value."""
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
        """What a lock action says of properties.

        By its value; the property, its value, and the values that it had to have before (None for
        any).
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
        """Return the actions of a name in the services that manage users and credentials."""
        services = (service for service in self.spec.services if service.name == USER_SERVICE)
        return [action for service in services for action in service.actions if action.name == name]

    def completion_events(self, name: str) -> tuple[Address, ...]:
        """Return by which events the lock tells what came of such an action."""
        return self.addresses_of(COMPLETION_EVENTS[name])


def _by_name[Kind: Item](
    spec: Spec, kind: str, items: Mapping[Address, Kind], places: Mapping[str, Address]
) -> dict[str, Kind]:
    """Return the items of a kind by the names of service and item, and by roles."""
    named = [
        (f"{service.name}:{item.name}", items[item.address])
        for service in spec.services
        for item in getattr(service, kind)
    ]
    # The first of several of the same name is the one that counts.
    placed = {role: items[address] for role, address in places.items() if address in items}
    return dict(reversed(named)) | placed


@cache
def model_of(name: str) -> LockModel:
    """Return the model of locks that Xiaomi calls so, read from the disk the first time.

    Only locks of models that we know are set up: where the account says nothing, or something
    else by now, it is the first of them.
    """
    tables = MODELS.get(name, S1)
    instance = json.loads(tables.instance.read_text(encoding="utf-8"))
    return LockModel(tables, parse(instance, tables.words))
