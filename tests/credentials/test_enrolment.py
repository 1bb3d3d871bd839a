"""A credential is enrolled: step by step, one at a time, and wholly or not at all."""

from __future__ import annotations

import asyncio
import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import pytest
import voluptuous as vol
from homeassistant.components.persistent_notification import (
    async_register_callback,
)
from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import translation

from custom_components.xiaomi_smart_lock.const import CONF_LEAST_DIGITS, CONF_MOST_DIGITS, DOMAIN
from custom_components.xiaomi_smart_lock.credentials.enrolment import Stage, Wanted
from custom_components.xiaomi_smart_lock.state.credential import Credential
from simulator import faults
from simulator.model import SPEC
from simulator.users import Credential as Held
from tests.enrolment import FINGER, GUEST, begin, inside, show
from tests.lock_driver import until
from tests.lock_harness import LockHarness, Storage, disconnected, running_lock, stored
from tests.people import give

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from homeassistant.core import HomeAssistant

    from tests.lock_driver import LockDriver

pytestmark = pytest.mark.usefixtures("short_timeouts")

FINGERPRINT, PASSWORD, PHONE = 2, 3, 1
FAILURE: Final = 1
FINGER_WET: Final = 1004
ACTION: Final = "miotspec/action"
QUICKLY: Final = aiohttp.ClientTimeout(total=1)
CODE: Final[dict[str, Any]] = {
    "user_id": GUEST,
    "credential_type": "password",
    "credential_data": "246810",
}


@pytest.fixture
def notified(hass: HomeAssistant) -> dict[str, list[str]]:
    """Return what happens to notifications, by their id: their texts, or that they go."""
    seen: dict[str, list[str]] = {}

    @callback
    def changed(kind: str, notifications: dict[str, Any]) -> None:
        for key, shown in notifications.items():
            text = f"{shown['title']} | {shown['message']}"
            seen.setdefault(key, []).append("gone" if kind == "removed" else text)

    async_register_callback(hass, changed)
    return seen


def held(harness: LockHarness) -> dict[int, tuple[int, int]]:
    """Return whose and what each of the lock's credentials is, by operation id."""
    return {number: (one.user, one.method) for number, one in inside(harness).credentials.items()}


async def failure(task: Coroutine[Any, Any, Any] | asyncio.Task[Any]) -> str | None:
    """Return by which translation it is said what went wrong."""
    with pytest.raises(HomeAssistantError) as raised:
        await task
    return raised.value.translation_key


async def assert_nothing_left(harness: LockHarness) -> None:
    """See that neither the lock nor Home Assistant has anything of it."""
    await until(lambda: not harness.known.expiries.known)
    assert inside(harness).enrolment is None
    assert held(harness) == {}
    assert harness.lock.enrolment.stage is Stage.NONE
    assert harness.lock.expiry.enrolling is None


# Step by step


@pytest.mark.parametrize(
    ("kind", "method", "steps"),
    [
        ("fingerprint", 2, 5),
        ("face", 5, 3),
        ("duress_fingerprint", 9, 5),
        ("palm_vein", 13, 3),
    ],
)
async def test_steps(harness: LockHarness, kind: str, method: int, steps: int) -> None:
    """It lasts until the last step is done; the response names what was enrolled."""
    task = await begin(harness, credential_type=kind, operation_id=30)
    show(harness, *(steps - 1) * [0])
    await harness.reached()
    assert not task.done()
    show(harness, 0)
    told = kind.removeprefix("duress_")  # which who stands there must not read
    assert await task == {"user_id": GUEST, "method": told, "operation_id": 30, "person": None}
    assert held(harness) == {30: (GUEST, method)}
    assert harness.known.users.user_of(Credential(method, 30)) == GUEST
    assert harness.known.expiries.known == {}


