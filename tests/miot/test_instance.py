"""The specification of other firmware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError
from custom_components.xiaomi_smart_lock.miot.instance import (
    additions,
    fetch,
    has_all,
    is_lock,
    revision_of,
)
from custom_components.xiaomi_smart_lock.miot.spec import Spec, parse
from simulator.instances import instance
from simulator.model import SPEC

if TYPE_CHECKING:
    from .conftest import Liar, Signed

DEVICE = "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1"


@pytest.mark.parametrize(
    ("urn", "revision"),
    [
        (f"{DEVICE}:1", 1),
        (f"{DEVICE}:10", 10),
        (f"{DEVICE}:0", 0),
        (f"{DEVICE}:2:0000C824", 2),
        (f"{DEVICE}:" + "9" * 5000, None),
        (f"{DEVICE}:-2", None),
        (f"{DEVICE}:two", None),
        (f"{DEVICE}:²", None),
        (f"{DEVICE}:", None),
        (DEVICE, None),
        ("", None),
    ],
)
def test_revisions(urn: str, revision: int | None) -> None:
    """A suffix belongs to no revision, and what is no number is none."""
    assert revision_of(urn) == (None if revision is None else (DEVICE, revision))


@pytest.mark.parametrize(
    ("urn", "lock"),
    [
        (f"{DEVICE}:1", True),
        ("urn:miot-spec-v2:device:lock:0000A038:loock-r2:1:0000C824", True),
        ("urn:miot-spec-v2:device:door:0000A041:chuangmi-515a01:3", False),
        ("urn:miot-spec-v2:device:lock:", False),
        ("urn:miot-spec-v2:service:lock:00007855:xiaomi-s1:1", False),
        ("", False),
    ],
)
def test_what_is_a_lock(urn: str, lock: bool) -> None:
    """A device whose URN says so."""
    assert is_lock(urn) is lock


def added(theirs: Spec, ours: Spec) -> list[str]:
    """Return what a specification has more than another one, in English."""
    return additions(theirs, ours, lambda named: named.description)


def published() -> dict[str, Any]:
    """Return the instance of our own version, as it is published."""
    return instance(SPEC.urn)


def changed(siid: int, kind: str, *items: dict[str, Any]) -> Spec:
    """Return a specification with new items of a kind, or items of other details, in a service."""
    changed = published()
    [service] = [service for service in changed["services"] if service["iid"] == siid]
    known = {item["iid"]: item for item in service.get(kind, [])}
    service[kind] = list(
        (known | {item["iid"]: known.get(item["iid"], {}) | item for item in items}).values()
    )
    return parse(changed)


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
        (changed(17, "events", EVENT | {"description": ""}), ["17.99 sung"]),
        (changed(17, "events", EVENT | {"description": " NA "}), ["17.99 sung"]),
        (changed(17, "events", EVENT | {"description": None}), ["17.99 sung"]),
        (changed(17, "events", EVENT | {"description": "Sung\n\n# \u202eto"}), ["17.99 Sung # to"]),
        (changed(17, "events", EVENT | {"description": "x" * 300}), ["17.99 " + "x" * 200]),
        (changed(1, "properties", PROPERTY), []),
        (changed(13, "properties", {"iid": 1, "description": "Charge"}), []),
        (
            changed(
                13, "properties", {"iid": 2, "value-list": [{"value": 9, "description": "Hot"}]}
            ),
            ["13.2 Charging state: +9 = Hot"],
        ),
        (
            changed(13, "properties", {"iid": 2, "value-list": [{"value": 9}, {"value": 10}]}),
            ["13.2 Charging state: +9, +10"],
        ),
        (changed(13, "properties", {"iid": 1, "value-list": [{"value": 9}]}), []),
        (
            changed(13, "properties", {"iid": 1, "access": ["write", "read"]}),
            ["13.1 Battery level: +write, -notify"],
        ),
        (
            changed(17, "properties", {"iid": 6, "value-range": [1, 8, 1]}),
            ["17.6 Ringtone: +1…8"],
        ),
        (changed(17, "properties", {"iid": 6, "value-range": [2, 4, 2]}), []),
        (SPEC, []),
    ],
)
def test_what_we_do_not_know(theirs: Spec, items: list[str]) -> None:
    """What is called another name at the same address is known."""
    assert added(theirs, SPEC) == items
    assert added(SPEC, SPEC) == []


def test_what_is_no_longer_there() -> None:
    """It is nothing that we would not know."""
    instance = published()
    instance["services"] = instance["services"][:3]
    assert added(parse(instance), SPEC) == []


@pytest.mark.parametrize(
    "theirs",
    [
        changed(4, "actions", {"iid": 1, "type": ACTION["type"]}),
        changed(13, "properties", {"iid": 1, "type": PROPERTY["type"]}),
        changed(2, "events", {"iid": 1020, "type": EVENT["type"]}),
        parse({**published(), "services": published()["services"][:3]}),
    ],
    ids=["action", "property", "event", "services"],
)
def test_what_has_less(theirs: Spec) -> None:
    """One that lacks something, or has another thing in its place, does not have all."""
    assert has_all(SPEC, SPEC)
    assert has_all(changed(17, "actions", ACTION), SPEC)
    assert not has_all(theirs, SPEC)


def details(spec: Spec) -> dict[str, object]:
    """Return all that is said of the items, by address."""
    return {
        str(item): (
            *(item.name, item.description, item.description_zh),
            *(str(getattr(item, key, None)) for key in ("format", "range", "unit")),
            sorted(getattr(item, "access", ())),
            [
                (named.value, named.description, named.description_zh)
                for named in getattr(item, "values", ())
            ],
            *(list(map(str, getattr(item, key, ()))) for key in ("inputs", "outputs", "arguments")),
        )
        for service in spec.services
        for item in (service, *service.properties, *service.actions, *service.events)
    }


async def test_fetching(signed: Signed) -> None:
    """The version that is ours says what ours says, in both languages."""
    fetched = parse(await fetch(signed.session, signed.tls, signed.endpoints, SPEC.urn))
    assert fetched.urn == SPEC.urn
    assert details(fetched) == details(SPEC)
    assert added(fetched, SPEC) == []
    assert signed.requests() == [
        ("instance", {"type": SPEC.urn}),
        ("multiLanguage", {"urn": SPEC.urn}),
    ]


async def test_what_nobody_publishes(signed: Signed) -> None:
    """It is an error as any other."""
    with pytest.raises(CannotConnectError, match="HTTP 404"):
        await fetch(signed.session, signed.tls, signed.endpoints, "urn:of:nothing:1")


async def test_texts_for_what_has_no_number(signed: Signed, liar: Liar) -> None:
    """Services and items whose number is none get no text, and the others get theirs."""
    services = [{**SERVICE, "iid": "2"}, {**SERVICE, "actions": [{**ACTION, "iid": "1"}, ACTION]}]
    texts = {"service:002": "Door lock", "service:002:action:001": "One", ACTION_TAG: "Sing a song"}
    liar.answers = [
        {"type": f"{DEVICE}:2", "description": "Lock", "services": services},
        {"data": {"en": texts}},
    ]
    fetched = await fetch(signed.session, liar.tls, liar.endpoints, f"{DEVICE}:2")
    [service] = parse(fetched).services
    assert service.description == "Door lock"
    assert [action.description for action in service.actions] == ["Sing a song"]


async def test_no_texts_are_published(signed: Signed, liar: Liar) -> None:
    """Then the specification's own words are the only ones; any other error is one."""
    said = {"type": f"{DEVICE}:2", "description": "Lock", "services": [SERVICE]}
    liar.answers = [said, web.Response(status=404), said, web.Response(status=503)]
    fetched = await fetch(signed.session, liar.tls, liar.endpoints, f"{DEVICE}:2")
    assert [service.description for service in parse(fetched).services] == ["Lock"]
    with pytest.raises(CannotConnectError, match="HTTP 503"):
        await fetch(signed.session, liar.tls, liar.endpoints, f"{DEVICE}:2")


