"""Assist, as one talks to it about the door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.core import Context
from homeassistant.setup import async_setup_component

from .lock_driver import until

if TYPE_CHECKING:
    from homeassistant.helpers.intent import IntentResponse

    from .lock_driver import LockDriver
    from .lock_harness import LockHarness

UNLOCKED: Final = 2
"""The number of the action of a lock event."""


def speech(response: IntentResponse) -> str:
    """Return what is said."""
    said: dict[str, Any] = response.speech["plain"]
    return str(said["speech"])


class Voice:
    """Assist, for a home with a lock whose clock is right."""

    def __init__(self, harness: LockHarness) -> None:
        """Prepare; the lock is not exposed yet."""
        self.hass = harness.hass
        self.harness = harness
        self.lock = harness.driver.entity_id(harness.hass, "lock", "lock")

    def expose(self, other: LockDriver | None = None, *, exposed: bool = True) -> None:
        """Expose the lock or another one to Assist, or not."""
        lock = other.entity_id(self.hass, "lock", "lock") if other else self.lock
        async_expose_entity(self.hass, conversation.DOMAIN, lock, should_expose=exposed)

    async def ask(self, sentence: str, language: str = "en", user: str | None = None) -> str:
        """Ask, as a user if one is given, and return the answer."""
        result = await conversation.async_converse(
            self.hass, sentence, None, Context(user_id=user), language
        )
        return speech(result.response)

    async def operate(self, position: int, method: int, operation_id: int, when: float) -> None:
        """Have the door unlocked."""
        self.harness.driver.push_event(
            (2, 1020), position, method, UNLOCKED, operation_id, int(when)
        )
        await until(lambda: self.harness.lock.journal.between(int(when), int(when) + 1))


async def speak(harness: LockHarness) -> Voice:
    """Return Assist, to which the lock is exposed."""
    assert await async_setup_component(harness.hass, "homeassistant", {})
    assert await async_setup_component(harness.hass, "conversation", {})
    await harness.hass.async_block_till_done()
    voice = Voice(harness)
    voice.expose()
    return voice
