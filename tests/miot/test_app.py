"""What the Mi Home app's session tells: history, and what the camera saw."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from Crypto.Cipher import AES
from PIL import Image

from custom_components.xiaomi_smart_lock.miot.app import cipher as app_cipher
from custom_components.xiaomi_smart_lock.miot.app import client as app_module
from custom_components.xiaomi_smart_lock.miot.app import recording as app_recording
from custom_components.xiaomi_smart_lock.miot.app.client import Happened, Seen
from custom_components.xiaomi_smart_lock.miot.app.recording import Part, Segment
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    NotAllowedError,
    NotRenewedError,
    NotSignedInError,
    ResultError,
    TooManyRequestsError,
)
from simulator.app_home import USER_LIST, user_list
from simulator.camera import draw
from simulator.dialect import DIALECTS
from simulator.faults import page, status
from simulator.model import MODEL, SPEC
from tests.miot.app import of_liar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.faults import Fault, Handler

    from .app import App
    from .conftest import Liar

LOCK_EVENT = SPEC.events[2, 1020]
DOORBELL = SPEC.events[7, 1006]
FOREVER = (0, 2**31)


@pytest.fixture(autouse=True)
def _tidy(app: App) -> Iterator[None]:
    """Have the camera's frames at once, and the cloud as it was."""
    app.camera(upload_seconds=0)
    yield
    app.cloud.app.packed = app.cloud.app.bare_values = False
    app.cloud.app.expired_status = 200
    app.cloud.calm()


async def all_history(app: App, **kwargs: Any) -> tuple[Happened, ...]:
    """Return all lock events."""
    return (await app.client.history(app.did, LOCK_EVENT, *FOREVER, **kwargs)).entries


# History


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_dialects_of_the_history(app: App, dialect: str) -> None:
    """However the arguments are written, they say the same."""
    app.driver.lock.dialect = DIALECTS[dialect]
    app.driver.do("fingerprint", 2147876869)
    [happened] = await all_history(app)
    assert list(happened.arguments.values())[:4] == [2, 2, 2, 2147876869]


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("packed", [False, True])
async def test_history(app: App, bare: bool, packed: bool) -> None:
    """Both shapes of a value say the same, and both ways to send it."""
    app.cloud.app.bare_values, app.cloud.app.packed = bare, packed
    before = int(time.time())
    app.driver.do("fingerprint", 3)
    app.driver.do("ring")
    [happened] = await all_history(app)
    assert happened.event is LOCK_EVENT
    assert before <= happened.time <= time.time()
    position, method, action, operation_id, current = happened.arguments.values()
    assert (position, method, action, operation_id) == (2, 2, 2, 3)
    assert list(happened.arguments) == [item.address[1] for item in happened.event.arguments]
    assert before <= int(current) <= time.time()
    page = await app.client.history(app.did, DOORBELL, *FOREVER)
    assert [entry.event for entry in page.entries] == [DOORBELL]
    assert (page.following, page.short) == (page.entries[0].time, True)


async def test_what_is_asked_of_the_history(app: App) -> None:
    """As public clients do, under a key of the session."""
    await app.client.history(app.did, LOCK_EVENT, 100, 200, limit=7)
    path, body = app.cloud.requests[-1]
    assert path == "/app/user/get_user_device_data"
    assert body.keys() == {"data", "rc4_hash__", "signature", "ssecurity", "_nonce"}
    assert app.did not in str(body)
    assert body["ssecurity"] == app.data.ssecurity


