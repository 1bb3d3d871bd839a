"""The documentation pages, for tests."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT: Final = Path(__file__).parent.parent


def _read(*paths: Path) -> dict[str, str]:
    return {
        path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8") for path in paths
    }


README: Final = "README.md"
CHINESE_README: Final = "README.zh-CN.md"
_IN_CHINESE: Final = sorted((PROJECT / "docs/zh-CN").glob("*.md"))
# The README and the pages in docs, in English, by path in the project
PAGES: Final = _read(
    PROJECT / README,
    *(path for path in sorted((PROJECT / "docs").rglob("*.md")) if path not in _IN_CHINESE),
)
# Those in Chinese
CHINESE_PAGES: Final = _read(PROJECT / CHINESE_README, *_IN_CHINESE)
# The pages that GitHub looks for beside the README
ROOT_PAGES: Final = _read(
    *(
        path
        for path in sorted(PROJECT.glob("*.md"))
        if path.name not in PAGES.keys() | CHINESE_PAGES.keys()
    ),
)
DOCUMENTS: Final = PAGES | CHINESE_PAGES | ROOT_PAGES


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(text: str) -> list[str]:
    """Return what GitHub calls the headings of a page, in their order."""
    found: dict[str, int] = {}
    names = []
    for heading in re.findall(r"^#+ +(.+?) *$", prose(text), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        names.append(f"{name}-{found[name]}" if name in found else name)
        found[name] = found.get(name, 0) + 1
    return names


def links(text: str) -> list[str]:
    """Return where the links and pictures of a page, or of a part of it, lead to."""
    found = re.findall(
        r"\]\(\s*([^)\s]+)|(?:src|href)=\"([^\"]+)\"", re.sub(r"`[^`\n]*`", "", prose(text))
    )
    return ["".join(link) for link in found]


def targets(page: str, text: str | None = None) -> Iterator[tuple[str, str]]:
    """Yield the path in the project, and the anchor, that each relative link of a page leads to.

    With a text, only of those in it, which is a part of the page.
    """
    for link in links(DOCUMENTS[page] if text is None else text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        yield normpath(PurePosixPath(page).parent / path) if path else page, anchor


def yaml_blocks(start: str = "", pages: Mapping[str, str] = PAGES) -> list[str]:
    """Return the YAML blocks of pages that begin with a text; of all in English by default."""
    text = "\n".join(pages.values())
    return re.findall(rf"```yaml\n({re.escape(start)}.+?)```", text, re.DOTALL)
