"""What an attack is, and how one is tried."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from demo.home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .house import House

    type Try = Callable[[House], Awaitable[str]]

HELD: Final = ""
"""What an attack returns that got nothing."""
GIVEN_UP_AFTER: Final = 300  # seconds
COMES_WITHIN: Final = 30  # seconds
_PAUSE: Final = 0.05


class NotTriedError(Exception):
    """An attack could not be made, so that nobody knows whether it would succeed."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One thing that somebody tries."""

    who: str
    what: str
    attempt: Try
    """Tries it, and returns what was got by it: HELD for nothing."""
    in_short: bool

    async def result(self, house: House) -> Result:
        """Try it."""
        try:
            async with asyncio.timeout(GIVEN_UP_AFTER):
                got = await self.attempt(house)
        except Exception as error:  # noqa: BLE001, whatever happens, the others are tried.
            return Result(self, f"not tried: {str(error) or type(error).__name__}")
        return Result(self, got and f"SUCCEEDED: {got}")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attack."""

    attack: Attack
    problem: str
    """What it got, or why it could not be tried; empty where it was tried in vain."""


@dataclass(frozen=True, slots=True)
class Attacks:
    """All that one kind of attacker tries, in the order in which it is tried."""

    who: str
    """The heading in docs/threat-model.md."""
    attacks: list[Attack] = field(default_factory=list)

    def try_to(self, what: str, *, in_short: bool = True) -> Callable[[Try], Try]:
        """Make a function an attack; ``in_short`` is whether it takes but seconds."""

        def register(attempt: Try) -> Try:
            self.attacks.append(Attack(self.who, what, attempt, in_short))
            return attempt

        return register


def expect(condition: object, otherwise: str) -> None:
    """Raise NotTriedError unless what an attack relies on is so."""
    if not condition:
        raise NotTriedError(otherwise)


async def until(
    condition: Callable[[], object], otherwise: str, within: float = COMES_WITHIN
) -> None:
    """Wait for what an attack relies on; raises NotTriedError where it does not come."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while not condition():
        expect(loop.time() < deadline, otherwise)
        await asyncio.sleep(_PAUSE)


async def refusal(asked: Awaitable[object]) -> str:
    """Return why something is refused, nothing where it is done."""
    try:
        await asked
    except HomeAssistantError as error:
        return str(error) or type(error).__name__
    return ""
