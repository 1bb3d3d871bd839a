"""The credential that a service action is about, chosen by what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.exceptions import ServiceValidationError

from ..people import named, person_of
from ..wording.phrases import credential_in_words, listed
from ..wording.reasons import translatable

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..coordinator import LockCoordinator
    from ..state.credential import Credential


def credentials_there(lock: LockCoordinator) -> list[Credential]:
    """Return the credentials that the lock is known to have."""
    users = lock.data.users
    granted = [one for one, grant in users.grants.items() if grant.user_id is not None]
    return [*granted, *others(lock)]


def others(lock: LockCoordinator) -> list[Credential]:
    """Return the credentials that were used, but of which the lock has not told whose they are."""
    users = lock.data.users
    return [credential for credential in users.uses if credential not in users.grants]


def credentials_of(lock: LockCoordinator, name: str) -> list[Credential]:
    """Return the credentials of a person that the lock is known to have; ``name`` as in ``named``.

    Raises ServiceValidationError if there is no such person.
    """
    person = named(lock, name).subentry.subentry_id
    return [
        credential
        for credential in credentials_there(lock)
        if (one := person_of(lock, credential)) and one.subentry.subentry_id == person
    ]


def the_credential(
    lock: LockCoordinator,
    candidates: Collection[Credential],
    *,
    word: str | None = None,
    operation_id: int | None = None,
    user_id: int | None = None,
) -> Credential:
    """Return the only candidate of a type, of a number and of a user; None means any.

    A duress fingerprint is among the fingerprints too, as which it is listed. Raises
    ServiceValidationError if there is none or not only one, and lists those that there are.
    """
    fitting = [
        one
        for one in candidates
        if word in (None, *_words(lock, one))
        and operation_id in (None, one.operation_id)
        and user_id in (None, lock.data.users.user_of(one))
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not candidates:
        raise translatable(ServiceValidationError, "no_credential", lock=lock.name)
    found = (credential_in_words(lock.hass, lock.model, one) for one in fitting or candidates)
    about = {"lock": lock.name, "credentials": listed(lock.hass, found)}
    if fitting:
        raise translatable(ServiceValidationError, "several_credentials", **about)
    raise translatable(ServiceValidationError, "no_such_credential", **about)


def _words(lock: LockCoordinator, credential: Credential) -> list[str | None]:
    """Return the keys of a credential's type: its own, and the one that is shown."""
    if (methods := lock.model.methods) is None:
        return []
    return [methods.key_of(one.method) for one in (credential, credential.masked(lock.model))]


def user_of(lock: LockCoordinator, credential: Credential) -> int:
    """Return the user of the lock that a credential belongs to.

    Raises ServiceValidationError if the lock has not told.
    """
    if (user_id := lock.data.users.user_of(credential)) is not None:
        return user_id
    words = credential_in_words(lock.hass, lock.model, credential)
    raise translatable(ServiceValidationError, "user_unknown", lock=lock.name, credential=words)
