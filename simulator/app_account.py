"""The Mi Home app's sign-in to an account: a QR code, and a session that is renewed.

Source of the protocol: Do1e/mijia-api and al-one/hass-xiaomi-miot.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from yarl import URL

from .account import identifier
from .oauth import page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .account import Account

SERVICE_LOGIN: Final = "/pass/serviceLogin"
PASSWORD_LOGIN: Final = "/pass/serviceLoginAuth2"  # noqa: S105
LOGIN_URL: Final = "/longPolling/loginUrl"
POLL: Final = "/lp/{ticket}"
SCAN: Final = "/qr/login/{ticket}"
STS: Final = "/sts"
CONFIRM: Final = "/identity/authStart"

CONFIRMED: Final = 0
NOT_SCANNED: Final = 700
SCANNED: Final = 701
EXPIRED: Final = 702
REFUSED: Final = 70016
_PREFIX: Final = "&&&START&&&"
_SIDS: Final = ("xiaomiio", "mijia")
"""The service names with which clients request a session of the app's interface."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A QR code for a sign-in, and its state."""

    device_id: str
    expires: float
    state: int = NOT_SCANNED
    account: Account | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class AppGrant:
    """A service token's permission to act for an account, with requests under a secret."""

    account: Account
    ssecurity: str
    expires: float


