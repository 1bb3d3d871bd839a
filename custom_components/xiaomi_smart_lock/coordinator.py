"""One lock: what it and its connection say becomes what its entities show."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import (
    ConfigEntryAuthFailed,
    HomeAssistantError,
    ServiceValidationError,
)
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.storage import Store
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed

from .const import DOMAIN, PATIENCE_CLOUD, PATIENCE_LOCAL
from .miot.client import EventOccurred, Message, OnlineChanged, PropertyChanged
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
from .state import LockData, Occurrence

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from . import LockConfigEntry
    from .miot.client import Client
    from .miot.cloud import Device

_LOGGER = logging.getLogger(__name__)

READABLE: Final = SPEC.having(Access.READ)
HARDWARE_VERSION: Final = (11, 4)
STORAGE_VERSION: Final = 1
SAVE_DELAY: Final = 30  # seconds in which changes are written together

type EventListener = Callable[[Occurrence], None]


def store(hass: HomeAssistant, did: str) -> Store[dict[str, Any]]:
    """Return where what is known of a lock is kept."""
    return Store(hass, STORAGE_VERSION, f"{DOMAIN}.{did}", private=True)


class LockCoordinator(DataUpdateCoordinator[LockData]):
    """Holds what is known of one lock; asks, listens, writes and has it act."""

    config_entry: LockConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: LockConfigEntry,
        client: Client,
        device: Device,
        *,
        pushes: bool,
    ) -> None:
        """Prepare for a lock; ``pushes`` says whether its connection tells of it by itself."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=device.name)
        self.client = client
        self.device = device
        self.pushes = pushes
        self._patience = (PATIENCE_CLOUD if pushes else PATIENCE_LOCAL).total_seconds()
        self._store = store(hass, device.did)
        self._event_listeners: dict[Address, list[EventListener]] = {}
        self._watchers: dict[Address, list[CALLBACK_TYPE]] = {}
        self.data = LockData(awake=device.online)

    @override
    async def _async_setup(self) -> None:
        """Start from what was known before the restart."""
        if stored := await self._store.async_load():
            self.data = LockData.from_dict(stored)
            self.data.awake = self.device.online

    @override
    async def _async_update_data(self) -> LockData:
        """Read all that can be read; what is pushed meanwhile is newer and wins."""
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
            raise UpdateFailed(
                translation_domain=DOMAIN,
                translation_key="gone",
                translation_placeholders={"lock": self.name},
            )
        self._heard()
        if not self.pushes:
            self.data.awake = True
        for address, reading in readings.items():
            unchanged = self.data.values.get(address) == before.get(address)
            if reading.code == 0 and unchanged:
                self._take(address, reading.value)
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
        self._heard()
        match message:
            case PropertyChanged(address, raw):
                self._take(address, raw)
            case EventOccurred(address, raw):
                self._handle_event(address, raw)
            case OnlineChanged(online):
                self.async_set_awake(awake=online)
                return
        self._async_show_news()

    @callback
    def _async_show_news(self) -> None:
        """Update the entities that news concern, which are few of many."""
        news, self.data.news = self.data.news, set()
        concerned = (watcher for address in news for watcher in self._watchers.get(address, ()))
        for watcher in dict.fromkeys(concerned):
            watcher()

    @callback
    def async_set_awake(self, *, awake: bool) -> None:
        """Take whether the lock is awake; one that wakes up is asked how it is."""
        woke_up = awake and not self.data.awake
        self.data.awake = awake
        self.async_update_listeners()
        if woke_up:
            self.config_entry.async_create_background_task(
                self.hass, self.async_request_refresh(), f"{self.name} woke up"
            )

    @callback
    def async_set_device(self, device: Device) -> None:
        """Take what the account's device list says."""
        self.device = device
        self._show_versions()
        self.async_set_awake(awake=device.online)

    async def async_write(self, address: Address, value: Value) -> None:
        """Set a property at the lock and show it at once; raises HomeAssistantError."""
        try:
            SPEC.properties[address].validate(value)
        except InvalidValueError as error:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="invalid_value",
                translation_placeholders={"lock": self.name},
            ) from error
        await self._ask(self.client.write(self.device.did, address, value))
        self.data.set(address, value)
        self.async_update_listeners()

    async def async_act(self, address: Address, *inputs: Value) -> list[object]:
        """Have the lock do something; raises HomeAssistantError."""
        return await self._ask(self.client.act(self.device.did, address, inputs))

    async def async_save(self) -> None:
        """Write down what is known, before the entry goes; what comes later is not kept."""
        await self.async_shutdown()
        await self._store.async_save(self.data.as_dict())

    async def _ask[Answer](self, request: Awaitable[Answer]) -> Answer:
        """Await an answer, or raise what went wrong in the user's words."""
        try:
            answer = await request
        except NotSignedInError as error:
            self.config_entry.async_start_reauth(self.hass)
            raise HomeAssistantError(
                translation_domain=DOMAIN, translation_key="not_signed_in"
            ) from error
        except ResultError as error:
            if error.reason is Reason.ASLEEP:
                self.async_set_awake(awake=False)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key=f"lock_{error.reason}",
                translation_placeholders={"lock": self.name, "code": str(error.code)},
            ) from error
        except CannotConnectError as error:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="no_answer",
                translation_placeholders={"lock": self.name, "error": str(error)},
            ) from error
        self._heard()
        return answer

    def _heard(self) -> None:
        """Note that there was contact just now, and that there is something new to keep."""
        self.data.heard = time.time()
        if not self._shutdown_requested:
            self._store.async_delay_save(self.data.as_dict, SAVE_DELAY)

    def _take(self, address: Address, raw: object) -> None:
        """Take a value if the specification allows it."""
        try:
            value = SPEC.properties[address].validate(raw)
        except KeyError:
            self._reject(address, "no such property")
        except InvalidValueError as error:
            self._reject(address, error)
        else:
            self.data.set(address, value)
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

    def _handle_event(self, address: Address, raw: object) -> None:
        """Take an event once, and hand it over to who listens."""
        event = SPEC.events.get(address)
        if event is None:
            self._reject(address, "no such event")
            return
        arguments: dict[int, Value] = {}
        try:
            for argument, its_raw in event.pair(raw).items():
                try:
                    arguments[argument.address[1]] = argument.validate(its_raw)
                except InvalidValueError as error:
                    self._reject(argument.address, error)
        except InvalidValueError as error:
            self._reject(address, error)
            return
        occurrence = Occurrence(event, arguments)
        if self.data.record(occurrence):
            for listener in self._event_listeners.get(occurrence.kind, ()):
                listener(occurrence)

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
