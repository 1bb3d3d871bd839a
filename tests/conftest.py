"""Home Assistant with the integration, and the simulator that it talks to."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import pytest
import pytest_socket
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from homeassistant.helpers.entity import Entity
from homeassistant.util import executor
from homeassistant.util.async_ import get_scheduled_timer_handles
from paho.mqtt import client as paho
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_LATE_AFTER,
    DOMAIN,
    ENDPOINTS_VARIABLE,
)
from custom_components.xiaomi_smart_lock.events import history_sync as history
from custom_components.xiaomi_smart_lock.miot import local
from simulator import app_account, app_cloud, tokens
from simulator.runner import SimulatorThread

from .hosts import LOOPBACK
from .leak_detector import LeakDetector
from .lock_driver import LockDriver, caught_up, idle, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from homeassistant.core import HomeAssistant

HOUR = 3600  # seconds
TEN_YEARS = 10 * 365 * 24 * 60  # minutes; what happened at a fixed time is no late event


def allow_loopback() -> None:
    """Let the simulator and those who talk to it open sockets; all else stays forbidden."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(list(LOOPBACK), allow_unix_socket=True)


@pytest.fixture
async def _closed_connections() -> AsyncIterator[None]:
    """Give the simulator time to close its end of the connections that a test closes last."""
    yield
    closing = "SSLProtocol._check_shutdown_timeout"
    timers = get_scheduled_timer_handles(asyncio.get_running_loop())
    await until(
        lambda: not any(closing in repr(timer) for timer in timers if not timer.cancelled())
    )


# Where tests take long, for --fast
SLOW: Final = (
    "tests/demo/",
    "tests/faults/",
    "tests/fuzz/",
    "tests/simulator/",
    "tests/test_browser.py",
    "tests/test_chaos.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer to run but a part of the tests."""
    parser.addoption(
        "--fast", action="store_true", help="one case of each test, and none that takes long"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what --fast does not run."""
    if not config.getoption("--fast"):
        return
    cases: dict[str, pytest.Item] = {}
    for item in items:
        if not item.nodeid.startswith(SLOW):
            cases.setdefault(item.nodeid.partition("[")[0], item)
    chosen = set(cases.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


@pytest.fixture(autouse=True)
def _environment(_closed_connections: None, enable_custom_integrations: None) -> None:
    """Have Home Assistant find the integration, and the integration the simulator."""
    allow_loopback()


def deprecations(records: Iterable[logging.LogRecord]) -> list[str]:
    """Return what was logged of us that a later Home Assistant will no longer do."""
    messages = (record.getMessage() for record in records)
    return [text for text in messages if "will stop working" in text and DOMAIN in text]


@pytest.fixture(autouse=True)
def _nothing_will_stop_working(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where Home Assistant says that something of ours is no longer to be done."""
    yield
    assert not deprecations([*caplog.get_records("setup"), *caplog.get_records("call")])


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Leave debugging of event loops to Python's own PYTHONASYNCIODEBUG: it takes half the time.

    It is the fixture of the test helpers that has this name, and turns it on for each test.
    """


@pytest.fixture(autouse=True, scope="session")
def _a_busy_machine() -> None:
    """Give threads that have nothing to do the time that they need to see that it is the end."""
    executor.EXECUTOR_SHUTDOWN_TIMEOUT = 120


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have those who ask locks on the local network wait less for answers that do not come."""
    monkeypatch.setattr(local, "HELLO_TIMEOUT", 0.2)
    monkeypatch.setattr(local, "ANSWER_TIMEOUT", 0.2)


@pytest.fixture
def frozen(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FrozenDateTimeFactory]:
    """Hold the time, now or when the test says; the simulator and event loops go on.

    So does paho's: a client that is left in the future asks for no sign of life, and is dropped.
    """
    loops = "pytest_homeassistant_custom_component.patch_time"
    moving = ["simulator", "tests.lock_driver", loops]
    monkeypatch.setattr(paho, "time_func", partial(time.monotonic))  # which nobody replaces
    with freeze_time(getattr(request, "param", None), real_asyncio=True, ignore=moving) as held:
        assert isinstance(held, FrozenDateTimeFactory)
        yield held


@pytest.fixture
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the user enable all entities from the beginning."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.fixture(scope="session")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorThread]:
    """One simulator for all tests; each test brings its own account and lock."""
    allow_loopback()
    with SimulatorThread(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.fixture
def driver(simulation: SimulatorThread, monkeypatch: pytest.MonkeyPatch) -> Iterator[LockDriver]:
    """Return who does things at the door of a new lock, in a new account."""
    simulator = simulation.simulator
    monkeypatch.setenv(ENDPOINTS_VARIABLE, str(simulator.endpoints))
    account = simulation.call(simulator.add_account, "Ming")
    lock = simulation.call(simulator.add_lock, account)
    yield LockDriver(simulation, account, lock)
    simulation.call(simulator.cloud.calm)  # What did not come to pass is not the next test's.
    for one in account.locks.values():
        simulation.call(simulator.remove_lock, one)
    simulation.call(simulator.settle)


@pytest.fixture
async def entry(hass: HomeAssistant, driver: LockDriver) -> MockConfigEntry:
    """Return the entry of an account that was signed in, added but not set up."""
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
    """Return the entry of an account that is linked to the Mi Home app, set up, its pictures seen.

    The past is not read by itself: it would be after ten seconds, within a test on a busy machine.
    """
    monkeypatch.setattr(history, "SETTLING", HOUR)
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_APP: driver.app_data()})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await caught_up(hass, entry.runtime_data)
    await idle()
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> AsyncIterator[MockConfigEntry]:
    """Return the entry of an account, set up and connected to push."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await caught_up(hass, entry.runtime_data)
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Have every logger say all that it can."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, name)


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by every code and token that the cloud gives out."""
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
    """Return who notes everything."""
    return LeakDetector(hass, caplog)
