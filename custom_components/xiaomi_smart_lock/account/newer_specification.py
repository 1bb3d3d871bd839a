"""Detection of a newer specification of a lock's firmware."""

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
"""Maximum number of new items listed in a repair issue."""
LONGEST_ADDITION: Final = 300
"""Maximum length of a listed item in characters: one may have thousands of values."""


async def async_report_newer_specification(
    hass: HomeAssistant, session: LockSession, reporter: LockReporter, ours: Spec
) -> None:
    """Raise an issue that lists what a lock's firmware specification adds to ours.

    If the specification cannot be fetched, nothing is reported.
    """
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
