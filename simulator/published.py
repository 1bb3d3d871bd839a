"""The form in which miot-spec.org publishes an instance, made from data in the integration's form.

Types have their numbers and the vendor's model, service 1 is the device information, empty lists of
items are left out, and texts in other languages are separate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

type Item = dict[str, Any]
"""A service, property, action, event or value, as the integration's data has it."""
type OwnTypes = Mapping[str, Sequence[str]]
"""The names of a vendor's own types, by kind."""

KINDS: Final = {"properties": "property", "actions": "action", "events": "event"}
LANGUAGES: Final[Mapping[str, str]] = {"en": "description", "zh_cn": "description_zh"}

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
# The first numbers of a vendor's own types. The numbers of most types are not known: they
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


def instance(urn: str, services: Iterable[Item], own_types: OwnTypes) -> Item:
    """Return the instance of a URN as it is published."""
    _, _, _, kind, _, product, revision = urn.split(":")
    suffix = f"{product}:{revision}"
    return {
        "type": urn,
        "description": kind.capitalize(),
        "services": [
            _service(service, suffix, own_types) for service in (_DEVICE_INFORMATION, *services)
        ],
    }


def texts(
    services: Iterable[Item], languages: Mapping[str, str] = LANGUAGES
) -> dict[str, dict[str, str]]:
    """Return the texts of services by language and tag.

    ``languages`` has the field of a language's texts, by language.
    """
    tagged = [found for service in services for found in _tagged(service)]
    return {
        language: {tag: described[key] for tag, described in tagged if described.get(key)}
        for language, key in languages.items()
    }


def own_types(revisions: Iterable[Iterable[Item]]) -> dict[str, list[str]]:
    """Return the names of the vendor's own types of all revisions, each once, by kind.

    The revisions have to be in order, so that added types change no numbers.
    """
    names: dict[str, dict[str, None]] = {kind: {} for kind in _FIRST_OWN}
    for services in revisions:
        for service in services:
            for item in (service, *(item for kind in KINDS for item in service.get(kind, ()))):
                _, _, kind, name = item["type"].split(":")
                if f"{kind}:{name}" not in _NUMBERS:
                    names[kind][name] = None
    return {kind: list(found) for kind, found in names.items()}


def _service(service: Item, suffix: str, own: OwnTypes) -> Item:
    items = {
        kind: [_published(item, suffix, own) for item in service[kind]]
        for kind in KINDS
        if service.get(kind)
    }
    return _published(service, suffix, own) | items


def _published(item: Item, suffix: str, own: OwnTypes) -> Item:
    """Return a service, an item or a value as published: with its full type, in one language."""
    published = {key: item[key] for key in item if key not in (*KINDS, "description_zh")}
    if "type" in item:
        published["type"] = _full_type(item["type"], suffix, own)
    if "value-list" in item:
        published["value-list"] = [_published(value, suffix, own) for value in item["value-list"]]
    return published


def _full_type(short: str, suffix: str, own: OwnTypes) -> str:
    _, namespace, kind, name = short.split(":")
    number = _NUMBERS.get(f"{kind}:{name}")
    if number is None:
        namespace = f"{suffix.partition('-')[0]}-spec"
        number = _FIRST_OWN[kind] + own[kind].index(name)
    return f"urn:{namespace}:{kind}:{name}:{number:08X}:{suffix}"


def _tagged(service: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each service, item and value, with its tag in the translations."""
    tag = f"service:{service['iid']:03}"
    yield tag, service
    for plural, kind in KINDS.items():
        for item in service.get(plural, ()):
            of_item = f"{tag}:{kind}:{item['iid']:03}"
            yield of_item, item
            for index, value in enumerate(item.get("value-list", ())):
                yield f"{of_item}:valuelist:{index:03}", value
