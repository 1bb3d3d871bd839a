"""Traces of attacks: texts, files and log lines, and checks that Home Assistant still works."""

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
"""Time-out in seconds for waiting."""
TRACEBACK: Final = "Traceback (most recent call last)"
UNWRITTEN: Final = "Error writing config for"

_LONGEST: Final = 255  # characters of a text that is shown in one line
_UNSEEN: Final = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
_JOINERS: Final = "\u200c\u200d"
_ESCAPED: Final = re.compile(r"\\[!-/:-@\[-`{-~]")
# Characters that make a link, picture, code, emphasis or HTML of a text in Markdown
_ACTIVE: Final = re.compile(r"[\[\]<>`*@]|://|www\.", re.IGNORECASE)


def spoilt(text: str) -> bool:
    """Return whether a text is too long for one line or has characters that cannot be displayed."""
    seen = [unicodedata.category(char) for char in text if char not in _JOINERS]
    return len(text) > _LONGEST or any(kind in _UNSEEN for kind in seen)


def active(text: str) -> bool:
    """Return whether a text is more than plain text where Markdown is rendered."""
    return bool(_ACTIVE.search(_ESCAPED.sub("", text)))


def texts_in(data: object) -> Iterator[str]:
    """Yield all texts in JSON data, including keys."""
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
    """Return the number of tracebacks and failed file writes in Home Assistant's log."""
    log = house.log
    return log.count(TRACEBACK) + log.count(UNWRITTEN)


def files(house: House) -> set[str]:
    """Return the paths of all files in Home Assistant's folder and beside it.

    The paths are relative to the parent of that folder. The simulator's files are left out.
    """
    around = house.configuration.parent
    return {
        str(path.relative_to(around))
        for path in around.rglob("*")
        if not path.is_dir() and path.relative_to(around).parts[0] != "simulator"
    }


def stored(house: House, key: str) -> Any:
    """Return the content of a file in Home Assistant's storage, None if it does not exist."""
    path = house.configuration / ".storage" / key
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


async def written(house: House, key: str, text: str) -> bool:
    """Wait until Home Assistant has written a text into a storage file; return whether it could.

    Return False when the log reports a failed write. Raises TimeoutError after PATIENCE seconds.
    """
    failed = house.log.count(f"{UNWRITTEN} {key}")
    async with asyncio.timeout(PATIENCE):
        while text not in set(texts_in(stored(house, key))):
            if house.log.count(f"{UNWRITTEN} {key}") > failed:
                return False
            await asyncio.sleep(0.2)
    return True


async def answers(house: House) -> bool:
    """Return whether Home Assistant answers at its WebSocket within PATIENCE seconds."""
    try:
        async with asyncio.timeout(PATIENCE):
            return bool(await house.owner.command("get_states"))
    except TimeoutError:
        return False


async def shows(house: House, lock: Lock, key: str, *wanted: str, within: float = PATIENCE) -> bool:
    """Wait for a lock's entity to have one of several states.

    Return False if it does not within so many seconds.
    """
    entity_id, states = house.entity_id(lock, key), house.owner.states
    return await house.owner.wait_until(
        lambda: entity_id in states and states[entity_id].state in wanted, within
    )
