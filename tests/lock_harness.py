"""A running Home Assistant with a lock, in an account or on the local network."""

from __future__ import annotations

import copy
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import (
    ATTR_ENTITY_ID,
    ATTR_RESTORED,
    CONF_HOST,
    EVENT_STATE_CHANGED,
    Platform,
)
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.xiaomi_smart_lock import lock_log
from custom_components.xiaomi_smart_lock.connection import READ_AFTER_PUSH
from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING, DOMAIN
from custom_components.xiaomi_smart_lock.diagnostics import async_get_config_entry_diagnostics
from simulator.model import SPEC

from .hosts import NEARBY
from .lock_driver import LockDriver, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant, State
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.xiaomi_smart_lock.account.app_session import AppSession
    from custom_components.xiaomi_smart_lock.miot.push import Push
    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value
    from custom_components.xiaomi_smart_lock.runtime import LockRuntime, Runtime
    from custom_components.xiaomi_smart_lock.state.lock_state import LockData
    from simulator.lock import Lock

type Storage = dict[str, Any]


def nearby(driver: LockDriver) -> LockDriver:
    """Return the driver of another lock of the account, on the local network."""
    simulation = driver.simulation
    lock = simulation.call(simulation.simulator.add_lock, driver.account, host=NEARBY)
    simulation.call(simulation.simulator.settle)
    return LockDriver(simulation, driver.account, lock)


def entry_of(hass: HomeAssistant, data: dict[str, Any], **options: object) -> MockConfigEntry:
    """Add an entry without setting it up."""
    entry = MockConfigEntry(domain=DOMAIN, title="Front door", data=data, options=options)
    entry.add_to_hass(hass)
    return entry


# What runs for an entry


def running_locks(hass: HomeAssistant, entry: MockConfigEntry) -> list[str]:
    """Return the dids of the locks whose entities are set up."""
    registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return [
        one.unique_id.removesuffix("-lock")
        for one in registered
        if one.domain == Platform.LOCK
        and (state := hass.states.get(one.entity_id))
        and not state.attributes.get(ATTR_RESTORED)
    ]


def setups(entry: MockConfigEntry) -> list[ConfigEntryState]:
    """Return a growing list of the states of an entry; empty while it just runs on."""
    states: list[ConfigEntryState] = []
    entry.async_on_state_change(lambda: states.append(entry.state))
    return states


async def diagnostics(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, Any]:
    """Return the diagnostics of an entry."""
    return await async_get_config_entry_diagnostics(hass, entry)


def is_connected(entry: MockConfigEntry) -> bool:
    """Return whether push is connected, which diagnostics tell as ``push_connected``."""
    return push_of(entry).connected


async def connected(entry: MockConfigEntry) -> None:
    """Wait until push is connected."""
    await until(lambda: is_connected(entry))


async def disconnected(entry: MockConfigEntry) -> None:
    """Wait until push is not connected."""
    await until(lambda: not is_connected(entry))


