"""The Mi Home app's API: the history of a lock's events, and its camera's pictures and recordings.

Source of the protocol: public clients (Do1e/mijia-api, al-one/hass-xiaomi-miot).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from ..cloud import Device, rooms_in
from ..endpoints import in_region
from ..errors import (
    CannotConnectError,
    MiotError,
    NotAllowedError,
    NotRenewedError,
    NotSignedInError,
    ResultError,
    StatusError,
    TooManyRequestsError,
)
from ..http import exchange, fetch
from ..values import (
    loads,
    objects,
    opaque,
    text,
    whole,
)
from . import cipher
from . import recording as app_recording
from .login import (
    AppLogin,
    NoSessionError,
    SessionData,
    agent,
    cookies,
)
from .recording import Recording, Segment
from .url import media_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from aiohttp import ClientSession

    from ..endpoints import Endpoints
    from ..http import Answer
    from ..spec import Event, Value
    from .recording import Part

HOMES_LIMIT: Final = 300  # homes per request
NAME_LIMIT: Final = 50  # characters of the name of a lock's user
HISTORY_LIMIT: Final = 50  # history entries per request
CAMERA_LIMIT: Final = 20  # camera events per request
DETAILS_LIMIT: Final = 20  # kinds of one camera event; there are about ten
PICTURE_LIMIT: Final = 8 * 1024 * 1024  # bytes
PLAYLIST_LIMIT: Final = 1024 * 1024  # bytes
SEGMENT_LIMIT: Final = 16 * 1024 * 1024  # bytes; a whole recording has about 21 seconds
KEY_BYTES: Final = 16
KEYS_LIMIT: Final = 50  # keys of a recording
# Codecs to request recordings in. All browsers play H264. Observed: recordings in H265.
CODECS: Final = ("H264", "H265")
CLOSE: Final = 2.0  # seconds; a smaller clock offset counts as none, as answers give whole seconds

LOCALE: Final = "zh_CN"
_HEADERS: Final = {
    "X-XIAOMI-PROTOCAL-FLAG-CLI": "PROTOCAL-HTTP2",
    "MIOT-ENCRYPT-ALGORITHM": "ENCRYPT-RC4",
    "Accept-Encoding": "identity",
}
_COOKIES: Final = {"locale": LOCALE, "timezone": "GMT+08:00", "channel": "MI_APP_STORE"}
# The property in which the app's plug-in keeps a lock's users. Observed: xiaomi.lock.d100j.
_USER_LIST: Final = "prop.s_user_list"
_PLAYLIST: Final = b"#EXTM3U"
_UNSIGNED: Final = "/app"

# Codes and messages of an answer that mean that the session has expired
_ENDED_CODES: Final = (2, 3)
_ENDED_MESSAGES: Final = ("auth err", "invalid signature", "servicetoken_expired")


class ForbiddenError(StatusError):
    """The service refuses with HTTP 403, without stating that the session has expired."""


@dataclass(frozen=True, slots=True)
class Page[Entry]:
    """A page of the entries of a time span, newest first.

    ``following`` is the end of the time span to request the next (older) page, in the unit of the
    request; None if there is no next page. Entries of exactly that time are returned again.
    """

    entries: tuple[Entry, ...]
    following: int | None
    short: bool = False
    """Whether there are fewer items than requested: no more exist, or the service cut the page."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event in the cloud's history, with its usable arguments by piid."""

    event: Event
    arguments: Mapping[int, Value]
    time: int
    """Time of the event in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A camera event: its kinds (why the camera looked) and the image id of each kind's frame."""

    time: int
    """Time of the event in Unix milliseconds."""
    kinds: tuple[str, ...]
    file_id: str = field(repr=False)
    frames: Mapping[str, str] = field(repr=False)
    has_recording: bool
    is_alarm: bool


