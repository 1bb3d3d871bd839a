"""Signing in to a Xiaomi account by OAuth 2, and keeping its tokens fresh.

Protocol as XiaoMi/ha_xiaomi_home uses it.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from .endpoints import REDIRECT
from .errors import CannotConnectError, NotSignedInError
from .http import request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from typing import Self

    from aiohttp import ClientSession

    from .endpoints import Endpoints

CLIENT_ID: Final = 2882303761520251711
TOKEN_PATH: Final = "/app/v2/ha/oauth/get_token"  # noqa: S105
RENEW_AT: Final = 0.7  # of a token's lifetime
LONGEST_LIFETIME: Final = 10 * 365 * 86_400  # seconds; what says more says nothing
TOKEN: Final = re.compile("[!-~]+")  # what an HTTP header and an MQTT password can hold


@dataclass(frozen=True, slots=True)
class Tokens:
    """An account's tokens; ``renew_at`` is when to renew them, in Unix seconds."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    renew_at: float

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Return the tokens of the service's answer.

        Raises NotSignedInError where it refuses, CannotConnectError where it makes no sense.
        """
        match answer:
            case {
                "code": 0,
                "result": {
                    "access_token": str(access),
                    "refresh_token": str(refresh),
                    "expires_in": int() | float() as lifetime,
                },
            } if all(map(TOKEN.fullmatch, (access, refresh))) and 0 < lifetime <= LONGEST_LIFETIME:
                return cls(access, refresh, time.time() + lifetime * RENEW_AT)
            case {"code": int(code)} if code:
                raise NotSignedInError(f"code {code}")
        raise CannotConnectError("the answer has no tokens")

    def as_dict(self) -> dict[str, Any]:
        """Return the tokens for storage."""
        return asdict(self)


class SignIn:
    """One sign-in: where to send the user's browser, and what to make of where it ends."""

    def __init__(
        self,
        session: ClientSession,
        tls: ssl.SSLContext,
        endpoints: Endpoints,
        region: str,
        uuid: str,
    ) -> None:
        """Prepare for a region; the UUID stands for this client from now on."""
        self._session = session
        self._tls = tls
        self._endpoints = endpoints
        self._region = region
        self._uuid = uuid

    def authorize_url(self, path: str, state: str) -> str:
        """Return where the user signs in, to be sent back to a path of Home Assistant."""
        return str(
            URL(self._endpoints.authorize).with_query(
                client_id=str(CLIENT_ID),
                response_type="code",
                redirect_uri=REDIRECT + path,
                device_id=f"ha.{self._uuid}",
                state=state,
                skip_confirm="false",
            )
        )

    async def exchange(self, path: str, code: str) -> Tokens:
        """Return the tokens for a code; a code works once."""
        return await self._get_token(
            {
                "redirect_uri": REDIRECT + path,
                "code": code,
                "device_id": f"ha.{self._uuid}",
            }
        )

    async def renew(self, path: str, tokens: Tokens) -> Tokens:
        """Return new tokens for old ones."""
        return await self._get_token(
            {"redirect_uri": REDIRECT + path, "refresh_token": tokens.refresh}
        )

    async def _get_token(self, data: dict[str, Any]) -> Tokens:
        answer = await request(
            self._session,
            self._tls,
            "GET",
            self._endpoints.api_url(self._region, TOKEN_PATH),
            params={"data": json.dumps({"client_id": CLIENT_ID, **data})},
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        return Tokens.from_answer(answer)


class TokenKeeper:
    """Hands out a valid access token, renewing it when most of its lifetime is over."""

    def __init__(
        self,
        sign_in: SignIn,
        path: str,
        tokens: Tokens,
        on_renewed: Callable[[Tokens], None],
    ) -> None:
        """Keep tokens that were given for a redirect path; tell about renewed ones."""
        self._sign_in = sign_in
        self._path = path
        self._tokens = tokens
        self._on_renewed = on_renewed
        self._lock = asyncio.Lock()

    async def access_token(self, refused: str | None = None) -> str:
        """Return an access token, and never the one that was just refused."""
        async with self._lock:
            if time.time() >= self._tokens.renew_at or self._tokens.access == refused:
                self._tokens = await self._sign_in.renew(self._path, self._tokens)
                self._on_renewed(self._tokens)
            return self._tokens.access
