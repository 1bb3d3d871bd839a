"""The published specification, as a client that nobody here wrote fetches it: micloud's."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from micloud.miotspec import MiotSpec

from custom_components.xiaomi_smart_lock.miot.spec import parse
from simulator.siblings import INVENTED, MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.simulator import Simulator

DEVICE = "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1"
TYPE = re.compile(r"urn:(miot|xiaomi)-spec(-v2)?:[a-z]+:[a-z0-9-]+:[0-9A-F]{8}:xiaomi-s1:([1234])")
KINDS = ("properties", "actions", "events")

# What published instances have, as python-miio's newest models take them; they take nothing else.
ITEM = {"iid", "type", "description"}
KEYS: dict[str, tuple[set[str], set[str]]] = {
    "properties": (ITEM | {"format", "access"}, {"value-list", "value-range", "unit"}),
    "actions": (ITEM | {"in", "out"}, set()),
    "events": (ITEM | {"arguments"}, set()),
}


@pytest.fixture
def session(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    """Return a session in which micloud finds the simulator in the place of miot-spec.org."""
    monkeypatch.setattr(MiotSpec, "BASE_URL", f"{simulator.cloud.url}/miot-spec-v2")
    with requests.Session() as session:
        session.trust_env = False
        addresses = json.loads(simulator.endpoints.read_text(encoding="utf-8"))
        session.verify = addresses["ca_file"]
        yield session


async def published(session: requests.Session, revision: int) -> dict[str, Any]:
    """Return a revision."""
    urn = f"{DEVICE}:{revision}"
    found: dict[str, Any] = await asyncio.to_thread(MiotSpec.get_spec_for_urn, urn, session)
    return found


@pytest.mark.parametrize("status", ["all", "released"])
async def test_revisions_are_listed(session: requests.Session, status: str) -> None:
    listed = await asyncio.to_thread(MiotSpec.get_specs, status, session)
    ours = [one for one in listed["instances"] if one["model"] == "xiaomi.lock.s1"]
    assert [(one["model"], one["version"], one["type"]) for one in ours] == [
        ("xiaomi.lock.s1", revision, f"{DEVICE}:{revision}") for revision in (1, 2, 3, 4)
    ]
    assert all(("status" in one) == (status == "all") for one in listed["instances"])


@pytest.mark.parametrize("revision", [1, 2, 3, 4])
async def test_an_instance_has_the_published_form(session: requests.Session, revision: int) -> None:
    """Full types, no keys of ours, and nothing where a service has none of a kind."""
    found = await published(session, revision)
    assert found.keys() == {"type", "description", "services"}
    for service in found["services"]:
        kinds = service.keys() - ITEM
        assert kinds <= set(KINDS)
        assert all(service[kind] for kind in kinds)
        for kind in kinds:
            required, optional = KEYS[kind]
            for item in service[kind]:
                assert required <= item.keys() <= required | optional
                matched = TYPE.fullmatch(item["type"])
                assert matched
                assert matched[3] == str(revision)
                for value in item.get("value-list", ()):
                    assert value.keys() == {"value", "description"}


async def test_types_have_miots_numbers(session: requests.Session) -> None:
    """As far as they are known; a vendor's own types are in a namespace of its own."""
    services = {one["iid"]: one for one in (await published(session, 1))["services"]}
    battery = services[13]
    assert battery["type"] == "urn:miot-spec-v2:service:battery:00007805:xiaomi-s1:1"
    assert battery["properties"][0] == {
        "iid": 1,
        "type": "urn:miot-spec-v2:property:battery-level:00000014:xiaomi-s1:1",
        "description": "Battery level",
        "format": "uint8",
        "access": ["read", "notify"],
        "value-range": [0, 100, 1],
        "unit": "percentage",
    }
    [lock_event] = [one for one in services[2]["events"] if one["iid"] == 1020]
    assert lock_event["type"] == "urn:miot-spec-v2:event:lock-event:00005033:xiaomi-s1:1"
    assert services[5]["type"].startswith("urn:xiaomi-spec:service:lock-history:")
    assert services[11].keys() == ITEM | {"properties"}


