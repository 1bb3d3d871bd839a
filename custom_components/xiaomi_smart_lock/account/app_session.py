"""The Mi Home app session of a config entry, with request budgets and pauses."""

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
# Pause after an error in seconds; doubles with each error in a row, up to LONGEST_PAUSE
PAUSE: Final = 30
LONGEST_PAUSE: Final = 3600
# Pause in seconds after the account answered a renewal without a session, and the number of such
# answers in a row after which the user has to sign in again. A single one may be maintenance.
RENEWAL_PAUSE: Final = 600
RENEWALS: Final = 3
# Seconds until a service that refused the account is asked again
REFUSAL_PAUSE: Final = 3600
# Maximum pages of the camera's list to request while they are empty
EMPTY_PAGES: Final = 5


class Service(StrEnum):
    """A service with its own budget and pauses, since each service fails by itself."""

    HISTORY = "history"
    CAMERA = "camera"
    """The camera's list of detections."""
    PICTURES = "pictures"
    RECORDINGS = "recordings"
    NAMES = "names"
    """The names of a lock's users."""


class Pause:
    """A period without requests; doubles with each failure in a row, up to LONGEST_PAUSE."""

    def __init__(self) -> None:
        """Start without a pause."""
        self._until = 0.0
        self._failures = 0

    @property
    def left(self) -> float:
        """The remaining seconds, 0 outside a pause."""
        return max(self._until - time.monotonic(), 0.0)

    def begin(self, seconds: float) -> bool:
        """Start a pause unless one is running; return whether it was started.

        Failures during a pause do not count: failures at the same time are one.
        """
        if self.left:
            return False
        self._until = time.monotonic() + min(seconds * 2**self._failures, LONGEST_PAUSE)
        self._failures += 1
        return True

    def end(self) -> None:
        """Reset the failure count after a success. A running pause continues."""
        self._failures = 0


class Allowance:
    """The request budget and the pauses of a service."""

    def __init__(self, budget: int) -> None:
        """Prepare with a budget of requests per hour."""
        self.pause = Pause()
        self.leave_alone_until = 0.0
        self._budget = budget
        self._spent: deque[float] = deque()

    def __len__(self) -> int:
        """Return the number of requests in the last hour."""
        hour_ago = time.monotonic() - HOUR
        while self._spent and self._spent[0] <= hour_ago:
            self._spent.popleft()
        return len(self._spent)

    def check(self) -> None:
        """Raise PausedError during the wait that follows a TooManyRequestsError."""
        if (left := self.leave_alone_until - time.monotonic()) > 0:
            raise PausedError(f"the service wants to be left alone for {left:.0f} s", left)

    def spend(self) -> None:
        """Take a request from the budget. Raises BudgetSpentError or PausedError."""
        if len(self) >= self._budget:
            raise BudgetSpentError(self._budget)
        if left := self.pause.left:
            raise PausedError(f"paused for {left:.0f} s after an error", left)
        self._spent.append(time.monotonic())


class AppSession:
    """The Mi Home app session of a config entry, with a request budget for each service.

    Make each single request within ``request``.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, client: AppClient, budget: int
    ) -> None:
        """Prepare with a budget of requests per hour for each service."""
        self.client = client
        self._hass = hass
        self._entry = entry
        self._budget = budget
        self._allowances = {service: Allowance(budget) for service in Service}
        self._refused_until: dict[tuple[Service, str], float] = {}
        """The end of each refusal in monotonic seconds, by service and did of the lock."""
        self._renewal = Pause()
        self._renewals = 0
        """Number of answers without a session in a row."""
        self._ended: dict[str, Any] | None = None
        """Data for the reauth flow once the session has ended, None before that."""
        self.asked = 0
        """Number of requests made."""
        self.failed = 0
        """Number of requests that failed."""

    @contextmanager
    def request(
        self, service: Service = Service.HISTORY, did: str = "", *, of_budget: bool = True
    ) -> Iterator[AppClient]:
        """Allow one request about a lock, and record its outcome.

        Raises RequestDeferredError during a pause or when the budget is spent, NotAllowedError
        while the service refuses the account, and NotSignedInError if the user has to sign in
        again.

        With ``of_budget`` False, the budget and the pause after an error do not apply: pictures are
        needed at once or never. Other limits still apply, such as the wait after a
        TooManyRequestsError.
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
        """Return the newest page of camera detections between two times that is not empty.

        Times are in Unix milliseconds. Empty pages are followed, since the cloud's list may
        continue after them; after EMPTY_PAGES of them the last one is returned.
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
        """Block a service that refuses the account for a lock, and raise the issue."""
        self._refused_until[service, did] = time.monotonic() + REFUSAL_PAUSE
        device = async_device_of(self._hass, self._entry, did)
        name = (device and device.name) or did
        async_raise_issue(self._hass, self._entry, Issue.CAMERA, did, lock=name)

    @callback
    def _allow(self, service: Service, did: str) -> None:
        """Lift the block after a success; clear the issue once no service refuses the lock."""
        refused = self._refused_until.pop((service, did), None)
        if refused and not any(of == did for _, of in self._refused_until):
            async_clear_issue(self._hass, self._entry, Issue.CAMERA, did)

    @callback
    def _take_not_renewed(self, error: NotRenewedError) -> None:
        """Pause all services after a failed renewal; end the session after RENEWALS failures.

        Only failures in a row count in which the account answered; one without an answer resets the
        count.
        """
        if not self._renewal.begin(RENEWAL_PAUSE if error.answered else PAUSE):
            return
        self._renewals = self._renewals + 1 if error.answered else 0
        if self._renewals == RENEWALS:
            self._end(NotConfirmedError())

    @callback
    def _end(self, error: NotSignedInError) -> None:
        """Block all requests, and ask the user to sign in again."""
        self._ended = {CONF_APP_ENDED: True}
        if isinstance(error, NotConfirmedError):
            self._ended[CONF_CONFIRM_URL] = error.url or ""
        self._ask_to_sign_in()

    @callback
    def _ask_to_sign_in(self) -> None:
        """Start the reauth flow.

        Repeat this at each blocked request: Home Assistant starts no reauth flow while the entry is
        being reconfigured.
        """
        self._entry.async_start_reauth(self._hass, data=self._ended)

    def as_dict(self) -> dict[str, Any]:
        """Return request counts and the state of the session, for diagnostics."""
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
    """Return the Mi Home app session of a config entry, None if it is not linked."""
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
    """Return a web session that stores no cookies: those of several accounts would mix."""
    return async_create_clientsession(
        hass, auto_cleanup=auto_cleanup, cookie_jar=aiohttp.DummyCookieJar()
    )
