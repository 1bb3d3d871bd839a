"""What happens at the door is shown as it happens, once, and only as the specification says it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import pytest

from simulator.dialect import DIALECTS
from tests.lock_driver import LockDriver, until
from tests.lock_harness import connected, is_connected, lock_of
from tests.shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from custom_components.xiaomi_smart_lock.state.lock_event import LockEvent

NOON = 1790000000
NOON_TEXT = "2026-09-21T14:13:20+00:00"

MARKS = count(NOON)  # Times of events that mark how far a listener has heard


class Listener:
    """Notes each time that the lock's coordinator hands an event over."""

    def __init__(self, entry: MockConfigEntry, driver: LockDriver) -> None:
        """Listen to the doorbell and to lock events."""
        self.heard: list[LockEvent] = []
        self._actor = driver
        self._lock = lock_of(entry, driver)
        for kind in ((2, 1020), (21, 1)):
            self._lock.events.async_listen(kind, self.heard.append)

    async def all(self) -> list[LockEvent]:
        """Wait for all that was published up to now, and return what was heard."""
        marked: list[LockEvent] = []
        stop = self._lock.events.async_listen((17, 3), marked.append)
        self._actor.push_event((17, 3), next(MARKS))
        await until(lambda: marked)
        stop()
        return self.heard


@pytest.fixture
def listener(loaded: MockConfigEntry, driver: LockDriver) -> Listener:
    """Return who listens to the lock."""
    return Listener(loaded, driver)


def iso(device_time: int) -> str:
    """Return a time of the lock as attributes have it."""
    return datetime.fromtimestamp(device_time, UTC).isoformat()


@pytest.mark.parametrize(
    ("act", "arguments", "key", "expected"),
    [
        (
            "fingerprint",
            (7,),
            "lock_event",
            {
                "event_type": "unlocked",
                "method": "fingerprint",
                "position": "outside",
                "operation_id": 7,
            },
        ),
        (
            "one_time_password",
            (9,),
            "lock_event",
            {
                "event_type": "unlocked",
                "method": "one_time_password",
                "position": "outside",
                "operation_id": 9,
            },
        ),
        (
            "deadbolt",
            (True,),
            "lock_event",
            {
                "event_type": "deadbolt_on",
                "method": "manual",
                "position": "inside",
                "operation_id": 0,
            },
        ),
        ("ring", (), "doorbell", {"event_type": "ring"}),
        ("stay", (), "someone_at_the_door", {"event_type": "someone_at_the_door"}),
        ("wechat_unauthorised", (), "wechat", {"event_type": "wechat_not_authorised"}),
        ("exception", (9,), "exception", {"event_type": "possible_tampering", "code": 9}),
        ("exception", (25,), "exception", {"event_type": "possible_tampering", "code": 25}),
        ("leave_ajar", (), "exception", {"event_type": "door_ajar", "code": 24}),
    ],
)
async def test_acts(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    act: str,
    arguments: tuple[object, ...],
    key: str,
    expected: dict[str, object],
) -> None:
    """Each act at the door is an event of its own type; the time is the lock's own."""
    assert shown(hass, driver, key) == {"event_type": None}
    before = driver.lock.time
    driver.do(act, *arguments)
    await until(lambda: shown(hass, driver, key)["event_type"])
    its = shown(hass, driver, key)
    assert iso(before) <= its.pop("device_time") <= iso(driver.lock.time)
    assert its == expected


