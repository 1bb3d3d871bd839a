"""Subentry flow for a person: their name, and which recently used credentials are theirs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
    ConfigSubentryFlow,
)
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.util import dt as dt_util

from ..account.entry_data import async_lock_names
from ..const import CONF_CREDENTIALS, CONF_PERSON_ENTITY
from ..model.roles import Role
from ..people import (
    as_stored,
    entity_as_stored,
    holder,
    people,
    person_of,
)
from ..wording.phrases import (
    common_text,
    credential_in_words,
    in_a_sentence,
    listed,
    value_in_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from homeassistant.config_entries import SubentryFlowResult
    from homeassistant.core import HomeAssistant

    from ..coordinator import LockCoordinator
    from ..people import Key, Person
    from ..runtime import LockConfigEntry
    from ..state.credential import Credential
    from ..state.user_registry import Use

DAYS: Final = 30
"""Days within which somebody may remember who used a credential; older uses are not offered."""


class Choice(NamedTuple):
    """A credential that can be given to a person."""

    lock: LockCoordinator
    credential: Credential

    @property
    def key(self) -> Key:
        """The credential with the did of its lock."""
        return self.lock.device.did, self.credential

    @property
    def use(self) -> Use | None:
        """The last use of the credential, None if none is known."""
        return self.lock.data.users.uses.get(self.credential)

    @property
    def used(self) -> float:
        """The time of the last use in Unix seconds, 0 if none is known."""
        return self.use.when if self.use else 0.0


class PersonFlow(ConfigSubentryFlow):
    """Subentry flow that adds or changes a person."""

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for name, person entity and credentials of a new person."""
        return await self._async_ask(user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for changes to a person."""
        return await self._async_ask(user_input)

    async def async_step_nothing_known(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the same while there is no credential to offer."""
        return await self._async_ask(user_input)

    async def _async_ask(self, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        entry: LockConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        person = self._person(entry)
        choices = _choices(entry, person)
        if user_input is None:
            return await self._async_show(choices, _as_input(self.hass, person, choices))
        name = user_input[CONF_NAME].strip()
        errors = {}
        if not name:
            errors[CONF_NAME] = "no_name"
        if name in (other.name for other in people(entry) if other != person):
            errors[CONF_NAME] = "name_taken"
        if not choices.keys() >= set(user_input.get(CONF_CREDENTIALS, ())):
            errors[CONF_CREDENTIALS] = "credential_taken"
        if errors:
            return await self._async_show(choices, user_input, errors)
        data = _as_data(self.hass, person, choices, user_input)
        if person:
            return self.async_update_and_abort(entry, person.subentry, title=name, data=data)
        return self.async_create_entry(title=name, data=data)

    def _person(self, entry: LockConfigEntry) -> Person | None:
        """Return the person to change, None if one is added."""
        if self.source != SOURCE_RECONFIGURE:
            return None
        subentry = self._get_reconfigure_subentry()
        return next(person for person in people(entry) if person.subentry is subentry)

    async def _async_show(
        self,
        choices: Mapping[str, Choice],
        suggested: Mapping[str, Any],
        errors: dict[str, str] | None = None,
    ) -> SubentryFlowResult:
        fields: dict[vol.Marker, Any] = {
            vol.Required(CONF_NAME): TextSelector(),
            vol.Optional(CONF_PERSON_ENTITY): EntitySelector(EntitySelectorConfig(domain="person")),
        }
        if choices:
            entry = self._get_entry()
            names = async_lock_names(self.hass, ((entry, did) for did in entry.runtime_data.locks))
            options = [
                SelectOptionDict(value=value, label=listed(self.hass, _said(choice, names)))
                for value, choice in choices.items()
            ]
            fields[vol.Optional(CONF_CREDENTIALS)] = SelectSelector(
                SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
            )
        return self.async_show_form(
            step_id=self.source if choices else "nothing_known",
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), suggested),
            description_placeholders={"days": str(DAYS)},
            errors=errors,
        )


