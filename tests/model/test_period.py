"""Periods of the day in the forms that a lock may have them in."""

from __future__ import annotations

from datetime import time

import pytest

from custom_components.xiaomi_smart_lock.model.period import format_period, parse_period

DAY = [time(8), time(20, 30)]
NIGHT = [time(22, 0, 15), time(6)]


@pytest.mark.parametrize(
    ("text", "night"),
    [
        ("08:00:00-20:30:00", "22:00:15-06:00:00"),
        ("08:00-20:30", "22:00-06:00"),
        ("8:00-20:30", "22:00-6:00"),
        ("8:00:00,20:30:00", "22:00:15,6:00:00"),
        ("from 08:00 to 20:30", "from 22:00 to 06:00"),
        ('["08:00","20:30"]', '["22:00","06:00"]'),
        ('{"begin":"08:00","end":"20:30","on":1}', '{"begin":"22:00","end":"06:00","on":1}'),
        ("08:00-20:30;1234567", "22:00-06:00;1234567"),
        ("28800-73800", "79215-21600"),
        ("[28800,73800]", "[79215,21600]"),
        ('{"start": 28800, "end": 73800}', '{"start": 79215, "end": 21600}'),
    ],
)
def test_two_times(text: str, night: str) -> None:
    """They are written where they were, with seconds where there were any."""
    assert parse_period(text) == DAY
    assert format_period(DAY, like=text) == text
    assert format_period(NIGHT, like=text) == night


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("00:00-24:00", [time(), time()]),
        ("0-86400", [time(), time()]),
        ("00:00:00-23:59:59", [time(), time(23, 59, 59)]),
    ],
)
def test_a_whole_day(text: str, ends: list[time]) -> None:
    """Its end may be midnight."""
    assert parse_period(text) == ends


@pytest.mark.parametrize(
    "text",
    [
        *("", "always", "8-20", "08-20", "0800-2030", "1000-2000", "480-1230", "0-0"),
        *("08:00", "08:00-12:00,14:00-20:30", "08:00-20:30:00:00", "08:60-20:30", "08:0-20:30"),
        *("25:00-26:00", "24:00:01-20:30", "28800", "28800-73800-1", "28800.5-73800", "1-86401"),
        *(
            "080000-203000",
            "28800-123456",
            "08:00-73800",
            "5" * 1_000_000,
            "08:00-20:30" + " " * 300,
        ),
    ],
)
def test_what_is_not_understood(text: str) -> None:
    """What may mean something else is no period; the form is the specification's then."""
    assert parse_period(text) is None
    assert format_period(NIGHT, like=text) == "22:00:15-06:00:00"
