"""Settings that wait for a sleeping lock, of an account and on the local network."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity import Entity
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.xiaomi_smart_lock.const import CONF_PENDING_FOR, CONF_UNLOCKING
from custom_components.xiaomi_smart_lock.control import setting_queue as settings
from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from simulator import faults
from tests.lock_driver import PATIENCE, until
from tests.lock_harness import (
    LockHarness,
    Storage,
    name_of,
    running_lock,
    stored_key,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.web import Request, StreamResponse
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value
    from simulator.faults import Fault, Handler
    from tests.lock_driver import LockDriver

pytestmark = pytest.mark.usefixtures("short_timeouts", "has_told")

DO_NOT_DISTURB: Final = (20, 1)
PERIOD: Final = (20, 2)
RINGTONE: Final = (17, 6)
RECORDING: Final = (17, 1)
WECHAT_INFO: Final = (17, 24)

WRONG_VALUE: Final = -704220043
ASLEEP: Final = (-704042011, -10007)
TIMED_OUT: Final = (-704053036, -704083036)

GET: Final = "/app/v2/miotspec/prop/get"


@pytest.fixture
def all_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable all entities by default."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
async def harness(
    request: pytest.FixtureRequest, hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LockHarness]:
    """Return a running lock that is awake, of an account and on the local network."""
    options = {CONF_UNLOCKING: None, CONF_PENDING_FOR: 1}
    async with running_lock(hass, driver, local=request.param, **options) as harness:
        yield harness


async def ask_not_to_be_disturbed(harness: LockHarness) -> None:
    """Turn do not disturb on."""
    await harness.call("switch", "turn_on", "do_not_disturb")


async def choose_ringtone(harness: LockHarness, number: int) -> None:
    """Set the camera's ringtone."""
    await harness.call("number", "set_value", "camera_ringtone", value=number)


def refuse(
    monkeypatch: pytest.MonkeyPatch, harness: LockHarness, code: int, *settings: Address
) -> None:
    """Have the lock answer writes of some properties, or of all, with a code."""
    write = harness.driver.lock.write

    def answer(address: Address, value: object) -> int:
        return code if not settings or address in settings else write(address, value)

    monkeypatch.setattr(harness.driver.lock, "write", answer)


def assert_nothing_waits(harness: LockHarness) -> None:
    """Check that no entity says that a setting waits."""
    assert harness.state("sensor", "pending_changes") == "0"
    assert harness.attributes("sensor", "pending_changes")["changes"] == {}


async def test_shown_kept_and_delivered(harness: LockHarness, hass_storage: Storage) -> None:
    """A waiting setting is shown and saved at once, and written when the lock wakes up."""
    await harness.put_to_sleep()
    await ask_not_to_be_disturbed(harness)
    assert harness.state("switch", "do_not_disturb") == "on"
    assert harness.attributes("switch", "do_not_disturb")["pending"] is True
    assert harness.state("sensor", "pending_changes") == "1"
    changes = harness.attributes("sensor", "pending_changes")["changes"]
    assert changes == {name_of(DO_NOT_DISTURB): True}
    assert waiting(harness) == [(DO_NOT_DISTURB, True)]
    assert harness.driver.lock.values[DO_NOT_DISTURB] is False

    await harness.wake()
    await harness.all_delivered()
    assert harness.taken.count((DO_NOT_DISTURB, True)) == 1
    assert harness.state("switch", "do_not_disturb") == "on"
    assert "pending" not in harness.attributes("switch", "do_not_disturb")
    assert_nothing_waits(harness)
    assert waiting(harness) == []


