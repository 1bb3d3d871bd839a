"""Settings that wait for a lock that sleeps, on both ways to it."""

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

from .actor import PATIENCE, until
from .resident import Resident, Storage, at_home, let_time_pass, name_of, stored_key, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.web import Request, StreamResponse
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Value
    from simulator.faults import Fault, Handler

    from .actor import Actor

pytestmark = pytest.mark.usefixtures("impatient")

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
    """Have the user enable all entities from the beginning."""
    monkeypatch.setattr(Entity, "entity_registry_enabled_default", True)


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
async def resident(
    request: pytest.FixtureRequest, hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> AsyncIterator[Resident]:
    """Return who lives behind a door whose lock is awake, on each way to it."""
    options = {CONF_UNLOCKING: None, CONF_PENDING_FOR: 1}
    async with at_home(hass, actor, local=request.param, **options) as resident:
        yield resident


async def ask_not_to_be_disturbed(resident: Resident) -> None:
    """Turn do not disturb on."""
    await resident.call("switch", "turn_on", "do_not_disturb")


async def choose_ringtone(resident: Resident, number: int) -> None:
    """Set the camera's ringtone."""
    await resident.call("number", "set_value", "camera_ringtone", value=number)


def refuse(
    monkeypatch: pytest.MonkeyPatch, resident: Resident, code: int, *settings: Address
) -> None:
    """Have the lock answer writes of some properties, or of all, with a code."""
    write = resident.actor.lock.write

    def answer(address: Address, value: object) -> int:
        return code if not settings or address in settings else write(address, value)

    monkeypatch.setattr(resident.actor.lock, "write", answer)


def assert_nothing_waits(resident: Resident) -> None:
    """See that no entity says that something waits."""
    assert resident.state("sensor", "pending_changes") == "0"
    assert resident.attributes("sensor", "pending_changes")["changes"] == {}


async def test_shown_kept_and_delivered(resident: Resident, hass_storage: Storage) -> None:
    """It is shown as waiting and written down at once, and delivered when the lock wakes up."""
    await resident.put_to_sleep()
    await ask_not_to_be_disturbed(resident)
    assert resident.state("switch", "do_not_disturb") == "on"
    assert resident.attributes("switch", "do_not_disturb")["pending"] is True
    assert resident.state("sensor", "pending_changes") == "1"
    changes = resident.attributes("sensor", "pending_changes")["changes"]
    assert changes == {name_of(DO_NOT_DISTURB): True}
    assert waiting(hass_storage, resident.actor) == [(DO_NOT_DISTURB, True)]
    assert resident.actor.lock.values[DO_NOT_DISTURB] is False

    await resident.wake()
    await resident.all_delivered()
    assert resident.taken.count((DO_NOT_DISTURB, True)) == 1
    assert resident.state("switch", "do_not_disturb") == "on"
    assert "pending" not in resident.attributes("switch", "do_not_disturb")
    assert_nothing_waits(resident)
    assert waiting(hass_storage, resident.actor) == []


@pytest.mark.parametrize("code", ASLEEP + TIMED_OUT)
async def test_answers_that_mean_waiting(
    resident: Resident, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A lock that seemed to be awake but does not take it now may take it later.

    That is when it wakes up, or is still awake at the next poll where it was only too slow.
    """
    with monkeypatch.context() as patch:
        refuse(patch, resident, code)
        await ask_not_to_be_disturbed(resident)
    assert resident.attributes("switch", "do_not_disturb")["pending"] is True
    if code in ASLEEP:
        assert resident.state("binary_sensor", "awake") == "off"
        resident.actor.do("sleep")
        await resident.wake()
    else:
        assert resident.state("binary_sensor", "awake") == "on"
        await resident.poll()
    await resident.all_delivered()
    assert resident.taken.count((DO_NOT_DISTURB, True)) == 1


async def test_without_a_connection(resident: Resident) -> None:
    """It waits for the network and the cloud too."""
    _set_network(resident, up=False)
    await ask_not_to_be_disturbed(resident)
    _set_network(resident, up=True)
    assert resident.attributes("switch", "do_not_disturb")["pending"] is True
    await resident.poll()
    await resident.all_delivered()
    assert resident.taken.count((DO_NOT_DISTURB, True)) == 1


def _set_network(resident: Resident, *, up: bool) -> None:
    if resident.pushes:
        resident.actor.simulator.cloud.online = up
    else:
        resident.actor.simulator.miio[resident.actor.lock].loss = 0.0 if up else 1.0


async def test_over_a_restart(resident: Resident) -> None:
    """It still waits, and is shown so, after Home Assistant was restarted."""
    await resident.put_to_sleep()
    await ask_not_to_be_disturbed(resident)
    await resident.stop()
    await resident.start()
    assert resident.state("switch", "do_not_disturb") == "on"
    assert resident.attributes("switch", "do_not_disturb")["pending"] is True
    assert resident.state("sensor", "pending_changes") == "1"
    await resident.wake()
    await resident.all_delivered()
    assert resident.taken.count((DO_NOT_DISTURB, True)) == 1


async def test_delivered_by_the_start(resident: Resident) -> None:
    """A lock that woke up while Home Assistant was away gets it when that is back."""
    await resident.put_to_sleep()
    await ask_not_to_be_disturbed(resident)
    await resident.stop()
    resident.actor.do("wake")
    await resident.start()
    await resident.all_delivered()
    assert resident.taken.count((DO_NOT_DISTURB, True)) == 1


async def test_the_newest_wins(resident: Resident) -> None:
    """Of several values of a setting, the lock gets the last one only."""
    await resident.put_to_sleep()
    for number in (3, 5, 4):
        await choose_ringtone(resident, number)
    assert resident.state("sensor", "pending_changes") == "1"
    await resident.wake()
    await resident.all_delivered()
    assert _of(resident, RINGTONE) == [4]
    assert resident.state("number", "camera_ringtone") == "4"


async def test_in_order(resident: Resident) -> None:
    """Several settings are delivered in the order in which they were last asked for."""
    await resident.put_to_sleep()
    await choose_ringtone(resident, 3)
    await ask_not_to_be_disturbed(resident)
    await resident.call("switch", "turn_off", "recording")
    await choose_ringtone(resident, 5)
    changes = resident.attributes("sensor", "pending_changes")["changes"]
    assert list(changes) == [name_of(one) for one in (DO_NOT_DISTURB, RECORDING, RINGTONE)]
    await resident.wake()
    await resident.all_delivered()
    asked = (DO_NOT_DISTURB, RECORDING, RINGTONE)
    assert [it for it in resident.taken if it[0] in asked] == [
        (DO_NOT_DISTURB, True),
        (RECORDING, False),
        (RINGTONE, 5),
    ]


def _of(resident: Resident, address: Address) -> list[Value]:
    return [value for taken, value in resident.taken if taken == address]


async def test_refused_when_it_wakes(
    resident: Resident, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock refuses shows its own value again, and is named; the rest is delivered."""
    await resident.put_to_sleep()
    await choose_ringtone(resident, 3)
    await ask_not_to_be_disturbed(resident)
    await resident.call("switch", "turn_off", "recording")
    with monkeypatch.context() as patch:
        refuse(patch, resident, WRONG_VALUE, RINGTONE, RECORDING)
        await resident.wake()
        await resident.all_delivered()
    assert resident.state("number", "camera_ringtone") == str(resident.actor.lock.values[RINGTONE])
    assert resident.state("switch", "recording") == "on"
    assert resident.state("switch", "do_not_disturb") == "on"
    assert_nothing_waits(resident)
    assert waiting(hass_storage, resident.actor) == []
    _assert_undelivered(resident, RINGTONE, RECORDING)

    await choose_ringtone(resident, 4)
    _assert_undelivered(resident, RECORDING)
    await resident.stop()
    await resident.start()
    _assert_undelivered(resident, RECORDING)
    await resident.call("switch", "turn_off", "recording")
    assert resident.issue("undelivered") is None


def _assert_undelivered(resident: Resident, *settings: Address) -> None:
    """See that a repair issue names settings, and no others."""
    issue = resident.issue("undelivered")
    assert issue
    assert issue.active
    assert issue.translation_placeholders == {
        "lock": "Front door",
        "settings": ", ".join(name_of(setting) for setting in settings),
    }


async def test_refused_while_awake(
    resident: Resident, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks is told at once; nothing waits, and nothing is tried again after a restart."""
    refuse(monkeypatch, resident, WRONG_VALUE)
    with pytest.raises(HomeAssistantError) as refusal:
        await ask_not_to_be_disturbed(resident)
    assert refusal.value.translation_key == "lock_wrong_value"
    assert resident.state("switch", "do_not_disturb") == "off"
    assert_nothing_waits(resident)
    assert waiting(hass_storage, resident.actor) == []
    assert resident.issue("undelivered") is None


async def test_delivered_at_once(resident: Resident, hass_storage: Storage) -> None:
    """A lock that is awake takes it at once, and it is not kept as waiting any more."""
    await ask_not_to_be_disturbed(resident)
    assert resident.taken.count((DO_NOT_DISTURB, True)) == 1
    assert "pending" not in resident.attributes("switch", "do_not_disturb")
    assert waiting(hass_storage, resident.actor) == []


@pytest.mark.parametrize(("minutes", "waits"), [(59, True), (61, False)])
async def test_expiry(
    resident: Resident,
    hass_storage: Storage,
    monkeypatch: pytest.MonkeyPatch,
    minutes: int,
    waits: bool,
) -> None:
    """After the time that an option says, here an hour, it is given up and named."""
    await resident.put_to_sleep()
    await ask_not_to_be_disturbed(resident)
    let_time_pass(monkeypatch, 60 * minutes)
    await resident.poll()
    assert resident.state("switch", "do_not_disturb") == ("on" if waits else "off")
    assert resident.state("sensor", "pending_changes") == str(int(waits))
    if waits:
        assert resident.issue("undelivered") is None
        return
    _assert_undelivered(resident, DO_NOT_DISTURB)
    await resident.stop()
    assert waiting(hass_storage, resident.actor) == []
    await resident.start()
    await resident.wake()
    await resident.poll()
    assert _of(resident, DO_NOT_DISTURB) == []


async def test_a_day_where_no_option_says_otherwise(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting waits for 24 hours."""
    resident = Resident(hass, actor, loaded)
    await resident.put_to_sleep()
    await ask_not_to_be_disturbed(resident)
    let_time_pass(monkeypatch, 3600 * 24 - 60)
    await resident.poll()
    assert resident.state("switch", "do_not_disturb") == "on"
    let_time_pass(monkeypatch, 3600 * 24 + 60)
    await resident.poll()
    assert resident.state("switch", "do_not_disturb") == "off"
    _assert_undelivered(resident, DO_NOT_DISTURB)


async def test_discarding(resident: Resident, hass_storage: Storage) -> None:
    """A button takes back all that waits."""
    await resident.put_to_sleep()
    await ask_not_to_be_disturbed(resident)
    await choose_ringtone(resident, 3)
    await resident.call("button", "press", "discard_pending")
    assert resident.state("switch", "do_not_disturb") == "off"
    assert_nothing_waits(resident)
    assert waiting(hass_storage, resident.actor) == []
    resident.taken.clear()
    await resident.wake()
    await resident.poll()
    assert not {DO_NOT_DISTURB, RINGTONE} & {address for address, _ in resident.taken}


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
    resident: Resident, platform: str, service: str, key: str
) -> None:
    """What opens the door or starts something at it is done now or not at all."""
    resident.actor.lock.accepts_remote_unlock = True
    await resident.put_to_sleep()
    with pytest.raises(HomeAssistantError) as failure:
        await resident.call(platform, service, key)
    assert failure.value.translation_key == ("lock_asleep" if resident.pushes else "no_answer")
    assert_nothing_waits(resident)
    await resident.wake()
    await resident.poll()
    assert resident.acts == []


async def test_both_ends_of_a_period(resident: Resident) -> None:
    """Two halves of one setting that both wait do not undo each other."""
    resident.actor.lock.values[PERIOD] = "22:00:00-07:00:00"
    await resident.put_to_sleep()
    await resident.call("time", "set_value", "do_not_disturb_start", time="23:15:00")
    await resident.call("time", "set_value", "do_not_disturb_end", time="06:30:00")
    assert resident.state("time", "do_not_disturb_start") == "23:15:00"
    assert resident.state("time", "do_not_disturb_end") == "06:30:00"
    await resident.wake()
    await resident.all_delivered()
    assert _of(resident, PERIOD) == ["23:15:00-06:30:00"]


async def test_the_lock_has_it_already(resident: Resident) -> None:
    """A setting that was made at the lock meanwhile is not made again."""
    await resident.put_to_sleep()
    await ask_not_to_be_disturbed(resident)
    resident.actor.lock.values[DO_NOT_DISTURB] = True
    if resident.pushes:
        resident.actor.push_property(DO_NOT_DISTURB, True)
        await until(lambda: resident.state("sensor", "pending_changes") == "0")
        assert "pending" not in resident.attributes("switch", "do_not_disturb")
    await resident.wake()
    await resident.all_delivered()
    assert _of(resident, DO_NOT_DISTURB) == []
    assert resident.state("switch", "do_not_disturb") == "on"


@pytest.mark.usefixtures("all_enabled")
async def test_a_secret_waits_in_silence(hass: HomeAssistant, resident: Resident) -> None:
    """A secret is counted, but neither it nor its name is listed."""
    await resident.put_to_sleep()
    await resident.call("text", "set_value", "wechat_info", value="a secret of ours")
    assert resident.state("sensor", "pending_changes") == "1"
    assert resident.attributes("sensor", "pending_changes")["changes"] == {}
    assert not [state for state in hass.states.async_all() if "secret of ours" in repr(state)]
    await resident.wake()
    await resident.all_delivered()
    assert _of(resident, WECHAT_INFO) == ["a secret of ours"]


async def test_told_while_it_is_read(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> None:
    """A reading that says the same as the lock just told proves that it has what waits."""
    async with at_home(hass, actor) as resident:
        await resident.put_to_sleep()
        await ask_not_to_be_disturbed(resident)
        read, heard = threading.Event(), threading.Event()

        async def slowly(request: Request, handler: Handler) -> StreamResponse:
            actor.lock._store(DO_NOT_DISTURB, True)
            answer = await handler(request)
            read.set()
            await asyncio.to_thread(heard.wait, PATIENCE)
            return answer

        actor.simulator.cloud.disturb_next(slowly, "prop/get")
        polling = asyncio.ensure_future(resident.poll())
        await until(read.is_set)
        actor.push_property(DO_NOT_DISTURB, True)
        await until(lambda: resident.known.values[DO_NOT_DISTURB] is True)
        assert resident.known.pending
        heard.set()
        await polling
        assert not resident.known.pending
        assert resident.state("binary_sensor", "awake") == "off"


async def test_a_late_word_is_no_delivery(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> None:
    """That the lock had the wanted value once says nothing of now: it still has to be told."""
    async with at_home(hass, actor) as resident:
        await resident.put_to_sleep()
        await ask_not_to_be_disturbed(resident)
        actor.push_property(DO_NOT_DISTURB, True)
        await until(lambda: resident.known.values[DO_NOT_DISTURB] is True)
        await resident.poll()
        assert resident.known.pending
        await resident.wake()
        await resident.all_delivered()
        assert actor.lock.values[DO_NOT_DISTURB] is True


# What somebody set at the lock meanwhile

CHOSEN: Final = 3
SET_BY_HAND: Final = 5
WAITS: Final = 60  # seconds for which the setting has waited when it is delivered


async def choose_and_wait(resident: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose a ringtone while the lock sleeps, a minute ago."""
    await resident.put_to_sleep()
    let_time_pass(monkeypatch, -WAITS)
    await choose_ringtone(resident, CHOSEN)
    let_time_pass(monkeypatch, 0)


def set_by_hand(resident: Resident, value: Value, ago: float = 0) -> None:
    """Have someone change the ringtone at the lock, and Home Assistant not hear of it."""
    resident.actor.lock.values[RINGTONE] = value
    resident.actor.lock.updated[RINGTONE] = int(time.time() - ago)


@pytest.mark.parametrize("heard", [False, True])
async def test_set_at_the_lock_meanwhile(
    hass: HomeAssistant,
    hass_storage: Storage,
    resident: Resident,
    monkeypatch: pytest.MonkeyPatch,
    heard: bool,
) -> None:
    """The newer value stays, which only the cloud can tell; the logbook says so."""
    told = async_capture_events(hass, EVENT)
    await choose_and_wait(resident, monkeypatch)
    if heard:
        resident.actor.do("set", RINGTONE, SET_BY_HAND)
    else:
        set_by_hand(resident, SET_BY_HAND)
    await resident.wake()
    await resident.all_delivered()
    assert_nothing_waits(resident)
    assert waiting(hass_storage, resident.actor) == []
    assert resident.issue("undelivered") is None
    wanted = SET_BY_HAND if resident.pushes else CHOSEN
    await until(lambda: resident.state("number", "camera_ringtone") == str(wanted))
    assert resident.actor.lock.values[RINGTONE] == wanted
    kept = [event.data for event in told if event.data["type"] == "newer_setting_kept"]
    assert [facts["setting"] for facts in kept] == [name_of(RINGTONE).lower()] * resident.pushes


async def test_only_what_is_newer_makes_way(
    resident: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other settings that wait are delivered."""
    await choose_and_wait(resident, monkeypatch)
    await ask_not_to_be_disturbed(resident)
    set_by_hand(resident, SET_BY_HAND)
    await resident.wake()
    await resident.all_delivered()
    assert resident.actor.lock.values[DO_NOT_DISTURB] is True


async def test_set_at_the_lock_before_it_is_tried_again(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock was too slow for it, and is still awake at the next reading of everything."""
    async with at_home(hass, actor) as resident:
        with monkeypatch.context() as patch:
            refuse(patch, resident, TIMED_OUT[0])
            let_time_pass(patch, -WAITS)
            await choose_ringtone(resident, CHOSEN)
        set_by_hand(resident, SET_BY_HAND)
        actor.simulator.cloud.requests.clear()
        await resident.poll()
        await resident.all_delivered()
        assert actor.lock.values[RINGTONE] == SET_BY_HAND
        assert resident.state("number", "camera_ringtone") == str(SET_BY_HAND)
        assert [path for path, _ in actor.simulator.cloud.requests if "/prop/" in path] == [GET]


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
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
    value: Value | None,
    ago: float,
    fault: Fault | None,
) -> None:
    """Where it is not certain that something newer was set, it is delivered all the same."""
    monkeypatch.setattr(settings, "READING_TAKES", 0.1)
    async with at_home(hass, actor) as resident:
        await choose_and_wait(resident, monkeypatch)
        set_by_hand(resident, actor.lock.values[RINGTONE] if value is None else value, ago)
        if fault:
            actor.simulator.cloud.disturb_next(fault, "prop/get")
        await resident.wake()
        await resident.all_delivered()
        assert actor.lock.values[RINGTONE] == CHOSEN
        assert resident.state("number", "camera_ringtone") == str(CHOSEN)


async def test_what_a_version_before_kept(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It did not note what the lock had, so nothing shows that somebody changed it."""
    async with at_home(hass, actor) as resident:
        await choose_and_wait(resident, monkeypatch)
        await resident.stop()
        [waits] = hass_storage[stored_key(actor)]["data"]["data"]["pending"]
        del waits[4:]
        await resident.start()
        set_by_hand(resident, SET_BY_HAND)
        await resident.wake()
        await resident.all_delivered()
        assert actor.lock.values[RINGTONE] == CHOSEN
