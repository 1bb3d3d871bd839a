"""The locks that a service action call targets."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

from homeassistant.components.lock import DOMAIN as LOCK_DOMAIN
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import service

from ..const import DOMAIN
from ..wording.reasons import translatable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant, ServiceCall

    from ..runtime import LockRuntime


# Home Assistant versions before 2025.10 need ``hass`` to find the targets of a call.
_WANTS_HASS: Final = "hass" in inspect.signature(service.async_extract_entity_ids).parameters


async def async_locks(call: ServiceCall) -> dict[str, LockRuntime]:
    """Return the locks that a call targets, by entity id.

    Raises ServiceValidationError if there is none, or if one is not loaded.
    """
    extract: Callable[..., Awaitable[set[str]]] = service.async_extract_entity_ids
    wanted = await (extract(call.hass, call) if _WANTS_HASS else extract(call))
    registry = er.async_get(call.hass)
    locks = {
        entity_id: _lock(call.hass, entity)
        for entity_id in sorted(wanted)
        if (entity := registry.async_get(entity_id))
        and (entity.domain, entity.platform) == (LOCK_DOMAIN, DOMAIN)
    }
    if not locks:
        raise translatable(ServiceValidationError, "no_lock_targeted")
    return locks


def _lock(hass: HomeAssistant, entity: er.RegistryEntry) -> LockRuntime:
    """Return the lock of an entity; raises ServiceValidationError if it is not loaded."""
    entry = hass.config_entries.async_get_entry(entity.config_entry_id or "")
    if entry and entry.state is ConfigEntryState.LOADED:
        for lock in entry.runtime_data.locks.values():
            if entity.unique_id == f"{lock.session.did}-lock":
                found: LockRuntime = lock
                return found
    raise translatable(ServiceValidationError, "not_loaded", lock=entity.entity_id)