async def test_for_whom_is_renamed_or_removed_meanwhile(harness: LockHarness) -> None:
    """Whoever is renamed has it all the same; whoever is removed does not make it a failure."""
    ming = give(harness.hass, harness.entry, "Ming")
    task = await begin(harness, operation_id=30, person="Ming")
    harness.hass.config_entries.async_update_subentry(harness.entry, ming, title="Ming Li")
    show(harness, *5 * [0])
    assert (await task)["operation_id"] == 30
    [user] = (await harness.manage("get_users"))["users"]
    assert [one["person"] for one in user["credentials"]] == ["Ming Li"]
    task = await begin(harness, operation_id=31, person="Ming Li")
    harness.hass.config_entries.async_remove_subentry(harness.entry, ming.subentry_id)
    show(harness, *5 * [0])
    assert (await task)["operation_id"] == 31
    assert set(held(harness)) == {30, 31}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            [
                (
                    "Fingerprint 30: enrollment at Front door"
                    " | Put the finger on the fingerprint sensor of the lock now."
                ),
                (
                    "Fingerprint 30: enrollment at Front door"
                    " | The finger is wet. Dry it, and try again."
                ),
                (
                    "Fingerprint 30: enrollment at Front door"
                    " | Lift the finger, and put it down again. (1 of 5)"
                ),
                "gone",
            ],
        ),
        (
            "zh-Hans",
            [
                "“Front door”正在录入：指纹 30 | 请将手指放在门锁的指纹识别区上。",
                "“Front door”正在录入：指纹 30 | 手指潮湿。请擦干后重试。",
                "“Front door”正在录入：指纹 30 | 请抬起手指，然后再次按下。（1/5）",
                "gone",
            ],
        ),
    ],
)
async def test_progress(
    hass: HomeAssistant,
    harness: LockHarness,
    notified: dict[str, list[str]],
    language: str,
    expected: list[str],
) -> None:
    """Each step is an event and a notification in words; the notification goes at the end."""
    translation.async_setup(hass)
    await hass.config.async_update(language=language)
    await hass.async_block_till_done()
    steps = harness.events("enrolment")
    task = await begin(harness, operation_id=30)
    show(harness, FINGER_WET, 0, FAILURE)
    assert await failure(task) == "enrolment_failed"
    assert list(notified.values()) == [expected]
    told = [(step["event_type"], step["step"], step["total"]) for step in steps]
    assert told == [
        ("success", 0, 5),
        ("finger_wet", 0, 5),
        ("success", 1, 5),
        ("failure", 1, 5),
    ]


@pytest.mark.parametrize("kind", ["password", "nfc"])
async def test_at_once(harness: LockHarness, notified: dict[str, list[str]], kind: str) -> None:
    """What needs no steps is there at once, without a notification."""
    response = await harness.manage("set_credential", **(CODE | {"credential_type": kind}))
    method = SPEC.properties[4, 3].value_of(kind)
    assert response == {"user_id": GUEST, "method": kind, "operation_id": 1, "person": None}
    assert held(harness) == {1: (GUEST, method)}
    assert inside(harness).credentials[1].text == "246810"
    assert notified == {}


async def test_by_service_22(harness: LockHarness) -> None:
    """A phone's key is all that it can carry; its events tell how it goes on."""
    harness.driver.lock.accepts_service_4 = False
    wanted = {"credential_type": "phone", "credential_data": "key", "operation_id": 40}
    task = await begin(harness, **wanted)
    show(harness, 0)
    assert await task == {"user_id": GUEST, "method": "phone", "operation_id": 40, "person": None}
    assert held(harness) == {40: (GUEST, PHONE)}


# Not at all


@pytest.mark.parametrize(
    "password",
    ["", "12345", "12345678901", "12345a", "\uff11\uff12\uff13\uff14\uff15\uff16", "12 456"],
)
async def test_password_rules(harness: LockHarness, password: str) -> None:
    """Six to ten digits; what is not is not even sent."""
    harness.acts.clear()
    wanted = CODE | {"credential_data": password}
    assert await failure(harness.manage("set_credential", **wanted)) == "password_rules"
    assert harness.acts == []


