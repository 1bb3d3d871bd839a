"""Progress that a dialog shows while something takes its time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import HassJob, callback
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
def async_tell_browser(flow: FlowHandler[Any, Any, Any]) -> None:
    """Make the browser load the next step of a flow."""
    told = {"handler": flow.handler, "flow_id": flow.flow_id, "refresh": True}
    flow.hass.bus.async_fire(EVENT_DATA_ENTRY_FLOW_PROGRESSED, told)


@callback
def async_tell_until_heard(flow: FlowHandler[Any, Any, Any]) -> None:
    """Tell the browser of the end of progress again, unless it loads the next step meanwhile.

    Home Assistant tells it once. A browser that listens only later would show progress forever.
    """
    pauses = iter(TOLD_AGAIN)

    @callback
    def wait() -> None:
        if pause := next(pauses, None):
            job = HassJob(look, "tell of the end of progress", cancel_on_shutdown=True)
            async_call_later(flow.hass, pause, job)

    @callback
    def look(_now: datetime) -> None:
        if flow.cur_step and flow.cur_step["type"] is FlowResultType.SHOW_PROGRESS_DONE:
            async_tell_browser(flow)
            wait()

    wait()
