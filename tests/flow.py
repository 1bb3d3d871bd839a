"""The config flow, as a user with a browser and a lock completes it."""

from __future__ import annotations

import json
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import aiohttp
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    SOURCE_ZEROCONF,
    ConfigEntryState,
)
from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry
from yarl import URL

from custom_components.xiaomi_smart_lock.const import (
    CONF_DID,
    CONF_LOCKS,
    CONF_USER_ID,
    DOMAIN,
)
from tests.hosts import NEARBY
from tests.lock_driver import until

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.lock import Lock
    from tests.lock_driver import LockDriver


def add_lock(driver: LockDriver, name: str, **kwargs: Any) -> Lock:
    """Add another lock to the account."""
    lock: Lock = driver.simulation.call(driver.simulator.add_lock, driver.account, name, **kwargs)
    driver.simulation.call(driver.simulator.settle)
    return lock


def local_entry(hass: HomeAssistant, lock: Lock, **changes: str) -> MockConfigEntry:
    """Add the entry of a lock on the local network, without setting it up."""
    data = {CONF_HOST: NEARBY, CONF_TOKEN: lock.token, CONF_DID: lock.did, **changes}
    entry = MockConfigEntry(domain=DOMAIN, unique_id=lock.did, data=data, title="Back door")
    entry.add_to_hass(hass)
    return entry


