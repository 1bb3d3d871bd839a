"""Setting up: an account with its locks, or one lock on the local network."""

from __future__ import annotations

import logging
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, override
from uuid import uuid4

import voluptuous as vol
from aiohttp.web import Response
from homeassistant.components import webhook
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
)
from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from yarl import URL

from .connection import async_cloud, async_sign_in, lock_ids, redirect_path
from .const import (
    CONF_APP,
    CONF_APP_ENDED,
    CONF_DID,
    CONF_LOCKS,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
    SUBENTRY_PERSON,
)
from .link_flow import LinkFlow, region_schema
from .miot.errors import MiotError, NotSignedInError
from .miot.local import LocalClient
from .miot.oauth import TokenKeeper, Tokens
from .miot.spec import MODEL
from .options_flow import LockOptionsFlow
from .person_flow import PersonFlow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.web import Request
    from homeassistant.config_entries import ConfigEntry, ConfigFlowResult, ConfigSubentryFlow
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

    from .miot.cloud import Device
    from .miot.local import Info
    from .miot.oauth import SignIn

_LOGGER = logging.getLogger(__name__)

# What the browser shows when the sign-in came back; it closes itself where it may.
PAGE: Final = (
    "<script>window.close()</script>Signed in. You may close this window. / 已登录,可以关闭此窗口。"
)

CONF_ADDRESS: Final = "address"
TOKEN: Final = re.compile(r"[0-9a-fA-F]{32}")

_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
LOCAL_SCHEMA: Final = vol.Schema(
    {vol.Required(CONF_HOST): TextSelector(), vol.Required(CONF_TOKEN): _SECRET}
)


class SignInError(Exception):
    """Signing in did not work; the text is the key of what to tell the user."""


