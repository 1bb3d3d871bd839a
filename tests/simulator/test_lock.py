"""The lock alone: what it reports, what it answers, and what it refuses."""

from __future__ import annotations

import json
from datetime import time
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.xiaomi_smart_lock.miot.spec import Access
from simulator.device import within
from simulator.model import SPEC
from tests.simulator.alone import ASLEEP, DONE, NO_ACTION, NO_PROPERTY, NO_SERVICE, Heard, Standing

if TYPE_CHECKING:
    from simulator.lock import Lock

NOT_READABLE = -704002000
NOT_WRITABLE = -704030023
NOT_NOW = -704053100
WRONG_COUNT, WRONG_PARAMETER, WRONG_VALUE = -704220025, -704220035, -704220043

DOOR = (3, 1021)
WIFI = (18, 12)


def test_every_readable_property_has_a_valid_value(lock: Lock) -> None:
    """45 properties can be read: 37 read/write/notify and 8 read/notify."""
    readable = SPEC.having(Access.READ)
    assert len(readable) == 45
    for address in readable:
        code, value = lock.read(address)
        assert code == DONE
        assert value == SPEC.properties[address].validate(value)


def test_what_only_events_report_cannot_be_read(lock: Lock) -> None:
    """63 properties have no access."""
    codes = [lock.read(address) for address, prop in SPEC.properties.items() if not prop.access]
    assert codes == [(NOT_READABLE, None)] * 63


@pytest.mark.parametrize(
    ("address", "code"), [((1, 1), NO_SERVICE), ((99, 1), NO_SERVICE), ((3, 1), NO_PROPERTY)]
)
def test_what_does_not_exist_is_neither_read_nor_written(
    lock: Lock, address: tuple[int, int], code: int
) -> None:
    """Services and properties that are missing have codes of their own."""
    assert lock.read(address) == (code, None)
    assert lock.write(address, 1) == code


@pytest.mark.parametrize(
    ("address", "value", "code"),
    [
        (DOOR, 1, NOT_WRITABLE),
        (WIFI, 1, NOT_WRITABLE),
        ((2, 9), 1, NOT_WRITABLE),
        ((21, 5), 4, WRONG_VALUE),
        ((21, 5), True, WRONG_VALUE),
        ((21, 5), "1", WRONG_VALUE),
        ((17, 6), 0, WRONG_VALUE),
        ((17, 6), 6, WRONG_VALUE),
        ((21, 1), 2, WRONG_VALUE),
        ((20, 2), "22:00-07:00", WRONG_VALUE),
        ((20, 2), "22:00:00-24:00:00", WRONG_VALUE),
        ((20, 2), 7, WRONG_VALUE),
    ],
)
def test_refused_writes(
    lock: Lock, heard: Heard, address: tuple[int, int], value: object, code: int
) -> None:
    """A refused write changes and reports nothing."""
    before = dict(lock.values)
    assert lock.write(address, value) == code
    assert lock.values == before
    assert heard == []


@pytest.mark.parametrize(
    ("address", "inputs", "code"),
    [
        ((99, 1), [], NO_SERVICE),
        ((2, 9), [], NO_ACTION),
        ((2, 2), [1], WRONG_COUNT),
        ((9, 1), [8.0], WRONG_COUNT),
        ((9, 1), [8.1, 1], WRONG_PARAMETER),
        ((9, 1), [20.25, 1], WRONG_PARAMETER),
        ((9, 1), [8.0, -1], WRONG_PARAMETER),
        ((5, 1), ["now"], WRONG_PARAMETER),
        ((2, 1), [], NOT_NOW),
    ],
)
def test_refused_actions(
    lock: Lock, address: tuple[int, int], inputs: list[object], code: int
) -> None:
    """An action that does not exist, or is asked for wrongly, is refused."""
    assert lock.act(address, inputs) == (code, [])


@pytest.mark.parametrize(
    ("address", "raw", "value"),
    [
        ((21, 5), 3, 3),
        ((21, 1), False, False),
        ((17, 1), 0, False),
        ((20, 2), "23:00:00-06:30:00", "23:00:00-06:30:00"),
    ],
)
def test_a_write_takes_effect_and_is_pushed(
    lock: Lock, heard: Heard, address: tuple[int, int], raw: object, value: object
) -> None:
    """What was written can be read, and everyone hears of it."""
    assert lock.write(address, raw) == DONE
    assert lock.read(address) == (DONE, value)
    siid, piid = address
    assert heard[0] == (
        f"up/properties_changed/{siid}/{piid}",
        {"params": {"did": "42", "siid": siid, "piid": piid, "value": value}},
    )


