"""Reports to the users of one lock: repair issues and logbook entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.core import Context, callback

from .issues import Issue, async_clear_issue, async_raise_issue
from .logbook_event import async_fire_cause, async_fire_logbook_event

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from ..session import LockSession


class LockReporter:
    """Reporter of one lock: raises and clears its issues, and adds logbook entries."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, session: LockSession) -> None:
        """Prepare for a lock of a config entry."""
        self._hass = hass
        self._entry = entry
        self._session = session

    @callback
    def raise_issue(self, issue: Issue, key: str = "", **texts: str) -> None:
        """Raise an issue; the lock's name is added to its texts."""
        session, texts = self._session, texts | {"lock": self._session.name}
        async_raise_issue(self._hass, self._entry, issue, session.did, key, **texts)

    @callback
    def clear_issue(self, issue: Issue, key: str = "") -> None:
        """Clear an issue."""
        async_clear_issue(self._hass, self._entry, issue, self._session.did, key)

    @callback
    def log(
        self, kind: str, context: Context | None = None, entity_id: str | None = None, **facts: str
    ) -> None:
        """Add a logbook entry; see ``async_fire_logbook_event``."""
        did = self._session.did
        async_fire_logbook_event(self._hass, self._entry, did, kind, context, entity_id, **facts)

    @callback
    def log_cause(self, context: Context, who: str, **facts: str) -> None:
        """Have the logbook tell the cause of changes; see ``async_fire_cause``."""
        async_fire_cause(self._hass, self._entry, self._session.did, context, who, **facts)
