"""The config flow, as a user with a browser and a lock goes through it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    ConfigEntryState,
)
from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.const import (
    CONF_DECLINED,
    CONF_DID,
    CONF_LOCKS,
    CONF_ROOMS,
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
)
from custom_components.xiaomi_smart_lock.miot.local import GREETING, LocalClient
from simulator import faults
from simulator.account import Owner
from simulator.faults import changed
from simulator.miio import MiioServer
from tests.flow import cards, sign_in_again, start_again

from .flow import (
    add_lock,
    assert_account_entry,
    authorize_url,
    begin,
    begin_account,
    by_hand,
    choose,
    default,
    discover,
    labels,
    later,
    local_entry,
    offered,
    paste,
    sign_in,
    signed_in,
    submit,
    suggested,
)
from .hosts import ELSEWHERE, NEARBY
from .lock_driver import until
from .lock_harness import running_locks, setups

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from simulator.account import Account
    from simulator.lock import Lock

    from .lock_driver import LockDriver

ANOTHER_TOKEN = "f" * 32

pytestmark = pytest.mark.usefixtures("short_timeouts")


@pytest.fixture
def nearby(driver: LockDriver) -> Lock:
    """Return a lock of the account that is on the local network too."""
    return add_lock(driver, "Back door", host=NEARBY)


# An account


async def test_account_by_paste(hass: HomeAssistant, driver: LockDriver) -> None:
    """Where the browser cannot come back, the user brings the address."""
    result = await begin_account(hass, "paste")
    assert result["type"] is FlowResultType.FORM
    location = await sign_in(driver, authorize_url(result))
    result = await paste(hass, result, f" {location} ")
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    result = await later(hass, result)
    assert_account_entry(result, driver, driver.lock)


@pytest.mark.parametrize(
    ("language", "nickname", "title"),
    [
        ("en", "Ming", "Xiaomi account · Ming"),
        ("en", None, "Xiaomi account"),
        ("zh-Hans", "小明", "小米账号 · 小明"),
        ("zh-Hans", None, "小米账号"),
    ],
)
async def test_the_title_says_what_it_is(
    hass: HomeAssistant, driver: LockDriver, language: str, nickname: str | None, title: str
) -> None:
    """Who deletes the entry is not asked whether to delete a person."""
    hass.config.language = language
    profile = {"data": {"miliaoNick": nickname}}
    driver.simulator.cloud.disturb_next(changed(lambda it: it | profile), "profile")
    result = await submit(hass, await signed_in(hass, driver), {CONF_LOCKS: [driver.lock.did]})
    assert (await later(hass, result))["title"] == title


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("country", "region"),
    [
        ("CN", "cn"),
        ("IN", "i2"),
        ("RU", "ru"),
        ("US", "us"),
        ("JP", "sg"),
        (None, "sg"),
    ],
)
async def test_region_is_that_of_the_country(
    hass: HomeAssistant, country: str | None, region: str
) -> None:
    """It can be changed."""
    hass.config.country = country
    assert default(await begin(hass, "account"), CONF_REGION) == region


async def test_the_only_lock_is_chosen_already(hass: HomeAssistant, driver: LockDriver) -> None:
    """The user only has to agree."""
    assert default(await signed_in(hass, driver), CONF_LOCKS) == [driver.lock.did]


async def test_several_locks(hass: HomeAssistant, driver: LockDriver) -> None:
    """At least one is to be chosen; those of friends are among them, other devices are not."""
    shared = add_lock(driver, "Friend's door", shared=True)
    door = add_lock(driver, "Another device")
    door.model, door.urn = "xiaomi.door.other", "urn:miot-spec-v2:device:door:0000A041:other:1"
    result = await signed_in(hass, driver)
    assert offered(result) == [driver.lock.did, shared.did]
    result = await submit(hass, result, {CONF_LOCKS: []})
    assert result["errors"] == {CONF_LOCKS: "no_lock_chosen"}
    assert suggested(result, CONF_LOCKS) == []
    result = await submit(hass, result, {CONF_LOCKS: [shared.did]})
    result = await later(hass, result)
    assert_account_entry(result, driver, shared)


async def test_account_without_a_lock(hass: HomeAssistant, driver: LockDriver) -> None:
    """There is nothing to set up."""
    driver.lock.model = "xiaomi.door.other"
    driver.lock.urn = "urn:miot-spec-v2:device:door:0000A041:other:1"
    result = await signed_in(hass, driver)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "no_lock"


async def test_rooms_suggest_areas(hass: HomeAssistant, driver: LockDriver) -> None:
    """A lock that is in a room is put into the area of that name; one in none is in none."""
    yard = add_lock(driver, "Yard", room=None)
    result = await submit(
        hass, await signed_in(hass, driver), {CONF_LOCKS: [driver.lock.did, yard.did]}
    )
    result = await later(hass, result)
    entry = result["result"]
    assert entry.data[CONF_ROOMS] == {driver.lock.did: "Hall"}
    areas = ar.async_get(hass).areas
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert {device.name: device.area_id and areas[device.area_id].name for device in devices} == {
        "Front door": "Hall",
        "Yard": None,
    }
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("result", [None, {}, {"homelist": None}], ids=str)
async def test_an_account_without_homes(
    hass: HomeAssistant, driver: LockDriver, result: object
) -> None:
    """Null or missing is nothing; the locks are there all the same."""
    driver.simulator.cloud.disturb_next(changed(lambda it: it | {"result": result}), "gethome")
    assert (await signed_in(hass, driver))["step_id"] == "locks"


@pytest.mark.parametrize("result", [None, {}, {"list": None}], ids=str)
async def test_an_account_without_devices(
    hass: HomeAssistant, driver: LockDriver, result: object
) -> None:
    """Null or missing is nothing, which is said."""
    driver.simulator.cloud.disturb_next(changed(lambda it: it | {"result": result}), "device_list")
    assert (await signed_in(hass, driver))["reason"] == "no_lock"


@pytest.mark.parametrize("path", ["gethome", "device_list_page", "profile"])
async def test_cloud_fails_after_the_sign_in(
    hass: HomeAssistant, driver: LockDriver, path: str
) -> None:
    """The flow ends and says why."""
    driver.simulator.cloud.refuse_next(500, path)
    result = await signed_in(hass, driver)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "cloud_out_of_reach"


async def test_tokens_that_end_during_the_flow(hass: HomeAssistant, driver: LockDriver) -> None:
    """Renewed ones are kept."""
    driver.simulator.cloud.refuse_next(401, "gethome")
    result = await signed_in(hass, driver)
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    result = await later(hass, result)
    assert_account_entry(result, driver, driver.lock)
    driver.simulator.cloud.expire_access_tokens()
    await hass.config_entries.async_reload(result["result"].entry_id)
    assert result["result"].state is ConfigEntryState.LOADED


async def test_account_is_added_again(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who adds it for another lock chooses among all of them, and the entry has both."""
    another = add_lock(driver, "Back door")
    result = await signed_in(hass, driver)
    assert offered(result) == [driver.lock.did, another.did]
    assert default(result, CONF_LOCKS) == [driver.lock.did]
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did, another.did]})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert hass.config_entries.async_entries(DOMAIN) == [loaded]
    assert loaded.state is ConfigEntryState.LOADED
    assert running_locks(hass, loaded) == [driver.lock.did, another.did]
    driver.simulator.cloud.expire_access_tokens()
    await hass.config_entries.async_reload(loaded.entry_id)
    assert loaded.state is ConfigEntryState.LOADED


