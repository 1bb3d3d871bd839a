"""Service action that returns a lock's past events from the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import voluptuous as vol
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util

from ..credentials.guests import seconds_of
from ..event import EVENTS
from ..events.journal import async_lines
from ..people import named, person_of
from ..wording.reasons import translatable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from homeassistant.helpers.typing import VolDictType

    from ..coordinator import LockCoordinator
    from ..miot.spec import Address
    from ..people import Person
    from ..runtime import LockRuntime
    from ..state.lock_event import LockEvent
    from .responses import HistoryResponse

ATTR_END: Final = "end"
ATTR_KIND: Final = "kind"
ATTR_LIMIT: Final = "limit"
ATTR_PERSON: Final = "person"
ATTR_START: Final = "start"

LIMIT: Final = 100
LIMITS: Final = (1, 10_000)

KINDS: Final = {description.key: description for description in EVENTS}
# The default kinds: those that do not mask duress are only returned on request.
OPEN_KINDS: Final = [key for key, description in KINDS.items() if description.masks]

FIELDS: Final[VolDictType] = {
    vol.Optional(ATTR_KIND, default=OPEN_KINDS): vol.All(cv.ensure_list, [vol.In(KINDS)]),
    vol.Optional(ATTR_PERSON): cv.string,
    vol.Optional(ATTR_START): cv.datetime,
    vol.Optional(ATTR_END): cv.datetime,
    vol.Optional(ATTR_LIMIT, default=LIMIT): vol.All(vol.Coerce(int), vol.Range(*LIMITS)),
}


async def async_get_history(runtime: LockRuntime, data: Mapping[str, Any]) -> HistoryResponse:
    """Return the past events of a lock, newest first.

    Raises ServiceValidationError if the lock has no history or the person does not exist.
    """
    lock = runtime.coordinator
    if not lock.session.pushes and not lock.history_events:
        raise translatable(ServiceValidationError, "no_history", lock=lock.name)
    person = named(lock, data[ATTR_PERSON]) if ATTR_PERSON in data else None
    start, end = (
        seconds_of(data[key]) if key in data else default
        for key, default in ((ATTR_START, 0.0), (ATTR_END, float("inf")))
    )
    kinds = {kind: KINDS[kind].addresses(lock.model) for kind in data[ATTR_KIND]}

    def lines(lock_event: LockEvent) -> Iterator[dict[str, Any]]:
        if person is None or _is_by(lock, lock_event, person):
            yield from _lines(lock, lock_event, kinds)

    happened = runtime.journal.newest_first(start, end)
    return {"history": await async_lines(happened, lines, data[ATTR_LIMIT])}


def _is_by(lock: LockCoordinator, lock_event: LockEvent, person: Person) -> bool:
    """Return whether an event is an operation of the lock by a person.

    Other events with a credential, such as its enrollment, do not count as done by its owner.
    """
    credential = lock_event.credential if lock_event.kind == lock.model.lock_event else None
    by = credential and person_of(lock, credential, lock_event.when)
    return by is not None and by.subentry.subentry_id == person.subentry.subentry_id


def _lines(
    lock: LockCoordinator, lock_event: LockEvent, kinds: Mapping[str, tuple[Address, ...]]
) -> Iterator[dict[str, Any]]:
    """Yield an entry for each requested kind that shows an event, as its event entity does.

    ``kinds`` has the addresses of the events that each kind shows.
    """
    for kind, addresses in kinds.items():
        description = KINDS[kind]
        if lock_event.kind in addresses and (its_type := description.type_of(lock_event)):
            yield {
                "when": dt_util.as_local(dt_util.utc_from_timestamp(lock_event.when)).isoformat(),
                "kind": kind,
                "type": its_type,
                **description.attributes(lock, lock_event),
            }
