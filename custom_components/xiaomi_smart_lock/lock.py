"""Lock entity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.components.lock import LockEntity as HomeAssistantLock
from homeassistant.components.lock import (
    LockEntityDescription as HomeAssistantLockDescription,
)
from homeassistant.core import Context, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .control.remote_unlock import RemoteUnlock
from .entity import LockEntity, LockEntityDescription, add_entities
from .model.roles import Role
from .people import person_of
from .state.lock_state import Topic
from .state.unlock_code import CODE_FORMAT
from .wording.phrases import means
from .wording.reasons import translatable

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .runtime import LockConfigEntry, LockRuntime

# Unlocking while another attempt runs fails at once, and does not wait in a queue.
PARALLEL_UPDATES: Final = 0


@dataclass(frozen=True, kw_only=True)
class LockDescription(LockEntityDescription, HomeAssistantLockDescription):
    """Description of the lock entity."""


LOCKS: Final = (
    LockDescription(
        key="lock",
        name=None,
        fact="locked",
        sources=(Topic.PEOPLE,),
        also=(Role.LOCK_EVENT,),
        entity_registry_enabled_default=True,
    ),
)


class DoorLock(LockEntity, HomeAssistantLock):
    """The bolt according to the door state, and who operated it last."""

    entity_description: LockDescription

    def __init__(self, runtime: LockRuntime, description: LockDescription) -> None:
        """Attach the entity to its lock."""
        super().__init__(runtime, description)
        self._unlocking = RemoteUnlock(
            runtime.session, runtime.coordinator, runtime.reporter, self._handle_coordinator_update
        )
        self._was_locked = self.is_locked
        self._refused = False

    @property
    @override
    def is_locked(self) -> bool | None:
        """Whether the bolt is out, None if unknown. It is not while the door is open or ajar."""
        return self.coordinator.data.door.locked

    @property
    @override
    def code_format(self) -> str | None:
        """What a code looks like, None if none is asked for, as while it is unlocked.

        Home Assistant's frontend would ask for it before locking as well, only for that to be
        refused. Without a format the code is checked all the same, see ``RemoteUnlock``.
        """
        asks = self._unlocking.needs_code and self.is_locked is not False
        return CODE_FORMAT if asks else None

    @property
    @override
    def is_unlocking(self) -> bool:
        """Whether the lock was asked to unlock and has not reported the result yet."""
        return self._unlocking.awaited

    @property
    @override
    def changed_by(self) -> str | None:
        """Who operated the lock last, or with what, in Home Assistant's language."""
        lock = self.coordinator
        if (last := lock.data.last(Role.LOCK_EVENT)) is None:
            return None
        if last.credential and (person := person_of(lock, last.credential, last.when)):
            return person.name
        return means(self.hass, last.masked)

    @override
    def _state_key(self) -> object:
        return self.is_locked, self.is_unlocking, self.changed_by

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Write the state; the activity tells who unlocked, if an event told that."""
        was_locked, self._was_locked = self._was_locked, self.is_locked
        lock_event = self.coordinator.showing
        changes = lock_event and was_locked != self._was_locked and not self._unlocking.attempt
        cause = self._runtime.operations.cause(lock_event) if lock_event and changes else None
        if cause:
            self.async_set_context(cause)
        super()._handle_coordinator_update()
        if cause:
            # Home Assistant would take it as the cause of what happens in the next seconds, too.
            self._context = None

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """``refused`` for a moment when it was not locked or unlocked as asked."""
        return {"refused": True} if self._refused else None

    @callback
    def _show_refusal(self) -> None:
        """Have Home Assistant's slider go back: it does so with the next change, and there is none.

        An attribute comes and goes, so that neither the state nor when it changed is touched.
        """
        for self._refused in (True, False):
            self.async_write_ha_state()

    @override
    async def async_lock(self, **kwargs: Any) -> None:
        """Raise ServiceValidationError, as no action of the lock locks it."""
        self._show_refusal()
        raise translatable(ServiceValidationError, "cannot_be_locked_remotely")

    @override
    async def async_unlock(self, code: str | None = None, **kwargs: Any) -> None:
        """Unlock if an option allows it; raises HomeAssistantError, also if the lock refuses."""
        context = self._context or Context()
        if self._unlocking.attempt:
            # State changes are caused by the attempt that already runs.
            self.async_set_context(self._unlocking.attempt)
        try:
            await self._unlocking.async_unlock(code, context)
        except HomeAssistantError:
            self._show_refusal()
            raise


async def async_setup_entry(
    hass: HomeAssistant,
    entry: LockConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the lock entity of each lock."""
    await add_entities(entry, async_add_entities, DoorLock, LOCKS)
