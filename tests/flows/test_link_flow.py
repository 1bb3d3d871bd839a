"""Linking to the Mi Home app, as a user with a browser and a phone goes through it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, override

import pytest
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import CONF_REGION
from homeassistant.data_entry_flow import (
    UnknownFlow,
)
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.xiaomi_smart_lock.const import CONF_APP, SUBENTRY_PERSON
from custom_components.xiaomi_smart_lock.miot.errors import NotSignedInError
from simulator.faults import spoilt
from tests.at_browser import FLOW, Person
from tests.hosts import NEARBY
from tests.lock_driver import LockDriver, until
from tests.lock_harness import app_session, diagnostics, entry_of, nearby

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.test_utils import TestClient
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator


pytestmark = pytest.mark.usefixtures("quick_browser")


class Owner(Person):
    """Changes an entry."""

    def __init__(
        self,
        hass: HomeAssistant,
        driver: LockDriver,
        client: TestClient[Any, Any],
        entry: MockConfigEntry,
    ) -> None:
        """Sit down before the browser."""
        super().__init__(hass, driver, client)
        self.entry = entry

    @override
    async def choose(self, *options: str) -> None:
        """Choose what is to be changed of the entry."""
        await self.begin(entry_id=self.entry.entry_id)
        await super().choose(*options)


@asynccontextmanager
async def at_browser(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
) -> AsyncIterator[Owner]:
    """Have somebody look at the entry, which is set up."""
    assert await async_setup_component(hass, "config", {})
    if entry.state is not ConfigEntryState.LOADED:
        assert await hass.config_entries.async_setup(entry.entry_id)
    yield Owner(hass, driver, await hass_client(), entry)
    await hass.async_block_till_done()
    assert not hass.config_entries.flow.async_progress()
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def person(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client: ClientSessionGenerator,
    entry: MockConfigEntry,
) -> AsyncIterator[Owner]:
    """Return who looks at the entry of an account."""
    async with at_browser(hass, driver, hass_client, entry) as person:
        yield person


async def test_linking_an_account(person: Owner, driver: LockDriver) -> None:
    """Who scans the code with the app of the account is linked, without touching the browser."""
    await person.choose("link")
    await person.submit()
    await person.phone("confirm", await person.see_code(), driver.account)
    assert (person.shown["type"], person.shown["reason"]) == ("abort", "linked")
    assert person.entry.data[CONF_APP][CONF_REGION] == "cn"
    assert person.entry.data[CONF_APP]["user_id"] == driver.account.user_id
    await person.hass.async_block_till_done()
    with app_session(person.entry).request() as client:
        assert await client.dids() == {driver.lock.did}


async def test_linking_a_lock_nearby(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client: ClientSessionGenerator,
    short_timeouts: None,
) -> None:
    """It is looked for in the likely region first. Then the page offers people as well."""
    hass.config.country = "CN"
    there = nearby(driver)
    entry = entry_of(hass, there.local_data(NEARBY))
    async with at_browser(hass, there, hass_client, entry) as person:
        assert SUBENTRY_PERSON not in entry.supported_subentry_types
        await person.choose("link")
        assert not person.shown["data_schema"]
        await person.submit()
        await person.phone("confirm", await person.see_code(), driver.account)
        assert person.shown["reason"] == "linked"
        assert entry.data[CONF_APP][CONF_REGION] == "cn"
        await hass.async_block_till_done()
        assert SUBENTRY_PERSON in entry.supported_subentry_types


async def test_submitting_too_early(person: Owner, driver: LockDriver) -> None:
    """The code stays, and it is said that nobody has confirmed it yet."""
    await person.choose("link")
    await person.submit()
    code = await person.see_code()
    await person.submit()
    assert person.shown["errors"] == {"base": "not_scanned"}
    (field,) = person.shown["data_schema"]
    assert field["selector"]["qr_code"]["data"] == code
    await person.phone("confirm", code, driver.account)
    assert person.shown["reason"] == "linked"


@pytest.mark.parametrize(("act", "error"), [("refuse", "link_refused"), ("expire", "code_expired")])
async def test_not_confirmed(person: Owner, driver: LockDriver, act: str, error: str) -> None:
    """It is said why, and there is another code."""
    await person.choose("link")
    await person.submit()
    code = await person.see_code()
    await person.phone(act, code)
    assert (person.shown["step_id"], person.shown["errors"]) == ("another_code", {"base": error})
    assert CONF_APP not in person.entry.data
    await person.submit()
    another = await person.see_code()
    assert another != code
    await person.phone("confirm", another, driver.account)
    assert person.shown["reason"] == "linked"


async def test_another_account(person: Owner, driver: LockDriver) -> None:
    """The entry's account is meant; nothing is kept of another."""
    another = driver.simulation.call(driver.simulator.add_account, "Mei")
    await person.choose("link")
    await person.submit()
    await person.phone("confirm", await person.see_code(), another)
    assert person.shown["errors"] == {"base": "another_account"}
    assert CONF_APP not in person.entry.data
    person.hass.config_entries.flow.async_abort(person.shown["flow_id"])