class LockConfigFlow(LinkFlow, domain=DOMAIN):
    """Sets up an entry, signs in again, and changes what was set up."""

    _region: str
    _uuid: str = ""
    _state: str
    _sign_in: SignIn
    _tokens: Tokens
    _nickname: str | None
    _user_id: str
    _locks: list[Device]
    _answer: Mapping[str, str]
    _host: str | None = None
    _discovered_did: str | None = None

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry[Any]
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return what can be added: people, where it is told who opens the door."""
        told = CONF_HOST not in config_entry.data or CONF_APP in config_entry.data
        return {SUBENTRY_PERSON: PersonFlow} if told else {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry[Any]) -> LockOptionsFlow:
        """Return the flow of the options."""
        return LockOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how to reach the lock."""
        return self.async_show_menu(step_id="user", menu_options=["account", "local"])

    # An account

    async def async_step_account(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the region."""
        if user_input is not None:
            return await self._async_begin_sign_in(user_input[CONF_REGION], uuid4().hex)
        return self.async_show_form(
            step_id="account",
            data_schema=region_schema(self.hass.config),
        )

    async def _async_begin_sign_in(self, region: str, uuid: str) -> ConfigFlowResult:
        self._region, self._uuid = region, uuid
        self._state = secrets.token_urlsafe(16)
        self._sign_in = await async_sign_in(self.hass, region, uuid)
        return await self.async_step_sign_in()

    async def async_step_sign_in(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how the browser comes back."""
        return self.async_show_menu(step_id="sign_in", menu_options=["browser", "paste"])

    @callback
    @override
    def async_remove(self) -> None:
        """Wait for the browser and the phone no longer."""
        super().async_remove()
        webhook.async_unregister(self.hass, self._webhook_id)

    @property
    def _webhook_id(self) -> str:
        return f"{DOMAIN}_{self._uuid}"

    @property
    def _authorize_url(self) -> str:
        return self._sign_in.authorize_url(redirect_path(self._uuid), self._state)

    async def async_step_browser(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Send the browser to the sign-in, and wait until it comes back to the webhook."""
        if user_input is None:
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
            return self.async_external_step(step_id="browser", url=self._authorize_url)
        webhook.async_unregister(self.hass, self._webhook_id)
        self._answer = user_input
        return self.async_external_step_done(next_step_id="came_back")

    async def _async_browser_came_back(
        self, hass: HomeAssistant, webhook_id: str, request: Request
    ) -> Response:
        await hass.config_entries.flow.async_configure(self.flow_id, dict(request.query))
        return Response(text=PAGE, content_type="text/html")

    async def async_step_came_back(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Use the code that the browser came back with."""
        try:
            await self._async_exchange(self._answer)
        except SignInError as error:
            return self.async_abort(reason=str(error))
        return await self._async_signed_in()

    async def async_step_paste(self, user_input: dict[str, str] | None = None) -> ConfigFlowResult:
        """Have the address pasted that the browser ended on."""
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                await self._async_exchange(_query(user_input[CONF_ADDRESS]))
            except SignInError as error:
                errors[CONF_ADDRESS] = str(error)
            else:
                return await self._async_signed_in()
        return self.async_show_form(
            step_id="paste",
            data_schema=vol.Schema({vol.Required(CONF_ADDRESS): TextSelector()}),
            description_placeholders={"url": self._authorize_url},
            errors=errors,
        )

    async def _async_exchange(self, answer: Mapping[str, str]) -> None:
        """Take tokens for what the browser came back with; raises SignInError."""
        if answer.get("state") != self._state:
            raise SignInError("state_mismatch" if "state" in answer else "no_code")
        if (code := answer.get("code")) is None:
            raise SignInError("sign_in_refused")
        try:
            self._tokens = await self._sign_in.exchange(redirect_path(self._uuid), code)
        except NotSignedInError:
            raise SignInError("code_not_accepted") from None
        except MiotError as error:
            _LOGGER.debug("No tokens: %s", error)
            raise SignInError("cloud_out_of_reach") from None

    async def _async_signed_in(self) -> ConfigFlowResult:
        """See which locks the account has."""
        keeper = TokenKeeper(
            self._sign_in, redirect_path(self._uuid), self._tokens, self._keep_tokens
        )
        cloud = await async_cloud(self.hass, self._region, keeper)
        try:
            account = await cloud.account()
            devices = await cloud.devices()
            self._nickname = await cloud.nickname()
        except MiotError as error:
            _LOGGER.debug("No list of devices: %s", error)
            return self.async_abort(reason="cloud_out_of_reach")
        self._user_id = account.user_id or self._uuid
        self._locks = [device for device in devices if device.model == MODEL]
        await self.async_set_unique_id(self._user_id)
        if self.source == SOURCE_REAUTH:
            self._abort_if_unique_id_mismatch(reason="wrong_account")
            return self.async_update_reload_and_abort(
                self._get_reauth_entry(),
                data_updates={CONF_TOKENS: self._tokens.as_dict()},
            )
        if self.source == SOURCE_RECONFIGURE:
            self._abort_if_unique_id_mismatch(reason="wrong_account")
        else:
            self._abort_if_unique_id_configured()
        return await self.async_step_locks()

    def _keep_tokens(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def async_step_locks(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Have the locks chosen."""
        entry = self._get_reconfigure_entry() if self.source == SOURCE_RECONFIGURE else None
        elsewhere = _configured_locks(self.hass, but=entry)
        free = [lock for lock in self._locks if lock.did not in elsewhere]
        if not free:
            return self.async_abort(reason="already_configured" if self._locks else "no_lock")
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_LOCKS]:
                return self._finish(entry, user_input[CONF_LOCKS])
            errors[CONF_LOCKS] = "no_lock_chosen"
        chosen = lock_ids(entry) if entry else [lock.did for lock in free]
        available = [lock.did for lock in free]
        options = [SelectOptionDict(value=lock.did, label=lock.name) for lock in free]
        return self.async_show_form(
            step_id="locks",
            data_schema=vol.Schema(
                {
                    vol.Required(
                        CONF_LOCKS, default=[did for did in chosen if did in available]
                    ): SelectSelector(SelectSelectorConfig(options=options, multiple=True))
                }
            ),
            errors=errors,
        )

    def _finish(self, entry: ConfigEntry[Any] | None, locks: list[str]) -> ConfigFlowResult:
        data = {
            CONF_REGION: self._region,
            CONF_UUID: self._uuid,
            CONF_USER_ID: self._user_id,
            CONF_TOKENS: self._tokens.as_dict(),
            CONF_LOCKS: locks,
        }
        if entry:
            return self.async_update_reload_and_abort(entry, data_updates=data)
        return self.async_create_entry(title=self._nickname or "Xiaomi", data=data)

    # A lock on the local network

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take a lock that was discovered."""
        if (did := _did(discovery_info.name)) is None:
            return self.async_abort(reason="not_a_lock")
        if did in _configured_locks(self.hass, local=False):
            return self.async_abort(reason="already_configured")
        await self.async_set_unique_id(did)
        self._abort_if_unique_id_configured(updates={CONF_HOST: discovery_info.host})
        self._host, self._discovered_did = discovery_info.host, did
        self.context["title_placeholders"] = {"name": f"{MODEL} {did}"}
        return await self.async_step_discovered()

    async def async_step_discovered(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how to reach the lock that was discovered."""
        return self.async_show_menu(step_id="discovered", menu_options=["local", "account"])

    async def async_step_local(self, user_input: dict[str, str] | None = None) -> ConfigFlowResult:
        """Ask for address and token, and look whether they are right."""
        errors: dict[str, str] = {}
        if user_input is not None:
            info = await self._async_look(user_input, errors)
            if info and self._discovered_did not in (None, info.did):
                errors[CONF_HOST] = "another_device"
            elif info:
                await self.async_set_unique_id(info.did)
                self._abort_if_unique_id_configured(updates=user_input)
                if info.did in _configured_locks(self.hass):
                    return self.async_abort(reason="already_configured")
                return self.async_create_entry(
                    title="Xiaomi Smart Door Lock 4 Pro",
                    data=_local_data(user_input, info),
                )
        suggested = user_input or ({CONF_HOST: self._host} if self._host else {})
        return self._show_local("local", suggested, errors)

    def _show_local(
        self, step_id: str, suggested: Mapping[str, Any], errors: dict[str, str]
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(LOCAL_SCHEMA, suggested),
            errors=errors,
        )

    async def _async_look(self, data: Mapping[str, str], errors: dict[str, str]) -> Info | None:
        """Return what the lock says of itself; what is wrong goes to ``errors``."""
        if not TOKEN.fullmatch(data[CONF_TOKEN]):
            errors[CONF_TOKEN] = "token_format"
            return None
        try:
            info = await LocalClient(data[CONF_HOST], data[CONF_TOKEN]).info()
        except NotSignedInError:
            errors[CONF_TOKEN] = "wrong_token"
        except MiotError:
            errors["base"] = "no_answer"
        else:
            if info.model == MODEL:
                return info
            errors[CONF_HOST] = "another_model"
        return None

    # Signing in again, and changing what was set up

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Say what is to be done."""
        if CONF_APP_ENDED in entry_data:
            return await self.async_step_link_again()
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in again, or ask for the token that the lock has now."""
        entry = self._get_reauth_entry()
        if CONF_HOST in entry.data:
            return await self._async_change_local("reauth_confirm", entry, user_input)
        return await self._async_begin_sign_in(entry.data[CONF_REGION], entry.data[CONF_UUID])

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what is to be changed."""
        data = self._get_reconfigure_entry().data
        change = "reconfigure_local" if CONF_HOST in data else "reconfigure_account"
        link = ["link", "unlink"] if CONF_APP in data else ["link"]
        return self.async_show_menu(step_id="reconfigure", menu_options=[change, *link])

    async def async_step_reconfigure_account(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in, to choose other locks of the account."""
        data = self._get_reconfigure_entry().data
        return await self._async_begin_sign_in(data[CONF_REGION], data[CONF_UUID])

    async def async_step_reconfigure_local(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Change address and token."""
        entry = self._get_reconfigure_entry()
        return await self._async_change_local("reconfigure_local", entry, user_input)

    async def _async_change_local(
        self, step_id: str, entry: ConfigEntry[Any], user_input: dict[str, str] | None
    ) -> ConfigFlowResult:
        errors: dict[str, str] = {}
        if user_input is not None and (info := await self._async_look(user_input, errors)):
            if info.did == entry.data[CONF_DID]:
                return self.async_update_reload_and_abort(
                    entry, data_updates=_local_data(user_input, info)
                )
            errors[CONF_HOST] = "another_device"
        suggested = user_input or {CONF_HOST: entry.data[CONF_HOST]}
        return self._show_local(step_id, suggested, errors)


def _query(address: str) -> Mapping[str, str]:
    """Return the query of an address that was pasted; raises SignInError."""
    try:
        return URL(address.strip()).query
    except ValueError:
        raise SignInError("no_code") from None


def _did(name: str) -> str | None:
    """Return the did in a name under which a device announces itself, MODEL_miioDID."""
    did = name.partition(".")[0].partition("_miio")[2]
    return did if did.isascii() and did.isdecimal() else None


def _local_data(user_input: Mapping[str, str], info: Info) -> dict[str, Any]:
    return {
        **user_input,
        CONF_DID: info.did,
        "firmware": info.firmware,
        "mac": info.mac,
    }


def _configured_locks(
    hass: HomeAssistant, *, but: ConfigEntry[Any] | None = None, local: bool = True
) -> set[str]:
    """Return the dids of the locks of all entries but one, those on the local network or not."""
    return {
        did
        for entry in hass.config_entries.async_entries(DOMAIN)
        if entry is not but and (local or CONF_LOCKS in entry.data)
        for did in lock_ids(entry)
    }
