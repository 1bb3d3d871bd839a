"""The log of a lock: a file to which what happens and changes is appended, one object a line."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from homeassistant.core import callback
from homeassistant.helpers.json import json_bytes
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util.file import WriteError, write_utf8_file
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .miot.values import path_part
from .store import OWN, put_aside, remove_copies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

_LOGGER = logging.getLogger(__name__)

FOLDER: Final = STORAGE_DIR
LOGS: Final[HassKey[dict[str, LockLog]]] = HassKey(f"{DOMAIN}.logs")

HEADER: Final = b'{"version":1}\n'
"""The first line of the file."""
NUMBER: Final = "line"
"""The key of a line's number, which grows from line to line."""

MOST_UNWRITTEN: Final = 1000
"""Lines that are kept for the next attempt while the disk takes none."""
GROWTH: Final = 64 * 1024
"""Bytes by which the file may grow beyond twice its first line before it is written anew."""

type Line = dict[str, Any]


class LockLog:
    """The log of a lock, readable only by its owner.

    There is one object per file, so that it has one writer.
    """

    def __init__(self, hass: HomeAssistant, did: str) -> None:
        """Prepare. Use ``async_log`` to get an object."""
        self.number = 0
        """The number of the last line."""
        self.unreadable = False
        """Whether the last load found what is no line of this version, other than at the end."""
        self.fails = False
        """Whether the last attempt to write failed."""
        self._hass = hass
        self._did = did
        self._path = Path(hass.config.path(FOLDER, f"{DOMAIN}.{path_part(did)}.log"))
        self._unwritten: list[bytes] = []
        self._writing = asyncio.Lock()
        self._size = 0
        self._longest = GROWTH
        self._anew = False
        self._removed = False

    async def async_load(self) -> list[Line]:
        """Return the lines that can be read, in order; a file that has others is copied first.

        What a power cut has left at the end is no damage.
        """
        async with self._writing:
            self._unwritten, self._anew = [], False
            read = await self._hass.async_add_executor_job(_read, self._path)
            lines, self._size, first, self.unreadable = read
        self._longest = 2 * first + GROWTH
        self.number = max((line[NUMBER] for line in lines), default=0)
        return lines

    @callback
    def async_add(self, line: Mapping[str, Any]) -> None:
        """Add a line to what the next write appends."""
        self.number += 1
        self._unwritten.append(json_bytes({NUMBER: self.number, **line}) + b"\n")
        if not self._anew:
            del self._unwritten[:-MOST_UNWRITTEN]

    @callback
    def async_replace(self, line: Mapping[str, Any]) -> None:
        """Have the next write replace the file by a line, which has all that is to be kept."""
        self._unwritten, self._anew = [], True
        self.async_add(line)

    @property
    def is_long(self) -> bool:
        """Whether the file should be replaced."""
        return self._size > self._longest

    async def async_write(self) -> None:
        """Write what was added. The write is finished even if the caller is canceled."""
        if self._unwritten or self._writing.locked():
            work = self._hass.async_create_task(self._async_write(), f"write {self._path.name}")
            await asyncio.shield(work)

    async def _async_write(self) -> None:
        async with self._writing:
            if not self._unwritten or self._removed:
                return
            (lines, anew), (self._unwritten, self._anew) = (
                (self._unwritten, self._anew),
                ([], False),
            )
            write = replace if anew else append
            try:
                size = await self._hass.async_add_executor_job(write, self._path, b"".join(lines))
            except (OSError, WriteError) as error:
                self._failed(error)
                if anew:
                    self._longest = 0  # so that it is replaced later, by what is to be kept then
                    lines = lines[1:]
                self._unwritten = [*lines, *self._unwritten]
                return
            self._size, self.fails = size, False
            if anew:
                self._longest = 2 * size + GROWTH

    def _failed(self, error: Exception) -> None:
        level = logging.DEBUG if self.fails else logging.WARNING
        _LOGGER.log(level, "%s cannot be written: %s", self._path, error)
        self.fails = True

    @callback
    def async_cancel(self) -> None:
        """Forget what was added and is not written yet."""
        self._unwritten, self._anew = [], False

    async def async_remove(self) -> None:
        """Remove the file and its copies. Other holders of this object cannot write anymore."""
        self._removed = True
        self._hass.data[LOGS].pop(self._did, None)
        async with self._writing:
            await self._hass.async_add_executor_job(_remove, self._path)


@callback
def async_log(hass: HomeAssistant, did: str) -> LockLog:
    """Return the log of a lock."""
    logs = hass.data.setdefault(LOGS, {})
    if did not in logs:
        logs[did] = LockLog(hass, did)
    return logs[did]


def _read(path: Path) -> tuple[list[Line], int, int, bool]:
    """Return the lines of a file that can be read, and whether it has others.

    In between there are the sizes of the file and of its first line, which has all that was to be
    kept when the file was written anew.

    What cannot be read at the end is cut off: a power cut leaves part of a line, or zeros.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return [], 0, 0, False
    except OSError as error:
        _LOGGER.warning("%s cannot be read: %s", path, error)
        put_aside(path)
        return [], 0, 0, True
    if not content.startswith(HEADER):
        put_aside(path)
        return [], 0, 0, True
    lines: list[Line] = []
    end = position = len(HEADER)
    first, damaged = 0, False
    for row in content[position:].splitlines(keepends=True):
        first = first or len(row)
        position += len(row)
        if row.endswith(b"\n") and (line := _line(row)):
            lines.append(line)
            damaged, end = damaged or end != position - len(row), position
    if damaged:
        put_aside(path)
    elif end < len(content):
        os.truncate(path, end)
    return lines, end, first, damaged


def _line(row: bytes) -> Line | None:
    try:
        line = orjson.loads(row)
    except ValueError:
        return None
    number = line.get(NUMBER) if isinstance(line, dict) else None
    return line if isinstance(number, int) else None


def append(path: Path, lines: bytes) -> int:
    """Append lines to a file, or begin it with them; return its size then.

    Raises OSError, and then nothing was appended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, OWN)
    if not (before := os.fstat(descriptor).st_size):
        lines = HEADER + lines
    try:
        with open(descriptor, "ab") as file:  # noqa: PTH123  it has a descriptor, and no path
            file.write(lines)
    except OSError:
        os.truncate(path, before)
        raise
    return before + len(lines)


def replace(path: Path, lines: bytes) -> int:
    """Replace a file by lines; return its size then. Raises OSError or WriteError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_utf8_file(str(path), HEADER + lines, private=True, mode="wb")
    return len(HEADER) + len(lines)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
        remove_copies(path)
    except OSError as error:
        _LOGGER.warning("%s cannot be removed: %s", path, error)
