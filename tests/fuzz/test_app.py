"""What the Mi Home app's services answer: JSON, playlists, and bytes in the place of pictures."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.media import remuxing
from custom_components.xiaomi_smart_lock.miot.app import cipher as app_cipher
from custom_components.xiaomi_smart_lock.miot.app import recording as app_recording
from custom_components.xiaomi_smart_lock.miot.app.client import NAME_LIMIT, AppClient
from custom_components.xiaomi_smart_lock.miot.app.login import AppLogin, SessionData
from custom_components.xiaomi_smart_lock.miot.app.url import account_url, media_url
from custom_components.xiaomi_smart_lock.miot.endpoints import Endpoints
from custom_components.xiaomi_smart_lock.miot.errors import MiotError
from custom_components.xiaomi_smart_lock.miot.values import LONGEST_SECRET, LONGEST_TEXT
from simulator import recording
from simulator.app_home import USER_LIST
from simulator.model import MODEL, SPEC

from .strategies import HUGE, damaged, json_values, reported, scalars, spoilt

if TYPE_CHECKING:
    from collections.abc import Callable

    from .server import Server

DID = "700000001"
KEY = base64.b64encode(bytes(16)).decode()
DATA = SessionData("1", "two", "three", KEY, "five", "six")
ROW = {"time": 1790000000, "key": "2.1020", "type": "event", "value": "[2,2,2,3,1790000000]"}
HISTORY = {"code": 0, "message": "ok", "result": [ROW, ROW]}
UNIT = {
    "createTime": 1790000000000,
    "eventType": "Bell:Stay",
    "fileId": "1",
    "videoStoreId": "v",
    "isAlarm": False,
    "eventTypeDetail": [{"event": "Bell", "imgStoreId": "i"}],
}
SEEN = {"code": 0, "data": {"thirdPartPlayUnits": [UNIT, UNIT]}}
USERS = [{"uid": 3, "uName": "李明", "password": [{"pid": 1, "pName": "指纹 1"}]}]
KEPT = {"code": 0, "message": "ok", "result": {DID: {USER_LIST: USERS}}}
BEGUN = {
    "code": 0,
    "location": "https://a.mi.com/?a=b",
    "loginUrl": "https://a.mi.com/",
    "lp": "https://a.mi.com/",
    "timeout": 300,
}


def client(server: Server) -> AppClient:
    """Return a client that is signed in."""
    return AppClient(server.session, server.tls, endpoints(server), "cn", DATA, lambda _data: None)


def endpoints(server: Server) -> Endpoints:
    """Return the server's address for all that the app talks to."""
    url = server.endpoints.api
    return Endpoints(account=url, app_api=url, camera=url, pictures=url)


def outcome[Result](work: Callable[[], Result]) -> Result | None:
    """Return the result of something, None where it failed as it may."""
    try:
        return work()
    except MiotError:
        return None


@given(answer=st.one_of(damaged(HISTORY), json_values))
@example({"code": 0, "result": [{**ROW, "time": HUGE}]})
def test_history(server: Server, answer: object) -> None:
    """Whatever is answered, arguments are valid and times are numbers."""
    server.answer_json(answer)
    page = outcome(
        lambda: server.run(client(server).history(DID, SPEC.events[2, 1020], 0, 9, limit=2))
    )
    for entry in page.entries if page else ():
        assert entry.time >= 0
        for argument in entry.event.arguments:
            if argument.address[1] in entry.arguments:
                argument.reported(entry.arguments[argument.address[1]])
    assert page is None or page.following is None or type(page.following) is int


@given(happened=reported())
def test_values(server: Server, happened: tuple[Any, Any]) -> None:
    """Of all events, in all shapes."""
    event, raw = happened
    value = json.dumps(raw)
    server.answer_json({"code": 0, "result": [{"time": 5, "value": value}]})
    page = outcome(lambda: server.run(client(server).history(DID, event, 0, 9)))
    for entry in page.entries if page else ():
        assert entry.event is SPEC.events[event.address]
        for argument in event.arguments:
            if argument.address[1] in entry.arguments:
                argument.reported(entry.arguments[argument.address[1]])


@given(answer=st.one_of(damaged(SEEN), json_values))
def test_seen(server: Server, answer: object) -> None:
    """What was seen has a time, a name, and frames with names."""
    server.answer_json(answer)
    page = outcome(lambda: server.run(client(server).seen(DID, MODEL, 0, 9, limit=2)))
    for entry in page.entries if page else ():
        assert entry.time >= 0
        for opaque in (entry.file_id, *entry.frames.values()):
            assert opaque.isascii()
            assert 0 < len(opaque) <= LONGEST_SECRET
        for kind in (*entry.kinds, *entry.frames):
            assert kind
            assert len(kind) <= LONGEST_TEXT
            assert not spoilt(kind)


@given(answer=st.one_of(damaged(KEPT), json_values), kept=st.one_of(damaged(USERS), json_values))
def test_user_names(server: Server, answer: object, kept: object) -> None:
    """Names are short and fit to be shown, whatever the answer or the text in it is."""
    for said in (answer, {"code": 0, "result": {DID: {USER_LIST: json.dumps(kept)}}}):
        server.answer_json(said)
        names = outcome(lambda: server.run(client(server).user_names(DID)))
        for user_id, name in (names or {}).items():
            assert type(user_id) is int
            assert 0 < len(name) <= NAME_LIMIT
            assert not spoilt(name)


