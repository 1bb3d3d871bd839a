"""What is sent by who means harm is bounded, in what it costs as in what is kept of it."""

from __future__ import annotations

import asyncio
import gzip
import json
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import aiohttp
import aiomqtt
import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot import cloud, http, mqtt
from custom_components.xiaomi_smart_lock.miot import push as push_module
from custom_components.xiaomi_smart_lock.miot.app import client as app
from custom_components.xiaomi_smart_lock.miot.app import recording as app_recording
from custom_components.xiaomi_smart_lock.miot.client import OnlineChanged, PropertyChanged
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError
from custom_components.xiaomi_smart_lock.miot.push import Push
from custom_components.xiaomi_smart_lock.miot.values import MOST_ITEMS, objects
from simulator.model import MODEL, SPEC
from tests.lock_driver import until
from tests.miot.app import of_liar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .conftest import Liar, Signed

MILLIONS = 15_000_000  # bytes
EMPTY: Mapping[str, Any] = MappingProxyType({})


def many(item: bytes, size: int) -> bytes:
    """Return an answer with a list of items that is so long."""
    return b'{"code": 0, "result": [' + b",".join([item] * (size // (len(item) + 1))) + b"]}"


@pytest.mark.parametrize("item", [b"{}", b"[]", b"1", b"[[[1]]]", b'{"a":{}}', b'""'])
@pytest.mark.parametrize("size", [http.LONGEST_ANSWER, MILLIONS])
async def test_answers_of_nothing_but_values(
    signed: Signed, liar: Liar, item: bytes, size: int
) -> None:
    """Reading them would hold up everything else for seconds, so they are not read."""
    liar.answers = [web.Response(body=many(item, size))]
    with pytest.raises(CannotConnectError, match=r"too many values|longer than"):
        await liar.client(signed).read("1", [(13, 1)])


@pytest.mark.parametrize("times", [1, 1_000])
async def test_answers_that_are_packed(signed: Signed, liar: Liar, times: int) -> None:
    """They are not asked for, and unpacked as far as an answer may be long."""
    page = {"code": 0, "result": {"list": [{"did": "1", "name": "x" * 10_000 * times}]}}
    packed = gzip.compress(json.dumps(page).encode())
    assert len(packed) < 100_000
    liar.answers = [web.Response(body=packed, headers={"Content-Encoding": "gzip"})]
    asking = liar.client(signed).devices()
    if times == 1:
        assert len(await asking) == 1
    else:
        with pytest.raises(CannotConnectError, match="longer than"):
            await asking
    assert liar.headers[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("status", [200, 403])
async def test_answers_that_cannot_be_unpacked(signed: Signed, liar: Liar, status: int) -> None:
    """They say nothing."""
    headers = {"Content-Encoding": "gzip"}
    liar.answers = [web.Response(body=b"no gzip", status=status, headers=headers)]
    with pytest.raises(CannotConnectError, match=r"cannot be unpacked|403"):
        await liar.client(signed).devices()


async def test_an_answer_with_as_many_as_make_sense(signed: Signed, liar: Liar) -> None:
    """A thousand devices, each with fifty things said of it; few that are long are no harm."""
    devices = [{"did": str(n)} | {f"k{i}": i for i in range(50)} for n in range(1000)]
    page = {"code": 0, "result": {"list": devices}}
    liar.answers = [page, {"code": 0, "result": {"list": [{"did": "1", "name": "x" * 3_000_000}]}}]
    client = liar.client(signed)
    assert len(await client.devices()) == 1000
    assert len(await client.devices()) == 1


async def test_lists_without_end(signed: Signed, liar: Liar) -> None:
    """Each page has another one after it."""
    liar.answers = [
        {"code": 0, "result": {"list": [], "has_more": True, "next_start_did": str(number)}}
        for number in range(cloud.PAGES_LIMIT + 5)
    ]
    with pytest.raises(CannotConnectError, match="no end"):
        await liar.client(signed).devices()
    assert len(liar.answers) == 5


async def test_lists_that_are_too_long(signed: Signed, liar: Liar) -> None:
    """Nobody has as many devices."""
    devices = [{"did": str(number)} for number in range(MOST_ITEMS)]
    liar.answers = [
        {"code": 0, "result": {"list": devices, "has_more": True, "next_start_did": str(number)}}
        for number in range(3)
    ]
    with pytest.raises(CannotConnectError, match="no end"):
        await liar.client(signed).devices()
    assert len(liar.answers) == 1


async def test_homes_without_end(signed: Signed, liar: Liar) -> None:
    """What was said by then is taken."""
    liar.answers = [
        {"code": 0, "result": {"info": [], "has_more": True, "max_id": str(number)}}
        for number in range(cloud.PAGES_LIMIT + 5)
    ]
    assert (await liar.client(signed).account()).rooms == {}
    assert len(liar.answers) == 4


def test_items_of_a_list() -> None:
    """Not more than make sense."""
    assert len(objects([{}] * (MOST_ITEMS + 1))) == MOST_ITEMS


async def test_pages_that_are_longer_than_was_asked_for(
    session: aiohttp.ClientSession, liar: Liar
) -> None:
    """What is too much is not taken: it is asked for again."""
    happened = [{"time": 10_000 - number, "value": "[]"} for number in range(500)]
    units = [
        {
            "createTime": 1_000_000 - number,
            "eventType": ":".join(["Bell"] * 1000),
            "fileId": "file",
            "eventTypeDetail": [{"event": f"e{i}", "imgStoreId": "i"} for i in range(1000 // 10)],
        }
        for number in range(100)
    ]
    liar.answers = [
        {"code": 0, "result": happened},
        {"code": 0, "data": {"thirdPartPlayUnits": units}},
    ]
    client = of_liar(session, liar)
    page = await client.history("1", SPEC.events[2, 1020], 0, 20_000)
    assert len(page.entries) == app.HISTORY_LIMIT
    assert page.following == 10_000 - app.HISTORY_LIMIT + 1
    seen = await client.seen("1", MODEL, 0, 2_000_000)
    assert len(seen.entries) == app.CAMERA_LIMIT
    assert {len(one.frames) for one in seen.entries} == {app.DETAILS_LIMIT}
    assert {len(one.kinds) for one in seen.entries} == {app.DETAILS_LIMIT}


@pytest.mark.parametrize("time", [2**62, 253_402_300_800_000, 4_102_444_800_000, 999])
async def test_what_was_seen_at_another_time(
    session: aiohttp.ClientSession, liar: Liar, time: int
) -> None:
    """Nothing is taken of a time that nobody asked for: it might be in no calendar."""
    units = [
        {"createTime": moment, "eventType": "Bell", "fileId": "file"} for moment in (time, 1_500)
    ]
    liar.answers = [{"code": 0, "data": {"thirdPartPlayUnits": units}}]
    page = await of_liar(session, liar).seen("1", MODEL, 1_000, 2_000)
    assert [seen.time for seen in page.entries] == [1_500]


def test_arguments_within_a_text() -> None:
    """JSON within JSON is read as far as it can be an event."""
    event = SPEC.events[2, 1020]
    short = json.dumps([{"piid": 3, "value": 7}])
    assert len(event.pair(short)) == 1
    assert event.pair(json.dumps([{}] * 10_000)) == {}
    assert event.pair(short + " " * 20_000) == {}


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n" + "a\n" * 500_000,
        "#EXTM3U\n" + "#EXTINF:1\na.ts\n" * 60_000,
        "#EXTM3U\n" + "#\n" * 500_000,
        "#EXTM3U\n#EXT-X-KEY:" + "A" * 1_000_000,
        "#EXTM3U\n#EXT-X-KEY:" + 'A="' * 300_000,
        "#EXTM3U\n#EXT-X-KEY:" + "A=" * 500_000,
        "#EXTM3U\n#EXT-X-KEY:" + "A-" * 500_000 + "\na.ts",
        "#EXTM3U\n#EXTINF:" + "1" * 1_000_000 + "\n",
    ],
    ids=["parts", "parts with times", "comments", "a name", "quotes", "names", "dashes", "digits"],
)
def test_playlists_that_are_made_to_be_slow(playlist: str) -> None:
    """They are read once, from one end to the other."""
    with pytest.raises(CannotConnectError):
        app_recording.parts(playlist, "https://a.example/b.m3u8")


# Push


@pytest.fixture
def push(signed: Signed) -> Push:
    """Return a connection to push that is not connected."""
    return Push(signed.tls, signed.endpoints, "cn", signed.uuid, signed.keeper)


ONLINE = b'{"event": "online"}'


async def test_long_messages(push: Push) -> None:
    """All that a lock can tell at once is read; what is longer is not."""
    heard: list[object] = []
    push.subscribe("1", heard.append)
    params = [{"siid": siid, "piid": piid, "value": "x" * 64} for siid, piid in SPEC.properties]
    push._hand_over("device/1/up/properties_changed/1", json.dumps({"params": params}).encode())
    assert len(heard) == len(SPEC.properties)
    assert all(isinstance(message, PropertyChanged) for message in heard)
    heard.clear()
    push._hand_over("device/1/state/1", ONLINE + b" " * push_module.LONGEST_MESSAGE)
    push._hand_over("device/1/up/properties_changed/1", many(b"{}", MILLIONS))
    assert heard == []


async def test_messages_before_anybody_hears_them(push: Push) -> None:
    """The last ones are kept; all else is read anyway."""
    heard: list[object] = []
    push.subscribe("1", heard.append)
    push.hold()
    for _ in range(push_module.HELD_LIMIT):
        push._hand_over("device/1/state/1", ONLINE)
    for _ in range(5):
        push._hand_over("device/1/state/1", b'{"event": "offline"}')
    push.release()
    assert len(heard) == push_module.HELD_LIMIT
    assert heard[-6:] == [OnlineChanged(online=True), *[OnlineChanged(online=False)] * 5]


async def test_messages_that_cannot_be_handled(
    push: Push, caplog: pytest.LogCaptureFixture
) -> None:
    """The first ones are logged."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    push.subscribe("1", fail)
    for _ in range(100):
        push._hand_over("device/1/state/1", ONLINE)
    loud = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(loud) == push_module.FAILURES_LOGGED


def packet(kind: int, body: bytes) -> bytes:
    """Return a packet of MQTT whose length takes two bytes."""
    return bytes((kind, len(body) % 128 | 128, len(body) // 128)) + body


def publication(number: int, size: int) -> bytes:
    """Return a message with QoS 2, whose topic is ``a``."""
    return packet(0x34, b"\0\1a" + number.to_bytes(2) + b"\0" + size * b"x")


def release(number: int) -> bytes:
    """Return what lets such a message be handled."""
    return packet(0x62, number.to_bytes(2))


@pytest.mark.parametrize(
    ("said", "handled"),
    [
        ([publication(number, 1_000) + release(number) for number in range(1, 201)], 200),
        ([publication(number, 1_000) for number in range(1, 201)], None),
        ([packet(0x34, b"")[:1] + b"\xff\xff\xff\x7f" + 200_000 * b"x"], None),
    ],
    ids=["released", "not released", "one without end"],
)
async def test_messages_that_are_never_whole(
    monkeypatch: pytest.MonkeyPatch, said: list[bytes], handled: int | None
) -> None:
    """A broker that lets none of what it sends be handled is left; that costs some bytes."""
    monkeypatch.setattr(mqtt, "MOST_UNHANDLED", 100_000)
    heard: list[object] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(bytes((0x20, 3, 0, 0, 0)))
        for part in said:
            writer.write(part)
        with suppress(ConnectionError):
            while await reader.read(1_000):
                pass
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        client = mqtt.Client(
            host,
            port,
            lambda *message: heard.append(message),
            protocol=aiomqtt.ProtocolVersion.V5,
        )
        async with client.connected():
            if handled is None:
                with pytest.raises(aiomqtt.MqttError):
                    await client.ended()
            else:
                await until(lambda: len(heard) == handled)
    assert len(heard) == (handled or 0)
