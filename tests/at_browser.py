"""Somebody who goes through a flow in a browser, with a phone beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED

from custom_components.xiaomi_smart_lock.const import DOMAIN
from tests.lock_driver import LockDriver, until

if TYPE_CHECKING:
    from aiohttp.test_utils import TestClient

    from simulator.account import Account

FLOW: Final = "/api/config/config_entries/flow"


class Person:
    """Goes through the flow in a browser, with a phone beside it."""

    def __init__(
        self,
        hass: HomeAssistant,
        driver: LockDriver,
        client: TestClient[Any, Any],
    ) -> None:
        """Sit down before the browser."""
        self.hass = hass
        self.driver = driver
        self.client = client
        self.told = 0
        """How often the browser was told that the flow went on by itself."""
        self.shown: dict[str, Any] = {}
        hass.bus.async_listen(EVENT_DATA_ENTRY_FLOW_PROGRESSED, self._note)

    @callback
    def _note(self, event: Event) -> None:
        self.told += event.data["flow_id"] == self.shown.get("flow_id")

    async def begin(self, **of_entry: str) -> None:
        """Start to set something up, or to change an entry."""
        answer = await self.client.post(FLOW, json={"handler": DOMAIN, **of_entry})
        self.shown = await answer.json()

    async def choose(self, *options: str) -> None:
        """Choose options of menus, one after the other."""
        for option in options:
            assert option in self.shown["menu_options"], self.shown
            await self.submit(next_step_id=option)

    async def submit(self, **data: Any) -> None:
        """Submit what is shown."""
        answer = await self.client.post(f"{FLOW}/{self.shown['flow_id']}", json=data)
        self.shown = await answer.json()

    async def look(self) -> None:
        """See what the flow shows now."""
        self.shown = await (await self.client.get(f"{FLOW}/{self.shown['flow_id']}")).json()

    async def see_code(self) -> str:
        """Wait until the code is shown, as a browser does; return what it says."""
        assert self.shown["type"] == "progress", self.shown
        told = self.told
        await until(lambda: self.told > told)
        await self.look()
        assert self.shown["step_id"] == "scan", self.shown
        data: str = self.shown["data_schema"][0]["selector"]["qr_code"]["data"]
        return data

    async def phone(self, act: str, code: str, *account: Account) -> None:
        """Do something with the code, and see what the browser shows by itself then."""
        told = self.told
        accounts = self.driver.simulator.cloud.app_accounts
        self.driver.simulation.call(getattr(accounts, act), code, *account)
        await until(lambda: self.told > told)
        await self.look()
