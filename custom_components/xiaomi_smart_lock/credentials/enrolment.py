"""Enrollment of a credential at the lock, which leaves no credential behind if it fails."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.components import persistent_notification
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..const import (
    CONF_LEAST_DIGITS,
    CONF_MOST_DIGITS,
    DOMAIN,
    LEAST_DIGITS,
    MOST_DIGITS,
)
from ..model.roles import Role
from ..people import async_assign, async_note_enrolled, holder, named, with_whose
from ..state.credential import Credential
from ..state.device_clock import CLEARLY_OFF
from ..state.expiry import Expiry
from ..wording.enrolment_hint import hint_for_step, shown_method
from ..wording.phrases import common_text, credential_in_words
from ..wording.reasons import translatable
from .commands import free_numbers
from .lock_user import async_user_of
from .pending_command import DUPLICATE, CommandRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from ..coordinator import LockCoordinator
    from ..reporting.reporter import LockReporter
    from ..session import LockSession
    from ..state.lock_event import LockEvent
    from ..state.lock_state import LockData
    from ..state.user_registry import Users
    from .commands import CredentialCommands
    from .expiry_worker import ExpiryWorker
    from .pending_command import PendingCommand

PASSWORD: Final = "password"  # noqa: S105
TIME_LIMIT: Final = 120  # seconds; the lock stays awake for this long
TIME_LIMITS: Final = (10, 600)

# The lock may have credentials that it has not reported. Candidate ids grow exponentially, at most
# 12.
GUESSES: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request to enroll a credential."""

    user_id: int | None = None
    """The user of the lock; None for the one of the person, made if there is none or no person."""
    person: str | None = None
    """Whom the credential is for: the id of the person's subentry."""
    method: str
    """The method of opening the door: a key of operation-method."""
    content: str = field(repr=False)
    operation_id: int | None = None
    valid_until: float | None = None
    """When the credential expires, in Unix seconds; None for no time limit."""
    uses: int | None = None
    """The number of unlocks after which the credential expires; None for no limit."""
    name: str | None = None
    """The credential's name; a repeated request for the same person only changes its expiry."""
    time_limit: float = TIME_LIMIT
    on_step: Callable[[str], None] | None = field(default=None, repr=False)
    """Receives what to do at the lock, in words, whenever that changes; None for a notification."""
    keep: Callable[[Credential], None] | None = field(default=None, repr=False)
    """Keeps whose the credential is, beside ``person``, as soon as the lock has it."""


# Translation keys of the reasons why an enrollment ended
CANCELED: Final = "enrolment_cancelled"
STOPPED: Final = "enrolment_stopped"


class Stage(Enum):
    """The stage of an enrollment."""

    NONE = auto()
    """No enrollment is running."""
    KEEPING = auto()
    """The expiry that applies if the lock does not confirm the credential is being saved."""
    ENROLLING = auto()
    """The lock was asked, and waits for a finger, a face, a palm or a card."""
    GIVING_UP = auto()
    """The lock is asked to cancel the enrollment."""


