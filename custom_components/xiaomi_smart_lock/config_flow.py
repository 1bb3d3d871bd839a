"""Config flow for an account with its locks, or for one lock on the local network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntryState,
)
from homeassistant.const import CONF_HOST, CONF_REGION
from homeassistant.core import async_get_hass, callback
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
)

from .account.clients import async_cloud, redirect_path
from .account.entry_data import (
    CONF_ENTRY_ID,
    CONF_MODEL,
    CONF_NAME,
    async_can,
    async_end_discoveries,
    configured_locks,
    is_offered,
    lock_ids,
    unambiguous,
)
from .const import (
    CONF_APP,
    CONF_APP_ENDED,
    CONF_DECLINED,
    CONF_DID,
    CONF_LOCKS,
    CONF_ROOMS,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
    SUBENTRY_GUEST,
    SUBENTRY_PERSON,
    SUBENTRY_WHO_MAY_OPEN,
)
from .flows.app_code import likely_region
from .flows.guest import GuestFlow
from .flows.local import LocalFlow
from .flows.options import LockOptionsFlow
from .flows.person import PersonFlow
from .flows.sign_in import SignInFlow
from .flows.who_may_open import WhoMayOpenFlow
from .miot.endpoints import REGIONS
from .miot.errors import MiotError
from .miot.oauth import TokenKeeper, Tokens
from .model.tables import Ability
from .wording.phrases import escaped, lock_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigFlowResult, ConfigSubentryFlow

    from .miot.cloud import Account, Device
    from .runtime import LockConfigEntry

_LOGGER = logging.getLogger(__name__)


class LockConfigFlow(SignInFlow, LocalFlow, domain=DOMAIN):
    """Config flow that sets up an entry, signs in again, or reconfigures."""

    MINOR_VERSION = 2

    _account: Account
    _nickname: str | None
    _locks: list[Device]
    _entry: LockConfigEntry | None = None
    """The config entry of the account, None if it is not set up yet."""
    _offered: Mapping[str, str]

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: LockConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the subentry types that a lock of the entry is able to have.

        People need an entry that learns who opens the door.
        """
        told = CONF_HOST not in config_entry.data or CONF_APP in config_entry.data
        hass = async_get_hass()
        types: dict[str, tuple[Ability, type[ConfigSubentryFlow]]] = {
            **({SUBENTRY_PERSON: (Ability.PEOPLE, PersonFlow)} if told else {}),
            SUBENTRY_GUEST: (Ability.MANAGEMENT, GuestFlow),
            SUBENTRY_WHO_MAY_OPEN: (Ability.MANAGEMENT, WhoMayOpenFlow),
        }
        return {
            kind: flow
            for kind, (ability, flow) in types.items()
            if any(async_can(hass, config_entry, did, ability) for did in lock_ids(config_entry))
        }

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: LockConfigEntry) -> LockOptionsFlow:
        """Return the options flow."""
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
            return await self._async_begin_sign_in(user_input[CONF_REGION])
        selector = SelectSelector(
            SelectSelectorConfig(options=list(REGIONS), translation_key="region")
        )
        likely = likely_region(self.hass.config)
        return self.async_show_form(
            step_id="account",
            data_schema=vol.Schema({vol.Required(CONF_REGION, default=likely): selector}),
            last_step=False,
        )

    @override
    async def _async_signed_in(self) -> ConfigFlowResult:
        """Read the account and its locks, and continue setup, reauth or reconfiguration."""
        keeper = TokenKeeper(
            self._sign_in, redirect_path(self._uuid), self._tokens, self._keep_tokens
        )
        cloud = await async_cloud(self.hass, self._region, keeper)
        try:
            self._account = await cloud.account()
            devices = await cloud.devices()
            self._nickname = await cloud.nickname()
        except MiotError as error:
            _LOGGER.debug("No list of devices: %s", error)
            return self.async_abort(reason="cloud_out_of_reach")
        self._locks = [device for device in devices if is_offered(device)]
        if self.source in (SOURCE_REAUTH, SOURCE_RECONFIGURE):
            again = self.source == SOURCE_REAUTH
            self._entry = self._get_reauth_entry() if again else self._get_reconfigure_entry()
            if not self._is_set_up_by(self._entry):
                known = self._account.user_id or self._locks
                return self.async_abort(reason="wrong_account" if known else "no_lock")
            if again:
                return self._update(self._entry)
        elif entry := self._set_up_already():
            if entry.data[CONF_REGION] != self._region:
                return self.async_abort(reason="another_region")
            self._entry = entry
        else:
            unique_id = self._account.user_id or self._uuid
            await self.async_set_unique_id(unique_id, raise_on_progress=False)
        return await self.async_step_locks()

    def _keep_tokens(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def _set_up_already(self) -> LockConfigEntry | None:
        """Return the config entry of the account, None if there is none."""
        entries = self.hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        accounts = (entry for entry in entries if CONF_LOCKS in entry.data)
        return next(filter(self._is_set_up_by, accounts), None)

    def _is_set_up_by(self, entry: LockConfigEntry) -> bool:
        """Return whether an entry belongs to the account, as far as is known.

        The id of an account without a home of its own is unknown now, but may have been known
        earlier or become known later. Such an account is recognized by its locks, unless the
        entry's account is a friend who shares them.
        """
        ours, theirs = self._account.user_id, _known_user_id(entry)
        if ours and theirs:
            return ours == theirs
        shares = theirs in self._account.friends
        return not shares and any(lock.did in lock_ids(entry) for lock in self._locks)

    async def async_step_locks(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which locks to set up."""
        elsewhere = configured_locks(self.hass, but=self._entry)
        free = [lock for lock in self._locks if lock.did not in elsewhere]
        if not free:
            return self.async_abort(reason="already_configured" if self._locks else "no_lock")
        errors: dict[str, str] = {}
        if user_input is not None:
            # One may have been set up elsewhere while the form was shown.
            if chosen := [did for did in user_input[CONF_LOCKS] if did not in elsewhere]:
                return await self._async_finish(chosen, [lock.did for lock in free])
            errors[CONF_LOCKS] = "no_lock_chosen"
        before = lock_ids(self._entry) if self._entry else [lock.did for lock in free]
        places = {did: ", ".join(filter(None, of)) for did, of in self._account.rooms.items()}
        names = {lock.did: lock_in_words(self.hass, lock.name, lock.model) for lock in free}
        names = unambiguous(names, places)
        options = [SelectOptionDict(value=did, label=name) for did, name in names.items()]
        field = vol.Required(
            CONF_LOCKS,
            default=[did for did in names if did in (*before, self._discovered_did)],
        )
        selector = SelectSelector(SelectSelectorConfig(options=options, multiple=True))
        # Of what was chosen nothing can be set up.
        entered: dict[str, Any] | None = None if user_input is None else {CONF_LOCKS: []}
        return self.async_show_form(
            step_id="locks",
            data_schema=self.add_suggested_values_to_schema(vol.Schema({field: selector}), entered),
            errors=errors,
            last_step=self._entry is not None,
        )

    async def _async_finish(self, chosen: list[str], offered: list[str]) -> ConfigFlowResult:
        """Store the chosen locks in the entry, or offer to link a new one."""
        data: dict[str, Any] = {
            CONF_LOCKS: chosen,
            CONF_DECLINED: [did for did in offered if did not in chosen],
            CONF_ROOMS: self._rooms_of(chosen),
        }
        if self._entry:
            async_end_discoveries(self.hass, chosen, but=self.flow_id)
            return self._update(self._entry, reason="reconfigure_successful", **data)
        return await self._async_offer_link(
            await self._async_title(),
            {
                CONF_REGION: self._region,
                CONF_UUID: self._uuid,
                CONF_USER_ID: self._account.user_id or self._uuid,
                CONF_TOKENS: self._tokens.as_dict(),
                **data,
            },
        )

    async def _async_title(self) -> str:
        """Return the title of a new entry: that it is an account, and whose.

        The owner's name alone would read like a person who can be deleted.
        """
        if self._nickname is None:
            return await self._async_common("account", "Xiaomi account")
        pattern = await self._async_common("account_of", "Xiaomi account · {name}")
        return pattern.format(name=self._nickname)

    def _rooms_of(self, locks: list[str]) -> dict[str, str]:
        """Return the rooms of locks that are in one; they are suggested as areas of the devices."""
        rooms = {did: self._account.rooms.get(did, ("", None))[1] for did in locks}
        return {did: room for did, room in rooms.items() if room}

    @callback
    def _update(
        self, entry: LockConfigEntry, reason: str = "reauth_successful", **data: Any
    ) -> ConfigFlowResult:
        """Store this sign-in in an entry, and the id of the account if it was unknown."""
        user_id = self._account.user_id or _known_user_id(entry)
        known = self.hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, user_id or "")
        return self.async_update_reload_and_abort(
            entry,
            unique_id=user_id if user_id and not known else entry.unique_id,
            data_updates={
                CONF_UUID: self._uuid,
                CONF_USER_ID: user_id or self._uuid,
                CONF_TOKENS: self._tokens.as_dict(),
                **data,
            },
            reason=reason,
        )

    # A new lock in an account

    @override
    async def async_step_integration_discovery(
        self, discovery_info: dict[str, str]
    ) -> ConfigFlowResult:
        """Offer a new lock of an account that is set up."""
        await self.async_set_unique_id(discovery_info[CONF_DID])
        self._abort_if_unique_id_configured()
        self._offered = discovery_info
        self.context["title_placeholders"] = {"name": discovery_info[CONF_NAME]}
        self._set_confirm_only()
        return await self.async_step_new_lock()

    async def async_step_new_lock(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for confirmation, then add the lock to the account's entry."""
        did = self._offered[CONF_DID]
        entry = self.hass.config_entries.async_get_entry(self._offered[CONF_ENTRY_ID])
        if entry is None:
            return self.async_abort(reason="account_gone")
        if did in configured_locks(self.hass):
            return self.async_abort(reason="already_configured")
        if user_input is None:
            return self.async_show_form(
                step_id="new_lock",
                description_placeholders={
                    "lock": escaped(
                        lock_in_words(
                            self.hass, self._offered[CONF_NAME], self._offered[CONF_MODEL]
                        )
                    ),
                    "account": escaped(entry.title),
                },
            )
        rooms = entry.data.get(CONF_ROOMS, {}) | await _async_room(entry, did)
        return self.async_update_reload_and_abort(
            entry,
            data_updates={CONF_LOCKS: [*lock_ids(entry), did], CONF_ROOMS: rooms},
            reason="lock_added",
        )

    # Reauthentication and reconfiguration

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Start reauthentication of the Mi Home app session, or of the account or lock."""
        if CONF_APP_ENDED in entry_data:
            return await self._async_link_again(entry_data)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in again, or ask where the lock's new token comes from."""
        entry = self._get_reauth_entry()
        if CONF_HOST in entry.data:
            return self._show_sources("reauth_confirm")
        return await self._async_begin_sign_in(entry.data[CONF_REGION])

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask what to change."""
        data = self._get_reconfigure_entry().data
        change = "reconfigure_local" if CONF_HOST in data else "reconfigure_account"
        link = ["link", "unlink"] if CONF_APP in data else ["link"]
        return self.async_show_menu(step_id="reconfigure", menu_options=[change, *link])

    async def async_step_reconfigure_account(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Sign in again, then ask which locks of the account to set up."""
        data = self._get_reconfigure_entry().data
        return await self._async_begin_sign_in(data[CONF_REGION])

    async def async_step_reconfigure_local(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Ask where the new address and token come from."""
        return self._show_sources("reconfigure_local")


async def _async_room(entry: LockConfigEntry, did: str) -> dict[str, str]:
    """Return the room of a lock by its did, empty if none is known now."""
    if entry.state is not ConfigEntryState.LOADED:
        return {}
    cloud = entry.runtime_data.connection.cloud
    try:
        account = await cloud.account() if cloud else None
    except MiotError as error:
        _LOGGER.debug("No rooms: %s", error)
        return {}
    _, room = account.rooms.get(did, ("", None)) if account else ("", None)
    return {did: room} if room else {}


def _known_user_id(entry: LockConfigEntry) -> str | None:
    """Return the id of an entry's account, None if it is unknown and the UUID is stored instead."""
    user_id: str = entry.data[CONF_USER_ID]
    return None if user_id == entry.data[CONF_UUID] else user_id
