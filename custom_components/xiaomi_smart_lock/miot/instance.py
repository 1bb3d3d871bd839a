"""Specifications that MIoT publishes, in the form in which they are stored."""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from yarl import URL

from .errors import CannotConnectError, StatusError
from .http import request
from .spec import Access, Event, Property, parse, slug
from .values import objects

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    from aiohttp import ClientSession

    from .endpoints import Endpoints
    from .spec import Item, NamedValue, Spec

    type Instance = dict[str, Any]
    """A specification in MIoT's format with ``description_zh``, as in ``specs``."""

URN: Final = re.compile(r"((?:[^:]+:){5}[^:]+):([0-9]{1,9})(?::.*)?")
"""Device and revision in the URN of a specification; a suffix may follow."""
_LOCK: Final = re.compile(r"urn:[^:]+:device:lock:.+")

LONGEST: Final = 2 * 1024 * 1024  # bytes, ten times the size of the largest known ones
MOST_ITEMS: Final = 1000
"""The most properties, actions, events and values of a specification; those of known locks have 250
at most, and each may become something that Home Assistant shows."""

TEXTS: Final = "/instance/v2/multiLanguage"
"""The path of the texts of a specification in other languages; observed in public clients."""
_ENGLISH: Final = "en"
_CHINESE: Final = "zh_cn"
_KINDS: Final = {"properties": "property", "actions": "action", "events": "event"}


def is_lock(urn: str) -> bool:
    """Return whether a URN is that of a lock."""
    return _LOCK.fullmatch(urn) is not None


def revision_of(urn: str) -> tuple[str, int] | None:
    """Return a URN's device and revision, None if it is no URN of a device."""
    matched = URN.fullmatch(urn)
    return (matched[1], int(matched[2])) if matched else None


def plain(urn: str) -> str:
    """Return a URN without the suffix that may follow its revision."""
    found = revision_of(urn)
    return f"{found[0]}:{found[1]}" if found else urn


async def fetch(
    session: ClientSession, tls: ssl.SSLContext, endpoints: Endpoints, urn: str
) -> Instance:
    """Return the specification that MIoT publishes for a URN, with its English and Chinese texts.

    Raises CannotConnectError if there is none or it is too large to be one.
    """
    texts_url = str(URL(endpoints.instance).with_path(TEXTS))
    published = await request(
        session, tls, "GET", endpoints.instance, params={"type": urn}, limit=LONGEST
    )
    texts: dict[str, Any] = {}
    try:
        texts = await request(session, tls, "GET", texts_url, params={"urn": urn}, limit=LONGEST)
    except StatusError as error:
        if error.status != HTTPStatus.NOT_FOUND:  # There may be none.
            raise
    return await asyncio.to_thread(_joined, published, texts.get("data"), urn)


def _joined(published: Mapping[str, Any], texts: object, urn: str) -> Instance:
    """Return an instance with the texts of other languages, without what is not understood."""
    languages: Mapping[str, object] = texts if isinstance(texts, dict) else {}
    for of_language, key in ((_ENGLISH, "description"), (_CHINESE, "description_zh")):
        said = languages.get(of_language)
        if isinstance(said, dict):
            for tag, described in _tagged(published):
                if isinstance(words := said.get(tag), str):
                    described[key] = words
    spec = parse(published)
    sizes = (1 + len(item.values) if isinstance(item, Property) else 1 for item in _items(spec))
    if sum(sizes) > MOST_ITEMS:
        raise CannotConnectError("the specification has too many items")
    return as_instance(spec) | {"type": urn}


def _items(spec: Spec) -> Iterator[Item]:
    for index in (spec.properties, spec.actions, spec.events):
        yield from index.values()


