"""Deletion of expired credentials, retried until it succeeds."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_call_later

from ..people import holder, with_whose
from ..reporting.issues import Issue
from ..signal import Signal
from ..state.expiry import Expiry
from ..state.lock_state import Topic
from ..wording.phrases import listed
from .lock_user import OWNER
from .pending_command import NOT_FOUND, CommandRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..coordinator import LockCoordinator
    from ..reporting.reporter import LockReporter
    from ..session import LockSession
    from ..state.credential import Credential
    from .commands import CredentialCommands

_LOGGER = logging.getLogger(__name__)

# The clock may jump, as after a start without a network. So no wait is longer than this.
LOOK_EVERY: Final = 60  # seconds
MOST_LOOKS_LEFT_OUT: Final = 15
LATE_AFTER: Final = 3600  # seconds after which a credential that still opens the door is reported


class ExpiryWorker:
    """Deletes the credentials of a lock when they expire."""

    def __init__(
        self,
        session: LockSession,
        coordinator: LockCoordinator,
        commands: CredentialCommands,
        reporter: LockReporter,
    ) -> None:
        """Prepare for a lock."""
        self.enrolling: Credential | None = None
        """The credential that is being enrolled, and must not be deleted meanwhile."""
        self._session = session
        self._lock = coordinator
        self._commands = commands
        self._reporter = reporter
        self._cancel_look: CALLBACK_TYPE | None = None
        self._working = False
        self._deleting: Credential | None = None
        """The credential that the lock is being asked to delete."""
        self._turn = asyncio.Lock()
        """Held as long as that takes."""
        self._failures = 0
        self._leave_out = 0
        self._reachable = False
        self._asked: dict[Credential, str | None] = {}
        """What the lock was asked to delete, in words; None for what it never confirmed."""
        self._ended: Signal[None, Credential] = Signal()
        self._put_off: Signal[None] = Signal()

    @callback
    def async_listen(self, listener: Callable[[Credential], object]) -> CALLBACK_TYPE:
        """Call a listener when a credential was deleted because its time had come.

        Return a function that stops this.
        """
        return self._ended.async_listen(None, listener)

    @callback
    def async_listen_put_off(self, listener: Callable[[], object]) -> CALLBACK_TYPE:
        """Call a listener when a credential should have ended, and the lock could not be reached.

        Return a function that stops this.
        """
        return self._put_off.async_listen(None, listener)

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start the checks; return a function that stops them."""
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
        """Delete expired credentials, and schedule the next check."""
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

    async def async_expire(self, credential: Credential, user_id: int) -> None:
        """Delete a credential as soon as the lock can be reached, over a restart too.

        Raises HomeAssistantError if that could not be written to the disk.
        """
        now = time.time()
        known, grant = self._lock.data.expiries.known, self._lock.data.users.grants.get(credential)
        if credential not in known:
            since = min(now, grant.since) if grant else now
            await self._async_keep(credential, Expiry(user_id, since).by(now))
        else:
            await self.async_change(credential, lambda expiry: expiry.by(now))
            self._leave_out = 0
            self.async_look()

    async def async_change(
        self, credential: Credential, change: Callable[[Expiry], Expiry]
    ) -> bool:
        """Change when a credential ends; return whether the lock still has it, as far as is known.

        While the lock is asked to delete it, wait for the outcome. Raises HomeAssistantError, and
        then nothing has changed, if it could not be written to the disk.
        """
        known = self._lock.data.expiries.known
        before = known[credential]
        if credential == self._deleting:
            async with self._turn:
                pass
        expiry = known.get(credential)
        if expiry is None or expiry.since != before.since:
            return False
        if (changed := change(expiry)) != expiry:
            await self._async_keep(credential, changed)
        return credential in known

    async def _async_keep(self, credential: Credential, expiry: Expiry) -> None:
        """Save the expiry of a credential; see ``async_change`` for errors."""
        known = self._lock.data.expiries.known
        before = known.get(credential)
        known[credential] = expiry
        try:
            await self._lock.async_save_expiry(credential)
        except HomeAssistantError:
            # It may have been used or deleted meanwhile, which stays.
            if known.get(credential) == expiry:
                known.pop(credential)
                if before:
                    known[credential] = before
            raise
        self._tell_of_change()
        self.async_look()

    @callback
    def _tell_of_change(self) -> None:
        self._lock.data.news.add(Topic.ENDINGS)
        self._lock.async_show_news()

    def _due(self) -> list[Credential]:
        """Return the expired credentials, except the one that is being enrolled."""
        return [one for one in self._lock.data.expiries.known if self._is_due(one)]

    def _is_due(self, credential: Credential) -> bool:
        expiry = self._lock.data.expiries.known.get(credential)
        return expiry is not None and credential != self.enrolling and expiry.has_ended(time.time())

    def _until_next(self) -> float:
        """Return the seconds until the next check."""
        now = time.time()
        coming = (expiry.due for expiry in self._lock.data.expiries.known.values())
        waits = (due - now for due in coming if due is not None and due > now)
        return max(1, min([LOOK_EVERY, *waits]))

    async def _async_end(self) -> None:
        """Delete expired credentials; after repeated failures, skip more and more checks."""
        try:
            ended = [await self._async_end_one(one) for one in self._due()]
            self._failures = 0 if all(ended) else self._failures + 1
            self._leave_out = min(2**self._failures - 1, MOST_LOOKS_LEFT_OUT)
            if self._failures:
                self._put_off.async_send((None,))
        finally:
            self._working = False
        self.async_look()

    async def _async_end_one(self, credential: Credential) -> bool:
        """Delete a credential if it is still due; return whether the lock no longer has it then."""
        lock = self._lock
        async with self._turn:
            if not self._is_due(credential):
                return True  # It was prolonged or deleted while others were.
            expiry = lock.data.expiries.known[credential]
            self._deleting = credential
            try:
                user_id = await self._async_delete(credential, expiry)
            finally:
                self._deleting = None
        if user_id is None:
            return False
        self._say_what_ended()
        self._tell_of_change()
        await lock.async_save()
        if expiry.guest and user_id == expiry.user_id != OWNER:
            await self._async_delete_user(user_id)
        return True

    async def _async_delete(self, credential: Credential, expiry: Expiry) -> int | None:
        """Delete a credential; return whose it was, None if the lock may still have it."""
        lock, known = self._lock, self._lock.data.expiries.known
        # Whose it is cannot be said any more when the lock no longer has it.
        self._asked[credential] = self._in_words(credential, expiry) if expiry.enrolled else None
        while True:
            user_id, asked = self._user_of(credential, expiry), time.time()
            gone, failure = True, None
            try:
                await self._commands.async_delete_credential(user_id, credential.operation_id)
            except HomeAssistantError as error:
                failure = error
                missing = isinstance(error, CommandRejectedError) and error.key == NOT_FOUND
                # A credential that the lock never confirmed cannot have become another user's.
                gone = missing and (
                    not expiry.enrolled or await self._async_is_gone(credential, user_id)
                )
            now_known = known.get(credential)
            # The lock may have told of the deletion before, and the number be another one's now.
            if now_known is None or now_known.since != expiry.since:
                return user_id
            if gone:
                # What the lock never confirmed may be somebody's of whom it has not told yet.
                if expiry.enrolled or not holder(lock, credential):
                    self._commands.note_deleted(user_id, credential, asked)
                known.pop(credential, None)
                return user_id
            if self._user_of(credential, expiry) == user_id:
                shown = credential.masked(lock.model)
                _LOGGER.debug("%s: %s is not deleted yet: %s", lock.name, shown, failure)
                return None

    async def _async_delete_user(self, user_id: int) -> None:
        """Delete the user of a guest, unless the lock has other credentials of that user.

        A lock that does not tell its credentials keeps the user, who may be somebody else's.
        """
        with suppress(HomeAssistantError):
            await self._commands.async_synchronise("sync-unlock-method")
            if not self._lock.data.users.credentials_of(user_id):
                await self._commands.async_delete_user(user_id, None)

    def _in_words(self, credential: Credential, expiry: Expiry) -> str:
        """Return a credential in words, with the guest whose it is, also if they were removed."""
        return with_whose(self._lock, credential, expiry.name if expiry.guest else None)

    def _user_of(self, credential: Credential, expiry: Expiry) -> int:
        """Return the current owner of a credential, as far as the lock has reported it."""
        owner = self._lock.data.users.user_of(credential)
        return expiry.user_id if owner is None else owner

    async def _async_is_gone(self, credential: Credential, user_id: int) -> bool:
        """Return whether a credential that a user no longer has belongs to nobody else.

        A lock with push reports all its credentials on request. Without push, or if an awake lock
        refuses the request, its first answer is trusted.
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
        """Save a changed expiry, such as a counted use, at once, and check for expired ones."""
        self._say_what_ended()
        self._lock.config_entry.async_create_background_task(
            self._lock.hass, self._lock.async_save(), f"keep endings of {self._lock.name}"
        )
        self.async_look()

    @callback
    def _say_what_ended(self) -> None:
        """Log the credentials that were deleted on our request.

        The lock reports a deletion before or after it answers.
        """
        for credential in self._asked.keys() - self._lock.data.expiries.known.keys():
            if words := self._asked.pop(credential):
                self._reporter.log("credential_ended", credential=words)
                self._ended.async_send((None,), credential)

    @callback
    def _look_whether_reachable(self) -> None:
        """Retry at once when the lock wakes up, or the cloud is back."""
        lock = self._lock
        reachable = bool(lock.data.awake) and (self._session.hears or not self._session.pushes)
        came, self._reachable = reachable and not self._reachable, reachable
        if came:
            self._failures = self._leave_out = 0
            self.async_look()

    @callback
    def _tell_of_late_ones(self) -> None:
        """Raise an issue for credentials that still open the door long after their expiry."""
        lock = self._lock
        known, late_since = lock.data.expiries.known, time.time() - LATE_AFTER
        if late := [one for one, expiry in known.items() if expiry.was_due(late_since)]:
            words = listed(lock.hass, (self._in_words(one, known[one]) for one in late))
            self._reporter.raise_issue(Issue.STILL_OPENS, credentials=words)
        else:
            self._reporter.clear_issue(Issue.STILL_OPENS)

    def _cancel(self) -> None:
        if self._cancel_look:
            self._cancel_look()
            self._cancel_look = None