async def test_account_is_added_again_in_another_region(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry
) -> None:
    """Its locks would be taken for those of the first region."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_REGION: "de"})
    result = await signed_in(hass, driver)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "another_region"


async def test_a_sign_in_is_left_open(hass: HomeAssistant, driver: LockDriver) -> None:
    """It keeps nobody from beginning anew."""
    await signed_in(hass, driver)
    result = await signed_in(hass, driver)
    assert result["step_id"] == "locks"


# Which locks there are to choose from


async def test_locks_of_one_name(hass: HomeAssistant, driver: LockDriver) -> None:
    """Where they are tells them apart, and where that is the same their last digits."""
    in_hall = add_lock(driver, "Front door", room="Hall")
    upstairs = add_lock(driver, "Front door", room="Upstairs")
    nowhere = add_lock(driver, "Front door", home=None, shared=True)
    back = add_lock(driver, "Back door")
    assert labels(await signed_in(hass, driver)) == {
        driver.lock.did: f"Front door (Home, Hall) (…{driver.lock.did[-4:]})",
        in_hall.did: f"Front door (Home, Hall) (…{in_hall.did[-4:]})",
        upstairs.did: "Front door (Home, Upstairs)",
        nowhere.did: "Front door",
        back.did: "Back door",
    }


async def test_locks_of_one_name_and_one_ending(hass: HomeAssistant, driver: LockDriver) -> None:
    """The whole number tells them apart at last."""
    one, other = (add_lock(driver, "Door", did=did) for did in ("800012345", "800022345"))
    called = labels(await signed_in(hass, driver))
    assert called[one.did] == "Door (Home, Hall) (…2345) (800012345)"
    assert called[other.did] == "Door (Home, Hall) (…2345) (800022345)"


async def test_locks_that_are_set_up_elsewhere(
    hass: HomeAssistant, driver: LockDriver, nearby: Lock
) -> None:
    """They are not offered."""
    local_entry(hass, nearby)
    result = await signed_in(hass, driver)
    assert offered(result) == [driver.lock.did]
    hass.config_entries.flow.async_abort(result["flow_id"])
    local_entry(hass, driver.lock)
    result = await signed_in(hass, driver)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


# A lock on the local network


async def test_local(hass: HomeAssistant, nearby: Lock) -> None:
    """Address and token are enough."""
    result = await by_hand(hass)
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.unique_id == nearby.did
    assert entry.data == {
        CONF_HOST: NEARBY,
        CONF_TOKEN: nearby.token,
        CONF_DID: nearby.did,
        "firmware": nearby.firmware,
        "mac": nearby.mac,
    }
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ({CONF_TOKEN: "0123"}, {CONF_TOKEN: "token_format"}),
        ({CONF_TOKEN: "x" * 32}, {CONF_TOKEN: "token_format"}),
        ({CONF_TOKEN: ANOTHER_TOKEN}, {CONF_TOKEN: "wrong_token"}),
        ({CONF_HOST: ELSEWHERE}, {"base": "no_answer"}),
    ],
)
async def test_local_goes_wrong(
    hass: HomeAssistant, nearby: Lock, wrong: dict[str, str], errors: dict[str, str]
) -> None:
    """The form says what is wrong and keeps what was entered."""
    right = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await by_hand(hass), right | wrong)
    assert result["errors"] == errors
    assert {key: suggested(result, key) for key in right} == right | wrong
    result = await submit(hass, result, right)
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_local_lock_is_asleep(hass: HomeAssistant, driver: LockDriver, nearby: Lock) -> None:
    """After a touch the same form goes through."""
    driver.simulation.call(nearby.sleep)
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await by_hand(hass), given)
    assert result["errors"] == {"base": "no_answer"}
    driver.simulation.call(nearby.wake)
    result = await submit(hass, result, given)
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_local_device_of_another_model(hass: HomeAssistant, nearby: Lock) -> None:
    """It is not for us."""
    nearby.model = "xiaomi.lock.other"
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await by_hand(hass), given)
    assert result["errors"] == {CONF_HOST: "another_model"}


async def test_local_lock_is_set_up_already(hass: HomeAssistant, nearby: Lock) -> None:
    """It is not set up twice, but its new address is taken."""
    entry = local_entry(hass, nearby, **{CONF_HOST: ELSEWHERE})
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await by_hand(hass), given)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert entry.data[CONF_HOST] == NEARBY


async def test_local_lock_of_an_account_that_is_set_up(
    hass: HomeAssistant, driver: LockDriver, nearby: Lock
) -> None:
    """It would be there twice."""
    MockConfigEntry(domain=DOMAIN, data=driver.account_data(nearby)).add_to_hass(hass)
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await by_hand(hass), given)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


# Discovery


async def test_discovered(hass: HomeAssistant, nearby: Lock) -> None:
    """Its address is known, the token has to be entered; an account is offered before."""
    result = await discover(hass, nearby.did)
    assert result["menu_options"] == ["account", "local"]
    result = await by_hand(hass, await choose(hass, result, "local"))
    assert suggested(result, CONF_HOST) == NEARBY
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == nearby.did


@pytest.mark.parametrize(
    ("language", "product"),
    [("en", "Xiaomi Smart Door Lock 4 Pro"), ("zh-Hans", "小米智能门锁 4 Pro")],
)
async def test_card_of_a_discovered_lock(hass: HomeAssistant, language: str, product: str) -> None:
    """It has the product's name, which the menu has in its text: a menu's title can have none."""
    hass.config.language = language
    result = await discover(hass, "700012345")
    named = {"name": f"{product} (…2345)"}
    [card] = cards(hass)
    assert card["title_placeholders"] == named
    assert result["description_placeholders"] == named


async def test_discovered_and_set_up_by_account(hass: HomeAssistant, driver: LockDriver) -> None:
    """The account can be chosen instead."""
    result = await choose(hass, await discover(hass, driver.lock.did), "account")
    result = await choose(hass, await submit(hass, result, {CONF_REGION: "cn"}), "paste")
    result = await paste(hass, result, await sign_in(driver, authorize_url(result)))
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    result = await later(hass, result)
    assert_account_entry(result, driver, driver.lock)


async def test_discovered_and_added_to_its_account(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """It is chosen already beside those that the entry has."""
    another = add_lock(driver, "Back door")
    result = await choose(hass, await discover(hass, another.did), "account")
    result = await choose(hass, await submit(hass, result, {CONF_REGION: "cn"}), "paste")
    result = await paste(hass, result, await sign_in(driver, authorize_url(result)))
    assert default(result, CONF_LOCKS) == [driver.lock.did, another.did]
    await submit(hass, result, {CONF_LOCKS: [driver.lock.did, another.did]})
    assert loaded.data[CONF_LOCKS] == [driver.lock.did, another.did]
    assert not cards(hass)


async def test_card_goes_once_the_lock_is_set_up(hass: HomeAssistant, driver: LockDriver) -> None:
    """Through an account, while the card of another lock stays."""
    await discover(hass, driver.lock.did)
    await discover(hass, "700012345")
    result = await signed_in(hass, driver)
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    assert len(cards(hass)) == 3
    await later(hass, result)
    assert [card["unique_id"] for card in cards(hass)] == ["700012345"]


async def test_set_up_by_hand_while_there_is_a_card(hass: HomeAssistant, nearby: Lock) -> None:
    """The card keeps nobody from it, and goes."""
    await discover(hass, nearby.did)
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await by_hand(hass), given)
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert not cards(hass)


async def ignore(hass: HomeAssistant, did: str) -> None:
    """Ignore a discovered lock."""
    await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_IGNORE}, data={"unique_id": did, "title": "Lock"}
    )
    await hass.async_block_till_done()


async def test_ignored_lock(hass: HomeAssistant, driver: LockDriver, nearby: Lock) -> None:
    """It is not offered again, but whoever wants it can still set it up."""
    await discover(hass, nearby.did)
    await ignore(hass, nearby.did)
    result = await discover(hass, nearby.did)
    assert result["reason"] == "already_configured"
    result = await signed_in(hass, driver)
    assert offered(result) == [driver.lock.did, nearby.did]
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await by_hand(hass), given)
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("suffix", [" (2)", "-2", "(12)"])
async def test_name_that_was_taken(hass: HomeAssistant, suffix: str) -> None:
    """A name that mDNS changed because somebody has it is a lock's too."""
    result = await discover(hass, "700012345", name=f"xiaomi-lock-s1_miio700012345{suffix}")
    assert result["step_id"] == "discovered"
    assert [card["unique_id"] for card in cards(hass)] == ["700012345"]


