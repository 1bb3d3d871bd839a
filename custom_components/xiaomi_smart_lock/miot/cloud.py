"""Xiaomi's cloud API for Home Assistant, to list, read, write and control an account's devices.

Source of the protocol: XiaoMi/ha_xiaomi_home.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from itertools import batched
from typing import TYPE_CHECKING, Any, Final

from aiohttp import ClientTimeout

from . import http
from .attempt import Attempt
from .client import Client, Reading, address_of
from .errors import (
    CannotConnectError,
    NotSignedInError,
    ResultError,
    TooManyRequestsError,
    check,
)
from .http import request
from .oauth import CLIENT_ID
from .values import (
    MOST_ITEMS,
    identifier,
    number,
    objects,
    text,
    whole,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from aiohttp import ClientSession

    from .endpoints import Endpoints
    from .oauth import TokenKeeper
    from .spec import Action, Address, Value

PAGES_LIMIT: Final = 50  # pages of a list, each with up to 200 devices
READ_LIMIT: Final = 150  # properties per request
GATHERING_TIME: Final = 0.005  # seconds to collect the reads of several locks
CLOCKS_APART: Final = 3600  # seconds by which the service's clock may be ahead of ours


@dataclass(frozen=True, slots=True)
class Device:
    """A device as the account's device list describes it.

    ``name`` is the model or the did if the list gives no name.
    """

    did: str
    name: str
    model: str
    urn: str
    online: bool
    firmware: str | None
    mac: str | None
    address: str | None
    token: str | None = field(repr=False)

    @classmethod
    def from_list(cls, item: Mapping[str, Any]) -> Device | None:
        """Return the device of an item of the device list, None if the item has no valid did.

        The Mi Home app's list has another name for the address.
        """
        if (did := identifier(item.get("did"))) is None:
            return None
        model, extra = _text(item, "model") or "", item.get("extra")
        return cls(
            did=did,
            name=_text(item, "name") or model or did,
            model=model,
            urn=_text(item, "spec_type") or "",
            online=item.get("isOnline") is True,
            firmware=_text(extra, "fw_version") if isinstance(extra, dict) else None,
            mac=_text(item, "mac"),
            address=_text(item, "local_ip") or _text(item, "localip"),
            token=_text(item, "token"),
        )

    def completed(self, known: Device) -> Device:
        """Return the device, with values that the list lacks now taken from ``known``.

        A name that is only the model or the did counts as lacking.
        """
        unsaid = {one.name for one in fields(self) if getattr(self, one.name) in (None, "")}
        if self.name in (self.model, self.did):
            unsaid.add("name")
        return replace(self, **{name: getattr(known, name) for name in unsaid})


@dataclass(frozen=True, slots=True)
class Account:
    """An account's user id, and the rooms of its devices.

    ``user_id`` is None if no home of its own names one. ``rooms`` has the names of the home and the
    room by did; the room may be None. ``friends`` are the user ids of those who share their homes
    with the account.
    """

    user_id: str | None
    rooms: Mapping[str, tuple[str, str | None]]
    friends: frozenset[str] = frozenset()


type _Wanted = tuple[str, int, int]
type _Readings = dict[_Wanted, Reading | BaseException]


class CloudClient(Client):
    """The cloud's HTTP API for one account in one region."""

    def __init__(
        self,
        session: ClientSession,
        tls: ssl.SSLContext,
        endpoints: Endpoints,
        region: str,
        tokens: TokenKeeper,
    ) -> None:
        """Initialize the client; nothing is sent yet."""
        self._session = session
        self._tls = tls
        self._endpoints = endpoints
        self._region = region
        self._tokens = tokens
        self._gathered: dict[_Wanted, None] = {}
        self._left_alone_until = 0.0
        self._reading: asyncio.Task[_Readings] | None = None
        self._readings: set[asyncio.Task[_Readings]] = set()

    def close(self) -> None:
        """Cancel all reads that are under way."""
        for reading in self._readings:
            reading.cancel()

    async def account(self) -> Account:
        """Return the account's user id, the rooms of its devices, and friends who share homes."""
        result = await self._post(
            "/app/v2/homeroom/gethome",
            limit=150,
            fetch_share=True,
            fetch_share_dev=True,
            plat_form=0,
            app_ver=9,
        )
        own, shared = (_list(result, key) for key in ("homelist", "share_home_list"))
        rooms = dict(rooms_in(own + shared))
        names = {_text(home, "id"): _text(home, "name") for home in own + shared}
        start, before = result.get("max_id"), None
        for _ in range(PAGES_LIMIT):
            if not result.get("has_more") or start == before:
                break
            result = await self._post(
                "/app/v2/homeroom/get_dev_room_page", start_id=start, limit=150
            )
            start, before = result.get("max_id"), start
            pages = (
                {"name": names.get(_text(page, "id"))} | page for page in _list(result, "info")
            )
            rooms |= dict(rooms_in(pages))
        user_id = next(filter(None, (identifier(home.get("uid")) for home in own)), None)
        friends = frozenset(filter(None, (identifier(home.get("uid")) for home in shared)))
        return Account(user_id, rooms, friends)

    async def nickname(self) -> str | None:
        """Return the nickname of the account's owner, None if the service gives none."""
        token = await self._tokens.access_token()
        answer = await request(
            self._session,
            self._tls,
            "GET",
            self._endpoints.profile,
            params={"clientId": str(CLIENT_ID), "token": token},
        )
        data = answer.get("data")
        return _text(data, "miliaoNick") if isinstance(data, dict) else None

    async def devices(self) -> list[Device]:
        """Return all devices of the account, including those shared with it.

        Raises CannotConnectError if the list has more pages or devices than the limits allow.
        """
        found: list[Device] = []
        page: dict[str, Any] = {}
        for _ in range(PAGES_LIMIT):
            result = await self._post(
                "/app/v2/home/device_list_page",
                limit=200,
                get_split_device=True,
                get_third_device=True,
                dids=[],
                **page,
            )
            if not isinstance(result.get("list"), list | None):
                raise CannotConnectError("the answer has no list")
            found += filter(None, map(Device.from_list, _list(result, "list")))
            following = {"start_did": result.get("next_start_did")}
            if not (result.get("has_more") and following["start_did"]) or following == page:
                return found
            page = following
            if len(found) > MOST_ITEMS:
                break
        raise CannotConnectError("the list of devices has no end")

    async def read(self, did: str, addresses: Collection[Address]) -> dict[Address, Reading]:
        """Read properties from the cloud's copy, which does not wake the lock.

        Reads within a few milliseconds share requests of up to 150 properties. Raises
        CannotConnectError if the answer has none of the properties.
        """
        self._gathered.update(dict.fromkeys((did, *address) for address in addresses))
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_gathered())
            self._readings.add(self._reading)
            self._reading.add_done_callback(self._end_reading)
        readings = await asyncio.shield(self._reading)
        found: dict[Address, Reading] = {}
        for address in addresses:
            match readings.get((did, *address)):
                case Reading() as reading:
                    found[address] = reading
                case BaseException() as error:
                    raise error
        if not found:
            raise CannotConnectError("the answer says nothing of what was read")
        return found

    def _end_reading(self, reading: asyncio.Task[_Readings]) -> None:
        self._readings.discard(reading)
        if not reading.cancelled():
            reading.exception()  # Mark it as retrieved: all callers may have been canceled.

    async def _read_gathered(self) -> _Readings:
        """Read the collected properties; those of a failed request have its error as result."""
        await asyncio.sleep(GATHERING_TIME)
        wanted, self._gathered, self._reading = self._gathered, {}, None
        pages = list(batched(wanted, READ_LIMIT, strict=False))
        answers = await asyncio.gather(*map(self._read_page, pages), return_exceptions=True)
        readings: _Readings = {}
        for page, answer in zip(pages, answers, strict=True):
            if isinstance(answer, BaseException):
                readings |= dict.fromkeys(page, answer)
            else:
                readings |= answer
        return readings

    async def _read_page(self, wanted: Collection[_Wanted]) -> list[tuple[_Wanted, Reading]]:
        params = [{"did": did, "siid": siid, "piid": piid} for did, siid, piid in wanted]
        result = await self._call("/app/v2/miotspec/prop/get", {"datasource": 1, "params": params})
        return [read for read in map(_read_item, objects(result)) if read]

    async def write(self, did: str, address: Address, value: Value) -> None:
        """Set a property; the lock must be awake."""
        siid, piid = address
        params = [{"did": did, "siid": siid, "piid": piid, "value": value}]
        result = await self._call("/app/v2/miotspec/prop/set", {"params": params})
        for item in objects(result):
            if (identifier(item.get("did")), address_of(item, "piid")) == (did, address):
                return check(item.get("code"))
        raise CannotConnectError("the answer says nothing of what was written")

    async def act(
        self,
        did: str,
        action: Action,
        inputs: Sequence[Value] = (),
        attempt: Attempt | None = None,
    ) -> list[object]:
        """Perform an action; the lock must be awake."""
        siid, aiid = action.address
        params = {"did": did, "siid": siid, "aiid": aiid, "in": list(inputs)}
        result = await self._post(
            "/app/v2/miotspec/action", attempt=attempt or Attempt(), params=params
        )
        check(result.get("code"))
        return action.ordered(result.get("out"))

    async def _post(
        self, path: str, *, attempt: Attempt | None = None, **body: Any
    ) -> dict[str, Any]:
        result = await self._call(path, body, attempt)
        if result is None:  # The service sends null for an empty result.
            return {}
        if not isinstance(result, dict):
            raise CannotConnectError("the answer has another shape")
        return result

    async def _call(
        self, path: str, body: Mapping[str, Any], attempt: Attempt | None = None
    ) -> object:
        """Post a request; if the tokens are refused, renew them and post it once more.

        A refused call was not carried out, so the retry is safe for actions, too, as long as the
        attempt permits sending.
        """
        if (wait := self._left_alone_until - time.monotonic()) > 0:
            raise TooManyRequestsError(wait)
        token = await self._token(attempt)
        try:
            answer = await self._send(path, body, token, attempt)
        except TooManyRequestsError as error:
            self._left_alone_until = time.monotonic() + error.wait
            raise
        except NotSignedInError:
            token = await self._token(attempt, refused=token)
            answer = await self._send(path, body, token, attempt)
        if (code := whole(answer.get("code"))) is None:
            raise CannotConnectError("the answer has no code")
        if code != 0:
            raise ResultError(code)
        return answer.get("result")

    async def _token(self, attempt: Attempt | None, refused: str | None = None) -> str:
        async with attempt.in_time() if attempt else nullcontext():
            return await self._tokens.access_token(refused)

    async def _send(
        self, path: str, body: Mapping[str, Any], token: str, attempt: Attempt | None
    ) -> dict[str, Any]:
        """Post once.

        An action waits for a connection for at most the remaining time of its attempt; then it is
        not sent at all.
        """
        connect = attempt.leave() if attempt else None
        return await request(
            self._session,
            self._tls,
            "POST",
            self._endpoints.api_url(self._region, path),
            json=body,
            headers={
                "X-Client-BizId": "haapi",
                "X-Client-AppId": str(CLIENT_ID),
                "Authorization": f"Bearer{token}",
            },
            timeout=ClientTimeout(total=http.TIMEOUT.total, connect=connect),
        )


