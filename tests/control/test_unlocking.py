"""Unlocking from Home Assistant: only who may, at once or not at all, and never unnoticed."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_CODE
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity, translation
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.button import BUTTONS
from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING, DOMAIN
from custom_components.xiaomi_smart_lock.control import remote_unlock as unlocking
from custom_components.xiaomi_smart_lock.control import unlock_attempts as guesses
from custom_components.xiaomi_smart_lock.flows.options import CONF_CODE_AGAIN, NEW_CODE
from custom_components.xiaomi_smart_lock.miot import attempt
from custom_components.xiaomi_smart_lock.miot import local as local_network
from custom_components.xiaomi_smart_lock.miot.cloud import CloudClient
from custom_components.xiaomi_smart_lock.state.unlock_code import hash_code, is_code
from simulator import faults
from tests import options
from tests.doorkeeper import Doorkeeper
from tests.lock_driver import PATIENCE, LockDriver, until
from tests.lock_harness import Storage, running_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.auth.models import User
    from homeassistant.components.recorder import Recorder
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import (
        RecorderInstanceContextManager,
        WebSocketGenerator,
    )

    from simulator.miio import MiioServer

pytestmark = pytest.mark.usefixtures("short_timeouts")

CODE: Final = "135790"
WRONG: Final = "135791"
MINUTE: Final = 60


@pytest.fixture(params=[False, True], ids=["account", "nearby"])
def local(request: pytest.FixtureRequest) -> bool:
    """Return whether the lock is on the local network."""
    return bool(request.param)


@pytest.fixture
async def keeper(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, local: bool
) -> AsyncIterator[Doorkeeper]:
    """Return who may unlock a lock that is awake, without a code."""
    async with running_lock(hass, driver, local=local, **{CONF_UNLOCKING: None}) as harness:
        yield Doorkeeper(harness)


@pytest.fixture
async def guarded(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, local: bool
) -> AsyncIterator[Doorkeeper]:
    """Return who may unlock a lock with a code."""
    options = {CONF_UNLOCKING: hash_code(CODE)}
    async with running_lock(hass, driver, local=local, **options) as harness:
        yield Doorkeeper(harness)


async def restart(keeper: Doorkeeper) -> None:
    """Have Home Assistant stop, and start again."""
    await keeper.harness.stop()
    keeper.hass.data[guesses.GUESSES].clear()
    await keeper.harness.start()


async def test_off(hass: HomeAssistant, driver: LockDriver, local: bool) -> None:
    """Unless an option allows it the lock does not even hear of it."""
    async with running_lock(hass, driver, local=local) as harness:
        keeper = Doorkeeper(harness)
        error = await keeper.refused()
        assert isinstance(error, ServiceValidationError)
        assert error.translation_key == "unlocking_not_allowed"
        assert keeper.asked == 0
        assert keeper.logged == ["unlocking_not_allowed"]
        assert keeper.states == []


async def test_another_lock_may_be_unlocked(hass: HomeAssistant, driver: LockDriver) -> None:
    """An option of one lock allows nothing of another."""
    async with running_lock(hass, driver) as harness:
        options = {CONF_UNLOCKING: {"another": None}}
        hass.config_entries.async_update_entry(harness.entry, options=options)
        await hass.async_block_till_done()
        keeper = Doorkeeper(harness)
        assert (await keeper.refused()).translation_key == "unlocking_not_allowed"
        assert keeper.asked == 0


async def test_unlocking(hass: HomeAssistant, keeper: Doorkeeper, hass_admin_user: User) -> None:
    """The lock is asked once, and shown as unlocking until it tells that it did."""
    assert "code_format" not in keeper.harness.attributes("lock", "lock")
    await keeper.unlock(user=hass_admin_user.id)
    await until(lambda: keeper.states[-1:] == ["unlocked"])
    assert keeper.states == ["unlocking", "unlocked"]
    assert {event.context.user_id for event in keeper.changes} == {hass_admin_user.id}
    assert keeper.asked == 1
    [told] = keeper.told
    assert told.data["type"] == "unlocking_done"
    assert told.data["entity_id"] == keeper.entity_id
    device = dr.async_get(hass).async_get(told.data["device_id"])
    assert device
    assert device.identifiers == {(DOMAIN, keeper.lock.did)}
    assert told.context.user_id == hass_admin_user.id


@pytest.mark.parametrize("local", [False])
async def test_who_tells_later(
    hass: HomeAssistant, keeper: Doorkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock agreed to is under way until it tells of it: it is not locked meanwhile."""
    monkeypatch.setattr(keeper.lock, "act", lambda *_: (0, []))
    unlock = hass.async_create_task(keeper.unlock())
    await until(lambda: keeper.states == ["unlocking"])
    await keeper.harness.reached()
    assert keeper.harness.state("lock", "lock") == "unlocking"
    keeper.harness.driver.do("fingerprint", 7)
    await unlock
    assert keeper.states == ["unlocking", "unlocked"]


