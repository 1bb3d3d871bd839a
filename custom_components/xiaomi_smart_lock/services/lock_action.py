"""Definition of a service action on a lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeassistant.core import SupportsResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from homeassistant.helpers.typing import VolDictType

    from ..runtime import LockRuntime


type Data = Mapping[str, Any]
type Response = Mapping[str, Any] | None
"""One of ``responses.py``, None if an action answers nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAction:
    """A service action on a lock: its function, its fields, and the MIoT action that it uses.

    ``by`` is the name of the MIoT action, None if it uses none or those of other service actions.
    """

    do: Callable[[LockRuntime, Data], Awaitable[Response]]
    fields: VolDictType
    by: str | None = None
    gives_access: bool = False
    """Whether it creates a user or gives one a credential."""
    response: SupportsResponse = SupportsResponse.NONE