async def test_history_page_by_page(app: App) -> None:
    """Each begins where the one before ended: what happened then may come twice, never not."""
    now = int(time.time())
    for number in range(1, 6):
        app.driver.do("fingerprint", number)
    for number, past in enumerate(app.driver.lock.history):
        app.driver.lock.history[number] = past._replace(told=now - 100 + number // 4)
    seen: dict[int, None] = {}
    end: int | None = 2**31
    pages = 0
    while end is not None:
        page = await app.client.history(app.did, LOCK_EVENT, 0, end, limit=2)
        assert len(page.entries) <= 2
        for entry in page.entries:
            _, _, _, operation_id, _ = entry.arguments.values()
            seen[int(operation_id)] = None
        end = page.following
        pages += 1
    assert list(seen) == [5, 4, 3, 2, 1]
    assert pages <= 6


async def test_a_page_within_one_second_has_an_end(app: App) -> None:
    """Asking goes on before it."""
    for number in range(1, 4):
        app.driver.do("fingerprint", number)
    moment = int(time.time())
    app.driver.lock.history[:] = [past._replace(told=moment) for past in app.driver.lock.history]
    page = await app.client.history(app.did, LOCK_EVENT, 0, moment, limit=2)
    assert page.following == moment - 1
    page = await app.client.history(app.did, LOCK_EVENT, 0, moment - 1, limit=2)
    assert (page.entries, page.following) == ((), None)


async def test_history_of_others(app: App) -> None:
    """A lock of another account says nothing."""
    with pytest.raises(ResultError) as raised:
        await app.client.history("1", LOCK_EVENT, *FOREVER)
    assert raised.value.code == -704010000


# The camera


async def test_what_the_camera_saw(app: App) -> None:
    """The newest first, each with the frame of each reason."""
    app.driver.do("stay")
    app.driver.do("ring")
    app.driver.lock.camera.sights[0].created -= 60_000
    app.driver.do("face", 1)
    page = await app.client.seen(app.did, MODEL, 0, 2**50)
    assert page.following is None
    assert [entry.kinds for entry in page.entries] == [("FaceUnlock",), ("Stay", "Bell")]
    older = page.entries[1]
    assert older.frames.keys() == {"Bell", "Stay"}
    assert older.has_recording
    assert not older.is_alarm
    assert abs(older.time / 1000 + 60 - time.time()) < 60
    first = await app.client.seen(app.did, MODEL, 0, 2**50, limit=1)
    assert first.entries == page.entries[:1]
    assert first.following == first.entries[0].time
    second = await app.client.seen(app.did, MODEL, 0, first.entries[0].time - 1, limit=1)
    assert second.entries == page.entries[1:]
    assert (await app.client.seen(app.did, MODEL, 0, older.time - 1)).entries == ()


async def test_no_secret_is_printed(app: App) -> None:
    """Neither by what was seen nor by a recording."""
    app.driver.do("ring")
    [seen] = (await app.client.seen(app.did, MODEL, 0, 2**50)).entries
    recording = await app.client.recording(app.did, MODEL, seen.file_id, is_alarm=seen.is_alarm)
    shown = repr(seen) + repr(recording)
    for secret in (seen.file_id, *seen.frames.values(), "https", "key", "iv"):
        assert secret not in shown


async def test_a_picture(app: App, tmp_path: Any) -> None:
    """It is the JPEG that was taken."""
    app.driver.do("ring")
    [seen] = (await app.client.seen(app.did, MODEL, 0, 2**50)).entries
    jpeg = await app.client.picture(app.did, seen.file_id, seen.frames["Bell"])
    assert jpeg == app.driver.lock.camera.picture(seen.file_id, seen.frames["Bell"])
    (tmp_path / "bell.jpg").write_bytes(jpeg)
    with Image.open(tmp_path / "bell.jpg") as image:
        image.load()
        assert (image.format, image.size) == ("JPEG", (480, 640))


@pytest.mark.parametrize("off", [0, 900, -900])
async def test_how_far_its_clock_is_ahead(app: App, off: int) -> None:
    """Each answer tells, in whole seconds: what they do not show is not off."""
    simulation, clock = app.driver.simulation, app.driver.simulator.clock
    simulation.call(clock.advance, off)
    try:
        await app.client.dids()
    finally:
        simulation.call(clock.advance, -off)
    assert app.client.ahead == pytest.approx(off, abs=3 if off else 0)


async def test_a_picture_that_is_not_there_yet(app: App) -> None:
    """The service says so, and later has it."""
    app.camera(upload_seconds=3600)
    app.driver.do("ring")
    [seen] = (await app.client.seen(app.did, MODEL, 0, 2**50)).entries
    frame = seen.frames["Bell"]
    with pytest.raises(ResultError):
        await app.client.picture(app.did, seen.file_id, frame)
    sight = app.driver.lock.camera.sights[0]
    sight.frames["Bell"] = replace(sight.frames["Bell"], ready=0)
    assert (await app.client.picture(app.did, seen.file_id, frame)).startswith(b"\xff\xd8\xff")
    assert app.renewed == []


async def test_each_picture_has_an_iv_of_its_own(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 16 random bytes."""
    payloads: list[Any] = []
    seal = app_cipher.seal

    def noted(method: str, path: str, payload: Any, ssecurity: str) -> app_cipher.Sealed:
        payloads.append(payload)
        return seal(method, path, payload, ssecurity)

    monkeypatch.setattr(app_cipher, "seal", noted)
    app.driver.do("ring")
    sight = app.driver.lock.camera.sights[0]
    for _ in range(2):
        await app.client.picture(app.did, sight.file_id, sight.frames["Bell"].store_id)
    first, second = (base64.b64decode(payload["segmentIv"]) for payload in payloads)
    assert len(first) == len(second) == 16
    assert first != second


def answering(body: bytes) -> Fault:
    """Return a fault: these bytes."""

    async def fault(_request: web.Request, _handler: Handler) -> web.StreamResponse:
        return web.Response(body=body)

    return fault


def spoiling(change: Callable[[bytes], bytes]) -> Fault:
    """Return a fault: the same bytes, changed."""

    async def fault(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        assert isinstance(response, web.Response)
        assert isinstance(response.body, bytes)
        return web.Response(body=change(response.body))

    return fault


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _body: b"", id="nothing"),
        pytest.param(lambda body: body[:-32], id="truncated by blocks"),
        pytest.param(lambda body: body[:-7], id="truncated within a block"),
        pytest.param(lambda body: body[: len(body) // 32 * 16], id="truncated by half"),
        pytest.param(lambda body: bytes(len(body)), id="wrong key"),
        pytest.param(lambda body: body[::-1], id="another picture"),
        pytest.param(lambda _body: b'{"code": 0}', id="an answer that says nothing"),
        pytest.param(lambda _body: b"<html>" + bytes(10), id="a page"),
    ],
)
async def test_pictures_that_are_none(app: App, change: Any) -> None:
    """They are not shown, and do not end the session."""
    app.driver.do("ring")
    sight = app.driver.lock.camera.sights[0]
    app.cloud.disturb_next(spoiling(change), "/img")
    with pytest.raises(CannotConnectError):
        await app.client.picture(app.did, sight.file_id, sight.frames["Bell"].store_id)
    assert app.renewed == []


async def test_pictures_that_are_too_large(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not read to their end."""
    monkeypatch.setattr(app_module, "PICTURE_LIMIT", 1000)
    app.driver.do("ring")
    sight = app.driver.lock.camera.sights[0]
    with pytest.raises(CannotConnectError, match="longer than 1000 bytes"):
        await app.client.picture(app.did, sight.file_id, sight.frames["Bell"].store_id)


@pytest.mark.parametrize("filling", ["pkcs7", "zeros", "none"])
def test_how_a_picture_is_filled_up(filling: str) -> None:
    """Nobody saw it: all usual ways are understood, and no more is taken for filling."""
    jpeg = draw("12:00", "Bell")
    left = -len(jpeg) % 16
    if filling == "none":
        jpeg = jpeg[:-2] + bytes(left) + jpeg[-2:]
        plain = jpeg
    else:
        plain = jpeg + (bytes([left]) * left if filling == "pkcs7" else bytes(left))
    key, iv = bytes(range(16)), bytes(16)
    body = AES.new(key, AES.MODE_CBC, iv).encrypt(plain)
    ssecurity = base64.b64encode(key).decode()
    assert app_cipher.picture(body, ssecurity, iv) == jpeg
    for rubbish in (bytes(32), bytes(24) + b"\xff\xd9" + bytes(6)):
        more = AES.new(key, AES.MODE_CBC, iv).encrypt(plain + rubbish)
        assert app_cipher.picture(more, ssecurity, iv) is None


def test_a_picture_with_a_smaller_one_in_it() -> None:
    """The end of a thumbnail is not the end of the picture, which is refused if it is cut."""
    jpeg = draw("12:00", "Bell")
    thumbnail = b"Exif\0\0" + jpeg[:200] + b"\xff\xd9"
    segment = b"\xff\xff\xe1" + (len(thumbnail) + 2).to_bytes(2) + thumbnail
    both = jpeg[:2] + segment + jpeg[2:]
    key, iv = bytes(range(16)), bytes(16)
    ssecurity = base64.b64encode(key).decode()

    def shown(plain: bytes) -> bytes | None:
        filled = plain + bytes(-len(plain) % 16)
        return app_cipher.picture(AES.new(key, AES.MODE_CBC, iv).encrypt(filled), ssecurity, iv)

    assert shown(both) == both
    for length in (4, len(segment), len(segment) + 2, len(both) // 2, len(both) - 2):
        assert shown(both[:length]) is None


# Recordings


@pytest.mark.parametrize("container", ["mp4", "ts"])
async def test_a_recording(app: App, container: str) -> None:
    """Its segments are decrypted one by one."""
    app.driver.lock.camera.container = container
    app.driver.do("ring")
    [sight] = app.driver.lock.camera.sights
    recording = await app.client.recording(app.did, MODEL, sight.file_id, is_alarm=False)
    assert sum(segment.duration for segment in recording.segments) == 6
    assert app.paths() == ["m3u8", "m3u8", "key"]
    parts = [await app.client.segment(segment) for segment in recording.segments]
    assert app.paths() == [f"file.{container}"] * 3
    assert parts == app.driver.lock.camera.recording(sight, "H265")
    expected = [False, True, True] if container == "mp4" else [False] * 3
    assert [segment.discontinuity for segment in recording.segments] == expected
    assert [segment.number for segment in recording.segments] == [0, 1, 2]


@pytest.mark.parametrize(
    ("codecs", "first", "later"),
    [
        (("H265", "H264"), ["H264"], ["H264"]),
        (("H265",), ["H264", "H265"], ["H265"]),
    ],
)
async def test_codecs(
    app: App, codecs: tuple[str, ...], first: list[str], later: list[str]
) -> None:
    """H.264 is asked for; a lock that does not give it is asked for H.265 from then on."""
    app.driver.lock.camera.codecs = codecs
    app.driver.do("ring")
    [sight] = app.driver.lock.camera.sights
    for expected in (first, later, later):
        recording = await app.client.recording(app.did, MODEL, sight.file_id, is_alarm=False)
        assert app.paths() == ["m3u8"] * len(expected) + ["key"]
        part = await app.client.segment(recording.segments[0])
        assert part == app.driver.lock.camera.recording(sight, expected[-1])[0]
        app.paths()


async def test_a_codec_that_is_given_no_longer(app: App) -> None:
    """What a lock gave before is asked for first, and the other one where that fails."""
    app.driver.do("ring")
    [sight] = app.driver.lock.camera.sights
    for codecs in (("H265",), ("H264",), ("H265",)):
        app.driver.lock.camera.codecs = codecs
        await app.client.recording(app.did, MODEL, sight.file_id, is_alarm=False)
        assert app.paths() == ["m3u8", "m3u8", "key"]


async def test_a_service_that_wants_to_be_left_alone_is_not_asked_for_another_codec(
    app: App,
) -> None:
    """It is not that it refuses the codec."""
    app.driver.do("ring")
    [sight] = app.driver.lock.camera.sights
    app.cloud.disturb_next(status(429), "m3u8")
    with pytest.raises(TooManyRequestsError):
        await app.client.recording(app.did, MODEL, sight.file_id, is_alarm=False)
    assert app.paths() == ["m3u8"]


async def test_recordings_that_are_not_there(app: App) -> None:
    """The service says so."""
    with pytest.raises(ResultError):
        await app.client.recording(app.did, MODEL, "1", is_alarm=False)


async def test_segments_that_cannot_be_had(app: App) -> None:
    """A wrong key, a missing end, an address that is too old."""
    app.driver.do("ring")
    file_id = app.driver.lock.camera.sights[0].file_id
    recording = await app.client.recording(app.did, MODEL, file_id, is_alarm=False)
    segment = recording.segments[0]
    with pytest.raises(CannotConnectError, match="cannot be decrypted"):
        await app.client.segment(replace(segment, key=bytes(16)))
    app.cloud.disturb_next(answering(bytes(15)), "/file.mp4")
    with pytest.raises(CannotConnectError, match="cannot be decrypted"):
        await app.client.segment(segment)
    app.cloud.disturb_next(status(401), "/file.mp4")
    with pytest.raises(CannotConnectError, match="not valid anymore"):
        await app.client.segment(segment)
    app.cloud.disturb_next(status(302, Location="/elsewhere"), "/file.mp4")
    with pytest.raises(CannotConnectError, match="302"):
        await app.client.segment(segment)
    assert app.renewed == []


async def test_segments_that_are_not_encrypted(app: App) -> None:
    """They are as they are."""
    app.driver.do("ring")
    file_id = app.driver.lock.camera.sights[0].file_id
    recording = await app.client.recording(app.did, MODEL, file_id, is_alarm=False)
    segment = recording.segments[0]
    clear = await app.client.segment(segment)
    body = await app.client.segment(replace(segment, key=None))
    assert app_cipher.segment(body, segment.key or b"", segment.iv) == clear


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example.com/0.ts",
        "https://192.168.1.1/0.ts",
        "https://[::1]/0.ts",
        "https://0x7f.1/0.ts",
        "https://localhost/0.ts",
        "https://router.local/0.ts",
        "https://router.lan./0.ts",
        "https://me@cdn.example.com/0.ts",
        "https://cdn.example.com:8123/0.ts",
        "file:///etc/passwd",
        "https://[/",
    ],
)
async def test_recordings_lead_nowhere_else(app: App, url: str) -> None:
    """Neither into our network nor to other ports."""
    with pytest.raises(CannotConnectError, match="address"):
        await app.client.segment(Segment(1, url, None, bytes(16)))


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U",
        '#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI="https://a.b/k"\n0.ts',
        "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128\n0.ts",
        "#EXTM3U\nhttps://[/0.ts",
        "#EXTM3U\n" + "0.ts\n" * 501,
        "#EXTM3U\n" + "".join(f'#EXT-X-KEY:METHOD=AES-128,URI="{n}"\n{n}.ts\n' for n in range(51)),
    ],
)
async def test_playlists_that_make_no_sense(app: App, playlist: str) -> None:
    """Nothing is fetched of them."""
    app.cloud.disturb_next(answering(playlist.encode()), "m3u8", 2)
    with pytest.raises(CannotConnectError):
        await app.client.recording(app.did, MODEL, "1", is_alarm=False)
    assert set(app.paths()) == {"m3u8"}


