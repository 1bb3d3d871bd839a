"""Flow that shows who may open the door; it never adds a subentry."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError

from ..credentials.first_sync import SYNCHRONISE
from ..credentials.guests import left_in_words
from ..credentials.whose import async_give, in_app_words, suggestion, whose_fields
from ..people import people
from ..wording.phrases import common_text, escaped, listed
from .choices import by_value, credential_label, in_order, of_nobody, of_person
from .management import CONF_CREDENTIAL, ManagementFlow
from .progress import long_enough

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator, Sequence

    from homeassistant.config_entries import SubentryFlowResult

    from ..people import Person
    from .choices import Choice

_LOGGER = logging.getLogger(__name__)


class WhoMayOpenFlow(ManagementFlow):
    """Subentry flow that lists people, guests and credentials, and changes one credential."""

    _asking: asyncio.Task[None] | None = None

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Have locks that are awake tell what they have, then show it."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        if self._asking is None:
            self._asking = self.hass.async_create_task(self._async_ask(), "ask who may open")
        if not self._asking.done():
            return self.async_show_progress(
                step_id="user", progress_action="asking", progress_task=self._asking
            )
        return self._show_done("look")

    async def _async_ask(self) -> None:
        """Have the locks that are awake tell their users and credentials, and the app its names."""
        awake = [
            lock
            for lock in self._locks.values()
            if lock.session.pushes and lock.coordinator.data.awake
        ]
        async with long_enough():
            for lock in awake:
                try:
                    for name in SYNCHRONISE:
                        await lock.commands.async_synchronise(name)
                except HomeAssistantError as error:
                    _LOGGER.debug("%s does not tell who may open: %s", lock.session.name, error)
            await self._entry.runtime_data.async_read_app_names()

    async def async_step_look(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show who may open the door, and ask which credential to change."""
        if self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        choices = self._choices()
        errors = {}
        if user_input is not None:
            if (value := user_input.get(CONF_CREDENTIAL)) is None:
                return self.async_abort(reason="looked")
            if chosen := choices.get(value):
                self._chosen = chosen
                return await self.async_step_manage()
            errors = {CONF_CREDENTIAL: "credential_taken"}
        schema = {}
        if choices:
            field = self._choice_field(choices, [self._label(one) for one in choices.values()])
            schema = {vol.Optional(CONF_CREDENTIAL): field}
        return self.async_show_form(
            step_id="look" if choices else "look_only",
            data_schema=vol.Schema(schema),
            description_placeholders={"who": "\n".join(self._lines()), "how": self._how},
            errors=errors,
            last_step=False,
        )

    async_step_look_only = async_step_look

    @property
    def _how(self) -> str:
        """How more becomes known, empty where no lock ever tells it."""
        tells = any(lock.session.pushes for lock in self._locks.values())
        return common_text(self.hass, "told_awake") if tells else ""

    def _choices(self) -> dict[str, Choice]:
        """Return all credentials: those of nobody first, then people's, then guests'."""
        entry = self._entry
        held = [by_value(of_person(entry, one)) for one in _people_first(people(entry))]
        all_of_them = (by_value(of_nobody(entry)), *held)
        return in_order(choice for of_one in all_of_them for choice in of_one.values())

    def _label(self, choice: Choice) -> str:
        holder = choice.holder
        who = holder.name if holder else common_text(self.hass, "nobody")
        return self._whose(who, credential_label(choice, self._lock_names))

    def _whose(self, who: str, what: str) -> str:
        return common_text(self.hass, "whose").format(who=who, what=what)

    def _lines(self) -> Iterator[str]:
        """Yield the lines of the look, in Markdown."""
        entry, names = self._entry, self._lock_names
        without: list[str] = []
        for one in _people_first(people(entry)):
            theirs = [
                credential_label(of, names) for of in by_value(of_person(entry, one)).values()
            ]
            if not theirs:
                if not one.has_ended:
                    without.append(one.name)
                continue
            if one.is_guest:
                theirs.insert(0, left_in_words(self.hass, one.subentry.data))
            yield self._whose(f"- **{escaped(one.name)}**", " — ".join(map(escaped, theirs)))
        for choice in by_value(of_nobody(entry)).values():
            nobody = common_text(self.hass, "nobody")
            yield self._whose(f"- **{nobody}**", escaped(credential_label(choice, names)))
        if without:
            nothing = common_text(self.hass, "no_credential")
            yield self._whose(f"- **{nothing}**", escaped(listed(self.hass, without)))
        for lock in self._locks.values():
            key = "maybe_more" if lock.session.pushes else "told_nothing"
            if not (lock.session.pushes and lock.coordinator.data.awake):
                said = common_text(self.hass, key).format(lock=lock.session.name)
                yield f"\n{escaped(said)}"

    async def async_step_manage(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask what to do with a credential."""
        holder = self._chosen.holder
        if holder is None:
            return self._show_manage("who_is_it", "delete")
        if holder.is_guest:
            return self._show_manage("delete")
        return self._show_manage("rename", "who_is_it", "delete")

    async def async_step_who_is_it(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Ask whose a credential is: a person, or the name of a new one."""
        lock, credential = self._chosen
        errors: dict[str, str] = {}
        if user_input is None:
            user_input = suggestion(lock, credential)
        elif not (errors := async_give(lock, (credential,), user_input)):
            return self.async_abort(reason="given")
        return self.async_show_form(
            step_id="who_is_it",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(whose_fields(self._entry)), user_input
            ),
            description_placeholders=self._about
            | {"in_app": escaped(in_app_words(lock, credential, as_sentence=True))},
            errors=errors,
        )


def _people_first(everyone: Sequence[Person]) -> list[Person]:
    """Return people before guests, each by name."""
    return sorted(everyone, key=lambda one: (one.is_guest, one.name))