async def test_account_without_the_lock(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client: ClientSessionGenerator,
    short_timeouts: None,
) -> None:
    """Whoever's account it is, it has to have the lock."""
    another = driver.simulation.call(driver.simulator.add_account, "Mei")
    there = nearby(driver)
    entry = entry_of(hass, there.local_data(NEARBY))
    async with at_browser(hass, there, hass_client, entry) as person:
        await person.choose("link")
        await person.submit()
        await person.phone("confirm", await person.see_code(), another)
        assert person.shown["errors"] == {"base": "lock_not_in_account"}
        assert CONF_APP not in entry.data
        hass.config_entries.flow.async_abort(person.shown["flow_id"])


@pytest.mark.parametrize("path", ["serviceLogin", "loginUrl"])
async def test_no_code(person: Owner, driver: LockDriver, path: str) -> None:
    """A service that is down gives no code; the next try may get one."""
    driver.simulator.cloud.refuse_next(500, path)
    await person.choose("link")
    await person.submit()
    told = person.told
    await until(lambda: person.told > told)
    await person.look()
    assert person.shown["errors"] == {"base": "cloud_out_of_reach"}
    await person.submit()
    await person.phone("confirm", await person.see_code(), driver.account)
    assert person.shown["reason"] == "linked"


@pytest.mark.parametrize("path", ["/sts", "/home/device_list"])
async def test_no_session(person: Owner, driver: LockDriver, path: str) -> None:
    """What goes wrong after the confirmation is said too."""
    await person.choose("link")
    await person.submit()
    code = await person.see_code()
    driver.simulator.cloud.refuse_next(500, path)
    await person.phone("confirm", code, driver.account)
    assert person.shown["errors"] == {"base": "cloud_out_of_reach"}
    assert CONF_APP not in person.entry.data
    person.hass.config_entries.flow.async_abort(person.shown["flow_id"])


async def test_closing_the_browser(person: Owner, driver: LockDriver) -> None:
    """Nobody waits for the phone any more."""
    await person.choose("link")
    await person.submit()
    code = await person.see_code()
    await person.client.delete(f"{FLOW}/{person.shown['flow_id']}")
    with pytest.raises(UnknownFlow):
        person.hass.config_entries.flow.async_get(person.shown["flow_id"])
    await until(lambda: not any("QR code" in task.get_name() for task in asyncio.all_tasks()))
    accounts = driver.simulator.cloud.app_accounts
    driver.simulation.call(accounts.confirm, code, driver.account)
    assert CONF_APP not in person.entry.data


async def test_a_code_that_nobody_scans(person: Owner, driver: LockDriver) -> None:
    """A minute after it has expired the flow ends: nobody could be asked to sign in meanwhile."""
    await person.choose("link")
    await person.submit()
    code = await person.see_code()
    flows = person.hass.config_entries.flow
    assert flows.async_progress()
    look_ahead(person, 300 + 30)
    await person.phone("expire", code)
    assert person.shown["errors"] == {"base": "code_expired"}
    assert flows.async_progress()
    look_ahead(person, 300 + 61)
    assert not flows.async_progress()
    await until(lambda: not any("QR code" in task.get_name() for task in asyncio.all_tasks()))


@pytest.mark.parametrize("step", ["link", "unlink"])
async def test_steps_that_nobody_submits(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
    step: str,
) -> None:
    """They end after as long as the longest code, too; and nothing has changed."""
    async with at_browser(hass, driver, hass_client, linked) as person:
        before = dict(linked.data)
        await person.choose(step)
        look_ahead(person, 600 + 30)
        assert hass.config_entries.flow.async_progress()
        look_ahead(person, 600 + 61)
        assert not hass.config_entries.flow.async_progress()
        assert linked.data == before


async def test_each_code_has_its_time(person: Owner, driver: LockDriver) -> None:
    """Who asks for another one is not interrupted by what the first one left."""
    accounts = driver.simulator.cloud.app_accounts
    await person.choose("link")
    driver.simulation.call(setattr, accounts, "code_seconds", 60)
    await person.submit()
    code = await person.see_code()
    driver.simulation.call(setattr, accounts, "code_seconds", 300)
    await person.phone("expire", code)
    await person.submit()
    code = await person.see_code()
    look_ahead(person, 200)
    await person.phone("confirm", code, driver.account)
    assert person.shown.get("reason") == "linked", person.shown


