"""Repair flows of the issues that can be fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.components.repairs import RepairsFlow
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.selector import BooleanSelector

from .account.entry_data import async_forget_lock, async_lock_name
from .const import DOMAIN
from .control.clock import async_set_clock
from .credentials.whose import async_give, in_app_words, suggestion, whose_fields
from .people import holder
from .reporting.issues import Issue
from .state.credential import Credential
from .wording.phrases import escaped, moment_in_words
from .wording.reasons import error_in_words, translatable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from homeassistant.core import HomeAssistant
    from homeassistant.data_entry_flow import FlowResult

    from .coordinator import LockCoordinator
    from .runtime import LockConfigEntry


async def _set_clock(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    """Set the clock of a lock, which has to be set up and awake."""
    locks = entry.runtime_data.locks if entry.state is ConfigEntryState.LOADED else {}
    if (lock := locks.get(did)) is None:
        name = async_lock_name(hass, entry, did)
        raise translatable(HomeAssistantError, "not_loaded", lock=name)
    await async_set_clock(lock.session, lock.coordinator, lock.reporter)


async def _sign_in_again(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    """Start signing in again, which gives this Home Assistant an identity of its own."""
    entry.async_start_reauth(hass)


type _Fix = Callable[[HomeAssistant, LockConfigEntry, str], Awaitable[None]]

FIXES: Final[dict[Issue, _Fix]] = {
    Issue.CLOCK: _set_clock,
    Issue.GONE: async_forget_lock,
    Issue.PUSH_TAKEN_OVER: _sign_in_again,
}
"""What is done about issues that do not only have to be read."""


_CONF_NOBODY: Final = "nobody"


class LockRepairFlow(RepairsFlow):
    """Repair flow that explains a fix, and applies it once confirmed."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Prepare for the issue that the data describes."""
        self._data = data

    async def async_step_init(self, user_input: object = None) -> FlowResult[Any, str]:
        """Show the explanation."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: object = None) -> FlowResult[Any, str]:
        """Apply the fix; on failure, show the form again with the reason."""
        data = self._data
        texts = {name: escaped(str(value)) for name, value in data.items()}
        errors: dict[str, str] = {}
        if user_input is not None:
            try:
                entry = self.hass.config_entries.async_get_entry(data["entry_id"])
                # An entry that was removed while this was open has no issues any more.
                if entry and (fix := FIXES.get(Issue(data["issue"]))):
                    await fix(self.hass, entry, data["did"])
            except HomeAssistantError as error:
                errors["base"] = "not_fixed"
                texts["error"] = escaped(error_in_words(self.hass, error))
            else:
                return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            description_placeholders=texts,
            errors=errors,
        )


class WhoWasItFlow(RepairsFlow):
    """Repair flow that asks whose a credential is that opened the door."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        """Prepare for the issue that the data describes."""
        self._data = data

    async def async_step_init(self, user_input: object = None) -> FlowResult[Any, str]:
        """Show the form."""
        return await self.async_step_confirm()

    async def async_step_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> FlowResult[Any, str]:
        """Ask for a person, or the name of a new one."""
        data = self._data
        if user_input is not None and user_input.get(_CONF_NOBODY):
            ir.async_ignore_issue(self.hass, DOMAIN, self.issue_id, ignore=True)
            return self.async_abort(reason="not_asked_again")
        entry: LockConfigEntry | None
        entry = self.hass.config_entries.async_get_entry(data["entry_id"])
        if entry is None:
            return self.async_abort(reason="entry_removed")
        lock = await self._async_lock(entry)
        used = self._used(lock) if lock else []
        errors: dict[str, str] = {}
        if user_input is None:
            user_input = suggestion(lock, used[-1]) if lock and used else {}
        elif not (errors := _give(lock, used, user_input)):
            return self.async_create_entry(data={})
        texts = {"in_app": ""} | {name: str(value) for name, value in data.items()}
        texts["when"] = moment_in_words(self.hass, float(data["when"]))
        if lock and used:
            texts["in_app"] = in_app_words(lock, used[-1], as_sentence=True)
        nobody: dict[vol.Marker, Any] = {
            vol.Optional(_CONF_NOBODY, default=False): BooleanSelector()
        }
        return self.async_show_form(
            step_id="confirm",
            data_schema=self.add_suggested_values_to_schema(
                vol.Schema(whose_fields(entry) | nobody), user_input
            ),
            description_placeholders={name: escaped(text) for name, text in texts.items()},
            errors=errors,
        )

    async def _async_lock(self, entry: LockConfigEntry) -> LockCoordinator | None:
        """Return the lock with the names that the Mi Home app keeps, None if it is not set up."""
        if entry.state is not ConfigEntryState.LOADED:
            return None
        runtime = entry.runtime_data
        await runtime.async_read_app_names()
        lock = runtime.locks.get(self._data["did"])
        return lock.coordinator if lock else None

    def _used(self, lock: LockCoordinator) -> list[Credential]:
        """Return the credentials that the issue may be about, which may look the same.

        Those that were deleted since are left out: their numbers may be others' by now. So are
        those that were given to somebody, unless all were.
        """
        shown = Credential(int(self._data["method"]), int(self._data["operation_id"]))
        users = lock.data.users
        used = [
            credential
            for credential, use in users.uses.items()
            if credential.masked(lock.model) == shown and users.deleted(credential) < use.when
        ]
        return [one for one in used if holder(lock, one) is None] or used


def _give(
    lock: LockCoordinator | None, used: list[Credential], user_input: Mapping[str, Any]
) -> dict[str, str]:
    """Give the used credentials to whom the form names; return the errors of the form."""
    if lock is None:
        return {"base": "entry_not_loaded"}
    return async_give(lock, used, user_input) if used else {"base": "credential_gone"}


async def async_create_fix_flow(
    hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None
) -> RepairsFlow:
    """Return the repair flow of an issue."""
    of_issue = data or {}
    flow = WhoWasItFlow if of_issue.get("issue") == Issue.WHO_WAS_IT else LockRepairFlow
    return flow(of_issue)
