"""The rules that Home Assistant's hassfest and HACS hold custom integrations to.

Both run when a change is published only; what they refuse would reach no user.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from custom_components.xiaomi_smart_lock.const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT: Final = Path(__file__).parent.parent
HERE: Final = PROJECT / "custom_components" / DOMAIN

ADDRESS: Final = re.compile(
    r"((ftps?|scp|https?|mqtts?|socket|socks5)://|www\.)[a-z0-9.-]+\.[a-z]{2,5}", re.IGNORECASE
)
KEY: Final = re.compile(r"[a-z0-9]+([-_][a-z0-9]+)*")
PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
LANGUAGES: Final = ("en", "zh-Hans")

RULES: Final = {
    "bronze": """action-setup appropriate-polling brands common-modules config-flow
        config-flow-test-coverage dependency-transparency docs-actions docs-conditions
        docs-high-level-description docs-installation-instructions docs-removal-instructions
        docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data
        test-before-configure test-before-setup unique-config-entry""",
    "silver": """action-exceptions config-entry-unloading docs-configuration-parameters
        docs-installation-parameters entity-unavailable integration-owner log-when-unavailable
        parallel-updates reauthentication-flow test-coverage""",
    "gold": """devices diagnostics discovery discovery-update-info docs-data-update docs-examples
        docs-known-limitations docs-supported-devices docs-supported-functions
        docs-troubleshooting docs-use-cases dynamic-devices entity-category entity-device-class
        entity-disabled-by-default entity-translations exception-translations icon-translations
        reconfiguration-flow repair-issues stale-devices""",
    "platinum": "async-dependency inject-websession strict-typing",
}
"""The rules of Home Assistant's scale of quality, as of November 2026."""


def texts_of(language: str) -> dict[str, Any]:
    """Return all texts of a language."""
    data: dict[str, Any] = json.loads((HERE / f"translations/{language}.json").read_text("utf-8"))
    return data


def flat(data: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield all texts with their path."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from flat(value, (*path, key))
        else:
            yield (*path, key), value


def complaints(text: str) -> list[str]:
    """Return what hassfest does not want in a translated text."""
    rules = {
        "an address, which is a placeholder's": ADDRESS.search(text),
        "HTML": re.search(r"<[a-z/!][^>]*>", text, re.IGNORECASE),
        "a placeholder in single quotes": re.search(r"'\{\w+\}'", text),
        "blanks around it": text != text.strip(),
        "a placeholder that is no name": any(
            not name.isidentifier() for name in PLACEHOLDER.findall(text)
        ),
        "a reference within a text": re.search(r".\[%|%\].", text),
    }
    return [what for what, found in rules.items() if found]


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts(language: str) -> None:
    """No text has what a translator could spoil, or a browser would take for more than text."""
    wrong = {".".join(path): complaints(text) for path, text in flat(texts_of(language))}
    assert not {path: what for path, what in wrong.items() if what}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("See http://homeassistant.local:8123", "an address"),
        ("See www.example.com", "an address"),
        ("Press <b>OK</b>", "HTML"),
        ("The lock '{lock}' is asleep", "single quotes"),
        (" Asleep", "blanks"),
        ("{0} is asleep", "no name"),
        ("Now [%key:common::yes%]", "a reference"),
    ],
)
def test_what_is_refused(text: str, complaint: str) -> None:
    """Each rule is kept."""
    assert any(complaint in what for what in complaints(text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_keys_of_texts(language: str) -> None:
    """They are small letters, numbers, and dashes and underscores that stand alone."""
    assert not [path for path, _ in flat(texts_of(language)) for key in path if not _is_key(key)]


def _is_key(key: str) -> bool:
    return key == "_" or bool(KEY.fullmatch(key))


@pytest.mark.parametrize("part", ["config", "options", "config_subentries"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_descriptions_of_fields(language: str, part: str) -> None:
    """A field that is described has a name as well."""
    flows = [texts_of(language)[part]]
    if part == "config_subentries":
        flows = list(flows[0].values())
    for flow in flows:
        for name, step in flow["step"].items():
            for fields in (step, *step.get("sections", {}).values()):
                assert fields.get("data_description", {}).keys() <= fields.get("data", {}).keys(), (
                    name
                )


def test_actions_have_texts_and_icons() -> None:
    """So have their fields; selectors' translations are there."""
    services = yaml.safe_load((HERE / "services.yaml").read_text("utf-8"))
    icons = json.loads((HERE / "icons.json").read_text("utf-8"))["services"]
    assert icons.keys() == services.keys()
    for language in LANGUAGES:
        texts = texts_of(language)["services"]
        assert texts.keys() == services.keys()
        for name, service in services.items():
            assert {"name", "description"} <= texts[name].keys()
            named = texts[name].get("fields", {})
            fields = (service or {}).get("fields", {})
            assert named.keys() == fields.keys(), name
            assert all({"name", "description"} <= field.keys() for field in named.values())


def test_manifest() -> None:
    """What must be there is, in the order that is asked for."""
    manifest = json.loads((HERE / "manifest.json").read_text("utf-8"))
    keys = list(manifest)
    assert keys == ["domain", "name", *sorted(set(keys) - {"domain", "name"})]
    wanted = {"codeowners", "documentation", "iot_class", "issue_tracker", "requirements"}
    assert manifest.keys() >= wanted | {"config_flow", "integration_type", "version"}
    assert manifest["integration_type"] == "device", "for a hub, Home Assistant says so to users"
    assert manifest["domain"] == HERE.name == DOMAIN
    assert all(owner.startswith("@") for owner in manifest["codeowners"])
    for key in ("documentation", "issue_tracker"):
        assert manifest[key].startswith("https://")
    for announced in manifest["zeroconf"]:
        assert announced["type"].endswith(".local.")
        assert announced["name"] == announced["name"].lower()
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert "quality_scale" not in manifest, "which is for Home Assistant's own integrations"


def test_quality_scale() -> None:
    """Each rule has a status, and what is not met says why."""
    rules = yaml.safe_load((HERE / "quality_scale.yaml").read_text("utf-8"))["rules"]
    assert sorted(rules) == sorted(" ".join(RULES.values()).split())
    for name, status in rules.items():
        assert status == "done" or (
            status["status"] in ("todo", "exempt") and len(status["comment"]) > 20
        ), name


def test_hacs() -> None:
    """There is one integration, with a brand, and what HACS shows of it."""
    hacs = json.loads((PROJECT / "hacs.json").read_text("utf-8"))
    known = {"name", "homeassistant", "hacs", "zip_release", "filename", "content_in_root"}
    assert {"name"} <= hacs.keys() <= known | {"country", "hide_default_branch", "render_readme"}
    assert hacs["zip_release"] == ("filename" in hacs)
    folders = [path for path in (PROJECT / "custom_components").iterdir() if path.is_dir()]
    assert [path.name for path in folders if (path / "manifest.json").exists()] == [DOMAIN]
    assert (HERE / "brand/icon.png").read_bytes().startswith(b"\x89PNG")
    assert (PROJECT / "README.md").exists()
