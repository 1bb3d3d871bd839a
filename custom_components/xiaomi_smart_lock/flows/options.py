"""The options flow of a config entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.config_entries import OptionsFlow
from homeassistant.const import CONF_CODE, CONF_HOST
from homeassistant.data_entry_flow import SectionConfig, section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from ..account.entry_data import async_can, async_lock_names, lock_ids
from ..const import (
    APP_REQUESTS,
    CONF_APP,
    CONF_APP_REQUESTS,
    CONF_ASK_WHO,
    CONF_JOURNAL_ENTRIES,
    CONF_KEEP_PICTURES,
    CONF_LATE_AFTER,
    CONF_LEAST_DIGITS,
    CONF_MOST_DIGITS,
    CONF_PENDING_FOR,
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    CONF_UNAVAILABLE_AFTER,
    CONF_UNLOCKING,
    JOURNAL_ENTRIES,
    KEEP_PICTURES,
    LATE_AFTER,
    LEAST_DIGITS,
    MOST_DIGITS,
    PENDING_FOR,
    POLL_INTERVAL_CLOUD,
    POLL_INTERVAL_LOCAL,
    POLL_INTERVAL_WITHOUT_PUSH,
    UNAVAILABLE_AFTER_CLOUD,
    UNAVAILABLE_AFTER_LOCAL,
)
from ..control.unlock_attempts import async_forget_guesses
from ..model.tables import Ability
from ..state.unlock_code import CODE, hash_code
from ..wording.phrases import common_text, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.config_entries import ConfigFlowResult


@dataclass(frozen=True, slots=True)
class Option:
    """A number that is stored as an option; ``unit`` is None for none."""

    key: str
    default: int
    smallest: int
    largest: int
    unit: str | None = None

    def field(self, values: Mapping[str, Any]) -> dict[vol.Marker, NumberSelector]:
        """Return a form's field with the value of this option."""
        config = NumberSelectorConfig(
            min=self.smallest, max=self.largest, step=1, mode=NumberSelectorMode.BOX
        )
        if self.unit:
            config["unit_of_measurement"] = self.unit
        present = values.get(self.key, self.default)
        return {vol.Required(self.key, default=present): NumberSelector(config)}


@dataclass(frozen=True, slots=True)
class Toggle:
    """An option that is on or off."""

    key: str
    default: bool

    def field(self, values: Mapping[str, Any]) -> dict[vol.Marker, BooleanSelector]:
        """Return a form's field with the value of this option."""
        present = values.get(self.key, self.default)
        return {vol.Required(self.key, default=present): BooleanSelector()}


# Options by section. Some are only for an entry of an account, of the local network, that is linked
# to the Mi Home app, or that receives events: from an account or from the Mi Home app.
ALWAYS: Final = "always"
ACCOUNT: Final = "account"
LOCAL: Final = "local"
LINKED: Final = "linked"
TOLD: Final = "told"

EVERYDAY: Final = "everyday"
EVENTS: Final = "events"
ADVANCED: Final = "advanced"

OPTIONS: Final[Mapping[str, Mapping[str, Iterable[Option | Toggle]]]] = {
    EVERYDAY: {
        ALWAYS: [Option(CONF_PENDING_FOR, PENDING_FOR, 1, 168, "h")],
        LINKED: [Option(CONF_KEEP_PICTURES, KEEP_PICTURES, 0, 3650, "d")],
        TOLD: [Toggle(CONF_ASK_WHO, default=True)],
    },
    EVENTS: {
        TOLD: [
            Option(CONF_LATE_AFTER, LATE_AFTER, 1, 1440, "min"),
            Option(CONF_JOURNAL_ENTRIES, JOURNAL_ENTRIES, 100, 10_000),
        ],
    },
    ADVANCED: {
        ACCOUNT: [
            Option(CONF_POLL_INTERVAL, POLL_INTERVAL_CLOUD, 10, 3600, "s"),
            Option(CONF_POLL_INTERVAL_WITHOUT_PUSH, POLL_INTERVAL_WITHOUT_PUSH, 10, 3600, "s"),
            Option(CONF_UNAVAILABLE_AFTER, UNAVAILABLE_AFTER_CLOUD, 1, 10080, "min"),
        ],
        LOCAL: [
            Option(CONF_POLL_INTERVAL, POLL_INTERVAL_LOCAL, 10, 3600, "s"),
            Option(CONF_UNAVAILABLE_AFTER, UNAVAILABLE_AFTER_LOCAL, 1, 10080, "min"),
        ],
        LINKED: [Option(CONF_APP_REQUESTS, APP_REQUESTS, 10, 600)],
        ALWAYS: [
            Option(CONF_LEAST_DIGITS, LEAST_DIGITS, 4, 16),
            Option(CONF_MOST_DIGITS, MOST_DIGITS, 4, 16),
        ],
    },
}
CONF_CODE_AGAIN: Final = "code_again"
CONF_LOCK: Final = "lock"

OFF: Final = "off"
WITHOUT_CODE: Final = "without_code"
SAME_CODE: Final = "same_code"
NEW_CODE: Final = "new_code"

_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
CODE_SCHEMA: Final = vol.Schema(
    {vol.Required(CONF_CODE): _SECRET, vol.Required(CONF_CODE_AGAIN): _SECRET}
)


