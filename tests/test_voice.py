"""What Assist makes of the lock, by Home Assistant's own sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from awesomeversion import AwesomeVersion
from homeassistant.components import conversation
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.const import __version__
from homeassistant.core import Context
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.intent import IntentResponseType
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING
from custom_components.xiaomi_smart_lock.state.unlock_code import hash_code
from tests.doorkeeper import Doorkeeper
from tests.examples import ASKED_TO_LOCK, EXAMPLES

from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, connected

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.intent import IntentResponse
    from pytest_homeassistant_custom_component.common import MockConfigEntry


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


def speech(response: IntentResponse) -> str:
    """Return what is said."""
    said: dict[str, Any] = response.speech["plain"]
    return str(said["speech"])


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
