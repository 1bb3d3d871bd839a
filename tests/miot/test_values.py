"""What came from outside as JSON is taken for what it means, and for nothing that does harm."""

from __future__ import annotations

import json
import math

import pytest

from custom_components.xiaomi_smart_lock.miot.values import (
    LONGEST_TEXT,
    identifier,
    loads,
    number,
    opaque,
    path_part,
    text,
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Front door", "Front door"),
        ("大门（三楼）", "大门（三楼）"),
        ("cut \ud83d", "cut"),
        ("\udc00cut", "cut"),
        ("two\r\nlines\x85and\u2028more", "two lines and more"),
        ("nul\x00 bell\x07", "nul bell"),
        ("\u202eevil\u2066\u200e\u061c", "evil"),
        ("zero\u200bwidth\ufeff\u00ad", "zerowidth"),
        ("\ue000private", "private"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\u200d \u200c", ""),
        ("  much \u3000 space  ", "much space"),
        ("x" * 1_000_000, "x" * LONGEST_TEXT),
        (57, "57"),
        (57.0, "57"),
        (0, ""),
        (True, ""),
        (None, ""),
        (["x"], ""),
    ],
)
def test_text(raw: object, clean: str) -> None:
    """What is left can be saved, and is what is seen."""
    assert text(raw) == clean
    assert json.loads(json.dumps(text(raw)).encode().decode()) == clean
    text(raw).encode()


@pytest.mark.parametrize("raw", ["700000001", "blt.3.1abc", "group.17", "miwifi.a-b_c", "x" * 64])
def test_identifier(raw: str) -> None:
    """All that Xiaomi's devices are called is one."""
    assert identifier(raw) == path_part(raw) == raw


@pytest.mark.parametrize(
    "raw", ["", ".", "..", "-", "a..b", "a/b", "../x", "a\\b", "a b", "a\n", "é", "٣", "x" * 65]
)
def test_no_identifier(raw: str) -> None:
    """What could lead elsewhere is none, and is never put into a path."""
    assert identifier(raw) is None
    with pytest.raises(ValueError, match="elsewhere"):
        path_part(raw)


def test_identifier_as_a_number() -> None:
    """Ids come as numbers too."""
    assert [identifier(raw) for raw in (7, 7.0, 0, True, None, 10**30)] == [
        "7",
        "7",
        None,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize("raw", ["", "a b", "a\n", "\x7f", "é", "\ud800", "x" * 5000])
def test_what_cannot_be_sent_back(raw: str) -> None:
    """Neither a token nor the name of a picture is anything but printable and not too long."""
    assert opaque(raw) is None
    assert opaque("V2/a+b=") == "V2/a+b="


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("57", 57),
        (57.0, 57),
        ("57.5", 57.5),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-(10**400), None),
        (1e300, 1e300),
        (math.inf, None),
        (math.nan, None),
        (True, None),
        ("9" * 20, None),
        ("9" * 30, None),
    ],
)
def test_number(raw: object, meant: float | None) -> None:
    """One that no JSON of Home Assistant's can hold is none."""
    assert number(raw) == meant
    assert type(number(raw)) is type(meant)


def test_half_a_character_costs_nothing_else() -> None:
    """Orjson refuses all of it."""
    assert loads('{"name": "\\ud83d", "did": "7"}') == {"name": "\ud83d", "did": "7"}


@pytest.mark.parametrize("raw", ["", "{", b"\xff\xfe\x00", "[" * 100_000])
def test_no_json(raw: str | bytes) -> None:
    """There is one kind of error."""
    with pytest.raises(ValueError):  # noqa: PT011, that of the parser
        loads(raw)
