"""The pages for readers are short, complete, and lead to what is there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
import yaml
from homeassistant.util.yaml import parse_yaml

from custom_components.xiaomi_smart_lock.descriptions import DESCRIPTIONS
from custom_components.xiaomi_smart_lock.model.lock_model import MODELS
from custom_components.xiaomi_smart_lock.model.tables import Support
from demo.screenshots import IMAGES, PICTURES
from scripts.specification import TRANSLATION

from .documents import (
    CHINESE_PAGES,
    CHINESE_README,
    DOCUMENTS,
    PAGES,
    PROJECT,
    README,
    anchors,
    targets,
    yaml_blocks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTEGRATION: Final = TRANSLATION.parent.parent
READMES: Final = (README, CHINESE_README)
LARGEST_README: Final = 8192  # bytes
FIRST_SCREEN: Final = 15  # lines


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_is_short(readme: str) -> None:
    """Whoever comes for the first time reads it to the end."""
    assert len((PROJECT / readme).read_bytes()) <= LARGEST_README


@pytest.mark.parametrize("readme", READMES)
def test_the_first_screen(readme: str) -> None:
    """It has the two commands, and the README's only picture."""
    screen = "\n".join(DOCUMENTS[readme].splitlines()[:FIRST_SCREEN])
    for wanted in ("\nscripts/demo ", "\nscripts/test ", "\n!["):
        assert wanted in screen
    assert len(re.findall(r"!\[|<img", DOCUMENTS[readme])) == 1


def test_each_page_is_found() -> None:
    """From the README, directly or through pages of docs: users do not read CONTRIBUTING."""
    readers = PAGES | CHINESE_PAGES
    found, new = {README}, {README}
    while new:
        led_to = {path for page in new & readers.keys() for path, _ in targets(page)}
        new = led_to - found
        found |= new
    assert not DOCUMENTS.keys() - found


@pytest.mark.parametrize("page", DOCUMENTS)
def test_links(page: str) -> None:
    """Each leads to a file, or to a heading, that is there."""
    broken = []
    for path, anchor in targets(page):
        there = (PROJECT / path).exists() and not path.startswith("..")
        if not there or (anchor and anchor not in anchors(DOCUMENTS.get(path, ""))):
            broken.append(f"{path}#{anchor}")
    assert not broken


def test_links_of_forms() -> None:
    """What GitHub shows before somebody reports something leads to what is there as well."""
    forms = (PROJECT / ".github/ISSUE_TEMPLATE").glob("*.yml")
    text = "\n".join(form.read_text(encoding="utf-8") for form in forms)
    linked = re.findall(r"/blob/main/([^)#\s]+)#?([^)\s]*)", text)
    assert linked
    assert not [path for path, _ in linked if not (PROJECT / path).is_file()]
    at = [(path, anchor) for path, anchor in linked if anchor]
    assert not [one for one in at if one[1] not in anchors(DOCUMENTS.get(one[0], ""))]


def test_links_to_forms() -> None:
    """What pages and forms ask to fill in is there."""
    folder = PROJECT / ".github/ISSUE_TEMPLATE"
    forms = [form.read_text(encoding="utf-8") for form in folder.glob("*.yml")]
    asked = re.findall(r"/issues/new\?template=([\w.]+)", "\n".join([*DOCUMENTS.values(), *forms]))
    assert asked
    assert not [form for form in asked if not (folder / form).is_file()]
    assert all(yaml.safe_load(form) for form in forms)


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What was missed", "what-was-missed"),
        (
            "With Home Assistant's triggers: doors, `locks`",
            "with-home-assistants-triggers-doors-locks",
        ),
        ("The [lock](lock.md) – 门锁", "the-lock--门锁"),
    ],
)
def test_anchors(heading: str, anchor: str) -> None:
    """They are made as GitHub makes them; the second of one name has a number."""
    text = f"## {heading}\n```sh\n# no heading\n```\n### {heading}\n"
    assert anchors(text) == [anchor, f"{anchor}-1"]


def test_pictures() -> None:
    """Each that is shown can be taken anew, and each that is there is shown."""
    folder = IMAGES.relative_to(PROJECT).as_posix()
    shown = {path for page in DOCUMENTS for path, _ in targets(page) if path.startswith(folder)}
    there = {path.relative_to(PROJECT).as_posix() for path in IMAGES.iterdir()}
    assert shown == there == {f"{folder}/{picture.name}.png" for picture in PICTURES}


class Language(NamedTuple):
    """Where the pages for users are in a language, and how they write lists and titles."""

    pages: Mapping[str, str]
    folder: str
    between: str  # two entities of a list
    after: str  # the name of an entity, besides the end of a cell
    lock: str
    plain: Callable[[str], str]  # returns a text without what a title may be written with


