"""The data type of a model's tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..miot.spec import Address
    from .door import DoorBits


class Support(StrEnum):
    """How much is known of a model, from the most to the least."""

    SUPPORTED = "supported"
    """Owners have confirmed that it works."""
    EXPECTED = "expected"
    """It has tables, made from what is publicly known of it."""
    GENERIC = "generic"
    """Only its specification is known: it is shown as it is, and nothing can be done."""


class Ability(Enum):
    """What is possible with a model. A model has only those that its tables name."""

    PEOPLE = auto()
    """The credential in a lock event is the one that was used."""
    MANAGEMENT = auto()
    """Users and credentials can be added and deleted."""
    UNLOCKING = auto()
    """It can be unlocked remotely."""
    SETTINGS = auto()
    """Its settings can be changed, and it can be woken up."""
    CAMERA = auto()
    """It has a camera, whose pictures and recordings the Mi Home app shows."""
    SLEEP = auto()
    """It sleeps when it is not used, so that settings may have to wait."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """Everything specific to a model, as data only."""

    model: str
    """Xiaomi's name of the model."""
    name: str = ""
    """The name of the product; empty for the description in its specification."""
    support: Support = Support.GENERIC
    abilities: frozenset[Ability] = frozenset()
    specs: tuple[Path, ...] = ()
    """The paths of the shipped specifications, in MIoT's format, from the oldest revision on."""
    places: Mapping[str, Address] = field(default_factory=dict)
    """The addresses of roles that the standard names do not lead to."""
    words: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Keys of properties' values, which win over what the specification says, by role."""
    texts: Mapping[Address, Mapping[int, tuple[str, str]]] = field(default_factory=dict)
    """English and Chinese texts of values for which the specification has none, by address."""
    door_bits: DoorBits | None = None
    """The parts of the door state, if it is a bit field."""
    same_events: Mapping[Address, Address] = field(default_factory=dict)
    """Events that two services report: by a duplicate's address, the address that counts."""
    masks: Mapping[str, str] = field(default_factory=dict)
    """Methods to show as other ones, since a person at the door must not see them."""
