"""The queue of settings: written at once, or kept until the lock wakes up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from homeassistant.core import callback
from homeassistant.exceptions import ServiceValidationError

from ..const import CONF_PENDING_FOR, PENDING_FOR
from ..coordinator import Moment
from ..miot.client import Reading
from ..miot.errors import (
    CannotConnectError,
    InvalidValueError,
    MiotError,
    Reason,
    ResultError,
)
from ..model.tables import Ability
from ..reporting.issues import Issue
from ..state.lock_state import Pending
from ..wording.phrases import in_a_sentence, in_words, listed
from ..wording.reasons import translatable

if TYPE_CHECKING:
    from homeassistant.core import Context

    from ..coordinator import LockCoordinator
    from ..miot.spec import Address, Property, Value
    from ..reporting.reporter import LockReporter
    from ..session import LockSession

READING_TAKES: Final = 2  # seconds for which a delivery waits for a reading
CLOCKS_APART: Final = 30  # seconds by which the service's clock may differ from ours

type Readings = Mapping[Address, Reading]


class SettingQueue:
    """Writes the settings of one lock."""

    def __init__(
        self, session: LockSession, coordinator: LockCoordinator, reporter: LockReporter
    ) -> None:
        """Prepare for a lock; pending settings are delivered whenever it seems to be awake."""
        self._session = session
        self._lock = coordinator
        self._reporter = reporter
        self._wait = 3600 * coordinator.config_entry.options.get(CONF_PENDING_FOR, PENDING_FOR)
        self._writing = asyncio.Lock()
        coordinator.moments.async_listen(Moment.BEFORE_READING, self._expire)
        coordinator.moments.async_listen(Moment.READ, self._async_read)
        coordinator.moments.async_listen(Moment.WOKE_UP, self._async_woke_up)

    def _property(self, address: Address) -> Property:
        return self._lock.model.spec.properties[address]

    async def async_write(
        self,
        address: Address,
        value: Value,
        context: Context | None = None,
        entity_id: str | None = None,
    ) -> None:
        """Set a property and show it at once; if the lock is asleep, keep it until it wakes up.

        The activity tells that it waits, in a line of the entity by which it was set. Raises
        ServiceValidationError if the value is invalid, HomeAssistantError if the lock refuses it.
        """
        lock, pending = self._lock, self._lock.data.pending
        if not lock.model.can(Ability.SETTINGS):
            raise translatable(ServiceValidationError, "not_carried", lock=lock.name)
        try:
            self._property(address).validate(value)
        except InvalidValueError as error:
            raise translatable(ServiceValidationError, "invalid_value", lock=lock.name) from error
        wanted = Pending(value, time.time(), lock.data.values.get(address))
        pending.pop(address, None)
        pending[address] = wanted
        # Save before the first try, so that the setting survives whatever happens meanwhile.
        await lock.async_write()
        failure = await self._deliver(address)
        may_wait = failure and _may_wait(failure) and lock.model.can(Ability.SLEEP)
        refused = None if may_wait else failure
        if refused:
            self._drop(address, wanted)
        elif pending.get(address) is wanted:
            self._reporter.log("setting_waits", context, entity_id)
        lock.async_update_listeners()
        # Save again: a delivered or refused setting must not be retried after a restart.
        await lock.async_write()
        if refused:
            raise self._session.failure(refused) from refused

    @callback
    def _async_read(self, readings: Readings) -> None:
        """Deliver pending settings, since the lock was just read and is awake."""
        data = self._lock.data
        if data.awake and data.pending:
            self._lock.in_background(self.async_deliver(readings))

    @callback
    def _async_woke_up(self, _readings: Readings) -> None:
        self._lock.in_background(self.async_deliver())

    async def async_deliver(self, readings: Readings | None = None) -> None:
        """Write the pending settings, except outdated ones, until the lock cannot be reached.

        ``readings`` are current ones; None reads them first. A setting that the lock refuses is
        reported as undelivered.
        """
        lock = self._lock
        self._drop_superseded(readings if readings is not None else await self._read())
        for address, wanted in list(lock.data.pending.items()):
            error = await self._deliver(address)
            if isinstance(error, ResultError) and not _may_wait(error):
                self._drop(address, wanted)
                lock.data.undelivered[address] = None
            elif error:
                break
        self._tell_undelivered()
        lock.async_update_listeners()
        await lock.async_write()

    async def _read(self) -> Readings:
        """Read the lock's values of pending settings; nothing if it does not say when it got them.

        A failed or slow reading is ignored. It must not delay a delivery, since the lock may soon
        sleep again.
        """
        lock = self._lock
        if lock.data.pending and self._session.pushes:
            with suppress(MiotError, TimeoutError):
                async with asyncio.timeout(READING_TAKES):
                    return await self._session.read(tuple(lock.data.pending))
        return {}

    def _drop_superseded(self, readings: Readings) -> None:
        """Drop pending settings that were changed at the lock since they were requested.

        The newer value itself is taken from the regular reading.
        """
        lock = self._lock
        for address, wanted in list(lock.data.pending.items()):
            reading = readings.get(address)
            if reading is None or not _was_set_since(self._property(address), wanted, reading):
                continue
            self._drop(address, wanted)
            name = in_a_sentence(in_words(lock.hass, self._property(address)))
            self._reporter.log("newer_setting_kept", setting=name)

    async def async_discard(self) -> None:
        """Discard all pending settings."""
        self._lock.data.pending.clear()
        self._lock.async_update_listeners()
        await self._lock.async_write()

    def reports_pending_value(self, address: Address) -> bool:
        """Return whether the lock reported the pending value, and not due to a current write."""
        data = self._lock.data
        wanted = data.pending.get(address)
        has_it = wanted is not None and wanted.value == data.values.get(address)
        return has_it and not self._writing.locked()

    def _expire(self, _readings: Readings) -> None:
        """Give up settings that were pending for too long, and raise an issue."""
        data, now = self._lock.data, time.time()
        for address, wanted in list(data.pending.items()):
            if now - wanted.since > self._wait:
                del data.pending[address]
                data.undelivered[address] = None
        self._tell_undelivered()

    async def _deliver(self, address: Address) -> MiotError | None:
        """Write the pending value of a property; return the error if that fails."""
        data = self._lock.data
        async with self._writing:
            if (wanted := data.pending.get(address)) is None:
                return None
            try:
                with self._lock.setting(address):
                    await self._session.write(address, wanted.value)
            except MiotError as error:
                return error
            data.set(address, wanted.value)
            self._drop(address, wanted)
        if address in data.undelivered:
            del data.undelivered[address]
            self._tell_undelivered()
        return None

    def _drop(self, address: Address, wanted: Pending) -> None:
        """Remove a pending setting, unless a newer one has replaced it."""
        if self._lock.data.pending.get(address) is wanted:
            del self._lock.data.pending[address]

    def _tell_undelivered(self) -> None:
        """Raise an issue for the undelivered settings, or clear it if there are none."""
        lock = self._lock
        if names := [in_words(lock.hass, self._property(one)) for one in lock.data.undelivered]:
            self._reporter.raise_issue(Issue.UNDELIVERED, settings=listed(lock.hass, names))
        else:
            self._reporter.clear_issue(Issue.UNDELIVERED)


def _was_set_since(prop: Property, wanted: Pending, reading: Reading) -> bool:
    """Return whether somebody set another value at the lock since a setting was requested.

    The value from before the request proves nothing: it may have been reported again. In case of
    doubt, the requested setting is kept.
    """
    try:
        value = prop.validate(reading.value)
    except InvalidValueError:
        return False
    if reading.code != 0 or reading.updated is None or wanted.before is None:
        return False
    is_newer = reading.updated > wanted.since + CLOCKS_APART
    return is_newer and value not in (wanted.value, wanted.before)


def _may_wait(error: MiotError) -> bool:
    """Return whether a failed write is worth a retry when the lock wakes up."""
    if isinstance(error, ResultError):
        return error.reason in (Reason.ASLEEP, Reason.TIMED_OUT)
    return isinstance(error, CannotConnectError)
