"""The past of a lock: as a calendar, and as an action answers."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
import voluptuous as vol
import yaml
from homeassistant.components.calendar import CalendarEntity
from homeassistant.const import STATE_OFF, STATE_ON, Platform
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import translation
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.xiaomi_smart_lock import calendar
from custom_components.xiaomi_smart_lock.const import CONF_LATE_AFTER
from custom_components.xiaomi_smart_lock.events import journal
from custom_components.xiaomi_smart_lock.services.history import KINDS, OPEN_KINDS
from tests.operations import SAID
from tests.translations import HERE, SELECTORS

from .conftest import TEN_YEARS
from .documents import yaml_blocks
from .lock_driver import LockDriver, until
from .lock_harness import Storage, running_lock
from .past import (
    DAY,
    DURESS,
    HOUR,
    LOCK_EVENT,
    MINUTE,
    LinkedHarness,
    linked_lock,
    state_writes,
)
from .people import give, person_entity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import (
        ClientSessionGenerator,
    )

NOON: Final = 1790000000  # 2026-09-21T14:13:20 UTC
EXCEPTION, BELL, STAY = (2, 1007), (21, 1), (17, 2)
ENROLLED: Final = (4, 6)


@pytest.fixture
async def home(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> AsyncIterator[LinkedHarness]:
    """Return a linked home, in Beijing, whose family is Ming with two fingers and Mei with one."""
    await hass.config.async_set_time_zone("Asia/Shanghai")
    translation.async_setup(hass)
    async with linked_lock(hass, driver, local=False, **{CONF_LATE_AFTER: TEN_YEARS}) as home:
        await home.start_and_read()
        give(hass, home.entry, "Ming", (2, 7), (DURESS, 8))
        give(hass, home.entry, "Mei", (2, 3))
        await hass.async_block_till_done()
        yield home


async def tell(home: LinkedHarness) -> None:
    """Have some things happen at the door, a minute apart, the last one at noon."""
    driver = home.driver
    driver.push_event(ENROLLED, 3, 7, 2, NOON - 6 * MINUTE)
    driver.push_event(LOCK_EVENT, 2, DURESS, 2, 8, NOON - 5 * MINUTE)
    driver.push_event(LOCK_EVENT, 2, 2, 2, 3, NOON - 4 * MINUTE)
    driver.push_event(EXCEPTION, 24, NOON - 3 * MINUTE)
    driver.push_event(STAY, NOON - 2 * MINUTE)
    driver.push_event((7, 1006), NOON - MINUTE)
    driver.push_event(BELL, NOON - MINUTE)
    driver.push_event(LOCK_EVENT, 3, 12, 1, 0, NOON)
    await home.reached()


def local(when: float) -> str:
    """Return a time in Home Assistant's zone."""
    return dt_util.as_local(dt_util.utc_from_timestamp(when)).isoformat()


# The calendar


async def shown(
    home: LinkedHarness, client: ClientSessionGenerator, start: float, end: float
) -> list[dict[str, Any]]:
    """Return what a user sees in the calendar in a time."""
    http = await client()
    entity_id = home.driver.entity_id(home.hass, Platform.CALENDAR, "diary")
    params = {"start": local(start), "end": local(end)}
    response = await http.get(f"/api/calendars/{entity_id}", params=params)
    assert response.status == 200, await response.text()
    events: list[dict[str, Any]] = await response.json()
    return events


async def test_the_diary(home: LinkedHarness, hass_client: ClientSessionGenerator) -> None:
    """Who came and how, what was wrong, and that the bell rang, each once and in order."""
    await tell(home)
    events = await shown(home, hass_client, NOON - DAY, NOON + DAY)
    assert [event["summary"] for event in events] == [
        "Front door was unlocked from outside by Ming with a fingerprint",
        "Front door was unlocked from outside by Mei with a fingerprint",
        "Door ajar",
        "Doorbell rang",
        "Front door was closed automatically",
    ]
    assert events[0]["start"] == {"dateTime": local(NOON - 5 * MINUTE)}
    assert events[0]["end"] == {"dateTime": local(NOON - 4 * MINUTE)}
    assert events[0]["start"]["dateTime"].endswith("+08:00")


OVER: Final = 1792890000  # 2026-10-25T01:00:00 UTC, when Berlin's wall goes back from 3 to 2


def spans_around(when: float) -> list[tuple[float, float]]:
    """Return spans that an entry is in, and such that end before it or begin after it."""
    return [
        (when, when + 1),
        (when + MINUTE - 1, when + 2 * HOUR),
        (when - 2 * HOUR, when),
        (when + MINUTE, when + 2 * HOUR),
    ]


