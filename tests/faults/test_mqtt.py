"""The cloud's push fails or says strange things: each event counts once, and only what is so."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.const import STATE_UNKNOWN
from homeassistant.helpers import issue_registry as ir

from custom_components.xiaomi_smart_lock.const import CONF_TOKENS
from custom_components.xiaomi_smart_lock.miot import push
from tests.lock_driver import until

from .conftest import GET_TOKEN, Home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.broker import Broker
    from simulator.gate import Gate

MINUTE: Final = 60
DAY: Final = 24 * 3600
UNLOCKED: Final = 2
FINGERPRINT: Final = 2
OUTSIDE: Final = 2


class Line:
    """The way from the broker to Home Assistant, to be disturbed and mended."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take hold of it, as it is while all is well."""
        self._patch = monkeypatch
        self.home = home
        self.gate: Gate = home.driver.simulator.gate
        self.broker: Broker = home.driver.simulator.broker
        self._call = home.driver.simulation.call
        self._well = self.gate.upstream_port, self.gate.authenticate
        self._answer_timeout = push.ANSWER_TIMEOUT

    def cut(self) -> None:
        """End all connections."""
        self._call(self.gate.cut)

    def close(self) -> None:
        """Let nobody connect."""
        self.gate.open = False
        self.cut()

    def refuse(self) -> None:
        """Accept no token."""
        self.gate.authenticate = lambda *_: False
        self.cut()

    def lose_the_broker(self) -> None:
        """Have nothing where the broker should be."""
        self.gate.upstream_port = 1
        self.cut()

    def fall_silent(self) -> None:
        """Answer nobody who connects; an answer is not waited for long meanwhile."""
        self._patch.setattr(push, "ANSWER_TIMEOUT", 0.3)
        self.gate.silent = True
        self.cut()

    def restart(self) -> None:
        """Restart the broker; its sessions are lost."""
        self._call(self.broker.restart)

    def expire(self) -> None:
        """End the access token in mid-connection."""
        self._call(self.home.cloud.expire_access_tokens)
        self.cut()

    def mend(self) -> None:
        """Have all be well again."""
        self._patch.setattr(push, "ANSWER_TIMEOUT", self._answer_timeout)
        self.gate.open, self.gate.silent, self.gate.repeat = True, False, 0
        self.gate.upstream_port, self.gate.authenticate = self._well


