"""What has not been read of the past is known exactly, whatever happens meanwhile."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from custom_components.xiaomi_smart_lock.state.history_gaps import (
    AHEAD,
    FIRST,
    LONGEST,
    OVERLAP,
    Gap,
    HistoryGaps,
)
from custom_components.xiaomi_smart_lock.state.lock_state import LockData
from simulator.model import S1, SPEC

LOCK_EVENT, DOORBELL = (2, 1020), (21, 1)

NOW: Final = 1_790_000_000
DAY: Final = 86_400


def news(unread: HistoryGaps, now: int) -> Gap:
    """Return what there is to read of lock events from now on."""
    unread.add_news([LOCK_EVENT], now)
    span = unread.newest()
    assert span
    return span


def test_the_first_time() -> None:
    """The last days are read, of each kind."""
    unread = HistoryGaps()
    unread.add_news([LOCK_EVENT, DOORBELL], NOW)
    spans = [Gap(kind, NOW - FIRST, NOW + AHEAD) for kind in (LOCK_EVENT, DOORBELL)]
    assert unread.gaps == spans


def test_since_the_last_event() -> None:
    """And some hours before it, but never longer than a month."""
    unread = HistoryGaps()
    unread.was_read(news(unread, NOW), [NOW - DAY, NOW - 2 * DAY], None, NOW)
    assert unread.newest() is None
    assert news(unread, NOW).start == NOW - DAY - OVERLAP
    unread.gaps.clear()
    assert news(unread, NOW + 365 * DAY).start == NOW + 365 * DAY - LONGEST


def test_nothing_happened() -> None:
    """Then it is looked for again as the first time."""
    unread = HistoryGaps()
    unread.was_read(news(unread, NOW), [], None, NOW)
    assert news(unread, NOW + DAY).start == NOW + DAY - FIRST


def test_a_page_of_what_is_older() -> None:
    """It does not hide what is newer."""
    unread = HistoryGaps({LOCK_EVENT: NOW - DAY})
    unread.was_read(news(unread, NOW), [NOW - 3 * DAY], None, NOW)
    assert unread.known == {LOCK_EVENT: NOW - DAY}


def test_clocks_that_were_ahead() -> None:
    """Neither the cloud's nor ours hides for long what comes after it."""
    unread = HistoryGaps()
    unread.was_read(news(unread, NOW), [NOW + DAY], None, NOW)
    assert unread.known == {LOCK_EVENT: NOW}
    assert news(unread, NOW - 3 * DAY).start == NOW - 3 * DAY - OVERLAP


def test_gaps_stay_until_they_are_read() -> None:
    """The newest comes first; spans that meet become one."""
    unread = HistoryGaps()
    unread.was_read(news(unread, NOW), [NOW, NOW - DAY], NOW - DAY, NOW)
    gap = Gap(LOCK_EVENT, NOW - FIRST, NOW - DAY)
    assert unread.gaps == [gap]
    later = NOW + 2 * DAY
    newest = news(unread, later)
    assert newest == Gap(LOCK_EVENT, NOW - OVERLAP, later + AHEAD)
    assert unread.gaps == [gap, newest]
    unread.was_read(newest, [later], NOW, later)
    assert unread.newest() == Gap(LOCK_EVENT, NOW - OVERLAP, NOW)
    assert unread.newest(but=[LOCK_EVENT]) is None
    unread.known[LOCK_EVENT] = NOW - DAY
    assert news(unread, later) == Gap(LOCK_EVENT, NOW - FIRST, later + AHEAD)
    assert len(unread.gaps) == 1


def test_pages_that_may_have_been_cut() -> None:
    """What is before them is read too, as far as it was not read before."""
    unread = HistoryGaps({LOCK_EVENT: NOW - DAY})
    span = news(unread, NOW)
    unread.was_read(span, [NOW - 7], NOW - 7, NOW, short=True)
    assert unread.newest() == span._replace(end=NOW - 7)
    unread.was_read(span._replace(end=NOW - 7), [NOW - DAY], NOW - DAY, NOW, short=True)
    assert unread.newest() is None
    unread.was_read(_added(unread, span), [NOW - DAY], NOW - DAY, NOW, short=False)
    assert unread.newest() == span._replace(end=NOW - DAY)


def _added(unread: HistoryGaps, span: Gap) -> Gap:
    unread.gaps.append(span)
    return span


def test_a_page_that_leads_nowhere() -> None:
    """Where to read on has to be before, and within what was asked for."""
    unread = HistoryGaps()
    for following in (NOW + AHEAD, NOW - FIRST - 1):
        unread.was_read(news(unread, NOW), [], following, NOW)
        assert unread.gaps == []


def test_kept_over_a_restart() -> None:
    """As JSON."""
    unread = HistoryGaps()
    unread.was_read(news(unread, NOW), [NOW], NOW - DAY, NOW)
    assert HistoryGaps.from_dict(SPEC, json.loads(json.dumps(unread.as_dict()))) == unread
    data = LockData(S1, history_gaps=unread)
    assert LockData.from_dict(S1, json.loads(json.dumps(data.as_dict()))).history_gaps == unread


@pytest.mark.parametrize(
    "wrong",
    [
        {"known": [[2, 1020]], "spans": []},
        {"known": [[2, 9999, NOW]], "spans": []},
        {"known": [[2, 1020, "noon"]], "spans": []},
        {"known": [], "spans": [[2, 1020, 1]]},
        {"known": [], "spans": [[[], 1020, 1, 2]]},
        {"known": [], "spans": 7},
        {},
        [],
    ],
)
def test_not_ours(wrong: Any) -> None:
    """Then nothing is known, and nothing fails."""
    stored = LockData(S1).as_dict() | {"unread": wrong, "heard": 7.0}
    assert LockData.from_dict(S1, stored).last_response == 0.0
