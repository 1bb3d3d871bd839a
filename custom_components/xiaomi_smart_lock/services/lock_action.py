"""What an action of Home Assistant on a lock is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeassistant.core import SupportsResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from homeassistant.helpers.typing import VolDictType
    from homeassistant.util.json import JsonObjectType

    from ..runtime import LockRuntime


type Data = Mapping[str, Any]
type Response = JsonObjectType | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockAction:
    """An action on a lock: what it takes, what it does, and by which action of the lock's own."""

    do: Callable[[LockRuntime, Data], Awaitable[Response]]
    fields: VolDictType
    by: str | None = None
    gives_access: bool = False
    """Whether it makes a user or gives one a credential."""
    response: SupportsResponse = SupportsResponse.NONE