async def test_discovered_is_not_the_one_at_the_address(hass: HomeAssistant, nearby: Lock) -> None:
    """A discovered lock is not set up as another."""
    result = await choose(hass, await discover(hass, "1"), "local")
    result = await by_hand(hass, result)
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    assert result["errors"] == {CONF_HOST: "another_device"}


IPV6 = "fd00::1"
LINK_LOCAL = "169.254.1.1"


async def test_discovered_is_set_up_already(hass: HomeAssistant, nearby: Lock) -> None:
    """Its new address is taken once it has answered there."""
    entry = local_entry(hass, nearby, **{CONF_HOST: ELSEWHERE})
    result = await discover(hass, nearby.did, IPV6, NEARBY)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert entry.data[CONF_HOST] == NEARBY


@pytest.mark.parametrize("announced", [IPV6, LINK_LOCAL])
async def test_address_where_nobody_can_be_asked(
    hass: HomeAssistant, nearby: Lock, announced: str
) -> None:
    """It neither replaces one that works nor is suggested."""
    result = await choose(hass, await discover(hass, nearby.did, announced), "local")
    result = await by_hand(hass, result)
    assert suggested(result, CONF_HOST) is None
    hass.config_entries.flow.async_abort(result["flow_id"])
    entry = local_entry(hass, nearby)
    result = await discover(hass, nearby.did, announced)
    assert result["reason"] == "already_configured"
    assert entry.data[CONF_HOST] == NEARBY


