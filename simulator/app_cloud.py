"""The cloud interface of the Mi Home app: devices, history, and the camera's media.

All requests are signed and encrypted. Refusals are not encrypted, as there may be no key.
"""

from __future__ import annotations

import base64
import json
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from . import listing, recording
from .app_cipher import Opener, SignatureError, encrypt
from .codes import Code
from .real_names import region_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .account import Account
    from .app_account import AppAccounts, AppGrant
    from .app_cipher import Opened
    from .app_home import Call
    from .camera import Camera
    from .device import Device, Past
    from .faults import Handler

DEVICES: Final = "/app/home/device_list"
HISTORY: Final = "/app/user/get_user_device_data"
EVENTS: Final = "/common/app/get/eventlist"
PLAYLIST: Final = "/common/app/m3u8"
PICTURE: Final = "/miot/camera/app/v1/img"
KEY: Final = "/hls/{token}/key"
SEGMENT: Final = "/hls/{token}/{number}/file.{container}"
LONGEST_PAGE: Final = 200

_HEADERS: Final = {
    "MIOT-ENCRYPT-ALGORITHM": "ENCRYPT-RC4",
    "X-XIAOMI-PROTOCAL-FLAG-CLI": "PROTOCAL-HTTP2",
}
_COOKIES: Final = ("locale", "timezone", "channel")
_ENDED: Final = 3
_NOT_SIGNED: Final = 2
_INVALID: Final = -8
_NOTHING_THERE: Final = -6
_NO_SUCH_PATH: Final = -1
"""Not observed: the real service is only known to answer encrypted, with a code."""


