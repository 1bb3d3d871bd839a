"""The cloud as the Mi Home app sees it: history, and what the camera keeps.

All requests are signed and encrypted; who refuses says so in the clear, as there may be no key.
"""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from custom_components.xiaomi_smart_lock.miot.spec import SPEC

from . import listing, recording
from .app_cipher import Opener, SignatureError, encrypt
from .codes import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .account import Account
    from .app_account import AppAccounts, AppGrant
    from .app_cipher import Opened
    from .device import Past
    from .lock import Lock

DEVICES: Final = "/app/home/device_list"
HISTORY: Final = "/app/user/get_user_device_data"
EVENTS: Final = "/common/app/get/eventlist"
PLAYLIST: Final = "/common/app/m3u8"
PICTURE: Final = "/miot/camera/app/v1/img"
KEY: Final = "/hls/{token}/key"
SEGMENT: Final = "/hls/{token}/{number}.ts"
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


class AppCloud:
    """The interface, for accounts that signed in with the app's code."""

    def __init__(self, accounts: AppAccounts) -> None:
        """Serve those who have a session."""
        self.packed = False
        """Whether answers are packed with gzip."""
        self.bare_values = False
        """Whether the history's values come without their piid."""
        self._accounts = accounts
        self._opener = Opener()
        self._shown: dict[str, tuple[bytes, list[bytes]]] = {}
        self.routes = [
            web.post(DEVICES, self._serve(self._devices)),
            web.post(HISTORY, self._serve(self._of_lock(self._history))),
            web.get(EVENTS, self._serve(self._of_lock(self._events))),
            web.get(PLAYLIST, self._serve(self._of_lock(self._playlist))),
            web.get(PICTURE, self._serve(self._of_lock(self._picture))),
            web.get(KEY, self._key),
            web.get(SEGMENT, self._segment),
        ]

    def _serve(
        self, answer: Callable[[web.Request, AppGrant, dict[str, Any]], Any]
    ) -> Callable[[web.Request], Any]:
        """Return a handler that opens requests, and seals answers that are JSON."""

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
        self, answer: Callable[[web.Request, AppGrant, Lock, dict[str, Any]], Any]
    ) -> Callable[[web.Request, AppGrant, dict[str, Any]], Any]:
        """Return what answers about a lock of the account, and about no other."""

        def answer_of(request: web.Request, grant: AppGrant, asked: dict[str, Any]) -> Any:
            if lock := _lock(grant.account, asked["did"]):
                return answer(request, grant, lock, asked)
            return {"code": Code.NOT_AUTHORISED, "message": "no permission"}

        return answer_of

    def _sealed(self, opened: Opened, said: object) -> web.Response:
        return web.Response(body=opened.seal(said, packed=self.packed), content_type="text/plain")

    def _grant(self, request: web.Request, fields: dict[str, str]) -> AppGrant | web.Response:
        """Return who asks, or how they are refused."""
        given = request.cookies
        token = given.get("serviceToken", "")
        in_query = fields.pop("yetAnotherServiceToken", token)
        wanted = request.path not in (PICTURE, PLAYLIST)
        grant = self._accounts.grant(token if wanted else in_query)
        if grant is None:
            return _refused(_ENDED, "SERVICETOKEN_EXPIRED" if token else "auth err")
        if wanted:
            right = (
                given.get("userId") == grant.account.user_id,
                given.get("yetAnotherServiceToken") == token,
                all(map(given.get, _COOKIES)),
                all(request.headers.get(name) == value for name, value in _HEADERS.items()),
            )
            if not all(right):
                return _refused(_ENDED, "auth err")
        return grant

    def _devices(
        self, _request: web.Request, grant: AppGrant, asked: dict[str, Any]
    ) -> dict[str, Any]:
        if not _has(asked, {"getVirtualModel": True, "getHuamiDevices": 1}):
            raise ValueError
        return {"code": 0, "message": "ok", "result": listing.app_devices(grant.account)}

    def _history(
        self, _request: web.Request, _grant: AppGrant, lock: Lock, asked: dict[str, Any]
    ) -> dict[str, Any]:
        kind = {"event": SPEC.events, "prop": SPEC.properties}[asked["type"]]
        siid, iid = map(int, asked["key"].split("."))
        begin, end = int(asked["time_start"]), int(asked["time_end"])
        happened = [
            past
            for past in reversed(lock.history)
            if past.source == (siid, iid) in kind and begin <= past.told <= end
        ]
        happened.sort(key=lambda past: past.told, reverse=True)
        limit = min(int(asked["limit"]), LONGEST_PAGE)
        rows = [
            {
                "uid": int(lock.uid),
                "did": lock.did,
                "time": past.told,
                "key": asked["key"],
                "type": asked["type"],
                "value": json.dumps(self._values(asked["type"], past)),
            }
            for past in happened[:limit]
        ]
        return {"code": 0, "message": "ok", "result": rows}

    def _values(self, kind: str, past: Past) -> list[Any]:
        if kind == "prop" or self.bare_values:
            return past.values
        arguments = SPEC.events[past.source].arguments
        return [
            {"piid": argument.address[1], "value": value}
            for argument, value in zip(arguments, past.values, strict=True)
        ]

    def _events(
        self, _request: web.Request, _grant: AppGrant, lock: Lock, asked: dict[str, Any]
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
        limit = min(int(asked["limit"]), LONGEST_PAGE)
        listed = lock.camera.listed(int(asked["beginTime"]), int(asked["endTime"]), limit)
        return {"code": 0, "data": {"thirdPartPlayUnits": listed}}

    def _picture(
        self, _request: web.Request, grant: AppGrant, lock: Lock, asked: dict[str, Any]
    ) -> Any:
        iv = base64.b64decode(asked["segmentIv"], validate=True)
        jpeg = lock.camera.picture(asked["fileId"], asked["stoId"], lock.time_zone)
        if jpeg is None:
            return {"code": _NOTHING_THERE, "message": "file not found"}
        body = encrypt(jpeg, base64.b64decode(grant.ssecurity), iv)
        return web.Response(body=body, content_type="image/jpeg")

    def _playlist(
        self, request: web.Request, _grant: AppGrant, lock: Lock, asked: dict[str, Any]
    ) -> Any:
        right = {"model": lock.model, "videoCodec": "H265"}
        if not _has(asked, right) or type(asked["isAlarm"]) is not bool:
            raise ValueError
        sight = lock.camera.sight(asked["fileId"])
        if sight is None:
            return {"code": _NOTHING_THERE, "message": "file not found"}
        token, key, iv = secrets.token_urlsafe(24), secrets.token_bytes(16), secrets.token_bytes(16)
        parts = recording.parts(lock.camera.label(sight, lock.time_zone))
        self._shown[token] = (key, [encrypt(part, key, iv) for part in parts])
        origin = str(request.url.origin())
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:3",
            f"#EXT-X-TARGETDURATION:{recording.PART_SECONDS}",
            "#EXT-X-MEDIA-SEQUENCE:0",
            f'#EXT-X-KEY:METHOD=AES-128,URI="{origin}{KEY.format(token=token)}",IV=0x{iv.hex()}',
        ]
        for number in range(len(parts)):
            lines.append(f"#EXTINF:{recording.PART_SECONDS:.3f},")
            lines.append(origin + SEGMENT.format(token=token, number=number))
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
        return web.Response(body=parts[int(number)], content_type="video/mp2t")

    def _of_token(self, request: web.Request) -> tuple[bytes, list[bytes]]:
        if shown := self._shown.get(request.match_info["token"]):
            return shown
        raise web.HTTPForbidden


def _lock(account: Account, did: object) -> Lock | None:
    return account.locks.get(str(did))


def _has(asked: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return all(asked[name] == value for name, value in right.items())


def _refused(code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message})
