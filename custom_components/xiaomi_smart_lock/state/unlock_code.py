"""The code that unlocking may ask for, and what is known of who guesses it; no I/O."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
from dataclasses import dataclass
from typing import Final, Self

CODE: Final = re.compile(r"[0-9]{4,10}")

# What Home Assistant lets through; no code at all too, as only we know what to say about that.
CODE_FORMAT: Final = "^([0-9]{4,10})?$"

GUESSES: Final = 5
BLOCKED_FOR: Final = 300  # seconds
SALT_SIZE: Final = 16  # bytes


def hash_code(code: str) -> str:
    """Return by what a code is known again; it takes its time."""
    salt = secrets.token_bytes(SALT_SIZE)
    return f"{salt.hex()}:{_derive(code, salt).hex()}"


def is_code(code: str, hashed: str) -> bool:
    """Return whether a code is the one that was hashed; it takes its time."""
    salt, key = map(bytes.fromhex, hashed.split(":"))
    return hmac.compare_digest(_derive(code, salt), key)


def _derive(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.encode(), salt=salt, n=2**14, r=8, p=1)


@dataclass
class Guesses:
    """Wrong codes in a row, and until when no code is taken for them.

    That is by a clock that never jumps, as ``time.monotonic``, and at most five minutes from now:
    what was kept by a clock that has been set since blocks for no longer.
    """

    wrong: int = 0
    _blocked_until: float = -math.inf

    @classmethod
    def from_list(cls, kept: object, now: float, steady: float) -> Self:
        """Return what was kept; what makes no sense may have been anything, and blocks."""
        match kept:
            case [int(wrong), int() | float() as blocked_until] if 0 <= wrong < GUESSES:
                left = blocked_until - now
                return cls(wrong, steady + min(left, BLOCKED_FOR) if left > 0 else -math.inf)
        return cls(0, steady + BLOCKED_FOR)

    def as_list(self, now: float, steady: float) -> list[float]:
        """Return what to keep: the number, and the end of the block in Unix seconds."""
        left = self.blocked_for(steady)
        return [self.wrong, now + left if left else 0]

    def blocked_for(self, steady: float) -> float:
        """Return for how many seconds no code is taken."""
        return max(0, self._blocked_until - steady)

    def note_wrong(self, steady: float) -> None:
        """Count a wrong code; take none for a while where it was one too many."""
        self.wrong += 1
        if self.wrong == GUESSES:
            self.wrong, self._blocked_until = 0, steady + BLOCKED_FOR
