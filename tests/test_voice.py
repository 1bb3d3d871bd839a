"""What Assist makes of the lock, by Home Assistant's own sentences."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from awesomeversion import AwesomeVersion
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import __version__
from homeassistant.core import Context
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.intent import IntentResponseType
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING
from custom_components.xiaomi_smart_lock.state.unlock_code import hash_code
from tests.doorkeeper import Doorkeeper
from tests.examples import ASKED_TO_LOCK, EXAMPLES

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, connected, running_lock
from .people import give
from .voice import Voice, speak, speech

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.intent import IntentResponse
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .lock_harness import Storage


# The language, what the door is called, and how one asks for its state, to lock and to unlock it
ENGLISH = (
    "en",
    "Front door",
    "Is the front door locked?",
    "Lock the front door",
    "Unlock the front door",
)
CHINESE = ("zh-CN", "前门", "前门是锁着的吗", "前门上锁", "前门解锁")
LANGUAGES = pytest.mark.parametrize(
    ("language", "name", "asked", "lock", "unlock"), [ENGLISH, CHINESE], ids=["en", "zh"]
)

# Older versions say that it was done whatever came of it, and leave the error to nobody.
LISTENS = AwesomeVersion(__version__) >= AwesomeVersion("2026.10")


class Assist:
    """Whom one talks to."""

    def __init__(self, hass: HomeAssistant, language: str) -> None:
        """Talk in a language."""
        self._hass = hass
        self._language = language

    async def say(self, sentence: str) -> IntentResponse:
        """Say something, and return what is answered."""
        result = await conversation.async_converse(
            self._hass, sentence, None, Context(), self._language
        )
        await self._hass.async_block_till_done()
        return result.response


@pytest.fixture
async def assist(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, language: str, name: str
) -> Assist:
    """Return an assistant to which the lock is exposed by a name."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    entity_id = driver.entity_id(hass, "lock", "lock")
    er.async_get(hass).async_update_entity(entity_id, name=name)
    async_expose_entity(hass, conversation.DOMAIN, entity_id, should_expose=True)
    await hass.async_block_till_done()
    return Assist(hass, language)


@LANGUAGES
async def test_is_it_locked(
    hass: HomeAssistant, driver: LockDriver, assist: Assist, asked: str, lock: str, unlock: str
) -> None:
    """The answer is the truth, whatever that is now."""
    answers = {}
    for act, state in (("fingerprint", "unlocked"), ("close_door", "locked")):
        driver.do(act, *([3] if act == "fingerprint" else []))
        await until(lambda: driver.state(hass, "lock", "lock").state == state)  # noqa: B023
        response = await assist.say(asked)
        assert response.response_type is IntentResponseType.QUERY_ANSWER
        answers[state] = speech(response)
    yes, no = ("Yes", "No") if asked == ENGLISH[2] else ("是的", "不")
    assert answers["locked"].startswith(yes)
    assert answers["unlocked"].startswith(no)


@LANGUAGES
@pytest.mark.parametrize("explained", [True, False] if LISTENS else [True])
async def test_lock_it(
    hass: HomeAssistant,
    driver: LockDriver,
    assist: Assist,
    caplog: pytest.LogCaptureFixture,
    asked: str,
    lock: str,
    unlock: str,
    explained: bool,
) -> None:
    """It is an error, whose reason is in the log; an example's automation says it instead."""
    automations = [EXAMPLES[ASKED_TO_LOCK]] if explained else []
    assert await async_setup_component(hass, "automation", {"automation": automations})
    await hass.async_block_till_done()
    response = await assist.say(lock)
    if explained:
        assert response.response_type is IntentResponseType.ACTION_DONE
        [action] = EXAMPLES[ASKED_TO_LOCK]["actions"]
        assert speech(response) == action["set_conversation_response"]
    else:
        assert response.response_type is IntentResponseType.ERROR
        assert "This lock has no remote locking" in caplog.text


@LANGUAGES
@pytest.mark.parametrize(
    ("options", "logged"),
    [
        ({CONF_UNLOCKING: None}, "unlocking_done"),
        *(
            [
                ({}, "unlocking_not_allowed"),
                ({CONF_UNLOCKING: hash_code("1357")}, "unlocking_no_code"),
            ]
            if LISTENS
            else []
        ),
    ],
    ids=["allowed", "off", "with code"] if LISTENS else ["allowed"],
)
async def test_unlock_it(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    assist: Assist,
    asked: str,
    lock: str,
    unlock: str,
    options: dict[str, str | None],
    logged: str,
) -> None:
    """Nobody opens the door by calling through it, unless that is allowed without a code."""
    allowed = {CONF_UNLOCKING: {driver.lock.did: options[CONF_UNLOCKING]}} if options else {}
    hass.config_entries.async_update_entry(loaded, options={**loaded.options, **allowed})
    await hass.async_block_till_done()
    await connected(loaded)
    await hass.async_block_till_done()
    keeper = Doorkeeper(LockHarness(hass, driver, loaded))
    response = await assist.say(unlock)
    done = logged == "unlocking_done"
    expected = IntentResponseType.ACTION_DONE if done else IntentResponseType.ERROR
    assert response.response_type is expected
    assert keeper.logged == [logged]
    assert keeper.asked == int(done)
    await until(
        lambda: driver.state(hass, "lock", "lock").state == ("unlocked" if done else "locked")
    )