def test_playlists() -> None:
    """As RFC 8216 has them: without an initialisation vector, a part's number is it."""
    text = """#EXTM3U
#EXT-X-MEDIA-SEQUENCE:7
#EXTINF:2.5,
a.ts
#EXT-X-KEY:METHOD=AES-128,URI="/key?a=1,2"
#EXTINF:3,
https://b.example.com/b.ts
#EXT-X-DISCONTINUITY
c.ts
#EXT-X-KEY:METHOD=AES-128,URI="d",IV=0x000102030405060708090A0B0C0D0E0F
#EXTINF:9999999,
d.ts
"""
    key = "https://a.example.com/key?a=1,2"
    assert app_recording.parts(text, "https://a.example.com/x/list") == [
        Part(2.5, "https://a.example.com/x/a.ts", None, (7).to_bytes(16), 7),
        Part(3.0, "https://b.example.com/b.ts", key, (8).to_bytes(16), 8),
        Part(0.0, "https://a.example.com/x/c.ts", key, (9).to_bytes(16), 9, discontinuity=True),
        Part(
            3600.0,
            "https://a.example.com/x/d.ts",
            "https://a.example.com/x/d",
            bytes(range(16)),
            10,
        ),
    ]


@pytest.mark.parametrize("last", [bytes(16), b"\x11" * 32, b"\2" * 15 + b"\3"])
def test_segments_that_are_filled_up_wrongly(last: bytes) -> None:
    """The key was another."""
    key, iv = bytes(16), bytes(16)
    body = AES.new(key, AES.MODE_CBC, iv).encrypt(last)
    with pytest.raises(CannotConnectError, match="cannot be decrypted"):
        app_cipher.segment(body, key, iv)


