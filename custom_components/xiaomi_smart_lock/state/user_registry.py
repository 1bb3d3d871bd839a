"""The users of a lock and their credentials, as far as the lock has reported them."""

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

# Leading columns of the stored rows of users, grants and uses
NUMBERS: Final[Mapping[str, tuple[Role, ...]]] = {
    "users": (Role.USER_ID,),
    "grants": (Role.OPERATION_METHOD, Role.OPERATION_ID, Role.USER_ID),
    "uses": (Role.OPERATION_METHOD, Role.OPERATION_ID),
}
OTHER: Final = "other_"

# Only bounds the stored data; nobody has as many fingers.
REMEMBERED: Final = 500
SUCCESS: Final = "success"
"""The key of the error-code for success."""


@dataclass(frozen=True, slots=True)
class User:
    """A user of the lock, as of a time in Unix seconds."""

    user_type: int | None
    since: float
    deleted: bool = False

    @property
    def gone(self) -> bool:
        """Whether the lock no longer has the user."""
        return self.deleted


@dataclass(frozen=True, slots=True)
class Grant:
    """The user that a credential belongs to, as of a time in Unix seconds; None once deleted."""

    user_id: int | None
    since: float
    deleted: float = 0.0
    """When it was last deleted, in Unix seconds; its number belongs to another one since then."""

    @property
    def gone(self) -> bool:
        """Whether the lock no longer has the credential."""
        return self.user_id is None


UNTOLD: Final = Grant(None, -math.inf)


@dataclass(frozen=True, slots=True)
class Use:
    """The last use of a credential: when, in Unix seconds, and the operation-position."""

    when: float
    position: int | None


