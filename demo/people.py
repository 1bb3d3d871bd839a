"""The residents: people whose operations are assigned in Home Assistant by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import CONF_CREDENTIALS, SUBENTRY_PERSON
from simulator.door import Action, Method, Position

from .home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from simulator.lock import Lock

    from .setup import Home

PEOPLE: Final = {"Ming": (Method.FINGERPRINT, 3), "Li": (Method.FACE, 5)}
AGO: Final = 3600
"""Seconds since their arrival."""
TOLD_WITHIN: Final = 15
_FLOW: Final = "/api/config/config_entries/subentries/flow"


async def add_people(home: Home, lock: Lock) -> None:
    """Let each person come home once, and assign the operation to them in Home Assistant.

    Raises HomeAssistantError if Home Assistant does not show an operation, or cannot assign it.
    """
    for name, (method, number) in PEOPLE.items():
        when = lock.time - AGO + number
        for _ in range(TOLD_WITHIN):
            # Repeat it: events before the push connection are not received.
            lock.emit((2, 1020), Position.OUTSIDE, method, Action.UNLOCKED, number, when)
            if await home.client.wait_until(
                lambda: _operated_by(home).endswith(f" {number}"),  # noqa: B023
                1,
            ):
                break
        else:
            raise HomeAssistantError(f"nobody noticed that {name} came home")
        step = await home.client.post(_FLOW, {"handler": [home.entry_id, SUBENTRY_PERSON]})
        answer = {"name": name, CONF_CREDENTIALS: [_newest(step)]}
        step = await home.client.post(f"{_FLOW}/{step['flow_id']}", answer)
        if step["type"] != "create_entry":
            raise HomeAssistantError(f"{name} was not added: {step}")


def _operated_by(home: Home) -> str:
    """Return the credential of the last operation, such as ``Fingerprint 3``."""
    return str(home.state("lock.lock").attributes.get("changed_by"))


def _newest(step: dict[str, Any]) -> str:
    """Return the first operation in the form that is not assigned yet."""
    field = next(field for field in step["data_schema"] if field["name"] == CONF_CREDENTIALS)
    value: str = field["selector"]["select"]["options"][0]["value"]
    return value
