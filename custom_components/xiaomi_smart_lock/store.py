"""Storage files of a lock that are written as a whole: its state and its wrong codes."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, override

import orjson
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import DOMAIN
from .miot.values import path_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.core import HomeAssistant

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION: Final = 1
OWN: Final = stat.S_IRUSR | stat.S_IWUSR
STORES: Final[HassKey[dict[str, LockStore]]] = HassKey(f"{DOMAIN}.stores")

_ENDINGS: Final = re.compile(r'"endings"\s*:\s*\[')
_BETWEEN: Final = re.compile(r"[\s,]*")


class LockStore(Store[Any]):
    """A storage file of a lock, readable only by its owner.

    There is one object per file, so that the last requested write is also the last one done.
    """

    unreadable = False
    """Whether the last load found a file that this version cannot read."""

    def __init__(self, hass: HomeAssistant, key: str) -> None:
        """Prepare. Use ``async_store`` or a similar function below to get an object."""
        super().__init__(hass, STORAGE_VERSION, key, private=True, atomic_writes=True)
        self.changing = asyncio.Lock()
        """Held by who loads, changes and saves."""

    @override
    async def async_load(self) -> Any:
        """Return the stored data, None if there is none or it is unreadable."""
        self.unreadable = False
        try:
            # Check first: Home Assistant moves a file away that is not JSON, and with it the part
            # that is still readable.
            if await self.hass.async_add_executor_job(_is_json, self.path):
                return await super().async_load()
        except (HomeAssistantError, LookupError, TypeError) as error:
            _LOGGER.debug("%s cannot be read: %s", self.key, error)
        self.unreadable = True
        return None

    @override
    async def _async_migrate_func(
        self, old_major_version: int, old_minor_version: int, old_data: Any
    ) -> Any:
        """Take the data of another minor version as it is, and refuse that of another major one.

        There has been one major version only: another one is of a version to come.
        """
        if old_major_version != STORAGE_VERSION:
            raise HomeAssistantError(f"version {old_major_version} is not known")
        return old_data

    @override
    async def async_save(self, data: Any) -> None:
        """Write the data. The write is finished even if the caller is canceled."""
        writing = self.hass.async_create_task(super().async_save(data), f"write {self.key}")
        await asyncio.shield(writing)

    async def async_read_back(self) -> Any:
        """Return the data on the disk, without pending writes."""
        return await LockStore(self.hass, self.key).async_load()

    async def async_put_aside(self) -> str:
        """Copy a file that cannot be read, and return its text, empty if that fails.

        The file stays until the next write, so that nothing is lost by a crash before that.
        """
        return await self.hass.async_add_executor_job(put_aside, Path(self.path))

    @callback
    def async_cancel(self) -> None:
        """Cancel pending writes."""
        self._async_cleanup_delay_listener()
        self._async_cleanup_final_write_listener()
        self._data = None

    @override
    async def async_remove(self) -> None:
        """Remove the file and its copies. Other holders of this object cannot write anymore."""
        self.make_read_only()
        self.async_cancel()
        self.hass.data[STORES].pop(self.key, None)
        # Wait for a running write, which would restore the file; no other one starts. Newer
        # versions of Home Assistant take the same lock in async_remove.
        async with self._write_lock:
            pass
        await super().async_remove()
        await self.hass.async_add_executor_job(remove_copies, Path(self.path))


@callback
def async_store(hass: HomeAssistant, did: str) -> LockStore:
    """Return the store for the state of a lock."""
    return _async_store(hass, f"{DOMAIN}.{path_part(did)}")


@callback
def async_journal_store(hass: HomeAssistant, did: str) -> LockStore:
    """Return the store in which earlier versions kept the journal of a lock."""
    return _async_store(hass, f"{DOMAIN}.{path_part(did)}.journal")


@callback
def async_guesses_store(hass: HomeAssistant, did: str) -> LockStore:
    """Return the store for the wrong codes of a lock."""
    return _async_store(hass, f"{DOMAIN}.{path_part(did)}.guesses")


@callback
def async_specification_store(hass: HomeAssistant) -> LockStore:
    """Return the store for the specifications of all locks, by URN."""
    return _async_store(hass, f"{DOMAIN}_specifications")


def _async_store(hass: HomeAssistant, key: str) -> LockStore:
    stores = hass.data.setdefault(STORES, {})
    if key not in stores:
        stores[key] = LockStore(hass, key)
    return stores[key]


def salvaged_expiries(text: str) -> Iterator[object]:
    """Yield the stored expiries of credentials that can still be read in a damaged file."""
    decoder = json.JSONDecoder()
    if (begin := _ENDINGS.search(text)) is None:
        return
    position = begin.end()
    while between := _BETWEEN.match(text, position):
        try:
            item, position = decoder.raw_decode(text, between.end())
        except (RecursionError, ValueError):  # end of the list, or of its readable part
            return
        yield item


def _is_json(path: str) -> bool:
    """Return whether a file is JSON or does not exist."""
    try:
        orjson.loads(Path(path).read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return True


def put_aside(path: Path) -> str:
    """Copy a file that is not understood, and return its text.

    One that cannot be read or copied is moved instead, and empty text is returned.
    """
    # Home Assistant gives the same name to files that are not JSON.
    copy = Path(f"{path}.corrupt.{dt_util.utcnow().isoformat()}")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        copy.touch(OWN)  # Otherwise everybody could read the copy until copy2 sets its mode.
        shutil.copy2(path, copy)
    except OSError as error:
        _LOGGER.warning("%s cannot be copied: %s", path, error)
        with suppress(OSError):
            path.replace(copy)
        return ""
    return text


def remove_copies(path: Path) -> None:
    """Remove the copies that were made of a file when it could not be read."""
    for copy in path.parent.glob(f"{path.name}.corrupt.*"):
        copy.unlink(missing_ok=True)