class AppClient:
    """The app's API for one account in one region.

    The aiohttp session must not keep cookies (DummyCookieJar); otherwise accounts would mix. All
    methods raise CannotConnectError if there is no valid answer, NotSignedInError if the user must
    sign in again, and ResultError if the service answers with an error. Requests to the camera's
    hosts raise NotAllowedError if these refuse the account.
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
        """Initialize the client; nothing is sent yet. ``on_renewed`` gets each renewed session."""
        self._session = session
        self._tls = tls
        self._endpoints = endpoints
        self._region = region
        self._data = data
        self._on_renewed = on_renewed
        self._renewing = asyncio.Lock()
        self._not_renewed: MiotError | None = None
        """The error of the last renewal of the session, None if it succeeded."""
        self._codecs: dict[str, str] = {}
        """The codec of a lock's last recording, by did."""
        self.ahead = 0.0
        """Seconds that the service's clock is ahead of ours, according to its last answer."""

    async def dids(self) -> set[str]:
        """Return the dids of the account's devices, including those shared with it."""
        return {device.did for device in await self.devices()}

    async def devices(self) -> list[Device]:
        """Return the account's devices in this region, including those shared with it."""
        answer = await self._post(
            "/home/device_list",
            getVirtualModel=True,
            getHuamiDevices=1,
            get_split_device=False,
            support_smart_home=True,
        )
        items = _list(_of(answer.get("result"), "list"))
        return [device for item in objects(items) if (device := Device.from_list(item))]

    async def rooms(self) -> dict[str, tuple[str, str | None]]:
        """Return the home and the room of the account's devices, by did; the room may be None."""
        answer = await self._post(
            "/v2/homeroom/gethome_merged",
            fg=True,
            fetch_share=True,
            fetch_share_dev=True,
            limit=HOMES_LIMIT,
            app_ver=7,
        )
        return dict(rooms_in(objects(_list(_of(answer.get("result"), "homelist")))))

    async def user_names(self, did: str) -> dict[int, str]:
        """Return the names that the app keeps of a lock's users, by user id.

        What is kept, and how, is up to the app's plug-in of the lock: anything of another shape is
        no name. There are none either for an account to which the service refuses them.
        """
        ask = self._asking("/v2/device/batchgetdatas", [{"did": did, "props": [_USER_LIST]}])
        with suppress(NotAllowedError):
            answer = await self._call_refusing(ask)
            with suppress(CannotConnectError):
                return _user_names(_of(_of(answer.get("result"), did), _USER_LIST))
        return {}

    async def history(
        self, did: str, event: Event, start: int, end: int, limit: int = HISTORY_LIMIT
    ) -> Page[Happened]:
        """Return the occurrences of an event between two times in Unix seconds.

        The service may have cut a short page without saying so; thus it has a following page, too.
        """
        key = str(event)
        answer = await self._post(
            "/user/get_user_device_data",
            did=did,
            type="event",
            key=key,
            time_start=start,
            time_end=end,
            limit=limit,
        )
        items = _list(answer.get("result"))[:limit]
        entries = (
            _happened(event, item) for item in objects(items) if _is_of(item, did=did, key=key)
        )
        times = (item.get("time") for item in objects(items))
        return Page(
            tuple(entry for entry in entries if entry),
            _following(times, end),
            short=len(items) < limit,
        )

    async def seen(
        self, did: str, model: str, start: int, end: int, limit: int = CAMERA_LIMIT
    ) -> Page[Seen]:
        """Return a lock's camera events between two times in Unix milliseconds.

        The answer itself states whether and where the list continues, even if this page is empty.
        """
        answer = await self._camera(
            "/common/app/get/eventlist",
            did=did,
            model=model,
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
        items = _list(_of(data, "thirdPartPlayUnits"))[:limit]
        short = len(items) < limit
        following = _following((item.get("createTime") for item in objects(items)), end)
        goes_on, on = _of(data, "isContinue"), _time(_of(data, "nextTime"))
        if goes_on and on is not None and on < end:
            following = on
        if (short and not goes_on) or goes_on is False or (following or 0) < start:
            following = None
        # An event after the requested time span would remain the newest until its time has come.
        entries = (entry for entry in map(_seen, objects(items)) if entry)
        within = tuple(entry for entry in entries if start <= entry.time <= end)
        return Page(within, following, short)

    async def picture(self, did: str, file_id: str, frame: str) -> bytes:
        """Return a frame of a camera event as a JPEG; it may be available only after a while."""

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

        return await self._call_refusing(ask)

    async def recording(self, did: str, model: str, file_id: str, *, is_alarm: bool) -> Recording:
        """Return the recording of a camera event, to be fetched segment by segment.

        How the service refuses a codec is unknown; so after any CannotConnectError (except
        TooManyRequestsError) or ResultError, the other codec is requested.
        """
        first, second = sorted(CODECS, key=lambda codec: codec != self._codecs.get(did))
        try:
            parts = await self._parts(did, model, file_id, is_alarm, first)
        except TooManyRequestsError:
            raise
        except (CannotConnectError, ResultError):
            parts = await self._parts(did, model, file_id, is_alarm, second)
        key_urls = dict.fromkeys(part.key_url for part in parts if part.key_url)
        if len(key_urls) > KEYS_LIMIT:
            raise CannotConnectError("the recording has too many keys")
        keys: dict[str | None, bytes] = {key_url: await self._key(key_url) for key_url in key_urls}
        return Recording(
            tuple(
                Segment(
                    part.duration,
                    part.url,
                    keys.get(part.key_url),
                    part.iv,
                    part.number,
                    part.discontinuity,
                )
                for part in parts
            )
        )

    async def _parts(
        self, did: str, model: str, file_id: str, is_alarm: bool, codec: str
    ) -> list[Part]:
        url = in_region(self._endpoints.camera, self._region) + "/common/app/m3u8"
        payload = {
            "did": did,
            "model": model,
            "fileId": file_id,
            "isAlarm": is_alarm,
            "videoCodec": codec,
        }

        async def ask(data: SessionData) -> str:
            body, key = await self._send(data, "GET", url, payload, PLAYLIST_LIMIT)
            if not body.startswith(_PLAYLIST):
                await _refuse(body, key)
            return body.decode(errors="replace")

        playlist = await self._call_refusing(ask)
        parts = await asyncio.to_thread(app_recording.parts, playlist, url)
        self._codecs[did] = codec
        return parts

    async def segment(self, segment: Segment) -> bytes:
        """Fetch a segment of a recording and return it decrypted."""
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
        """Fetch a segment or key from a playlist's URL, without the session's cookies or tokens."""
        url = media_url(raw, self._endpoints, self._region)
        try:
            answer = await fetch(self._session, self._tls, "GET", url, limit=limit)
        except NotSignedInError:
            raise CannotConnectError("the recording's address is not valid anymore") from None
        return answer.body

    async def _post(self, path: str, **payload: object) -> dict[str, Any]:
        return await self._call(self._asking(path, payload))

    def _asking(
        self, path: str, payload: object
    ) -> Callable[[SessionData], Awaitable[dict[str, Any]]]:
        url = in_region(self._endpoints.app_api, self._region) + path

        async def ask(data: SessionData) -> dict[str, Any]:
            return await _opened(*await self._send(data, "POST", url, payload))

        return ask

    async def _camera(self, path: str, **payload: object) -> dict[str, Any]:
        url = in_region(self._endpoints.camera, self._region) + path

        async def ask(data: SessionData) -> dict[str, Any]:
            return await _opened(*await self._send(data, "GET", url, payload))

        return await self._call_refusing(ask)

    async def _call[Result](self, ask: Callable[[SessionData], Awaitable[Result]]) -> Result:
        """Send a request; if the session is refused, renew it and send once more."""
        data = self._data
        try:
            return await ask(data)
        except NotSignedInError:
            return await ask(await self._renewed(data))

    async def _call_refusing[Result](
        self, ask: Callable[[SessionData], Awaitable[Result]]
    ) -> Result:
        """Send a request to a service that may refuse an account whose session works.

        So after a refusal, a request to another service renews the session if it has expired; then
        send once more. Raises NotAllowedError if it is refused again.
        """
        data = self._data
        try:
            return await ask(data)
        except (ForbiddenError, NotSignedInError) as error:
            refusal = str(error)
        if self._data == data:
            await self.dids()
        if self._data != data:
            try:
                return await ask(self._data)
            except (ForbiddenError, NotSignedInError) as error:
                refusal = str(error)
        raise NotAllowedError(refusal)

    async def _renewed(self, refused: SessionData) -> SessionData:
        """Return another session than the refused one; concurrent callers share one renewal."""
        waits = self._renewing.locked()
        async with self._renewing:
            if self._data != refused:
                return self._data
            if waits and self._not_renewed:
                raise self._not_renewed
            self._not_renewed = None
            try:
                self._data = await self._renew(refused)
            except MiotError as error:
                self._not_renewed = error
                raise
            self._on_renewed(self._data)
            return self._data

    async def _renew(self, refused: SessionData) -> SessionData:
        login = AppLogin(self._session, self._tls, self._endpoints, refused.device_id)
        try:
            return await login.renew(refused)
        except CannotConnectError as error:
            answered = isinstance(error, NoSessionError)
            raise NotRenewedError(f"not renewed: {error}", answered=answered) from error

    async def _send(
        self,
        data: SessionData,
        method: str,
        url: str,
        payload: object,
        limit: int = cipher.LONGEST_ANSWER,
    ) -> tuple[bytes, str]:
        """Send a signed request, and return the body of the answer and the key to decrypt it."""
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
        answer = await exchange(
            self._session,
            self._tls,
            method,
            url,
            limit=limit,
            headers={**_HEADERS, **agent(data.device_id), "Cookie": given},
            **fields,
        )
        if answer.date is not None:
            ahead = answer.date - time.time()
            self.ahead = ahead if abs(ahead) > CLOSE else 0.0
        if answer.status != HTTPStatus.OK:
            await _refuse_status(answer, sealed.signed_nonce)
        return answer.body, sealed.signed_nonce


async def _refuse_status(answer: Answer, key: str) -> NoReturn:
    """Raise the error for a status; only the body may state that the session has expired."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise NotSignedInError("HTTP 401")
    text = answer.body.decode(errors="replace").lower()
    if any(ended in text for ended in _ENDED_MESSAGES):
        raise NotSignedInError("the session has ended")
    if answer.refuses:
        with suppress(CannotConnectError, ResultError):
            await _opened(answer.body, key)
    kind = ForbiddenError if answer.status == HTTPStatus.FORBIDDEN else StatusError
    raise kind(answer.status)


async def _opened(body: bytes, key: str) -> dict[str, Any]:
    """Return a decrypted answer.

    Raises NotSignedInError if the session has expired, CannotConnectError if the answer has no
    code, and ResultError for any other code than 0.
    """
    answer = await asyncio.to_thread(cipher.unseal, body, key)
    code, message = whole(answer.get("code")), str(answer.get("message")).lower()
    if any(ended in message for ended in _ENDED_MESSAGES):
        raise NotSignedInError("the session has ended")
    if code is None:
        raise CannotConnectError("the answer has no code")
    if code in _ENDED_CODES:
        raise NotSignedInError(f"code {code}")
    if code:
        raise ResultError(code)
    return answer


async def _refuse(body: bytes, key: str) -> NoReturn:
    """Raise the error for an answer that is no picture or recording as expected."""
    await _opened(body, key)
    raise CannotConnectError("there is no picture or recording")


def _of(raw: object, key: str) -> object:
    """Return the value of a key of an object; None if the object itself is None.

    Raises CannotConnectError if it is no object.
    """
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise CannotConnectError("the answer has another shape")
    return raw.get(key)


def _list(raw: object) -> list[object]:
    """Return a list; None, which the services send for no items, becomes an empty list.

    Raises CannotConnectError if it is no list.
    """
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise CannotConnectError("the answer has no list")
    return raw


def _following(times: Iterable[object], end: int) -> int | None:
    """Return the end of the time span of the next page, None if no item of this one has a time."""
    oldest = min((time for raw in times if (time := _time(raw)) is not None), default=None)
    return None if oldest is None else min(oldest, end - 1)


def _time(raw: object) -> int | None:
    time = whole(raw)
    return None if time is None or time < 0 else time


def _is_of(item: Mapping[str, Any], **asked: str) -> bool:
    """Return whether an item matches the requested values; missing values match."""
    return all(str(item.get(name, wanted)) == wanted for name, wanted in asked.items())


def _user_names(raw: object) -> dict[int, str]:
    """Return names by user id from the app's list of a lock's users, which may be JSON text."""
    if isinstance(raw, str):
        try:
            raw = loads(raw)
        except ValueError:
            return {}
    named = ((whole(user.get("uid")), _user_name(user.get("uName"))) for user in objects(raw))
    return {user_id: name for user_id, name in named if user_id is not None and name}


def _user_name(raw: object) -> str:
    """Return the name of a user, empty if it is too long or has characters that are not shown."""
    if not isinstance(raw, str):
        return ""
    name = text(raw, NAME_LIMIT)
    return name if name == " ".join(raw.split()) else ""


def _happened(event: Event, item: Mapping[str, Any]) -> Happened | None:
    """Return the event of a history item, None if it has no valid time."""
    if (time := _time(item.get("time"))) is None:
        return None
    arguments, _ = event.understand(item.get("value"))
    return Happened(event, arguments, time)


def _seen(item: Mapping[str, Any]) -> Seen | None:
    """Return the event of an item of the camera's list, None if it is invalid."""
    time, kinds = _time(item.get("createTime")), item.get("eventType")
    file_id = opaque(item.get("fileId"))
    if time is None or not isinstance(kinds, str) or not file_id:
        return None
    frames = {
        kind: frame
        for detail in objects(item.get("eventTypeDetail"))[:DETAILS_LIMIT]
        if (kind := text(detail.get("event"))) and (frame := opaque(detail.get("imgStoreId")))
    }
    return Seen(
        time=time,
        kinds=tuple(filter(None, map(text, kinds.split(":", DETAILS_LIMIT)[:DETAILS_LIMIT]))),
        file_id=file_id,
        frames=frames,
        has_recording=opaque(item.get("videoStoreId")) is not None,
        is_alarm=item.get("isAlarm") is True,
    )
