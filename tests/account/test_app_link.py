"""The session of the Mi Home app that an entry is linked to, and how much is asked in it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from homeassistant.components.diagnostics import REDACTED
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_RECONFIGURE, ConfigFlowContext

from custom_components.xiaomi_smart_lock.account.app_session import (
    HOUR,
    LONGEST_PAUSE,
    PAUSE,
    RENEWAL_PAUSE,
    Service,
)
from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_APP_REQUESTS,
    DOMAIN,
    SUBENTRY_PERSON,
)
from custom_components.xiaomi_smart_lock.diagnostics import async_get_config_entry_diagnostics
from custom_components.xiaomi_smart_lock.miot.errors import (
    CannotConnectError,
    NotRenewedError,
    NotSignedInError,
    RequestDeferredError,
    StatusError,
    TooManyRequestsError,
)
from simulator import faults
from simulator.app_account import SERVICE_LOGIN
from tests.hosts import NEARBY
from tests.lock_harness import app_session, entry_of, nearby

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.account.app_session import AppSession
    from simulator.faults import Fault
    from tests.lock_driver import LockDriver


@pytest.fixture
def link(frozen: FrozenDateTimeFactory, linked: MockConfigEntry) -> AppSession:
    """Return the link, an hour after anything was asked."""
    frozen.tick(HOUR)
    link: AppSession = app_session(linked)
    return link


async def ask(
    link: AppSession, service: Service = Service.HISTORY, *, of_budget: bool = True
) -> set[str]:
    """Make one request."""
    with link.request(service, of_budget=of_budget) as client:
        return await client.dids()


async def spend(link: AppSession, service: Service = Service.HISTORY) -> int:
    """Ask until the budget is spent; return how often."""

    async def ask_on() -> None:
        while True:
            await ask(link, service)

    before = link.asked
    with pytest.raises(RequestDeferredError, match="requests were made within an hour"):
        await ask_on()
    return link.asked - before


async def test_the_budget_of_an_hour(
    driver: LockDriver, link: AppSession, frozen: FrozenDateTimeFactory
) -> None:
    """No more is asked than it allows, but for what is beside it; an hour later it is back."""
    assert await spend(link) == 60
    assert await ask(link, of_budget=False) == {driver.lock.did}
    frozen.tick(HOUR - 1)
    assert await spend(link) == 0
    frozen.tick(1)
    assert await spend(link) == 60


async def test_budgets_and_pauses_of_their_own(
    driver: LockDriver, link: AppSession, frozen: FrozenDateTimeFactory
) -> None:
    """What the camera saw, or an error of one service, leaves the others as they are."""
    assert await spend(link, Service.CAMERA) == 60
    driver.simulator.cloud.refuse_next(500, "device_list")
    with pytest.raises(CannotConnectError):
        await ask(link, Service.PICTURES)
    with pytest.raises(RequestDeferredError, match="paused"):
        await ask(link, Service.PICTURES)
    driver.simulator.cloud.refuse_next(429, "device_list")
    with pytest.raises(TooManyRequestsError):
        await ask(link, Service.RECORDINGS, of_budget=False)
    with pytest.raises(RequestDeferredError, match="left alone"):
        await ask(link, Service.RECORDINGS, of_budget=False)
    assert await spend(link) == 60


async def test_another_budget(
    hass: HomeAssistant, frozen: FrozenDateTimeFactory, linked: MockConfigEntry
) -> None:
    """An option says how much it is."""
    hass.config_entries.async_update_entry(linked, options={CONF_APP_REQUESTS: 10})
    await hass.async_block_till_done()
    frozen.tick(HOUR)
    assert await spend(app_session(linked)) == 10


async def test_pauses_grow_with_errors(
    driver: LockDriver, link: AppSession, frozen: FrozenDateTimeFactory
) -> None:
    """After each error in a row it takes longer until it is asked again; one success ends that."""
    for pause in (PAUSE, 2 * PAUSE, 4 * PAUSE):
        driver.simulator.cloud.refuse_next(500, "device_list")
        with pytest.raises(CannotConnectError):
            await ask(link)
        frozen.tick(pause - 1)
        with pytest.raises(RequestDeferredError, match="paused for 1 s after an error"):
            await ask(link)
        frozen.tick(1)
    await ask(link)
    driver.simulator.cloud.refuse_next(500, "device_list")
    with pytest.raises(CannotConnectError):
        await ask(link)
    frozen.tick(PAUSE)
    assert await ask(link) == {driver.lock.did}


async def test_a_screen_of_pictures_that_fail(
    driver: LockDriver, link: AppSession, frozen: FrozenDateTimeFactory
) -> None:
    """What fails together is one failure: the next pause is the first one."""
    driver.simulator.cloud.refuse_next(500, "device_list", times=20)
    answers = await asyncio.gather(
        *(ask(link, of_budget=False) for _ in range(20)), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {StatusError}
    frozen.tick(PAUSE)
    assert await ask(link) == {driver.lock.did}


async def test_pauses_end(
    driver: LockDriver, link: AppSession, frozen: FrozenDateTimeFactory
) -> None:
    """However many errors there are in a row, an hour later it is asked again."""
    for _ in range(10):
        driver.simulator.cloud.refuse_next(500, "device_list")
        with pytest.raises(CannotConnectError):
            await ask(link)
        frozen.tick(LONGEST_PAUSE)
    assert await ask(link) == {driver.lock.did}


async def test_left_alone(
    driver: LockDriver, link: AppSession, frozen: FrozenDateTimeFactory
) -> None:
    """A service that had enough is not asked at all, not even beside the budget."""
    driver.simulator.cloud.refuse_next(429, "device_list")
    with pytest.raises(TooManyRequestsError) as raised:
        await ask(link)
    frozen.tick(raised.value.wait - 1)
    with pytest.raises(RequestDeferredError, match="left alone for 1 s"):
        await ask(link, of_budget=False)
    frozen.tick(1)
    assert await ask(link) == {driver.lock.did}


async def test_renewed_by_itself(driver: LockDriver, linked: MockConfigEntry) -> None:
    """The session goes on with new secrets, which the entry keeps without being set up anew."""
    accounts = driver.simulator.cloud.app_accounts
    before, link = linked.data[CONF_APP], app_session(linked)
    driver.simulation.call(accounts.expire_service_tokens)
    assert await ask(link) == {driver.lock.did}
    after = linked.data[CONF_APP]
    assert after["service_token"] != before["service_token"]
    assert after["device_id"] == before["device_id"]
    assert app_session(linked) is link


# Sessions that are not renewed


@pytest.fixture
def _status_as_it_was(driver: LockDriver) -> Iterator[None]:
    yield
    driver.simulator.cloud.app.expired_status = 200


def sign_ins(hass: HomeAssistant) -> list[str]:
    """Return what the user is asked to do to sign in again."""
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [flow["step_id"] for flow in flows if flow["context"]["source"] == SOURCE_REAUTH]


async def dismiss(hass: HomeAssistant) -> None:
    """Close all flows."""
    await hass.async_block_till_done()
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        hass.config_entries.flow.async_abort(flow["flow_id"])


def expire(driver: LockDriver) -> None:
    """Let the session end, as after a day."""
    driver.simulation.call(driver.simulator.cloud.app_accounts.expire_service_tokens)


@pytest.mark.usefixtures("_status_as_it_was")
@pytest.mark.parametrize("status", [200, 401, 403, 426])
async def test_whatever_status_it_ends_with(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, link: AppSession, status: int
) -> None:
    """It is renewed where that works; else the user is asked, and the service is left alone."""
    cloud = driver.simulator.cloud
    cloud.app.expired_status = status
    expire(driver)
    assert await ask(link) == {driver.lock.did}
    assert not sign_ins(hass)
    driver.simulation.call(cloud.app_accounts.revoke, driver.account)
    cloud.requests.clear()
    for service in Service:
        with pytest.raises(NotSignedInError):
            await ask(link, service)
    driver.do("ring")
    await hass.async_block_till_done()
    assert sign_ins(hass) == ["link_again"]
    assert [path for path, _ in cloud.requests] == ["/app/home/device_list", SERVICE_LOGIN]
    await dismiss(hass)


@pytest.mark.parametrize("fault", [faults.page, faults.status(403), faults.status(502)])
async def test_one_answer_that_is_no_session(
    hass: HomeAssistant,
    driver: LockDriver,
    link: AppSession,
    frozen: FrozenDateTimeFactory,
    fault: Fault,
) -> None:
    """It ends no link: nothing is asked for a while, and then all goes on."""
    cloud = driver.simulator.cloud
    cloud.disturb_next(fault, SERVICE_LOGIN)
    expire(driver)
    with pytest.raises(NotRenewedError):
        await ask(link)
    cloud.requests.clear()
    for service in Service:
        with pytest.raises(RequestDeferredError, match="could not be renewed"):
            await ask(link, service, of_budget=False)
    assert not cloud.requests
    frozen.tick(RENEWAL_PAUSE)
    assert await ask(link) == {driver.lock.did}
    await hass.async_block_till_done()
    assert not sign_ins(hass)


@pytest.mark.parametrize("fault", [faults.page, faults.status(403)])
async def test_no_session_again_and_again(
    hass: HomeAssistant,
    driver: LockDriver,
    link: AppSession,
    frozen: FrozenDateTimeFactory,
    fault: Fault,
) -> None:
    """After some answers in a row, and half an hour, the user is asked to confirm the sign-in."""
    cloud = driver.simulator.cloud
    cloud.disturb_next(fault, SERVICE_LOGIN, times=9)
    began = time.time()
    expire(driver)
    for pause in (RENEWAL_PAUSE, 2 * RENEWAL_PAUSE, 0):
        await hass.async_block_till_done()
        assert not sign_ins(hass)
        with pytest.raises(NotRenewedError):
            await ask(link)
        frozen.tick(pause)
    assert time.time() - began == HOUR / 2
    with pytest.raises(NotSignedInError):
        await ask(link)
    await hass.async_block_till_done()
    assert sign_ins(hass) == ["confirm_sign_in"]
    assert cloud.calm() == 6
    await dismiss(hass)


async def test_services_that_are_down_again_and_again(
    hass: HomeAssistant, driver: LockDriver, link: AppSession, frozen: FrozenDateTimeFactory
) -> None:
    """An outage ends no link, however long it takes, and what others answered does not count."""
    cloud = driver.simulator.cloud
    expire(driver)
    for fault in [faults.page, faults.page, *[faults.status(502)] * 9, faults.page, faults.page]:
        cloud.disturb_next(fault, SERVICE_LOGIN)
        with pytest.raises(NotRenewedError):
            await ask(link)
        frozen.tick(LONGEST_PAUSE)
    assert await ask(link) == {driver.lock.did}
    assert not sign_ins(hass)


async def test_many_at_once_that_get_no_session(
    hass: HomeAssistant, driver: LockDriver, link: AppSession
) -> None:
    """What fails together is one failure: a page of HTML that passes ends nothing."""
    driver.simulator.cloud.disturb_next(faults.page, SERVICE_LOGIN, times=99)
    expire(driver)
    asked = (ask(link, Service.PICTURES, of_budget=False) for _ in range(9))
    assert {type(one) for one in await asyncio.gather(*asked, return_exceptions=True)} == {
        NotRenewedError
    }
    await hass.async_block_till_done()
    assert not sign_ins(hass)
    driver.simulator.cloud.calm()


async def test_asked_again_when_reconfiguring_is_over(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, link: AppSession
) -> None:
    """Home Assistant asks nobody to sign in meanwhile; it does once it may."""
    context = ConfigFlowContext(source=SOURCE_RECONFIGURE, entry_id=linked.entry_id)
    await hass.config_entries.flow.async_init(DOMAIN, context=context)
    driver.simulation.call(driver.simulator.cloud.app_accounts.revoke, driver.account)
    for _ in range(2):
        with pytest.raises(NotSignedInError):
            await ask(link)
        await hass.async_block_till_done()
        assert not sign_ins(hass)
    await dismiss(hass)
    with pytest.raises(NotSignedInError):
        await ask(link)
    await hass.async_block_till_done()
    assert sign_ins(hass) == ["link_again"]
    await dismiss(hass)


async def test_counted_in_diagnostics(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, link: AppSession
) -> None:
    """How much was asked for helps; by what session is nobody's business."""
    before = link.as_dict()
    driver.simulator.cloud.refuse_next(500, "device_list")
    with pytest.raises(CannotConnectError):
        await ask(link)
    await ask(link, Service.PICTURES, of_budget=False)
    found = await async_get_config_entry_diagnostics(hass, linked)
    assert found["entry"][CONF_APP] == REDACTED
    assert found["link"] == {
        "asked": before["asked"] + 2,
        "failed": 1,
        "budget": 60,
        "within_an_hour": {"history": 1, "camera": 0, "pictures": 0, "recordings": 0, "names": 0},
        "refused": [],
        "ended": False,
    }


async def test_people_of_a_lock_nearby(driver: LockDriver, hass: HomeAssistant) -> None:
    """Who came is only told where the entry is linked; then it can be said who it was."""
    data = nearby(driver).local_data(NEARBY)
    assert SUBENTRY_PERSON not in entry_of(hass, data).supported_subentry_types
    linked = entry_of(hass, {**data, CONF_APP: driver.app_data()})
    assert SUBENTRY_PERSON in linked.supported_subentry_types
