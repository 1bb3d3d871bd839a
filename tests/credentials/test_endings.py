"""What is to end ends, whatever happens: sleep, outages, restarts, a clock that jumps."""

from __future__ import annotations

import asyncio
import copy
import time
from datetime import timedelta
from threading import Event as Signal
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.xiaomi_smart_lock import coordinator
from custom_components.xiaomi_smart_lock.credentials import expiry_worker as ender
from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from custom_components.xiaomi_smart_lock.state.credential import Credential
from custom_components.xiaomi_smart_lock.state.expiry import (
    DELETION_TOLD_WITHIN,
    Expiry,
    ExpiryRegistry,
)
from custom_components.xiaomi_smart_lock.state.lock_state import LockData
from simulator import faults
from simulator.model import S1
from simulator.users import Credential as Held
from tests.lock_driver import until
from tests.lock_harness import LockHarness, Storage, running_lock, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import Event, HomeAssistant

    from tests.lock_driver import LockDriver

pytestmark = pytest.mark.usefixtures("short_timeouts", "frozen")

LOCK_RESET = 12  # abnormal-condition (2.4)

GUEST: Final = 7
HOST: Final = 8
FINGERPRINT, PASSWORD = 2, 3
CODE: Final = Credential(PASSWORD, 20)
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
ACTION: Final = "miotspec/action"
DELETE: Final = (4, 5)
SYNC_UNLOCK_METHOD: Final = (4, 7)
OUTSIDE: Final = 2
UNLOCKED, DOOR_CLOSED = 2, 1
LATE: Final = 600  # seconds after which an event fires nothing any more


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
async def anyone(
    request: pytest.FixtureRequest, hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LockHarness]:
    """Return who lives behind either door, and has a guest."""
    async with running_lock(hass, driver, local=request.param) as harness:
        await harness.manage("set_user", user_id=GUEST)
        yield harness


@pytest.fixture
def said(hass: HomeAssistant) -> list[Event[Any]]:
    """Return a list that grows by what is said in the logbook of endings."""
    ended: list[Event[Any]] = []

    @callback
    def hear(event: Event[Any]) -> None:
        if event.data["type"] == "credential_ended":
            ended.append(event)

    hass.bus.async_listen(EVENT, hear)
    return ended


async def invite(harness: LockHarness, minutes: float | None = None, **data: Any) -> None:
    """Give the guest a password for a while."""
    if minutes is not None:
        data["valid_until"] = dt_util.utcnow() + timedelta(minutes=minutes)
    await harness.manage(
        "set_credential",
        user_id=GUEST,
        credential_type="password",
        credential_data="246810",
        operation_id=CODE.operation_id,
        **data,
    )
    assert opens(harness)


def opens(harness: LockHarness) -> bool:
    """Say whether the lock still has the guest's password."""
    return CODE.operation_id in harness.driver.lock.users.credentials


async def gone(harness: LockHarness) -> None:
    """Wait until the lock does not have it any more, and nothing waits for that."""
    await until(lambda: not opens(harness))
    await until(lambda: not harness.known.expiries.known)


async def pass_by(harness: LockHarness, frozen: FrozenDateTimeFactory, seconds: float) -> None:
    """Let time pass, minute by minute."""
    while seconds > 0:
        frozen.tick(min(seconds, MINUTE))
        seconds -= MINUTE
        async_fire_time_changed(harness.hass, dt_util.utcnow() + timedelta(seconds=MINUTE))
        await harness.hass.async_block_till_done()
        await until(lambda: not harness.lock.expiry._working)


def use(harness: LockHarness, action: int = UNLOCKED, *, method: int = PASSWORD) -> None:
    """Use the password, at the moment by the clock on the wall."""
    now = int(time.time()) + next(SECONDS)
    harness.driver.push_event((2, 1020), OUTSIDE, method, action, CODE.operation_id, now)


SECONDS: Final = iter(range(10**6))


# Until a time


async def test_until_a_time(
    anyone: LockHarness, frozen: FrozenDateTimeFactory, said: list[Event[Any]]
) -> None:
    """It opens until then and not after; the logbook says so."""
    await invite(anyone, 30)
    await pass_by(anyone, frozen, 29 * MINUTE)
    assert opens(anyone)
    await pass_by(anyone, frozen, 61)
    await gone(anyone)
    [event] = said
    registry = er.async_get(anyone.hass)
    entity = registry.async_get(anyone.driver.entity_id(anyone.hass, "lock", "lock"))
    assert entity
    assert event.data == {
        "type": "credential_ended",
        "credential": "password 20",
        "entity_id": entity.entity_id,
        "device_id": entity.device_id,
    }


