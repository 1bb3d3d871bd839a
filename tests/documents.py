"""The documentation pages, for tests."""

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
# The README and the pages in docs, by path in the project
PAGES: Final = _read(PROJECT / README, *sorted((PROJECT / "docs").rglob("*.md")))
# The pages that GitHub looks for beside the README
ROOT_PAGES: Final = _read(
    *(path for path in sorted(PROJECT.glob("*.md")) if path.name != README),
)


def yaml_blocks(start: str = "") -> list[str]:
    """Return the YAML blocks of all pages that begin with a text."""
    text = "\n".join(PAGES.values())
    return re.findall(rf"```yaml\n({re.escape(start)}.+?)```", text, re.DOTALL)