def test_it_falls_asleep_after_two_quiet_minutes(lock: Lock, heard: Heard, clock: Standing) -> None:
    """Not earlier; the cloud then says that it is offline."""
    clock.advance(60)
    lock.open_door()
    heard.clear()
    clock.advance(119)
    lock.tick()
    assert lock.awake
    clock.advance(1)
    lock.tick()
    assert not lock.awake
    assert lock.read(WIFI) == (DONE, 2)
    assert heard.topics == ["up/properties_changed/18/12", "state/offline"]
    assert heard[-1][1] == {
        "device_id": "42",
        "device_name": "Front door",
        "event": "offline",
        "model": "xiaomi.lock.s1",
        "timestamp": int(clock.time * 1000),
        "uid": "1001",
    }
    lock.tick()
    assert len(heard) == 2


def test_asleep_it_is_read_but_does_not_hear(lock: Lock, heard: Heard) -> None:
    """The cloud answers from its copy; writes and actions, waking too, do not arrive."""
    lock.sleep()
    heard.clear()
    assert lock.read((13, 1)) == (DONE, 87)
    assert lock.write((21, 5), 1) == ASLEEP
    assert lock.act((2, 2), []) == (ASLEEP, [])
    assert lock.act((17, 3), []) == (ASLEEP, [])
    assert lock.read((21, 5)) == (DONE, 2)
    assert not lock.awake
    assert heard == []


def test_someone_at_the_door_wakes_it_first(lock: Lock, heard: Heard) -> None:
    """It is online before it tells what woke it."""
    lock.sleep()
    heard.clear()
    lock.fingerprint(3)
    assert heard.topics == [
        "state/online",
        "up/properties_changed/18/12",
        "up/event_occured/2/1020",
        "up/properties_changed/3/1021",
    ]
    assert lock.read(WIFI) == (DONE, 1)


def test_actions_keep_it_awake(lock: Lock, clock: Standing) -> None:
    """Two quiet minutes begin anew with each use, from afar too."""
    clock.advance(100)
    assert lock.act((2, 2), []) == (DONE, [])
    clock.advance(100)
    lock.tick()
    assert lock.awake


def test_an_event_has_the_shape_that_was_seen(lock: Lock, heard: Heard) -> None:
    """Position, method, action, operation id and the device's time."""
    lock.clock_offset = -7
    lock.fingerprint(15)
    topic, payload = heard[0]
    assert topic == "up/event_occured/2/1020"
    assert payload["method"] == "event_occured"
    assert payload["params"] == {
        "did": "42",
        "siid": 2,
        "eiid": 1020,
        "tid": 1,
        "arguments": [
            {"piid": 1, "value": 2},
            {"piid": 2, "value": 2},
            {"piid": 3, "value": 2},
            {"piid": 5, "value": 15},
            {"piid": 6, "value": 1_799_999_993},
        ],
    }


@pytest.mark.parametrize(
    ("act", "arguments", "event", "pushed"),
    [
        ("fingerprint", [5, 1], [1, 2, 2, 5], {DOOR: 2}),
        ("one_time_password", [12], [2, 7, 2, 12], {DOOR: 2}),
        ("close_door", [], [3, 12, 1, 0], {DOOR: 1}),
        ("deadbolt", [True], [1, 11, 3, 0], {DOOR: 6, (2, 7): True}),
        ("deadbolt", [False], [1, 11, 4, 0], {DOOR: 1, (2, 7): False}),
        ("child_lock", [True], [1, 11, 5, 0], {DOOR: 5, (2, 8): True}),
        ("child_lock", [False], [1, 11, 6, 0], {DOOR: 1, (2, 8): False}),
        ("away_mode", [True], [1, 11, 7, 0], {(18, 10): True}),
        ("away_mode", [False], [1, 11, 8, 0], {(18, 10): False}),
    ],
)
def test_lock_events(
    lock: Lock,
    heard: Heard,
    act: str,
    arguments: list[Any],
    event: list[int],
    pushed: dict[tuple[int, int], object],
) -> None:
    """Each act is one lock event, and what it changes."""
    getattr(lock, act)(*arguments)
    assert heard.arguments("2/1020") == [[*event, 1_800_000_000]]
    changes = {
        (payload["params"]["siid"], payload["params"]["piid"]): payload["params"]["value"]
        for topic, payload in heard[1:]
    }
    assert changes == pushed


def test_the_bell_is_reported_by_both_services(lock: Lock, heard: Heard) -> None:
    """With the same time, so that one ring can be told from two."""
    lock.ring()
    assert heard.arguments("7/1006") == heard.arguments("21/1") == [[1_800_000_000]]


