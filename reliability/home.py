"""A complete Home Assistant in this process, with an account in a simulated cloud."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch
from uuid import uuid4

from homeassistant import block_async_io, bootstrap
from homeassistant.components import zeroconf
from homeassistant.components.zeroconf.models import HaZeroconf
from homeassistant.const import ATTR_ENTITY_ID, CONF_REGION
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import Entity
from homeassistant.runner import RuntimeConfig

from custom_components.xiaomi_smart_lock.account.clients import redirect_path
from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_LOCKS,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
    ENDPOINTS_VARIABLE,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import REDIRECT
from demo.home_assistant import HOST, write_configuration
from simulator.sibling import Sibling
from simulator.tokens import CLIENT_ID, Grant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from homeassistant.config_entries import ConfigEntry
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
        linked: bool = False,
        **options: int,
    ) -> None:
        """Create the locks, and write the config entry of an account that has just signed in.

        ``others`` are the models of more locks, and ``linked`` says whether the Mi Home app is
        linked too. ``options`` are those of the entry.
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
        _write_entry(directory, data, options)

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

    def coordinator(self, lock: Device) -> LockCoordinator:
        """Return the coordinator of a lock."""
        return self.entry.runtime_data.locks[lock.did].coordinator

    async def reload(self) -> None:
        """Reload the account's config entry."""
        await self.hass.config_entries.async_reload(ENTRY)

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


def _write_entry(directory: Path, data: dict[str, Any], options: dict[str, int]) -> None:
    """Write the config entry in the oldest format, which every Home Assistant migrates."""
    entry = {
        "entry_id": ENTRY,
        "domain": DOMAIN,
        "title": "Ming",
        "source": "user",
        "version": 1,
        "data": data,
        "options": options,
    }
    content = {
        "key": "core.config_entries",
        "version": 1,
        "minor_version": 1,
        "data": {"entries": [entry]},
    }
    path = directory / ".storage" / "core.config_entries"
    path.write_text(json.dumps(content), encoding="utf-8")