async def test_keys_of_another_length(app: App) -> None:
    """They are none."""
    app.driver.do("ring")
    file_id = app.driver.lock.camera.sights[0].file_id
    for body in (b"", bytes(15), bytes(17)):
        app.cloud.disturb_next(answering(body), "/key")
        with pytest.raises(CannotConnectError):
            await app.client.recording(app.did, MODEL, file_id, is_alarm=False)


# Sessions that end


async def test_the_session_renews_itself(app: App) -> None:
    """Once for all who ask at the time, and tells."""
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    await asyncio.gather(*(all_history(app) for _ in range(3)))
    [renewed] = app.renewed
    assert renewed.user_id == app.data.user_id
    assert app.paths().count("serviceLogin") == 1
    await all_history(app)
    assert len(app.renewed) == 1


async def test_pictures_renew_the_session_too(app: App) -> None:
    """They are under the key of the new one."""
    app.driver.do("ring")
    sight = app.driver.lock.camera.sights[0]
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    await app.client.picture(app.did, sight.file_id, sight.frames["Bell"].store_id)
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    await app.client.recording(app.did, MODEL, sight.file_id, is_alarm=False)
    assert len(app.renewed) == 2


async def test_sessions_that_cannot_be_renewed(app: App) -> None:
    """The user has to sign in again."""
    app.driver.simulation.call(app.cloud.app_accounts.revoke, app.driver.account)
    with pytest.raises(NotSignedInError):
        await all_history(app)
    assert app.paths() == ["get_user_device_data", "serviceLogin"]


