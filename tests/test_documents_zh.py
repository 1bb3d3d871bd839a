"""The pages in Chinese say what those in English say, in the words that users see."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from .documents import (
    CHINESE_PAGES,
    CHINESE_README,
    DOCUMENTS,
    PAGES,
    README,
    anchors,
    links,
    targets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# For who works on the project, or made from the specification
IN_ENGLISH_ONLY: Final = {
    "docs/architecture.md",
    "docs/benchmarks.md",
    "docs/field-reports.md",
    "docs/reliability.md",
    "docs/specification.md",
    "docs/threat-model.md",
}
# What becomes of a name in Chinese, which English pages need not say
IN_CHINESE_ONLY: Final = {"front_door", "lock.da_men"}
HAN: Final = re.compile(r"[\u4e00-\u9fff]")
type Part = tuple[str, str]  # a heading, and what is below it with itself
BLOCK: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


class Section(NamedTuple):
    """A heading and what is below it; two are equal where one may be a translation of the other."""

    level: int
    tables: tuple[tuple[int, int], ...]  # rows and columns of each
    items: int  # of lists
    blocks: tuple[tuple[str, int], ...]  # language and number of lines of each block of code
    links: tuple[tuple[str, int], ...]  # where to, and which heading there


def in_english(path: str) -> str:
    """Return the path of the same in English: of a page or a picture."""
    for addition in ("zh-CN/", ".zh-CN", "-zh-Hans"):
        path = path.replace(addition, "")
    return path


# A page's path in both languages, by the English one
BOTH: Final = {in_english(page): (in_english(page), page) for page in CHINESE_PAGES}


def parts(page: str) -> Iterator[Part]:
    """Yield the headings of a page, each with what is below it until the next one."""
    heading, lines, in_code = "", list[str](), False
    for line in DOCUMENTS[page].splitlines():
        in_code ^= line.lstrip().startswith("```")
        if line.startswith("#") and not in_code:
            if heading:
                yield heading, "\n".join(lines)
            heading, lines = line, []
        lines.append(line)
    yield heading, "\n".join(lines)


def section(page: str, heading: str, text: str) -> Section:
    """Return what of a section is the same in both languages."""
    below = BLOCK.sub("", text)
    tables = re.findall(r"(?:^\|.*(?:\n|\Z))+", below, re.MULTILINE)
    found = [(in_english(path), place(path, anchor)) for path, anchor in targets(page, text)]
    return Section(
        len(heading) - len(heading.lstrip("#")),
        tuple((table.count("\n|"), table.split("\n")[0].count("|")) for table in tables),
        len(re.findall(r"^ *(?:-|\d+\.) ", below, re.MULTILINE)),
        tuple((language, code.count("\n")) for language, code in BLOCK.findall(text)),
        tuple(sorted(found + [(link, -1) for link in links(text) if re.match(r"[a-z]+:", link)])),
    )


def place(path: str, anchor: str) -> int:
    """Return which heading an anchor is; -1 without one, and where a page lacks a heading.

    Then that page's own test says so, and those of the pages that lead to it do not.
    """
    here = anchors(DOCUMENTS.get(path, ""))
    in_both = {len(anchors(DOCUMENTS.get(page, ""))) for page in BOTH.get(in_english(path), ())}
    return -1 if not anchor or len(in_both) > 1 else here.index(anchor)


def only(one: Any, other: Any) -> Any:
    """Return what only the first of two has, or itself if it is a number."""
    return list((Counter(one) - Counter(other)).elements()) if isinstance(one, tuple) else one


def told_apart(english: Section, chinese: Section) -> str:
    """Return in what two sections differ."""
    return "; ".join(
        f"{name} {only(one, other)} and {only(other, one)}"
        for name, one, other in zip(Section._fields, english, chinese, strict=True)
        if one != other
    )


def compared(page: str) -> Iterator[tuple[bool, list[Part], list[Part]]]:
    """Yield which parts of the English page and of the Chinese one belong together.

    That is true where they are alike, one by one.
    """
    ours, theirs = (list(parts(path)) for path in BOTH[in_english(page)])
    matcher = SequenceMatcher(
        None,
        [section(in_english(page), *part) for part in ours],
        [section(page, *part) for part in theirs],
        autojunk=False,
    )
    for kind, begin, end, begin_chinese, end_chinese in matcher.get_opcodes():
        yield kind == "equal", ours[begin:end], theirs[begin_chinese:end_chinese]


def differences(page: str) -> Iterator[str]:
    """Yield where a page in Chinese is not what its English one is, by their headings."""
    for alike, ours, theirs in compared(page):
        if not alike:
            english = [section(in_english(page), *part) for part in ours]
            chinese = [section(page, *part) for part in theirs]
            details = " | ".join(map(told_apart, english, chinese)) or "missing"
            headings = [[heading for heading, _ in side] for side in (ours, theirs)]
            yield f"{headings[0]} in English, {headings[1]} in Chinese: {details}"


def pairs(page: str) -> Iterator[tuple[str, str, str]]:
    """Yield a heading in Chinese, and what is below it in English and in Chinese."""
    for alike, ours, theirs in compared(page):
        if alike:
            for (_, english), (heading, chinese) in zip(ours, theirs, strict=True):
                yield heading, english, chinese


def test_which_pages() -> None:
    """Each page for users is there in Chinese, and nothing else is."""
    for_users = {page for page in PAGES if not page.startswith("docs/decisions/")}
    assert for_users >= IN_ENGLISH_ONLY
    assert {in_english(page) for page in CHINESE_PAGES} == for_users - IN_ENGLISH_ONLY


@pytest.mark.parametrize("page", CHINESE_PAGES)
def test_in_step(page: str) -> None:
    """Headings, tables, lists, blocks of code, links and pictures are those of the English page."""
    found = "\n".join(differences(page))
    assert not found


@pytest.mark.parametrize("page", CHINESE_PAGES)
def test_code(page: str) -> None:
    """It is the same, but for lines that have Chinese words."""
    assert not [
        (heading, ours, theirs)
        for heading, english, chinese in pairs(page)
        for (_, one), (_, other) in zip(BLOCK.findall(english), BLOCK.findall(chinese), strict=True)
        for ours, theirs in zip(one.splitlines(), other.splitlines(), strict=True)
        if ours != theirs and not HAN.search(theirs)
    ]


@pytest.mark.parametrize("page", CHINESE_PAGES)
def test_names_in_code(page: str) -> None:
    """What is written as code between words is the same, but for what is translated."""
    differing = []
    for heading, english, chinese in pairs(page):
        ours, theirs = (
            set(re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))) for text in (english, chinese)
        )
        missing, more = ours - theirs, theirs - ours - IN_CHINESE_ONLY
        if len(missing) != len(more) or not all(map(HAN.search, more)):
            differing.append((heading, missing, more))
    assert not differing


@pytest.mark.parametrize("page", CHINESE_PAGES)
def test_languages(page: str) -> None:
    """A page leads to its English one first, and to no other that is there in Chinese."""
    first = DOCUMENTS[page].splitlines()[0]
    assert list(targets(page, first)) == [(in_english(page), "")]
    translated = set(map(in_english, CHINESE_PAGES))
    assert [path for path, _ in targets(page) if path in translated] == [in_english(page)]


def test_the_first_line() -> None:
    """Who reads Chinese finds it at once."""
    [(path, _)] = targets(README, PAGES[README].splitlines()[0])
    assert path == CHINESE_README


@pytest.mark.parametrize("page", CHINESE_PAGES)
def test_typesetting(page: str) -> None:
    """Punctuation is full-width, a paragraph is one line, and no asterisk is shown."""
    words = re.sub(r"`[^`\n]*`|\]\([^)]*\)", "", BLOCK.sub("", CHINESE_PAGES[page]))
    wrong = re.compile(
        r".*(?:"
        r"[\u4e00-\u9fff] ?(?:[,:;?!]|\((?!校时))|[,:;?!] ?[\u4e00-\u9fff]"
        r"|\S\n *[\u4e00-\u9fff“]"
        r"|[。：；！？）”]\*\*[\u4e00-\u9fff\w]"
        r").*"
    )
    assert not [match[0] for match in wrong.finditer(words)]
