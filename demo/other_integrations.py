"""The setup of other integrations for Xiaomi devices, as a user does it."""

from __future__ import annotations

import asyncio
import re
import ssl
from html import unescape
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from .home_assistant import HOST, HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from .client import Client

    type Answers = Mapping[str, Any]
    """What to answer to each step of a config flow, see ``add``."""

PORT: Final = 8123
"""The port of Home Assistant to which Xiaomi redirects after a sign-in."""
COMPONENTS: Final = """\
config:
webhook:
"""
"""What of Home Assistant they need, and do not say."""
WITHIN: Final = 60
FLOW: Final = "/api/config/config_entries/flow"


def trusting(ca_file: Path) -> dict[str, str]:
    """Return the environment of a program that is to trust a certificate authority of its own."""
    return {"SSL_CERT_FILE": str(ca_file), "REQUESTS_CA_BUNDLE": str(ca_file)}


async def add(client: Client, handler: str, answers: Answers) -> None:
    """Complete a config flow with an answer for each step, or a function that returns one.

    For steps that wait, the function acts instead. Raises HomeAssistantError for an error or a step
    without an answer.
    """
    step = await client.post(FLOW, {"handler": handler, "show_advanced_options": False})
    while step["type"] != "create_entry":
        errors = any((step.get("errors") or {}).values())
        if errors or step["type"] not in {"form", "progress"} or step["step_id"] not in answers:
            raise HomeAssistantError(f"the config flow of {handler}: {step}")
        answer = answers[step["step_id"]]
        if step["type"] == "form":
            answer = answer(step) if callable(answer) else answer
            step = await client.post(f"{FLOW}/{step['flow_id']}", answer)
            continue
        await answer(step)
        step = await _after(client, step)


async def _after(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    """Return the step after one that waits. Raises TimeoutError after WITHIN seconds."""
    path = f"{FLOW}/{step['flow_id']}"
    async with asyncio.timeout(WITHIN):
        while (now := await client.get(path))["type"] == "progress":  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    following: dict[str, Any] = now
    return following


def xiaomi_home(cloud: str, ca_file: Path, user_id: str, region: str = "cn") -> Answers:
    """Return the answers that set up the official integration, Xiaomi Home, with all homes.

    ``cloud`` is the address of the simulated cloud, whose sign-in page a browser would show.
    """
    trust = ssl.create_default_context(cafile=ca_file)

    async def sign_in(step: dict[str, Any]) -> None:
        link = re.search(r'href="([^"]+)"', step["description_placeholders"]["link_left"])
        if link is None:
            raise HomeAssistantError(f"no link to sign in: {step}")
        page = URL(unescape(link[1]))
        async with aiohttp.ClientSession() as http:
            given = await http.post(
                URL(cloud).with_path(page.path).with_query(page.query),
                data={"user": user_id},
                ssl=trust,
                allow_redirects=False,
            )
            back = URL(given.headers["Location"])
            if (back.host, back.port) != ("homeassistant.local", PORT):
                raise HomeAssistantError(f"the sign-in leads to {back.host}:{back.port}")
            async with http.get(back.with_host(HOST)) as response:
                response.raise_for_status()

    def homes(step: dict[str, Any]) -> dict[str, Any]:
        (choice,) = [field for field in step["data_schema"] if field["name"] == "home_infos"]
        return {"home_infos": list(choice["options"]), "area_name_rule": "room"}

    return {
        "eula": {"eula": True},
        "auth_config": {
            "cloud_server": region,
            "integration_language": "en",
            "oauth_redirect_url": f"http://homeassistant.local:{PORT}",
            "network_detect_config": True,
        },
        "network_detect_config": {
            "network_detect_addr": "https://miot-spec.org/",
            "check_network_deps": True,
        },
        "oauth": sign_in,
        "homes_select": homes,
    }


SETUPS: Final[Mapping[str, Callable[[str, Path, str, str], Answers]]] = {"xiaomi_home": xiaomi_home}
"""The answers that set up an integration, by its domain; see ``xiaomi_home``."""
