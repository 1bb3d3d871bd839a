"""People and guests who open the door, and the credentials that are theirs."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er

from .const import (
    CONF_CREDENTIALS,
    CONF_DID,
    CONF_LOCK_USERS,
    CONF_PERSON_ENTITY,
    DOMAIN,
    SUBENTRY_GUEST,
    SUBENTRY_PERSON,
)
from .state.credential import Credential, masked
from .state.lock_state import Topic
from .wording.phrases import (
    common_text,
    credential_in_words,
    in_a_sentence,
    together,
    value_in_words,
)
from .wording.reasons import translatable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

    from .coordinator import LockCoordinator
    from .state.lock_event import LockEvent

type Key = tuple[str, Credential]
"""The did of a lock and a credential: the locks of an account use the same numbers."""


TYPES: Final = (SUBENTRY_PERSON, SUBENTRY_GUEST)
"""The types of subentries that hold credentials."""

ENDED: Final = "ended"
"""When the access of a guest ended, in the data of the subentry."""
VALID_UNTIL: Final = "valid_until"
"""When it ends, in Unix seconds, in the same place; None for no time limit."""
UNTIL: Final = "until"
"""When a credential was deleted, in Unix seconds, beside it in the data of the subentry."""


@dataclass(frozen=True, slots=True)
class Held:
    """A credential as somebody's: since when, in Unix seconds, and its name, "" without one."""

    since: float
    name: str = ""
    until: float | None = None
    """When it was deleted, in Unix seconds; None as long as no deletion was noted."""


@dataclass(frozen=True)
class Person:
    """A person or a guest, stored as a subentry of the config entry."""

    subentry: ConfigSubentry

    @cached_property
    def holds(self) -> Mapping[Key, Held]:
        """Their credentials."""
        return dict(map(_read, self.subentry.data[CONF_CREDENTIALS]))

    @property
    def is_guest(self) -> bool:
        """Whether this is a guest, whose credentials end."""
        return self.subentry.subentry_type == SUBENTRY_GUEST

    def had_ended(self, when: float) -> bool:
        """Return whether this is a guest whose access had ended by a time in Unix seconds."""
        ended: float | None = self.subentry.data.get(ENDED)
        return ended is not None and ended <= when

    @property
    def has_ended(self) -> bool:
        """Whether this is a guest whose time is over, even if the lock could not be reached yet."""
        due = self.subentry.data.get(VALID_UNTIL)
        return ENDED in self.subentry.data or (due is not None and due <= time.time())

    @property
    def name(self) -> str:
        """The name; a guest's title also says what is left."""
        name: str = self.subentry.data.get(CONF_NAME, self.subentry.title)
        return name

    def entity_id(self, hass: HomeAssistant) -> str | None:
        """Return the current entity id of the person entity, None without one."""
        kept = self.subentry.data.get(CONF_PERSON_ENTITY, "")
        entity = er.async_get(hass).async_get(kept)
        return entity.entity_id if entity else None

    @property
    def users_made(self) -> Mapping[str, int]:
        """The users of locks that were made for them, by did."""
        users: Mapping[str, int] = self.subentry.data.get(CONF_LOCK_USERS, {})
        return users

    def user_made(self, lock: LockCoordinator) -> int | None:
        """Return the user of a lock that was made for them, None if none was."""
        return self.users_made.get(lock.device.did)

    def has(self, lock: LockCoordinator, credential: Credential, when: float = math.inf) -> bool:
        """Return whether a credential was theirs when it was used, by default now."""
        return self in _holders(lock, credential, when)

    def has_now(self, lock: LockCoordinator) -> list[Credential]:
        """Return their credentials that a lock still has, as far as is known."""
        did = lock.device.did
        return [one for of, one in self.holds if of == did and self.has(lock, one)]


class _Everyone:
    """The people and guests of an entry, and who has each credential."""

    def __init__(self, entry: ConfigEntry) -> None:
        """Read the subentries."""
        self._as_of = entry.modified_at
        self.people: Final = [
            Person(subentry)
            for subentry in entry.subentries.values()
            if subentry.subentry_type in TYPES
        ]
        self.holders: Final[dict[str, dict[tuple[int, int], tuple[Person, ...]]]] = {}
        """Who has a credential, by the did of the lock and the credential as a plain tuple.

        Python's garbage collector need not look at plain tuples of numbers, and there may be many.
        """
        self.deleted: Final[set[tuple[str, int, int]]] = set()
        """The credentials that somebody had until they were deleted."""
        for person in self.people:
            alone = (person,)
            for stored in person.subentry.data[CONF_CREDENTIALS]:
                of_lock = self.holders.setdefault(stored[CONF_DID], {})
                credential = stored["method"], stored["operation_id"]
                if UNTIL in stored:
                    self.deleted.add((stored[CONF_DID], *credential))
                if (others := of_lock.setdefault(credential, alone)) is not alone:
                    of_lock[credential] = (*others, person)
        self.numbers: Final = {
            did: len({one.subentry.subentry_id for held_by in of_lock.values() for one in held_by})
            for did, of_lock in self.holders.items()
        }
        """How many of them have or had credentials of a lock, by its did."""

    def is_of(self, entry: ConfigEntry) -> bool:
        """Return whether this is how an entry is now."""
        # Home Assistant sets another time whenever it changes an entry or one of its subentries.
        return self._as_of is entry.modified_at


