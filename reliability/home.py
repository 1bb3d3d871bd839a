"""A complete Home Assistant in this process, with locks of an account and on the local network."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from uuid import uuid4

from homeassistant import block_async_io, bootstrap
from homeassistant.components import zeroconf
from homeassistant.components.zeroconf.models import HaZeroconf
from homeassistant.config_entries import SOURCE_ZEROCONF
from homeassistant.const import ATTR_ENTITY_ID, CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.runner import RuntimeConfig

from custom_components.xiaomi_smart_lock.account.clients import redirect_path
from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_DID,
    CONF_LOCKS,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
    ENDPOINTS_VARIABLE,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import REDIRECT
from demo.home_assistant import HOST, write_configuration
from simulator.miio import PORT
from simulator.sibling import Sibling
from simulator.tokens import CLIENT_ID, Grant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from homeassistant.config_entries import ConfigEntry, ConfigFlowContext
    from homeassistant.core import HomeAssistant

    from custom_components.xiaomi_smart_lock.coordinator import LockCoordinator
    from custom_components.xiaomi_smart_lock.runtime import Runtime
    from simulator.account import Account
    from simulator.device import Device
    from simulator.lock import Lock
    from simulator.simulator import Simulator

INTEGRATIONS: Final = Path(__file__).parents[1] / "custom_components"
ENTRY: Final = "the_account"
LOGGER: Final = "logger:\n  default: warning\n"


class Home:
    """A Home Assistant that can stop, and start again with the state that it saved."""

    hass: HomeAssistant

    def __init__(
        self,
        directory: Path,
        simulator: Simulator,
        locks: int,
        *,
        others: Iterable[str] = (),
        nearby: Iterable[str] = (),
        linked: bool = False,
        options: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Create the locks, and write their config entries.

        The account has just signed in; without a lock of its own it has no entry. ``others`` are
        the models of more locks of it, and ``linked`` says whether the Mi Home app is linked too.
        ``nearby`` are the addresses of locks on the local network, each with an entry of its own.
        ``options`` are those of all entries.
        """
        # What a new entry has off by default is watched as well, also of a lock of another model,
        # whose entities come once its specification is known.
        self._all_enabled = patch.object(Entity, "entity_registry_enabled_default", new=True)
        self.simulator = simulator
        self.linked = linked
        self.directory = directory
        self.account = simulator.add_account()
        self.locks = [simulator.add_lock(self.account, f"Lock {n}") for n in range(locks)]
        self.others = [add_sibling(simulator, self.account, model) for model in others]
        neighbour = simulator.add_account("Hua")
        self.nearby = [
            simulator.add_lock(neighbour, f"Lock at {host}", host=host) for host in nearby
        ]
        os.environ[ENDPOINTS_VARIABLE] = str(simulator.endpoints)
        write_configuration(directory, INTEGRATIONS, _free_port(), LOGGER)
        uuid = uuid4().hex
        data = {
            CONF_REGION: "cn",
            CONF_UUID: uuid,
            CONF_USER_ID: self.account.user_id,
            CONF_TOKENS: self._sign_in(uuid),
            CONF_LOCKS: list(self.account.locks),
        }
        if linked:
            session = simulator.cloud.app_accounts.sign_in(self.account, uuid)
            data[CONF_APP] = {CONF_REGION: "cn", **session}
        entries = [_entry(ENTRY, "Ming", data, options)] if self.account.locks else []
        entries += [_entry(lock.did, lock.name, local_data(lock), options) for lock in self.nearby]
        _write_entries(directory, entries)

    async def start(self, follow: Callable[[HomeAssistant], object] = lambda _hass: None) -> None:
        """Start Home Assistant. ``follow`` is called with it before anything is set up."""
        set_up = bootstrap.async_from_config_dict

        async def follow_from_the_beginning(
            configuration: dict[str, Any], hass: HomeAssistant
        ) -> HomeAssistant | None:
            self.hass = hass
            follow(hass)
            return await set_up(configuration, hass)

        configuration = RuntimeConfig(str(self.directory), skip_pip=True)
        # Fatal exceptions belong on the screen, not in Home Assistant's log. The detection of
        # blocking calls can be enabled only once in a process, and would find the simulator's.
        self._all_enabled.start()
        with (
            patch.object(block_async_io, "enable"),
            patch.object(sys, "excepthook", sys.excepthook),
            patch.object(zeroconf, "HaZeroconf", _loopback_only),
            patch.object(bootstrap, "async_from_config_dict", follow_from_the_beginning),
        ):
            assert await bootstrap.async_setup_hass(configuration) is self.hass
        await self.hass.async_start()

    async def stop(self) -> None:
        """Stop Home Assistant, which saves its state."""
        await self.hass.async_stop()
        self._all_enabled.stop()

    @property
    def entry(self) -> ConfigEntry[Runtime]:
        """The account's config entry."""
        entry = self.hass.config_entries.async_get_entry(ENTRY)
        assert entry
        return entry

    @property
    def connected(self) -> bool:
        """Whether the account is set up, and connected to push."""
        connection = getattr(self.entry, "runtime_data", None)
        return bool(connection and connection.push and connection.push.connected)

    def entry_of(self, lock: Device) -> ConfigEntry[Runtime]:
        """Return the config entry of a lock: its own, or the account's."""
        return self.hass.config_entries.async_get_entry(lock.did) or self.entry

    def coordinator(self, lock: Device) -> LockCoordinator:
        """Return the coordinator of a lock."""
        return self.entry_of(lock).runtime_data.locks[lock.did].coordinator

    async def announce(self, lock: Device) -> None:
        """Have a lock announce its address, as it does when it joins the local network."""
        assert lock.host
        kind = "_miio._udp.local."
        info = ZeroconfServiceInfo(
            ip_address=ip_address(lock.host),
            ip_addresses=[ip_address(lock.host)],
            port=PORT,
            hostname="lock.local.",
            type=kind,
            name=f"xiaomi-lock-s1_miio{lock.did}.{kind}",
            properties={},
        )
        context: ConfigFlowContext = {"source": SOURCE_ZEROCONF}
        await self.hass.config_entries.flow.async_init(DOMAIN, context=context, data=info)

    async def reload(self, entry_id: str = ENTRY) -> None:
        """Reload a config entry, by default the account's."""
        await self.hass.config_entries.async_reload(entry_id)

    async def sign_in_again(self) -> None:
        """Sign in again, as the user is asked to do after the account was signed out."""
        data = {**self.entry.data, CONF_TOKENS: self._sign_in(self.entry.data[CONF_UUID])}
        self.hass.config_entries.async_update_entry(self.entry, data=data)
        await self.reload()

    def entity_id(self, lock: Device, platform: str, key: str) -> str | None:
        """Return the id of one of a lock's entities, None if it does not exist."""
        registry = er.async_get(self.hass)
        return registry.async_get_entity_id(platform, DOMAIN, f"{lock.did}-{key}")

    def state(self, lock: Device, platform: str, key: str) -> str | None:
        """Return the state of one of a lock's entities, None if it has none."""
        entity_id = self.entity_id(lock, platform, key)
        state = self.hass.states.get(entity_id) if entity_id else None
        return state.state if state else None

    async def call(self, lock: Lock, platform: str, service: str, key: str, **data: object) -> None:
        """Call a service action on one of a lock's entities. Raises the error that a user gets."""
        target = {ATTR_ENTITY_ID: self.entity_id(lock, platform, key)}
        await self.hass.services.async_call(platform, service, target | data, blocking=True)

    def _sign_in(self, uuid: str) -> dict[str, Any]:
        """Return the tokens of a client that the account's owner authorized."""
        tokens = self.simulator.cloud.tokens
        grant = Grant(self.account, f"ha.{uuid}", REDIRECT + redirect_path(uuid))
        answer = tokens.exchange(
            {
                "client_id": CLIENT_ID,
                "redirect_uri": grant.redirect_uri,
                "device_id": grant.device_id,
                "code": tokens.code(grant),
            }
        )
        return {
            "access": answer["access_token"],
            "refresh": answer["refresh_token"],
            "renew_at": time.time() + answer["expires_in"] * 0.7,
        }


