"""An entry's session of the Mi Home app, and how much may be asked in it."""

from __future__ import annotations

import logging
import time
from collections import deque
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from homeassistant.const import CONF_REGION
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_create_clientsession

from ..const import (
    APP_REQUESTS,
    CONF_APP,
    CONF_APP_ENDED,
    CONF_APP_REQUESTS,
    CONF_CONFIRM_URL,
)
from ..miot.app.client import AppClient, Page
from ..miot.app.login import SessionData
from ..miot.errors import (
    BudgetSpentError,
    CannotConnectError,
    NotAllowedError,
    NotConfirmedError,
    NotRenewedError,
    NotSignedInError,
    PausedError,
    TooManyRequestsError,
)
from ..reporting.devices import async_device_of
from ..reporting.issues import Issue, async_clear_issue, async_raise_issue
from .endpoints import async_endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from ..miot.app.client import Seen

_LOGGER = logging.getLogger(__name__)

HOUR: Final = 3600  # seconds
# How long to ask for nothing after errors in a row, in seconds
PAUSE: Final = 30
LONGEST_PAUSE: Final = 3600
# How long after the account answered with no session to try to renew it again, in seconds, and
# after how many such answers in a row the user has to sign in: one may be of a maintenance
RENEWAL_PAUSE: Final = 600
RENEWALS: Final = 3
# How long a service that refuses an account is not asked again, in seconds
REFUSAL_PAUSE: Final = 3600
# How many pages of the camera's list with nothing in them to follow at a time
EMPTY_PAGES: Final = 5


class Service(StrEnum):
    """What is asked for, each with a budget and pauses of its own: they fail each by itself."""

    HISTORY = "history"
    CAMERA = "camera"
    """The list of what the camera saw."""
    PICTURES = "pictures"
    RECORDINGS = "recordings"


class Pause:
    """A time in which nothing is asked, longer after each failure in a row."""

    def __init__(self) -> None:
        """Begin without one."""
        self._until = 0.0
        self._failures = 0

    @property
    def left(self) -> float:
        """How many seconds are left of it."""
        return max(self._until - time.monotonic(), 0.0)

    def begin(self, seconds: float) -> bool:
        """Pause; return whether this was a failure of its own: what fails together is one."""
        if self.left:
            return False
        self._until = time.monotonic() + min(seconds * 2**self._failures, LONGEST_PAUSE)
        self._failures += 1
        return True

    def end(self) -> None:
        """Begin anew with the next failure: something worked."""
        self._failures = 0


class Allowance:
    """How much may be asked of a service, and when."""

    def __init__(self, budget: int) -> None:
        """Prepare, with a budget of requests an hour."""
        self.pause = Pause()
        self.leave_alone_until = 0.0
        self._budget = budget
        self._spent: deque[float] = deque()

    def __len__(self) -> int:
        """Return how many requests were made within an hour."""
        hour_ago = time.monotonic() - HOUR
        while self._spent and self._spent[0] <= hour_ago:
            self._spent.popleft()
        return len(self._spent)

    def check(self) -> None:
        """Raise NotNowError where the service wants to be left alone."""
        if (left := self.leave_alone_until - time.monotonic()) > 0:
            raise PausedError(f"the service wants to be left alone for {left:.0f} s", left)

    def spend(self) -> None:
        """Take a request out of the budget; raises NotNowError."""
        if len(self) >= self._budget:
            raise BudgetSpentError(self._budget)
        if left := self.pause.left:
            raise PausedError(f"paused for {left:.0f} s after an error", left)
        self._spent.append(time.monotonic())


