"""The bad day of the demo checks the integration; this checks that it leaves nothing out."""

from __future__ import annotations

import re
from typing import Final

import pytest

from demo.bad_day import ANSWERS, TROUBLES, Trouble

ROWS: Final = {
    "HTTP 426",
    "renewal answers no session",
    "camera hosts refuse",
    "short pages, null",
    "recordings of MP4 parts",
    "token service fails",
    "specification of newer firmware",
    "null or missing lists",
    "two locks of one name",
    "several locks with one MAC",
    "untrusted push server",
    "messages in other dialects",
    "unknown door state",
    "a lock refused at the start",
    "HTTP down while push works",
}
"""What Xiaomi's services were seen to answer, as far as an account with its locks meets it."""


def test_each_answer_is_played() -> None:
    """What was seen of Xiaomi's services comes once at least."""
    assert ANSWERS == ROWS


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.name)
def test_each_trouble_leaves_something_to_see(trouble: Trouble) -> None:
    """That nobody is asked for anything, and nothing is to be repaired, is no proof alone."""
    assert trouble.states or trouble.fired or trouble.wrong or trouble.asked or trouble.looks


def test_keys_are_written_as_lock_platform_and_key() -> None:
    """A key of another form would never be found among the entities."""
    keys = [key for trouble in TROUBLES for key in (*trouble.states, *trouble.fired)]
    assert not [
        key for key in keys if not re.fullmatch(r"(own|twin|friend's) [a-z_]+\.[a-z_]+", key)
    ]


def test_names_are_told_apart() -> None:
    """The table names each trouble once."""
    assert len({trouble.name for trouble in TROUBLES}) == len(TROUBLES)