@pytest.mark.parametrize("code", ASLEEP + TIMED_OUT)
async def test_answers_that_mean_waiting(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A lock that seemed to be awake but does not take it now may take it later.

    That is when it wakes up, or is still awake at the next poll where it was only too slow.
    """
    with monkeypatch.context() as patch:
        refuse(patch, harness, code)
        await ask_not_to_be_disturbed(harness)
    assert harness.attributes("switch", "do_not_disturb")["pending"] is True
    if code in ASLEEP:
        assert harness.state("binary_sensor", "awake") == "off"
        harness.driver.do("sleep")
        await harness.wake()
    else:
        assert harness.state("binary_sensor", "awake") == "on"
        await harness.poll()
    await harness.all_delivered()
    assert harness.taken.count((DO_NOT_DISTURB, True)) == 1


async def test_without_a_connection(harness: LockHarness) -> None:
    """A setting waits also while the network or the cloud is down."""
    _set_network(harness, up=False)
    await ask_not_to_be_disturbed(harness)
    _set_network(harness, up=True)
    assert harness.attributes("switch", "do_not_disturb")["pending"] is True
    await harness.poll()
    await harness.all_delivered()
    assert harness.taken.count((DO_NOT_DISTURB, True)) == 1


def _set_network(harness: LockHarness, *, up: bool) -> None:
    if harness.pushes:
        harness.driver.simulator.cloud.online = up
    else:
        harness.driver.simulator.miio[harness.driver.lock].loss = 0.0 if up else 1.0


async def test_over_a_restart(harness: LockHarness) -> None:
    """A setting still waits, and is shown as waiting, after a restart."""
    await harness.put_to_sleep()
    await ask_not_to_be_disturbed(harness)
    await harness.stop()
    await harness.start()
    assert harness.state("switch", "do_not_disturb") == "on"
    assert harness.attributes("switch", "do_not_disturb")["pending"] is True
    assert harness.state("sensor", "pending_changes") == "1"
    await harness.wake()
    await harness.all_delivered()
    assert harness.taken.count((DO_NOT_DISTURB, True)) == 1


async def test_delivered_by_the_start(harness: LockHarness) -> None:
    """A lock that woke up while Home Assistant was stopped gets the setting at the start."""
    await harness.put_to_sleep()
    await ask_not_to_be_disturbed(harness)
    await harness.stop()
    harness.driver.do("wake")
    await harness.start()
    await harness.all_delivered()
    assert harness.taken.count((DO_NOT_DISTURB, True)) == 1


async def test_the_newest_wins(harness: LockHarness) -> None:
    """Of several values of a setting only the last one is written."""
    await harness.put_to_sleep()
    for number in (3, 5, 4):
        await choose_ringtone(harness, number)
    assert harness.state("sensor", "pending_changes") == "1"
    await harness.wake()
    await harness.all_delivered()
    assert _of(harness, RINGTONE) == [4]
    assert harness.state("number", "camera_ringtone") == "4"


async def test_in_order(harness: LockHarness) -> None:
    """Several settings are delivered in the order in which they were last asked for."""
    await harness.put_to_sleep()
    await choose_ringtone(harness, 3)
    await ask_not_to_be_disturbed(harness)
    await harness.call("switch", "turn_off", "recording")
    await choose_ringtone(harness, 5)
    changes = harness.attributes("sensor", "pending_changes")["changes"]
    assert list(changes) == [name_of(one) for one in (DO_NOT_DISTURB, RECORDING, RINGTONE)]
    await harness.wake()
    await harness.all_delivered()
    asked = (DO_NOT_DISTURB, RECORDING, RINGTONE)
    assert [it for it in harness.taken if it[0] in asked] == [
        (DO_NOT_DISTURB, True),
        (RECORDING, False),
        (RINGTONE, 5),
    ]


def _of(harness: LockHarness, address: Address) -> list[Value]:
    return [value for taken, value in harness.taken if taken == address]


async def test_refused_when_it_wakes(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that the lock refuses shows the lock's value, and a repair names it."""
    await harness.put_to_sleep()
    await choose_ringtone(harness, 3)
    await ask_not_to_be_disturbed(harness)
    await harness.call("switch", "turn_off", "recording")
    with monkeypatch.context() as patch:
        refuse(patch, harness, WRONG_VALUE, RINGTONE, RECORDING)
        await harness.wake()
        await harness.all_delivered()
    assert harness.state("number", "camera_ringtone") == str(harness.driver.lock.values[RINGTONE])
    assert harness.state("switch", "recording") == "on"
    assert harness.state("switch", "do_not_disturb") == "on"
    assert_nothing_waits(harness)
    assert waiting(harness) == []
    _assert_undelivered(harness, RINGTONE, RECORDING)

    await choose_ringtone(harness, 4)
    _assert_undelivered(harness, RECORDING)
    await harness.stop()
    await harness.start()
    _assert_undelivered(harness, RECORDING)
    await harness.call("switch", "turn_off", "recording")
    assert harness.issue("undelivered") is None


def _assert_undelivered(harness: LockHarness, *settings: Address) -> None:
    """Check that a repair issue names these settings, and no others."""
    issue = harness.issue("undelivered")
    assert issue
    assert issue.active
    assert issue.translation_placeholders == {
        "lock": "Front door",
        "settings": ", ".join(name_of(setting) for setting in settings),
    }


async def test_refused_while_awake(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error is raised at once; nothing waits, and nothing is tried again after a restart."""
    refuse(monkeypatch, harness, WRONG_VALUE)
    with pytest.raises(HomeAssistantError) as refusal:
        await ask_not_to_be_disturbed(harness)
    assert refusal.value.translation_key == "lock_wrong_value"
    assert harness.state("switch", "do_not_disturb") == "off"
    assert_nothing_waits(harness)
    assert waiting(harness) == []
    assert harness.issue("undelivered") is None


async def test_delivered_at_once(harness: LockHarness, hass_storage: Storage) -> None:
    """A setting is written to an awake lock at once, and does not wait."""
    await ask_not_to_be_disturbed(harness)
    assert harness.taken.count((DO_NOT_DISTURB, True)) == 1
    assert "pending" not in harness.attributes("switch", "do_not_disturb")
    assert waiting(harness) == []


@pytest.mark.parametrize(("minutes", "waits"), [(59, True), (61, False)])
async def test_expiry(
    harness: LockHarness,
    hass_storage: Storage,
    frozen: FrozenDateTimeFactory,
    minutes: int,
    waits: bool,
) -> None:
    """After the time in an option, here an hour, a setting is dropped, and a repair names it."""
    await harness.put_to_sleep()
    await ask_not_to_be_disturbed(harness)
    frozen.tick(60 * minutes)
    await harness.poll()
    assert harness.state("switch", "do_not_disturb") == ("on" if waits else "off")
    assert harness.state("sensor", "pending_changes") == str(int(waits))
    if waits:
        assert harness.issue("undelivered") is None
        return
    _assert_undelivered(harness, DO_NOT_DISTURB)
    await harness.stop()
    assert waiting(harness) == []
    await harness.start()
    await harness.wake()
    await harness.poll()
    assert _of(harness, DO_NOT_DISTURB) == []


async def test_a_day_where_no_option_says_otherwise(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    frozen: FrozenDateTimeFactory,
) -> None:
    """A setting waits for 24 hours by default."""
    harness = LockHarness(hass, driver, loaded)
    await harness.put_to_sleep()
    await ask_not_to_be_disturbed(harness)
    frozen.tick(3600 * 24 - 60)
    await harness.poll()
    assert harness.state("switch", "do_not_disturb") == "on"
    frozen.tick(120)
    await harness.poll()
    assert harness.state("switch", "do_not_disturb") == "off"
    _assert_undelivered(harness, DO_NOT_DISTURB)


async def test_discarding(harness: LockHarness, hass_storage: Storage) -> None:
    """A button discards all waiting settings."""
    await harness.put_to_sleep()
    await ask_not_to_be_disturbed(harness)
    await choose_ringtone(harness, 3)
    await harness.call("button", "press", "discard_pending")
    assert harness.state("switch", "do_not_disturb") == "off"
    assert_nothing_waits(harness)
    assert waiting(harness) == []
    harness.taken.clear()
    await harness.wake()
    await harness.poll()
    assert not {DO_NOT_DISTURB, RINGTONE} & {address for address, _ in harness.taken}


@pytest.mark.parametrize(
    ("platform", "service", "key"),
    [
        ("lock", "unlock", "lock"),
        ("button", "press", "wake"),
        ("button", "press", "wake_camera"),
        ("button", "press", "record_video"),
        ("button", "press", "fetch_history"),
        ("button", "press", "set_clock"),
    ],
)
async def test_nothing_starts_by_itself(
    harness: LockHarness, platform: str, service: str, key: str
) -> None:
    """Actions, such as unlocking, are done now or not at all; they never wait."""
    harness.driver.lock.accepts_remote_unlock = True
    await harness.put_to_sleep()
    with pytest.raises(HomeAssistantError) as failure:
        await harness.call(platform, service, key)
    assert failure.value.translation_key == ("lock_asleep" if harness.pushes else "no_answer")
    assert_nothing_waits(harness)
    await harness.wake()
    await harness.poll()
    assert harness.acts == []


async def test_both_ends_of_a_period(harness: LockHarness) -> None:
    """Start and end of a period can both wait, though they are one property."""
    harness.driver.lock.values[PERIOD] = "22:00:00-07:00:00"
    await harness.put_to_sleep()
    await harness.call("time", "set_value", "do_not_disturb_start", time="23:15:00")
    await harness.call("time", "set_value", "do_not_disturb_end", time="06:30:00")
    assert harness.state("time", "do_not_disturb_start") == "23:15:00"
    assert harness.state("time", "do_not_disturb_end") == "06:30:00"
    await harness.wake()
    await harness.all_delivered()
    assert _of(harness, PERIOD) == ["23:15:00-06:30:00"]


async def test_the_lock_has_it_already(harness: LockHarness) -> None:
    """A setting that the lock has by now is not written again."""
    await harness.put_to_sleep()
    await ask_not_to_be_disturbed(harness)
    harness.driver.lock.values[DO_NOT_DISTURB] = True
    if harness.pushes:
        harness.driver.push_property(DO_NOT_DISTURB, True)
        await until(lambda: harness.state("sensor", "pending_changes") == "0")
        assert "pending" not in harness.attributes("switch", "do_not_disturb")
    await harness.wake()
    await harness.all_delivered()
    assert _of(harness, DO_NOT_DISTURB) == []
    assert harness.state("switch", "do_not_disturb") == "on"


@pytest.mark.usefixtures("all_enabled")
async def test_a_secret_waits_in_silence(hass: HomeAssistant, harness: LockHarness) -> None:
    """A waiting secret is counted, but neither its value nor its name is shown."""
    await harness.put_to_sleep()
    await harness.call("text", "set_value", "wechat_info", value="a secret of ours")
    assert harness.state("sensor", "pending_changes") == "1"
    assert harness.attributes("sensor", "pending_changes")["changes"] == {}
    assert not [state for state in hass.states.async_all() if "secret of ours" in repr(state)]
    await harness.wake()
    await harness.all_delivered()
    assert _of(harness, WECHAT_INFO) == ["a secret of ours"]


async def test_told_while_it_is_read(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """A value that is read as it was just pushed proves that the lock has it."""
    async with running_lock(hass, driver) as harness:
        await harness.put_to_sleep()
        await ask_not_to_be_disturbed(harness)
        read, heard = threading.Event(), threading.Event()

        async def slowly(request: Request, handler: Handler) -> StreamResponse:
            driver.lock._store(DO_NOT_DISTURB, True)
            answer = await handler(request)
            read.set()
            await asyncio.to_thread(heard.wait, PATIENCE)
            return answer

        driver.simulator.cloud.disturb_next(slowly, "prop/get")
        polling = asyncio.ensure_future(harness.poll())
        await until(read.is_set)
        driver.push_property(DO_NOT_DISTURB, True)
        await until(lambda: harness.known.values[DO_NOT_DISTURB] is True)
        assert harness.known.pending
        heard.set()
        await polling
        assert not harness.known.pending
        assert harness.state("binary_sensor", "awake") == "off"


async def test_a_late_word_is_no_delivery(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """A pushed value that may be old does not end the waiting: the setting is still written."""
    async with running_lock(hass, driver) as harness:
        await harness.put_to_sleep()
        await ask_not_to_be_disturbed(harness)
        driver.push_property(DO_NOT_DISTURB, True)
        await until(lambda: harness.known.values[DO_NOT_DISTURB] is True)
        await harness.poll()
        assert harness.known.pending
        await harness.wake()
        await harness.all_delivered()
        assert driver.lock.values[DO_NOT_DISTURB] is True


# What somebody set at the lock meanwhile

CHOSEN: Final = 3
SET_BY_HAND: Final = 5
WAITS: Final = 60  # seconds for which the setting has waited when it is delivered


async def choose_and_wait(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """Choose a ringtone while the lock sleeps, and let a minute pass."""
    await harness.put_to_sleep()
    frozen.tick(-WAITS)
    await choose_ringtone(harness, CHOSEN)
    frozen.tick(WAITS)


def set_by_hand(harness: LockHarness, value: Value, ago: float = 0) -> None:
    """Change the ringtone at the lock without a push."""
    harness.driver.lock.values[RINGTONE] = value
    harness.driver.lock.updated[RINGTONE] = int(time.time() - ago)


@pytest.mark.parametrize("heard", [False, True])
async def test_set_at_the_lock_meanwhile(
    hass: HomeAssistant,
    hass_storage: Storage,
    harness: LockHarness,
    frozen: FrozenDateTimeFactory,
    heard: bool,
) -> None:
    """A newer value at the lock, which only the cloud can tell, is kept, and logged."""
    told = async_capture_events(hass, EVENT)
    await choose_and_wait(harness, frozen)
    if heard:
        harness.driver.do("set", RINGTONE, SET_BY_HAND)
    else:
        set_by_hand(harness, SET_BY_HAND)
    await harness.wake()
    await harness.all_delivered()
    assert_nothing_waits(harness)
    assert waiting(harness) == []
    assert harness.issue("undelivered") is None
    wanted = SET_BY_HAND if harness.pushes else CHOSEN
    await until(lambda: harness.state("number", "camera_ringtone") == str(wanted))
    assert harness.driver.lock.values[RINGTONE] == wanted
    kept = [event.data for event in told if event.data["type"] == "newer_setting_kept"]
    assert [facts["setting"] for facts in kept] == [name_of(RINGTONE).lower()] * harness.pushes


async def test_only_what_is_newer_makes_way(
    harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """Other waiting settings are written."""
    await choose_and_wait(harness, frozen)
    await ask_not_to_be_disturbed(harness)
    set_by_hand(harness, SET_BY_HAND)
    await harness.wake()
    await harness.all_delivered()
    assert harness.driver.lock.values[DO_NOT_DISTURB] is True


async def test_set_at_the_lock_before_it_is_tried_again(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same holds if the lock timed out and is still awake at the next poll."""
    async with running_lock(hass, driver) as harness:
        with monkeypatch.context() as patch:
            refuse(patch, harness, TIMED_OUT[0])
            await choose_ringtone(harness, CHOSEN)
        frozen.tick(WAITS)
        set_by_hand(harness, SET_BY_HAND)
        driver.simulator.cloud.requests.clear()
        await harness.poll()
        await harness.all_delivered()
        assert driver.lock.values[RINGTONE] == SET_BY_HAND
        assert harness.state("number", "camera_ringtone") == str(SET_BY_HAND)
        assert [path for path, _ in driver.simulator.cloud.requests if "/prop/" in path] == [GET]


def _without_times(answer: Any) -> Any:
    return answer | {"result": [item | {"updateTime": None} for item in answer["result"]]}


# What the lock has, since when, and what goes wrong when that is read
DOUBTS: Final[dict[str, tuple[Value | None, float, Fault | None]]] = {
    "set before": (SET_BY_HAND, WAITS + 10, None),
    "set at about the same time": (SET_BY_HAND, WAITS - 10, None),
    "what it was before, reported again": (None, 0, None),
    "what it cannot be": (99, 0, None),
    "without a time": (SET_BY_HAND, 0, faults.changed(_without_times)),
    "time in the future": (SET_BY_HAND, -7200, None),
    "not readable": (SET_BY_HAND, 0, faults.status(500)),
    "no answer": (SET_BY_HAND, 0, faults.silence),
}


@pytest.mark.parametrize(("value", "ago", "fault"), DOUBTS.values(), ids=DOUBTS)
async def test_what_was_asked_for_is_not_lost(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    value: Value | None,
    ago: float,
    fault: Fault | None,
) -> None:
    """The setting is written if it is not certain that a newer value was set at the lock."""
    monkeypatch.setattr(settings, "READING_TAKES", 0.1)
    async with running_lock(hass, driver) as harness:
        await choose_and_wait(harness, frozen)
        set_by_hand(harness, driver.lock.values[RINGTONE] if value is None else value, ago)
        if fault:
            driver.simulator.cloud.disturb_next(fault, "prop/get")
        await harness.wake()
        await harness.all_delivered()
        assert driver.lock.values[RINGTONE] == CHOSEN
        assert harness.state("number", "camera_ringtone") == str(CHOSEN)


async def test_what_a_version_before_kept(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, frozen: FrozenDateTimeFactory
) -> None:
    """A stored setting without the lock's value of then is written."""
    async with running_lock(hass, driver) as harness:
        await choose_and_wait(harness, frozen)
        await harness.stop()
        [waits] = hass_storage[stored_key(driver)]["data"]["data"]["pending"]
        del waits[4:]
        await harness.start()
        set_by_hand(harness, SET_BY_HAND)
        await harness.wake()
        await harness.all_delivered()
        assert driver.lock.values[RINGTONE] == CHOSEN
