"""A detector of secrets in everything that Home Assistant discloses."""

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

from .lock_harness import runtime_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from homeassistant.config_entries import ConfigEntry

# The mock of the disk logs what is written, which Home Assistant does not. The access log of the
# web server is silenced in Home Assistant, regardless of other levels.
NOT_HEARD: Final = {"pytest_homeassistant_custom_component.common", "aiohttp.access"}


class LeakDetector:
    """A recorder of everything that Home Assistant discloses: events, errors, states and logs."""

    def __init__(self, hass: HomeAssistant, log: pytest.LogCaptureFixture) -> None:
        """Start to record events."""
        self._hass = hass
        self._log = log
        self.noted: list[str] = []
        hass.bus.async_listen(MATCH_ALL, self._note_event)

    @callback
    def _note_event(self, event: Event[Any]) -> None:
        # Home Assistant itself publishes what service actions are called with.
        if event.event_type != EVENT_CALL_SERVICE:
            self.noted.append(f"event {event.as_dict()}")

    async def fails(self, work: Awaitable[object]) -> None:
        """Record the error of a coroutine. Fails if there is none."""
        with pytest.raises(HomeAssistantError) as raised:
            await work
        error: BaseException | None = raised.value
        self.noted.append(f"error {''.join(traceback.format_exception(raised.value))}")
        while error:
            self.noted.append(f"error {error!r} {vars(error)}")
            error = error.__cause__ or error.__context__

    async def look_around(self, entry: ConfigEntry[Any]) -> None:
        """Record diagnostics, states, issues, registries and the entry as they are now."""
        hass = self._hass
        found = await async_get_config_entry_diagnostics(hass, entry)
        self.noted += [f"diagnostics {json.dumps(found)}"]
        self.noted += [f"state {state.as_dict()}" for state in hass.states.async_all()]
        self.noted += [f"issue {issue}" for issue in ir.async_get(hass).issues.values()]
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        self.noted += [f"registered {one}" for one in devices + entities]
        self.noted += [f"entry {entry!r} {entry.title} {entry.unique_id} {entry.options}"]
        self.noted += [f"connection {runtime_of(entry)!r}"]

    def assert_never_heard(self, those: Iterable[str]) -> None:
        """Check that no recorded or logged text contains one of the secrets."""
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
