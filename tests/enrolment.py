"""Enrollment of a credential, by a user and a person at the lock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from tests.lock_driver import until

if TYPE_CHECKING:
    from simulator.users import Users
    from tests.lock_harness import LockHarness


GUEST: Final = 7
FINGER: Final[dict[str, Any]] = {"user_id": GUEST, "credential_type": "fingerprint"}


def inside(harness: LockHarness) -> Users:
    """Return the users and credentials in the lock itself."""
    return harness.driver.lock.users


async def begin(harness: LockHarness, **data: Any) -> asyncio.Task[Any]:
    """Start the enrollment of a finger, and wait until the lock expects it or it has failed."""
    wanted = {name: value for name, value in (FINGER | data).items() if value is not None}
    task = asyncio.create_task(harness.manage("set_credential", **wanted))
    await until(lambda: inside(harness).enrolment or task.done())
    return task


def show(harness: LockHarness, *states: int) -> None:
    """Show a finger to the lock, once for each given state."""
    for state in states:
        harness.driver.do("enrol", state)
