"""Which credentials are to end, and when. No I/O."""

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
    """When a user's credential is to end."""

    user_id: int
    since: float
    """When it was sent to the lock, in Unix seconds."""
    due: float | None = None
    """When it ends at the latest, in Unix seconds."""
    uses: int | None = None
    """After how many more unlockings it ends."""
    enrolled: bool = True
    """False until the lock has confirmed it: it ends at once if that never comes to be."""
    name: str | None = None
    """What it is called by whoever sets it, to be known again."""

    def by(self, when: float) -> Expiry:
        """Return the same with an end at a time in Unix seconds, if not before."""
        return replace(self, due=when if self.due is None else min(self.due, when))


@dataclass
class ExpiryRegistry:
    """The credentials that are to end, until the lock no longer has them.

    What a person expects to end must never be forgotten. So nothing is ever dropped to make room,
    and where it is doubtful whether the lock still has a credential, the lock is asked.
    """

    known: dict[Credential, Expiry] = field(default_factory=dict)

    def due(self, now: float) -> list[Credential]:
        """Return what has to end by a time in Unix seconds."""
        return [
            credential
            for credential, expiry in self.known.items()
            if expiry.due is not None and expiry.due <= now
        ]

    def follow(self, lock_event: LockEvent) -> bool:
        """Take what an event says; return whether that changes anything."""
        before = dict(self.known)
        match lock_event.event.name:
            case "lock-event":
                self._used(lock_event)
            case "delete-user-key-complete":
                self._deleted(lock_event)
            case "delete-user-complete":
                self._user_deleted(lock_event)
        return self.known != before

    def _used(self, lock_event: LockEvent) -> None:
        """Count an unlocking, a late one too: whoever came, came.

        What was done with an older credential of the same id does not count.
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
        """Forget a credential, but not by the deletion of an older one with the same id."""
        if (credential := lock_event.managed_credential) is None:
            return
        if (expiry := self.known.get(credential)) and lock_event.when >= int(expiry.since):
            del self.known[credential]

    def _user_deleted(self, lock_event: LockEvent) -> None:
        """End the credentials of a user who is gone; whether they went along, the lock says."""
        for credential, expiry in self.known.items():
            theirs = expiry.user_id == lock_event.get("user-ids")
            if theirs and lock_event.when >= int(expiry.since):
                self.known[credential] = expiry.by(lock_event.when)

    def as_list(self) -> list[list[Any]]:
        """Return it as JSON allows, the name last and only where there is one."""
        return [
            [*of, *asdict(expiry).values()][: None if expiry.name else -1]
            for of, expiry in self.known.items()
        ]

    @classmethod
    def from_list(cls, model: LockModel, stored: object) -> ExpiryRegistry:
        """Return what was kept: each for itself, so that nothing takes others with it."""
        return cls(dict(_read(model, stored if isinstance(stored, list) else [])))


def _read(model: LockModel, stored: list[object]) -> Iterator[tuple[Credential, Expiry]]:
    for item in stored:
        match item:
            case [method, operation_id, user_id, since, due, uses, bool(enrolled), *name]:
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
                            next((one for one in name if isinstance(one, str)), None),
                        ),
                    )
                except (InvalidValueError, OverflowError, ValueError):
                    continue


def _valid(prop: Property | None, raw: object) -> int:
    return int(number(raw) if prop is None else prop.validate(raw))
