"""Runtime of a config entry: creates and connects all parts of each lock."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers.device_registry import format_mac
from homeassistant.helpers.event import async_call_later

from .account.app_session import AppSession, async_link
from .account.clients import async_cloud, async_token_keeper
from .account.endpoints import async_broker_trust, async_endpoints
from .account.entry_data import async_offer_new_locks, lock_ids
from .account.specifications import async_learn_specification, async_models_of
from .connection import Connection, async_devices
from .const import (
    CONF_APP,
    CONF_DID,
    CONF_JOURNAL_ENTRIES,
    CONF_KEEP_PICTURES,
    CONF_UUID,
    JOURNAL_ENTRIES,
    KEEP_PICTURES,
)
from .control.setting_queue import SettingQueue
from .coordinator import LockCoordinator, async_stored_device
from .credentials.app_names import AppNames
from .credentials.commands import CredentialCommands
from .credentials.enrolment import Enrolment
from .credentials.expiry_worker import ExpiryWorker
from .credentials.first_sync import FirstSync
from .credentials.guests import Guests
from .credentials.unknown import UnknownCredentials
from .events.history_sync import HistorySync
from .events.journal import Journal
from .events.operation import OperationLog
from .events.processor import EventProcessor
from .lock_log import async_log
from .media.latest_pictures import LatestPictures
from .media.picture_archive import PictureArchive
from .media.recordings import Recordings
from .miot.client import EventOccurred, OnlineChanged, PropertyChanged
from .miot.cloud import Device
from .miot.instance import plain, revision_of
from .miot.local import LocalClient
from .miot.push import Push
from .model.lock_model import LockModel, model_of
from .model.s1 import S1
from .model.tables import Ability
from .people import async_follow_deletions
from .reporting.issues import Issue, async_clear_passing_issues, async_raise_issue
from .reporting.reporter import LockReporter
from .session import LockSession
from .wording.phrases import listed
from .wording.reasons import translatable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from homeassistant.helpers.device_registry import DeviceInfo

    from .miot.client import Message
    from .undescribed import Undescribed

LEARN_AGAIN_AFTER: Final = (60, 600, 3600, 6 * 3600, 24 * 3600)
"""Seconds until specifications are asked for again that could not be had; the last one repeats."""

type LockConfigEntry = ConfigEntry[Runtime]


class LockRuntime:
    """All parts of one lock."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: LockConfigEntry,
        connection: Connection,
        lock: Device,
        model: LockModel,
    ) -> None:
        """Create the parts. Nothing is read, received or sent yet."""
        client = connection.cloud or connection.local
        assert client is not None  # noqa: S101
        self.model = model
        self.undescribed: Undescribed = {}
        """What only its specification describes."""
        self.device_info: DeviceInfo | None = None
        """The device that its entities share, None before the first is added."""
        self.session = LockSession(hass, entry, client, lock, lambda: connection.hears)
        self.reporter = LockReporter(hass, entry, self.session)
        self.log = async_log(hass, lock.did)
        self.coordinator = LockCoordinator(
            hass, entry, self.session, model, self.reporter, self.log
        )
        entries = int(entry.options.get(CONF_JOURNAL_ENTRIES, JOURNAL_ENTRIES))
        self.journal = Journal(self.coordinator, entries)
        self.events = EventProcessor(self.coordinator, self.journal, self.reporter)
        self.operations = OperationLog(self.coordinator, self.reporter)
        self.settings = SettingQueue(self.session, self.coordinator, self.reporter)
        self.commands = CredentialCommands(self.session, self.coordinator, self.events)
        self.expiry = ExpiryWorker(self.session, self.coordinator, self.commands, self.reporter)
        self.enrolment = Enrolment(
            self.session, self.coordinator, self.commands, self.expiry, self.reporter
        )
        self.first_sync = FirstSync(self.session, self.coordinator, self.commands)
        self.guests = Guests(self.coordinator, self.expiry, connection.coordinators)
        self.unknown = UnknownCredentials(self.coordinator, self.events, self.reporter)
        days = int(entry.options.get(CONF_KEEP_PICTURES, KEEP_PICTURES))
        sees = CONF_APP in entry.data and model.can(Ability.CAMERA)
        self.archive = PictureArchive(self.coordinator, days if sees else 0)
        self.pictures: LatestPictures | None = None
        self.history: HistorySync | None = None
        self.app_names: AppNames | None = None
        # Add it after the setting queue: settings are written to a lock that wakes up before it is
        # read.
        connection.add_lock(self.coordinator)

    @property
    def is_learned(self) -> bool:
        """Whether the specification is that of the lock's own URN, and no earlier one serves."""
        urn = self.session.device.urn
        return revision_of(urn) is None or self.model.spec.urn == plain(urn)

    def link(self, session: AppSession) -> None:
        """Add the parts that use the Mi Home app session: history, pictures and names."""
        self.history = HistorySync(self.coordinator, self.journal, self.events, session)
        if self.model.can(Ability.CAMERA):
            self.pictures = LatestPictures(
                self.coordinator, self.events, session, self.archive.async_keep
            )
        if self.model.can(Ability.MANAGEMENT):
            self.app_names = AppNames(self.coordinator, session)

    async def async_load(self) -> None:
        """Restore state and journal from before the restart."""
        lines = await self.log.async_load()
        await self.coordinator.async_load(lines)
        is_whole = await self.journal.async_load(lines)
        if self.log.unreadable:
            await self.coordinator.async_rewrite_log()
        if self.log.unreadable or not is_whole:
            self.reporter.raise_issue(Issue.JOURNAL)

    @callback
    def async_handle(self, message: Message) -> None:
        """Process a pushed message: store it, update the entities, then fire the event."""
        now = time.time()
        self.coordinator.async_hear(now)
        match message:
            case PropertyChanged(address, raw):
                self.coordinator.async_set_property(address, raw, now)
                if self.settings.reports_pending_value(address):
                    self.coordinator.in_background(self.coordinator.async_request_refresh())
            case EventOccurred():
                self.events.process(message, now)
                self.coordinator.async_show_news()
            case OnlineChanged(online):
                self.coordinator.async_set_awake(awake=online)

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start the background work; return a function that stops it."""
        self.archive.async_start()
        if self.pictures:
            self.pictures.async_start()
        stops = [
            async_follow_deletions(self.coordinator),
            self.guests.async_start(),
            self.expiry.async_start(),
            self.unknown.async_start(),
            self.first_sync.async_start(),
        ]
        if event := self.model.lock_event:
            stops.append(self.events.async_listen(event, self.operations.log))

        @callback
        def stop() -> None:
            for stop_one in stops:
                stop_one()

        return stop

    async def async_stop(self) -> None:
        """Save state and journal before the entry is unloaded. Later changes are not saved."""
        await self.coordinator.async_stop()


@dataclass
class Runtime:
    """The connection of a config entry, its locks, and its Mi Home app session."""

    hass: HomeAssistant
    entry: LockConfigEntry
    connection: Connection
    locks: dict[str, LockRuntime] = field(default_factory=dict)
    """Locks by did."""
    link: AppSession | None = None
    recordings: Recordings | None = None
    _stops: list[CALLBACK_TYPE] = field(default_factory=list)

    @cached_property
    def macs(self) -> Counter[str]:
        """How many of the locks have each MAC address, as Home Assistant writes it."""
        return Counter(format_mac(lock.session.device.mac or "") for lock in self.locks.values())

    @property
    def push(self) -> Push | None:
        """The push connection, None for a lock on the local network."""
        return self.connection.push

    @callback
    def async_listen(self) -> None:
        """Start push and history sync.

        Call after the platforms are set up, so that no event comes before its entity.
        """
        self._stops = [lock.history.async_start() for lock in self.locks.values() if lock.history]
        if self.push:
            self.push.release()

    @callback
    def async_keep_learning(self) -> None:
        """Learn specifications in the background: now, and again after each of LEARN_AGAIN_AFTER.

        This ends when the entry is unloaded.
        """
        pauses = chain(LEARN_AGAIN_AFTER, repeat(LEARN_AGAIN_AFTER[-1]))
        cancel: CALLBACK_TYPE | None = None

        @callback
        def begin(_now: datetime | None = None) -> None:
            self.entry.async_create_background_task(self.hass, learn(), "learn specifications")

        async def learn() -> None:
            nonlocal cancel
            await self.async_learn_specifications()
            again = HassJob(begin, "learn specifications", cancel_on_shutdown=True)
            cancel = async_call_later(self.hass, next(pauses), again)

        @callback
        def end() -> None:
            if cancel:
                cancel()

        self.entry.async_on_unload(end)
        begin()

    async def async_learn_specifications(self) -> None:
        """Fetch the specifications that are due, and reload to show what they add."""
        # Of several locks with the same one, the first one notes what is new.
        by_urn = {lock.session.device.urn: lock for lock in reversed(self.locks.values())}
        learned = await asyncio.gather(
            *(
                async_learn_specification(self.hass, lock.session.device, lock.model, lock.reporter)
                for lock in by_urn.values()
            )
        )
        if any(learned):
            self.hass.config_entries.async_schedule_reload(self.entry.entry_id)

    async def async_stop_listening(self) -> None:
        """Stop history sync, actions, enrollment and push.

        Call before the platforms are unloaded: later messages would be stored but shown by no
        entity.
        """
        for stop in self._stops:
            stop()
        await asyncio.gather(*(lock.session.attempts.async_stop() for lock in self.locks.values()))
        await asyncio.gather(*(lock.enrolment.async_stop() for lock in self.locks.values()))
        await self.connection.async_stop_listening()

    async def async_read_app_names(self) -> None:
        """Have the names of the locks' users in the Mi Home app read, where it is linked."""
        readers = [lock.app_names for lock in self.locks.values() if lock.app_names]
        await asyncio.gather(*(reader.async_read() for reader in readers))

    async def async_end(self, _event: Event) -> None:
        """Stop polling and push when Home Assistant stops, and save all locks."""
        self.connection.async_stop()
        await self.async_stop_listening()
        for lock in self.locks.values():
            await lock.async_stop()


