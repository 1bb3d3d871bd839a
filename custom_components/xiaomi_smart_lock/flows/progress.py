"""Progress that a dialog shows while something takes its time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED, FlowResultType
from homeassistant.helpers.event import async_call_later

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from homeassistant.data_entry_flow import FlowHandler

LISTENS_WITHIN: Final = 1.0
"""Seconds that a browser may take to start listening once it shows progress."""

TOLD_AGAIN: Final = (2, 3, 5, 10, 20, 40)
"""Seconds after which a browser is told once more that progress has ended, one after the other."""


@asynccontextmanager
async def long_enough() -> AsyncIterator[None]:
    """Last as long as a browser takes to listen, which is how it learns at once of the end."""
    listens = asyncio.ensure_future(asyncio.sleep(LISTENS_WITHIN))
    try:
        yield
    finally:
        await listens


@callback
def nothing() -> None:
    """Do nothing, where there is nothing to stop."""


@callback
def async_tell_browser(flow: FlowHandler[Any, Any, Any]) -> None:
    """Make the browser load the next step of a flow."""
    told = {"handler": flow.handler, "flow_id": flow.flow_id, "refresh": True}
    flow.hass.bus.async_fire(EVENT_DATA_ENTRY_FLOW_PROGRESSED, told)


@callback
def async_tell_until_heard(flow: FlowHandler[Any, Any, Any]) -> CALLBACK_TYPE:
    """Tell the browser again that progress has ended, unless it loads the next step meanwhile.

    Home Assistant tells it once. A browser that listens only later would show progress forever.
    Return a function that stops this. Call it when the flow is over, of which nothing is seen here.
    """
    pauses = iter(TOLD_AGAIN)
    cancel: CALLBACK_TYPE | None = None

    @callback
    def wait() -> None:
        nonlocal cancel
        if pause := next(pauses, None):
            job = HassJob(look, "tell of the end of progress", cancel_on_shutdown=True)
            cancel = async_call_later(flow.hass, pause, job)

    @callback
    def look(_now: datetime) -> None:
        if flow.cur_step and flow.cur_step["type"] is FlowResultType.SHOW_PROGRESS_DONE:
            async_tell_browser(flow)
            wait()

    @callback
    def stop() -> None:
        if cancel:
            cancel()

    wait()
    return stop
