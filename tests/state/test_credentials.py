"""Whose a credential is, whatever the lock tells late."""

from __future__ import annotations

from custom_components.xiaomi_smart_lock.model.roles import Role
from custom_components.xiaomi_smart_lock.state.credential import Credential
from custom_components.xiaomi_smart_lock.state.lock_event import LockEvent
from custom_components.xiaomi_smart_lock.state.lock_state import LockData
from simulator.model import S1

FINGER = Credential(2, 20)
MING, HUA = 5, 7


def tell(data: LockData, role: Role, when: float, user_id: int) -> None:
    """Apply what is told of a finger and a user."""
    event = S1.event(role)
    assert event
    facts = {
        "user-ids": user_id,
        "operation-method": FINGER.method,
        "operation-id": FINGER.operation_id,
    }
    arguments = {one.address[1]: facts[one.name] for one in event.arguments if one.name in facts}
    data.apply_credentials(LockEvent(S1, event, arguments, when))


def test_what_comes_late_of_the_same_second() -> None:
    """The lock's whole second does not undo what an answer told exactly within it."""
    data = LockData(S1)
    tell(data, Role.CREDENTIAL_ADDED, 100.2, MING)
    tell(data, Role.CREDENTIAL_UPDATED, 100.6, HUA)
    tell(data, Role.CREDENTIAL_ADDED, 100, MING)
    assert data.users.user_of(FINGER) == HUA
    tell(data, Role.CREDENTIAL_DELETED, 100.8, HUA)
    tell(data, Role.CREDENTIAL_UPDATED, 100, HUA)
    tell(data, Role.CREDENTIAL_DELETED, 100, HUA)
    assert data.users.user_of(FINGER) is None
    assert data.users.deleted(FINGER) == 100.8
    tell(data, Role.CREDENTIAL_ADDED, 101, MING)
    assert data.users.user_of(FINGER) == MING


def test_what_the_lock_tells_counts_in_its_order() -> None:
    """Of two events of one second the later one holds; an answer after both holds too."""
    data = LockData(S1)
    tell(data, Role.CREDENTIAL_ADDED, 100, MING)
    tell(data, Role.CREDENTIAL_UPDATED, 100, HUA)
    assert data.users.user_of(FINGER) == HUA
    tell(data, Role.CREDENTIAL_DELETED, 99.5, HUA)  # its clock is half a second ahead
    assert data.users.user_of(FINGER) is None
