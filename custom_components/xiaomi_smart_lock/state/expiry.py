"""Credentials that expire, and when. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..miot.errors import InvalidValueError
from ..model.roles import Role
from .credential import Credential
from .serialization import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..miot.spec import Property
    from ..model.lock_model import LockModel
    from .lock_event import LockEvent


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

    def by(self, when: float) -> Expiry:
        """Return a copy that expires at a time in Unix seconds, if not earlier."""
        return replace(self, due=when if self.due is None else min(self.due, when))


@dataclass
class ExpiryRegistry:
    """The credentials that expire, until the lock no longer has them.

    An expiry must never be forgotten. Therefore nothing is dropped to make room, and if it is
    doubtful whether the lock still has a credential, the lock is asked.
    """

    known: dict[Credential, Expiry] = field(default_factory=dict)

    def due(self, now: float) -> list[Credential]:
        """Return the credentials that have expired by a time in Unix seconds."""
        return [
            credential
            for credential, expiry in self.known.items()
            if expiry.due is not None and expiry.due <= now
        ]

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
        if lock_event.when < int(expiry.since):
            return
        if lock_event.word("lock-action") == "unlocked":
            left = max(0, expiry.uses - 1)
            expiry = replace(expiry, uses=left)
            self.known[credential] = expiry if left else expiry.by(lock_event.when)

    def _deleted(self, lock_event: LockEvent) -> None:
        """Forget a deleted credential, unless the event is about an older one with the same id."""
        if (credential := lock_event.managed_credential) is None:
            return
        if (expiry := self.known.get(credential)) and lock_event.when >= int(expiry.since):
            del self.known[credential]

    def _user_deleted(self, lock_event: LockEvent) -> None:
        """Let the credentials of a deleted user expire.

        Whether the lock deleted them with the user is found out from the lock.
        """
        for credential, expiry in self.known.items():
            theirs = expiry.user_id == lock_event.get("user-ids")
            if theirs and lock_event.when >= int(expiry.since):
                self.known[credential] = expiry.by(lock_event.when)

    def _all_deleted(self, lock_event: LockEvent) -> None:
        """Let all credentials expire after a reset, before their numbers are others'.

        Whether the lock deleted them is found out from the lock.
        """
        for credential, expiry in self.known.items():
            if lock_event.when >= int(expiry.since):
                self.known[credential] = expiry.by(lock_event.when)

    def as_list(self) -> list[list[Any]]:
        """Return the registry as JSON data, with name and guest last and only if there are any."""
        return [_row(of, expiry) for of, expiry in self.known.items()]

    @classmethod
    def from_list(cls, model: LockModel, stored: object) -> ExpiryRegistry:
        """Return the stored registry; invalid entries are skipped one by one."""
        return cls(dict(_read(model, stored if isinstance(stored, list) else [])))


def _row(credential: Credential, expiry: Expiry) -> list[Any]:
    row = [*credential, *asdict(expiry).values()]
    if expiry.guest:
        return row
    return row[:-1] if expiry.name else row[:-2]


def _read(model: LockModel, stored: list[object]) -> Iterator[tuple[Credential, Expiry]]:
    for item in stored:
        match item:
            case [method, operation_id, user_id, since, due, uses, bool(enrolled), *said]:
                name, guest, *_ = (*map(_text, said), None, None)
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
                            name,
                            guest,
                        ),
                    )
                except (InvalidValueError, OverflowError, ValueError):
                    continue


def _text(stored: object) -> str | None:
    return stored if isinstance(stored, str) else None


def _valid(prop: Property | None, raw: object) -> int:
    return int(number(raw) if prop is None else prop.validate(raw))
