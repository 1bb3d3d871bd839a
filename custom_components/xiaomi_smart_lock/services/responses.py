"""What the service actions answer. The names that Z-Wave has too mean the same as there."""

from __future__ import annotations

from typing import Any, TypedDict


class SetUserResponse(TypedDict):
    """Answer of ``set_user``."""

    user_id: int


class CredentialName(TypedDict):
    """A credential as the *Lock* event names it: a duress fingerprint as a fingerprint."""

    method: str | int
    """The key of its type, or the lock's number of a type that the specification lacks."""
    operation_id: int
    person: str | None
    """The name of the person whose it is, None if nobody is known to have it."""


class SetCredentialResponse(CredentialName):
    """Answer of ``set_credential``."""

    user_id: int | None
    """The user of the lock that the credential belongs to, None if the lock has not told."""


class CredentialEntry(CredentialName):
    """A credential of a list. Times are in ISO 8601; None if nothing is known or there is none."""

    name: str | None
    last_used: str | None
    valid_until: str | None
    uses_left: int | None


class UserEntry(TypedDict):
    """A user of the lock with all credentials."""

    user_id: int
    user_name: str | None
    """The name of the only person who has credentials of the user, None if there is no such."""
    user_type: str | None
    """The key of the type, None if the lock has not told it."""
    credentials: list[CredentialEntry]


class UsersResponse(TypedDict):
    """Answer of ``get_users``."""

    users: list[UserEntry]
    others: list[CredentialEntry]
    """Credentials that were used, but of which the lock has not told whose they are."""


class DeletedUsersResponse(TypedDict):
    """Answer of ``delete_all_users``."""

    deleted: list[UserEntry]


class DeletedCredentialsResponse(TypedDict):
    """Answer of ``delete_all_credentials``."""

    deleted: list[CredentialEntry]


class CredentialTypeCapability(TypedDict):
    """What can be done with credentials of one type."""

    num_slots: int | None
    """How many the lock can have, None if it does not tell."""
    min_length: int | None
    max_length: int | None
    """The least and most digits, None if the type has none."""
    supports_learn: bool
    """Whether ``set_credential`` has the lock enroll it, with somebody standing at the lock."""
    supports_set: bool
    """Whether ``set_credential`` sets it remotely, with nobody at the lock."""


class CapabilitiesResponse(TypedDict):
    """Answer of ``get_credential_capabilities``."""

    supports_user_management: bool
    max_users: int | None
    """None, since the lock does not tell it."""
    supported_user_types: list[str]
    max_user_name_length: int
    """0, since the lock keeps no names."""
    supported_credential_rules: list[str]
    """Empty, since one credential is always enough."""
    supported_credential_types: dict[str, CredentialTypeCapability]
    supported_limits: list[str]
    """The fields of ``set_credential`` by which a credential ends."""
    limits_kept_by: str
    """Who deletes a credential that has ended: ``home_assistant``, as the lock itself cannot."""


class HistoryResponse(TypedDict):
    """Answer of ``get_history``."""

    history: list[dict[str, Any]]
    """Each with ``when``, ``kind`` and ``type``, and the attributes of the event entity."""
