"""Config flow steps in which the user scans a QR code with the Mi Home app."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigFlow
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.selector import (
    BooleanSelector,
    QrCodeSelector,
    QrCodeSelectorConfig,
    QrErrorCorrectionLevel,
)

from ..account.app_session import async_app_session
from ..account.endpoints import async_endpoints
from ..miot.app.client import AppClient
from ..miot.app.login import LONGEST_WAIT, AppLogin, QrCode, SessionData
from ..miot.endpoints import REGIONS
from ..miot.errors import (
    MiotError,
    NotConfirmedError,
    SignInExpiredError,
    SignInRefusedError,
)
from ..wording.phrases import escaped_url
from .progress import async_tell_browser, async_tell_until_heard, long_enough, nothing

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    import aiohttp
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core_config import Config

    from ..miot.cloud import Device
    from ..miot.endpoints import Endpoints

_LOGGER = logging.getLogger(__name__)

LEFT_OPEN: Final = 60
"""Seconds after the expiry of the code until an abandoned flow ends."""
CONF_LATER: Final = "later"
CONF_QR_CODE: Final = "qr_code"

# Regions by Home Assistant's country. Xiaomi's Singapore cloud serves the rest, except Europe,
# which is recognized by its time zone.
REGION_OF_COUNTRY: Final = {"CN": "cn", "IN": "i2", "RU": "ru", "US": "us"}


class CodeError(Exception):
    """A scanned code led nowhere; the text is the translation key of the reason."""


def likely_region(config: Config) -> str:
    """Return the region that follows from Home Assistant's country and time zone."""
    elsewhere = "de" if config.time_zone.startswith("Europe/") else "sg"
    return REGION_OF_COUNTRY.get(config.country or "", elsewhere)