def _tagged(published: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each service, item and value, with its tag in the texts of other languages.

    Observed: ``service:002:property:001:valuelist:000``, the values by their position.
    """
    for service in objects(published.get("services")):
        if type(service.get("iid")) is not int:
            continue
        of_service = f"service:{service['iid']:03}"
        yield of_service, service
        for plural, kind in _KINDS.items():
            for item in objects(service.get(plural)):
                if type(item.get("iid")) is not int:
                    continue
                of_item = f"{of_service}:{kind}:{item['iid']:03}"
                yield of_item, item
                for position, value in enumerate(objects(item.get("value-list"))):
                    yield f"{of_item}:valuelist:{position:03}", value


def as_instance(spec: Spec) -> Instance:
    """Return a specification as JSON data that ``parse`` understands."""
    return {
        "type": spec.urn,
        **_described(spec),
        "services": [
            {
                **_named(service, "service"),
                "properties": [_property(one) for one in service.properties],
                "actions": [
                    {**_named(one, "action"), "in": _piids(one.inputs), "out": _piids(one.outputs)}
                    for one in service.actions
                ],
                "events": [
                    {**_named(one, "event"), "arguments": _piids(one.arguments)}
                    for one in service.events
                ],
            }
            for service in spec.services
        ],
    }


def _described(named: Spec | Item | NamedValue) -> dict[str, str]:
    return {"description": named.description, "description_zh": named.description_zh}


def _named(item: Item, kind: str) -> dict[str, Any]:
    siid, iid = item.address
    return {
        "iid": siid if kind == "service" else iid,
        "type": f"urn:miot-spec-v2:{kind}:{item.name}",
        **_described(item),
    }


def _piids(properties: tuple[Property, ...]) -> list[int]:
    return [prop.address[1] for prop in properties]


def _property(prop: Property) -> dict[str, Any]:
    optional = {
        "value-list": [{"value": one.value, **_described(one)} for one in prop.values],
        "value-range": list(prop.range) if prop.range else None,
        "unit": prop.unit,
    }
    return {
        **_named(prop, "property"),
        "format": prop.format,
        "access": [kind for kind in Access if kind in prop.access],
        **{key: value for key, value in optional.items() if value},
    }


def adopt(theirs: Instance, ours: Instance) -> Instance:
    """Return a later revision with the texts of an earlier one for the items that both have.

    Keys of states and events come from these texts: they must not change when another revision, or
    another translation, words them differently. A value that is new in its enumeration gets a text
    of its own.
    """
    return {
        **theirs,
        "services": [
            _adopted_service(service, _alike(service, ours["services"]))
            for service in theirs["services"]
        ],
    }


def _adopted_service(theirs: Instance, ours: Instance) -> Instance:
    items = {
        kind: [_adopted(item, _alike(item, ours.get(kind, ()))) for item in theirs[kind]]
        for kind in _KINDS
    }
    return _adopted(theirs, ours) | items


def _alike(item: Instance, known: Any) -> Instance:
    """Return the known item of the same id and name, an empty one if there is none."""
    same = ("iid", "type")
    return next((one for one in known if all(one[key] == item[key] for key in same)), {})


def _adopted(theirs: Instance, ours: Instance) -> Instance:
    texts = {key: said for key in ("description", "description_zh") if (said := ours.get(key))}
    if not (ours and theirs.get("value-list")):
        return theirs | texts
    known = {one["value"]: one for one in ours.get("value-list", ())}
    taken = {slug(one["description"]) for one in known.values()}
    values = [known.get(one["value"]) or _distinct(one, taken) for one in theirs["value-list"]]
    return theirs | texts | {"value-list": values}


def _distinct(value: Instance, taken: set[str]) -> Instance:
    """Return a value with a text that no other value of the enumeration has."""
    if slug(said := value["description"]) not in taken:
        return value
    return value | {"description": f"{said} {value['value']}"}


def has_all(theirs: Spec, ours: Spec) -> bool:
    """Return whether their specification has everything that ours has, under the same names."""
    return all(
        (same := getattr(theirs, kind).get(address)) is not None and _has_all_of(same, item)
        for kind in _KINDS
        for address, item in getattr(ours, kind).items()
    )


def _has_all_of(theirs: Item, ours: Item) -> bool:
    match theirs, ours:
        case Property(), Property():
            values = {one.value for one in ours.values} <= {one.value for one in theirs.values}
            same = theirs.format == ours.format and bool(theirs.values) == bool(ours.values)
            return theirs.name == ours.name and same and values and ours.access <= theirs.access
        case Event(), Event():
            return theirs.name == ours.name and ours.piids.items() <= theirs.piids.items()
    return theirs.name == ours.name


def additions(theirs: Spec, ours: Spec, words: Callable[[Item | NamedValue], str]) -> list[str]:
    """Return the differences of their specification from ours, one line per item.

    These are items, values and access that ours lacks, and access that theirs no longer grants.
    ``words`` returns the name of an item or a value.
    """
    lines: list[str] = []
    for kind in _KINDS:
        known = getattr(ours, kind)
        for address, item in getattr(theirs, kind).items():
            if address not in known:
                lines.append(f"{item} {words(item)}")
            elif isinstance(item, Property) and (changes := _changes(item, known[address], words)):
                lines.append(f"{item} {words(known[address])}: {', '.join(changes)}")
    return lines


def _changes(
    theirs: Property, ours: Property, words: Callable[[Item | NamedValue], str]
) -> list[str]:
    """Return a property's new values, its range if wider, and its added and removed access."""
    known = {named.value for named in ours.values}
    changes = [
        f"+{named.value} = {said}" if (said := words(named)) else f"+{named.value}"
        for named in theirs.values
        if known and named.value not in known
    ]
    if ours.range and theirs.range:
        (low, high, _), (least, most, _) = theirs.range, ours.range
        changes += [f"+{low}…{high}"] if low < least or high > most else []
    for sign, more, less in (("+", theirs, ours), ("-", ours, theirs)):
        changes += [f"{sign}{access}" for access in Access if access in more.access - less.access]
    return changes