async def test_device_information_is_service_1(session: requests.Session) -> None:
    first = (await published(session, 1))["services"][0]
    assert first["iid"] == 1
    assert first["type"] == "urn:miot-spec-v2:service:device-information:00007801:xiaomi-s1:1"


def addresses(instance: dict[str, Any]) -> set[str]:
    return {
        f"{service['iid']}.{item['iid']} {kind}"
        for service in instance["services"]
        for kind in KINDS
        for item in service.get(kind, ())
    }


async def test_a_revision_contains_those_before(session: requests.Session) -> None:
    """Types keep their numbers; of what is new, 17.4 is known and the rest is made up."""
    first, second, third = [await published(session, revision) for revision in (1, 2, 3)]
    assert addresses(second) - addresses(first) == {"13.5 properties"}
    assert addresses(third) - addresses(second) == {"17.4 events", "9.2 actions"}
    assert addresses(first) < addresses(second) < addresses(third)

    def numbers(instance: dict[str, Any]) -> set[str]:
        return set(re.findall(r"urn:[^\"]*:[0-9A-F]{8}(?=:xiaomi-s1:\d\")", json.dumps(instance)))

    assert numbers(first) < numbers(second) < numbers(third)


async def test_texts(simulator: Simulator, session: requests.Session) -> None:
    """In tags of three digits; a value's is its place in the list."""
    url = f"{simulator.cloud.url}/instance/v2/multiLanguage"
    answer = await asyncio.to_thread(session.get, url, params={"urn": f"{DEVICE}:3"})
    chinese = answer.json()["data"]["zh_cn"]
    assert chinese["service:002"] == "门锁"
    assert chinese["service:002:event:1020"] == "锁事件"
    assert chinese["service:002:property:001:valuelist:000"] == "门内"
    assert chinese["service:004:action:001"] == "配置用户 (支持覆盖)"


