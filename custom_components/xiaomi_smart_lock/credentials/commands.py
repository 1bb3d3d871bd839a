"""Commands for a lock's users and credentials, by service 4 or, if it lacks that, by 22."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..miot.attempt import Attempt
from ..miot.errors import (
    InvalidValueError,
    MiotError,
    NotSentError,
    NotSignedInError,
    Reason,
    ResultError,
    TooManyRequestsError,
)
from ..model.roles import COMPLETION_EVENTS, Role
from ..state.lock_event import LockEvent
from ..wording.reasons import translatable
from .pending_command import CommandRejectedError, PendingCommand

if TYPE_CHECKING:
    from ..coordinator import LockCoordinator
    from ..events.processor import EventProcessor
    from ..miot.spec import Action, Value
    from ..session import LockSession
    from ..state.credential import Credential
    from .pending_command import Arguments, OnStep

# Result codes of a lock that lacks a service or an action
ABSENT: Final = (-704040002, -704040005)
# After these errors the lock may have done the action all the same.
OUTCOME_UNKNOWN: Final = (
    Reason.ACTION_FAILED,
    Reason.TIMED_OUT,
    Reason.UNKNOWN,
    Reason.WRONG_RESULT,
)

# An immediate success of these actions only means that they have begun.
SYNCHRONISING: Final = ("sync-lock-user", "sync-unlock-method")
TOLD_WITHIN: Final = 30  # seconds until a missing outcome is an error
# Event arguments that carry no state of users and credentials
NON_STATE_ARGUMENTS: Final = ("current-time", "error-code")


def free_numbers(taken: set[int]) -> list[int]:
    """Return the ids that are not taken, lowest first; 0 is the owner's, or means none."""
    return [number for number in range(1, 0x10000) if number not in taken]


