"""Unlocking from Home Assistant: who may, and what became of each attempt."""

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
"""What tells what came of an attempt."""
REPORTED_WITHIN: Final = 5  # seconds until the lock is asked what came of it


class Refusal(StrEnum):
    """Why an attempt does not get to the lock; the value is the key of its translations."""

    BUSY = "unlocking_busy"
    NO_CODE = "unlocking_no_code"
    NOT_ALLOWED = NotSent.NOT_ALLOWED.value
    WHILE_BLOCKED = "unlocking_while_blocked"
    WRONG_CODE = "unlocking_wrong_code"


# What the logbook says of others; of those that are not here, that the lock refused.
FAILURES: Final = {
    NotSent.CALLED_OFF: "unlocking_not_sent",
    NotSent.TOO_LATE: "unlocking_not_sent",
    "lock_asleep": "unlocking_asleep",
    "lock_timed_out": "unlocking_unanswered",
    "no_answer": "unlocking_unanswered",
    "not_signed_in": "unlocking_signed_out",
}


class RemoteUnlock:
    """Unlocks a lock, if an option allows it: one attempt at a time, and each of them once."""

    def __init__(
        self,
        session: LockSession,
        coordinator: LockCoordinator,
        reporter: LockReporter,
        changed: CALLBACK_TYPE,
    ) -> None:
        """Prepare for a lock; ``changed`` is told when the lock begins and ends to be awaited."""
        self._session = session
        self._lock = coordinator
        self._reporter = reporter
        self._changed = changed
        self._action = coordinator.model.action(Role.UNLOCK)
        self._permission = self._current_permission()
        self.attempt: Context | None = None
        """Who unlocks just now."""
        self.awaited = False
        """Whether the lock was asked, and has not answered yet."""

    @property
    def needs_code(self) -> bool:
        """Whether a code is set."""
        return self._hashed is not None

    @property
    def _hashed(self) -> str | None:
        """The hash of the code, None where there is none."""
        return self._permission.get(self._session.did)

    def _current_permission(self) -> dict[str, str | None]:
        """Return the option as it is now: empty, or the lock's did with the hash of its code."""
        did = self._session.did
        allowed = self._lock.config_entry.options.get(CONF_UNLOCKING, {})
        return {did: allowed[did]} if did in allowed else {}

    def _is_allowed(self) -> bool:
        """Return whether unlocking is allowed, and by the code that was asked for."""
        return bool(self._permission) and self._permission == self._current_permission()

    async def async_unlock(self, code: str | None, context: Context) -> None:
        """Unlock, and have the logbook say what came of it; raises HomeAssistantError."""
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
        """Raise unless the code is right, and is not asked for too often.

        A wrong one is written down before anybody knows: neither a restart nor a reload gives more
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
        """Return for how many seconds no code is taken."""
        guesses = await async_guesses(self._lock.hass, self._session.did)
        return guesses.blocked_for(time.monotonic())

    async def _async_act(self, attempt: Attempt, action: Action) -> None:
        """Ask the lock once, and wait until it told what came of it."""
        told = asyncio.Event()
        before = self._known

        def compare() -> None:
            # There is news of what was read too, though it says nothing new.
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
            with suppress(NoAnswerError):  # The entry goes: what came of it is read by the next.
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
        """What is known of the bolt, and what happened to it last."""
        data = self._lock.data
        return data.known(Role.DOOR_STATE), data.last(Role.LOCK_EVENT)

    def _set_awaited(self, *, awaited: bool) -> None:
        self.awaited = awaited
        self._changed()

    def _refusal(self, refusal: Refusal, **texts: str) -> ServiceValidationError:
        return translatable(ServiceValidationError, refusal, lock=self._session.name, **texts)