@pytest.mark.parametrize(
    "said",
    [
        {"code": 2, "message": "x"},
        {"code": 3},
        {"code": 0, "message": "auth err"},
        {"code": -1, "message": "invalid signature"},
        {"message": "SERVICETOKEN_EXPIRED"},
    ],
)
async def test_all_ways_to_say_that_a_session_ended(app: App, said: dict[str, Any]) -> None:
    """Each is answered by renewing once; the second time the user has to sign in again."""
    body = json.dumps(said).encode()
    app.cloud.disturb_next(answering(body), "get_user_device_data")
    await all_history(app)
    assert len(app.renewed) == 1
    app.cloud.disturb_next(answering(body), "get_user_device_data", times=2)
    with pytest.raises(NotSignedInError):
        await all_history(app)
    assert len(app.renewed) == 2


async def test_http_401_ends_a_session_too(app: App) -> None:
    """As elsewhere."""
    app.cloud.refuse_next(401, "get_user_device_data")
    await all_history(app)
    assert len(app.renewed) == 1


@pytest.mark.parametrize("http_status", [200, 400, 401, 403, 426])
async def test_the_status_of_a_session_that_ended(app: App, http_status: int) -> None:
    """Whatever it is, the body says so."""
    app.cloud.app.expired_status = http_status
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    await all_history(app)
    assert len(app.renewed) == 1
    assert app.paths() == [
        *("get_user_device_data", "serviceLogin", "sts"),
        "get_user_device_data",
    ]


@pytest.mark.parametrize(
    "body", [b"SERVICETOKEN_EXPIRED", b"<html>servicetoken_expired", b'{"code": 3}']
)
async def test_refusals_that_say_that_a_session_ended(app: App, body: bytes) -> None:
    """In the clear, in whatever shape."""

    async def fault(_request: web.Request, _handler: Handler) -> web.StreamResponse:
        return web.Response(body=body, status=426)

    app.cloud.disturb_next(fault, "get_user_device_data")
    await all_history(app)
    assert len(app.renewed) == 1


@pytest.mark.parametrize("http_status", [400, 403, 404, 426])
async def test_refusals_that_say_nothing(app: App, http_status: int) -> None:
    """They end no session."""
    app.cloud.refuse_next(http_status, "get_user_device_data")
    with pytest.raises(CannotConnectError, match=f"HTTP {http_status}"):
        await all_history(app)
    assert app.renewed == []


