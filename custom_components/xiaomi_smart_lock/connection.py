"""Connection of a config entry: one polling schedule, and push for an account."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .account.entry_data import async_offer_new_locks, lock_ids
from .const import (
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    POLL_INTERVAL_CLOUD,
    POLL_INTERVAL_LOCAL,
    POLL_INTERVAL_WITHOUT_PUSH,
)
from .coordinator import LockCoordinator, Moment, async_stored_device
from .miot.errors import CannotConnectError, MiotError, NotSignedInError
from .miot.push import Push, PushProblem
from .reporting.issues import Issue, async_clear_issue, async_raise_issue
from .wording.reasons import reason_in_words, translatable

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from homeassistant.config_entries import ConfigEntry

    from .miot.cloud import CloudClient, Device
    from .miot.local import LocalClient

_LOGGER = logging.getLogger(__name__)

PUSH_DOWN_AFTER: Final = 3600  # seconds without push until an issue is raised
PUSH_TAKES: Final = 2  # seconds that the first reading waits for push to connect
LIST_AGAIN_AFTER: Final = 3600  # seconds after which names and firmware may have changed
# Seconds until the locks are read after one of them has pushed something. As long as none does,
# each reading has to wait longer than the one before.
READ_AFTER_PUSH: Final = 300
# Seconds in which locks that wake up are read together. The delay does no harm: the reason for
# which a lock woke up is pushed.
WAKING_TOGETHER: Final = 0.15
# Seconds between greetings to a lock on the local network that is silent. One that sleeps does not
# hear them; one that is awake gets none, since that might keep it awake.
GREETING_EVERY: Final = 1.5

ISSUES: Final = {
    PushProblem.REFUSED: Issue.PUSH_REFUSED,
    PushProblem.TAKEN_OVER: Issue.PUSH_TAKEN_OVER,
    PushProblem.WRONG_NAME: Issue.PUSH_NAME,
    PushProblem.UNTRUSTED: Issue.PUSH_UNTRUSTED,
}


@dataclass
class Connection:
    """The connection of a config entry; refreshes all locks together to share requests."""

    hass: HomeAssistant
    entry: ConfigEntry
    coordinators: dict[str, LockCoordinator] = field(default_factory=dict)
    cloud: CloudClient | None = None
    push: Push | None = None
    local: LocalClient | None = None
    """The client of the only lock, on the local network; None for an account."""
    listed: float = 0
    """When the device list of the account was last read, in Unix seconds; 0 if never."""
    _cancel_poll: CALLBACK_TYPE | None = None
    _polls_at: float = 0
    """When the locks are read next, in Unix seconds."""
    _waits: float = 0
    """How long that is after it was decided, in seconds."""
    _polling: asyncio.Task[None] | None = None
    _listening: asyncio.Task[None] | None = None
    _cancel_push_down: CALLBACK_TYPE | None = None
    _cancel_woken: CALLBACK_TYPE | None = None
    _woken: dict[str, LockCoordinator] = field(default_factory=dict)
    _started: bool = False
    _missed: bool = False

    async def async_subscribe(self, push: Push) -> None:
        """Connect to push before the first reading, so that the locks need not be read twice.

        Messages are held until ``Push.release``. Wait at most PUSH_TAKES seconds for the
        connection: if it comes later, all locks are read again.
        """
        self.push = push
        for did in lock_ids(self.entry):
            push.subscribe(did)
        push.hold()
        push.on_change(self.async_push_changed)
        self._listening = self.entry.async_create_background_task(self.hass, push.run(), "push")
        with suppress(TimeoutError):
            async with asyncio.timeout(PUSH_TAKES):
                await push.attempted.wait()
        self._missed = False

    @callback
    def add_lock(self, lock: LockCoordinator) -> None:
        """Add a lock to the polling schedule, and read it whenever it wakes up."""
        self.coordinators[lock.session.did] = lock
        lock.moments.async_listen(Moment.WOKE_UP, lambda _: self._read_woken_soon(lock))
        lock.moments.async_listen(Moment.HEARD, lambda _: self._read_sooner())

    async def async_start(self) -> None:
        """Read all locks for the first time, and start polling.

        Raises ConfigEntryNotReady if no lock can be read. A lock that cannot be read while another
        can is unavailable until it can. Other failures, such as ConfigEntryAuthFailed, concern the
        whole entry and are always raised.
        """
        locks = self.coordinators.values()
        outcomes = await asyncio.gather(
            *(lock.async_config_entry_first_refresh() for lock in locks), return_exceptions=True
        )
        failures = [outcome for outcome in outcomes if outcome is not None]
        failures.sort(key=lambda failure: isinstance(failure, ConfigEntryNotReady))
        for failure in failures:
            if len(failures) == len(outcomes) or not isinstance(failure, ConfigEntryNotReady):
                raise failure
            _LOGGER.warning("%s", failure)
        self._started = True
        if self.push:
            self._look_at_push(self.push)
        self._schedule()
        if self.local:
            waking = self._async_read_when_it_wakes(self.local)
            self._listening = self.entry.async_create_background_task(
                self.hass, waking, "notice that the lock wakes up"
            )

    async def _async_read_when_it_wakes(self, client: LocalClient) -> None:
        """Read a lock on the local network as soon as it answers a greeting after it was silent.

        Only the reading shows that it is the lock, since anybody can answer a greeting. The next
        regular reading is an interval later.
        """
        (did,) = self.coordinators
        while self._started:
            await client.silent.wait()
            if await client.greet(did, GREETING_EVERY) and client.silent.is_set():
                self._poll_now()
                if self._polling:
                    await asyncio.wait([self._polling])

    @callback
    def async_stop(self) -> None:
        """Stop polling."""
        self._started = False
        if self._polling:
            self._polling.cancel()
        for cancel in (self._cancel_poll, self._cancel_push_down, self._cancel_woken):
            if cancel:
                cancel()

    async def async_stop_listening(self) -> None:
        """Disconnect from push, and greet a silent lock no more."""
        if self._listening:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    @property
    def hears(self) -> bool:
        """Whether messages that the locks push arrive right now."""
        return self._started and self.push is not None and self.push.connected

    @callback
    def async_push_changed(self) -> None:
        """Read all locks at once when push connects, for what it missed; report its problems."""
        assert self.push is not None  # noqa: S101
        self._missed = self._missed or self.push.connected
        for lock in self.coordinators.values():
            lock.async_update_listeners()  # Some listeners wait for pushed messages.
        self._look_at_push(self.push)
        self._schedule()

    @callback
    def _look_at_push(self, push: Push) -> None:
        """Raise or clear the issues of push, and start or cancel the timer for a long outage."""
        connected = push.connected
        where = {"host": push.host, "port": str(push.port)}
        for problem, issue in ISSUES.items():
            if push.problem is problem:
                async_raise_issue(self.hass, self.entry, issue, **where)
            else:
                async_clear_issue(self.hass, self.entry, issue)
        if connected:
            async_clear_issue(self.hass, self.entry, Issue.PUSH_DOWN)
        if self._cancel_push_down and connected:
            self._cancel_push_down()
            self._cancel_push_down = None
        elif not self._cancel_push_down and not connected and self._started:
            self._cancel_push_down = async_call_later(self.hass, PUSH_DOWN_AFTER, self._push_down)

    @callback
    def _push_down(self, _now: datetime) -> None:
        if self.push and self.push.problem is None:  # otherwise another issue has the reason
            async_raise_issue(self.hass, self.entry, Issue.PUSH_DOWN)

    @callback
    def _read_woken_soon(self, lock: LockCoordinator) -> None:
        """Schedule a read of a lock that woke up, together with others that wake up now."""
        self._woken[lock.session.did] = lock
        if self._cancel_woken:
            self._cancel_woken()
        all_awake = all(one.data.awake for one in self.coordinators.values())
        wait = 0 if all_awake else WAKING_TOGETHER
        self._cancel_woken = async_call_later(self.hass, wait, self._read_woken)

    @callback
    def _read_woken(self, _now: datetime) -> None:
        for lock in self._take_woken():
            lock.in_background(lock.async_request_refresh())

    def _take_woken(self) -> Collection[LockCoordinator]:
        """Return the locks that woke up and are not read yet. The caller has to read them."""
        woken, self._woken = self._woken, {}
        if self._cancel_woken:
            self._cancel_woken()
            self._cancel_woken = None
        return woken.values()

    @callback
    def _read_sooner(self) -> None:
        """Read the locks soon after one has pushed something, if they would be read much later."""
        if self._cancel_poll and self._polls_at > time.time() + READ_AFTER_PUSH:
            self._schedule()

    @callback
    def _schedule(self) -> None:
        if self._cancel_poll:
            self._cancel_poll()
            self._cancel_poll = None
        if self._started:
            job = HassJob(self._poll, "poll the locks", cancel_on_shutdown=True)
            self._waits = 0 if self._missed else self._interval
            self._polls_at = time.time() + self._waits
            self._cancel_poll = async_call_later(self.hass, self._waits, job)

    @property
    def _interval(self) -> float:
        """Seconds until the locks are read again.

        While push works, that is as long as none of them has pushed anything, within limits: what
        push may have lost is found soon after the lock was used, and little is asked of a lock at
        night.
        """
        options, locks = self.entry.options, self.coordinators.values()
        if self.push is None:
            return int(options.get(CONF_POLL_INTERVAL, POLL_INTERVAL_LOCAL))
        all_read = all(lock.last_update_success for lock in locks)
        if not (self.push.connected and self.listed and all_read):
            return int(options.get(CONF_POLL_INTERVAL_WITHOUT_PUSH, POLL_INTERVAL_WITHOUT_PUSH))
        longest = int(options.get(CONF_POLL_INTERVAL, POLL_INTERVAL_CLOUD))
        if any(lock.fails or lock.data.pending for lock in locks):
            return min(longest, READ_AFTER_PUSH)
        quiet = time.time() - max(lock.heard_at for lock in locks)
        return min(longest, max(READ_AFTER_PUSH, quiet))

    @callback
    def _poll_now(self) -> None:
        """Read the locks now instead of later, unless they are being read."""
        if self._started and self._cancel_poll:
            self._cancel_poll()
            self._polls_at = time.time()
            self._poll(dt_util.utcnow())

    @callback
    def _poll(self, _now: datetime) -> None:
        self._cancel_poll = None
        for lock in self.coordinators.values():
            if self._waits > READ_AFTER_PUSH and not lock.fails:
                lock.not_asked_until = self._polls_at - READ_AFTER_PUSH
        self._polling = self.entry.async_create_task(self.hass, self._async_poll())

    async def _async_poll(self) -> None:
        told_of_sleep = self.push is not None and self.push.connected and not self._missed
        old = time.time() - self.listed >= LIST_AGAIN_AFTER
        self._missed = False
        try:
            if self.cloud and (self._missing or old or not told_of_sleep):
                await self._async_look_at_devices(self.cloud)
            self._take_woken()
            await asyncio.gather(*(lock.async_refresh() for lock in self.coordinators.values()))
        finally:
            # Schedule the next poll even if this one fails.
            self._schedule()

    async def _async_look_at_devices(self, cloud: CloudClient) -> None:
        asked = self.hass.loop.time()
        try:
            devices = await cloud.devices()
        except MiotError as error:
            _LOGGER.debug("No list of devices: %s", error)
            return
        self.listed = time.time()
        for device in devices:
            if lock := self.coordinators.get(device.did):
                before = lock.device.urn
                lock.async_set_device(device, asked)
                if lock.device.urn != before:  # Its firmware was updated.
                    self.hass.config_entries.async_schedule_reload(self.entry.entry_id)
            elif device.did in self._missing:
                self.hass.config_entries.async_schedule_reload(self.entry.entry_id)
        async_offer_new_locks(self.hass, self.entry, devices)

    @property
    def _missing(self) -> set[str]:
        """The dids of locks that were not in the account when the entry was set up."""
        return set(lock_ids(self.entry)) - self.coordinators.keys()


async def async_devices(connection: Connection, cloud: CloudClient) -> dict[str, Device]:
    """Return the devices of the account by did, or the stored ones of its locks during an outage.

    An empty list counts as an outage: only a reading of a lock tells whether it is gone. Raises
    ConfigEntryAuthFailed if the sign-in is refused, and ConfigEntryNotReady in an outage if no
    device is stored.
    """
    hass = connection.hass
    try:
        devices = await cloud.devices()
        if not devices:
            raise CannotConnectError("the list of devices is empty")
    except NotSignedInError as error:
        raise translatable(ConfigEntryAuthFailed, "not_signed_in") from error
    except MiotError as error:
        stored = [await async_stored_device(hass, did) for did in lock_ids(connection.entry)]
        if not any(stored):
            raise translatable(
                ConfigEntryNotReady, "cloud_out_of_reach", reason=reason_in_words(hass, error)
            ) from error
        devices = [device for device in stored if device]
    else:
        connection.listed = time.time()
    return {device.did: device for device in devices}
