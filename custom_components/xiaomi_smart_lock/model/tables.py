"""The shape of a model's tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..miot.spec import Address, Words


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """All that is special to a model: data, and nothing else."""

    model: str
    """What Xiaomi calls it."""
    instance: Path
    """Its specification, in MIoT's format."""
    places: Mapping[str, Address] = field(default_factory=dict)
    """Where roles are that are not where their standard names lead."""
    words: Words = field(default_factory=dict)
    """The keys of values whose texts in the specification are others than ours, or wrong."""
    same_events: Mapping[Address, Address] = field(default_factory=dict)
    """Events that the lock reports twice, once by each of two services, and the one that counts."""
    masks: Mapping[str, str] = field(default_factory=dict)
    """Ways to open the door that are shown as others, since nobody at the door may see them."""