async def test_other_rules_for_passwords(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """An option says how many digits the lock takes."""
    options = {CONF_LEAST_DIGITS: 4, CONF_MOST_DIGITS: 5}
    async with running_lock(hass, driver, local=False, **options) as harness:
        await harness.manage("set_user", user_id=GUEST)
        for refused in ("123", "123456"):
            wanted = CODE | {"credential_data": refused}
            assert await failure(harness.manage("set_credential", **wanted)) == "password_rules"
        await harness.manage("set_credential", **CODE | {"credential_data": "1234"})
        assert [one.text for one in driver.lock.users.credentials.values()] == ["1234"]


@pytest.mark.parametrize("password", ["123456", "0123456789"])
async def test_passwords(harness: LockHarness, password: str) -> None:
    """The shortest and the longest."""
    await harness.manage("set_credential", **(CODE | {"credential_data": password}))
    assert [one.text for one in inside(harness).credentials.values()] == [password]


@pytest.mark.parametrize(
    "wrong",
    [
        {"credential_type": "one_time_password"},
        {"credential_type": "mechanical_key"},
        {"user_id": -1},
        {"user_id": 65536},
        {"operation_id": 65536},
        {"uses": 0},
        {"time_limit": 9},
        {"time_limit": 601},
    ],
)
async def test_bounds(harness: LockHarness, wrong: dict[str, Any]) -> None:
    """What the specification or a day does not have is refused."""
    with pytest.raises(vol.Invalid):
        await harness.manage("set_credential", **(CODE | wrong))


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (2, "error_internal_error"),
        (3, "error_not_found"),
        (4, "error_memory_full"),
        (5, "error_parameter_error"),
        (6, "error_timeout"),
        (7, "error_device_busy"),
        (8, "error_duplicate_parameter"),
        (9, "error_duplicate_credential"),
    ],
)
@pytest.mark.parametrize("by_event", [False, True])
async def test_refused(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, code: int, key: str, by_event: bool
) -> None:
    """The lock's error is said in words, and what it had before it keeps."""
    lock = harness.driver.lock
    inside(harness).credentials[30] = Held(GUEST, FINGERPRINT)
    act = lock.act

    def answer(address: tuple[int, int], raw: Any) -> Any:
        if address != (4, 3):
            return act(address, raw)
        if by_event:
            lock.emit((4, 2), code, GUEST, FINGERPRINT, 30, lock.time)
        return 0, [1 if by_event else code]

    monkeypatch.setattr(lock, "act", answer)
    task = harness.manage("set_credential", operation_id=30, **FINGER)
    assert await failure(task) == key
    certain = code not in (2, 6)
    await until(lambda: not harness.known.expiries.known)
    assert held(harness) == ({30: (GUEST, FINGERPRINT)} if certain else {})


async def test_busy(harness: LockHarness) -> None:
    """One at a time; the first is not disturbed."""
    task = await begin(harness)
    assert await failure(harness.manage("set_credential", **CODE)) == "enrolment_busy"
    show(harness, *5 * [0])
    await task
    await harness.manage("set_credential", **CODE)
    assert held(harness) == {1: (GUEST, FINGERPRINT), 2: (GUEST, PASSWORD)}


async def test_busy_with_another_ones(harness: LockHarness) -> None:
    """What Xiaomi's app enrols is not disturbed either."""
    harness.driver.lock.act((4, 3), [GUEST, FINGERPRINT, 9, ""])
    assert await failure(harness.manage("set_credential", **FINGER)) == "error_device_busy"
    show(harness, *5 * [0])
    assert held(harness) == {9: (GUEST, FINGERPRINT)}


async def test_nearby(neighbour: LockHarness) -> None:
    """What cannot be followed is not begun."""
    neighbour.acts.clear()
    assert await failure(neighbour.manage("set_credential", **FINGER)) == "not_heard_locally"
    assert neighbour.acts == []
    await neighbour.manage("set_credential", **CODE)
    assert held(neighbour) == {1: (GUEST, PASSWORD)}


# Ids


