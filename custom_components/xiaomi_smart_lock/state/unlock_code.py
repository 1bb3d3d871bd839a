"""The code that unlocking may require, and the count of wrong codes. No I/O."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
from dataclasses import dataclass
from typing import Final, Self

CODE: Final = re.compile(r"[0-9]{4,10}")

# The format that Home Assistant checks. It allows an empty code too, for which we raise an error of
# our own.
CODE_FORMAT: Final = "^([0-9]{4,10})?$"

GUESSES: Final = 5
BLOCKED_FOR: Final = 300  # seconds
SALT_SIZE: Final = 16  # bytes


def hash_code(code: str) -> str:
    """Return the salted hash of a code. This is slow: call it in an executor."""
    salt = secrets.token_bytes(SALT_SIZE)
    return f"{salt.hex()}:{_derive(code, salt).hex()}"


def is_code(code: str, hashed: str) -> bool:
    """Return whether a code matches a hash. This is slow: call it in an executor."""
    salt, key = map(bytes.fromhex, hashed.split(":"))
    return hmac.compare_digest(_derive(code, salt), key)


def _derive(code: str, salt: bytes) -> bytes:
    return hashlib.scrypt(code.encode(), salt=salt, n=2**14, r=8, p=1)


@dataclass
class Guesses:
    """Wrong codes in a row, and until when codes are blocked.

    The end of the block is by a clock that never jumps, such as ``time.monotonic``, and at most
    five minutes from now: a block that was stored before a change of the clock lasts no longer.
    """

    wrong: int = 0
    _blocked_until: float = -math.inf

    @classmethod
    def from_list(cls, kept: object, now: float, steady: float) -> Self:
        """Return the stored guesses. Invalid data may have been anything, so it blocks."""
        match kept:
            case [int(wrong), int() | float() as blocked_until] if 0 <= wrong < GUESSES:
                left = blocked_until - now
                return cls(wrong, steady + min(left, BLOCKED_FOR) if left > 0 else -math.inf)
        return cls(0, steady + BLOCKED_FOR)

    def as_list(self, now: float, steady: float) -> list[float]:
        """Return the data to store: the count, and the block's end in Unix seconds (0: none)."""
        left = self.blocked_for(steady)
        return [self.wrong, now + left if left else 0]

    def blocked_for(self, steady: float) -> float:
        """Return for how many seconds codes are blocked."""
        return max(0, self._blocked_until - steady)

    def note_wrong(self, steady: float) -> None:
        """Count a wrong code; block codes for five minutes after the fifth in a row."""
        self.wrong += 1
        if self.wrong == GUESSES:
            self.wrong, self._blocked_until = 0, steady + BLOCKED_FOR
