"""A real Home Assistant in a process of its own, and the simulated cloud with the locks."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from custom_components.xiaomi_smart_lock.account.clients import redirect_path
from custom_components.xiaomi_smart_lock.const import (
    CONF_LOCKS,
    CONF_POLL_INTERVAL,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
    ENDPOINTS_VARIABLE,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import REDIRECT, load
from demo.client import onboard
from demo.home_assistant import (
    HOST,
    HomeAssistantError,
    address,
    running,
    write_configuration,
)
from demo.setup import READY_WITHIN, enable_all
from simulator.model import MODEL
from simulator.simulator import Simulator
from simulator.tokens import CLIENT_ID, Grant

from .messages import EVENT_TYPE, UNLOCKED, mqtt_topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from demo.client import Client
    from simulator.account import Account
    from simulator.lock import Lock
    from simulator.sibling import Sibling

INTEGRATIONS: Final = Path(__file__).parents[1] / "custom_components"
USER: Final = "benchmark"
LOGGER: Final = "logger:\n  default: warning\n"
LOCK_ENTRY: Final = f"{DOMAIN}_of_the_benchmarks"


@dataclass(frozen=True)
class House:
    """The installation to measure. The integration is installed, but not set up yet."""

    simulator: Simulator
    locks: list[Lock | Sibling]
    address: str
    client: Client
    process: int
    """Home Assistant's process id."""

    async def set_up(self) -> float:
        """Set up the integration; return how long it took, in seconds."""
        started = time.perf_counter()
        await self.client.command("config_entries/disable", entry_id=LOCK_ENTRY, disabled_by=None)
        return time.perf_counter() - started

    async def learned(self) -> None:
        """Wait until the specifications of all locks are known, so that they have entities.

        Raises TimeoutError if they are not within READY_WITHIN seconds.
        """
        needed = {f"{lock.did}-lock_event" for lock in self.locks}
        async with asyncio.timeout(READY_WITHIN):
            while needed:
                registered = await self.client.command("config/entity_registry/list")
                needed -= {entry["unique_id"] for entry in registered}
                await asyncio.sleep(0.2)

    async def event_entities(self, platform: str) -> dict[str, str]:
        """Return the ids of an integration's event entities by their unique ids.

        Those that are off by default are enabled, and waited for.
        """
        await enable_all(self.client, LOCK_ENTRY)
        entities = {
            entry["unique_id"]: entry["entity_id"]
            for entry in await self.client.command("config/entity_registry/list")
            if entry["platform"] == platform and entry["entity_id"].startswith("event.")
        }
        await self.client.follow_states()
        there = partial(self._have_states, set(entities.values()))
        if not await self.client.wait_until(there, READY_WITHIN):
            raise HomeAssistantError(f"event entities of {platform} without a state")
        return entities

    def _have_states(self, entity_ids: set[str]) -> bool:
        return entity_ids <= self.client.states.keys()


@asynccontextmanager
async def house(
    locks: int,
    *,
    others: Iterable[str] = (),
    recorder: bool,
    poll_interval: int | None = None,
    with_mqtt: bool = False,
) -> AsyncIterator[House]:
    """Start Home Assistant and a simulator with some locks; stop them on leaving.

    ``others`` are the models of more locks, after these. The poll interval is in seconds; None is
    the integration's default. ``with_mqtt`` adds an event entity and sensors of ``mqtt`` for each
    lock.
    """
    with TemporaryDirectory(prefix="xiaomi-smart-lock-benchmarks-") as temporary:
        directory = Path(temporary)
        async with Simulator(directory / "simulator", broker="mosquitto") as simulator:
            account = simulator.add_account()
            models = [*repeat(MODEL, locks), *others]
            installed = [
                simulator.add_lock(account, f"Lock {n}", model=model)
                for n, model in enumerate(models)
            ]
            port = _free_port()
            configuration = directory / "home-assistant"
            components = [LOGGER]
            entries = [_lock_entry(simulator, account, poll_interval)]
            if recorder:
                components.append("recorder:\n")
            if with_mqtt:
                components.append(f"mqtt: {json.dumps(_mqtt_entities(account))}\n")
                entries.append(_mqtt_entry(simulator, account))
            write_configuration(configuration, INTEGRATIONS, port, "".join(components))
            _write_entries(configuration, entries)
            environment = {ENDPOINTS_VARIABLE: str(simulator.endpoints)}
            async with (
                running(configuration, port, environment) as process,
                onboard(address(port), USER, USER) as client,
            ):
                yield House(simulator, installed, address(port), client, process.pid)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _sign_in(simulator: Simulator, account: Account, uuid: str) -> dict[str, Any]:
    """Return the tokens of a client that the account's owner has just authorized."""
    tokens = simulator.cloud.tokens
    grant = Grant(account, f"ha.{uuid}", REDIRECT + redirect_path(uuid))
    return tokens.exchange(
        {
            "client_id": CLIENT_ID,
            "redirect_uri": grant.redirect_uri,
            "device_id": grant.device_id,
            "code": tokens.code(grant),
        }
    )


