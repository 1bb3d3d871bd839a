"""Credentials that opened the door, and of which nobody has said whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, callback

from ..const import CONF_ASK_WHO
from ..people import person_of
from ..reporting.issues import Issue
from ..state.lock_state import Topic
from ..wording.phrases import credential_in_words, in_a_sentence

if TYPE_CHECKING:
    from ..coordinator import LockCoordinator
    from ..events.processor import EventProcessor
    from ..reporting.reporter import LockReporter
    from ..state.credential import Credential
    from ..state.lock_event import LockEvent

# Methods of credentials that are somebody's. Passwords for once or for a period are made for guests
# in Xiaomi's app.
SOMEBODYS: Final = ("fingerprint", "face", "palm_vein", "nfc", "password", "phone")


MOST_ASKED: Final = 10
"""How many questions a lock may have open; the others follow when some are answered."""


class UnknownCredentials:
    """Asks by a repair whose a credential is, when it has opened the door of one lock."""

    def __init__(
        self, coordinator: LockCoordinator, processor: EventProcessor, reporter: LockReporter
    ) -> None:
        """Prepare for a lock."""
        self._lock = coordinator
        self._processor = processor
        self._reporter = reporter
        self._asked: set[Credential] = set()

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start to follow the lock's events; return a function that stops this."""
        lock = self._lock
        if lock.model.lock_event is None or not lock.config_entry.options.get(CONF_ASK_WHO, True):
            return lambda: None
        stops = (
            self._processor.async_listen(lock.model.lock_event, self._happened),
            lock.async_watch(Topic.PEOPLE, self._look),
        )

        @callback
        def stop() -> None:
            for stop_one in stops:
                stop_one()
            for credential in tuple(self._asked):
                self._clear(credential)

        return stop

    @callback
    def _happened(self, lock_event: LockEvent) -> None:
        """Ask who it was, if somebody unlocked the door with a credential of nobody."""
        lock, credential = self._lock, lock_event.credential
        if credential is None or lock_event.word("lock-action") != "unlocked":
            return
        shown, methods = credential.masked(lock.model), lock.model.methods
        is_somebodys = methods is not None and methods.key_of(shown.method) in SOMEBODYS
        if not is_somebodys or self._known(credential):
            return
        if credential not in self._asked and len(self._asked) >= MOST_ASKED:
            return
        self._asked.add(credential)
        words = credential_in_words(lock.hass, lock.model, credential)
        self._reporter.raise_issue(
            Issue.WHO_WAS_IT,
            key=_key(lock, credential),
            credential=words,
            credential_in_a_sentence=in_a_sentence(words),
            when=str(lock_event.when),  # The day is called otherwise tomorrow.
            method=str(shown.method),
            operation_id=str(shown.operation_id),
        )

    def _known(self, credential: Credential) -> bool:
        return person_of(self._lock, credential) is not None

    @callback
    def _look(self) -> None:
        """Clear what was asked of credentials that are somebody's now, or deleted."""
        users = self._lock.data.users
        for credential in tuple(self._asked):
            use = users.uses.get(credential)
            gone = use is None or users.deleted(credential) >= use.when
            if gone or self._known(credential):
                self._clear(credential)

    @callback
    def _clear(self, credential: Credential) -> None:
        self._asked.discard(credential)
        self._reporter.clear_issue(Issue.WHO_WAS_IT, _key(self._lock, credential))


def _key(lock: LockCoordinator, credential: Credential) -> str:
    """Return what tells a credential's issue from others; it must not tell of duress."""
    return "_".join(map(str, credential.masked(lock.model)))
