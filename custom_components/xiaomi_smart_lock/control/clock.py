"""Setting a lock's clock."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from ..model.roles import Role
from ..reporting.issues import Issue

if TYPE_CHECKING:
    from ..coordinator import LockCoordinator
    from ..reporting.reporter import LockReporter
    from ..session import LockSession


async def async_set_clock(
    session: LockSession, coordinator: LockCoordinator, reporter: LockReporter
) -> None:
    """Set a lock's clock to Home Assistant's time and zone; raises HomeAssistantError."""
    offset = dt_util.now().utcoffset() or timedelta()
    hours = round(offset / timedelta(minutes=15)) / 4
    if action := coordinator.model.action(Role.SET_CLOCK):
        await session.async_act(action, hours, int(time.time()))
    coordinator.data.clock.was_set()
    reporter.clear_issue(Issue.CLOCK)
