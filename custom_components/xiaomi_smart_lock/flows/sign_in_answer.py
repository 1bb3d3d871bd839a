"""Parser for the answer of a sign-in, in whatever form the user pastes it. No I/O."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Boundaries between the parts of a query, also where the separator was lost
_BETWEEN: Final = re.compile(r"[&?#]|(?=\b(?:code|state|error)=)")
_PART: Final = re.compile(r"(code|state|error)=(.*)", re.DOTALL)
# A name before its value, as in JSON or as the developer tools of browsers list a query
_LISTED: Final = re.compile(r"\b(code|state|error)[\"']?\s*[:=]\s*(?=[\"']?[\w-])", re.IGNORECASE)
_VALUE: Final = re.compile(r"[\w.~%+/=:!*-]+", re.ASCII)
# Punctuation that may follow a value in a sentence
_AROUND: Final = ".:!"


def find_answer(text: str, state: str) -> Mapping[str, str]:
    """Return the code, state and error that a text has; empty without a state.

    A code is useless without the state of its sign-in: it may be somebody else's. Of all readings
    of the text, one with the awaited state is preferred, else the first with any state.
    """
    answers = [answer for answer in map(_read, _readings(text)) if "state" in answer]
    for answer in answers:
        if answer["state"].startswith(state):  # The next words may be joined to it.
            return {**answer, "state": state}
    return next(iter(answers), {})


def _readings(text: str) -> Iterator[str]:
    """Yield the text without invisible characters, and variants of it.

    These are percent-decoded once and twice, and with listed names and values turned into a query.
    """
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
        # Join a value that was broken into lines. Other text may follow the last part, so
        # take only one word of a code or an error; find_answer cuts a state.
        words = raw.split()
        goes_on = index == len(parts) and name != "state"
        if value := _VALUE.search("".join(words[:1] if goes_on else words)):
            found.setdefault(name, unquote(value[0]).rstrip(_AROUND))
    return found
