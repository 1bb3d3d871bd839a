"""The meaning of the items and values of a lock's specification."""

from __future__ import annotations

import json
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..miot.spec import BATTERY_LEVEL, Access, Item, Spec, parse
from .d100e import D100E
from .door import FACTS, DoorFacts, without_guesses
from .m30fa import B03, M30FA, M30MAX, S20PRO
from .naming import naming_of
from .r2 import FCL201, H01LYK, H01MYK, MCN002, R2
from .roles import (
    ABOUT_SECRETS,
    BATTERY_SERVICE,
    BATTERY_STATUS,
    CALLED_SECRET,
    COMPLETION_EVENTS,
    DURESS,
    NOT_SECRET,
    PAST,
    REMEMBERED,
    ROOM_FOR_SECRETS,
    SECRET,
    STANDARD,
    USER_SERVICE,
    WITH_DURESS,
    Role,
)
from .s1 import S1, S2
from .tables import Ability, Support, Tables
from .words import LOCK_ACTION_MEANS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..miot.spec import Action, Address, Event, NamedValue, Property, Value
    from .words import Means

MODELS: Final[dict[str, Tables]] = {
    tables.model: tables
    for tables in (S1, S2, M30FA, S20PRO, M30MAX, B03, R2, FCL201, H01LYK, H01MYK, MCN002, D100E)
}
"""The tables of the models that have some, by Xiaomi's model name."""

SHIPPED: Final = frozenset(name for name, tables in MODELS.items() if tables.specs)
"""The models whose specification is known without Xiaomi's account, which tells its URN."""

NOTHING: Final = Spec("", "", "", ())
"""The specification of a model of which none is known yet."""

# What an action takes that has a role; no other one is ever done, but for those on users
NEEDS: Final = {
    Role.UNLOCK: Ability.UNLOCKING,
    **dict.fromkeys(
        (
            Role.WAKE,
            Role.FETCH_HISTORY,
            Role.SET_CLOCK,
            Role.WAKE_CAMERA,
            Role.RECORD_VIDEO,
        ),
        Ability.SETTINGS,
    ),
}


def tables_of(name: str) -> Tables:
    """Return the tables of a model by Xiaomi's name; empty ones if there are none."""
    return MODELS.get(name) or Tables(model=name)


class Battery(NamedTuple):
    """The level of a battery, and its status if it has one."""

    level: Property
    status: Property | None


