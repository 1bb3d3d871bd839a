"""Config flow steps for a lock on the local network, discovered or by its address."""

from __future__ import annotations

import logging
import re
from ipaddress import IPv4Address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_ZEROCONF,
    ConfigEntryState,
)
from homeassistant.const import CONF_HOST, CONF_TOKEN
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from ..account.entry_data import MOST_DISCOVERED, configured_locks, last_digits, unambiguous
from ..const import CONF_DID, CONF_ROOMS, DOMAIN
from ..miot.errors import MiotError, NotSignedInError
from ..miot.local import LocalClient
from ..model.lock_model import SHIPPED
from ..wording.phrases import escaped
from .link_app import LinkFlow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

    from ..miot.cloud import Device
    from ..miot.local import Info
    from ..runtime import LockConfigEntry

_LOGGER = logging.getLogger(__name__)

PRODUCT: Final = "Xiaomi Smart Door Lock 4 Pro"

TOKEN: Final = re.compile(r"[0-9a-fA-F]{32}")
# If a name is taken already, the device adds a number: ``NAME (2)`` or ``NAME-2``.
ANNOUNCED: Final = re.compile(r".*_miio([0-9]{1,20})(?: ?\([0-9]+\)|-[0-9]+)?")

_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
FOUND_SCHEMA: Final = vol.Schema({vol.Required(CONF_HOST): TextSelector()})
LOCAL_SCHEMA: Final = FOUND_SCHEMA.extend({vol.Required(CONF_TOKEN): _SECRET})
CONF_LOCK: Final = "lock"


