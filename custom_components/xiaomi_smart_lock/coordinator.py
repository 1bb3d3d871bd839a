"""One lock: what it and its connection say becomes what its entities show."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.const import CONF_HOST
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    HomeAssistantError,
    ServiceValidationError,
)
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.storage import Store
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from .const import (
    CONF_LATE_AFTER,
    CONF_PENDING_FOR,
    CONF_UNAVAILABLE_AFTER,
    DOMAIN,
    LATE_AFTER,
    PENDING_FOR,
    UNAVAILABLE_AFTER_CLOUD,
    UNAVAILABLE_AFTER_LOCAL,
)
from .ender import Ender
from .issues import Issue, async_settle, async_tell
from .management import Management
from .miot.client import EventOccurred, Message, OnlineChanged, PropertyChanged
from .miot.cloud import Device
from .miot.errors import (
    REASONS,
    CannotConnectError,
    InvalidValueError,
    MiotError,
    NotSignedInError,
    Reason,
    ResultError,
)
from .miot.spec import SPEC, Access, Address, Value
from .state import PEOPLE, LockData, Occurrence, Pending
from .words import in_words

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from homeassistant.core import HomeAssistant

    from . import LockConfigEntry
    from .miot.client import Client
    from .miot.spec import Property

_LOGGER = logging.getLogger(__name__)

READABLE: Final = SPEC.having(Access.READ)
SET_CLOCK: Final = (9, 1)
HARDWARE_VERSION: Final = (11, 4)
STORAGE_VERSION: Final = 1
SAVE_DELAY: Final = 30  # seconds in which changes are written together
SAVE_DELAY_OF_EVENTS: Final = 1  # the same for events, which must not come again after a restart

type EventListener = Callable[[Occurrence], None]


def store(hass: HomeAssistant, did: str) -> Store[dict[str, Any]]:
    """Return where what is known of a lock is kept."""
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{did}", private=True)


async def async_stored_device(hass: HomeAssistant, did: str) -> Device | None:
    """Return what was last known of a lock as a device of the account."""
    match await store(hass, did).async_load():
        case {"device": device}:
            return Device(**device, online=False, token=None)
    return None


class LockCoordinator(DataUpdateCoordinator[LockData]):
    """Holds what is known of one lock; asks, listens, writes and has it act."""

    config_entry: LockConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: LockConfigEntry,
        client: Client,
        device: Device,
    ) -> None:
        """Prepare for a lock of an entry."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=device.name)
        self.client = client
        self.device = device
        self.pushes = CONF_HOST not in entry.data
        """Whether the connection tells of the lock by itself."""
        unavailable_after = UNAVAILABLE_AFTER_CLOUD if self.pushes else UNAVAILABLE_AFTER_LOCAL
        self._patience = 60 * entry.options.get(CONF_UNAVAILABLE_AFTER, unavailable_after)
        self._late_after = 60 * entry.options.get(CONF_LATE_AFTER, LATE_AFTER)
        self._pending_for = 3600 * entry.options.get(CONF_PENDING_FOR, PENDING_FOR)
        self._store = store(hass, device.did)
        self._event_listeners: dict[Address, list[EventListener]] = {}
        self._watchers: dict[Address, list[CALLBACK_TYPE]] = {}
        self._writing = asyncio.Lock()
        self.management = Management(self)
        self.ender = Ender(self)
        self._save_at = math.inf
        self.data = LockData(awake=device.online)

    @override
    async def _async_setup(self) -> None:
        """Start from what was known before the restart."""
        if stored := await self._store.async_load():
            self.data = LockData.from_dict(stored.get("data", {}))
            self.data.awake = self.device.online
        if self.data.clock.is_off:
            self._tell(Issue.CLOCK)

    @override
    async def _async_update_data(self) -> LockData:
        """Read all that can be read; what came from the lock meanwhile is newer and wins."""
        self._drop_expired()
        before = dict(self.data.values)
        try:
            readings = await self.client.read(self.device.did, READABLE)
        except NotSignedInError as error:
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN, translation_key="not_signed_in"
            ) from error
        except MiotError as error:
            if not self.pushes:
                self.data.awake = False
            if time.time() - self.data.heard < self._patience:
                _LOGGER.debug("%s: no reading: %s", self.name, error)
                return self.data
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="out_of_reach",
                translation_placeholders={"lock": self.name, "error": str(error)},
            ) from error
        if readings and all(_is_gone(reading.code) for reading in readings.values()):
            self._tell(Issue.GONE)
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="gone",
                translation_placeholders={"lock": self.name},
            )
        self._settle(Issue.GONE)
        told = [reading.updated for reading in readings.values() if reading.updated]
        self._heard(contact=max(told, default=0) if self.pushes else time.time())
        if not self.pushes:
            self.data.awake = True
        for address, reading in readings.items():
            known = self.data.values.get(address)
            if reading.code == 0 and known in (before.get(address), reading.value):
                self._take(address, reading.value)
        if self.data.awake and self.data.pending:
            self._in_background(self.async_deliver())
        return self.data

    @callback
    def async_listen(self, kind: Address, listener: EventListener) -> Callable[[], None]:
        """Have an event handed over each time that it happens; returns how to stop that."""
        listeners = self._event_listeners.setdefault(kind, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    @callback
    def async_watch(self, address: Address, watcher: CALLBACK_TYPE) -> CALLBACK_TYPE:
        """Have news of a property or an event told; returns how to stop that."""
        watchers = self._watchers.setdefault(address, [])
        watchers.append(watcher)
        return lambda: watchers.remove(watcher)

    @callback
    def async_handle(self, message: Message) -> None:
        """Take what the connection heard from the lock."""
        now = time.time()
        self._heard(contact=now)
        match message:
            case PropertyChanged(address, raw):
                self._take(address, raw, told=now)
                if self._seems_delivered(address):
                    self._in_background(self.async_request_refresh())
            case EventOccurred(address, raw):
                self._handle_event(address, raw, now)
            case OnlineChanged(online):
                self.async_set_awake(awake=online)
                return
        self._async_show_news()

    @callback
    def async_show_people(self) -> None:
        """Have the names of people shown as they are now."""
        self.data.news.add(PEOPLE)
        self._async_show_news()

    def _seems_delivered(self, address: Address) -> bool:
        """Say whether the lock told what waits for it, and not since we write it just now."""
        wanted = self.data.pending.get(address)
        has_it = wanted is not None and wanted.value == self.data.values.get(address)
        return has_it and not self._writing.locked()

    @callback
    def _async_show_news(self) -> None:
        """Update the entities that news concern, which are few of many."""
        news, self.data.news = self.data.news, set()
        concerned = (watcher for address in news for watcher in self._watchers.get(address, ()))
        for watcher in dict.fromkeys(concerned):
            watcher()

    @callback
    def async_set_awake(self, *, awake: bool) -> None:
        """Take whether the lock is awake; one that wakes up gets what waits, and is read."""
        woke_up = awake and not self.data.awake
        self.data.awake = awake
        self.async_update_listeners()
        if woke_up:
            self._in_background(self.async_deliver())
            self._in_background(self.async_request_refresh())

    @callback
    def async_set_device(self, device: Device) -> None:
        """Take what the account's device list says."""
        self.device = device
        self._show_versions()
        self.async_set_awake(awake=device.online)

    async def async_write(self, address: Address, value: Value) -> None:
        """Set a property and show it at once; where the lock is asleep, keep it until it wakes.

        Raises HomeAssistantError where the lock refuses.
        """
        try:
            SPEC.properties[address].validate(value)
        except InvalidValueError as error:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="invalid_value",
                translation_placeholders={"lock": self.name},
            ) from error
        wanted = Pending(value, time.time())
        self.data.pending.pop(address, None)
        self.data.pending[address] = wanted
        # Written down before it is tried: it survives whatever happens meanwhile.
        await self.async_save()
        failure = await self._deliver(address)
        refused = failure if failure and not _may_wait(failure) else None
        if refused:
            self._drop(address, wanted)
        self.async_update_listeners()
        # And after: what was delivered or refused must not come again after a restart.
        await self.async_save()
        if refused:
            raise self.failure(refused) from refused

    async def async_deliver(self) -> None:
        """Write what waits for the lock, as long as it takes it."""
        for address, wanted in list(self.data.pending.items()):
            error = await self._deliver(address)
            if isinstance(error, ResultError) and not _may_wait(error):
                self._drop(address, wanted)
                self.data.undelivered[address] = None
            elif error:
                break
        self._tell_undelivered()
        await self.async_save()
        self.async_update_listeners()

    async def _deliver(self, address: Address) -> MiotError | None:
        """Write what waits for a property; return what went wrong."""
        async with self._writing:
            if (wanted := self.data.pending.get(address)) is None:
                return None
            try:
                await self.client.write(self.device.did, address, wanted.value)
            except MiotError as error:
                self._note_sleep(error)
                return error
            self._heard(contact=time.time())
            self.data.set(address, wanted.value)
            self._drop(address, wanted)
        if address in self.data.undelivered:
            del self.data.undelivered[address]
            self._tell_undelivered()
        return None

    def _drop(self, address: Address, wanted: Pending) -> None:
        """Have a setting wait no longer, unless something newer is wanted by now."""
        if self.data.pending.get(address) is wanted:
            del self.data.pending[address]

    async def async_discard_pending(self) -> None:
        """Forget what waits for the lock."""
        self.data.pending.clear()
        await self.async_save()
        self.async_update_listeners()

    async def async_act(self, address: Address, *inputs: Value) -> list[object]:
        """Have the lock do something, now or not at all; raises HomeAssistantError."""
        try:
            return await self.async_ask(address, *inputs)
        except MiotError as error:
            raise self.failure(error) from error

    async def async_ask(self, address: Address, *inputs: Value) -> list[object]:
        """Have the lock do something as ``async_act`` does; raises MiotError."""
        try:
            outputs = await self.client.act(self.device.did, address, inputs)
        except MiotError as error:
            self._note_sleep(error)
            raise
        self._heard(contact=time.time())
        return outputs

    async def async_set_clock(self) -> None:
        """Set the lock's clock to Home Assistant's time and zone; raises HomeAssistantError."""
        offset = dt_util.now().utcoffset() or timedelta()
        hours = round(offset / timedelta(minutes=15)) / 4
        await self.async_act(SET_CLOCK, hours, int(time.time()))
        self.data.clock.was_set()
        self._settle(Issue.CLOCK)

    async def async_save(self) -> None:
        """Write down what is known, now."""
        await self._store.async_save(self._as_dict())

    async def async_stop(self) -> None:
        """Write down what is known, before the entry goes; what comes later is not kept."""
        await self.async_shutdown()
        await self.async_save()

    def _save_within(self, seconds: float) -> None:
        """Write down what is known soon; asking again does not put it off."""
        at = self.hass.loop.time() + seconds
        if at < self._save_at and not self._shutdown_requested:
            self._save_at = at
            self._store.async_delay_save(self._as_dict, seconds)

    def _as_dict(self) -> dict[str, Any]:
        """Return what is written down, when it is."""
        self._save_at = math.inf
        device = asdict(replace(self.device, token=None))
        del device["token"], device["online"]
        return {"device": device, "data": self.data.as_dict()}

    def failure(self, error: MiotError) -> HomeAssistantError:
        """Return what went wrong in the user's words; starts signing in again where that helps."""
        key, placeholders = "no_answer", {"error": str(error)}
        if isinstance(error, NotSignedInError):
            self.config_entry.async_start_reauth(self.hass)
            key, placeholders = "not_signed_in", {}
        elif isinstance(error, ResultError):
            key, placeholders = f"lock_{error.reason}", {"code": str(error.code)}
        return HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key=key,
            translation_placeholders={"lock": self.name, **placeholders},
        )

    def _note_sleep(self, error: MiotError) -> None:
        if isinstance(error, ResultError) and error.reason is Reason.ASLEEP:
            self.async_set_awake(awake=False)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self.config_entry.async_create_background_task(self.hass, work, self.name)

    def _heard(self, contact: float) -> None:
        """Note that there was an answer, when the lock itself last told something, and keep it."""
        self.data.heard = time.time()
        self.data.touch(contact)
        self._save_within(SAVE_DELAY)

    def _take(self, address: Address, raw: object, told: float | None = None) -> None:
        """Take a value if the specification allows it."""
        try:
            value = SPEC.properties[address].validate(raw)
        except KeyError:
            self._reject(address, "no such property")
        except InvalidValueError as error:
            self._reject(address, error)
        else:
            self.data.set(address, value, told)
            if address == HARDWARE_VERSION:
                self._show_versions()

    def _show_versions(self) -> None:
        """Have the device page show the versions that are known now."""
        registry = dr.async_get(self.hass)
        for device in dr.async_entries_for_config_entry(registry, self.config_entry.entry_id):
            if (DOMAIN, self.device.did) in device.identifiers:
                registry.async_update_device(
                    device.id, sw_version=self.device.firmware, hw_version=self.hardware_version
                )

    @property
    def hardware_version(self) -> str | None:
        """The version of the hardware, once the lock has told it."""
        version = self.data.values.get(HARDWARE_VERSION)
        return None if version is None else str(version)

    def _handle_event(self, address: Address, raw: object, now: float) -> None:
        """Take an event once, and hand it over to who listens unless it is an old one."""
        event = SPEC.events.get(address)
        if event is None:
            self._reject(address, "no such event")
            return
        try:
            arguments = self._valid(event.pair(raw))
        except InvalidValueError as error:
            self._reject(address, error)
            return
        occurrence = Occurrence(event, arguments, now)
        if not self.data.is_new(occurrence):
            return
        self._read_clock(occurrence, now)
        self.data.record(occurrence)
        self._save_within(SAVE_DELAY_OF_EVENTS)
        if now - occurrence.when > self._late_after:
            _LOGGER.debug("%s: an event came late and only counts as history", self.name)
            return
        self.data.follow(occurrence)
        for listener in self._event_listeners.get(occurrence.kind, ()):
            listener(occurrence)

    def _read_clock(self, occurrence: Occurrence, now: float) -> None:
        """Learn from an event how far the lock's clock is off, and correct the event's time."""
        clock = self.data.clock
        was_off = clock.is_off
        occurrence.when = clock.when(occurrence.time, now)
        if clock.is_off and not was_off:
            self._tell(Issue.CLOCK)
        elif was_off and not clock.is_off:
            self._settle(Issue.CLOCK)

    def _valid(self, given: Mapping[Property, object]) -> dict[int, Value]:
        """Return the arguments that the specification allows, by piid."""
        arguments: dict[int, Value] = {}
        for argument, raw in given.items():
            try:
                arguments[argument.address[1]] = argument.validate(raw)
            except InvalidValueError as error:
                self._reject(argument.address, error)
        return arguments

    def _drop_expired(self) -> None:
        """Give up what waited too long, and say so."""
        now = time.time()
        expired = [
            address
            for address, wanted in self.data.pending.items()
            if now - wanted.since > self._pending_for
        ]
        for address in expired:
            del self.data.pending[address]
            self.data.undelivered[address] = None
        self._tell_undelivered()

    def _tell_undelivered(self) -> None:
        """Say which settings the lock did not take, until it takes them."""
        names = [in_words(self.hass, SPEC.properties[address]) for address in self.data.undelivered]
        if names:
            self._tell(Issue.UNDELIVERED, settings=", ".join(names))
        else:
            self._settle(Issue.UNDELIVERED)

    def _tell(self, issue: Issue, **texts: str) -> None:
        async_tell(self.hass, self.config_entry, issue, self.device.did, lock=self.name, **texts)

    def _settle(self, issue: Issue) -> None:
        async_settle(self.hass, self.config_entry, issue, self.device.did)

    def _reject(self, address: Address, reason: object) -> None:
        """Count what the specification does not allow, and log the first of its kind."""
        name = "{}.{}".format(*address)
        if name not in self.data.rejected:
            _LOGGER.warning(
                "%s sent %s, which its specification does not have: %s", self.name, name, reason
            )
        self.data.rejected[name] += 1


def _is_gone(code: int) -> bool:
    return REASONS.get(code) in (Reason.NO_SUCH_DEVICE, Reason.NOT_AUTHORISED)


def _may_wait(error: MiotError) -> bool:
    """Say whether a write that failed so is worth another try when the lock wakes up."""
    if isinstance(error, ResultError):
        return error.reason in (Reason.ASLEEP, Reason.TIMED_OUT)
    return isinstance(error, CannotConnectError)
