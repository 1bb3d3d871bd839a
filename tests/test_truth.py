"""States are right before an event fires, without HTTP, and when a value is unknown."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.miot import push
from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from simulator.faults import changed, status
from tests.availability import FIVE_MINUTES, later, unavailable

from .lock_driver import LockDriver, until
from .lock_harness import (
    LockHarness,
    connected,
    disconnected,
    push_of,
    running_lock,
    runtime_of,
    stored,
    stored_key,
)
from .past import HOUR, MINUTE, LinkedHarness, rang, unlocked
from .people import give

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import Event, EventStateChangedData, HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .lock_harness import Storage

FINGERPRINT = 2
READ = "/app/v2/miotspec/prop/get"
WRITE = "/app/v2/miotspec/prop/set"
ACT = "/app/v2/miotspec/action"
DEVICES = "/app/v2/home/device_list_page"
TOKEN = "/app/v2/ha/oauth/get_token"


# Known first, then told


class LeakDetector:
    """Notes the lock's states at the moment in which an event fires."""

    def __init__(self, hass: HomeAssistant, driver: LockDriver) -> None:
        """Watch the event entity, and our events on the bus."""
        self.saw: list[tuple[str, dict[str, Any]]] = []
        self._hass, self._actor = hass, driver
        self._entity_id = driver.entity_id(hass, "event", "lock_event")
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._changed)
        hass.bus.async_listen(EVENT, self._fired)

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        if event.data["entity_id"] == self._entity_id:
            self.saw.append(("entity", self._shown()))

    @callback
    def _fired(self, _event: Event[Any]) -> None:
        self.saw.append(("bus", self._shown()))

    def _shown(self) -> dict[str, Any]:
        lock = self._actor.state(self._hass, "lock", "lock")
        keys = ("last_action", "last_operation_id", "last_person", "door_state")
        sensors = {key: self._actor.state(self._hass, "sensor", key).state for key in keys}
        return {"lock": lock.state, "by": lock.attributes["changed_by"], **sensors}


UNLOCKED_BY_MING = {
    "by": "Ming",
    "last_action": "unlocked",
    "last_operation_id": "7",
    "last_person": "Ming",
}


