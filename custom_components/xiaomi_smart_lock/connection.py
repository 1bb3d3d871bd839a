"""The connection of a config entry: to an account with its locks, or to one lock nearby."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from homeassistant.components import webhook
from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_call_later
from homeassistant.util.hass_dict import HassKey

from .account.app_session import AppLink, async_link
from .account.endpoints import async_broker_trust, async_endpoints
from .account.entry_data import async_offer_new_locks, lock_ids, told_apart
from .const import (
    CONF_DID,
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    CONF_ROOMS,
    CONF_TOKENS,
    CONF_UUID,
    DOMAIN,
    POLL_INTERVAL_CLOUD,
    POLL_INTERVAL_LOCAL,
    POLL_INTERVAL_WITHOUT_PUSH,
)
from .coordinator import LockCoordinator, async_stored_device
from .events.history_sync import History
from .media.recordings import Recordings
from .miot.cloud import CloudClient, Device
from .miot.errors import CannotConnectError, MiotError, NotSignedInError
from .miot.instance import additions, fetch, is_newer
from .miot.local import LocalClient
from .miot.oauth import SignIn, TokenKeeper, Tokens
from .miot.push import Push, PushProblem
from .miot.spec import MODEL, SPEC
from .reporting.devices import async_device_of
from .reporting.issues import (
    Issue,
    async_settle,
    async_settle_passing,
    async_tell,
)
from .wording.phrases import listed
from .wording.reasons import reason_in_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from . import LockConfigEntry

_LOGGER = logging.getLogger(__name__)

MOST_ADDITIONS: Final = 50
"""How many new items of a specification are listed in a repair."""

PUSH_DOWN_AFTER: Final = 3600  # seconds until it is worth a word
PUSH_TAKES: Final = 2  # seconds for which the first reading waits for the connection to push
LIST_AGAIN_AFTER: Final = 3600  # seconds after which names and firmware may have changed
# Seconds in which locks that wake up are read together. Nobody waits for that reading: what they
# wake up for is pushed.
WAKING_TOGETHER: Final = 0.15

KEEPERS: Final[HassKey[dict[str, TokenKeeper]]] = HassKey(f"{DOMAIN}.keepers")
"""Who keeps the tokens of a client, or did so last: it may still be renewing them."""

ISSUES: Final = {
    PushProblem.REFUSED: Issue.PUSH_REFUSED,
    PushProblem.TAKEN_OVER: Issue.PUSH_TAKEN_OVER,
    PushProblem.WRONG_NAME: Issue.PUSH_NAME,
    PushProblem.UNTRUSTED: Issue.PUSH_UNTRUSTED,
}


def redirect_path(uuid: str) -> str:
    """Return where the sign-in of a client comes back to."""
    return webhook.async_generate_path(f"{DOMAIN}_{uuid}")


@callback
def async_lock_name(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> str:
    """Return what a lock of an entry is called, whether the entry is set up or not."""
    device = async_device_of(hass, entry, did)
    return (device and (device.name_by_user or device.name)) or did


@callback
def async_lock_names(
    hass: HomeAssistant, locks: Iterable[tuple[LockConfigEntry, str]]
) -> dict[str, str]:
    """Return what to call locks, by their dids and entries, so that one can be chosen."""
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    for entry, did in locks:
        names[did] = async_lock_name(hass, entry, did)
        places |= entry.data.get(CONF_ROOMS, {})
    return told_apart(names, places)


async def async_sign_in(hass: HomeAssistant, region: str, uuid: str) -> SignIn:
    """Return the sign-in of a client in a region."""
    endpoints, tls = await async_endpoints(hass)
    return SignIn(async_get_clientsession(hass), tls, endpoints, region, uuid)


async def async_cloud(hass: HomeAssistant, region: str, keeper: TokenKeeper) -> CloudClient:
    """Return the cloud of a region as the account whose tokens are kept."""
    endpoints, tls = await async_endpoints(hass)
    return CloudClient(async_get_clientsession(hass), tls, endpoints, region, keeper)


@dataclass
class Connection:
    """Refreshes all locks of an entry together, so that their reads share requests."""

    hass: HomeAssistant
    entry: LockConfigEntry
    coordinators: dict[str, LockCoordinator] = field(default_factory=dict)
    cloud: CloudClient | None = None
    push: Push | None = None
    link: AppLink | None = None
    recordings: Recordings | None = None
    listed: float = 0
    """When the account's list of devices was read last, in Unix seconds."""
    _cancel_poll: CALLBACK_TYPE | None = None
    _polling: asyncio.Task[None] | None = None
    _listening: asyncio.Task[None] | None = None
    _stop_histories: list[CALLBACK_TYPE] = field(default_factory=list)
    _cancel_push_down: CALLBACK_TYPE | None = None
    _cancel_woken: CALLBACK_TYPE | None = None
    _woken: dict[str, LockCoordinator] = field(default_factory=dict)
    _started: bool = False
    _missed: bool = False

    async def async_subscribe(self, push: Push) -> None:
        """Connect to push before anything is read: what is read then need not be read again.

        What push tells is kept until somebody listens. It is not waited for longer than a moment:
        a connection that comes later has all read again.
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

    async def async_start(self) -> None:
        """Read all locks for the first time, and keep reading them.

        Raises what signing in or waiting helps against, where that concerns the whole entry; a
        lock that cannot be read while another can is unavailable until it can.
        """
        locks = self.coordinators.values()
        await asyncio.gather(*(lock.async_load() for lock in locks))
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

    @callback
    def async_stop(self) -> None:
        """Stop reading."""
        self._started = False
        if self._polling:
            self._polling.cancel()
        for cancel in (self._cancel_poll, self._cancel_push_down, self._cancel_woken):
            if cancel:
                cancel()

    @callback
    def async_listen(self) -> None:
        """Hear from the locks from now on: whoever shows what they tell is there."""
        if self.link:
            self._stop_histories = [
                History(lock, self.link).async_start() for lock in self.coordinators.values()
            ]
        if self.push:
            self.push.release()

    async def async_stop_listening(self) -> None:
        """Hear nothing more: what came now would be taken, and shown by nobody."""
        for stop in self._stop_histories:
            stop()
        await asyncio.gather(*(lock.attempts.async_stop() for lock in self.coordinators.values()))
        await asyncio.gather(*(lock.management.async_stop() for lock in self.coordinators.values()))
        if self._listening:
            self._listening.cancel()
            await asyncio.wait([self._listening])

    async def async_end(self, _event: Event) -> None:
        """Neither hear nor read anything more: Home Assistant stops."""
        self.async_stop()
        await self.async_stop_listening()
        for lock in self.coordinators.values():
            await lock.async_stop()

    @callback
    def async_push_changed(self) -> None:
        """Read at once when push comes, for what it missed; say what is wrong with it."""
        assert self.push is not None  # noqa: S101
        self._missed = self._missed or self.push.connected
        for lock in self.coordinators.values():
            lock.async_update_listeners()  # Who waits for what a lock tells may wait in vain.
        self._look_at_push(self.push)
        self._schedule()

    @callback
    def _look_at_push(self, push: Push) -> None:
        """Say what is wrong with push, and when it is gone for long."""
        connected = push.connected
        where = {"host": push.host, "port": str(push.port)}
        for problem, issue in ISSUES.items():
            if push.problem is problem:
                async_tell(self.hass, self.entry, issue, **where)
            else:
                async_settle(self.hass, self.entry, issue)
        if connected:
            async_settle(self.hass, self.entry, Issue.PUSH_DOWN)
        if self._cancel_push_down and connected:
            self._cancel_push_down()
            self._cancel_push_down = None
        elif not self._cancel_push_down and not connected and self._started:
            self._cancel_push_down = async_call_later(self.hass, PUSH_DOWN_AFTER, self._push_down)

    @callback
    def _push_down(self, _now: datetime) -> None:
        if self.push and self.push.problem is None:  # else the reason is told already
            async_tell(self.hass, self.entry, Issue.PUSH_DOWN)

    @callback
    def async_read_woken(self, lock: LockCoordinator) -> None:
        """Read a lock that woke up, together with those that wake up in the same moment."""
        self._woken[lock.device.did] = lock
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
        """Return the locks that woke up and are not read yet: whoever asks reads them."""
        woken, self._woken = self._woken, {}
        if self._cancel_woken:
            self._cancel_woken()
            self._cancel_woken = None
        return woken.values()

    @callback
    def _schedule(self) -> None:
        if self._cancel_poll:
            self._cancel_poll()
            self._cancel_poll = None
        if self._started:
            job = HassJob(self._poll, "poll the locks", cancel_on_shutdown=True)
            wait = 0 if self._missed else self._interval
            self._cancel_poll = async_call_later(self.hass, wait, job)

    @property
    def _interval(self) -> int:
        options = self.entry.options
        if self.push is None:
            return int(options.get(CONF_POLL_INTERVAL, POLL_INTERVAL_LOCAL))
        all_read = all(lock.last_update_success for lock in self.coordinators.values())
        if self.push.connected and self.listed and all_read:
            return int(options.get(CONF_POLL_INTERVAL, POLL_INTERVAL_CLOUD))
        return int(options.get(CONF_POLL_INTERVAL_WITHOUT_PUSH, POLL_INTERVAL_WITHOUT_PUSH))

    @callback
    def _poll(self, _now: datetime) -> None:
        self._cancel_poll = None
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
            # Whatever goes wrong, this poll must not be the last.
            self._schedule()

    async def _async_look_at_devices(self, cloud: CloudClient) -> None:
        try:
            devices = await cloud.devices()
        except MiotError as error:
            _LOGGER.debug("No list of devices: %s", error)
            return
        self.listed = time.time()
        for device in devices:
            if lock := self.coordinators.get(device.did):
                lock.async_set_device(device)
            elif device.did in self._missing:
                self.hass.config_entries.async_schedule_reload(self.entry.entry_id)
        async_offer_new_locks(self.hass, self.entry, devices)

    @property
    def _missing(self) -> set[str]:
        """The locks that were not in the account when the entry was set up."""
        return set(lock_ids(self.entry)) - self.coordinators.keys()


async def async_connect(hass: HomeAssistant, entry: LockConfigEntry) -> Connection:
    """Return the running connection of an entry.

    Raises ConfigEntryAuthFailed where signing in again helps, ConfigEntryNotReady where waiting
    does.
    """
    # Also where this fails: nobody looks after it then.
    entry.async_on_unload(partial(async_settle_passing, hass, entry, lock_ids(entry)))
    connect = _async_connect_local if CONF_HOST in entry.data else _async_connect_cloud
    connection = await connect(hass, entry)
    if link := await async_link(hass, entry):
        connection.link, connection.recordings = link, Recordings(hass, entry, link)
    return connection


async def _async_connect_local(hass: HomeAssistant, entry: LockConfigEntry) -> Connection:
    client = LocalClient(entry.data[CONF_HOST], entry.data[CONF_TOKEN])
    device = Device(
        did=entry.data[CONF_DID],
        name=entry.title,
        model=MODEL,
        urn=SPEC.urn,
        online=False,
        firmware=entry.data.get("firmware"),
        mac=entry.data.get("mac"),
        address=entry.data[CONF_HOST],
        token=None,
    )
    connection = Connection(hass, entry, {device.did: LockCoordinator(hass, entry, client, device)})
    await connection.async_start()
    return connection


async def _async_connect_cloud(hass: HomeAssistant, entry: LockConfigEntry) -> Connection:
    region, uuid = entry.data[CONF_REGION], entry.data[CONF_UUID]
    keepers = hass.data.setdefault(KEEPERS, {})
    if before := keepers.get(uuid):
        await before.settled()

    @callback
    def keep(tokens: Tokens) -> None:
        if entry.data[CONF_UUID] != uuid:  # Somebody signed in again meanwhile.
            return
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_TOKENS: tokens.as_dict()}
        )

    sign_in = await async_sign_in(hass, region, uuid)
    keeper = TokenKeeper(sign_in, redirect_path(uuid), Tokens(**entry.data[CONF_TOKENS]), keep)
    keepers[uuid] = keeper
    endpoints, _ = await async_endpoints(hass)
    cloud = await async_cloud(hass, region, keeper)
    entry.async_on_unload(cloud.close)
    connection = Connection(hass, entry, cloud=cloud)
    tls = await async_broker_trust(hass, endpoints, region)
    push = Push(tls, endpoints, region, uuid, keeper)
    await connection.async_subscribe(push)
    devices = await _async_devices(connection, cloud)
    gone: list[str] = []
    for did in lock_ids(entry):
        if device := devices.get(did):
            lock = LockCoordinator(hass, entry, cloud, device)
            connection.coordinators[did] = lock
            push.subscribe(did, lock.async_handle)
            if is_newer(device.urn, SPEC):
                entry.async_create_background_task(
                    hass, _async_tell_of_newer_specification(lock), "compare specifications"
                )
            continue
        push.unsubscribe(did)
        if connection.listed:
            known = await async_stored_device(hass, did)
            gone.append(known.name if known else did)
            async_tell(hass, entry, Issue.GONE, did, lock=gone[-1])
    if not connection.coordinators:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="gone",
            translation_placeholders={"lock": listed(hass, gone)},
        )
    await connection.async_start()
    async_offer_new_locks(hass, entry, devices.values())
    return connection


async def _async_devices(connection: Connection, cloud: CloudClient) -> dict[str, Device]:
    """Return the account's devices, or the locks as they were last known in a passing outage.

    An empty list says nothing: whether a lock is gone, its reading says.
    """
    hass = connection.hass
    try:
        devices = await cloud.devices()
        if not devices:
            raise CannotConnectError("the list of devices is empty")
    except NotSignedInError as error:
        raise ConfigEntryAuthFailed(
            translation_domain=DOMAIN, translation_key="not_signed_in"
        ) from error
    except MiotError as error:
        stored = [await async_stored_device(hass, did) for did in lock_ids(connection.entry)]
        if not any(stored):
            raise ConfigEntryNotReady(
                translation_domain=DOMAIN,
                translation_key="cloud_out_of_reach",
                translation_placeholders={"reason": reason_in_words(hass, error)},
            ) from error
        devices = [device for device in stored if device]
    else:
        connection.listed = time.time()
    return {device.did: device for device in devices}


async def _async_tell_of_newer_specification(lock: LockCoordinator) -> None:
    """Say what a lock's firmware has that we do not know yet."""
    endpoints, tls = await async_endpoints(lock.hass)
    try:
        theirs = await fetch(async_get_clientsession(lock.hass), tls, endpoints, lock.device.urn)
    except MiotError as error:
        _LOGGER.debug("%s: no specification: %s", lock.name, error)
        return
    if new := await lock.hass.async_add_executor_job(additions, theirs, SPEC):
        lines = [f"- {line}" for line in new[:MOST_ADDITIONS]]
        more = len(new) - len(lines)
        async_tell(
            lock.hass,
            lock.config_entry,
            Issue.SPECIFICATION,
            lock.device.did,
            lock=lock.name,
            items="\n".join([*lines, f"- … (+{more})"] if more else lines),
        )