async def test_users_and_enrolment(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who enrols a finger sees the user come, each touch, and the credential at the end."""
    act, enrol = driver.lock.act, driver.lock.enrol
    driver.simulation.call(act, (4, 1), [3, 2])
    await until(lambda: shown(hass, driver, "users_and_credentials")["event_type"])
    its = shown(hass, driver, "users_and_credentials")
    assert its.pop("device_time")
    assert its == {"event_type": "user_added", "user_id": 3, "user_type": "normal_user"}

    driver.simulation.call(act, (4, 3), [3, 2, 8, ""])
    expected = {"event_type": "success", "step": 0, "total": 5}
    await until(lambda: shown(hass, driver, "enrolment") == expected)
    driver.simulation.call(enrol, 1004)
    expected = {"event_type": "finger_wet", "step": 0, "total": 5}
    await until(lambda: shown(hass, driver, "enrolment") == expected)
    for _ in range(5):
        driver.simulation.call(enrol)
    expected = {"event_type": "success", "step": 5, "total": 5}
    await until(lambda: shown(hass, driver, "enrolment") == expected)
    await until(
        lambda: shown(hass, driver, "users_and_credentials")["event_type"] == "unlock_method_added"
    )
    its = shown(hass, driver, "users_and_credentials")
    assert its.pop("device_time")
    assert its == {
        "event_type": "unlock_method_added",
        "user_id": 3,
        "operation_id": 8,
        "method": "fingerprint",
    }


USERS: dict[Address, tuple[tuple[int, ...], dict[str, object]]] = {
    (4, 1): (
        (0, 3, 1, NOON),
        {
            "event_type": "users_updated",
            "error": "success",
            "user_id": 3,
            "user_type": "administrator",
            "device_time": NOON_TEXT,
        },
    ),
    (4, 5): (
        (3, 3, NOON),
        {
            "event_type": "user_deleted",
            "user_id": 3,
            "user_type": "frequent_visitor",
            "device_time": NOON_TEXT,
        },
    ),
    (4, 8): ((), {"event_type": "unlock_methods_synchronised"}),
    (22, 1): ((), {"event_type": "users_updated"}),
    (22, 2): (
        (9, 3, 1, 4, NOON),
        {
            "event_type": "unlock_methods_updated",
            "error": "duplicate_credential",
            "user_id": 3,
            "method": "bluetooth",
            "operation_id": 4,
            "device_time": NOON_TEXT,
        },
    ),
    (22, 4): ((3, NOON), {"event_type": "user_added", "user_id": 3, "device_time": NOON_TEXT}),
    (22, 7): (
        (3, 4, NOON),
        {
            "event_type": "unlock_method_deleted",
            "user_id": 3,
            "operation_id": 4,
            "device_time": NOON_TEXT,
        },
    ),
    (22, 9): ((), {"event_type": "users_synchronised"}),
}


async def test_users_of_both_services(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Both services report their users by the same event, with what each of them tells."""
    for address, (arguments, expected) in USERS.items():
        driver.push_event(address, *arguments)
        await until(lambda: shown(hass, driver, "users_and_credentials") == expected)  # noqa: B023


async def test_enrolment_of_service_22(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A Bluetooth key that fails to be added says so in the same words."""
    driver.push_event((22, 3), 1, 1, 2)
    expected = {"event_type": "failure", "step": 1, "total": 2}
    await until(lambda: shown(hass, driver, "enrolment") == expected)


async def test_a_step_is_told_once(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Both services may report the same step, and neither says when it was."""
    lock = lock_of(loaded, driver)
    heard: list[object] = []
    lock.events.async_listen((4, 3), lambda step: heard.append(step.get("credential-step-current")))
    for step in (1, 2):
        driver.push_event((4, 3), 0, step, 5)
        driver.push_event((22, 3), 0, step, 5)
    await until(lambda: 2 in heard)
    driver.push_property((13, 1), 9)
    await until(lambda: lock.coordinator.data.values[13, 1] == 9)
    assert heard == [1, 2]


async def test_duress(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """Only the finger for emergencies is duress; the door was opened all the same."""
    driver.push_event((2, 1020), 2, 2, 2, 7, NOON)
    await until(lambda: shown(hass, driver, "lock_event")["event_type"])
    assert shown(hass, driver, "duress") == {"event_type": None}
    driver.push_event((2, 1020), 2, 9, 2, 8, NOON)
    await until(lambda: shown(hass, driver, "duress")["event_type"])
    its = {
        "method": "duress_fingerprint",
        "position": "outside",
        "operation_id": 8,
        "device_time": NOON_TEXT,
    }
    assert shown(hass, driver, "duress") == {"event_type": "duress"} | its
    masked = its | {"event_type": "unlocked", "method": "fingerprint"}
    assert shown(hass, driver, "lock_event") == masked


# Once only


async def test_one_ring_is_one(hass: HomeAssistant, driver: LockDriver, listener: Listener) -> None:
    """The bell's two services tell of the same ring, even with the clock moving on between."""
    driver.push_event((7, 1006), NOON)
    driver.push_event((21, 1), NOON)
    driver.push_event((21, 1), NOON + 10)
    driver.push_event((7, 1006), NOON + 11)
    assert [ring.time for ring in await listener.all()] == [NOON, NOON + 10]


@pytest.mark.parametrize("lag", [0, 9])
@pytest.mark.parametrize("tids", [(None, None), (5, 6)])
@pytest.mark.parametrize("timed", [(True, False), (False, True), (False, False)])
async def test_one_ring_of_which_one_service_says_no_time(
    hass: HomeAssistant,
    driver: LockDriver,
    listener: Listener,
    timed: tuple[bool, bool],
    tids: tuple[int | None, int | None],
    lag: int,
) -> None:
    """It is one all the same, however far the lock's clock is off."""
    rang_at = int(time.time()) - lag
    for address, says_it, tid in zip(((7, 1006), (21, 1)), timed, tids, strict=True):
        driver.push_arguments(address, [rang_at] if says_it else None, tid)
    assert len(await listener.all()) == 1


async def test_two_rings_are_two(
    hass: HomeAssistant, driver: LockDriver, listener: Listener
) -> None:
    """Who rings again two seconds later rings again."""
    for now in (NOON, NOON + 2):
        driver.push_event((7, 1006), now)
        driver.push_event((21, 1), now)
    assert len(await listener.all()) == 2


async def test_the_same_message_again(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, listener: Listener
) -> None:
    """The cloud may deliver a message again, also after a restart: it happened once."""
    opened = (2, 2, 2, 7, NOON)
    for _ in range(2):
        driver.push_event((2, 1020), *opened)
    driver.push_event((2, 1020), 2, 2, 2, 8, NOON)  # Another finger in the same second
    driver.push_event((2, 1020), 2, 2, 3, 7, NOON)  # Another action in the same second
    assert len(await listener.all()) == 3

    assert await hass.config_entries.async_reload(loaded.entry_id)
    await connected(loaded)
    again = Listener(loaded, driver)
    driver.push_event((2, 1020), *opened)
    driver.push_event((2, 1020), *opened[:-1], NOON + 1)
    assert [event.time for event in await again.all()] == [NOON + 1]


async def test_same_event_in_other_words(
    hass: HomeAssistant, driver: LockDriver, listener: Listener
) -> None:
    """The same arguments in another shape are the same event."""
    values = (2, 2, 2, 7, NOON)
    pieces = [
        {"piid": piid, "value": value} for piid, value in zip((1, 2, 3, 5, 6), values, strict=True)
    ]
    driver.push_event((2, 1020), *pieces)
    driver.push_event((2, 1020), {"value": values})
    driver.push_event((2, 1020), *values)
    [event] = await listener.all()
    assert dict(event.arguments) == dict(zip((1, 2, 3, 5, 6), values, strict=True))
    assert shown(hass, driver, "lock_event") == {
        "event_type": "unlocked",
        "method": "fingerprint",
        "position": "outside",
        "operation_id": 7,
        "device_time": NOON_TEXT,
    }


# What the specification does not have


def _rejected(entry: MockConfigEntry, driver: LockDriver) -> Mapping[str, int]:
    return lock_of(entry, driver).coordinator.data.rejected


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING" and record.name.startswith("custom_components")
    ]


INVALID: tuple[tuple[Address, object], ...] = (
    ((13, 2), 4),  # not in the value list
    ((13, 1), "full"),  # no number
    ((6, 1003), True),  # a bool
    ((18, 12), -1),  # out of range
    ((13, 3), []),
    ((11, 1), 12),  # no text
)
NO_PROPERTIES: tuple[tuple[Address, object], ...] = (
    ((18, 99), 1),  # no such property
    ((99, 1), 1),  # no such service
)


async def test_invalid_properties(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They are not known any more, counted each time and logged once."""
    for address, value in (*INVALID, *NO_PROPERTIES) * 2:
        driver.push_property(address, value)
    await listener.all()
    names = {"{}.{}".format(*address) for address, _ in (*INVALID, *NO_PROPERTIES)}
    assert _rejected(loaded, driver) == dict.fromkeys(names, 2)
    known = lock_of(loaded, driver).coordinator.data
    assert not known.values.keys() & dict(INVALID).keys()
    assert driver.state(hass, "sensor", "lithium_battery").state == "unknown"
    assert known.unknown == {
        (13, 2): 4,
        (13, 1): None,
        (6, 1003): None,
        (18, 12): -1,
        (13, 3): None,
        (11, 1): None,  # A text may be a secret.
    }
    warnings = _warnings(caplog)
    assert len(warnings) == len(names)
    for address, _ in INVALID:
        of_it = "Front door sent a value of {}.{}".format(*address)
        assert any(one.startswith((f"{of_it} that", f"{of_it}, a secret,")) for one in warnings)
    for address, _ in NO_PROPERTIES:
        name = "{}.{}".format(*address)
        assert f"Front door sent {name}, which its specification does not have" in warnings
    driver.push_property((13, 1), 55)
    await until(lambda: driver.state(hass, "sensor", "lithium_battery").state == "55")
    assert (13, 1) not in known.unknown


async def test_however_much_is_rejected(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is counted and logged of it has an end."""
    for piid in range(250):
        driver.push_property((99, piid), 1)
    await listener.all()
    rejected = _rejected(loaded, driver)
    assert len(rejected) == 101
    assert (rejected["99.0"], rejected["others"]) == (1, 150)
    assert len(_warnings(caplog)) == 100


async def test_null_says_nothing(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A property without a value stays what it was, silently."""
    before = hass.states.async_all()
    for address in ((3, 1021), (13, 1), (20, 2)):
        driver.push_property(address, None)
    await listener.all()
    assert [state.state for state in hass.states.async_all("lock")] == ["locked"]
    unchanged = {"sensor", "lock", "text", "binary_sensor"}
    for state in before:
        if state.domain in unchanged and "last_contact" not in state.entity_id:
            assert hass.states.get(state.entity_id) == state
    assert not _rejected(loaded, driver)
    assert not _warnings(caplog)


async def test_an_invalid_argument(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rest of an event is used; a number that is not known is shown as it is."""
    driver.push_event((2, 1020), 2, 99, 2, "seven", NOON)
    assert len(await listener.all()) == 1
    assert shown(hass, driver, "lock_event") == {
        "event_type": "unlocked",
        "position": "outside",
        "method": 99,
        "device_time": NOON_TEXT,
    }
    assert driver.state(hass, "sensor", "last_method").state == "unknown"
    assert driver.state(hass, "sensor", "last_action").state == "unlocked"
    assert _rejected(loaded, driver) == {"2.2": 1, "2.5": 1}
    assert len(_warnings(caplog)) == 2


UNKNOWN: dict[str, tuple[Address, object, dict[str, object]]] = {
    "an action": (
        (2, 1020),
        [2, 2, 9, 7, NOON],
        {
            "event_type": "other",
            "code": 9,
            "position": "outside",
            "method": "fingerprint",
            "operation_id": 7,
            "device_time": NOON_TEXT,
        },
    ),
    "too few arguments": (
        (2, 1020),
        [1, 2],
        {"event_type": "other", "position": "inside", "method": "fingerprint"},
    ),
    "no arguments": ((2, 1020), None, {"event_type": "other"}),
    "an exception": (
        (2, 1007),
        [77, NOON],
        {"event_type": "other", "code": 77, "device_time": NOON_TEXT},
    ),
    "a step": ((4, 3), [4000, 1, 5], {"event_type": "other", "code": 4000, "step": 1, "total": 5}),
    "a step of service 22": (
        (22, 3),
        [7, 1, 2],
        {"event_type": "other", "code": 7, "step": 1, "total": 2},
    ),
    "a kind of user": (
        (4, 4),
        [3, 9, NOON],
        {"event_type": "user_added", "user_id": 3, "user_type": 9, "device_time": NOON_TEXT},
    ),
    "an error": (
        (4, 2),
        [17, 70000, 16, 2147876869, NOON],
        {
            "event_type": "unlock_methods_updated",
            "error": 17,
            "user_id": 70000,
            "method": 16,
            "operation_id": 2147876869,
            "device_time": NOON_TEXT,
        },
    ),
}
SHOWN_BY = {(2, 1020): "lock_event", (2, 1007): "exception", (4, 3): "enrolment"} | {
    (22, 3): "enrolment",
    (4, 4): "users_and_credentials",
    (4, 2): "users_and_credentials",
}


@pytest.mark.parametrize("what", UNKNOWN)
async def test_what_is_not_in_a_value_list(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, listener: Listener, what: str
) -> None:
    """It fires all the same, with the number that came, and moves nothing."""
    address, arguments, expected = UNKNOWN[what]
    driver.push_arguments(address, arguments)
    await listener.all()
    assert shown(hass, driver, SHOWN_BY[address]) == expected
    assert driver.state(hass, "sensor", "door_state").state == "locked"
    if address == (2, 1020):
        assert driver.state(hass, "sensor", "last_action").state == "unknown"
    if address == (2, 1007):
        assert driver.state(hass, "sensor", "last_exception").state == "unknown"


@pytest.mark.parametrize(
    "arguments", [None, {}, {"piid": 3}, [], [1, 2, 3], [{"piid": 1}], "", "soon", 5]
)
async def test_the_bell_rings_whatever_it_says(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    listener: Listener,
    arguments: object,
) -> None:
    """Somebody is at the door."""
    driver.push_arguments((7, 1006), arguments)
    assert len(await listener.all()) == 1
    assert shown(hass, driver, "doorbell")["event_type"] == "ring"


async def test_a_bell_without_arguments(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, listener: Listener
) -> None:
    """They may be missing too."""
    payload = {"params": {"did": driver.lock.did, "siid": 7, "eiid": 1006}}
    topic = f"device/{driver.lock.did}/up/event_occured/7/1006"
    driver.publish(topic, json.dumps(payload).encode())
    assert len(await listener.all()) == 1
    assert shown(hass, driver, "doorbell") == {"event_type": "ring"}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_dialects(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
    dialect: str,
) -> None:
    """Numbers may be texts or floats and arguments come in several shapes: all mean the same."""
    driver.lock.dialect = DIALECTS[dialect]
    driver.do("set_battery", 41)
    driver.do("operate", 3, method=2, position=1, operation_id=7)
    driver.do("exception", 9)
    driver.do("ring")
    driver.do("set_charging", 1)
    assert len(await listener.all()) == 2
    its = shown(hass, driver, "lock_event")
    assert its.pop("device_time")
    assert its == {
        "event_type": "deadbolt_on",
        "position": "inside",
        "method": "fingerprint",
        "operation_id": 7,
    }
    assert shown(hass, driver, "exception")["code"] == 9
    assert shown(hass, driver, "doorbell")["event_type"] == "ring"
    for platform, key, state in (
        ("sensor", "lithium_battery", "41"),
        ("sensor", "door_state", "deadbolt_on"),
        ("binary_sensor", "deadbolt", "on"),
        ("binary_sensor", "charging", "on"),
        ("lock", "lock", "locked"),
    ):
        assert driver.state(hass, platform, key).state == state, key
    assert not _rejected(loaded, driver)
    assert not _warnings(caplog)

    driver.do("set_battery", 40, push=False)
    await lock_of(loaded, driver).coordinator.async_refresh()
    assert driver.state(hass, "sensor", "lithium_battery").state == "40"
    assert not _rejected(loaded, driver)


MEANINGLESS: dict[Address, tuple[object, ...]] = {
    (17, 4): (NOON,),  # of revision 3
    (99, 1): (),  # of no service
}


async def test_events_that_mean_nothing(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    listener: Listener,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They are counted each time and logged once, and what comes after them is taken."""
    for _ in range(2):
        for address, arguments in MEANINGLESS.items():
            driver.push_event(address, *arguments)
    assert await listener.all() == []
    assert _rejected(loaded, driver) == {"17.4": 2, "99.1": 2}
    assert len(_warnings(caplog)) == len(MEANINGLESS)
    assert shown(hass, driver, "exception") == {"event_type": None}


async def test_messages_that_mean_nothing(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, listener: Listener
) -> None:
    """They end nothing."""
    for payload in (b"", b"{", b"[]", b'{"params": 1}', b'{"params": {}}', b"\xff"):
        driver.publish(f"device/{driver.lock.did}/up/event_occured/2/1020", payload)
    assert await listener.all() == []
    assert is_connected(loaded)
