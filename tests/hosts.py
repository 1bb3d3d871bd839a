"""Addresses of locks on the local network: loopback addresses used by this process only.

The port of miIO is fixed, and tests may run in several processes at once.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

_NET: Final = f"127.{1 + (os.getpid() >> 8) % 254}.{os.getpid() % 256}"

NEARBY: Final = f"{_NET}.1"
ELSEWHERE: Final = f"{_NET}.2"

LOOPBACK: Final = ("127.0.0.1", *(f"{_NET}.{number}" for number in range(1, 64)))
"""All addresses to which tests may connect."""


class Hosts(AbstractResolver):
    """Resolves as a hosts file says; what is not in it is nowhere."""

    def __init__(self, hosts: str, port: int) -> None:
        """Lead every name to the port, which really is another."""
        self._addresses = {name: address for address, name in map(str.split, hosts.splitlines())}
        self._port = port

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        """Return where a name leads."""
        if host not in self._addresses:
            raise OSError(host)
        return [
            ResolveResult(
                hostname=host,
                host=self._addresses[host],
                port=self._port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Keep nothing."""
