"""A check of the demo: play the day once, and compare what is shown with what is expected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from simulator.lock import Lock

from .any_day import ANY_DAY, Act
from .day import COMMANDS, DAY, Command
from .sights import look_around

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from simulator.sibling import Sibling

    from .client import State
    from .day import Step
    from .setup import Home

SEEN_WITHIN: Final = 15

# The lock's time has a resolution of one second: equal events in one second are duplicates.
BETWEEN_STEPS: Final = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the result table."""

    step: str
    what: str
    expected: str
    seen: str

    @property
    def right(self) -> bool:
        """Whether the expected result was found."""
        return self.expected == self.seen


async def check(home: Home, lock: Lock | Sibling, progress: Callable[[str], None]) -> bool:
    """Play the day and print the table; return whether everything is as expected."""
    rows: list[Row] = []
    unavailable: set[str] = set()
    for step in DAY if isinstance(lock, Lock) else ANY_DAY:
        progress(step.name)
        rows += await _seen_after(step, home, lock)
        unavailable |= {key for key in home.entity_ids if home.state(key).state == "unavailable"}
        await asyncio.sleep(BETWEEN_STEPS)
    if isinstance(lock, Lock):
        for command in COMMANDS:
            progress(command.name)
            rows.append(await _give(command, home, lock))
        progress("Looking at pictures, a recording and the diary")
        rows += [Row("Of the day", *what) async for what in look_around(home, lock)]
    rows += [
        Row("All day long", "unavailable entities", "none", listed(unavailable)),
        Row("All day long", "complaints in the log", "none", listed(await complaints(home))),
    ]
    print(table(rows))
    return all(row.right for row in rows)


async def is_well(home: Home) -> bool:
    """Print unavailable entities and complaints in the log; return whether there are none."""
    unavailable = [key for key in home.entity_ids if home.state(key).state == "unavailable"]
    rows = [
        Row("Now", "unavailable entities", "none", listed(unavailable)),
        Row("Since the start", "complaints in the log", "none", listed(await complaints(home))),
    ]
    print(table(rows))
    return all(row.right for row in rows)


async def _seen_after(step: Step | Command | Act, home: Home, lock: Lock | Sibling) -> list[Row]:
    """Play a step; return the rows, none if the model has no such thing."""
    if isinstance(step, Act):
        return await _play(step, home, lambda: step.play(lock))
    assert isinstance(lock, Lock)  # noqa: S101
    if isinstance(step, Command):
        return [await _give(step, home, lock)]
    return await _play(step, home, lambda: step.act(lock))


async def _play(step: Step | Act, home: Home, act: Callable[[], bool | None]) -> list[Row]:
    """Play a step, and wait until everything expected is shown, for SEEN_WITHIN seconds at most."""
    before = {key: home.state(key) for key in step.events if key in home.entity_ids}

    def rows() -> list[Row]:
        return [Row(step.name, *what) for what in _seen(step, home, before)]

    if act() is False:
        return []
    await home.client.wait_until(lambda: all(row.right for row in rows()), SEEN_WITHIN)
    return rows()


def _seen(step: Step | Act, home: Home, before: dict[str, State]) -> Iterator[tuple[str, str, str]]:
    """Yield the checks of a step: what is checked, what is expected and what is found."""
    for key, expected in step.states.items():
        yield key, expected, home.state(key).state
    for key, attributes in step.events.items():
        now = home.state(key)
        fired = now.state != before[key].state
        for name, value in attributes.items():
            seen = str(now.attributes.get(name)) if fired else "not fired"
            yield f"{key} {name}", str(value), seen


async def _give(command: Command, home: Home, lock: Lock) -> Row:
    """Run a command, and check its effect on the lock itself."""
    await command.give(home)
    seen = "obeyed" if command.obeyed(lock) else "not obeyed"
    return Row(command.name, command.key, "obeyed", seen)


async def complaints(home: Home) -> list[str]:
    """Return the log's messages about the integration, except that it is a custom one."""
    records: list[dict[str, Any]] = await home.client.command("system_log/list")
    return [
        f"{record['name']}: {record['message'][0]}"
        for record in records
        if DOMAIN in str(record) and record["name"] != "homeassistant.loader"
    ]


def listed(things: Iterable[str]) -> str:
    """Return things sorted in one line, "none" without any."""
    return ", ".join(sorted(things)) or "none"


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a text table, with the name of a step in its first row only."""
    lines = [("step", "what", "expected", "seen", "")]
    last = ""
    for row in rows:
        step = row.step if row.step != last else ""
        lines.append((step, row.what, row.expected, row.seen, "ok" if row.right else "WRONG"))
        last = row.step
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
