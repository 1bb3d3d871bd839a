"""Service actions on a lock's users and credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import voluptuous as vol
from homeassistant.core import SupportsResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv

from ..credentials.enrolment import (
    TIME_LIMIT,
    TIME_LIMITS,
    Wanted,
    number_of,
)
from ..credentials.guests import seconds_of
from ..credentials.lock_user import OWNER, user_for
from ..model.roles import Role
from ..people import async_assign, named, person_of
from ..state.credential import Credential
from ..wording.reasons import translatable
from .capabilities import (
    LEARNED,
    SET_REMOTELY,
    SETTABLE_USER_TYPES,
    async_get_credential_capabilities,
)
from .entries import credential_name, described, user_entries
from .history import ATTR_PERSON
from .lock_action import LockAction
from .which_credential import credentials_of, credentials_there, others, the_credential, user_of

if TYPE_CHECKING:
    from homeassistant.helpers.typing import VolDictType

    from ..coordinator import LockCoordinator
    from ..runtime import LockRuntime
    from .lock_action import Data
    from .responses import (
        CredentialName,
        DeletedCredentialsResponse,
        DeletedUsersResponse,
        SetCredentialResponse,
        SetUserResponse,
        UsersResponse,
    )

ATTR_CREDENTIAL_DATA: Final = "credential_data"
ATTR_CREDENTIAL_TYPE: Final = "credential_type"
ATTR_NAME: Final = "name"
ATTR_OPERATION_ID: Final = "operation_id"
ATTR_TIME_LIMIT: Final = "time_limit"
ATTR_USER_ID: Final = "user_id"
ATTR_USER_TYPE: Final = "user_type"
ATTR_USES: Final = "uses"
ATTR_VALID_UNTIL: Final = "valid_until"

# The fields of the service actions, by the names of their properties in the specification
CARRIED: Final = {
    "user-ids": ATTR_USER_ID,
    "user-type": ATTR_USER_TYPE,
    "operation-method": ATTR_CREDENTIAL_TYPE,
    "operation-id": ATTR_OPERATION_ID,
    "credential": ATTR_CREDENTIAL_DATA,
}

SETTABLE_CREDENTIALS: Final = (*SET_REMOTELY, *LEARNED)
OWNER_TYPE: Final = "owner"
MOST_USES: Final = 1000
LONGEST_NAME: Final = 200

_ID: Final = vol.All(vol.Coerce(int), vol.Range(min=0, max=0xFFFF))
_USER_TYPE: Final = vol.In(SETTABLE_USER_TYPES)
_CREDENTIAL_TYPE: Final = vol.In(SETTABLE_CREDENTIALS)


async def _set_user(lock: LockRuntime, data: Data) -> SetUserResponse:
    user_id = await lock.commands.async_set_user(data.get(ATTR_USER_ID), _user_type(lock, data))
    return {"user_id": user_id}


async def _delete_user(lock: LockRuntime, data: Data) -> None:
    _given_person(lock, data)
    user_id = data.get(ATTR_USER_ID)
    if user_id is None:
        person = named(lock.coordinator, data[ATTR_PERSON])
        if (user_id := user_for(lock.coordinator, person)) is None:
            raise translatable(
                ServiceValidationError,
                "no_user_of_person",
                lock=lock.session.name,
                person=person.name,
            )
    await lock.commands.async_delete_user(user_id, _user_type(lock, data))


async def _set_credential(lock: LockRuntime, data: Data) -> SetCredentialResponse:
    person, user_id = _present_person(lock, data), data.get(ATTR_USER_ID)
    valid_until = data.get(ATTR_VALID_UNTIL)
    wanted = Wanted(
        user_id=user_id,
        person=person,
        method=data[ATTR_CREDENTIAL_TYPE],
        content=data[ATTR_CREDENTIAL_DATA],
        operation_id=data.get(ATTR_OPERATION_ID),
        valid_until=valid_until and seconds_of(valid_until),
        uses=data.get(ATTR_USES),
        name=data.get(ATTR_NAME),
        time_limit=data[ATTR_TIME_LIMIT],
    )
    credential = await lock.enrolment.async_enrol(wanted)
    if user_id is None:
        user_id = lock.coordinator.data.users.user_of(credential)
    return {"user_id": user_id, **credential_name(lock.coordinator, credential)}


def _given_person(lock: LockRuntime, data: Data) -> str | None:
    """Return the subentry id of the requested person, None if only a user of the lock is given.

    Raises ServiceValidationError for an unknown person, or if there is neither.
    """
    if ATTR_PERSON in data:
        return named(lock.coordinator, data[ATTR_PERSON]).subentry.subentry_id
    if ATTR_USER_ID not in data:
        raise translatable(ServiceValidationError, "nobody_given")
    return None


def _present_person(lock: LockRuntime, data: Data) -> str | None:
    """Return the same of who is to get a credential.

    Raises ServiceValidationError also for a guest whose access has ended: it would never end again.
    """
    if ATTR_PERSON in data:
        person = named(lock.coordinator, data[ATTR_PERSON])
        if person.has_ended:
            raise translatable(ServiceValidationError, "guest_ended", person=person.name)
    return _given_person(lock, data)


async def _cancel_enrolment(lock: LockRuntime, _data: Data) -> None:
    await lock.enrolment.async_cancel()


async def _delete_credential(lock: LockRuntime, data: Data) -> None:
    user_id, operation_id = data.get(ATTR_USER_ID), data.get(ATTR_OPERATION_ID)
    word = data.get(ATTR_CREDENTIAL_TYPE)
    if ATTR_PERSON not in data and user_id is operation_id is None:
        raise translatable(ServiceValidationError, "no_credential_given")
    known = lock.coordinator
    if ATTR_PERSON in data or word or user_id is None or operation_id is None:
        in_question = (
            credentials_of(known, data[ATTR_PERSON])
            if ATTR_PERSON in data
            else credentials_there(known)
        )
        credential = the_credential(
            known, in_question, word=word, operation_id=operation_id, user_id=user_id
        )
        user_id, operation_id = user_of(known, credential), credential.operation_id
    await lock.commands.async_delete_credential(user_id, operation_id)


async def _delete_all_credentials(lock: LockRuntime, data: Data) -> DeletedCredentialsResponse:
    """Delete the credentials of a person or a user, one by one; the first failure ends it."""
    _given_person(lock, data)
    await _async_have_told(lock, "sync-unlock-method")
    known = lock.coordinator
    chosen = (
        credentials_of(known, data[ATTR_PERSON])
        if ATTR_PERSON in data
        else known.data.users.credentials_of(data[ATTR_USER_ID])
    )
    if ATTR_USER_ID in data:
        chosen = [one for one in chosen if known.data.users.user_of(one) == data[ATTR_USER_ID]]
    users = {credential: user_of(known, credential) for credential in chosen}
    if OWNER in (data.get(ATTR_USER_ID), *users.values()):
        raise translatable(ServiceValidationError, "owner_stays", lock=known.name)
    entries = [described(known, credential) for credential in chosen]
    for credential, user_id in users.items():
        await lock.commands.async_delete_credential(user_id, credential.operation_id)
    return {"deleted": entries}


async def _delete_all_users(lock: LockRuntime, _data: Data) -> DeletedUsersResponse:
    """Delete all users but the owner, one by one; the first failure ends it."""
    for name in ("sync-lock-user", "sync-unlock-method"):
        await _async_have_told(lock, name)
    known = lock.coordinator
    entries = [
        entry
        for entry in user_entries(known)
        if entry["user_id"] != OWNER and entry["user_type"] != OWNER_TYPE
    ]
    # One of an unknown type cannot be deleted, which is to be said before any other is.
    entries.sort(key=lambda entry: entry["user_type"] is not None)
    for entry in entries:
        await lock.commands.async_delete_user(entry["user_id"], None)
    return {"deleted": entries}


async def _async_have_told(lock: LockRuntime, name: str) -> None:
    """Have the lock tell all its users or credentials, if what it tells can be heard."""
    if lock.session.hears:
        await lock.commands.async_synchronise(name)


async def _assign_credential(lock: LockRuntime, data: Data) -> CredentialName:
    """Give a credential to a user at the lock, to a person in Home Assistant, or to both."""
    known, person, user_id = lock.coordinator, _present_person(lock, data), data.get(ATTR_USER_ID)
    credential = _credential_to_assign(known, data)
    if user_id is not None:
        await lock.commands.async_assign_credential(user_id, credential)
    if person is not None:
        async_assign(known, credential, person)
    return credential_name(known, credential)


def _credential_to_assign(lock: LockCoordinator, data: Data) -> Credential:
    """Return the credential of the type and number; without a number, one that nobody has."""
    word, operation_id = data.get(ATTR_CREDENTIAL_TYPE), data.get(ATTR_OPERATION_ID)
    there = credentials_there(lock)
    if operation_id is None:
        there = [one for one in there if person_of(lock, one) is None]
    elif word is not None:
        given = Credential(number_of(lock, Role.OPERATION_METHOD, word), operation_id)
        # The lock may have a credential that it has not told of. Where a duress fingerprint has the
        # number, it is listed as a fingerprint and meant by that.
        same = [one for one in there if given in (one, one.masked(lock.model))]
        return given if given in there or not same else same[0]
    return the_credential(lock, there, word=word, operation_id=operation_id)


async def _sync_users(lock: LockRuntime, _data: Data) -> None:
    await lock.commands.async_synchronise("sync-lock-user")


async def _sync_credentials(lock: LockRuntime, _data: Data) -> None:
    await lock.commands.async_synchronise("sync-unlock-method")


async def _get_users(runtime: LockRuntime, _data: Data) -> UsersResponse:
    """Return the users who may open the door and their credentials, as far as known."""
    lock = runtime.coordinator
    return {
        "users": user_entries(lock),
        "others": [described(lock, credential) for credential in others(lock)],
    }


def _user_type(lock: LockRuntime, data: Data) -> int | None:
    """Return the lock's number of the requested user type, None if none is requested."""
    word = data.get(ATTR_USER_TYPE)
    return None if word is None else number_of(lock.coordinator, Role.USER_TYPE, word)


