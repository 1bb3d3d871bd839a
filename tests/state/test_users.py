"""Who may open the door, as the lock tells of it: in any order, and over restarts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from custom_components.xiaomi_smart_lock.state import user_registry as users
from custom_components.xiaomi_smart_lock.state.credential import Credential

if TYPE_CHECKING:
    from tests.lock_harness import LockHarness

UPDATED: Final = (4, 1)
METHOD_UPDATED: Final = (4, 2)
ADDED: Final = (4, 4)
DELETED: Final = (4, 5)
KEY_ADDED: Final = (4, 6)
KEY_DELETED: Final = (4, 7)
LOCK_EVENT: Final = (2, 1020)

ADMINISTRATOR, NORMAL = 1, 2
PHONE, FINGERPRINT, PASSWORD = 1, 2, 3
SUCCESS, NOT_FOUND = 0, 3
INSIDE, OUTSIDE = 1, 2
UNLOCKED: Final = 2
FINGER: Final = Credential(FINGERPRINT, 7)


@pytest.fixture
def now() -> int:
    """Return the time at the beginning, in Unix seconds."""
    return int(time.time())


async def tell(harness: LockHarness, *events: tuple[Any, ...]) -> None:
    """Have the lock tell events, one after the other, and see them taken."""
    for address, *arguments in events:
        harness.driver.push_event(address, *arguments)
    await harness.reached()


def types(harness: LockHarness) -> dict[int, int | None]:
    """Return the user types of the users that there are."""
    return {number: user.user_type for number, user in harness.known.users.present.items()}


async def test_users(harness: LockHarness, now: int) -> None:
    """They come, change and go."""
    await tell(harness, (ADDED, 5, NORMAL, now), (UPDATED, SUCCESS, 6, NORMAL, now))
    assert types(harness) == {5: NORMAL, 6: NORMAL}
    await tell(harness, (UPDATED, SUCCESS, 5, ADMINISTRATOR, now + 1))
    assert types(harness) == {5: ADMINISTRATOR, 6: NORMAL}
    await tell(harness, (DELETED, 6, NORMAL, now + 1))
    assert types(harness) == {5: ADMINISTRATOR}


async def test_credentials(harness: LockHarness, now: int) -> None:
    """They are somebody's, then somebody else's, then nobody's."""
    known = harness.known.users
    await tell(harness, (KEY_ADDED, 5, 7, FINGERPRINT, now), (KEY_ADDED, 5, 8, PASSWORD, now))
    assert known.credentials_of(5) == [FINGER, Credential(PASSWORD, 8)]
    await tell(harness, (METHOD_UPDATED, SUCCESS, 6, FINGERPRINT, 7, now + 1))
    assert known.user_of(FINGER) == 6
    assert known.credentials_of(5) == [Credential(PASSWORD, 8)]
    await tell(harness, (KEY_DELETED, 6, 7, FINGERPRINT, now + 2))
    assert known.user_of(FINGER) is None
    assert known.credentials_of(6) == []


async def test_a_user_goes_with_all_credentials(harness: LockHarness, now: int) -> None:
    """Those of others stay."""
    await tell(
        harness,
        (ADDED, 5, NORMAL, now),
        (KEY_ADDED, 5, 7, FINGERPRINT, now),
        (KEY_ADDED, 6, 8, FINGERPRINT, now),
        (DELETED, 5, NORMAL, now + 1),
    )
    assert harness.known.users.user_of(FINGER) is None
    assert harness.known.users.credentials_of(6) == [Credential(FINGERPRINT, 8)]


async def test_what_failed(harness: LockHarness, now: int) -> None:
    """An event with an error says nothing of what there is."""
    await tell(
        harness,
        (UPDATED, NOT_FOUND, 5, NORMAL, now),
        (METHOD_UPDATED, NOT_FOUND, 5, FINGERPRINT, 7, now),
    )
    assert types(harness) == {}
    assert harness.known.users.user_of(FINGER) is None


