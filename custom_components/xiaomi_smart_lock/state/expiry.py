"""Which credentials are to end, and when. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from ..miot.errors import InvalidValueError
from ..miot.spec import SPEC
from .user_registry import (
    OPERATION_ID,
    OPERATION_METHOD,
    PHONE,
    USER_ID,
    Credential,
    number,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..miot.spec import Address
    from .lock_state import Occurrence

UNLOCKED: Final = SPEC.properties[2, 3].value_of("unlocked")


@dataclass(frozen=True, slots=True)
class Ending:
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

    def by(self, when: float) -> Ending:
        """Return the same with an end at a time in Unix seconds, if not before."""
        return replace(self, due=when if self.due is None else min(self.due, when))


@dataclass
class Endings:
    """The credentials that are to end, until the lock no longer has them.

    What a person expects to end must never be forgotten. So nothing is ever dropped to make room,
    and where it is doubtful whether the lock still has a credential, the lock is asked.
    """

    known: dict[Credential, Ending] = field(default_factory=dict)

    def due(self, now: float) -> list[Credential]:
        """Return what has to end by a time in Unix seconds."""
        return [
            credential
            for credential, ending in self.known.items()
            if ending.due is not None and ending.due <= now
        ]

    def follow(self, occurrence: Occurrence) -> bool:
        """Take what an event says; return whether that changes anything."""
        before = dict(self.known)
        match occurrence.event.name:
            case "lock-event":
                self._used(occurrence)
            case "delete-user-key-complete":
                self._deleted(occurrence)
            case "delete-user-complete":
                self._user_deleted(occurrence)
        return self.known != before

    def _used(self, occurrence: Occurrence) -> None:
        """Count an unlocking, a late one too: whoever came, came.

        What was done with an older credential of the same id does not count.
        """
        credential = occurrence.credential
        ending = credential and self.known.get(credential)
        if not credential or not ending or ending.uses is None:
            return
        if occurrence.when < int(ending.since):
            return
        if occurrence.get("lock-action") == UNLOCKED:
            left = max(0, ending.uses - 1)
            ending = replace(ending, uses=left)
            self.known[credential] = ending if left else ending.by(occurrence.when)

    def _deleted(self, occurrence: Occurrence) -> None:
        """Forget a credential, but not by the deletion of an older one with the same id."""
        credential = Credential(
            int(occurrence.get("operation-method") or PHONE),
            int(occurrence.get("operation-id") or 0),
        )
        if (ending := self.known.get(credential)) and occurrence.when >= int(ending.since):
            del self.known[credential]

    def _user_deleted(self, occurrence: Occurrence) -> None:
        """End the credentials of a user who is gone; whether they went along, the lock says."""
        for credential, ending in self.known.items():
            theirs = ending.user_id == occurrence.get("user-ids")
            if theirs and occurrence.when >= int(ending.since):
                self.known[credential] = ending.by(occurrence.when)

    def as_list(self) -> list[list[Any]]:
        """Return it as JSON allows, the name last and only where there is one."""
        return [
            [*of, *asdict(ending).values()][: None if ending.name else -1]
            for of, ending in self.known.items()
        ]

    @classmethod
    def from_list(cls, stored: object) -> Endings:
        """Return what was kept: each for itself, so that nothing takes others with it."""
        return cls(dict(_read(stored if isinstance(stored, list) else [])))


def _read(stored: list[object]) -> Iterator[tuple[Credential, Ending]]:
    for item in stored:
        match item:
            case [method, operation_id, user_id, since, due, uses, bool(enrolled), *name]:
                try:
                    yield (
                        Credential(
                            _valid(OPERATION_METHOD, method), _valid(OPERATION_ID, operation_id)
                        ),
                        Ending(
                            _valid(USER_ID, user_id),
                            number(since),
                            None if due is None else number(due),
                            None if uses is None else int(number(uses)),
                            enrolled,
                            next((one for one in name if isinstance(one, str)), None),
                        ),
                    )
                except (InvalidValueError, OverflowError, ValueError):
                    continue


def _valid(address: Address, raw: object) -> int:
    return int(SPEC.properties[address].validate(raw))
