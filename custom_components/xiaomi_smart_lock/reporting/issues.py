"""Issues in Home Assistant's repairs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir

from ..const import DOMAIN
from ..wording.phrases import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant


class Issue(StrEnum):
    """Repair issues; the value is the key of the translation."""

    CAMERA = "camera_not_allowed"
    CLOCK = "clock_off"
    GONE = "lock_gone"
    JOURNAL = "journal_unreadable"
    LEFT_BEHIND = "left_behind"
    PUSH_DOWN = "push_down"
    PUSH_NAME = "push_wrong_name"
    PUSH_REFUSED = "push_refused"
    PUSH_TAKEN_OVER = "push_taken_over"
    PUSH_UNTRUSTED = "push_untrusted"
    SPECIFICATION = "specification_newer"
    STILL_OPENS = "still_opens"
    STORAGE = "storage_unreadable"
    UNDELIVERED = "undelivered"
    WHO_WAS_IT = "who_was_it"


# Cleared on unload: they can only be seen or fixed while connected, and are raised again if needed
PASSING: Final = (
    Issue.CAMERA,
    Issue.CLOCK,
    Issue.PUSH_DOWN,
    Issue.PUSH_NAME,
    Issue.PUSH_REFUSED,
    Issue.PUSH_UNTRUSTED,
    Issue.PUSH_TAKEN_OVER,
)
FIXABLE: Final = (
    Issue.CLOCK,
    Issue.GONE,
    Issue.JOURNAL,
    Issue.LEFT_BEHIND,
    Issue.PUSH_TAKEN_OVER,
    Issue.SPECIFICATION,
    Issue.STORAGE,
    Issue.WHO_WAS_IT,
)
# Kept over a restart: they hold without a connection too
PERSISTENT: Final = (
    Issue.JOURNAL,
    Issue.SPECIFICATION,
    Issue.STILL_OPENS,
    Issue.STORAGE,
    Issue.UNDELIVERED,
)


@callback
def async_raise_issue(
    hass: HomeAssistant,
    entry: ConfigEntry,
    issue: Issue,
    did: str = "",
    key: str = "",
    **texts: str,
) -> None:
    """Raise an issue of a config entry, or of one of its locks.

    ``key`` tells several issues of a kind apart, "" where there is only one.
    The description is Markdown; the texts are escaped, so that they are shown as they are.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        _issue_id(entry, issue, did, key),
        data={"entry_id": entry.entry_id, "issue": issue, "did": did, **texts},
        is_fixable=issue in FIXABLE,
        is_persistent=issue in PERSISTENT,
        severity=ir.IssueSeverity.WARNING,
        translation_key=issue,
        translation_placeholders={name: escaped(text) for name, text in texts.items()},
    )


@callback
def async_clear_issue(
    hass: HomeAssistant, entry: ConfigEntry, issue: Issue, did: str = "", key: str = ""
) -> None:
    """Clear an issue."""
    ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, issue, did, key))


@callback
def is_raised(hass: HomeAssistant, entry: ConfigEntry, issue: Issue, did: str = "") -> bool:
    """Return whether an issue is raised."""
    return ir.async_get(hass).async_get_issue(DOMAIN, _issue_id(entry, issue, did)) is not None


@callback
def async_clear_passing_issues(
    hass: HomeAssistant, entry: ConfigEntry, dids: Iterable[str]
) -> None:
    """Clear the issues that nothing updates once the config entry is unloaded."""
    for issue in PASSING:
        for did in ("", *dids):
            async_clear_issue(hass, entry, issue, did)


@callback
def async_clear_issues_of_lock(hass: HomeAssistant, entry: ConfigEntry, did: str) -> None:
    """Clear all issues of a lock."""
    for issue in Issue:
        async_clear_issue(hass, entry, issue, did)


@callback
def async_clear_issues_of_entry(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Clear all issues of a config entry."""
    for domain, issue_id in list(ir.async_get(hass).issues):
        if domain == DOMAIN and entry.entry_id in issue_id:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def _issue_id(entry: ConfigEntry, issue: Issue, did: str, key: str = "") -> str:
    return "_".join((issue, entry.entry_id, did, *filter(None, (key,))))