class Enrolment:
    """The enrollment of credentials at one lock, one at a time."""

    def __init__(
        self,
        session: LockSession,
        coordinator: LockCoordinator,
        commands: CredentialCommands,
        expiry: ExpiryWorker,
        reporter: LockReporter,
    ) -> None:
        """Prepare for a lock."""
        self.stage = Stage.NONE
        self._session = session
        self._lock = coordinator
        self._commands = commands
        self._expiry = expiry
        self._reporter = reporter
        self._turn = asyncio.Lock()
        self._command: PendingCommand | None = None
        self._stopping = False

    @property
    def digits(self) -> tuple[int, int]:
        """The least and most digits of a password, which are options."""
        options = self._lock.config_entry.options
        least = int(options.get(CONF_LEAST_DIGITS, LEAST_DIGITS))
        return least, int(options.get(CONF_MOST_DIGITS, MOST_DIGITS))

    async def async_enrol(self, wanted: Wanted) -> Credential:
        """Enroll a credential; if the person has one with the wanted name, only change its expiry.

        It belongs to the wanted person from then on. Raises HomeAssistantError, and then leaves no
        credential behind, and no user that was made for it.

        The expiry of the unconfirmed credential is saved before the request is sent to the lock. So
        it expires whatever happens meanwhile, and a temporary credential never becomes a permanent
        one.
        """
        _check_end(wanted)
        known = _named(self._lock, wanted)
        if known and await self._async_change_end(wanted, known):
            self._keep(wanted, known)
            return known
        self._check(wanted)
        method = number_of(self._lock, Role.OPERATION_METHOD, wanted.method)
        async with self._turn, self._user_of(wanted) as user_id:
            credential = await self._async_try(wanted, user_id, method)
        async_note_enrolled(self._lock, credential)
        self._keep(wanted, credential)
        self._reporter.log("credential_added", credential=with_whose(self._lock, credential))
        return credential

    @callback
    def _keep(self, wanted: Wanted, credential: Credential) -> None:
        """Keep whose a credential is that the lock has now."""
        if wanted.person is not None:
            with suppress(ServiceValidationError):  # They were removed; the credential exists.
                async_assign(self._lock, credential, wanted.person)
        if wanted.keep:
            wanted.keep(credential)

    def _user_of(self, wanted: Wanted) -> AbstractAsyncContextManager[int]:
        """Provide the user of the lock that a credential is for."""
        if wanted.user_id is not None:
            return nullcontext(wanted.user_id)
        person = None if wanted.person is None else named(self._lock, wanted.person)
        return async_user_of(self._lock, self._commands, person)

    async def _async_try(self, wanted: Wanted, user_id: int, method: int) -> Credential:
        """Enroll a credential, with another id where the lock has a credential of that one."""
        *others, last = _candidates(self._lock.data, wanted, method)
        for credential in others:
            try:
                return await self._async_enrol(wanted, user_id, credential)
            except CommandRejectedError as error:
                if error.key != DUPLICATE:
                    raise
        return await self._async_enrol(wanted, user_id, last)

    async def async_cancel(self) -> None:
        """Cancel the enrollment that runs at the lock, no matter who started it."""
        try:
            await self._commands.async_cancel_enrolment()
        finally:
            self._end(CANCELED)

    async def async_stop(self) -> None:
        """End an enrollment that is running or starting, and wait until it has cleaned up."""
        self._stopping = True
        self._end(STOPPED)
        async with self._turn:
            pass

    def _end(self, key: str) -> None:
        """End the running enrollment with the error of a translation key."""
        if self._command:
            self._command.end(translatable(HomeAssistantError, key, lock=self._session.name))

    async def _async_enrol(
        self, wanted: Wanted, user_id: int, credential: Credential
    ) -> Credential:
        expiries = self._lock.data.expiries.known
        now = time.time()
        self.stage = Stage.KEEPING
        self._expiry.enrolling = credential
        expiries[credential] = unconfirmed = Expiry(user_id, since=now, due=now, enrolled=False)
        new_number = _is_new(self._lock.data.users, credential, now)
        try:
            await self._lock.async_save_expiry(credential)
            self.stage = Stage.ENROLLING
            await self._async_ask(wanted, user_id, credential)
            if wanted.valid_until is None and wanted.uses is None:
                expiries.pop(credential, None)
            else:
                expiries[credential] = Expiry(
                    user_id,
                    since=now,
                    due=wanted.valid_until,
                    uses=wanted.uses,
                    name=wanted.name,
                    new_number=new_number,
                )
            await self._lock.async_save()
        except BaseException as error:
            if isinstance(error, CommandRejectedError) or self.stage is Stage.KEEPING:
                expiries.pop(credential, None)
            else:
                self.stage = Stage.GIVING_UP
                # The lock may have confirmed it already, when the caller was canceled.
                expiries[credential] = unconfirmed
                await self._commands.async_give_up()
            await self._lock.async_save()
            raise
        else:
            return credential
        finally:
            self.stage = Stage.NONE
            self._expiry.enrolling = None
            self._expiry.async_look()

    async def _async_ask(self, wanted: Wanted, user_id: int, credential: Credential) -> None:
        """Ask the lock to enroll a credential, and show the steps."""
        with _notification(self._lock, credential) as notify:
            show = partial(_show, self._lock, credential, wanted.on_step or notify)
            self._command = self._commands.pending("add-unlock-method", show)
            if self._stopping:
                self._end(STOPPED)
            try:
                await self._commands.async_add_credential(
                    self._command, user_id, credential, wanted.content, wanted.time_limit
                )
            finally:
                self._command = None

    async def _async_change_end(self, wanted: Wanted, credential: Credential) -> bool:
        """Change when a credential expires; the count of its uses stays.

        Return whether the lock still has it.
        """
        due = wanted.valid_until
        return await self._expiry.async_change(
            credential, lambda expiry: expiry if due is None else expiry.until(due)
        )

    def _check(self, wanted: Wanted) -> None:
        """Raise ServiceValidationError for a request that need not be sent to the lock."""
        lock, content = self._session.name, wanted.content
        least, most = self.digits
        if wanted.method == PASSWORD and not (
            least <= len(content) <= most and content.isascii() and content.isdigit()
        ):
            raise translatable(
                ServiceValidationError, "password_rules", least=str(least), most=str(most)
            )
        if self._turn.locked():
            raise translatable(ServiceValidationError, "enrolment_busy", lock=lock)
        if wanted.method != PASSWORD and not self._session.hears:
            raise self._session.unheard(ServiceValidationError)
        if wanted.operation_id in _present(self._lock.data):
            raise translatable(
                ServiceValidationError,
                "operation_id_taken",
                lock=lock,
                operation_id=str(wanted.operation_id),
            )


