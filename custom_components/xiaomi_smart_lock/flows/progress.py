"""Progress that a dialog shows while something takes its time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LISTENS_WITHIN: Final = 1.0
"""Seconds that a browser may take to start listening once it shows progress."""


@asynccontextmanager
async def long_enough() -> AsyncIterator[None]:
    """Last as long as a browser takes to listen: it would never be told of an earlier end."""
    listens = asyncio.ensure_future(asyncio.sleep(LISTENS_WITHIN))
    try:
        yield
    finally:
        await listens
