"""The users and credentials that a lock had before it was set up here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import HomeAssistantError

from ..coordinator import Moment
from ..model.tables import Ability

if TYPE_CHECKING:
    from ..coordinator import LockCoordinator
    from ..session import LockSession
    from .commands import CredentialCommands

_LOGGER = logging.getLogger(__name__)

SYNCHRONISE: Final = ("sync-lock-user", "sync-unlock-method")
MOST_ATTEMPTS: Final = 5  # until the entry is set up again


class FirstSync:
    """Has a lock tell its users and credentials once, when it wakes up."""

    def __init__(
        self, session: LockSession, coordinator: LockCoordinator, commands: CredentialCommands
    ) -> None:
        """Prepare for a lock."""
        self._session = session
        self._lock = coordinator
        self._commands = commands
        self._attempts = 0
        self._running = False

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start to wait for the lock; return a function that stops this."""
        return self._lock.moments.async_listen(Moment.WOKE_UP, self._woke_up)

    @callback
    def _woke_up(self, _read: object) -> None:
        lock = self._lock
        has_told = lock.data.users.synchronised or not self._session.pushes
        can_tell = lock.model.can(Ability.MANAGEMENT)
        if not can_tell or has_told or self._running or self._attempts >= MOST_ATTEMPTS:
            return
        self._attempts += 1
        self._running = True
        lock.in_background(self._async_synchronise())

    async def _async_synchronise(self) -> None:
        lock = self._lock
        try:
            for name in SYNCHRONISE:
                await self._commands.async_synchronise(name)
        except HomeAssistantError as error:
            _LOGGER.debug("%s has not told who may open: %s", lock.name, error)
            return
        finally:
            self._running = False
        lock.data.users.synchronised = True
        await lock.async_save()
