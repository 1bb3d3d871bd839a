"""Subentry flow for a person: name, credentials, and which recent uses were theirs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, override

import voluptuous as vol
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntryState,
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

from ..const import CONF_CREDENTIALS, CONF_PERSON_ENTITY, SUBENTRY_PERSON
from ..credentials.enrolment import PASSWORD, Wanted
from ..miot.values import text
from ..people import (
    Held,
    Person,
    as_stored,
    async_add,
    async_rename_credential,
    entity_as_stored,
)
from ..wording.phrases import escaped
from .choices import (
    DAYS,
    by_value,
    credential_label,
    names_taken,
    of_person,
    to_give,
    who_was_it_label,
)
from .enrolment import CONF_PASSWORD
from .management import CONF_CREDENTIAL, LONGEST_NAME, ManagementFlow

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from homeassistant.config_entries import SubentryFlowResult
    from homeassistant.core import HomeAssistant

    from ..people import Key
    from ..state.credential import Credential
    from .choices import Choice

CONF_CREDENTIAL_TYPE: Final = "credential_type"
CONF_CREDENTIAL_NAME: Final = "credential_name"

KINDS: Final = ("fingerprint", "face", "palm_vein", "nfc", "password", "duress_fingerprint")
"""The credentials that a person can be given in a dialog, the most usual first."""


class PersonFlow(ManagementFlow):
    """Subentry flow that adds or changes a person, and manages their credentials."""

    _new: str | None = None
    """The id of the subentry of a person who was added in this flow."""
    _offered: frozenset[Key] = frozenset()
    """The credentials that the form offered when it was shown first."""
    _kind: str
    _did: str
    _credential_name: str

    @property
    def _person(self) -> Person | None:
        """The person to change, None as long as one is being added."""
        if self.source == SOURCE_RECONFIGURE:
            return Person(self._subentry(self._reconfigure_subentry_id))
        return Person(self._subentry(self._new)) if self._new else None

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for name, person entity and credentials of a new person."""
        return await self._async_ask(user_input)

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show the person's credentials, and ask what to do."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        person = self._person
        assert person  # noqa: S101
        theirs, names = of_person(self._entry, person), self._lock_names
        lines = [f"- {escaped(credential_label(one, names))}" for one in theirs]
        can_add = ["add"] if self._kinds() else []
        return self.async_show_menu(
            step_id="reconfigure" if theirs else "without_credential",
            menu_options=[*can_add, *(["choose"] if theirs else []), "details"],
            description_placeholders={
                "title": person.name,
                "name": escaped(person.name),
                "credentials": "\n".join(lines),
            },
        )

    async_step_without_credential = async_step_reconfigure

    async def async_step_details(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for changes to name, person entity and credentials."""
        return await self._async_ask(user_input)

    async def async_step_nothing_known(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for the same while there is no credential to offer."""
        return await self._async_ask(user_input)

    async def _async_ask(self, user_input: dict[str, Any] | None) -> SubentryFlowResult:
        entry = self._entry
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        person = self._person
        choices = to_give(entry, person)
        if user_input is None:
            self._offered = frozenset(choice.key for choice in choices.values())
            return await self._async_show(choices, _as_input(self.hass, person, choices))
        name = text(user_input[CONF_NAME])
        errors = {}
        if not name:
            errors[CONF_NAME] = "no_name"
        if name in names_taken(entry, but=person):
            errors[CONF_NAME] = "name_taken"
        if not choices.keys() >= set(user_input.get(CONF_CREDENTIALS, ())):
            errors[CONF_CREDENTIALS] = "credential_taken"
        if errors:
            return await self._async_show(choices, user_input, errors)
        data = _as_data(self.hass, person, choices, user_input, self._offered)
        if person:
            return self.async_update_and_abort(entry, person.subentry, title=name, data=data)
        if kind := user_input.get(CONF_CREDENTIAL_TYPE):
            self._new = async_add(self.hass, entry, SUBENTRY_PERSON, name, data)
            return await self.async_step_add({CONF_CREDENTIAL_TYPE: kind})
        return self.async_create_entry(title=name, data=data)

    async def _async_show(
        self,
        choices: Mapping[str, Choice],
        suggested: Mapping[str, Any],
        errors: dict[str, str] | None = None,
    ) -> SubentryFlowResult:
        await self._entry.runtime_data.async_read_app_names()
        fields: dict[vol.Marker, Any] = {
            vol.Required(CONF_NAME): TextSelector(),
            vol.Optional(CONF_PERSON_ENTITY): EntitySelector(EntitySelectorConfig(domain="person")),
        }
        if choices:
            names = self._lock_names
            options = [
                SelectOptionDict(value=value, label=who_was_it_label(choice, names))
                for value, choice in choices.items()
            ]
            fields[vol.Optional(CONF_CREDENTIALS)] = SelectSelector(
                SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
            )
        changes = self.source == SOURCE_RECONFIGURE
        if not changes and self._kinds():
            fields[vol.Optional(CONF_CREDENTIAL_TYPE)] = self._kind_field()
        steps = ("details", "details_only") if changes else ("user", "nothing_known")
        return self.async_show_form(
            step_id=steps[0 if choices else 1],
            data_schema=self.add_suggested_values_to_schema(vol.Schema(fields), suggested),
            description_placeholders={"days": str(DAYS)},
            errors=errors,
        )

    async_step_details_only = async_step_details

    # Credentials

    def _kinds(self) -> list[str]:
        """Return the kinds of credentials that can be enrolled in a dialog."""
        pushes = any(lock.session.pushes for lock in self._locks.values())
        methods = [
            lock.model.methods.numbers
            for lock in self._locks.values()
            if lock.model.methods and lock.model.commands("add-unlock-method")
        ]
        return [
            kind
            for kind in KINDS
            if any(kind in of_lock for of_lock in methods) and (pushes or kind == PASSWORD)
        ]

    def _kind_field(self) -> SelectSelector:
        return SelectSelector(
            SelectSelectorConfig(
                options=self._kinds(),
                translation_key=CONF_CREDENTIAL_TYPE,
                mode=SelectSelectorMode.DROPDOWN,
            )
        )

    async def async_step_add(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what to enroll, and begin; a new person's form has not asked at which lock."""
        user_input, which = user_input or {}, self._lock_field()
        kind = user_input.get(CONF_CREDENTIAL_TYPE)
        if kind is None or not which.keys() <= user_input.keys():
            return self.async_show_form(
                step_id="add",
                data_schema=vol.Schema(
                    {
                        vol.Required(
                            CONF_CREDENTIAL_TYPE, default=kind or self._kinds()[0]
                        ): self._kind_field(),
                        vol.Optional(CONF_CREDENTIAL_NAME): TextSelector(),
                        **which,
                    }
                ),
                last_step=False,
            )
        self._kind = kind
        self._did = self._chosen_lock(user_input).session.did
        self._credential_name = text(user_input.get(CONF_CREDENTIAL_NAME), LONGEST_NAME)
        if self._kind == PASSWORD:
            return await self.async_step_password()
        return await self._async_begin("")

    async def async_step_password(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for a password, with one that was made up."""
        errors = {}
        if user_input is not None:
            if not (error := self._password_error(user_input[CONF_PASSWORD])):
                return await self._async_begin(user_input[CONF_PASSWORD])
            errors = {CONF_PASSWORD: error}
        return self.async_show_form(
            step_id="password",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(self._password_field()), user_input
            ),
            description_placeholders=self._rules,
            errors=errors,
            last_step=False,
        )

    @override
    async def async_step_enter_again(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask for another password."""
        return await self.async_step_password()

    async def _async_begin(self, content: str) -> SubentryFlowResult:
        person, runtime, name = self._person, self._lock_of(self._did), self._credential_name
        assert person  # noqa: S101
        subentry_id = person.subentry.subentry_id

        def keep(credential: Credential) -> None:
            async_rename_credential(runtime.coordinator, credential, name)

        wanted = Wanted(person=subentry_id, method=self._kind, content=content, keep=keep)
        return await self._async_enrol(runtime, wanted)

    async def async_step_choose(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask which credential to rename or to delete."""
        names, person = self._lock_names, self._person
        assert person  # noqa: S101
        choices = by_value(of_person(self._entry, person))
        errors = {}
        if user_input is not None:
            if chosen := choices.get(user_input[CONF_CREDENTIAL]):
                self._chosen = chosen
                return await self.async_step_manage()
            errors = {CONF_CREDENTIAL: "credential_taken"}
        labels = [credential_label(one, names) for one in choices.values()]
        return self.async_show_form(
            step_id="choose",
            data_schema=vol.Schema(
                {vol.Required(CONF_CREDENTIAL): self._choice_field(choices, labels)}
            ),
            description_placeholders={"name": escaped(person.name)},
            errors=errors,
            last_step=False,
        )

    async def async_step_manage(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what to do with a credential."""
        return self._show_manage("rename", "delete")


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
    offered: Container[Key],
) -> dict[str, Any]:
    """Return the subentry data of a person.

    Credentials that the form did not offer stay theirs: their lock is not there now, they were
    deleted and still tell who used them before, or they were added while the form was open.
    """
    held = person.holds if person else {}
    not_asked = {key: kept for key, kept in held.items() if key not in offered}
    chosen = {
        choice.key: held[choice.key] if person and person.has(*choice) else Held(time.time())
        for choice in (choices[value] for value in user_input.get(CONF_CREDENTIALS, ()))
    }
    data: dict[str, Any] = {**person.subentry.data} if person else {}
    data.pop(CONF_PERSON_ENTITY, None)
    data[CONF_CREDENTIALS] = as_stored(not_asked | chosen)
    if person_entity := user_input.get(CONF_PERSON_ENTITY):
        data[CONF_PERSON_ENTITY] = entity_as_stored(hass, person_entity)
    return data