async def test_renewals_that_fail_are_shared(app: App) -> None:
    """Who waits for a renewal does not try the same thing once more."""
    arrived: list[bool] = []

    async def together(_request: web.Request, handler: Handler) -> web.StreamResponse:
        arrived.append(True)
        while len(arrived) < 3:
            await asyncio.sleep(0.005)
        return web.json_response({"code": 3, "message": "auth err"})

    async def when_all_wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        waiting = app.client._renewing._waiters
        while len(waiting or ()) < 2:
            await asyncio.sleep(0.005)
            waiting = app.client._renewing._waiters
        return await page(request, handler)

    app.cloud.disturb_next(together, "get_user_device_data", times=3)
    app.cloud.disturb_next(when_all_wait, "serviceLogin")
    answers = await asyncio.gather(*(all_history(app) for _ in range(3)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {NotRenewedError}
    assert app.paths().count("serviceLogin") == 1
    await all_history(app)
    assert app.renewed == []


# The camera's hosts, which may refuse an account alone


async def saw_and(app: App, what: str) -> object:
    """Ask one of the camera's hosts for what was seen when somebody rang."""
    app.driver.do("ring")
    sight = app.driver.lock.camera.sights[0]
    match what:
        case "eventlist":
            return await app.client.seen(app.did, MODEL, 0, 2**50)
        case "img":
            return await app.client.picture(app.did, sight.file_id, sight.frames["Bell"].store_id)
    return await app.client.recording(app.did, MODEL, sight.file_id, is_alarm=False)


def refusing(http_status: int, body: bytes) -> Fault:
    """Return a fault: a refusal that says something."""

    async def fault(_request: web.Request, _handler: Handler) -> web.StreamResponse:
        return web.Response(body=body, status=http_status)

    return fault


REFUSALS = [
    (401, b""),
    (403, b""),
    (401, b'{"code":3,"message":"auth err"}'),
    (403, b"SERVICETOKEN_EXPIRED"),
    (200, b'{"code":3,"message":"auth err"}'),
]


@pytest.mark.parametrize("what", ["eventlist", "img", "m3u8"])
@pytest.mark.parametrize(("http_status", "body"), REFUSALS)
async def test_cameras_that_are_for_others(
    app: App, what: str, http_status: int, body: bytes
) -> None:
    """The session works elsewhere, so it is neither renewed nor ended."""
    app.cloud.disturb_next(refusing(http_status, body), what, times=9)
    with pytest.raises(NotAllowedError):
        await saw_and(app, what)
    assert app.paths() == [what, "device_list"]
    await all_history(app)
    assert app.renewed == []


@pytest.mark.parametrize("http_status", [200, 401, 403, 426])
@pytest.mark.parametrize("what", ["eventlist", "img"])
async def test_cameras_notice_that_a_session_ended(app: App, what: str, http_status: int) -> None:
    """It is renewed, and they are asked again."""
    app.cloud.app.expired_status = http_status
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    await saw_and(app, what)
    assert app.paths() == [
        *(what, "device_list"),
        *("serviceLogin", "sts"),
        *("device_list", what),
    ]


async def test_cameras_that_are_for_others_after_a_renewal(app: App) -> None:
    """The new session is not refused for its age."""
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    app.cloud.refuse_next(403, "eventlist", times=2)
    with pytest.raises(NotAllowedError):
        await saw_and(app, "eventlist")
    assert len(app.renewed) == 1


async def test_a_service_that_is_down_ends_no_session(app: App) -> None:
    """Neither at the request nor at renewing."""
    app.cloud.refuse_next(502, "get_user_device_data")
    with pytest.raises(CannotConnectError):
        await all_history(app)
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    app.cloud.refuse_next(502, "serviceLogin")
    with pytest.raises(CannotConnectError):
        await all_history(app)
    await all_history(app)


# Names that the app keeps


async def test_names_of_users(app: App) -> None:
    """Of each user that has one, and asked for in one request; of credentials none is taken."""
    app.driver.lock.kept_by_app[USER_LIST] = user_list({0: "妈妈", 3: " 李明 ", 7: ""})
    assert await app.client.user_names(app.did) == {0: "妈妈", 3: "李明"}
    assert app.paths() == ["batchgetdatas"]


@pytest.mark.parametrize(("http_status", "body"), REFUSALS)
async def test_names_that_are_for_others(app: App, http_status: int, body: bytes) -> None:
    """There are none then, and the session goes on."""
    app.driver.lock.kept_by_app[USER_LIST] = user_list({3: "李明"})
    app.cloud.disturb_next(refusing(http_status, body), "batchgetdatas", times=9)
    assert await app.client.user_names(app.did) == {}
    assert app.renewed == []
    await all_history(app)


async def test_names_after_a_renewal(app: App) -> None:
    """A session that has expired is renewed, as for anything else."""
    app.driver.lock.kept_by_app[USER_LIST] = user_list({3: "李明"})
    app.driver.simulation.call(app.cloud.app_accounts.expire_service_tokens)
    assert await app.client.user_names(app.did) == {3: "李明"}
    assert len(app.renewed) == 1


@pytest.mark.parametrize("code", [-8, -704010000, 5])
async def test_names_with_a_code(session: aiohttp.ClientSession, liar: Liar, code: int) -> None:
    """An error of the service is one of ours."""
    liar.answers = [{"code": code, "message": "no", "result": None}]
    with pytest.raises(ResultError):
        await of_liar(session, liar).user_names("1")


NO_LISTS: list[object] = [
    None,
    *("", "[", "[" * 9999, "null", "7", "{}", '["李明"]', '[{"uid":3}]'),
    *({}, 5, [[]]),
]


@pytest.mark.parametrize(
    "result",
    [
        *(None, [], "", 5, {}, {"1": None}, {"1": []}, {"1": {}}),
        {"2": {USER_LIST: user_list({3: "李明"})}},
        *({"1": {USER_LIST: kept}} for kept in NO_LISTS),
    ],
)
async def test_names_of_another_shape(
    session: aiohttp.ClientSession, liar: Liar, result: object
) -> None:
    """They are none, and nothing fails."""
    liar.answers = [{"code": 0, "result": result}]
    assert await of_liar(session, liar).user_names("1") == {}
    assert liar.answers == []


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"uid": 3, "uName": "李明"}, {3: "李明"}),
        ({"uid": "3", "uName": "李　明"}, {3: "李 明"}),
        ({"uid": 3.0, "uName": "👨\u200d👩"}, {3: "👨\u200d👩"}),
        ({"uid": 3, "uName": "x" * 50}, {3: "x" * 50}),
        ({"uid": 3, "uName": "x" * 51}, {}),
        ({"uid": 3, "uName": "x" * 9999}, {}),
        ({"uid": 3, "uName": "Li\x07"}, {}),
        ({"uid": 3, "uName": "Li\u202eMing"}, {}),
        ({"uid": 3, "uName": "Li\ud800"}, {}),
        ({"uid": 3, "uName": "  "}, {}),
        ({"uid": 3, "uName": 7}, {}),
        ({"uid": 3, "uName": ["李明"]}, {}),
        ({"uid": 3.5, "uName": "李明"}, {}),
        ({"uid": True, "uName": "李明"}, {}),
        ({"uid": None, "uName": "李明"}, {}),
        ({"uName": "李明"}, {}),
    ],
)
@pytest.mark.parametrize("is_text", [True, False])
async def test_names_that_are_shown(
    session: aiohttp.ClientSession,
    liar: Liar,
    is_text: bool,
    user: object,
    expected: dict[int, str],
) -> None:
    """Short ones of characters that are shown, of users with a number."""
    kept: list[object] = [user, 5, {"uid": 4, "uName": "妈妈"}]
    said = json.dumps(kept) if is_text else kept
    liar.answers = [{"code": 0, "result": {"1": {USER_LIST: said}}}]
    assert await of_liar(session, liar).user_names("1") == {**expected, 4: "妈妈"}