_EVERYONE: Final[WeakKeyDictionary[ConfigEntry, _Everyone]] = WeakKeyDictionary()
"""Every event asks several times whose a credential is."""


def _everyone(entry: ConfigEntry) -> _Everyone:
    """Return the people of an entry, read again only if they have changed."""
    known = _EVERYONE.get(entry)
    if known is None or not known.is_of(entry):
        known = _EVERYONE[entry] = _Everyone(entry)
    return known


async def async_read_people(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Read the people of an entry before they are asked for: those of many locks take long."""
    _EVERYONE[entry] = await hass.async_add_executor_job(_Everyone, entry)


def people(entry: ConfigEntry) -> Sequence[Person]:
    """Return the people and guests of an entry."""
    return _everyone(entry).people


def number_at(lock: LockCoordinator) -> int:
    """Return how many people and guests have or had credentials of a lock."""
    return _everyone(lock.config_entry).numbers.get(lock.device.did, 0)


def _holders(
    lock: LockCoordinator, credential: Credential, when: float = math.inf
) -> Sequence[Person]:
    """Return the people whose a credential was when it was used, by default now.

    After a credential is deleted, the same number means another credential. If that was deleted
    too, an earlier use is of the one that was deleted first.
    """
    did, deleted = lock.device.did, lock.data.users.deleted(credential)
    everyone = _everyone(lock.config_entry)
    of_lock = everyone.holders.get(did, {})
    given = [one for one in of_lock.get(credential, ()) if not one.had_ended(when)]
    if not deleted and (did, *credential) not in everyone.deleted:
        return given
    held = [(one, one.holds[did, credential]) for one in given]
    theirs = [
        (one, math.inf if how.until is None else how.until)
        for one, how in held
        if (how.since < deleted) == (when < deleted) and (how.until is None or when < how.until)
    ]
    first = min((until for _, until in theirs), default=math.inf)
    return [one for one, until in theirs if until == first]


def entity_as_stored(hass: HomeAssistant, entity_id: str) -> str:
    """Return the id by which a subentry stores an entity.

    This is the id of the entity registry, which no renaming changes. For an entity that is not
    registered, it is the entity id.
    """
    entity = er.async_get(hass).async_get(entity_id)
    return entity.id if entity else entity_id


@callback
def async_follow_entities(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Replace entity ids, which an earlier version stored, by ids of the entity registry."""
    for person in people(entry):
        data = person.subentry.data
        if kept := data.get(CONF_PERSON_ENTITY):
            followed = {**data, CONF_PERSON_ENTITY: entity_as_stored(hass, kept)}
            hass.config_entries.async_update_subentry(entry, person.subentry, data=followed)


def _read(stored: Mapping[str, Any]) -> tuple[Key, Held]:
    credential = Credential(stored["method"], stored["operation_id"])
    held = Held(stored["since"], stored.get(CONF_NAME, ""), stored.get(UNTIL))
    return (stored[CONF_DID], credential), held


def as_stored(holds: Mapping[Key, Held]) -> list[dict[str, Any]]:
    """Return credentials as a subentry stores them, with name and deletion only if there is one."""
    return [
        {CONF_DID: did, **credential._asdict(), "since": held.since}
        | ({CONF_NAME: held.name} if held.name else {})
        | ({} if held.until is None else {UNTIL: held.until})
        for (did, credential), held in holds.items()
    ]


def holder(lock: LockCoordinator, credential: Credential) -> Person | None:
    """Return the person whom a credential was given to, None if nobody has it."""
    return next(iter(_holders(lock, credential)), None)


def person_of(
    lock: LockCoordinator, credential: Credential, when: float = math.inf
) -> Person | None:
    """Return the person whose credential it was when it was used, by default now.

    This is the person it was given to. Otherwise it is the only person who has other credentials of
    the same user of the lock, and None if several do: if a whole family was enrolled as one user,
    each credential has to be given to its person. Whom the user was made for counts as one of them.
    """
    if given_to := _holders(lock, credential, when):
        return given_to[0]
    users = lock.data.users
    if (user_id := _user_at(lock, credential, when)) is None:
        return None
    of_user = {
        one.subentry.subentry_id: one
        for other in users.credentials_of(user_id)
        for one in _holders(lock, other, when)
    }
    if len(of_user) != 1:
        return None
    [(theirs, only)] = of_user.items()
    made_for = {
        one.subentry.subentry_id
        for one in people(lock.config_entry)
        if one.user_made(lock) == user_id
    }
    return only if made_for <= {theirs} else None


def _user_at(lock: LockCoordinator, credential: Credential, when: float) -> int | None:
    """Return the user that a credential belonged to when it was used, None if that is not known.

    Of one that was deleted since, only the present user of the same number is known.
    """
    users = lock.data.users
    return None if when < users.deleted(credential) else users.user_of(credential)


def name_in_app(lock: LockCoordinator, credential: Credential) -> str | None:
    """Return the name that the Mi Home app keeps of a credential's user.

    None if the user or the name is not known, or if somebody here is that user.
    """
    users = lock.data.users
    user_id = users.user_of(credential)
    if user_id is None or (name := users.names_in_app.get(user_id)) is None:
        return None
    theirs = users.credentials_of(user_id)
    is_somebody = any(
        one.user_made(lock) == user_id or any(one.has(lock, other) for other in theirs)
        for one in people(lock.config_entry)
    )
    return None if is_somebody else name


def last_holder(lock: LockCoordinator, credential: Credential) -> str | None:
    """Return the id of the subentry that a credential was given to last, None without one.

    It counts also after the credential was deleted.
    """
    given = (
        (one.holds[lock.device.did, credential].since, one.subentry.subentry_id)
        for one in people(lock.config_entry)
        if (lock.device.did, credential) in one.holds
    )
    return max(given, default=(0, None))[1]


def with_whose(lock: LockCoordinator, credential: Credential, guest: str | None = None) -> str:
    """Return a credential as within a sentence, by its name if it has one, with whose it is.

    ``guest`` is the name of a guest whose it was, if they may have been removed. A guest has one
    credential, which needs no number.
    """
    hass, model = lock.hass, lock.model
    person = holder(lock, credential)
    words = in_a_sentence(credential_in_words(hass, model, credential))
    if person and not person.is_guest:
        words = person.holds[lock.device.did, credential].name or words
    elif person or guest:
        method = masked(model, credential.method)
        words = in_a_sentence(value_in_words(hass, model.methods, method))
    if (name := person.name if person else guest) is None:
        return words
    return together(common_text(hass, "credential_of").format(person=name, credential=words))


def who(lock: LockCoordinator, lock_event: LockEvent) -> dict[str, str | int]:
    """Return the user and person of an event's credential, as data of the event.

    Unknown values are left out. The result is empty without a credential.
    """
    if (credential := lock_event.credential) is None:
        return {}
    user_id = _user_at(lock, credential, lock_event.when)
    known: dict[str, str | int | None] = {"user_id": user_id}
    if person := person_of(lock, credential, lock_event.when):
        known |= {"person": person.name, CONF_PERSON_ENTITY: person.entity_id(lock.hass)}
    return {key: value for key, value in known.items() if value is not None}


def named(lock: LockCoordinator, name: str) -> Person:
    """Return a person by name, person entity or subentry id.

    Raises ServiceValidationError if there is no such person.
    """
    for person in people(lock.config_entry):
        if name in (person.subentry.subentry_id, person.name, person.entity_id(lock.hass)):
            return person
    raise translatable(ServiceValidationError, "no_such_person", person=name)


@callback
def async_add(
    hass: HomeAssistant,
    entry: ConfigEntry,
    subentry_type: str,
    title: str,
    data: Mapping[str, Any],
) -> str:
    """Add a person or a guest; return the id of the subentry."""
    subentry = ConfigSubentry(
        data=MappingProxyType({**data}),
        subentry_type=subentry_type,
        title=title,
        unique_id=None,
    )
    hass.config_entries.async_add_subentry(entry, subentry)
    return subentry.subentry_id


@callback
def async_keep_user_made(lock: LockCoordinator, name: str, user_id: int) -> None:
    """Keep which user of a lock was made for a person; ``name`` as in ``named``.

    The lock tells no more of it once their last credential is deleted, and the next one should not
    need another user.
    """
    person = named(lock, name)
    users = {**person.subentry.data.get(CONF_LOCK_USERS, {}), lock.device.did: user_id}
    lock.hass.config_entries.async_update_subentry(
        lock.config_entry,
        person.subentry,
        data={**person.subentry.data, CONF_LOCK_USERS: users},
    )


@callback
def async_assign(lock: LockCoordinator, credential: Credential, name: str) -> None:
    """Give a credential to a person, and take it from its holder; ``name`` as in ``named``."""
    theirs = named(lock, name)
    held = async_take_away(lock, credential)
    _async_hold(lock, theirs, credential, Held(time.time(), held.name if held else ""))


@callback
def async_note_enrolled(lock: LockCoordinator, credential: Credential) -> None:
    """Note that a credential is a new one: one of that number was deleted, if somebody had one."""
    until = float(int(time.time()))  # The lock's times are whole seconds.
    for person in _holders(lock, credential):
        held = person.holds[lock.device.did, credential]
        _async_hold(lock, person, credential, replace(held, until=until))


@callback
def async_take_away(lock: LockCoordinator, credential: Credential) -> Held | None:
    """Take a credential from its holder; return how it was held, None if nobody had it."""
    former = holder(lock, credential)
    if former is None:
        return None
    _async_hold(lock, former, credential, None)
    return former.holds[lock.device.did, credential]


@callback
def async_rename_credential(lock: LockCoordinator, credential: Credential, name: str) -> None:
    """Change the name of a credential that somebody has; "" removes it."""
    if theirs := holder(lock, credential):
        held = theirs.holds[lock.device.did, credential]
        _async_hold(lock, theirs, credential, replace(held, name=name))


@callback
def _async_hold(
    lock: LockCoordinator, person: Person, credential: Credential, held: Held | None
) -> None:
    """Change how a person holds a credential; None if no longer."""
    key = (lock.device.did, credential)
    holds = {of: known for of, known in person.holds.items() if of != key}
    if held:
        holds[key] = held
    lock.hass.config_entries.async_update_subentry(
        lock.config_entry,
        person.subentry,
        data={**person.subentry.data, CONF_CREDENTIALS: as_stored(holds)},
    )


# What a lock no longer has


@callback
def async_follow_deletions(lock: LockCoordinator) -> CALLBACK_TYPE:
    """Note deletions at a lock in the subentries, now and as they come; return a stop function.

    What is stored of the lock may be lost or removed, and it gives the numbers again.
    """
    _async_note_deletions(lock)
    noted = lock.data.users.deletions

    @callback
    def look() -> None:
        nonlocal noted
        if noted != lock.data.users.deletions:
            noted = lock.data.users.deletions
            _async_note_deletions(lock)

    return lock.async_watch(Topic.PEOPLE, look)


@callback
def _async_note_deletions(lock: LockCoordinator) -> None:
    """Note which credentials are deleted, and which users that were made for somebody.

    Another entry may have had the lock before, and may have it again.
    """
    did, users = lock.device.did, lock.data.users
    for entry in lock.hass.config_entries.async_entries(DOMAIN):
        everyone = _everyone(entry)
        deleted = {
            credential: when
            for numbers in everyone.holders.get(did, {})
            if (when := users.deleted(credential := Credential(*numbers)))
        }
        theirs = {
            one.subentry.subentry_id: one
            for credential in deleted
            for one in everyone.holders[did][credential]
        }
        for person in everyone.people:
            data = dict(person.subentry.data)
            if person.subentry.subentry_id in theirs:
                data[CONF_CREDENTIALS] = as_stored(_with_ends(person, did, deleted))
            made = users.known.get(person.users_made.get(did, -1))
            if made and made.deleted:
                data[CONF_LOCK_USERS] = _without(person.users_made, did)
            lock.hass.config_entries.async_update_subentry(entry, person.subentry, data=data)


def _with_ends(person: Person, did: str, deleted: Mapping[Credential, float]) -> dict[Key, Held]:
    """Return the credentials of a person, with when those of a lock were deleted that they had."""
    holds = dict(person.holds)
    for (of, credential), held in person.holds.items():
        when = deleted.get(credential, 0.0)
        if of == did and held.until is None and held.since < when:
            holds[of, credential] = replace(held, until=when)
    return holds


def _without(users: Mapping[str, int], did: str) -> dict[str, int]:
    return {of: user_id for of, user_id in users.items() if of != did}


@callback
def async_forget_users_made(hass: HomeAssistant, did: str) -> None:
    """Forget which users of a lock were made for people: they may be others' when it comes back."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        for person in people(entry):
            if did in person.users_made:
                users = _without(person.users_made, did)
                data = {**person.subentry.data, CONF_LOCK_USERS: users}
                hass.config_entries.async_update_subentry(entry, person.subentry, data=data)
