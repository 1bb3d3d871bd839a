"""A period of the day, in whatever form the lock has it. No I/O.

The specification gives a form for do not disturb (20.2) alone: ``HH:MM:SS-HH:MM:SS``. In the others
(17.12, 17.22) two times are looked for, and written back where they were found.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 255  # characters, more than two times take in any form
DAY: Final = 86_400  # seconds
HHMM: Final = 2400
"""Up to here a number may mean minutes, or hours and minutes, as well as seconds."""

_CLOCK: Final = re.compile(
    r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:])"
)
_SECONDS: Final = re.compile(r"(?<![\d.:])(?:0|[1-9]\d{0,4})(?![\d.:])")
_NUMBER: Final = re.compile(r"\d+")


def parse_period(text: str) -> list[dt.time] | None:
    """Return when a period begins and ends, None where the text is not understood as one."""
    ends = [_read(found) for found in _find(text)]
    return [end for end in ends if end is not None] if ends and None not in ends else None


def format_period(ends: Sequence[dt.time], like: str = "") -> str:
    """Return a period in the form of another text; in the specification's where that is none."""
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
    """Return the two places where times are, none where there are not two."""
    if len(text) > LONGEST:
        return []
    found = list(_CLOCK.finditer(text))
    if not found and len(_NUMBER.findall(text)) == 2:  # noqa: PLR2004
        found = list(_SECONDS.finditer(text))
        if not any(int(one[0]) > HHMM for one in found):
            return []
    return found if len(found) == 2 else []  # noqa: PLR2004


def _read(found: re.Match[str]) -> dt.time | None:
    """Return the time at a place; midnight may be the end of the day."""
    if found.re is _CLOCK:
        hour, minute, second = (int(part or 0) for part in found.groups())
        seconds = hour * 3600 + minute * 60 + second
    else:
        seconds = int(found[0])
    if seconds > DAY:
        return None
    return dt.time(seconds // 3600 % 24, seconds // 60 % 60, seconds % 60)


def _written(end: dt.time, found: re.Match[str], *, narrow: bool) -> str:
    """Return a time in the form of another one."""
    if found.re is _SECONDS:
        return str(end.hour * 3600 + end.minute * 60 + end.second)
    text = f"{end.hour if narrow else f'{end.hour:02}'}:{end.minute:02}"
    return f"{text}:{end.second:02}" if found["second"] else text
