"""What is to end ends, whatever happens: sleep, outages, restarts, a clock that jumps."""

from __future__ import annotations

import copy
import time
from datetime import timedelta
from types import SimpleNamespace
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
from custom_components.xiaomi_smart_lock.state.expiry import Expiry, ExpiryRegistry
from custom_components.xiaomi_smart_lock.state.lock_state import LockData
from simulator import faults
from simulator.model import S1
from simulator.users import Credential as Held

from .actor import until
from .resident import Resident, Storage, at_home, stored

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import Event, HomeAssistant

    from .actor import Actor

pytestmark = pytest.mark.usefixtures("impatient", "frozen")

LOCK_RESET = 12  # abnormal-condition (2.4)

GUEST: Final = 7
HOST: Final = 8
FINGERPRINT, PASSWORD = 2, 3
CODE: Final = Credential(PASSWORD, 20)
MINUTE: Final = 60
HOUR: Final = 3600
ACTION: Final = "miotspec/action"
OUTSIDE: Final = 2
UNLOCKED, DOOR_CLOSED = 2, 1
LATE: Final = 600  # seconds after which an event fires nothing any more


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
async def anyone(
    request: pytest.FixtureRequest, hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> AsyncIterator[Resident]:
    """Return who lives behind either door, and has a guest."""
    async with at_home(hass, actor, local=request.param) as resident:
        await resident.manage("set_user", user_id=GUEST)
        yield resident


@pytest.fixture
async def resident(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> AsyncIterator[Resident]:
    """Return who lives behind the door of a lock in an account, and has a guest."""
    async with at_home(hass, actor) as resident:
        await resident.manage("set_user", user_id=GUEST)
        yield resident


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


async def invite(resident: Resident, minutes: float | None = None, **data: Any) -> None:
    """Give the guest a password for a while."""
    if minutes is not None:
        data["valid_until"] = dt_util.utcnow() + timedelta(minutes=minutes)
    await resident.manage(
        "set_credential",
        user_id=GUEST,
        credential_type="password",
        credential_data="246810",
        operation_id=CODE.operation_id,
        **data,
    )
    assert opens(resident)


def opens(resident: Resident) -> bool:
    """Say whether the lock still has the guest's password."""
    return CODE.operation_id in resident.actor.lock.users.credentials


async def gone(resident: Resident) -> None:
    """Wait until the lock does not have it any more, and nothing waits for that."""
    await until(lambda: not opens(resident))
    await until(lambda: not resident.known.endings.known)


async def pass_by(resident: Resident, frozen: FrozenDateTimeFactory, seconds: float) -> None:
    """Let time pass, minute by minute."""
    while seconds > 0:
        frozen.tick(min(seconds, MINUTE))
        seconds -= MINUTE
        async_fire_time_changed(resident.hass, dt_util.utcnow() + timedelta(seconds=MINUTE))
        await resident.hass.async_block_till_done()
        await until(lambda: not resident.lock.expiry._working)


def use(resident: Resident, action: int = UNLOCKED, *, method: int = PASSWORD) -> None:
    """Use the password, at the moment by the clock on the wall."""
    now = int(time.time()) + next(SECONDS)
    resident.actor.push_event((2, 1020), OUTSIDE, method, action, CODE.operation_id, now)


SECONDS: Final = iter(range(10**6))


# Until a time


async def test_until_a_time(
    anyone: Resident, frozen: FrozenDateTimeFactory, said: list[Event[Any]]
) -> None:
    """It opens until then and not after; the logbook says so."""
    await invite(anyone, 30)
    await pass_by(anyone, frozen, 29 * MINUTE)
    assert opens(anyone)
    await pass_by(anyone, frozen, 61)
    await gone(anyone)
    [event] = said
    registry = er.async_get(anyone.hass)
    entity = registry.async_get(anyone.actor.entity_id(anyone.hass, "lock", "lock"))
    assert entity
    assert event.data == {
        "type": "credential_ended",
        "credential": "Password 20",
        "entity_id": entity.entity_id,
        "device_id": entity.device_id,
    }


async def test_in_local_time(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """A time without a zone is Home Assistant's own."""
    await resident.hass.config.async_set_time_zone("Asia/Shanghai")
    wall = (dt_util.now() + timedelta(minutes=30)).replace(tzinfo=None)
    await invite(resident, valid_until=wall.isoformat())
    await pass_by(resident, frozen, 29 * MINUTE)
    assert opens(resident)
    await pass_by(resident, frozen, 2 * MINUTE)
    await gone(resident)


async def test_in_the_past(resident: Resident) -> None:
    """What has ended already is not even begun."""
    with pytest.raises(HomeAssistantError) as raised:
        await invite(resident, -1)
    assert raised.value.translation_key == "valid_until_past"
    assert not opens(resident)


async def test_what_is_for_ever(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """What nobody limits stays, and nobody looks after it."""
    await invite(resident)
    assert resident.known.endings.known == {}
    await pass_by(resident, frozen, 10 * MINUTE)
    use(resident)
    await resident.reached()
    assert opens(resident)


# For a number of uses


async def test_for_some_uses(resident: Resident, said: list[Event[Any]]) -> None:
    """Only unlockings by this very credential count, each once."""
    await invite(resident, uses=2)
    use(resident, DOOR_CLOSED)
    use(resident, method=FINGERPRINT)
    now = int(time.time())
    for _ in range(3):
        resident.actor.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, now)
    await resident.reached()
    assert resident.known.endings.known[CODE].uses == 1
    assert opens(resident)
    use(resident)
    await gone(resident)
    assert len(said) == 1


async def test_late_uses_count(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """Who came, came, even if the lock tells of it hours later."""
    await invite(resident, uses=1)
    then = int(time.time())
    await pass_by(resident, frozen, 5 * MINUTE)
    frozen.tick(LATE)
    resident.actor.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, then)
    await gone(resident)


async def test_uses_outlive_a_power_cut(
    resident: Resident, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A use is written down at once, and does not count again after a restart."""
    monkeypatch.setattr(coordinator, "SAVE_DELAY_OF_EVENTS", HOUR)
    await invite(resident, uses=3)
    now = int(time.time())
    resident.actor.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, now)
    await until(
        lambda: [item[5] for item in stored(hass_storage, resident.actor)["endings"]] == [2]
    )
    await cut_power(resident, hass_storage)
    await resident.start()
    resident.actor.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, 20, now)
    await resident.reached()
    assert resident.known.endings.known[CODE].uses == 2


@pytest.mark.parametrize("first", ["uses", "valid_until"])
async def test_whichever_comes_first(
    resident: Resident, frozen: FrozenDateTimeFactory, first: str
) -> None:
    """Both may be given."""
    await invite(resident, 30, uses=1)
    if first == "uses":
        use(resident)
    else:
        await pass_by(resident, frozen, 31 * MINUTE)
    await gone(resident)


# Whatever happens meanwhile


async def cut_power(resident: Resident, storage: Storage) -> None:
    """End Home Assistant, with what is on the disk at this moment."""
    kept = copy.deepcopy(storage)
    await resident.stop()
    storage |= kept


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("restart", ["before", "after"])
async def test_over_a_restart(
    anyone: Resident,
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


async def test_asleep(anyone: Resident, frozen: FrozenDateTimeFactory) -> None:
    """A lock that sleeps is told as soon as it wakes up."""
    await invite(anyone, 30)
    await anyone.put_to_sleep()
    await pass_by(anyone, frozen, 45 * MINUTE)
    assert opens(anyone)
    await anyone.wake()
    await gone(anyone)


async def test_asleep_over_a_restart(anyone: Resident, frozen: FrozenDateTimeFactory) -> None:
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


async def test_without_a_cloud(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """It is tried again until the cloud is back, seldom in the end but without end."""
    await invite(resident, 1)
    simulator = resident.actor.simulator
    tried = count_deletions(resident)
    simulator.cloud.online = simulator.gate.open = False
    try:
        resident.actor.simulation.call(simulator.gate.cut)
        await pass_by(resident, frozen, 5 * HOUR)
    finally:
        simulator.cloud.online = simulator.gate.open = True
    assert opens(resident)
    assert 20 <= len(tried) <= 30  # by minutes left out: 1, 3, 7, then 15 each
    await pass_by(resident, frozen, 16 * MINUTE)
    await gone(resident)


def count_deletions(resident: Resident) -> list[int]:
    """Return a list that grows each time that it is tried to delete a credential."""
    tried: list[int] = []
    delete = resident.lock.commands.async_delete_credential

    async def count(user_id: int, operation_id: int) -> None:
        tried.append(operation_id)
        await delete(user_id, operation_id)

    resident.lock.commands.async_delete_credential = count  # type: ignore[method-assign]
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
    resident: Resident,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    said: list[Event[Any]],
    fault: faults.Fault,
) -> None:
    """Whatever goes wrong on the way, it is tried until the lock itself says that it is gone."""
    await invite(resident, 1)
    timeout = aiohttp.ClientTimeout(total=1)
    monkeypatch.setattr("custom_components.xiaomi_smart_lock.miot.http.TIMEOUT", timeout)
    resident.actor.simulator.cloud.disturb_next(fault, ACTION, times=2)
    await pass_by(resident, frozen, 10 * MINUTE)
    resident.actor.simulator.cloud.calm()
    await gone(resident)
    assert len(said) == 1


async def test_told_much_later(
    resident: Resident,
    frozen: FrozenDateTimeFactory,
    monkeypatch: pytest.MonkeyPatch,
    said: list[Event[Any]],
) -> None:
    """Where the answer got lost, the lock's event says that it is done, and so does the logbook."""
    await invite(resident, 1)
    monkeypatch.setattr(resident.actor.lock, "act", lambda *_: (-704053036, []))
    await pass_by(resident, frozen, 3 * MINUTE)
    assert said == []
    resident.actor.push_event((4, 7), GUEST, 20, PASSWORD, int(time.time()))
    await until(lambda: said)
    assert resident.known.endings.known == {}


@pytest.mark.parametrize("code", [2, 4, 5, 6, 7, 8, 9])
async def test_refused(
    resident: Resident, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """An error of the lock is no reason to give up either."""
    await invite(resident, 1)
    with monkeypatch.context() as patch:
        patch.setattr(resident.actor.lock, "act", lambda *_: (0, [code]))
        await pass_by(resident, frozen, 30 * MINUTE)
    assert CODE in resident.known.endings.known
    await pass_by(resident, frozen, 16 * MINUTE)
    await gone(resident)


async def test_one_does_not_hold_up_the_other(
    resident: Resident, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lock will not let one go, the next one goes all the same."""
    await invite(resident, 1)
    await resident.manage(
        "set_credential",
        user_id=GUEST,
        credential_type="password",
        credential_data="135790",
        operation_id=21,
        valid_until=dt_util.utcnow() + timedelta(minutes=1),
    )
    act = resident.actor.lock.act

    def answer(address: Any, raw: Any) -> Any:
        return (0, [7]) if raw == [GUEST, 20] else act(address, raw)

    monkeypatch.setattr(resident.actor.lock, "act", answer)
    await pass_by(resident, frozen, 2 * MINUTE)
    assert list(resident.actor.lock.users.credentials) == [20]
    assert list(resident.known.endings.known) == [CODE]


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
async def test_a_clock_that_jumps(
    resident: Resident, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    """The end is a time of day: within a minute after the clock has it, it ends."""
    waits: list[float] = []

    def call_later(hass: HomeAssistant, seconds: float, job: Any) -> CALLBACK_TYPE:
        waits.append(seconds)
        return async_call_later(hass, seconds, job)

    monkeypatch.setattr(ender, "async_call_later", call_later)
    await invite(resident, 90)
    frozen.tick(jump)
    remaining = 90 * MINUTE - jump
    await pass_by(resident, frozen, remaining - 2 * MINUTE)
    assert opens(resident)
    await pass_by(resident, frozen, 4 * MINUTE)
    await gone(resident)
    assert max(waits) <= MINUTE


# An hour too late


async def test_worth_a_word(
    resident: Resident, frozen: FrozenDateTimeFactory, hass_storage: Storage
) -> None:
    """After an hour a repair says that the door still opens, over a restart too, until it is so."""
    await invite(resident, 30)
    await resident.put_to_sleep()
    await pass_by(resident, frozen, 30 * MINUTE + 59 * MINUTE)
    assert resident.issue("still_opens") is None
    await pass_by(resident, frozen, 2 * MINUTE)
    for _ in range(2):
        issue = resident.issue("still_opens")
        assert issue
        assert issue.active
        assert issue.is_persistent
        assert issue.translation_placeholders == {
            "lock": "Front door",
            "credentials": "Password 20",
        }
        await resident.stop()
        assert resident.issue("still_opens")
        await resident.start()
    await resident.wake()
    await gone(resident)
    await until(lambda: resident.issue("still_opens") is None)


# By other means


@pytest.mark.parametrize("by", ["app", "delete_credential", "delete_user"])
async def test_deleted_by_other_means(
    resident: Resident, frozen: FrozenDateTimeFactory, hass_storage: Storage, by: str
) -> None:
    """What is gone is not looked after any more."""
    await invite(resident, 30)
    if by == "app":
        resident.actor.simulation.call(resident.actor.lock.act, (4, 5), [GUEST, 20])
    elif by == "delete_credential":
        await resident.manage("delete_credential", user_id=GUEST, operation_id=20)
    else:
        await resident.manage("delete_user", user_id=GUEST)
    await gone(resident)
    await until(lambda: stored(hass_storage, resident.actor)["endings"] == [])
    tried = count_deletions(resident)
    await pass_by(resident, frozen, 32 * MINUTE)
    assert tried == []


async def test_given_to_somebody_else(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """It ends all the same, whoever's it is by now."""
    await resident.manage("set_user", user_id=HOST)
    await invite(resident, 30)
    await resident.manage(
        "assign_credential", user_id=HOST, credential_type="password", operation_id=20
    )
    await pass_by(resident, frozen, 31 * MINUTE)
    await gone(resident)


async def test_a_user_whose_credentials_stay(resident: Resident) -> None:
    """That a user's credentials go along is not taken for granted."""
    await invite(resident, 30)
    users = resident.actor.lock.users
    resident.actor.push_event((4, 5), GUEST, 2, int(time.time()))
    await until(lambda: not opens(resident))
    assert users.types[GUEST] == 2


async def test_an_older_deletion(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """A deletion of before, of which the lock tells late, is not that of the new credential."""
    then = int(time.time())
    frozen.tick(10)
    await invite(resident, 30)
    resident.actor.push_event((4, 7), GUEST, 20, PASSWORD, then)
    resident.actor.push_event((4, 5), GUEST, 2, then)
    await resident.reached()
    assert opens(resident)
    assert CODE in resident.known.endings.known
    await pass_by(resident, frozen, 31 * MINUTE)
    await gone(resident)


async def test_an_older_use(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """An unlocking of before, of which is told late, was with another password."""
    then = int(time.time())
    frozen.tick(10)
    await invite(resident, uses=1)
    resident.actor.push_event((2, 1020), OUTSIDE, PASSWORD, UNLOCKED, CODE.operation_id, then)
    await resident.reached()
    assert opens(resident)
    assert resident.known.endings.known[CODE].uses == 1
    use(resident)
    await gone(resident)


async def test_another_credential_of_that_number(resident: Resident) -> None:
    """A finger with the number of the password is another credential."""
    await invite(resident, 30)
    resident.actor.push_event((4, 7), GUEST, 20, FINGERPRINT, int(time.time()))
    await resident.reached()
    assert CODE in resident.known.endings.known


async def test_unknown_to_the_lock(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """What went without a word is noticed at the end."""
    await invite(resident, 30)
    resident.actor.lock.users.credentials.clear()
    await pass_by(resident, frozen, 31 * MINUTE)
    await gone(resident)


async def test_many(resident: Resident, frozen: FrozenDateTimeFactory) -> None:
    """None is dropped for another one."""
    users = resident.actor.lock.users
    now = time.time()
    for number in range(1, 90):
        users.credentials[number] = Held(GUEST, PASSWORD, str(number))
        ending = Expiry(GUEST, since=now, due=now + MINUTE)
        resident.known.endings.known[Credential(PASSWORD, number)] = ending
    await resident.lock.coordinator.async_save()
    await resident.stop()
    await resident.start()
    await pass_by(resident, frozen, 2 * MINUTE)
    assert users.credentials == {}
    assert resident.known.endings.known == {}


# What is kept

KEPT: Final = [
    [3, 20, 7, 1790000000.0, 1790003600.0, 2, True],
    [2, 21, 7, 1790000000.0, None, 1, True],
    [3, 22, 7, 1790000000.0, 1790000000.0, None, False],
    [3, 23, 7, 1790000000.0, 1790003600.0, None, True, "Stay of Wei"],
]


def test_what_was_kept() -> None:
    """All of it comes back."""
    endings = ExpiryRegistry.from_list(S1, KEPT)
    assert endings.known == {
        Credential(3, 20): Expiry(7, 1790000000.0, 1790003600.0, 2),
        Credential(2, 21): Expiry(7, 1790000000.0, None, 1),
        Credential(3, 22): Expiry(7, 1790000000.0, 1790000000.0, None, enrolled=False),
        Credential(3, 23): Expiry(7, 1790000000.0, 1790003600.0, name="Stay of Wei"),
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
    assert data.endings == ExpiryRegistry.from_list(S1, KEPT)
    assert data.values == {}
    assert ExpiryRegistry.from_list(S1, spoilt).known == {}


def test_limits() -> None:
    """It is looked at least every minute, tried every quarter of an hour, told of in an hour."""
    assert (ender.LOOK_EVERY, ender.MOST_LOOKS_LEFT_OUT, ender.LATE_AFTER) == (60, 15, 3600)


# Gone or given away, and the lock has not told


async def come_due(resident: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of the guest's password come, for those who look after it only."""
    later = SimpleNamespace(time=lambda: time.time() + 10 * MINUTE)
    monkeypatch.setattr(ender, "time", later)
    async_fire_time_changed(resident.hass, dt_util.utcnow() + timedelta(minutes=2))
    await gone(resident)


async def test_anothers_by_now(resident: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its user does not have may be another's: the lock is asked for all that it has."""
    await invite(resident, minutes=5)
    resident.actor.lock.users.types[HOST] = 2
    resident.actor.lock.users.credentials[CODE.operation_id].user = HOST
    await come_due(resident, monkeypatch)


async def test_nobodys_by_now(anyone: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has any more is not looked for for ever."""
    await invite(anyone, minutes=5)
    del anyone.actor.lock.users.credentials[CODE.operation_id]
    await come_due(anyone, monkeypatch)


# Known again by a name


async def called(resident: Resident, **data: Any) -> Any:
    """Have it that the guest has a password of a name; return what is answered."""
    return await resident.manage(
        "set_credential",
        user_id=GUEST,
        credential_type="password",
        credential_data="246810",
        name="Stay of Wei",
        **data,
    )


async def test_asked_for_again(
    anyone: Resident, hass_storage: Storage, frozen: FrozenDateTimeFactory
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
    [kept] = stored(hass_storage, anyone.actor)["endings"]
    assert (kept[4], kept[-1]) == (later.timestamp(), "Stay of Wei")
    [user] = (await anyone.manage("get_users"))["users"]
    [credential] = user["credentials"]
    assert (credential["name"], credential["valid_until"]) == ("Stay of Wei", later.isoformat())
    await anyone.wake()
    await anyone.manage("delete_credential", user_id=GUEST, operation_id=first["operation_id"])


async def test_asked_for_again_when_it_is_gone(resident: Resident) -> None:
    """What was deleted, or reset with the lock, is enrolled anew."""
    due = dt_util.utcnow() + timedelta(hours=1)
    await called(resident, valid_until=due)
    resident.actor.lock.users.credentials.clear()
    resident.actor.do("exception", LOCK_RESET)
    await until(lambda: not resident.known.users.credentials_of(GUEST))
    await called(resident, valid_until=due)
    assert len(resident.actor.lock.users.credentials) == 1


async def test_uses_are_not_given_back(resident: Resident) -> None:
    """What was counted stays counted, however often it is asked for."""
    answer = await called(resident, uses=2)
    resident.actor.do(
        "operate", 2, method=PASSWORD, position=2, operation_id=answer["operation_id"]
    )
    await until(lambda: [one.uses for one in resident.known.endings.known.values()] == [1])
    assert await called(resident, uses=2) == answer
    assert [one.uses for one in resident.known.endings.known.values()] == [1]


async def test_a_name_needs_an_end(resident: Resident) -> None:
    """What is for ever is not kept here, so it could not be known again."""
    with pytest.raises(HomeAssistantError) as raised:
        await called(resident)
    assert raised.value.translation_key == "name_without_end"