def _named(lock: LockCoordinator, wanted: Wanted) -> Credential | None:
    """Return the lock's credential with the wanted name, None if there is none.

    None also if it is used up, or has expired and is not wanted for longer. One that somebody else
    has is another one: a guest's has the guest's name.
    """
    users = lock.data.users
    for credential, expiry in lock.data.expiries.known.items():
        there = expiry.enrolled and users.user_of(credential) is not None and expiry.uses != 0
        ended = wanted.valid_until is None and expiry.has_ended(time.time())
        if wanted.name is not None and wanted.name == expiry.name and there and not ended:
            whose = holder(lock, credential)
            if whose is None or whose.subentry.subentry_id == wanted.person:
                return credential
            if wanted.person is None and not whose.is_guest:
                return credential
    return None


def _is_new(users: Users, credential: Credential, now: float) -> bool:
    """Return whether nobody had a credential of a number so lately that the lock may tell of it."""
    if grant := users.grants.get(credential):
        return grant.gone and grant.deleted < now - CLEARLY_OFF
    return credential not in users.uses


def _check_end(wanted: Wanted) -> None:
    """Raise ServiceValidationError for an invalid expiry."""
    if wanted.valid_until is not None and wanted.valid_until <= time.time():
        raise translatable(ServiceValidationError, "valid_until_past")
    if wanted.name is not None and wanted.valid_until is None and wanted.uses is None:
        raise translatable(ServiceValidationError, "name_without_end")


def number_of(lock: LockCoordinator, role: Role, word: str) -> int:
    """Return a lock's number for the key of a property's value.

    Raises ServiceValidationError if the lock has no such value.
    """
    prop = lock.model.property(role)
    if prop is None or word not in prop.numbers:
        raise translatable(ServiceValidationError, "not_carried", lock=lock.name)
    return prop.numbers[word]


def _present(data: LockData) -> set[int]:
    """Return the operation ids of the credentials that the lock is known to have."""
    granted = {one for one, grant in data.users.grants.items() if grant.user_id is not None}
    return {credential.operation_id for credential in (*granted, *data.expiries.known)}


def _candidates(data: LockData, wanted: Wanted, method: int) -> list[Credential]:
    """Return the credentials to try: the requested id, or ids that were never used before."""
    if wanted.operation_id is not None:
        return [Credential(method, wanted.operation_id)]
    known = (*data.users.grants, *data.users.uses, *data.expiries.known)
    free = free_numbers({credential.operation_id for credential in known})
    return [Credential(method, free[2**guess - 1]) for guess in range(GUESSES)]


@callback
def _show(
    lock: LockCoordinator,
    credential: Credential,
    on_step: Callable[[str], None],
    lock_event: LockEvent,
) -> None:
    """Tell what to do after a step of an enrollment."""
    if lock_event.get("credential-state") is not None:
        method = shown_method(lock.model, credential.method)
        on_step(hint_for_step(lock.hass, lock.model, lock_event, method))


@contextmanager
def _notification(lock: LockCoordinator, credential: Credential) -> Iterator[Callable[[str], None]]:
    """Return a function that shows a notification; it is removed in the end."""
    hass, notification_id = lock.hass, f"{DOMAIN}_enrolment_{lock.device.did}"
    title = common_text(hass, "enrolment_title").format(
        lock=lock.name, credential=credential_in_words(hass, lock.model, credential)
    )

    @callback
    def notify(message: str) -> None:
        persistent_notification.async_create(hass, message, title, notification_id)

    try:
        yield notify
    finally:
        persistent_notification.async_dismiss(hass, notification_id)
