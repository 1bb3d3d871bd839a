"""Intents about the door for Assist, and sentences for them.

Home Assistant reads sentences for intents from its own package and from the user's folder only. A
sentence trigger is how an integration can bring some.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from homeassistant.const import CONF_COMMAND, CONF_PLATFORM
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import intent
from homeassistant.helpers.script import ScriptRunResult
from homeassistant.helpers.trigger import async_initialize_triggers, async_validate_trigger_config
from homeassistant.setup import async_when_setup

from .assist import CONVERSATION, QUESTIONS, QuestionHandler
from .const import DOMAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGGER = logging.getLogger(__name__)


async def async_setup_intents(hass: HomeAssistant) -> None:
    """Register the intents, and their sentences as soon as somebody can be talked to."""
    for intent_type, question in QUESTIONS.items():
        intent.async_register(hass, QuestionHandler(intent_type, question))
    async_when_setup(hass, CONVERSATION, _async_teach)


async def _async_teach(hass: HomeAssistant, _component: str) -> None:
    """Listen to the sentences of all languages: one may be spoken in another than the pipeline's.

    They are never taken back: without a lock that is exposed, that is the answer.
    """
    for intent_type, question in QUESTIONS.items():
        for language, sentences in question.sentences.items():
            trigger = {CONF_PLATFORM: CONVERSATION, CONF_COMMAND: list(sentences)}
            await async_initialize_triggers(
                hass,
                await async_validate_trigger_config(hass, [trigger]),
                partial(_async_asked, hass, intent_type, language),
                DOMAIN,
                intent_type,
                _LOGGER.log,
            )


async def _async_asked(
    hass: HomeAssistant,
    intent_type: str,
    language: str,
    variables: Mapping[str, Any],
    context: Context | None = None,
) -> ScriptRunResult:
    """Answer a sentence, to the user who said it if that is known."""
    asked, slots = variables["trigger"]["user_input"], variables["trigger"]["slots"]
    response = await intent.async_handle(
        hass,
        CONVERSATION,
        intent_type,
        {name: {"value": value} for name, value in slots.items()},
        asked["text"],
        context=Context(user_id=asked["context"]["user_id"]),
        language=language,
        assistant=CONVERSATION,
        device_id=asked["device_id"],
    )
    return ScriptRunResult(response.speech["plain"]["speech"], None, {})
