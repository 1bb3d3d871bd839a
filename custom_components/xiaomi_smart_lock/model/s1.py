"""The tables of ``xiaomi.lock.s1``, the Xiaomi Smart Door Lock 4 Pro, and of its twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ..miot.spec import SPECS
from .roles import Role
from .tables import Ability, Support, Tables

S1: Final = Tables(
    model="xiaomi.lock.s1",
    name="Xiaomi Smart Door Lock 4 Pro",
    support=Support.SUPPORTED,
    abilities=frozenset(Ability),
    specs=(SPECS / "xiaomi.lock.s1.json",),
    places={
        # The doorbell's settings are in service 21 too; service 7 is the older one.
        Role.DOORBELL: (21, 1),
        Role.DRY_CELLS_LEVEL: (6, 1003),
        Role.DRY_CELLS_STATUS: (6, 1004),
        Role.LITHIUM_BATTERY_LEVEL: (13, 1),
        Role.LITHIUM_BATTERY_STATUS: (13, 3),
    },
    same_events={(7, 1006): (21, 1), **{(22, eiid): (4, eiid) for eiid in range(1, 10)}},
    masks={"duress_fingerprint": "fingerprint"},
)

# Of the same name, with two cameras. No owner has confirmed yet that it acts as its twin does; its
# numbers are taken from the texts of its own specification.
S2: Final = replace(
    S1,
    model="xiaomi.lock.s2",
    support=Support.EXPECTED,
    abilities=frozenset({Ability.PEOPLE, Ability.SETTINGS, Ability.CAMERA, Ability.SLEEP}),
    specs=(),
)
