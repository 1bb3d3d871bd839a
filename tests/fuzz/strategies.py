"""Strategies for data from outside: noise, and valid data with errors."""

from __future__ import annotations

import json
import unicodedata
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from simulator.model import SPEC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custom_components.xiaomi_smart_lock.miot.spec import Event, Property

HUGE = 10**400
"""An integer too large for a float; JSON may contain it."""

UNSEEN = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def spoilt(text: str) -> list[str]:
    """Return the characters of a text that cannot be stored or displayed."""
    seen = text.replace("\u200c", "").replace("\u200d", "")  # They join visible characters.
    return [char for char in seen if unicodedata.category(char) in UNSEEN]


TEXTS = ("half \ud83d", "\u202eback", "nul\x00", "x" * 5_000, "..", "../../x", "a/b", "\u200d")

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 40),
    st.integers(),
    st.sampled_from([HUGE, -HUGE, 2**31, 2**32, 1790000000, 1790000000000]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", "0", "²", "٣", "\ud800", "a\r\nb", "x" * 300, "online", "#", "+/", *TEXTS]
    ),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=8,
)


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield all places in JSON data: container, and key or index."""
    if isinstance(data, dict | list):
        for key in list(data) if isinstance(data, dict) else range(len(data)):
            yield data, key
            yield from _places(data[key])


@st.composite
def damaged(draw: st.DrawFn, valid: Any) -> Any:
    """Return valid JSON data in which up to three values are replaced, missing or duplicated."""
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
    """Return values that the specification allows for a property, or nearly."""
    likely: list[st.SearchStrategy[Any]] = [st.text(max_size=20), st.booleans()]
    if prop.values:
        likely.append(st.sampled_from([named.value for named in prop.values]))
    if prop.range:
        smallest, largest, _ = map(int, prop.range)
        likely.append(st.integers(smallest - 1, largest + 1))
    return st.one_of(*likely, scalars).flatmap(lambda value: st.sampled_from(spelt(value)))


def spelt(value: Any) -> list[Any]:
    """Return the ways to write a value."""
    if isinstance(value, bool):
        return [value, int(value), str(int(value)), json.dumps(value)]
    if isinstance(value, int) and abs(value) < 2**53:
        return [value, float(value), str(value), str(float(value))]
    if isinstance(value, float) and value == round(value, 4) and abs(value) < 2**53:
        return [value, f"{value:.4f}"]
    return [value]


def _likely[Likely](likely: st.SearchStrategy[Likely]) -> st.SearchStrategy[Any]:
    """Return the likely value, None, or any scalar."""
    return st.one_of(likely, likely, likely, st.none(), scalars)


def _types(kind: str) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["on", "mode", "pm2.5-density", "lock-event", "", "x" * 300])
    full = "urn:miot-spec-v2:{}:{}:00000006:xiaomi-s1:3"
    return _likely(names.map(lambda name: full.format(kind, name)))


_iids = _likely(st.integers(1, 30))
_descriptions = _likely(st.sampled_from(["Mode", "NA", "", " a\r\n# b", "门锁", "x" * 300]))


def _items(kind: str, **keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a list of items as in published specifications, or nearly."""
    required = {"iid": _iids, "type": _types(kind)}
    optional = {"description": _descriptions, **keys}
    item = st.fixed_dictionaries(required, optional=optional)
    return _likely(st.lists(_likely(item), max_size=4))


_references = _likely(st.lists(_iids, max_size=3))
_values = st.fixed_dictionaries({"value": _iids}, optional={"description": _descriptions})
_accesses = st.one_of(st.sampled_from(["read", "write", "notify"]), scalars)

instances: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "type": _types("device"),
        "description": _descriptions,
        "services": _items(
            "service",
            properties=_items(
                "property",
                format=_likely(st.sampled_from(["bool", "uint8", "int32", "string", "hex"])),
                access=_likely(st.lists(_accesses, max_size=4)),
                unit=_likely(st.sampled_from(["none", "percentage"])),
                **{
                    "value-list": _likely(st.lists(_likely(_values), max_size=3)),
                    "value-range": _likely(st.lists(scalars, min_size=2, max_size=4)),
                },
            ),
            actions=_items("action", out=_references, **{"in": _references}),
            events=_items("event", arguments=_references),
        ),
    }
)
"""Specifications as MIoT publishes them, or nearly."""

properties = st.sampled_from(list(SPEC.properties.values()))
events = st.sampled_from(list(SPEC.events.values()))


@st.composite
def reported(draw: st.DrawFn) -> tuple[Event, Any]:
    """Return an event and its arguments in one of their shapes, possibly damaged."""
    event = draw(events)
    values = [draw(values_of(argument)) for argument in event.arguments]
    items = [
        {"piid": argument.address[1], "value": value}
        for argument, value in zip(event.arguments, values, strict=True)
    ]
    by_piid = {str(item["piid"]): item["value"] for item in items}
    raw = draw(damaged(draw(st.sampled_from([items, values, [{"value": values}], by_piid]))))
    return event, draw(st.sampled_from([raw, json.dumps(raw), [{"value": json.dumps(raw)}]]))
