"""The tables of ``xiaomi.lock.d100e``, the Xiaomi Self-Install Smart Lock.

It is a family of its own: nothing in its specification is standard. Its operations are shown as
their specification tells them, and it is not unlocked: that takes a secret in two steps
(docs/decisions/). Source: a published instance.
"""

from __future__ import annotations

from typing import Final

from .roles import Role
from .tables import Support, Tables

D100E: Final = Tables(
    model="xiaomi.lock.d100e",
    name="Xiaomi Self-Install Smart Lock",
    support=Support.EXPECTED,
    places={
        Role.LOCK_STATE: (19, 12),
        Role.DOOR_STATE: (20, 1),
    },
    words={
        Role.LOCK_STATE: {0: "locked", 1: "unlocked", 2: "latch_out", 3: "abnormal"},
        Role.DOOR_STATE: {0: "not_closed", 1: "closed", 2: "not_detected"},
    },
)
