"""The session of the Mi Home app that an entry is linked to, and how much is asked in it."""

from __future__ import annotations

import asyncio
import math
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from homeassistant.components.diagnostics import REDACTED

from custom_components.xiaomi_smart_lock import app_link
from custom_components.xiaomi_smart_lock.app_link import HOUR, LONGEST_PAUSE, PAUSE, NotNowError
from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_APP_REQUESTS, SUBENTRY_PERSON
from custom_components.xiaomi_smart_lock.diagnostics import async_get_config_entry_diagnostics
from custom_components.xiaomi_smart_lock.miot.errors import CannotConnectError, TooManyRequestsError

from .hosts import NEARBY
from .resident import entry_of, nearby

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.app_link import AppLink

    from .actor import Actor


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Go from now on, only when told to, by whole seconds: fractions would not add up."""
        self.now: float = math.ceil(time.monotonic())
        monkeypatch.setattr(app_link, "time", SimpleNamespace(monotonic=lambda: self.now))

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock by which the budget is counted."""
    return Clock(monkeypatch)


@pytest.fixture
def link(linked: MockConfigEntry, clock: Clock) -> AppLink:
    """Return the link, an hour after anything was asked."""
    clock.pass_by(HOUR)
    link: AppLink = linked.runtime_data.link
    return link


async def ask(link: AppLink, *, of_budget: bool = True) -> set[str]:
    """Make one request."""
    with link.asking(of_budget=of_budget) as client:
        return await client.dids()


async def spend(link: AppLink) -> int:
    """Ask until the budget is spent; return how often."""

    async def ask_on() -> None:
        while True:
            await ask(link)

    before = link.asked
    with pytest.raises(NotNowError, match="requests were made within an hour"):
        await ask_on()
    return link.asked - before


async def test_the_budget_of_an_hour(actor: Actor, link: AppLink, clock: Clock) -> None:
    """No more is asked than it allows, but for what is beside it; an hour later it is back."""
    assert await spend(link) == 60
    assert await ask(link, of_budget=False) == {actor.lock.did}
    clock.pass_by(HOUR - 1)
    assert await spend(link) == 0
    clock.pass_by(1)
    assert await spend(link) == 60


async def test_another_budget(hass: HomeAssistant, linked: MockConfigEntry, clock: Clock) -> None:
    """An option says how much it is."""
    hass.config_entries.async_update_entry(linked, options={CONF_APP_REQUESTS: 10})
    await hass.async_block_till_done()
    clock.pass_by(HOUR)
    assert await spend(linked.runtime_data.link) == 10


async def test_pauses_grow_with_errors(actor: Actor, link: AppLink, clock: Clock) -> None:
    """After each error in a row it takes longer until it is asked again; one success ends that."""
    for pause in (PAUSE, 2 * PAUSE, 4 * PAUSE):
        actor.simulator.cloud.refuse_next(500, "device_list")
        with pytest.raises(CannotConnectError):
            await ask(link)
        clock.pass_by(pause - 1)
        with pytest.raises(NotNowError, match="paused for 1 s after an error"):
            await ask(link)
        clock.pass_by(1)
    await ask(link)
    actor.simulator.cloud.refuse_next(500, "device_list")
    with pytest.raises(CannotConnectError):
        await ask(link)
    clock.pass_by(PAUSE)
    assert await ask(link) == {actor.lock.did}


async def test_a_screen_of_pictures_that_fail(actor: Actor, link: AppLink, clock: Clock) -> None:
    """What fails together is one failure: the next pause is the first one."""
    actor.simulator.cloud.refuse_next(500, "device_list", times=20)
    answers = await asyncio.gather(
        *(ask(link, of_budget=False) for _ in range(20)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {CannotConnectError}
    clock.pass_by(PAUSE)
    assert await ask(link) == {actor.lock.did}


async def test_pauses_end(actor: Actor, link: AppLink, clock: Clock) -> None:
    """However many errors there are in a row, an hour later it is asked again."""
    for _ in range(10):
        actor.simulator.cloud.refuse_next(500, "device_list")
        with pytest.raises(CannotConnectError):
            await ask(link)
        clock.pass_by(LONGEST_PAUSE)
    assert await ask(link) == {actor.lock.did}


async def test_left_alone(actor: Actor, link: AppLink, clock: Clock) -> None:
    """A service that had enough is not asked at all, not even beside the budget."""
    actor.simulator.cloud.refuse_next(429, "device_list")
    with pytest.raises(TooManyRequestsError) as raised:
        await ask(link)
    clock.pass_by(raised.value.wait - 1)
    with pytest.raises(NotNowError, match="left alone for 1 s"):
        await ask(link, of_budget=False)
    clock.pass_by(1)
    assert await ask(link) == {actor.lock.did}


async def test_renewed_by_itself(actor: Actor, linked: MockConfigEntry) -> None:
    """The session goes on with new secrets, which the entry keeps without being set up anew."""
    accounts = actor.simulator.cloud.app_accounts
    before, link = linked.data[CONF_APP], linked.runtime_data.link
    actor.simulation.call(accounts.expire_service_tokens)
    assert await ask(link) == {actor.lock.did}
    after = linked.data[CONF_APP]
    assert after["service_token"] != before["service_token"]
    assert after["device_id"] == before["device_id"]
    assert linked.runtime_data.link is link


async def test_counted_in_diagnostics(
    hass: HomeAssistant, actor: Actor, linked: MockConfigEntry, link: AppLink
) -> None:
    """How much was asked for helps; by what session is nobody's business."""
    before = link.as_dict()
    actor.simulator.cloud.refuse_next(500, "device_list")
    with pytest.raises(CannotConnectError):
        await ask(link)
    await ask(link, of_budget=False)
    found = await async_get_config_entry_diagnostics(hass, linked)
    assert found["entry"][CONF_APP] == REDACTED
    assert found["link"] == {
        "asked": before["asked"] + 2,
        "failed": 1,
        "budget": 60,
        "within_an_hour": 1,
        "ended": False,
    }


async def test_people_of_a_lock_nearby(actor: Actor, hass: HomeAssistant) -> None:
    """Who came is only told where the entry is linked; then it can be said who it was."""
    data = nearby(actor).local_data(NEARBY)
    assert not entry_of(hass, data).supported_subentry_types
    linked = entry_of(hass, {**data, CONF_APP: actor.app_data()})
    assert list(linked.supported_subentry_types) == [SUBENTRY_PERSON]
