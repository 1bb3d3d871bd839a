"""Sign-in like the Mi Home app's, without a password: the user scans a QR code with the app.

Source of the protocol: public clients (Do1e/mijia-api, al-one/hass-xiaomi-miot).
"""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from ..errors import (
    CannotConnectError,
    NotConfirmedError,
    NotSignedInError,
    SignInExpiredError,
    SignInRefusedError,
    StatusError,
)
from ..http import Answer, exchange, parse
from ..values import LONGEST_SECRET
from .url import account_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import NoReturn

    from ..endpoints import Endpoints

SERVICE: Final = {"_json": "true", "sid": "xiaomiio"}
# The User-Agent of public clients. The services may check it; no other one was observed.
_AGENT: Final = "Android-7.1.1-1.0.0-ONEPLUS A3010-136-{} APP/xiaomi.smarthome APPV/62830"
_PREFIX: Final = b"&&&START&&&"
_KEY_BYTES: Final = 16
_COOKIE: Final = re.compile(rf"[!#-+\--:<-\[\]-~]{{1,{LONGEST_SECRET}}}")  # RFC 6265, 4.1.1
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_FIELDS: Final = {"user_id": "userId", "cuser_id": "cUserId", "pass_token": "passToken"}

LONGEST_WAIT: Final = 600  # seconds until a QR code expires, at most
POLL_PAUSE: Final = 1.0  # seconds between two polls, in case the service does not hold them
REDIRECTS: Final = 5
FAILURES: Final = 3  # polls in a row without an answer until the sign-in fails

# Codes of the answer to a poll, as public clients know them; any other code is a refusal.
CONFIRMED: Final = 0
NOT_SCANNED: Final = 700
NOT_CONFIRMED: Final = 701
EXPIRED: Final = 702


class NoSessionError(CannotConnectError):
    """The account answered, but without a usable session, e.g. with HTML or without a URL."""


@dataclass(frozen=True, slots=True)
class SessionData:
    """The session that the account gave to this client, which it identifies by ``device_id``."""

    user_id: str
    cuser_id: str = field(repr=False)
    pass_token: str = field(repr=False)
    ssecurity: str = field(repr=False)
    service_token: str = field(repr=False)
    device_id: str = field(repr=False)

    def as_dict(self) -> dict[str, str]:
        """Return the data for storage."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code: the URL to show, the URL to poll, and the expiry by the monotonic clock."""

    login_url: str = field(repr=False)
    poll_url: str = field(repr=False)
    expires: float


