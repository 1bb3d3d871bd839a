"""A real Home Assistant in a process of its own, and the simulated cloud with the locks."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.const import ENDPOINTS_VARIABLE
from demo.client import onboard, signed_in
from demo.home_assistant import (
    HOST,
    HomeAssistantError,
    address,
    running,
    write_configuration,
)
from demo.other_integrations import COMPONENTS, PORT, SETUPS, add, trusting
from demo.setup import READY_WITHIN
from simulator import real_names
from simulator.model import MODEL
from simulator.simulator import Simulator

from .callbacks import watched
from .entries import (
    LOCK_ENTRY,
    REGION,
    lock_entry,
    mqtt_entities,
    mqtt_entry,
    write_entries,
    write_past,
)
from .messages import FINGERPRINTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from demo.client import Client
    from simulator.account import Account

INTEGRATIONS: Final = Path(__file__).parents[1] / "custom_components"
USER: Final = "benchmark"
LOGGER: Final = "logger:\n  default: warning\n"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is measured, for all that is measured in one run."""

    integrations: Path = INTEGRATIONS
    """The folder that has this integration, of this commit or another one."""
    beside: Path | None = None
    """The folder of another integration, which runs beside this one."""
    recorder: bool = False
    """Whether there is a recorder, whose cost then counts too."""


@dataclass(frozen=True)
class House:
    """A Home Assistant that runs. Its integrations are installed, but not set up yet."""

    site: Site
    client: Client
    process: int
    """Home Assistant's process id."""

    @property
    def address(self) -> str:
        """Home Assistant's address."""
        return address(self.site.port)

    async def enable(self, entry_id: str = LOCK_ENTRY) -> float:
        """Set up a config entry that is disabled; return how long it took, in seconds."""
        started = time.perf_counter()
        await self._disable(entry_id, None)
        return time.perf_counter() - started

    async def disable(self, entry_id: str) -> None:
        """Unload a config entry."""
        await self._disable(entry_id, "user")

    async def _disable(self, entry_id: str, by: str | None) -> None:
        await self.client.command("config_entries/disable", entry_id=entry_id, disabled_by=by)

    async def add_beside(self) -> str:
        """Set up the other integration by its dialog; return the id of its config entry."""
        site, beside = self.site, self.site.beside
        assert beside
        cloud = site.simulator.cloud
        answers = SETUPS[beside](
            cloud.url, site.simulator.ca_file, site.accounts[1].user_id, REGION
        )
        await add(self.client, beside, answers)
        [entry] = await self.client.command("config_entries/get", domain=beside)
        entry_id: str = entry["entry_id"]
        return entry_id

    async def registered(self, platform: str) -> list[tuple[str, str]]:
        """Return the entity ids and the unique ids of an integration's enabled entities."""
        return [
            (entry["entity_id"], entry["unique_id"])
            for entry in await self.client.command("config/entity_registry/list")
            if entry["platform"] == platform and entry["disabled_by"] is None
        ]

    async def event_entity_ids(self, platform: str | None) -> list[str]:
        """Return the ids of an integration's enabled event entities."""
        assert platform
        return [
            entity_id for entity_id, _ in await self.registered(platform) if _is_event(entity_id)
        ]

    async def event_entities(self, platform: str, unique_ids: Iterable[str]) -> dict[str, str]:
        """Return the ids of an integration's event entities once all of these have a state.

        Raises HomeAssistantError if they have none within READY_WITHIN seconds.
        """
        wanted, deadline = set(unique_ids), time.monotonic() + READY_WITHIN
        missing = wanted
        while time.monotonic() < deadline:
            enabled = await self.registered(platform)
            known = {unique: entity for entity, unique in enabled if _is_event(entity)}
            states = await self.client.command("get_states")
            there = {state["entity_id"] for state in states}
            missing = {one for one in wanted if known.get(one) not in there}
            if not missing:
                return known
            await asyncio.sleep(0.2)
        raise HomeAssistantError(f"event entities of {platform} without a state: {sorted(missing)}")


