"""The files in which what is known of a lock is kept."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import stat
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
    """A file about a lock, not for everybody to read.

    There is one object for a file, so that what is written last is what was asked for last.
    """

    unreadable = False
    """Whether there was a file at the last load, but none that this version can read."""

    def __init__(self, hass: HomeAssistant, key: str) -> None:
        """Prepare; ``async_store`` and its like hand out the objects."""
        super().__init__(hass, STORAGE_VERSION, key, private=True)

    @override
    async def async_load(self) -> Any:
        """Return what was kept, None where there is nothing that can be read."""
        self.unreadable = False
        try:
            # Looked at beforehand, since Home Assistant moves a file that is no JSON away, and
            # with it what can still be read there.
            if await self.hass.async_add_executor_job(_is_json, self.path):
                return await super().async_load()
        # Home Assistant raises NotImplementedError for a version that nobody migrates.
        except (HomeAssistantError, LookupError, NotImplementedError, TypeError) as error:
            _LOGGER.debug("%s cannot be read: %s", self.key, error)
        self.unreadable = True
        return None

    @override
    async def async_save(self, data: Any) -> None:
        """Write, to the end even where who asked for it is canceled."""
        writing = self.hass.async_create_task(super().async_save(data), f"write {self.key}")
        await asyncio.shield(writing)

    async def async_read_back(self) -> Any:
        """Return what is on the disk, whatever waits to be written."""
        return await LockStore(self.hass, self.key).async_load()

    async def async_put_aside(self) -> str:
        """Keep a copy of a file that cannot be read, and return its text.

        The file stays until the next write, so that nothing is lost by a crash before that.
        """
        return await self.hass.async_add_executor_job(_put_aside, Path(self.path))

    @callback
    def async_cancel(self) -> None:
        """Forget what waits to be written."""
        self._async_cleanup_delay_listener()
        self._async_cleanup_final_write_listener()
        self._data = None

    @override
    async def async_remove(self) -> None:
        """Remove the file for good: whoever still has this object writes nothing more."""
        self.make_read_only()
        self.async_cancel()
        self.hass.data[STORES].pop(self.key, None)
        # A write that has begun would bring the file back, and none begins any more. Newer versions
        # of Home Assistant take the same lock when they remove.
        async with self._write_lock:
            pass
        await super().async_remove()
        await self.hass.async_add_executor_job(_remove_copies, Path(self.path))


@callback
def async_store(hass: HomeAssistant, did: str) -> LockStore:
    """Return where what is known of a lock is kept."""
    return _async_store(hass, f"{DOMAIN}.{path_part(did)}")


@callback
def async_journal_store(hass: HomeAssistant, did: str) -> LockStore:
    """Return where the journal of a lock is kept."""
    return _async_store(hass, f"{DOMAIN}.{path_part(did)}.journal")


@callback
def async_guesses_store(hass: HomeAssistant, did: str) -> LockStore:
    """Return where the wrong codes of a lock are counted."""
    return _async_store(hass, f"{DOMAIN}.{path_part(did)}.guesses")


def _async_store(hass: HomeAssistant, key: str) -> LockStore:
    stores = hass.data.setdefault(STORES, {})
    if key not in stores:
        stores[key] = LockStore(hass, key)
    return stores[key]


def salvaged_expiries(text: str) -> Iterator[object]:
    """Return what a file that cannot be read has of credentials that are to end."""
    decoder = json.JSONDecoder()
    if (begin := _ENDINGS.search(text)) is None:
        return
    position = begin.end()
    while between := _BETWEEN.match(text, position):
        try:
            item, position = decoder.raw_decode(text, between.end())
        except (RecursionError, ValueError):  # the end of the list, or of what is left of it
            return
        yield item


def _is_json(path: str) -> bool:
    """Say whether a file is JSON, or not there at all."""
    try:
        orjson.loads(Path(path).read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _put_aside(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        # The name is the one that Home Assistant gives to files that are no JSON.
        copy = Path(f"{path}.corrupt.{dt_util.utcnow().isoformat()}")
        copy.touch(OWN)  # A copy is for everybody until it gets the mode of what it is of.
        shutil.copy2(path, copy)
    except OSError as error:
        _LOGGER.warning("%s cannot be kept aside: %s", path, error)
        return ""
    return text


def _remove_copies(path: Path) -> None:
    for copy in path.parent.glob(f"{path.name}.corrupt.*"):
        copy.unlink(missing_ok=True)
