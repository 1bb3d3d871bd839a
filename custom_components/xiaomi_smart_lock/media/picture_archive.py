"""Picture files in Home Assistant's media folder, kept for the number of days of an option."""

from __future__ import annotations

import logging
import re
import stat
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError, write_utf8_file

from ..miot.values import path_part
from .latest_pictures import KINDS

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..coordinator import LockCoordinator
    from .latest_pictures import Picture

_LOGGER = logging.getLogger(__name__)

FOLDER: Final = "Xiaomi Smart Lock"
LONGEST_NAME: Final = 40  # characters of a lock's name; file systems may allow only 255 bytes
CLEAN_UP_EVERY: Final = timedelta(hours=1)

_TIME: Final = "%Y-%m-%d %H.%M.%S"
_WORDS: Final = {kind: kind.lower() for kind in KINDS.values()}
_OURS: Final = re.compile(rf"([\d-]+ [\d.]+) ({'|'.join(_WORDS.values())})\.jpg")
_NOT_IN_NAMES: Final = re.compile(r"[^\w -]+")


class PictureArchive:
    """The picture files of a lock, kept for some days, or not at all if ``days`` is 0."""

    def __init__(self, lock: LockCoordinator, days: int) -> None:
        """Prepare for a lock."""
        self._lock = lock
        self._hass = lock.hass
        self._days = days

    @callback
    def async_start(self) -> None:
        """Delete expired pictures now and, if any are kept, regularly."""
        entry = self._lock.config_entry
        entry.async_create_background_task(self._hass, self._async_clean_up(), "clean up")
        if self._days:
            entry.async_on_unload(
                async_track_time_interval(
                    self._hass, self._async_clean_up, CLEAN_UP_EVERY, cancel_on_shutdown=True
                )
            )

    async def async_keep(self, picture: Picture) -> None:
        """Write a picture to a file, if pictures of its kind and age are kept."""
        taken, oldest = _local(dt_util.utc_from_timestamp(picture.taken)), self._oldest
        folder = _folder(self._hass)
        if folder and picture.kind in _WORDS and oldest and taken >= oldest:
            name = _safe(self._lock.name)[:LONGEST_NAME]
            folder /= f"{name} {_safe(path_part(self._lock.device.did))}"
            path = folder / f"{taken:{_TIME}} {_WORDS[picture.kind]}.jpg"
            try:
                await self._hass.async_add_executor_job(_write, path, picture.jpeg)
            except (OSError, WriteError) as error:
                _LOGGER.warning("%s: a picture cannot be kept: %s", self._lock.name, error)

    @property
    def _oldest(self) -> datetime | None:
        """The local time since which pictures are kept, None if none are kept."""
        return _local(dt_util.utcnow()) - timedelta(days=self._days) if self._days else None

    async def _async_clean_up(self, _now: datetime | None = None) -> None:
        await _async_remove(self._hass, self._lock.device.did, self._oldest)


async def async_forget_pictures(hass: HomeAssistant, did: str) -> None:
    """Delete all picture files of a lock."""
    await _async_remove(hass, did, None)


async def _async_remove(hass: HomeAssistant, did: str, oldest: datetime | None) -> None:
    if folder := _folder(hass):
        try:
            await hass.async_add_executor_job(_remove, folder, did, oldest)
        except OSError as error:
            _LOGGER.warning("Pictures that were kept cannot be removed: %s", error)


def _folder(hass: HomeAssistant) -> Path | None:
    """Return the folder of all locks' pictures, None if there is no local media folder."""
    media = hass.config.media_dirs.get("local")
    return Path(media) / FOLDER if media else None


def _safe(name: str) -> str:
    """Return a name without characters that could lead to another folder."""
    return _NOT_IN_NAMES.sub("_", name)


def _local(time: datetime) -> datetime:
    """Return the local time without its zone, as in the file names."""
    return dt_util.as_local(time).replace(tzinfo=None)


def _write(path: Path, jpeg: bytes) -> None:
    for folder in (path.parents[1], path.parent):
        # Private to the owner: the file names tell when somebody came.
        folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    write_utf8_file(str(path), jpeg, private=True, mode="wb")


def _remove(folder: Path, did: str, oldest: datetime | None) -> None:
    """Delete a lock's pictures from before ``oldest`` (None: all), and folders left empty.

    Folders are found by the did, as the lock may have had another name.
    """
    for of_lock in folder.glob(f"* {_safe(path_part(did))}/"):
        for path in list(of_lock.iterdir()):
            if (taken := _taken(path.name)) and (oldest is None or taken < oldest):
                path.unlink(missing_ok=True)
        with suppress(OSError):
            of_lock.rmdir()
            folder.rmdir()


def _taken(name: str) -> datetime | None:
    """Return when a picture was taken, None if the file is no picture of ours."""
    if ours := _OURS.fullmatch(name):
        with suppress(ValueError):
            # File names have the local time without its zone.
            return datetime.strptime(ours[1], _TIME)  # noqa: DTZ007
    return None
