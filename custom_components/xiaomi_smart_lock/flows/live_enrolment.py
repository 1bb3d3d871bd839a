"""An enrollment at the lock that a dialog follows step by step."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError

from ..coordinator import Moment
from ..credentials.enrolment import TIME_LIMIT
from ..wording.enrolment_hint import hint_to_begin
from ..wording.phrases import common_text
from ..wording.reasons import translatable
from .progress import long_enough

if TYPE_CHECKING:
    from ..credentials.enrolment import Wanted
    from ..runtime import LockRuntime

WAKES_WITHIN: Final = TIME_LIMIT
"""Seconds that somebody may take to touch a lock that sleeps."""


class LiveEnrolment:
    """An enrollment with what is to be done for it now.

    It waits for a lock that sleeps, and enrolls the credential.
    """

    def __init__(self, lock: LockRuntime, wanted: Wanted) -> None:
        """Begin."""
        self.lock = lock
        self.wanted = wanted
        self.hint = hint_to_begin(lock.coordinator.hass, wanted.method)
        self._changed = asyncio.Event()
        entry, hass = lock.coordinator.config_entry, lock.coordinator.hass
        self.task: asyncio.Task[None] = entry.async_create_background_task(
            hass, self._async_run(), f"enroll at {lock.session.name}"
        )

    async def async_news(self) -> None:
        """Wait until there is another hint, or the enrollment has ended."""
        self._changed.clear()
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait((changed, self.task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()

    def again(self) -> LiveEnrolment:
        """Begin the same once more."""
        return LiveEnrolment(self.lock, self.wanted)

    @callback
    def async_cancel(self) -> None:
        """Cancel the enrollment, at the lock too."""
        self.task.cancel()

    @callback
    def _show(self, hint: str) -> None:
        if hint != self.hint:
            self.hint = hint
            self._changed.set()

    async def _async_run(self) -> None:
        """Enroll. Raises HomeAssistantError if there is no credential then."""
        async with long_enough():
            await self._async_enrol()

    async def _async_enrol(self) -> None:
        lock, begin = self.lock, self.hint
        if lock.session.pushes and lock.coordinator.data.awake is False:
            self._show(common_text(lock.coordinator.hass, "hint_wake"))
            await self._async_wait_until_awake()
            self._show(begin)
        await lock.enrolment.async_enrol(replace(self.wanted, on_step=self._show))

    async def _async_wait_until_awake(self) -> None:
        """Wait until somebody touches the lock. Raises HomeAssistantError if nobody does."""
        lock, awake = self.lock, asyncio.Event()
        stop = lock.coordinator.moments.async_listen(Moment.WOKE_UP, lambda _: awake.set())
        try:
            async with asyncio.timeout(WAKES_WITHIN):
                await awake.wait()
        except TimeoutError:
            raise translatable(HomeAssistantError, "lock_asleep", lock=lock.session.name) from None
        finally:
            stop()
