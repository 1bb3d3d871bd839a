"""The lock's dashboard, stored like one from the editor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from .home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .setup import Home

DASHBOARD: Final = Path(__file__).with_name("dashboard.yaml")
PATH: Final = "front-door"
READ: Final = ("heading", "name", "title")
"""The keys of a dashboard whose values are texts for people."""


async def save_dashboard(home: Home, language: str = "en") -> None:
    """Save the dashboard as the one that opens first, translated if its texts exist."""
    config = _with_entity_ids(yaml.safe_load(DASHBOARD.read_text(encoding="utf-8")), home)
    if (texts := DASHBOARD.with_suffix(f".{language}.yaml")).exists():
        config = in_language(config, yaml.safe_load(texts.read_text(encoding="utf-8")))
    path = await _first_dashboard(home, config["title"])
    await home.client.command("lovelace/config/save", url_path=path, config=config)


async def _first_dashboard(home: Home, title: str) -> str | None:
    """Return the path of the dashboard that opens first, None for the default one.

    It is created with that path if Home Assistant has a setting for it.
    """
    try:
        await home.client.command(
            "frontend/set_system_data", key="core", value={"default_panel": PATH}
        )
    except HomeAssistantError:
        # Older versions have no such setting, and open their default dashboard.
        return None
    await home.client.command(
        "lovelace/dashboards/create", url_path=PATH, title=title, icon="mdi:door-closed-lock"
    )
    return PATH


def in_language(config: Any, texts: Mapping[str, str], key: str = "") -> Any:
    """Translate the texts for people. Raises KeyError if a translation is missing."""
    match config:
        case dict():
            return {name: in_language(value, texts, name) for name, value in config.items()}
        case list():
            return [in_language(value, texts) for value in config]
        case str() if key in READ:
            return texts[config]
        case _:
            return config


def _with_entity_ids(config: Any, home: Home) -> Any:
    """Replace keys of entities, which do not depend on names, by entity ids."""
    match config:
        case dict():
            return {name: _with_entity_ids(value, home) for name, value in config.items()}
        case list():
            return [_with_entity_ids(value, home) for value in config]
        case str():
            return home.entity_ids.get(config, config)
        case _:
            return config
