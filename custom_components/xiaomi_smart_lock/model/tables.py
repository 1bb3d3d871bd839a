"""The data type of a model's tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..miot.spec import Address, Words


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """Everything specific to a model, as data only."""

    model: str
    """Xiaomi's name of the model."""
    instance: Path
    """The path of the model's specification, in MIoT's format."""
    places: Mapping[str, Address] = field(default_factory=dict)
    """The addresses of roles that the standard names do not lead to."""
    words: Words = field(default_factory=dict)
    """Keys of values whose texts in the specification are wrong, or differ from our keys."""
    same_events: Mapping[Address, Address] = field(default_factory=dict)
    """Events that two services report: by a duplicate's address, the address that counts."""
    masks: Mapping[str, str] = field(default_factory=dict)
    """Methods to show as other ones, since a person at the door must not see them."""
