"""The pages that say which tests hold something name tests that are there."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Final

import pytest

from attacks.__main__ import ATTACKS

PROJECT: Final = Path(__file__).parent.parent
# How many lines that name tests a page has at least
PAGES: Final = {"docs/field-reports.md": 40, "docs/threat-model.md": 35}
THREATS: Final = "| What can be tried | What holds it | Tests |"


def names_in(path: Path) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


@pytest.mark.parametrize("page", PAGES)
def test_each_test_that_is_named_is_there(page: str) -> None:
    """A kind of fault, or of attack, is held by what can be run."""
    lines = (PROJECT / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and "`tests/" in line]
    assert len(rows) > PAGES[page]
    missing = []
    for row in rows:
        path = PROJECT
        for named in re.findall(r"`((?:tests/[\w/]+(?:\.py)?)?(?:::\w+)?)`", row):
            file, _, test = named.partition("::")
            path = PROJECT / file if file else path
            if not path.exists() or (test and test not in names_in(path)):
                missing.append(named)
    assert not missing


def test_each_threat_has_a_test() -> None:
    """What is said to be held is held by what can be run."""
    text = (PROJECT / "docs/threat-model.md").read_text(encoding="utf-8")
    tables = text.split(THREATS)[1:]
    assert len(tables) == 6
    for table in tables:
        rows = [line for line in table.split("\n\n")[0].splitlines() if line.startswith("| ")]
        assert len(rows) > 1
        assert not [row for row in rows if "`tests/" not in row and "---" not in row]


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/threat-model.md", "docs/unlocking.md"],
)
def test_who_reads_of_threats_can_try_them(page: str) -> None:
    """By the command that attacks, which is there."""
    assert "`scripts/attack`" in (PROJECT / page).read_text(encoding="utf-8")
    assert os.access(PROJECT / "scripts/attack", os.X_OK)


def test_who_attacks_is_in_the_threat_model() -> None:
    """Each attack is of somebody who is described there, and has a line of its own."""
    text = (PROJECT / "docs/threat-model.md").read_text(encoding="utf-8")
    assert ATTACKS
    assert not [attack for attack in ATTACKS if f"\n## {attack.who}\n" not in text]
    assert len({(attack.who, attack.what) for attack in ATTACKS}) == len(ATTACKS)
