"""The integration is built in layers: nothing imports upward, not even for a type."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from custom_components.xiaomi_smart_lock import PLATFORMS
from custom_components.xiaomi_smart_lock.const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE: Final = Path(__file__).parent.parent / "custom_components" / DOMAIN
TESTS: Final = Path(__file__).parent
FILES: Final = sorted(HERE.rglob("*.py"))

# Packages and files, the lowest first. Those of one line know nothing of each other.
LAYERS: Final[tuple[frozenset[str], ...]] = tuple(
    map(
        frozenset,
        (
            ("const",),
            ("miot",),
            ("model",),
            ("state",),
            ("undescribed", "wording"),
            ("session", "signal", "store"),
            ("lock_log", "reporting"),
            ("coordinator",),
            ("people",),
            ("account",),
            ("events",),
            ("credentials", "control", "media"),
            ("connection",),
            ("runtime",),
            ("entity",),
            ("assist",),
            (*PLATFORMS, "diagnostics", "intent", "llm", "logbook", "media_source", "repairs"),
            ("descriptions", "flows", "frontend", "services"),
            ("config_flow", "__init__"),
        ),
    )
)
LEVELS: Final = {part: level for level, layer in enumerate(LAYERS) for part in layer}
PURE: Final = ("miot", "model", "state")

# Pairs of numbers that are no addresses: limits, versions and codes
NO_ADDRESSES: Final = {
    (0, 0),
    (0, 1),
    (1, 10_000),
    (2, 3),
    (10, 600),
    (62, 64),
    (134, 135),
    (2026, 8),
}


def module_of(path: Path) -> tuple[str, ...]:
    """Return a file as a module within the integration; a package as its ``__init__``."""
    return path.relative_to(HERE).with_suffix("").parts


@cache
def imports(path: Path) -> list[tuple[str, ...]]:
    """Return what a file imports of the integration, anywhere in it."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, ...]]:
    folder = module_of(path)[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder[: len(folder) - node.level + 1]
            named = (*base, *(node.module or "").split(".")) if node.module else base
            for name in node.names:
                is_module = (HERE.joinpath(*named, f"{name.name}.py")).exists()
                is_package = (HERE.joinpath(*named, name.name)).is_dir()
                whole = (*named, name.name) if is_module or is_package else named
                yield (*whole, "__init__") if HERE.joinpath(*whole).is_dir() else whole


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(module_of(path)))
def test_nothing_imports_upward(path: Path) -> None:
    """A file imports of its own package, and of layers below."""
    ours = module_of(path)[0]
    theirs = {module[0] for module in imports(path)} - {ours}
    assert [part for part in theirs if LEVELS[part] >= LEVELS[ours]] == []


def test_no_circles() -> None:
    """No file imports itself by way of others."""
    graph = {module_of(path): imports(path) for path in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"{error.args[1]}")


@pytest.mark.parametrize("package", PURE)
def test_without_home_assistant(package: str) -> None:
    """What is pure, or a protocol, can be used without Home Assistant."""
    texts = (path.read_text(encoding="utf-8") for path in (HERE / package).rglob("*.py"))
    assert not [
        text for text in texts if "homeassistant" in text.replace("homeassistant.local", "")
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(module_of(path)))
def test_addresses_are_in_tables(path: Path) -> None:
    """Where a lock has something is written in the tables of its model, and nowhere else."""
    if module_of(path)[0] == "model":
        return
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    pairs = (node.elts for node in nodes if isinstance(node, ast.Tuple) and len(node.elts) == 2)
    numbers = {
        (first.value, second.value)
        for first, second in pairs
        if isinstance(first, ast.Constant) and isinstance(second, ast.Constant)
    }
    assert {pair for pair in numbers if {*map(type, pair)} == {int}} <= NO_ADDRESSES


def test_no_test_imports_from_a_test() -> None:
    """What several tests use is in a module of its own."""
    assert not [
        f"{path.relative_to(TESTS)}:{line}"
        for path in TESTS.rglob("*.py")
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.match(r"\s*from (?:tests[\w.]*)?\.test_\w+ import", text)
    ]
