"""Config flow steps that link an entry to the Mi Home app by a QR code, or unlink it."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE, ConfigFlow
from homeassistant.const import CONF_REGION
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.selector import (
    QrCodeSelector,
    QrCodeSelectorConfig,
    QrErrorCorrectionLevel,
    SelectSelector,
    SelectSelectorConfig,
)

from ..account.app_session import async_app_session
from ..account.endpoints import async_endpoints
from ..account.entry_data import lock_ids
from ..const import (
    CONF_APP,
    CONF_CONFIRM_URL,
    CONF_USER_ID,
    CONF_UUID,
)
from ..miot.app.client import AppClient
from ..miot.app.login import (
    LONGEST_WAIT,
    AppLogin,
    QrCode,
    SessionData,
)
from ..miot.endpoints import REGIONS, Endpoints
from ..miot.errors import (
    MiotError,
    NotConfirmedError,
    SignInExpiredError,
    SignInRefusedError,
)
from ..wording.phrases import escaped_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from datetime import datetime

    import aiohttp
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core_config import Config

    from ..runtime import LockConfigEntry


_LOGGER = logging.getLogger(__name__)

LISTENS_WITHIN: Final = 1.0
"""Seconds that a browser may take to start listening once it shows progress."""
LEFT_OPEN: Final = 60
"""Seconds after the expiry of the code until an abandoned flow ends."""
CONF_QR_CODE: Final = "qr_code"

# Regions by Home Assistant's country. Xiaomi's Singapore cloud serves the rest, except Europe,
# which is recognized by its time zone.
REGION_OF_COUNTRY: Final = {"CN": "cn", "IN": "i2", "RU": "ru", "US": "us"}


class LinkError(Exception):
    """Failed linking; the text is the translation key of the reason."""


def region_schema(config: Config) -> vol.Schema:
    """Return a schema for the region; its default follows from country and time zone."""
    elsewhere = "de" if config.time_zone.startswith("Europe/") else "sg"
    likely = REGION_OF_COUNTRY.get(config.country or "", elsewhere)
    selector = SelectSelector(SelectSelectorConfig(options=list(REGIONS), translation_key="region"))
    return vol.Schema({vol.Required(CONF_REGION, default=likely): selector})


class LinkFlow(ConfigFlow):
    """Steps that link or unlink the Mi Home app, for a flow that changes an entry."""

    _app_region: str
    _begun: asyncio.Task[tuple[AppLogin, QrCode]] | None = None
    _scanned: asyncio.Task[SessionData] | None = None
    _app_session: aiohttp.ClientSession | None = None
    _cancel_end: CALLBACK_TYPE | None = None
    _confirm_url: str = ""
    _endpoints: Endpoints
    _tls: ssl.SSLContext

    @property
    def _linked_entry(self) -> LockConfigEntry:
        again = self.source == SOURCE_REAUTH
        return self._get_reauth_entry() if again else self._get_reconfigure_entry()

    @callback
    def async_remove(self) -> None:
        """Stop waiting for the phone when the flow ends."""
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
    def _end_within(self, seconds: float) -> None:
        """Abort a reconfigure flow after some seconds; each call restarts the time.

        During a reconfigure flow, Home Assistant starts no reauth flow for the entry, and it does
        not notice that the browser was closed.
        """
        if self._cancel_end:
            self._cancel_end()
            self._cancel_end = None
        if self.source == SOURCE_RECONFIGURE:
            job = HassJob(self._end, "end linking", cancel_on_shutdown=True)
            self._cancel_end = async_call_later(self.hass, seconds, job)

    @callback
    def _end(self, _now: datetime) -> None:
        self._cancel_end = None
        self.hass.config_entries.flow.async_abort(self.flow_id)

    async def async_step_link(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Explain linking, and ask for the region if the entry has none."""
        data = self._linked_entry.data
        known = data.get(CONF_REGION) or data.get(CONF_APP, {}).get(CONF_REGION)
        if user_input is None:
            self._end_within(LONGEST_WAIT + LEFT_OPEN)
            schema = vol.Schema({}) if known else region_schema(self.hass.config)
            return self.async_show_form(step_id="link", data_schema=schema)
        self._app_region = known or user_input[CONF_REGION]
        return await self.async_step_code()

    async def _async_link_again(self, why: Mapping[str, Any]) -> ConfigFlowResult:
        """Link again after the session has ended; ``why`` is the data of the reauth flow.

        If the account wants a sign-in to be confirmed, ask the user for that first.
        """
        if CONF_CONFIRM_URL not in why:
            return await self.async_step_link_again()
        self._confirm_url = why[CONF_CONFIRM_URL] or Endpoints().account
        return await self.async_step_confirm_sign_in()

    async def async_step_confirm_sign_in(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask the user to confirm a sign-in to the account, and show where."""
        if user_input is None:
            return self.async_show_form(
                step_id="confirm_sign_in",
                description_placeholders={"url": escaped_url(self._confirm_url)},
            )
        return await self.async_step_link_again(user_input)

    async def async_step_link_again(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Tell the user that the session has ended."""
        if user_input is None:
            return self.async_show_form(step_id="link_again")
        self._app_region = self._linked_entry.data[CONF_APP][CONF_REGION]
        return await self.async_step_code()

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
        return self.async_show_progress_done(next_step_id="scan")

    async def _async_begin(self) -> tuple[AppLogin, QrCode]:
        self._endpoints, self._tls = await async_endpoints(self.hass)
        if self._app_session is None:
            self._app_session = async_app_session(self.hass, auto_cleanup=False)
        login = AppLogin(self._app_session, self._tls, self._endpoints)
        code, _ = await asyncio.gather(login.begin(), asyncio.sleep(LISTENS_WITHIN))
        return login, code

    async def async_step_scan(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the code until it is scanned; the browser then continues by itself."""
        assert self._begun is not None  # noqa: S101
        try:
            login, code = self._begun.result()
        except MiotError as error:
            _LOGGER.debug("No QR code: %s", error)
            return self._show_failure("cloud_out_of_reach")
        if self._scanned is None:
            self._end_within(code.expires - time.monotonic() + LEFT_OPEN)
            self._scanned = self.hass.async_create_background_task(
                self._async_wait(login, code), "wait for the QR code to be scanned"
            )
            self._scanned.add_done_callback(self._go_on)
        if self._scanned.done():
            return self._finish_linking(self._scanned)
        selector = QrCodeSelector(
            QrCodeSelectorConfig(
                data=code.login_url,
                scale=6,
                error_correction_level=QrErrorCorrectionLevel.QUARTILE,
            )
        )
        return self.async_show_form(
            step_id="scan",
            data_schema=vol.Schema({vol.Optional(CONF_QR_CODE): selector}),
            errors={} if user_input is None else {"base": "not_scanned"},
        )

    @callback
    def _go_on(self, scanned: asyncio.Task[SessionData]) -> None:
        """Make the browser load the next step."""
        if not scanned.cancelled():
            told = {"handler": self.handler, "flow_id": self.flow_id, "refresh": True}
            self.hass.bus.async_fire(EVENT_DATA_ENTRY_FLOW_PROGRESSED, told)

    async def _async_wait(self, login: AppLogin, code: QrCode) -> SessionData:
        """Return the session of the account that scanned the code. Raises LinkError."""
        try:
            data = await login.wait(code)
        except SignInExpiredError:
            raise LinkError("code_expired") from None
        except SignInRefusedError:
            raise LinkError("link_refused") from None
        except NotConfirmedError:
            raise LinkError("confirm_first") from None
        except MiotError as error:
            _LOGGER.debug("No session: %s", error)
            raise LinkError("cloud_out_of_reach") from None
        await self._async_check(data)
        return data

    async def _async_check(self, data: SessionData) -> None:
        """Check that the session is of the entry's account, and that this has one of its locks.

        Raises LinkError if not, or if the cloud does not answer.
        """
        entry = self._linked_entry
        user_id = entry.data.get(CONF_USER_ID)
        if user_id not in (None, entry.data.get(CONF_UUID), data.user_id):
            raise LinkError("another_account")
        assert self._app_session is not None  # noqa: S101
        client = AppClient(
            self._app_session, self._tls, self._endpoints, self._app_region, data, lambda _: None
        )
        try:
            dids = await client.dids()
        except MiotError as error:
            _LOGGER.debug("No list of devices: %s", error)
            raise LinkError("cloud_out_of_reach") from None
        if dids.isdisjoint(lock_ids(entry)):
            raise LinkError("lock_not_in_account")

    @callback
    def _finish_linking(self, scanned: asyncio.Task[SessionData]) -> ConfigFlowResult:
        try:
            data = scanned.result()
        except LinkError as error:
            return self._show_failure(str(error))
        app = {CONF_REGION: self._app_region, **data.as_dict()}
        return self.async_update_reload_and_abort(
            self._linked_entry, data_updates={CONF_APP: app}, reason="linked"
        )

    @callback
    def _show_failure(self, error: str) -> ConfigFlowResult:
        self._forget_code()
        return self.async_show_form(step_id="another_code", errors={"base": error})

    async def async_step_another_code(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Request another code."""
        return await self.async_step_code()

    async def async_step_unlink(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for confirmation, then remove the session from the entry."""
        if user_input is None:
            self._end_within(LONGEST_WAIT + LEFT_OPEN)
            return self.async_show_form(step_id="unlink")
        entry = self._linked_entry
        data = {key: value for key, value in entry.data.items() if key != CONF_APP}
        return self.async_update_reload_and_abort(entry, data=data, reason="unlinked")
