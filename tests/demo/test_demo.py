"""The demo checks the integration; this checks that the demo would notice."""

from __future__ import annotations

import re

from demo.check import Row, table
from demo.client import State
from demo.day import COMMANDS, DAY, Command, Step


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


def test_each_step_leaves_something_to_see() -> None:
    """Nothing happens in the day that the check would not look at."""
    assert all(isinstance(step, Command) or step.states or step.events for step in DAY)


def test_keys_are_written_as_platform_and_key() -> None:
    """A key without a platform would never be found among the entities."""
    keys = {command.key for command in (*DAY, *COMMANDS) if isinstance(command, Command)}
    keys |= {key for step in DAY if isinstance(step, Step) for key in (*step.states, *step.events)}
    assert not [key for key in keys if not re.fullmatch(r"[a-z_]+\.[a-z_]+", key)]