async def test_in_local_time(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """A time without a zone is Home Assistant's own."""
    await harness.hass.config.async_set_time_zone("Asia/Shanghai")
    wall = (dt_util.now() + timedelta(minutes=30)).replace(tzinfo=None)
    await invite(harness, valid_until=wall.isoformat())
    await pass_by(harness, frozen, 29 * MINUTE)
    assert opens(harness)
    await pass_by(harness, frozen, 2 * MINUTE)
    await gone(harness)


async def test_in_the_past(harness: LockHarness) -> None:
    """What has ended already is not even begun."""
    with pytest.raises(HomeAssistantError) as raised:
        await invite(harness, -1)
    assert raised.value.translation_key == "valid_until_past"
    assert not opens(harness)


async def test_what_is_for_ever(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """What nobody limits stays, and nobody looks after it."""
    await invite(harness)
    assert harness.known.expiries.known == {}
    await pass_by(harness, frozen, 10 * MINUTE)
    use(harness)
    await harness.reached()
    assert opens(harness)


# For a number of uses


async def test_for_some_uses(harness: LockHarness, said: list[Event[Any]]) -> None:
    """Only unlockings by this very credential count, each once."""
    await invite(harness, uses=2)
    use(harness, DOOR_CLOSED)
    use(harness, method=FINGERPRINT)
    now = int(time.time())
    for _ in range(3):
        harness.driver.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, now)
    await harness.reached()
    assert harness.known.expiries.known[CODE].uses == 1
    assert opens(harness)
    use(harness)
    await gone(harness)
    assert len(said) == 1


async def test_late_uses_count(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """Who came, came, even if the lock tells of it hours later."""
    await invite(harness, uses=1)
    then = int(time.time())
    await pass_by(harness, frozen, 5 * MINUTE)
    frozen.tick(LATE)
    harness.driver.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, then)
    await gone(harness)


async def test_uses_outlive_a_power_cut(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A use is written down at once, and does not count again after a restart."""
    monkeypatch.setattr(coordinator, "SAVE_DELAY_OF_EVENTS", HOUR)
    await invite(harness, uses=3)
    now = int(time.time())
    harness.driver.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, now)
    await until(
        lambda: [item[5] for item in stored(hass_storage, harness.driver)["endings"]] == [2]
    )
    await cut_power(harness, hass_storage)
    await harness.start()
    harness.driver.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, now)
    await harness.reached()
    assert harness.known.expiries.known[CODE].uses == 2


async def test_uses_outlive_a_log_that_was_written_anew(
    harness: LockHarness, hass_storage: Storage
) -> None:
    """What its line has of the state and of the journal is the same uses, which count once."""
    await invite(harness, uses=6)
    for _ in range(3):
        use(harness)
    await harness.reached()
    await harness.hass.async_block_till_done()
    assert [item[5] for item in stored(hass_storage, harness.driver)["endings"]] == [3]
    await harness.lock.coordinator.async_rewrite_log()
    await cut_power(harness, hass_storage)
    await harness.start()
    assert harness.known.expiries.known[CODE].uses == 3
    assert opens(harness)


@pytest.mark.parametrize("first", ["uses", "valid_until"])
async def test_whichever_comes_first(
    harness: LockHarness, frozen: FrozenDateTimeFactory, first: str
) -> None:
    """Both may be given."""
    await invite(harness, 30, uses=1)
    if first == "uses":
        use(harness)
    else:
        await pass_by(harness, frozen, 31 * MINUTE)
    await gone(harness)


# Whatever happens meanwhile


async def cut_power(harness: LockHarness, storage: Storage) -> None:
    """End Home Assistant, with what is on the disk at this moment."""
    kept = copy.deepcopy(storage)
    await harness.stop()
    storage |= kept


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("restart", ["before", "after"])
async def test_over_a_restart(
    anyone: LockHarness,
    hass_storage: Storage,
    frozen: FrozenDateTimeFactory,
    hard: bool,
    restart: str,
) -> None:
    """It ends in time, or at the next start if that comes later."""
    await invite(anyone, 30)
    await (cut_power(anyone, hass_storage) if hard else anyone.stop())
    if restart == "after":
        frozen.tick(31 * MINUTE)
        assert opens(anyone)
        await anyone.start()
        await gone(anyone)
        return
    await anyone.start()
    assert opens(anyone)
    await pass_by(anyone, frozen, 31 * MINUTE)
    await gone(anyone)


async def test_asleep(anyone: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """A lock that sleeps is told as soon as it wakes up."""
    await invite(anyone, 30)
    await anyone.put_to_sleep()
    await pass_by(anyone, frozen, 45 * MINUTE)
    assert opens(anyone)
    await anyone.wake()
    await gone(anyone)


async def test_asleep_over_a_restart(anyone: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """It is still to end then."""
    await invite(anyone, 30)
    await anyone.put_to_sleep()
    await anyone.stop()
    frozen.tick(31 * MINUTE)
    await anyone.start()
    await pass_by(anyone, frozen, 3 * MINUTE)
    assert opens(anyone)
    await anyone.wake()
    await gone(anyone)


async def test_without_a_cloud(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """It is tried again until the cloud is back, seldom in the end but without end."""
    await invite(harness, 1)
    simulator = harness.driver.simulator
    tried = count_deletions(harness)
    simulator.cloud.online = simulator.gate.open = False
    try:
        harness.driver.simulation.call(simulator.gate.cut)
        await pass_by(harness, frozen, 5 * HOUR)
    finally:
        simulator.cloud.online = simulator.gate.open = True
    assert opens(harness)
    assert 20 <= len(tried) <= 30  # by minutes left out: 1, 3, 7, then 15 each
    await pass_by(harness, frozen, 16 * MINUTE)
    await gone(harness)


def count_deletions(harness: LockHarness) -> list[int]:
    """Return a list that grows each time that it is tried to delete a credential."""
    tried: list[int] = []
    delete = harness.lock.commands.async_delete_credential

    async def count(user_id: int, operation_id: int) -> None:
        tried.append(operation_id)
        await delete(user_id, operation_id)

    harness.lock.commands.async_delete_credential = count  # type: ignore[method-assign]
    return tried


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500),
        faults.status(401),
        faults.silence,
        faults.cut,
        faults.cut_after,
        faults.cut_within,
        faults.spoilt(lambda _: b"<html>"),
        faults.changed(lambda answer: answer | {"result": {"code": 0}}),
        faults.changed(lambda answer: answer | {"result": {"code": 1, "out": [1]}}),
        faults.changed(lambda answer: answer | {"result": {"code": -704053036}}),
        faults.changed(lambda answer: answer | {"code": -1}),
    ],
    ids=[
        "500",
        "401",
        "silence",
        "cut",
        "cut after",
        "cut within",
        "html",
        "says nothing",
        "in progress",
        "timed out",
        "error",
    ],
)
async def test_faults(
    harness: LockHarness,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    said: list[Event[Any]],
    fault: faults.Fault,
) -> None:
    """Whatever goes wrong on the way, it is tried until the lock itself says that it is gone."""
    await invite(harness, 1)
    timeout = aiohttp.ClientTimeout(total=1)
    monkeypatch.setattr("custom_components.xiaomi_smart_lock.miot.http.TIMEOUT", timeout)
    harness.driver.simulator.cloud.disturb_next(fault, ACTION, times=2)
    await pass_by(harness, frozen, 10 * MINUTE)
    harness.driver.simulator.cloud.calm()
    await gone(harness)
    assert len(said) == 1


async def test_told_much_later(
    harness: LockHarness,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    said: list[Event[Any]],
) -> None:
    """Where the answer got lost, the lock's event says that it is done, and so does the logbook."""
    await invite(harness, 1)
    monkeypatch.setattr(harness.driver.lock, "act", lambda *_: (-704053036, []))
    await pass_by(harness, frozen, 3 * MINUTE)
    assert said == []
    harness.driver.push_event((4, 7), GUEST, 20, PASSWORD, int(time.time()))
    await until(lambda: said)
    assert harness.known.expiries.known == {}


@pytest.mark.parametrize("code", [2, 4, 5, 6, 7, 8, 9])
async def test_refused(
    harness: LockHarness, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """An error of the lock is no reason to give up either."""
    await invite(harness, 1)
    with monkeypatch.context() as patch:
        patch.setattr(harness.driver.lock, "act", lambda *_: (0, [code]))
        await pass_by(harness, frozen, 30 * MINUTE)
    assert CODE in harness.known.expiries.known
    await pass_by(harness, frozen, 16 * MINUTE)
    await gone(harness)


async def test_one_does_not_hold_up_the_other(
    harness: LockHarness, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lock will not let one go, the next one goes all the same."""
    await invite(harness, 1)
    await harness.manage(
        "set_credential",
        user_id=GUEST,
        credential_type="password",
        credential_data="135790",
        operation_id=21,
        valid_until=dt_util.utcnow() + timedelta(minutes=1),
    )
    act = harness.driver.lock.act

    def answer(address: Any, raw: Any) -> Any:
        return (0, [7]) if raw == [GUEST, 20] else act(address, raw)

    monkeypatch.setattr(harness.driver.lock, "act", answer)
    await pass_by(harness, frozen, 2 * MINUTE)
    assert list(harness.driver.lock.users.credentials) == [20]
    assert list(harness.known.expiries.known) == [CODE]


async def deleting(harness: LockHarness, frozen: FrozenDateTimeFactory, held: Any) -> None:
    """Let the time of the guest's password come, and hold its deletion."""
    harness.driver.simulator.cloud.disturb_next(held, ACTION)
    frozen.tick(10 * MINUTE)
    async_fire_time_changed(harness.hass, dt_util.utcnow() + timedelta(seconds=MINUTE))
    await until(lambda: held.waiting)


async def test_prolonged_while_another_one_is_deleted(
    harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """Whether its time has come is looked at when it is its turn."""
    await invite(harness, minutes=5)
    stay = await called(harness, "135790", minutes=5, operation_id=21)
    held = faults.Held()
    await deleting(harness, frozen, held)
    assert await called(harness, "135790", minutes=60) == stay
    held.let_go()
    await until(lambda: not opens(harness))
    await until(lambda: not harness.lock.expiry._working)
    assert list(harness.driver.lock.users.credentials) == [21]
    await pass_by(harness, frozen, 61 * MINUTE)
    assert not harness.driver.lock.users.credentials


async def test_prolonged_while_it_is_deleted(
    harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """What is deleted cannot be prolonged any more: it is enrolled anew."""
    first = await called(harness, minutes=5)
    held = faults.Held()
    await deleting(harness, frozen, held)
    again = asyncio.create_task(called(harness, minutes=60))
    await asyncio.sleep(0)
    held.let_go()
    assert (await again)["operation_id"] != first["operation_id"]
    [credential] = harness.known.expiries.known
    assert list(harness.driver.lock.users.credentials) == [credential.operation_id]


async def test_prolonged_while_it_is_not_deleted(
    harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """Where the deletion has failed, it is the same password that goes on."""
    first = await called(harness, minutes=5)
    held = faults.Held(faults.status(500))
    await deleting(harness, frozen, held)
    again = asyncio.create_task(called(harness, minutes=60))
    await asyncio.sleep(0)
    held.let_go()
    assert await again == first
    await pass_by(harness, frozen, 20 * MINUTE)
    assert list(harness.driver.lock.users.credentials) == [first["operation_id"]]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_a_clock_that_jumps(
    harness: LockHarness, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """The end is a time of day: within a minute after the clock has it, it ends."""
    waits: list[float] = []

    def call_later(hass: HomeAssistant, seconds: float, job: Any) -> CALLBACK_TYPE:
        waits.append(seconds)
        return async_call_later(hass, seconds, job)

    monkeypatch.setattr(ender, "async_call_later", call_later)
    await invite(harness, 90)
    frozen.tick(jump)
    remaining = 90 * MINUTE - jump
    await pass_by(harness, frozen, remaining - 2 * MINUTE)
    assert opens(harness)
    await pass_by(harness, frozen, 4 * MINUTE)
    await gone(harness)
    assert max(waits) <= MINUTE


@pytest.mark.parametrize("why", ["unknown", "ended now", "used up"])
async def test_at_once_is_no_time_of_day(
    harness: LockHarness, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    """What is to end at once does so also where our clock was a day ahead when it began to."""
    frozen.tick(DAY)
    act = harness.driver.lock.act
    monkeypatch.setattr(
        harness.driver.lock,
        "act",
        lambda address, raw: (0, [7]) if address == DELETE else act(address, raw),
    )
    if why == "unknown":
        harness.driver.simulator.cloud.disturb_next(faults.cut_after, ACTION)
        with pytest.raises(HomeAssistantError):
            await invite(harness)
        assert opens(harness)
    else:
        await invite(harness, 3 * DAY / MINUTE, uses=1)
    if why == "used up":
        use(harness)
    elif why == "ended now":
        await harness.lock.expiry.async_expire(CODE, GUEST)
    await harness.reached()
    await harness.stop()
    frozen.tick(-DAY)
    await harness.start()
    assert opens(harness)
    if why != "unknown":
        [user] = (await harness.manage("get_users"))["users"]
        [credential] = user["credentials"]
        due = dt_util.parse_datetime(credential["valid_until"], raise_on_error=True)
        assert abs(due - dt_util.utcnow()) <= timedelta(days=1, seconds=MINUTE)
    monkeypatch.undo()
    await pass_by(harness, frozen, 16 * MINUTE)
    await gone(harness)


# An hour too late


async def test_worth_a_word(
    harness: LockHarness, frozen: FrozenDateTimeFactory, hass_storage: Storage
) -> None:
    """After an hour a repair says that the door still opens, over a restart too, until it is so."""
    await invite(harness, 30)
    await harness.put_to_sleep()
    await pass_by(harness, frozen, 30 * MINUTE + 59 * MINUTE)
    assert harness.issue("still_opens") is None
    await pass_by(harness, frozen, 2 * MINUTE)
    for _ in range(2):
        issue = harness.issue("still_opens")
        assert issue
        assert issue.active
        assert issue.is_persistent
        assert issue.translation_placeholders == {
            "lock": "Front door",
            "credentials": "password 20",
        }
        await harness.stop()
        assert harness.issue("still_opens")
        await harness.start()
    await harness.wake()
    await gone(harness)
    await until(lambda: harness.issue("still_opens") is None)


# By other means


@pytest.mark.parametrize("by", ["app", "delete_credential", "delete_user"])
async def test_deleted_by_other_means(
    harness: LockHarness, frozen: FrozenDateTimeFactory, hass_storage: Storage, by: str
) -> None:
    """What is gone is not looked after any more."""
    await invite(harness, 30)
    if by == "app":
        harness.driver.simulation.call(harness.driver.lock.act, (4, 5), [GUEST, 20])
    elif by == "delete_credential":
        await harness.manage("delete_credential", user_id=GUEST, operation_id=20)
    else:
        await harness.manage("delete_user", user_id=GUEST)
    await gone(harness)
    await until(lambda: stored(hass_storage, harness.driver)["endings"] == [])
    tried = count_deletions(harness)
    await pass_by(harness, frozen, 32 * MINUTE)
    assert tried == []


async def test_given_to_somebody_else(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """It ends all the same, whoever's it is by now."""
    await harness.manage("set_user", user_id=HOST)
    await invite(harness, 30)
    await harness.manage(
        "assign_credential", user_id=HOST, credential_type="password", operation_id=20
    )
    await pass_by(harness, frozen, 31 * MINUTE)
    await gone(harness)


async def test_a_user_whose_credentials_stay(
    harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """That a user's credentials go along is not taken for granted."""
    await invite(harness, 30)
    frozen.tick(DELETION_TOLD_WITHIN)
    users = harness.driver.lock.users
    harness.driver.push_event((4, 5), GUEST, 2, int(time.time()))
    await until(lambda: not opens(harness))
    assert users.types[GUEST] == 2


async def test_an_older_deletion(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """A deletion of before, of which the lock tells late, is not that of the new credential."""
    then = int(time.time())
    frozen.tick(10)
    await invite(harness, 30)
    harness.driver.push_event((4, 7), GUEST, 20, PASSWORD, then)
    harness.driver.push_event((4, 5), GUEST, 2, then)
    await harness.reached()
    assert opens(harness)
    assert CODE in harness.known.expiries.known
    await pass_by(harness, frozen, 31 * MINUTE)
    await gone(harness)


@pytest.mark.parametrize("clock", ["right", "never set"])
async def test_enrolled_again_at_once(
    harness: LockHarness, frozen: FrozenDateTimeFactory, clock: str
) -> None:
    """What the lock tells a moment later is the deletion of before, of user and credential."""
    await invite(harness, 30)
    await harness.reached()
    frozen.tick(1)
    await harness.manage("delete_credential", user_id=GUEST, operation_id=20)
    await harness.reached()
    await invite(harness, 30)
    then = int(time.time()) if clock == "right" else 0
    frozen.tick(1)
    harness.driver.push_event((4, 7), GUEST, 20, PASSWORD, then)
    harness.driver.push_event((4, 5), GUEST, 2, then)
    await harness.reached()
    assert opens(harness)
    await pass_by(harness, frozen, 31 * MINUTE)
    await gone(harness)


class AnsweredLate:
    """A fault that carries requests out, and holds the answers until their release."""

    def __init__(self, *, well: bool) -> None:
        """Answer ``well`` in the end, or end the connection instead."""
        self._well = well
        self._go = Signal()

    def let_go(self) -> None:
        """Let the answers go."""
        self._go.set()

    async def __call__(self, request: web.Request, handler: faults.Handler) -> web.StreamResponse:
        """Carry a request out, and answer it late."""
        response = await handler(request)
        while not self._go.is_set():
            await asyncio.sleep(0.01)
        return response if self._well else await faults.cut(request, handler)


@pytest.mark.parametrize("well", [True, False])
@pytest.mark.parametrize("by", ["time", "delete_credential"])
async def test_enrolled_again_before_the_answer(
    harness: LockHarness, frozen: FrozenDateTimeFactory, well: bool, by: str
) -> None:
    """The late answer to a deletion says nothing of the credential that has the number since."""
    await harness.manage("set_user", user_id=HOST)
    await invite(harness, 5)
    frozen.tick(4 * MINUTE)
    late = AnsweredLate(well=well)
    harness.driver.simulator.cloud.disturb_next(late, ACTION)
    if by == "time":
        frozen.tick(2 * MINUTE)
        async_fire_time_changed(harness.hass, dt_util.utcnow() + timedelta(seconds=MINUTE))
        work = harness.hass.async_create_task(until(lambda: not harness.lock.expiry._working))
    else:
        deletion = harness.manage("delete_credential", user_id=GUEST, operation_id=20)
        work = harness.hass.async_create_task(deletion)
    await until(lambda: not opens(harness))
    # The simulated lock does not know the time that is held.
    harness.driver.push_event((4, 7), GUEST, 20, PASSWORD, int(time.time()))
    await until(lambda: not harness.known.expiries.known)
    await harness.reached()
    frozen.tick(1)
    await harness.manage(
        "set_credential",
        user_id=HOST,
        credential_type="password",
        credential_data="135790",
        operation_id=CODE.operation_id,
        valid_until=dt_util.utcnow() + timedelta(minutes=30),
    )
    late.let_go()
    await asyncio.wait([work])
    assert work.exception() is None or (not well and by == "delete_credential")
    await harness.reached()
    assert opens(harness)
    assert harness.known.expiries.known[CODE].user_id == HOST
    await pass_by(harness, frozen, 31 * MINUTE)
    await gone(harness)


async def test_a_number_that_was_in_doubt(harness: LockHarness) -> None:
    """The next credential has another number than one of which nobody knew whether it is there."""
    numbers: list[int] = []
    for fault in (faults.cut, None):
        if fault:
            harness.driver.simulator.cloud.disturb_next(fault, ACTION)
            with pytest.raises(HomeAssistantError):
                await called(harness, uses=1)
            numbers += [one.operation_id for one in harness.known.expiries.known]
            await until(lambda: not harness.known.expiries.known)
        else:
            numbers.append((await called(harness, uses=1))["operation_id"])
    assert numbers == [1, 2]


async def test_an_older_use(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """An unlocking of before, of which is told late, was with another password."""
    await invite(harness)
    await harness.reached()
    then = int(time.time())
    frozen.tick(1)
    await harness.manage("delete_credential", user_id=GUEST, operation_id=20)
    await until(lambda: not opens(harness))
    frozen.tick(10)
    await invite(harness, uses=1)
    harness.driver.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, CODE.operation_id, then)
    await harness.reached()
    assert opens(harness)
    assert harness.known.expiries.known[CODE].uses == 1
    use(harness)
    await gone(harness)


async def test_an_older_use_by_who_was_never_told_of(
    harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """Nor do those count where all that is known of the earlier password is another use."""
    then = int(time.time())
    for seconds in (0, 1):
        if seconds:
            await invite(harness, uses=1)
        when = then + seconds
        harness.driver.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, when)
        await harness.reached()
        frozen.tick(10)
    assert harness.known.expiries.known[CODE].uses == 1


@pytest.mark.parametrize("before", ["nobody", "somebody"])
async def test_a_use_by_a_clock_that_is_behind(
    harness: LockHarness, frozen: FrozenDateTimeFactory, before: str
) -> None:
    """What seems to have been a minute before the password was enrolled was with this one."""
    if before == "somebody":
        await invite(harness)
        await harness.reached()
        frozen.tick(1)
        await harness.manage("delete_credential", user_id=GUEST, operation_id=20)
        await until(lambda: not opens(harness))
        frozen.tick(HOUR)
    await invite(harness, uses=1)
    frozen.tick(2)
    then = int(time.time()) - MINUTE
    harness.driver.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, then)
    await gone(harness)


async def test_another_credential_of_that_number(harness: LockHarness) -> None:
    """A finger with the number of the password is another credential."""
    await invite(harness, 30)
    harness.driver.push_event((4, 7), GUEST, 20, FINGERPRINT, int(time.time()))
    await harness.reached()
    assert CODE in harness.known.expiries.known


async def test_unknown_to_the_lock(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """What went without a word is noticed at the end."""
    await invite(harness, 30)
    harness.driver.lock.users.credentials.clear()
    await pass_by(harness, frozen, 31 * MINUTE)
    await gone(harness)


async def test_many(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """None is dropped for another one."""
    users = harness.driver.lock.users
    now = time.time()
    for number in range(1, 90):
        users.credentials[number] = Held(GUEST, PASSWORD, str(number))
        ending = Expiry(GUEST, since=now, due=now + MINUTE)
        harness.known.expiries.known[Credential(PASSWORD, number)] = ending
    await harness.lock.coordinator.async_save()
    await harness.stop()
    await harness.start()
    await pass_by(harness, frozen, 2 * MINUTE)
    assert users.credentials == {}
    assert harness.known.expiries.known == {}


# What is kept

KEPT: Final = [
    [3, 20, 7, 1790000000.0, 1790003600.0, 2, True],
    [2, 21, 7, 1790000000.0, None, 1, True],
    [3, 22, 7, 1790000000.0, 1790000000.0, None, False],
    [3, 23, 7, 1790000000.0, 1790003600.0, None, True, "Stay of Wei"],
    [3, 24, 7, 1790000000.0, 1790003600.0, None, True, None, "01", True],
    [3, 25, 7, 1790000000.0, 1790003600.0, None, True, None, None, False, True],
]


def test_what_was_kept() -> None:
    """All of it comes back."""
    endings = ExpiryRegistry.from_list(S1, KEPT)
    assert endings.known == {
        Credential(3, 20): Expiry(7, 1790000000.0, 1790003600.0, 2),
        Credential(2, 21): Expiry(7, 1790000000.0, None, 1),
        Credential(3, 22): Expiry(7, 1790000000.0, 1790000000.0, None, enrolled=False),
        Credential(3, 23): Expiry(7, 1790000000.0, 1790003600.0, name="Stay of Wei"),
        Credential(3, 24): Expiry(7, 1790000000.0, 1790003600.0, guest="01", at_once=True),
        Credential(3, 25): Expiry(7, 1790000000.0, 1790003600.0, new_number=True),
    }
    assert endings.as_list() == KEPT


@pytest.mark.parametrize(
    "spoilt",
    [
        None,
        [],
        [3, 20],
        ["a", 20, 7, 0.0, 0.0, 0, True],
        [99, 20, 7, 0.0, 0.0, 0, True],
        [3, 20, -1, 0.0, 0.0, 0, True],
        [3, 20, 7, "now", 0.0, 0, True],
        [3, 20, 7, 0.0, 10**400, 0, True],
        [3, 20, 7, 0.0, 0.0, 0, "yes"],
    ],
)
def test_what_is_spoilt_takes_nothing_with_it(spoilt: object) -> None:
    """Neither another ending nor, where all else is lost, the endings."""
    data = LockData.from_dict(S1, {"values": "spoilt", "endings": [spoilt, *KEPT]})
    assert data.expiries == ExpiryRegistry.from_list(S1, KEPT)
    assert data.values == {}
    assert ExpiryRegistry.from_list(S1, spoilt).known == {}


def test_limits() -> None:
    """It is looked at least every minute, tried every quarter of an hour, told of in an hour."""
    assert (ender.LOOK_EVERY, ender.MOST_LOOKS_LEFT_OUT, ender.LATE_AFTER) == (60, 15, 3600)


# Gone or given away, and the lock has not told


async def come_due(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """Let the time of the guest's password come."""
    frozen.tick(10 * MINUTE)
    async_fire_time_changed(harness.hass, dt_util.utcnow() + timedelta(seconds=MINUTE))
    await gone(harness)


async def test_anothers_by_now(harness: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """What its user does not have may be another's: the lock is asked for all that it has."""
    await invite(harness, minutes=5)
    harness.driver.lock.users.types[HOST] = 2
    harness.driver.lock.users.credentials[CODE.operation_id].user = HOST
    await come_due(harness, frozen)


async def test_nobodys_by_now(anyone: LockHarness, frozen: FrozenDateTimeFactory) -> None:
    """What nobody has any more is not looked for for ever."""
    await invite(anyone, minutes=5)
    del anyone.driver.lock.users.credentials[CODE.operation_id]
    await come_due(anyone, frozen)


@pytest.mark.parametrize(
    ("answer", "ended"),
    [((0, [7]), True), ((-704053036, []), False)],
    ids=["refuses", "says nothing"],
)
async def test_nobodys_by_now_as_far_as_is_known(
    harness: LockHarness,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, list[int]],
    ended: bool,
) -> None:
    """A lock that will not compare is believed, one that does not answer is asked again."""
    await invite(harness, minutes=5)
    del harness.driver.lock.users.credentials[CODE.operation_id]
    act = harness.driver.lock.act
    monkeypatch.setattr(
        harness.driver.lock,
        "act",
        lambda address, raw: answer if address == SYNC_UNLOCK_METHOD else act(address, raw),
    )
    await pass_by(harness, frozen, 6 * MINUTE)
    assert (CODE not in harness.known.expiries.known) == ended
    monkeypatch.undo()
    await pass_by(harness, frozen, 16 * MINUTE)
    await gone(harness)


# Known again by a name


async def called(
    harness: LockHarness, content: str = "246810", minutes: float | None = None, **data: Any
) -> Any:
    """Have it that the guest has a password of a name; return what is answered."""
    if minutes is not None:
        data["valid_until"] = dt_util.utcnow() + timedelta(minutes=minutes)
    return await harness.manage(
        "set_credential",
        user_id=GUEST,
        credential_type="password",
        credential_data=content,
        name="Stay of Wei",
        **data,
    )


async def test_asked_for_again(
    anyone: LockHarness, hass_storage: Storage, frozen: FrozenDateTimeFactory
) -> None:
    """Nothing is enrolled again, over a restart and while it sleeps; only the end is another."""
    due = dt_util.utcnow().replace(microsecond=0) + timedelta(hours=1)
    first = await called(anyone, valid_until=due)
    await anyone.stop()
    await anyone.start()
    anyone.acts.clear()
    assert await called(anyone, valid_until=due) == first
    await anyone.put_to_sleep()
    later = due + timedelta(hours=1)
    assert await called(anyone, valid_until=later) == first
    assert not anyone.acts
    [kept] = stored(hass_storage, anyone.driver)["endings"]
    assert (kept[4], kept[7]) == (later.timestamp(), "Stay of Wei")
    [user] = (await anyone.manage("get_users"))["users"]
    [credential] = user["credentials"]
    assert (credential["name"], credential["valid_until"]) == ("Stay of Wei", later.isoformat())
    await anyone.wake()
    await anyone.manage("delete_credential", user_id=GUEST, operation_id=first["operation_id"])


async def test_asked_for_again_when_it_is_gone(harness: LockHarness) -> None:
    """What was deleted, or reset with the lock, is enrolled anew."""
    due = dt_util.utcnow() + timedelta(hours=1)
    await called(harness, valid_until=due)
    harness.driver.lock.users.credentials.clear()
    harness.driver.do("exception", LOCK_RESET)
    await until(lambda: not harness.known.users.credentials_of(GUEST))
    await called(harness, valid_until=due)
    assert len(harness.driver.lock.users.credentials) == 1


async def test_uses_are_not_given_back(harness: LockHarness) -> None:
    """What was counted stays counted, however often it is asked for."""
    answer = await called(harness, uses=2)
    harness.driver.do(
        "operate", 2, method=PASSWORD, position=2, operation_id=answer["operation_id"]
    )
    await until(lambda: [one.uses for one in harness.known.expiries.known.values()] == [1])
    assert await called(harness, uses=2) == answer
    assert [one.uses for one in harness.known.expiries.known.values()] == [1]


async def test_asked_for_again_when_its_time_has_come(
    harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """What is about to be deleted is not said to be there, unless it is to last longer."""
    first = await called(harness, minutes=5, uses=2)
    frozen.tick(6 * MINUTE)
    assert await called(harness, minutes=5) == first
    frozen.tick(6 * MINUTE)
    assert await called(harness, "135790", uses=2) != first


async def test_a_name_needs_an_end(harness: LockHarness) -> None:
    """What is for ever is not kept here, so it could not be known again."""
    with pytest.raises(HomeAssistantError) as raised:
        await called(harness)
    assert raised.value.translation_key == "name_without_end"
