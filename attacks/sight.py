"""Everything that a user signed in to Home Assistant can see of the locks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from demo.client import Client

    from .house import House

HIDDEN: Final = "event.duress"
"""The duress event entity, by platform and key."""

_COMMANDS: Final = (
    "auth/current_user",
    "config/area_registry/list",
    "config/device_registry/list",
    "config/entity_registry/list",
    "config_entries/flow/progress",
    "config_entries/get",
    "entity/source",
    "get_config",
    "get_panels",
    "get_services",
    "homeassistant/expose_entity/list",
    "logger/log_info",
    "persistent_notification/get",
    "person/list",
    "recorder/info",
    "repairs/list_issues",
    "system_log/list",
)
_PATHS: Final = (
    "/api/calendars",
    "/api/config/config_entries/entry",
    "/api/error_log",
    "/api/events",
    "/api/services",
)


async def seen(house: House, client: Client) -> dict[str, str]:
    """Request everything as a user; return the answers by name of the request, without refusals.

    States are named ``get_states ENTITY_ID``. The history of the hidden entity is not requested.
    """
    answers: dict[str, str] = {}
    for name, fields in _commands(house).items():
        kind = name.partition(" ")[0]
        try:
            answers[name] = _text(await client.command(kind, **fields))
        except HomeAssistantError:
            continue
    for name, path in _paths(house).items():
        if body := await client.file(path):
            answers[name] = body.decode(errors="replace")
    for state in await client.command("get_states"):
        answers[f"get_states {state['entity_id']}"] = _text(state)
    return answers


def _text(answer: object) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _shown(house: House) -> list[str]:
    """Return the ids of the front door's entities that are not hidden."""
    return [one for key, one in house.homes[house.lock].entity_ids.items() if key != HIDDEN]


def _commands(house: House) -> dict[str, Mapping[str, Any]]:
    home = house.homes[house.lock]
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    folder = f"media-source://{DOMAIN}/{house.lock.did}"
    return {command: {} for command in _COMMANDS} | {
        "config_entries/get_single": {"entry_id": home.entry_id},
        "config_entries/subentries/list": {"entry_id": home.entry_id},
        "device_automation/trigger/list": {"device_id": home.device_id},
        "history/history_during_period": {
            "start_time": since,
            "entity_ids": _shown(house),
            "no_attributes": False,
            "significant_changes_only": False,
        },
        "logbook/get_events": {"start_time": since},
        "logbook/get_events of its entities": {"start_time": since, "entity_ids": _shown(house)},
        "media_source/browse_media": {"media_content_id": folder},
        "media_source/browse_media of today": {
            "media_content_id": f"{folder}/{datetime.now(UTC) + timedelta(hours=8):%Y-%m-%d}"
        },
        "search/related": {"item_type": "device", "item_id": home.device_id},
    }


def _paths(house: House) -> dict[str, str]:
    home = house.homes[house.lock]
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    entities = urlencode({"filter_entity_id": ",".join(_shown(house))})
    diagnostics = f"/api/diagnostics/config_entry/{home.entry_id}"
    return {path: path for path in _PATHS} | {
        "diagnostics": diagnostics,
        "diagnostics of the lock": f"{diagnostics}/device/{home.device_id}",
        "diary": diary(house),
        "history": f"/api/history/period/{since}?{entities}",
        "logbook": f"/api/logbook/{since}",
    }


def diary(house: House) -> str:
    """Return the path of the front door's diary from an hour ago to an hour from now."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    span = urlencode({"start": (now - hour).isoformat(), "end": (now + hour).isoformat()})
    return f"/api/calendars/{house.entity_id(house.lock, 'calendar.diary')}?{span}"
