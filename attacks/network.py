"""Somebody on the network at home: a device in the same Wi-Fi, without an account."""

from __future__ import annotations

from typing import Final

from .attack import Attacks

ATTACKS: Final = Attacks("Somebody on the network at home")