@dataclass(frozen=True)
class Site:
    """A simulator with locks, and the configuration of a Home Assistant for them."""

    simulator: Simulator
    accounts: list[Account]
    """The account of this integration and of ``mqtt``, and that of the other integration."""
    configuration: Path
    port: int
    beside: str | None
    """The domain of the other integration."""

    @asynccontextmanager
    async def house(
        self, *, again: bool = False, callbacks: Path | None = None
    ) -> AsyncIterator[House]:
        """Start Home Assistant, for the first time or ``again``; stop it on leaving.

        ``callbacks`` is the file in which it notes its callbacks that take long.
        """
        # At a restart Python has compiled the modules already, other than where this is set.
        compiled = {"PYTHONDONTWRITEBYTECODE": ""}
        environment = {ENDPOINTS_VARIABLE: str(self.simulator.endpoints), **compiled}
        if callbacks:
            environment |= watched(callbacks)
        if self.beside:
            environment |= trusting(self.simulator.ca_file)
        sign_in = signed_in if again else onboard
        async with (
            running(self.configuration, self.port, environment) as process,
            sign_in(address(self.port), USER, USER) as client,
        ):
            await client.ready()
            yield House(self, client, process.pid)


@asynccontextmanager
async def site(
    setting: Setting,
    locks: int,
    *,
    others: Iterable[str] = (),
    poll_interval: int | None = None,
    with_mqtt: bool = False,
    fingerprints: int = FINGERPRINTS,
    past: int = 0,
) -> AsyncIterator[Site]:
    """Start a simulator with some locks, and prepare a Home Assistant; stop and remove both.

    ``others`` are the models of more locks, after these. The other integration has as many locks
    of an account of its own. The poll interval is in seconds; None is the integration's default.
    ``with_mqtt`` adds an event entity and sensors of ``mqtt`` for each lock. Each lock has people
    with so many ``fingerprints``, who have unlocked it ``past`` times before.
    """
    with TemporaryDirectory(prefix="xiaomi-smart-lock-benchmarks-") as temporary:
        directory = Path(temporary)
        async with _simulator(setting, directory / "simulator") as simulator:
            ours = simulator.add_account()
            for number, model in enumerate([*repeat(MODEL, locks), *others]):
                simulator.add_lock(ours, f"Lock {number}", model=model)
            accounts = [ours]
            components = [LOGGER]
            entries = [lock_entry(simulator, ours, poll_interval, fingerprints)]
            if setting.recorder:
                components.append("recorder:\n")
            if with_mqtt:
                components.append(f"mqtt: {json.dumps(mqtt_entities(ours))}\n")
                entries.append(mqtt_entry(simulator, ours))
            if setting.beside:
                components.append(COMPONENTS)
                theirs = simulator.add_account("Hua")
                for number in range(locks):
                    simulator.add_lock(theirs, f"Lock {number} beside")
                accounts.append(theirs)
            configuration = directory / "home-assistant"
            port = PORT if setting.beside else _free_port()
            installed = _installed(setting, directory / "integrations")
            write_configuration(configuration, installed, port, "".join(components))
            write_entries(configuration, entries)
            if past:
                write_past(configuration, ours, past)
            beside = setting.beside.name if setting.beside else None
            yield Site(simulator, accounts, configuration, port, beside)


def _simulator(setting: Setting, directory: Path) -> Simulator:
    """Return a simulator, under the names of Xiaomi's services if others are to find it."""
    if setting.beside is None:
        return Simulator(directory, broker="mosquitto")
    return Simulator(
        directory,
        broker="mosquitto",
        http_port=real_names.CLOUD_PORT,
        broker_port=real_names.BROKER_PORT,
    )


def _installed(setting: Setting, directory: Path) -> Path:
    """Return a folder with all integrations that are not Home Assistant's."""
    directory.mkdir()
    for folder in (*setting.integrations.iterdir(), setting.beside):
        if folder and folder.is_dir():
            (directory / folder.name).symlink_to(folder, target_is_directory=True)
    return directory


def _is_event(entity_id: str) -> bool:
    return entity_id.startswith("event.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