class AppSession:
    """Asks in an entry's session, as much as its budgets allow.

    Who asks does so while ``request``, once for each request.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, client: AppClient, budget: int
    ) -> None:
        """Prepare, with a budget of requests an hour for each service."""
        self.client = client
        self._hass = hass
        self._entry = entry
        self._budget = budget
        self._allowances = {service: Allowance(budget) for service in Service}
        self._refused_until: dict[tuple[Service, str], float] = {}
        """Until when services that refuse the account are not asked, by the lock's did."""
        self._renewal = Pause()
        self._renewals = 0
        """How often in a row the account answered with no session."""
        self._ended: dict[str, Any] | None = None
        """Why the user has to sign in again, for whoever asks them to."""
        self.asked = 0
        """How many requests were asked for, all in all."""
        self.failed = 0
        """How many of them failed."""

    @contextmanager
    def request(
        self, service: Service = Service.HISTORY, did: str = "", *, of_budget: bool = True
    ) -> Iterator[AppClient]:
        """Allow one request about a lock, or say why not; take note of how it ends.

        Raises NotNowError, NotAllowedError, or NotSignedInError where the user has to sign in
        again. Pictures are beside the budget: they are wanted at once or never. But a service that
        wants to be left alone is.
        """
        allowance = self._allowances[service]
        self._check(service, did)
        allowance.check()
        if of_budget:
            allowance.spend()
        self.asked += 1
        try:
            yield self.client
        except NotSignedInError as error:
            self.failed += 1
            self._end(error)
            raise
        except NotAllowedError:
            self.failed += 1
            self._refuse(service, did)
            raise
        except NotRenewedError as error:
            self.failed += 1
            self._take_not_renewed(error)
            raise
        except CannotConnectError as error:
            self.failed += 1
            allowance.pause.begin(PAUSE)
            if isinstance(error, TooManyRequestsError):
                allowance.leave_alone_until = time.monotonic() + error.wait
            raise
        allowance.pause.end()
        self._renewal.end()
        self._renewals = 0
        self._allow(service, did)

    async def async_seen(
        self, did: str, model: str, start: int, end: int, *, of_budget: bool = True
    ) -> Page[Seen]:
        """Return the newest page with anything in it of what a camera saw between two times.

        In Unix milliseconds; the cloud's list may go on after a page that is empty.
        """
        page: Page[Seen] = Page((), end)
        for _ in range(EMPTY_PAGES):
            if page.entries or page.following is None:
                break
            with self.request(Service.CAMERA, did, of_budget=of_budget) as client:
                page = await client.seen(did, model, start, page.following)
        return page

    def _check(self, service: Service, did: str) -> None:
        if self._ended:
            self._ask_to_sign_in()
            raise NotSignedInError("the session has ended")
        if left := self._renewal.left:
            raise PausedError(
                f"the session could not be renewed, tried again in {left:.0f} s", left
            )
        if self._refused_until.get((service, did), 0) > time.monotonic():
            raise NotAllowedError(service)

    @callback
    def _refuse(self, service: Service, did: str) -> None:
        """Leave a service alone that refuses the account, and say so once."""
        self._refused_until[service, did] = time.monotonic() + REFUSAL_PAUSE
        device = async_device_of(self._hass, self._entry, did)
        name = (device and device.name) or did
        async_raise_issue(self._hass, self._entry, Issue.CAMERA, did, lock=name)

    @callback
    def _allow(self, service: Service, did: str) -> None:
        """Take back that a service refuses the account, where it did."""
        refused = self._refused_until.pop((service, did), None)
        if refused and not any(of == did for _, of in self._refused_until):
            async_clear_issue(self._hass, self._entry, Issue.CAMERA, did)

    @callback
    def _take_not_renewed(self, error: NotRenewedError) -> None:
        """Pause for all services, as none works; have the user sign in where it does not end."""
        if not self._renewal.begin(RENEWAL_PAUSE if error.answered else PAUSE):
            return
        self._renewals = self._renewals + 1 if error.answered else 0
        if self._renewals == RENEWALS:
            self._end(NotConfirmedError())

    @callback
    def _end(self, error: NotSignedInError) -> None:
        """Have the user sign in again, and ask for nothing until then."""
        self._ended = {CONF_APP_ENDED: True}
        if isinstance(error, NotConfirmedError):
            self._ended[CONF_CONFIRM_URL] = error.url or ""
        self._ask_to_sign_in()

    @callback
    def _ask_to_sign_in(self) -> None:
        """Ask again each time: Home Assistant does not while it is being reconfigured."""
        self._entry.async_start_reauth(self._hass, data=self._ended)

    def as_dict(self) -> dict[str, Any]:
        """Return how much was asked for, for diagnostics."""
        return {
            "asked": self.asked,
            "failed": self.failed,
            "budget": self._budget,
            "within_an_hour": {
                service.value: len(allowance) for service, allowance in self._allowances.items()
            },
            "refused": sorted({service.value for service, _ in self._refused_until}),
            "ended": self._ended is not None,
        }


async def async_link(hass: HomeAssistant, entry: ConfigEntry) -> AppSession | None:
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
    return AppSession(hass, entry, client, budget)


@callback
def async_app_session(hass: HomeAssistant, *, auto_cleanup: bool = True) -> aiohttp.ClientSession:
    """Return a web session that keeps no cookies: accounts would mix."""
    return async_create_clientsession(
        hass, auto_cleanup=auto_cleanup, cookie_jar=aiohttp.DummyCookieJar()
    )
