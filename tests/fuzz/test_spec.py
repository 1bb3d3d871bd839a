"""Values and events that the lock reports, held against its specification."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError, InvalidValueError
from custom_components.xiaomi_smart_lock.miot.instance import additions
from custom_components.xiaomi_smart_lock.miot.spec import Event, Property, parse
from custom_components.xiaomi_smart_lock.miot.values import LONGEST_TEXT
from simulator.instances import instance
from simulator.model import SPEC

from .strategies import (
    HUGE,
    damaged,
    events,
    instances,
    json_values,
    properties,
    reported,
    spelt,
    spoilt,
    values_of,
)


@st.composite
def valid_values(draw: st.DrawFn) -> tuple[Property, Any]:
    """Return a property that is a number, and a value that it may have."""
    prop = draw(properties.filter(lambda prop: prop.format != "string"))
    return prop, draw(values_of(prop).filter(prop.allows).map(prop.validate))


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


@given(data=valid_values())
def test_spelt(data: tuple[Property, Any]) -> None:
    """A valid value is the same as a text or as a float."""
    prop, value = data
    for raw in spelt(value):
        assert prop.validate(raw) == value


@given(data=reported() | st.tuples(events, json_values))
def test_understand(data: tuple[Event, Any]) -> None:
    """Arguments that are taken are among those of the event, and understood again when kept."""
    event, raw = data
    assert set(event.pair(raw)) <= set(event.arguments)
    arguments, _ = event.understand(raw)
    kept = [{"piid": piid, "value": value} for piid, value in arguments.items()]
    assert event.understand(kept)[0] == arguments
    for argument in event.arguments:
        if (value := arguments.get(argument.address[1])) is not None:
            assert type(value) is TYPES.get(argument.format, int)


def _assert_shown(*texts: str) -> None:
    """See that texts can be shown on one line each."""
    for text in texts:
        assert not spoilt(text)
        assert len(text) <= LONGEST_TEXT


@given(raw=st.one_of(instances, damaged(instance(SPEC.urn))))
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_parse(raw: Any) -> None:
    """What is published is a specification as far as it makes sense, or none."""
    try:
        theirs = parse(raw if isinstance(raw, dict) else {})
    except CannotConnectError:
        return
    for service in theirs.services:
        for item in (service, *service.properties, *service.actions, *service.events):
            assert item.name
            assert item.description
            _assert_shown(item.name, item.description, item.description_zh, item.key)
            assert all(type(number) is int and number >= 0 for number in item.address)
        carried = {
            *(prop for action in service.actions for prop in (*action.inputs, *action.outputs)),
            *(argument for event in service.events for argument in event.arguments),
        }
        assert carried <= set(service.properties)
    for prop in theirs.properties.values():
        assert len(prop.options) <= len(prop.values)
        for value in (0, 5, -1, HUGE, 0.5, "on", True, None):
            with suppress(InvalidValueError):
                prop.validate(value)
    for line in additions(theirs, SPEC, lambda named: named.description):
        assert not spoilt(line)


@given(raw=json_values)
def test_outputs(raw: Any) -> None:
    """There is a value for each output, whatever an action answers."""
    for action in SPEC.actions.values():
        assert len(action.ordered(raw)) == len(action.outputs)


@pytest.mark.parametrize("raw", [None, [], {}, math.nan, math.inf, HUGE])
def test_never_valid(raw: Any) -> None:
    """No property of this lock takes any of these."""
    for prop in SPEC.properties.values():
        with pytest.raises(InvalidValueError):
            prop.validate(raw)
