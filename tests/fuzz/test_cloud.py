"""What the cloud answers over HTTP: bytes, and JSON."""

from __future__ import annotations

import json
import math
import string
import time
from typing import TYPE_CHECKING, Any

from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.client import Reading
from custom_components.xiaomi_smart_lock.miot.cloud import Account, CloudClient, Device
from custom_components.xiaomi_smart_lock.miot.errors import MiotError
from custom_components.xiaomi_smart_lock.miot.http import request
from custom_components.xiaomi_smart_lock.miot.instance import (
    additions,
    as_instance,
    fetch,
    is_lock,
    revision_of,
)
from custom_components.xiaomi_smart_lock.miot.oauth import SignIn, TokenKeeper, Tokens
from custom_components.xiaomi_smart_lock.miot.spec import parse
from custom_components.xiaomi_smart_lock.miot.values import LONGEST_IDENTIFIER, LONGEST_TEXT
from simulator.model import SPEC

from .strategies import HUGE, damaged, json_values, scalars, spoilt

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from .server import Server

DID = "700000001"
TOKENS = Tokens("access", "refresh", math.inf)

HOMES = {
    "homelist": [
        {
            "id": "1",
            "name": "Home",
            "uid": 1000000001,
            "dids": [DID],
            "roomlist": [{"id": "2", "name": "Hall", "dids": [DID, "3"]}],
        }
    ],
    "share_home_list": [],
    "has_more": True,
    "max_id": "1",
    "info": [{"id": "1", "dids": ["4"], "roomlist": [{"id": "5", "name": "Bath", "dids": ["6"]}]}],
}
DEVICES = {
    "list": [
        {
            "did": DID,
            "name": "Front door",
            "model": "xiaomi.lock.s1",
            "spec_type": SPEC.urn,
            "isOnline": True,
            "token": "0" * 32,
            "local_ip": "192.168.1.2",
            "mac": "54:48:E6:00:00:02",
            "extra": {"fw_version": "2.1.4_0009"},
        }
    ],
    "has_more": True,
    "next_start_did": DID,
}
READ = [{"did": DID, "siid": 13, "piid": 1, "code": 0, "value": 87, "updateTime": 1790000000}]
WRITTEN = [{"did": DID, "siid": 21, "piid": 5, "code": 0}]
ACTED = {"code": 0, "out": [1]}
GIVEN = {"access_token": "access", "refresh_token": "refresh", "expires_in": 259200}
PROFILE = {"code": 0, "data": {"miliaoNick": "Ming"}}
INSTANCE = {
    "type": SPEC.urn,
    "description": "Lock",
    "services": [
        {
            "iid": 2,
            "type": "urn:miot-spec-v2:service:lock:00007801:xiaomi-s1:1",
            "description": "Lock",
            "properties": [
                {
                    "iid": 1,
                    "type": "urn:miot-spec-v2:property:position:00000001:xiaomi-s1:1",
                    "description": "Position",
                    "format": "uint8",
                    "access": ["read", "notify"],
                    "value-list": [{"value": 1, "description": "Inside"}],
                },
                {
                    "iid": 2,
                    "type": "urn:miot-spec-v2:property:time:00000002:xiaomi-s1:1",
                    "description": "Time",
                    "format": "uint32",
                    "access": [],
                    "value-range": [0, 4294967295, 1],
                    "unit": "seconds",
                },
            ],
            "actions": [
                {
                    "iid": 1,
                    "type": "urn:miot-spec-v2:action:wake:00000003:xiaomi-s1:1",
                    "description": "Wake",
                    "in": [1],
                    "out": [2],
                }
            ],
            "events": [
                {
                    "iid": 9999,
                    "type": "urn:miot-spec-v2:event:ring:00000004:xiaomi-s1:1",
                    "description": "Ring",
                    "arguments": [1, 2],
                }
            ],
        }
    ],
}


def done(result: object) -> st.SearchStrategy[Any]:
    """Return answers of the service with a result, or almost."""
    return damaged({"code": 0, "message": "", "result": result})


