"""Periods of the day, in the text form that the lock uses. No I/O.

The specification defines a form only for do not disturb (20.2): ``HH:MM:SS-HH:MM:SS``. In the other
periods (17.12, 17.22) two times are searched for, and written back at the same places.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 255  # characters; two times in any form are shorter
DAY: Final = 86_400  # seconds
HHMM: Final = 2400
"""Up to this value a number is ambiguous: seconds, minutes, or hours and minutes."""

_CLOCK: Final = re.compile(
    r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:])"
)
_SECONDS: Final = re.compile(r"(?<![\d.:])(?:0|[1-9]\d{0,4})(?![\d.:])")
_NUMBER: Final = re.compile(r"\d+")


def parse_period(text: str) -> list[dt.time] | None:
    """Return the start and end of a period, None if the text is not understood as one."""
    ends = [_read(found) for found in _find(text)]
    return [end for end in ends if end is not None] if ends and None not in ends else None


def format_period(ends: Sequence[dt.time], like: str = "") -> str:
    """Return a period in the form of ``like``, or in the specification's if that is no period."""
    if not parse_period(like):
        return "-".join(end.isoformat("seconds") for end in ends)
    first, second = _find(like)
    narrow = any(len(found["hour"]) == 1 for found in (first, second) if found.re is _CLOCK)
    begin, end = (
        _written(end, found, narrow=narrow)
        for end, found in zip(ends, (first, second), strict=True)
    )
    between = like[first.end() : second.start()]
    return like[: first.start()] + begin + between + end + like[second.end() :]


def _find(text: str) -> list[re.Match[str]]:
    """Return the two times found in a text, or nothing if there are not exactly two.

    Plain numbers count as seconds only if at least one is greater than ``HHMM``.
    """
    if len(text) > LONGEST:
        return []
    found = list(_CLOCK.finditer(text))
    if not found and len(_NUMBER.findall(text)) == 2:  # noqa: PLR2004
        found = list(_SECONDS.finditer(text))
        if not any(int(one[0]) > HHMM for one in found):
            return []
    return found if len(found) == 2 else []  # noqa: PLR2004


def _read(found: re.Match[str]) -> dt.time | None:
    """Return the time found at a place, None after 24:00; 24:00 is returned as midnight."""
    if found.re is _CLOCK:
        hour, minute, second = (int(part or 0) for part in found.groups())
        seconds = hour * 3600 + minute * 60 + second
    else:
        seconds = int(found[0])
    if seconds > DAY:
        return None
    return dt.time(seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)


def _written(end: dt.time, found: re.Match[str], *, narrow: bool) -> str:
    """Return a time in the form of the one found; ``narrow`` means hours without leading zeros."""
    if found.re is _SECONDS:
        return str(end.hour * 3600 + end.minute * 60 + end.second)
    text = f"{end.hour if narrow else f'{end.hour:02}'}:{end.minute:02}"
    return f"{text}:{end.second:02}" if found["second"] else text
