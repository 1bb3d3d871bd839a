"""A thief with a backup, or with the machine that Home Assistant runs on."""

from __future__ import annotations

from typing import Final

from .attack import Attacks

ATTACKS: Final = Attacks("A thief with a backup, or with the machine")
