"""The attack: its definition, its attempt and its result."""

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
"""Returned by an attack that gained nothing."""
GIVEN_UP_AFTER: Final = 300  # seconds
COMES_WITHIN: Final = 30  # seconds
_PAUSE: Final = 0.05


class NotTriedError(Exception):
    """An attack could not be tried, so its result is unknown."""


@dataclass(frozen=True, slots=True)
class Attack:
    """A single attack."""

    who: str
    what: str
    attempt: Try
    """Make the attempt; return what it gained, HELD for nothing."""
    in_short: bool

    async def result(self, house: House) -> Result:
        """Try the attack for GIVEN_UP_AFTER seconds at most.

        Any error means that it could not be tried.
        """
        try:
            async with asyncio.timeout(GIVEN_UP_AFTER):
                got = await self.attempt(house)
        except Exception as error:  # noqa: BLE001, continue with the other attacks after any error
            return Result(self, f"not tried: {str(error) or type(error).__name__}")
        return Result(self, got and f"SUCCEEDED: {got}")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an attack."""

    attack: Attack
    problem: str
    """The attack's gain, or why it could not be tried. Empty if it was tried in vain."""


@dataclass(frozen=True, slots=True)
class Attacks:
    """All attacks of one kind of attacker, in the order in which they are tried."""

    who: str
    """The attacker's heading in docs/threat-model.md."""
    attacks: list[Attack] = field(default_factory=list)

    def try_to(self, what: str, *, in_short: bool = True) -> Callable[[Try], Try]:
        """Register a function as an attack.

        Set ``in_short`` to False if it takes longer than seconds.
        """

        def register(attempt: Try) -> Try:
            self.attacks.append(Attack(self.who, what, attempt, in_short))
            return attempt

        return register


def expect(condition: object, otherwise: str) -> None:
    """Raise NotTriedError unless a precondition of an attack holds."""
    if not condition:
        raise NotTriedError(otherwise)


async def until(
    condition: Callable[[], object], otherwise: str, within: float | None = None
) -> None:
    """Wait for a precondition of an attack.

    Raises NotTriedError if it does not hold within ``within`` seconds, None for COMES_WITHIN.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (COMES_WITHIN if within is None else within)
    while not condition():
        expect(loop.time() < deadline, otherwise)
        await asyncio.sleep(_PAUSE)


async def refusal(asked: Awaitable[object]) -> str:
    """Return why Home Assistant refuses a request, "" if it accepts it."""
    try:
        await asked
    except HomeAssistantError as error:
        return str(error) or type(error).__name__
    return ""
