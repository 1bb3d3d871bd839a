"""Each item of the specification has exactly one place where a user meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from custom_components.xiaomi_smart_lock.miot.spec import Action, Event, Property
from scripts import specification
from scripts.specification import Item, main, places
from simulator.model import SPEC

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PLACES = places()

# The two halves of a period; two periods are there as a text, too, for who has had that before
PLACES_OF = {"Property 20.2": 2, "Property 17.12": 3, "Property 17.22": 3}


def named(item: Item) -> str:
    """Tell items apart: a property, an action and an event can have the same address."""
    return f"{type(item).__name__} {item}"


def test_nothing_is_left_out() -> None:
    """Every item is walked: as many as the specification's page says."""
    walked = [sum(isinstance(item, kind) for item in PLACES) for kind in (Property, Action, Event)]
    assert walked == [108, 22, 25]
    assert len(SPEC.services) == 15


def test_one_place() -> None:
    """No item is nowhere, and none is shown twice."""
    wrong = {
        named(item): found
        for item, found in PLACES.items()
        if len(found) != PLACES_OF.get(named(item), 1)
    }
    assert wrong == {}


def test_all_have_a_place() -> None:
    """Nothing is open: 155 of 155."""
    assert len([item for item, found in PLACES.items() if found]) == 155


def test_where() -> None:
    """Items of each kind are where they are expected."""
    expected: dict[Item, str] = {
        SPEC.properties[3, 1021]: "sensor *Door state*",
        SPEC.properties[2, 3]: "sensor *Last action*",
        SPEC.properties[4, 9]: "`step` of event *Enrollment*",
        SPEC.properties[22, 8]: "type of event *Enrollment*",
        SPEC.properties[5, 5]: "set by button *Fetch history*",
        SPEC.properties[5, 18]: "diagnostics",
        SPEC.actions[2, 1]: "lock",
        SPEC.actions[9, 1]: "button *Set clock*",
        SPEC.actions[4, 3]: "action `set_credential`",
        SPEC.actions[22, 8]: "action `assign_credential`",
        SPEC.properties[4, 5]: "`credential_data` of action `set_credential`",
        SPEC.properties[22, 2]: "`user_type` of action `set_user`, `delete_user`",
        SPEC.events[7, 1006]: "event *Doorbell*",
        SPEC.events[22, 5]: "event *Users and credentials*",
        SPEC.events[5, 1]: "sensor *History reported*",
    }
    assert {item: PLACES[item] for item in expected} == {
        item: [place] for item, place in expected.items()
    }


def test_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The written document is current; where one is not, the check fails and says what to do."""
    assert main(["--check"]) == 0
    monkeypatch.setattr(specification, "DOCUMENT", tmp_path / "specification.md")
    specification.DOCUMENT.write_text("of yesterday", encoding="utf-8")
    assert main(["--check"]) == 1
    assert "python -m scripts.specification" in capsys.readouterr().out
    assert main([]) == 0
    assert main(["--check"]) == 0