@pytest.mark.parametrize("local", [False])
async def test_who_tells_nothing(keeper: Doorkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state that is read then is the truth."""
    monkeypatch.setattr(unlocking, "REPORTED_WITHIN", 0.1)
    monkeypatch.setattr(keeper.lock, "act", lambda *_: (0, []))
    await keeper.unlock()
    assert keeper.states == ["unlocking", "locked"]
    assert keeper.logged == ["unlocking_done"]


async def test_a_lock_that_refuses(keeper: Doorkeeper) -> None:
    """It says so, and stays as it was."""
    keeper.lock.accepts_remote_unlock = False
    error = await keeper.refused()
    assert error.translation_key == "lock_not_now"
    assert error.translation_placeholders == {"lock": "Front door", "code": "-704053100"}
    assert keeper.states == ["unlocking", "locked"]
    assert keeper.asked == 1
    assert keeper.logged == ["unlocking_refused"]
    assert keeper.told[0].data["reason"] == "lock_not_now"


async def test_a_lock_that_sleeps(keeper: Doorkeeper) -> None:
    """It is not unlocked later either, when nobody expects it any more."""
    await keeper.harness.put_to_sleep()
    error = await keeper.refused()
    pushes = keeper.harness.pushes
    assert error.translation_key == ("lock_asleep" if pushes else "no_answer")
    assert keeper.states == ["unlocking", "locked"]
    assert keeper.logged == ["unlocking_asleep" if pushes else "unlocking_unanswered"]
    asked = keeper.asked
    await keeper.harness.wake()
    await keeper.harness.poll()
    assert keeper.asked == asked
    assert keeper.harness.state("lock", "lock") == "locked"


@pytest.mark.parametrize("code", [-704053036, -704083036])
async def test_a_lock_that_answers_too_late(
    keeper: Doorkeeper, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """It is not asked again: it may have unlocked."""
    act = keeper.lock.act
    monkeypatch.setattr(keeper.lock, "act", lambda *given: (act(*given), (code, []))[1])
    assert (await keeper.refused()).translation_key == "lock_timed_out"
    assert keeper.asked == 1
    assert keeper.logged == ["unlocking_unanswered"]
    await keeper.harness.poll()
    await until(lambda: keeper.harness.state("lock", "lock") == "unlocked")
    assert keeper.asked == 1


@pytest.mark.parametrize("local", [False])
async def test_a_cloud_that_fails(keeper: Doorkeeper) -> None:
    """Nothing is tried again."""
    keeper.harness.driver.simulator.cloud.refuse_next(500, "action")
    assert (await keeper.refused()).translation_key == "no_answer"
    assert keeper.logged == ["unlocking_unanswered"]
    assert keeper.states == ["unlocking", "locked"]
    assert keeper.asked == 0


@pytest.mark.parametrize("local", [False])
async def test_a_sign_in_that_expired(keeper: Doorkeeper) -> None:
    """The logbook knows that it was not the lock."""
    driver = keeper.harness.driver
    driver.simulation.call(driver.simulator.cloud.revoke, driver.account)
    assert (await keeper.refused()).translation_key == "not_signed_in"
    assert keeper.logged == ["unlocking_signed_out"]
    assert keeper.asked == 0


async def test_two_at_once(
    hass: HomeAssistant,
    keeper: Doorkeeper,
    monkeypatch: pytest.MonkeyPatch,
    hass_admin_user: User,
    hass_read_only_user: User,
) -> None:
    """The second does not wait in a queue, and what the first does is not said to be theirs."""
    monkeypatch.setattr(entity, "CONTEXT_RECENT_TIME_SECONDS", PATIENCE)
    go = asyncio.Event()
    act = keeper.harness.lock.session._client.act

    async def wait_and_act(*given: Any) -> Any:
        await go.wait()
        return await act(*given)

    monkeypatch.setattr(keeper.harness.lock.session._client, "act", wait_and_act)
    hass_admin_user.groups = hass_read_only_user.groups = []
    hass_admin_user.is_owner = hass_read_only_user.is_owner = True
    first = hass.async_create_task(keeper.unlock(user=hass_admin_user.id))
    await until(lambda: keeper.states == ["unlocking"])
    async with asyncio.timeout(PATIENCE):
        error = await keeper.refused(user=hass_read_only_user.id)
    assert error.translation_key == "unlocking_busy"
    go.set()
    await first
    await until(lambda: keeper.states[-1] == "unlocked")
    assert keeper.asked == 1
    assert keeper.states == ["unlocking", "unlocked"]
    assert {event.context.user_id for event in keeper.changes} == {hass_admin_user.id}
    assert [(event.data["type"], event.context.user_id) for event in keeper.told] == [
        ("unlocking_busy", hass_read_only_user.id),
        ("unlocking_done", hass_admin_user.id),
    ]
    monkeypatch.undo()
    await keeper.unlock()
    assert keeper.asked == 2


# Never late


class Slow:
    """Keeps what is asked of a lock waiting: the token service's answer, or packets to the lock."""

    def __init__(
        self,
        frozen: FrozenDateTimeFactory,
        keeper: Doorkeeper,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Keep it waiting from now on, in the local network also what is read."""
        driver = keeper.harness.driver
        self._simulation = driver.simulation
        self._renewal = faults.Held()
        self._door: MiioServer | None = driver.simulator.miio.get(driver.lock)
        if self._door:
            monkeypatch.setattr(local_network, "HELLO_TIMEOUT", PATIENCE)
            self._door.held = []
        else:
            lifetime = driver.simulator.cloud.token_lifetime
            frozen.tick(lifetime)
            driver.simulator.cloud.disturb_next(self._renewal, "get_token")

    async def waits(self) -> None:
        """Wait until something waits."""
        await until(lambda: self._door.held if self._door else self._renewal.waiting)

    def let_go(self) -> None:
        """Keep nothing waiting anymore."""
        self._renewal.let_go()
        if self._door:
            self._simulation.call(self._door.let_go)


@pytest.fixture
def slow(
    frozen: FrozenDateTimeFactory, keeper: Doorkeeper, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Slow]:
    """Return what keeps waiting whatever is asked of a lock."""
    slow = Slow(frozen, keeper, monkeypatch)
    yield slow
    slow.let_go()


async def test_a_slow_way(
    hass: HomeAssistant, keeper: Doorkeeper, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be sent in time is not sent when it could be, but what is asked then is."""
    with monkeypatch.context() as hurried:
        hurried.setattr(attempt, "LEAVES_WITHIN", 0.1)
        reading = hass.async_create_task(keeper.harness.lock.coordinator.async_refresh())
        if not keeper.harness.pushes:
            await slow.waits()
        error = await keeper.refused()
    assert error.translation_key == "not_sent_in_time"
    assert keeper.logged == ["unlocking_not_sent"]
    slow.let_go()
    await reading
    await keeper.harness.lock.coordinator.async_refresh()
    assert keeper.asked == 0
    await keeper.unlock()
    assert keeper.asked == 1


async def test_a_slow_way_of_its_own(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, keeper: Doorkeeper, slow: Slow
) -> None:
    """How long it may take is looked at right before sending."""
    unlock = hass.async_create_task(keeper.refused())
    await slow.waits()
    frozen.tick(attempt.LEAVES_WITHIN)
    slow.let_go()
    assert (await unlock).translation_key == "not_sent_in_time"
    await keeper.harness.lock.coordinator.async_refresh()
    assert keeper.asked == 0


async def test_forbidden_meanwhile(hass: HomeAssistant, keeper: Doorkeeper, slow: Slow) -> None:
    """Who forbids unlocking ends what is under way at once; the lock never hears of it."""
    unlock = hass.async_create_task(keeper.refused())
    await slow.waits()
    hass.config_entries.async_update_entry(keeper.harness.entry, options={})
    assert (await unlock).translation_key == "not_sent_called_off"
    assert keeper.logged == ["unlocking_not_sent"]
    slow.let_go()
    await hass.async_block_till_done()
    await keeper.harness.lock.coordinator.async_refresh()
    assert keeper.asked == 0


@pytest.mark.parametrize("options", [{}, {CONF_UNLOCKING: {"another": None}}, None])
async def test_another_permission_meanwhile(
    hass: HomeAssistant,
    keeper: Doorkeeper,
    slow: Slow,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any] | None,
) -> None:
    """What is allowed is looked at right before sending, also where no reload has begun."""
    monkeypatch.setattr(hass.config_entries, "async_schedule_reload", lambda _: None)
    if options is None:  # a code that nobody was asked for
        options = {CONF_UNLOCKING: {keeper.lock.did: hash_code(CODE)}}
    unlock = hass.async_create_task(keeper.refused())
    await slow.waits()
    hass.config_entries.async_update_entry(keeper.harness.entry, options=options)
    slow.let_go()
    assert (await unlock).translation_key == "unlocking_not_allowed"
    assert keeper.asked == 0


async def test_unloaded_meanwhile(hass: HomeAssistant, keeper: Doorkeeper, slow: Slow) -> None:
    """What is under way ends with its entry."""
    unlock = hass.async_create_task(keeper.refused())
    await slow.waits()
    await keeper.harness.stop()
    assert (await unlock).translation_key == "not_sent_called_off"
    slow.let_go()
    await keeper.harness.start()
    assert keeper.asked == 0


@pytest.mark.parametrize("local", [False])
async def test_unloaded_while_it_is_answered(
    hass: HomeAssistant, keeper: Doorkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for what the lock tells, neither who asked nor who unloads."""
    monkeypatch.setattr(unlocking, "REPORTED_WITHIN", PATIENCE)
    monkeypatch.setattr(keeper.lock, "act", lambda *_: (0, []))
    unlock = hass.async_create_task(keeper.unlock())
    await until(lambda: keeper.states == ["unlocking"])
    await keeper.harness.reached()
    async with asyncio.timeout(PATIENCE / 2):
        await keeper.harness.stop()
        await unlock
    assert keeper.logged == ["unlocking_done"]


@pytest.mark.parametrize("local", [False])
async def test_a_late_401(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, keeper: Doorkeeper
) -> None:
    """It is not asked again with another token when that would be late."""
    cloud = keeper.harness.driver.simulator.cloud
    held = faults.Held(faults.status(401))
    cloud.disturb_next(held, "action")
    unlock = hass.async_create_task(keeper.refused())
    await until(lambda: held.waiting)
    frozen.tick(attempt.LEAVES_WITHIN)
    held.let_go()
    assert (await unlock).translation_key == "not_sent_in_time"
    assert keeper.asked == 0
    assert held.waiting == 1


@pytest.mark.parametrize("local", [False])
async def test_an_early_401(keeper: Doorkeeper) -> None:
    """The token was fresh by its time, but the service knows better: it is renewed at once."""
    keeper.harness.driver.simulator.cloud.expire_access_tokens()
    await keeper.unlock()
    assert keeper.asked == 1


@pytest.mark.parametrize("local", [False])
async def test_a_slow_connection(keeper: Doorkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also who waits for a connection, or a place among them, does so for three seconds."""
    monkeypatch.setattr(attempt, "LEAVES_WITHIN", 0.1)
    arrived = asyncio.Event()
    go = asyncio.Event()
    heard: list[bytes] = []

    async def never_shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        heard.append(await reader.read(1 << 16))
        await go.wait()
        writer.close()

    async with await asyncio.start_server(never_shake_hands, "127.0.0.1") as server:
        address = "https://{}:{}".format(*server.sockets[0].getsockname())
        cloud = keeper.harness.lock.session._client
        assert isinstance(cloud, CloudClient)
        monkeypatch.setattr(cloud, "_endpoints", replace(cloud._endpoints, api=address))
        async with asyncio.timeout(PATIENCE / 2):
            error = await keeper.refused()
        go.set()
    assert error.translation_key == "no_answer"
    assert arrived.is_set()
    assert len(heard) == 1
    assert b"action" not in heard[0]
    assert keeper.asked == 0


@pytest.mark.parametrize("local", [False])
async def test_nothing_else_is_late_either(
    hass: HomeAssistant,
    keeper: Doorkeeper,
    slow: Slow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the lock can be asked to do is done now or not at all."""
    monkeypatch.setattr(attempt, "LEAVES_WITHIN", 0.1)
    harness = keeper.harness
    asked = [
        *(harness.call("button", "press", button.key) for button in BUTTONS if button.action),
        harness.manage("set_user", user_id=7),
        harness.manage("delete_user", user_id=7, user_type="normal_user"),
        harness.manage(
            "set_credential", user_id=7, credential_type="password", credential_data="123456"
        ),
        harness.manage("cancel_enrolment"),
        harness.manage("delete_credential", user_id=7, operation_id=9),
        harness.manage("assign_credential", user_id=7, credential_type="password", operation_id=9),
        harness.manage("sync_users"),
        harness.manage("sync_credentials"),
    ]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert {getattr(one, "translation_key", one) for one in results} == {"not_sent_in_time"}
    slow.let_go()
    await keeper.harness.lock.coordinator.async_refresh()
    assert harness.acts == []


# With a code


async def test_the_code(guarded: Doorkeeper) -> None:
    """It opens; without it, or with another, the lock hears nothing."""
    assert guarded.harness.attributes("lock", "lock")["code_format"] == "^([0-9]{4,10})?$"
    error = await guarded.refused()
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == "unlocking_no_code"
    error = await guarded.refused(WRONG)
    assert isinstance(error, ServiceValidationError)
    assert error.translation_key == "unlocking_wrong_code"
    assert guarded.asked == 0
    assert guarded.states == []
    await guarded.unlock(CODE)
    assert guarded.asked == 1
    await until(lambda: guarded.states == ["unlocking", "unlocked"])
    assert guarded.logged == ["unlocking_no_code", "unlocking_wrong_code", "unlocking_done"]


@pytest.mark.parametrize("local", [False])
async def test_what_is_no_code(guarded: Doorkeeper) -> None:
    """Home Assistant itself does not let it through, and knows which codes there are."""
    for code in ("123", "12345678901", "abcd", f"{CODE}x"):
        assert (await guarded.refused(code)).translation_key == "add_default_code"
    assert guarded.asked == 0


@pytest.mark.parametrize("local", [False])
async def test_locking_asks_for_no_code(guarded: Doorkeeper) -> None:
    """That it cannot be done is the same with and without."""
    with pytest.raises(ServiceValidationError) as raised:
        await guarded.harness.call("lock", "lock", "lock")
    assert raised.value.translation_key == "cannot_be_locked_remotely"


async def test_no_code_while_it_is_unlocked(guarded: Doorkeeper) -> None:
    """The frontend asks for none before locking, and unlocking again needs it all the same."""
    await guarded.unlock(CODE)
    await until(lambda: guarded.states == ["unlocking", "unlocked"])
    assert "code_format" not in guarded.harness.attributes("lock", "lock")
    assert (await guarded.refused()).translation_key == "unlocking_no_code"
    assert (await guarded.refused("abcd")).translation_key == "unlocking_wrong_code"
    assert guarded.asked == 1


async def test_guessing(frozen: FrozenDateTimeFactory, guarded: Doorkeeper) -> None:
    """Five wrong codes block the right one too, for five minutes, and after a restart."""
    for _ in range(5):
        assert (await guarded.refused(WRONG)).translation_key == "unlocking_wrong_code"
    assert guarded.logged == ["unlocking_wrong_code"] * 5 + ["unlocking_blocked"]
    error = await guarded.refused(CODE)
    assert error.translation_key == "unlocking_while_blocked"
    assert error.translation_placeholders == {"lock": "Front door", "minutes": "5"}
    await restart(guarded)
    frozen.tick(4.9 * MINUTE)
    error = await guarded.refused(CODE)
    assert error.translation_placeholders == {"lock": "Front door", "minutes": "1"}
    assert guarded.asked == 0
    assert guarded.logged[6:] == ["unlocking_while_blocked"] * 2
    frozen.tick(0.1 * MINUTE)
    assert (await guarded.refused(WRONG)).translation_key == "unlocking_wrong_code"
    await guarded.unlock(CODE)
    assert guarded.asked == 1
    assert guarded.logged.count("unlocking_blocked") == 1


@pytest.mark.parametrize("local", [False])
async def test_guesses_are_counted_over_a_restart(
    hass: HomeAssistant, hass_storage: Storage, guarded: Doorkeeper
) -> None:
    """They are written down before the answer is given: also a crash gives no more of them."""
    for wrong in range(1, 5):
        await guarded.refused(WRONG)
        assert hass_storage[f"{DOMAIN}.{guarded.lock.did}.guesses"]["data"] == [wrong, 0]
    await restart(guarded)
    await guarded.refused(WRONG)
    assert guarded.logged[-1] == "unlocking_blocked"


async def test_guesses_are_counted_over_reloads(
    hass: HomeAssistant, guarded: Doorkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can have the entry reloaded while a code is looked at gets no more guesses."""
    looking, go = threading.Event(), threading.Event()

    def look(code: str, hashed: str) -> bool:
        looking.set()
        assert go.wait(PATIENCE)
        return is_code(code, hashed)

    monkeypatch.setattr(unlocking, "is_code", look)
    for _ in range(5):
        looking.clear()
        go.clear()
        guess = hass.async_create_task(guarded.refused(WRONG))
        await until(looking.is_set)
        reload = hass.async_create_task(
            hass.config_entries.async_reload(guarded.harness.entry.entry_id)
        )
        await asyncio.sleep(0)
        assert guarded.harness.entry.state is not ConfigEntryState.LOADED
        go.set()
        assert (await guess).translation_key == "unlocking_wrong_code"
        assert await reload
    assert (await guarded.refused(CODE)).translation_key == "unlocking_while_blocked"
    assert guarded.asked == 0


async def test_guesses_are_counted_though_the_rest_is_lost(
    hass: HomeAssistant, hass_storage: Storage, guarded: Doorkeeper
) -> None:
    """What cannot be read of a lock, or is never written, is not what counts them."""
    for _ in range(5):
        await guarded.refused(WRONG)
    await guarded.harness.stop()
    del hass_storage[f"{DOMAIN}.{guarded.lock.did}"]
    await restart(guarded)
    assert (await guarded.refused(CODE)).translation_key == "unlocking_while_blocked"


@pytest.mark.parametrize("local", [False])
@pytest.mark.parametrize("days", [-400, -1, 1])
async def test_a_clock_that_is_set(
    frozen: FrozenDateTimeFactory,
    guarded: Doorkeeper,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
) -> None:
    """Nobody is blocked for longer than five minutes, nor for less while Home Assistant runs."""
    for _ in range(5):
        await guarded.refused(WRONG)
    # Only the wall clock is set: the fixture would move the monotonic clock as well.
    set_clock = SimpleNamespace(time=lambda: time.time() + 86_400 * days, monotonic=time.monotonic)
    monkeypatch.setattr(guesses, "time", set_clock)
    frozen.tick(4.9 * MINUTE)
    assert (await guarded.refused(CODE)).translation_key == "unlocking_while_blocked"
    if days < 0:
        await restart(guarded)
        assert (await guarded.refused(CODE)).translation_key == "unlocking_while_blocked"
    # After a restart the block is by the clock that was set, and at most five minutes.
    frozen.tick(5 * MINUTE if days < 0 else 0.1 * MINUTE)
    await guarded.unlock(CODE)
    assert guarded.asked == 1


@pytest.mark.parametrize("local", [False])
async def test_a_new_code(hass: HomeAssistant, guarded: Doorkeeper) -> None:
    """It lifts the block: the guesses were about the one before."""
    for _ in range(5):
        await guarded.refused(WRONG)
    flow = await options.begin(hass, guarded.harness.entry, "unlocking")
    for answer in ({CONF_UNLOCKING: NEW_CODE}, {CONF_CODE: "2468", CONF_CODE_AGAIN: "2468"}):
        flow = await hass.config_entries.options.async_configure(flow["flow_id"], answer)
    await hass.async_block_till_done()
    assert (await guarded.refused(CODE)).translation_key == "unlocking_wrong_code"
    await guarded.unlock("2468")
    assert guarded.asked == 1


@pytest.mark.parametrize("local", [False])
async def test_a_count_that_makes_no_sense(
    hass_storage: Storage, frozen: FrozenDateTimeFactory, guarded: Doorkeeper
) -> None:
    """It may have been any: it blocks, for five minutes."""
    await guarded.refused(WRONG)
    hass_storage[f"{DOMAIN}.{guarded.lock.did}.guesses"]["data"] = [-1000, 0]
    await restart(guarded)
    assert (await guarded.refused(CODE)).translation_key == "unlocking_while_blocked"
    frozen.tick(5 * MINUTE)
    await guarded.unlock(CODE)
    assert guarded.asked == 1


@pytest.mark.parametrize("local", [False])
async def test_who_knows_the_code_mistypes_it(guarded: Doorkeeper) -> None:
    """Only wrong codes in a row count; those that are missing do not."""
    for _ in range(2):
        for _ in range(4):
            await guarded.refused(WRONG)
        await guarded.refused()
        await guarded.unlock(CODE)
        await until(lambda: guarded.harness.state("lock", "lock") == "unlocked")
        guarded.harness.driver.do("close_door")
        await until(lambda: guarded.harness.state("lock", "lock") == "locked")
    assert guarded.asked == 2


@pytest.mark.parametrize("local", [False])
async def test_guessing_at_once(guarded: Doorkeeper) -> None:
    """Many guesses at a time are no more guesses: one is taken."""
    results = await asyncio.gather(
        *(guarded.unlock(code) for code in [WRONG] * 20 + [CODE]), return_exceptions=True
    )
    keys = [getattr(result, "translation_key", "unlocked") for result in results]
    assert keys == ["unlocking_wrong_code"] + ["unlocking_busy"] * 20
    assert guarded.asked == 0


# In the logbook


@pytest.fixture
async def mock_recorder_before_hass(
    async_test_recorder: RecorderInstanceContextManager,
) -> None:
    """Have the recorder prepared before Home Assistant."""


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            [
                "was not unlocked from Home Assistant: the code is wrong",
                "was asked by Home Assistant to unlock, and agreed",
            ],
        ),
        (
            "zh-Hans",
            ["未能从 Home Assistant 开锁：开锁码错误", "已同意 Home Assistant 的开锁请求"],
        ),
    ],
)
async def test_logbook(
    recorder_mock: Recorder,
    hass: HomeAssistant,
    driver: LockDriver,
    hass_ws_client: WebSocketGenerator,
    hass_admin_user: User,
    language: str,
    lines: list[str],
) -> None:
    """Each attempt is there, in Home Assistant's language, with the user that made it."""
    translation.async_setup(hass)
    assert await async_setup_component(hass, "logbook", {})
    async with running_lock(
        hass, driver, local=False, **{CONF_UNLOCKING: hash_code(CODE)}
    ) as harness:
        keeper = Doorkeeper(harness)
        await keeper.refused(WRONG, hass_admin_user.id)
        await keeper.unlock(CODE, hass_admin_user.id)
        await hass.config.async_update(language=language)
        await hass.async_block_till_done()
        await hass.async_add_executor_job(recorder_mock.block_till_done)
        client = await hass_ws_client(hass)
        await client.send_json_auto_id(
            {
                "type": "logbook/get_events",
                "start_time": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
                "entity_ids": [keeper.entity_id],
            }
        )
        read = [line for line in (await client.receive_json())["result"] if "unlock" in repr(line)]
        said = [line for line in read if line.get("message") in lines]
        assert [line["message"] for line in said] == lines
        by_someone = [*said, *(line for line in read if line.get("state") == "unlocked")]
        assert {line["context_user_id"] for line in by_someone} == {hass_admin_user.id}
        assert len(by_someone) == 3
