"""The pages that say which tests hold something name tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

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