async def test_the_other_service(harness: LockHarness, now: int) -> None:
    """Its events carry less: neither the type of a user nor, since there is one, the method."""
    await tell(
        harness,
        ((22, 4), 5, now),
        ((22, 6), 5, 40, now),
        (ADDED, 6, NORMAL, now),
        ((22, 4), 6, now + 2),
    )
    assert types(harness) == {5: None, 6: NORMAL}
    assert harness.known.users.credentials_of(5) == [Credential(PHONE, 40)]
    await tell(harness, ((22, 7), 5, 40, now + 2), ((22, 5), 5, now + 2))
    assert types(harness) == {6: NORMAL}
    assert harness.known.users.credentials_of(5) == []


async def test_out_of_order(harness: LockHarness, now: int) -> None:
    """What comes late is as old as it says: it brings nothing back, and takes nothing away."""
    await tell(
        harness,
        (DELETED, 5, NORMAL, now),
        (ADDED, 5, NORMAL, now - 9),
        (KEY_DELETED, 6, 7, FINGERPRINT, now),
        (KEY_ADDED, 6, 7, FINGERPRINT, now - 9),
        (KEY_ADDED, 6, 8, PASSWORD, now),
        (KEY_DELETED, 6, 8, PASSWORD, now - 9),
        (ADDED, 6, ADMINISTRATOR, now),
        (UPDATED, SUCCESS, 6, NORMAL, now - 9),
    )
    assert types(harness) == {6: ADMINISTRATOR}
    assert harness.known.users.user_of(FINGER) is None
    assert harness.known.users.user_of(Credential(PASSWORD, 8)) == 6


async def test_uses(harness: LockHarness, now: int) -> None:
    """The last use of each counts, by the lock's time; what needs no credential is none."""
    await tell(
        harness,
        (LOCK_EVENT, OUTSIDE, FINGERPRINT, UNLOCKED, 7, now),
        (LOCK_EVENT, INSIDE, FINGERPRINT, UNLOCKED, 7, now - 9),
        (LOCK_EVENT, OUTSIDE, PASSWORD, UNLOCKED, 8, now - 8),
        (LOCK_EVENT, INSIDE, 11, UNLOCKED, 0, now - 7),
    )
    uses = harness.known.users.uses
    assert {used: (use.when, use.position) for used, use in uses.items()} == {
        FINGER: (now, OUTSIDE),
        Credential(PASSWORD, 8): (now - 8, OUTSIDE),
    }


async def test_over_a_restart(harness: LockHarness, now: int) -> None:
    """All of it is known again, also what is gone."""
    await tell(
        harness,
        (ADDED, 5, NORMAL, now),
        (ADDED, 6, NORMAL, now),
        (DELETED, 6, NORMAL, now + 1),
        (KEY_ADDED, 5, 7, FINGERPRINT, now),
        (LOCK_EVENT, OUTSIDE, FINGERPRINT, UNLOCKED, 7, now),
    )
    before = harness.known.users
    await harness.stop()
    await harness.start()
    assert harness.known.users == before
    assert harness.known.users is not before
    await tell(harness, (ADDED, 6, NORMAL, now))
    assert types(harness) == {5: NORMAL}


async def test_bounds(harness: LockHarness, now: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than is bearable is kept; the newest is."""
    assert users.REMEMBERED == 500
    monkeypatch.setattr(users, "REMEMBERED", 3)
    for number in range(5):
        await tell(
            harness,
            (ADDED, number, NORMAL, now),
            (KEY_ADDED, number, number, PASSWORD, now),
            (LOCK_EVENT, OUTSIDE, PASSWORD, UNLOCKED, number + 1, now),
        )
    known = harness.known.users
    assert list(known.known) == [2, 3, 4]
    assert [one.operation_id for one in known.grants] == [2, 3, 4]
    assert [one.operation_id for one in known.uses] == [3, 4, 5]
