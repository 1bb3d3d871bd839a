"""What to do at the lock during an enrollment, in Home Assistant's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.roles import Role
from ..state.user_registry import SUCCESS
from .phrases import OTHER, common_text, value_in_words

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..model.lock_model import LockModel
    from ..state.lock_event import LockEvent


def hint_to_begin(hass: HomeAssistant, method: str) -> str:
    """Return what to do first for a credential of a method, a key of operation-method."""
    return _hint(hass, f"begin_{method}", "begin")


def hint_for_step(hass: HomeAssistant, model: LockModel, lock_event: LockEvent, method: str) -> str:
    """Return what to do after a step that the lock reported, with the number of the step.

    Whether the lock counts steps that are done or the one that comes is not known, so that the
    number says neither.
    """
    state = lock_event.get("credential-state")
    step, total = (lock_event.get(f"credential-step-{one}") for one in ("current", "all"))
    key = lock_event.word("credential-state") or OTHER
    if key != SUCCESS:
        said = value_in_words(hass, lock_event.argument("credential-state"), state or 0)
        words = _hint(hass, key, OTHER).format(state=said)
    elif not step:
        words = hint_to_begin(hass, method)
    elif step == total:
        words = _hint(hass, "done")
    else:
        words = _hint(hass, f"next_{method}", "next")
    if not step or not total:
        return words
    return common_text(hass, "enrolment_step").format(hint=words, step=step, total=total)


def shown_method(model: LockModel, method: int) -> str:
    """Return the key of the method whose hints apply: a duress fingerprint is enrolled as any."""
    methods = model.property(Role.OPERATION_METHOD)
    shown = model.masks.get(method, method)
    return (methods and methods.key_of(shown)) or OTHER


def _hint(hass: HomeAssistant, key: str, default: str = "") -> str:
    """Return a hint by its key, else the default hint."""
    return common_text(hass, f"hint_{key}") or common_text(hass, f"hint_{default}")
