"""What came from outside, taken for what it means whatever its type is. No I/O.

Each service's answers pass here once, where they come in: whoever keeps or shows them later need
not look again.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from typing import Any, Final

import orjson

LONGEST_TEXT: Final = 200  # characters, more than any name or description has
LONGEST_IDENTIFIER: Final = 64
LONGEST_SECRET: Final = 4096  # of a token, a cookie or what the camera's service calls a picture
MOST_ITEMS: Final = 5000
"""Of a list that came from outside: nobody has as many devices, rooms or events in one answer."""

_NUMBER: Final = re.compile(r"-?\d{1,20}(\.\d{1,20})?", re.ASCII)
_LARGEST: Final = 2**63 - 1  # which whatever keeps JSON for Home Assistant can hold
_EXACT: Final = 2**53  # up to which a float tells whole numbers apart

# A name of dots alone leads to another folder.
_IDENTIFIER: Final = re.compile(
    rf"(?=.*[A-Za-z0-9])(?!.*\.\.)[A-Za-z0-9._-]{{1,{LONGEST_IDENTIFIER}}}"
)
_OPAQUE: Final = re.compile(rf"[!-~]{{1,{LONGEST_SECRET}}}")

# Of what is not to be seen, these hold together what is: an emoji of several characters.
_JOINERS: Final = "\u200c\u200d"
# What stands for characters that are not to be seen, by Unicode's categories: controls and ends of
# lines, directions of writing and other formats, private ones, and halves of a character.
_INSTEAD: Final = {"Cc": " ", "Zl": " ", "Zp": " ", "Cf": "", "Co": "", "Cs": ""}


def loads(raw: bytes | str) -> Any:
    """Return what JSON says; raises ValueError.

    orjson refuses all of it for half a character in one text, or one number that is infinite: that
    costs nothing but the character, or the number.
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
    """Return a text that can be kept and shown on one line; empty for what is none.

    A number may stand for it. Half of a character, as JSON may have it, would keep Home Assistant
    from saving a whole registry.
    """
    shown = (
        char if char in _JOINERS else _INSTEAD.get(unicodedata.category(char), char)
        for char in _written(raw)[:longest]
    )
    return " ".join("".join(shown).split()).strip(f" {_JOINERS}")


def identifier(raw: object) -> str | None:
    """Return an id as text, None for what may not become part of a path or an address."""
    written = _written(raw)
    return written if _IDENTIFIER.fullmatch(written) else None


def path_part(raw: str) -> str:
    """Return an id that becomes part of a path or an address; raises ValueError for another."""
    if identifier(raw) is None:
        raise ValueError("an id that leads elsewhere")
    return raw


def opaque(raw: object) -> str | None:
    """Return what only the service that gave it understands, None where it cannot be sent back."""
    written = _written(raw)
    return written if _OPAQUE.fullmatch(written) else None


def _written(raw: object) -> str:
    """Return a text as it came, or a whole number as text; zero names nothing."""
    if isinstance(raw, str):
        return raw
    return str(found) if (found := whole(raw)) else ""


def number(raw: object) -> int | float | None:
    """Return a number that came from outside, also as a text; None where it is none.

    Locks were seen to report ``"57"`` and ``57.0`` where the format is an integer. One of more
    digits than anybody can keep is none.
    """
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
    """Return a whole number that came from outside as ``number`` does, None where it is none."""
    found = number(raw)
    return found if isinstance(found, int) else None


def objects(answer: object) -> list[dict[str, Any]]:
    """Return the objects of what should be a list of objects, of not more than make sense."""
    items = answer[:MOST_ITEMS] if isinstance(answer, list) else []
    return [item for item in items if isinstance(item, dict)]
