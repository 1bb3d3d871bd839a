"""The specifications that MIoT publishes, of this lock: ours, and what is known of later ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from custom_components.xiaomi_smart_lock.miot import spec

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH: Final = "/miot-spec-v2/instance"

# What a revision added: to which service, which kind of item, and the item.
_ADDED: Final[dict[int, list[tuple[int, str, dict[str, Any]]]]] = {
    3: [
        (
            17,
            "events",
            {
                "iid": 4,
                "type": "urn:miot-spec-v2:event:someone-passed-by",
                "description": "Someone passed by",
                "arguments": [8],
            },
        )
    ]
}


def instance(urn: str) -> dict[str, Any]:
    """Return a revision of the specification; raises LookupError where there is none."""
    device, _, revision = urn.rpartition(":")
    if device != spec.SPEC.urn.rpartition(":")[0] or not revision.isdigit():
        raise LookupError(urn)
    file = Path(spec.__file__).parent / "specs" / f"{spec.MODEL}.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    services = {service["iid"]: service for service in found["services"]}
    for siid, kind, item in _added_until(int(revision)):
        services[siid][kind].append(item)
    return found | {"type": urn}


def _added_until(revision: int) -> Iterator[tuple[int, str, dict[str, Any]]]:
    for added, items in _ADDED.items():
        if added <= revision:
            yield from items


async def serve(request: web.Request) -> web.Response:
    """Answer with the instance of a type."""
    try:
        return web.json_response(instance(request.query["type"]))
    except LookupError:
        raise web.HTTPNotFound from None
