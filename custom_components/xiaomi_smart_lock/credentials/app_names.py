"""The names that the Mi Home app keeps of a lock's users."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from ..account.app_session import Service
from ..miot.errors import MiotError

if TYPE_CHECKING:
    from ..account.app_session import AppSession
    from ..coordinator import LockCoordinator

_LOGGER = logging.getLogger(__name__)

WAIT: Final = 5.0
"""Seconds that a form waits for the names."""


class AppNames:
    """Reads the names of a lock's users in the Mi Home app once, when they are first needed."""

    def __init__(self, coordinator: LockCoordinator, session: AppSession) -> None:
        """Prepare for a lock; nothing is read yet."""
        self._lock = coordinator
        self._session = session
        self._reading: asyncio.Task[None] | None = None
        self._has_read = False

    async def async_read(self) -> None:
        """Have the names read unless they were, and wait for WAIT seconds at most.

        Without names nothing fails. A reading that takes longer goes on; after one that failed, the
        names are read when they are needed again.
        """
        if self._has_read:
            return
        if self._reading is None or self._reading.done():
            lock = self._lock
            self._reading = lock.config_entry.async_create_background_task(
                lock.hass, self._async_read(), "read names of the Mi Home app"
            )
        await asyncio.wait((self._reading,), timeout=WAIT)

    async def _async_read(self) -> None:
        lock = self._lock
        did = lock.device.did
        try:
            with self._session.request(Service.NAMES, did) as client:
                names = await client.user_names(did)
        except MiotError as error:
            _LOGGER.debug("%s: no names from the Mi Home app: %s", lock.name, error)
            return
        self._has_read = True
        lock.data.users.names_in_app.update(names)
