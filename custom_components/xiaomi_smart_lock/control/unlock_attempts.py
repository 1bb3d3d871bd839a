"""The count of wrong codes of each lock, independent of config entries."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from homeassistant.util.hass_dict import HassKey

from ..const import DOMAIN
from ..state.unlock_code import Guesses
from ..store import async_guesses_store

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

GUESSES: Final[HassKey[dict[str, Guesses]]] = HassKey(f"{DOMAIN}.guesses")


async def async_guesses(hass: HomeAssistant, did: str) -> Guesses:
    """Return the wrong codes of a lock; they are read from disk only once."""
    known = hass.data.setdefault(GUESSES, {})
    if did not in known:
        store = async_guesses_store(hass, did)
        kept = await store.async_load()
        if kept is None and not store.unreadable:
            kept = [0, 0]
        known.setdefault(did, Guesses.from_list(kept, time.time(), time.monotonic()))
    return known[did]


async def async_keep_guesses(hass: HomeAssistant, did: str) -> None:
    """Save the wrong codes of a lock at once."""
    guesses = await async_guesses(hass, did)
    await async_guesses_store(hass, did).async_save(guesses.as_list(time.time(), time.monotonic()))


async def async_forget_guesses(hass: HomeAssistant, did: str) -> None:
    """Reset the wrong codes of a lock, since its code changed or it was removed."""
    hass.data.get(GUESSES, {}).pop(did, None)
    await async_guesses_store(hass, did).async_remove()
