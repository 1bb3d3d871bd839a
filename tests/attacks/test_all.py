"""All attacks that there are, held against the threat model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from attacks.__main__ import ATTACKS

THREATS: Final = (Path(__file__).parents[2] / "docs/threat-model.md").read_text(encoding="utf-8")


def test_as_many_as_were_asked_for() -> None:
    """Sixty or more, each another one."""
    assert len(ATTACKS) >= 60
    assert len({attack.what for attack in ATTACKS}) == len(ATTACKS)


def test_each_kind_of_attacker_attacks() -> None:
    """Whoever has a table of what can be tried tries something, also in short."""
    tables = re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?^\| What can be tried", THREATS, re.MULTILINE | re.DOTALL
    )
    assert tables
    assert {attack.who for attack in ATTACKS} == set(tables)
    assert {attack.who for attack in ATTACKS if attack.in_short} == set(tables)
