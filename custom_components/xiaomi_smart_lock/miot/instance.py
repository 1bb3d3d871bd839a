"""Specifications of other firmware, as MIoT publishes them."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

from .http import request
from .spec import Access, Property, parse

if TYPE_CHECKING:
    import ssl

    from aiohttp import ClientSession

    from .endpoints import Endpoints
    from .spec import Spec


URN: Final = re.compile(r"((?:[^:]+:){5}[^:]+):([0-9]{1,9})(?::.*)?")
"""Device and revision in the URN of a specification; a suffix may follow."""

LONGEST: Final = 2 * 1024 * 1024  # bytes, ten times the size of the largest known ones
DEVICE_INFORMATION: Final = 1
"""The siid of a service of each device; the device list and miIO provide its content anyway."""


def is_newer(urn: str, than: Spec) -> bool:
    """Return whether a URN is a later revision of the same device's specification."""
    matched, known = URN.fullmatch(urn), URN.fullmatch(than.urn)
    return bool(matched and known and matched[1] == known[1] and int(matched[2]) > int(known[2]))


async def fetch(
    session: ClientSession, tls: ssl.SSLContext, endpoints: Endpoints, urn: str
) -> Spec:
    """Return the specification that MIoT publishes for a URN; raises CannotConnectError."""
    url = endpoints.instance
    instance = await request(session, tls, "GET", url, params={"type": urn}, limit=LONGEST)
    return await asyncio.to_thread(parse, instance)


def additions(theirs: Spec, ours: Spec) -> list[str]:
    """Return the differences of their specification from ours, one line per item.

    These are items, values and access that ours lacks, and access that theirs no longer grants.
    """
    lines: list[str] = []
    for kind in ("properties", "actions", "events"):
        known = getattr(ours, kind)
        for address, item in getattr(theirs, kind).items():
            if address[0] == DEVICE_INFORMATION:
                continue
            if address not in known:
                lines.append(f"{item} {item.description}")
            elif isinstance(item, Property) and (changes := _changes(item, known[address])):
                lines.append(f"{item} {known[address].description}: {', '.join(changes)}")
    return lines


def _changes(theirs: Property, ours: Property) -> list[str]:
    """Return a property's new values, its range if wider, and its added and removed access."""
    known = {named.value for named in ours.values}
    changes = [
        f"+{named.value} = {named.description}" if named.description else f"+{named.value}"
        for named in theirs.values
        if known and named.value not in known
    ]
    if ours.range and theirs.range:
        (low, high, _), (least, most, _) = theirs.range, ours.range
        changes += [f"+{low}…{high}"] if low < least or high > most else []
    for sign, more, less in (("+", theirs, ours), ("-", ours, theirs)):
        changes += [f"{sign}{access}" for access in Access if access in more.access - less.access]
    return changes