@given(answer=st.one_of(damaged(BEGUN), json_values))
@example({**BEGUN, "timeout": HUGE})
@example({**BEGUN, "location": "https://a.mi.com/?a=\ud800"})
def test_begin(server: Server, answer: object) -> None:
    """A code leads to the service alone."""
    server.answer_json(answer)
    login = AppLogin(server.session, server.tls, endpoints(server))
    if code := outcome(lambda: server.run(login.begin())):
        assert code.login_url.startswith("https://a.mi.com/")


@given(answer=st.one_of(damaged({"code": 0, "ssecurity": KEY, "location": "x"}), json_values))
def test_renew(server: Server, answer: object) -> None:
    """Nothing of this is a session."""
    server.answer_json(answer)
    login = AppLogin(server.session, server.tls, endpoints(server))
    assert outcome(lambda: server.run(login.renew(DATA))) is None


@given(body=st.one_of(st.binary(max_size=200), st.text(max_size=40).map(str.encode)))
@example(b"\x1f\x8b")
@example(b"{" * 99_999)
def test_answers(body: bytes) -> None:
    """Bytes are an object, or an error of ours; sealed or not."""
    for said in (body, base64.b64encode(body), app_cipher_of(body)):
        answer = outcome(lambda said=said: app_cipher.unseal(said, KEY))  # type: ignore[misc]
        assert answer is None or isinstance(answer, dict)


def app_cipher_of(plain: bytes) -> bytes:
    """Return what would be opened to this."""
    from micloud import miutils  # noqa: PLC0415

    return base64.b64encode(miutils.decrypt_rc4(KEY, base64.b64encode(plain)))


@given(body=st.binary(max_size=80).map(lambda body: body * 16))
def test_pictures(body: bytes) -> None:
    """Noise is no picture, and seldom a segment."""
    assert app_cipher.picture(body, KEY, bytes(16)) is None
    segment = outcome(lambda: app_cipher.segment(body, bytes(16), bytes(16)))
    assert segment is None or len(segment) < len(body)


lines = st.sampled_from(
    [
        "#EXTM3U",
        "#EXTINF:2.0,",
        "#EXTINF:,",
        "#EXTINF:1e999,",
        "#EXT-X-KEY:METHOD=NONE",
        '#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x' + "0" * 32,
        '#EXT-X-KEY:METHOD=AES-128,URI="https://[",IV=0x0',
        "#EXT-X-KEY:METHOD=SAMPLE-AES",
        "#EXT-X-MEDIA-SEQUENCE:9999999999",
        "#EXT-X-MEDIA-SEQUENCE:7",
        "#EXT-X-DISCONTINUITY",
        "0.ts",
        "https://a.example.com/0.ts",
        "//[",
        "#EXT-X-ENDLIST",
    ]
)


@given(playlist=st.lists(st.one_of(lines, st.text(max_size=30)), max_size=12).map("\n".join))
def test_playlists(playlist: str) -> None:
    """A part has an address, a length, and what to open it by."""
    for part in outcome(lambda: app_recording.parts(playlist, "https://a.mi.com/x")) or ():
        assert part.url
        assert 0 <= part.duration <= app_recording.LONGEST_PART
        assert len(part.iv) == 16


drawn = {
    (codec, container): recording.parts("x", codec, container)
    for codec in recording.ENCODERS
    for container in recording.FORMATS
}


@given(st.data())
def test_parts(data: st.DataObject) -> None:
    """What PyAV takes becomes something that is described and can be joined, or is refused."""
    [part, *_] = drawn[data.draw(st.sampled_from(sorted(drawn)))]
    spoilt = bytearray(part)
    for place in data.draw(st.lists(st.integers(0, len(part) - 1), max_size=8)):
        spoilt[place] = data.draw(st.integers(0, 255))
    length = data.draw(st.one_of(st.just(len(part)), st.integers(0, len(part))))
    broken = bytes(spoilt[:length])
    with suppress(remuxing.NotVideoError):
        found = remuxing.fragment(broken)
        assert remuxing.is_mpeg_ts(broken) or found.initialization
        remuxing.hevc_codecs(found.initialization or b"")
    with suppress(remuxing.NotVideoError):
        assert remuxing.joined([part, broken])


hosts = st.sampled_from(
    [
        "a.mi.com",
        "mi.com.evil.example",
        "127.0.0.1",
        "[::1]",
        "0x7f.1",
        "2130706433",
        "localhost",
        "a.local",
        "a.LAN.",
        "xn--",
        "\u2025",
        "",
    ]
)


@given(
    url=st.one_of(
        st.tuples(
            st.sampled_from(["https://", "http://", "HTTPS://", "//", "https:"]),
            st.sampled_from(["", "me@", "me:b@", "@"]),
            hosts,
            st.sampled_from(["", ":443", ":8123", ":99999", ":x"]),
            st.text(max_size=9),
        ).map("".join),
        st.text(max_size=30),
        scalars,
    )
)
def test_addresses(url: object) -> None:
    """They are on the internet, and secrets are sent to the service alone."""
    if own := outcome(lambda: account_url(url, Endpoints())):
        assert own.startswith("https://a.mi.com")
    if found := outcome(lambda: media_url(url, Endpoints(), "cn")):
        assert found.startswith(("https://a.mi.", "https://mi.com.evil."))