def _choices(entry: LockConfigEntry, person: Person | None) -> dict[str, Choice]:
    """Return the credentials to choose from by option value, last used ones first."""
    choices = [
        Choice(lock.coordinator, credential)
        for lock in entry.runtime_data.locks.values()
        for credential in _credentials(lock.coordinator, person)
    ]
    choices.sort(key=lambda choice: choice.used, reverse=True)
    return {
        " ".join(map(str, (choice.lock.device.did, *choice.credential))): choice
        for choice in choices
    }


def _credentials(lock: LockCoordinator, person: Person | None) -> Iterator[Credential]:
    """Yield the person's credentials, and recently used ones that nobody was given yet.

    A credential that only seems to be another person's, since it is of the same user of the lock,
    is offered too. One that seems to be this person's in that way is not.
    """
    if person:
        yield from (credential for _, credential in person.holds if person.has(lock, credential))
    users, since = lock.data.users, time.time() - DAYS * 86_400
    for credential, use in users.uses.items():
        there = use.when > max(since, users.deleted(credential))
        if there and not holder(lock, credential):
            seems = person_of(lock, credential)
            if seems is None or seems != person:
                yield credential


def _as_input(
    hass: HomeAssistant, person: Person | None, choices: Mapping[str, Choice]
) -> dict[str, Any]:
    """Return the form input for a person, empty for a new one."""
    if person is None:
        return {}
    held = [value for value, choice in choices.items() if person.has(*choice)]
    shown = {
        CONF_NAME: person.name,
        CONF_PERSON_ENTITY: person.entity_id(hass),
        CONF_CREDENTIALS: held,
    }
    return {key: value for key, value in shown.items() if value is not None}


def _as_data(
    hass: HomeAssistant,
    person: Person | None,
    choices: Mapping[str, Choice],
    user_input: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the subentry data of a person.

    Credentials that the form did not offer stay theirs: their lock is not there now, or they were
    deleted and still tell who used them before.
    """
    offered = {choice.key for choice in choices.values()}
    held = person.holds if person else {}
    not_asked = {key: since for key, since in held.items() if key not in offered}
    chosen = {choices[value].key: time.time() for value in user_input.get(CONF_CREDENTIALS, ())}
    data: dict[str, Any] = {**person.subentry.data} if person else {}
    data.pop(CONF_PERSON_ENTITY, None)
    data[CONF_CREDENTIALS] = as_stored(not_asked | chosen)
    if person_entity := user_input.get(CONF_PERSON_ENTITY):
        data[CONF_PERSON_ENTITY] = entity_as_stored(hass, person_entity)
    return data


def _said(choice: Choice, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the parts of a credential's label, with the lock if there are several."""
    lock, credential = choice
    hass, users = lock.hass, lock.data.users
    if choice.use:
        yield _moment(hass, choice.use.when)
    yield in_a_sentence(credential_in_words(hass, lock.model, credential))
    if choice.use and choice.use.position is not None:
        position = lock.model.property(Role.OPERATION_POSITION)
        yield in_a_sentence(value_in_words(hass, position, choice.use.position))
    if (user_id := users.user_of(credential)) is not None:
        seems = None if holder(lock, credential) else person_of(lock, credential)
        if seems:
            yield common_text(hass, "user_of").format(user_id=user_id, name=seems.name)
        else:
            yield common_text(hass, "user").format(user_id=user_id)
    if len(names) > 1:
        yield names[lock.device.did]


def _moment(hass: HomeAssistant, when: float) -> str:
    moment = dt_util.as_local(dt_util.utc_from_timestamp(when))
    day = {0: "today", 1: "yesterday"}.get((dt_util.now().date() - moment.date()).days)
    if day is None:
        return f"{moment:%Y-%m-%d %H:%M}"
    return common_text(hass, day).format(time=f"{moment:%H:%M}")
