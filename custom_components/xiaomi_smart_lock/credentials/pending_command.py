"""An action of the services for users and credentials, and what the lock tells of it."""

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

# Error codes by their keys. After some the lock may have done it all the same.
IN_PROGRESS: Final = "in_progress"
NOT_FOUND: Final = "not_found"
DUPLICATE: Final = "duplicate_parameter"
OUTCOME_UNKNOWN: Final = (IN_PROGRESS, "internal_error", "timeout")
UNTOLD: Final = 1
"""The code of a lock that has told nothing, where the specification has none for it."""

FAILURE: Final = "failure"
"""The key of credential-state (4.8)."""
# What says of which action an event tells, the more telling first
CORRELATION_ARGUMENTS: Final = ("operation-id", "user-ids")

type Arguments = Mapping[str, Value]
"""What actions and events carry, by the names of the specification."""
type OnStep = Callable[[LockEvent], None]


class CommandRejectedError(HomeAssistantError):
    """The lock has not done what it was asked to; that is certain."""

    key: str | None = None
    """The key of the lock's error code (4.7), where that is what says so."""


class PendingCommand:
    """Waits until the lock tells that it has done what it is asked to."""

    def __init__(
        self,
        session: LockSession,
        coordinator: LockCoordinator,
        processor: EventProcessor,
        name: str,
        on_step: OnStep | None = None,
    ) -> None:
        """Prepare for an action; ``on_step`` gets the steps of an enrollment."""
        self.name: Final = name
        """The action's name in the specification."""
        self.sent: Arguments = {}
        """What was carried to the lock."""
        self._session = session
        self._lock = coordinator
        self._processor = processor
        self._on_step = on_step
        self._errors = coordinator.model.property(Role.ERROR_CODE)
        self._told: asyncio.Future[Arguments] = coordinator.hass.loop.create_future()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what the lock tells; that may be before it answers."""
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
        """Return what the lock tells when it has done it; raises HomeAssistantError."""
        self._look()
        try:
            async with asyncio.timeout(within):
                return await self._told
        except TimeoutError:
            numbers = self._errors.numbers if self._errors else {}
            raise self.error(numbers.get(IN_PROGRESS, UNTOLD)) from None

    def is_failure(self, code: Value | None) -> bool:
        """Say whether an error code (4.7) is one, and not that it is done or begun."""
        return code is not None and self._key(code) not in (SUCCESS, IN_PROGRESS)

    def is_success(self, code: Value | None) -> bool:
        """Say whether an error code (4.7) says that it is done."""
        return self._key(code) == SUCCESS

    def error(self, code: Value) -> HomeAssistantError:
        """Return what an error code (4.7) means."""
        key = self._key(code)
        kind = HomeAssistantError if key in (None, *OUTCOME_UNKNOWN) else CommandRejectedError
        error = translatable(kind, f"error_{key or OTHER}", lock=self._session.name, code=str(code))
        if isinstance(error, CommandRejectedError):
            error.key = key
        return error

    def _key(self, code: Value | None) -> str | None:
        return None if code is None or self._errors is None else self._errors.key_of(code)

    def end(self, error: HomeAssistantError) -> None:
        """Wait no longer."""
        if not self._told.done():
            self._told.set_exception(error)
            self._told.exception()  # Where nobody waits yet, that is no mistake.

    @callback
    def _hear(self, lock_event: LockEvent) -> None:
        """Take what an event says of this action; those of other ones come by the same way."""
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
        """Take a step of the enrollment that runs; there is one at a time."""
        if self._on_step is None:
            return
        if lock_event.word("credential-state") == FAILURE:
            self.end(translatable(HomeAssistantError, "enrolment_failed", lock=self._session.name))
        else:
            self._on_step(lock_event)

    @callback
    def _look(self) -> None:
        """Wait no longer for a lock that can no longer be heard."""
        if self._lock.data.awake is False:
            self.end(translatable(HomeAssistantError, "fell_asleep", lock=self._session.name))
        elif not self._session.hears:
            self.end(translatable(HomeAssistantError, "not_heard", lock=self._session.name))
