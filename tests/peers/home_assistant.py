"""Home Assistant with other integrations for Xiaomi devices."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from demo.client import onboard
from demo.home_assistant import address, running, write_configuration
from demo.other_integrations import COMPONENTS, PORT, trusting

from .conftest import FETCHED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from demo.client import Client
    from simulator.runner import SimulatorThread

WITHIN: Final = 60
LOGGER: Final = "logger:\n  default: info\n"


@asynccontextmanager
async def home_assistant(simulation: SimulatorThread, directory: Path) -> AsyncIterator[Client]:
    """Start Home Assistant with these integrations, and sign in."""
    write_configuration(directory, FETCHED, PORT, COMPONENTS + LOGGER)
    async with (
        running(directory, PORT, trusting(simulation.simulator.ca_file)),
        onboard(address(PORT), "ming", "made-up password") as client,
    ):
        yield client


async def shown(client: Client, entity: str, state: str) -> None:
    """Wait until an entity has a state; both are patterns. Fails after WITHIN seconds."""
    await client.follow_states()

    def found() -> bool:
        return any(
            re.fullmatch(entity, entity_id) and re.fullmatch(state, now.state)
            for entity_id, now in client.states.items()
        )

    assert await client.wait_until(found, WITHIN), sorted(
        (entity_id, now.state) for entity_id, now in client.states.items()
    )
