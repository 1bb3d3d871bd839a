"""Where locks are on the local network: addresses of loopback that belong to this process alone.

The port of miIO is always the same, and tests may run in several processes at once.
"""

from __future__ import annotations

import os
from typing import Final

_NET: Final = f"127.{1 + (os.getpid() >> 8) % 254}.{os.getpid() % 256}"

NEARBY: Final = f"{_NET}.1"
ELSEWHERE: Final = f"{_NET}.2"

LOOPBACK: Final = ("127.0.0.1", *(f"{_NET}.{number}" for number in range(1, 64)))
"""All that tests may connect to."""
