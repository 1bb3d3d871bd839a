"""The integration's texts, and the entities that have names."""

from __future__ import annotations

import json
from typing import Any

from homeassistant.const import Platform

from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.descriptions import DESCRIPTIONS
from tests.documents import PROJECT

HERE = PROJECT / "custom_components" / DOMAIN


def read(name: str) -> dict[str, Any]:
    """Return one of the integration's JSON files."""
    data: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return data


ENGLISH = read("translations/en.json")
CHINESE = read("translations/zh-Hans.json")
ICONS = read("icons.json")["entity"]
ICONS_OF_ACTIONS = read("icons.json")["services"]
SERVICES = (ENGLISH["services"], CHINESE["services"])
SELECTORS = (ENGLISH["selector"], CHINESE["selector"])
NAMED = [
    (platform, description)
    for platform, descriptions in DESCRIPTIONS.items()
    for description in descriptions
    if platform is not Platform.LOCK  # The lock has the device's name.
]