@pytest.mark.parametrize(
    ("ago", "lasts"),
    [(HOUR, MINUTE), (MINUTE, 0), (MINUTE // 2, 0), (0, MINUTE), (-HOUR, MINUTE)],
)
async def test_the_hour_that_is_repeated(
    hass: HomeAssistant,
    home: LinkedHarness,
    hass_client: ClientSessionGenerator,
    ago: int,
    lasts: int,
) -> None:
    """An entry lasts a minute, or nothing where the clock on the wall goes back meanwhile.

    Home Assistant takes no entry whose end is shown as earlier than its start.
    """
    await hass.config.async_set_time_zone("Europe/Berlin")
    when = OVER - ago
    home.driver.push_event(BELL, when)
    await home.reached()
    [event] = await shown(home, hass_client, when - HOUR, when + HOUR)
    start, end = (datetime.fromisoformat(event[edge]["dateTime"]) for edge in ("start", "end"))
    assert (start.timestamp(), end.timestamp()) == (when, when + lasts)
    assert start.isoformat() == local(when)
    seen = [await shown(home, hass_client, *span) for span in spans_around(when)]
    assert seen == [[event], [event], [], []]


async def test_in_chinese(
    hass: HomeAssistant, home: LinkedHarness, hass_client: ClientSessionGenerator
) -> None:
    """In the specification's own words."""
    await hass.config.async_update(language="zh-Hans")
    await hass.async_block_till_done()
    await tell(home)
    events = await shown(home, hass_client, NOON - DAY, NOON + DAY)
    assert [event["summary"] for event in events][1:] == [
        "Front door：Mei 从门外用指纹开锁",
        "门虚掩,请及时关门",
        "门铃响了",
        "Front door：自动关门",
    ]


async def test_in_a_language_that_there_are_no_texts_of(
    hass: HomeAssistant, home: LinkedHarness, hass_client: ClientSessionGenerator
) -> None:
    """In English from end to end, as Home Assistant does: Traditional Chinese is no exception."""
    await hass.config.async_update(language="zh-Hant")
    await hass.async_block_till_done()
    await tell(home)
    events = await shown(home, hass_client, NOON - DAY, NOON + DAY)
    assert [event["summary"] for event in events][1:] == [
        "Front door was unlocked from outside by Mei with a fingerprint",
        "Door ajar",
        "Doorbell rang",
        "Front door was closed automatically",
    ]


async def test_as_the_logbook_says(
    home: LinkedHarness, hass_client: ClientSessionGenerator
) -> None:
    """The sentences are the same."""
    for second, (operation, _, _) in enumerate(SAID):
        position, method, action, operation_id = operation
        home.driver.push_event(LOCK_EVENT, position, method, action, operation_id, NOON + second)
    await home.reached()
    events = await shown(home, hass_client, NOON, NOON + HOUR)
    expected = [f"Front door {english}" for _, english, _ in SAID]
    assert [event["summary"] for event in events] == expected


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        (NOON - DAY, NOON, 4),
        (NOON, NOON + 1, 1),
        (NOON + MINUTE - 1, NOON + DAY, 1),
        (NOON + MINUTE, NOON + DAY, 0),
        (NOON - 5 * MINUTE, NOON - 4 * MINUTE, 1),
        (NOON - DAY, NOON - 5 * MINUTE, 0),
    ],
)
async def test_a_part_of_it(
    home: LinkedHarness, hass_client: ClientSessionGenerator, start: int, end: int, count: int
) -> None:
    """What began before the end and ends after the start."""
    await tell(home)
    assert len(await shown(home, hass_client, start, end)) == count


async def test_what_has_no_name(home: LinkedHarness, hass_client: ClientSessionGenerator) -> None:
    """That something happened is written all the same, with the number where one came."""
    home.driver.push_event(LOCK_EVENT, 2, 2, 99, 7, NOON)
    home.driver.push_event(EXCEPTION, 99, NOON + 1)
    home.driver.push_event(EXCEPTION, None, NOON + 2)
    await home.reached()
    events = await shown(home, hass_client, NOON - DAY, NOON + DAY)
    assert [event["summary"] for event in events] == [
        "Front door was operated from outside by Ming with a fingerprint",
        "Abnormal condition (99)",
        "Exception occurred",
    ]


