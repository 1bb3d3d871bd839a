"""A lock with a Home Assistant that runs, whichever way leads to the lock."""

from __future__ import annotations

import copy
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import ATTR_ENTITY_ID, CONF_HOST, EVENT_STATE_CHANGED, Platform
from homeassistant.core import (
    Context,
    Event,
    EventStateChangedData,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
)

from custom_components.xiaomi_smart_lock import coordinator, runtime, session
from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING, DOMAIN, POLL_INTERVAL_CLOUD
from custom_components.xiaomi_smart_lock.control import setting_queue as settings
from custom_components.xiaomi_smart_lock.events import processor as occurrences
from simulator.model import SPEC

from .hosts import NEARBY
from .lock_driver import LockDriver, caught_up, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest
    from homeassistant.core import HomeAssistant, State
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value
    from custom_components.xiaomi_smart_lock.runtime import LockRuntime
    from custom_components.xiaomi_smart_lock.state.lock_state import LockData

type Storage = dict[str, Any]


def nearby(driver: LockDriver) -> LockDriver:
    """Return who stands at the door of one more lock of the account, on the local network."""
    simulation = driver.simulation
    lock = simulation.call(simulation.simulator.add_lock, driver.account, host=NEARBY)
    simulation.call(simulation.simulator.settle)
    return LockDriver(simulation, driver.account, lock)


def entry_of(hass: HomeAssistant, data: dict[str, Any], **options: object) -> MockConfigEntry:
    """Add an entry, not set up."""
    entry = MockConfigEntry(domain=DOMAIN, title="Front door", data=data, options=options)
    entry.add_to_hass(hass)
    return entry


def let_time_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have the integration believe that it is later; its timers do not know."""
    clock = SimpleNamespace(time=lambda: time.time() + seconds)
    for module in (coordinator, occurrences, runtime, session, settings):
        monkeypatch.setattr(module, "time", clock)


class LockHarness:
    """Looks at a lock's entities, changes its settings and restarts Home Assistant."""

    def __init__(self, hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry) -> None:
        """Watch the lock; nothing is set up yet."""
        self.hass = hass
        self.driver = driver
        self.entry = entry
        self.taken: list[tuple[Address, Value]] = []
        """What the lock took or changed by itself, in order."""
        self.acts: list[Address] = []
        """The actions that the lock did."""
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
        """Whether the lock is reached through an account, which tells by itself."""
        return CONF_HOST not in self.entry.data

    @property
    def lock(self) -> LockRuntime:
        """The integration's side of the lock."""
        found: LockRuntime = self.entry.runtime_data.locks[self.driver.lock.did]
        return found

    @property
    def known(self) -> LockData:
        """What the integration knows of the lock."""
        return self.lock.coordinator.data

    def state(self, platform: str, key: str) -> str:
        """Return the state of an entity."""
        return self.driver.state(self.hass, platform, key).state

    def attributes(self, platform: str, key: str) -> dict[str, Any]:
        """Return the attributes of an entity."""
        return dict(self.driver.state(self.hass, platform, key).attributes)

    async def call(self, platform: str, service: str, key: str, **data: object) -> None:
        """Use an entity."""
        target = {ATTR_ENTITY_ID: self.driver.entity_id(self.hass, platform, key)}
        await self.hass.services.async_call(platform, service, target | data, blocking=True)

    async def manage(self, action: str, *, user: str | None = None, **data: Any) -> Any:
        """Have the lock's users and credentials managed; return the response where there is one.

        Who asks for the users does so once the lock has told of all that was done before.
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
        """Return a list that grows by the attributes of each event that an entity fires.

        The state of two events is the same where they come within a millisecond; Home Assistant
        sees to that since it was noticed.
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
        """Return a repair issue, None where there is none."""
        did = self.driver.lock.did if of_lock else ""
        issue_id = f"{issue}_{self.entry.entry_id}_{did}"
        return ir.async_get(self.hass).async_get_issue(DOMAIN, issue_id)

    # Home Assistant comes and goes

    async def start(self) -> None:
        """Set the entry up, and be connected to push where there is one."""
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()
        if self.pushes and self.driver.simulator.gate.open:
            await caught_up(self.hass, self.entry.runtime_data)

    async def stop(self) -> None:
        """Take the entry down, if it is not down already."""
        if self.entry.state is ConfigEntryState.LOADED:
            assert await self.hass.config_entries.async_unload(self.entry.entry_id)

    async def later(self, seconds: float) -> None:
        """Let the time come for what is due in some seconds, and have it end."""
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await self.hass.async_block_till_done()

    async def poll(self) -> None:
        """Let the time come for the next poll, and have it end."""
        await self.later(POLL_INTERVAL_CLOUD + 1)

    async def reached(self) -> None:
        """Wait until all that was pushed before has been taken: a message after it was.

        The lock has what the message says: a reading that ends just then would replace it.
        """
        marker = 1 + int(self.known.values.get((13, 4), 0))
        self.driver.lock.values[13, 4] = marker
        self.driver.push_property((13, 4), marker)
        await until(lambda: self.known.values.get((13, 4)) == marker)

    # The lock sleeps and wakes

    async def put_to_sleep(self) -> None:
        """Have the lock fall asleep, and Home Assistant notice."""
        self.driver.do("sleep")
        if not self.pushes:
            await self.poll()
        await until(lambda: self.state("binary_sensor", "awake") == "off")

    async def wake(self) -> None:
        """Have the lock wake up, and Home Assistant notice."""
        self.driver.do("wake")
        if not self.pushes:
            await self.poll()
        await until(lambda: self.state("binary_sensor", "awake") == "on")

    async def all_delivered(self) -> None:
        """Wait until no setting waits, and that is written down."""
        await until(lambda: not self.known.pending)
        await self.lock.coordinator.async_save()


@asynccontextmanager
async def running_lock(
    hass: HomeAssistant, driver: LockDriver, *, local: bool = False, **options: object
) -> AsyncIterator[LockHarness]:
    """Have Home Assistant run with a lock, until it is taken down.

    With the option of unlocking, None or the hash of a code, it is this lock that is meant.
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
    """Return by what name the storage keeps the lock."""
    return f"{DOMAIN}.{driver.lock.did}"


def stored(storage: Storage, driver: LockDriver) -> dict[str, Any]:
    """Return a copy of what is kept of the lock."""
    return copy.deepcopy(storage[stored_key(driver)]["data"]["data"])


def waiting(storage: Storage, driver: LockDriver) -> list[tuple[Address, Value]]:
    """Return the settings that are kept as waiting, in order."""
    pending = stored(storage, driver)["pending"]
    return [((siid, piid), value) for siid, piid, value, *_ in pending]


def name_of(address: Address) -> str:
    """Return what the specification calls a property."""
    return SPEC.properties[address].description


async def fix(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, issue: ir.IssueEntry | None
) -> Any:
    """Go through the fix of a repair issue as its user; return what the browser is told last."""
    assert issue
    assert await async_setup_component(hass, "repairs", {})
    client = await hass_client()
    url = "/api/repairs/issues/fix"
    begun = await client.post(url, json={"handler": DOMAIN, "issue_id": issue.issue_id})
    explained = await begun.json()
    assert explained["type"] == "form", explained
    submitted = await client.post(f"{url}/{explained['flow_id']}", json={})
    result = await submitted.json()
    await hass.async_block_till_done()
    return result