# Questions about the door


@dataclass(frozen=True)
class Asked:
    """How one asks in a language, and what is answered."""

    language: str
    last: tuple[str, ...]
    today: tuple[str, ...]
    person: tuple[str, ...]
    battery: tuple[str, ...]
    answers: dict[str, str]


QUESTIONS: Final = [
    Asked(
        "en",
        (
            "Who came home last?",
            "who was the last to come home",
            "Who got home last",
            "who just came home",
            "who came home",
            "Has anybody come home yet?",
            "when did anyone come home",
            "who opened the door",
            "who opened the front door last",
        ),
        (
            "Who came home today?",
            "who came today",
            "Who has come home today?",
        ),
        (
            "When did {name} come home?",
            "when did {name} last get home",
            "When did {name} open the door?",
            "has {name} come home yet",
            "When did {name} get home yesterday?",
            "Did {name} come home today?",
        ),
        ("Is the battery low?", "is the lock's battery low", "Is the battery of the lock low?"),
        {
            "nobody": "I know of nobody who came home.",
            "nobody today": "Nobody came home today.",
            "last": "Ming came home last: today {time}, with a fingerprint.",
            "person": "Ming last came home today {time}, with a fingerprint.",
            "person never": "I do not know of Hua coming home.",
            "no such person": "I know of nobody called {name}.",
            "today": (
                "Today these people came home: Ming ({time}, {time}), Somebody unknown ({time})."
            ),
            "long ago": "Somebody unknown came home last: {day}, with a fingerprint.",
            "somehow": "Somebody unknown came home last: {day}.",
            "unknown": "The lock has not told its battery level yet.",
            "fine": "No: Lithium battery 80 %, Dry cells 90 %.",
            "one battery": "No: Lithium battery 80 %.",
            "low": "Yes, it is low: Lithium battery 12 %, Dry cells 90 %.",
            "none": (
                "No door lock that you may see is exposed to Assist. "
                "An administrator can expose one: Settings > Voice assistants > Expose."
            ),
            "not set up": (
                "The door lock is not set up at the moment. "
                "An administrator can see why: Settings > Devices & services."
            ),
        },
    ),
    Asked(
        "zh-CN",
        (
            "谁最后回家？",
            "最后一个回家的人是谁",
            "谁最后一个回来的",
            "最后谁回家？",
            "最后是谁回家的",
            "刚才谁回来了",
            "谁刚回家",
            "刚刚是谁开的门",
            "谁开的门",
            "谁回家了？",
            "有人回家了吗？",
            "今天有谁几点回家的",
            "最近谁回来了",
        ),
        ("今天谁回家了？", "今天有谁来过", "今天都有谁回家了？"),
        (
            "{name}什么时候回家的？",
            "{name} 今天几点到家的",
            "{name}昨天几点回家的",
            "今天{name}几点到家的",
            "{name}回家了吗？",
            "{name}今天到家了没有",
            "{name}最后什么时候回来的",
        ),
        ("电池电量低吗？", "门锁的电量低吗", "门锁快没电了吗？"),
        {
            "nobody": "没有人回家的记录。",
            "nobody today": "今天还没有人回家。",
            "last": "最后回家的是 Ming：今天 {time}，用指纹开锁。",
            "person": "Ming 最近一次回家：今天 {time}，用指纹开锁。",
            "person never": "没有 Hua 回家的记录。",
            "no such person": "没有名为 {name} 的人员。",
            "today": "今天回家的有：Ming（{time}、{time}）、未知人员（{time}）。",
            "long ago": "最后回家的是未知人员：{day}，用指纹开锁。",
            "somehow": "最后回家的是未知人员：{day}。",
            "unknown": "门锁尚未报告电量。",
            "fine": "电量不低：锂电池电量 80%、干电池电量 90%。",
            "one battery": "电量不低：锂电池电量 80%。",
            "low": "电量低：锂电池电量 12%、干电池电量 90%。",
            "none": (
                "没有向 Assist 公开且您有权查看的门锁。"
                "管理员可以在“设置” → “语音助手” → “公开”中公开门锁。"
            ),
            "not set up": "门锁目前未加载。管理员可以在“设置” → “设备与服务”中查看原因。",
        },
    ),
]
ASKED: Final = pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.language)