def properties(instance: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the properties of an instance by address."""
    return {
        f"{service['iid']}.{prop['iid']}": prop
        for service in instance["services"]
        for prop in service.get("properties", ())
    }


def values(prop: dict[str, Any]) -> dict[int, str]:
    """Return the texts of a property's values by number."""
    return {one["value"]: one["description"] for one in prop["value-list"]}


async def test_revision_4_has_something_new_of_every_kind(session: requests.Session) -> None:
    """It is made up; what is known is still there, some of it in other words."""
    third, fourth = [await published(session, revision) for revision in (3, 4)]
    new = addresses(fourth) - addresses(third)
    assert addresses(third) < addresses(fourth)
    assert {"2.40 events", "2.40 actions", "30.1 properties", "30.1 actions", "30.1 events"} < new
    before, after = properties(third), properties(fourth)
    of_kinds = {
        (prop["format"], *sorted(prop["access"]), *sorted(prop.keys() & {"value-list", "unit"}))
        for address, prop in after.items()
        if address not in before
    }
    assert of_kinds == {
        ("bool", "notify", "read"),
        ("bool", "notify", "read", "write"),
        ("uint8", "notify", "read", "value-list"),
        ("uint8", "notify", "read", "write", "value-list"),
        ("uint16", "notify", "read", "write", "unit"),
        ("int8", "notify", "read", "unit"),
        ("int16", "notify", "read", "unit"),
        ("float", "notify", "read", "unit"),
        ("string", "notify", "read"),
        ("string", "notify", "read", "write"),
        ("uint8",),
    }
    for address, number in {"2.2": 16, "2.3": 10, "2.4": 40, "3.1021": 7}.items():
        more = values(after[address]).keys() - values(before[address]).keys()
        assert more == {number}
        reworded = [
            known
            for known, text in values(before[address]).items()
            if values(after[address])[known] != text
        ]
        assert len(reworded) == 1


# Models of which no original is known


async def of_model(session: requests.Session, model: str) -> dict[str, Any]:
    """Return the instance of the newest revision of a model, found in the list of instances."""
    listed = await asyncio.to_thread(MiotSpec.get_specs, "released", session)
    urns = {one["model"]: one["type"] for one in listed["instances"]}
    found: dict[str, Any] = await asyncio.to_thread(MiotSpec.get_spec_for_urn, urns[model], session)
    return found


async def texts_of(
    simulator: Simulator, session: requests.Session, urn: str
) -> dict[str, dict[str, str]]:
    """Return the texts of a URN in all languages."""
    url = f"{simulator.cloud.url}/instance/v2/multiLanguage"
    answer = await asyncio.to_thread(session.get, url, params={"urn": urn})
    data: dict[str, dict[str, str]] = answer.json()["data"]
    return data


@pytest.mark.parametrize("model", [model for model in MODELS if model != INVENTED])
async def test_each_model_is_published(
    simulator: Simulator, session: requests.Session, model: str
) -> None:
    """In the form of all instances, with its own types, and understood by the integration."""
    found = await of_model(session, model)
    _, vendor, name = re.split(r"(?<=:)(\w+)-(?=\w+:\d+$)", found["type"])
    assert model.startswith(f"{vendor}.")
    assert model.endswith(f".{name.partition(':')[0]}")
    for service in found["services"]:
        for item in (service, *(one for kind in KINDS for one in service.get(kind, ()))):
            assert re.fullmatch(
                rf"urn:(miot-spec-v2|{vendor}-spec):\w+:[a-z0-9-]+:[0-9A-F]{{8}}:{vendor}-{name}",
                item["type"],
            )
    spec = parse(found)
    assert {one for one in addresses(found) if not one.startswith("1.")} == {
        f"{item} {kind}" for kind in KINDS for item in getattr(spec, kind).values()
    }
    tagged = await texts_of(simulator, session, found["type"])
    assert tagged["zh_cn"] or model == "xiaomi.lock.d100e"


async def test_texts_of_a_generated_instance(
    simulator: Simulator, session: requests.Session
) -> None:
    """In two languages; a door that is also locked otherwise has states of its own."""
    found = await of_model(session, "xiaomi.lock.m30fa")
    door = values(properties(found)["3.1021"])
    assert {1, 2, 3, 4, 5, 17, 33, 49} == door.keys()
    assert door[49] == "Locked, Child Lock Enabled, Anti-locked"
    tagged = await texts_of(simulator, session, found["type"])
    assert tagged["en"]["service:002:property:002:valuelist:001"] == "Fingerprint"
    assert tagged["zh_cn"]["service:002:property:002:valuelist:001"] == "指纹"


async def test_a_specification_that_is_wrong(session: requests.Session) -> None:
    """The lock sends 2 for a fingerprint and 3 for a password all the same."""
    found = await of_model(session, "loock.lock.h01lyk")
    methods = values(properties(found)["2.2"])
    assert (methods[2], methods[3]) == ("Password", "Fingerprint")


async def test_an_instance_without_words(simulator: Simulator, session: requests.Session) -> None:
    """Only types of the vendor, empty descriptions, small integers, and no empty lists."""
    found = await of_model(session, "xiaomi.lock.d100e")
    _, *services = found["services"]
    assert [service["iid"] for service in services][::5] == [18, 24]
    assert all(one["type"].startswith("urn:xiaomi-spec:") for one in services)
    formats = {prop["format"] for prop in properties(found).values()}
    assert {"int8", "int16"} < formats
    tagged = await texts_of(simulator, session, found["type"])
    assert {*tagged["en"].values(), *tagged["zh_cn"].values()} == {"NA"}


async def test_an_invented_model(simulator: Simulator, session: requests.Session) -> None:
    """In Chinese only, and with lists that are missing."""
    found = await of_model(session, INVENTED)
    tagged = await texts_of(simulator, session, found["type"])
    assert tagged.keys() == {"zh_cn"}
    assert tagged["zh_cn"]["service:007:property:005:valuelist:000"] == "胁迫指纹开锁"
    assert values(properties(found)["9.4"]) == {10: "Closed", 20: "Open"}
    assert found["services"][-1].keys() == ITEM


@pytest.mark.parametrize("path", ["miot-spec-v2/instance?type", "instance/v2/multiLanguage?urn"])
@pytest.mark.parametrize("urn", ["", f"{DEVICE}:5", f"{DEVICE}:0", "urn:of:nothing:1"])
async def test_what_nobody_publishes(
    simulator: Simulator, session: requests.Session, path: str, urn: str
) -> None:
    answer = await asyncio.to_thread(session.get, f"{simulator.cloud.url}/{path}={urn}")
    assert answer.status_code == 404
