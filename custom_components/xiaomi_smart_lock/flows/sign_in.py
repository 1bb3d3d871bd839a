"""Sign-in to a Xiaomi account: the browser returns by itself, or the user pastes its address.

Xiaomi sends every browser to ``REDIRECT``, whatever the address of its Home Assistant is.
"""

from __future__ import annotations

import logging
import secrets
from abc import abstractmethod
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, override
from uuid import uuid4

import voluptuous as vol
from aiohttp.web import Response
from homeassistant.components import webhook
from homeassistant.config_entries import ConfigFlow
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.data_entry_flow import UnknownFlow
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.http import current_request
from homeassistant.helpers.selector import TextSelector
from homeassistant.helpers.translation import async_get_translations
from yarl import URL

from ..account.clients import async_sign_in, redirect_path
from ..const import DOMAIN
from ..miot.endpoints import REDIRECT
from ..miot.errors import MiotError, NotSignedInError
from .sign_in_answer import find_answer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping
    from datetime import datetime

    from aiohttp.web import Request
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from ..miot.oauth import SignIn, Tokens

_LOGGER = logging.getLogger(__name__)

CONF_ADDRESS: Final = "address"
BROWSER_TIMEOUT: Final = 300  # seconds; a sign-in with a text message code takes 1 to 2 minutes

SIGNED_IN: Final = "signed_in"
LATE: Final = "late"
ELSEWHERE: Final = "elsewhere"
# Translations for the page on which the browser ends, for outcomes that are no abort reasons
PAGES: Final = {
    SIGNED_IN: "common.signed_in",
    LATE: "common.signed_in_late",
    ELSEWHERE: "common.signed_in_elsewhere",
}

PAGE: Final = """<!DOCTYPE html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Home Assistant</title>
<body style="font: 1.25rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 40rem">
<p>{text}</p>
{script}</body>
</html>
"""
CLOSE: Final = "<script>window.close()</script>\n"


class SignInError(Exception):
    """Failed sign-in; the text is the translation key of the reason."""