def _lock_entry(
    simulator: Simulator, account: Account, poll_interval: int | None
) -> dict[str, Any]:
    """Return the integration's config entry, as its config flow makes it, but disabled."""
    uuid = uuid4().hex
    tokens = _sign_in(simulator, account, uuid)
    data = {
        "region": "cn",
        CONF_UUID: uuid,
        CONF_USER_ID: account.user_id,
        CONF_TOKENS: {
            "access": tokens["access_token"],
            "refresh": tokens["refresh_token"],
            "renew_at": time.time() + tokens["expires_in"],
        },
        CONF_LOCKS: list(account.locks),
    }
    options = {} if poll_interval is None else {CONF_POLL_INTERVAL: poll_interval}
    return _entry(DOMAIN, data) | {"options": options, "disabled_by": "user"}


def _mqtt_entry(simulator: Simulator, account: Account) -> dict[str, Any]:
    """Return a config entry of Home Assistant's ``mqtt``, for a connection to the same gate."""
    uuid = uuid4().hex
    endpoints = load(simulator.endpoints)
    assert endpoints.ca_file
    data = {
        "broker": endpoints.broker_host("cn"),
        "port": endpoints.broker_port,
        "protocol": "5",
        "client_id": f"ha.{uuid}",
        "username": str(CLIENT_ID),
        "password": _sign_in(simulator, account, uuid)["access_token"],
        "certificate": Path(endpoints.ca_file).read_text(encoding="utf-8"),
    }
    return _entry("mqtt", data)


def _mqtt_entities(account: Account) -> list[dict[str, Any]]:
    """Return the ``mqtt`` entities of each lock: an event, and sensors that an unlock changes."""
    return [entity for did in account.locks for entity in _beside(did)]


def _beside(did: str) -> list[dict[str, Any]]:
    event = {
        "name": f"Beside {did}",
        "unique_id": did,
        "state_topic": mqtt_topic(did),
        "event_types": [EVENT_TYPE],
        "qos": 2,
    }
    sensors = [
        {
            "name": f"Beside {did}, {number}",
            "unique_id": f"{did}-{number}",
            "state_topic": mqtt_topic(did, UNLOCKED),
            "value_template": template,
            "qos": 2,
        }
        for number, template in enumerate(UNLOCKED.shown_too)
    ]
    return [{"event": event}, *({"sensor": sensor} for sensor in sensors)]


def _entry(domain: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return a config entry in the oldest format, which every Home Assistant migrates."""
    return {
        "entry_id": f"{domain}_of_the_benchmarks",
        "domain": domain,
        "title": domain,
        "source": "user",
        "version": 1,
        "data": data,
    }


def _write_entries(configuration: Path, entries: list[dict[str, Any]]) -> None:
    content = {
        "key": "core.config_entries",
        "version": 1,
        "minor_version": 1,
        "data": {"entries": entries},
    }
    path = configuration / ".storage" / "core.config_entries"
    path.write_text(json.dumps(content), encoding="utf-8")
