"""The specification of other firmware."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot import spec
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError
from custom_components.xiaomi_smart_lock.miot.instance import fetch, is_newer, unknown_items
from custom_components.xiaomi_smart_lock.miot.spec import SPEC, Spec, parse

if TYPE_CHECKING:
    from .conftest import Liar, Signed

DEVICE = "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1"


@pytest.mark.parametrize(
    ("urn", "newer"),
    [
        (f"{DEVICE}:1", False),
        (f"{DEVICE}:2", True),
        (f"{DEVICE}:10", True),
        (f"{DEVICE}:0", False),
        (f"{DEVICE}:2:0000C824", False),
        (f"{DEVICE}:-2", False),
        (f"{DEVICE}:two", False),
        (f"{DEVICE}:²", False),
        (f"{DEVICE}:", False),
        (DEVICE, False),
        ("urn:miot-spec-v2:device:lock:0000A038:xiaomi-s2:2", False),
        ("", False),
    ],
)
def test_newer(urn: str, newer: bool) -> None:
    """Only a later version of the same device's."""
    assert is_newer(urn, SPEC) is newer


def test_version_that_we_do_not_know_yet() -> None:
    """What counts is the version that is ours."""
    ours = parse(published() | {"type": f"{DEVICE}:10"})
    assert not is_newer(f"{DEVICE}:9", ours)
    assert is_newer(f"{DEVICE}:11", ours)


def published() -> dict[str, Any]:
    """Return the instance of our own version, as it is published."""
    file = Path(spec.__file__).parent / "specs" / f"{spec.MODEL}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def changed(siid: int, kind: str, *items: dict[str, Any]) -> Spec:
    """Return a specification with other items of a kind in one service."""
    instance = published()
    [service] = [service for service in instance["services"] if service["iid"] == siid]
    service[kind] = [item for item in service[kind] if item["iid"] != items[0]["iid"]]
    service[kind] += items
    return parse(instance)


PROPERTY = {
    "iid": 99,
    "type": "urn:miot-spec-v2:property:mood",
    "description": "Mood",
    "format": "uint8",
    "access": ["read"],
}
ACTION = {
    "iid": 99,
    "type": "urn:miot-spec-v2:action:sing",
    "description": "Sing",
    "in": [],
    "out": [],
}
EVENT = {
    "iid": 99,
    "type": "urn:miot-spec-v2:event:sung",
    "description": "Sung",
    "arguments": [],
}


@pytest.mark.parametrize(
    ("theirs", "items"),
    [
        (changed(13, "properties", PROPERTY), ["13.99 Mood"]),
        (changed(17, "actions", ACTION), ["17.99 Sing"]),
        (changed(17, "events", EVENT), ["17.99 Sung"]),
        (changed(17, "events", EVENT, EVENT | {"iid": 100}), ["17.99 Sung", "17.100 Sung"]),
        (changed(13, "properties", PROPERTY | {"iid": 1}), []),
        (SPEC, []),
    ],
)
def test_what_we_do_not_know(theirs: Spec, items: list[str]) -> None:
    """What is called another name at the same address is known."""
    assert unknown_items(theirs, SPEC) == items
    assert unknown_items(SPEC, SPEC) == []


def test_what_is_no_longer_there() -> None:
    """It is nothing that we would not know."""
    instance = published()
    instance["services"] = instance["services"][:3]
    assert unknown_items(parse(instance), SPEC) == []


async def test_fetching(signed: Signed) -> None:
    """The version that is ours says what ours says."""
    fetched = await fetch(signed.session, signed.tls, signed.endpoints, SPEC.urn)
    assert repr(fetched) == repr(SPEC)
    assert signed.requests() == [("instance", {"type": SPEC.urn})]


async def test_what_nobody_publishes(signed: Signed) -> None:
    """It is an error as any other."""
    with pytest.raises(CannotConnectError, match="HTTP 404"):
        await fetch(signed.session, signed.tls, signed.endpoints, "urn:of:nothing:1")


SERVICE = {"iid": 1, "type": "urn:miot-spec-v2:service:lock", "description": "Lock"}
EMPTY: dict[str, Any] = {"properties": [], "actions": [], "events": []}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"type": SPEC.urn, "description": "Lock"},
        {"type": SPEC.urn, "description": "Lock", "services": None},
        {"type": SPEC.urn, "description": "Lock", "services": [None]},
        {"type": SPEC.urn, "description": "Lock", "services": [SERVICE]},
        {"type": SPEC.urn, "description": "Lock", "services": [SERVICE | EMPTY | {"type": "lock"}]},
        {
            "type": SPEC.urn,
            "description": "Lock",
            "services": [SERVICE | EMPTY | {"events": [EVENT | {"arguments": [1]}]}],
        },
        {
            "type": SPEC.urn,
            "description": "Lock",
            "services": [SERVICE | EMPTY | {"properties": [PROPERTY | {"access": ["smell"]}]}],
        },
        web.Response(text="<!DOCTYPE html>"),
    ],
)
async def test_specifications_of_another_shape(signed: Signed, liar: Liar, answer: object) -> None:
    """Nothing is taken of them."""
    liar.answers = [answer]
    with pytest.raises(CannotConnectError):
        await fetch(signed.session, liar.tls, liar.endpoints, f"{DEVICE}:2")
