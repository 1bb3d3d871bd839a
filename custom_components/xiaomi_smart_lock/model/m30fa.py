"""The tables of ``xiaomi.lock.m30fa`` and the locks of its family.

Sources: the specification page of ``m30fa``, public converters and logs of ``b03`` and ``s20pro``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .door import DoorBits
from .roles import Role
from .tables import Ability, Support, Tables

M30FA: Final = Tables(
    model="xiaomi.lock.m30fa",
    name="Xiaomi Smart Door Lock M40",
    support=Support.EXPECTED,
    abilities=frozenset({Ability.PEOPLE, Ability.SETTINGS, Ability.SLEEP}),
    words={
        Role.OPERATION_POSITION: {1: "inside", 2: "outside"},
        Role.OPERATION_METHOD: {
            1: "phone",
            2: "fingerprint",
            3: "password",
            4: "nfc",
            5: "mechanical_key_or_emergency_knob",
            6: "one_time_password",
            7: "periodic_password",
            8: "duress_fingerprint",
            9: "inside_button",
            11: "face",
            12: "palm_vein",
            13: "remote",
        },
        Role.LOCK_ACTION: {
            1: "locked_automatically",
            2: "unlocked",
            3: "deadbolt_on",
            4: "deadbolt_off",
            5: "child_lock_on",
            6: "child_lock_off",
            7: "away_mode_on",
            8: "away_mode_off",
            9: "door_closed",
            10: "child_lock_and_deadbolt_on",
            11: "child_lock_and_deadbolt_off",
            12: "charging_check",
        },
        Role.ABNORMAL_CONDITION: {
            1: "verification_failed_repeatedly",
            2: "possible_tampering",
            3: "lock_reset",
            4: "dry_cells_low",
            5: "dry_cells_nearly_empty",
            6: "unlocked_inside_or_by_key_while_away",
            7: "door_ajar",
            9: "door_open_too_long",
            10: "door_ajar_too_long",
            11: "door_badly_closed",
            12: "unlocking_abnormal",
            13: "indoor_temperature_high",
            14: "lithium_battery_low",
            15: "lithium_battery_nearly_empty",
            16: "lithium_battery_too_hot",
            19: "lithium_battery_removed",
            20: "dry_cells_removed",
            21: "lithium_battery_installed",
            22: "dry_cells_installed",
            23: "lithium_battery_temperature_normal",
            24: "emergency_power_supply",
        },
    },
    door_bits=DoorBits(
        states={
            1: "locked",
            2: "unlocked",
            3: "ajar_too_long",
            4: "ajar",
            5: "not_closed",
            6: "badly_closed",
        },
        child_lock=16,
        deadbolt=32,
    ),
    masks={"duress_fingerprint": "fingerprint"},
)

S20PRO: Final = replace(M30FA, model="xiaomi.lock.s20pro", name="Xiaomi Smart Door Lock M30 Pro")

M30MAX: Final = replace(
    M30FA,
    model="xiaomi.lock.m30max",
    name="Xiaomi Smart Door Lock M40 Pro",
    abilities=M30FA.abilities | {Ability.CAMERA},
)

_B03: Final[dict[str, dict[int, str]]] = {
    Role.OPERATION_METHOD: {
        number: key
        for number, key in M30FA.words[Role.OPERATION_METHOD].items()
        if number < 10  # noqa: PLR2004, further methods have other numbers
    }
    | {5: "mechanical_key", 10: "finger_vein"},
    Role.LOCK_ACTION: {
        number: key
        for number, key in M30FA.words[Role.LOCK_ACTION].items()
        if number < 12  # noqa: PLR2004, a lock without a charger
    }
    | {1: "locked"},
    Role.ABNORMAL_CONDITION: {
        number: key
        for number, key in M30FA.words[Role.ABNORMAL_CONDITION].items()
        if number <= 12  # noqa: PLR2004, it has no lithium battery
    },
}

# Connected by a Bluetooth gateway
B03: Final = replace(
    M30FA,
    model="xiaomi.lock.b03",
    name="Xiaomi Smart Door Lock 2",
    abilities=frozenset({Ability.PEOPLE, Ability.SETTINGS}),
    words={**M30FA.words, **_B03},
)