async def async_create_runtime(hass: HomeAssistant, entry: LockConfigEntry) -> Runtime:
    """Connect, and return the runtime.

    Raises ConfigEntryAuthFailed if signing in again helps, and ConfigEntryNotReady if waiting
    helps.
    """
    # Register this first: nothing updates these issues after a failed setup either.
    entry.async_on_unload(partial(async_clear_passing_issues, hass, entry, lock_ids(entry)))
    create = _async_create_local if CONF_HOST in entry.data else _async_create_cloud
    runtime = await create(hass, entry)
    if link := await async_link(hass, entry):
        models = {
            did: lock.model for did, lock in runtime.locks.items() if lock.model.can(Ability.CAMERA)
        }
        runtime.link, runtime.recordings = link, Recordings(hass, entry, link, models)
        for lock in runtime.locks.values():
            lock.link(link)
    return runtime


async def _async_create_local(hass: HomeAssistant, entry: LockConfigEntry) -> Runtime:
    model = await hass.async_add_executor_job(model_of, S1.model)
    device = Device(
        did=entry.data[CONF_DID],
        name=entry.title,
        model=S1.model,
        urn=model.spec.urn,
        online=False,
        firmware=entry.data.get("firmware"),
        mac=entry.data.get("mac"),
        address=entry.data[CONF_HOST],
        token=None,
    )
    client = LocalClient(entry.data[CONF_HOST], entry.data[CONF_TOKEN])
    connection = Connection(hass, entry, local=client)
    return await _async_start(Runtime(hass, entry, connection), {device.did: device})


