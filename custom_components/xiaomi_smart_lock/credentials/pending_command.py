"""An action for users and credentials, and the outcome that the lock reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..model.roles import Role
from ..state.user_registry import SUCCESS
from ..wording.phrases import OTHER
from ..wording.reasons import translatable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..coordinator import LockCoordinator
    from ..events.processor import EventProcessor
    from ..miot.spec import Value
    from ..session import LockSession
    from ..state.lock_event import LockEvent

# Keys of error codes. After those in OUTCOME_UNKNOWN the lock may have done the action.
IN_PROGRESS: Final = "in_progress"
NOT_FOUND: Final = "not_found"
DUPLICATE: Final = "duplicate_parameter"
OUTCOME_UNKNOWN: Final = (IN_PROGRESS, "internal_error", "timeout")
UNTOLD: Final = 1
"""The code for a lock that has reported nothing, if the specification has no such code."""

FAILURE: Final = "failure"
"""The key of a failure in credential-state (4.8)."""
# Arguments that tell which action an event belongs to, the more specific one first
CORRELATION_ARGUMENTS: Final = ("operation-id", "user-ids")

type Arguments = Mapping[str, Value]
"""The arguments of actions and events, by their names in the specification."""
type OnStep = Callable[[LockEvent], None]


class CommandRejectedError(HomeAssistantError):
    """The lock has certainly not done the action."""

    key: str | None = None
    """The key of the lock's error code (4.7), None if the reason is not such a code."""


class PendingCommand:
    """An action that waits for the lock to report its outcome."""

    def __init__(
        self,
        session: LockSession,
        coordinator: LockCoordinator,
        processor: EventProcessor,
        name: str,
        on_step: OnStep | None = None,
    ) -> None:
        """Prepare for an action; ``on_step`` receives the steps of an enrollment."""
        self.name: Final = name
        """The action's name in the specification."""
        self.sent: Arguments = {}
        """The arguments that were sent to the lock."""
        self.sent_at = 0.0
        """When they were sent, in Unix seconds."""
        self._session = session
        self._lock = coordinator
        self._processor = processor
        self._on_step = on_step
        self._errors = coordinator.model.property(Role.ERROR_CODE)
        self._told: asyncio.Future[Arguments] = coordinator.hass.loop.create_future()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for the lock's reports, which may come before its answer."""
        with ExitStack() as stack:
            stack.callback(self._told.cancel)
            model = self._lock.model
            for kind in model.completion_events(self.name):
                stack.callback(self._processor.async_listen(kind, self._hear))
            for kind in model.addresses_of((Role.ENROLMENT_STEP,)):
                stack.callback(self._processor.async_listen(kind, self._step))
            stack.callback(self._lock.async_add_listener(self._look))
            yield

    async def told(self, within: float) -> Arguments:
        """Wait until the lock reports success; return the arguments of its event.

        ``within`` is the time-out in seconds. Raises HomeAssistantError if the action failed, the
        wait was ended, or the time-out has passed.
        """
        self._look()
        try:
            async with asyncio.timeout(within):
                return await self._told
        except TimeoutError:
            numbers = self._errors.numbers if self._errors else {}
            raise self.error(numbers.get(IN_PROGRESS, UNTOLD)) from None

    def is_failure(self, code: Value | None) -> bool:
        """Return whether an error code (4.7) means neither success nor in progress."""
        return code is not None and self._key(code) not in (SUCCESS, IN_PROGRESS)

    def is_success(self, code: Value | None) -> bool:
        """Return whether an error code (4.7) means success."""
        return self._key(code) == SUCCESS

    def error(self, code: Value) -> HomeAssistantError:
        """Return the exception for an error code (4.7)."""
        key = self._key(code)
        kind = HomeAssistantError if key in (None, *OUTCOME_UNKNOWN) else CommandRejectedError
        error = translatable(kind, f"error_{key or OTHER}", lock=self._session.name, code=str(code))
        if isinstance(error, CommandRejectedError):
            error.key = key
        return error

    def _key(self, code: Value | None) -> str | None:
        return None if code is None or self._errors is None else self._errors.key_of(code)

    def end(self, error: HomeAssistantError) -> None:
        """End the wait with an error."""
        if not self._told.done():
            self._told.set_exception(error)
            self._told.exception()  # Mark it as retrieved, since nobody may be waiting yet.

    @callback
    def _hear(self, lock_event: LockEvent) -> None:
        """Take the outcome from an event; events of other actions arrive here too."""
        telling = next((name for name in CORRELATION_ARGUMENTS if name in self.sent), None)
        if self._told.done() or (telling and lock_event.get(telling) != self.sent[telling]):
            return
        code = lock_event.get("error-code")
        done, *_ = self._lock.model.completion_events(self.name)
        if lock_event.kind == done and (code is None or self.is_success(code)):
            facts = {argument.name: value for argument, value in lock_event.known_arguments}
            self._told.set_result(facts)
        elif code is not None and self.is_failure(code):
            self.end(self.error(code))

    @callback
    def _step(self, lock_event: LockEvent) -> None:
        """Take a step of the running enrollment; there is only one at a time."""
        if self._on_step is None:
            return
        if lock_event.word("credential-state") == FAILURE:
            self.end(translatable(HomeAssistantError, "enrolment_failed", lock=self._session.name))
        else:
            self._on_step(lock_event)

    @callback
    def _look(self) -> None:
        """End the wait if the lock can no longer be heard."""
        if self._lock.data.awake is False:
            self.end(translatable(HomeAssistantError, "fell_asleep", lock=self._session.name))
        elif not self._session.hears:
            self.end(self._session.unheard(HomeAssistantError))