@pytest.fixture
def line(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Return the way to the broker; it is mended in the end."""
    line = Line(home, monkeypatch)
    yield line
    line.mend()


def _unlock(home: Home, when: float, operation_id: int = 7, action: int = UNLOCKED) -> None:
    """Push that the door was unlocked with a finger."""
    home.driver.push_event((2, 1020), OUTSIDE, FINGERPRINT, action, operation_id, int(when))


PASSING: Final = {
    "closed": Line.close,
    "token refused": Line.refuse,
    "no broker": Line.lose_the_broker,
    "no answer": Line.fall_silent,
}
AT_ONCE: Final = {
    "cut": Line.cut,
    "broker restarted": Line.restart,
    "token expired": Line.expire,
}


def _lost_sight(home: Home) -> bool:
    push_of_ours = home.connection.push
    assert push_of_ours
    return not push_of_ours.connected


@pytest.mark.parametrize("disturb", PASSING.values(), ids=PASSING)
async def test_an_outage_of_push(home: Home, line: Line, disturb: Callable[[Line], None]) -> None:
    """All stays available; what happened meanwhile is read at once when push is back."""
    rings = home.follow("doorbell")
    before = home.shown()
    disturb(line)
    await until(lambda: _lost_sight(home))
    home.driver.do("set_battery", 50)
    assert home.shown() == before
    line.mend()
    await until(lambda: not _lost_sight(home))
    await until(lambda: home.state("sensor", "lithium_battery") == "50")
    assert home.shown() == before | {"sensor lithium_battery": "50"}
    home.driver.do("ring")
    await home.reached()
    assert len(rings) == 1
    assert not ir.async_get(home.hass).issues


@pytest.mark.parametrize("disturb", AT_ONCE.values(), ids=AT_ONCE)
async def test_a_lost_connection(home: Home, line: Line, disturb: Callable[[Line], None]) -> None:
    """It is made again, nothing is heard twice, and what was missed is read at once."""
    rings = home.follow("doorbell")
    now = int(time.time())
    home.driver.push_event((21, 1), now - 4)
    await home.reached()
    changes: list[bool] = []
    assert home.connection.push
    told = home.connection.push._on_change

    def note() -> None:
        assert home.connection.push
        changes.append(home.connection.push.connected)
        told()

    home.connection.push.on_change(note)
    disturb(line)
    home.driver.do("set_battery", 50, push=False)
    await until(lambda: changes == [False, True])
    await until(lambda: home.state("sensor", "lithium_battery") == "50")
    for second in (now - 4, now - 2):
        home.driver.push_event((21, 1), second)
    await home.reached()
    assert len(rings) == 2
    home.assert_available()


async def test_a_token_that_expired_is_renewed_once(home: Home, line: Line) -> None:
    """Push renews it by itself, and it is kept."""
    old = home.entry.data[CONF_TOKENS]
    home.cloud.requests.clear()
    line.expire()
    await until(lambda: _lost_sight(home))
    await until(lambda: not _lost_sight(home))
    assert home.asked().count(GET_TOKEN) == 1
    assert home.entry.data[CONF_TOKENS] != old
    assert not home.hass.config_entries.flow.async_progress()


@pytest.mark.parametrize("disturb", PASSING.values(), ids=PASSING)
async def test_unloading_without_push(
    home: Home, line: Line, disturb: Callable[[Line], None]
) -> None:
    """However connecting fails just then, it leaves nothing; see the fixture ``home``."""
    disturb(line)
    await until(lambda: _lost_sight(home))
    assert await home.hass.config_entries.async_unload(home.entry.entry_id)


# An entity, and an event that it fires for
EVENTS: Final[dict[str, tuple[tuple[int, int], tuple[int, ...]]]] = {
    "lock_event": ((2, 1020), (OUTSIDE, FINGERPRINT, UNLOCKED, 7)),
    "exception": ((2, 1007), (25,)),
    "doorbell": ((21, 1), ()),
    "someone_at_the_door": ((17, 2), ()),
    "users_and_credentials": ((4, 5), (3, 2)),
}


@pytest.mark.parametrize("key", EVENTS)
async def test_messages_delivered_again(home: Home, line: Line, key: str) -> None:
    """By the broker, by the lock and after connecting again: each event is fired once."""
    address, arguments = EVENTS[key]
    fired = home.follow(key)
    now = int(time.time())
    line.gate.repeat = 2
    for second in (now - 4, now - 2, now - 4):
        home.driver.push_event(address, *arguments, second)
    await home.reached()
    assert len(fired) == 2
    line.gate.repeat = 0
    line.cut()
    await until(lambda: _lost_sight(home))
    await until(lambda: not _lost_sight(home))
    for second in (now - 4, now - 2):
        home.driver.push_event(address, *arguments, second)
    await home.reached()
    assert len(fired) == 2
    await home.reload()
    await until(lambda: not _lost_sight(home))
    for second in (now - 4, now - 2, now):
        home.driver.push_event(address, *arguments, second)
    await home.reached()
    assert len(fired) == 3


async def test_two_presses_of_the_bell(home: Home, line: Line) -> None:
    """Two services report each, and the broker delivers each twice: they are two."""
    rings = home.follow("doorbell")
    line.gate.repeat = 1
    now = int(time.time())
    for second in (now - 3, now - 1):
        home.driver.push_event((7, 1006), second)
        home.driver.push_event((21, 1), second)
    await home.reached()
    assert len(rings) == 2


@pytest.mark.parametrize("late", [6 * MINUTE, 3600, DAY, 30 * DAY])
async def test_an_event_that_comes_late(home: Home, late: int) -> None:
    """It is history: it is shown as the last one where it is, and fires nothing."""
    fired = home.follow("lock_event")
    now = time.time()
    before = home.shown()
    _unlock(home, now - late, operation_id=7)
    await home.reached()
    assert fired == []
    assert home.state("sensor", "last_operation_id") == "7"
    assert home.state("sensor", "door_state") == before["sensor door_state"]
    _unlock(home, now - 2 * late, operation_id=8)
    await home.reached()
    assert home.state("sensor", "last_operation_id") == "7"
    _unlock(home, now - 1, operation_id=9)
    await home.reached()
    assert [event["operation_id"] for event in fired] == [9]
    assert home.state("sensor", "last_operation_id") == "9"


async def test_events_out_of_order(home: Home) -> None:
    """Each is fired, the newest is the last one, and says what is so now."""
    fired = home.follow("lock_event")
    now = time.time()
    _unlock(home, now - 10, operation_id=1)
    _unlock(home, now - 20, operation_id=2, action=3)  # the deadbolt was turned before
    _unlock(home, now - 15, operation_id=3, action=5)  # the child lock was switched on
    await home.reached()
    assert [event["operation_id"] for event in fired] == [1, 2, 3]
    assert home.state("sensor", "last_operation_id") == "1"
    assert home.state("sensor", "last_action") == "unlocked"
    assert home.state("binary_sensor", "deadbolt") == "off"
    assert home.state("binary_sensor", "child_lock") != "on"


def _property(siid: object, piid: object, value: object) -> bytes:
    return json.dumps({"params": {"siid": siid, "piid": piid, "value": value}}).encode()


def _event(siid: object, eiid: object, arguments: object) -> bytes:
    return json.dumps({"params": {"siid": siid, "eiid": eiid, "arguments": arguments}}).encode()


PROPERTY: Final = "up/properties_changed/13/1"
EVENT: Final = "up/event_occured/21/1"
STATE: Final = "state/offline"
NOW: Final = [{"piid": 6, "value": int(time.time())}]

# What says nothing that can be so
NONSENSE: Final[dict[str, tuple[str, bytes]]] = {
    "unknown siid": (PROPERTY, _property(99, 1, 50)),
    "unknown piid": (PROPERTY, _property(13, 4242, 50)),
    "unknown eiid": (EVENT, _event(21, 4242, NOW)),
    "unknown service of an event": (EVENT, _event(99, 1, NOW)),
    "event that a later version has": (EVENT, _event(17, 4, NOW)),
    "empty": (PROPERTY, b""),
    "not JSON": (PROPERTY, b"battery: 50"),
    "JSON that ends early": (PROPERTY, _property(13, 1, 50)[:-2]),
    "not UTF-8": (PROPERTY, b'{"params": {"siid": 13, "piid": 1, "value": "\xff\xfe"}}'),
    "nested too deeply": (PROPERTY, b"[" * 100_000),
    "null": (PROPERTY, b"null"),
    "a list": (PROPERTY, b"[1, 2]"),
    "params a list": (PROPERTY, b'{"params": []}'),
    "params missing": (PROPERTY, b"{}"),
    "siid no number": (PROPERTY, _property("lock", 1, 50)),
    "piid true": (PROPERTY, _property(13, True, 50)),
    "eiid true": (EVENT, _event(21, True, NOW)),
    "eiid null": (EVENT, _event(21, None, NOW)),
    "value null": (PROPERTY, _property(13, 1, None)),
    "value missing": (PROPERTY, b'{"params": {"siid": 13, "piid": 1}}'),
    "1 MB that is no JSON": (PROPERTY, b"x" * 1_000_000),
    "another topic": ("up/unheard_of/1/1", _property(13, 1, 50)),
    "another device": (
        PROPERTY,
        json.dumps({"params": {"did": "1", "siid": 13, "piid": 1, "value": 50}}).encode(),
    ),
    "a state without a name": (STATE, b'{"event": "asleep"}'),
    "a state that is a list": (STATE, b'{"event": ["offline"]}'),
}


@pytest.mark.parametrize(("topic", "payload"), NONSENSE.values(), ids=NONSENSE)
async def test_nonsense(home: Home, topic: str, payload: bytes) -> None:
    """It changes nothing, fires nothing, and ends no connection; the next message is taken."""
    before, awake = home.shown(), home.state("binary_sensor", "awake")
    connects: list[bool] = []
    assert home.connection.push
    home.connection.push.on_change(lambda: connects.append(True))
    home.driver.publish(f"device/{home.driver.lock.did}/{topic}", payload)
    await home.reached()
    assert home.shown() == before
    assert home.state("binary_sensor", "awake") == awake
    assert connects == []
    home.driver.do("set_battery", 50)
    await home.reached()
    assert home.shown() == before | {"sensor lithium_battery": "50"}


LEVEL, DOOR_STATE = (13, 1), (3, 1021)
OF_THE_LEVEL: Final = {"sensor lithium_battery"}
OF_THE_DOOR: Final = {
    "binary_sensor child_lock",
    "binary_sensor deadbolt",
    "binary_sensor door",
    "lock lock",
    "sensor door_state",
}


@pytest.mark.parametrize(
    ("address", "value", "unknown"),
    [
        (LEVEL, True, OF_THE_LEVEL),
        (LEVEL, [50], OF_THE_LEVEL),
        (LEVEL, 101, OF_THE_LEVEL),
        (LEVEL, 50.5, OF_THE_LEVEL),
        (LEVEL, float("inf"), OF_THE_LEVEL),
        (LEVEL, "many", OF_THE_LEVEL),
        (LEVEL, "5" * 10_000, OF_THE_LEVEL),
        (DOOR_STATE, 9, OF_THE_DOOR),
    ],
    ids=[
        *("true", "a list", "out of range", "a fraction", "infinite", "a text", "a long text"),
        "door state",
    ],
)
async def test_values_that_make_no_sense(
    home: Home, address: tuple[int, int], value: object, unknown: set[str]
) -> None:
    """What they would say is unknown, and nothing else changes; the next value is shown."""
    before = home.shown()
    home.driver.push_property(address, value)
    await home.reached()
    after = home.shown()
    assert after == before | dict.fromkeys(unknown & before.keys(), STATE_UNKNOWN)
    home.driver.do("set_battery", 50)
    await home.reached()
    assert home.shown() == after | {"sensor lithium_battery": "50"}


@pytest.mark.parametrize(
    ("address", "value"),
    [
        ((11, 1), "v" * 1_000_000),
        ((17, 12), "5" * 1_000_000),
        ((17, 12), "at night"),
        ((17, 12), ""),
        ((20, 2), "never"),
        ((5, 13), "[" * 100_000),
    ],
    ids=["1 MB of version", "1 MB of period", "no period", "empty", "other period", "history"],
)
async def test_texts_of_another_form(
    home: Home, address: tuple[int, int], value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The specification allows any text: what no entity can show keeps none from its own."""
    home.driver.push_property(address, value)
    home.driver.do("set_battery", 50)
    await home.reached()
    await until(lambda: home.state("sensor", "lithium_battery") == "50")
    home.assert_available()
    assert all(len(state) <= 255 for state in home.shown().values())
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_wrong_arguments(home: Home) -> None:
    """An event is still one; what of it cannot be so is left out."""
    fired = home.follow("lock_event")
    now = int(time.time())
    home.driver.push_event((2, 1020), OUTSIDE, "finger", UNLOCKED, -1, now)
    await home.reached()
    assert len(fired) == 1
    assert fired[0]["event_type"] == "unlocked"
    assert fired[0]["position"] == "outside"
    assert not {"method", "operation_id"} & fired[0].keys()


async def test_a_burst(home: Home, line: Line) -> None:
    """Of a hundred events, each delivered three times, none is lost and none is fired twice."""
    fired = home.follow("lock_event")
    line.gate.repeat = 2
    now = time.time()
    for number in range(100):
        _unlock(home, now - 100 + number, operation_id=number)
    await home.reached()
    assert [event["operation_id"] for event in fired] == list(range(100))
