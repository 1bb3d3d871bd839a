"""Service actions on a lock's users and credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.core import SupportsResponse
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from ..credentials.enrolment import (
    TIME_LIMIT,
    TIME_LIMITS,
    Wanted,
    number_of,
)
from ..model.roles import Role
from ..people import named, person_of
from ..state.credential import Credential, masked
from ..wording.reasons import translatable
from .history import ATTR_PERSON
from .lock_action import LockAction

if TYPE_CHECKING:
    from homeassistant.helpers.typing import VolDictType

    from ..coordinator import LockCoordinator
    from ..runtime import LockRuntime
    from .lock_action import Data, Response

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

# Without the owner, as there is only one, and without the types that stand for many users, which
# would delete more than was asked for.
SETTABLE_USER_TYPES: Final = ("administrator", "normal_user", "frequent_visitor")
# Credentials that are enrolled at the lock or remotely; Xiaomi's app makes the other passwords.
SETTABLE_CREDENTIALS: Final = (
    "password",
    "fingerprint",
    "duress_fingerprint",
    "nfc",
    "face",
    "palm_vein",
    "phone",
)
MOST_USES: Final = 1000
LONGEST_NAME: Final = 200

_ID: Final = vol.All(vol.Coerce(int), vol.Range(min=0, max=0xFFFF))
_USER_TYPE: Final = vol.In(SETTABLE_USER_TYPES)
_CREDENTIAL_TYPE: Final = vol.In(SETTABLE_CREDENTIALS)


async def _set_user(lock: LockRuntime, data: Data) -> Response:
    user_id = await lock.commands.async_set_user(data.get(ATTR_USER_ID), _user_type(lock, data))
    return {ATTR_USER_ID: user_id}


async def _delete_user(lock: LockRuntime, data: Data) -> Response:
    await lock.commands.async_delete_user(data[ATTR_USER_ID], _user_type(lock, data))
    return None


async def _set_credential(lock: LockRuntime, data: Data) -> Response:
    if (person := data.get(ATTR_PERSON)) is not None:
        # Fails for an unknown person before anything is sent to the lock.
        person = named(lock.coordinator, person).subentry.subentry_id
    elif ATTR_USER_ID not in data:
        raise translatable(ServiceValidationError, "nobody_given")
    valid_until = data.get(ATTR_VALID_UNTIL)
    wanted = Wanted(
        user_id=data.get(ATTR_USER_ID),
        method=data[ATTR_CREDENTIAL_TYPE],
        content=data[ATTR_CREDENTIAL_DATA],
        operation_id=data.get(ATTR_OPERATION_ID),
        valid_until=valid_until and dt_util.as_utc(valid_until).timestamp(),
        uses=data.get(ATTR_USES),
        person=person,
        name=data.get(ATTR_NAME),
        time_limit=data[ATTR_TIME_LIMIT],
    )
    credential = await lock.enrolment.async_enrol(wanted)
    user_id = lock.coordinator.data.users.user_of(credential)
    return {
        ATTR_USER_ID: user_id if wanted.user_id is None else wanted.user_id,
        **_named(lock.coordinator, credential),
    }


async def _cancel_enrolment(lock: LockRuntime, _data: Data) -> Response:
    await lock.enrolment.async_cancel()
    return None


async def _delete_credential(lock: LockRuntime, data: Data) -> Response:
    await lock.commands.async_delete_credential(data[ATTR_USER_ID], data[ATTR_OPERATION_ID])
    return None


async def _assign_credential(lock: LockRuntime, data: Data) -> Response:
    method = number_of(lock.coordinator, Role.OPERATION_METHOD, data[ATTR_CREDENTIAL_TYPE])
    credential = Credential(method, data[ATTR_OPERATION_ID])
    await lock.commands.async_assign_credential(data[ATTR_USER_ID], credential)
    return None


async def _sync_users(lock: LockRuntime, _data: Data) -> Response:
    await lock.commands.async_synchronise("sync-lock-user")
    return None


async def _sync_credentials(lock: LockRuntime, _data: Data) -> Response:
    await lock.commands.async_synchronise("sync-unlock-method")
    return None


async def _get_users(runtime: LockRuntime, _data: Data) -> Response:
    """Return the users who may open the door and their credentials, as far as known."""
    lock = runtime.coordinator
    users = lock.data.users
    owned = {one for one, grant in users.grants.items() if grant.user_id is not None}
    user_ids = {*users.present, *(users.user_of(one) for one in owned)}
    return {
        "users": [
            {
                ATTR_USER_ID: user_id,
                ATTR_USER_TYPE: _known_user_type(lock, user_id),
                "credentials": [_described(lock, one) for one in users.credentials_of(user_id)],
            }
            for user_id in sorted(one for one in user_ids if one is not None)
        ],
        # Used, but the lock has not reported by which user
        "others": [_described(lock, one) for one in users.uses if one not in users.grants],
    }


def _user_type(lock: LockRuntime, data: Data) -> int | None:
    """Return the lock's number of the requested user type, None if none is requested."""
    word = data.get(ATTR_USER_TYPE)
    return None if word is None else number_of(lock.coordinator, Role.USER_TYPE, word)


