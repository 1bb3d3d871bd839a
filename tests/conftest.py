"""Fixtures: the simulator, config entries, and rules for all tests."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections import defaultdict
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import pytest
import pytest_socket
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from homeassistant.helpers.entity import Entity
from homeassistant.util import dt as dt_util
from homeassistant.util import executor
from homeassistant.util.async_ import get_scheduled_timer_handles
from paho.mqtt import client as paho
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock import lock_log
from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_LATE_AFTER,
    DOMAIN,
    ENDPOINTS_VARIABLE,
)
from custom_components.xiaomi_smart_lock.credentials import first_sync
from custom_components.xiaomi_smart_lock.events import history_sync as history
from custom_components.xiaomi_smart_lock.flows import progress
from custom_components.xiaomi_smart_lock.miot import local
from simulator import app_account, app_cipher, app_cloud, tokens
from simulator.runner import SimulatorThread

from .browsing import browsing, set_up_frontend
from .hosts import LOOPBACK
from .leak_detector import LeakDetector
from .lock_driver import LockDriver, idle, until
from .lock_harness import LockHarness, Storage, caught_up, running_lock
from .past import LinkedHarness, linked_lock
from .voice import Voice, speak

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockUser
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .browsing import Browse

HOUR = 3600  # seconds
TEN_YEARS = 10 * 365 * 24 * 60  # minutes; an event at a fixed time is not late


def allow_loopback() -> None:
    """Allow sockets to loopback addresses only, for the simulator and its clients."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(list(LOOPBACK), allow_unix_socket=True)


@pytest.fixture
async def _closed_connections() -> AsyncIterator[None]:
    """Wait after a test until the simulator has closed its end of closed connections."""
    yield
    closing = "SSLProtocol._check_shutdown_timeout"
    timers = get_scheduled_timer_handles(asyncio.get_running_loop())
    await until(
        lambda: not any(closing in repr(timer) for timer in timers if not timer.cancelled())
    )


# What --fast keeps

