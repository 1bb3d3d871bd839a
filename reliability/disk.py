"""What is written to the files of locks, while a Home Assistant runs in this process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.util.file import write_utf8_file_atomic

from custom_components.xiaomi_smart_lock import lock_log
from custom_components.xiaomi_smart_lock.const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Disk:
    """How often the files of locks were written, and how many bytes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.writes = 0
        self.written = 0

    @contextmanager
    def counting(self) -> Iterator[Disk]:
        """Count what is written within."""
        with (
            patch(
                "homeassistant.helpers.storage.write_utf8_file_atomic",
                self._counted(write_utf8_file_atomic),
            ),
            patch.object(lock_log, "replace", self._counted(lock_log.replace)),
            patch.object(lock_log, "append", self._counted(lock_log.append)),
        ):
            yield self

    def _counted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: object, data: str | bytes, *args: Any, **kwargs: Any) -> Any:
            if DOMAIN in str(path):
                self.writes += 1
                self.written += len(data)
            return write(path, data, *args, **kwargs)

        return counted
