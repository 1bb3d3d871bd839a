"""What comes of an attack is said as it is: whatever is not held is a problem."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Final, cast

import pytest

from attacks import __main__ as tool
from attacks import attack
from attacks.attack import HELD, Attack, Attacks, NotTriedError, Result, expect, refusal, until
from demo.home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from attacks.house import House

HOUSE: Final = cast("House", object())
ATTACKS: Final = Attacks("Somebody")


async def tried(got: str | Exception) -> Result:
    """Return what comes of an attack that gets something, or cannot be made."""

    async def attempt(house: House) -> str:
        assert house is HOUSE
        if isinstance(got, Exception):
            raise got
        return got

    return await Attack("Somebody", "get in", attempt, in_short=True).result(HOUSE)


async def test_held() -> None:
    """What was tried in vain is no problem."""
    assert (await tried(HELD)).problem == ""


async def test_succeeded() -> None:
    """What it got is said."""
    assert (await tried("the door opened")).problem == "SUCCEEDED: the door opened"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotTriedError("no door"), "no door"),
        (HomeAssistantError("it did not start"), "it did not start"),
        (ConnectionResetError(), "ConnectionResetError"),
        (KeyError("lock"), "'lock'"),
    ],
)
async def test_not_tried(error: Exception, reason: str) -> None:
    """Nobody knows whether it would have succeeded."""
    assert (await tried(error)).problem == f"not tried: {reason}"


async def test_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up at some time, and was not tried then."""
    monkeypatch.setattr(attack, "GIVEN_UP_AFTER", 0)

    async def attempt(_house: House) -> str:
        await asyncio.Event().wait()
        return HELD

    result = await Attack("Somebody", "wait", attempt, in_short=True).result(HOUSE)
    assert result.problem == "not tried: TimeoutError"


async def test_what_an_attack_relies_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it there is no attack, also where it does not come in time."""
    expect(1, "nothing")
    with pytest.raises(NotTriedError, match="no key"):
        expect("", "no key")
    answers = iter((0, 0, 1))
    await until(lambda: next(answers), "nobody answers")
    monkeypatch.setattr(attack, "COMES_WITHIN", 0)
    with pytest.raises(NotTriedError, match="nobody comes"):
        await until(lambda: False, "nobody comes")


async def test_refusals() -> None:
    """What is refused has a reason, even where none is given; what is done has none."""

    async def answer(error: HomeAssistantError | None) -> None:
        if error:
            raise error

    assert await refusal(answer(None)) == ""
    assert await refusal(answer(HomeAssistantError("Unauthorized"))) == "Unauthorized"
    assert await refusal(answer(HomeAssistantError())) == "HomeAssistantError"


def test_they_are_registered_in_order() -> None:
    """By whom, by what they try, and whether it takes but seconds."""

    @ATTACKS.try_to("ring")
    async def _ring(_house: House) -> str:
        return HELD

    @ATTACKS.try_to("wait", in_short=False)
    async def _wait(_house: House) -> str:
        return HELD

    said = [(one.who, one.what, one.in_short) for one in ATTACKS.attacks]
    assert said == [("Somebody", "ring", True), ("Somebody", "wait", False)]


RING: Final = Attack("Somebody", "ring", tried, in_short=True)  # type: ignore[arg-type]
WAIT: Final = Attack("Somebody", "wait", tried, in_short=False)  # type: ignore[arg-type]
BREAK: Final = Attack("A thief", "break in", tried, in_short=True)  # type: ignore[arg-type]


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return which attacks were chosen, of which breaking in alone succeeds."""
    chosen: list[str] = []

    async def attack_all(attacks: list[Attack]) -> list[Result]:
        chosen.extend(one.what for one in attacks)
        return [Result(one, "SUCCEEDED: it is open" * (one is BREAK)) for one in attacks]

    monkeypatch.setattr(tool, "attack_all", attack_all)
    monkeypatch.setattr(tool, "ATTACKS", (RING, WAIT, BREAK))
    monkeypatch.setattr(logging, "disable", lambda *_: None)
    return chosen


@pytest.mark.parametrize(
    ("options", "what", "status"),
    [
        ([], ["ring", "wait", "break in"], 1),
        (["--short"], ["ring", "break in"], 1),
        (["--only", "somebody"], ["ring", "wait"], 0),
        (["--only", "WAIT"], ["wait"], 0),
        (["--only", "Somebody", "--short"], ["ring"], 0),
        (["--only", "nobody"], [], 1),
    ],
)
def test_what_it_ends_with(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    chosen: list[str],
    options: list[str],
    what: list[str],
    status: int,
) -> None:
    """It is well only if something was tried, and all of it in vain."""
    monkeypatch.setattr(sys, "argv", ["attack", *options])
    assert tool.main() == status
    assert chosen == what
    said = capsys.readouterr().out
    held = len(what) - ("break in" in what)
    assert f"{len(what)} attacks, {held} held" in said
    assert ("SUCCEEDED: it is open" in said) == ("break in" in what)