def cloud(server: Server) -> CloudClient:
    """Return a client that is signed in."""
    keeper = TokenKeeper(sign_in(server), "/", TOKENS, lambda _tokens: None)
    return CloudClient(server.session, server.tls, server.endpoints, "cn", keeper)


def sign_in(server: Server) -> SignIn:
    """Return the sign-in of a client."""
    return SignIn(server.session, server.tls, server.endpoints, "cn", "7c0ffee0")


def outcome[Result](server: Server, work: Coroutine[Any, Any, Result]) -> Result | None:
    """Return the result of something, None where it failed as it may."""
    try:
        return server.run(work)
    except MiotError:
        return None


def as_text(raw: object) -> str:
    """Return an id as text, which a number may be too."""
    return f"{raw:.0f}" if isinstance(raw, float) else str(raw)


def assert_texts(*texts: object) -> None:
    """Look whether all are texts that can be kept and shown, or not there."""
    for text in texts:
        assert text is None or (isinstance(text, str) and text)
        assert not spoilt(text or "")
        assert len(text or "") <= LONGEST_TEXT


def assert_id(did: str) -> bool:
    """Look whether an id can be part of a path."""
    assert did not in (".", "..")
    assert ".." not in did
    assert set(did) <= set(string.ascii_letters + string.digits + "._-")
    assert 0 < len(did) <= LONGEST_IDENTIFIER
    return True


lines = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
CHARSETS = ("hex", "zip", "rot13", "undefined", "utf-16", "idna", "unicode_escape", "none-such")
headers = st.one_of(
    st.sampled_from(CHARSETS).map("Content-Type: application/json; charset={}".format),
    st.sampled_from(["gzip", "br", "deflate", "zstd", "x"]).map("Content-Encoding: {}".format),
    st.integers(-1, 2**64).map("Content-Length: {}".format),
    st.just("Transfer-Encoding: chunked"),
    st.sampled_from(["0", "9" * 4999, "²", "soon", "-1"]).map("Retry-After: {}".format),
    st.sampled_from(["/", "//[", "ftp://x", "http://127.0.0.1:99999/"]).map("Location: {}".format),
    st.tuples(lines, lines).map(": ".join),
)


@st.composite
def http_answers(draw: st.DrawFn) -> bytes:
    """Return an answer in HTTP, or almost."""
    status = draw(st.sampled_from([200, 200, 200, 204, 206, 301, 401, 403, 429, 500, 502, 0, 99]))
    head = [f"HTTP/1.1 {status} OK", *draw(st.lists(headers, max_size=3)), "", ""]
    body = draw(
        st.one_of(st.binary(max_size=60), json_values.map(lambda data: json.dumps(data).encode()))
    )
    answer = "\r\n".join(head).encode() + body
    return answer[: draw(st.integers(0, len(answer)))] if draw(st.booleans()) else answer


