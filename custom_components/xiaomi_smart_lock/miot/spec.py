"""The lock's specification: services, properties, actions and events as data.

The shipped specifications are in ``specs``, in the format of MIoT's own instances, with the Chinese
text of each description added (``description_zh``). A ``type`` ends with the item's name, as on the
specification's page. Instances that MIoT publishes are parsed as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .errors import CannotConnectError, InvalidValueError
from .values import (
    loads,
    number,
    objects,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SPECS: Final = Path(__file__).parent / "specs"

type Address = tuple[int, int]
"""The ids of service and item: ``(siid, piid)``, ``(siid, aiid)`` or ``(siid, eiid)``."""

type Value = bool | int | float | str
"""A valid value of a property."""

type Naming = Callable[[str, Address, tuple[NamedValue, ...]], tuple[NamedValue, ...]]
"""Gives keys to the values of a property, by its name as ``SERVICE:ITEM`` and its address.

It may add values.
"""


class Access(StrEnum):
    """Kinds of access to a property; one without any occurs only in events and actions."""

    READ = "read"
    WRITE = "write"
    NOTIFY = "notify"


_LIMITS: Final = {
    sign + f"int{bits}": (0, 2**bits - 1) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for bits in (8, 16, 32, 64)
    for sign in ("u", "")
}
"""The smallest and the largest value of each integer format."""
_LARGEST: Final = 0xFFFFFFFF
"""The largest number outside of its format that is kept; ids of 32 bits were seen as uint16."""
_FLOAT_MAX: Final = 3.4028234e38
FORMATS: Final = frozenset({"bool", "float", "string", *_LIMITS})
"""The formats of values that are understood."""
LARGEST_IID: Final = 0xFFFF
DEVICE_INFORMATION: Final = "device-information"
"""The name of a service of each device; the device list and miIO provide its content anyway."""
BATTERY_LEVEL: Final = "battery-level"
_LEVELS: Final = (0, 100, 1)
"""The range of a level in percent; without it, 255 would be taken for one."""
LONGEST_VALUE: Final = 4096  # characters of a text that the lock stores
# Maximum depth of wrapped arguments, e.g. a JSON text of a list of one item with a list.
_WRAPPINGS: Final = 4
LONGEST_ARGUMENTS: Final = 16 * 1024  # characters of JSON; an event has a dozen numbers


def _is_kept(raw: str) -> bool:
    """Return whether a text of the lock can be stored unchanged; it is sanitized for display."""
    is_whole = len(raw) <= LONGEST_VALUE and raw.encode(errors="ignore").decode() == raw
    return is_whole and "\0" not in raw  # Not every database can store NUL.


def slug(description: str) -> str:
    """Return a key made of a description."""
    return re.sub(r"\W+", "_", description.lower())


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value of an enumeration, with its descriptions."""

    value: int
    description: str
    description_zh: str
    word: str = ""
    """The key from a model's tables; empty if they have none."""

    @property
    def key(self) -> str:
        """The machine-readable name; the number if there is neither a word nor a description."""
        return self.word or slug(self.description) or str(self.value)


@dataclass(frozen=True, eq=False)
class Item:
    """The base of services, properties, actions and events; items are equal only by identity."""

    address: Address
    name: str
    description: str
    description_zh: str

    @cached_property
    def key(self) -> str:
        """The machine-readable name, from the description."""
        return slug(self.description)

    def __str__(self) -> str:
        """Return the address in the notation of the specification's readers: ``2.1020``."""
        return "{}.{}".format(*self.address)