@pytest.mark.parametrize(
    "wrong",
    [
        {CONF_TOKEN: ANOTHER_TOKEN},
        {CONF_DID: "700012345"},
    ],
)
async def test_somebody_else_at_the_announced_address(
    hass: HomeAssistant, nearby: Lock, wrong: dict[str, str]
) -> None:
    """Whoever announces an address has to answer there with the lock's token, as that lock."""
    did = wrong.get(CONF_DID, nearby.did)
    data = {CONF_HOST: ELSEWHERE, CONF_TOKEN: nearby.token, CONF_DID: nearby.did} | wrong
    entry = MockConfigEntry(domain=DOMAIN, unique_id=did, data=data)
    entry.add_to_hass(hass)
    result = await discover(hass, did)
    assert result["reason"] == "already_configured"
    assert entry.data == data


@pytest.fixture
async def home(hass: HomeAssistant, nearby: Lock) -> AsyncIterator[MockConfigEntry]:
    """Return the entry of a lock on the local network that works."""
    entry = local_entry(hass, nearby)
    assert await hass.config_entries.async_setup(entry.entry_id)
    yield entry
    await hass.config_entries.async_unload(entry.entry_id)


def pretender(
    lock: Lock, answers: list[str], did: str | None = None, token: str | None = None
) -> MiioServer:
    """Return who says to be a lock, at another address; what it is asked is kept."""

    def answer(method: str, _: object) -> object:
        answers.append(method)
        return {"model": lock.model, "fw_ver": "1", "mac": lock.mac}

    key = bytes.fromhex(token or lock.token)
    return MiioServer(ELSEWHERE, int(did or lock.did), key, answer, lambda: True)


async def test_an_entry_that_works_is_left_alone(
    hass: HomeAssistant, nearby: Lock, home: MockConfigEntry
) -> None:
    """Even where the announced address answers as the lock does, as who passes packets on can."""
    again = setups(home)
    asked: list[str] = []
    async with pretender(nearby, asked):
        result = await discover(hass, nearby.did, ELSEWHERE)
    assert result["reason"] == "already_configured"
    assert asked == []
    assert home.data[CONF_HOST] == NEARBY
    assert not again


