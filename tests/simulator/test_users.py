"""The lock's users and credentials: services 4 and 22."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulator.alone import ASLEEP, DONE, NO_ACTION, Heard, Standing

if TYPE_CHECKING:
    from simulator.lock import Lock


NOW = 1_800_000_000
SUCCESS, IN_PROGRESS, NOT_FOUND, FULL, PARAMETER, BUSY, DUPLICATE, SAME_CREDENTIAL = (
    0,
    1,
    3,
    4,
    5,
    7,
    8,
    9,
)
FINGERPRINT, PASSWORD, NFC = 2, 3, 4


def add_user(lock: Lock, user: int = 7) -> None:
    """Add a normal user."""
    assert lock.act((4, 1), [user, 2]) == (DONE, [SUCCESS, user, 2, NOW])


def add_password(lock: Lock, operation_id: int, text: str, user: int = 7) -> object:
    """Add a password; return the error code."""
    code, out = lock.act((4, 3), [user, PASSWORD, operation_id, text])
    assert code == DONE
    assert out[1:] == [user, PASSWORD, operation_id, NOW]
    return out[0]


def test_adding_and_deleting_a_user(lock: Lock, heard: Heard) -> None:
    """The action answers and the event tells."""
    add_user(lock)
    assert heard.arguments("4/4") == [[7, 2, NOW]]
    assert lock.act((4, 2), [7, 2]) == (DONE, [SUCCESS])
    assert heard.arguments("4/5") == [[7, 2, NOW]]
    assert lock.act((4, 2), [7, 2]) == (DONE, [NOT_FOUND])


@pytest.mark.parametrize(("user", "kind"), [(0, 2), (8, 0), (8, 4), (8, 5)])
def test_users_that_are_not_added(lock: Lock, user: int, kind: int) -> None:
    """The owner, another owner, and one who would be everybody."""
    add_user(lock)
    assert lock.act((4, 1), [user, kind])[1][0] == PARAMETER
    assert lock.users.types == {0: 0, 7: 2}


def test_a_user_is_overwritten(lock: Lock, heard: Heard) -> None:
    """Adding one that is there changes the type."""
    add_user(lock)
    assert lock.act((4, 1), [7, 1]) == (DONE, [SUCCESS, 7, 1, NOW])
    assert heard.arguments("4/4") == [[7, 2, NOW], [7, 1, NOW]]
    assert lock.users.types == {0: 0, 7: 1}


def test_deleting_many_users(lock: Lock, heard: Heard) -> None:
    """All normal ones, then all; never the owner."""
    for user, kind in ((1, 1), (2, 2), (3, 2), (4, 3)):
        lock.act((4, 1), [user, kind])
    assert lock.act((4, 2), [0, 5]) == (DONE, [SUCCESS])
    assert [user for user, *_ in heard.arguments("4/5")] == [2, 3]
    assert lock.act((4, 2), [0, 4]) == (DONE, [SUCCESS])
    assert [user for user, *_ in heard.arguments("4/5")] == [2, 3, 1, 4]
    assert lock.act((4, 2), [0, 0]) == (DONE, [NOT_FOUND])


def test_a_password_is_known_at_once(lock: Lock, heard: Heard) -> None:
    """It needs no enrolment; it goes with its user."""
    add_user(lock)
    assert add_password(lock, 20, "246810") == SUCCESS
    assert heard.arguments("4/6") == [[7, 20, PASSWORD, NOW]]
    lock.act((4, 2), [7, 2])
    add_user(lock)
    assert add_password(lock, 20, "246810") == SUCCESS


def test_refused_credentials(lock: Lock) -> None:
    """Of an unknown user, with an id or a text that is there already."""
    assert add_password(lock, 20, "246810") == NOT_FOUND
    add_user(lock)
    add_password(lock, 20, "246810")
    assert add_password(lock, 20, "135791") == DUPLICATE
    assert add_password(lock, 21, "246810") == SAME_CREDENTIAL


def test_memory_is_full_at_100_credentials(lock: Lock) -> None:
    """The hundred-and-first finds no room."""
    add_user(lock)
    errors = [add_password(lock, number, f"{number:06}") for number in range(101)]
    assert errors == [SUCCESS] * 100 + [FULL]


def test_enrolling_a_finger(lock: Lock, heard: Heard) -> None:
    """Step by step, with a bad try between."""
    add_user(lock)
    assert lock.act((4, 3), [7, FINGERPRINT, 30, ""])[1][0] == IN_PROGRESS
    assert add_password(lock, 31, "246810") == BUSY
    for state in (0, 1004, 0, 0, 0, 0):
        lock.enrol(state)
    assert heard.arguments("4/3") == [
        [0, 0, 5],
        [0, 1, 5],
        [1004, 1, 5],
        [0, 2, 5],
        [0, 3, 5],
        [0, 4, 5],
        [0, 5, 5],
    ]
    assert heard.arguments("4/6") == [[7, 30, FINGERPRINT, NOW]]
    heard.clear()
    lock.enrol()
    assert heard == []


def test_an_enrolment_that_is_given_up(lock: Lock, heard: Heard) -> None:
    """By the app, or because the lock could not read the finger."""
    add_user(lock)
    assert lock.act((4, 4), []) == (DONE, [NOT_FOUND])
    lock.act((4, 3), [7, FINGERPRINT, 30, ""])
    assert lock.act((4, 4), []) == (DONE, [SUCCESS])
    lock.act((4, 3), [7, FINGERPRINT, 30, ""])
    lock.enrol(1)
    assert lock.act((4, 4), []) == (DONE, [NOT_FOUND])
    assert heard.arguments("4/6") == []


def test_an_enrolment_that_nobody_goes_on_with(lock: Lock, heard: Heard, clock: Standing) -> None:
    """It fails a minute after a finger was shown last."""
    add_user(lock)
    lock.act((4, 3), [7, FINGERPRINT, 30, ""])
    for seconds in (59, 59):
        clock.advance(seconds)
        lock.tick()
        lock.enrol()
    clock.advance(60)
    lock.tick()
    assert heard.arguments("4/3") == [[0, 0, 5], [0, 1, 5], [0, 2, 5], [1, 2, 5]]
    assert lock.act((4, 4), []) == (DONE, [NOT_FOUND])


def test_an_enrolment_ends_with_sleep(lock: Lock, heard: Heard) -> None:
    """Nothing is shown to a lock that sleeps."""
    add_user(lock)
    lock.act((4, 3), [7, FINGERPRINT, 30, ""])
    lock.sleep()
    lock.wake()
    assert lock.act((4, 4), []) == (DONE, [NOT_FOUND])
    assert heard.arguments("4/6") == []


def test_deleting_a_credential(lock: Lock, heard: Heard) -> None:
    """Of its own user only."""
    add_user(lock)
    add_password(lock, 20, "246810")
    assert lock.act((4, 5), [8, 20]) == (DONE, [NOT_FOUND])
    assert lock.act((4, 5), [7, 20]) == (DONE, [SUCCESS])
    assert heard.arguments("4/7") == [[7, 20, PASSWORD, NOW]]
    assert lock.act((4, 5), [7, 20]) == (DONE, [NOT_FOUND])


def test_allocating_a_credential(lock: Lock, heard: Heard) -> None:
    """It has another user from then on."""
    add_user(lock)
    add_user(lock, 8)
    add_password(lock, 20, "246810")
    assert lock.act((4, 8), [8, 20, NFC]) == (DONE, [NOT_FOUND])
    assert lock.act((4, 8), [9, 20, PASSWORD]) == (DONE, [NOT_FOUND])
    assert lock.act((4, 8), [8, 20, PASSWORD]) == (DONE, [SUCCESS])
    assert heard.arguments("4/2") == [[SUCCESS, 8, PASSWORD, 20, NOW]]
    assert lock.act((4, 5), [8, 20]) == (DONE, [SUCCESS])


@pytest.mark.parametrize(
    ("action", "event"), [((4, 6), "4/9"), ((4, 7), "4/8"), ((22, 3), "22/9"), ((22, 7), "22/8")]
)
def test_synchronising(lock: Lock, heard: Heard, action: tuple[int, int], event: str) -> None:
    """It ends with an event without arguments."""
    code, out = lock.act(action, [])
    assert code == DONE
    assert out == ([SUCCESS] if action[0] == 4 else [])
    assert heard.arguments(event) == [[]]


def test_synchronising_tells_of_all(lock: Lock, heard: Heard) -> None:
    """Of each user and each credential, before it ends; by service 22, what that can carry."""
    add_user(lock)
    add_password(lock, 20, "246810")
    lock.act((22, 4), [7, 1, 40, "key"])
    lock.enrol()
    heard.clear()
    for action in ((4, 6), (4, 7), (22, 3), (22, 7)):
        lock.act(action, [])
    assert [topic.removeprefix("up/event_occured/") for topic in heard.topics] == [
        *("4/1", "4/1", "4/9"),
        *("4/2", "4/2", "4/8"),
        *("22/1", "22/1", "22/9"),
        *("22/2", "22/8"),
    ]
    assert heard.arguments("4/1") == [[SUCCESS, 0, 0, NOW], [SUCCESS, 7, 2, NOW]]
    assert heard.arguments("4/2") == [[SUCCESS, 7, PASSWORD, 20, NOW], [SUCCESS, 7, 1, 40, NOW]]
    assert heard.arguments("22/2") == [[SUCCESS, 7, 1, 40, NOW]]


def test_service_22_answers_by_events(lock: Lock, heard: Heard) -> None:
    """Its actions have no outputs."""
    assert lock.act((22, 1), []) == (DONE, [])
    assert heard.arguments("22/4") == [[1, NOW]]
    assert lock.act((22, 4), [1, 1, 40, "key"]) == (DONE, [])
    lock.enrol()
    assert heard.arguments("22/3") == [[0, 0, 1], [0, 1, 1]]
    assert heard.arguments("22/6") == [[1, 40, NOW]]
    assert lock.act((22, 4), [1, 1, 40, "other"]) == (DONE, [])
    for _ in range(2):
        assert lock.act((22, 6), [1, 40]) == (DONE, [])
    assert heard.arguments("22/7") == [[1, 40, NOW]]
    errors = [error for error, *_ in heard.arguments("22/2")]
    assert errors == [IN_PROGRESS, DUPLICATE, SUCCESS, NOT_FOUND]
    assert lock.act((22, 8), []) == (DONE, [])
    assert heard.arguments("22/1") == [[]]
    assert lock.act((22, 2), []) == (DONE, [])
    assert heard.arguments("22/5") == [[1, NOW]]


def test_a_lock_without_service_4(lock: Lock) -> None:
    """Some may not know it; service 22 goes on."""
    lock.accepts_service_4 = False
    assert lock.act((4, 1), [7, 2]) == (NO_ACTION, [])
    assert lock.act((22, 1), []) == (DONE, [])


def test_asleep(lock: Lock, clock: Standing) -> None:
    """Nothing arrives."""
    clock.advance(120)
    lock.tick()
    assert lock.act((4, 6), []) == (ASLEEP, [])
