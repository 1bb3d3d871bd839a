"""``python -m attacks``: try all attacks of the threat model, and report which of them failed."""

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

# The last attacker stops Home Assistant and examines its files.
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
    """Try attacks one after the other on one house, and return their results."""
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
    """Return the results as a table: attacker, attack, and "held" or the problem."""
    lines = [("who", "what was tried", "")]
    last = ""
    for result in results:
        who = result.attack.who
        lines.append((who if who != last else "", result.attack.what, result.problem or "held"))
        last = who
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    return "\n".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in lines)


def main() -> int:
    """Try the selected attacks, and print their results.

    Return 1 if an attack succeeded or could not be tried, or if none is selected, else 0.
    """
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
    logging.disable()  # Errors that the simulator logs during attacks are not of interest.
    results = asyncio.run(attack_all(chosen))
    failed = [result for result in results if result.problem]
    print(f"\n{table(results)}\n\n{len(results)} attacks, {len(results) - len(failed)} held")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
