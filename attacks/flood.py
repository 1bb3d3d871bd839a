"""Attacks by Xiaomi's cloud that exceed what Home Assistant can read, store or show."""

from __future__ import annotations

import asyncio
import json
import re
import time
import zlib
from contextlib import asynccontextmanager, suppress
from itertools import batched, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from custom_components.xiaomi_smart_lock.const import DOMAIN
from simulator import faults

from .attack import HELD, Attacks, expect
from .lies import (
    BATTERY,
    DEVICES,
    FLOW,
    HISTORY,
    MEDIA,
    NUMBERS,
    PLAYLIST,
    READING,
    SEEN,
    WHO,
    added,
    another_account,
    another_lock,
    answer_with,
    diagnostics_of,
    goes_on,
    having_seen,
    lying,
    message_of,
    paths,
    reload,
    tell,
)
from .traces import (
    PATIENCE,
    answers,
    failures,
    shows,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from simulator.lock import Lock

    from .house import House

ATTACKS: Final = Attacks(WHO)


DEPTH: Final = 10_000
DEEP: Final = (
    "[" * DEPTH,
    "[" * DEPTH + "]" * DEPTH,
    '{"result":' * DEPTH,
    '{"code": 0, "result": ' + "[" * DEPTH + "]" * DEPTH + "}",
    '{"code": 0, "data": ' + '{"data": ' * DEPTH + "1" + "}" * DEPTH + "}",
)
SUBSCRIBE: Final = 8
FAR_TOO_MUCH: Final = 64 * 1024 * 1024  # bytes
MORE_THAN_ANYBODY_HAS: Final = 150  # pages of a list


@ATTACKS.try_to("nest what is said deeper than anybody can read")
async def _nest(house: House) -> str:
    lock = house.lock
    expect(await goes_on(house, lock), "what is pushed is not shown")
    before = failures(house)
    nested = "[" * 4_000 + "]" * 4_000
    for value in (nested, json.dumps(nested), '{"value":' * 1_000 + "1" + "}" * 1_000):
        await tell(house, lock, BATTERY, value)
        said = f'{{"siid": 2, "eiid": 1020, "arguments": {value}}}'
        await house.simulator.broker.publish(*message_of(lock, [said], "event_occured"))
    for text in DEEP:
        topic = f"device/{lock.did}/up/properties_changed/1/1"
        await house.simulator.broker.publish(topic, text.encode())
        for path in (DEVICES, READING, SEEN):
            with lying(house, faults.said(text, "application/json"), path):
                await reload(house, lock, path)
    await reload(house, lock)
    if not await goes_on(house, lock):
        return "nothing of the lock is shown anymore"
    return f"{failures(house) - before} errors" if failures(house) > before else HELD


@ATTACKS.try_to("answer with 15 MB of nothing but values", in_short=False)
async def _answer_much(house: House) -> str:
    async with another_lock(house) as lock:

        async def taken(filling: bytes) -> bool:
            """Answer a reading with a level before a filling; return whether the level is shown."""
            level = next(NUMBERS) % 100
            lock.set_battery(level, push=False)
            with lying(house, faults.spoilt(lambda body: body[:-2] + filling + b"]}"), READING):
                await reload(house, lock)
            await goes_on(house, lock)
            return house.state(lock, "sensor.lithium_battery") == str(level)

        expect(await taken(b", {}" * 10), "an answer with a little more is not taken")
        for size in (3_000_000, 15_000_000):
            for item in (b", {}", b", []", b", 1", b', ""'):
                if await taken(item * (size // len(item))):
                    return f"{size} bytes of {item.decode()} were taken"
        await reload(house, lock)
        return HELD if await goes_on(house, lock) else "nothing of the lock is shown anymore"


# Answers


class _Endless:
    """An answer that continues until the client leaves, or FAR_TOO_MUCH is sent."""

    def __init__(self, beginning: bytes) -> None:
        self.asked = self.most = 0
        self._beginning = beginning

    async def __call__(self, request: web.Request, _handler: faults.Handler) -> web.StreamResponse:
        self.asked += 1
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        sent = 0
        with suppress(ConnectionError):
            await response.write(self._beginning)
            while sent < FAR_TOO_MUCH:
                await response.write(b" " * 65_536)
                await asyncio.sleep(0)  # Without this, a closed connection goes unnoticed.
                sent += 65_536
        self.most = max(self.most, sent)
        return response


@ATTACKS.try_to("answer without an end", in_short=False)
async def _answer_forever(house: House) -> str:
    lock = house.lock
    for path in (READING, DEVICES, SEEN):
        endless = _Endless(b'{"code": 0, "result": [')
        with lying(house, endless, path):
            await reload(house, lock)
            while not endless.asked:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            if not await answers(house):
                return "Home Assistant answers nobody meanwhile"
        if endless.most >= FAR_TOO_MUCH:
            return f"{endless.most} bytes were taken from {path}"
    await reload(house, lock)
    return HELD if await goes_on(house, lock) else "nothing of the lock is shown anymore"


@ATTACKS.try_to("answer with a little that unpacks to gigabytes", in_short=False)
async def _answer_packed(house: House) -> str:
    packing = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    first, following = (
        packing.compress(b" " * 1_000_000) + packing.flush(zlib.Z_FULL_FLUSH) for _ in range(2)
    )
    bomb, asked = first + 2_000 * following, []

    async def packed(request: web.Request, _handler: faults.Handler) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(
            body=bomb, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
        )

    before = _most_memory(house, from_now=True)
    with lying(house, packed, READING), lying(house, packed, DEVICES):
        await reload(house, house.lock)
    expect(len(set(asked)) == 2, "nothing was asked")
    more = _most_memory(house) - before
    await reload(house, house.lock)
    if more > 100_000_000:
        return f"{more // 1_000_000} MB of memory were taken"
    return HELD if await goes_on(house, house.lock) else "it does not go on"


def _most_memory(house: House, *, from_now: bool = False) -> int:
    """Return Home Assistant's peak memory in bytes; ``from_now`` resets the peak before."""
    process = Path(f"/proc/{house.process.pid}")
    if from_now:
        (process / "clear_refs").write_text("5", encoding="utf-8")
    status = (process / "status").read_text(encoding="utf-8")
    [most] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(most) * 1024


class _Pages:
    """Answers that each announce another page, up to MORE_THAN_ANYBODY_HAS."""

    def __init__(self, page: Callable[[int], dict[str, Any]], last: dict[str, Any]) -> None:
        self.asked = 0
        self._page, self._last = page, last

    async def __call__(self, _request: web.Request, _handler: faults.Handler) -> web.Response:
        self.asked += 1
        end = self.asked > MORE_THAN_ANYBODY_HAS
        return web.json_response(self._last if end else self._page(self.asked))

    @property
    def problem(self) -> str:
        """The problem if pages beyond MORE_THAN_ANYBODY_HAS were read, else HELD."""
        return f"{self.asked} pages were read" if self.asked > MORE_THAN_ANYBODY_HAS else HELD


@ATTACKS.try_to("list devices without an end")
async def _list_devices(house: House) -> str:
    pages = _Pages(
        lambda number: answer_with(list=[], has_more=True, next_start_did=str(number)),
        answer_with(list=[], has_more=False),
    )
    with lying(house, pages, DEVICES):
        await reload(house, house.lock)
    expect(pages.asked > 1, "no second page was read")
    await reload(house, house.lock)
    return pages.problem or (HELD if await goes_on(house, house.lock) else "it does not go on")


@ATTACKS.try_to("list homes without an end")
async def _list_homes(house: House) -> str:
    pages = _Pages(
        lambda number: answer_with(info=[], has_more=True, max_id=str(number)),
        answer_with(info=[], has_more=False),
    )
    first = faults.changed(
        lambda answer: answer | {"result": answer["result"] | {"has_more": True, "max_id": "0"}}
    )
    async with another_account(house) as account:
        house.simulator.add_lock(account)
        with lying(house, first, "/gethome"), lying(house, pages, "/get_dev_room_page"):
            async with added(house, account):
                expect(pages.asked > 1, "no second page was read")
    return pages.problem


@ATTACKS.try_to("list what the camera saw without an end")
async def _list_seen(house: House) -> str:
    pages = _Pages(
        lambda number: {
            "code": 0,
            "data": {"thirdPartPlayUnits": [], "isContinue": True, "nextTime": 10**12 - number},
        },
        {"code": 0, "data": None},
    )
    with lying(house, pages, SEEN):
        await house.owner.command(
            "media_source/browse_media", media_content_id=f"{MEDIA}/{house.lock.did}"
        )
    expect(pages.asked > 1, "no second page was read")
    await reload(house, house.lock)
    return pages.problem


@ATTACKS.try_to("tell a history without an end", in_short=False)
async def _list_history(house: House) -> str:
    now = int(time.time())
    pages = _Pages(
        lambda number: {
            "code": 0,
            "result": [{"time": now - 60 * number - n, "value": "[]"} for n in range(50)],
        },
        {"code": 0, "result": []},
    )
    lock = house.lock
    with lying(house, pages, HISTORY):
        await reload(house, lock)
        asked = -1
        while not pages.asked or asked != pages.asked:
            asked = pages.asked
            await asyncio.sleep(2)
    expect(pages.asked > 1, "no second page was read")
    await reload(house, lock)
    return pages.problem or (HELD if await goes_on(house, lock) else "it does not go on")


def _followed_by(more: bytes) -> faults.Fault:
    """Return a fault that appends bytes to an answer."""
    return faults.spoilt(lambda body: body + more)


MANY_PARTS: Final = (b"a.ts\n" * 60_000, b"a\n" * 400_000, b"a\n" * 1_000_000)


@ATTACKS.try_to("have a recording played that has more parts than anybody films")
async def _play_many(house: House) -> str:
    lock = house.lock
    address = f"/api/{DOMAIN}/{lock.did}"

    def with_keys(body: bytes) -> bytes:
        [key] = re.findall(rb"#EXT-X-KEY.*", body)
        keys = (key.replace(b'/key"', b'/key?%d"' % number) for number in range(400))
        return body + b"".join(key + b"\na.ts\n" for key in keys)

    longer = [_followed_by(parts) for parts in MANY_PARTS]
    with having_seen(lock, len(longer) + 2) as [usual, many_keys, *others]:
        played = await house.owner.file(f"{address}/{usual.created}/video.m3u8")
        expect(b"#EXTINF" in played, "nothing is played")
        for sight, fault in zip(others, longer, strict=True):
            with lying(house, fault, PLAYLIST):
                played = await house.owner.file(f"{address}/{sight.created}/video.m3u8")
            if played:
                return f"{played.count(b'#EXTINF')} parts are played"
        asked = len(house.simulator.cloud.requests)
        with lying(house, faults.spoilt(with_keys), PLAYLIST):
            await house.owner.file(f"{address}/{many_keys.created}/video.m3u8")
    keys = sum(path.endswith("/key") for path in paths(house, asked))
    return f"{keys} keys were fetched" if keys > 100 else HELD


# Messages


def _kept(house: House, lock: Lock) -> int:
    """Return the bytes that are stored on the disk for a lock."""
    folder = house.configuration / ".storage"
    return sum(path.stat().st_size for path in folder.glob(f"{DOMAIN}.{lock.did}*"))


@ATTACKS.try_to("push messages that are longer than all that a lock can say")
async def _push_long(house: House) -> str:
    async with another_lock(house) as lock:
        topic = f"device/{lock.did}/up/properties_changed/13/1"
        for filling in (0, 20_000, 5_000_000):
            level = next(NUMBERS) % 100
            message = json.dumps({"params": {"siid": 13, "piid": 1, "value": level}})
            await house.simulator.broker.publish(topic, message.encode() + b" " * filling)
            if not await goes_on(house, lock):
                return "nothing of the lock is shown anymore"
            taken = house.state(lock, "sensor.lithium_battery") == str(level)
            expect(taken or filling, "a short message is not taken")
            if taken and filling:
                return f"{filling} bytes were read"
    return HELD


@ATTACKS.try_to("push what nobody knows, under a new number each time", in_short=False)
async def _push_unknown(house: House) -> str:
    async with another_lock(house) as lock:
        issues, before, lines = len(await house.issues()), failures(house), house.log.count("\n")
        numbers = ((siid, iid) for siid in range(100, 200) for iid in range(1, 1_001))
        for some in batched(numbers, 200, strict=False):
            events = [f'{{"siid": {siid}, "eiid": {eiid}}}' for siid, eiid in some]
            await house.simulator.broker.publish(*message_of(lock, events, "event_occured"))
        if not await goes_on(house, lock):
            return "nothing of the lock is shown anymore"
        said = house.log.count("\n") - lines
        expect(said, "nobody says a word of it")
        if said > 200:
            return f"{said} lines in the log"
        if more := len(await house.issues()) - issues:
            return f"{more} repairs"
        diagnostics = await diagnostics_of(house, lock)
        if len(json.dumps(diagnostics)) > 100_000:
            return "diagnostics without an end"
        return "errors" if failures(house) > before else HELD


@ATTACKS.try_to("push thousands of events that may have happened", in_short=False)
async def _push_events(house: House) -> str:
    async with another_lock(house) as lock:
        now = lock.time
        for numbers in batched(range(1, 10_001), 50, strict=False):
            events = [
                json.dumps({"siid": 2, "eiid": 1020, "tid": number, "arguments": arguments})
                for number in numbers
                for arguments in [[2, 2, 2, number, now - number]]
            ]
            await house.simulator.broker.publish(*message_of(lock, events, "event_occured"))
        if not await goes_on(house, lock):
            return "nothing of the lock is shown anymore"
        entries = (await diagnostics_of(house, lock))["locks"][0]["journal_entries"]
        expect(entries > 100, "no event was taken")
        await reload(house, lock)  # Writes what is known of the lock.
        if entries > 1_000 or _kept(house, lock) > 500_000:
            return f"{entries} events in {_kept(house, lock)} bytes are kept"
        return HELD if await goes_on(house, lock) else "nothing of the lock is shown anymore"


@ATTACKS.try_to("have more new locks offered than anybody has")
async def _offer_many(house: House) -> str:
    dids = count(800_000_001)

    def list_more(answer: dict[str, Any]) -> dict[str, Any]:
        listed = answer["result"]["list"]
        listed += [listed[0] | {"did": str(next(dids)), "name": "Garage"} for _ in range(1_000)]
        return answer

    async with another_lock(house) as lock:
        with lying(house, faults.changed(list_more), DEVICES):
            for _ in range(5):  # other dids each time
                await reload(house, lock)
        flows = await house.owner.command("config_entries/flow/progress")
    offered = [one for one in flows if str(one["context"].get("unique_id")).startswith("8000")]
    for flow in offered:
        await house.owner.delete(f"{FLOW}/{flow['flow_id']}")
    expect(offered, "no new lock is offered")
    return f"{len(offered)} are offered" if len(offered) > 20 else HELD


# A broker


CONNACK: Final = bytes((0x20, 3, 0, 0, 0))


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return type and body of the next MQTT packet."""
    [kind], length, shift = await reader.readexactly(1), 0, 0
    while True:
        [part] = await reader.readexactly(1)
        length |= (part & 0x7F) << shift
        if part < 0x80:
            return kind, await reader.readexactly(length)
        shift += 7


def _packed(kind: int, body: bytes) -> bytes:
    """Return an MQTT packet whose length is encoded in three bytes."""
    length = len(body)
    return bytes((kind, length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14)) + body


def _publication(topic: bytes, number: int, payload: bytes, properties: bytes = b"") -> bytes:
    """Return an MQTT message with QoS 2."""
    head = len(topic).to_bytes(2) + topic + number.to_bytes(2)
    return _packed(0x34, head + bytes((len(properties),)) + properties + payload)


@asynccontextmanager
async def _speaking(house: House, said: Iterable[bytes]) -> AsyncIterator[asyncio.Event]:
    """Replace the broker by one that sends packets to its subscribers; restore it on exit.

    A new subscriber receives what the one before did not. Yields an event that is set once all
    packets are sent or the subscriber is gone.
    """
    done, gate, still = asyncio.Event(), house.simulator.gate, iter(said)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, EOFError):
            await _packet(reader)
            writer.write(CONNACK)
            kind, body = 0, b""
            while kind >> 4 != SUBSCRIBE:
                kind, body = await _packet(reader)
            granted = bytes(2 for _ in range(body.count(b"device/")))
            writer.write(_packed(0x90, body[:2] + b"\0" + granted))
            hearing = asyncio.create_task(reader.read(-1))
            for part in still:
                if hearing.done():
                    break
                writer.write(part)
                await writer.drain()
            done.set()
            await hearing
        done.set()
        writer.close()

    upstream = gate.upstream_port
    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        gate.upstream_port = server.sockets[0].getsockname()[1]
        gate.cut()
        try:
            yield done
        finally:
            gate.upstream_port = upstream
            gate.cut()


@ATTACKS.try_to("push messages that are never released", in_short=False)
async def _hold_back(house: House) -> str:
    lock, before = house.lock, _most_memory(house, from_now=True)
    topic, _ = message_of(lock, [])
    held = (_publication(topic.encode(), number, b"x" * 60_000) for number in range(1, 5_001))
    async with _speaking(house, held) as done:
        await done.wait()
        if not await answers(house):
            return "Home Assistant answers nobody"
        more = _most_memory(house) - before
    await reload(house, lock)
    if more > 100_000_000:
        return f"{more // 1_000_000} MB of memory were taken"
    return HELD if await goes_on(house, lock) else "nothing of the lock is shown anymore"


NONSENSE: Final = (
    *(b"\x30\0", b"\x30\2\0\x09", b"\x36\5\0\1a\0\1", b"\x30\xff\xff\xff\xff\xff", b"\0\0"),
    *(CONNACK, b"\x90\1\0", b"\x62\2\x12\x34", b"\xd0\5hello", b"\xe0\2\x42\0", b"\xf0\2\0\0"),
    _publication(b"\xff\xfe", 1, b"{}"),
    _publication(b"device/\xed\xa0\xbd/up", 1, b"{}"),
    _publication(b"a", 1, b"{}", b"\x08\0\2\xff\xff"),
    _publication(b"a", 1, b"{}", b"\xfe\1"),
)
"""Packets that no broker sends: truncated, of unknown types, or with invalid text."""


async def _is_heard_again(house: House, lock: Lock) -> bool:
    """Return whether the values of a lock are shown again after the push connection is restored."""
    for _ in range(PATIENCE):
        level = str(next(NUMBERS) % 100)
        await tell(house, lock, BATTERY, level)
        if await shows(house, lock, "sensor.lithium_battery", level, within=1):
            return True
    return False


@ATTACKS.try_to("speak to who listens as no broker does", in_short=False)
async def _speak_nonsense(house: House) -> str:
    lock, before = house.lock, failures(house)
    for said in NONSENSE:
        async with _speaking(house, [said]) as done:
            await reload(house, lock)  # skips the growing pause before a connection
            await done.wait()
            if not await answers(house):
                return f"Home Assistant answers nobody after {said!r}"
        if not await _is_heard_again(house, lock):
            return f"nothing is heard anymore after {said!r}"
    return f"{failures(house) - before} errors" if failures(house) > before else HELD