class AppAccounts:
    """The QR codes, pass tokens and service tokens, and the pages that issue them."""

    def __init__(self, accounts: Mapping[str, Account]) -> None:
        """Serve the accounts, by user id. Accounts can be added later."""
        self.code_seconds = 300
        """How long a code can be scanned, in seconds."""
        self.hold_seconds = 25.0
        """How long a poll for the result of a scan is held without an answer, in seconds."""
        self.service_token_seconds = 24 * 3600
        """The lifetime of new service tokens, in seconds."""
        self.unconfirmed: set[Account] = set()
        """Accounts whose session is not renewed until their user confirms a sign-in."""
        self.tickets: dict[str, Ticket] = {}
        self._accounts = accounts
        self._signs: dict[str, str] = {}
        self._pass_tokens: dict[str, tuple[Account, str]] = {}
        self._exchanges: dict[str, AppGrant] = {}
        self._grants: dict[str, AppGrant] = {}
        self.routes = [
            web.get(SERVICE_LOGIN, self._service_login),
            web.post(PASSWORD_LOGIN, self._password_login),
            web.get(LOGIN_URL, self._login_url),
            web.get(POLL, self._poll),
            web.get(SCAN, self._show),
            web.post(SCAN, self._answer),
            web.get(STS, self._exchange),
            web.get(CONFIRM, self._confirm),
        ]

    # Actions of a user with a phone

    def scan(self, login_url: str) -> None:
        """Scan a code without confirming or refusing it."""
        self._change(login_url, SCANNED)

    def confirm(self, login_url: str, account: Account) -> None:
        """Scan a code and confirm."""
        self._change(login_url, CONFIRMED, account)

    def refuse(self, login_url: str) -> None:
        """Scan a code and refuse."""
        self._change(login_url, REFUSED)

    def expire(self, login_url: str) -> None:
        """Expire a code."""
        self._change(login_url, EXPIRED)

    def _change(self, login_url: str, state: int, account: Account | None = None) -> None:
        ticket = self.tickets[URL(login_url).name]
        ticket.state, ticket.account = state, account
        ticket.changed.set()
        ticket.changed = asyncio.Event()

    # Actions of the service

    def expire_service_tokens(self) -> None:
        """Expire all service tokens early; they can be renewed."""
        self._grants.clear()

    def revoke(self, account: Account) -> None:
        """End all sessions of an account; it has to sign in again."""
        self._pass_tokens = {
            token: known for token, known in self._pass_tokens.items() if known[0] is not account
        }
        self._grants = {
            token: grant for token, grant in self._grants.items() if grant.account is not account
        }

    def grant(self, service_token: str) -> AppGrant | None:
        """Return the grant of a service token, None if it is unknown or expired."""
        known = self._grants.get(service_token)
        return known if known and known.expires > time.monotonic() else None

    def sign_in(self, account: Account, device_id: str) -> dict[str, str]:
        """Sign a client in without a phone; return the client's session."""
        given = self._given(account, device_id)
        token = secrets.token_urlsafe(48)
        self._grants[token] = self._exchanges.pop(given["ticket"])
        return {
            "user_id": account.user_id,
            "cuser_id": given["cUserId"],
            "pass_token": given["passToken"],
            "ssecurity": given["ssecurity"],
            "service_token": token,
            "device_id": device_id,
        }

    async def _service_login(self, request: web.Request) -> web.Response:
        sid = request.query.get("sid")
        if sid not in _SIDS or request.query.get("_json") != "true":
            raise web.HTTPBadRequest
        given = request.cookies
        known = self._pass_tokens.get(given.get("passToken", ""))
        if known and all(given.get(name) == value for name, value in _cookies(*known).items()):
            if known[0] in self.unconfirmed:
                url = URL(_origin(request) + CONFIRM).with_query(sid=sid, context=known[0].user_id)
                return _said(CONFIRMED, location="", notificationUrl=str(url))
            return _said(CONFIRMED, **self._public(request, *known))
        sign = secrets.token_urlsafe(16)
        self._signs[sign] = given.get("deviceId", "")
        callback = f"{_origin(request)}{STS}"
        query = {"sid": sid, "callback": callback, "_sign": sign, "qs": f"%3Fsid%3D{sid}"}
        location = URL(_origin(request)).with_path("/fe/service/login").with_query(query)
        return _said(REFUSED, **query, location=str(location))

    async def _password_login(self, request: web.Request) -> web.Response:
        given = {name: str(it) for name, it in {**request.query, **await request.post()}.items()}
        # hass-xiaomi-miot leaves the values of the first step empty.
        sign, callback = given.get("_sign"), given.get("callback")
        checks = (
            given.get("sid") in _SIDS,
            not callback or callback.endswith(STS),
            not sign or self._signs.pop(sign, None) is not None,
            given.get("_json") == "true",
        )
        if not all(checks):
            raise web.HTTPBadRequest
        account = self._accounts.get(given.get("user", ""))
        if account is None or given.get("hash") != _hash(account.password):
            return _said(REFUSED, result="error", desc="登录验证失败", location="")
        public = self._public(request, account, request.cookies.get("deviceId", ""))
        return _said(CONFIRMED, result="ok", desc="成功", **public)

    async def _login_url(self, request: web.Request) -> web.Response:
        query = request.query
        checks = (
            query.get("sid") in _SIDS,
            query.get("_sign") in self._signs,
            query.get("callback", "").endswith(STS),
            query.get("_qrsize") == "240",
            query.get("_hasLogo") == "false",
            query.get("_dc", "").isdecimal(),
        )
        if not all(checks):
            raise web.HTTPBadRequest
        ticket = secrets.token_urlsafe(16)
        expires = time.monotonic() + self.code_seconds
        self.tickets[ticket] = Ticket(self._signs.pop(query["_sign"]), expires)
        origin = _origin(request)
        return _said(
            CONFIRMED,
            loginUrl=origin + SCAN.format(ticket=ticket),
            qr=f"{origin}/qr/{ticket}.png",
            lp=origin + POLL.format(ticket=ticket),
            timeout=self.code_seconds,
        )

    async def _poll(self, request: web.Request) -> web.Response:
        ticket = self._ticket(request)
        changed = ticket.changed
        left = ticket.expires - time.monotonic()
        if ticket.state in (NOT_SCANNED, SCANNED):
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(self.hold_seconds, max(left, 0)))
        if ticket.state in (NOT_SCANNED, SCANNED) and time.monotonic() >= ticket.expires:
            ticket.state = EXPIRED
        if ticket.account is None:
            return _said(ticket.state)
        account, ticket.account, ticket.state = ticket.account, None, EXPIRED
        self.unconfirmed.discard(account)
        return _said(CONFIRMED, **self._public(request, account, ticket.device_id))

    async def _show(self, request: web.Request) -> web.Response:
        self._ticket(request)
        return web.Response(text=page(self._accounts.values()), content_type="text/html")

    async def _answer(self, request: web.Request) -> web.Response:
        self._ticket(request)
        user = str((await request.post()).get("user"))
        if account := self._accounts.get(user):
            self.confirm(str(request.url), account)
        elif user:
            raise web.HTTPBadRequest(text="No such account")
        else:
            self.refuse(str(request.url))
        return web.Response(text="Thank you. You can go back to Home Assistant.")

    async def _confirm(self, request: web.Request) -> web.Response:
        account = self._accounts.get(request.query.get("context", ""))
        if account not in self.unconfirmed:
            raise web.HTTPNotFound
        self.unconfirmed.discard(account)
        return web.Response(text="Thank you. It was you.")

    async def _exchange(self, request: web.Request) -> web.Response:
        grant = self._exchanges.pop(request.query.get("ticket", ""), None)
        if grant is None:
            raise web.HTTPForbidden
        token = secrets.token_urlsafe(48)
        self._grants[token] = grant
        response = web.Response(text="ok")
        response.set_cookie("serviceToken", token, secure=True, httponly=True)
        response.set_cookie("userId", grant.account.user_id, secure=True)
        return response

    def _ticket(self, request: web.Request) -> Ticket:
        if ticket := self.tickets.get(request.match_info["ticket"]):
            return ticket
        raise web.HTTPNotFound

    def _public(self, request: web.Request, account: Account, device_id: str) -> dict[str, Any]:
        given = self._given(account, device_id)
        location = URL(_origin(request) + STS).with_query(ticket=given.pop("ticket"))
        return {**given, "location": str(location)}

    def _given(self, account: Account, device_id: str) -> dict[str, Any]:
        """Return new secrets of an account, and the ticket to exchange for a service token."""
        ssecurity = base64.b64encode(secrets.token_bytes(16)).decode()
        ticket = secrets.token_urlsafe(24)
        expires = time.monotonic() + self.service_token_seconds
        self._exchanges[ticket] = AppGrant(account, ssecurity, expires)
        pass_token = f"V1:{secrets.token_urlsafe(48)}"
        self._pass_tokens[pass_token] = (account, device_id)
        return {
            "userId": int(account.user_id),
            "cUserId": _cuser_id(account),
            "ssecurity": ssecurity,
            "psecurity": base64.b64encode(secrets.token_bytes(16)).decode(),
            "nonce": secrets.randbelow(10**18),
            "passToken": pass_token,
            "ticket": ticket,
        }


def _cuser_id(account: Account) -> str:
    return identifier("cUserId", account.user_id)


def _hash(password: str) -> str:
    return hashlib.md5(password.encode()).hexdigest().upper()  # noqa: S324


def _cookies(account: Account, device_id: str) -> dict[str, str]:
    """Return the cookies that identify a client, besides the pass token."""
    return {"userId": account.user_id, "cUserId": _cuser_id(account), "deviceId": device_id}


def _said(code: int, **facts: Any) -> web.Response:
    body = _PREFIX + json.dumps({"code": code, **facts}, separators=(",", ":"))
    return web.Response(text=body)


def _origin(request: web.Request) -> str:
    return str(request.url.origin())
