"""What the activity tells of an operation of the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.core import Context, callback

from ..model.roles import Role
from ..people import person_of
from ..wording.phrases import (
    OTHER,
    common_text,
    credential_in_words,
    in_a_sentence,
    in_words,
    means,
    sentence,
    value_in_words,
)

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
BY_ITSELF: Final = ("door_closed", "locked_automatically")
LOCKED_BY_ITSELF: Final = ("locked", "automatic")
SAYS_THE_SIDE: Final = "locked_from_outside"
"""The action whose words say the position, too."""


def described(lock: LockCoordinator, lock_event: LockEvent) -> tuple[str, dict[str, str]]:
    """Return the logbook's pattern for an operation, and the facts to fill in."""
    shown, credential = lock_event.masked, lock_event.credential
    facts = {"action": OTHER} | {
        FACTS[argument.name]: key
        for argument, value in shown.known_arguments
        if argument.name in FACTS and (key := argument.key_of(value)) not in NOT_WORTH_SAYING
    }
    if facts["action"] == SAYS_THE_SIDE:
        facts.pop("position", None)
    if credential and (person := person_of(lock, credential, lock_event.when)):
        return "operated_by_person", facts | {"person": person.name}
    if shown.credential:
        words = in_a_sentence(credential_in_words(lock.hass, lock.model, shown.credential))
        return "operated_by_credential", facts | {"credential": words}
    return "operated", facts


def in_a_sentence_of(lock: LockCoordinator, name: str, lock_event: LockEvent) -> str:
    """Return what happened at a lock of a name, in Home Assistant's language."""
    model = lock_event.model
    if lock_event.kind == model.lock_event:
        what = sentence(lock.hass, *described(lock, lock_event))
        return common_text(lock.hass, "of_lock", "{lock} {what}").format(lock=name, what=what)
    if lock_event.kind == model.address_of(Role.EXCEPTION):
        code = lock_event.get("abnormal-condition")
        if code is not None:
            return value_in_words(lock.hass, lock_event.argument("abnormal-condition"), code)
    return in_words(lock.hass, model.spec.events[lock_event.kind])


def closed_by_itself(lock_event: LockEvent) -> bool:
    """Return whether a door closed or locked by itself, which entities tell enough of."""
    by_itself = (
        lock_event.word("lock-action") in BY_ITSELF
        or (lock_event.word("lock-action"), lock_event.word("operation-method")) == LOCKED_BY_ITSELF
    )
    return by_itself and not lock_event.credential


class OperationLog:
    """The activity's lines of a lock's operations.

    That the lock entity is unlocked is a line by itself. The operation that did it is told as its
    cause then, and is no line of its own: who comes home is told in few lines.
    """

    def __init__(self, lock: LockCoordinator, reporter: LockReporter) -> None:
        """Prepare for a lock."""
        self._lock = lock
        self._reporter = reporter
        self._told: LockEvent | None = None

    @callback
    def cause(self, lock_event: LockEvent) -> Context | None:
        """Return a context by which the activity tells who unlocked; None if that is not known."""
        _, facts = described(self._lock, lock_event)
        if facts["action"] != "unlocked" or "position" not in facts:
            return None
        if not (who := facts.get("person")):
            # What the lock was operated with says the method.
            facts.pop("method", None)
            who = means(self._lock.hass, lock_event.masked)
        if not who:
            return None
        self._told = lock_event
        context = Context()
        self._reporter.log_cause(context, who, **facts)
        return context

    @callback
    def log(self, lock_event: LockEvent) -> None:
        """Write a line, unless one of an entity tells the same.

        That the door closed or locked by itself is told by the entities of the door and the lock.
        """
        if lock_event is not self._told and not closed_by_itself(lock_event):
            kind, facts = described(self._lock, lock_event)
            self._reporter.log(kind, None, **facts)