async def test_now(home: LinkedHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The diary is on while something happens, which takes a minute, and says what."""
    assert home.state("calendar", "diary") == STATE_OFF
    home.driver.do("fingerprint", 7)
    await until(lambda: home.state("calendar", "diary") == STATE_ON)
    attributes = home.driver.state(home.hass, Platform.CALENDAR, "diary").attributes
    assert (
        attributes["message"] == "Front door was unlocked from outside by Ming with a fingerprint"
    )
    home.driver.do("ring")
    await until(lambda: _message(home) == "Doorbell rang")
    monkeypatch.setattr(calendar, "LASTS", 0)
    await home.later(2 * MINUTE)
    assert home.state("calendar", "diary") == STATE_OFF
    assert _message(home) is None


def _message(home: LinkedHarness) -> str | None:
    attributes = home.driver.state(home.hass, Platform.CALENDAR, "diary").attributes
    message: str | None = attributes.get("message")
    return message


async def test_what_happened_long_ago(home: LinkedHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is news of the diary as well: who looks at its pages sees it come."""
    home.driver.do("fingerprint", 1)
    await home.reached()
    written = state_writes(monkeypatch)
    home.driver.push_event(LOCK_EVENT, 2, 2, 2, 3, NOON)
    await home.reached()
    assert written[home.driver.entity_id(home.hass, Platform.CALENDAR, "diary")] == 1


async def test_nobody_writes_into_it(home: LinkedHarness) -> None:
    """A diary of what happened."""
    entity = home.hass.data["entity_components"]["calendar"].get_entity(
        home.driver.entity_id(home.hass, Platform.CALENDAR, "diary")
    )
    assert isinstance(entity, CalendarEntity)
    assert not entity.supported_features


# The action


async def ask(home: LinkedHarness, **data: Any) -> list[dict[str, Any]]:
    """Return what the action answers."""
    response = await home.manage("get_history", **data)
    history: list[dict[str, Any]] = response["history"]
    return history


async def test_get_history(home: LinkedHarness) -> None:
    """All kinds, the newest first, each with what its event entity says."""
    await tell(home)
    told = await ask(home)
    assert [(line["kind"], line["type"]) for line in told] == [
        ("lock_event", "door_closed"),
        ("doorbell", "ring"),
        ("someone_at_the_door", "someone_at_the_door"),
        ("exception", "door_ajar"),
        ("lock_event", "unlocked"),
        ("lock_event", "unlocked"),
        ("users_and_credentials", "unlock_method_added"),
    ]
    assert told[4] == {
        "when": local(NOON - 4 * MINUTE),
        "kind": "lock_event",
        "type": "unlocked",
        "position": "outside",
        "method": "fingerprint",
        "operation_id": 3,
        "device_time": dt_util.utc_from_timestamp(NOON - 4 * MINUTE).isoformat(),
        "person": "Mei",
    }
    assert told[3]["code"] == 24
    assert told[6]["user_id"] == 3


async def turns_during(asking: Awaitable[object]) -> int:
    """Return how many turns of the event loop others have while something is asked."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(take_turns())
    await asking
    others.cancel()
    return turns


async def test_much_happened(home: LinkedHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is told, Home Assistant does other things."""
    for number in range(200):
        home.driver.push_event(LOCK_EVENT, 2, 2, 2, 3, NOON - number)
    await home.reached()
    diary = home.hass.data["entity_components"]["calendar"].get_entity(
        home.driver.entity_id(home.hass, Platform.CALENDAR, "diary")
    )
    day = (dt_util.utc_from_timestamp(NOON - DAY), dt_util.utc_from_timestamp(NOON + DAY))
    for lines in (50, 1):
        monkeypatch.setattr(journal, "AT_ONCE", lines)
        # Whoever asks for the action waits for more than that.
        assert await turns_during(ask(home, limit=200)) >= 200 // lines
        assert await turns_during(diary.async_get_events(home.hass, *day)) == 200 // lines


async def test_duress(home: LinkedHarness) -> None:
    """It looks like any other, but for who asks for it."""
    await tell(home)
    [line] = [one for one in await ask(home, person="Ming") if one["operation_id"] == 8]
    assert (line["kind"], line["method"]) == ("lock_event", "fingerprint")
    assert "duress" not in str(await ask(home))
    [line] = await ask(home, kind="duress")
    assert (line["kind"], line["type"], line["method"]) == (
        "duress",
        "duress",
        "duress_fingerprint",
    )
    assert line["person"] == "Ming"
    assert line["when"] == local(NOON - 5 * MINUTE)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"kind": "doorbell"}, [1]),
        ({"kind": ["exception", "doorbell"]}, [1, 3]),
        ({"kind": ["enrolment"]}, []),
        ({"person": "Mei"}, [4]),
        ({"person": "Ming"}, [5]),
        ({"person": "Mei", "kind": "exception"}, []),
        ({"limit": 2}, [0, 1]),
        ({"limit": 1, "kind": "lock_event", "end": local(NOON)}, [4]),
        ({"start": "2026-09-21 14:10:20+00:00"}, [0, 1, 2, 3]),
        ({"end": "2026-09-21 14:10:20+00:00"}, [4, 5, 6]),
        ({"start": "2026-09-21 22:09:20", "end": "2026-09-21 22:10:20"}, [4]),
        ({"start": "2026-09-21 22:10:20", "end": "2026-09-21 22:10:20"}, []),
    ],
)
async def test_filters(home: LinkedHarness, asked: dict[str, Any], expected: list[int]) -> None:
    """Each narrows it down, by the minutes before noon here; a time without a zone is local."""
    await tell(home)
    told = await ask(home, **asked)
    assert [line["when"] for line in told] == [local(NOON - ago * MINUTE) for ago in expected]