@pytest.mark.parametrize(("before", "then"), [("wake", "sleep"), ("sleep", "wake")])
async def test_packets_are_passed_on_at_the_right_moment(
    hass: HomeAssistant,
    driver: LockDriver,
    nearby: Lock,
    home: MockConfigEntry,
    before: str,
    then: str,
) -> None:
    """A lock that falls asleep, or wakes up, just then has not moved either."""
    again = setups(home)
    driver.simulation.call(getattr(nearby, before))
    async with pretender(nearby, []) as relay:
        relay.stray = lambda sent: (
            None if sent == GREETING else driver.simulation.call(getattr(nearby, then))
        )
        result = await discover(hass, nearby.did, ELSEWHERE)
    assert result["reason"] == "already_configured"
    assert home.data[CONF_HOST] == NEARBY
    assert not again


async def test_a_lock_that_moved(
    hass: HomeAssistant, driver: LockDriver, nearby: Lock, home: MockConfigEntry
) -> None:
    """It answers at its new address, and no longer at the old one."""
    again = setups(home)
    asked: list[str] = []
    driver.simulation.call(nearby.sleep)
    async with pretender(nearby, asked):
        await discover(hass, nearby.did, ELSEWHERE)
        assert home.data[CONF_HOST] == ELSEWHERE
        await until(lambda: again[-1:] == [ConfigEntryState.LOADED])


@pytest.mark.parametrize("wrong", [{"token": ANOTHER_TOKEN}, {"did": "700012345"}])
async def test_a_flood_of_announcements(
    hass: HomeAssistant,
    driver: LockDriver,
    nearby: Lock,
    home: MockConfigEntry,
    wrong: dict[str, str],
) -> None:
    """A hundred at once, of somebody who is not the lock, while it sleeps: nothing changes."""
    again = setups(home)
    asked: list[str] = []
    driver.simulation.call(nearby.sleep)
    async with pretender(nearby, asked, **wrong):
        net, _, _ = ELSEWHERE.rpartition(".")
        forged = [f"{net}.{number}" for number in range(2, 52)]
        results = await asyncio.gather(
            *(discover(hass, nearby.did, *hosts) for host in forged for hosts in ([host], [IPV6]))
        )
    assert {result["reason"] for result in results} <= {"already_configured", "already_in_progress"}
    assert home.data[CONF_HOST] == NEARBY
    assert not again
    assert not cards(hass)


async def test_recorded_answers_at_the_announced_address(
    hass: HomeAssistant, driver: LockDriver, nearby: Lock, home: MockConfigEntry
) -> None:
    """They are the lock's own, with its did and by its token, but to another question."""
    recorded: list[bytes] = []
    door = driver.simulator.miio[nearby]
    sendto = door._transport.sendto

    def record(data: bytes, addr: Any) -> None:
        recorded.append(data)
        sendto(data, addr)

    door._transport = SimpleNamespace(  # type: ignore[assignment]
        sendto=record, close=door._transport.close
    )
    assert await LocalClient(NEARBY, nearby.token).info()
    driver.simulation.call(nearby.sleep)
    greeting, *answers = recorded
    async with pretender(nearby, [], token=ANOTHER_TOKEN) as replaying:
        replaying.stray = lambda sent: greeting if len(sent) == len(greeting) else answers[-1]
        result = await discover(hass, nearby.did, ELSEWHERE)
    assert result["reason"] == "already_configured"
    assert home.data[CONF_HOST] == NEARBY


async def test_announcements_of_one_that_waits_for_its_lock(
    hass: HomeAssistant, driver: LockDriver, nearby: Lock
) -> None:
    """Forged ones do not have it tried again; one of the lock itself does."""
    entry = local_entry(hass, nearby)
    driver.simulation.call(nearby.sleep)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    tried: list[ConfigEntryState] = []
    entry.async_on_state_change(lambda: tried.append(entry.state))
    for host in (NEARBY, ELSEWHERE, IPV6):
        await discover(hass, nearby.did, host)
    assert tried == []
    driver.simulation.call(nearby.wake)
    await discover(hass, nearby.did, NEARBY)
    await until(lambda: entry.state is ConfigEntryState.LOADED)
    await hass.config_entries.async_unload(entry.entry_id)


async def test_too_many_are_announced(hass: HomeAssistant) -> None:
    """Only some are offered; whoever makes room is offered others."""
    for number in range(30):
        result = await discover(hass, str(700012345 + number))
    assert len(cards(hass)) == 20
    assert result["reason"] == "too_many_discovered"
    first, *_ = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    hass.config_entries.flow.async_abort(first["flow_id"])
    assert (await discover(hass, "700099999"))["step_id"] == "discovered"


@pytest.mark.usefixtures("entry")
async def test_discovered_is_of_an_account_that_is_set_up(
    hass: HomeAssistant, driver: LockDriver
) -> None:
    """There is nothing to do."""
    result = await discover(hass, driver.lock.did)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


@pytest.mark.parametrize(
    "did",
    [
        "",
        "../../etc/passwd",
        "<img src=x>",
        "\u202e7000",
        "\uff17\u0660",
        "7" * 21,
        "7\n",
        "-7",
        "7 (2) (3)",
    ],
)
async def test_discovered_is_no_lock(hass: HomeAssistant, did: str) -> None:
    """A name that does not end with a number is of something else, or of somebody who pretends."""
    result = await discover(hass, did)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_a_lock"


