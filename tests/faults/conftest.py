"""A home whose lock is observed during faults, and checks for leftover tasks and sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import psutil  # type: ignore[import-untyped]
import pytest
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, Platform
from homeassistant.core import Event, EventStateChangedData, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_track_state_change_event

from custom_components.xiaomi_smart_lock.miot import push
from simulator.miio import PORT
from tests.lock_driver import LockDriver, until
from tests.lock_harness import LockHarness, runtime_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.connection import Connection
    from simulator.cloud import Cloud
    from simulator.gate import Gate
    from simulator.runner import SimulatorThread
    from tests.lock_harness import Storage

DEVICES: Final = "/app/v2/home/device_list_page"
GET: Final = "/app/v2/miotspec/prop/get"
SET: Final = "/app/v2/miotspec/prop/set"
ACTION: Final = "/app/v2/miotspec/action"
GET_TOKEN: Final = "/app/v2/ha/oauth/get_token"
NO_STATE: Final = (STATE_UNAVAILABLE, STATE_UNKNOWN)


def _sockets(kind: str, *ports: int) -> list[str]:
    """Return the TCP connections to some ports, or the UDP sockets that are not a lock's."""
    found = psutil.Process().net_connections(kind)
    if kind == "udp":
        return [str(one) for one in found if one.laddr and one.laddr.port != PORT]
    return [str(one) for one in found if one.raddr and one.raddr.port in ports]


def tasks() -> list[str]:
    """Return the tasks of the integration and of the MQTT client."""
    ours = ("xiaomi_smart_lock", "aiomqtt")
    described = map(repr, asyncio.all_tasks() - {asyncio.current_task()})
    return [task for task in described if any(name in task for name in ours)]


@pytest.fixture(autouse=True)
def told_before(has_told: None) -> None:
    """Have locks ask for nothing by themselves when they wake: each fault is for one request."""


@pytest.fixture(autouse=True)
def _environment(_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses before push connects again."""
    monkeypatch.setattr(push, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(push, "LAST_DELAY", 0.1)


@pytest.fixture(autouse=True)
async def _nothing_left(
    hass: HomeAssistant, hass_storage: Storage, simulation: SimulatorThread, _environment: None
) -> AsyncIterator[None]:
    """Check that no task and no socket outlives an entry, and that each fault occurred."""
    cloud, gate = simulation.simulator.cloud, simulation.simulator.gate
    cloud.requests.clear()
    there = _sockets("udp")
    yield
    unmet = simulation.call(cloud.calm)
    await hass.async_block_till_done()
    await until(lambda: not tasks())
    await until(lambda: not _sockets("tcp", gate.port))
    # Idle connections to the cloud belong to Home Assistant.
    if connector := async_get_clientsession(hass).connector:
        await connector.close()
    await until(lambda: not _sockets("tcp", cloud.port))
    await until(lambda: set(_sockets("udp")) <= set(there))
    assert not unmet, "a fault never happened"


class Home(LockHarness):
    """Home Assistant with the lock of an account, set up and connected to push."""

    def __init__(self, hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry) -> None:
        """Prepare."""
        super().__init__(hass, driver, entry)
        self.cloud: Cloud = driver.simulator.cloud

    @property
    def connection(self) -> Connection:
        """The integration's connection."""
        return runtime_of(self.entry).connection

    def asked(self) -> list[str]:
        """Return the paths of the requests so far, in order."""
        return [path for path, _ in self.cloud.requests]

    def shown(self) -> dict[str, str]:
        """Return the states of all enabled entities except those about the last contact.

        Nor is there the battery that follows the lower one of the others.
        """
        registry = er.async_get(self.hass)
        states = {
            (entity.domain, entity.unique_id.partition("-")[2]): self.hass.states.get(
                entity.entity_id
            )
            for entity in er.async_entries_for_config_entry(registry, self.entry.entry_id)
        }
        return {
            f"{domain} {key}": state.state
            for (domain, key), state in states.items()
            if state and key not in ("last_contact", "awake", "battery")
        }

    def assert_available(self) -> None:
        """Check that there are entities, and that none is unavailable."""
        shown = self.shown()
        assert len(shown) > 50
        assert not [key for key, state in shown.items() if state == STATE_UNAVAILABLE]

    def follow(self, key: str) -> list[dict[str, object]]:
        """Return a growing list of the attributes of each event that an entity fires.

        An event that is shown again after the entity was unavailable is not repeated.
        """
        fired: list[dict[str, object]] = []
        entity_id = self.driver.entity_id(self.hass, Platform.EVENT, key)
        before = self.hass.states.get(entity_id)
        seen = [before and (before.state, before.attributes)]

        @callback
        def changed(event: Event[EventStateChangedData]) -> None:
            new = event.data["new_state"]
            if not new or new.state in NO_STATE or (new.state, new.attributes) in seen:
                return
            seen.append((new.state, new.attributes))
            fired.append(dict(new.attributes))

        async_track_state_change_event(self.hass, entity_id, changed)
        return fired

    async def reload(self) -> None:
        """Reload the entry of the account."""
        assert await self.hass.config_entries.async_reload(self.entry.entry_id)


@pytest.fixture
def entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Reset the options, so that old events count as late."""
    hass.config_entries.async_update_entry(entry, options={})
    return entry


@pytest.fixture
async def home(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> Home:
    """Return a home that is connected to push and has read everything."""
    return Home(hass, driver, loaded)


@pytest.fixture
def gate(home: Home) -> Iterator[Gate]:
    """Return the gate to the broker, which may repeat messages; reset its repetition afterwards."""
    gate: Gate = home.driver.simulator.gate
    yield gate
    gate.repeat = 0
