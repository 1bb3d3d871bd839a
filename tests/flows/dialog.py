"""A dialog of a config entry's page: a subentry flow as the browser goes through it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SubentryFlowContext
from homeassistant.data_entry_flow import FlowResultType

from tests.lock_driver import until
from tests.translations import CHINESE, ENGLISH

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry, SubentryFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry


class Dialog:
    """An open dialog; ``now`` is what it shows."""

    def __init__(self, hass: HomeAssistant, now: SubentryFlowResult) -> None:
        """Follow a flow that has begun."""
        self.hass = hass
        self.now = now
        self.hints: list[str] = []
        """What the progress said, in order."""
        self._note()

    @classmethod
    async def open(
        cls,
        hass: HomeAssistant,
        entry: MockConfigEntry,
        subentry_type: str,
        subentry: ConfigSubentry | None = None,
    ) -> Dialog:
        """Open the dialog that adds a subentry, or that changes one."""
        context = SubentryFlowContext(source=SOURCE_USER)
        if subentry:
            context = SubentryFlowContext(
                source=SOURCE_RECONFIGURE, subentry_id=subentry.subentry_id
            )
        flows = hass.config_entries.subentries
        return cls(hass, await flows.async_init((entry.entry_id, subentry_type), context=context))

    @property
    def step(self) -> str:
        """The step that is shown, or the reason with which the dialog ended."""
        if self.now["type"] is FlowResultType.ABORT:
            return self.now["reason"]
        return self.now["step_id"]

    @property
    def says(self) -> dict[str, str]:
        """The placeholders of what is shown."""
        return dict(self.now["description_placeholders"] or {})

    @property
    def options(self) -> list[str]:
        """The options of a menu."""
        options = self.now["menu_options"]
        assert isinstance(options, list)
        return options

    def field(self, name: str) -> Any:
        """Return the selector of a form's field."""
        schema = self.now["data_schema"]
        assert schema
        return next(selector for key, selector in schema.schema.items() if key == name)

    def default(self, name: str) -> Any:
        """Return the default or the suggested value of a form's field."""
        schema = self.now["data_schema"]
        assert schema
        key = next(key for key in schema.schema if key == name)
        suggested = (key.description or {}).get("suggested_value")
        return key.default() if suggested is None else suggested

    def labels(self, name: str) -> dict[str, str]:
        """Return the options of a select field: their values by label."""
        options = self.field(name).config["options"]
        return {option["label"]: option["value"] for option in options}

    async def submit(self, **fields: Any) -> None:
        """Submit the form."""
        await self._go_on(fields)

    async def choose(self, option: str) -> None:
        """Choose from the menu."""
        await self._go_on({"next_step_id": option})

    async def _go_on(self, user_input: dict[str, Any] | None) -> None:
        flows = self.hass.config_entries.subentries
        self.now = await flows.async_configure(self.now["flow_id"], user_input)
        self._note()

    def _note(self) -> None:
        _check_texts(self.now)
        if self.now["type"] is FlowResultType.SHOW_PROGRESS and "hint" in self.says:
            hint = self.says["hint"]
            if self.hints[-1:] != [hint]:
                self.hints.append(hint)

    async def shows(self, hint: str) -> None:
        """Look at the progress again until it shows a hint."""
        async with asyncio.timeout(30):
            while hint not in self.hints[-1]:
                await self.look()
                await asyncio.sleep(0.01)

    async def look(self) -> None:
        """Ask for what is shown, as a browser does when it is told of news."""
        await self._go_on(None)

    async def done(self) -> None:
        """Look at the progress again until it has ended, and what follows is shown."""
        await until(lambda: self._step() != FlowResultType.SHOW_PROGRESS)
        await self.look()

    def _step(self) -> FlowResultType:
        flows = self.hass.config_entries.subentries
        flow = flows._progress[self.now["flow_id"]]
        assert flow.cur_step
        kind = flow.cur_step["type"]
        assert isinstance(kind, FlowResultType)
        return kind

    def close(self) -> None:
        """Close the dialog."""
        self.hass.config_entries.subentries.async_abort(self.now["flow_id"])


def _check_texts(now: SubentryFlowResult) -> None:
    """Check that all that a browser has to show has texts in both languages."""
    _, subentry_type = now["handler"]
    for translation in (ENGLISH, CHINESE):
        texts = translation["config_subentries"][subentry_type]
        match now["type"]:
            case FlowResultType.ABORT:
                assert texts["abort"][now["reason"]]
            case FlowResultType.SHOW_PROGRESS:
                assert texts["progress"][now["progress_action"]]
            case FlowResultType.MENU:
                options, shown = texts["step"][now["step_id"]]["menu_options"], now["menu_options"]
                assert isinstance(shown, list)
                assert options.keys() >= set(shown)
            case FlowResultType.FORM:
                step, schema = texts["step"][now["step_id"]], now["data_schema"]
                fields = {str(key) for key in schema.schema} if schema else set()
                assert step.get("data", {}).keys() >= fields
                assert step.get("data_description", {}).keys() >= fields
                assert texts.get("error", {}).keys() >= {*(now["errors"] or {}).values()}