# Answers that make no sense


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"code": None},
        {"code": True, "result": []},
        {"code": 0, "result": {}, "data": []},
        {"code": 0, "result": 5, "data": {"thirdPartPlayUnits": {}}},
        [],
        b"AAAA",
        b"?",
        b"A",
        b"{",
        302,
    ],
)
@pytest.mark.parametrize("what", ["history", "seen"])
async def test_answers_that_make_no_sense(
    session: aiohttp.ClientSession, liar: Liar, what: str, answer: object
) -> None:
    """They are an error of ours."""
    client = of_liar(session, liar)
    match answer:
        case bytes(body):
            liar.answers = [web.Response(body=body)]
        case int(code):
            liar.answers = [web.Response(status=code, headers={"Location": "/"})]
        case said:
            liar.answers = [said]
    asked = (
        client.history("1", LOCK_EVENT, 0, 9)
        if what == "history"
        else client.seen("1", MODEL, 0, 9)
    )
    with pytest.raises(CannotConnectError):
        await asked
    assert liar.answers == []


@pytest.mark.parametrize(
    ("item", "arguments"),
    [
        ({"time": 5, "value": "[2,2,2,7,5]"}, [2, 2, 2, 7, 5]),
        ({"time": 5, "value": '[{"piid":2,"value":2}]'}, [2]),
        ({"time": 5, "value": "[2,2,99,2147876869,5]"}, [2, 2, 99, 2147876869, 5]),
        ({"time": 5, "value": '["2",2.0,2,"seven","5"]'}, [2, 2, 2, 5]),
        ({"time": 5, "value": "[2,2,2]"}, [2, 2, 2]),
        ({"time": 5, "value": "[2,2,2,7,5,9]"}, [2, 2, 2, 7, 5]),
        ({"time": 5, "value": '{"1":2,"3":2}'}, [2, 2]),
        ({"time": 5, "value": "{}"}, []),
        ({"time": 5, "value": None}, []),
        ({"time": 5}, []),
        ({"time": 5, "value": "["}, []),
        ({"time": 5, "value": "[" * 9999}, []),
        ({"time": 5, "value": [2, 2, 2, 7, 5]}, [2, 2, 2, 7, 5]),
        ({"time": "5", "value": "[2,2,2,7,5]"}, [2, 2, 2, 7, 5]),
        ({"time": 5.0, "value": "[2,2,2,7,5]"}, [2, 2, 2, 7, 5]),
        ({"time": "noon", "value": "[2,2,2,7,5]"}, None),
        ({"time": -5, "value": "[2,2,2,7,5]"}, None),
        ({"time": True, "value": "[2,2,2,7,5]"}, None),
        ({"value": "[2,2,2,7,5]"}, None),
        (5, None),
    ],
)
async def test_values_of_the_history(
    session: aiohttp.ClientSession, liar: Liar, item: object, arguments: list[int] | None
) -> None:
    """As much is taken as is understood; only what does not say when it was is none."""
    liar.answers = [{"code": 0, "result": [item]}]
    page = await of_liar(session, liar).history("1", LOCK_EVENT, *FOREVER)
    expected = [] if arguments is None else [arguments]
    assert [list(entry.arguments.values()) for entry in page.entries] == expected


SEEN = {
    "createTime": 5,
    "eventType": "Bell:Stay",
    "fileId": "f",
    "videoStoreId": "v",
    "isAlarm": True,
    "eventTypeDetail": [{"event": "Bell", "imgStoreId": "i"}],
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, Seen(5, ("Bell", "Stay"), "f", {"Bell": "i"}, True, True)),
        ({"fileId": 7}, Seen(5, ("Bell", "Stay"), "7", {"Bell": "i"}, True, True)),
        ({"videoStoreId": ""}, Seen(5, ("Bell", "Stay"), "f", {"Bell": "i"}, False, True)),
        ({"isAlarm": 1}, Seen(5, ("Bell", "Stay"), "f", {"Bell": "i"}, True, False)),
        ({"eventType": ""}, Seen(5, (), "f", {"Bell": "i"}, True, True)),
        ({"eventTypeDetail": None}, Seen(5, ("Bell", "Stay"), "f", {}, True, True)),
        (
            {"eventTypeDetail": [5, {"event": 5}, {"event": "Bell"}]},
            Seen(5, ("Bell", "Stay"), "f", {}, True, True),
        ),
        ({"createTime": "5"}, Seen(5, ("Bell", "Stay"), "f", {"Bell": "i"}, True, True)),
        ({"createTime": "soon"}, None),
        ({"createTime": True}, None),
        ({"createTime": -5}, None),
        ({"eventType": None}, None),
        ({"fileId": None}, None),
        ({"fileId": True}, None),
    ],
)
async def test_items_of_the_camera(
    session: aiohttp.ClientSession,
    liar: Liar,
    change: dict[str, object],
    expected: Seen | None,
) -> None:
    """What makes no sense is left out."""
    liar.answers = [{"code": 0, "data": {"thirdPartPlayUnits": [{**SEEN, **change}, 5]}}]
    page = await of_liar(session, liar).seen("1", MODEL, *FOREVER)
    assert page.entries == ((expected,) if expected else ())


