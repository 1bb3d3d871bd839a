"""Credentials to choose from in a form, in words."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain, count
from typing import TYPE_CHECKING, Final, NamedTuple

from ..credentials.whose import in_app_words
from ..model.roles import Role
from ..people import holder, people, person_of
from ..wording.phrases import (
    common_text,
    credential_in_words,
    in_a_sentence,
    listed,
    moment_in_words,
    value_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..coordinator import LockCoordinator
    from ..people import Key, Person
    from ..runtime import LockConfigEntry
    from ..state.credential import Credential
    from ..state.user_registry import Use

DAYS: Final = 30
"""Days within which somebody may remember who used a credential; older uses are not offered."""

ONE_TIME_PASSWORD: Final = "one_time_password"  # noqa: S105


class Choice(NamedTuple):
    """A credential of a lock."""

    lock: LockCoordinator
    credential: Credential

    @property
    def key(self) -> Key:
        """The credential with the did of its lock."""
        return self.lock.device.did, self.credential

    @property
    def value(self) -> str:
        """The value of the choice in a form, which a browser shows to who looks for it: masked."""
        shown = self.credential.masked(self.lock.model)
        return " ".join(map(str, (self.lock.device.did, *shown)))

    @property
    def use(self) -> Use | None:
        """The last use of the credential, None if none is known."""
        return self.lock.data.users.use_of(self.credential)

    @property
    def used(self) -> float:
        """The time of the last use in Unix seconds, 0 if none is known."""
        return self.use.when if self.use else 0.0

    @property
    def deleted(self) -> float:
        """When a credential of the number was last deleted, in Unix seconds; 0 if never."""
        return self.lock.data.users.deleted(self.credential)

    @property
    def holder(self) -> Person | None:
        """Who has the credential, None if nobody was given it."""
        return holder(self.lock, self.credential)


def of_all_locks(entry: LockConfigEntry) -> Iterator[LockCoordinator]:
    """Yield the locks of an entry."""
    for lock in entry.runtime_data.locks.values():
        yield lock.coordinator


def by_value(choices: Iterable[Choice]) -> dict[str, Choice]:
    """Return choices by their values in a form, last used ones first."""
    return in_order(sorted(choices, key=lambda choice: choice.used, reverse=True))


def in_order(choices: Iterable[Choice]) -> dict[str, Choice]:
    """Return choices by their values in a form; of several that look the same, these differ."""
    alike: Counter[str] = Counter()
    found: dict[str, Choice] = {}
    for choice in choices:
        again = alike[choice.value]
        found[f"{choice.value} {again}" if again else choice.value] = choice
        alike[choice.value] += 1
    return found


def of_person(entry: LockConfigEntry, person: Person) -> list[Choice]:
    """Return the credentials that a person opens the door with."""
    return [
        Choice(lock, one)
        for lock in of_all_locks(entry)
        for one in person.has_now(lock)
        if not _is_used_up(lock, one)
    ]


def of_nobody(entry: LockConfigEntry) -> list[Choice]:
    """Return the credentials that a lock has, and that nobody was given.

    Those are the ones that the lock has told of, and those used lately of which it has not.
    """
    return [
        choice
        for lock in of_all_locks(entry)
        for choice in (Choice(lock, one) for one in _present(lock))
        if choice.holder is None and not _is_used_up(*choice)
    ]


def _is_used_up(lock: LockCoordinator, credential: Credential) -> bool:
    """Return whether a credential is a one-time password that has opened the door."""
    methods = lock.model.methods
    key = methods.key_of(credential.method) if methods else None
    return key == ONE_TIME_PASSWORD and lock.data.users.use_of(credential) is not None


def _present(lock: LockCoordinator) -> Iterator[Credential]:
    users, since = lock.data.users, time.time() - DAYS * 86_400
    yield from (one for one, grant in users.grants.items() if grant.user_id is not None)
    yield from used_lately(lock, since)


def used_lately(lock: LockCoordinator, since: float) -> Iterator[Credential]:
    """Yield credentials that were used since then, and of which no user is known."""
    users = lock.data.users
    for credential, use in users.uses.items():
        if use.when > max(since, users.deleted(credential)) and users.user_of(credential) is None:
            yield credential


def to_give(entry: LockConfigEntry, person: Person | None) -> dict[str, Choice]:
    """Return the credentials that a form offers for a person, by value.

    These are the person's own and recently used ones that nobody was given yet. A credential that
    only seems to be another person's, since it is of the same user of the lock, is offered too. One
    that seems to be this person's in that way is not.
    """
    return by_value(choice for lock in of_all_locks(entry) for choice in _to_give(lock, person))


def _to_give(lock: LockCoordinator, person: Person | None) -> Iterator[Choice]:
    if person:
        yield from (Choice(lock, one) for one in person.has_now(lock))
    users, since = lock.data.users, time.time() - DAYS * 86_400
    for credential, use in users.uses.items():
        there = use.when > max(since, users.deleted(credential))
        if there and not holder(lock, credential):
            seems = person_of(lock, credential)
            if seems is None or seems != person:
                yield Choice(lock, credential)


def who_was_it_label(choice: Choice, names: Mapping[str, str]) -> str:
    """Return a use of a credential in words: when, with what, where, and whose it may be.

    ``names`` has the names of the entry's locks; the lock is said if there are several.
    """
    return listed(choice.lock.hass, _use_in_words(choice, names))


def _use_in_words(choice: Choice, names: Mapping[str, str]) -> Iterator[str]:
    lock, credential = choice
    hass, users = lock.hass, lock.data.users
    if choice.use:
        yield moment_in_words(hass, choice.use.when)
    yield in_a_sentence(credential_in_words(hass, lock.model, credential))
    if choice.use and choice.use.position is not None:
        position = lock.model.property(Role.OPERATION_POSITION)
        yield in_a_sentence(value_in_words(hass, position, choice.use.position))
    if (user_id := users.user_of(credential)) is not None:
        seems = None if choice.holder else person_of(lock, credential)
        if seems:
            yield common_text(hass, "user_of").format(user_id=user_id, name=seems.name)
        elif in_app := in_app_words(lock, credential):
            yield in_app
        else:
            yield common_text(hass, "user").format(user_id=user_id)
    if len(names) > 1:
        yield names[lock.device.did]


def own_name(choice: Choice) -> str:
    """Return the name that somebody gave a credential, empty without one."""
    return choice.holder.holds[choice.key].name if choice.holder else ""


def credential_name(choice: Choice) -> str:
    """Return the name of a credential, as within a sentence: ``right thumb``, ``Fingerprint 7``."""
    lock, credential = choice
    return own_name(choice) or credential_in_words(lock.hass, lock.model, credential)


def credential_label(choice: Choice, names: Mapping[str, str]) -> str:
    """Return a credential in words, with its last use: ``right thumb · yesterday 08:12``.

    If nobody was given it, the name that the Mi Home app keeps of its user is said.
    """
    lock, hass = choice.lock, choice.lock.hass
    parts = [credential_name(choice)]
    if choice.use:
        parts.append(moment_in_words(hass, choice.use.when))
    if in_app := in_app_words(lock, choice.credential):
        parts.append(in_app)
    if is_ending(choice):
        parts.append(common_text(hass, "credential_ending"))
    if len(names) > 1:
        parts.append(names[lock.device.did])
    return " · ".join(parts)


def is_ending(choice: Choice) -> bool:
    """Return whether a credential is to be deleted, and the lock could not be reached yet."""
    expiry = choice.lock.data.expiries.known.get(choice.credential)
    return expiry is not None and expiry.has_ended(time.time())


def names_taken(entry: LockConfigEntry, but: Person | None = None) -> set[str]:
    """Return the names of people and guests, but of one."""
    return {one.name for one in people(entry) if one != but}


def free_name(entry: LockConfigEntry, name: str) -> str:
    """Return a name, with a number if somebody was given the same name meanwhile."""
    others = (f"{name} {number}" for number in count(2))
    taken = names_taken(entry)
    return next(one for one in chain((name,), others) if one not in taken)