def add_sibling(simulator: Simulator, account: Account, model: str) -> Sibling:
    """Add a lock of another model to an account."""
    lock = simulator.add_lock(account, model, model=model)
    assert isinstance(lock, Sibling)
    return lock


def _loopback_only(**_: object) -> HaZeroconf:
    """Return a Zeroconf instance that only uses loopback."""
    return HaZeroconf(interfaces=[HOST])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def local_data(lock: Device) -> dict[str, Any]:
    """Return the data of the entry of a lock on the local network."""
    return {
        CONF_HOST: lock.host,
        CONF_TOKEN: lock.token,
        CONF_DID: lock.did,
        "firmware": lock.firmware,
        "mac": lock.mac,
    }


def _entry(
    entry_id: str, title: str, data: dict[str, Any], options: Mapping[str, int]
) -> dict[str, Any]:
    """Return a config entry in the oldest format, which every Home Assistant migrates."""
    return {
        "entry_id": entry_id,
        "unique_id": data.get(CONF_DID),
        "domain": DOMAIN,
        "title": title,
        "source": "user",
        "version": 1,
        "data": data,
        "options": dict(options),
    }


def _write_entries(directory: Path, entries: list[dict[str, Any]]) -> None:
    content = {
        "key": "core.config_entries",
        "version": 1,
        "minor_version": 1,
        "data": {"entries": entries},
    }
    path = directory / ".storage" / "core.config_entries"
    path.write_text(json.dumps(content), encoding="utf-8")