class LockModel:
    """A lock's specification, and the items in it that have a meaning for the integration.

    Items are found by role, by name as ``SERVICE:ITEM``, or by address as ``2.1020``. An item that
    the lock does not have is None. Of a model without tables only the roles are found that mean
    the same for any lock.
    """

    def __init__(self, tables: Tables, spec: Spec, shipped: Spec | None = None) -> None:
        """Join a model's tables with a specification.

        ``shipped`` is the one that the integration brings, None if it is the same: what others
        publish shows more, but nothing is done that the shipped one does not have.
        """
        self.name: Final = tables.model
        self.product: Final = tables.name
        """The name of the product; empty if only the specification has one."""
        self.support: Final = tables.support
        self.abilities: Final = tables.abilities
        self.spec: Final = spec
        self._properties = _by_name(tables, spec, "properties", spec.properties)
        self._events = _by_name(tables, spec, "events", spec.events)
        self._actions = _by_name(tables, spec, "actions", spec.actions)
        self._shipped = spec if shipped is None else shipped
        self.methods: Final = self.property(Role.OPERATION_METHOD)
        """The property whose values are the methods of opening the door."""
        numbers = self.methods.numbers if self.methods else {}
        values = self.methods.values if self.methods else ()
        self.masks: Final[Mapping[int, int]] = {
            one.value: numbers[shown]
            for one in values
            if (shown := _mask(tables.masks, one, numbers)) in numbers
        }
        """Methods to show as other ones, since a person at the door must not see them."""
        self.phone: Final = numbers.get("phone", 0)
        """The method of a credential event that gives none; 0 if there is no phone method."""
        self.lock_event: Final = self.address_of(Role.LOCK_EVENT)
        self.same_events: Final[Mapping[Address, Address]] = {
            twice: counts
            for twice, counts in tables.same_events.items()
            if {twice, counts} <= spec.events.keys()
        }
        """Events that two services report: by a duplicate's address, the address that counts."""
        self.reported_twice: Final = frozenset(self.same_events.values())
        self._door_bits = tables.door_bits

    def can(self, ability: Ability) -> bool:
        """Return whether something is possible with the model."""
        return ability in self.abilities

    def property(self, name: str) -> Property | None:
        """Return a property."""
        return self._properties.get(name)

    def event(self, name: str) -> Event | None:
        """Return an event."""
        return self._events.get(name)

    def action(self, role: Role) -> Action | None:
        """Return an action, None also if the model's tables do not allow it."""
        action = self._actions.get(role) if self.can(NEEDS[role]) else None
        return action if action and self._is_shipped(action) else None

    def _is_shipped(self, action: Action) -> bool:
        """Return whether the shipped specification has an action of the same name at its place."""
        known = self._shipped.actions.get(action.address)
        return known is not None and known.name == action.name

    def address_of(self, name: str) -> Address | None:
        """Return the address of a property or an event."""
        item = self.item(name)
        return item.address if item else None

    def item(self, name: str) -> Property | Event | None:
        """Return a property or an event."""
        return self.property(name) or self.event(name)

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
        properties = self.spec.properties.values()
        return frozenset(prop.address for prop in properties if is_secret(prop))

    @cached_property
    def not_stored(self) -> frozenset[Address]:
        """The secret properties that no entity shows, as the shipped specification lacks them."""
        known = self._shipped.properties
        return frozenset(
            address
            for address in self.secret
            if address not in known or known[address].name != self.spec.properties[address].name
        )

    @cached_property
    def past(self) -> frozenset[Address]:
        """The properties that report past events."""
        properties = self.spec.properties.values()
        return frozenset(prop.address for prop in properties if prop.name in PAST)

    @cached_property
    def batteries(self) -> list[Battery]:
        """The batteries that tell a level, in the specification's order; some tell only words."""
        return [
            Battery(level, named.get(BATTERY_STATUS))
            for service in self.spec.services
            if service.name == BATTERY_SERVICE
            and (level := (named := _first(service.properties)).get(BATTERY_LEVEL))
            and level.is_number
        ]

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
    def door_facts(self) -> Mapping[Address, Mapping[Value, DoorFacts]]:
        """What the values of properties tell of the door, by address."""
        found: dict[Address, Mapping[Value, DoorFacts]] = {}
        for role, facts in FACTS.items():
            if prop := self.property(role):
                bits = self._door_bits if role is Role.DOOR_STATE else None
                found[prop.address] = without_guesses(
                    {
                        named.value: bits.facts(named.value)
                        if bits
                        else facts.get(named.key, DoorFacts())
                        for named in prop.values
                    }
                )
        return found

    def tells(self, fact: str) -> bool:
        """Return whether any value tells a fact of the door, by the name of the fact."""
        by_value = (facts for values in self.door_facts.values() for facts in values.values())
        return any(getattr(facts, fact) is not None for facts in by_value)

    @cached_property
    def meanings(self) -> Mapping[Address, Mapping[Value, list[tuple[Address, Value]]]]:
        """The implied values of other properties, by a property's address and value.

        Deadbolt and child lock cannot be read; the door state tells them.
        """
        others = [
            (name, prop.address)
            for name, role in (("deadbolt", Role.DEADBOLT), ("child_lock", Role.CHILD_LOCK))
            if (prop := self.property(role))
        ]
        return {
            address: {
                value: [
                    (other, told)
                    for name, other in others
                    if (told := getattr(facts, name)) is not None
                ]
                for value, facts in values.items()
            }
            for address, values in self.door_facts.items()
        }

    @cached_property
    def action_meanings(self) -> Mapping[Value, list[tuple[Address, Value | dict[Value, Value]]]]:
        """The property values that a lock action implies, by the action's value.

        Each is the property's address and its new value, or the new values by the one before.
        """
        actions = self.property(Role.LOCK_ACTION)
        return {
            named.value: list(self._meant(LOCK_ACTION_MEANS.get(named.key, ())))
            for named in (actions.values if actions else ())
        }

    def _meant(self, means: Means) -> Iterator[tuple[Address, Value | dict[Value, Value]]]:
        changes = {role: value for (role, value), _ in means if isinstance(value, bool)}
        door = self.property(Role.DOOR_STATE)
        if door and (moves := self._moves(door, means, changes)):
            yield door.address, moves
        for role, value in changes.items():
            if prop := self.property(role):
                yield prop.address, value

    def _moves(
        self, door: Property, means: Means, changes: Mapping[Role, bool]
    ) -> dict[Value, Value]:
        """Return the new values of the door state by the one before, for those that change."""
        moves: dict[Value, Value] = {}
        for named in door.values:
            fitting = (key for (_, key), before in means if before and named.key in before)
            key = next(
                (one for one in fitting if isinstance(one, str) and one in door.numbers), None
            )
            if self._door_bits:
                moves[named.value] = self._door_bits.changed(named.value, key, changes)
            elif key:
                moves[named.value] = door.numbers[key]
        return {before: after for before, after in moves.items() if before != after}

    def commands(self, name: str) -> list[Action]:
        """Return the actions with this name in the services that manage users and credentials.

        None if the model's tables do not allow it.
        """
        if not self.can(Ability.MANAGEMENT):
            return []
        services = (service for service in self.spec.services if service.name == USER_SERVICE)
        return [
            action
            for service in services
            for action in service.actions
            if action.name == name and self._is_shipped(action)
        ]

    def completion_events(self, name: str) -> tuple[Address, ...]:
        """Return the events by which the lock reports the outcome of an action."""
        return self.addresses_of(COMPLETION_EVENTS[name])


