"""The dashboard of the integration, as the one that opens first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from .client import Client

PATH: Final = "front-door"
CONFIG: Final[dict[str, Any]] = {"strategy": {"type": "custom:xiaomi-smart-lock"}}


async def add_dashboard(client: Client, title: str) -> None:
    """Add the dashboard, and have it open first."""
    path = await _first_dashboard(client, title)
    await client.command("lovelace/config/save", url_path=path, config=CONFIG)


async def _first_dashboard(client: Client, title: str) -> str | None:
    """Return the path of the dashboard that opens first, None for the default one.

    It is created with that path if Home Assistant has a setting for it.
    """
    try:
        await client.command("frontend/set_system_data", key="core", value={"default_panel": PATH})
    except HomeAssistantError:
        # Older versions have no such setting, and open their default dashboard.
        return None
    await client.command(
        "lovelace/dashboards/create", url_path=PATH, title=title, icon="mdi:door-closed-lock"
    )
    return PATH
