"""The official integration, where somebody fetched it: Xiaomi Home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.other_integrations import add, xiaomi_home

from .home_assistant import home_assistant, shown

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.account import Account
    from simulator.lock import Lock
    from simulator.runner import SimulatorThread


@pytest.mark.parametrize("region", ["cn", "de"])
async def test_the_official_integration(
    simulation: SimulatorThread, account: Account, lock: Lock, tmp_path: Path, region: str
) -> None:
    """It signs in, reads, and hears the doorbell."""
    simulator = simulation.simulator
    answers = xiaomi_home(simulator.cloud.url, simulator.ca_file, account.user_id, region)
    async with home_assistant(simulation, tmp_path / "home") as client:
        await add(client, "xiaomi_home", answers)
        await shown(client, r"sensor\..*battery_level.*", "87")
        simulation.call(lock.ring)
        await shown(client, r"event\..*_e_7_1006", r"\d{4}-.+")
