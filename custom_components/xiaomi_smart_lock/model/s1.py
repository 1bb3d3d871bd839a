"""The tables of ``xiaomi.lock.s1``, the Xiaomi Smart Door Lock 4 Pro."""

from __future__ import annotations

from typing import Final

from ..miot.spec import SPECS
from .roles import Role
from .tables import Tables

S1: Final = Tables(
    model="xiaomi.lock.s1",
    instance=SPECS / "xiaomi.lock.s1.json",
    places={
        # The doorbell's settings are in service 21 too; service 7 is the older one.
        Role.DOORBELL: (21, 1),
        # Both batteries are services of the same name; the dry cells come first.
        Role.LITHIUM_BATTERY_LEVEL: (13, 1),
        Role.LITHIUM_BATTERY_STATUS: (13, 3),
    },
    same_events={(7, 1006): (21, 1), **{(22, eiid): (4, eiid) for eiid in range(1, 10)}},
    masks={"duress_fingerprint": "fingerprint"},
)
