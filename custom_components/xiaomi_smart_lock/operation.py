"""What the logbook says of an operation of the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from .bus import async_log
from .people import person_of
from .words import credential_in_words, in_a_sentence

if TYPE_CHECKING:
    from .coordinator import LockCoordinator
    from .state import Occurrence

# What the sentences are made of, by the arguments' names in the specification
FACTS: Final = {
    "lock-action": "action",
    "operation-position": "position",
    "operation-method": "method",
}
NOT_WORTH_SAYING: Final = "unknown_side"


@callback
def async_log_operation(lock: LockCoordinator, occurrence: Occurrence) -> None:
    """Have the logbook say who did what by what, if it is known what was done."""
    if occurrence.get("lock-action") is None:
        return
    shown, credential = occurrence.disguised, occurrence.credential
    facts = {
        FACTS[argument.name]: key
        for argument, value in shown.valid_arguments
        if argument.name in FACTS and (key := argument.key_of(value)) != NOT_WORTH_SAYING
    }
    kind = "operated"
    if credential and (person := person_of(lock, credential, occurrence.when)):
        kind, facts["person"] = "operated_by_person", person.name
    elif shown.credential:
        kind = "operated_by_credential"
        facts["credential"] = in_a_sentence(credential_in_words(lock.hass, shown.credential))
    async_log(lock, kind, None, **facts)
