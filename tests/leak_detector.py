"""Notes all that Home Assistant says in places where others look."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.const import EVENT_CALL_SERVICE, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir

from custom_components.xiaomi_smart_lock.diagnostics import async_get_config_entry_diagnostics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from homeassistant.config_entries import ConfigEntry

# Who stands in for the disk and logs what is written, which Home Assistant itself does not; and
# the access log of the web server, which Home Assistant silences whatever the level of others.
NOT_HEARD: Final = {"pytest_homeassistant_custom_component.common", "aiohttp.access"}


class LeakDetector:
    """Notes all that Home Assistant says in places where others look."""

    def __init__(self, hass: HomeAssistant, log: pytest.LogCaptureFixture) -> None:
        """Begin to listen."""
        self._hass = hass
        self._log = log
        self.noted: list[str] = []
        hass.bus.async_listen(MATCH_ALL, self._note_event)

    @callback
    def _note_event(self, event: Event[Any]) -> None:
        # What somebody asks of Home Assistant it tells everybody by itself.
        if event.event_type != EVENT_CALL_SERVICE:
            self.noted.append(f"event {event.as_dict()}")

    async def fails(self, work: Awaitable[object]) -> None:
        """Note how something fails."""
        with pytest.raises(HomeAssistantError) as raised:
            await work
        error: BaseException | None = raised.value
        self.noted.append(f"error {''.join(traceback.format_exception(raised.value))}")
        while error:
            self.noted.append(f"error {error!r} {vars(error)}")
            error = error.__cause__ or error.__context__

    async def look_around(self, entry: ConfigEntry[Any]) -> None:
        """Note what there is to see now."""
        hass = self._hass
        found = await async_get_config_entry_diagnostics(hass, entry)
        self.noted += [f"diagnostics {json.dumps(found)}"]
        self.noted += [f"state {state.as_dict()}" for state in hass.states.async_all()]
        self.noted += [f"issue {issue}" for issue in ir.async_get(hass).issues.values()]
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        self.noted += [f"registered {one}" for one in devices + entities]
        self.noted += [f"entry {entry!r} {entry.title} {entry.unique_id} {entry.options}"]
        self.noted += [f"connection {entry.runtime_data!r}"]

    def assert_never_heard(self, those: Iterable[str]) -> None:
        """Look whether none of those secrets is in anything that was noted or logged."""
        logged = [
            f"log {self._log.handler.format(record)} {record.args}"
            for record in self._log.records
            if record.threadName != "simulator"
            and record.name not in NOT_HEARD
            and f"<Event {EVENT_CALL_SERVICE}" not in record.getMessage()
        ]
        for secret in those:
            heard = [line for line in self.noted + logged if secret in line]
            assert not heard, f"{secret} in: {heard[0]}"
