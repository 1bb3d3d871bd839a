"""The shapes in which a lock and its cloud send values and messages. No I/O.

Observed: locks report numbers as strings and as floats, and an event's arguments in several shapes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.xiaomi_smart_lock.miot.spec import Value

type Items = list[dict[str, Any]]
"""Arguments, each with its piid and its value."""


def _same(said: Any) -> Any:
    return said


@dataclass(frozen=True)
class Dialect:
    """The form of values, the arrangement of arguments, and whether params are a list."""

    spell: Callable[[Value], object] = _same
    arrange: Callable[[Items], object] = _same
    listed: bool = False

    def arguments(self, items: Items) -> object:
        """Return an event's arguments as they are sent."""
        return self.arrange([item | {"value": self.spell(item["value"])} for item in items])

    def message(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Return a message of the lock as it is sent."""
        if "params" not in payload:
            return payload
        numbers = ("siid", "piid", "eiid", "value")
        said: dict[str, Any] = {
            key: self.spell(value) if key in numbers else value
            for key, value in payload["params"].items()
        }
        if "arguments" in said:
            said["arguments"] = self.arguments(said["arguments"])
        return payload | {"params": [said] if self.listed else said}


def _as_text(value: Value) -> object:
    return value if isinstance(value, str) else str(int(value) if value == int(value) else value)


def _as_float(value: Value) -> object:
    return value if isinstance(value, str | bool) else float(value)


def _bare(items: Items) -> list[object]:
    return [item["value"] for item in items]


PLAIN: Final = Dialect()
DIALECTS: Final = {
    "plain": PLAIN,
    "texts": Dialect(spell=_as_text),
    "whole floats": Dialect(spell=_as_float),
    "bare values": Dialect(arrange=_bare),
    "values in one item": Dialect(arrange=lambda items: [{"value": _bare(items)}]),
    "a dict": Dialect(arrange=lambda items: {str(one["piid"]): one["value"] for one in items}),
    "JSON text": Dialect(arrange=json.dumps),
    "an item too many": Dialect(arrange=lambda items: [*items, {"piid": 99, "value": 1}]),
    "listed params": Dialect(listed=True),
    "all at once": Dialect(
        spell=_as_text, arrange=lambda items: [{"value": json.dumps(_bare(items))}], listed=True
    ),
}