class CredentialCommands:
    """Manages the users and credentials of one lock."""

    def __init__(
        self, session: LockSession, coordinator: LockCoordinator, processor: EventProcessor
    ) -> None:
        """Prepare; a lock that lacks the first service is detected at the first command."""
        self._session = session
        self._lock = coordinator
        self._processor = processor
        self._siid = 0
        """The first service to try."""

    def pending(self, name: str, on_step: OnStep | None = None) -> PendingCommand:
        """Return a command that can be ended before the lock has reported its outcome."""
        return PendingCommand(self._session, self._lock, self._processor, name, on_step)

    async def async_set_user(
        self, user_id: int | None, user_type: int | None, least: int = 1
    ) -> int:
        """Add or change a user; return the user id, chosen from ``least`` on if None is given."""
        free = [one for one in free_numbers(self._lock.data.users.numbers) if one >= least]
        asked = {"user-ids": user_id, "user-type": user_type}
        facts = await self._async_act(
            "add-lock-user",
            {name: value for name, value in asked.items() if value is not None},
            {"user-ids": free[0], **self._normal_user()},
        )
        return int(facts["user-ids"])

    def _normal_user(self) -> Arguments:
        user_types = self._lock.model.property(Role.USER_TYPE)
        return {"user-type": user_types.value_of("normal_user")} if user_types else {}

    async def async_delete_user(self, user_id: int, user_type: int | None) -> None:
        """Delete a user and all their credentials.

        Raises ServiceValidationError if the user type is neither given nor known.
        """
        known = self._lock.data.users.known.get(user_id)
        user_type = known.user_type if user_type is None and known else user_type
        if user_type is None:
            raise translatable(
                ServiceValidationError,
                "user_type_unknown",
                lock=self._session.name,
                user_id=str(user_id),
            )
        await self._async_act("delete-lock-user", {"user-ids": user_id, "user-type": user_type})

    async def async_take_back_user(self, user_id: int) -> None:
        """Try to delete a user just made, also while the entry unloads; ignore errors."""
        asked = {"user-ids": user_id, **self._normal_user()}
        with suppress(HomeAssistantError):
            await self._async_run(self.pending("delete-lock-user"), asked, attempt=Attempt())

    async def async_add_credential(
        self,
        command: PendingCommand,
        user_id: int,
        credential: Credential,
        content: str,
        within: float,
    ) -> None:
        """Enroll a credential; see enrolment.py for the steps around it."""
        await self._async_run(
            command,
            {
                "user-ids": user_id,
                "operation-method": credential.method,
                "operation-id": credential.operation_id,
                "credential": content,
            },
            within=within,
        )

    async def async_cancel_enrolment(self) -> None:
        """Cancel the running enrollment, no matter who started it."""
        await self._async_act("cancel-unlock-method", {})

    async def async_give_up(self) -> None:
        """Try to cancel our own enrollment, also while the entry unloads; ignore errors."""
        with suppress(HomeAssistantError):
            await self._async_run(self.pending("cancel-unlock-method"), {}, attempt=Attempt())

    async def async_delete_credential(self, user_id: int, operation_id: int) -> None:
        """Delete a user's credential."""
        asked = {"user-ids": user_id, "operation-id": operation_id}
        command = self.pending("delete-unlock-method")
        await self._async_run(command, asked)
        known = [one for one in self._lock.data.users.grants if one.operation_id == operation_id]
        if len(known) == 1:
            facts = {**asked, "operation-method": known[0].method}
            self._apply(command.name, facts, command.sent_at)

    def note_deleted(self, user_id: int, credential: Credential, when: float) -> None:
        """Note that the lock no longer has a user's credential, of which it may tell nothing.

        ``when`` is the time at which it was asked, in Unix seconds.
        """
        facts = {
            "user-ids": user_id,
            "operation-method": credential.method,
            "operation-id": credential.operation_id,
        }
        self._apply("delete-unlock-method", facts, when)

    async def async_assign_credential(self, user_id: int, credential: Credential) -> None:
        """Assign a credential to a user."""
        await self._async_act(
            "alloc-lock-user",
            {
                "user-ids": user_id,
                "operation-method": credential.method,
                "operation-id": credential.operation_id,
            },
        )

    async def async_synchronise(self, name: str) -> None:
        """Make the lock compare users or credentials with the app's; return when it is done."""
        await self._async_act(name, {})

    async def _async_act(
        self, name: str, asked: Arguments, offered: Arguments | None = None
    ) -> Arguments:
        """Run an action; return the arguments that were sent and reported."""
        return await self._async_run(self.pending(name), asked, offered)

    async def _async_run(
        self,
        command: PendingCommand,
        asked: Arguments,
        offered: Arguments | None = None,
        *,
        within: float | None = None,
        attempt: Attempt | None = None,
    ) -> Arguments:
        """Run an action; return the arguments that were sent and reported.

        The action is called off when the entry unloads, unless an ``attempt`` is given. The
        arguments in ``asked`` must be sent; those in ``offered`` are sent if the action takes them.
        ``within`` is the time-out for the outcome in seconds, None for TOLD_WITHIN.

        Raises HomeAssistantError; CommandRejectedError if the lock has certainly not done it.
        """
        name = command.name
        with command.listening():
            own = nullcontext(attempt) if attempt else self._session.attempts.begin()
            with own as asked_now:
                answer = await self._async_ask(asked_now, command, asked, offered or {})
            code = answer.get("error-code")
            if code is not None and command.is_failure(code):
                raise command.error(code)
            if COMPLETION_EVENTS[name] and (not command.is_success(code) or name in SYNCHRONISING):
                answer = await command.told(TOLD_WITHIN if within is None else within)
        facts = {**command.sent, **answer}
        self._apply(name, facts, command.sent_at)
        return facts

    async def _async_ask(
        self,
        attempt: Attempt,
        command: PendingCommand,
        asked: Arguments,
        offered: Arguments,
    ) -> Arguments:
        """Send an action to the first service that has it; return the lock's answer.

        The actions of the first service answer with outputs; most actions of the other take no
        inputs.
        """
        actions = self._lock.model.commands(command.name)
        left = [one for one in actions if one.address[0] >= self._siid]
        if not left:
            raise self._not_carried()
        for action in left:
            command.sent, command.sent_at = self._carried(action, asked, offered), time.time()
            loop_time = self._lock.hass.loop.time()
            try:
                out = await self._session.act(attempt, action, *command.sent.values())
            except MiotError as error:
                absent = isinstance(error, ResultError) and error.code in ABSENT
                if absent and action is not left[-1]:
                    continue
                raise self._failure(error) from error
            break
        self._siid = action.address[0]
        if not self._lock.data.awake:
            self._lock.async_set_awake(loop_time, awake=True)  # It has answered.
        return _valid(action, out)

    def _carried(self, action: Action, asked: Arguments, offered: Arguments) -> Arguments:
        """Return an action's inputs in order; raises CommandRejectedError if they do not fit."""
        facts = {**offered, **asked}
        names = [prop.name for prop in action.inputs]
        try:
            if asked.keys() <= set(names):
                return {prop.name: prop.validate(facts[prop.name]) for prop in action.inputs}
        except InvalidValueError:
            pass
        raise self._not_carried()

    def _not_carried(self) -> HomeAssistantError:
        return translatable(CommandRejectedError, "not_carried", lock=self._session.name)

    def _failure(self, error: MiotError) -> HomeAssistantError:
        """Return an error for the user: CommandRejectedError if the lock certainly did nothing."""
        failure = self._session.failure(error)
        if isinstance(error, ResultError):
            doubtful = error.reason in OUTCOME_UNKNOWN
        else:
            certain = NotSentError | NotSignedInError | TooManyRequestsError
            doubtful = not isinstance(error, certain)
        if doubtful:
            return failure
        return CommandRejectedError(
            translation_domain=failure.translation_domain,
            translation_key=failure.translation_key,
            translation_placeholders=failure.translation_placeholders,
        )

    def _apply(self, name: str, facts: Arguments, when: float) -> None:
        """Apply a command as if the lock had reported it, which it may do late or never.

        ``when`` is the time at which it was sent, in Unix seconds: it says nothing of what was done
        after it, such as a new credential of a number, even if its answer comes later.
        """
        model = self._lock.model
        event = next((model.spec.events[one] for one in model.completion_events(name)), None)
        if event and all(
            one.name in facts for one in event.arguments if one.name not in NON_STATE_ARGUMENTS
        ):
            arguments = {
                argument.address[1]: facts[argument.name]
                for argument in event.arguments
                if argument.name not in NON_STATE_ARGUMENTS
            }
            answer = LockEvent(model, event, arguments, when, is_answer=True)
            self._lock.data.apply_credentials(answer)
            self._lock.save_soon()


def _valid(action: Action, out: list[object]) -> Arguments:
    """Return the outputs of an action that are understood, by name."""
    facts: dict[str, Value] = {}
    for prop, raw in zip(action.outputs, out, strict=False):
        with suppress(InvalidValueError):
            facts[prop.name] = prop.reported(raw)
    return facts
