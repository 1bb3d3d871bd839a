"""A lock without camera, bell and users, with other ids and another order of arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from custom_components.xiaomi_smart_lock.model.tables import Tables

TWO: Final = Tables(
    model="example.lock.two",
    instance=Path(__file__).with_suffix(".json"),
    words={
        (4, 2): {2: "fingerprint", 8: "duress_fingerprint", 9: "inside_button"},
        (4, 6): {2: "unlocked", 3: "deadbolt_on", 4: "deadbolt_off", 9: "door_closed"},
        (5, 1021): {13: "not_closed", 14: "ajar", 16: "deadbolt_on"},
    },
    masks={"duress_fingerprint": "fingerprint"},
)
