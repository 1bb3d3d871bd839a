"""Registration of the service actions on locks, for administrators only."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import ServiceCall, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import service

from ..const import DOMAIN
from ..control.admins import async_require_admin
from ..credentials.lock_user import OWNER
from ..wording.reasons import translatable
from . import history
from .credentials import ATTR_USER_ID, CREDENTIAL_ACTIONS
from .lock_action import LockAction
from .targets import async_locks

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, ServiceResponse

ACTIONS: Final = {
    **CREDENTIAL_ACTIONS,
    "get_history": LockAction(
        do=history.async_get_history, fields=history.FIELDS, response=SupportsResponse.ONLY
    ),
}


@callback
def async_register_actions(hass: HomeAssistant) -> None:
    """Register all service actions."""
    for name, action in ACTIONS.items():
        hass.services.async_register(
            DOMAIN,
            name,
            partial(_async_handle, action),
            schema=cv.make_entity_service_schema(action.fields),
            supports_response=action.response,
        )


async def _async_handle(action: LockAction, call: ServiceCall) -> ServiceResponse:
    """Run a service action on all targeted locks; return the responses by entity id.

    These are no entity service actions: those run one after another, and canceling an enrollment
    cannot wait until the enrollment has ended.
    """
    await async_require_admin(call.hass, call.context)
    data = service.remove_entity_service_fields(call)
    if action.gives_access and data.get(ATTR_USER_ID) == OWNER:
        raise translatable(ServiceValidationError, "owner")
    locks = await async_locks(call)
    results = await asyncio.gather(
        *(action.do(lock, data) for lock in locks.values()), return_exceptions=True
    )
    responses: dict[str, Any] = {}
    for entity_id, result in zip(locks, results, strict=True):
        if isinstance(result, BaseException):
            raise result
        responses[entity_id] = result
    return responses if call.return_response else None
