"""Figures, their ratios and what is said of them."""

from __future__ import annotations

import pytest

from benchmarks.figures import BESIDE, MQTT, OURS, Figure, Spread, comparison, table


def figure(
    ours: list[float],
    mqtt: list[float] | None = None,
    beside: list[float] | None = None,
    *,
    limit: float | None = None,
    goal: float | None = None,
) -> Figure:
    """Return a figure of some races."""
    sides = {OURS: ours, MQTT: mqtt, BESIDE: beside}
    races = {side: values for side, values in sides.items() if values is not None}
    return Figure(name="one", unit="ms", races=races, limit=limit, goal=goal, goal_beside=0.95)


def test_a_ratio_is_that_of_each_race() -> None:
    raced = figure([1, 2, 9], [2, 2, 3])
    assert raced.value(OURS) == 2
    assert raced.ratio(MQTT) == Spread(1, 0.5, 3)
    assert str(raced.ratio(MQTT)) == "1.00 (0.50–3.00)"
    assert raced.ratio(BESIDE) is None


def test_nothing_at_all_can_be_beaten_by_nobody() -> None:
    assert figure([0.1], [0.0], limit=1).verdict == "BROKEN"


def test_one_race_has_no_spread() -> None:
    assert str(Spread.of([1.5])) == "1.50"


@pytest.mark.parametrize(
    ("ratio", "limit", "goal", "verdict"),
    [
        (1.0, None, None, ""),
        (1.0, 1.0, None, "kept"),
        (1.05, 1.1, 1.0, "not yet"),
        (1.05, None, 1.0, "not yet"),
        (1.15, 1.1, 1.0, "BROKEN"),
        (0.9, 1.1, 1.0, "kept"),
    ],
)
def test_what_is_judged_is_the_median_ratio(
    ratio: float, limit: float | None, goal: float | None, verdict: str
) -> None:
    raced = figure([0.1, ratio, 9], [1, 1, 1], limit=limit, goal=goal)
    assert raced.verdict == verdict


def test_without_mqtt_the_value_is_judged() -> None:
    assert figure([3], limit=2).verdict == "BROKEN"
    assert figure([2], limit=2).verdict == "kept"


def test_the_other_integration_has_a_goal_of_its_own() -> None:
    assert figure([1], [1], [1]).verdict_beside == "not yet"
    assert figure([0.9], [1], [1]).verdict_beside == "kept"
    assert not figure([1], [1]).verdict_beside


def test_two_turns_make_one_figure() -> None:
    assert figure([1], [2]).joined(figure([3], [4])).races == {OURS: [1, 3], MQTT: [2, 4]}


def test_table() -> None:
    lines = table([figure([2.0], [4.0], [1.0], limit=1.0), figure([3])], "other").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == [
        *("", "lock", "other", "mqtt", "unit"),
        *("÷ other", "its goal", "", "÷ mqtt", "limit", "goal", ""),
    ]
    assert cells[2] == [
        *("one", "2.00", "1.00", "4.00", "ms"),
        *("2.00", "0.95", "not yet", "0.50", "1.00", "", "kept"),
    ]
    assert len({len(line) for line in lines}) == 1


def test_two_commits() -> None:
    lines = comparison([figure([1], [2]), figure([4])], [figure([2], [2]), figure([2])])
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]
    assert cells[2:] == [
        ["one", "0.50", "1.00", "÷ mqtt", "2.00"],
        ["one", "4.00", "2.00", "ms", "0.50"],
    ]
