"""The Mi Home app's session: what happened at the door, and what its camera saw.

Protocol as public clients (Do1e/mijia-api, al-one/hass-xiaomi-miot) speak it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from . import app_cipher as cipher
from . import app_recording
from .app_login import AppLogin, SessionData, agent, cookies
from .app_recording import Recording, Segment
from .app_url import media_url
from .client import objects
from .endpoints import in_region
from .errors import CannotConnectError, InvalidValueError, NotSignedInError, ResultError
from .http import fetch
from .spec import MODEL, SPEC

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from aiohttp import ClientSession

    from .endpoints import Endpoints
    from .spec import Address, Event, Property, Value

HISTORY_LIMIT: Final = 50  # of what happened, a request
CAMERA_LIMIT: Final = 20
PICTURE_LIMIT: Final = 8 * 1024 * 1024  # bytes
PLAYLIST_LIMIT: Final = 1024 * 1024
SEGMENT_LIMIT: Final = 64 * 1024 * 1024
KEY_BYTES: Final = 16
KEYS_LIMIT: Final = 50  # of a recording
CLOSE: Final = 2.0  # seconds by which a clock may seem to be off: answers tell whole ones

LOCALE: Final = "zh_CN"
_HEADERS: Final = {
    "X-XIAOMI-PROTOCAL-FLAG-CLI": "PROTOCAL-HTTP2",
    "MIOT-ENCRYPT-ALGORITHM": "ENCRYPT-RC4",
    "Accept-Encoding": "identity",
}
_COOKIES: Final = {"locale": LOCALE, "timezone": "GMT+08:00", "channel": "MI_APP_STORE"}
_PLAYLIST: Final = b"#EXTM3U"
_UNSIGNED: Final = "/app"

# How the service says that a session has ended
_ENDED_CODES: Final = (2, 3)
_ENDED_MESSAGES: Final = ("auth err", "invalid signature", "servicetoken_expired")


@dataclass(frozen=True, slots=True)
class Page[Entry]:
    """Some of what happened in a time, the newest first.

    ``following`` is until when to ask for what came before, in the unit that was asked in; None
    where there is nothing. What happened in that very moment comes again.
    """

    entries: tuple[Entry, ...]
    following: int | None


@dataclass(frozen=True, slots=True)
class Happened:
    """An event that the cloud remembers, with those of its arguments that are valid, by piid."""

    event: Event
    arguments: Mapping[int, Value]
    time: int
    """When, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the camera saw: why it looked, and what the frame of each reason is stored as."""

    time: int
    """When, in Unix milliseconds."""
    kinds: tuple[str, ...]
    file_id: str = field(repr=False)
    frames: Mapping[str, str] = field(repr=False)
    has_recording: bool
    is_alarm: bool


class AppClient:
    """The app's interface of one account in one region.

    The session must keep no cookies (aiohttp's DummyCookieJar): accounts would mix. All methods
    raise CannotConnectError where nothing answers, or nothing that makes sense, NotSignedInError
    where the user has to sign in again, and ResultError where the service answers with an error.
    """

    def __init__(
        self,
        session: ClientSession,
        tls: ssl.SSLContext,
        endpoints: Endpoints,
        region: str,
        data: SessionData,
        on_renewed: Callable[[SessionData], None],
    ) -> None:
        """Prepare; tells about data that was renewed. Nothing is sent yet."""
        self._session = session
        self._tls = tls
        self._endpoints = endpoints
        self._region = region
        self._data = data
        self._on_renewed = on_renewed
        self._renewing = asyncio.Lock()
        self.ahead = 0.0
        """How far the service's clock is ahead of ours, in seconds, as its last answer tells."""

    async def dids(self) -> set[str]:
        """Return the dids of the account's devices, those that were shared with it too."""
        answer = await self._post(
            "/home/device_list",
            getVirtualModel=True,
            getHuamiDevices=1,
            get_split_device=False,
            support_smart_home=True,
        )
        result = answer.get("result")
        items = _list(result.get("list") if isinstance(result, dict) else None)
        return {did for item in objects(items) if (did := _id(item, "did"))}

    async def history(
        self, did: str, address: Address, start: int, end: int, limit: int = HISTORY_LIMIT
    ) -> Page[Happened]:
        """Return how an event happened between two times, in Unix seconds."""
        key = "{}.{}".format(*address)
        answer = await self._post(
            "/user/get_user_device_data",
            did=did,
            type="event",
            key=key,
            time_start=start,
            time_end=end,
            limit=limit,
        )
        items = _list(answer.get("result"))
        event = SPEC.events[address]
        entries = (
            _happened(event, item) for item in objects(items) if _is_of(item, did=did, key=key)
        )
        times = (item.get("time") for item in objects(items))
        following = _following(times, end) if len(items) >= limit else None
        return Page(tuple(entry for entry in entries if entry), following)

    async def seen(self, did: str, start: int, end: int, limit: int = CAMERA_LIMIT) -> Page[Seen]:
        """Return what the camera saw between two times, in Unix milliseconds."""
        answer = await self._camera(
            "/common/app/get/eventlist",
            did=did,
            model=MODEL,
            doorBell=True,
            eventType="Default",
            needMerge=True,
            sortType="DESC",
            region=self._region.upper(),
            language=LOCALE,
            beginTime=start,
            endTime=end,
            limit=limit,
        )
        data = answer.get("data")
        items = _list(data.get("thirdPartPlayUnits") if isinstance(data, dict) else None)
        times = (item.get("createTime") for item in objects(items))
        following = _following(times, end) if len(items) >= limit else None
        return Page(tuple(filter(None, map(_seen, objects(items)))), following)

    async def picture(self, did: str, file_id: str, frame: str) -> bytes:
        """Return a frame of what the camera saw, a JPEG; it may take a while until it is there."""

        async def ask(data: SessionData) -> bytes:
            iv = secrets.token_bytes(cipher.BLOCK)
            url = in_region(self._endpoints.pictures, self._region) + "/miot/camera/app/v1/img"
            payload = {
                "did": did,
                "fileId": file_id,
                "stoId": frame,
                "segmentIv": base64.b64encode(iv).decode(),
            }
            body, key = await self._send(data, "GET", url, payload, PICTURE_LIMIT)
            jpeg = await asyncio.to_thread(cipher.picture, body, data.ssecurity, iv)
            if jpeg is None:
                await _refuse(body, key)
            return jpeg

        return await self._call(ask)

    async def recording(self, did: str, file_id: str, *, is_alarm: bool) -> Recording:
        """Return a recording of what the camera saw, ready to be fetched segment by segment."""
        url = in_region(self._endpoints.camera, self._region) + "/common/app/m3u8"
        payload = {
            "did": did,
            "model": MODEL,
            "fileId": file_id,
            "isAlarm": is_alarm,
            "videoCodec": "H265",
        }

        async def ask(data: SessionData) -> str:
            body, key = await self._send(data, "GET", url, payload, PLAYLIST_LIMIT)
            if not body.startswith(_PLAYLIST):
                await _refuse(body, key)
            return body.decode(errors="replace")

        parts = app_recording.parts(await self._call(ask), url)
        key_urls = dict.fromkeys(part.key_url for part in parts if part.key_url)
        if len(key_urls) > KEYS_LIMIT:
            raise CannotConnectError("the recording has too many keys")
        keys: dict[str | None, bytes] = {key_url: await self._key(key_url) for key_url in key_urls}
        return Recording(
            tuple(
                Segment(part.duration, part.url, keys.get(part.key_url), part.iv) for part in parts
            )
        )

    async def segment(self, segment: Segment) -> bytes:
        """Return a segment of a recording, decrypted."""
        body = await self._fetch_media(segment.url, SEGMENT_LIMIT)
        if segment.key is None:
            return body
        return await asyncio.to_thread(cipher.segment, body, segment.key, segment.iv)

    async def _key(self, url: str) -> bytes:
        key = await self._fetch_media(url, KEY_BYTES)
        if len(key) != KEY_BYTES:
            raise CannotConnectError("the recording's key has another length")
        return key

    async def _fetch_media(self, raw: str, limit: int) -> bytes:
        """Fetch what a playlist refers to: by its address alone, nobody is told who asks."""
        url = media_url(raw, self._endpoints, self._region)
        try:
            answer = await fetch(
                self._session, self._tls, "GET", url, limit=limit, allow_redirects=False
            )
        except NotSignedInError:
            raise CannotConnectError("the recording's address is not valid any more") from None
        return answer.body

    async def _post(self, path: str, **payload: object) -> dict[str, Any]:
        return await self._ask(
            "POST", in_region(self._endpoints.app_api, self._region) + path, payload
        )

    async def _camera(self, path: str, **payload: object) -> dict[str, Any]:
        return await self._ask(
            "GET", in_region(self._endpoints.camera, self._region) + path, payload
        )

    async def _ask(self, method: str, url: str, payload: Mapping[str, object]) -> dict[str, Any]:
        async def ask(data: SessionData) -> dict[str, Any]:
            return await _opened(*await self._send(data, method, url, payload))

        return await self._call(ask)

    async def _call[Result](self, ask: Callable[[SessionData], Awaitable[Result]]) -> Result:
        """Ask, with renewed data once more where the present one is refused."""
        data = self._data
        try:
            return await ask(data)
        except NotSignedInError:
            return await ask(await self._renewed(data))

    async def _renewed(self, refused: SessionData) -> SessionData:
        """Return other data than what was just refused."""
        async with self._renewing:
            if self._data == refused:
                login = AppLogin(self._session, self._tls, self._endpoints, refused.device_id)
                self._data = await login.renew(refused)
                self._on_renewed(self._data)
            return self._data

    async def _send(
        self,
        data: SessionData,
        method: str,
        url: str,
        payload: Mapping[str, object],
        limit: int = cipher.LONGEST_ANSWER,
    ) -> tuple[bytes, str]:
        """Return the body of the answer to a signed request, and what opens it."""
        path = urlsplit(url).path.removeprefix(_UNSIGNED)
        sealed = await asyncio.to_thread(cipher.seal, method, path, payload, data.ssecurity)
        token = data.service_token
        fields: dict[str, Any] = (
            {"data": sealed.fields}
            if method == "POST"
            else {"params": {**sealed.fields, "yetAnotherServiceToken": token}}
        )
        given = cookies(
            userId=data.user_id, yetAnotherServiceToken=token, serviceToken=token, **_COOKIES
        )
        answer = await fetch(
            self._session,
            self._tls,
            method,
            url,
            limit=limit,
            headers={**_HEADERS, **agent(data.device_id), "Cookie": given},
            allow_redirects=False,
            **fields,
        )
        if answer.date is not None:
            ahead = answer.date - time.time()
            self.ahead = ahead if abs(ahead) > CLOSE else 0.0
        return answer.body, sealed.signed_nonce


async def _opened(body: bytes, key: str) -> dict[str, Any]:
    """Return an answer, where it is not an error."""
    answer = await asyncio.to_thread(cipher.unseal, body, key)
    code, message = answer.get("code"), str(answer.get("message")).lower()
    if any(ended in message for ended in _ENDED_MESSAGES):
        raise NotSignedInError("the session has ended")
    if type(code) is not int:
        raise CannotConnectError("the answer has no code")
    if code in _ENDED_CODES:
        raise NotSignedInError(f"code {code}")
    if code:
        raise ResultError(code)
    return answer


async def _refuse(body: bytes, key: str) -> NoReturn:
    """Say what an answer means that should have been a picture or a recording."""
    await _opened(body, key)
    raise CannotConnectError("there is no picture or recording")


def _list(raw: object) -> list[object]:
    if not isinstance(raw, list):
        raise CannotConnectError("the answer has no list")
    return raw


def _following(times: Iterable[object], end: int) -> int | None:
    """Return until when to ask for the next page, None where this one says nothing of time."""
    oldest = min((time for time in times if type(time) is int and time >= 0), default=None)
    return None if oldest is None else min(oldest, end - 1)


def _is_of(item: Mapping[str, Any], **asked: str) -> bool:
    """Say whether an item is of what was asked for, as far as it says."""
    return all(str(item.get(name, wanted)) == wanted for name, wanted in asked.items())


def _happened(event: Event, item: Mapping[str, Any]) -> Happened | None:
    """Return what an item of the history says, None where it makes no sense."""
    match item:
        case {"time": int(time), "value": str(value)} if type(time) is int and time >= 0:
            try:
                given = event.pair(json.loads(value))
            except (InvalidValueError, RecursionError, ValueError):
                return None
            valid = ((argument, _valid(argument, raw)) for argument, raw in given.items())
            arguments = {
                argument.address[1]: value for argument, value in valid if value is not None
            }
            return Happened(event, arguments, time)
    return None


def _valid(argument: Property, raw: object) -> Value | None:
    try:
        return argument.validate(raw)
    except InvalidValueError:
        return None


def _seen(item: Mapping[str, Any]) -> Seen | None:
    """Return what an item of the camera's list says, None where it makes no sense."""
    time, kinds, file_id = item.get("createTime"), item.get("eventType"), _id(item, "fileId")
    if type(time) is not int or time < 0 or not isinstance(kinds, str) or not file_id:
        return None
    frames = {
        detail["event"]: frame
        for detail in objects(item.get("eventTypeDetail"))
        if isinstance(detail.get("event"), str) and (frame := _id(detail, "imgStoreId"))
    }
    return Seen(
        time=time,
        kinds=tuple(filter(None, kinds.split(":"))),
        file_id=file_id,
        frames=frames,
        has_recording=bool(_id(item, "videoStoreId")),
        is_alarm=item.get("isAlarm") is True,
    )


def _id(item: Mapping[str, Any], key: str) -> str | None:
    """Return an identifier, which may be a number, as text."""
    raw = item.get(key)
    return str(raw) if (isinstance(raw, str) and raw) or type(raw) is int else None