async def begin(hass: HomeAssistant, way: str) -> ConfigFlowResult:
    """Start a flow as a user, and choose how to reach the lock."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.MENU
    assert result["menu_options"] == ["account", "local"]
    return await choose(hass, result, way)


async def by_hand(hass: HomeAssistant, result: ConfigFlowResult | None = None) -> ConfigFlowResult:
    """Choose the local network, or start there, and to enter address and token."""
    if result is None:
        result = await begin(hass, "local")
    assert result["menu_options"] == ["from_app", "by_hand"]
    return await choose(hass, result, "by_hand")


async def later(hass: HomeAssistant, result: ConfigFlowResult) -> ConfigFlowResult:
    """Answer that the Mi Home app is to be linked later, as setting up ends."""
    assert result["step_id"] == "offer_link", result
    assert result["menu_options"] == ["link_now", "later"]
    return await choose(hass, result, "later")


async def choose(hass: HomeAssistant, result: ConfigFlowResult, option: str) -> ConfigFlowResult:
    """Choose an option of a menu."""
    assert result["type"] is FlowResultType.MENU
    return await submit(hass, result, {"next_step_id": option})


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, data: dict[str, Any] | None = None
) -> ConfigFlowResult:
    """Submit a form, and wait for its effects."""
    result = await hass.config_entries.flow.async_configure(result["flow_id"], data)
    await hass.async_block_till_done()
    return result


async def begin_account(hass: HomeAssistant, way: str, region: str = "cn") -> ConfigFlowResult:
    """Start a sign-in to an account, and choose how it returns."""
    result = await submit(hass, await begin(hass, "account"), {CONF_REGION: region})
    return await choose(hass, result, way)


def authorize_url(result: ConfigFlowResult) -> URL:
    """Return the URL of the sign-in page."""
    url = result.get("url")
    if url is None:
        placeholders = result["description_placeholders"]
        assert placeholders
        url = placeholders["url"]
    return URL(url)


async def sign_in(driver: LockDriver, url: URL, user: str | None = None) -> URL:
    """Press a button of the sign-in page; return where it redirects the browser."""
    ca_file = json.loads(driver.simulator.endpoints.read_text(encoding="utf-8"))["ca_file"]
    tls = ssl.create_default_context(cafile=ca_file)
    button = {"user": driver.account.user_id if user is None else user}
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url, ssl=tls) as page:
            assert page.status == 200
        async with browser.post(url, data=button, ssl=tls, allow_redirects=False) as answer:
            assert answer.status == 302
            return URL(answer.headers["Location"])


async def come_back(
    hass: HomeAssistant,
    hass_client_no_auth: ClientSessionGenerator,
    result: ConfigFlowResult,
    location: URL,
    said: str = "Signed in. You may close this window.",
) -> ConfigFlowResult:
    """Follow the redirect to Home Assistant as a browser; return the next step of the flow."""
    assert str(location.origin()) == "http://homeassistant.local:8123"
    # Unlike Home Assistant's web server, that of tests accepts no more views once it runs.
    assert await async_setup_component(hass, DOMAIN, {})
    browser = await hass_client_no_auth()
    page = await browser.get(location.path_qs)
    assert page.status == 200
    assert said in await page.text()
    return await submit(hass, result)


async def paste(hass: HomeAssistant, result: ConfigFlowResult, address: object) -> ConfigFlowResult:
    """Paste the address at which the browser ended."""
    return await submit(hass, result, {"address": str(address)})


async def signed_in(hass: HomeAssistant, driver: LockDriver) -> ConfigFlowResult:
    """Return the step after the sign-in to the account."""
    result = await begin_account(hass, "paste")
    return await paste(hass, result, await sign_in(driver, authorize_url(result)))


def default(result: ConfigFlowResult, key: str) -> Any:
    """Return the default of a field in a form."""
    schema = result["data_schema"]
    assert schema
    field = next(field for field in schema.schema if field == key)
    return field.default()


def suggested(result: ConfigFlowResult, key: str) -> Any:
    """Return the suggested value of a field in a form."""
    schema = result["data_schema"]
    assert schema
    field = next(field for field in schema.schema if field == key)
    return (field.description or {}).get("suggested_value")


def labels(result: ConfigFlowResult) -> dict[str, str]:
    """Return the names of the locks to choose from, by did."""
    schema = result["data_schema"]
    assert schema
    options = schema.schema[CONF_LOCKS].config["options"]
    return {option["value"]: option["label"] for option in options}


def offered(result: ConfigFlowResult) -> list[str]:
    """Return the dids of the locks to choose from."""
    return list(labels(result))


def assert_account_entry(result: ConfigFlowResult, driver: LockDriver, *locks: Lock) -> None:
    """Check that the account is set up with these locks, and loaded."""
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == "Xiaomi account · Ming"
    assert entry.unique_id == driver.account.user_id
    assert entry.data[CONF_REGION] == "cn"
    assert entry.data[CONF_USER_ID] == driver.account.user_id
    assert entry.data[CONF_LOCKS] == [lock.did for lock in locks]
    assert entry.state is ConfigEntryState.LOADED


async def discover(
    hass: HomeAssistant, did: str, *hosts: str, name: str | None = None
) -> ConfigFlowResult:
    """Announce a lock on the network, at the usual or at other addresses; return the step."""
    name = name or f"xiaomi-lock-s1_miio{did}"
    addresses = [ip_address(host) for host in hosts or (NEARBY,)]
    result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=ZeroconfServiceInfo(
            ip_address=addresses[0],
            ip_addresses=addresses,
            port=54321,
            hostname=f"{name}.local.",
            type="_miio._udp.local.",
            name=f"{name}._miio._udp.local.",
            properties={},
        ),
    )
    await hass.async_block_till_done()
    return result


def cards(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return the flows of discoveries that are shown to the user."""
    return [
        dict(flow["context"])
        for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN)
        if flow["context"]["source"] not in (SOURCE_REAUTH, SOURCE_RECONFIGURE)
    ]


async def sign_in_again(
    hass: HomeAssistant, driver: LockDriver, result: ConfigFlowResult, user: str | None = None
) -> ConfigFlowResult:
    """Complete the sign-in of a flow that has a region already."""
    result = await choose(hass, result, "paste")
    return await paste(hass, result, await sign_in(driver, authorize_url(result), user))


async def start_again(
    hass: HomeAssistant, entry: MockConfigEntry, *offered: Lock
) -> list[ConfigFlowResult]:
    """Reload the entry, wait until these locks are offered, and return all open steps."""
    await hass.config_entries.async_reload(entry.entry_id)
    await until(
        lambda: {lock.did for lock in offered} <= {card["unique_id"] for card in cards(hass)}
    )
    await hass.async_block_till_done()
    flows = hass.config_entries.flow
    return [
        await flows.async_configure(flow["flow_id"])
        for flow in flows.async_progress_by_handler(DOMAIN)
    ]
