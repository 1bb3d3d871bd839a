"""The specification as data, and what it takes for valid."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.errors import InvalidValueError
from custom_components.xiaomi_smart_lock.miot.spec import Access
from simulator.model import SPEC

LOCK_EVENT = SPEC.events[2, 1020]
BY_FINGER = dict(zip((1, 2, 3, 5, 6), (2, 2, 2, 7, 1790000000), strict=True))


def test_counts() -> None:
    """As many items as the page has, with as much access as it grants."""
    assert SPEC.urn == "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1:1"
    assert [service.address[0] for service in SPEC.services] == [
        *(2, 3, 4, 5, 6, 7, 9, 11, 13, 17, 18, 19, 20, 21, 22)
    ]
    assert (len(SPEC.properties), len(SPEC.actions), len(SPEC.events)) == (108, 22, 25)
    access = Counter("".join(sorted(prop.access)) for prop in SPEC.properties.values())
    assert access == {"notifyreadwrite": 37, "notifyread": 8, "": 63}
    assert len(SPEC.having(Access.READ)) == 45
    assert len(SPEC.having(Access.WRITE)) == 37


def test_items_as_the_page_has_them() -> None:
    """Formats, ranges, value lists and arguments are the page's."""
    reminder = SPEC.properties[19, 1]
    assert (reminder.name, reminder.format) == ("door-open-reminder-time", "uint8")
    assert [named.description_zh for named in reminder.values] == [
        *("不提示", "5秒后", "10秒后", "20秒后", "30秒后", "120秒后", "180秒后")
    ]
    assert [named.value for named in SPEC.properties[19, 3].values] == [7]
    assert SPEC.properties[9, 1].range == (-20, 20, 0.25)
    assert SPEC.properties[22, 13].range == (1, 10, 1)
    assert SPEC.properties[13, 1].unit == "percentage"
    assert [str(prop) for prop in LOCK_EVENT.arguments] == ["2.1", "2.2", "2.3", "2.5", "2.6"]
    assert [str(prop) for prop in SPEC.actions[4, 8].inputs] == ["4.1", "4.4", "4.3"]
    assert [str(prop) for prop in SPEC.actions[4, 1].outputs] == ["4.7", "4.1", "4.2", "4.6"]
    assert SPEC.events[22, 1].arguments == ()


def test_keys() -> None:
    """A value has a key for machines; some share one, some are only known by their number."""
    abnormal = SPEC.properties[2, 4]
    assert abnormal.key_of(9) == abnormal.key_of(25) == "possible_tampering"
    assert abnormal.value_of("possible_tampering") == 9
    assert abnormal.options.count("possible_tampering") == 1
    assert SPEC.properties[21, 5].options == ["mute", "1", "2", "3"]


@pytest.mark.parametrize(
    ("address", "raw", "value"),
    [
        ((2, 7), True, True),
        ((2, 7), 0, False),
        ((2, 7), 1, True),
        ((3, 1021), 6, 6),
        ((13, 1), 0, 0),
        ((13, 1), 100, 100),
        ((4, 1), 65535, 65535),
        ((2, 6), 4294967295, 4294967295),
        ((9, 1), 5.75, 5.75),
        ((9, 1), -4, -4.0),
        ((11, 1), "", ""),
        ((17, 12), "00:00:00-23:59:59", "00:00:00-23:59:59"),
        ((17, 12), "7", "7"),
        ((2, 7), "1", True),
        ((2, 7), 0.0, False),
        ((2, 7), "true", True),
        ((3, 1021), "1", 1),
        ((3, 1021), 1.0, 1),
        ((13, 1), "57", 57),
        ((13, 1), "57.0", 57),
        ((2, 6), "1724847027", 1724847027),
        ((9, 1), "-5.75", -5.75),
        ((9, 1), "8", 8.0),
    ],
)
def test_valid(address: tuple[int, int], raw: object, value: object) -> None:
    """A value that the page allows is taken, as the type that its format says."""
    validated = SPEC.properties[address].validate(raw)
    assert validated == value
    assert type(validated) is type(value)


@pytest.mark.parametrize(
    ("address", "raw"),
    [
        ((2, 7), 2),
        ((2, 7), "True"),
        ((2, 7), "2"),
        ((2, 7), None),
        ((3, 1021), 0),
        ((3, 1021), 7),
        ((3, 1021), True),
        ((3, 1021), "7"),
        ((3, 1021), "one"),
        ((3, 1021), "1_0"),
        ((3, 1021), "\u0663"),
        ((3, 1021), ""),
        ((20, 2), "half a character: \ud83d"),
        ((3, 1021), 1.5),
        ((3, 1021), "1.5"),
        ((13, 1), "9" * 5000),
        ((13, 1), 101),
        ((13, 1), -1),
        ((4, 1), 65536),
        ((2, 6), 4294967296),
        ((2, 6), -1),
        ((9, 1), 20.25),
        ((9, 1), "20.25"),
        ((9, 1), True),
        ((9, 1), float("nan")),
        ((9, 1), float("inf")),
        ((11, 1), 5),
        ((11, 1), None),
        ((11, 1), ["1.0"]),
    ],
)
def test_invalid(address: tuple[int, int], raw: object) -> None:
    """A value of another type, out of range or not in the list is none."""
    with pytest.raises(InvalidValueError):
        SPEC.properties[address].validate(raw)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(raw=_JSON)
