"""``python -m benchmarks``: print the benchmarks; the exit code is 1 if a limit is exceeded."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
from pathlib import Path

from homeassistant.const import __version__

from demo.home_assistant import HOST
from demo.other_integrations import SETUPS
from simulator import real_names

from .compare import compare
from .figures import BROKEN, comparison, table
from .house import Setting
from .measure import BESIDE, FULL, QUICK, measure


def other_integration(text: str) -> Path:
    """Return the folder of the integration in ``DIR/custom_components``.

    Raises ArgumentTypeError if there is none that can be set up here.
    """
    for name in SETUPS:
        if (folder := Path(text).resolve() / "custom_components" / name).is_dir():
            return folder
    raise argparse.ArgumentTypeError(f"{text}/custom_components has none of {', '.join(SETUPS)}")


def simulated() -> bool:
    """Return whether the names of Xiaomi's services lead to the simulator."""
    hosts = Path("/etc/hosts").read_text(encoding="utf-8")
    return real_names.hosts(HOST) in hosts


def main() -> int:
    """Return 0 if all limits are kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="send fewer messages")
    parser.add_argument(
        "--recorder", action="store_true", help="with a recorder, whose cost then counts as ours"
    )
    other = parser.add_mutually_exclusive_group()
    other.add_argument(
        "--beside",
        metavar="DIR",
        type=other_integration,
        help="with the integration in DIR/custom_components beside it; see scripts/benchmark",
    )
    other.add_argument("--compare", metavar="REV", help="in turn with the integration of a commit")
    options = parser.parse_args()
    if options.beside and not simulated():
        parser.error("--beside would reach the real cloud here; please run scripts/benchmark")
    setting = Setting(beside=options.beside, recorder=options.recorder)
    extent = QUICK if options.quick else BESIDE if options.beside else FULL
    print(f"Home Assistant {__version__}, Python {platform.python_version()}\n")
    if options.compare:
        print(comparison(*compare(options.compare, setting, extent)))
        return 0
    figures = asyncio.run(measure(setting, extent))
    print(table(figures, options.beside.name if options.beside else None))
    return 1 if any(figure.verdict == BROKEN for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
