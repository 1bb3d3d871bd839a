"""Home Assistant with other integrations for Xiaomi devices, and their setup."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from demo.client import onboard
from demo.home_assistant import address, running, write_configuration

from .conftest import FETCHED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from demo.client import Client
    from simulator.runner import SimulatorThread

PORT: Final = 8123
"""The port of Home Assistant to which Xiaomi redirects after a sign-in."""
WITHIN: Final = 60
FLOW: Final = "/api/config/config_entries/flow"
COMPONENTS: Final = """\
config:
webhook:
logger:
  default: info
"""


@asynccontextmanager
async def home_assistant(simulation: SimulatorThread, directory: Path) -> AsyncIterator[Client]:
    """Start Home Assistant with these integrations, and sign in."""
    write_configuration(directory, FETCHED, PORT, COMPONENTS)
    ca_file = str(simulation.simulator.ca_file)
    trust = {"SSL_CERT_FILE": ca_file, "REQUESTS_CA_BUNDLE": ca_file}
    async with (
        running(directory, PORT, trust),
        onboard(address(PORT), "ming", "made-up password") as client,
    ):
        yield client


async def add(client: Client, handler: str, answers: Mapping[str, Any]) -> None:
    """Complete a config flow with an answer for each step, or a function that returns one.

    For steps that wait, the function acts instead.
    """
    step = await client.post(FLOW, {"handler": handler, "show_advanced_options": False})
    while step["type"] != "create_entry":
        assert step["type"] in {"form", "progress"}, step
        assert not any((step.get("errors") or {}).values()), step
        answer = answers[step["step_id"]]
        if step["type"] == "form":
            answer = answer(step) if callable(answer) else answer
            step = await client.post(f"{FLOW}/{step['flow_id']}", answer)
            continue
        await answer(step)
        step = await after(client, step)


async def after(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    """Return the step after one that waits. Raises TimeoutError after WITHIN seconds."""
    async with asyncio.timeout(WITHIN):
        while (now := await client.get(f"{FLOW}/{step['flow_id']}"))["type"] == "progress":
            await asyncio.sleep(0.2)
    following: dict[str, Any] = now
    return following


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