@settings(deadline=None)
def test_nothing_else_is_raised(raw: object) -> None:
    """Whatever JSON can say is either a value or an InvalidValueError."""
    for prop in SPEC.properties.values():
        try:
            value = prop.validate(raw)
        except InvalidValueError:
            continue
        assert prop.validate(value) == value


@given(raw=_JSON)
@settings(deadline=None)
def test_whatever_comes_as_arguments(raw: object) -> None:
    """Whatever JSON can say, what is understood of it are arguments of the event."""
    assert set(LOCK_EVENT.pair(raw)) <= set(LOCK_EVENT.arguments)
    arguments, _ = LOCK_EVENT.understand(raw)
    assert all(type(value) is int for value in arguments.values())


BY_PIID = [{"piid": piid, "value": value} for piid, value in BY_FINGER.items()]
VALUES = list(BY_FINGER.values())
TEXTS = [{"piid": str(piid), "value": str(value)} for piid, value in BY_FINGER.items()]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(BY_PIID, id="by piid"),
        pytest.param(BY_PIID[::-1], id="by piid in another order"),
        pytest.param([*BY_PIID, {"piid": 99, "value": 1}], id="an item too many"),
        pytest.param([*BY_PIID, None, 7, "text"], id="items that are none"),
        pytest.param(TEXTS, id="texts"),
        pytest.param([{"value": VALUES}], id="a list without piid"),
        pytest.param({"value": VALUES}, id="an object with a list"),
        pytest.param([{"value": value} for value in VALUES], id="items without piid"),
        pytest.param(VALUES, id="bare values"),
        pytest.param([*VALUES, 1], id="a bare value too many"),
        pytest.param([VALUES], id="a list in a list"),
        pytest.param({str(piid): value for piid, value in BY_FINGER.items()}, id="a dict"),
        pytest.param(json.dumps(BY_PIID), id="JSON text"),
        pytest.param(json.dumps(VALUES), id="JSON text of bare values"),
        pytest.param([{"value": json.dumps(VALUES)}], id="JSON text in an item"),
        pytest.param([float(value) for value in VALUES], id="whole floats"),
    ],
)
def test_shapes_of_arguments(raw: object) -> None:
    """The same arguments come in many shapes, and nothing is wrong with any of them."""
    assert LOCK_EVENT.understand(raw) == (BY_FINGER, [])


def test_a_single_argument() -> None:
    """It may come without anything around it."""
    ring = SPEC.events[7, 1006]
    for raw in (1790000000, "1790000000", {"piid": 1, "value": 1790000000}, [1790000000]):
        assert ring.understand(raw) == ({1: 1790000000}, [])


def test_arguments_that_are_missing_or_not_its_own() -> None:
    """Those that came and are its own are used, by piid or in their order."""
    raw = [{"piid": 3, "value": 2}, {"piid": 99, "value": 0}, {"piid": 5}]
    assert LOCK_EVENT.understand(raw) == ({3: 2}, [])
    assert LOCK_EVENT.understand([2, 9]) == ({1: 2, 2: 9}, [])
    assert LOCK_EVENT.understand([None, 9, None]) == ({2: 9}, [])
    nothings: tuple[object, ...] = (None, [], {}, "")
    for nothing in nothings:
        assert LOCK_EVENT.understand(nothing) == ({}, [])
    assert SPEC.events[4, 8].understand([]) == ({}, [])


def test_numbers_that_the_specification_does_not_have() -> None:
    """They are kept as they came; one that should have a name is worth a word."""
    arguments, wrong = LOCK_EVENT.understand([1, 16, 9, 2147876869, "seven"])
    assert arguments == {1: 1, 2: 16, 3: 9, 5: 2147876869}
    assert [address for address, _ in wrong] == [(2, 2), (2, 3), (2, 6)]
    for raw in (-1, 2**32, True, 1.5):
        assert LOCK_EVENT.understand([raw])[0] == {}


@pytest.mark.parametrize("raw", ["text", "{", True, [{}], [[[[[[[[1]]]]]]]], [{"value": {"a": 1}}]])
def test_shapes_that_mean_nothing(raw: object) -> None:
    """Nothing is taken of them, and that is said of the event."""
    arguments, wrong = LOCK_EVENT.understand(raw)
    assert arguments == {}
    assert wrong
