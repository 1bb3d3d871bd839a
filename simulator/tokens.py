"""The cloud's OAuth 2: codes, access tokens and refresh tokens."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .account import Account

CLIENT_ID: Final = 2882303761520251711
REDIRECT: Final = "http://homeassistant.local:8123"
CODE_SECONDS: Final = 300
"""The lifetime of a code, in seconds."""


class GrantRefusedError(Exception):
    """A code or a refresh token cannot be exchanged."""


@dataclass(frozen=True, slots=True)
class Grant:
    """An owner's permission for a client, named by its device id, to act for the account."""

    account: Account
    device_id: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class _Expiring:
    grant: Grant
    expires: float


class Tokens:
    """The codes and tokens of all accounts, with their expiry."""

    def __init__(self) -> None:
        """Start without any grants."""
        self.lifetime = 3 * 24 * 3600
        """The lifetime of new access tokens, in seconds."""
        self._codes: dict[str, _Expiring] = {}
        self._access: dict[str, _Expiring] = {}
        self._refresh: dict[str, Grant] = {}

    def code(self, grant: Grant) -> str:
        """Return a code that can be exchanged once."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Expiring(grant, time.monotonic() + CODE_SECONDS)
        return code

    def exchange(self, request: Mapping[str, object]) -> dict[str, Any]:
        """Return tokens for a code or for a refresh token; each works once.

        Raises GrantRefusedError if the request is incomplete, or if its code or refresh token is
        unknown, used, expired or another client's.
        """
        match request:
            case {"client_id": int(client), "redirect_uri": str(redirect), **rest}:
                grant = self._take(rest)
            case _:
                raise GrantRefusedError("incomplete")
        if client != CLIENT_ID or redirect != grant.redirect_uri:
            raise GrantRefusedError("given to another client")
        return self._issue(grant)

    def _take(self, proof: Mapping[str, object]) -> Grant:
        match proof:
            case {"code": str(code), "device_id": str(device_id), **rest} if not rest:
                known = self._codes.pop(code, None)
                if not known or known.expires < time.monotonic():
                    raise GrantRefusedError("code unknown, used or too old")
                if known.grant.device_id != device_id:
                    raise GrantRefusedError("given to another client")
                return known.grant
            case {"refresh_token": str(token), **rest} if not rest:
                grant = self._refresh.pop(token, None)
                if grant:
                    return grant
        raise GrantRefusedError("neither a code nor a refresh token that is known")

    def _issue(self, grant: Grant) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        self._access[access] = _Expiring(grant, time.monotonic() + self.lifetime)
        self._refresh[refresh] = grant
        return {
            "access_token": access,
            "refresh_token": refresh,
            "expires_in": self.lifetime,
            "mac_key": secrets.token_urlsafe(24),
        }

    def grant(self, access_token: str) -> Grant | None:
        """Return the grant of an access token, None if it is unknown or expired."""
        known = self._access.get(access_token)
        return known.grant if known and known.expires > time.monotonic() else None

    def expire(self) -> None:
        """Expire all access tokens early."""
        self._access.clear()

    def revoke(self, account: Account) -> None:
        """Revoke all codes and tokens of an account."""
        self._codes = {key: it for key, it in self._codes.items() if it.grant.account != account}
        self._access = {key: it for key, it in self._access.items() if it.grant.account != account}
        self._refresh = {key: it for key, it in self._refresh.items() if it.account != account}
