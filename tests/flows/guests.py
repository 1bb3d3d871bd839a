"""Guests, as a user adds them and as the lock has them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.util import dt as dt_util

from tests.enrolment import inside
from tests.flows.dialog import Dialog

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.lock_harness import LockHarness


def in_hours(hours: float) -> str:
    """Return a local time, as a date and time field gives it."""
    return f"{dt_util.now() + timedelta(hours=hours):%Y-%m-%d %H:%M:%S}"


def guest(harness: LockHarness) -> ConfigSubentry:
    """Return the only guest."""
    [found] = [one for one in harness.entry.subentries.values() if one.subentry_type == "guest"]
    assert isinstance(found, ConfigSubentry)
    return found


def passwords(harness: LockHarness) -> list[str]:
    """Return the passwords in the lock itself."""
    return [one.text for one in inside(harness).credentials.values()]


async def add(hass: HomeAssistant, harness: LockHarness, **fields: Any) -> Dialog:
    """Add a guest named Wei, up to what is shown in the end."""
    dialog = await Dialog.open(hass, harness.entry, "guest")
    assert dialog.step == "user"
    end = {} if "uses" in fields else {"valid_until": in_hours(48)}
    await dialog.submit(**{"name": "Wei", "password": "246810", **end} | fields)
    await dialog.done()
    return dialog