_CREDENTIAL: Final[VolDictType] = {
    vol.Optional(ATTR_PERSON): cv.string,
    vol.Optional(ATTR_CREDENTIAL_TYPE): _CREDENTIAL_TYPE,
    vol.Optional(ATTR_USER_ID): _ID,
    vol.Optional(ATTR_OPERATION_ID): _ID,
}

CREDENTIAL_ACTIONS: Final = {
    "set_user": LockAction(
        do=_set_user,
        fields={
            vol.Optional(ATTR_USER_ID): _ID,
            vol.Optional(ATTR_USER_TYPE): _USER_TYPE,
        },
        by="add-lock-user",
        gives_access=True,
        response=SupportsResponse.OPTIONAL,
    ),
    "delete_user": LockAction(
        do=_delete_user,
        fields={
            vol.Optional(ATTR_PERSON): cv.string,
            vol.Optional(ATTR_USER_ID): _ID,
            vol.Optional(ATTR_USER_TYPE): _USER_TYPE,
        },
        by="delete-lock-user",
    ),
    "delete_all_users": LockAction(
        do=_delete_all_users,
        fields={},
        response=SupportsResponse.OPTIONAL,
    ),
    "set_credential": LockAction(
        do=_set_credential,
        fields={
            vol.Optional(ATTR_PERSON): cv.string,
            vol.Required(ATTR_CREDENTIAL_TYPE): _CREDENTIAL_TYPE,
            vol.Optional(ATTR_CREDENTIAL_DATA, default=""): cv.string,
            vol.Optional(ATTR_NAME): vol.All(cv.string, vol.Length(min=1, max=LONGEST_NAME)),
            vol.Optional(ATTR_VALID_UNTIL): cv.datetime,
            vol.Optional(ATTR_USES): vol.All(vol.Coerce(int), vol.Range(min=1, max=MOST_USES)),
            vol.Optional(ATTR_TIME_LIMIT, default=TIME_LIMIT): vol.All(
                vol.Coerce(int), vol.Range(*TIME_LIMITS)
            ),
            vol.Optional(ATTR_USER_ID): _ID,
            vol.Optional(ATTR_OPERATION_ID): _ID,
        },
        by="add-unlock-method",
        gives_access=True,
        response=SupportsResponse.OPTIONAL,
    ),
    "cancel_enrolment": LockAction(do=_cancel_enrolment, fields={}, by="cancel-unlock-method"),
    "delete_credential": LockAction(
        do=_delete_credential, fields=_CREDENTIAL, by="delete-unlock-method"
    ),
    "delete_all_credentials": LockAction(
        do=_delete_all_credentials,
        fields={vol.Optional(ATTR_PERSON): cv.string, vol.Optional(ATTR_USER_ID): _ID},
        response=SupportsResponse.OPTIONAL,
    ),
    "assign_credential": LockAction(
        do=_assign_credential,
        fields=_CREDENTIAL,
        by="alloc-lock-user",
        gives_access=True,
        response=SupportsResponse.OPTIONAL,
    ),
    "sync_users": LockAction(do=_sync_users, fields={}, by="sync-lock-user"),
    "sync_credentials": LockAction(do=_sync_credentials, fields={}, by="sync-unlock-method"),
    "get_users": LockAction(do=_get_users, fields={}, response=SupportsResponse.ONLY),
    "get_credential_capabilities": LockAction(
        do=async_get_credential_capabilities, fields={}, response=SupportsResponse.ONLY
    ),
}
