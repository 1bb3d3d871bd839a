"""What language models can ask about the door."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from homeassistant.components import conversation
from homeassistant.core import Context
from homeassistant.helpers import llm
from homeassistant.loader import IntegrationNotFound, async_get_integration
from homeassistant.setup import async_setup_component

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .voice import Voice


async def test_a_tool_for_language_models(hass: HomeAssistant, voice: Voice) -> None:
    """A language model can ask the same, and is told no more."""
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
    api = await llm.async_get_api(
        hass, llm.LLM_API_ASSIST, llm.LLMContext(**told, assistant=conversation.DOMAIN)
    )
    tools = [tool.name for tool in api.tools if "XiaomiSmartLock" in tool.name]
    assert len(tools) == 4
    [name] = [name for name in tools if name.endswith("LastArrival")]
    answers = []
    for exposed in (True, False):
        voice.expose(exposed=exposed)
        result = await api.async_call_tool(llm.ToolInput(tool_name=name, tool_args={}))
        data: Any = getattr(result, "data", result)
        answers.append(data["speech"]["plain"]["speech"])
    nobody, not_exposed = answers
    assert nobody == "I know of nobody who came home."
    assert not_exposed.startswith("No door lock that you may see is exposed to Assist.")
