"""Config flow steps for a lock on the local network, discovered or by its address."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import SOURCE_ZEROCONF, ConfigEntryState, ConfigFlow
from homeassistant.const import CONF_HOST, CONF_TOKEN
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
from homeassistant.helpers.translation import async_get_translations

from ..account.entry_data import MOST_DISCOVERED, configured_locks, last_digits
from ..const import CONF_DID, DOMAIN
from ..miot.errors import MiotError, NotSignedInError
from ..miot.local import LocalClient
from ..model.lock_model import MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo

    from ..miot.local import Info
    from ..runtime import LockConfigEntry

_LOGGER = logging.getLogger(__name__)

PRODUCT: Final = "Xiaomi Smart Door Lock 4 Pro"

TOKEN: Final = re.compile(r"[0-9a-fA-F]{32}")
# If a name is taken already, the device adds a number: ``NAME (2)`` or ``NAME-2``.
ANNOUNCED: Final = re.compile(r".*_miio([0-9]{1,20})(?: ?\([0-9]+\)|-[0-9]+)?")

_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
LOCAL_SCHEMA: Final = vol.Schema(
    {vol.Required(CONF_HOST): TextSelector(), vol.Required(CONF_TOKEN): _SECRET}
)


class LocalFlow(ConfigFlow):
    """Steps for a lock on the local network, also for one discovered there."""

    _host: str | None = None
    _discovered_did: str | None = None

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
        name = f"{await self._async_product()} ({last_digits(did)})"
        self.context["title_placeholders"] = {"name": name}
        return await self.async_step_discovered()

    async def _async_product(self) -> str:
        """Return the product name in Home Assistant's language."""
        language = self.hass.config.language
        texts = await async_get_translations(self.hass, language, "config", {DOMAIN})
        return texts.get(f"component.{DOMAIN}.config.step.user.title", PRODUCT)

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
        """Ask for address and token, and check them with the lock."""
        errors: dict[str, str] = {}
        if user_input is not None:
            info = await self._async_look(user_input, errors)
            if info and self._discovered_did not in (None, info.did):
                errors[CONF_HOST] = "another_device"
            elif info:
                await self.async_set_unique_id(info.did, raise_on_progress=False)
                self._abort_if_unique_id_configured(updates=user_input)
                if info.did in configured_locks(self.hass):
                    return self.async_abort(reason="already_configured")
                return self.async_create_entry(
                    title=PRODUCT,
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
            if info.model in MODELS:
                return info
            errors[CONF_HOST] = "another_model"
        return None

    async def _async_change_local(
        self, step_id: str, entry: LockConfigEntry, user_input: dict[str, str] | None
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


def _local_data(user_input: Mapping[str, str], info: Info) -> dict[str, Any]:
    return {
        **user_input,
        CONF_DID: info.did,
        "firmware": info.firmware,
        "mac": info.mac,
    }