class SignInFlow(ConfigFlow):
    """Steps that sign in to an account, for a flow that continues with its tokens."""

    _region: str
    _uuid: str = ""
    _state: str
    _sign_in: SignIn
    _tokens: Tokens
    _outcome: str | None = None
    """SIGNED_IN, LATE, or the key of an error; None while the browser is awaited."""
    _answer: asyncio.Task[str] | None = None
    _stop_waiting: CALLBACK_TYPE | None = None

    @abstractmethod
    async def _async_signed_in(self) -> ConfigFlowResult:
        """Continue with the tokens."""

    async def _async_begin_sign_in(self, region: str) -> ConfigFlowResult:
        """Start a sign-in with a new UUID: a restored backup may still use the old one."""
        self._region, self._uuid = region, uuid4().hex
        self._state = secrets.token_urlsafe(16)
        self._sign_in = await async_sign_in(self.hass, region, self._uuid)
        return await self.async_step_sign_in()

    async def async_step_sign_in(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how the browser returns, with the way that is likely to work first."""
        ways = ["paste", "browser"]
        return self.async_show_menu(
            step_id="sign_in",
            menu_options=ways[::-1] if browser_comes_back(self.hass) else ways,
            description_placeholders=self._placeholders,
        )

    @callback
    @override
    def async_remove(self) -> None:
        """Stop waiting for the browser when the flow ends."""
        super().async_remove()
        self._cancel_waiting()
        webhook.async_unregister(self.hass, self._webhook_id)

    @callback
    def _cancel_waiting(self) -> None:
        if self._stop_waiting:
            self._stop_waiting()
            self._stop_waiting = None

    @property
    def _webhook_id(self) -> str:
        return f"{DOMAIN}_{self._uuid}"

    @property
    def _placeholders(self) -> dict[str, str]:
        """The sign-in URL, the redirect address and its port, and the minutes to wait."""
        return {
            "url": self._sign_in.authorize_url(redirect_path(self._uuid), self._state),
            "redirect": REDIRECT,
            "port": f":{URL(REDIRECT).port}",
            "minutes": str(BROWSER_TIMEOUT // 60),
        }

    # The browser returns to a webhook

    async def async_step_browser(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Send the browser to the sign-in, and wait some minutes for its return."""
        if self._outcome is not None:
            return self.async_external_step_done(next_step_id="came_back")
        if self._stop_waiting is None and self._answer is None:
            self._async_await_browser()
        return self.async_external_step(
            step_id="browser",
            url=self._placeholders["url"],
            description_placeholders=self._placeholders,
        )

    @callback
    def _async_await_browser(self) -> None:
        webhook.async_unregister(self.hass, self._webhook_id)
        webhook.async_register(
            self.hass,
            DOMAIN,
            "Sign-in",
            self._webhook_id,
            self._async_browser_came_back,
            local_only=False,
            allowed_methods=["GET"],
        )
        self._stop_waiting = async_call_later(
            self.hass, BROWSER_TIMEOUT, self._async_browser_is_late
        )

    async def _async_browser_came_back(
        self, hass: HomeAssistant, webhook_id: str, request: Request
    ) -> Response:
        """Handle the return of the browser once, and respond with a page that tells the outcome.

        A request without the right state, or with neither code nor error, changes nothing: it may
        come from anybody who tries the address.
        """
        answer = request.query
        if answer.get("state") != self._state or not answer.keys() & {"code", "error"}:
            return await self._async_page(ELSEWHERE)
        if self._answer is None:
            if self._stop_waiting is None:
                return await self._async_page(LATE)
            self._cancel_waiting()
            self._answer = hass.async_create_task(self._async_take(answer), "take the sign-in")
        return await self._async_page(await self._answer)

    async def _async_take(self, answer: Mapping[str, str]) -> str:
        """Exchange the code for tokens, continue the flow, and return the outcome."""
        try:
            await self._async_exchange(answer)
        except SignInError as error:
            self._outcome = str(error)
        else:
            self._outcome = SIGNED_IN
        try:
            await self.hass.config_entries.flow.async_configure(self.flow_id)
        except UnknownFlow:
            return ELSEWHERE  # The user closed this flow, and may have started another one.
        return self._outcome

    async def _async_browser_is_late(self, _now: datetime) -> None:
        self._stop_waiting = None
        self._outcome = LATE
        await self.hass.config_entries.flow.async_configure(self.flow_id)

    async def _async_page(self, outcome: str) -> Response:
        language = self.hass.config.language
        path = PAGES.get(outcome, f"config.abort.{outcome}")
        texts = await async_get_translations(self.hass, language, path.partition(".")[0], {DOMAIN})
        page = PAGE.format(
            language=escape(language),
            text=escape(texts.get(f"component.{DOMAIN}.{path}", outcome)),
            script=CLOSE if outcome == SIGNED_IN else "",
        )
        status = HTTPStatus.BAD_REQUEST if outcome == ELSEWHERE else HTTPStatus.OK
        return Response(text=page, content_type="text/html", status=status)

    async def async_step_came_back(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Continue with the outcome of the sign-in."""
        if self._outcome == SIGNED_IN:
            return await self._async_signed_in()
        if self._outcome not in (None, LATE):
            return self.async_abort(reason=self._outcome)
        return await self.async_step_not_back()

    async def async_step_not_back(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Tell the user that the browser did not return, and offer both ways again."""
        self._outcome = None
        return self.async_show_menu(
            step_id="not_back",
            menu_options=["paste", "browser"],
            description_placeholders=self._placeholders,
        )

    # The user pastes the address on which the browser ended

    async def async_step_paste(self, user_input: dict[str, str] | None = None) -> ConfigFlowResult:
        """Ask for the address on which the browser ended."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                await self._async_exchange(find_answer(user_input[CONF_ADDRESS], self._state))
            except SignInError as error:
                errors[CONF_ADDRESS] = str(error)
            else:
                return await self._async_signed_in()
        return self.async_show_form(
            step_id="paste",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema({vol.Required(CONF_ADDRESS): TextSelector()}), user_input
            ),
            description_placeholders=self._placeholders,
            errors=errors,
            last_step=False,
        )

    async def _async_exchange(self, answer: Mapping[str, str]) -> None:
        """Exchange the code of the answer for tokens. Raises SignInError."""
        if answer.get("state") != self._state:
            raise SignInError("state_mismatch" if "state" in answer else "no_code")
        if (code := answer.get("code")) is None:
            raise SignInError("sign_in_refused" if "error" in answer else "no_code")
        try:
            self._tokens = await self._sign_in.exchange(redirect_path(self._uuid), code)
        except NotSignedInError:
            raise SignInError("code_not_accepted") from None
        except MiotError as error:
            _LOGGER.debug("No tokens: %s", error)
            raise SignInError("cloud_out_of_reach") from None


def browser_comes_back(hass: HomeAssistant) -> bool:
    """Return whether a browser that is sent to ``REDIRECT`` arrives at this Home Assistant.

    It does if the user's browser uses that address right now. It also does if that address is in
    the settings and Home Assistant listens on its port; on Home Assistant OS it listens on port 80
    since 2026.8. In all other cases nothing is known, and the result is False.
    """
    request = current_request.get()
    if request and is_redirect(str(request.url)):
        return True
    listening = hass.config.api
    if listening is None or listening.use_ssl or listening.port != URL(REDIRECT).port:
        return False
    return any(map(is_redirect, (hass.config.internal_url, hass.config.external_url)))


def is_redirect(url: str | None) -> bool:
    """Return whether a URL has the origin to which Xiaomi sends browsers."""
    try:
        return url is not None and str(URL(url).origin()) == REDIRECT
    except ValueError:
        return False
