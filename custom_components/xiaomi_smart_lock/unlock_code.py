"""The code that unlocking may ask for, and what is known of who guesses it; no I/O."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

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
    """Wrong codes in a row, and until when no code is taken for them, in Unix seconds."""

    wrong: int = 0
    blocked_until: float = 0.0

    def note_wrong(self, now: float) -> None:
        """Count a wrong code; take none for a while where it was one too many."""
        self.wrong += 1
        if self.wrong == GUESSES:
            self.wrong, self.blocked_until = 0, now + BLOCKED_FOR
