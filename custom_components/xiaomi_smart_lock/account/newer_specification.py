"""Looks whether a lock's firmware has a newer specification than the one that we know."""

from __future__ import annotations

import logging
import textwrap
from typing import TYPE_CHECKING, Final

from homeassistant.helpers.aiohttp_client import async_get_clientsession

from ..miot.errors import MiotError
from ..miot.instance import additions, fetch
from ..reporting.issues import Issue
from .endpoints import async_endpoints

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..miot.spec import Spec
    from ..reporting.reporter import LockReporter
    from ..session import LockSession

_LOGGER = logging.getLogger(__name__)

MOST_ADDITIONS: Final = 50
"""How many new items of a specification are listed in a repair."""
LONGEST_ADDITION: Final = 300
"""How many characters are said of each: one may have thousands of values."""


async def async_report_newer_specification(
    hass: HomeAssistant, session: LockSession, reporter: LockReporter, ours: Spec
) -> None:
    """Say what a lock's firmware has that we do not know yet."""
    endpoints, tls = await async_endpoints(hass)
    web_session, urn = async_get_clientsession(hass), session.device.urn
    try:
        theirs = await fetch(web_session, tls, endpoints, urn)
    except MiotError as error:
        _LOGGER.debug("%s: no specification: %s", session.name, error)
        return
    if new := await hass.async_add_executor_job(additions, theirs, ours):
        lines = [
            f"- {textwrap.shorten(line, LONGEST_ADDITION, placeholder=' …')}"
            for line in new[:MOST_ADDITIONS]
        ]
        more = len(new) - len(lines)
        reporter.raise_issue(
            Issue.SPECIFICATION,
            items="\n".join([*lines, f"- … (+{more})"] if more else lines),
        )