@dataclass(frozen=True, eq=False)
class Property(Item):
    """A property: its format, its access and its valid values.

    ``range`` is the smallest value, the largest and the step; None if there is none.
    """

    format: str
    access: frozenset[Access]
    values: tuple[NamedValue, ...] = ()
    range: tuple[float, float, float] | None = None
    unit: str | None = None

    @cached_property
    def _keys(self) -> dict[int, str]:
        return {named.value: named.key for named in self.values}

    @property
    def is_number(self) -> bool:
        """Whether the values are numbers that mean an amount, and no words."""
        return self.format in {"float", *_LIMITS} and not self.values

    @cached_property
    def options(self) -> list[str]:
        """The keys of the enumeration without duplicates, in the order of ``values``."""
        return list(dict.fromkeys(self._keys.values()))

    def key_of(self, value: Value) -> str | None:
        """Return the key of an enumeration value, None if there is no such value."""
        if type(value) is int:
            return self._keys.get(value)
        found = int(value) if isinstance(value, bool) else whole(value)
        return None if found is None else self._keys.get(found)

    def named(self, value: Value) -> NamedValue | None:
        """Return an enumeration value with its descriptions, None if there is no such value."""
        return next((named for named in self.values if named.value == value), None)

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The enumeration value of each key; the first one if several share the key."""
        return {key: value for value, key in reversed(self._keys.items())}

    def value_of(self, key: str) -> int:
        """Return the (first) enumeration value with a key; raises KeyError if there is none."""
        return self.numbers[key]

    def validate(self, raw: object) -> Value:
        """Return data from outside as a valid value of this property.

        Accepts a number as a text, and a bool as 0 or 1. Raises InvalidValueError if type, range
        or enumeration do not match, and for a text with an unpaired surrogate, as JSON may have it.
        """
        if (value := self._typed(raw)) is None:
            raise InvalidValueError(f"{self}: a {type(raw).__name__} is no {self.format}")
        limits = _LIMITS.get(self.format)
        if limits and not (isinstance(value, int) and limits[0] <= value <= limits[1]):
            raise InvalidValueError(f"{self}: {value} is no {self.format}")
        if (
            self.range
            and not isinstance(value, str)
            and not self.range[0] <= value <= self.range[1]
        ):
            raise InvalidValueError(f"{self}: {value} is out of range")
        if self.values and value not in self._keys:
            raise InvalidValueError(f"{self}: {value} is not in the value list")
        return value

    def _typed(self, raw: object) -> Value | None:
        """Return data from outside in the type of the format, None if it does not fit."""
        found = number(raw)
        match self.format, raw if found is None else found:
            case "string", _:
                return raw if isinstance(raw, str) and _is_kept(raw) else None
            case "bool", 0 | 1 | "false" | "true" as said:
                return said in (1, "true")
            case "float", _ if found is not None and abs(found) <= _FLOAT_MAX:
                return float(found)
        return found if self.format in _LIMITS and isinstance(found, int) else None

    def allows(self, value: object) -> bool:
        """Return whether a value is valid for this property."""
        try:
            self.validate(value)
        except InvalidValueError:
            return False
        return True

    def reported(self, raw: object) -> Value:
        """Return the property's value in an event: a valid value, or what it is beyond those.

        Raises InvalidValueError if it is neither.
        """
        try:
            return self.validate(raw)
        except InvalidValueError:
            if (found := self.beyond(raw)) is None:
                raise
            return found

    def beyond(self, raw: object) -> Value | None:
        """Return an event's value that is not valid but makes sense, None if it makes none.

        A number outside of the specification comes from newer firmware, or is an id longer than its
        format; it is kept unchanged. Some locks send numbers, such as times, where the format is a
        text.
        """
        found = whole(raw)
        if self.format == "string":
            return None if found is None else str(found)
        if found is None or self.format not in _LIMITS:
            return None  # A range looks through all its numbers for what is none.
        return found if 0 <= found <= _LARGEST else None


@dataclass(frozen=True, eq=False)
class Action(Item):
    """An action: the properties that are its inputs and outputs, in order."""

    inputs: tuple[Property, ...]
    outputs: tuple[Property, ...]

    def by_piid(self, values: Sequence[Value]) -> list[dict[str, Any]]:
        """Return the values of all inputs in the format of a lock on the local network."""
        return [
            {"piid": prop.address[1], "value": value}
            for prop, value in zip(self.inputs, values, strict=True)
        ]

    def ordered(self, raw: object) -> list[object]:
        """Return the unvalidated value of each output, None for a missing one.

        The cloud answers with bare values in the specification's order, a lock on the local
        network with items of piid and value.
        """
        items = raw if isinstance(raw, list) else []
        piids = [prop.address[1] for prop in self.outputs]
        if any(isinstance(item, dict) for item in items):
            given = {
                piid: item.get("value")
                for item in objects(items)
                if (piid := whole(item.get("piid"))) is not None
            }
        else:
            given = dict(zip(piids, items, strict=False))
        return [given.get(piid) for piid in piids]


@dataclass(frozen=True, eq=False)
class Event(Item):
    """An event: the properties that are its arguments, in order."""

    arguments: tuple[Property, ...]

    @cached_property
    def piids(self) -> Mapping[str, int]:
        """The piid of each argument, by the argument's name."""
        return {argument.name: argument.address[1] for argument in self.arguments}

    def pair(self, raw: object) -> dict[Property, object]:
        """Return an event's arguments by property, not validated.

        Accepted shapes: items with piid and value; one item without piid whose value is a list in
        the specification's order; bare values in that order; values by piid; and any of these as
        JSON text. Unknown arguments are ignored, and missing ones are absent from the result.
        """
        match _unwrapped(raw):
            case dict() as items:
                given = {whole(piid): value for piid, value in items.items()}
            case [*items]:
                given = {
                    whole(item["piid"]): item.get("value")
                    for item in items
                    if isinstance(item, dict) and "piid" in item
                }
                if not given:
                    bare = (one.get("value") if isinstance(one, dict) else one for one in items)
                    return dict(zip(self.arguments, bare, strict=False))
            case _:
                given = {}
        return {
            argument: given[argument.address[1]]
            for argument in self.arguments
            if argument.address[1] in given
        }

    def understand(self, raw: object) -> tuple[dict[int, Value], list[tuple[Address, str]]]:
        """Return an event's valid arguments by piid, and the address and text of each problem.

        A missing or null argument is no problem. A number that is not in the value list is kept,
        but reported as a problem, too.
        """
        arguments: dict[int, Value] = {}
        wrong: list[tuple[Address, str]] = []
        paired = {one: value for one, value in self.pair(raw).items() if value is not None}
        if raw and self.arguments and not paired:
            wrong.append((self.address, f"{self}: a {type(raw).__name__} that makes no sense"))
        for argument, value in paired.items():
            _, piid = argument.address
            try:
                arguments[piid] = argument.validate(value)
            except InvalidValueError as error:
                found = argument.beyond(value)
                if found is not None:
                    arguments[piid] = found
                if found is None or argument.values:
                    wrong.append((argument.address, str(error)))
        return arguments, wrong


