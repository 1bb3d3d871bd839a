"""Somebody at the door who forces its owner, and may see what a screen shows."""

from __future__ import annotations

from typing import Final

from .attack import Attacks

ATTACKS: Final = Attacks("Somebody at the door who forces you")
