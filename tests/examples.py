"""The YAML examples of the documentation, by alias."""

from __future__ import annotations

from typing import Any, Final

from homeassistant.util.yaml import parse_yaml

from tests.documents import yaml_blocks

EXAMPLES: Final[dict[str, Any]] = {
    example["alias"]: example
    for text in yaml_blocks("alias:")
    if isinstance(example := parse_yaml(text), dict)
}


ASKED_TO_LOCK: Final = "Asked to lock"
