"""The demo checks the integration; this checks that the demo would notice."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from demo.any_day import ANY_DAY, Act
from demo.check import Row, table
from demo.client import State
from demo.day import COMMANDS, DAY, Command, Step
from simulator.model import MODEL
from simulator.siblings import MODELS
from simulator.simulator import Simulator

if TYPE_CHECKING:
    from pathlib import Path


def test_a_difference_is_shown_as_wrong() -> None:
    """A table line says whether what was expected was seen, and a step is named once."""
    right = Row("The bell rings", "event.doorbell event_type", "ring", "ring")
    wrong = Row("The bell rings", "binary_sensor.awake", "on", "off")
    assert right.right
    assert not wrong.right
    text = table([right, wrong])
    assert text.count("The bell rings") == 1
    assert [line.split()[-1] for line in text.splitlines()[1:]] == ["ok", "WRONG"]


def test_states_change_as_home_assistant_compresses_them() -> None:
    """What is not mentioned stays; attributes can be added, changed and removed."""
    state = State("locked", {"changed_by": "NFC", "code": 1})
    changed = state.changed(
        {"+": {"s": "unlocked", "a": {"changed_by": "Face"}}, "-": {"a": ["code"]}}
    )
    assert changed == State("unlocked", {"changed_by": "Face"})
    assert state.changed({"+": {"a": {"code": 2}}}).state == "locked"


@pytest.mark.parametrize("model", [MODEL, *MODELS])
def test_a_day_at_the_door_of_any_model(tmp_path: Path, model: str) -> None:
    """What the model has happens, and is reported."""
    simulator = Simulator(tmp_path)
    lock = simulator.add_lock(simulator.add_account("Ming"), model=model)
    reported: list[str] = []
    lock.listeners[:] = [lambda topic, _: reported.append(topic)]
    played = [act.name for act in ANY_DAY if act.play(lock)]
    assert played[:3] == [act.name for act in ANY_DAY[:3]]
    events = {(past.source, str(past.values)) for past in lock.history}
    assert len(events) > 2
    assert any("event_occured" in topic for topic in reported)


def test_each_step_leaves_something_to_see() -> None:
    """Nothing happens in the day that the check would not look at."""
    steps = (*DAY, *ANY_DAY)
    assert all(isinstance(step, Command) or step.states or step.events for step in steps)


def test_keys_are_written_as_platform_and_key() -> None:
    """A key without a platform would never be found among the entities."""
    keys = {command.key for command in (*DAY, *COMMANDS) if isinstance(command, Command)}
    steps: list[Step | Act] = [*(step for step in DAY if isinstance(step, Step)), *ANY_DAY]
    keys |= {key for step in steps for key in (*step.states, *step.events)}
    assert not [key for key in keys if not re.fullmatch(r"[a-z_]+\.[a-z_]+", key)]