async def caught_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Wait until push is connected and everything missed before has been read."""
    connection = runtime_of(entry).connection
    await until(lambda: is_connected(entry) and not connection._missed)
    await hass.async_block_till_done()


# Inside: parts that a test is about, and what cannot be seen from outside. Nothing else may look at
# the runtime of an entry.


def runtime_of(entry: MockConfigEntry) -> Runtime:
    """Return the connection, the locks and the Mi Home app session of an entry."""
    runtime: Runtime = entry.runtime_data
    return runtime


def lock_of(entry: MockConfigEntry, driver: LockDriver) -> LockRuntime:
    """Return the parts of a lock."""
    return runtime_of(entry).locks[driver.lock.did]


def push_of(entry: MockConfigEntry) -> Push:
    """Return the push connection of an account."""
    push = runtime_of(entry).push
    assert push, "a lock on the local network has no push"
    return push


def app_session(entry: MockConfigEntry) -> AppSession:
    """Return the Mi Home app session of a linked entry."""
    session = runtime_of(entry).link
    assert session, "the entry is not linked"
    return session


class LockHarness:
    """A helper that reads a lock's entities, changes its settings and restarts Home Assistant."""

    def __init__(self, hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry) -> None:
        """Start to record changes of the lock. Nothing is set up yet."""
        self.hass = hass
        self.driver = driver
        self.entry = entry
        self.taken: list[tuple[Address, Value]] = []
        """The property values that the lock accepted or changed itself, in order."""
        self.acts: list[Address] = []
        """The actions that the lock executed."""
        driver.lock.listeners.append(self._note)
        self._act = driver.lock.act
        driver.lock.act = self._note_act  # type: ignore[method-assign]

    def _note(self, topic: str, payload: dict[str, Any]) -> None:
        if "/up/properties_changed/" in topic:
            params = payload["params"]
            self.taken.append(((params["siid"], params["piid"]), params["value"]))

    def _note_act(self, address: Address, raw: Any) -> Any:
        code, out = self._act(address, raw)
        if code == 0:
            self.acts.append(address)
        return code, out

    @property
    def pushes(self) -> bool:
        """Whether the lock is reached through an account, so that it pushes."""
        return CONF_HOST not in self.entry.data

    @property
    def lock(self) -> LockRuntime:
        """The integration's runtime data of the lock."""
        return lock_of(self.entry, self.driver)

    @property
    def known(self) -> LockData:
        """The integration's state of the lock."""
        return self.lock.coordinator.data

    def state(self, platform: str, key: str) -> str:
        """Return the state of an entity."""
        return self.driver.state(self.hass, platform, key).state

    def attributes(self, platform: str, key: str) -> dict[str, Any]:
        """Return the attributes of an entity."""
        return dict(self.driver.state(self.hass, platform, key).attributes)

    async def call(self, platform: str, service: str, key: str, **data: object) -> None:
        """Call a service action on an entity."""
        target = {ATTR_ENTITY_ID: self.driver.entity_id(self.hass, platform, key)}
        await self.hass.services.async_call(platform, service, target | data, blocking=True)

    async def manage(self, action: str, *, user: str | None = None, **data: Any) -> Any:
        """Call an action for users and credentials; return its response, None without one.

        Before ``get_users``, wait until Home Assistant has received everything that was pushed.
        """
        told = self.pushes and self.entry.state is ConfigEntryState.LOADED
        if action == "get_users" and told:
            await self.reached()
        entity_id = self.driver.entity_id(self.hass, Platform.LOCK, "lock")
        answers = self.hass.services.supports_response(DOMAIN, action) is not SupportsResponse.NONE
        response = await self.hass.services.async_call(
            DOMAIN,
            action,
            {ATTR_ENTITY_ID: entity_id, **data},
            blocking=True,
            context=Context(user_id=user),
            return_response=answers,
        )
        return response[entity_id] if response else None

    def events(self, key: str) -> list[dict[str, Any]]:
        """Return a growing list of the attributes of each event that an entity fires.

        Events within one millisecond have the same state; Home Assistant has ensured different ones
        since that was noticed.
        """
        fired: list[dict[str, Any]] = []
        entity_id = self.driver.entity_id(self.hass, Platform.EVENT, key)

        @callback
        def changed(event: Event[EventStateChangedData]) -> None:
            old, new = event.data["old_state"], event.data["new_state"]
            if event.data["entity_id"] == entity_id and old and new and shown(old) != shown(new):
                fired.append(dict(new.attributes))

        def shown(state: State) -> tuple[str, dict[str, Any]]:
            return state.state, dict(state.attributes)

        self.hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
        return fired

    def issue(self, issue: str, *, of_lock: bool = True) -> ir.IssueEntry | None:
        """Return a repair issue, None if it does not exist."""
        did = self.driver.lock.did if of_lock else ""
        issue_id = f"{issue}_{self.entry.entry_id}_{did}"
        return ir.async_get(self.hass).async_get_issue(DOMAIN, issue_id)

    # Start and stop of Home Assistant

    async def start(self) -> None:
        """Set the entry up, and wait for the push connection, if any."""
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()
        if self.pushes and self.driver.simulator.gate.open:
            await caught_up(self.hass, self.entry)

    async def add_lock(self, name: str) -> Lock:
        """Add a lock to the account and the entry, which starts anew; return the simulated one."""
        driver = self.driver
        other: Lock = driver.simulation.call(driver.simulator.add_lock, driver.account, name)
        data = driver.account_data(driver.lock, other)
        self.hass.config_entries.async_update_entry(self.entry, data=data)
        await self.stop()
        await self.start()
        return other

    async def stop(self) -> None:
        """Unload the entry if it is loaded."""
        if self.entry.state is ConfigEntryState.LOADED:
            assert await self.hass.config_entries.async_unload(self.entry.entry_id)

    async def later(self, seconds: float) -> None:
        """Fire everything that is due within so many seconds, and wait for it."""
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await self.hass.async_block_till_done()

    async def poll(self) -> None:
        """Fire the next poll, and wait for it."""
        await self.later(READ_AFTER_PUSH + 1)

    async def reached(self) -> None:
        """Wait until everything pushed before has been processed, by a later message.

        The lock gets the value of the message as well: a reading at the same time would replace it.
        """
        marker = 1 + int(self.known.values.get((17, 8), 0))
        self.driver.lock.values[17, 8] = marker
        self.driver.push_property((17, 8), marker)
        await until(lambda: self.known.values.get((17, 8)) == marker)

    # Sleep and wake-up of the lock

    async def put_to_sleep(self) -> None:
        """Let the lock fall asleep, and wait until Home Assistant shows it."""
        self.driver.do("sleep")
        if not self.pushes:
            await self.poll()
        await until(lambda: self.state("binary_sensor", "awake") == "off")

    async def wake(self) -> None:
        """Wake the lock, and wait until Home Assistant shows it."""
        self.driver.do("wake")
        if not self.pushes:
            await self.poll()
        await until(lambda: self.state("binary_sensor", "awake") == "on")

    async def all_delivered(self) -> None:
        """Wait until the setting queue is empty, and save that."""
        await until(lambda: not self.known.pending)
        await self.lock.coordinator.async_save()


