"""Values and events that the lock reports, held against its specification."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.errors import InvalidValueError
from custom_components.xiaomi_smart_lock.miot.spec import SPEC, Event, Property

from .strategies import HUGE, events, json_values, properties, reported, values_of

TYPES = {"bool": bool, "string": str, "float": float}


@given(
    data=properties.flatmap(lambda prop: st.tuples(st.just(prop), values_of(prop) | json_values))
)
def test_validate(data: tuple[Property, Any]) -> None:
    """A value that is taken has the type of its property, and is as valid as before."""
    prop, raw = data
    try:
        value = prop.validate(raw)
    except InvalidValueError:
        return
    assert type(value) is TYPES.get(prop.format, int)
    assert prop.validate(value) == value
    if prop.values:
        assert prop.key_of(value) in prop.options
    if prop.range and not isinstance(value, str):
        assert prop.range[0] <= value <= prop.range[1]


@given(data=reported() | st.tuples(events, json_values))
def test_pair(data: tuple[Event, Any]) -> None:
    """Arguments that are taken are among those of the event."""
    event, raw = data
    try:
        given_arguments = event.pair(raw)
    except InvalidValueError:
        return
    assert set(given_arguments) <= set(event.arguments)


@pytest.mark.parametrize("raw", [None, [], {}, math.nan, math.inf, HUGE])
def test_never_valid(raw: Any) -> None:
    """No property of this lock takes any of these."""
    for prop in SPEC.properties.values():
        with pytest.raises(InvalidValueError):
            prop.validate(raw)
