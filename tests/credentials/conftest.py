"""Locks that have a guest as user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.enrolment import GUEST

if TYPE_CHECKING:
    from simulator.runner import SimulatorThread
    from tests.lock_harness import LockHarness

# pytest does not see what a fixture of the same name needs. A simulator that was not requested here
# would be started within the first test, which would be said to leave its threads behind.


@pytest.fixture
async def harness(harness: LockHarness, simulation: SimulatorThread) -> LockHarness:
    """Return a lock of an account, with a guest."""
    await harness.manage("set_user", user_id=GUEST)
    return harness


@pytest.fixture
async def neighbour(neighbour: LockHarness, simulation: SimulatorThread) -> LockHarness:
    """Return a lock on the local network, with a guest."""
    await neighbour.manage("set_user", user_id=GUEST)
    return neighbour