def _unwrapped(raw: object) -> object:
    """Return arguments without their wrapping, as a list or a mapping by piid."""
    for _ in range(_WRAPPINGS):
        match raw:
            case str():
                if len(raw) > LONGEST_ARGUMENTS:
                    return None
                try:
                    raw = loads(raw)
                except ValueError:
                    return None
            case {"piid": _}:
                return [raw]
            case [{"value": list() | str() as inner, **others}] if "piid" not in others:
                raw = inner
            case {"value": inner} | [list() | str() as inner]:
                raw = inner
            case _:
                break
    return [raw] if number(raw) is not None else raw


@dataclass(frozen=True, eq=False)
class Service(Item):
    """A service and its items; its own iid is the first part of its address."""

    properties: tuple[Property, ...]
    actions: tuple[Action, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Spec:
    """A device's specification, with its items indexed by address."""

    urn: str
    description: str
    description_zh: str
    services: tuple[Service, ...]
    properties: Mapping[Address, Property] = field(init=False)
    actions: Mapping[Address, Action] = field(init=False)
    events: Mapping[Address, Event] = field(init=False)

    def __post_init__(self) -> None:
        """Index the items of all services by address."""
        for kind in ("properties", "actions", "events"):
            items: Iterable[Item] = (
                item for service in self.services for item in getattr(service, kind)
            )
            index = MappingProxyType({item.address: item for item in items})
            object.__setattr__(self, kind, index)

    def having(self, access: Access) -> list[Address]:
        """Return the addresses of the properties with a kind of access."""
        return [address for address, prop in self.properties.items() if access in prop.access]


def _description(raw: object) -> str:
    """Return a description; empty for "NA" and "N/A"."""
    said = text(raw)
    return "" if said.upper() in ("NA", "N/A") else said


def _item(data: Mapping[str, Any], siid: int | None = None) -> dict[str, Any] | None:
    """Return the fields common to all items, None if invalid; without ``siid``, a service's."""
    iid, urn = data.get("iid"), data.get("type")
    if type(iid) is not int or not 0 < iid <= LARGEST_IID or not isinstance(urn, str):
        return None
    parts = urn.split(":", maxsplit=4)
    name = text(parts[3]) if len(parts) > 3 else ""  # noqa: PLR2004
    if not name:
        return None
    return {
        "address": (iid, 0) if siid is None else (siid, iid),
        "name": name,
        "description": _description(data.get("description")) or name,
        "description_zh": _description(data.get("description_zh")),
    }


def _values(raw: object) -> tuple[NamedValue, ...]:
    """Return the values of an enumeration.

    Texts that differ only in signs, such as "> 20%" and "< 20%", get different keys.
    """
    values = [
        NamedValue(
            item["value"],
            _description(item.get("description")),
            _description(item.get("description_zh")),
        )
        for item in objects(raw)
        if type(item.get("value")) is int and abs(item["value"]) <= _LARGEST
    ]
    texts: dict[str, str] = {}
    return tuple(
        one
        if texts.setdefault(one.key, said := one.description.lower()) == said
        else replace(one, word=f"{one.key}_{one.value}")
        for one in values
    )


def _range(raw: object) -> tuple[float, float, float] | None:
    """Return the smallest value, the largest and the step; None if invalid."""
    match raw:
        case [int() | float() as low, int() | float() as high, int() | float() as step] if (
            -_FLOAT_MAX <= low <= high <= _FLOAT_MAX and 0 <= step <= _FLOAT_MAX
        ):
            return low, high, step
    return None


def _property(data: Mapping[str, Any], siid: int, service: str, naming: Naming) -> Property | None:
    if (item := _item(data, siid)) is None:
        return None
    access, unit = data.get("access"), text(data.get("unit"))
    limits = _range(data.get("value-range"))
    if limits is None and item["name"] == BATTERY_LEVEL and data.get("format") in _LIMITS:
        limits = _LEVELS
    return Property(
        **item,
        format=text(data.get("format")),
        access=frozenset(kind for kind in Access if kind in access)
        if isinstance(access, list)
        else frozenset(),
        values=naming(
            f"{service}:{item['name']}", item["address"], _values(data.get("value-list"))
        ),
        range=limits,
        unit=unit if unit != "none" else None,
    )


def _service(data: Mapping[str, Any], naming: Naming) -> Service | None:
    """Return a service with its items, None if it is invalid.

    Lists of items may be missing or null. An item that is invalid, or that refers to a missing
    property, is left out.
    """
    if (service := _item(data)) is None or service["name"] == DEVICE_INFORMATION:
        return None
    siid, name = data["iid"], service["name"]
    found = (_property(item, siid, name, naming) for item in objects(data.get("properties")))
    properties: dict[int, Property] = {}
    for prop in found:
        if prop:
            properties.setdefault(prop.address[1], prop)

    def of(item: Mapping[str, Any], key: str) -> tuple[Property, ...] | None:
        match item.get(key):
            case None:
                return ()
            case list(iids) if all(type(iid) is int and iid in properties for iid in iids):
                return tuple(properties[iid] for iid in iids)
        return None

    return Service(
        **service,
        properties=tuple(properties.values()),
        actions=_once(
            Action(**named, inputs=inputs, outputs=outputs)
            for item in objects(data.get("actions"))
            if (named := _item(item, siid))
            and (inputs := of(item, "in")) is not None
            and (outputs := of(item, "out")) is not None
        ),
        events=_once(
            Event(**named, arguments=arguments)
            for item in objects(data.get("events"))
            if (named := _item(item, siid)) and (arguments := of(item, "arguments")) is not None
        ),
    )


def _once[Kind: Item](items: Iterable[Kind]) -> tuple[Kind, ...]:
    """Return items without those whose address an earlier one has."""
    found: dict[Address, Kind] = {}
    for item in items:
        found.setdefault(item.address, item)
    return tuple(found.values())


def _as_described(
    _name: str, _address: Address, values: tuple[NamedValue, ...]
) -> tuple[NamedValue, ...]:
    return values


def parse(instance: Mapping[str, Any], naming: Naming = _as_described) -> Spec:
    """Return the specification of an instance in MIoT's format, without its invalid items.

    Enumeration values get their keys from ``naming``, or from their descriptions. Raises
    CannotConnectError if the instance has no valid service.
    """
    found = (_service(service, naming) for service in objects(instance.get("services")))
    services = _once(service for service in found if service)
    if not services:
        raise CannotConnectError("the specification has another shape")
    return Spec(
        urn=text(instance.get("type")),
        description=_description(instance.get("description")),
        description_zh=_description(instance.get("description_zh")),
        services=services,
    )
