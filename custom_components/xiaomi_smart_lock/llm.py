"""Tools for language models that answer questions about the door; they only read.

Home Assistant has this platform since 2026; before, it makes tools of all intents by itself.
"""

from __future__ import annotations

# Home Assistant loads this file only where it has the platform; older versions lack these types.
from homeassistant.components.llm import LLMTools  # type: ignore[import-not-found, unused-ignore]
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import intent
from homeassistant.helpers.llm import (  # type: ignore[attr-defined, unused-ignore]
    LLM_API_ASSIST,
    IntentTool,
    LLMContext,
    ToolAnnotations,
)

from .assist import QUESTIONS
from .const import DOMAIN

READS = ToolAnnotations(read_only=True, destructive=False, idempotent=True, open_world=False)


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Return a tool for each question, None if the assistant can see no lock."""
    if api_id != LLM_API_ASSIST:
        return None
    tools = [
        IntentTool(  # type: ignore[call-arg, unused-ignore]
            f"{DOMAIN}__{handler.intent_type}",
            handler,
            title=QUESTIONS[handler.intent_type].title,
            integration=DOMAIN,
            annotations=READS,
        )
        for handler in intent.async_get(hass)
        if handler.intent_type in QUESTIONS
    ]
    return LLMTools(tools=list(tools)) if tools else None
