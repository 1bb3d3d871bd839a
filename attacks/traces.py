"""What attacks leave behind: texts, files, lines of the log, and a Home Assistant that goes on."""

from __future__ import annotations

import asyncio
import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.lock import Lock

    from .house import House

PATIENCE: Final = 60
"""Seconds after which what is waited for does not come anymore."""
TRACEBACK: Final = "Traceback (most recent call last)"
UNWRITTEN: Final = "Error writing config for"

_LONGEST: Final = 255  # characters of what is shown in one line
_UNSEEN: Final = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
_JOINERS: Final = "\u200c\u200d"
_ESCAPED: Final = re.compile(r"\\[!-/:-@\[-`{-~]")
# What makes a link, a picture, code, emphasis or HTML of a text in Markdown
_ACTIVE: Final = re.compile(r"[\[\]<>`*@]|://|www\.", re.IGNORECASE)


def spoilt(text: str) -> bool:
    """Say whether a text is more than one line of what can be seen."""
    seen = [unicodedata.category(char) for char in text if char not in _JOINERS]
    return len(text) > _LONGEST or any(kind in _UNSEEN for kind in seen)


def active(text: str) -> bool:
    """Say whether a text is anything but text where Markdown is shown."""
    return bool(_ACTIVE.search(_ESCAPED.sub("", text)))


def texts_in(data: object) -> Iterator[str]:
    """Yield all texts in JSON data, keys too."""
    match data:
        case str():
            yield data
        case dict():
            for pair in data.items():
                yield from texts_in(pair)
        case list() | tuple():
            for part in data:
                yield from texts_in(part)


def failures(house: House) -> int:
    """Return how many exceptions Home Assistant logged, and files that it could not write."""
    log = house.log
    return log.count(TRACEBACK) + log.count(UNWRITTEN)


def files(house: House) -> set[str]:
    """Return all files in and around Home Assistant's folder, by their paths from there."""
    around = house.configuration.parent
    return {
        str(path.relative_to(around))
        for path in around.rglob("*")
        if not path.is_dir() and path.relative_to(around).parts[0] != "simulator"
    }


def stored(house: House, key: str) -> Any:
    """Return what one of Home Assistant's own files says, None before it is there."""
    path = house.configuration / ".storage" / key
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


async def written(house: House, key: str, text: str) -> bool:
    """Wait until Home Assistant has written a text into one of its files, or says it cannot."""
    failed = house.log.count(f"{UNWRITTEN} {key}")
    async with asyncio.timeout(PATIENCE):
        while text not in set(texts_in(stored(house, key))):
            if house.log.count(f"{UNWRITTEN} {key}") > failed:
                return False
            await asyncio.sleep(0.2)
    return True


async def answers(house: House) -> bool:
    """Say whether Home Assistant answers who is at its WebSocket."""
    try:
        async with asyncio.timeout(PATIENCE):
            return bool(await house.owner.command("get_states"))
    except TimeoutError:
        return False


async def shows(house: House, lock: Lock, key: str, *wanted: str, within: float = PATIENCE) -> bool:
    """Wait until an entity of a lock has one of some states; say whether it had within seconds."""
    entity_id, states = house.entity_id(lock, key), house.owner.states
    return await house.owner.wait_until(
        lambda: entity_id in states and states[entity_id].state in wanted, within
    )
