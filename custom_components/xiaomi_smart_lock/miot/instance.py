"""The specification of other firmware, as MIoT publishes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from .errors import CannotConnectError
from .http import request
from .spec import Spec, parse

if TYPE_CHECKING:
    import ssl

    from aiohttp import ClientSession

    from .endpoints import Endpoints


VERSION: Final = re.compile("[0-9]{1,9}")


def is_newer(urn: str, than: Spec) -> bool:
    """Say whether a URN is of the same device's specification, in a later version."""
    device, _, version = urn.rpartition(":")
    known_device, _, known_version = than.urn.rpartition(":")
    if device != known_device or not VERSION.fullmatch(version):
        return False
    return int(version) > int(known_version)


async def fetch(
    session: ClientSession, tls: ssl.SSLContext, endpoints: Endpoints, urn: str
) -> Spec:
    """Return the specification that MIoT publishes for a URN; raises CannotConnectError."""
    answer = await request(session, tls, "GET", endpoints.instance, params={"type": urn})
    try:
        return parse(answer)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise CannotConnectError("the specification has another shape") from None


def unknown_items(theirs: Spec, ours: Spec) -> list[str]:
    """Return what their specification has and ours does not: address and description."""
    return [
        f"{item} {item.description}"
        for kind in ("properties", "actions", "events")
        for address, item in getattr(theirs, kind).items()
        if address not in getattr(ours, kind)
    ]
