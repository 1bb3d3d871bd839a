"""The keys of values: from a model's tables, or from the texts of its specification."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from ..miot.spec import NamedValue, parse
from .roles import DURESS, Role
from .s1 import S1
from .words import MORE_WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..miot.spec import Naming
    from .tables import Tables

    type Words = Mapping[str, NamedValue]
    """Values by key; their numbers are those of xiaomi.lock.s1, and mean nothing elsewhere."""

_WORDED: Final = (
    Role.OPERATION_POSITION,
    Role.OPERATION_METHOD,
    Role.LOCK_ACTION,
    Role.DOOR_STATE,
    Role.LOCK_STATE,
    Role.ABNORMAL_CONDITION,
)
"""The properties whose values have words of ours."""


@cache
def words() -> Mapping[str, Words]:
    """Return the values of each worded property by key; the first call reads them from disk."""
    spec = parse(json.loads(S1.specs[0].read_text(encoding="utf-8")))
    properties = {
        f"{service.name}:{prop.name}": prop
        for service in spec.services
        for prop in service.properties
    }
    return {
        role: {
            **{key: NamedValue(0, *texts, key) for key, texts in MORE_WORDS.get(role, {}).items()},
            **{one.key: one for one in (properties[role].values if role in properties else ())},
        }
        for role in _WORDED
    }


def naming_of(tables: Tables) -> Naming:
    """Return how the values of a model's properties get their keys.

    A model's tables win over the texts of its specification, which were seen to be wrong. A text
    in either language that means the same as one of ours gives the same key. A value that says
    duress is only a number, unless it is a method of opening the door and the tables name one of
    duress: who forces somebody must not see it, and nobody has confirmed that it is one.
    """
    by_number: dict[str, Mapping[int, str]] = dict(tables.words)
    if tables.door_bits:
        by_number[Role.DOOR_STATE] = tables.door_bits.keys()
    # A role that has a place of its own has another name in the specification.
    roles = {place: role for role, place in tables.places.items()}
    vocabulary = words()

    def known_as(
        name: str, address: tuple[int, int], values: tuple[NamedValue, ...]
    ) -> tuple[NamedValue, ...]:
        if texts := tables.texts.get(address):
            return tuple(NamedValue(number, *said) for number, said in texts.items())
        role = roles.get(address, name)
        if (known := vocabulary.get(role)) is None:
            return values
        keys = by_number.get(role, {})
        listed = {one.value for one in values}
        more = (NamedValue(number, "", "") for number in keys if number not in listed)
        return tuple(_called(one, keys.get(one.value), known) for one in (*values, *more))

    def named(
        name: str, address: tuple[int, int], values: tuple[NamedValue, ...]
    ) -> tuple[NamedValue, ...]:
        found = known_as(name, address, values)
        if tables.masks and roles.get(address, name) == Role.OPERATION_METHOD:
            return found
        return tuple(
            one if name.endswith(":operation-method") and is_masked(one) else _without_duress(one)
            for one in found
        )

    def is_masked(method: NamedValue) -> bool:
        """Return whether a method in another service is one that the tables mask, too."""
        keys = by_number.get(Role.OPERATION_METHOD)
        return method.key in tables.masks and (keys is None or keys.get(method.value) == method.key)

    return named


def _without_duress(value: NamedValue) -> NamedValue:
    """Return a value, without its texts if it says duress."""
    said = f"{value.key} {value.description} {value.description_zh}".lower()
    number = value.value
    return NamedValue(number, "", "", str(number)) if DURESS.search(said) else value


def _called(value: NamedValue, key: str | None, known: Words) -> NamedValue:
    """Return a value with a key: the given one, with our texts, or the one that its text means."""
    if key:
        return replace(known[key], value=value.value, word=key)
    texts = {value.description.lower(), value.description_zh} - {""}
    for word, one in known.items():
        if texts & {one.description.lower(), one.description_zh}:
            return replace(value, word=word)
    return value
