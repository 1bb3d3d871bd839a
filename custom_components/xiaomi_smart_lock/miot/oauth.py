"""OAuth 2 sign-in to a Xiaomi account, and renewal of its tokens.

Source of the protocol: XiaoMi/ha_xiaomi_home.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from .endpoints import REDIRECT
from .errors import CannotConnectError, NotSignedInError, StatusError
from .http import exchange, parse
from .values import number, opaque, whole

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from typing import Self

    from aiohttp import ClientSession

    from .endpoints import Endpoints

CLIENT_ID: Final = 2882303761520251711
TOKEN_PATH: Final = "/app/v2/ha/oauth/get_token"  # noqa: S105
RENEW_AT: Final = 0.7  # fraction of a token's lifetime
LONGEST_LIFETIME: Final = 10 * 365 * 86_400  # seconds; a longer lifetime is invalid
RENEW_AGAIN_AFTER: Final = 60  # seconds, if the renewal failed but the token still works

# Access token, refresh token or code invalid or expired. Source: Xiaomi's documentation of its
# OAuth service. Other codes do not mean that the sign-in is invalid. Observed: -6 passes by itself.
INVALID: Final = (401, 96008, 96009, 96013)


@dataclass(frozen=True, slots=True)
class Tokens:
    """An account's tokens; ``renew_at`` is the time to renew them, in Unix seconds."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    renew_at: float

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Return the tokens in the service's answer.

        Raises NotSignedInError if the answer says that the code or token in the request is invalid,
        and CannotConnectError if it has no tokens for any other reason, which may be temporary.
        """
        code = whole(answer.get("code"))
        match code, answer.get("result"):
            case 0, {"access_token": str(access), "refresh_token": str(refresh), "expires_in": raw}:
                lifetime = number(raw) or 0
                usable = all(map(opaque, (access, refresh)))
                if usable and 0 < lifetime <= LONGEST_LIFETIME:
                    return cls(access, refresh, time.time() + lifetime * RENEW_AT)
        if code in INVALID:
            raise NotSignedInError(f"code {code}")
        if code:
            raise CannotConnectError(f"the answer has no tokens but code {code}")
        raise CannotConnectError("the answer has no tokens")

    def as_dict(self) -> dict[str, Any]:
        """Return the tokens for storage."""
        return asdict(self)


class SignIn:
    """A sign-in: the URL for the user's browser, and the exchange of its code for tokens."""

    def __init__(
        self,
        session: ClientSession,
        tls: ssl.SSLContext,
        endpoints: Endpoints,
        region: str,
        uuid: str,
    ) -> None:
        """Initialize for a region; the UUID identifies this client from now on."""
        self._session = session
        self._tls = tls
        self._endpoints = endpoints
        self._region = region
        self._uuid = uuid

    def authorize_url(self, path: str, state: str) -> str:
        """Return the URL of the sign-in page, which redirects to a path of Home Assistant."""
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
        """Exchange a code for tokens; a code works once."""
        return await self._get_token(
            {
                "redirect_uri": REDIRECT + path,
                "code": code,
                "device_id": f"ha.{self._uuid}",
            }
        )

    async def renew(self, path: str, tokens: Tokens) -> Tokens:
        """Exchange the refresh token for new tokens."""
        return await self._get_token(
            {"redirect_uri": REDIRECT + path, "refresh_token": tokens.refresh}
        )

    async def _get_token(self, data: dict[str, Any]) -> Tokens:
        answer = await exchange(
            self._session,
            self._tls,
            "GET",
            self._endpoints.api_url(self._region, TOKEN_PATH),
            params={"data": json.dumps({"client_id": CLIENT_ID, **data})},
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise NotSignedInError("HTTP 401")
        if answer.status == HTTPStatus.OK:
            return Tokens.from_answer(parse(answer.body))
        if answer.refuses:  # The body may say that the token is invalid.
            with suppress(CannotConnectError):
                Tokens.from_answer({**parse(answer.body), "result": None})
        raise StatusError(answer.status)


class TokenKeeper:
    """The keeper of an account's tokens, which renews them after most of their lifetime."""

    def __init__(
        self,
        sign_in: SignIn,
        path: str,
        tokens: Tokens,
        on_renewed: Callable[[Tokens], None],
    ) -> None:
        """Store tokens that were issued for a redirect path; ``on_renewed`` gets renewed ones."""
        self._sign_in = sign_in
        self._path = path
        self._tokens = tokens
        self._on_renewed = on_renewed
        self._renewal: asyncio.Task[None] | None = None
        self._not_before = 0.0

    async def access_token(self, refused: str | None = None) -> str:
        """Return an access token, but never the one that was just refused.

        A token works for some time after it is due for renewal, so if the renewal fails for now,
        the token is used until it is refused; then CannotConnectError is raised. A renewal
        continues if all callers are canceled: it invalidates the refresh token, and only its
        answer has the new one.
        """
        is_due = time.time() >= max(self._tokens.renew_at, self._not_before)
        if self._renewal or is_due or self._tokens.access == refused:
            if self._renewal is None:
                self._renewal = asyncio.create_task(self._renew())
                self._renewal.add_done_callback(self._end_renewal)
            try:
                await asyncio.shield(self._renewal)
            except CannotConnectError:
                if self._tokens.access == refused:
                    raise
                self._not_before = time.time() + RENEW_AGAIN_AFTER
        return self._tokens.access

    async def settled(self) -> None:
        """Wait until no renewal is under way, so that the stored tokens are the newest."""
        if self._renewal:
            await asyncio.wait([self._renewal])

    async def _renew(self) -> None:
        self._tokens = await self._sign_in.renew(self._path, self._tokens)
        self._on_renewed(self._tokens)

    def _end_renewal(self, renewal: asyncio.Task[None]) -> None:
        self._renewal = None
        if not renewal.cancelled():
            renewal.exception()  # Mark it as retrieved: all callers may have been canceled.
