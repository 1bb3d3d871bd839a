"""The model of the simulated locks."""

from __future__ import annotations

from typing import Final

from custom_components.xiaomi_smart_lock.model.lock_model import model_of

MODEL: Final = "xiaomi.lock.s1"
S1: Final = model_of(MODEL)
SPEC: Final = S1.spec
