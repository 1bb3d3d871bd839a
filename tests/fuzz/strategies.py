"""What may come from outside: noise, and valid data with something wrong in it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.spec import SPEC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custom_components.xiaomi_smart_lock.miot.spec import Event, Property

HUGE = 10**400
"""An integer that no float can hold; JSON may have it."""

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 40),
    st.integers(),
    st.sampled_from([HUGE, -HUGE, 2**31, 2**32, 1790000000, 1790000000000]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "0", "²", "٣", "\ud800", "a\r\nb", "x" * 300, "online", "#", "+/"]),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield all places in JSON data: what holds it, and its key or index."""
    if isinstance(data, dict | list):
        for key in list(data) if isinstance(data, dict) else range(len(data)):
            yield data, key
            yield from _places(data[key])


@st.composite
def damaged(draw: st.DrawFn, valid: Any) -> Any:
    """Return valid JSON data in which up to three values are others, missing or doubled."""
    data = [deepcopy(valid)]
    for _ in range(draw(st.integers(0, 3))):
        holder, key = draw(st.sampled_from(list(_places(data))))
        match draw(st.sampled_from(["another", "missing", "twice"])):
            case "missing" if holder is not data:
                del holder[key]
            case "twice" if isinstance(holder, list) and holder is not data:
                holder.insert(key, deepcopy(holder[key]))
            case _:
                holder[key] = draw(json_values)
    return data[0]


def values_of(prop: Property) -> st.SearchStrategy[Any]:
    """Return values that the specification allows a property, or almost."""
    likely: list[st.SearchStrategy[Any]] = [st.text(max_size=20), st.booleans()]
    if prop.values:
        likely.append(st.sampled_from([named.value for named in prop.values]))
    if prop.range:
        smallest, largest, _ = map(int, prop.range)
        likely.append(st.integers(smallest - 1, largest + 1))
    return st.one_of(*likely, scalars)


properties = st.sampled_from(list(SPEC.properties.values()))
events = st.sampled_from(list(SPEC.events.values()))


@st.composite
def reported(draw: st.DrawFn) -> tuple[Event, Any]:
    """Return an event and its arguments in one of their three shapes, or almost."""
    event = draw(events)
    values = [draw(values_of(argument)) for argument in event.arguments]
    items = [
        {"piid": argument.address[1], "value": value}
        for argument, value in zip(event.arguments, values, strict=True)
    ]
    raw = draw(st.sampled_from([items, values, [{"value": values}]]))
    return event, draw(damaged(raw))
