"""``python -m benchmarks``: print the benchmarks; the exit code is 1 if a limit is exceeded."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
from typing import Final

from homeassistant.const import __version__

from .figures import Figure, table
from .footprint import footprints
from .latency import latencies

ROUNDS: Final = 500
QUICK_ROUNDS: Final = 100


async def measure(rounds: int, *, recorder: bool) -> list[Figure]:
    """Measure everything."""
    return [
        *await latencies(rounds, recorder=recorder),
        *await footprints(recorder=recorder),
    ]


def main() -> int:
    """Return 0 if all limits are kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="send fewer messages")
    parser.add_argument(
        "--recorder", action="store_true", help="with a recorder, whose cost then counts as ours"
    )
    options = parser.parse_args()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    figures = asyncio.run(measure(rounds, recorder=options.recorder))
    print(f"Home Assistant {__version__}, Python {platform.python_version()}\n")
    print(table(figures))
    return 0 if all(figure.kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
