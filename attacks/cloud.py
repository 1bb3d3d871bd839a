"""Xiaomi's cloud when it is hostile, or somebody who shares a lock with the account."""

from __future__ import annotations

from typing import Final

from .attack import Attacks

ATTACKS: Final = Attacks("Xiaomi's cloud, or somebody who shares a lock with the account")
