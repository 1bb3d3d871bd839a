"""Wrong codes, counted for each lock whatever becomes of the entries that have it."""

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
    """Return the wrong codes of a lock, which are read from the disk once."""
    known = hass.data.setdefault(GUESSES, {})
    if did not in known:
        store = async_guesses_store(hass, did)
        kept = await store.async_load()
        if kept is None and not store.unreadable:
            kept = [0, 0]
        known.setdefault(did, Guesses.from_list(kept, time.time(), time.monotonic()))
    return known[did]


async def async_keep_guesses(hass: HomeAssistant, did: str) -> None:
    """Write down the wrong codes of a lock, now."""
    guesses = await async_guesses(hass, did)
    await async_guesses_store(hass, did).async_save(guesses.as_list(time.time(), time.monotonic()))


async def async_forget_guesses(hass: HomeAssistant, did: str) -> None:
    """Begin to count anew: there is another code, or the lock is gone."""
    hass.data.get(GUESSES, {}).pop(did, None)
    await async_guesses_store(hass, did).async_remove()
