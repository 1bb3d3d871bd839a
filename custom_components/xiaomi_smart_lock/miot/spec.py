"""The lock's specification: services, properties, actions and events as data.

Loaded from ``specs/MODEL.json``, which has the format of MIoT's own instances, with the Chinese
text of each description beside it (``description_zh``). A ``type`` ends where the specification's
page ends: at the item's name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MODEL: Final = "xiaomi.lock.s1"

type Address = tuple[int, int]
"""Service and item: ``(siid, piid)``, ``(siid, aiid)`` or ``(siid, eiid)``."""

type Value = bool | int | float | str
"""A property's value, once it is known to be valid."""


class Access(StrEnum):
    """What a property allows; one that allows nothing only ever travels in events and actions."""

    READ = "read"
    WRITE = "write"
    NOTIFY = "notify"


_LIMITS: Final = {"uint8": 0xFF, "uint16": 0xFFFF, "uint32": 0xFFFFFFFF}
_FLOAT_MAX: Final = 3.4028234e38


def _slug(description: str) -> str:
    return re.sub(r"\W+", "_", description.lower())


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value of an enumeration, and what it is called."""

    value: int
    description: str
    description_zh: str

    @property
    def key(self) -> str:
        """The value's name for machines; the number where the specification has no words."""
        return _slug(self.description) or str(self.value)


@dataclass(frozen=True, eq=False)
class Item:
    """What services, properties, actions and events have in common; each is only like itself."""

    address: Address
    name: str
    description: str
    description_zh: str

    @cached_property
    def key(self) -> str:
        """The item's name for machines."""
        return _slug(self.description)

    def __str__(self) -> str:
        """Write the address as the specification's readers do: ``2.1020``."""
        return "{}.{}".format(*self.address)


@dataclass(frozen=True, eq=False)
class Property(Item):
    """A property: its format, what it allows and which values it can have."""

    format: str
    access: frozenset[Access]
    values: tuple[NamedValue, ...] = ()
    range: tuple[float, float, float] | None = None
    unit: str | None = None

    @cached_property
    def _keys(self) -> Mapping[int, str]:
        return {named.value: named.key for named in self.values}

    @cached_property
    def options(self) -> list[str]:
        """The keys of the enumeration, each once, in the order of their values."""
        return list(dict.fromkeys(self._keys.values()))

    def key_of(self, value: Value) -> str:
        """Return the key of a valid value of the enumeration."""
        return self._keys[int(value)]

    def named(self, value: Value) -> NamedValue:
        """Return a valid value of the enumeration with its names."""
        return next(named for named in self.values if named.value == value)

    def value_of(self, key: str) -> int:
        """Return the (first) value of the enumeration with a key."""
        return next(value for value, known in self._keys.items() if known == key)

    def validate(self, raw: object) -> Value:
        """Return what came from outside as a value of this property.

        Raises InvalidValueError where type, range or enumeration do not fit. A bool may come as 0
        or 1, as MIoT allows; a text of which JSON has only half a character is none.
        """
        value: Value
        match self.format, raw:
            case "bool", bool() | 0 | 1:
                value = bool(raw)
            case "string", str() if raw.encode(errors="ignore").decode() == raw:
                value = raw
            case "float", int() | float() if not isinstance(raw, bool) and abs(raw) <= _FLOAT_MAX:
                value = float(raw)
            case ("uint8" | "uint16" | "uint32") as size, int() if not isinstance(raw, bool):
                if not 0 <= raw <= _LIMITS[size]:
                    raise InvalidValueError(f"{self}: {raw} is no {size}")
                value = raw
            case _:
                raise InvalidValueError(f"{self}: a {type(raw).__name__} is no {self.format}")
        if (
            self.range
            and not isinstance(value, str)
            and not self.range[0] <= value <= self.range[1]
        ):
            raise InvalidValueError(f"{self}: {value} is out of range")
        if self.values and value not in self._keys:
            raise InvalidValueError(f"{self}: {value} is not in the value list")
        return value


@dataclass(frozen=True, eq=False)
class Action(Item):
    """An action: the properties that it takes and answers with, in order."""

    inputs: tuple[Property, ...]
    outputs: tuple[Property, ...]


@dataclass(frozen=True, eq=False)
class Event(Item):
    """An event: the properties that it carries, in order."""

    arguments: tuple[Property, ...]

    @cached_property
    def piids(self) -> Mapping[str, int]:
        """The piids of the arguments by the arguments' names."""
        return {argument.name: argument.address[1] for argument in self.arguments}

    def pair(self, raw: object) -> dict[Property, object]:
        """Return what came as an event's arguments by property, not yet validated.

        There are three shapes: items with piid and value; one item without piid whose value is a
        list in the specification's order; and bare values in that order. Arguments that this
        event does not have are left out. Raises InvalidValueError for any other shape.
        """
        if not isinstance(raw, list):
            raise InvalidValueError(f"{self}: arguments are no list")
        match raw:
            case [{"value": list(values), **rest}] if "piid" not in rest:
                raw = values
        if all(isinstance(item, dict) and isinstance(item.get("piid"), int) for item in raw):
            given = {item["piid"]: item.get("value") for item in raw}
            return {
                argument: given[argument.address[1]]
                for argument in self.arguments
                if argument.address[1] in given
            }
        if len(raw) != len(self.arguments):
            raise InvalidValueError(f"{self}: {len(raw)} arguments are not {len(self.arguments)}")
        return dict(zip(self.arguments, raw, strict=True))


@dataclass(frozen=True, eq=False)
class Service(Item):
    """A service and what it holds; its own iid is the first part of its address."""

    properties: tuple[Property, ...]
    actions: tuple[Action, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Spec:
    """A device's specification; items are found by their address."""

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
        """Return the addresses of the properties that allow an access."""
        return [address for address, prop in self.properties.items() if access in prop.access]


def _item(data: Mapping[str, Any], siid: int) -> dict[str, Any]:
    return {
        "address": (siid, data["iid"]),
        "name": data["type"].split(":")[3],
        "description": data["description"],
        "description_zh": data.get("description_zh", ""),
    }


def _property(data: Mapping[str, Any], siid: int) -> Property:
    return Property(
        **_item(data, siid),
        format=data["format"],
        access=frozenset(map(Access, data["access"])),
        values=tuple(
            NamedValue(item["value"], item["description"], item.get("description_zh", ""))
            for item in data.get("value-list", ())
        ),
        range=tuple(data["value-range"]) if "value-range" in data else None,
        unit=data.get("unit"),
    )


def _service(data: Mapping[str, Any]) -> Service:
    siid = data["iid"]
    properties = {item["iid"]: _property(item, siid) for item in data["properties"]}

    def of(iids: Iterable[int]) -> tuple[Property, ...]:
        return tuple(properties[iid] for iid in iids)

    return Service(
        **_item(data, siid) | {"address": (siid, 0)},
        properties=tuple(properties.values()),
        actions=tuple(
            Action(**_item(item, siid), inputs=of(item["in"]), outputs=of(item["out"]))
            for item in data["actions"]
        ),
        events=tuple(
            Event(**_item(item, siid), arguments=of(item["arguments"])) for item in data["events"]
        ),
    )


def parse(instance: Mapping[str, Any]) -> Spec:
    """Return a specification from an instance in MIoT's format."""
    return Spec(
        urn=instance["type"],
        description=instance["description"],
        description_zh=instance.get("description_zh", ""),
        services=tuple(map(_service, instance["services"])),
    )


SPEC: Final = parse(
    json.loads((Path(__file__).parent / "specs" / f"{MODEL}.json").read_text(encoding="utf-8"))
)
