"""Checks that only administrators pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeassistant.components.http import KEY_HASS_USER, current_request
from homeassistant.core import callback
from homeassistant.exceptions import Unauthorized, UnknownUser

if TYPE_CHECKING:
    from homeassistant.core import Context, HomeAssistant


async def async_require_admin(hass: HomeAssistant, context: Context | None) -> None:
    """Raise Unauthorized if a context's user is not an administrator.

    A context without a user passes, such as that of an automation. Raises UnknownUser if there is
    no such user.
    """
    if context is None or not context.user_id:
        return
    user = await hass.auth.async_get_user(context.user_id)
    if user is None:
        raise UnknownUser(context=context)
    if not user.is_admin:
        raise Unauthorized(context=context)


@callback
def async_require_admin_request() -> None:
    """Raise Unauthorized if the user of the current HTTP request is not an administrator."""
    request = current_request.get()
    user = request.get(KEY_HASS_USER) if request else None
    if user and not user.is_admin:
        raise Unauthorized
