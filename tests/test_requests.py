"""What the cloud is asked: no more than it takes, and nothing twice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.xiaomi_smart_lock import connection
from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.miot import push
from simulator.faults import changed, status

from .lock_driver import LockDriver, until
from .lock_harness import caught_up, disconnected, push_of, running_locks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant

    from simulator.account import Account
    from simulator.faults import Fault
    from simulator.lock import Lock

pytestmark = pytest.mark.usefixtures("has_told")

READ: Final = "/app/v2/miotspec/prop/get"
DEVICES: Final = "/app/v2/home/device_list_page"
NEVER: Final = 24 * 3600
BATTERY: Final = ("sensor", "lithium_battery")


class House:
    """A Home Assistant with some locks of one account."""

    def __init__(self, hass: HomeAssistant, first: LockDriver, locks: int) -> None:
        """Install the locks; nothing is set up yet."""
        self.hass = hass
        self.simulator = first.simulator
        self._simulation = first.simulation
        others = [self._install(first.account, f"Door {number}") for number in range(1, locks)]
        self.doors = [first, *(LockDriver(first.simulation, first.account, it) for it in others)]
        data = first.account_data(*(door.lock for door in self.doors))
        self.entry = MockConfigEntry(domain=DOMAIN, data=data)
        self.entry.add_to_hass(hass)

    def _install(self, account: Account, name: str) -> Lock:
        lock: Lock = self._simulation.call(self.simulator.add_lock, account, name)
        return lock

    def asked(self) -> list[str]:
        """Return where requests went since the last time that this was asked, in order."""
        paths = [path for path, _ in self.simulator.cloud.requests]
        self.simulator.cloud.requests.clear()
        return paths

    def states(self, platform: str, key: str) -> list[str]:
        """Return the state of an entity of each lock."""
        return [door.state(self.hass, platform, key).state for door in self.doors]

    async def set_up(self) -> None:
        """Set the entry up, whether that works or not."""
        self.asked()
        await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    async def start(self) -> None:
        """Set the entry up, and wait until all that follows from it is over."""
        await self.set_up()
        await caught_up(self.hass, self.entry)
        await self.later(2)

    async def later(self, seconds: float) -> None:
        """Let the time come for what is due in some seconds, and have it end."""
        async_fire_time_changed(self.hass, dt_util.utcnow() + timedelta(seconds=seconds))
        await self.hass.async_block_till_done()

    async def stop(self) -> None:
        """Take the entry down."""
        await self.hass.config_entries.async_unload(self.entry.entry_id)


@pytest.fixture
async def house(
    request: pytest.FixtureRequest, hass: HomeAssistant, driver: LockDriver
) -> AsyncIterator[House]:
    """Return a Home Assistant with as many locks as a test asks for, not set up."""
    house = House(hass, driver, request.param)
    yield house
    await house.stop()


@pytest.fixture
def gate(house: House) -> Iterator[Any]:
    """Return the gate of the broker; it is as always when the test is over."""
    yield house.simulator.gate
    house.simulator.gate.open, house.simulator.gate.silent = True, False


def locks(*numbers: int) -> pytest.MarkDecorator:
    """Have a house with some numbers of locks, one after the other."""
    return pytest.mark.parametrize("house", numbers, indirect=True)


# Setting up


@pytest.mark.parametrize(
    ("house", "reads"), [(1, 1), (3, 1), (10, 3)], indirect=["house"], ids=["1", "3", "10"]
)
async def test_setting_up(house: House, reads: int) -> None:
    """One list, and 45 properties a lock, 150 a request: the first time and after a restart."""
    for _ in range(2):
        await house.start()
        assert house.asked() == [DEVICES, *[READ] * reads]
        assert set(house.states(*BATTERY)) == {"87"}
        await house.stop()


@locks(1)
async def test_push_refuses(house: House, gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for; when it comes, what it missed is read."""
    monkeypatch.setattr(connection, "PUSH_TAKES", NEVER)
    monkeypatch.setattr(push, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(push, "LAST_DELAY", 0.05)
    gate.open = False
    await house.set_up()
    assert house.entry.state is ConfigEntryState.LOADED
    assert house.asked() == [DEVICES, READ]
    house.doors[0].do("set_battery", 33, push=False)
    gate.open = True
    await caught_up(house.hass, house.entry)
    await until(lambda: house.states(*BATTERY) == ["33"])
    assert house.asked() == [DEVICES, READ]


@locks(1)
async def test_push_is_silent(house: House, gate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for no longer than a moment."""
    monkeypatch.setattr(connection, "PUSH_TAKES", 0.05)
    monkeypatch.setattr(push, "ANSWER_TIMEOUT", 2)
    gate.silent = True
    await house.set_up()
    assert house.entry.state is ConfigEntryState.LOADED
    assert not push_of(house.entry).attempted.is_set()
    assert house.asked() == [DEVICES, READ]


@locks(1)
async def test_push_comes_while_reading(
    house: House, gate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it may have missed before is read again."""
    monkeypatch.setattr(connection, "PUSH_TAKES", 0)
    await house.start()
    await until(lambda: house.simulator.cloud.requests[2:])
    await house.later(2)
    assert house.asked() == [DEVICES, READ, DEVICES, READ]


# One lock that cannot be read


type Change = Callable[[dict[str, Any]], dict[str, Any] | None]


def items(change: Change, of: str | None = None) -> Fault:
    """Have a reading answered with other items of one device or all; None leaves one out."""

    def change_all(answer: Any) -> Any:
        found = [it if of not in (None, it["did"]) else change(it) for it in answer["result"]]
        return answer | {"result": [item for item in found if item is not None]}

    return changed(change_all)


REFUSALS: Final[dict[str, Change]] = {
    "not authorised": lambda item: item | {"code": -704010000},
    "no such device": lambda item: item | {"code": -704042001},
    "left out": lambda _: None,
    "spoilt": lambda item: item | {"code": "?"},
}


@locks(2)
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_one_of_two_cannot_be_read(
    house: House, refusal: Change, caplog: pytest.LogCaptureFixture
) -> None:
    """The other is there at once, and the one as soon as it can be read."""
    second = house.doors[1].lock.did
    house.simulator.cloud.disturb_next(items(refusal, of=second), READ)
    await house.set_up()
    assert house.entry.state is ConfigEntryState.LOADED
    assert house.states(*BATTERY) == ["87", STATE_UNAVAILABLE]
    said = [one for one in caplog.records if one.name.endswith("lock.connection")]
    assert [(one.levelname, one.getMessage().startswith("Door 1 ")) for one in said] == [
        ("WARNING", True)
    ]
    house.asked()
    await house.later(61)
    await until(lambda: house.states(*BATTERY) == ["87", "87"])
    assert house.asked() == [READ]
    await house.later(61)
    assert house.asked() == []


@locks(10)
async def test_one_of_three_requests_fails(house: House) -> None:
    """Only what it asked for is not there."""
    house.simulator.cloud.disturb_next(status(500), READ)
    await house.set_up()
    assert house.entry.state is ConfigEntryState.LOADED
    states = house.states(*BATTERY)
    assert 2 <= states.count(STATE_UNAVAILABLE) <= 4
    assert set(states) == {"87", STATE_UNAVAILABLE}
    await house.later(61)
    await until(lambda: set(house.states(*BATTERY)) == {"87"})


@locks(2)
async def test_none_can_be_read(house: House) -> None:
    """Set-up is tried again."""
    house.simulator.cloud.disturb_next(items(lambda it: it | {"code": -704010000}), READ)
    await house.set_up()
    assert house.entry.state is ConfigEntryState.SETUP_RETRY
    await house.later(61)
    await until(lambda: house.entry.state is ConfigEntryState.LOADED)


@locks(10)
async def test_the_sign_in_is_over_for_some(house: House) -> None:
    """It is no matter that other requests fail otherwise, nor which of them comes first."""
    cloud = house.simulator.cloud
    cloud.refuse_next(500, READ)
    cloud.refuse_next(401, READ, times=NEVER)
    await house.set_up()
    cloud.calm()
    assert house.entry.state is ConfigEntryState.SETUP_ERROR
    assert any(house.entry.async_get_active_flows(house.hass, {SOURCE_REAUTH}))


@locks(2)
async def test_the_sign_in_is_over(house: House) -> None:
    """That concerns the account, whichever request says so."""
    house.simulator.cloud.disturb_next(status(401), READ, times=2)
    await house.set_up()
    assert house.entry.state is ConfigEntryState.SETUP_ERROR
    assert any(house.entry.async_get_active_flows(house.hass, {SOURCE_REAUTH}))


@locks(2)
async def test_a_lock_that_was_never_read(house: House) -> None:
    """While the cloud is down, those that were are there; it is when the cloud is back."""
    known, new = house.doors
    data = house.entry.data
    hass = house.hass
    hass.config_entries.async_update_entry(house.entry, data=data | {"locks": [known.lock.did]})
    await house.start()
    await house.stop()
    hass.config_entries.async_update_entry(house.entry, data=data)
    house.simulator.cloud.disturb_next(status(500), times=2)
    await house.set_up()
    assert house.entry.state is ConfigEntryState.LOADED
    assert known.state(hass, *BATTERY).state == "87"
    assert running_locks(house.hass, house.entry) == [known.lock.did]
    await house.later(61)
    await until(lambda: new.lock.did in running_locks(house.hass, house.entry))
    await until(lambda: house.entry.state is ConfigEntryState.LOADED)
    assert house.states(*BATTERY) == ["87", "87"]


# Waking up


async def all_asleep(house: House) -> None:
    """Start while all locks are asleep, with other batteries than the cloud told of."""
    for door in house.doors:
        door.do("sleep")
    await house.start()
    assert set(house.states("binary_sensor", "awake")) == {"off"}
    for door in house.doors:
        door.do("set_battery", 41, push=False)
    house.asked()


@pytest.mark.parametrize(("house", "reads"), [(1, 1), (3, 1), (10, 3)], indirect=["house"])
async def test_all_wake(house: House, reads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read together, when the last of them is awake, however slowly they are told of."""
    monkeypatch.setattr(connection, "WAKING_TOGETHER", NEVER)
    await all_asleep(house)
    for door in house.doors:
        door.do("wake")
    await until(lambda: set(house.states(*BATTERY)) == {"41"})
    await house.later(2)
    assert house.asked() == [READ] * reads


@locks(3)
async def test_some_wake(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read together when no other follows them."""
    monkeypatch.setattr(connection, "WAKING_TOGETHER", 60)
    await all_asleep(house)
    first, second, _ = house.doors
    for door in (first, second):
        door.do("wake")
    await until(lambda: house.states("binary_sensor", "awake") == ["on", "on", "off"])
    assert house.asked() == []
    await house.later(61)
    await until(lambda: house.states(*BATTERY) == ["41", "41", "87"])
    assert house.asked() == [READ]


@locks(3)
async def test_one_wakes(house: House) -> None:
    """It is read soon."""
    await all_asleep(house)
    house.doors[1].do("wake")
    await until(lambda: house.states(*BATTERY) == ["87", "41", "87"])
    assert house.asked() == [READ]


@locks(3)
async def test_woken_are_read_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the list of devices says that they are awake, the reading that follows suffices."""
    monkeypatch.setattr(push, "FIRST_DELAY", NEVER)
    await all_asleep(house)
    house.doors[0].simulation.call(house.simulator.gate.cut)
    await disconnected(house.entry)
    for door in house.doors:
        door.do("wake")
    await house.later(61)
    await until(lambda: set(house.states(*BATTERY)) == {"41"})
    await house.later(1)
    assert house.asked() == [DEVICES, READ]


# While nothing happens


async def pass_by(house: House, frozen: FrozenDateTimeFactory, seconds: int) -> list[str]:
    """Let some time go by, of which nothing happens until its end; return what is asked then."""
    house.asked()
    await house.later(seconds - 2)
    assert house.asked() == []
    frozen.tick(seconds)
    await house.later(seconds + 1)
    return house.asked()


@locks(1)
async def test_a_quiet_night(frozen: FrozenDateTimeFactory, house: House) -> None:
    """A lock that pushes nothing is read less and less, and once an hour in the end."""
    await house.start()
    for seconds in (300, 300, 600, 1200):
        assert await pass_by(house, frozen, seconds) == [READ]
    assert sorted(await pass_by(house, frozen, 2400)) == [DEVICES, READ]
    for _ in range(3):
        assert sorted(await pass_by(house, frozen, 3600)) == [DEVICES, READ]


@locks(3)
async def test_a_lock_that_was_used(frozen: FrozenDateTimeFactory, house: House) -> None:
    """All are read five minutes later, for what push may have lost."""
    await house.start()
    frozen.tick(4 * 3600)
    await house.later(301)
    _, used, lost = house.doors
    used.do("set_battery", 41)
    await until(lambda: house.states(*BATTERY) == ["87", "41", "87"])
    lost.do("set_battery", 40, push=False)
    assert await pass_by(house, frozen, 300) == [READ]
    assert house.states(*BATTERY) == ["87", "41", "40"]


@locks(1)
async def test_the_cloud_fails_at_night(frozen: FrozenDateTimeFactory, house: House) -> None:
    """That is borne as long as by day, and the lock is read again soon."""
    await house.start()
    frozen.tick(4 * 3600)
    await house.later(301)
    house.simulator.cloud.disturb_next(status(500), times=NEVER)
    assert READ in await pass_by(house, frozen, 3600)
    assert house.states(*BATTERY) == ["87"]
    assert READ in await pass_by(house, frozen, 300)
    assert house.states(*BATTERY) == [STATE_UNAVAILABLE]
    house.simulator.cloud.calm()
    assert READ in await pass_by(house, frozen, 60)
    assert house.states(*BATTERY) == ["87"]


# Between the subscription and the entities


@locks(1)
async def test_what_comes_before_there_are_entities(
    house: House, hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept until somebody shows it: else it would count as handled, and be lost."""
    forward = hass.config_entries.async_forward_entry_setups
    [door] = house.doors

    async def forward_later(*args: Any) -> None:
        door.do("ring")
        await until(lambda: push_of(house.entry)._held)
        await forward(*args)

    monkeypatch.setattr(hass.config_entries, "async_forward_entry_setups", forward_later)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    await house.start()
    doorbell = door.entity_id(hass, "event", "doorbell")
    of_bell = [one.data["new_state"].state for one in changes if one.data["entity_id"] == doorbell]
    assert of_bell[0] == "unknown"
    assert of_bell[-1] != "unknown"
    assert house.asked() == [DEVICES, READ]