LANGUAGES: Final = {
    "en": Language(PAGES, "docs", "; ", ":;,", "the lock", str.lower),
    "zh-Hans": Language(
        CHINESE_PAGES, "docs/zh-CN", "；", "：；", "门锁", lambda text: text.replace(" ", "")
    ),
}
in_each_language = pytest.mark.parametrize("language", LANGUAGES)


def texts(language: str) -> Any:
    """Return the integration's texts."""
    return json.loads((TRANSLATION.parent / f"{language}.json").read_text(encoding="utf-8"))


def page(language: str, name: str) -> str:
    """Return a page in docs."""
    return DOCUMENTS[f"{LANGUAGES[language].folder}/{name}.md"]


@in_each_language
def test_blocks_of_yaml(language: str) -> None:
    """Whoever copies one gets no error for how it is written."""
    pages = LANGUAGES[language].pages
    blocks = yaml_blocks(pages=pages)
    assert len(blocks) == sum(text.count("```yaml") for text in pages.values()) > 0
    assert all(isinstance(parse_yaml(block), dict) for block in blocks)


@in_each_language
def test_each_entity_is_described(language: str) -> None:
    """By its name, in a row of its platform."""
    between, after = LANGUAGES[language].between, LANGUAGES[language].after
    rows: dict[str, str] = {}
    platform = ""
    for first, text in re.findall(
        r"^\| *(`\w+`)? *\| *(.*)$", page(language, "entities"), re.MULTILINE
    ):
        platform = first.strip("`") or platform
        rows[platform] = f"{rows.get(platform, '')}{between}{text}"
    names = texts(language)["entity"]
    missing = [
        name
        for platform, descriptions in DESCRIPTIONS.items()
        for description in descriptions
        if description.name is not None  # Those have the name of their device.
        and not re.search(
            rf"{between}{re.escape(name := names[platform][description.key]['name'])}"
            rf"(?=[{after}]| \|)",
            rows[platform],
        )
    ]
    assert not missing


CLASSES: Final = {
    "en": {Support.SUPPORTED: "**supported**", Support.EXPECTED: "expected to work"},
    "zh-Hans": {Support.SUPPORTED: "**支持**", Support.EXPECTED: "预计可用"},
}


@in_each_language
def test_the_table_of_models(language: str) -> None:
    """The README has exactly the models that have tables, each in its class."""
    readme = dict(zip(LANGUAGES, READMES, strict=True))[language]
    found = {
        model: row[-1].strip()
        for row in (line.strip("|").split("|") for line in DOCUMENTS[readme].splitlines())
        for model in re.findall(r"`(\w+\.lock\.\w+)`", row[1] if len(row) == 3 else "")
    }
    assert found.keys() == MODELS.keys()
    for model, text in found.items():
        assert text.startswith(CLASSES[language][MODELS[model].support])


@in_each_language
def test_each_model_is_described(language: str) -> None:
    """The page of models has a row for each that has tables, with the product that it is."""
    rows = dict(
        re.findall(r"^\| `(\w+\.lock\.\w+)` \| ([^|]+) \|", page(language, "models"), re.MULTILINE)
    )
    assert rows.keys() == MODELS.keys()
    if language == "en":
        named = {model: tables.name for model, tables in MODELS.items()}
        assert rows == named | {"xiaomi.lock.s2": "the same with two cameras"}


@in_each_language
def test_each_option_is_described(language: str) -> None:
    """In the order of the form, by section and name."""
    [table] = re.findall(r"^\|(?:---\|){4}\n((?:\|.*\n)+)", page(language, "setup"), re.MULTILINE)
    rows = [tuple(row.split(" | ")[:2]) for row in table.splitlines()]
    assert rows == [
        (f"| {section['name']}" if name == next(iter(section["data"])) else "|", label)
        for section in texts(language)["options"]["step"]["init"]["sections"].values()
        for name, label in section["data"].items()
    ]


@in_each_language
def test_each_action_is_described(language: str) -> None:
    """With all its fields."""
    text = (INTEGRATION / "services.yaml").read_text(encoding="utf-8")
    for action, described in yaml.safe_load(text).items():
        [row] = re.findall(
            rf"^\| [^|]*`{action}`[^|]* \|.*$", page(language, "actions"), re.MULTILINE
        )
        fields = set(re.findall(r"`(\w+)`", row.split("|")[2]))
        assert fields == {*described.get("fields", {})}, action


@in_each_language
def test_each_repair_is_described(language: str) -> None:
    """By its title."""
    lock, plain = LANGUAGES[language].lock, LANGUAGES[language].plain
    titles = [
        re.sub(r"\{\w+\}", "…", re.sub("“?{lock}”?", lock, issue["title"]))
        for issue in texts(language)["issues"].values()
    ]
    described = plain(page(language, "troubleshooting"))
    assert titles
    assert not [title for title in titles if plain(f"| {title}") not in described]
