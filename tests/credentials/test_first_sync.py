"""A fresh entry learns by itself who may open the door."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from simulator.users import Credential
from tests.enrolment import inside
from tests.lock_driver import until

if TYPE_CHECKING:
    import pytest

    from tests.lock_harness import LockHarness

FINGERPRINT = 2
SYNCHRONISE = [(4, 6), (4, 7)]


async def test_when_it_wakes_up(harness: LockHarness) -> None:
    """All that the lock had before is known then, and it is asked only once."""
    inside(harness).types[5] = 2
    inside(harness).credentials[20] = Credential(5, FINGERPRINT)
    await harness.put_to_sleep()
    harness.acts.clear()
    await harness.wake()
    await until(lambda: harness.acts == SYNCHRONISE)
    await until(lambda: harness.known.users.synchronised)
    users = {one["user_id"]: one for one in (await harness.manage("get_users"))["users"]}
    user = users[5]
    assert user["user_type"] == "normal_user"
    assert [one["operation_id"] for one in user["credentials"]] == [20]
    await harness.stop()
    await harness.start()
    await harness.put_to_sleep()
    await harness.wake()
    await harness.reached()
    assert harness.acts == SYNCHRONISE


def reached(asked: list[Any], count: int) -> bool:
    """Return whether a lock was asked as often."""
    return len(asked) >= count


async def test_a_refusal(harness: LockHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that refuses is asked again when it wakes the next time, but not for ever."""
    asked: list[Any] = []

    def refuse(address: Any, _raw: Any) -> tuple[int, list[int]]:
        asked.append(address)
        return 0, [7]

    monkeypatch.setattr(harness.driver.lock, "act", refuse)
    for times in range(1, 8):
        await harness.put_to_sleep()
        await harness.wake()
        expected = min(times, 5)
        await until(partial(reached, asked, expected))
        await harness.reached()
    assert len(asked) == 5
    assert not harness.known.users.synchronised
