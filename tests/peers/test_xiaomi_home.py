"""The official integration, where somebody fetched it: Xiaomi Home."""

from __future__ import annotations

import re
import ssl
from html import unescape
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from yarl import URL

from .home_assistant import PORT, add, home_assistant, shown

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
    trust = ssl.create_default_context(cafile=simulator.ca_file)

    async def sign_in(step: dict[str, Any]) -> None:
        link = re.search(r'href="([^"]+)"', step["description_placeholders"]["link_left"])
        assert link
        page = URL(unescape(link[1]))
        async with aiohttp.ClientSession() as http:
            given = await http.post(
                URL(simulator.cloud.url).with_path(page.path).with_query(page.query),
                data={"user": account.user_id},
                ssl=trust,
                allow_redirects=False,
            )
            back = URL(given.headers["Location"])
            assert (back.host, back.port) == ("homeassistant.local", PORT)
            async with http.get(back.with_host("127.0.0.1")) as response:
                assert response.ok

    def homes(step: dict[str, Any]) -> dict[str, Any]:
        (choice,) = [field for field in step["data_schema"] if field["name"] == "home_infos"]
        return {"home_infos": list(choice["options"]), "area_name_rule": "room"}

    answers = {
        "eula": {"eula": True},
        "auth_config": {
            "cloud_server": region,
            "integration_language": "en",
            "oauth_redirect_url": "http://homeassistant.local:8123",
            "network_detect_config": True,
        },
        "network_detect_config": {
            "network_detect_addr": "https://miot-spec.org/",
            "check_network_deps": True,
        },
        "oauth": sign_in,
        "homes_select": homes,
    }
    async with home_assistant(simulation, tmp_path / "home") as client:
        await add(client, "xiaomi_home", answers)
        await shown(client, r"sensor\..*battery_level.*", "87")
        simulation.call(lock.ring)
        await shown(client, r"event\..*_e_7_1006", r"\d{4}-.+")