class AppCloud:
    """The interface for accounts that are signed in as the app."""

    def __init__(self, accounts: AppAccounts, calls: Mapping[str, Call]) -> None:
        """Serve the accounts that have a session.

        ``calls`` has the functions that return the results of further paths.
        """
        self.packed = False
        """Whether answers are compressed with gzip."""
        self.bare_values = False
        """Whether the history's values come without their piid."""
        self.nothing_is_null = False
        """Whether an empty list is sent as null."""
        self.longest_page = LONGEST_PAGE
        """The most events on a page of the history, even if more are requested."""
        self.expired_status = 200
        """The HTTP status of answers to an expired session."""
        self.answer: Handler = self._serve(self._call)
        """The handler of requests to any path below ``/app``."""
        self._accounts = accounts
        self._calls = calls
        self._opener = Opener()
        self._shown: dict[str, tuple[bytes, list[bytes]]] = {}
        self.routes = [
            web.post(DEVICES, self._serve(self._devices)),
            web.post(HISTORY, self._serve(self._of_lock(self._history))),
            web.get(EVENTS, self._serve(self._of_camera(self._events))),
            web.get(PLAYLIST, self._serve(self._of_camera(self._playlist))),
            web.get(PICTURE, self._serve(self._of_camera(self._picture))),
            web.get(KEY, self._key),
            web.get(SEGMENT, self._segment),
            web.route("*", "/app/{path:.*}", self.answer),
        ]

    def _serve(
        self, answer: Callable[[web.Request, AppGrant, dict[str, Any]], Any]
    ) -> Callable[[web.Request], Any]:
        """Return a handler that decrypts requests, and encrypts answers that are JSON."""

        async def serve(request: web.Request) -> web.Response:
            fields = {
                name: str(value)
                for name, value in (
                    request.query if request.method == "GET" else await request.post()
                ).items()
            }
            grant = self._grant(request, fields)
            if isinstance(grant, web.Response):
                return grant
            try:
                opened = self._opener.open(
                    request.method, request.path.removeprefix("/app"), fields, grant.ssecurity
                )
            except SignatureError as error:
                return _refused(_NOT_SIGNED, str(error))
            try:
                said = answer(request, grant, opened.payload)
            except (KeyError, TypeError, ValueError):
                said = {"code": _INVALID, "message": "invalid request"}
            return said if isinstance(said, web.Response) else self._sealed(opened, said)

        return serve

    def _of_lock(
        self, answer: Callable[[web.Request, AppGrant, Device, dict[str, Any]], Any]
    ) -> Callable[[web.Request, AppGrant, dict[str, Any]], Any]:
        """Return a handler for requests about a lock; refuses locks of other accounts."""

        def answer_of(request: web.Request, grant: AppGrant, asked: dict[str, Any]) -> Any:
            if lock := _lock(grant.account, asked["did"]):
                return answer(request, grant, lock, asked)
            return {"code": Code.NOT_AUTHORISED, "message": "no permission"}

        return answer_of

    def _of_camera(
        self,
        answer: Callable[[web.Request, AppGrant, Device, Camera, dict[str, Any]], Any],
    ) -> Callable[[web.Request, AppGrant, dict[str, Any]], Any]:
        """Return a handler for requests about a lock's camera.

        It refuses a lock without a camera, and a lock that is only shared with the account if
        ``shared_status`` is set.
        """

        def answer_of(
            request: web.Request, grant: AppGrant, lock: Device, asked: dict[str, Any]
        ) -> Any:
            if lock.camera is None:
                return {"code": _INVALID, "message": "no camera"}  # not observed
            shared = any(place.lock is lock and place.owner for place in grant.account.places)
            if shared and (status := lock.camera.shared_status):
                return web.json_response({"code": _ENDED, "message": "auth err"}, status=status)
            return answer(request, grant, lock, lock.camera, asked)

        return self._of_lock(answer_of)

    def _sealed(self, opened: Opened, said: object) -> web.Response:
        return web.Response(body=opened.seal(said, packed=self.packed), content_type="text/plain")

    def _grant(self, request: web.Request, fields: dict[str, str]) -> AppGrant | web.Response:
        """Return the grant of a request's session, or the answer that refuses the request."""
        given = request.cookies
        token = given.get("serviceToken", "")
        in_query = fields.pop("yetAnotherServiceToken", token)
        wanted = request.path not in (PICTURE, PLAYLIST)
        grant = self._accounts.grant(token if wanted else in_query)
        if grant is None:
            message = "SERVICETOKEN_EXPIRED" if token else "auth err"
            return _refused(_ENDED, message, self.expired_status)
        if wanted:
            right = (
                given.get("userId", grant.account.user_id) == grant.account.user_id,
                given.get("yetAnotherServiceToken") == token,
                all(map(given.get, _COOKIES)),
                all(request.headers.get(name) == value for name, value in _HEADERS.items()),
            )
            if not all(right):
                return _refused(_ENDED, "auth err")
        return grant

    def _call(self, request: web.Request, grant: AppGrant, asked: dict[str, Any]) -> dict[str, Any]:
        if call := self._calls.get(request.path):
            return {"code": 0, "message": "ok", "result": call(grant.account, asked)}
        return {"code": _NO_SUCH_PATH, "message": "invalid request"}

    def _devices(
        self, request: web.Request, grant: AppGrant, asked: dict[str, Any]
    ) -> dict[str, Any]:
        if not _has(asked, {"getVirtualModel": True, "getHuamiDevices": 1}):
            raise ValueError
        listed = listing.app_devices(grant.account)
        if grant.account.region not in (None, region_of(request.url.host)):
            listed["list"] = []
        return {"code": 0, "message": "ok", "result": listed}

    def _history(
        self, _request: web.Request, _grant: AppGrant, lock: Device, asked: dict[str, Any]
    ) -> dict[str, Any]:
        kind = {"event": lock.spec.events, "prop": lock.spec.properties}[asked["type"]]
        siid, iid = map(int, asked["key"].split("."))
        begin, end = int(asked["time_start"]), int(asked["time_end"])
        happened = [
            past
            for past in reversed(lock.history)
            if past.source == (siid, iid) in kind and begin <= past.told <= end
        ]
        happened.sort(key=lambda past: past.told, reverse=True)
        limit = min(int(asked["limit"]), self.longest_page)
        rows = [
            {
                "uid": int(lock.uid),
                "did": lock.did,
                "time": past.told,
                "key": asked["key"],
                "type": asked["type"],
                "value": json.dumps(self._values(lock, asked["type"], past)),
            }
            for past in happened[:limit]
        ]
        return {"code": 0, "message": "ok", "result": self._or_null(rows)}

    def _values(self, lock: Device, kind: str, past: Past) -> object:
        if kind == "prop" or self.bare_values:
            return past.values
        arguments = lock.spec.events[past.source].arguments
        return lock.dialect.arguments(
            [
                {"piid": argument.address[1], "value": value}
                for argument, value in zip(arguments, past.values, strict=True)
            ]
        )

    def _events(
        self,
        _request: web.Request,
        _grant: AppGrant,
        lock: Device,
        camera: Camera,
        asked: dict[str, Any],
    ) -> dict[str, Any]:
        right = {
            "model": lock.model,
            "doorBell": True,
            "eventType": "Default",
            "needMerge": True,
            "sortType": "DESC",
        }
        if not _has(asked, right) or not asked["region"].isupper() or not asked["language"]:
            raise ValueError
        listed = camera.listed(int(asked["beginTime"]), int(asked["endTime"]), int(asked["limit"]))
        units = self._or_null(listed["thirdPartPlayUnits"])
        if units is None and not listed["isContinue"]:
            return {"code": 0, "data": None}
        return {"code": 0, "data": {**listed, "thirdPartPlayUnits": units}}

    def _or_null(self, items: list[Any]) -> list[Any] | None:
        return None if self.nothing_is_null and not items else items

    def _picture(
        self,
        _request: web.Request,
        grant: AppGrant,
        lock: Device,
        camera: Camera,
        asked: dict[str, Any],
    ) -> Any:
        iv = base64.b64decode(asked["segmentIv"], validate=True)
        jpeg = camera.picture(asked["fileId"], asked["stoId"], lock.time_zone)
        if jpeg is None:
            return {"code": _NOTHING_THERE, "message": "file not found"}
        body = encrypt(jpeg, base64.b64decode(grant.ssecurity), iv)
        return web.Response(body=body, content_type="image/jpeg")

    def _playlist(
        self,
        request: web.Request,
        _grant: AppGrant,
        lock: Device,
        camera: Camera,
        asked: dict[str, Any],
    ) -> Any:
        right = asked["model"] == lock.model and asked["videoCodec"] in camera.codecs
        if not right or type(asked["isAlarm"]) is not bool:
            raise ValueError
        sight = camera.sight(asked["fileId"])
        if sight is None:
            return {"code": _NOTHING_THERE, "message": "file not found"}
        token, key, iv = secrets.token_urlsafe(24), secrets.token_bytes(16), secrets.token_bytes(16)
        parts = camera.recording(sight, asked["videoCodec"], lock.time_zone)
        self._shown[token] = (key, [encrypt(part, key, iv) for part in parts])
        origin = str(request.url.origin())
        is_mp4 = camera.container == "mp4"
        lines = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{7 if is_mp4 else 3}",
            f"#EXT-X-TARGETDURATION:{recording.PART_SECONDS}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            f'#EXT-X-KEY:METHOD=AES-128,URI="{origin}{KEY.format(token=token)}",IV=0x{iv.hex()}',
        ]
        for number in range(len(parts)):
            path = SEGMENT.format(token=token, number=number, container=camera.container)
            lines.append(f"#EXTINF:{recording.PART_SECONDS:.3f},")
            lines.append(f"{origin}{path}?{_signature(path)}")
            lines += ["#EXT-X-DISCONTINUITY"] if is_mp4 else []
        lines += ["#EXT-X-ENDLIST", ""]
        return web.Response(text="\n".join(lines), content_type="application/vnd.apple.mpegurl")

    async def _key(self, request: web.Request) -> web.Response:
        key, _ = self._of_token(request)
        return web.Response(body=key)

    async def _segment(self, request: web.Request) -> web.Response:
        _, parts = self._of_token(request)
        number = request.match_info["number"]
        if not number.isdecimal() or int(number) >= len(parts):
            raise web.HTTPNotFound
        if request.query_string != _signature(request.path):
            raise web.HTTPForbidden
        return web.Response(body=parts[int(number)], content_type="application/octet-stream")

    def _of_token(self, request: web.Request) -> tuple[bytes, list[bytes]]:
        if shown := self._shown.get(request.match_info["token"]):
            return shown
        raise web.HTTPForbidden


def is_sealed(request: web.Request) -> bool:
    """Return whether a request is the app's. The OAuth interface has some of the same paths."""
    return all(request.headers.get(name) == value for name, value in _HEADERS.items())


def _lock(account: Account, did: object) -> Device | None:
    return account.locks.get(str(did))


def _signature(path: str) -> str:
    """Return the query that has to follow a path; without it, it is refused as on file servers."""
    return f"sign={sha256(path.encode()).hexdigest()[:16]}"


def _has(asked: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return all(asked[name] == value for name, value in right.items())


def _refused(code: int, message: str, status: int = 200) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)
