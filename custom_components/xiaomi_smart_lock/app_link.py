"""An entry's session of the Mi Home app, and how much may be asked in it."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from homeassistant.const import CONF_REGION
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_create_clientsession

from .const import APP_REQUESTS, CONF_APP, CONF_APP_ENDED, CONF_APP_REQUESTS
from .endpoints import async_endpoints
from .miot.app import AppClient
from .miot.app_login import SessionData
from .miot.errors import CannotConnectError, MiotError, NotSignedInError, TooManyRequestsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.core import HomeAssistant

    from . import LockConfigEntry

_LOGGER = logging.getLogger(__name__)

HOUR: Final = 3600  # seconds
# How long to ask for nothing after errors in a row, in seconds
PAUSE: Final = 30
LONGEST_PAUSE: Final = 3600


class NotNowError(MiotError):
    """As much as is allowed was asked for, or something went wrong a moment ago."""


class AppLink:
    """Asks in an entry's session, as much as its budget allows.

    Who asks does so while ``asking``, once for each request.
    """

    def __init__(
        self, hass: HomeAssistant, entry: LockConfigEntry, client: AppClient, budget: int
    ) -> None:
        """Prepare, with a budget of requests an hour."""
        self.client = client
        self._hass = hass
        self._entry = entry
        self._budget = budget
        self._spent: deque[float] = deque()
        self._pause_until = 0.0
        self._leave_alone_until = 0.0
        self._failures = 0
        self._ended = False
        self.asked = 0
        """How many requests were asked for, all in all."""
        self.failed = 0
        """How many of them failed."""

    @contextmanager
    def asking(self, *, of_budget: bool = True) -> Iterator[AppClient]:
        """Allow one request, or say why not; take note of how it ends.

        Raises NotNowError, or NotSignedInError where the user has to sign in again. Pictures are
        beside the budget: they are wanted at once or never. But a service that wants to be left
        alone is.
        """
        if self._ended:
            raise NotSignedInError("the session has ended")
        if (left := self._leave_alone_until - time.monotonic()) > 0:
            raise NotNowError(f"the service wants to be left alone for {left:.0f} s")
        if of_budget:
            self._spend()
        self.asked += 1
        try:
            yield self.client
        except NotSignedInError:
            self._end()
            raise
        except CannotConnectError as error:
            self._fail(error)
            raise
        self._failures = 0

    def _spend(self) -> None:
        now = time.monotonic()
        while self._spent and self._spent[0] <= now - HOUR:
            self._spent.popleft()
        if len(self._spent) >= self._budget:
            raise NotNowError(f"{self._budget} requests were made within an hour")
        if now < self._pause_until:
            raise NotNowError(f"paused for {self._pause_until - now:.0f} s after an error")
        self._spent.append(now)

    def _fail(self, error: CannotConnectError) -> None:
        """Pause, for longer each time; what was asked for together fails together, and once."""
        self.failed += 1
        now = time.monotonic()
        if now >= self._pause_until:
            self._pause_until = now + min(PAUSE * 2**self._failures, LONGEST_PAUSE)
            self._failures += 1
        if isinstance(error, TooManyRequestsError):
            self._leave_alone_until = now + error.wait

    @callback
    def _end(self) -> None:
        """Have the user sign in again, and ask for nothing until then."""
        self.failed += 1
        self._ended = True
        self._entry.async_start_reauth(self._hass, data={CONF_APP_ENDED: True})

    def as_dict(self) -> dict[str, Any]:
        """Return how much was asked for, for diagnostics."""
        return {
            "asked": self.asked,
            "failed": self.failed,
            "budget": self._budget,
            "within_an_hour": len(self._spent),
            "ended": self._ended,
        }


async def async_link(hass: HomeAssistant, entry: LockConfigEntry) -> AppLink | None:
    """Return an entry's link to the Mi Home app, None where it has none."""
    if (stored := entry.data.get(CONF_APP)) is None:
        return None
    given = dict(stored)
    region = given.pop(CONF_REGION)

    @callback
    def keep(data: SessionData) -> None:
        kept = {CONF_REGION: region, **data.as_dict()}
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_APP: kept})

    endpoints, tls = await async_endpoints(hass)
    client = AppClient(async_app_session(hass), tls, endpoints, region, SessionData(**given), keep)
    budget = int(entry.options.get(CONF_APP_REQUESTS, APP_REQUESTS))
    return AppLink(hass, entry, client, budget)


@callback
def async_app_session(hass: HomeAssistant, *, auto_cleanup: bool = True) -> aiohttp.ClientSession:
    """Return a web session that keeps no cookies: accounts would mix."""
    return async_create_clientsession(
        hass, auto_cleanup=auto_cleanup, cookie_jar=aiohttp.DummyCookieJar()
    )
