"""Locks that have a guest as user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.enrolment import GUEST

if TYPE_CHECKING:
    from tests.lock_harness import LockHarness


@pytest.fixture
async def harness(harness: LockHarness) -> LockHarness:
    """Return a lock of an account, with a guest."""
    await harness.manage("set_user", user_id=GUEST)
    return harness


@pytest.fixture
async def neighbour(neighbour: LockHarness) -> LockHarness:
    """Return a lock on the local network, with a guest."""
    await neighbour.manage("set_user", user_id=GUEST)
    return neighbour
