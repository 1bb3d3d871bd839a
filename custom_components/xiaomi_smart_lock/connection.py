"""The connection of a config entry: to an account with its locks, or to one lock nearby."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from homeassistant.components import webhook
from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.core import CALLBACK_TYPE, Event, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.event import async_call_later

from .app_link import AppLink, async_link
from .const import (
    CONF_ACCEPT_BROKER_NAME,
    CONF_DID,
    CONF_LOCKS,
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    CONF_TOKENS,
    CONF_UUID,
    DOMAIN,
    POLL_INTERVAL_CLOUD,
    POLL_INTERVAL_LOCAL,
    POLL_INTERVAL_WITHOUT_PUSH,
)
from .coordinator import LockCoordinator, async_stored_device
from .endpoints import async_endpoints
from .history import History
from .issues import Issue, async_settle, async_tell
from .miot.cloud import CloudClient, Device
from .miot.errors import MiotError, NotSignedInError
from .miot.instance import fetch, is_newer, unknown_items
from .miot.local import LocalClient
from .miot.oauth import SignIn, TokenKeeper, Tokens
from .miot.push import Push, PushProblem
from .miot.spec import MODEL, SPEC
from .recordings import Recordings

if TYPE_CHECKING:
    from datetime import datetime

    from . import LockConfigEntry

_LOGGER = logging.getLogger(__name__)

PUSH_DOWN_AFTER: Final = 3600  # seconds until it is worth a word

ISSUES: Final = {
    PushProblem.REFUSED: Issue.PUSH_REFUSED,
    PushProblem.WRONG_NAME: Issue.PUSH_NAME,
}


def redirect_path(uuid: str) -> str:
    """Return where the sign-in of a client comes back to."""
    return webhook.async_generate_path(f"{DOMAIN}_{uuid}")


def lock_ids(entry: LockConfigEntry) -> list[str]:
    """Return the dids of an entry's locks."""
    return [entry.data[CONF_DID]] if CONF_DID in entry.data else list(entry.data[CONF_LOCKS])