class LocalFlow(LinkFlow):
    """Steps for a lock on the local network, also for one discovered there."""

    _host: str | None = None
    _discovered_did: str | None = None
    _found: Mapping[str, Device]
    """The locks of the Mi Home app to choose from, by did."""
    _device: Device | None = None
    """The lock as the Mi Home app has it; None if address and token are entered."""
    _rooms: Mapping[str, str] = MappingProxyType({})
    """The rooms of locks in the Mi Home app, by did."""

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Handle a discovered lock, or a new address of a lock that is set up."""
        if (did := _did(discovery_info.name)) is None:
            return self.async_abort(reason="not_a_lock")
        if did in configured_locks(self.hass, local=False):
            return self.async_abort(reason="already_configured")
        host = _host(discovery_info)
        if entry := await self.async_set_unique_id(did):
            if host and await _is_only_at(entry, host):
                self._abort_if_unique_id_configured({CONF_HOST: host})
            return self.async_abort(reason="already_configured")
        discovered = self.hass.config_entries.flow.async_progress_by_handler(
            DOMAIN, include_uninitialized=True, match_context={"source": SOURCE_ZEROCONF}
        )
        if len(discovered) > MOST_DISCOVERED:
            return self.async_abort(reason="too_many_discovered")
        self._host, self._discovered_did = host, did
        name = f"{await self._async_common('product', PRODUCT)} ({last_digits(did)})"
        self.context["title_placeholders"] = {"name": name}
        return await self.async_step_discovered()

    async def async_step_discovered(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask how to reach the discovered lock."""
        return self.async_show_menu(
            step_id="discovered",
            menu_options=["account", "local"],
            # The title of a menu cannot have placeholders.
            description_placeholders=self.context["title_placeholders"],
        )

    async def async_step_local(self, user_input: dict[str, str] | None = None) -> ConfigFlowResult:
        """Ask where address and token come from."""
        return self._show_sources("local")

    def _show_sources(self, step_id: str) -> ConfigFlowResult:
        return self.async_show_menu(step_id=step_id, menu_options=["from_app", "by_hand"])

    async def async_step_by_hand(
        self, user_input: dict[str, str] | None = None
    ) -> ConfigFlowResult:
        """Ask for address and token, and check them with the lock."""
        return await self._async_ask("by_hand", LOCAL_SCHEMA, user_input)

    # Address and token from the Mi Home app

    async def async_step_from_app(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Have a QR code scanned with the app, and read address and token of its locks."""
        self._end_within()
        self._look, self._then = self._async_read_locks, self.async_step_which
        return await self.async_step_code()

    async def _async_read_locks(self) -> None:
        """Read the locks of the account that can be chosen, and their rooms. Raises CodeError."""
        meant = self._meant
        elsewhere = configured_locks(self.hass, but=self._changed_entry)

        def wanted(device: Device) -> bool:
            return (
                device.model in SHIPPED
                and TOKEN.fullmatch(device.token or "") is not None
                and device.did not in elsewhere
                and meant in (None, device.did)
            )

        missing = "lock_not_in_account" if meant else "no_lock_to_set_up"
        self._found = {device.did: device for device in await self._async_find(wanted, missing)}
        self._rooms = {}
        try:
            rooms = await self._app_client(self._app_region).rooms()
        except MiotError as error:
            _LOGGER.debug("No rooms: %s", error)
        else:
            self._rooms = {did: room for did, (_, room) in rooms.items() if room}

    async def async_step_which(self, user_input: dict[str, str] | None = None) -> ConfigFlowResult:
        """Ask which lock, if there are several."""
        if user_input is not None or len(self._found) == 1:
            did = user_input[CONF_LOCK] if user_input else next(iter(self._found))
            self._device = self._found[did]
            return await self.async_step_found()
        self._end_within()
        names = unambiguous({did: one.name for did, one in self._found.items()}, self._rooms)
        options = [SelectOptionDict(value=did, label=name) for did, name in names.items()]
        selector = SelectSelector(
            SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST)
        )
        return self.async_show_form(
            step_id="which",
            data_schema=vol.Schema({vol.Required(CONF_LOCK): selector}),
            last_step=False,
        )

    async def async_step_found(self, user_input: dict[str, str] | None = None) -> ConfigFlowResult:
        """Ask to wake the lock, and check address and token with it. The token is not shown."""
        return await self._async_ask("found", FOUND_SCHEMA, user_input)

    # Both

    async def _async_ask(
        self, step_id: str, schema: vol.Schema, user_input: dict[str, str] | None
    ) -> ConfigFlowResult:
        """Ask for what the schema has, until the lock answers; then finish."""
        errors: dict[str, str] = {}
        device, entry = self._device, self._changed_entry
        if user_input is not None:
            token = {CONF_TOKEN: device.token} if device and device.token else {}
            given = {**user_input, **token}
            info = await self._async_look(given, errors)
            meant = self._meant or (device.did if device else None)
            if info and meant not in (None, info.did):
                errors[CONF_HOST] = "another_device"
            elif info:
                return await self._async_finish_local(given, info)
            if device and CONF_TOKEN in errors:
                errors["base"] = errors.pop(CONF_TOKEN)
        self._end_within()
        known = self._host or _address(device) or (entry and entry.data[CONF_HOST])
        suggested = user_input or ({CONF_HOST: known} if known else {})
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            description_placeholders={"lock": escaped(device.name)} if device else None,
            errors=errors,
            last_step=entry is not None,
        )

    async def _async_look(self, data: Mapping[str, str], errors: dict[str, str]) -> Info | None:
        """Return the lock's information, or None with the error in ``errors``."""
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
            if info.model in SHIPPED:
                return info
            errors[CONF_HOST] = "another_model"
        return None

    async def _async_finish_local(self, given: dict[str, str], info: Info) -> ConfigFlowResult:
        """Store address and token in the entry, or offer to link a new one."""
        data: dict[str, Any] = {
            **given,
            CONF_DID: info.did,
            "firmware": info.firmware,
            "mac": info.mac,
        }
        if self._changed_entry:
            return self.async_update_reload_and_abort(self._changed_entry, data_updates=data)
        await self.async_set_unique_id(info.did, raise_on_progress=False)
        self._abort_if_unique_id_configured(updates=given)
        if info.did in configured_locks(self.hass):
            return self.async_abort(reason="already_configured")
        if room := self._rooms.get(info.did):
            data[CONF_ROOMS] = {info.did: room}
        return await self._async_offer_link(self._device.name if self._device else PRODUCT, data)

    @property
    def _meant(self) -> str | None:
        """The did of the lock that is changed or was discovered, None for any."""
        did: str | None = self._discovered_did
        if entry := self._changed_entry:
            did = entry.data[CONF_DID]
        return did

    @property
    def _changed_entry(self) -> LockConfigEntry | None:
        """The entry whose address and token are changed, None for a new one."""
        if self.source in (SOURCE_REAUTH, SOURCE_RECONFIGURE):
            return self._linked_entry
        return None


def _address(device: Device | None) -> str | None:
    """Return the address that the app has of a lock, None if it has none that can be asked."""
    try:
        return str(IPv4Address(device.address)) if device and device.address else None
    except ValueError:
        return None


def _did(name: str) -> str | None:
    """Return the did in an announced name, ``MODEL_miioDID``; None if there is none."""
    announced = ANNOUNCED.fullmatch(name.partition(".")[0])
    return announced[1] if announced else None


def _host(discovery_info: ZeroconfServiceInfo) -> str | None:
    """Return an IPv4 address of a device that is not link-local, None if it has none.

    miIO is IPv4.
    """
    addresses = (discovery_info.ip_address, *discovery_info.ip_addresses)
    hosts = (str(one) for one in addresses if one.version == 4 and not one.is_link_local)  # noqa: PLR2004
    return next(hosts, None)


async def _is_only_at(entry: LockConfigEntry, host: str) -> bool:
    """Return whether an entry that does not work would work with an announced address.

    Anybody can announce an address and relay requests, so a lock that answers at its known address
    has not moved. The known address is checked before and after the announced one, so that a lock
    does not seem to have moved when it falls asleep or wakes up meanwhile: it stays awake for much
    longer than the checks take.
    """
    known = entry.data.get(CONF_HOST)
    if known is None:
        return False
    if known == host:
        return entry.state is ConfigEntryState.SETUP_RETRY and await _is_at(entry, host)
    return (
        not await _is_at(entry, known)
        and await _is_at(entry, host)
        and not await _is_at(entry, known)
    )


async def _is_at(entry: LockConfigEntry, host: str) -> bool:
    """Return whether an entry's lock answers at an address with the entry's token."""
    try:
        info = await LocalClient(host, entry.data[CONF_TOKEN]).info()
    except MiotError as error:
        _LOGGER.debug("The lock is not at %s: %s", host, error)
        return False
    return bool(info.did == entry.data[CONF_DID])
