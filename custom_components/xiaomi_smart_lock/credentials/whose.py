"""The form that asks whose a credential is: one of the people, or somebody new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)

from ..const import CONF_CREDENTIALS, SUBENTRY_PERSON
from ..miot.values import text
from ..people import async_add, async_assign, name_in_app, people
from ..wording.phrases import common_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.config_entries import ConfigEntry

    from ..coordinator import LockCoordinator
    from ..people import Person
    from ..state.credential import Credential

CONF_PERSON: Final = "person"


def _people(entry: ConfigEntry) -> dict[str, Person]:
    """Return the people of an entry, without guests, by the id of their subentry."""
    return {one.subentry.subentry_id: one for one in people(entry) if not one.is_guest}


def whose_fields(entry: ConfigEntry) -> dict[vol.Marker, Any]:
    """Return the fields of the form: a person if there are any, and the name of a new one."""
    options = [
        SelectOptionDict(value=subentry_id, label=one.name)
        for subentry_id, one in _people(entry).items()
    ]
    select = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.LIST))
    fields: dict[vol.Marker, Any] = {vol.Optional(CONF_PERSON): select} if options else {}
    return fields | {vol.Optional(CONF_NAME): TextSelector()}


def in_app_words(
    lock: LockCoordinator, credential: Credential, *, as_sentence: bool = False
) -> str:
    """Return whose the Mi Home app says a credential is, "" if ``name_in_app`` knows of nobody."""
    if (name := name_in_app(lock, credential)) is None:
        return ""
    pattern = common_text(lock.hass, "it_is_in_app" if as_sentence else "user_in_app")
    return pattern.format(user_id=lock.data.users.user_of(credential), name=name)


def suggestion(lock: LockCoordinator, credential: Credential) -> dict[str, str]:
    """Return what the form suggests: the name that the Mi Home app keeps of the credential's user.

    Nothing if there is none, or if somebody has this name already.
    """
    name = name_in_app(lock, credential)
    taken = any(one.name == name for one in people(lock.config_entry))
    return {CONF_NAME: name} if name and not taken else {}


@callback
def async_give(
    lock: LockCoordinator, credentials: Iterable[Credential], user_input: Mapping[str, Any]
) -> dict[str, str]:
    """Give credentials to the person whom the form names; return the errors of the form."""
    entry = lock.config_entry
    name = text(user_input.get(CONF_NAME))
    if person := user_input.get(CONF_PERSON):
        if person not in _people(entry):
            return {"base": "nobody_chosen"}
    elif not name:
        return {"base": "nobody_chosen"}
    elif any(one.name == name for one in people(entry)):
        return {CONF_NAME: "name_taken"}
    else:
        without: dict[str, Any] = {CONF_CREDENTIALS: []}
        person = async_add(lock.hass, entry, SUBENTRY_PERSON, name, without)
    for credential in credentials:
        async_assign(lock, credential, person)
    return {}