SERVICE = {"iid": 2, "type": "urn:miot-spec-v2:service:lock", "description": "Lock"}
ACTION_TAG = "service:002:action:099"
NULL: dict[str, Any] = {"properties": None, "actions": None, "events": None}


@pytest.mark.parametrize(
    ("service", "items"),
    [
        ({}, []),
        (NULL, []),
        ({"properties": {}, "actions": "none", "events": 5}, []),
        ({"actions": [{**ACTION, "in": None, "out": None}]}, ["2.99 Sing"]),
        ({"actions": [{"iid": 99, "type": ACTION["type"]}]}, ["2.99 sing"]),
        ({"events": [{**EVENT, "arguments": None}, None, "x", []]}, ["2.99 Sung"]),
        (
            {"events": [{"iid": 99, "type": "urn:xiaomi-spec:event:sung:00005001:x:1"}]},
            ["2.99 sung"],
        ),
        ({"events": [{**EVENT, "arguments": [1]}]}, []),
        ({"events": [{**EVENT, "arguments": "all"}]}, []),
        ({"events": [{**EVENT, "iid": iid} for iid in (0, -1, 65536, True, 9.0, "9", None)]}, []),
        (
            {"events": [{**EVENT, "type": text} for text in ("event:sung", "", None, "a:b:c: :d")]},
            [],
        ),
        ({"properties": [{**PROPERTY, "access": ["smell", None, [], "read"]}]}, ["2.99 Mood"]),
        ({"properties": [{**PROPERTY, "access": "read", "value-list": [None, {}]}]}, ["2.99 Mood"]),
        ({"properties": [{"iid": 99, "type": PROPERTY["type"]}]}, ["2.99 mood"]),
    ],
)
def test_what_makes_no_sense(service: dict[str, Any], items: list[str]) -> None:
    """It is left out, and what makes sense is taken; lists of nothing may be missing or null."""
    theirs = parse({"type": f"{DEVICE}:2", "services": [SERVICE | service, None, {"iid": 3}]})
    assert added(theirs, SPEC) == items
    assert len(theirs.services) == 1