CUT = {**SEEN, "createTime": 70}


@pytest.mark.parametrize(
    ("data", "following"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"thirdPartPlayUnits": None}, None, id="null"),
        pytest.param({"thirdPartPlayUnits": [CUT]}, None, id="short"),
        pytest.param({"thirdPartPlayUnits": [CUT] * 7}, 70, id="as much as was asked for"),
        pytest.param({"thirdPartPlayUnits": [CUT] * 7, "isContinue": False}, None, id="the end"),
        pytest.param(
            {"thirdPartPlayUnits": [CUT], "isContinue": True, "nextTime": 60}, 60, id="goes on"
        ),
        pytest.param({"isContinue": True, "nextTime": 60}, 60, id="goes on after nothing"),
        pytest.param(
            {"thirdPartPlayUnits": None, "isContinue": True, "nextTime": 60}, 60, id="after null"
        ),
        pytest.param({"thirdPartPlayUnits": [CUT], "isContinue": True}, 70, id="nowhere said"),
        pytest.param(
            {"thirdPartPlayUnits": [CUT], "isContinue": True, "nextTime": 99}, 70, id="not before"
        ),
        pytest.param({"isContinue": True, "nextTime": 99}, None, id="the same again"),
        pytest.param({"isContinue": True, "nextTime": 49}, None, id="before what was asked for"),
        pytest.param({"isContinue": True, "nextTime": "60"}, 60, id="a text"),
        pytest.param({"isContinue": True, "nextTime": "soon"}, None, id="no time"),
    ],
)
async def test_where_the_camera_s_list_goes_on(
    session: aiohttp.ClientSession, liar: Liar, data: dict[str, Any], following: int | None
) -> None:
    """It says so itself, ever earlier; where it does not, a full page does."""
    liar.answers = [{"code": 0, "data": data}]
    page = await of_liar(session, liar).seen("1", MODEL, 50, 99, limit=7)
    assert page.following == following


@pytest.mark.parametrize("nothing", [{}, {"result": None, "data": None}])
async def test_null_is_nothing(
    session: aiohttp.ClientSession, liar: Liar, nothing: dict[str, object]
) -> None:
    """Nothing happened, nothing was seen, and there is no device."""
    liar.answers = [{"code": 0, **nothing} for _ in range(3)]
    client = of_liar(session, liar)
    assert (await client.history("1", LOCK_EVENT, 0, 9)).following is None
    assert (await client.seen("1", MODEL, 0, 9)).entries == ()
    assert await client.dids() == set()


async def test_pages_that_say_nothing_of_time(session: aiohttp.ClientSession, liar: Liar) -> None:
    """There is nothing to go on from."""
    liar.answers = [{"code": 0, "result": [{"time": None}, 5]}]
    page = await of_liar(session, liar).history("1", LOCK_EVENT, 0, 9, limit=2)
    assert (page.entries, page.following) == ((), None)


def test_answers_that_are_packed_badly() -> None:
    """They are errors of ours, and no bomb goes off."""
    from micloud import miutils  # noqa: PLC0415

    key = miutils.signed_nonce(base64.b64encode(bytes(16)).decode(), miutils.gen_nonce())

    def sealed(plain: bytes) -> bytes:
        # RC4 undoes itself.
        return base64.b64encode(miutils.decrypt_rc4(key, base64.b64encode(plain)))

    good = gzip.compress(b'{"code": 0}')
    assert app_cipher.unseal(sealed(good), key) == {"code": 0}
    bomb = gzip.compress(b" " * (app_cipher.LONGEST_ANSWER + 1))
    for bad in (good[:-9], b"\x1f\x8b" + bytes(20), bomb):
        with pytest.raises(CannotConnectError):
            app_cipher.unseal(sealed(bad), key)


def test_nothing_slow_is_imported() -> None:
    """Until it is needed, in a worker thread."""
    code = (
        "import sys, custom_components.xiaomi_smart_lock.miot.app as _;"
        "sys.exit(bool({'micloud', 'Crypto'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


async def test_ciphers_work_elsewhere(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never in the event loop's thread."""
    threads: set[int] = set()
    for name in ("seal", "unseal", "picture", "segment"):
        work = getattr(app_cipher, name)

        def noted(*args: Any, work: Any = work) -> Any:
            threads.add(threading.get_ident())
            return work(*args)

        monkeypatch.setattr(app_cipher, name, noted)
    app.driver.do("ring")
    [seen] = (await app.client.seen(app.did, MODEL, 0, 2**50)).entries
    await app.client.picture(app.did, seen.file_id, seen.frames["Bell"])
    recording = await app.client.recording(app.did, MODEL, seen.file_id, is_alarm=False)
    await app.client.segment(recording.segments[0])
    assert threads
    assert threading.get_ident() not in threads
