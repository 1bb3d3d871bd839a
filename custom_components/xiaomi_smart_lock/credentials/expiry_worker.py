"""Deletes credentials whose time has come, however long that takes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later

from ..reporting.issues import Issue
from ..state.lock_state import Topic
from ..wording.phrases import credential_in_words, listed
from .pending_command import NOT_FOUND, CommandRejectedError

if TYPE_CHECKING:
    from datetime import datetime

    from ..coordinator import LockCoordinator
    from ..reporting.reporter import LockReporter
    from ..session import LockSession
    from ..state.credential import Credential
    from ..state.expiry import Expiry
    from .commands import CredentialCommands

_LOGGER = logging.getLogger(__name__)

# A clock may jump, as after a start without a network: nobody relies on it for longer than this.
LOOK_EVERY: Final = 60  # seconds
MOST_LOOKS_LEFT_OUT: Final = 15
LATE_AFTER: Final = 3600  # seconds from which on it is worth a word that the door still opens


class ExpiryWorker:
    """Looks after the credentials of a lock that are to end."""

    def __init__(
        self,
        session: LockSession,
        coordinator: LockCoordinator,
        commands: CredentialCommands,
        reporter: LockReporter,
    ) -> None:
        """Prepare for a lock."""
        self.enrolling: Credential | None = None
        """What is being enrolled just now, and not ended meanwhile."""
        self._session = session
        self._lock = coordinator
        self._commands = commands
        self._reporter = reporter
        self._cancel_look: CALLBACK_TYPE | None = None
        self._working = False
        self._failures = 0
        self._leave_out = 0
        self._reachable = False
        self._asked: dict[Credential, Expiry] = {}

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Begin to look; returns how to stop that."""
        cancels = (
            self._lock.async_watch(Topic.ENDINGS, self._changed),
            self._lock.async_add_listener(self._look_whether_reachable),
        )
        self._look_whether_reachable()
        self.async_look()

        @callback
        def stop() -> None:
            self._cancel()
            for cancel in cancels:
                cancel()

        return stop

    @callback
    def async_look(self, _now: datetime | None = None) -> None:
        """Delete what is due, and look again before something else may be."""
        self._cancel()
        lock = self._lock
        self._tell_of_late_ones()
        if not lock.data.expiries.known:
            return
        if self._due() and not self._working:
            if self._leave_out:
                self._leave_out -= 1
            else:
                self._working = True
                lock.config_entry.async_create_background_task(
                    lock.hass, self._async_end(), f"end credentials of {lock.name}"
                )
        job = HassJob(self.async_look, "end credentials", cancel_on_shutdown=True)
        self._cancel_look = async_call_later(lock.hass, self._until_next(), job)

    def _due(self) -> list[Credential]:
        """Return what is due, but for what is being enrolled just now."""
        due = self._lock.data.expiries.due(time.time())
        return [one for one in due if one != self.enrolling]

    def _until_next(self) -> float:
        """Return for how many seconds there is nothing to do."""
        now = time.time()
        coming = (expiry.due for expiry in self._lock.data.expiries.known.values())
        waits = (due - now for due in coming if due is not None and due > now)
        return max(1, min([LOOK_EVERY, *waits]))

    async def _async_end(self) -> None:
        """Delete what is due; leave out the more looks the more often that fails."""
        try:
            known = self._lock.data.expiries.known
            ended = [await self._async_end_one(one) for one in self._due() if one in known]
            self._failures = 0 if all(ended) else self._failures + 1
            self._leave_out = min(2**self._failures - 1, MOST_LOOKS_LEFT_OUT)
        finally:
            self._working = False
        self.async_look()

    async def _async_end_one(self, credential: Credential) -> bool:
        """Delete a credential; return whether the lock does not have it anymore."""
        lock, known = self._lock, self._lock.data.expiries.known
        expiry = self._asked[credential] = known[credential]
        user_id = self._user_of(credential, expiry)
        try:
            await self._commands.async_delete_credential(user_id, credential.operation_id)
        except HomeAssistantError as error:
            missing = isinstance(error, CommandRejectedError) and error.key == NOT_FOUND
            # What the lock never confirmed cannot have become another's.
            gone = missing and (
                not expiry.enrolled or await self._async_is_gone(credential, user_id)
            )
            if credential in known and not gone:
                if self._user_of(credential, expiry) != user_id:
                    return await self._async_end_one(credential)
                _LOGGER.debug("%s: %s is not deleted yet: %s", lock.name, credential, error)
                return False
        known.pop(credential, None)
        self._say_what_ended()
        await lock.async_save()
        return True

    def _user_of(self, credential: Credential, expiry: Expiry) -> int:
        """Return whose a credential is by now, as far as the lock has told."""
        owner = self._lock.data.users.user_of(credential)
        return expiry.user_id if owner is None else owner

    async def _async_is_gone(self, credential: Credential, user_id: int) -> bool:
        """Say whether a credential that a user does not have is nobody else's by now.

        Where the lock tells something by itself it tells all that it has if it is asked to; else
        its word has to do.
        """
        lock = self._lock
        if not self._session.pushes:
            return True
        try:
            await self._commands.async_synchronise("sync-unlock-method")
        except HomeAssistantError as error:
            return isinstance(error, CommandRejectedError) and bool(lock.data.awake)
        return lock.data.users.user_of(credential) in (None, user_id)

    @callback
    def _changed(self) -> None:
        """Write down at once that a use was counted, and see what that means."""
        self._say_what_ended()
        self._lock.config_entry.async_create_background_task(
            self._lock.hass, self._lock.async_save(), f"keep endings of {self._lock.name}"
        )
        self.async_look()

    @callback
    def _say_what_ended(self) -> None:
        """Say what is gone that we wanted gone; the lock tells so before or after it answers."""
        lock = self._lock
        for credential in self._asked.keys() - lock.data.expiries.known.keys():
            if self._asked.pop(credential).enrolled:
                words = credential_in_words(lock.hass, lock.model, credential)
                self._reporter.log("credential_ended", credential=words)

    @callback
    def _look_whether_reachable(self) -> None:
        """Try at once when the lock wakes up, or the cloud is back."""
        lock = self._lock
        reachable = bool(lock.data.awake) and (self._session.hears or not self._session.pushes)
        came, self._reachable = reachable and not self._reachable, reachable
        if came:
            self._failures = self._leave_out = 0
            self.async_look()

    @callback
    def _tell_of_late_ones(self) -> None:
        """Say which credentials still open the door long after they should not."""
        lock = self._lock
        if late := lock.data.expiries.due(time.time() - LATE_AFTER):
            words = listed(
                lock.hass, (credential_in_words(lock.hass, lock.model, one) for one in late)
            )
            self._reporter.raise_issue(Issue.STILL_OPENS, credentials=words)
        else:
            self._reporter.clear_issue(Issue.STILL_OPENS)

    def _cancel(self) -> None:
        if self._cancel_look:
            self._cancel_look()
            self._cancel_look = None
