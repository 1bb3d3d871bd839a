"""Unlocking from Home Assistant: permission, code, and the outcome of each attempt."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import ExitStack, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import CONF_UNLOCKING
from ..miot.errors import MiotError, NoAnswerError, NotSent
from ..model.roles import Role
from ..state.unlock_code import is_code
from ..wording.reasons import translatable
from .unlock_attempts import async_guesses, async_keep_guesses

if TYPE_CHECKING:
    from homeassistant.core import CALLBACK_TYPE, Context

    from ..coordinator import LockCoordinator
    from ..miot.attempt import Attempt
    from ..miot.spec import Action, Value
    from ..reporting.reporter import LockReporter
    from ..session import LockSession
    from ..state.lock_event import LockEvent

BOLT: Final = (Role.DOOR_STATE, Role.LOCK_EVENT)
"""The sources that report the outcome of an attempt."""
REPORTED_WITHIN: Final = 5  # seconds to wait for a report before the outcome is read


class Refusal(StrEnum):
    """The reason why an attempt is not sent to the lock; the value is its translation key."""

    BUSY = "unlocking_busy"
    NO_CODE = "unlocking_no_code"
    NOT_ALLOWED = NotSent.NOT_ALLOWED.value
    WHILE_BLOCKED = "unlocking_while_blocked"
    WRONG_CODE = "unlocking_wrong_code"


# Logbook kinds of other errors. For those that are not listed, it says that the lock refused.
FAILURES: Final = {
    NotSent.CALLED_OFF: "unlocking_not_sent",
    NotSent.TOO_LATE: "unlocking_not_sent",
    "lock_asleep": "unlocking_asleep",
    "lock_timed_out": "unlocking_unanswered",
    "no_answer": "unlocking_unanswered",
    "not_signed_in": "unlocking_signed_out",
}


class RemoteUnlock:
    """Unlocks a lock if an option allows it: one attempt at a time, each sent only once."""

    def __init__(
        self,
        session: LockSession,
        coordinator: LockCoordinator,
        reporter: LockReporter,
        changed: CALLBACK_TYPE,
    ) -> None:
        """Prepare for a lock; ``changed`` is called when ``awaited`` changes."""
        self._session = session
        self._lock = coordinator
        self._reporter = reporter
        self._changed = changed
        self._action = coordinator.model.action(Role.UNLOCK)
        self._permission = self._current_permission()
        self.attempt: Context | None = None
        """The context of the running attempt, None if there is none."""
        self.awaited = False
        """Whether the lock was asked, and the outcome is not known yet."""

    @property
    def needs_code(self) -> bool:
        """Whether a code is set."""
        return self._hashed is not None

    @property
    def _hashed(self) -> str | None:
        """The hash of the code, None if there is none."""
        return self._permission.get(self._session.did)

    def _current_permission(self) -> dict[str, str | None]:
        """Return the current option: empty, or the lock's did with its code's hash (or None)."""
        did = self._session.did
        allowed = self._lock.config_entry.options.get(CONF_UNLOCKING, {})
        return {did: allowed[did]} if did in allowed else {}

    def _is_allowed(self) -> bool:
        """Return whether unlocking is allowed, and the option has not changed since the start."""
        return bool(self._permission) and self._permission == self._current_permission()

    async def async_unlock(self, code: str | None, context: Context) -> None:
        """Unlock, and write the outcome to the logbook; raises HomeAssistantError."""
        try:
            await self._async_attempt(code, context)
        except HomeAssistantError as error:
            key = error.translation_key or ""
            kind = key if key in Refusal else FAILURES.get(key, "unlocking_refused")
            self._reporter.log(kind, context, reason=key)
            if key == Refusal.WRONG_CODE and await self._async_blocked_for():
                self._reporter.log("unlocking_blocked", context)
            raise
        self._reporter.log("unlocking_done", context)

    async def _async_attempt(self, code: str | None, context: Context) -> None:
        if not self._is_allowed() or self._action is None:
            raise self._refusal(Refusal.NOT_ALLOWED)
        if self.attempt:
            raise self._refusal(Refusal.BUSY)
        self.attempt = context
        try:
            with self._session.attempts.begin(self._is_allowed) as attempt:
                if self._hashed is not None:
                    await self._async_check(code, self._hashed)
                await self._async_act(attempt, self._action)
        finally:
            self.attempt = None

    async def _async_check(self, code: str | None, hashed: str) -> None:
        """Raise ServiceValidationError if the code is missing or wrong, or codes are blocked.

        A wrong code is saved before it is refused: neither a restart nor a reload gives more
        guesses.
        """
        hass, did = self._lock.hass, self._session.did
        if blocked_for := await self._async_blocked_for():
            minutes = math.ceil(blocked_for / 60)
            raise self._refusal(Refusal.WHILE_BLOCKED, minutes=str(minutes))
        if not code:
            raise self._refusal(Refusal.NO_CODE)
        guesses = await async_guesses(hass, did)
        if not await hass.async_add_executor_job(is_code, code, hashed):
            guesses.note_wrong(time.monotonic())
            await async_keep_guesses(hass, did)
            raise self._refusal(Refusal.WRONG_CODE)
        if guesses.wrong:
            guesses.wrong = 0
            hass.async_create_task(async_keep_guesses(hass, did), "forget wrong codes")

    async def _async_blocked_for(self) -> float:
        """Return for how many seconds codes are blocked."""
        guesses = await async_guesses(self._lock.hass, self._session.did)
        return guesses.blocked_for(time.monotonic())

    async def _async_act(self, attempt: Attempt, action: Action) -> None:
        """Send the action once, and wait until the outcome is known."""
        told = asyncio.Event()
        before = self._known

        def compare() -> None:
            # A reading sends news too, even if it changes nothing.
            if self._known != before:
                told.set()

        with ExitStack() as stack:
            for source in self._lock.model.sources_of(BOLT):
                stack.callback(self._lock.async_watch(source, compare))
            stack.callback(self._set_awaited, awaited=False)
            self._set_awaited(awaited=True)
            try:
                await self._session.act(attempt, action)
            except MiotError as error:
                raise self._session.failure(error) from error
            with suppress(NoAnswerError):  # On unload, the next setup reads the outcome.
                async with attempt.interruptible():
                    await self._async_learn_what_came_of_it(told)

    async def _async_learn_what_came_of_it(self, told: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(REPORTED_WITHIN if self._session.pushes else 0):
                await told.wait()
        except TimeoutError:
            await self._lock.async_refresh()

    @property
    def _known(self) -> tuple[Value | None, LockEvent | None]:
        """The known door state, and the last lock event."""
        data = self._lock.data
        return data.known(Role.DOOR_STATE), data.last(Role.LOCK_EVENT)

    def _set_awaited(self, *, awaited: bool) -> None:
        self.awaited = awaited
        self._changed()

    def _refusal(self, refusal: Refusal, **texts: str) -> ServiceValidationError:
        return translatable(ServiceValidationError, refusal, lock=self._session.name, **texts)