def look_ahead(person: Owner, seconds: float) -> None:
    """Let the time come for what Home Assistant has to do within some seconds."""
    async_fire_time_changed(person.hass, dt_util.utcnow() + timedelta(seconds=seconds))


async def test_unlinking(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
) -> None:
    """The session is forgotten, and the entities that came with it; all else stays."""
    async with at_browser(hass, driver, hass_client, linked) as person:
        before = dict(linked.data)
        assert driver.entity_id(hass, "image", "last_visitor")
        await person.choose("unlink")
        await person.submit()
        assert person.shown["reason"] == "unlinked"
        del before[CONF_APP]
        assert linked.data == before
        await hass.async_block_till_done()
        assert (await diagnostics(hass, linked))["link"] is None
        registry = er.async_get(hass)
        left = er.async_entries_for_config_entry(registry, linked.entry_id)
        assert len(left) > 50
        assert not {entity.domain for entity in left} & {"image", "calendar"}


async def test_session_that_ended(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
) -> None:
    """Who has to sign in again is asked to scan a code again; nothing else stops."""
    accounts = driver.simulator.cloud.app_accounts
    driver.simulation.call(accounts.revoke, driver.account)
    link = app_session(linked)
    for _ in range(2):
        with pytest.raises(NotSignedInError), link.request() as client:
            await client.dids()
    asked = len(driver.simulator.cloud.requests)
    await hass.async_block_till_done()
    assert linked.state is ConfigEntryState.LOADED
    (flow,) = hass.config_entries.flow.async_progress()
    assert (flow["context"]["source"], flow["step_id"]) == (SOURCE_REAUTH, "link_again")
    assert len(driver.simulator.cloud.requests) == asked
    async with at_browser(hass, driver, hass_client, linked) as person:
        person.shown = dict(flow)
        await person.submit()
        await person.phone("confirm", await person.see_code(), driver.account)
        assert person.shown["reason"] == "linked"
        await hass.async_block_till_done()
        with app_session(linked).request() as client:
            assert await client.dids() == {driver.lock.did}


async def test_sign_in_that_is_to_be_confirmed(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
    linked: MockConfigEntry,
    everything_logged: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The user is told so, and where; that address is in no log, and kept nowhere."""
    accounts = driver.simulator.cloud.app_accounts
    driver.simulation.call(accounts.unconfirmed.add, driver.account)
    driver.simulation.call(accounts.expire_service_tokens)
    with pytest.raises(NotSignedInError), app_session(linked).request() as client:
        await client.dids()
    await hass.async_block_till_done()
    (flow,) = hass.config_entries.flow.async_progress()
    assert (flow["context"]["source"], flow["step_id"]) == (SOURCE_REAUTH, "confirm_sign_in")
    async with at_browser(hass, driver, hass_client, linked) as person:
        person.shown = dict(flow)
        await person.look()
        url = person.shown["description_placeholders"]["url"]
        assert url.startswith(f"{driver.simulator.cloud.url}/identity/authStart?")
        await person.submit()
        await person.phone("confirm", await person.see_code(), driver.account)
        assert person.shown["reason"] == "linked"
        await hass.async_block_till_done()
        with app_session(linked).request() as client:
            assert await client.dids() == {driver.lock.did}
    assert url not in caplog.text
    assert url not in str(linked.as_dict())


async def test_sign_in_that_is_confirmed_nowhere(person: Owner, driver: LockDriver) -> None:
    """Who scans a code and gets no session is told what Xiaomi wants."""

    def unconfirmed(body: bytes) -> bytes:
        said = {"code": 0, "location": "", "notificationUrl": "https://account.xiaomi.com/"}
        return b"&&&START&&&" + json.dumps(said).encode()

    await person.choose("link")
    await person.submit()
    code = await person.see_code()
    driver.simulator.cloud.disturb_next(spoilt(unconfirmed), "/lp/")
    accounts = driver.simulator.cloud.app_accounts
    driver.simulation.call(setattr, accounts, "hold_seconds", 0.01)
    try:
        await person.phone("scan", code)
        assert person.shown["errors"] == {"base": "confirm_first"}
    finally:
        driver.simulation.call(setattr, accounts, "hold_seconds", 25.0)
    person.hass.config_entries.flow.async_abort(person.shown["flow_id"])
