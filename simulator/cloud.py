"""Xiaomi's cloud for Home Assistant: its HTTP interface, with TLS on loopback."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from . import app_home, faults, instances, listing
from .app_account import AppAccounts
from .app_cloud import AppCloud, is_sealed
from .central import PATH as CENTRAL_CERTIFICATE
from .central import CentralAuthority
from .clock import Clock
from .codes import Code
from .oauth import SignIn
from .tokens import CLIENT_ID, GrantRefusedError, Tokens

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from .account import Account
    from .app_home import Call
    from .device import Device
    from .faults import Fault, Handler

GET_TOKEN: Final = "/app/v2/ha/oauth/get_token"  # noqa: S105
PROFILE: Final = "/user/profile"

LIST_LIMIT: Final = 150
"""The most properties to read or write, or devices to request, in one request."""

# Not observed: the real service is only known to refuse, which any code but 0 does.
INVALID_REQUEST: Final = -6

_HEADERS: Final = {
    "X-Client-BizId": "haapi",
    "X-Client-AppId": str(CLIENT_ID),
    "Content-Type": "application/json",
}
_GET_TOKEN_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_BEARER: Final = "Bearer"


class InvalidRequestError(ValueError):
    """A request has a shape that the interface does not accept."""


@dataclass(slots=True)
class _Disturbance:
    fault: Fault
    path_part: str
    times: int


class Cloud:
    """The HTTP interface, with all accounts and tokens, and every lock that was ever added."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        port: int = 0,
        clock: Clock | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        """Prepare to serve on a port of a loopback address; 0 takes a free one."""
        self.port = port
        self._address = address
        self.ahead = 0.0
        """How many seconds the cloud's clock is ahead of the locks' clocks."""
        self.online = True
        """False during an outage: every connection ends without an answer."""
        self.requests: list[tuple[str, Any]] = []
        """Path and body (query for a GET) of every request, in order."""
        self.accounts: dict[str, Account] = {}
        self.locks: dict[str, Device] = {}
        self.tokens = Tokens()
        self.app_accounts = AppAccounts(self.accounts)
        of_items: dict[str, Call] = {
            app_home.READ: self._read,
            app_home.WRITE: self._write,
            app_home.ACT: partial(app_home.act, self._act),
        }
        self.app = AppCloud(self.app_accounts, app_home.CALLS | of_items)
        self._central = CentralAuthority()
        self._disturbances: list[_Disturbance] = []
        self._tls = tls
        self._clock = clock or Clock()
        app = web.Application(middlewares=[self._guard])
        app.add_routes(SignIn(self.accounts, self.tokens).routes)
        app.add_routes([web.get(GET_TOKEN, self._get_token), web.get(PROFILE, self._profile)])
        app.add_routes(self.app_accounts.routes + self.app.routes)
        app.add_routes(instances.ROUTES)
        app.add_routes([web.post(path, self._call) for path in _CALLS])
        prepare: Any = app.on_response_prepare  # typed in aiohttp's newer version only
        prepare.append(self._date)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def __aenter__(self) -> Self:
        """Start listening."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._address, self.port, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and end all connections."""
        await self._runner.cleanup()

    async def move(self, port: int) -> None:
        """Move to another port, 0 for a free one. The old port is free for another server."""
        await self.__aexit__()
        self.port = port
        await self.__aenter__()

    @property
    def url(self) -> str:
        """The base URL of the interface."""
        return f"https://{self._address}:{self.port}"

    @property
    def token_lifetime(self) -> int:
        """The lifetime of new access tokens, in seconds."""
        return self.tokens.lifetime

    @token_lifetime.setter
    def token_lifetime(self, seconds: int) -> None:
        self.tokens.lifetime = seconds

    def expire_access_tokens(self) -> None:
        """Expire all access tokens early; they can be renewed."""
        self.tokens.expire()

    def revoke(self, account: Account) -> None:
        """Revoke all tokens of an account; it has to sign in again."""
        self.tokens.revoke(account)

    def refuse_next(self, status: int, path_part: str = "", times: int = 1) -> None:
        """Answer the next ``times`` requests to paths with ``path_part`` with an HTTP status."""
        self.disturb_next(faults.status(status), path_part, times)

    def disturb_next(self, fault: Fault, path_part: str = "", times: int = 1) -> None:
        """Apply a fault to the next ``times`` requests to paths with ``path_part``."""
        self._disturbances.append(_Disturbance(fault, path_part, times))

    def calm(self) -> int:
        """Cancel the pending faults; return how many there were."""
        left = sum(disturbance.times for disturbance in self._disturbances)
        self._disturbances.clear()
        return left

    def authenticate(self, client_id: str, username: str, password: str) -> bool:
        """Return whether the broker accepts a client.

        The user name has to be the OAuth client id, and the password an access token that was
        issued for this MQTT client id.
        """
        grant = self.tokens.grant(password)
        return username == str(CLIENT_ID) and grant is not None and grant.device_id == client_id

    async def _date(self, _request: web.Request, response: web.StreamResponse) -> None:
        now = datetime.fromtimestamp(self._clock.now() + self.ahead, UTC)
        response.headers["Date"] = format_datetime(now, usegmt=True)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self.online and request.transport:
            request.transport.abort()
            return web.Response()
        self.requests.append((request.path, await _body(request)))
        for disturbance in self._disturbances:
            if disturbance.times and disturbance.path_part in request.path:
                disturbance.times -= 1
                return await disturbance.fault(request, handler)
        return await handler(request)

    async def _get_token(self, request: web.Request) -> web.Response:
        of_calls = {"Authorization", *_HEADERS} - _GET_TOKEN_HEADERS.keys()
        if not _has(request, _GET_TOKEN_HEADERS) or of_calls & request.headers.keys():
            raise web.HTTPBadRequest
        try:
            return _answer(self.tokens.exchange(json.loads(request.query["data"])))
        except (KeyError, ValueError):
            raise web.HTTPBadRequest from None
        except GrantRefusedError as error:
            raise web.HTTPUnauthorized(text=str(error)) from None

    async def _profile(self, request: web.Request) -> web.Response:
        grant = self.tokens.grant(request.query.get("token", ""))
        if request.query.get("clientId") != str(CLIENT_ID) or grant is None:
            raise web.HTTPUnauthorized
        return web.json_response(
            {"result": "ok", "code": 0, "data": {"miliaoNick": grant.account.name}}
        )

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if is_sealed(request):
            return await self.app.answer(request)
        if not _has(request, _HEADERS):
            raise web.HTTPBadRequest
        authorization = request.headers.get("Authorization", "")
        grant = self.tokens.grant(authorization.removeprefix(_BEARER))
        if not authorization.startswith(_BEARER) or grant is None:
            raise web.HTTPUnauthorized
        call = _CALLS[request.path]
        try:
            return _answer(call(self, grant.account, dict(await request.json())))
        except (KeyError, TypeError, ValueError) as error:
            return _answer(None, INVALID_REQUEST, f"invalid request: {error}")

    def _gethome(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        listed = listing.homes(account, 0, body["limit"])
        return listed if body.get("fetch_share") else listed | {"share_home_list": []}

    def _rooms(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        return listing.rooms(account, int(body["start_id"]), body["limit"])

    def _devices(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        dids = _limited(body["dids"])
        return listing.devices(account, dids, body.get("start_did", ""), body["limit"])

    def _read(self, account: Account, body: dict[str, Any]) -> list[dict[str, Any]]:
        fresh = body.get("datasource") != 1
        return [self._read_one(account, item, fresh=fresh) for item in _limited(body["params"])]

    def _read_one(self, account: Account, item: dict[str, Any], *, fresh: bool) -> dict[str, Any]:
        did, siid, piid = item["did"], item["siid"], item["piid"]
        result = {"did": did, "siid": siid, "piid": piid}
        lock = self._lock(account, did)
        if isinstance(lock, Code):
            return result | {"code": lock}
        if fresh and not lock.awake:
            return result | {"code": Code.ASLEEP}
        code, value = lock.read((siid, piid))
        if code is not Code.DONE:
            return result | {"code": code}
        return result | {"code": code, "value": value, "updateTime": lock.updated[siid, piid]}

    def _write(self, account: Account, body: dict[str, Any]) -> list[dict[str, Any]]:
        return [self._write_one(account, **item) for item in _limited(body["params"])]

    def _write_one(
        self, account: Account, did: str, siid: int, piid: int, value: object
    ) -> dict[str, Any]:
        lock = self._lock(account, did)
        code = lock if isinstance(lock, Code) else lock.write((siid, piid), value)
        return {"did": did, "siid": siid, "piid": piid, "code": code}

    def _act(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        params = body["params"]
        did, siid, aiid = params["did"], params["siid"], params["aiid"]
        lock = self._lock(account, did)
        code, out = (lock, []) if isinstance(lock, Code) else lock.act((siid, aiid), params["in"])
        return {"did": did, "siid": siid, "aiid": aiid, "code": code, "out": out}

    def _central_certificate(self, account: Account, body: dict[str, Any]) -> dict[str, Any]:
        return {"cert": self._central.sign(account.user_id, body["csr"])}

    def _lock(self, account: Account, did: str) -> Device | Code:
        """Return an account's lock, or the code for another account's or an unknown lock."""
        missing = Code.NOT_AUTHORISED if did in self.locks else Code.NO_SUCH_DEVICE
        return account.locks.get(did, missing)


_CALLS: Final[dict[str, Callable[[Cloud, Account, dict[str, Any]], Any]]] = {
    "/app/v2/homeroom/gethome": Cloud._gethome,  # noqa: SLF001
    "/app/v2/homeroom/get_dev_room_page": Cloud._rooms,  # noqa: SLF001
    "/app/v2/home/device_list_page": Cloud._devices,  # noqa: SLF001
    "/app/v2/miotspec/prop/get": Cloud._read,  # noqa: SLF001
    "/app/v2/miotspec/prop/set": Cloud._write,  # noqa: SLF001
    "/app/v2/miotspec/action": Cloud._act,  # noqa: SLF001
    CENTRAL_CERTIFICATE: Cloud._central_certificate,  # noqa: SLF001
}


async def _body(request: web.Request) -> Any:
    if request.method == "GET":
        return dict(request.query)
    if request.content_type == "application/json":
        try:
            return json.loads(await request.read())
        except ValueError:
            raise web.HTTPBadRequest from None
    return dict(await request.post())


def _has(request: web.Request, headers: dict[str, str]) -> bool:
    return all(request.headers.get(name) == value for name, value in headers.items())


def _limited(items: list[Any]) -> list[Any]:
    if len(items) > LIST_LIMIT:
        raise InvalidRequestError(f"{len(items)} items are more than {LIST_LIMIT}")
    return items


def _answer(result: object, code: int = 0, message: str = "ok") -> web.Response:
    return web.json_response({"code": code, "message": message, "result": result})