@dataclass
class Users:
    """The users of a lock, their credentials, and the last use of each credential.

    Deletions are kept too, so that an older event that comes late does not restore a deleted user
    or credential.
    """

    known: dict[int, User] = field(default_factory=dict)
    grants: dict[Credential, Grant] = field(default_factory=dict)
    uses: dict[Credential, Use] = field(default_factory=dict)
    """Ordered by time, oldest first."""
    synchronised: bool = False
    """Whether the lock has told all its users and credentials once."""
    names_in_app: dict[int, str] = field(default_factory=dict)
    """The names that the Mi Home app keeps, by user id. They are not stored."""
    reset: float = 0.0
    """When the lock was last reset, in Unix seconds; 0 if never."""
    deletions: int = field(default=0, compare=False)
    """How many deletions were told since this was created. They are not stored."""

    @property
    def present(self) -> dict[int, User]:
        """The users that were not deleted."""
        return {user_id: user for user_id, user in self.known.items() if not user.deleted}

    @property
    def numbers(self) -> set[int]:
        """All user ids that the lock has reported, of deleted users and of credentials too."""
        owners = {grant.user_id for grant in self.grants.values() if grant.user_id is not None}
        return {*self.known, *owners}

    def user_of(self, credential: Credential) -> int | None:
        """Return the user id that a credential belongs to, None if it is not known."""
        return self._grant(credential).user_id

    def credentials_of(self, user_id: int) -> list[Credential]:
        """Return the credentials of a user."""
        return [known for known, grant in self.grants.items() if grant.user_id == user_id]

    def deleted(self, credential: Credential) -> float:
        """Return when a credential was last deleted, in Unix seconds; 0 if never."""
        return self._grant(credential).deleted

    def _grant(self, credential: Credential) -> Grant:
        """Return whose a credential is; a reset deleted also those that were never told of."""
        if grant := self.grants.get(credential):
            return grant
        return Grant(None, self.reset, self.reset) if self.reset else UNTOLD

    def use_of(self, credential: Credential) -> Use | None:
        """Return the last use of a credential, None if none is known.

        That of a deleted credential of the same number is not one of the present one.
        """
        use = self.uses.get(credential)
        return use if use and use.when > self.deleted(credential) else None

    @property
    def last_use(self) -> tuple[Credential, Use] | None:
        """The credential that was used last, with its use; None if there is none."""
        return next(reversed(self.uses.items()), None)

    def follow(self, lock_event: LockEvent) -> bool:
        """Apply an event; return whether it can tell anything about users or credentials."""
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
                self._reset(lock_event.when)
            case _:
                return False
        return True

    def _used(self, lock_event: LockEvent) -> None:
        credential = lock_event.credential
        last = credential and self.uses.get(credential)
        if credential and (last is None or last.when <= lock_event.when):
            use = Use(lock_event.when, lock_event.listed("operation-position"))
            newest = self.last_use
            self.uses.pop(credential, None)
            self.uses[credential] = use
            if len(self.uses) > REMEMBERED:
                del self.uses[next(iter(self.uses))]
            if newest and newest[1].when > use.when:
                self._sort_uses()

    def _sort_uses(self) -> None:
        self.uses = dict(sorted(self.uses.items(), key=lambda item: item[1].when))

    def _reset(self, when: float) -> None:
        """Delete all users and credentials; what came since stays."""
        self.names_in_app.clear()
        self.reset = max(self.reset, when)
        self.synchronised = False
        self.deletions += 1
        self._delete((*self.uses, *self.grants), when)
        for user_id, user in list(self.known.items()):
            if not _is_later(user.since, when):
                gone = User(user.user_type, max(user.since, when), deleted=True)
                _remember(self.known, user_id, gone)

    def _set_user(self, lock_event: LockEvent, *, deleted: bool) -> None:
        if (user_id := lock_event.get("user-ids")) is None:
            return
        known = self.known.get(int(user_id))
        if _is_later(known.since if known else self.reset, lock_event.when):
            return
        user_type, since = lock_event.listed("user-type"), lock_event.when
        if known:
            # The answer to an action has an exact time. An event of the same second, which seems
            # older, only repeats it.
            if user_type is None or known.since > since:
                user_type = known.user_type
            since = max(since, known.since)
        _remember(self.known, int(user_id), User(user_type, since, deleted))
        if deleted:
            self.deletions += 1
            self.names_in_app.pop(int(user_id), None)
            self._delete(self.credentials_of(int(user_id)), lock_event.when)

    def _set_grant(self, lock_event: LockEvent, *, deleted: bool) -> None:
        if (credential := lock_event.managed_credential) is None:
            return
        known = self._grant(credential)
        if deleted:
            self._delete((credential,), lock_event.when)
        elif _is_news(known.since, lock_event.when):
            user_id = lock_event.get("user-ids")
            owner = None if user_id is None else int(user_id)
            _remember(self.grants, credential, Grant(owner, lock_event.when, known.deleted))

    def _delete(self, credentials: Iterable[Credential], when: float) -> None:
        for credential in credentials:
            known = self._grant(credential)
            if not _is_later(known.since, when):
                # What repeats an answer to our own action does not make it older.
                gone = max(when, known.deleted)
                _remember(self.grants, credential, Grant(None, gone, deleted=gone))
                self.deletions += 1

    def as_dict(self, model: LockModel) -> dict[str, Any]:
        """Return the users as JSON data.

        Rows with numbers that the specification does not have are stored separately: an earlier
        version would reject all rows of a list that contains one.
        """
        kept: dict[str, Any] = {
            "users": [[user_id, *asdict(user).values()] for user_id, user in self.known.items()],
            "grants": [[*of, *asdict(grant).values()] for of, grant in self.grants.items()],
            "uses": [[*of, *asdict(use).values()] for of, use in self.uses.items()],
        }
        for name, roles in NUMBERS.items():
            numbers = [model.property(role) for role in roles]
            listed: dict[bool, list[Any]] = {True: [], False: []}
            for row in kept[name]:
                listed[_are_listed(numbers, row)].append(row)
            kept[name], kept[OTHER + name] = listed[True], listed[False]
        shown = {name: rows for name, rows in kept.items() if rows or not name.startswith(OTHER)}
        if self.reset:
            shown["reset"] = self.reset
        return shown | ({"synchronised": True} if self.synchronised else {})

    @classmethod
    def from_dict(cls, model: LockModel, stored: Mapping[str, Any]) -> Users:
        """Return the stored users.

        Raises InvalidValueError, LookupError, OverflowError, TypeError or ValueError if the data
        was not written by us.
        """
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
        users.reset = number(stored.get("reset", 0))
        users.synchronised = stored.get("synchronised") is True
        return users


def _reported(prop: Property | None, raw: object) -> int:
    """Return a stored number, validated by its property if the lock has that."""
    return int(number(raw) if prop is None else prop.reported(raw))


def _are_listed(properties: Iterable[Property | None], row: Iterable[object]) -> bool:
    """Return whether the specification has the leading numbers of a row; None is allowed."""
    return all(
        value is None or prop is None or prop.allows(value)
        for prop, value in zip(properties, row, strict=False)
    )


def _is_later(known: float, told: float) -> bool:
    """Return whether ``known`` is at least one second later; the lock's times are in seconds."""
    return known - told >= 1


def _is_news(known: float, told: float) -> bool:
    """Return whether what is told of a credential's user is no older than what is known.

    The lock's times are whole seconds, those of answers to our actions are exact: a whole second
    before an exact time within it is what the lock tells late of an earlier action.
    """
    return not _is_later(known, told) if told % 1 else known <= told


def _remember[K, V: User | Grant](known: dict[K, V], key: K, value: V) -> None:
    """Store an item as the newest one; beyond the limit, drop what is gone, the oldest first.

    Guests come and go for years, and a family stays.
    """
    known.pop(key, None)
    known[key] = value
    if len(known) > REMEMBERED:
        gone = (one for one, item in known.items() if item.gone)
        del known[next(gone, next(iter(known)))]
