"""Diagnostics of a config entry, without private data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.const import CONF_HOST, CONF_TOKEN

from .account.specifications import async_learned
from .const import (
    CONF_APP,
    CONF_DECLINED,
    CONF_DID,
    CONF_LOCKS,
    CONF_ROOMS,
    CONF_TOKENS,
    CONF_UNLOCKING,
    CONF_USER_ID,
    CONF_UUID,
)
from .control.admins import async_require_admin_request
from .miot.spec import Access
from .model.tables import Support
from .people import people

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .miot.spec import Property, Value
    from .model.lock_model import LockModel
    from .runtime import LockConfigEntry, LockRuntime
    from .state.history_gaps import HistoryGaps
    from .state.user_registry import Users

TO_REDACT: Final = {
    CONF_APP,
    CONF_DECLINED,
    CONF_DID,
    CONF_HOST,
    CONF_LOCKS,
    CONF_ROOMS,
    CONF_TOKEN,
    CONF_TOKENS,
    CONF_UNLOCKING,
    CONF_USER_ID,
    CONF_UUID,
    "mac",
}

# The properties that tell when somebody came or went, whatever service they are in
TIMES: Final = ("current-time", "history-time", "last-history-time")


# Of a model whose items nobody has looked at one by one, what may tell that
_TIME: Final = re.compile(r"(^|-)(date|time|timestamp)(-|$)")
_UNIX_TIMES: Final = range(1_500_000_000, 2_100_000_000)
"""Numbers that are taken for seconds since 1970, from 2017 to 2036."""


def _value(model: LockModel, prop: Property, value: Value) -> Value:
    """Return a value, redacted if it is a secret or tells when somebody used the lock.

    Of a model that is not supported, texts and everything that may be a time are redacted, too.
    """
    hidden = prop.address in model.secret or prop.address in model.past or prop.name in TIMES
    if model.support is not Support.SUPPORTED:
        may_be_a_time = _TIME.search(prop.name) and Access.WRITE not in prop.access
        hidden = hidden or isinstance(value, str) or bool(may_be_a_time)
        # A range looks through all its numbers for a fraction.
        hidden = hidden or int(value) in _UNIX_TIMES
    return REDACTED if hidden else value


async def _learned(hass: HomeAssistant, lock: LockRuntime) -> dict[str, Any]:
    """Return what is known of a model that is not shipped; nothing of others.

    It is all that tables for a model need, beside the events: ``scripts/new-model`` reads it.
    """
    if (instance := await async_learned(hass, lock.model)) is None:
        return {}
    return {"model": lock.model.name, "support": lock.model.support, "instance": instance}


def _users(model: LockModel, users: Users) -> dict[str, Any]:
    """Return the users, their credentials and the uses as numbers, without times."""
    return {
        "users": [[number, one.user_type, one.deleted] for number, one in users.known.items()],
        "grants": [[*one.masked(model), grant.user_id] for one, grant in users.grants.items()],
        "uses": [[*one.masked(model), use.position] for one, use in users.uses.items()],
    }


def _unread(history: HistoryGaps) -> dict[str, list[str]]:
    """Return the kinds of events that were read and that have gaps, without times of events."""
    return {
        "known": ["{}.{}".format(*kind) for kind in history.known],
        "spans": ["{}.{}".format(*gap.kind) for gap in history.gaps],
    }


def _lock(lock: LockRuntime) -> dict[str, Any]:
    data, model = lock.coordinator.data, lock.model
    properties = model.spec.properties
    return {
        "firmware": lock.session.device.firmware,
        "specification": lock.session.device.urn,
        "awake": data.awake,
        "heard": data.last_response,
        "values": {
            str(properties[address]): _value(model, properties[address], value)
            for address, value in sorted(data.values.items())
        },
        "events": {
            str(lock_event.event): {
                argument.address[1]: _value(model, argument, value)
                for argument, value in lock_event.masked.known_arguments
            }
            for lock_event in data.events.values()
        },
        "contact": data.contact,
        "clock_behind": data.clock.behind,
        "journal_entries": len(lock.journal),
        "unread": _unread(data.history_gaps),
        "users": _users(model, data.users),
        "pending": [str(properties[address]) for address in data.pending],
        "endings": [
            {"due": expiry.due, "uses": expiry.uses, "enrolled": expiry.enrolled}
            for expiry in data.expiries.known.values()
        ],
        "rejected": dict(data.rejected),
        "unknown": {str(properties[address]): number for address, number in data.unknown.items()},
    }


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: LockConfigEntry
) -> dict[str, Any]:
    """Return the diagnostics of a config entry and its locks.

    Raises Unauthorized if the user is not an administrator.
    """
    # Older versions of Home Assistant give diagnostics to any user.
    async_require_admin_request()
    runtime = entry.runtime_data
    return {
        "entry": async_redact_data(dict(entry.data), TO_REDACT),
        "options": async_redact_data(dict(entry.options), TO_REDACT),
        "push_connected": runtime.push and runtime.push.connected,
        "push_problem": runtime.push and runtime.push.problem,
        "link": runtime.link and runtime.link.as_dict(),
        "people": [
            {"person_entity": bool(person.entity_id(hass)), "credentials": len(person.holds)}
            for person in people(entry)
        ],
        "locks": [_lock(lock) | await _learned(hass, lock) for lock in runtime.locks.values()],
    }
