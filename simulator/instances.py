"""The simulated miot-spec.org: the revisions of this lock's specification, and their texts.

Made from the integration's own data, in the form of published instances: types have their numbers
and the vendor's model, service 1 is the device information, empty lists of items are left out, and
texts in other languages are separate.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from custom_components.xiaomi_smart_lock.miot.spec import SPECS

from .model import MODEL, SPEC

if TYPE_CHECKING:
    from collections.abc import Iterator

INSTANCE: Final = "/miot-spec-v2/instance"
INSTANCES: Final = "/miot-spec-v2/instances"
TEXTS: Final = "/instance/v2/multiLanguage"

DEVICE: Final = SPEC.urn.rpartition(":")[0]
PRODUCT: Final = DEVICE.rpartition(":")[2]
VENDOR: Final = PRODUCT.partition("-")[0]
REVISIONS: Final = (1, 2, 3)
RELEASED: Final = 1_700_000_000
"""A made-up time, in seconds since 1970; revision N was released N days later."""

KINDS: Final = {"properties": "property", "actions": "action", "events": "event"}

# MIoT's type numbers, as in published instances of other models.
_NUMBERS: Final[dict[str, int]] = {
    "service:device-information": 0x7801,
    "service:battery": 0x7805,
    "service:no-disturb": 0x784D,
    "service:lock": 0x7855,
    "service:door": 0x7856,
    "service:doorbell": 0x7857,
    "property:manufacturer": 0x01,
    "property:model": 0x02,
    "property:serial-number": 0x03,
    "property:firmware-revision": 0x05,
    "property:on": 0x06,
    "property:status": 0x07,
    "property:mode": 0x08,
    "property:volume": 0x13,
    "property:battery-level": 0x14,
    "property:charging-state": 0x15,
    "property:enable-time-period": 0x4B,
    "property:no-disturb": 0x4C,
    "property:night-shot": 0x57,
    "property:door-state": 0x6B,
    "property:abnormal-condition": 0x95,
    "property:operation-method": 0x96,
    "property:operation-id": 0x97,
    "property:current-time": 0x98,
    "property:ringtone": 0x9D,
    "property:operation-position": 0x128,
    "property:lock-action": 0x129,
    "event:exception-occurred": 0x5011,
    "event:doorbell-ring": 0x5013,
    "event:someone-passed-by": 0x502C,
    "event:someone-at-the-door": 0x502D,
    "event:lock-event": 0x5033,
}
# The first numbers of a vendor's own types. The numbers of this lock's types are not known: they
# are made up here, in the order of the specification.
_FIRST_OWN: Final = {"service": 0x7801, "property": 0x01, "action": 0x2801, "event": 0x5001}

_DEVICE_INFORMATION: Final[dict[str, Any]] = {
    "iid": 1,
    "type": "urn:miot-spec-v2:service:device-information",
    "description": "Device Information",
    "properties": [
        {
            "iid": iid,
            "type": f"urn:miot-spec-v2:property:{name}",
            "description": description,
            "format": "string",
            "access": ["read"],
        }
        for iid, name, description in (
            (1, "manufacturer", "Device Manufacturer"),
            (2, "model", "Device Model"),
            (3, "serial-number", "Device ID"),
            (4, "firmware-revision", "Current Firmware Version"),
        )
    ],
}

# Items that a revision added: siid, kind of item, and the item. Only the event of revision 3 is
# known; the others are made up, one of each kind that a revision can add.
_NEW_ITEMS: Final[dict[int, list[tuple[int, str, dict[str, Any]]]]] = {
    2: [
        (
            13,
            "properties",
            {
                "iid": 5,
                "type": "urn:miot-spec-v2:property:battery-temperature",
                "description": "Battery temperature",
                "description_zh": "电池温度",
                "format": "int8",
                "access": ["read", "notify"],
                "value-range": [-40, 85, 1],
                "unit": "celsius",
            },
        )
    ],
    3: [
        (
            17,
            "events",
            {
                "iid": 4,
                "type": "urn:miot-spec-v2:event:someone-passed-by",
                "description": "Someone passed by",
                "description_zh": "有人经过",
                "arguments": [8],
            },
        ),
        (
            9,
            "actions",
            {
                "iid": 2,
                "type": "urn:miot-spec-v2:action:synchronize-time",
                "description": "NA",
                "in": [],
                "out": [],
            },
        ),
    ],
}
# Made-up details that a revision added to properties: values of an enumeration, and access.
_NEW_DETAILS: Final[dict[int, dict[tuple[int, int], dict[str, list[Any]]]]] = {
    2: {(2, 3): {"value-list": [{"value": 9, "description": "Left open"}]}},
    3: {(13, 4): {"access": ["read", "notify"]}},
}


def instance(urn: str) -> dict[str, Any]:
    """Return a revision as it is published. Raises LookupError if there is none."""
    revision = _revision(urn)
    services = [_DEVICE_INFORMATION, *_services(revision)]
    return {
        "type": urn,
        "description": "Lock",
        "services": [_published_service(service, revision) for service in services],
    }


def texts(urn: str) -> dict[str, dict[str, str]]:
    """Return a revision's texts by language and item. Raises LookupError if there is none."""
    services = _services(_revision(urn))
    return {
        language: {
            tag: described[key]
            for service in services
            for tag, described in _tagged(service)
            if described.get(key)
        }
        for language, key in (("en", "description"), ("zh_cn", "description_zh"))
    }