def _mask(masks: Mapping[str, str], method: NamedValue, known: Iterable[str]) -> str:
    """Return the key of the method as which one is shown, empty if it is shown as it is.

    A method of duress that newer firmware has is shown as the one without it, or as that of the
    tables; a model without any in its tables has none.
    """
    said = f"{method.key} {method.description} {method.description_zh}".lower()
    if method.key in masks or not masks or not DURESS.search(said):
        return masks.get(method.key, "")
    plain = DURESS.sub("", method.key).strip("_")
    return plain if plain in known else next(iter(masks.values()))


def says_duress(item: Item) -> bool:
    """Return whether the name of an item, or what it is called, speaks of duress."""
    return (
        DURESS.search(f"{item.name} {item.description} {item.description_zh}".lower()) is not None
    )


def is_secret(prop: Property) -> bool:
    """Return whether the values of a property are secrets, by its name or what it is called.

    What it is called counts only where a value can be one: a text, or a number of many digits; or
    if it is duress.
    """
    if prop.name in NOT_SECRET:
        return False
    if says_duress(prop) and prop.name not in WITH_DURESS:
        return True
    called = f"{prop.name} {prop.description} {prop.description_zh}".lower()
    has_room = prop.format in ROOM_FOR_SECRETS and not prop.values
    has_room = has_room and not ABOUT_SECRETS.search(prop.name)
    return any(part in prop.name for part in SECRET) or (
        has_room and CALLED_SECRET.search(called) is not None
    )


def _first(properties: Iterable[Property]) -> dict[str, Property]:
    return {prop.name: prop for prop in reversed([*properties])}


def _by_name[Kind: Item](
    tables: Tables, spec: Spec, kind: str, items: Mapping[Address, Kind]
) -> dict[str, Kind]:
    """Return the items of a kind by address and by name, overridden by the model's places."""
    by_address = {str(item): item for item in items.values()}
    named = [
        (f"{service.name}:{item.name}", items[item.address])
        for service in spec.services
        for item in getattr(service, kind)
        if tables.support is not Support.GENERIC or f"{service.name}:{item.name}" in STANDARD
    ]
    # If several items have the same name, the first one counts.
    placed = {role: items[address] for role, address in tables.places.items() if address in items}
    return by_address | dict(reversed(named)) | placed


@cache
def shipped(name: str) -> dict[str, dict[str, Any]]:
    """Return the shipped specifications of a model by URN, from the oldest revision on.

    They are read from disk the first time.
    """
    instances = [json.loads(path.read_text(encoding="utf-8")) for path in tables_of(name).specs]
    return {instance["type"]: instance for instance in instances}


def model_with(name: str, instance: Mapping[str, Any] | None) -> LockModel:
    """Return a model with a specification; without one, it has no items."""
    tables = tables_of(name)
    spec = parse(instance, naming_of(tables)) if instance else NOTHING
    return LockModel(tables, spec, model_of(name).spec)


@cache
def model_of(name: str) -> LockModel:
    """Return a model with its newest shipped specification, which has no items if none is."""
    tables, newest = tables_of(name), next(reversed(shipped(name).values()), None)
    return LockModel(tables, parse(newest, naming_of(tables)) if newest else NOTHING)
