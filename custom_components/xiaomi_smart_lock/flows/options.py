"""The options flow of a config entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.config_entries import OptionsFlow
from homeassistant.const import CONF_CODE, CONF_HOST
from homeassistant.helpers.selector import (
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

from ..account.entry_data import async_lock_names, lock_ids
from ..const import (
    APP_REQUESTS,
    CONF_APP,
    CONF_APP_REQUESTS,
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
from ..state.unlock_code import CODE, hash_code
from ..wording.phrases import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigFlowResult


def _numbers(
    unit: str | None, smallest: int, largest: int, **defaults: int
) -> dict[vol.Marker, Any]:
    """Return number fields with a unit, None for no unit; ``defaults`` has their keys."""
    config = NumberSelectorConfig(min=smallest, max=largest, step=1, mode=NumberSelectorMode.BOX)
    if unit:
        config["unit_of_measurement"] = unit
    selector = NumberSelector(config)
    return {vol.Required(key, default=default): selector for key, default in defaults.items()}


PASSWORD_OPTIONS: Final = _numbers(
    None, 4, 16, **{CONF_LEAST_DIGITS: LEAST_DIGITS, CONF_MOST_DIGITS: MOST_DIGITS}
)
# For entries that receive events, from an account or from the Mi Home app
EVENT_OPTIONS: Final = {
    **_numbers("min", 1, 1440, **{CONF_LATE_AFTER: LATE_AFTER}),
    **_numbers(None, 100, 10_000, **{CONF_JOURNAL_ENTRIES: JOURNAL_ENTRIES}),
}


LOCAL_OPTIONS: Final = vol.Schema(
    {
        **_numbers("s", 10, 3600, **{CONF_POLL_INTERVAL: POLL_INTERVAL_LOCAL}),
        **_numbers("min", 1, 10080, **{CONF_UNAVAILABLE_AFTER: UNAVAILABLE_AFTER_LOCAL}),
        **_numbers("h", 1, 168, **{CONF_PENDING_FOR: PENDING_FOR}),
        **PASSWORD_OPTIONS,
    }
)
ACCOUNT_OPTIONS: Final = vol.Schema(
    {
        **_numbers(
            "s",
            10,
            3600,
            **{
                CONF_POLL_INTERVAL: POLL_INTERVAL_CLOUD,
                CONF_POLL_INTERVAL_WITHOUT_PUSH: POLL_INTERVAL_WITHOUT_PUSH,
            },
        ),
        **_numbers("min", 1, 10080, **{CONF_UNAVAILABLE_AFTER: UNAVAILABLE_AFTER_CLOUD}),
        **EVENT_OPTIONS,
        **_numbers("h", 1, 168, **{CONF_PENDING_FOR: PENDING_FOR}),
        **PASSWORD_OPTIONS,
    }
)


APP_OPTIONS: Final = vol.Schema(
    {
        **_numbers(None, 10, 600, **{CONF_APP_REQUESTS: APP_REQUESTS}),
        **_numbers("d", 0, 3650, **{CONF_KEEP_PICTURES: KEEP_PICTURES}),
    }
)


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
    """Options flow for polling and waiting, unlocking, and the Mi Home app."""

    _did: str

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which options to change."""
        linked = ["app"] if CONF_APP in self.config_entry.data else []
        return self.async_show_menu(step_id="init", menu_options=["general", "unlocking", *linked])

    async def async_step_general(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the polling and waiting times, and the rules for passwords."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input[CONF_LEAST_DIGITS] <= user_input[CONF_MOST_DIGITS]:
                return self._finish(user_input)
            errors[CONF_MOST_DIGITS] = "digits_contradict"
        data = self.config_entry.data
        schema = LOCAL_OPTIONS if CONF_HOST in data else ACCOUNT_OPTIONS
        if CONF_APP in data:
            schema = schema.extend(EVENT_OPTIONS)
        suggested = user_input or self.config_entry.options
        return self.async_show_form(
            step_id="general",
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=errors,
        )

    async def async_step_app(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the request budget, and how many days to keep pictures."""
        if user_input is not None:
            return self._finish(user_input)
        return self.async_show_form(
            step_id="app",
            data_schema=self.add_suggested_values_to_schema(APP_OPTIONS, self.config_entry.options),
        )

    async def async_step_unlocking(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask which lock, if there are several."""
        dids = lock_ids(self.config_entry)
        if user_input is not None or len(dids) == 1:
            self._did = user_input[CONF_LOCK] if user_input else dids[0]
            return await self.async_step_unlocking_of()
        options = [SelectOptionDict(value=did, label=name) for did, name in self._names.items()]
        selector = SelectSelector(SelectSelectorConfig(options=options))
        return self.async_show_form(
            step_id="unlocking",
            data_schema=vol.Schema({vol.Required(CONF_LOCK): selector}),
        )

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
            description_placeholders={"lock": escaped(self._names[self._did])},
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
            data_schema=CODE_SCHEMA,
            description_placeholders={"lock": escaped(self._names[self._did])},
            errors=errors,
        )

    def _finish_unlocking(self, allowed: Mapping[str, str | None]) -> ConfigFlowResult:
        """Store the unlocking setting of this lock, and keep those of the entry's other locks."""
        before = self.config_entry.options.get(CONF_UNLOCKING, {})
        others = {did for did in lock_ids(self.config_entry) if did != self._did}
        kept = {did: hashed for did, hashed in before.items() if did in others}
        return self._finish({CONF_UNLOCKING: kept | dict(allowed)})

    def _finish(self, changed: Mapping[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(data={**self.config_entry.options, **changed})

    @property
    def _names(self) -> dict[str, str]:
        """The names of the entry's locks, by did."""
        entry = self.config_entry
        return async_lock_names(self.hass, ((entry, did) for did in lock_ids(entry)))
