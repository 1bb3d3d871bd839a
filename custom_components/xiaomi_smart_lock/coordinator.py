"""Coordinator of one lock: turns readings and pushed messages into entity states."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_call_at
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from orjson import Fragment

from .const import (
    CONF_APP,
    CONF_UNAVAILABLE_AFTER,
    UNAVAILABLE_AFTER_CLOUD,
    UNAVAILABLE_AFTER_LOCAL,
)
from .miot.cloud import Device
from .miot.errors import (
    REASONS,
    InvalidValueError,
    MiotError,
    NotSignedInError,
    Reason,
    ResultError,
)
from .miot.spec import FORMATS
from .miot.values import number, text, whole
from .model.roles import Role
from .reporting.devices import async_device_of, shortened
from .reporting.issues import Issue
from .signal import Signal
from .state.expiry import ExpiryRegistry
from .state.lock_state import LockData, Source, Topic, restored
from .store import async_store, salvaged_expiries
from .wording.reasons import reason_in_words, translatable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
    from datetime import datetime

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from .lock_log import Line, LockLog
    from .miot.client import Reading
    from .miot.spec import Address
    from .model.lock_model import LockModel
    from .reporting.reporter import LockReporter
    from .session import LockSession
    from .state.credential import Credential
    from .state.event_row import Row
    from .state.lock_event import LockEvent

_LOGGER = logging.getLogger(__name__)

MOST_REJECTED: Final = 100  # addresses counted by themselves; further ones count as OTHERS
OTHERS: Final = "others"
SAVE_DELAY: Final = 30  # seconds in which changes are written together
# The same for events, which must not fire again after a restart: for a single event, just long
# enough not to delay its display, and for further ones after it.
SAVE_DELAY_OF_AN_EVENT: Final = 0.1
SAVE_DELAY_OF_EVENTS: Final = 1
# The same while only the time of the last contact changes
SAVE_DELAY_OF_CONTACT: Final = 300
REPORTS_WITHIN: Final = 5  # seconds within which the cloud has the values that an event tells of


async def async_stored_device(hass: HomeAssistant, did: str) -> Device | None:
    """Return the device of a lock as last stored, None if there is none."""
    return _device(await async_store(hass, did).async_load())


def _device(stored: object) -> Device | None:
    match stored:
        case {"device": dict(device)}:
            with suppress(TypeError):  # The stored fields are not those of Device.
                return Device(**device, online=False, token=None)
    return None


class Moment(Enum):
    """An occasion at which other parts act on a lock."""

    BEFORE_READING = auto()
    READ = auto()
    """All readable properties were just read."""
    HEARD = auto()
    """The lock has just pushed something."""
    WOKE_UP = auto()


class LockCoordinator(DataUpdateCoordinator[LockData]):
    """Coordinator of one lock: reads it, holds its state, updates entities and saves the state."""

    config_entry: ConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        session: LockSession,
        model: LockModel,
        reporter: LockReporter,
        log: LockLog,
    ) -> None:
        """Prepare for a lock of an entry."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=session.name)
        self.session = session
        self.model = model
        self.history_events = model.remembered if CONF_APP in entry.data else frozenset()
        """Events that the history of the Mi Home app has, whether or not they are pushed."""
        self.gone = False
        """Whether the account no longer has the lock."""
        self.fails = False
        """Whether the last reading failed, even if that was tolerated."""
        self.has_settings = False
        """Whether an entity lets a user set something of the lock; known before they are added."""
        self.caught_up_at = 0.0
        """When a recent event was last known only from the history, in Unix seconds; 0 if never."""
        self.moments: Signal[Moment, Mapping[Address, Reading]] = Signal()
        """Calls other parts at a moment, with the readings after a read, else with none."""
        self._news: Signal[Source] = Signal()
        unavailable_after = UNAVAILABLE_AFTER_CLOUD if session.pushes else UNAVAILABLE_AFTER_LOCAL
        self.heard_at = time.time()
        """When the lock last pushed something, or when this began, in Unix seconds."""
        self.not_asked_until = 0.0
        """Until when the lock was not read on purpose, in Unix seconds."""
        self._patience = 60 * entry.options.get(CONF_UNAVAILABLE_AFTER, unavailable_after)
        self._hardware_version = model.address_of(Role.HARDWARE_VERSION)
        self._reporter = reporter
        self.kept_events: Callable[[], Sequence[Row]] = tuple
        """Returns the events that the log is to keep."""
        self._store = async_store(hass, session.did)
        self._log = log
        self._write_at = math.inf
        self._written_at = -math.inf
        self._cancel_write: CALLBACK_TYPE | None = None
        self._stopped = False
        self._reads_soon = False
        self.showing: LockEvent | None = None
        """The event that tells the news that entities are being updated with, None without one."""
        self.data = LockData(model, awake=session.device.online)
        self._awake_at = 0.0
        """When it was told or asked for whether the lock is awake, in the event loop's time."""
        self._pushed_at: dict[Address, float] = {}
        """When the lock last pushed each value, in the event loop's time."""
        self._set_at: dict[Address, float] = {}
        """When each value was last written, in the event loop's time; infinite until it is done."""
        session.on_contact = self.record_contact
        session.on_asleep = partial(self.async_set_awake, awake=False)
        entry.async_on_unload(self._async_abandon)

    @property
    def device(self) -> Device:
        """The lock as in the device list of the account, or as last known."""
        return self.session.device

    async def async_load(self, lines: Sequence[Line]) -> None:
        """Restore the state from before the restart, as saved and as ``lines`` of the log tell."""
        stored = await self._store.async_load()
        if known := _device(stored):
            self.session.device = self.device.completed(known)
        saved, number = stored, 0
        if isinstance(stored, dict):
            saved, number = stored.get("data"), whole(stored.get("line")) or 0
        if stored is not None or lines:
            self.data = restored(self.model, saved, number, lines)
            self.data.awake = self.device.online
        self._log.number = max(self._log.number, number)
        if self._store.unreadable or (stored is not None and self.data.spoilt):
            await self._async_begin_anew()
        if self.data.clock.is_off:
            self._reporter.raise_issue(Issue.CLOCK)

    async def _async_begin_anew(self) -> None:
        """Start with what the log tells after unreadable storage, and raise an issue.

        The file is copied. The expiries of credentials that can still be read in it are kept.
        """
        text = await self._store.async_put_aside()
        self.data.expiries.known |= ExpiryRegistry.from_list(
            self.model, list(salvaged_expiries(text))
        ).known
        # The log is not written anew: the journal, whose events that would keep, is read later.
        await self._store.async_save(self._as_dict())
        self._reporter.raise_issue(Issue.STORAGE, endings=str(len(self.data.expiries.known)))

    @override
    async def _async_update_data(self) -> LockData:
        """Read all readable properties. A value pushed or set during the reading is newer and wins.

        Raises UpdateFailed if the account no longer has the lock; see ``_bear`` for failed
        readings.
        """
        self.moments.async_send((Moment.BEFORE_READING,), {})
        before, asked = dict(self.data.values), self.hass.loop.time()
        try:
            readings = await self.session.read(self.model.readable)
        except MiotError as error:
            self.fails = True
            self._bear(error)
            return self.data
        self.fails = False
        self.gone = bool(readings) and all(_is_gone(one.code) for one in readings.values())
        if self.gone:
            self._reporter.raise_issue(Issue.GONE)
            raise translatable(UpdateFailed, "gone", lock=self.name)
        self._reporter.clear_issue(Issue.GONE)
        told = [reading.updated for reading in readings.values() if reading.updated]
        self.record_contact(max(told, default=0) if self.session.pushes else time.time())
        if not self.session.pushes:
            self.data.awake = True
        for address, reading in readings.items():
            known = self.data.values.get(address)
            if reading.code != 0 or known not in (before.get(address), reading.value):
                continue
            is_late = self._set_at.get(address, 0) > asked
            if known != reading.value:
                is_late |= self._pushed_at.get(address, 0) > asked
            if not is_late:
                self._take(address, reading.value, updated=reading.updated)
        self._write_values()
        self.moments.async_send((Moment.READ,), readings)
        return self.data

    def _bear(self, error: MiotError) -> None:
        """Tolerate a failed reading if a response came recently, and raise otherwise.

        Recently means within the option ``unavailable_after``. Raises UpdateFailed, or
        ConfigEntryAuthFailed if the tokens are refused. Refused tokens are tolerated only while
        push is connected, since pushed messages still arrive then; the reauth flow is started.
        """
        # A cloud that was not asked could not answer.
        expected = max(self.data.last_response, self.not_asked_until)
        heard_lately = time.time() - expected < self._patience
        if isinstance(error, NotSignedInError):
            if not (heard_lately and self.session.hears):
                raise translatable(ConfigEntryAuthFailed, "not_signed_in") from error
            self.config_entry.async_start_reauth(self.hass)
        if not self.session.pushes:
            self.data.awake = False
        if not heard_lately:
            raise translatable(
                UpdateFailed,
                "out_of_reach",
                lock=self.name,
                reason=reason_in_words(self.hass, error),
            ) from error
        _LOGGER.debug("%s: no reading: %s", self.name, error)

    @property
    def catches_up(self) -> bool:
        """Whether the history gave an event within ``unavailable_after``, even if readings fail."""
        return bool(time.time() - self.caught_up_at < self._patience)

    @callback
    def async_watch(self, source: Source, watcher: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Call the watcher on news from a source; return a function that stops this."""
        return self._news.async_listen(source, watcher)

    @callback
    def async_hear(self, now: float) -> None:
        """Record a pushed message: the lock is available even if readings fail."""
        self.record_contact(now)
        self.heard_at = now
        self.moments.async_send((Moment.HEARD,), {})
        if not self.last_update_success:
            # Do this before the event is shown: automations ignore an event that makes its entity
            # available.
            self.last_update_success = True
            self.async_update_listeners()

    @callback
    def async_set_property(self, address: Address, raw: object, told: float) -> None:
        """Store a value that the lock pushed at a time in Unix seconds, and update its entities."""
        self._pushed_at[address] = self.hass.loop.time()
        self._take(address, raw, told)
        self.async_show_news()

    @contextmanager
    def setting(self, address: Address) -> Iterator[None]:
        """Note that a property is being written, and when that was done unless it was refused."""
        before, refused = self._set_at.get(address, 0), False
        self._set_at[address] = math.inf
        try:
            yield
        except ResultError as error:
            refused = error.reason is not Reason.TIMED_OUT
            raise
        finally:
            self._set_at[address] = before if refused else self.hass.loop.time()

    @callback
    def async_show_people(self) -> None:
        """Update the entities that show names of people."""
        self.data.news.add(Topic.PEOPLE)
        self.async_show_news()

    @callback
    def async_show_news(self, lock_event: LockEvent | None = None) -> None:
        """Update only the entities that depend on what has changed: few of many.

        ``lock_event`` is the event that tells the news, if one does.
        """
        news, self.data.news = self.data.news, set()
        self._write_values()
        # Who is told the news may cause more, which no event tells.
        outer, self.showing = self.showing, lock_event
        try:
            self._news.async_send(news)
        finally:
            self.showing = outer

    @callback
    def async_set_awake(self, asked: float | None = None, *, awake: bool) -> None:
        """Record whether the lock is awake, and update its entities. Send WOKE_UP if it woke up.

        ``asked`` is when that was asked for, in the event loop's time; None if the lock has just
        told it. An answer to what was asked before the lock told it is late, and ignored.
        """
        at = self.hass.loop.time() if asked is None else asked
        if at < self._awake_at:
            return
        self._awake_at = at
        woke_up = awake and not self.data.awake
        self.data.awake = awake
        self.async_update_listeners()
        if woke_up:
            self.moments.async_send((Moment.WOKE_UP,), {})

    @callback
    def async_set_device(self, device: Device, asked: float) -> None:
        """Update the lock from the device list, asked for at a time of the event loop's clock."""
        self.session.device = device.completed(self.device)
        self._show_device()
        self.async_set_awake(asked, awake=device.online)

    async def async_save(self) -> None:
        """Save the state now, after the log.

        The state is taken when it is handed over, so that of several saves the last one is newest.
        """
        await self.async_write()
        if not self._stopped:
            await self._store.async_save(self._as_dict())
            await self._log.async_write()

    async def async_write(self) -> None:
        """Write now what has happened and changed, other than users and expiries."""
        if not self._stopped:
            self._add_line()
            await self._log.async_write()
            if self._log.is_long and not self._stopped:
                await self.async_rewrite_log()

    async def async_rewrite_log(self) -> bool:
        """Replace all lines of the log by one, with the events to keep and the whole state.

        Return whether it is on the disk.
        """
        self.data.take_changes()
        self._log.async_replace(
            {
                "events": [Fragment(row) for row in self.kept_events()],
                "handled": list(self.data.deduplicator.known),
                "state": self.data.as_dict(),
            }
        )
        await self._log.async_write()
        return not self._log.fails

    def _add_line(self) -> None:
        """Add what has happened and changed to what is written next."""
        if changes := self.data.take_changes():
            self._log.async_add(changes)

    async def async_save_expiry(self, credential: Credential) -> None:
        """Save the expiry of a credential. Raises HomeAssistantError if it is not on the disk then.

        Home Assistant only logs a failed write, as on a full disk, so the file is read back.
        """
        expiry = self.data.expiries.known[credential]
        await self.async_save()
        match await self._store.async_read_back():
            case {"data": {"endings": endings}}:
                written = ExpiryRegistry.from_list(self.model, endings).known
            case _:
                written = {}
        # It may have been used or deleted meanwhile, which is another write.
        if written.get(credential) not in (expiry, self.data.expiries.known.get(credential)):
            raise translatable(HomeAssistantError, "not_written", lock=self.name)

    async def async_stop(self) -> None:
        """Save the state before the entry is unloaded. Later changes are not saved."""
        await self.async_shutdown()
        await self.async_save()
        self._stopped = True

    @callback
    def _async_abandon(self) -> None:
        """Stop saving: a new coordinator may know more, or the lock may have been removed."""
        if not self._stopped:
            self._stopped = True
            self._store.async_cancel()
            self._log.async_cancel()
            if self._cancel_write:
                self._cancel_write()

    def _write_by(self, at: float) -> None:
        """Write changes by a time of the event loop's clock; a later time does not postpone it."""
        if at < self._write_at and not self._shutdown_requested and not self._stopped:
            if self._cancel_write:
                self._cancel_write()
            self._write_at = at
            job = HassJob(self._write, "write the log", cancel_on_shutdown=True)
            self._cancel_write = async_call_at(self.hass, job, at)

    @callback
    def _write(self, _now: datetime) -> None:
        self._write_at, self._written_at = math.inf, self.hass.loop.time()
        self._cancel_write = None
        self.hass.async_create_task(self.async_write(), f"write the log of {self.name}")

    def _write_values(self) -> None:
        """Write within SAVE_DELAY if values have changed."""
        if self.data.unwritten.values:
            self._write_by(self.hass.loop.time() + SAVE_DELAY)

    def write_event(self) -> None:
        """Write very soon after an event; events of a burst are written together."""
        soon = self.hass.loop.time() + SAVE_DELAY_OF_AN_EVENT
        self._write_by(max(soon, self._written_at + SAVE_DELAY_OF_EVENTS))

    def save_soon(self) -> None:
        """Save the state within SAVE_DELAY, with changes that no event told."""
        if not self._shutdown_requested and not self._stopped:
            self._store.async_delay_save(self._as_dict, SAVE_DELAY)

    def _as_dict(self) -> dict[str, Any]:
        """Return the state to save, with the number of the last line of the log that it has."""
        self._add_line()
        device = asdict(replace(self.device, token=None))
        del device["token"], device["online"]
        return {"device": device, "line": self._log.number, "data": self.data.as_dict()}

    @callback
    def read_soon(self) -> None:
        """Read the lock once it has had time to report what it did; several calls are one."""
        if not self._reads_soon:
            self._reads_soon = True
            self.in_background(self._async_read_soon())

    async def _async_read_soon(self) -> None:
        await asyncio.sleep(REPORTS_WITHIN)
        self._reads_soon = False
        await self.async_request_refresh()

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine in the background, until the entry is unloaded."""
        self.config_entry.async_create_background_task(self.hass, work, self.name)

    def record_contact(self, contact: float) -> None:
        """Record a response now, and when the lock itself last reported, in Unix seconds.

        Both are written within SAVE_DELAY_OF_CONTACT.
        """
        self.data.last_response = time.time()
        self.data.record_contact(contact)
        self._write_by(self.hass.loop.time() + SAVE_DELAY_OF_CONTACT)

    def _take(
        self,
        address: Address,
        raw: object,
        told: float | None = None,
        updated: float | None = None,
    ) -> None:
        """Store a value that the specification allows; another one makes the property unknown."""
        if raw is None:
            return
        if (prop := self.model.spec.properties.get(address)) is None:
            self.reject(address)
            return
        try:
            value = prop.validate(raw)
        except InvalidValueError as error:
            if prop.format in FORMATS:
                self.reject(address, error)
            # A string may be a secret, even one of digits, so its number is not kept.
            may_be_secret = prop.format == "string" or address in self.model.secret
            self.data.forget(address, None if may_be_secret else number(raw), told)
        else:
            self.data.set(address, value, told, updated)
            if address == self._hardware_version:
                self._show_device()

    def _show_device(self) -> None:
        """Update name and versions on the device page.

        A name that the user gave takes precedence in Home Assistant.
        """
        self.name = self.device.name
        if device := async_device_of(self.hass, self.config_entry, self.device.did):
            dr.async_get(self.hass).async_update_device(
                device.id,
                name=shortened(self.device.name),
                sw_version=self.device.firmware,
                hw_version=self.hardware_version,
            )

    @property
    def hardware_version(self) -> str | None:
        """The hardware version, None until the lock has reported it."""
        version = self._hardware_version and self.data.values.get(self._hardware_version)
        return None if version is None else text(version)

    def reject(self, address: Address, reason: object = None) -> None:
        """Count what the specification does not allow; warn of the first per address.

        ``reason`` is what is wrong with a value, None if there is no such item.
        """
        if not self.model.spec.services:
            return  # It is not known yet.
        rejected, name = self.data.rejected, "{}.{}".format(*address)
        if reason is None:
            warning = f"{name}, which its specification does not have"
        elif address in self.model.secret:
            warning = f"a value of {name}, a secret, that its specification does not allow"
        else:
            warning = f"a value of {name} that its specification does not allow: {reason}"
        if name not in rejected and len(rejected) >= MOST_REJECTED:
            name = OTHERS
        level = logging.DEBUG if name in rejected or name == OTHERS else logging.WARNING
        _LOGGER.log(level, "%s sent %s", self.name, warning)
        rejected[name] += 1


def _is_gone(code: int) -> bool:
    return REASONS.get(code) in (Reason.NO_SUCH_DEVICE, Reason.NOT_AUTHORISED)
