"""The user of a lock that a person's credentials belong to."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from ..people import async_keep_user_made, people

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..coordinator import LockCoordinator
    from ..people import Person
    from .commands import CredentialCommands

# The owner's user id. It gets no access remotely: there is an owner already, and nobody is to be
# given a credential of theirs.
OWNER: Final = 0
UNHEARD_FROM: Final = 100
"""Where to begin with the ids of new users at a lock that has not told all it has.

Adding a user that is there changes them. The lock and its app count from 1.
"""


def user_for(lock: LockCoordinator, person: Person) -> int | None:
    """Return the user of the lock for a person's next credential, None if one has to be made.

    This is the user that the newest credential of the person belongs to, or the one that was made
    for them if that has no credential: one that nobody was given may be anybody's. It is never the
    owner, nor a user of whom somebody else has a credential or that was made for somebody else.
    """
    users, this = lock.data.users, person.subentry.subentry_id
    others = [one for one in people(lock.config_entry) if one.subentry.subentry_id != this]
    of_theirs = [
        grant.user_id
        for credential, grant in reversed(users.grants.items())
        if person.has(lock, credential)
    ]
    made = person.user_made(lock)
    is_free = made is not None and made in users.present and not users.credentials_of(made)
    for user_id in (*of_theirs, made if is_free else None):
        if user_id not in (None, OWNER) and not any(
            other.user_made(lock) == user_id
            or any(other.has(lock, credential) for credential in users.credentials_of(user_id))
            for other in others
        ):
            return user_id
    return None


@asynccontextmanager
async def async_user_of(
    lock: LockCoordinator, commands: CredentialCommands, person: Person | None
) -> AsyncIterator[int]:
    """Provide the user of the lock for a person's next credential, made if there is none.

    Without a person, as for a guest, one is made. If the body fails, a user that was made is
    deleted again; if the lock cannot be reached, it is the person's next time. It stays where the
    lock has not told all its users before: then it may be somebody's.
    """
    if person and (user_id := user_for(lock, person)) is not None:
        yield user_id
        return
    has_told_all = await _async_all_users(commands)
    user_id = await commands.async_set_user(None, None, 1 if has_told_all else UNHEARD_FROM)
    try:
        yield user_id
    except BaseException:
        if has_told_all:
            await commands.async_take_back_user(user_id)
            if user_id in lock.data.users.present:
                _keep(lock, person, user_id)
        raise
    _keep(lock, person, user_id)


def _keep(lock: LockCoordinator, person: Person | None, user_id: int) -> None:
    """Keep which user was made for a person, for their next credential."""
    if person:
        with suppress(ServiceValidationError):  # They were removed meanwhile.
            async_keep_user_made(lock, person.subentry.subentry_id, user_id)


async def _async_all_users(commands: CredentialCommands) -> bool:
    """Have the lock tell all its users, so that none is overwritten; return whether it has."""
    try:
        await commands.async_synchronise("sync-lock-user")
    except HomeAssistantError:
        return False
    return True