class AppLogin:
    """The sign-ins of one client.

    The aiohttp session must not keep cookies (DummyCookieJar); otherwise accounts would mix.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tls: ssl.SSLContext,
        endpoints: Endpoints,
        device_id: str | None = None,
    ) -> None:
        """Initialize the client; pass the device id of its earlier sign-in, if there was one."""
        self._session = session
        self._tls = tls
        self._endpoints = endpoints
        self.device_id = device_id or secrets.token_urlsafe(12)

    async def begin(self) -> QrCode:
        """Start a sign-in and return the QR code to show; raises CannotConnectError."""
        service = await self._service_login({})
        location = account_url(service.get("location"), self._endpoints)
        answer = await self._get(
            f"{self._endpoints.account}/longPolling/loginUrl",
            params={
                **URL(location).query,
                "theme": "",
                "bizDeviceType": "",
                "_hasLogo": "false",
                "_qrsize": "240",
                "_dc": str(int(time.time() * 1000)),
            },
        )
        match _parse(answer):
            case {"code": 0, "loginUrl": login_url, "lp": lp, "timeout": int(wait)} if wait > 0:
                return QrCode(
                    login_url=account_url(login_url, self._endpoints),
                    poll_url=account_url(lp, self._endpoints),
                    expires=time.monotonic() + min(wait, LONGEST_WAIT),
                )
        raise CannotConnectError("the answer has no code to scan")

    async def wait(self, code: QrCode) -> SessionData:
        """Poll until the QR code is scanned and confirmed, and return the session.

        Raises SignInExpiredError, SignInRefusedError, NotConfirmedError or CannotConnectError.
        """
        failures = 0
        while (left := code.expires - time.monotonic()) > 0:
            try:
                answer = _parse(await self._get(code.poll_url, wait=left))
            except CannotConnectError:
                failures += 1
                if failures == FAILURES and time.monotonic() < code.expires:
                    raise
            else:
                failures = 0
                match answer.get("code"):
                    case int(said) if said == CONFIRMED:
                        return await self._finish(answer, {})
                    case int(said) if said == EXPIRED:
                        break
                    case int(said) if said not in (NOT_SCANNED, NOT_CONFIRMED):
                        raise SignInRefusedError(said)
            await asyncio.sleep(POLL_PAUSE)
        raise SignInExpiredError("nobody confirmed the sign-in in time")

    async def renew(self, data: SessionData) -> SessionData:
        """Renew a session without the user, and return the new one.

        Raises NotSignedInError if the user must sign in again, NotConfirmedError if the user must
        also confirm the sign-in, and NoSessionError if the answer is not usable.
        """
        known = {
            "userId": data.user_id,
            "cUserId": data.cuser_id,
            "passToken": data.pass_token,
        }
        answer = await self._service_login(known)
        match answer.get("code"):
            case int(said) if said == CONFIRMED:
                return await self._finish(answer, known)
            case int():
                raise NotSignedInError("the session cannot be renewed")
        raise NoSessionError("the answer has no code")

    async def _service_login(self, known: Mapping[str, str]) -> dict[str, Any]:
        return _parse(
            await self._get(
                f"{self._endpoints.account}/pass/serviceLogin",
                params=SERVICE,
                cookie=cookies(**known, deviceId=self.device_id),
            )
        )

    async def _finish(self, answer: Mapping[str, Any], known: Mapping[str, str]) -> SessionData:
        """Fetch the service token from the answer's location, and return the complete session.

        Raises NotConfirmedError or NoSessionError if the answer has no location, and NoSessionError
        if secrets are missing or invalid.
        """
        if not answer.get("location"):
            self._refuse(answer)
        given = (await self._get(self._address(answer.get("location")))).cookies
        found = {
            name: str(answer.get(key) or known.get(key) or "") for name, key in _FIELDS.items()
        }
        found["service_token"] = given.get("serviceToken", "")
        ssecurity = str(answer.get("ssecurity"))
        if not all(map(_COOKIE.fullmatch, found.values())) or not _is_key(ssecurity):
            raise NoSessionError("the answer has no session")
        return SessionData(**found, ssecurity=ssecurity, device_id=self.device_id)

    def _refuse(self, answer: Mapping[str, Any]) -> NoReturn:
        """Raise the error for an answer without a location.

        Raises NotConfirmedError if the answer has a ``notificationUrl``, else NoSessionError.
        """
        if raw := answer.get("notificationUrl"):
            url = None
            with suppress(CannotConnectError):
                url = account_url(raw, self._endpoints)
            raise NotConfirmedError(url)
        raise NoSessionError("the answer names no address")

    def _address(self, raw: object) -> str:
        try:
            return account_url(raw, self._endpoints)
        except CannotConnectError as error:
            raise NoSessionError(str(error)) from None

    async def _get(
        self, url: str, *, wait: float | None = None, cookie: str | None = None, **kwargs: Any
    ) -> Answer:
        """Send a request and return the answer; follow redirects only to the account's services.

        Redirects are followed without the request's cookies and parameters.
        """
        timeout = None if wait is None else aiohttp.ClientTimeout(total=wait)
        headers = agent(self.device_id) | ({"Cookie": cookie} if cookie else {})
        given: dict[str, str] = {}
        for _ in range(REDIRECTS):
            answer = await exchange(
                self._session,
                self._tls,
                "GET",
                url,
                timeout=timeout,
                headers=headers,
                **kwargs,
            )
            given |= answer.cookies
            if answer.status not in _REDIRECTS:
                return _checked(replace(answer, cookies=given))
            url = self._address(_joined(url, answer.location))
            headers, kwargs = agent(self.device_id), {}
        raise NoSessionError("the answer leads from one address to another")


def agent(device_id: str) -> dict[str, str]:
    """Return the User-Agent header of a client."""
    return {"User-Agent": _AGENT.format(device_id)}


def cookies(**named: str) -> str:
    """Return the value of a Cookie header, without the quotes that aiohttp would add."""
    return "; ".join(f"{name}={value}" for name, value in named.items())


def _checked(answer: Answer) -> Answer:
    """Return the answer, if its status is 200.

    Raises NotSignedInError for 401, NoSessionError for any other 4xx, else StatusError.
    """
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise NotSignedInError("HTTP 401")
    if answer.refuses:
        raise NoSessionError(f"HTTP {answer.status}")
    if answer.status != HTTPStatus.OK:
        raise StatusError(answer.status)
    return answer


def _joined(url: str, location: str) -> str:
    """Return the absolute URL of a redirect, whose location may be relative."""
    try:
        return str(URL(url).join(URL(location)))
    except ValueError:
        raise NoSessionError("the answer leads nowhere") from None


def _parse(answer: Answer) -> dict[str, Any]:
    try:
        return parse(answer.body.removeprefix(_PREFIX))
    except CannotConnectError as error:
        raise NoSessionError(str(error)) from None


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_BYTES
    except ValueError:
        return False
