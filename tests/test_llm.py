"""What language models can ask about the door."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.components import conversation
from homeassistant.core import Context
from homeassistant.helpers import llm
from homeassistant.loader import IntegrationNotFound, async_get_integration
from homeassistant.setup import async_setup_component

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .voice import Voice


@pytest.fixture
async def api(hass: HomeAssistant, voice: Voice) -> llm.APIInstance:
    """Return what a language model can call."""
    with suppress(IntegrationNotFound):  # older versions have it without a component of its own
        await async_get_integration(hass, "llm")
        assert await async_setup_component(hass, "llm", {})
    await hass.async_block_till_done()
    told: dict[str, Any] = {
        "platform": "test",
        "context": Context(),
        "language": "en",
        "device_id": None,
    }
    if "user_prompt" in inspect.signature(llm.LLMContext).parameters:
        told["user_prompt"] = None
    context = llm.LLMContext(**told, assistant=conversation.DOMAIN)
    return await llm.async_get_api(hass, llm.LLM_API_ASSIST, context)


async def answer(api: llm.APIInstance, end: str, **said: str) -> str:
    """Return what the tool answers whose name ends so."""
    [name] = [tool.name for tool in api.tools if tool.name.endswith(f"XiaomiSmartLock{end}")]
    result = await api.async_call_tool(llm.ToolInput(tool_name=name, tool_args=said))
    data: Any = getattr(result, "data", result)
    return str(data["speech"]["plain"]["speech"])


async def test_a_tool_for_each_question(api: llm.APIInstance) -> None:
    """A language model can ask the same as a person."""
    assert len([tool for tool in api.tools if "XiaomiSmartLock" in tool.name]) == 4
    assert await answer(api, "LastArrival") == "I know of nobody who came home."
    said = await answer(api, "PersonArrival", person="Li Lei")
    assert said == "I know of nobody called Li Lei."


async def test_what_is_not_exposed(api: llm.APIInstance, voice: Voice) -> None:
    """It is told no more than a person."""
    voice.expose(exposed=False)
    said = await answer(api, "LastArrival")
    assert said.startswith("No door lock that you may see is exposed to Assist.")
