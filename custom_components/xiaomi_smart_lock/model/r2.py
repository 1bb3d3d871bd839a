"""The tables of ``loock.lock.r2`` and the locks of its family, of several makers.

Sources: public converters, logs and reports of these locks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .door import DoorBits
from .roles import Role
from .tables import Ability, Support, Tables

# Connected by a Bluetooth gateway
R2: Final = Tables(
    model="loock.lock.r2",
    name="Xiaomi Smart Door Lock M20 Pro",
    support=Support.EXPECTED,
    abilities=frozenset({Ability.PEOPLE, Ability.SETTINGS}),
    words={
        Role.OPERATION_POSITION: {1: "inside", 2: "outside", 3: "unknown_side"},
        Role.OPERATION_METHOD: {
            1: "phone",
            2: "fingerprint",
            3: "password",
            4: "nfc",
            5: "face",
            6: "finger_vein",
            7: "palm_vein",
            8: "mechanical_key",
            9: "one_time_password",
            10: "periodic_password",
            11: "homekit",
            12: "duress_fingerprint",
            13: "double_verification",
            14: "turntable",
            15: "manual",
            16: "automatic",
        },
        Role.LOCK_ACTION: {
            1: "locked",
            2: "unlocked",
            3: "locked_from_outside",
            4: "deadbolt_on",
            5: "deadbolt_off",
            6: "child_lock_on",
            7: "child_lock_off",
            8: "away_mode_on",
            9: "away_mode_off",
        },
    },
    door_bits=DoorBits(
        states={16: "locked", 32: "unlocked", 48: "not_closed", 64: "ajar"},
        child_lock=4,
        deadbolt=8,
    ),
    masks={"duress_fingerprint": "fingerprint"},
)

FCL201: Final = replace(
    R2,
    model="loock.lock.fcl201",
    name="Lockin V5 Max",
    abilities=R2.abilities | {Ability.CAMERA},
    words={
        **R2.words,
        Role.ABNORMAL_CONDITION: {
            9: "possible_tampering",
            11: "unlocked_inside_or_by_key_while_away",
            12: "lock_reset",
            23: "door_open_too_long",
            24: "door_ajar",
            25: "possible_tampering",
        },
    },
)

# Its specification gives other methods for these numbers than its firmware sends: reported of 2 and
# 3, which are a fingerprint and a password. Only three states of its door were seen: whether it
# tells there of its deadbolt and its child lock is not known.
H01LYK: Final = replace(
    R2,
    model="loock.lock.h01lyk",
    name="Xiaomi Smart Door Lock E30",
    door_bits=None,
    words={
        **R2.words,
        Role.DOOR_STATE: {16: "locked", 32: "unlocked", 64: "ajar"},
        Role.OPERATION_METHOD: {**R2.words[Role.OPERATION_METHOD], 20: "member"},
        Role.LOCK_ACTION: {
            **R2.words[Role.LOCK_ACTION],
            10: "added",
            11: "deleted",
            12: "added",
            13: "deleted",
            14: "share_cancelled",
        },
    },
)

H01MYK: Final = replace(
    H01LYK,
    model="loock.lock.h01myk",
    name="Xiaomi Smart Door Lock E30 with cat eye",
    abilities=H01LYK.abilities | {Ability.CAMERA},
)

MCN002: Final = replace(
    R2,
    model="lumi.lock.mcn002",
    name="Xiaomi Face Recognition Smart Door Lock",
    abilities=R2.abilities | {Ability.CAMERA},
    places={Role.DOOR_STATE: (2, 1021)},
)