INSIDE, OUTSIDE = 1, 2
DRY_CELLS_STATUS, REMOVED = (6, 1004), 2
FINGERPRINT, DURESS, NEW_METHOD = 2, 9, 99


def at(when: float) -> str:
    """Return a time as it is said."""
    return f"{dt_util.as_local(dt_util.utc_from_timestamp(when)):%H:%M}"


# Noon of a day in Home Assistant's time zone, so that no test is around midnight
NOON_THERE: Final = pytest.mark.parametrize("frozen", ["2026-11-24T20:00:00+00:00"], indirect=True)


@ASKED
@NOON_THERE
@pytest.mark.usefixtures("frozen")
async def test_who_came(hass: HomeAssistant, voice: Voice, asked: Asked) -> None:
    """Who came home is answered from the journal: from outside, by name where there is one."""
    answers, now = asked.answers, time.time()
    for sentence in asked.last:
        assert await voice.ask(sentence, asked.language) == answers["nobody"]
    give(hass, voice.harness.entry, "Ming", (FINGERPRINT, 3), (DURESS, 8))
    await voice.operate(OUTSIDE, FINGERPRINT, 3, now - 2 * 86_400)
    for sentence in asked.today:
        assert await voice.ask(sentence, asked.language) == answers["nobody today"]
    await voice.operate(OUTSIDE, FINGERPRINT, 3, now - 40)
    await voice.operate(OUTSIDE, FINGERPRINT, 9, now - 30)
    await voice.operate(OUTSIDE, DURESS, 8, now - 20)
    await voice.operate(INSIDE, FINGERPRINT, 9, now - 10)
    for sentence in asked.last:
        said = await voice.ask(sentence, asked.language)
        assert said == answers["last"].format(time=at(now - 20))
    for sentence in asked.today:
        said = await voice.ask(sentence, asked.language)
        assert said == answers["today"].format(time=at(now - 20))


@ASKED
@NOON_THERE
@pytest.mark.usefixtures("frozen")
async def test_when_somebody_came(hass: HomeAssistant, voice: Voice, asked: Asked) -> None:
    """The last time of the person who is named is told, however it is written."""
    answers, now = asked.answers, time.time()
    give(hass, voice.harness.entry, "Ming", (FINGERPRINT, 3))
    give(hass, voice.harness.entry, "Hua", (FINGERPRINT, 4))
    await voice.operate(OUTSIDE, FINGERPRINT, 3, now - 90)
    await voice.operate(OUTSIDE, FINGERPRINT, 3, now - 60)
    await voice.operate(OUTSIDE, FINGERPRINT, 9, now - 30)
    await voice.operate(INSIDE, FINGERPRINT, 3, now - 10)
    for sentence in asked.person:
        for name in ("Ming", "ming"):
            said = await voice.ask(sentence.format(name=name), asked.language)
            assert said == answers["person"].format(time=at(now - 60))
        said = await voice.ask(sentence.format(name="Hua"), asked.language)
        assert said == answers["person never"]
    for name in ("Somebody unknown", "Li Lei"):
        said = await voice.ask(asked.person[0].format(name=name), asked.language)
        assert said == answers["no such person"].format(name=name)


@ASKED
@NOON_THERE
@pytest.mark.usefixtures("frozen")
async def test_who_came_long_ago(voice: Voice, asked: Asked) -> None:
    """Before yesterday there is a date; a way to unlock that nobody knows is not said."""
    then = time.time() - 3 * 86_400
    day = f"{dt_util.as_local(dt_util.utc_from_timestamp(then)):%Y-%m-%d %H:%M}"
    await voice.operate(OUTSIDE, FINGERPRINT, 3, then)
    said = await voice.ask(asked.last[0], asked.language)
    assert said == asked.answers["long ago"].format(day=day)
    await voice.operate(OUTSIDE, NEW_METHOD, 3, then + 1)
    said = await voice.ask(asked.last[0], asked.language)
    assert said == asked.answers["somehow"].format(day=day)


@ASKED
async def test_is_the_battery_low(voice: Voice, asked: Asked) -> None:
    """A battery is low below a fifth; the level of each is said."""
    for lithium, answer in ((80, "fine"), (12, "low")):
        voice.harness.driver.do("set_battery", lithium)
        voice.harness.driver.do("set_battery", 90, dry_cells=True)
        await voice.harness.reached()
        for sentence in asked.battery:
            assert await voice.ask(sentence, asked.language) == asked.answers[answer]


