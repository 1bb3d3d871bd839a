"""Fixtures for tests of the simulator without Home Assistant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import aiohttp
import pytest

from simulator.lock import Lock
from simulator.simulator import Simulator
from tests.simulator.alone import Heard, Standing

from .client import Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def enable_custom_integrations() -> None:
    """Run without Home Assistant, which would look for the integration."""


@pytest.fixture
async def simulator(tmp_path: Path) -> AsyncIterator[Simulator]:
    """Return a simulator with one account, of which only the cloud runs."""
    simulator = Simulator(tmp_path)
    simulator.add_account("Ming")
    async with simulator.cloud as cloud:
        addresses = {
            "authorize": f"{cloud.url}/oauth2/authorize",
            "profile": f"{cloud.url}/user/profile",
            "api": cloud.url,
            "account": cloud.url,
            "ca_file": str(tmp_path / "ca.pem"),
        }
        simulator.endpoints.write_text(json.dumps(addresses), encoding="utf-8")
        yield simulator


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    """Return a client that is not signed in yet."""
    async with aiohttp.ClientSession() as session:
        yield Client(session, simulator.endpoints)


@pytest.fixture
def clock() -> Standing:
    """Return a clock that does not move."""
    return Standing()


@pytest.fixture
def lock(clock: Standing) -> Lock:
    """Return a lock that is awake."""
    return Lock(clock, did="42", name="Front door", uid="1001")


@pytest.fixture
def heard(lock: Lock) -> Heard:
    """Return the growing list of the lock's messages."""
    heard = Heard()
    lock.listeners.append(heard)
    return heard