@given(answer=st.one_of(http_answers(), st.binary(max_size=200)))
@example(b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=hex\r\n\r\n{}")
@example(b"HTTP/1.1 429 OK\r\nRetry-After: " + b"9" * 4999 + b"\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000)
@example(b"HTTP/1.1 200 OK\r\n\r\n{" + b'"a":1' + b"0" * 5000 + b"}")
def test_http(server: Server, answer: bytes) -> None:
    """Whatever answers, it is a JSON object or an error of ours."""
    server.answer(answer)
    found = outcome(server, request(server.session, server.tls, "GET", server.endpoints.profile))
    assert found is None or isinstance(found, dict)


@given(answer=st.one_of(done(HOMES), json_values))
def test_account(server: Server, answer: object) -> None:
    """Homes and rooms are texts, and there is an end to their pages."""
    server.answer_json(answer)
    account = outcome(server, cloud(server).account())
    if account:
        assert isinstance(account, Account)
        assert account.user_id is None or assert_id(account.user_id)
        for did, (home, room) in account.rooms.items():
            assert_id(did)
            assert_texts(home or None, room)
        for friend in account.friends:
            assert_id(friend)


@given(answer=damaged(PROFILE))
def test_nickname(server: Server, answer: object) -> None:
    """A name is a text."""
    server.answer_json(answer)
    name = outcome(server, cloud(server).nickname())
    assert_texts(name)


@given(answer=st.one_of(done(DEVICES), json_values))
def test_devices(server: Server, answer: object) -> None:
    """What is said of a device is text, and there is an end to the list."""
    server.answer_json(answer)
    for device in outcome(server, cloud(server).devices()) or ():
        assert isinstance(device, Device)
        assert isinstance(device.online, bool)
        is_lock(device.urn)
        assert_id(device.did)
        assert_texts(device.name, device.model or None, device.urn or None)
        assert_texts(device.firmware, device.mac, device.address, device.token)


@given(answer=st.one_of(done(READ), json_values))
def test_read(server: Server, answer: object) -> None:
    """A reading has a code and a time that is over, and is of what was asked for."""
    server.answer_json(answer)
    asked = {(13, 1), (13, 2)}
    for address, reading in (outcome(server, cloud(server).read(DID, asked)) or {}).items():
        assert address in asked
        assert isinstance(reading, Reading)
        assert type(reading.code) is int
        assert reading.updated is None or 0 <= reading.updated <= time.time()


@given(answer=st.one_of(done(WRITTEN), json_values))
def test_write(server: Server, answer: object) -> None:
    """Only an answer that says so means that a setting was written."""
    server.answer_json(answer)
    try:
        server.run(cloud(server).write(DID, (21, 5), 2))
    except MiotError:
        return
    assert isinstance(answer, dict)
    assert (DID, 21, 5) in [
        (as_text(item.get("did")), item.get("siid"), item.get("piid"))
        for item in answer["result"]
        if isinstance(item, dict) and item.get("code") in (0, 1)
    ]


@given(answer=st.one_of(done(ACTED), json_values))
def test_act(server: Server, answer: object) -> None:
    """Only an answer that says so means that something was done."""
    server.answer_json(answer)
    out = outcome(server, cloud(server).act(DID, SPEC.actions[2, 2]))
    if out is not None:
        assert isinstance(out, list)
        assert isinstance(answer, dict)
        assert answer["result"]["code"] in (0, 1)


@given(answer=st.one_of(done(GIVEN), json_values))
@example({"code": 0, "result": {**GIVEN, "expires_in": HUGE}})
@example({"code": 0, "result": {**GIVEN, "expires_in": math.nan}})
@example({"code": 0, "result": {**GIVEN, "access_token": "\ud800"}})
def test_tokens(server: Server, answer: object) -> None:
    """Tokens are such as a header and a password can hold, and are to be renewed some day."""
    server.answer_json(answer)
    tokens = outcome(server, sign_in(server).exchange("/", "code"))
    if tokens:
        for token in (tokens.access, tokens.refresh):
            assert token
            assert token.isascii()
            assert token.isprintable()
        assert 0 <= tokens.renew_at < math.inf
        json.dumps(tokens.as_dict(), allow_nan=False)


@given(answer=st.one_of(damaged(INSTANCE), json_values))
def test_instance(server: Server, answer: object) -> None:
    """What a later specification has and ours has not can be told, or it is none."""
    server.answer_json(answer)
    if found := outcome(server, fetch(server.session, server.tls, server.endpoints, SPEC.urn)):
        json.dumps(found, allow_nan=False).encode()
        spec = parse(found)
        assert as_instance(spec) == found
        lines = additions(spec, SPEC, lambda named: named.description)
        assert all(isinstance(item, str) for item in lines)


@given(
    version=scalars.map(str) | st.text(),
    device=st.sampled_from([SPEC.urn.rpartition(":")[0], "urn:other"]),
)
@example("²", SPEC.urn.rpartition(":")[0])
@example("9" * 5000, SPEC.urn.rpartition(":")[0])
def test_revision(version: str, device: str) -> None:
    """Only a number is a revision, and only of a whole device."""
    if found := revision_of(f"{device}:{version}"):
        assert version.partition(":")[0].isdecimal()
        assert SPEC.urn.startswith(found[0])
