"""Who may open the door and by what, as far as the lock has told."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..model.roles import Role
from .credential import Credential
from .serialization import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..miot.spec import Property
    from ..model.lock_model import LockModel
    from .lock_event import LockEvent

# By what the rows that are kept of users, grants and uses begin
NUMBERS: Final[Mapping[str, tuple[Role, ...]]] = {
    "users": (Role.USER_ID,),
    "grants": (Role.OPERATION_METHOD, Role.OPERATION_ID, Role.USER_ID),
    "uses": (Role.OPERATION_METHOD, Role.OPERATION_ID),
}
OTHER: Final = "other_"

# Nobody has as many fingers; it only bounds what is kept.
REMEMBERED: Final = 500
SUCCESS: Final = "success"
"""The key of an error-code."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the lock since a time in Unix seconds."""

    user_type: int | None
    since: float
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """Whose a credential is since a time in Unix seconds; nobody's once it was deleted."""

    user_id: int | None
    since: float
    deleted: float = 0.0
    """When it was deleted last: what has the same number since then is another credential."""


UNTOLD: Final = Grant(None, -math.inf)


@dataclass(frozen=True, slots=True)
class Use:
    """When a credential was used last, in Unix seconds, and the operation-position."""

    when: float
    position: int | None


@dataclass
class Users:
    """The lock's users, their credentials, and when each was used last.

    What was deleted is remembered too, so that an older event that comes late does not bring it
    back.
    """

    known: dict[int, User] = field(default_factory=dict)
    grants: dict[Credential, Grant] = field(default_factory=dict)
    uses: dict[Credential, Use] = field(default_factory=dict)
    """In the order of their times."""

    @property
    def present(self) -> dict[int, User]:
        """The users that were not deleted."""
        return {user_id: user for user_id, user in self.known.items() if not user.deleted}

    def user_of(self, credential: Credential) -> int | None:
        """Return the user id that a credential belongs to, None where nobody told."""
        return self.grants.get(credential, UNTOLD).user_id

    def credentials_of(self, user_id: int) -> list[Credential]:
        """Return what a user may open the door with."""
        return [known for known, grant in self.grants.items() if grant.user_id == user_id]

    def deleted(self, credential: Credential) -> float:
        """Return when a credential was deleted last, 0 where it never was."""
        return self.grants.get(credential, UNTOLD).deleted

    @property
    def last_use(self) -> tuple[Credential, Use] | None:
        """The credential that was used last, and when."""
        return next(reversed(self.uses.items()), None)

    def follow(self, lock_event: LockEvent) -> bool:
        """Take what an event says of users and credentials; say whether it can say anything."""
        if lock_event.get("error-code") is not None and lock_event.word("error-code") != SUCCESS:
            return False
        match lock_event.event.name:
            case "lock-event":
                self._used(lock_event)
            case "update-lock-user" | "add-user-complete":
                self._set_user(lock_event, deleted=False)
            case "delete-user-complete":
                self._set_user(lock_event, deleted=True)
            case "update-unlock-method" | "add-user-key-complete":
                self._set_grant(lock_event, deleted=False)
            case "delete-user-key-complete":
                self._set_grant(lock_event, deleted=True)
            case "exception-occurred" if lock_event.word("abnormal-condition") == "lock_reset":
                self._delete((*self.uses, *self.grants), lock_event.when)
            case _:
                return False
        return True

    def _used(self, lock_event: LockEvent) -> None:
        credential = lock_event.credential
        last = credential and self.uses.get(credential)
        if credential and (last is None or last.when <= lock_event.when):
            use = Use(lock_event.when, lock_event.listed("operation-position"))
            newest = self.last_use
            _remember(self.uses, credential, use)
            if newest and newest[1].when > use.when:
                self._sort_uses()

    def _sort_uses(self) -> None:
        self.uses = dict(sorted(self.uses.items(), key=lambda item: item[1].when))

    def _set_user(self, lock_event: LockEvent, *, deleted: bool) -> None:
        if (user_id := lock_event.get("user-ids")) is None:
            return
        known = self.known.get(int(user_id))
        if known and _is_later(known.since, lock_event.when):
            return
        user_type, since = lock_event.listed("user-type"), lock_event.when
        if known:
            # An answer tells the time exactly: an event of the same second is an echo before it.
            if user_type is None or known.since > since:
                user_type = known.user_type
            since = max(since, known.since)
        _remember(self.known, int(user_id), User(user_type, since, deleted))
        if deleted:
            self._delete(self.credentials_of(int(user_id)), lock_event.when)

    def _set_grant(self, lock_event: LockEvent, *, deleted: bool) -> None:
        if (credential := lock_event.managed_credential) is None:
            return
        known = self.grants.get(credential, UNTOLD)
        if deleted:
            self._delete((credential,), lock_event.when)
        elif not _is_later(known.since, lock_event.when):
            user_id = lock_event.get("user-ids")
            owner = None if user_id is None else int(user_id)
            _remember(self.grants, credential, Grant(owner, lock_event.when, known.deleted))

    def _delete(self, credentials: Iterable[Credential], when: float) -> None:
        for credential in credentials:
            if not _is_later(self.grants.get(credential, UNTOLD).since, when):
                _remember(self.grants, credential, Grant(None, when, deleted=when))

    def as_dict(self, model: LockModel) -> dict[str, Any]:
        """Return it as JSON allows.

        Numbers that the specification does not have are kept apart: a version before would take
        nothing at all from where it finds one.
        """
        kept: dict[str, Any] = {
            "users": [[user_id, *asdict(user).values()] for user_id, user in self.known.items()],
            "grants": [[*of, *asdict(grant).values()] for of, grant in self.grants.items()],
            "uses": [[*of, *asdict(use).values()] for of, use in self.uses.items()],
        }
        for name, roles in NUMBERS.items():
            numbers = [model.property(role) for role in roles]
            kept[OTHER + name] = [row for row in kept[name] if not _are_listed(numbers, row)]
            kept[name] = [row for row in kept[name] if _are_listed(numbers, row)]
        return {name: rows for name, rows in kept.items() if rows or not name.startswith(OTHER)}

    @classmethod
    def from_dict(cls, model: LockModel, stored: Mapping[str, Any]) -> Users:
        """Return what was kept; raises what its shape or its values deserve if it was not ours."""
        users = cls()

        def optional(role: Role, raw: object) -> int | None:
            return None if raw is None else _reported(model.property(role), raw)

        def credential(method: object, operation_id: object) -> Credential:
            return Credential(
                _reported(model.methods, method),
                _reported(model.property(Role.OPERATION_ID), operation_id),
            )

        rows = {name: [*stored[name], *stored.get(OTHER + name, ())] for name in NUMBERS}
        for user_id, user_type, since, deleted in rows["users"]:
            kind = optional(Role.USER_TYPE, user_type)
            known = _reported(model.property(Role.USER_ID), user_id)
            users.known[known] = User(kind, number(since), bool(deleted))
        for method, operation_id, owner, since, deleted in rows["grants"]:
            grant = Grant(optional(Role.USER_ID, owner), number(since), number(deleted))
            users.grants[credential(method, operation_id)] = grant
        for method, operation_id, when, position in rows["uses"]:
            use = Use(number(when), optional(Role.OPERATION_POSITION, position))
            users.uses[credential(method, operation_id)] = use
        users._sort_uses()
        return users


def _reported(prop: Property | None, raw: object) -> int:
    """Return a number that was kept; of a lock without the property, none but a number."""
    return int(number(raw) if prop is None else prop.reported(raw))


def _are_listed(properties: Iterable[Property | None], row: Iterable[object]) -> bool:
    """Say whether the specification has the first numbers of a row, None being none."""
    return all(
        value is None or prop is None or prop.allows(value)
        for prop, value in zip(properties, row, strict=False)
    )


def _is_later(known: float, told: float) -> bool:
    """Say whether what is known is later than what is told; the lock tells time in seconds."""
    return known - told >= 1


def _remember[K, V](known: dict[K, V], key: K, value: V) -> None:
    """Keep something as the newest, and not more than is bearable."""
    known.pop(key, None)
    known[key] = value
    if len(known) > REMEMBERED:
        del known[next(iter(known))]