@asynccontextmanager
async def running_lock(
    hass: HomeAssistant, driver: LockDriver, *, local: bool = False, **options: object
) -> AsyncIterator[LockHarness]:
    """Run Home Assistant with a lock; unload the entry on exit.

    The option of unlocking is given for this lock: None or the hash of a code.
    """
    if local:
        driver = nearby(driver)
    if CONF_UNLOCKING in options:
        options[CONF_UNLOCKING] = {driver.lock.did: options[CONF_UNLOCKING]}
    data = driver.local_data(NEARBY) if local else driver.account_data()
    harness = LockHarness(hass, driver, entry_of(hass, data, **options))
    await harness.start()
    yield harness
    await harness.stop()


def stored_key(driver: LockDriver) -> str:
    """Return the storage key of the lock."""
    return f"{DOMAIN}.{driver.lock.did}"


def stored(storage: Storage, driver: LockDriver) -> dict[str, Any]:
    """Return a copy of the stored data of the lock."""
    return copy.deepcopy(storage[stored_key(driver)]["data"]["data"])


def log_file(hass: HomeAssistant, driver: LockDriver) -> Path:
    """Return the path of the log of the lock."""
    return Path(hass.config.path(lock_log.FOLDER, f"{stored_key(driver)}.log"))


def logged(hass: HomeAssistant, driver: LockDriver) -> list[dict[str, Any]]:
    """Return the lines of the log of the lock, none if there is no file."""
    file = log_file(hass, driver)
    _, *lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else [""]
    return [json.loads(line) for line in lines]


def waiting(harness: LockHarness) -> list[tuple[Address, Value]]:
    """Return the queue of settings as it was written last, in order."""
    lines = logged(harness.hass, harness.driver)
    written = [line["pending"] for line in lines if "pending" in line]
    return [((siid, piid), value) for siid, piid, value, *_ in (written or [[]])[-1]]


def name_of(address: Address) -> str:
    """Return the name of a property in the specification."""
    return SPEC.properties[address].description


async def fix(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, issue: ir.IssueEntry | None
) -> Any:
    """Complete the fix flow of a repair issue as a user; return its last step."""
    assert issue
    assert await async_setup_component(hass, "repairs", {})
    client = await hass_client()
    url = "/api/repairs/issues/fix"
    begun = await client.post(url, json={"handler": DOMAIN, "issue_id": issue.issue_id})
    explained = await begun.json()
    assert explained["type"] == "form", explained
    return await submit_fix(hass, hass_client, explained)


async def submit_fix(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, shown: dict[str, Any]
) -> Any:
    """Submit a step of a fix flow as a user; return the next one."""
    client = await hass_client()
    submitted = await client.post(f"/api/repairs/issues/fix/{shown['flow_id']}", json={})
    result = await submitted.json()
    await hass.async_block_till_done()
    return result
