"""Service action that returns what kinds of users and credentials a lock can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..credentials.enrolment import PASSWORD
from ..model.roles import Role

if TYPE_CHECKING:
    from ..runtime import LockRuntime
    from .lock_action import Data
    from .responses import CapabilitiesResponse, CredentialTypeCapability

# Without the owner, as there is only one, and without the types that stand for many users, which
# would delete more than was asked for.
SETTABLE_USER_TYPES: Final = ("administrator", "normal_user", "frequent_visitor")
# Credentials that need nobody at the lock, and those that are shown to it
SET_REMOTELY: Final = (PASSWORD, "phone")
LEARNED: Final = ("fingerprint", "duress_fingerprint", "nfc", "face", "palm_vein")
ONLY_BY_THE_APP: Final = ("one_time_password", "periodic_password")
LIMITS: Final = ("valid_until", "uses")
"""The fields of ``set_credential`` by which a credential ends."""


async def async_get_credential_capabilities(lock: LockRuntime, _data: Data) -> CapabilitiesResponse:
    """Return what kinds of users and credentials the lock can have. The lock is not asked."""
    model = lock.coordinator.model
    user_types, methods = model.property(Role.USER_TYPE), model.property(Role.OPERATION_METHOD)
    return {
        "supports_user_management": bool(model.commands("add-lock-user")),
        "max_users": None,
        "supported_user_types": [
            word for word in SETTABLE_USER_TYPES if user_types and word in user_types.numbers
        ],
        "max_user_name_length": 0,
        "supported_credential_rules": [],
        "supported_credential_types": {
            word: _capability(lock, word)
            for word in (*SET_REMOTELY, *LEARNED, *ONLY_BY_THE_APP)
            if methods and word in methods.numbers
        },
        "supported_limits": [*LIMITS],
        "limits_kept_by": "home_assistant",
    }


def _capability(lock: LockRuntime, word: str) -> CredentialTypeCapability:
    least, most = lock.enrolment.digits if word == PASSWORD else (None, None)
    heard = lock.session.pushes  # Only a password can be set without hearing what the lock tells.
    return {
        "num_slots": None,
        "min_length": least,
        "max_length": most,
        "supports_learn": word in LEARNED and heard,
        "supports_set": word in SET_REMOTELY and (word == PASSWORD or heard),
    }