class LockOptionsFlow(OptionsFlow):
    """Options flow: numbers in sections, and who may unlock which lock."""

    _did: str
    _numbers: Mapping[str, Any]

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for all options; continue with unlocking if a lock was chosen there."""
        errors: dict[str, str] = {}
        values: Mapping[str, Any] = self.config_entry.options
        did: str | None = None
        if user_input is not None:
            given = {key: it for part in user_input.values() for key, it in part.items()}
            did = given.pop(CONF_LOCK, None)
            if given[CONF_LEAST_DIGITS] > given[CONF_MOST_DIGITS]:
                errors["base"] = "digits_contradict"
            elif did is None:
                return self._finish(given)
            else:
                self._did, self._numbers = did, given
                return await self.async_step_unlocking_of()
            values = given
        sections = {
            part: vol.Schema(
                {
                    marker: selector
                    for kind, options in kinds.items()
                    if kind in self._kinds
                    for option in options
                    for marker, selector in option.field(values).items()
                }
            )
            for part, kinds in OPTIONS.items()
        }
        locks = [
            SelectOptionDict(value=did, label=self._with_unlocking(did, name))
            for did, name in self._names.items()
        ]
        selector = SelectSelector(
            SelectSelectorConfig(options=locks, mode=SelectSelectorMode.DROPDOWN)
        )
        chosen = vol.Optional(CONF_LOCK, description={"suggested_value": did})
        which = {chosen: selector} if locks else {}
        sections[CONF_UNLOCKING] = vol.Schema(which)
        return self.async_show_form(
            step_id="init",
            data_schema=vol.Schema(
                {
                    vol.Required(part): section(
                        sections[part], SectionConfig(collapsed=part in (EVENTS, ADVANCED))
                    )
                    for part in (EVERYDAY, EVENTS, CONF_UNLOCKING, ADVANCED)
                    if sections[part].schema
                }
            ),
            description_placeholders={
                "note": "" if locks else common_text(self.hass, "unlocking_none")
            },
            errors=errors,
        )

    def _with_unlocking(self, did: str, name: str) -> str:
        """Return the name of a lock with whether it may be unlocked now."""
        allowed: Mapping[str, str | None] = self.config_entry.options.get(CONF_UNLOCKING, {})
        now = "off" if did not in allowed else "with_code" if allowed[did] else "allowed"
        said = common_text(self.hass, f"unlocking_{now}")
        return common_text(self.hass, "unlocking_of", "{lock}").format(lock=name, unlocking=said)

    @property
    def _kinds(self) -> set[str]:
        """The kinds of options that the entry has."""
        data = self.config_entry.data
        kinds = {ALWAYS, LOCAL if CONF_HOST in data else ACCOUNT}
        if CONF_APP in data:
            kinds.add(LINKED)
        return kinds if kinds == {ALWAYS, LOCAL} else kinds | {TOLD}

    async def async_step_unlocking_of(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether Home Assistant may unlock the lock, and whether that takes a code."""
        allowed: Mapping[str, str | None] = self.config_entry.options.get(CONF_UNLOCKING, {})
        outcomes: dict[str, dict[str, str | None]] = {OFF: {}, WITHOUT_CODE: {self._did: None}}
        if hashed := allowed.get(self._did):
            outcomes[SAME_CODE] = {self._did: hashed}
        if user_input is not None:
            chosen = user_input[CONF_UNLOCKING]
            if chosen == NEW_CODE:
                return await self.async_step_code()
            return self._finish_unlocking(outcomes[chosen])
        present = {did: allowed[did] for did in allowed if did == self._did}
        before = next(choice for choice, outcome in outcomes.items() if outcome == present)
        options = [*outcomes, NEW_CODE]
        selector = SelectSelector(
            SelectSelectorConfig(
                options=options, translation_key=CONF_UNLOCKING, mode=SelectSelectorMode.LIST
            )
        )
        return self.async_show_form(
            step_id="unlocking_of",
            data_schema=vol.Schema({vol.Required(CONF_UNLOCKING, default=before): selector}),
            description_placeholders={
                "lock": escaped(self._names[self._did]),
                "warning": common_text(self.hass, "unlocking_recorded")
                if CONF_HOST in self.config_entry.data
                else "",
            },
        )

    async def async_step_code(self, user_input: dict[str, str] | None = None) -> ConfigFlowResult:
        """Ask for a new code, twice."""
        errors: dict[str, str] = {}
        if user_input is not None:
            code = user_input[CONF_CODE]
            if not CODE.fullmatch(code):
                errors[CONF_CODE] = "code_format"
            elif code != user_input[CONF_CODE_AGAIN]:
                errors[CONF_CODE_AGAIN] = "codes_differ"
            else:
                hashed = await self.hass.async_add_executor_job(hash_code, code)
                await async_forget_guesses(self.hass, self._did)
                return self._finish_unlocking({self._did: hashed})
        return self.async_show_form(
            step_id="code",
            data_schema=self.add_suggested_values_to_schema(CODE_SCHEMA, user_input),
            description_placeholders={"lock": escaped(self._names[self._did])},
            errors=errors,
        )

    def _finish_unlocking(self, allowed: Mapping[str, str | None]) -> ConfigFlowResult:
        """Store the unlocking setting of this lock, and keep those of the entry's other locks."""
        before = self.config_entry.options.get(CONF_UNLOCKING, {})
        others = {did for did in lock_ids(self.config_entry) if did != self._did}
        kept = {did: hashed for did, hashed in before.items() if did in others}
        return self._finish({**self._numbers, CONF_UNLOCKING: kept | dict(allowed)})

    def _finish(self, changed: Mapping[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(data={**self.config_entry.options, **changed})

    @property
    def _names(self) -> dict[str, str]:
        """The names of the entry's locks, by did."""
        entry = self.config_entry
        able = (
            did for did in lock_ids(entry) if async_can(self.hass, entry, did, Ability.UNLOCKING)
        )
        return async_lock_names(self.hass, ((entry, did) for did in able))