def _revision(urn: str) -> int:
    return {f"{DEVICE}:{revision}": revision for revision in REVISIONS}[urn]


def _services(revision: int) -> list[dict[str, Any]]:
    """Return the services of a revision in the form of the integration's own data."""
    file = SPECS / f"{MODEL}.json"
    services: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["services"]
    by_iid = {service["iid"]: service for service in services}
    for number in range(1, revision + 1):
        for siid, kind, item in _NEW_ITEMS.get(number, ()):
            by_iid[siid][kind].append(deepcopy(item))
        for (siid, piid), details in _NEW_DETAILS.get(number, {}).items():
            [prop] = [prop for prop in by_iid[siid]["properties"] if prop["iid"] == piid]
            for key, added in details.items():
                prop[key] += added
    return services


def _published_service(service: dict[str, Any], revision: int) -> dict[str, Any]:
    items = {
        kind: [_published(item, revision) for item in service[kind]]
        for kind in KINDS
        if service.get(kind)
    }
    return _published(service, revision) | items


def _published(item: dict[str, Any], revision: int) -> dict[str, Any]:
    """Return a service, an item or a value as published: with its full type, in English only."""
    published = {key: item[key] for key in item if key not in (*KINDS, "description_zh")}
    if "type" in item:
        published["type"] = _full_type(item["type"], revision)
    if "value-list" in item:
        published["value-list"] = [_published(value, revision) for value in item["value-list"]]
    return published


def _full_type(short: str, revision: int) -> str:
    _, namespace, kind, name = short.split(":")
    number = _NUMBERS.get(f"{kind}:{name}")
    if number is None:
        namespace = f"{VENDOR}-spec"
        number = _FIRST_OWN[kind] + _OWN_TYPES[kind].index(name)
    return f"urn:{namespace}:{kind}:{name}:{number:08X}:{PRODUCT}:{revision}"


def _own_types() -> dict[str, list[str]]:
    """Return the names of the vendor's own types of all revisions, each once, by kind."""
    names: dict[str, dict[str, None]] = {kind: {} for kind in _FIRST_OWN}
    for revision in REVISIONS:  # in order, so that added types change no numbers
        for service in _services(revision):
            for item in (service, *(item for kind in KINDS for item in service[kind])):
                _, _, kind, name = item["type"].split(":")
                if f"{kind}:{name}" not in _NUMBERS:
                    names[kind][name] = None
    return {kind: list(found) for kind, found in names.items()}


_OWN_TYPES: Final = _own_types()


def _tagged(service: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each service, item and value, with its tag in the translations."""
    tag = f"service:{service['iid']:03}"
    yield tag, service
    for plural, kind in KINDS.items():
        for item in service[plural]:
            of_item = f"{tag}:{kind}:{item['iid']:03}"
            yield of_item, item
            for index, value in enumerate(item.get("value-list", ())):
                yield f"{of_item}:valuelist:{index:03}", value


async def _serve_instance(request: web.Request) -> web.Response:
    """Answer with the instance of a type."""
    try:
        return web.json_response(instance(request.query["type"]))
    except LookupError:
        raise web.HTTPNotFound from None


async def _serve_instances(request: web.Request) -> web.Response:
    """Answer with the list of instances, with their status if all are requested."""
    status = request.query.get("status", "released")
    instances: list[dict[str, Any]] = [
        {
            "model": MODEL,
            "version": revision,
            "type": f"{DEVICE}:{revision}",
            "ts": RELEASED + 86_400 * revision,
        }
        for revision in REVISIONS
    ]
    answers = {
        "all": [{"status": "released"} | one for one in instances],
        "released": instances,
    }
    return web.json_response({"instances": answers.get(status, [])})


async def _serve_texts(request: web.Request) -> web.Response:
    """Answer with the texts of an instance in all languages."""
    try:
        return web.json_response({"data": texts(request.query["urn"])})
    except LookupError:
        raise web.HTTPNotFound from None


ROUTES: Final = [
    web.get(INSTANCE, _serve_instance),
    web.get(INSTANCES, _serve_instances),
    web.get(TEXTS, _serve_texts),
]
