"""``python -m attacks``: try everything that somebody could try, and say what holds."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import strftime
from typing import TYPE_CHECKING, Final

from . import (
    answers,
    astray,
    backup,
    cloud,
    door,
    flood,
    guest,
    late,
    markup,
    network,
    onlooker,
    path,
    redirects,
)
from .house import standing

if TYPE_CHECKING:
    from .attack import Attack, Result

# The last one ends Home Assistant and looks at what it leaves.
ATTACKERS: Final = (
    *(guest, onlooker, network),
    *(path, redirects, late, answers),
    *(cloud, markup, astray, flood),
    *(door, backup),
)
ATTACKS: Final[tuple[Attack, ...]] = tuple(
    attack for attacker in ATTACKERS for attack in attacker.ATTACKS.attacks
)


async def attack_all(attacks: list[Attack]) -> list[Result]:
    """Try attacks one after the other on a house, and say what comes of each."""
    results = []
    with TemporaryDirectory(prefix="xiaomi-smart-lock-attack-") as temporary:
        print(f"{strftime('%H:%M:%S')}  Setting up the house", flush=True)
        async with standing(Path(temporary)) as house:
            for attack in attacks:
                result = await attack.result(house)
                results.append(result)
                print(
                    f"{strftime('%H:%M:%S')}  {attack.what}: {result.problem or 'held'}", flush=True
                )
    return results


def table(results: list[Result]) -> str:
    """Return what was tried by whom, and what came of it."""
    lines = [("who", "what was tried", "")]
    last = ""
    for result in results:
        who = result.attack.who
        lines.append((who if who != last else "", result.attack.what, result.problem or "held"))
        last = who
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    return "\n".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in lines)


def main() -> int:
    """Return 0 if all attacks were tried, and none succeeded."""
    parser = argparse.ArgumentParser(prog="scripts/attack", description=__doc__)
    parser.add_argument("--short", action="store_true", help="only those that take seconds")
    parser.add_argument("--only", metavar="TEXT", default="", help="those with this in their line")
    options = parser.parse_args()
    chosen = [
        attack
        for attack in ATTACKS
        if options.only.lower() in f"{attack.who} {attack.what}".lower()
        and (attack.in_short or not options.short)
    ]
    logging.disable()  # What the simulator thinks of attacks is not what this is about.
    results = asyncio.run(attack_all(chosen))
    failed = [result for result in results if result.problem]
    print(f"\n{table(results)}\n\n{len(results)} attacks, {len(results) - len(failed)} held")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