async def test_a_free_id(harness: LockHarness) -> None:
    """The lowest that the lock has never told of, not even as deleted."""
    harness.driver.do("fingerprint", 1)
    harness.driver.do("fingerprint", 3)
    await until(lambda: len(harness.known.users.uses) == 2)
    for expected in (2, 4):
        response = await harness.manage(
            "set_credential", **(CODE | {"credential_data": f"12345{expected}"})
        )
        assert response["operation_id"] == expected
    await harness.manage("delete_credential", user_id=GUEST, operation_id=2)
    assert (await harness.manage("set_credential", **CODE))["operation_id"] == 5


@pytest.mark.parametrize("there", [1, 20, 60])
async def test_an_id_that_the_lock_never_told_of(harness: LockHarness, there: int) -> None:
    """Where the lock has it already, another one is tried, and nothing is overwritten."""
    before = {number: Held(0, FINGERPRINT) for number in range(1, there + 1)}
    inside(harness).credentials |= before
    response = await harness.manage("set_credential", **CODE)
    assert held(harness) == {
        **dict.fromkeys(before, (0, FINGERPRINT)),
        response["operation_id"]: (GUEST, PASSWORD),
    }
    assert harness.known.expiries.known == {}


async def test_an_id_that_is_taken(harness: LockHarness) -> None:
    """Who asks for one that is known to be there is told before the lock is asked."""
    await harness.manage("set_credential", operation_id=20, **CODE)
    harness.acts.clear()
    task = harness.manage("set_credential", operation_id=20, **FINGER)
    assert await failure(task) == "operation_id_taken"
    assert harness.acts == []


# In the middle of it


async def cancel(harness: LockHarness, _task: asyncio.Task[Any]) -> None:
    """Cancel it from Home Assistant."""
    await harness.manage("cancel_enrolment")


async def fail(harness: LockHarness, _task: asyncio.Task[Any]) -> None:
    """Have the lock give up."""
    show(harness, FAILURE)


async def fall_asleep(harness: LockHarness, _task: asyncio.Task[Any]) -> None:
    """Have the lock fall asleep, and wake up later."""
    harness.driver.do("sleep")
    await until(lambda: harness.known.awake is False)
    await harness.wake()


async def lose_push(harness: LockHarness, _task: asyncio.Task[Any]) -> None:
    """Have the push connection end."""
    harness.driver.simulation.call(harness.driver.simulator.gate.cut)


async def finish_unheard(harness: LockHarness, _task: asyncio.Task[Any]) -> None:
    """Have the push connection end, and the lock finish meanwhile."""
    harness.driver.simulator.gate.open = False
    try:
        harness.driver.simulation.call(harness.driver.simulator.gate.cut)
        for _ in range(5):
            harness.driver.simulation.call(harness.driver.lock.enrol)
        await disconnected(harness.entry)
    finally:
        harness.driver.simulator.gate.open = True


async def unload(harness: LockHarness, _task: asyncio.Task[Any]) -> None:
    """Take the entry down."""
    await harness.stop()


async def stop_home_assistant(harness: LockHarness, _task: asyncio.Task[Any]) -> None:
    """Have Home Assistant stop, as far as integrations notice."""
    harness.hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)


async def cancel_the_call(harness: LockHarness, task: asyncio.Task[Any]) -> None:
    """Have the script stopped that waits for it."""
    task.cancel()


@pytest.mark.parametrize(
    ("end", "key"),
    [
        (cancel, "enrolment_cancelled"),
        (fail, "enrolment_failed"),
        (fall_asleep, "fell_asleep"),
        (lose_push, "not_heard"),
        (finish_unheard, "not_heard"),
        (unload, "enrolment_stopped"),
        (stop_home_assistant, "enrolment_stopped"),
        (cancel_the_call, None),
    ],
)
async def test_an_end_in_the_middle(
    harness: LockHarness,
    notified: dict[str, list[str]],
    end: Callable[[LockHarness, asyncio.Task[Any]], Coroutine[Any, Any, None]],
    key: str | None,
) -> None:
    """The call ends with a word, and nothing is left behind."""
    task = await begin(harness, operation_id=30)
    show(harness, 0)
    await harness.reached()
    await end(harness, task)
    if key:
        assert await failure(task) == key
    else:
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
    assert inside(harness).enrolment is None
    assert [texts[-1] for texts in notified.values()] == ["gone"]
    if end in (unload, stop_home_assistant):
        await harness.stop()
        await harness.start()
    await assert_nothing_left(harness)