def _known_user_type(lock: LockCoordinator, user_id: int) -> str | None:
    user, user_types = lock.data.users.present.get(user_id), lock.model.property(Role.USER_TYPE)
    if user is None or user.user_type is None or user_types is None:
        return None
    return user_types.key_of(user.user_type)


def _named(lock: LockCoordinator, credential: Credential) -> dict[str, Any]:
    methods, shown = lock.model.methods, masked(lock.model, credential.method)
    return {
        "method": (methods and methods.key_of(shown)) or credential.method,
        ATTR_OPERATION_ID: credential.operation_id,
    }


def _described(lock: LockCoordinator, credential: Credential) -> dict[str, Any]:
    use = lock.data.users.uses.get(credential)
    expiry = lock.data.expiries.known.get(credential)
    person = person_of(lock, credential)
    return {
        **_named(lock, credential),
        ATTR_PERSON: person and person.name,
        ATTR_NAME: expiry and expiry.name,
        "last_used": use and _time(use.when),
        ATTR_VALID_UNTIL: expiry and expiry.due and _time(expiry.due),
        "uses_left": expiry and expiry.uses,
    }


def _time(when: float) -> str:
    return dt_util.utc_from_timestamp(when).isoformat()


_USER: Final[VolDictType] = {vol.Required(ATTR_USER_ID): _ID}

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
        fields=_USER | {vol.Optional(ATTR_USER_TYPE): _USER_TYPE},
        by="delete-lock-user",
    ),
    "set_credential": LockAction(
        do=_set_credential,
        fields={
            vol.Optional(ATTR_USER_ID): _ID,
            vol.Required(ATTR_CREDENTIAL_TYPE): _CREDENTIAL_TYPE,
            vol.Optional(ATTR_CREDENTIAL_DATA, default=""): cv.string,
            vol.Optional(ATTR_OPERATION_ID): _ID,
            vol.Optional(ATTR_PERSON): cv.string,
            vol.Optional(ATTR_NAME): vol.All(cv.string, vol.Length(min=1, max=LONGEST_NAME)),
            vol.Optional(ATTR_VALID_UNTIL): cv.datetime,
            vol.Optional(ATTR_USES): vol.All(vol.Coerce(int), vol.Range(min=1, max=MOST_USES)),
            vol.Optional(ATTR_TIME_LIMIT, default=TIME_LIMIT): vol.All(
                vol.Coerce(int), vol.Range(*TIME_LIMITS)
            ),
        },
        by="add-unlock-method",
        gives_access=True,
        response=SupportsResponse.OPTIONAL,
    ),
    "cancel_enrolment": LockAction(do=_cancel_enrolment, fields={}, by="cancel-unlock-method"),
    "delete_credential": LockAction(
        do=_delete_credential,
        fields=_USER | {vol.Required(ATTR_OPERATION_ID): _ID},
        by="delete-unlock-method",
    ),
    "assign_credential": LockAction(
        do=_assign_credential,
        fields=_USER
        | {
            vol.Required(ATTR_CREDENTIAL_TYPE): _CREDENTIAL_TYPE,
            vol.Required(ATTR_OPERATION_ID): _ID,
        },
        by="alloc-lock-user",
        gives_access=True,
    ),
    "sync_users": LockAction(do=_sync_users, fields={}, by="sync-lock-user"),
    "sync_credentials": LockAction(do=_sync_credentials, fields={}, by="sync-unlock-method"),
    "get_users": LockAction(do=_get_users, fields={}, response=SupportsResponse.ONLY),
}
