"""A lock without camera, bell and users, with other ids and another order of arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from custom_components.xiaomi_smart_lock.model.roles import Role
from custom_components.xiaomi_smart_lock.model.tables import Ability, Support, Tables

TWO: Final = Tables(
    model="example.lock.two",
    name="Example Lock Two",
    support=Support.EXPECTED,
    abilities=frozenset({Ability.PEOPLE, Ability.SETTINGS, Ability.SLEEP}),
    specs=(Path(__file__).with_suffix(".json"),),
    places={Role.DRY_CELLS_LEVEL: (7, 1003)},
    words={
        Role.OPERATION_METHOD: {2: "fingerprint", 8: "duress_fingerprint", 9: "inside_button"},
        Role.LOCK_ACTION: {2: "unlocked", 3: "deadbolt_on", 4: "deadbolt_off", 9: "door_closed"},
        Role.DOOR_STATE: {13: "not_closed", 14: "ajar", 16: "deadbolt_on"},
    },
    masks={"duress_fingerprint": "fingerprint"},
)