async def _async_create_cloud(hass: HomeAssistant, entry: LockConfigEntry) -> Runtime:
    region, uuid = entry.data[CONF_REGION], entry.data[CONF_UUID]
    keeper = await async_token_keeper(hass, entry)
    endpoints, _ = await async_endpoints(hass)
    cloud = await async_cloud(hass, region, keeper)
    entry.async_on_unload(cloud.close)
    connection = Connection(hass, entry, cloud=cloud)
    tls = await async_broker_trust(hass, endpoints, region)
    await connection.async_subscribe(Push(tls, endpoints, region, uuid, keeper))
    devices = await async_devices(connection, cloud)
    runtime = await _async_start(Runtime(hass, entry, connection), devices)
    async_offer_new_locks(hass, entry, devices.values())
    return runtime


async def _async_completed(hass: HomeAssistant, device: Device) -> Device:
    """Return a lock of which the account tells little, with what was stored of it."""
    known = await async_stored_device(hass, device.did)
    return device.completed(known) if known else device


async def _async_start(runtime: Runtime, devices: Mapping[str, Device]) -> Runtime:
    """Start the entry's locks that are in the account, and raise an issue for each other lock."""
    hass, entry, connection = runtime.hass, runtime.entry, runtime.connection
    devices = {
        did: device if device.model else await _async_completed(hass, device)
        for did in lock_ids(entry)
        if (device := devices.get(did))
    }
    models = await async_models_of(hass, devices.values())
    gone: list[str] = []
    for did in lock_ids(entry):
        if device := devices.get(did):
            model = models[device.model, device.urn]
            lock = runtime.locks[did] = LockRuntime(hass, entry, connection, device, model)
            if connection.push:
                connection.push.subscribe(did, lock.async_handle)
            continue
        if connection.push:
            connection.push.unsubscribe(did)
        if connection.listed:
            known = await async_stored_device(hass, did)
            gone.append(known.name if known else did)
            async_raise_issue(hass, entry, Issue.GONE, did, lock=gone[-1])
    if not runtime.locks:
        raise translatable(ConfigEntryNotReady, "gone", lock=listed(hass, gone))
    await asyncio.gather(*(lock.async_load() for lock in runtime.locks.values()))
    await connection.async_start()
    return runtime