def _text(item: Mapping[str, Any], key: str) -> str | None:
    return text(item.get(key)) or None


def _dids(raw: object) -> list[str]:
    items = raw[:MOST_ITEMS] if isinstance(raw, list) else []
    return list(filter(None, map(identifier, items)))


def _past(raw: object) -> float | None:
    """Return a time in the past in Unix seconds, None if it is invalid.

    Our clock may be behind: times up to CLOCKS_APART seconds in the future count as now.
    """
    now = time.time()
    past = number(raw)
    is_past = past is not None and 0 <= past <= now + CLOCKS_APART
    return float(min(past, now)) if past is not None and is_past else None


def _read_item(item: Mapping[str, Any]) -> tuple[_Wanted, Reading] | None:
    """Return the property and reading of an item of the answer, None if the item is invalid."""
    did, address = identifier(item.get("did")), address_of(item, "piid")
    code = whole(item.get("code"))
    if did is None or address is None or code is None:
        return None
    return (did, *address), Reading(code, item.get("value"), _past(item.get("updateTime")))


def _list(result: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return objects(result.get(key))


def rooms_in(
    homes: Iterable[dict[str, Any]],
) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Yield the did of each device with the names of its home and its room, None for no room."""
    for home in homes:
        name = _text(home, "name") or ""
        for did in _dids(home.get("dids")):
            yield did, (name, None)
        for room in _list(home, "roomlist"):
            for did in _dids(room.get("dids")):
                yield did, (name, _text(room, "name"))
