"""What all services' answers pass through, whatever it is."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.values import (
    LONGEST_IDENTIFIER,
    LONGEST_TEXT,
    identifier,
    loads,
    number,
    opaque,
    path_part,
    text,
)
from custom_components.xiaomi_smart_lock.wording.phrases import escaped

from .strategies import HUGE, json_values, spoilt

anything = st.one_of(json_values, st.text(), st.text(alphabet="./\\-_ab\0\n", max_size=70))


@given(raw=anything)
@example(HUGE)
@example("👨\u200d👩\u200d👧\ud83d")
def test_text(raw: Any) -> None:
    """It can be saved and shown, is as it is when it comes again, and is never too long."""
    clean = text(raw)
    assert orjson.loads(orjson.dumps(clean)) == clean
    assert not spoilt(clean)
    assert clean == text(clean) == clean.strip()
    assert len(clean) <= LONGEST_TEXT
    assert len(clean.splitlines()) <= 1


@given(raw=anything)
@example("..")
@example("a..b")
@example(HUGE)
def test_identifier(raw: Any) -> None:
    """It is a name within a folder, and nothing else."""
    if found := identifier(raw):
        assert found == path_part(found)
        assert len(found) <= LONGEST_IDENTIFIER
        assert PurePosixPath("folder", found).parts == ("folder", found)
        assert ".." not in found


@given(raw=anything)
def test_opaque(raw: Any) -> None:
    """It is one word that a header can hold."""
    if found := opaque(raw):
        assert found.isascii()
        assert found.isprintable()
        assert found.split() == [found]


@given(raw=anything)
@example(HUGE)
@example(2.0**63)
def test_number(raw: Any) -> None:
    """Whatever keeps JSON for Home Assistant can keep it."""
    found = number(raw)
    assert orjson.loads(orjson.dumps(found)) == found


@given(raw=st.one_of(st.binary(), st.text(), json_values.map(json.dumps)))
@example("[" * 100_000)
@example("1" * 5_000)
def test_loads(raw: bytes | str) -> None:
    """There is one kind of error."""
    with suppress(ValueError):
        loads(raw)


@given(raw=st.text())
def test_escaped(raw: str) -> None:
    """Whoever reads it reads the same, and nothing of it begins a link or HTML."""
    shown = escaped(raw)
    assert shown.replace("\\", "") == raw.replace("\\", "")
    plain = shown.replace("\\\\", "")
    assert all(plain[:place].endswith("\\") for place, char in enumerate(plain) if char in "[]<>`")