async def test_what_is_pushed(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """When an event fires, the states are those after it, also if it comes a little late."""
    give(hass, loaded, "Ming", (FINGERPRINT, 7))
    # That it is unlocked would be told by the lock entity, and not on the bus.
    driver.push_property((3, 1021), 2)
    await until(lambda: driver.state(hass, "lock", "lock").state == "unlocked")
    leak_detector = LeakDetector(hass, driver)
    driver.push_event((2, 1020), 2, FINGERPRINT, 2, 7, int(time.time()) - 60)
    await until(lambda: len(leak_detector.saw) == 2)
    shown = UNLOCKED_BY_MING | {"lock": "unlocked", "door_state": "unlocked"}
    assert sorted(leak_detector.saw, key=str) == [("bus", shown), ("entity", shown)]


async def test_what_an_automation_reads(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The documented trigger runs when the lock's states are those after the event."""
    await async_setup_component(hass, "input_text", {"input_text": {"told": {}}})
    entity_ids = {
        "event": driver.entity_id(hass, "event", "lock_event"),
        "lock": driver.entity_id(hass, "lock", "lock"),
        "method": driver.entity_id(hass, "sensor", "last_method"),
    }
    said = "{{{{ states('{lock}') }}}} {{{{ states('{method}') }}}}".format(**entity_ids)
    automation = {
        "triggers": {
            "trigger": "state",
            "entity_id": entity_ids["event"],
            "not_from": STATE_UNAVAILABLE,
            "not_to": [STATE_UNAVAILABLE, STATE_UNKNOWN],
        },
        "actions": {
            "action": "input_text.set_value",
            "target": {"entity_id": "input_text.told"},
            "data": {"value": said},
        },
    }
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await hass.async_block_till_done()

    def told() -> str:
        state = hass.states.get("input_text.told")
        return state.state if state else ""

    for number, (action, expected) in enumerate(((2, "unlocked"), (3, "locked"), (2, "unlocked"))):
        driver.push_event((2, 1020), 1, 11, action, number, driver.lock.time)
        await until(lambda: told() == f"{expected} manual")  # noqa: B023


async def test_what_is_caught_up(
    linked_harness: LinkedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same holds for an event that is read from the history soon after."""
    monkeypatch.setattr(push, "FIRST_DELAY", 0.02)
    linked_harness.driver.simulator.cloud.requests.clear()
    await linked_harness.start_and_read()
    give(linked_harness.hass, linked_harness.entry, "Ming", (FINGERPRINT, 7))
    leak_detector = LeakDetector(linked_harness.hass, linked_harness.driver)
    unlocked(linked_harness.driver, 7, MINUTE)
    await linked_harness.read_again()
    await until(lambda: len(leak_detector.saw) == 2)
    for _, shown in leak_detector.saw:
        assert shown.items() >= UNLOCKED_BY_MING.items()


# Whatever is heard counts


class Transitions:
    """Notes the state changes of an event entity, as automations see them."""

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        """Watch."""
        self.seen: list[tuple[str, str, str | None]] = []
        self._entity_id = entity_id
        hass.bus.async_listen(EVENT_STATE_CHANGED, self._changed)

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        old, new = event.data["old_state"], event.data["new_state"]
        if event.data["entity_id"] == self._entity_id and old and new:
            self.seen.append((old.state, new.state, new.attributes.get("event_type")))

    @property
    def told(self) -> list[str | None]:
        """The event types that the documented triggers react to."""
        return [
            its_type
            for old, new, its_type in self.seen
            if old != STATE_UNAVAILABLE and new not in (STATE_UNAVAILABLE, STATE_UNKNOWN, old)
        ]


@pytest.fixture
def outage(driver: LockDriver) -> Iterator[None]:
    """Bring the cloud back at the end of the test."""
    yield
    driver.simulator.cloud.online = True


@pytest.mark.usefixtures("outage")
async def test_an_event_without_http(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    driver: LockDriver,
    loaded: MockConfigEntry,
) -> None:
    """While push is connected an event fires, however long nothing could be read."""
    doorbell = Transitions(hass, driver.entity_id(hass, "event", "doorbell"))
    duress = Transitions(hass, driver.entity_id(hass, "event", "duress"))
    driver.do("sleep")
    await until(lambda: driver.state(hass, "binary_sensor", "awake").state == "off")
    driver.simulator.cloud.online = False
    for times in (1, 2):
        for _ in range(2):
            await later(hass, frozen, FIVE_MINUTES)
        assert driver.state(hass, "sensor", "door_state").state == STATE_UNAVAILABLE
        assert driver.state(hass, "event", "doorbell").state != STATE_UNAVAILABLE
        driver.push_event((7, 1006), int(time.time()))
        driver.push_event((2, 1020), 2, 9, 2, 8, int(time.time()))
        await until(lambda: len(duress.told) == times)  # noqa: B023
        assert doorbell.told == ["ring"] * times
        assert duress.told == ["duress"] * times
        assert unavailable(hass, loaded) == {False}
        assert driver.state(hass, "lock", "lock").state == "unlocked"
        # The next poll fails as well, and takes nothing of this away.
        await later(hass, frozen, FIVE_MINUTES)
        assert unavailable(hass, loaded) == {False}
        assert doorbell.told == ["ring"] * times


@pytest.mark.usefixtures("outage")
async def test_heard_before_push_counts_as_connected(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A message while entities are unavailable makes them available, then its event fires."""
    doorbell = Transitions(hass, driver.entity_id(hass, "event", "doorbell"))
    driver.simulator.cloud.online = False
    for _ in range(2):
        await later(hass, frozen, FIVE_MINUTES)
    pushed = push_of(loaded)
    pushed.connected = False
    runtime_of(loaded).connection.async_push_changed()
    assert unavailable(hass, loaded) == {True}
    driver.push_event((21, 1), int(time.time()))
    await until(lambda: doorbell.told == ["ring"])
    old, new, _ = doorbell.seen[-2]
    assert old == STATE_UNAVAILABLE
    assert new != STATE_UNAVAILABLE
    pushed.connected = True


@pytest.mark.usefixtures("outage")
async def test_an_event_that_only_the_history_tells(
    linked_harness: LinkedHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event from the history fires without push and reads; other entities stay unavailable."""
    monkeypatch.setattr(push, "FIRST_DELAY", 0.02)
    await linked_harness.start_and_read()
    hass, driver, cloud = (
        linked_harness.hass,
        linked_harness.driver,
        linked_harness.driver.simulator.cloud,
    )
    doorbell = Transitions(hass, driver.entity_id(hass, "event", "doorbell"))
    operations = Transitions(hass, driver.entity_id(hass, "event", "lock_event"))
    gate = driver.simulator.gate
    gate.open = False
    driver.simulation.call(gate.cut)
    await disconnected(linked_harness.entry)
    for path in (READ, DEVICES):
        cloud.disturb_next(status(500), path, 100)
    linked_harness.known.last_response -= HOUR
    await linked_harness.poll()
    for times, ago in ((1, 40), (2, 20)):
        rang(driver, ago)
        unlocked(driver, times, ago)
        await linked_harness.read_again()
        assert doorbell.told == ["ring"] * times
        assert operations.told == ["unlocked"] * times
        assert linked_harness.state("sensor", "last_operation_id") == str(times)
        assert linked_harness.state("lock", "lock") == STATE_UNAVAILABLE
        assert linked_harness.state("event", "someone_at_the_door") == STATE_UNAVAILABLE
        # The next poll fails as well, and takes nothing of this away.
        await linked_harness.poll()
    driver.simulation.call(cloud.calm)
    gate.open = True
    await connected(linked_harness.entry)
    await linked_harness.poll()
    await until(lambda: linked_harness.state("lock", "lock") != STATE_UNAVAILABLE)
    assert (doorbell.told, operations.told) == (["ring"] * 2, ["unlocked"] * 2)


async def test_an_event_after_a_sign_in_was_revoked(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The user is asked to sign in again; what is pushed until then is shown and fires."""
    doorbell = Transitions(hass, driver.entity_id(hass, "event", "doorbell"))
    driver.simulator.cloud.revoke(driver.account)
    await later(hass, frozen, FIVE_MINUTES)
    await until(lambda: list(loaded.async_get_active_flows(hass, {"reauth"})))
    assert unavailable(hass, loaded) == {False}
    driver.push_event((7, 1006), int(time.time()))
    await until(lambda: doorbell.told == ["ring"])
    for _ in range(3):
        await later(hass, frozen, FIVE_MINUTES)
    assert driver.state(hass, "sensor", "door_state").state == STATE_UNAVAILABLE
    driver.push_event((7, 1006), int(time.time()))
    await until(lambda: doorbell.told == ["ring", "ring"])
    assert unavailable(hass, loaded) == {False}
    assert ir.async_get(hass).issues


# What is not understood is unknown

OF_THE_DOOR = (
    ("lock", "lock"),
    ("sensor", "door_state"),
    ("binary_sensor", "door"),
    ("binary_sensor", "deadbolt"),
    ("binary_sensor", "child_lock"),
)


def of_the_door(harness: LockHarness) -> set[str]:
    """Return the states that depend on the door state."""
    return {harness.state(*which) for which in OF_THE_DOOR}


@pytest.fixture
async def home(
    hass: HomeAssistant, driver: LockDriver, hass_storage: Storage
) -> AsyncIterator[LockHarness]:
    """Return a running lock whose deadbolt is turned."""
    async with running_lock(hass, driver) as harness:
        driver.do("deadbolt", True)
        driver.do("child_lock", False)
        await harness.reached()
        driver.do("deadbolt", True)
        await harness.reached()
        assert harness.state("lock", "lock") == "locked"
        assert harness.state("binary_sensor", "deadbolt") == "on"
        assert harness.state("binary_sensor", "child_lock") == "off"
        yield harness


@pytest.mark.parametrize("value", [17, "17", 17.0, "ajar", [1], True])
async def test_a_door_state_that_is_pushed(home: LockHarness, value: object) -> None:
    """A door state that is not in the specification is neither locked nor unlocked."""
    home.driver.push_property((3, 1021), value)
    await home.reached()
    assert of_the_door(home) == {STATE_UNKNOWN}
    number = 17 if "17" in str(value) else None
    assert home.known.unknown == {(3, 1021): number}
    assert home.known.rejected == {"3.1021": 1}

    home.driver.push_property((3, 1021), 6)
    await until(lambda: home.state("lock", "lock") == "locked")
    assert home.state("binary_sensor", "deadbolt") == "on"
    assert home.known.unknown == {}


async def test_a_door_state_that_is_read(home: LockHarness) -> None:
    """The same holds for a state that is read; what events report since is shown."""
    home.driver.lock.values[3, 1021] = 17
    await home.poll()
    assert of_the_door(home) == {STATE_UNKNOWN}
    home.driver.push_event((2, 1020), 1, 11, 5, 1, int(time.time()))
    home.driver.push_event((2, 1020), 1, 11, 3, 2, int(time.time()))
    await until(lambda: home.state("binary_sensor", "deadbolt") == "on")
    await home.poll()
    assert home.state("lock", "lock") == STATE_UNKNOWN
    assert home.state("binary_sensor", "deadbolt") == "on"
    assert home.state("binary_sensor", "child_lock") == "on"
    home.driver.lock.values[3, 1021] = 1
    await home.poll()
    assert home.state("lock", "lock") == "locked"


async def test_a_door_state_that_was_kept(home: LockHarness, hass_storage: Storage) -> None:
    """An unlisted state is not stored, and is unknown where it was stored."""
    home.driver.lock.values[3, 1021] = 17
    home.driver.push_property((3, 1021), 17)
    await home.reached()
    await home.stop()
    kept = stored(hass_storage, home.driver)
    assert [3, 1021] not in [value[:2] for value in kept["values"]]
    hass_storage[stored_key(home.driver)]["data"]["data"]["values"].append([3, 1021, 17])
    home.driver.simulator.cloud.disturb_next(changed(_without_values), READ, 1)
    await home.start()
    assert home.state("lock", "lock") == STATE_UNKNOWN
    assert home.state("sensor", "door_state") == STATE_UNKNOWN


def _without_values(answer: Any) -> Any:
    """Remove the value of each property."""
    for item in answer["result"]:
        item["value"] = None
    return answer


async def test_values_that_are_null_or_missing(
    home: LockHarness, caplog: pytest.LogCaptureFixture
) -> None:
    """A property that is read without a value keeps its value, and nothing is logged."""
    home.driver.simulator.cloud.disturb_next(changed(_without_values), READ, 1)
    await home.poll()

    def missing(answer: Any) -> Any:
        for item in answer["result"]:
            item.pop("value", None)
        return answer

    home.driver.simulator.cloud.disturb_next(changed(missing), READ, 1)
    await home.poll()
    assert home.state("lock", "lock") == "locked"
    assert home.state("sensor", "lithium_battery").isdecimal()
    assert not home.known.rejected
    ours = [one for one in caplog.records if one.name.startswith("custom_components")]
    assert not [one for one in ours if one.levelname in ("WARNING", "ERROR")]


async def test_a_reading_as_text(home: LockHarness) -> None:
    """Numbers of a reading may be texts and floats, and its time a text."""

    def spelt(answer: Any) -> Any:
        for item in answer["result"]:
            value = item.get("value")
            if not isinstance(value, str | bool | None):
                item["value"] = str(value) if item["piid"] % 2 else float(value)
            item |= {key: str(item[key]) for key in ("siid", "piid", "code", "updateTime")}
        return answer

    home.driver.lock.values |= {(3, 1021): 4, (13, 1): 33, (21, 5): 2, (13, 2): 1}
    home.driver.simulator.cloud.disturb_next(changed(spelt), READ, 1)
    await home.poll()
    assert home.state("sensor", "door_state") == "ajar"
    assert home.state("sensor", "lithium_battery") == "33"
    assert home.state("binary_sensor", "charging") == "on"
    assert not home.known.rejected
    assert json.dumps(home.known.as_dict())


def _spelt(answer: Any, spell: type) -> Any:
    """Return an answer with another type for its codes, numbers of items, and durations."""
    match answer:
        case dict():
            numbers = ("code", "siid", "piid", "aiid", "expires_in")
            return {
                key: spell(value) if key in numbers else _spelt(value, spell)
                for key, value in answer.items()
            }
        case list():
            return [_spelt(one, spell) for one in answer]
    return answer


@pytest.mark.parametrize("spell", [str, float])
async def test_answers_with_codes_as_text(home: LockHarness, spell: type) -> None:
    """Answers are understood if their codes are texts or floats."""
    cloud = home.driver.simulator.cloud
    spelt = changed(partial(_spelt, spell=spell))
    for path in (WRITE, ACT, DEVICES, TOKEN):
        cloud.disturb_next(spelt, path, 1)
    await home.call("switch", "turn_on", "do_not_disturb")
    assert home.state("switch", "do_not_disturb") == "on"
    assert not home.known.pending
    await home.call("button", "press", "set_clock")
    client = runtime_of(home.entry).connection.cloud
    assert client
    assert home.driver.lock.did in {device.did for device in await client.devices()}
    token = await client._tokens.access_token()
    assert await client._tokens.access_token(refused=token) != token
    home.driver.do("sleep")
    await until(lambda: home.state("binary_sensor", "awake") == "off")
    cloud.disturb_next(spelt, ACT, 1)
    with pytest.raises(HomeAssistantError) as refused:
        await home.call("button", "press", "set_clock")
    assert refused.value.translation_key == "lock_asleep"
    assert cloud.calm() == 0
