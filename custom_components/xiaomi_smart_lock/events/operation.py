"""The logbook entry of an operation of the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.core import callback

from ..people import person_of
from ..wording.phrases import OTHER, credential_in_words, in_a_sentence

if TYPE_CHECKING:
    from ..coordinator import LockCoordinator
    from ..reporting.reporter import LockReporter
    from ..state.lock_event import LockEvent

# Placeholders of the logbook's patterns, by the arguments' names in the specification
FACTS: Final = {
    "lock-action": "action",
    "operation-position": "position",
    "operation-method": "method",
}
NOT_WORTH_SAYING: Final = (None, "unknown_side")


def described(lock: LockCoordinator, lock_event: LockEvent) -> tuple[str, dict[str, str]]:
    """Return the logbook's pattern for an operation, and the facts to fill in."""
    shown, credential = lock_event.masked, lock_event.credential
    facts = {"action": OTHER} | {
        FACTS[argument.name]: key
        for argument, value in shown.known_arguments
        if argument.name in FACTS and (key := argument.key_of(value)) not in NOT_WORTH_SAYING
    }
    if credential and (person := person_of(lock, credential, lock_event.when)):
        return "operated_by_person", facts | {"person": person.name}
    if shown.credential:
        words = in_a_sentence(credential_in_words(lock.hass, lock.model, shown.credential))
        return "operated_by_credential", facts | {"credential": words}
    return "operated", facts


@callback
def async_log_operation(
    lock: LockCoordinator, reporter: LockReporter, lock_event: LockEvent
) -> None:
    """Write to the logbook who operated the lock, and by which credential."""
    kind, facts = described(lock, lock_event)
    reporter.log(kind, None, **facts)