SLOW: Final = frozenset(
    {
        "demo",
        "faults",
        "fuzz",
        "simulator",
        "test_browser.py",
        "test_chaos.py",
        "test_dashboard.py",
    }
)
"""Folders and files of tests that --fast leaves out."""
FIRST: Final = 8
"""How many tests of each other file --fast keeps, each with its first case."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --fast."""
    parser.addoption(
        "--fast",
        action="store_true",
        help=f"the first {FIRST} tests of each file, each with one case, none that takes long",
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import slow tests with --fast; None leaves the decision to others."""
    slow = collection_path.parent == Path(__file__).parent and collection_path.name in SLOW
    return True if slow and config.getoption("--fast") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the first tests of each file, and the first case of each, with --fast."""
    if not config.getoption("--fast"):
        return
    files: defaultdict[Path, dict[str, pytest.Item]] = defaultdict(dict)
    for item in items:
        files[item.path].setdefault(item.nodeid.partition("[")[0], item)
    kept = {one for tests in files.values() for one in islice(tests.values(), FIRST)}
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


@pytest.fixture(autouse=True)
def _environment(_closed_connections: None, enable_custom_integrations: None) -> None:
    """Let Home Assistant find the integration, and allow sockets to the simulator."""
    allow_loopback()


def deprecations(records: Iterable[logging.LogRecord]) -> list[str]:
    """Return the logged warnings that the integration uses something deprecated."""
    messages = (record.getMessage() for record in records)
    return [text for text in messages if "will stop working" in text and DOMAIN in text]


@pytest.fixture(autouse=True)
def _nothing_will_stop_working(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail if Home Assistant logs that the integration uses something deprecated."""
    yield
    assert not deprecations([*caplog.get_records("setup"), *caplog.get_records("call")])


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Override a fixture of the test helpers that turns on debugging of event loops.

    It would take half of the time. Use PYTHONASYNCIODEBUG for it.
    """


@pytest.fixture(autouse=True, scope="session")
def _a_busy_machine() -> None:
    """Give idle threads more time to end at shutdown, for busy machines."""
    executor.EXECUTOR_SHUTDOWN_TIMEOUT = 120


@pytest.fixture(autouse=True)
def _logs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the logs of locks in a folder of each test: all tests share one configuration."""
    monkeypatch.setattr(lock_log, "FOLDER", str(tmp_path_factory.mktemp("logs")))


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time-outs for locks on the local network."""
    monkeypatch.setattr(local, "HELLO_TIMEOUT", 0.2)
    monkeypatch.setattr(local, "ANSWER_TIMEOUT", 1.0)


@pytest.fixture
def has_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have locks asked for nothing when they wake for the first time: they have told it before."""
    monkeypatch.setattr(first_sync, "MOST_ATTEMPTS", 0)


@pytest.fixture
def frozen(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, simulation: SimulatorThread
) -> Iterator[FrozenDateTimeFactory]:
    """Freeze the time, at this second or as the test says; simulator and event loops continue.

    ``tick`` and ``move_to`` move wall clock and monotonic clock of Home Assistant, the integration
    and the tests. Request it before what notes the monotonic time: that jumps when it is frozen.
    The clock of paho continues as well: a client in the future sends no ping and is disconnected.
    """
    loops = "pytest_homeassistant_custom_component.patch_time"
    moving = ["simulator", "tests.lock_driver", loops]
    monkeypatch.setattr(paho, "time_func", partial(time.monotonic))  # not frozen
    # Requests to the app's services contain the time.
    monkeypatch.setattr(app_cipher, "CLOCKS_APART", math.inf)
    # Fractions of a second would not add up.
    begins = getattr(request, "param", None) or dt_util.utcnow().replace(microsecond=0)
    with freeze_time(begins, real_asyncio=True, ignore=moving) as held:
        assert isinstance(held, FrozenDateTimeFactory)
        yield held


@pytest.fixture
def default_entities() -> None:
    """Leave entities off that are off by default."""


@pytest.fixture(autouse=True)
def all_enabled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable all entities by default, but for tests of the defaults."""
    if "default_entities" not in request.fixturenames:
        monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.fixture(scope="session")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorThread]:
    """Return a simulator for all tests; each test adds its own account and lock."""
    allow_loopback()
    with SimulatorThread(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.fixture
def driver(simulation: SimulatorThread, monkeypatch: pytest.MonkeyPatch) -> Iterator[LockDriver]:
    """Return the driver of a new lock in a new account."""
    simulator = simulation.simulator
    monkeypatch.setenv(ENDPOINTS_VARIABLE, str(simulator.endpoints))
    account = simulation.call(simulator.add_account, "Ming")
    lock = simulation.call(simulator.add_lock, account)
    yield LockDriver(simulation, account, lock)
    simulation.call(simulator.cloud.calm)  # drops faults that did not occur
    # A test that fails, or ends in the middle of a fault, may leave the gate closed or disturbed.
    gate = simulator.gate
    gate.open, gate.silent, gate.repeat, gate.delay = True, False, 0, 0.0
    for one in account.locks.values():
        simulation.call(simulator.remove_lock, one)
    simulation.call(simulator.settle)


@pytest.fixture
async def entry(hass: HomeAssistant, driver: LockDriver) -> MockConfigEntry:
    """Return the entry of a signed-in account, added but not set up."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=driver.account.name,
        unique_id=driver.account.user_id,
        data=driver.account_data(),
        options={CONF_LATE_AFTER: TEN_YEARS},
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
async def linked(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MockConfigEntry]:
    """Return the entry of an account linked to the Mi Home app, set up, its pictures read.

    The history is not read automatically: it would be after ten seconds, within a slow test.
    """
    monkeypatch.setattr(history, "SETTLING", HOUR)
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_APP: driver.app_data()})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await caught_up(hass, entry)
    await idle()
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncIterator[MockConfigEntry]:
    """Return the entry of an account, set up and connected to push."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await caught_up(hass, entry)
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Set all loggers to level DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a growing list of all codes and tokens that the cloud issues."""
    given: list[str] = []

    def give(size: int) -> str:
        given.append(secrets.token_urlsafe(size))
        return given[-1]

    for module in (app_account, app_cloud, tokens):
        monkeypatch.setattr(
            module, "secrets", SimpleNamespace(**{**vars(secrets), "token_urlsafe": give})
        )
    return given


@pytest.fixture
def leak_detector(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> LeakDetector:
    """Return a leak detector."""
    return LeakDetector(hass, caplog)


@pytest.fixture
async def harness(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LockHarness]:
    """Return a lock of an account with a Home Assistant that runs."""
    async with running_lock(hass, driver) as harness:
        yield harness


@pytest.fixture
def quick_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have progress end at once: no browser has to begin to listen."""
    monkeypatch.setattr(progress, "LISTENS_WITHIN", 0)


@pytest.fixture
async def voice(harness: LockHarness) -> Voice:
    """Return Assist, for a lock of an account."""
    return await speak(harness)


@pytest.fixture
async def neighbour(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, short_timeouts: None
) -> AsyncIterator[LockHarness]:
    """Return a lock on the local network with a Home Assistant that runs."""
    async with running_lock(hass, driver, local=True) as harness:
        yield harness


@pytest.fixture
async def linked_harness(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LinkedHarness]:
    """Return a lock of an account that is linked to the app, with nothing set up yet."""
    async with linked_lock(hass, driver) as harness:
        yield harness


@pytest.fixture
async def frontend(hass: HomeAssistant, hass_storage: Storage) -> None:
    """Set up Home Assistant's frontend."""
    await set_up_frontend(hass, hass_storage)


@pytest.fixture
async def browse(
    hass: HomeAssistant,
    frontend: None,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
) -> AsyncIterator[Browse]:
    """Return what opens pages of a browser in which a user is signed in."""
    async with browsing(hass, hass_client_no_auth, hass_admin_user) as opens:
        yield opens
