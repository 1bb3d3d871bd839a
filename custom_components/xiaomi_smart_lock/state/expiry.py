"""Credentials that expire, and when. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ..miot.errors import InvalidValueError
from ..model.roles import Role
from .credential import Credential
from .device_clock import CLEARLY_OFF
from .serialization import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..miot.spec import Property
    from ..model.lock_model import LockModel
    from .lock_event import LockEvent


LEAST: Final = 7
"""Columns of a stored row that are always there."""
DELETION_TOLD_WITHIN: Final = 10.0
"""Seconds within which the lock may tell of the deletion of an older credential or user.

Its times are whole seconds, and its events arrive about a second later, which is their time if its
clock is wrong. Without the expiry the newer credential would stay for good. If it was the one that
was deleted, the lock only answers at its end that it does not have it.
"""


@dataclass(frozen=True, slots=True)
class Expiry:
    """The expiry of a user's credential."""

    user_id: int
    since: float
    """When the credential was sent to the lock, in Unix seconds."""
    due: float | None = None
    """When the credential expires at the latest, in Unix seconds; None for no time limit."""
    uses: int | None = None
    """The number of unlocks left before the credential expires; None for no limit."""
    enrolled: bool = True
    """False until the lock has confirmed the credential; unconfirmed, it expires at once."""
    name: str | None = None
    """The name given by the caller, to find the credential again."""
    guest: str | None = None
    """The id of the subentry of the guest whose credential it is, None for nobody's."""
    at_once: bool = False
    """Whether it has expired, no matter what our clock says by now: it may have been wrong."""
    new_number: bool = False
    """Whether nobody had a credential of the number just before.

    If so, uses count that seem to be older, since the lock's clock may be behind.
    """

    def by(self, when: float) -> Expiry:
        """Return a copy that has expired, at a time in Unix seconds if not earlier."""
        due = when if self.due is None else min(self.due, when)
        return replace(self, due=due, at_once=True)

    def until(self, due: float | None) -> Expiry:
        """Return a copy that expires at another time, also if this one had expired already."""
        return replace(self, due=due, at_once=False)

    def was_due(self, when: float) -> bool:
        """Return whether its time had come by a time in Unix seconds."""
        return self.due is not None and self.due <= when

    def has_ended(self, now: float) -> bool:
        """Return whether it has expired by a time in Unix seconds, or does so at any time."""
        return self.at_once or not self.enrolled or self.uses == 0 or self.was_due(now)

    def is_used_by(self, lock_event: LockEvent) -> bool:
        """Return whether a use of its number is not one of an older credential."""
        behind = CLEARLY_OFF if self.new_number else 0
        return lock_event.when >= int(self.since) - behind

    def is_deleted_by(self, lock_event: LockEvent) -> bool:
        """Return whether the deletion of its number is not that of an older credential."""
        if self.new_number:
            return lock_event.when >= int(self.since)
        return self.loses_user_by(lock_event)

    def loses_user_by(self, lock_event: LockEvent) -> bool:
        """Return whether the deletion of its user's number is not that of an older user."""
        told_within = 0.0 if lock_event.is_answer else DELETION_TOLD_WITHIN
        return lock_event.when >= self.since + told_within


@dataclass
class ExpiryRegistry:
    """The credentials that expire, until the lock no longer has them.

    An expiry must never be forgotten. Therefore nothing is dropped to make room, and if it is
    doubtful whether the lock still has a credential, the lock is asked.
    """

    known: dict[Credential, Expiry] = field(default_factory=dict)

    def follow(self, lock_event: LockEvent) -> bool:
        """Apply an event; return whether that changes anything."""
        before = dict(self.known)
        match lock_event.event.name:
            case "lock-event":
                self._used(lock_event)
            case "delete-user-key-complete":
                self._deleted(lock_event)
            case "delete-user-complete":
                self._user_deleted(lock_event)
            case "exception-occurred" if lock_event.word("abnormal-condition") == "lock_reset":
                self._all_deleted(lock_event)
        return self.known != before

    def _used(self, lock_event: LockEvent) -> None:
        """Count an unlock, even if its event comes late: the door was opened all the same.

        Uses of an older credential with the same id do not count.
        """
        credential = lock_event.credential
        expiry = credential and self.known.get(credential)
        if not credential or not expiry or expiry.uses is None:
            return
        if lock_event.word("lock-action") == "unlocked" and expiry.is_used_by(lock_event):
            left = max(0, expiry.uses - 1)
            expiry = replace(expiry, uses=left)
            self.known[credential] = expiry if left else expiry.by(lock_event.when)

    def _deleted(self, lock_event: LockEvent) -> None:
        """Forget a deleted credential, unless the event is about an older one with the same id."""
        if (credential := lock_event.managed_credential) is None:
            return
        if (expiry := self.known.get(credential)) and expiry.is_deleted_by(lock_event):
            del self.known[credential]

    def _user_deleted(self, lock_event: LockEvent) -> None:
        """Let the credentials of a deleted user expire.

        Whether the lock deleted them with the user is found out from the lock.
        """
        for credential, expiry in self.known.items():
            theirs = expiry.user_id == lock_event.get("user-ids")
            if theirs and expiry.loses_user_by(lock_event):
                self.known[credential] = expiry.by(lock_event.when)

    def _all_deleted(self, lock_event: LockEvent) -> None:
        """Let all credentials expire after a reset, before their numbers are others'.

        Whether the lock deleted them is found out from the lock.
        """
        for credential, expiry in self.known.items():
            if lock_event.when >= int(expiry.since):
                self.known[credential] = expiry.by(lock_event.when)

    def as_list(self) -> list[list[Any]]:
        """Return the registry as JSON data; what is last and says nothing is left out."""
        return [_row(of, expiry) for of, expiry in self.known.items()]

    @classmethod
    def from_list(cls, model: LockModel, stored: object) -> ExpiryRegistry:
        """Return the stored registry; invalid entries are skipped one by one."""
        return cls(dict(_read(model, stored if isinstance(stored, list) else [])))


def _row(credential: Credential, expiry: Expiry) -> list[Any]:
    row = [*credential, *asdict(expiry).values()]
    while len(row) > LEAST and row[-1] in (None, False):
        row.pop()
    return row


def _read(model: LockModel, stored: list[object]) -> Iterator[tuple[Credential, Expiry]]:
    for item in stored:
        match item:
            case [method, operation_id, user_id, since, due, uses, bool(enrolled), *said]:
                name, guest, at_once, new_number, *_ = (*said, None, None, None, None)
                try:
                    yield (
                        Credential(
                            _valid(model.methods, method),
                            _valid(model.property(Role.OPERATION_ID), operation_id),
                        ),
                        Expiry(
                            _valid(model.property(Role.USER_ID), user_id),
                            number(since),
                            None if due is None else number(due),
                            None if uses is None else int(number(uses)),
                            enrolled,
                            _text(name),
                            _text(guest),
                            at_once is True,
                            new_number is True,
                        ),
                    )
                except (InvalidValueError, OverflowError, ValueError):
                    continue


def _text(stored: object) -> str | None:
    return stored if isinstance(stored, str) else None


def _valid(prop: Property | None, raw: object) -> int:
    return int(number(raw) if prop is None else prop.validate(raw))