class AppCodeFlow(ConfigFlow):
    """Steps that show a QR code until it is scanned, for a flow that goes on with the session.

    The session is of one account, whatever the region of its devices is.
    """

    _app: SessionData | None = None
    """The session of the account that scanned the code."""
    _app_region: str
    """The region in which devices were found."""
    _look: Callable[[], Awaitable[None]]
    """Looks at what the session gives while the code is still shown. Raises CodeError."""
    _then: Callable[[], Awaitable[ConfigFlowResult]]
    """Returns the step after the code."""
    _without: Callable[[], Awaitable[ConfigFlowResult]] | None = None
    """Returns the step for who does not want to scan a code; None if there is none."""
    _begun: asyncio.Task[tuple[AppLogin, QrCode]] | None = None
    _scanned: asyncio.Task[None] | None = None
    _app_session: aiohttp.ClientSession | None = None
    _cancel_end: CALLBACK_TYPE | None = None
    _stop_telling: CALLBACK_TYPE = staticmethod(nothing)
    _endpoints: Endpoints
    _tls: ssl.SSLContext

    @callback
    def async_remove(self) -> None:
        """Stop waiting for the phone when the flow ends."""
        self._stop_telling()
        self._forget_code()
        if self._cancel_end:
            self._cancel_end()
        if self._app_session:
            self._app_session.detach()

    @callback
    def _forget_code(self) -> None:
        for task in (self._begun, self._scanned):
            if task:
                task.cancel()
        self._begun = self._scanned = None

    @callback
    def _end_within(self, seconds: float = LONGEST_WAIT) -> None:
        """Abort a reconfigure flow a while after some seconds; each call restarts the time.

        During a reconfigure flow, Home Assistant starts no reauth flow for the entry, and it does
        not notice that the browser was closed.
        """
        if self._cancel_end:
            self._cancel_end()
            self._cancel_end = None
        if self.source == SOURCE_RECONFIGURE:
            job = HassJob(self._end, "end linking", cancel_on_shutdown=True)
            self._cancel_end = async_call_later(self.hass, seconds + LEFT_OPEN, job)

    @callback
    def _end(self, _now: datetime) -> None:
        self._cancel_end = None
        self.hass.config_entries.flow.async_abort(self.flow_id)

    async def async_step_code(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Request a QR code, and show progress meanwhile.

        The progress step makes the browser listen for updates of the flow. So it notices later that
        the code was scanned.
        """
        if self._begun is None:
            self._begun = self.hass.async_create_task(self._async_begin(), "ask for a QR code")
        if not self._begun.done():
            return self.async_show_progress(
                step_id="code", progress_action="code", progress_task=self._begun
            )
        self._stop_telling()
        self._stop_telling = async_tell_until_heard(self)
        return self.async_show_progress_done(next_step_id="scan")

    async def _async_begin(self) -> tuple[AppLogin, QrCode]:
        self._endpoints, self._tls = await async_endpoints(self.hass)
        if self._app_session is None:
            self._app_session = async_app_session(self.hass, auto_cleanup=False)
        login = AppLogin(self._app_session, self._tls, self._endpoints)
        async with long_enough():
            return login, await login.begin()

    async def async_step_scan(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the code until it is scanned; the browser then continues by itself."""
        assert self._begun is not None  # noqa: S101
        try:
            login, code = self._begun.result()
        except MiotError as error:
            _LOGGER.debug("No QR code: %s", error)
            return self._show_failure("cloud_out_of_reach")
        if self._scanned is None:
            self._end_within(code.expires - time.monotonic())
            self._scanned = self.hass.async_create_background_task(
                self._async_wait(login, code), "wait for the QR code to be scanned"
            )
            self._scanned.add_done_callback(self._go_on)
        if self._scanned.done():
            try:
                self._scanned.result()
            except CodeError as error:
                return self._show_failure(str(error))
            return await self._then()
        if without := self._chosen_without(user_input):
            return await without()
        selector = QrCodeSelector(
            QrCodeSelectorConfig(
                data=code.login_url,
                scale=6,
                error_correction_level=QrErrorCorrectionLevel.QUARTILE,
            )
        )
        return self.async_show_form(
            step_id="scan",
            data_schema=vol.Schema({vol.Optional(CONF_QR_CODE): selector, **self._way_out}),
            description_placeholders={"url": escaped_url(code.login_url)},
            errors={} if user_input is None else {"base": "not_scanned"},
            last_step=False,
        )

    @property
    def _way_out(self) -> dict[vol.Marker, BooleanSelector]:
        """The field by which the user goes on without a code, if that is possible."""
        return {vol.Optional(CONF_LATER, default=False): BooleanSelector()} if self._without else {}

    @callback
    def _chosen_without(
        self, user_input: dict[str, Any] | None
    ) -> Callable[[], Awaitable[ConfigFlowResult]] | None:
        """Return what comes next for a user who chose to go on without a code, else None."""
        if not (user_input and user_input.get(CONF_LATER)):
            return None
        self._forget_code()
        return self._without

    @callback
    def _go_on(self, scanned: asyncio.Task[None]) -> None:
        """Make the browser load the next step."""
        if not scanned.cancelled():
            async_tell_browser(self)

    async def _async_wait(self, login: AppLogin, code: QrCode) -> None:
        """Wait for the session of the account that scans the code, and look at what it gives.

        Raises CodeError.
        """
        try:
            self._app = await login.wait(code)
            await self._look()
        except SignInExpiredError:
            raise CodeError("code_expired") from None
        except SignInRefusedError:
            raise CodeError("link_refused") from None
        except NotConfirmedError:
            raise CodeError("confirm_first") from None
        except MiotError as error:
            _LOGGER.debug("No session: %s", error)
            raise CodeError("cloud_out_of_reach") from None

    @callback
    def _show_failure(self, error: str) -> ConfigFlowResult:
        self._app = None
        self._forget_code()
        return self.async_show_form(
            step_id="another_code",
            data_schema=vol.Schema(self._way_out),
            errors={"base": error},
            last_step=False,
        )

    async def async_step_another_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Request another code."""
        if without := self._chosen_without(user_input):
            return await without()
        return await self.async_step_code()

    def _app_client(self, region: str) -> AppClient:
        """Return a client for the session of who scanned the code."""
        assert self._app_session is not None  # noqa: S101
        assert self._app is not None  # noqa: S101
        return AppClient(
            self._app_session, self._tls, self._endpoints, region, self._app, self._keep_session
        )

    @callback
    def _keep_session(self, data: SessionData) -> None:
        self._app = data

    async def _async_find(
        self, wanted: Callable[[Device], bool], missing: str, region: str | None = None
    ) -> Sequence[Device]:
        """Return the devices that are wanted, of the first region that has any.

        If no region is given, the likely one is asked first, then the others, as one session serves
        all. Raises CodeError: ``missing`` if all answer and none has such a device.
        """
        likely = likely_region(self.hass.config)
        regions = [region] if region else [likely, *(one for one in REGIONS if one != likely)]
        for one in regions:
            try:
                devices = await self._app_client(one).devices()
            except MiotError as error:
                _LOGGER.debug("No list of devices in %s: %s", one, error)
                missing = "cloud_out_of_reach"
                continue
            if found := list(filter(wanted, devices)):
                self._app_region = one
                return found
        raise CodeError(missing)
