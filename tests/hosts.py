"""Addresses of locks on the local network: loopback addresses used by this process only.

The port of miIO is fixed, and tests may run in several processes at once.
"""

from __future__ import annotations

import os
from typing import Final

_NET: Final = f"127.{1 + (os.getpid() >> 8) % 254}.{os.getpid() % 256}"

NEARBY: Final = f"{_NET}.1"
ELSEWHERE: Final = f"{_NET}.2"

LOOPBACK: Final = ("127.0.0.1", *(f"{_NET}.{number}" for number in range(1, 64)))
"""All addresses to which tests may connect."""
