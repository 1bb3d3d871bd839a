"""Somebody on the path to Xiaomi: runs a router, a DNS server or a proxy."""

from __future__ import annotations

from typing import Final

from .attack import Attacks

ATTACKS: Final = Attacks("Somebody on the path to Xiaomi")
