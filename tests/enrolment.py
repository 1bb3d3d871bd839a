"""Enrolling a credential, as a user and somebody at the lock do."""

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
    """Return the users and credentials that the lock itself has."""
    return harness.driver.lock.users


async def begin(harness: LockHarness, **data: Any) -> asyncio.Task[Any]:
    """Begin to enrol a finger, and see that the lock waits for it."""
    task = asyncio.create_task(harness.manage("set_credential", **(FINGER | data)))
    await until(lambda: inside(harness).enrolment or task.done())
    return task


def show(harness: LockHarness, *states: int) -> None:
    """Show a finger to the lock, well or badly."""
    for state in states:
        harness.driver.do("enrol", state)
