"""What a sign-in ended with, found in whatever form the user brings it; no I/O."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Where one part of a query ends and the next begins, whatever was lost between them
_BETWEEN: Final = re.compile(r"[&?#]|(?=\b(?:code|state|error)=)")
_PART: Final = re.compile(r"(code|state|error)=(.*)", re.DOTALL)
# A name and its value as in a list: in JSON, or as the tools of browsers show a query
_LISTED: Final = re.compile(r"\b(code|state|error)[\"']?\s*[:=]\s*(?=[\"']?[\w-])", re.IGNORECASE)
_VALUE: Final = re.compile(r"[\w.~%+/=:!*-]+", re.ASCII)
# What a sentence may end with
_AROUND: Final = ".:!"


def find_answer(text: str, state: str) -> Mapping[str, str]:
    """Return code, state and error as far as a text has them; empty without a state.

    A code is worth nothing without the state of the sign-in that it was given for: it may be
    somebody else's. Of all that can be read out of the text, what has the awaited state counts.
    """
    answers = [answer for answer in map(_read, _readings(text)) if "state" in answer]
    for answer in answers:
        if answer["state"].startswith(state):  # Words that follow may have come too close.
            return {**answer, "state": state}
    return next(iter(answers), {})


def _readings(text: str) -> Iterator[str]:
    """Yield a text without what cannot be seen, and what it says where it is percent-encoded."""
    seen = "".join(
        char
        for char in unicodedata.normalize("NFKC", text)
        if char.isspace() or unicodedata.category(char) not in ("Cc", "Cf")
    )
    yield seen
    encoded = "".join(seen.split())
    for _ in ("once", "twice"):
        encoded = unquote(encoded)
        yield encoded
    yield _LISTED.sub(lambda listed: f"&{listed[1].lower()}=", seen)


def _read(text: str) -> dict[str, str]:
    """Return the first code, state and error in a text."""
    found: dict[str, str] = {}
    parts = [part.groups() for part in map(_PART.match, _BETWEEN.split(text)) if part]
    for index, (name, raw) in enumerate(parts, start=1):
        # A line that was broken is put together again; after the last part the text may go on.
        words = raw.split()
        goes_on = index == len(parts) and name != "state"
        if value := _VALUE.search("".join(words[:1] if goes_on else words)):
            found.setdefault(name, unquote(value[0]).rstrip(_AROUND))
    return found
