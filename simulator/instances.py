"""The simulated miot-spec.org: the specifications of all models, and their texts.

That of this lock, with its revisions, is made from the integration's own data; those of its
siblings are generated from facts, as no original is known.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from . import published, revision_4
from .model import MODEL, SPEC
from .siblings import MODELS, TWIN, services_of_s1

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .published import Item, OwnTypes

INSTANCE: Final = "/miot-spec-v2/instance"
INSTANCES: Final = "/miot-spec-v2/instances"
TEXTS: Final = "/instance/v2/multiLanguage"

DEVICE: Final = SPEC.urn.rpartition(":")[0]
REVISIONS: Final = (1, 2, 3, revision_4.REVISION)
RELEASED: Final = 1_700_000_000
"""A made-up time, in seconds since 1970; revision N was released N days later."""

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
    """Return a specification as it is published. Raises LookupError if there is none."""
    services = services_of(urn)
    own = _OWN_TYPES if urn in _REVISION or urn == _TWIN_URN else published.own_types([services])
    return published.instance(urn, services, own)


def texts(urn: str) -> dict[str, dict[str, str]]:
    """Return a specification's texts by language and item. Raises LookupError if there is none."""
    languages = _MODEL_OF[urn].languages if urn in _MODEL_OF else published.LANGUAGES
    return published.texts(services_of(urn), languages)


def listed() -> Iterator[dict[str, Any]]:
    """Yield the model, the revision, the URN and the time of all instances."""
    models = [(MODEL, urn) for urn in _REVISION]
    models += [(model.facts.model, urn) for urn, model in _MODEL_OF.items()]
    for model, urn in models:
        version = int(urn.rpartition(":")[2])
        yield {
            "model": model,
            "version": version,
            "type": urn,
            "ts": RELEASED + 86_400 * version,
        }


_REVISION: Final = {f"{DEVICE}:{revision}": revision for revision in REVISIONS}
_MODEL_OF: Final = {model.facts.urn: model for model in MODELS.values()}
_TWIN_URN: Final = MODELS[TWIN].facts.urn


def services_of(urn: str) -> Sequence[Item]:
    """Return the services of a URN, in the form of the integration's own data."""
    return _services(_REVISION[urn]) if urn in _REVISION else _MODEL_OF[urn].services


def _services(revision: int) -> list[Item]:
    """Return the services of a revision of this lock."""
    services = services_of_s1()
    by_iid = {service["iid"]: service for service in services}
    for number in range(1, revision + 1):
        for siid, kind, item in _NEW_ITEMS.get(number, ()):
            by_iid[siid][kind].append(deepcopy(item))
        for (siid, piid), details in _NEW_DETAILS.get(number, {}).items():
            [prop] = [prop for prop in by_iid[siid]["properties"] if prop["iid"] == piid]
            for key, added in details.items():
                prop[key] += added
    if revision >= revision_4.REVISION:
        revision_4.add(services)
    return services


def _own_types() -> OwnTypes:
    """Return the names of the vendor's own types of all revisions of this lock."""
    return published.own_types(_services(revision) for revision in REVISIONS)


_OWN_TYPES: Final = _own_types()


async def _serve_instance(request: web.Request) -> web.Response:
    """Answer with the instance of a type."""
    try:
        return web.json_response(instance(request.query["type"]))
    except LookupError:
        raise web.HTTPNotFound from None


async def _serve_instances(request: web.Request) -> web.Response:
    """Answer with the list of instances, with their status if all are requested."""
    status = request.query.get("status", "released")
    instances = list(listed())
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
