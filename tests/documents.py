"""The pages for readers, as tests read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parent.parent


def _read(*paths: Path) -> dict[str, str]:
    return {
        path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8") for path in paths
    }


README: Final = "README.md"
# What users and developers read: the README and what it leads to, by path in the project
PAGES: Final = _read(PROJECT / README, *sorted((PROJECT / "docs").rglob("*.md")))
# The pages that GitHub looks for beside the README
ROOT_PAGES: Final = _read(
    *(path for path in sorted(PROJECT.glob("*.md")) if path.name != README),
)


def yaml_blocks(start: str = "") -> list[str]:
    """Return the blocks of YAML on all pages that begin with a text."""
    text = "\n".join(PAGES.values())
    return re.findall(rf"```yaml\n({re.escape(start)}.+?)```", text, re.DOTALL)