@pytest.mark.parametrize(
    ("raw", "known"),
    [
        ([1, 5, 1], (1, 5, 1)),
        ([0.5, 1e30, 0], (0.5, 1e30, 0)),
        ([5, 1, 1], None),
        ([1, 5], None),
        ([1, 5, 1, 1], None),
        ([1, 5, float("nan")], None),
        ([1, float("inf"), 1], None),
        ([1, 10**400, 1], None),
        (["1", 5, 1], None),
        (None, None),
        ({}, None),
    ],
)
def test_ranges(raw: object, known: object) -> None:
    """Three finite numbers in order are one."""
    data = {"properties": [PROPERTY | {"value-range": raw, "unit": "none"}]}
    theirs = parse({"type": "", "services": [SERVICE | data]})
    assert theirs.properties[2, 99].range == known
    assert theirs.properties[2, 99].unit is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"type": SPEC.urn, "description": "Lock"},
        {"type": SPEC.urn, "description": "Lock", "services": None},
        {"type": SPEC.urn, "description": "Lock", "services": [None]},
        {"type": SPEC.urn, "description": "Lock", "services": []},
        {"type": SPEC.urn, "description": "Lock", "services": {"iid": 2}},
        {"type": SPEC.urn, "description": "Lock", "services": [SERVICE | {"type": "lock"}]},
        {"type": SPEC.urn, "services": [SERVICE], "description": "x" * (2 * 1024 * 1024)},
        web.Response(text="<!DOCTYPE html>"),
    ],
)
async def test_specifications_of_another_shape(signed: Signed, liar: Liar, answer: object) -> None:
    """Nothing is taken of them."""
    liar.answers = [answer]
    with pytest.raises(CannotConnectError):
        await fetch(signed.session, liar.tls, liar.endpoints, f"{DEVICE}:2")
