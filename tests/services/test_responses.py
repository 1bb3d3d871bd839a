"""What actions answer has the documented keys and types, whatever the lock has told."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from custom_components.xiaomi_smart_lock.services import responses
from tests.people import give

if TYPE_CHECKING:
    from tests.lock_harness import LockHarness

pytestmark = pytest.mark.usefixtures("short_timeouts", "has_told")

# In the order in which they are called, each with the data of the call
CALLED: Final[dict[str, tuple[type, dict[str, Any]]]] = {
    "set_user": (responses.SetUserResponse, {"user_id": 7}),
    "set_credential": (
        responses.SetCredentialResponse,
        {
            "user_id": 7,
            "credential_type": "password",
            "credential_data": "246810",
            "uses": 3,
            "name": "Aunt",
        },
    ),
    "get_users": (responses.UsersResponse, {}),
    "get_credential_capabilities": (responses.CapabilitiesResponse, {}),
    "get_history": (responses.HistoryResponse, {}),
    "delete_all_credentials": (responses.DeletedCredentialsResponse, {"user_id": 7}),
    "delete_all_users": (responses.DeletedUsersResponse, {}),
}


def is_of(value: Any, hint: Any) -> bool:
    """Return whether a value has a documented type, with all of its keys and no others."""
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        return value.keys() == hints.keys() and all(is_of(value[key], hints[key]) for key in hints)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(is_of(one, arguments[0]) for one in value)
    if origin is dict:
        return all(is_of(one, arguments[1]) for one in value.values())
    if origin is UnionType:
        return any(is_of(value, one) for one in arguments)
    if hint is Any:
        return True
    return type(value) is (NoneType if hint is None else hint)


async def test_answers(harness: LockHarness) -> None:
    """Also of a credential that was used, and of which nobody knows more."""
    harness.driver.do("fingerprint", 1)
    await harness.reached()
    give(harness.hass, harness.entry, "Ming", (2, 1))
    for action, (response, data) in CALLED.items():
        answer = await harness.manage(action, **data)
        assert is_of(answer, response), f"{action}: {answer}"
    assert answer["deleted"]


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        ({"user_id": 7}, responses.SetUserResponse, True),
        ({"user_id": "7"}, responses.SetUserResponse, False),
        ({}, responses.SetUserResponse, False),
        ({"user_id": 7, "more": 1}, responses.SetUserResponse, False),
        ([1, None], list[int | None], True),
        ([1, "a"], list[int | None], False),
        ({"a": True}, dict[str, int], False),
    ],
)
def test_the_check(value: Any, hint: Any, expected: bool) -> None:
    """It finds a key that is missing or too many, and another type."""
    assert is_of(value, hint) == expected
