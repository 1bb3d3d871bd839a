"""Conversion of data from outside to valid values, whatever type it arrives as. No I/O.

Each service's answers are converted here once, when they arrive; code that stores or displays them
later need not check them again.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any, Final

import orjson

LONGEST_TEXT: Final = 200  # characters, more than any name or description has
LONGEST_IDENTIFIER: Final = 64  # characters
LONGEST_SECRET: Final = 4096  # of a token, a cookie or the camera service's id of a picture
MOST_ITEMS: Final = 5000
"""Maximum items of a list; no account has as many devices, rooms or events in one answer."""

_NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)
_LARGEST: Final = 2**63 - 1  # the largest integer that Home Assistant can store as JSON
_EXACT: Final = 2**53  # the limit below which floats represent integers exactly

# Needs a letter or digit, without "..": a name of dots alone leads to another folder.
_IDENTIFIER: Final = re.compile(
    rf"(?=.*[A-Za-z0-9])(?!.*\.\.)[A-Za-z0-9._-]{{1,{LONGEST_IDENTIFIER}}}"
)
_OPAQUE: Final = re.compile(rf"[!-~]{{1,{LONGEST_SECRET}}}")

# Invisible characters to keep, as they join visible ones, e.g. an emoji of several characters.
_JOINERS: Final = "\u200c\u200d"
# Replacements of invisible characters, by Unicode category: controls and line ends; formats such as
# the writing direction, private characters and unpaired surrogates.
_INSTEAD: Final = {"Cc": " ", "Zl": " ", "Zp": " ", "Cf": "", "Co": "", "Cs": ""}


def loads(raw: bytes | str) -> Any:
    """Parse JSON and return the result; raises ValueError.

    orjson rejects the whole JSON for one unpaired surrogate in a text, or one infinite number. The
    fallback accepts these, so that only the character or the number is lost later.
    """
    try:
        return orjson.loads(raw)
    except ValueError:
        pass
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("too deep") from None


def text(raw: object, longest: int = LONGEST_TEXT) -> str:
    """Return a text fit to store and to display on one line; empty if there is none.

    A whole number is converted to text. Unpaired surrogates, which JSON may contain, are removed:
    they would prevent Home Assistant from saving a whole registry.
    """
    written = _written(raw)[:longest]
    if not written.isprintable():  # A printable text has none of these characters.
        shown = (
            char if char in _JOINERS else _INSTEAD.get(unicodedata.category(char), char)
            for char in written
        )
        written = "".join(shown)
    return " ".join(written.split()).strip(f" {_JOINERS}")


def identifier(raw: object) -> str | None:
    """Return an id as text, None if it must not become part of a path or a URL."""
    written = _written(raw)
    return written if _IDENTIFIER.fullmatch(written) else None


def path_part(raw: str) -> str:
    """Return an id unchanged, for a path or a URL; raises ValueError if it is unsafe there."""
    if identifier(raw) is None:
        raise ValueError("an id that leads elsewhere")
    return raw


def opaque(raw: object) -> str | None:
    """Return an opaque value of a service as text, None if it cannot be sent back to it."""
    written = _written(raw)
    return written if _OPAQUE.fullmatch(written) else None


def _written(raw: object) -> str:
    """Return a text unchanged, or a whole number as text; empty for 0 and anything else."""
    if isinstance(raw, str):
        return raw
    return str(found) if (found := whole(raw)) else ""


def number(raw: object) -> int | float | None:
    """Return a number, which may also arrive as a text; None if it is no number.

    Observed: locks report ``"57"`` and ``57.0`` where the format is an integer. None for a boolean,
    an infinite number, and a number with too many digits to store.
    """
    if type(raw) is int:  # nearly always; no boolean
        return raw if -_LARGEST <= raw <= _LARGEST else None
    if isinstance(raw, str) and _NUMBER.fullmatch(raw):
        raw = float(raw) if "." in raw else int(raw)
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < _EXACT:
        raw = int(raw)
    match raw:
        case bool():
            return None
        case int():
            return raw if abs(raw) <= _LARGEST else None
        case float():
            return raw if math.isfinite(raw) else None
    return None


def whole(raw: object) -> int | None:
    """Return a whole number, converted as by ``number``; None if it is none."""
    found = number(raw)
    return found if isinstance(found, int) else None


def objects(answer: object) -> list[dict[str, Any]]:
    """Return the objects among the first MOST_ITEMS items of a list; none if it is no list."""
    items = answer[:MOST_ITEMS] if isinstance(answer, list) else []
    return [item for item in items if isinstance(item, dict)]