# Signing in again


async def test_reauthentication(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The new tokens are taken with the identity that they are for; all else stays."""
    before = dict(loaded.data)
    driver.simulator.cloud.revoke(driver.account)
    result = await sign_in_again(hass, driver, await loaded.start_reauth_flow(hass))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    renewed = {key: loaded.data[key] for key in (CONF_TOKENS, CONF_UUID)}
    assert loaded.data == before | renewed
    assert all(before[key] != value for key, value in renewed.items())
    assert loaded.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE])
async def test_signing_in_again_without_an_own_home(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, source: str
) -> None:
    """An account that does not say who it is stays the one that it was."""
    before = loaded.unique_id
    nothing_own = faults.spoilt(lambda body: body.replace(b'"homelist"', b'"nothing"'))
    driver.simulator.cloud.disturb_next(nothing_own, "homeroom/gethome")
    result = await sign_in_again(hass, driver, await begin_again(hass, loaded, source))
    if source == SOURCE_RECONFIGURE:
        result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    assert result["reason"] in ("reauth_successful", "reconfigure_successful")
    assert loaded.unique_id == before


async def begin_again(hass: HomeAssistant, entry: MockConfigEntry, source: str) -> ConfigFlowResult:
    """Begin to sign in again because of the reason, or to change what was set up."""
    nearby = CONF_HOST in entry.data
    result: ConfigFlowResult
    if source == SOURCE_REAUTH:
        result = await entry.start_reauth_flow(hass)
    else:
        result = await entry.start_reconfigure_flow(hass)
        result = await choose(hass, result, f"reconfigure_{'local' if nearby else 'account'}")
    return await by_hand(hass, result) if nearby else result


@pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE])
async def test_signing_in_again_to_another_account(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, source: str
) -> None:
    """Another account is another entry."""
    another = driver.simulation.call(driver.simulator.add_account, "Mei")
    before = dict(entry.data)
    result = await sign_in_again(
        hass, driver, await begin_again(hass, entry, source), another.user_id
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "wrong_account"
    assert entry.data == before


def lose_home(driver: LockDriver) -> None:
    """Leave the account with nothing but what a friend shares: its id is known nowhere then."""
    friend = Owner("2000000009", "Hua")
    driver.account.home = None
    driver.account.places = [replace(place, owner=friend) for place in driver.account.places]


def find_home(driver: LockDriver) -> None:
    """Give the account a home of its own, beside what a friend shares."""
    driver.account.home = "Home"


def enter(hass: HomeAssistant, driver: LockDriver, *, known: bool = False) -> MockConfigEntry:
    """Have the account set up with its lock, when its id was known or was not."""
    data = driver.account_data()
    if not known:
        data[CONF_USER_ID] = data[CONF_UUID]
    entry = MockConfigEntry(domain=DOMAIN, unique_id=data[CONF_USER_ID], data=data, title="Ming")
    entry.add_to_hass(hass)
    return entry


WAYS = pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE, "again"])


async def go_there(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, source: str
) -> ConfigFlowResult:
    """Sign in once more in one of the ways, and agree to what is chosen."""
    if source == "again":
        result = await signed_in(hass, driver)
    else:
        result = await sign_in_again(hass, driver, await begin_again(hass, entry, source))
    if result["type"] is FlowResultType.FORM:
        result = await submit(hass, result, {CONF_LOCKS: default(result, CONF_LOCKS)})
    return result


async def test_account_that_has_no_home_yet(hass: HomeAssistant, driver: LockDriver) -> None:
    """It is set up, though nobody can say whose it is."""
    lose_home(driver)
    result = await submit(hass, await signed_in(hass, driver), {CONF_LOCKS: [driver.lock.did]})
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    data = result["data"]
    assert data[CONF_USER_ID] == data[CONF_UUID] == result["result"].unique_id


@WAYS
async def test_account_gets_a_home(hass: HomeAssistant, driver: LockDriver, source: str) -> None:
    """An id that was not known is no contradiction to one that is: it is adopted."""
    lose_home(driver)
    entry = enter(hass, driver)
    assert entry.data[CONF_USER_ID] == entry.unique_id == entry.data[CONF_UUID]
    find_home(driver)
    result = await go_there(hass, driver, entry, source)
    assert result["reason"] in ("reauth_successful", "reconfigure_successful")
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
    assert entry.data[CONF_USER_ID] == entry.unique_id == driver.account.user_id
    another = driver.simulation.call(driver.simulator.add_account, "Mei")
    result = await sign_in_again(
        hass, driver, await begin_again(hass, entry, SOURCE_REAUTH), another.user_id
    )
    assert result["reason"] == "wrong_account"


@WAYS
async def test_account_loses_its_home(hass: HomeAssistant, driver: LockDriver, source: str) -> None:
    """Its id stays what it was."""
    entry = enter(hass, driver, known=True)
    lose_home(driver)
    result = await go_there(hass, driver, entry, source)
    assert result["reason"] in ("reauth_successful", "reconfigure_successful")
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
    assert entry.data[CONF_USER_ID] == entry.unique_id == driver.account.user_id


@WAYS
async def test_account_without_a_home(hass: HomeAssistant, driver: LockDriver, source: str) -> None:
    """It is known by its locks alone."""
    lose_home(driver)
    entry = enter(hass, driver)
    result = await go_there(hass, driver, entry, source)
    assert result["reason"] in ("reauth_successful", "reconfigure_successful")
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
    assert entry.data[CONF_USER_ID] == entry.data[CONF_UUID]


def befriend(driver: LockDriver, *, home: str | None = None) -> Account:
    """Share the lock with somebody, who has a home or none."""
    mei: Account = driver.simulation.call(driver.simulator.add_account, "Mei")
    mei.home = home
    owner = Owner(driver.account.user_id, driver.account.name)
    mei.places = [replace(place, owner=owner) for place in driver.account.places]
    return mei


@pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE])
@pytest.mark.parametrize("home", [None, "Mei's"])
async def test_friend_with_whom_the_lock_is_shared(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, source: str, home: str | None
) -> None:
    """Who has it from the account is somebody else, whether or not who is known."""
    mei = befriend(driver, home=home)
    result = await sign_in_again(hass, driver, await begin_again(hass, entry, source), mei.user_id)
    assert result["reason"] == "wrong_account"


@pytest.mark.usefixtures("entry")
async def test_friend_has_an_account_of_her_own(hass: HomeAssistant, driver: LockDriver) -> None:
    """It is another entry, for what the first one does not have."""
    mei = befriend(driver)
    hers = driver.simulation.call(driver.simulator.add_lock, mei, "Mei's door", shared=True)
    result = await begin_account(hass, "paste")
    result = await paste(hass, result, await sign_in(driver, authorize_url(result), mei.user_id))
    assert offered(result) == [hers.did]
    result = await submit(hass, result, {CONF_LOCKS: [hers.did]})
    result = await later(hass, result)
    assert result["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE])
async def test_nobody_is_known_and_no_lock_is_left(
    hass: HomeAssistant, driver: LockDriver, source: str
) -> None:
    """Nothing says that it is the account, and there is nothing to go on with."""
    lose_home(driver)
    entry = enter(hass, driver)
    driver.account.places = []
    result = await sign_in_again(hass, driver, await begin_again(hass, entry, source))
    assert result["reason"] == "no_lock"


async def test_id_that_another_entry_has(hass: HomeAssistant, driver: LockDriver) -> None:
    """Two entries that turn out to be of one account go on, each with its locks."""
    lose_home(driver)
    entry = enter(hass, driver)
    other = MockConfigEntry(
        domain=DOMAIN,
        unique_id=driver.account.user_id,
        data=driver.account_data(add_lock(driver, "Back door")),
    )
    other.add_to_hass(hass)
    find_home(driver)
    before = entry.unique_id
    result = await go_there(hass, driver, entry, SOURCE_REAUTH)
    assert result["reason"] == "reauth_successful"
    assert entry.unique_id == before
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE])
async def test_new_token_of_a_local_lock(hass: HomeAssistant, nearby: Lock, source: str) -> None:
    """A wrong one is told apart, and the address may have changed too."""
    entry = local_entry(hass, nearby, **{CONF_HOST: ELSEWHERE, CONF_TOKEN: ANOTHER_TOKEN})
    result = await begin_again(hass, entry, source)
    assert suggested(result, CONF_HOST) == ELSEWHERE
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: ANOTHER_TOKEN})
    assert result["errors"] == {CONF_TOKEN: "wrong_token"}
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] in ("reauth_successful", "reconfigure_successful")
    assert entry.data[CONF_HOST] == NEARBY
    assert entry.data[CONF_TOKEN] == nearby.token
    assert entry.state is ConfigEntryState.LOADED


async def test_another_local_lock_instead(
    hass: HomeAssistant, driver: LockDriver, nearby: Lock
) -> None:
    """An entry stays with its lock."""
    entry = local_entry(hass, driver.lock)
    result = await begin_again(hass, entry, SOURCE_RECONFIGURE)
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    assert result["errors"] == {CONF_HOST: "another_device"}


async def test_reconfiguring_an_account(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Other locks can be chosen; those that are set up are chosen already."""
    another = add_lock(driver, "Back door")
    uuid = loaded.data[CONF_UUID]
    result = await sign_in_again(hass, driver, await begin_again(hass, loaded, SOURCE_RECONFIGURE))
    assert offered(result) == [driver.lock.did, another.did]
    assert default(result, CONF_LOCKS) == [driver.lock.did]
    result = await submit(hass, result, {CONF_LOCKS: [another.did]})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert loaded.data[CONF_LOCKS] == [another.did]
    assert loaded.data[CONF_UUID] != uuid
    assert running_locks(hass, loaded) == [another.did]


# A lock that has come into an account


async def test_new_lock_is_offered(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who agrees has it in the account's entry; it is offered once."""
    new = add_lock(driver, "Back door")
    await start_again(hass, loaded, new)
    [form] = await start_again(hass, loaded, new)
    [card] = cards(hass)
    assert card["source"] == SOURCE_INTEGRATION_DISCOVERY
    assert card["title_placeholders"] == {"name": "Back door"}
    assert form["description_placeholders"] == {"lock": "Back door", "account": "Ming"}
    result = await submit(hass, form, {})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "lock_added"
    assert loaded.state is ConfigEntryState.LOADED
    assert running_locks(hass, loaded) == [driver.lock.did, new.did]
    assert not cards(hass)


async def test_new_lock_for_an_account_that_is_not_set_up(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Its room cannot be asked for then; the lock is added all the same, and the account set up."""
    new = add_lock(driver, "Back door", room="Cellar")
    [form] = await start_again(hass, loaded, new)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    result = await submit(hass, form, {})
    assert result["reason"] == "lock_added"
    assert loaded.data[CONF_ROOMS] == {}
    await until(lambda: running_locks(hass, loaded) == [driver.lock.did, new.did])


@pytest.mark.parametrize("fails", [False, True])
async def test_new_lock_has_a_room(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, fails: bool
) -> None:
    """It suggests the area; where it cannot be read, the lock is added without one."""
    new = add_lock(driver, "Back door", room="Cellar")
    [form] = await start_again(hass, loaded, new)
    if fails:
        driver.simulator.cloud.refuse_next(500, "gethome")
    result = await submit(hass, form, {})
    assert result["reason"] == "lock_added"
    assert loaded.data[CONF_ROOMS] == ({} if fails else {new.did: "Cellar"})
    areas = {area.name for area in ar.async_get(hass).areas.values()}
    assert ("Cellar" in areas) is not fails


async def test_more_new_locks_than_anybody_has(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Some are offered; a list of thousands does not make as many cards."""
    new = [add_lock(driver, f"Lock {number}") for number in range(30)]
    await start_again(hass, loaded, *new[:20])
    assert len(cards(hass)) == 20


async def test_other_new_locks_each_time(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Those that are offered count: a list that has others each time makes no more cards."""
    new = [add_lock(driver, f"Lock {number}") for number in range(15)]
    await start_again(hass, loaded, *new)
    driver.simulator.cloud.accounts[driver.account.user_id].places[1:] = []
    more = [add_lock(driver, f"Garage {number}") for number in range(15)]
    await start_again(hass, loaded, *more[:5])
    offered = {card["unique_id"] for card in cards(hass)}
    assert offered == {lock.did for lock in (*new, *more[:5])}


async def test_lock_that_was_not_chosen(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """It is not offered: it is not new."""
    declined = add_lock(driver, "Back door")
    await submit(hass, await signed_in(hass, driver), {CONF_LOCKS: [driver.lock.did]})
    assert loaded.data[CONF_DECLINED] == [declined.did]
    new = add_lock(driver, "Garage")
    await start_again(hass, loaded, new)
    assert [card["unique_id"] for card in cards(hass)] == [new.did]


async def test_new_lock_that_is_ignored(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """It stays ignored."""
    ignored = add_lock(driver, "Back door")
    await start_again(hass, loaded, ignored)
    await ignore(hass, ignored.did)
    assert not cards(hass)
    new = add_lock(driver, "Garage")
    await start_again(hass, loaded, new)
    assert [card["unique_id"] for card in cards(hass)] == [new.did]
    assert offered(await signed_in(hass, driver)) == [driver.lock.did, ignored.did, new.did]


@pytest.mark.parametrize(
    ("meanwhile", "reason"),
    [("account_removed", "account_gone"), ("set_up", "already_configured")],
)
async def test_offered_lock_that_nobody_needs_any_more(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, meanwhile: str, reason: str
) -> None:
    """The offer ends and says why."""
    new = add_lock(driver, "Back door")
    [form] = await start_again(hass, entry, new)
    if meanwhile == "set_up":
        local_entry(hass, new)
    else:
        await hass.config_entries.async_remove(entry.entry_id)
    result = await submit(hass, form, {})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == reason


async def test_set_up_elsewhere_meanwhile(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A lock that got an entry of its own while the list was open is not in two entries then."""
    another = add_lock(driver, "Back door")
    result = await sign_in_again(hass, driver, await begin_again(hass, loaded, SOURCE_RECONFIGURE))
    local_entry(hass, another)
    result = await submit(hass, result, {CONF_LOCKS: [another.did]})
    assert result["errors"] == {CONF_LOCKS: "no_lock_chosen"}
    assert offered(result) == [driver.lock.did]
    result = await submit(hass, result, {CONF_LOCKS: [driver.lock.did]})
    assert result["reason"] == "reconfigure_successful"
    assert loaded.data[CONF_LOCKS] == [driver.lock.did]
