"""Python loads this module when it starts: it notes how long callbacks of event loops run.

A step of a coroutine is a callback, too. The debug mode of asyncio would tell the same, but makes
everything slower. The time of the garbage collector is not counted: it may fall into any of them.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from typing import IO, Any, Final

VARIABLE: Final = "BENCHMARK_CALLBACKS"
"""The environment variable with the path of the file to note them in."""
NOTED: Final = 0.001
"""Seconds from which on a callback is noted."""


def _watch(notes: IO[str]) -> None:
    run = asyncio.Handle._run
    collected, since = 0.0, 0.0

    def collect(phase: str, _info: dict[str, int]) -> None:
        nonlocal collected, since
        if phase == "start":
            since = time.monotonic()
        else:
            collected += time.monotonic() - since

    def timed(handle: Any) -> None:
        callback = handle._callback
        began, before = time.monotonic(), collected
        run(handle)
        took = time.monotonic() - began - (collected - before)
        if took >= NOTED:
            whose = repr(getattr(callback, "__self__", callback))
            notes.write(f"{began} {took} {' '.join(whose.split())}\n")

    gc.callbacks.append(collect)
    asyncio.Handle._run = timed  # type: ignore[assignment, method-assign]


if path := os.environ.get(VARIABLE):
    _watch(open(path, "a", buffering=1, encoding="utf-8"))  # noqa: PTH123, SIM115