@callback
def async_lock_name(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> str:
    """Return what a lock of an entry is called, whether the entry is set up or not."""
    names = (
        device.name_by_user or device.name
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if (DOMAIN, did) in device.identifiers
    )
    return next(names, None) or did


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
    _cancel_poll: CALLBACK_TYPE | None = None
    _polling: asyncio.Task[None] | None = None
    _listening: asyncio.Task[None] | None = None
    _stop_histories: list[CALLBACK_TYPE] = field(default_factory=list)
    _cancel_push_down: CALLBACK_TYPE | None = None
    _started: bool = False
    _missed: bool = False

    async def async_start(self) -> None:
        """Read all locks for the first time, and keep reading them."""
        self._missed = False
        await asyncio.gather(
            *(lock.async_config_entry_first_refresh() for lock in self.coordinators.values())
        )
        self._started = True
        if self.push:
            self.async_push_changed()
        else:
            self._schedule()

    @callback
    def async_stop(self) -> None:
        """Stop reading."""
        self._started = False
        if self._polling:
            self._polling.cancel()
        for cancel in (self._cancel_poll, self._cancel_push_down):
            if cancel:
                cancel()

    @callback
    def async_listen(self) -> None:
        """Hear from the locks from now on: whoever shows what they tell is there."""
        if self.push:
            self._listening = self.entry.async_create_background_task(
                self.hass, self.push.run(), "push"
            )
        if self.link:
            self._stop_histories = [
                History(lock, self.link).async_start() for lock in self.coordinators.values()
            ]

    async def async_stop_listening(self) -> None:
        """Hear nothing more: what came now would be taken, and shown by nobody."""
        for stop in self._stop_histories:
            stop()
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
        """Read at once when push comes, for what it missed; say when it is gone for long."""
        assert self.push is not None  # noqa: S101
        connected = self.push.connected
        self._missed = self._missed or connected
        for lock in self.coordinators.values():
            lock.async_update_listeners()  # Who waits for what a lock tells may wait in vain.
        for problem, issue in ISSUES.items():
            if self.push.problem is problem:
                async_tell(self.hass, self.entry, issue)
            else:
                async_settle(self.hass, self.entry, issue)
        if connected:
            async_settle(self.hass, self.entry, Issue.PUSH_DOWN)
        if self._cancel_push_down and connected:
            self._cancel_push_down()
            self._cancel_push_down = None
        elif not self._cancel_push_down and not connected and self._started:
            self._cancel_push_down = async_call_later(self.hass, PUSH_DOWN_AFTER, self._push_down)
        self._schedule()

    @callback
    def _push_down(self, _now: datetime) -> None:
        async_tell(self.hass, self.entry, Issue.PUSH_DOWN)

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
        if self.push.connected:
            return int(options.get(CONF_POLL_INTERVAL, POLL_INTERVAL_CLOUD))
        return int(options.get(CONF_POLL_INTERVAL_WITHOUT_PUSH, POLL_INTERVAL_WITHOUT_PUSH))

    @callback
    def _poll(self, _now: datetime) -> None:
        self._cancel_poll = None
        self._polling = self.entry.async_create_task(self.hass, self._async_poll())

    async def _async_poll(self) -> None:
        told_of_sleep = self.push is not None and self.push.connected and not self._missed
        self._missed = False
        try:
            if self.cloud and (self._missing or not told_of_sleep):
                await self._async_look_at_devices(self.cloud)
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
        for device in devices:
            if lock := self.coordinators.get(device.did):
                lock.async_set_device(device)
            elif device.did in self._missing:
                self.hass.config_entries.async_schedule_reload(self.entry.entry_id)

    @property
    def _missing(self) -> set[str]:
        """The locks that were not in the account when the entry was set up."""
        return set(lock_ids(self.entry)) - self.coordinators.keys()


async def async_connect(hass: HomeAssistant, entry: LockConfigEntry) -> Connection:
    """Return the running connection of an entry.

    Raises ConfigEntryAuthFailed where signing in again helps, ConfigEntryNotReady where waiting
    does.
    """
    connect = _async_connect_local if CONF_HOST in entry.data else _async_connect_cloud
    connection = await connect(hass, entry)
    if link := await async_link(hass, entry):
        connection.link, connection.recordings = link, Recordings(entry, link)
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

    @callback
    def keep(tokens: Tokens) -> None:
        hass.config_entries.async_update_entry(
            entry, data={**entry.data, CONF_TOKENS: tokens.as_dict()}
        )

    sign_in = await async_sign_in(hass, region, uuid)
    keeper = TokenKeeper(sign_in, redirect_path(uuid), Tokens(**entry.data[CONF_TOKENS]), keep)
    any_name = entry.options.get(CONF_ACCEPT_BROKER_NAME, False)
    endpoints, tls = await async_endpoints(hass, any_name=any_name)
    cloud = await async_cloud(hass, region, keeper)
    entry.async_on_unload(cloud.close)
    push = Push(tls, endpoints, region, uuid, keeper)
    connection = Connection(hass, entry, cloud=cloud, push=push)
    devices = await _async_devices(hass, entry, cloud)
    gone: list[str] = []
    for did in entry.data[CONF_LOCKS]:
        if device := devices.get(did):
            lock = LockCoordinator(hass, entry, cloud, device)
            connection.coordinators[did] = lock
            push.subscribe(did, lock.async_handle)
            if is_newer(device.urn, SPEC):
                entry.async_create_background_task(
                    hass, _async_tell_of_newer_specification(lock), "compare specifications"
                )
        else:
            known = await async_stored_device(hass, did)
            gone.append(known.name if known else did)
            async_tell(hass, entry, Issue.GONE, did, lock=gone[-1])
    if not connection.coordinators:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="gone",
            translation_placeholders={"lock": ", ".join(gone)},
        )
    push.on_change(connection.async_push_changed)
    await connection.async_start()
    return connection


async def _async_devices(
    hass: HomeAssistant, entry: LockConfigEntry, cloud: CloudClient
) -> dict[str, Device]:
    """Return the account's devices, or the locks as they were last known in a passing outage."""
    try:
        return {device.did: device for device in await cloud.devices()}
    except NotSignedInError as error:
        raise ConfigEntryAuthFailed(
            translation_domain=DOMAIN, translation_key="not_signed_in"
        ) from error
    except MiotError as error:
        stored = [await async_stored_device(hass, did) for did in lock_ids(entry)]
        known = {device.did: device for device in stored if device}
        if len(known) == len(stored):
            return known
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key="cloud_out_of_reach",
            translation_placeholders={"error": str(error)},
        ) from error


async def _async_tell_of_newer_specification(lock: LockCoordinator) -> None:
    """Say what a lock's firmware has that we do not know yet."""
    endpoints, tls = await async_endpoints(lock.hass)
    try:
        theirs = await fetch(async_get_clientsession(lock.hass), tls, endpoints, lock.device.urn)
    except MiotError as error:
        _LOGGER.debug("%s: no specification: %s", lock.name, error)
        return
    if unknown := unknown_items(theirs, SPEC):
        async_tell(
            lock.hass,
            lock.config_entry,
            Issue.SPECIFICATION,
            lock.device.did,
            lock=lock.name,
            items="\n".join(f"- {item}" for item in unknown),
        )