@ASKED
async def test_a_battery_that_was_removed(voice: Voice, asked: Asked) -> None:
    """Its last level is not said, and does not make the battery low."""
    driver = voice.harness.driver
    driver.do("set_battery", 80)
    driver.do("set_battery", 5, dry_cells=True)
    driver.push_property(DRY_CELLS_STATUS, REMOVED)
    await voice.harness.reached()
    assert await voice.ask(asked.battery[0], asked.language) == asked.answers["one battery"]
    assert voice.harness.state("sensor", "battery") == "80"


@ASKED
async def test_no_battery_is_known(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    asked: Asked,
) -> None:
    """A lock that has not told the level of any battery is not said to have enough power left."""
    for battery in ((13, 1), (6, 1003)):
        monkeypatch.setitem(driver.lock.values, battery, None)
    async with running_lock(hass, driver) as harness:
        voice = await speak(harness)
        said = await voice.ask(asked.battery[0], asked.language)
        assert said == asked.answers["unknown"]


@ASKED
async def test_who_is_told_nothing(hass: HomeAssistant, voice: Voice, asked: Asked) -> None:
    """Nobody is, where the lock is not exposed; nor a user who may not see it, or is none."""
    user = MockUser().add_to_hass(hass)
    user.mock_policy({"entities": {"entity_ids": {"light.hall": True}}})
    may_see = MockUser().add_to_hass(hass)
    may_see.mock_policy({"entities": True})
    sentences = (asked.last[0], asked.today[0], asked.person[0], asked.battery[0])
    for sentence in sentences:
        none = asked.answers["none"]
        assert await voice.ask(sentence, asked.language, user.id) == none
        assert await voice.ask(sentence, asked.language, "nobody") == none
        assert await voice.ask(sentence, asked.language, may_see.id) != none
        assert await voice.ask(sentence, asked.language) != none
    voice.expose(exposed=False)
    for sentence in sentences:
        assert await voice.ask(sentence, asked.language, may_see.id) == none
        assert await voice.ask(sentence, asked.language) == none


@ASKED
async def test_a_lock_that_is_not_set_up(hass: HomeAssistant, voice: Voice, asked: Asked) -> None:
    """That is what is said of an exposed lock whose entry is not loaded."""
    assert await hass.config_entries.async_unload(voice.harness.entry.entry_id)
    sentences = (asked.last[0], asked.today[0], asked.person[0], asked.battery[0])
    for sentence in sentences:
        assert await voice.ask(sentence, asked.language) == asked.answers["not set up"]
        assert await voice.ask(sentence, asked.language, "nobody") == asked.answers["none"]
    voice.expose(exposed=False)
    for sentence in sentences:
        assert await voice.ask(sentence, asked.language) == asked.answers["none"]


async def test_two_locks(voice: Voice) -> None:
    """Each says its own."""
    driver = voice.harness.driver
    other = await voice.harness.add_lock("Back door")
    voice.expose(LockDriver(driver.simulation, driver.account, other))
    said = await voice.ask("who came home last")
    nobody = QUESTIONS[0].answers["nobody"]
    assert said == f"Front door: {nobody} Back door: {nobody}"


async def test_locks_of_two_accounts(hass: HomeAssistant, voice: Voice) -> None:
    """The locks that saw somebody come home say when, the others are silent; or it is said once."""
    driver, answers = voice.harness.driver, QUESTIONS[0].answers
    account = driver.simulation.call(driver.simulator.add_account, "Hua")
    lock = driver.simulation.call(driver.simulator.add_lock, account, "Back door")
    other = LockDriver(driver.simulation, account, lock)
    async with running_lock(hass, other) as back_door:
        voice.expose(other)
        give(hass, back_door.entry, "Hua", (FINGERPRINT, 30))
        await back_door.reached()
        assert await voice.ask("when did Hua come home") == answers["person never"]
        said = await voice.ask("when did Nobody come home")
        assert said == answers["no such person"].format(name="Nobody")
        now = time.time()
        await Voice(back_door).operate(OUTSIDE, FINGERPRINT, 30, now - 60)
        said = await voice.ask("when did Hua come home")
        assert said == answers["person"].replace("Ming", "Hua").format(time=at(now - 60))
        give(hass, voice.harness.entry, "Hua", (FINGERPRINT, 31))
        await voice.harness.reached()
        assert await voice.ask("when did Hua come home") == said
        await voice.operate(OUTSIDE, FINGERPRINT, 31, now - 60)
        both = await voice.ask("when did Hua come home")
        assert both == f"Front door: {said} Back door: {said}"