async def test_none_begins_at_the_end(harness: LockHarness) -> None:
    """One that is asked for while all is being stopped is not waited for."""
    await harness.lock.enrolment.async_stop()
    assert await failure(harness.manage("set_credential", **FINGER)) == "enrolment_stopped"
    await assert_nothing_left(harness)


async def test_a_step_without_a_name(harness: LockHarness, notified: dict[str, list[str]]) -> None:
    """A state that the specification does not have is shown as its number, and does no harm."""
    task = await begin(harness)
    await until(lambda: notified)
    [texts] = notified.values()
    harness.driver.push_event((4, 3), 4711, 0, 5)
    await harness.reached()
    assert texts[1:] == [
        "Fingerprint 1: enrollment at Front door | Credential state (4711). Try again."
    ]
    show(harness, *5 * [0])
    await task


async def test_time_limit(harness: LockHarness) -> None:
    """Nobody waits for ever; the lock does not either."""
    wanted = Wanted(user_id=GUEST, method="fingerprint", content="", time_limit=0.2)
    assert await failure(harness.lock.enrolment.async_enrol(wanted)) == "error_in_progress"
    await assert_nothing_left(harness)


async def test_cancel_what_the_app_began(harness: LockHarness) -> None:
    """Cancelling is for any enrolment that runs at the lock."""
    harness.driver.lock.act((4, 3), [GUEST, FINGERPRINT, 9, ""])
    await harness.manage("cancel_enrolment")
    assert inside(harness).enrolment is None
    assert await failure(harness.manage("cancel_enrolment")) == "error_not_found"


@pytest.mark.parametrize("finished", [False, True])
async def test_a_hard_end(harness: LockHarness, hass_storage: Storage, finished: bool) -> None:
    """What was begun before a power cut is taken back after it, finished or not."""
    task = await begin(harness, operation_id=30)
    kept = copy.deepcopy(hass_storage)
    harness.driver.simulator.cloud.online = False
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await harness.stop()
    hass_storage |= kept
    harness.driver.simulator.cloud.online = True
    if finished:
        show(harness, *5 * [0])
        assert held(harness) == {30: (GUEST, FINGERPRINT)}
    await harness.start()
    await until(lambda: not harness.known.expiries.known)
    assert held(harness) == {}


@pytest.mark.parametrize(
    "fault",
    [faults.status(500), faults.silence, faults.cut, faults.cut_after, faults.cut_within],
    ids=["500", "silence", "cut", "cut after", "cut within"],
)
async def test_no_answer(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, fault: faults.Fault
) -> None:
    """A password whose fate nobody knows is taken back."""
    monkeypatch.setattr("custom_components.xiaomi_smart_lock.miot.http.TIMEOUT", QUICKLY)
    harness.driver.simulator.cloud.disturb_next(fault, ACTION)
    assert await failure(harness.manage("set_credential", **CODE)) == "no_answer"
    await assert_nothing_left(harness)


async def test_written_down_before_it_is_sent(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the lock hears of it, the disk knows that it may have to be taken back."""
    seen = []
    act = harness.driver.lock.act

    def look(address: Any, raw: Any) -> Any:
        seen.append(stored(hass_storage, harness.driver)["endings"])
        return act(address, raw)

    monkeypatch.setattr(harness.driver.lock, "act", look)
    await harness.manage("set_credential", operation_id=30, **CODE)
    [[[method, operation_id, user_id, _since, due, uses, enrolled]]] = seen
    assert (method, operation_id, user_id) == (PASSWORD, 30, GUEST)
    assert due is not None
    assert (uses, enrolled) == (None, False)
    assert stored(hass_storage, harness.driver)["endings"] == []
    assert DOMAIN in repr(hass_storage)
    assert "246810" not in repr(hass_storage)
