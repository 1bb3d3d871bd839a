"""What is known of users and credentials, as service actions answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from ..model.roles import Role
from ..people import person_of
from ..state.credential import masked

if TYPE_CHECKING:
    from ..coordinator import LockCoordinator
    from ..state.credential import Credential
    from .responses import CredentialEntry, CredentialName, UserEntry


def user_entries(lock: LockCoordinator) -> list[UserEntry]:
    """Return the users whom the lock is known to have, by their ids."""
    users = lock.data.users
    user_ids = {*users.present, *(users.user_of(one) for one in users.grants)}
    return [
        {
            "user_id": user_id,
            "user_name": _user_name(lock, user_id),
            "user_type": _user_type(lock, user_id),
            "credentials": [described(lock, one) for one in users.credentials_of(user_id)],
        }
        for user_id in sorted(one for one in user_ids if one is not None)
    ]


def _user_name(lock: LockCoordinator, user_id: int) -> str | None:
    """Return the name of the only person who has credentials of a user, None if there is none."""
    of_user = lock.data.users.credentials_of(user_id)
    names = {person.name for one in of_user if (person := person_of(lock, one))}
    return names.pop() if len(names) == 1 else None


def _user_type(lock: LockCoordinator, user_id: int) -> str | None:
    """Return the key of a user's type, None if it is not known."""
    user, user_types = lock.data.users.present.get(user_id), lock.model.property(Role.USER_TYPE)
    if user is None or user.user_type is None or user_types is None:
        return None
    return user_types.key_of(user.user_type)


def credential_name(lock: LockCoordinator, credential: Credential) -> CredentialName:
    """Return the credential as it is shown, and whose it is."""
    methods, shown = lock.model.methods, masked(lock.model, credential.method)
    person = person_of(lock, credential)
    return {
        "method": (methods and methods.key_of(shown)) or credential.method,
        "operation_id": credential.operation_id,
        "person": person.name if person else None,
    }


def described(lock: LockCoordinator, credential: Credential) -> CredentialEntry:
    """Return what is known of a credential."""
    use = lock.data.users.use_of(credential)
    expiry = lock.data.expiries.known.get(credential)
    return {
        **credential_name(lock, credential),
        "name": expiry.name if expiry else None,
        "last_used": _time(use.when) if use else None,
        "valid_until": _time(expiry.due) if expiry and expiry.due else None,
        "uses_left": expiry.uses if expiry else None,
    }


def _time(when: float) -> str:
    return dt_util.utc_from_timestamp(when).isoformat()