def test_other_events(lock: Lock, heard: Heard) -> None:
    """Exceptions and the camera's events carry the device's time."""
    lock.leave_ajar()
    lock.stay()
    lock.wechat_unauthorised()
    assert lock.read(DOOR) == (DONE, 4)
    assert heard.arguments("2/1007") == [[24, 1_800_000_000]]
    assert heard.arguments("17/2") == heard.arguments("17/3") == [[1_800_000_000]]


def test_a_battery_may_change_unheard(lock: Lock, heard: Heard, clock: Standing) -> None:
    """Then only a reading tells."""
    clock.advance(50)
    lock.set_battery(15, push=False)
    assert heard == []
    assert lock.read((13, 1)) == (DONE, 15)
    assert lock.updated[13, 1] == 1_800_000_050
    lock.set_battery(9, dry_cells=True)
    lock.set_charging(1)
    assert heard.topics == ["up/properties_changed/6/1003", "up/properties_changed/13/2"]


def test_remote_unlocking_where_it_is_accepted(lock: Lock, heard: Heard) -> None:
    """Then it is a lock event like others."""
    lock.accepts_remote_unlock = True
    assert lock.act((2, 1), []) == (DONE, [])
    assert heard.arguments("2/1020") == [[3, 15, 2, 0, 1_800_000_000]]
    assert lock.read(DOOR) == (DONE, 2)


def test_setting_the_clock(lock: Lock) -> None:
    """The lock believes what it is told, with its time zone."""
    lock.clock_offset = 3000
    assert lock.act((9, 1), [5.75, 1_800_000_000]) == (DONE, [])
    assert (lock.time, lock.time_zone) == (1_800_000_000, 5.75)
    assert lock.act((9, 1), [-3.5, 1_800_000_600]) == (DONE, [])
    assert (lock.time, lock.time_zone) == (1_800_000_600, -3.5)


def test_history_since_a_time(lock: Lock, heard: Heard, clock: Standing) -> None:
    """Eight strings and the event that ends them."""
    lock.ring()
    clock.advance(10)
    lock.fingerprint(3)
    heard.clear()
    assert lock.act((5, 1), [1_800_000_001]) == (DONE, [])
    assert heard.topics == [
        *(f"up/properties_changed/5/{piid}" for piid in range(11, 19)),
        "up/event_occured/5/1",
    ]
    strings = [json.loads(payload["params"]["value"]) for _, payload in heard[:-1]]
    assert strings[0] == []
    assert strings[7] == [[1_800_000_010, 2, 2, 2, 3, 1_800_000_010]]
    assert heard.arguments("5/1") == [[1_800_000_010]]


def test_what_is_pushed_only(lock: Lock, heard: Heard) -> None:
    """Versions and the settings of service 2, valid and as they are now."""
    lock.set((2, 14), 4)
    heard.clear()
    lock.push_versions()
    lock.push_settings()
    pushed = {
        (payload["params"]["siid"], payload["params"]["piid"]): payload["params"]["value"]
        for _, payload in heard
    }
    settings = {(2, piid) for piid in (9, 12, 13, 14, 15, 16, 17, 18, 19)}
    assert pushed.keys() == settings | {(11, piid) for piid in range(1, 9)}
    assert pushed[2, 14] == 4
    for address, value in pushed.items():
        assert SPEC.properties[address].validate(value) == value


def test_recording(lock: Lock) -> None:
    """A recording starts when it is asked for."""
    assert lock.act((17, 4), []) == (DONE, [])
    assert lock.recordings == [1_800_000_000]


@pytest.mark.parametrize(
    ("zone", "active"),
    [(0.0, False), (14.0, True)],  # 1,800,000,000 is 08:00:00 UTC
)
def test_do_not_disturb_follows_the_period(lock: Lock, zone: float, active: bool) -> None:
    """20.3 says whether it is in force now, at the lock's own time of day."""
    lock.time_zone = zone
    lock.write((20, 1), True)
    assert lock.read((20, 3)) == (DONE, active)
    lock.write((20, 1), False)
    assert lock.read((20, 3)) == (DONE, False)


@pytest.mark.parametrize(
    ("period", "moment", "inside"),
    [
        ("08:00:00-12:00:00", "08:00:00", True),
        ("08:00:00-12:00:00", "12:00:00", False),
        ("22:00:00-07:00:00", "23:00:00", True),
        ("22:00:00-07:00:00", "06:59:59", True),
        ("22:00:00-07:00:00", "07:00:00", False),
    ],
)
def test_periods(period: str, moment: str, inside: bool) -> None:
    """A period may go past midnight."""
    assert within(period, time.fromisoformat(moment)) is inside
