"""Enrolling a credential at the lock, step by step, and leaving nothing where that fails."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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
from ..miot.spec import SPEC
from ..state.expiry import Ending
from ..state.user_registry import Credential
from ..wording.phrases import common_text, credential_in_words, value_in_words
from .commands import free_numbers
from .pending_command import DUPLICATE, NotDoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..coordinator import LockCoordinator
    from ..state.lock_state import LockData, Occurrence

PASSWORD: Final = SPEC.properties[4, 3].value_of("password")
TIME_LIMIT: Final = 120  # seconds; the lock stays awake for so long
TIME_LIMITS: Final = (10, 600)

# The lock may have credentials that it has not told of. Who guesses an id that is taken guesses
# ever further away.
GUESSES: Final = 12

STATES: Final = SPEC.properties[4, 8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A credential that somebody wants to have enrolled."""

    user_id: int
    method: int
    content: str = field(repr=False)
    operation_id: int | None = None
    valid_until: float | None = None
    """When it ends, in Unix seconds."""
    uses: int | None = None
    """After how many unlockings it ends."""
    name: str | None = None
    """What it is called; asking for it again changes its end, and enrols nothing."""
    time_limit: float = TIME_LIMIT


async def async_enrol(lock: LockCoordinator, wanted: Wanted) -> Credential:
    """Enrol a credential; raises HomeAssistantError, and then nothing is left of it.

    That it is to end if nobody confirms it is written down before the lock hears of it. So it does
    whatever happens meanwhile, and a credential for a time never is one forever.
    """
    _check_end(wanted)
    if wanted.name is not None and (known := _named(lock.data, wanted.name)):
        await _async_change_end(lock, wanted, known)
        return known
    _check(lock, wanted)
    management = lock.management
    async with management.enrolling:
        *others, last = _candidates(lock.data, wanted)
        for credential in others:
            try:
                return await _async_enrol(lock, wanted, credential)
            except NotDoneError as error:
                if error.code != DUPLICATE:
                    raise
        return await _async_enrol(lock, wanted, last)


async def _async_enrol(lock: LockCoordinator, wanted: Wanted, credential: Credential) -> Credential:
    management, endings = lock.management, lock.data.endings.known
    now = time.time()
    management.enrols = credential
    endings[credential] = Ending(wanted.user_id, since=now, due=now, enrolled=False)
    sent = False
    try:
        await lock.async_save_ending(credential)
        sent = True
        with _progress(lock, credential) as on_step:
            await management.async_add_credential(
                wanted.user_id,
                credential,
                wanted.content,
                within=wanted.time_limit,
                on_step=on_step,
            )
    except BaseException as error:
        if isinstance(error, NotDoneError) or not sent:
            endings.pop(credential, None)
        else:
            await management.async_give_up()
        raise
    else:
        if wanted.valid_until is None and wanted.uses is None:
            endings.pop(credential, None)
        else:
            endings[credential] = Ending(
                wanted.user_id,
                since=now,
                due=wanted.valid_until,
                uses=wanted.uses,
                name=wanted.name,
            )
        return credential
    finally:
        management.enrols = None
        await lock.async_save()
        lock.ender.async_look()


def _named(data: LockData, name: str) -> Credential | None:
    """Return the credential of a name that the lock has, and that is not used up."""
    for credential, ending in data.endings.known.items():
        there = ending.enrolled and data.users.user_of(credential) is not None
        if ending.name == name and there and ending.uses != 0:
            return credential
    return None


async def _async_change_end(lock: LockCoordinator, wanted: Wanted, credential: Credential) -> None:
    """Have a credential end at another time; what was counted of its uses stays."""
    endings = lock.data.endings.known
    before = endings[credential]
    if wanted.valid_until in (None, before.due):
        return
    endings[credential] = replace(before, due=wanted.valid_until)
    try:
        await lock.async_save_ending(credential)
    except HomeAssistantError:
        endings[credential] = before
        raise
    lock.ender.async_look()


def _check_end(wanted: Wanted) -> None:
    """Raise ServiceValidationError for an end that makes no sense."""
    if wanted.valid_until is not None and wanted.valid_until <= time.time():
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="valid_until_past")
    if wanted.name is not None and wanted.valid_until is None and wanted.uses is None:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="name_without_end")


def _check(lock: LockCoordinator, wanted: Wanted) -> None:
    """Raise ServiceValidationError for what need not even be sent to the lock."""
    content, options = wanted.content, lock.config_entry.options
    least = int(options.get(CONF_LEAST_DIGITS, LEAST_DIGITS))
    most = int(options.get(CONF_MOST_DIGITS, MOST_DIGITS))
    if wanted.method == PASSWORD and not (
        least <= len(content) <= most and content.isascii() and content.isdigit()
    ):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="password_rules",
            translation_placeholders={"least": str(least), "most": str(most)},
        )
    if lock.management.enrolling.locked():
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="enrolment_busy",
            translation_placeholders={"lock": lock.name},
        )
    if wanted.method != PASSWORD and not lock.hears:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_heard",
            translation_placeholders={"lock": lock.name},
        )
    if wanted.operation_id in _present(lock.data):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="operation_id_taken",
            translation_placeholders={
                "lock": lock.name,
                "operation_id": str(wanted.operation_id),
            },
        )


def _present(data: LockData) -> set[int]:
    """Return the operation ids of the credentials that the lock has, as far as is known."""
    granted = {one for one, grant in data.users.grants.items() if grant.user_id is not None}
    return {credential.operation_id for credential in (*granted, *data.endings.known)}


def _candidates(data: LockData, wanted: Wanted) -> list[Credential]:
    """Return by which ids a credential may be enrolled; never one that was somebody's before."""
    if wanted.operation_id is not None:
        return [Credential(wanted.method, wanted.operation_id)]
    known = (*data.users.grants, *data.users.uses, *data.endings.known)
    free = free_numbers({credential.operation_id for credential in known})
    return [Credential(wanted.method, free[2**guess - 1]) for guess in range(GUESSES)]


@contextmanager
def _progress(
    lock: LockCoordinator, credential: Credential
) -> Iterator[Callable[[Occurrence], None]]:
    """Show the steps as a notification, for as long as there are any to come."""
    hass, notification_id = lock.hass, f"{DOMAIN}_enrolment_{lock.device.did}"

    @callback
    def show(occurrence: Occurrence) -> None:
        if (state := occurrence.get("credential-state")) is None:
            return
        message = common_text(hass, "enrolment_step").format(
            credential=credential_in_words(hass, credential),
            state=value_in_words(hass, STATES, state),
            step=occurrence.get("credential-step-current"),
            total=occurrence.get("credential-step-all"),
        )
        title = common_text(hass, "enrolment_title").format(lock=lock.name)
        persistent_notification.async_create(hass, message, title, notification_id)

    try:
        yield show
    finally:
        persistent_notification.async_dismiss(hass, notification_id)
