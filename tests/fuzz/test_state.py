"""What was kept, what the lock keeps as text, and what it reports to a running integration."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from custom_components.xiaomi_smart_lock.miot.client import EventOccurred, PropertyChanged
from custom_components.xiaomi_smart_lock.model.period import format_period, parse_period
from custom_components.xiaomi_smart_lock.state.lock_event import LockEvent
from custom_components.xiaomi_smart_lock.state.lock_state import LockData, restored
from simulator.model import S1, SPEC
from tests.lock_harness import lock_of

from .strategies import HUGE, damaged, events, json_values, properties, reported, values_of

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.runtime import LockRuntime
    from tests.lock_driver import LockDriver

STORED = {
    "values": [[13, 1, 87], [21, 5, 2], [20, 2, "22:00:00-07:00:00"], [2, 7, True]],
    "events": [[2, 1020, [[1, 1], [2, 2], [3, 2], [5, 7], [6, 1790000000]], 1790000000.5]],
    "pending": [[21, 5, 1, 1790000000.5, 2], [21, 4, 1, 1790000000.5, None]],
    "undelivered": [[21, 4]],
    "handled": [
        "2.1020 1790000000 2 -1 -1 7 -1 -1 -1",
        "4.8 #79 20717 None -1 -1 -1 -1 -1 -1 -1 -1",
    ],
    "users": {
        "users": [[1, 2, 1790000000.0, False], [2, None, 1790000000.0, True]],
        "grants": [[2, 7, 1, 1790000000.0, 0.0], [3, 8, None, 1790000000.0, 1790000000.0]],
        "uses": [[2, 7, 1790000000.5, 2], [13, 9, 1790000000.5, None]],
        "other_users": [[70000, None, 1790000000.0, False]],
        "other_grants": [[16, 2147876869, 70000, 1790000000.0, 0.0]],
        "other_uses": [[16, 2147876869, 1790000000.0, 1]],
    },
    "endings": [[3, 8, 2, 1790000000.0, 1790003600.0, 2, True]],
    "unread": {
        "known": [[2, 1020, 1790000000], [21, 1, 1790000000]],
        "spans": [[2, 1020, 1789900000, 1790086400]],
    },
    "behind": 1.5,
    "heard": 1790000000.5,
    "contact": 1790000000.5,
}

CHANGES = {
    "line": 1,
    "events": [[1790000001.0, 2, 1020, 1, 3, 2, 8, 1790000001]],
    "replaced": [[1790000001.0, 2, 1020, 1, 3, 2, 8, 1790000001]],
    "handled": ["2.1020 1790000001 2 -1 -1 8 -1 -1 -1"],
    "values": [[13, 1, 41], [2, 7, None]],
    "state": STORED,
    **{name: STORED[name] for name in ("pending", "undelivered", "unread", "heard", "contact")},
}


def without(stored: dict[str, Any], name: str) -> dict[str, Any]:
    """Return stored data without a part."""
    return {key: part for key, part in stored.items() if key != name}


@given(stored=damaged(STORED) | json_values)
@example({**STORED, "heard": HUGE})
def test_what_was_kept(stored: Any) -> None:
    """Nothing invalid comes back, and what comes back can be kept again."""
    data = LockData.from_dict(S1, stored)
    for address, value in data.values.items():
        assert SPEC.properties[address].validate(value) == value
    for address, wanted in data.pending.items():
        assert SPEC.properties[address].validate(wanted.value) == wanted.value
    for occurrence in data.events.values():
        for argument, value in occurrence.known_arguments:
            assert argument.reported(value) == value
    kept = json.loads(json.dumps(data.as_dict(), allow_nan=False))
    again = LockData.from_dict(S1, kept | {"handled": list(data.deduplicator.known)})
    assert again == data


@given(changes=damaged(CHANGES) | st.dictionaries(st.sampled_from([*CHANGES]), json_values))
def test_what_the_log_tells(changes: dict[str, Any]) -> None:
    """Nothing invalid comes of it, and what comes of it can be kept."""
    lines = [{**changes, "line": 1}] if isinstance(changes, dict) else []
    data = restored(S1, STORED, 0, lines)
    for address, value in data.values.items():
        assert SPEC.properties[address].validate(value) == value
    kept = json.loads(json.dumps(data.as_dict(), allow_nan=False))
    again = LockData.from_dict(S1, kept | {"handled": list(data.deduplicator.known)})
    assert again == data


def test_all_that_was_kept_comes_back() -> None:
    """Where nothing is wrong with it, but for what the log keeps."""
    data = LockData.from_dict(S1, STORED)
    assert json.loads(json.dumps(data.as_dict())) == without(STORED, "handled")
    assert list(data.deduplicator.known) == STORED["handled"]


def test_what_changes_comes_back() -> None:
    """All of it, from the state before and the line that was written of it."""
    data = LockData.from_dict(S1, without(STORED, "handled"))
    data.take_changes()
    before = json.loads(json.dumps(data.as_dict()))
    data.set((13, 1), 41, 1790000002.0)
    data.forget((2, 7), 7)
    data.pending.clear()
    data.undelivered[21, 5] = None
    data.clock.behind = 7.5
    data.last_response = data.contact = 1790000002.0
    happened = LockEvent(
        S1, SPEC.events[2, 1020], {1: 1, 2: 3, 3: 2, 5: 8, 6: 1790000001}, 1790000001.0
    )
    assert data.deduplicator.take(happened)
    data.record_last(happened)
    data.unwritten.events.append(happened)
    line = orjson.loads(orjson.dumps(data.take_changes()))
    again = restored(S1, before, 6, [{"line": 7, **line}])
    assert again.as_dict() == data.as_dict()
    assert again.deduplicator.known == data.deduplicator.known
    assert again.events[2, 1020] == happened
    # The state that was saved has the line already.
    assert restored(S1, before, 7, [{"line": 7, **line}]).values[13, 1] == 87
    assert data.take_changes() == {}


clock_times = st.times().map(str)


@given(
    text=st.text()
    | st.lists(clock_times, max_size=3).map("-".join)
    | st.text("0123456789:-+TZ.W", max_size=20)
    | st.lists(st.integers(0, 90_000).map(str), max_size=3).map(",".join)
)
def test_parse_period(text: str) -> None:
    """A period has two ends, which are read again where they are written, or is none."""
    if ends := parse_period(text):
        assert len(ends) == 2
        assert parse_period(format_period(ends, like=text)) == ends
    start_and_end = [dt.time(1, 2), dt.time(23)]
    assert parse_period(format_period(start_and_end, like=text)) == start_and_end


messages = st.one_of(
    properties.flatmap(
        lambda prop: st.builds(PropertyChanged, st.just(prop.address), values_of(prop))
    ),
    st.builds(
        lambda data, tid: EventOccurred(data[0].address, data[1], tid),
        reported(),
        st.none() | st.integers(1, 3),
    ),
    st.builds(PropertyChanged, properties.map(lambda prop: prop.address), json_values),
    st.builds(EventOccurred, events.map(lambda event: event.address), json_values),
    st.builds(PropertyChanged, st.tuples(st.integers(), st.integers()), json_values),
    st.builds(EventOccurred, st.tuples(st.integers(), st.integers()), json_values),
)


def means_nothing(message: PropertyChanged | EventOccurred) -> bool:
    """Say whether the specification has nothing of what is reported."""
    match message:
        case PropertyChanged(address, raw):
            return address not in SPEC.properties or raw is None
        case EventOccurred(address):
            return address not in SPEC.events


def is_told(lock: LockRuntime, message: PropertyChanged | EventOccurred) -> bool:
    """Say whether what is known of a property is what was reported, or nothing."""
    match message:
        case PropertyChanged(address, raw) if address in SPEC.properties and raw is not None:
            prop = SPEC.properties[address]
            known = lock.coordinator.data.values.get(address)
            return known == prop.validate(raw) if prop.allows(raw) else known is None
    return True


def known(hass: HomeAssistant, lock: LockRuntime) -> object:
    """Return what is known of the lock and shown of it, but for when it was heard of."""
    data = lock.coordinator.data.as_dict() | {"awake": lock.coordinator.data.awake}
    del data["heard"], data["contact"]
    shown = {state.entity_id: state for state in hass.states.async_all()}
    shown.pop("sensor.front_door_last_contact")
    return data, shown


@pytest.mark.usefixtures("enable_custom_integrations", "all_enabled")
async def test_messages(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever the lock reports, all entities can show it; what is invalid changes nothing."""
    lock: LockRuntime = lock_of(loaded, driver)

    @given(message=messages)
    def handle(message: PropertyChanged | EventOccurred) -> None:
        before = known(hass, lock)
        lock.async_handle(message)
        assert is_told(lock, message)
        if means_nothing(message):
            assert known(hass, lock) == before

    handle()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
