"""What users can do at the door of the demo by clicking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from demo.controls import CONTROLS, NAMES, add_controls
from simulator.codes import Code
from simulator.door import Method
from simulator.model import MODEL
from simulator.siblings import MODELS
from simulator.simulator import Simulator

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = {"en", "zh-Hans"}


@pytest.mark.parametrize("model", [MODEL, *MODELS])
def test_each_click_reaches_the_lock(tmp_path: Path, model: str) -> None:
    """It wakes up, or tells what happened; only what a model does not have is left out."""
    simulator = Simulator(tmp_path)
    lock = simulator.add_lock(simulator.add_account("Ming"), model=model)
    reported: list[str] = []
    lock.listeners[:] = [lambda topic, _: reported.append(topic)]
    done = set()
    for control in CONTROLS:
        lock.sleep()
        reported.clear()
        if control.press(lock):
            done.add(control.key)
            assert lock.awake
            assert reported or not lock.sleeps
    assert {"touch", "close"} <= done
    assert model != MODEL or done == {one.key for one in CONTROLS}


def test_a_finger_is_shown_while_one_is_added(tmp_path: Path) -> None:
    """The dialog that leads through it can be followed to its end."""
    simulator = Simulator(tmp_path)
    lock = simulator.add_lock(simulator.add_account("Ming"))
    lock.act((4, 1), [5, 1])
    code, _ = lock.act((4, 3), [5, Method.FINGERPRINT, 30, ""])
    assert (code, lock.users.credentials) == (Code.DONE, {})
    [show] = [one for one in CONTROLS if one.key == "show"]
    while lock.users.enrolment:
        show.press(lock)
    assert lock.users.credentials


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_configuration(tmp_path: Path, language: str) -> None:
    """Everything is there, in the language of the demo."""
    add_controls(tmp_path, language)
    lines = (tmp_path / "configuration.yaml").read_text(encoding="utf-8").splitlines()
    written = dict(line.split(": ", 1) for line in lines)
    buttons = json.loads(written["input_button"])
    assert {key: one["name"] for key, one in buttons.items()} == {
        one.key: one.names[language] for one in CONTROLS
    }
    assert (tmp_path / written["automation"].split()[1]).exists()


def test_each_text_is_in_each_language() -> None:
    """A text that is missing would end the demo."""
    assert all(names.keys() == LANGUAGES for names in NAMES.values())
    assert all(one.names.keys() == LANGUAGES for one in CONTROLS)
