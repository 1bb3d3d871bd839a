"""Xiaomi Miot Auto, where somebody fetched it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.other_integrations import add

from .home_assistant import home_assistant

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.account import Account
    from simulator.lock import Lock
    from simulator.runner import SimulatorThread


async def test_xiaomi_miot_auto(
    simulation: SimulatorThread, account: Account, lock: Lock, tmp_path: Path
) -> None:
    """It signs in with a password, and finds the lock.

    Its entities would need what Home Assistant's HomeKit needs, which is not installed here.
    """
    answers = {
        "user": {"action": "account"},
        "cloud": {
            "username": account.user_id,
            "password": account.password,
            "server_country": "cn",
            "conn_mode": "auto",
        },
        "cloud_filter": {"filter_did": "include", "did_list": [lock.did]},
    }
    async with home_assistant(simulation, tmp_path / "home") as client:
        await add(client, "xiaomi_miot", answers)
        (entry,) = await client.command("config_entries/get", domain="xiaomi_miot")
        assert account.user_id in entry["title"]