async def test_by_whom(hass: HomeAssistant, home: LinkedHarness) -> None:
    """A person is named as elsewhere: by name, subentry or person entity."""
    mei = next(one for one in home.entry.subentries.values() if one.title == "Mei")
    hass.config_entries.async_update_subentry(
        home.entry, mei, data={**mei.data, "person_entity": person_entity(hass, "mei").id}
    )
    await tell(home)
    for name in ("Mei", mei.subentry_id, "person.mei"):
        [line] = await ask(home, person=name)
        assert line["person_entity"] == "person.mei"
    with pytest.raises(ServiceValidationError) as raised:
        await ask(home, person="Nobody")
    assert raised.value.translation_key == "no_such_person"


@pytest.mark.parametrize(
    "wrong", [{"kind": "weather"}, {"limit": 0}, {"limit": 10_001}, {"start": "yesterday"}]
)
async def test_wrong_fields(home: LinkedHarness, wrong: dict[str, Any]) -> None:
    """They are refused."""
    with pytest.raises(vol.Invalid):
        await ask(home, **wrong)


async def test_asleep_and_over_a_restart(home: LinkedHarness) -> None:
    """The lock is not asked."""
    await tell(home)
    before = await ask(home)
    await home.put_to_sleep()
    await home.restart()
    assert await ask(home) == before


async def test_not_linked(hass: HomeAssistant, driver: LockDriver, hass_storage: Storage) -> None:
    """An account tells all the same."""
    async with running_lock(hass, driver) as home:
        driver.do("fingerprint", 7)
        await home.reached()
        [line] = (await home.manage("get_history"))["history"]
        assert line["operation_id"] == 7


async def test_a_lock_nearby(
    hass: HomeAssistant, driver: LockDriver, hass_storage: Storage, short_timeouts: None
) -> None:
    """Without a link it tells nothing, and that is said."""
    async with running_lock(hass, driver, local=True) as home:
        with pytest.raises(ServiceValidationError) as raised:
            await home.manage("get_history")
        assert raised.value.translation_key == "no_history"


async def test_the_example(hass: HomeAssistant, home: LinkedHarness) -> None:
    """It says who came today."""
    [example] = [block for block in yaml_blocks("actions:\n") if "get_history" in block]
    sequence = parse_yaml(example)
    notified = async_mock_service(hass, "notify", "mobile_app_phone")
    assert isinstance(sequence, dict)
    script = {"who_came": {"sequence": sequence["actions"]}}
    assert await async_setup_component(hass, "script", {"script": script})
    for number in (7, 3, 99):
        home.driver.do("fingerprint", number)
    home.driver.do("close_door")
    await home.reached()
    await hass.services.async_call("script", "who_came", blocking=True)
    assert notified[0].data["message"] == "somebody, Mei, Ming"


def test_kinds_have_words() -> None:
    """What can be asked for is what there are event entities of, by their names."""
    described = yaml.safe_load((HERE / "services.yaml").read_text(encoding="utf-8"))
    chosen = described["get_history"]["fields"]["kind"]["selector"]["select"]["options"]
    assert chosen == list(KINDS)
    assert set(KINDS) - set(OPEN_KINDS) == {"duress"}
    for selector in SELECTORS:
        assert list(selector["kind"]["options"]) == chosen
