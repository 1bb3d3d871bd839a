"""The config flow, as a user with a browser and a lock goes through it."""

from __future__ import annotations

import json
import ssl
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from homeassistant.components import webhook
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
    CONF_TOKENS,
    CONF_USER_ID,
    CONF_UUID,
    DOMAIN,
)
from simulator.tokens import CLIENT_ID

from .hosts import ELSEWHERE, NEARBY

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.lock import Lock

    from .actor import Actor

REFUSE = ""
ANOTHER_TOKEN = "f" * 32

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def nearby(actor: Actor) -> Lock:
    """Return a lock of the account that is on the local network too."""
    return add_lock(actor, "Back door", host=NEARBY)


def add_lock(actor: Actor, name: str, **kwargs: Any) -> Lock:
    """Install one more lock of the account."""
    lock: Lock = actor.simulation.call(actor.simulator.add_lock, actor.account, name, **kwargs)
    actor.simulation.call(actor.simulator.settle)
    return lock


def local_entry(hass: HomeAssistant, lock: Lock, **changes: str) -> MockConfigEntry:
    """Add the entry of a lock on the local network, not set up."""
    data = {CONF_HOST: NEARBY, CONF_TOKEN: lock.token, CONF_DID: lock.did, **changes}
    entry = MockConfigEntry(domain=DOMAIN, unique_id=lock.did, data=data, title="Back door")
    entry.add_to_hass(hass)
    return entry


async def begin(hass: HomeAssistant, way: str) -> ConfigFlowResult:
    """Begin a flow of the user's, and choose how to reach the lock."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert result["type"] is FlowResultType.MENU
    assert result["menu_options"] == ["account", "local"]
    return await choose(hass, result, way)


async def choose(hass: HomeAssistant, result: ConfigFlowResult, option: str) -> ConfigFlowResult:
    """Choose from a menu."""
    assert result["type"] is FlowResultType.MENU
    return await submit(hass, result, {"next_step_id": option})


async def submit(
    hass: HomeAssistant, result: ConfigFlowResult, data: dict[str, Any] | None = None
) -> ConfigFlowResult:
    """Submit a form, and let what follows from it happen."""
    result = await hass.config_entries.flow.async_configure(result["flow_id"], data)
    await hass.async_block_till_done()
    return result


async def begin_account(hass: HomeAssistant, way: str, region: str = "cn") -> ConfigFlowResult:
    """Begin a sign-in to an account that comes back in some way."""
    result = await submit(hass, await begin(hass, "account"), {CONF_REGION: region})
    return await choose(hass, result, way)


def authorize_url(result: ConfigFlowResult) -> URL:
    """Return where the user's browser is sent."""
    url = result.get("url")
    if url is None:
        placeholders = result["description_placeholders"]
        assert placeholders
        url = placeholders["url"]
    return URL(url)


async def sign_in(actor: Actor, url: URL, user: str | None = None) -> URL:
    """Press a button of the sign-in page; return where the browser is sent back to."""
    ca_file = json.loads(actor.simulator.endpoints.read_text(encoding="utf-8"))["ca_file"]
    tls = ssl.create_default_context(cafile=ca_file)
    button = {"user": actor.account.user_id if user is None else user}
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
) -> ConfigFlowResult:
    """Let the browser follow the redirect to Home Assistant; return what the flow shows then."""
    assert str(location.origin()) == "http://homeassistant.local:8123"
    # Unlike Home Assistant's, the web server of tests takes no more views once it runs.
    assert await async_setup_component(hass, DOMAIN, {})
    browser = await hass_client_no_auth()
    page = await browser.get(location.path_qs)
    assert page.status == 200
    assert "You may close this window" in await page.text()
    return await submit(hass, result)


async def paste(hass: HomeAssistant, result: ConfigFlowResult, address: object) -> ConfigFlowResult:
    """Paste the address that the browser ended on."""
    return await submit(hass, result, {"address": str(address)})


async def signed_in(hass: HomeAssistant, actor: Actor) -> ConfigFlowResult:
    """Return what the flow shows after the sign-in to the account."""
    result = await begin_account(hass, "paste")
    return await paste(hass, result, await sign_in(actor, authorize_url(result)))


def default(result: ConfigFlowResult, key: str) -> Any:
    """Return what a field of a form is filled with."""
    schema = result["data_schema"]
    assert schema
    field = next(field for field in schema.schema if field == key)
    return field.default()


def suggested(result: ConfigFlowResult, key: str) -> Any:
    """Return what a form suggests for a field."""
    schema = result["data_schema"]
    assert schema
    field = next(field for field in schema.schema if field == key)
    return (field.description or {}).get("suggested_value")


def offered(result: ConfigFlowResult) -> list[str]:
    """Return the dids of the locks to choose from."""
    schema = result["data_schema"]
    assert schema
    return [option["value"] for option in schema.schema[CONF_LOCKS].config["options"]]


def assert_account_entry(result: ConfigFlowResult, actor: Actor, *locks: Lock) -> None:
    """Look whether the account is set up with these locks, and works."""
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == "Ming"
    assert entry.unique_id == actor.account.user_id
    assert entry.data[CONF_REGION] == "cn"
    assert entry.data[CONF_USER_ID] == actor.account.user_id
    assert entry.data[CONF_LOCKS] == [lock.did for lock in locks]
    assert entry.state is ConfigEntryState.LOADED


# An account


async def test_account_by_browser(
    hass: HomeAssistant, actor: Actor, hass_client_no_auth: ClientSessionGenerator
) -> None:
    """The browser comes back to Home Assistant by itself, and the flow goes on."""
    # A server that runs already takes no views any more, but only in tests.
    assert await async_setup_component(hass, DOMAIN, {})
    result = await begin_account(hass, "browser")
    assert result["type"] is FlowResultType.EXTERNAL_STEP
    location = await sign_in(actor, authorize_url(result))
    result = await come_back(hass, hass_client_no_auth, result, location)
    assert result["step_id"] == "locks"
    assert not hass.data[webhook.DOMAIN]
    result = await submit(hass, result, {CONF_LOCKS: [actor.lock.did]})
    assert_account_entry(result, actor, actor.lock)


@pytest.mark.usefixtures("actor")
async def test_browser_never_comes_back(hass: HomeAssistant) -> None:
    """No door stays open for it when the user gives up."""
    result = await begin_account(hass, "browser")
    assert hass.data[webhook.DOMAIN]
    hass.config_entries.flow.async_abort(result["flow_id"])
    assert not hass.data[webhook.DOMAIN]


async def test_account_by_paste(hass: HomeAssistant, actor: Actor) -> None:
    """Where the browser cannot come back, the user brings the address."""
    result = await begin_account(hass, "paste")
    assert result["type"] is FlowResultType.FORM
    location = await sign_in(actor, authorize_url(result))
    result = await paste(hass, result, f" {location} ")
    result = await submit(hass, result, {CONF_LOCKS: [actor.lock.did]})
    assert_account_entry(result, actor, actor.lock)


@pytest.mark.usefixtures("actor")
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


async def test_the_only_lock_is_chosen_already(hass: HomeAssistant, actor: Actor) -> None:
    """The user only has to agree."""
    assert default(await signed_in(hass, actor), CONF_LOCKS) == [actor.lock.did]


async def test_several_locks(hass: HomeAssistant, actor: Actor) -> None:
    """At least one is to be chosen; those of friends are among them, other devices are not."""
    shared = add_lock(actor, "Friend's door", shared=True)
    add_lock(actor, "Another model").model = "xiaomi.lock.other"
    result = await signed_in(hass, actor)
    assert offered(result) == [actor.lock.did, shared.did]
    result = await submit(hass, result, {CONF_LOCKS: []})
    assert result["errors"] == {CONF_LOCKS: "no_lock_chosen"}
    result = await submit(hass, result, {CONF_LOCKS: [shared.did]})
    assert_account_entry(result, actor, shared)


async def test_account_without_a_lock(hass: HomeAssistant, actor: Actor) -> None:
    """There is nothing to set up."""
    actor.lock.model = "xiaomi.lock.other"
    result = await signed_in(hass, actor)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "no_lock"


async def refused(actor: Actor, url: URL) -> URL:
    """Refuse on the sign-in page."""
    return await sign_in(actor, url, REFUSE)


async def of_another_flow(actor: Actor, url: URL) -> URL:
    """Come back from the sign-in of another flow."""
    location = await sign_in(actor, url)
    return location.update_query(state="another")


async def without_state(actor: Actor, url: URL) -> URL:
    """Lose what says which sign-in it was."""
    location = await sign_in(actor, url)
    return location.with_query(code=location.query["code"])


async def used_before(actor: Actor, url: URL) -> URL:
    """Come back with a code that somebody used already."""
    location = await sign_in(actor, url)
    actor.simulator.cloud.tokens.exchange(
        {
            "client_id": CLIENT_ID,
            "redirect_uri": url.query["redirect_uri"],
            "device_id": url.query["device_id"],
            "code": location.query["code"],
        }
    )
    return location


async def out_of_reach(actor: Actor, url: URL) -> URL:
    """Come back to a Home Assistant that does not reach the cloud any more."""
    location = await sign_in(actor, url)
    actor.simulator.cloud.refuse_next(503, "get_token")
    return location


wrong_ways = pytest.mark.parametrize(
    ("wrong_way", "reason"),
    [
        (refused, "sign_in_refused"),
        (of_another_flow, "state_mismatch"),
        (without_state, "no_code"),
        (used_before, "code_not_accepted"),
        (out_of_reach, "cloud_out_of_reach"),
    ],
)


@wrong_ways
async def test_browser_comes_back_wrong(
    hass: HomeAssistant,
    actor: Actor,
    hass_client_no_auth: ClientSessionGenerator,
    wrong_way: Callable[[Actor, URL], Awaitable[URL]],
    reason: str,
) -> None:
    """The flow ends and says why."""
    result = await begin_account(hass, "browser")
    location = await wrong_way(actor, authorize_url(result))
    result = await come_back(hass, hass_client_no_auth, result, location)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == reason


@wrong_ways
async def test_wrong_address_is_pasted(
    hass: HomeAssistant,
    actor: Actor,
    wrong_way: Callable[[Actor, URL], Awaitable[URL]],
    reason: str,
) -> None:
    """The form says why, and the same sign-in can still be done right."""
    result = await begin_account(hass, "paste")
    url = authorize_url(result)
    result = await paste(hass, result, await wrong_way(actor, url))
    assert result["errors"] == {"address": reason}
    assert authorize_url(result) == url
    result = await paste(hass, result, await sign_in(actor, url))
    assert result["step_id"] == "locks"


@pytest.mark.parametrize("garbage", ["hello", "http://[", "http://homeassistant.local:8123/", "?="])
async def test_garbage_is_pasted(hass: HomeAssistant, actor: Actor, garbage: str) -> None:
    """It costs nothing."""
    result = await begin_account(hass, "paste")
    result = await paste(hass, result, garbage)
    assert result["errors"] == {"address": "no_code"}
    result = await paste(hass, result, await sign_in(actor, authorize_url(result)))
    assert result["step_id"] == "locks"


async def test_code_waits_for_the_cloud(hass: HomeAssistant, actor: Actor) -> None:
    """The same address can be pasted again when the cloud is back."""
    result = await begin_account(hass, "paste")
    location = await sign_in(actor, authorize_url(result))
    actor.simulator.cloud.online = False
    try:
        result = await paste(hass, result, location)
    finally:
        actor.simulator.cloud.online = True
    assert result["errors"] == {"address": "cloud_out_of_reach"}
    result = await paste(hass, result, location)
    assert result["step_id"] == "locks"


@pytest.mark.parametrize("path", ["gethome", "device_list_page", "profile"])
async def test_cloud_fails_after_the_sign_in(hass: HomeAssistant, actor: Actor, path: str) -> None:
    """The flow ends and says why."""
    actor.simulator.cloud.refuse_next(500, path)
    result = await signed_in(hass, actor)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "cloud_out_of_reach"


async def test_tokens_that_end_during_the_flow(hass: HomeAssistant, actor: Actor) -> None:
    """Renewed ones are kept."""
    actor.simulator.cloud.refuse_next(401, "gethome")
    result = await signed_in(hass, actor)
    result = await submit(hass, result, {CONF_LOCKS: [actor.lock.did]})
    assert_account_entry(result, actor, actor.lock)
    actor.simulator.cloud.expire_access_tokens()
    await hass.config_entries.async_reload(result["result"].entry_id)
    assert result["result"].state is ConfigEntryState.LOADED


@pytest.mark.usefixtures("entry")
async def test_account_is_set_up_already(hass: HomeAssistant, actor: Actor) -> None:
    """Not twice."""
    result = await signed_in(hass, actor)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_locks_that_are_set_up_elsewhere(
    hass: HomeAssistant, actor: Actor, nearby: Lock
) -> None:
    """They are not offered."""
    local_entry(hass, nearby)
    result = await signed_in(hass, actor)
    assert offered(result) == [actor.lock.did]
    hass.config_entries.flow.async_abort(result["flow_id"])
    local_entry(hass, actor.lock)
    result = await signed_in(hass, actor)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


# A lock on the local network


async def test_local(hass: HomeAssistant, nearby: Lock) -> None:
    """Address and token are enough."""
    result = await begin(hass, "local")
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
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
    result = await submit(hass, await begin(hass, "local"), right | wrong)
    assert result["errors"] == errors
    assert {key: suggested(result, key) for key in right} == right | wrong
    result = await submit(hass, result, right)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_local_lock_is_asleep(hass: HomeAssistant, actor: Actor, nearby: Lock) -> None:
    """After a touch the same form goes through."""
    actor.simulation.call(nearby.sleep)
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await begin(hass, "local"), given)
    assert result["errors"] == {"base": "no_answer"}
    actor.simulation.call(nearby.wake)
    result = await submit(hass, result, given)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_local_device_of_another_model(hass: HomeAssistant, nearby: Lock) -> None:
    """It is not for us."""
    nearby.model = "xiaomi.lock.other"
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await begin(hass, "local"), given)
    assert result["errors"] == {CONF_HOST: "another_model"}


async def test_local_lock_is_set_up_already(hass: HomeAssistant, nearby: Lock) -> None:
    """It is not set up twice, but its new address is taken."""
    entry = local_entry(hass, nearby, **{CONF_HOST: ELSEWHERE})
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await begin(hass, "local"), given)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert entry.data[CONF_HOST] == NEARBY


async def test_local_lock_of_an_account_that_is_set_up(
    hass: HomeAssistant, actor: Actor, nearby: Lock
) -> None:
    """It would be there twice."""
    MockConfigEntry(domain=DOMAIN, data=actor.account_data(nearby)).add_to_hass(hass)
    given = {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token}
    result = await submit(hass, await begin(hass, "local"), given)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


# Discovery


async def discover(hass: HomeAssistant, did: str, host: str = NEARBY) -> ConfigFlowResult:
    """Announce a lock on the network."""
    name = f"xiaomi-lock-s1_miio{did}._miio._udp.local."
    result = await hass.config_entries.flow.async_init(
        DOMAIN,
        context={"source": SOURCE_ZEROCONF},
        data=ZeroconfServiceInfo(
            ip_address=ip_address(host),
            ip_addresses=[ip_address(host)],
            port=54321,
            hostname=f"xiaomi-lock-s1_miio{did}.local.",
            type="_miio._udp.local.",
            name=name,
            properties={},
        ),
    )
    await hass.async_block_till_done()
    return result


async def test_discovered(hass: HomeAssistant, nearby: Lock) -> None:
    """Its address is known, the token has to be entered."""
    result = await discover(hass, nearby.did)
    assert result["menu_options"] == ["local", "account"]
    result = await choose(hass, result, "local")
    assert suggested(result, CONF_HOST) == NEARBY
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].unique_id == nearby.did


async def test_discovered_and_set_up_by_account(hass: HomeAssistant, actor: Actor) -> None:
    """The account can be chosen instead."""
    result = await choose(hass, await discover(hass, actor.lock.did), "account")
    result = await choose(hass, await submit(hass, result, {CONF_REGION: "cn"}), "paste")
    result = await paste(hass, result, await sign_in(actor, authorize_url(result)))
    result = await submit(hass, result, {CONF_LOCKS: [actor.lock.did]})
    assert_account_entry(result, actor, actor.lock)


async def test_discovered_is_not_the_one_at_the_address(hass: HomeAssistant, nearby: Lock) -> None:
    """A discovered lock is not set up as another."""
    result = await choose(hass, await discover(hass, "1"), "local")
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    assert result["errors"] == {CONF_HOST: "another_device"}


async def test_discovered_is_set_up_already(hass: HomeAssistant, nearby: Lock) -> None:
    """Its new address is taken."""
    entry = local_entry(hass, nearby, **{CONF_HOST: ELSEWHERE})
    result = await discover(hass, nearby.did)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert entry.data[CONF_HOST] == NEARBY


@pytest.mark.usefixtures("entry")
async def test_discovered_is_of_an_account_that_is_set_up(
    hass: HomeAssistant, actor: Actor
) -> None:
    """There is nothing to do."""
    result = await discover(hass, actor.lock.did)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"


async def test_discovered_is_no_lock(hass: HomeAssistant) -> None:
    """A name without a number is of something else."""
    result = await discover(hass, "")
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "not_a_lock"


# Signing in again


async def sign_in_again(
    hass: HomeAssistant, actor: Actor, result: ConfigFlowResult, user: str | None = None
) -> ConfigFlowResult:
    """Go through the sign-in of a flow that has a region already."""
    result = await choose(hass, result, "paste")
    return await paste(hass, result, await sign_in(actor, authorize_url(result), user))


async def test_reauthentication(hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry) -> None:
    """The new tokens are taken, all else stays."""
    before = dict(loaded.data)
    actor.simulator.cloud.revoke(actor.account)
    result = await sign_in_again(hass, actor, await loaded.start_reauth_flow(hass))
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    assert loaded.data == before | {CONF_TOKENS: loaded.data[CONF_TOKENS]}
    assert loaded.data[CONF_TOKENS] != before[CONF_TOKENS]
    assert loaded.state is ConfigEntryState.LOADED


async def begin_again(hass: HomeAssistant, entry: MockConfigEntry, source: str) -> ConfigFlowResult:
    """Begin to sign in again because of the reason, or to change what was set up."""
    if source == SOURCE_REAUTH:
        again: ConfigFlowResult = await entry.start_reauth_flow(hass)
        return again
    result = await entry.start_reconfigure_flow(hass)
    nearby = CONF_HOST in entry.data
    return await choose(hass, result, "reconfigure_local" if nearby else "reconfigure_account")


@pytest.mark.parametrize("source", [SOURCE_REAUTH, SOURCE_RECONFIGURE])
async def test_signing_in_again_to_another_account(
    hass: HomeAssistant, actor: Actor, entry: MockConfigEntry, source: str
) -> None:
    """Another account is another entry."""
    another = actor.simulation.call(actor.simulator.add_account, "Mei")
    before = dict(entry.data)
    result = await sign_in_again(
        hass, actor, await begin_again(hass, entry, source), another.user_id
    )
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "wrong_account"
    assert entry.data == before


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


async def test_another_local_lock_instead(hass: HomeAssistant, actor: Actor, nearby: Lock) -> None:
    """An entry stays with its lock."""
    entry = local_entry(hass, actor.lock)
    result = await begin_again(hass, entry, SOURCE_RECONFIGURE)
    result = await submit(hass, result, {CONF_HOST: NEARBY, CONF_TOKEN: nearby.token})
    assert result["errors"] == {CONF_HOST: "another_device"}


async def test_reconfiguring_an_account(
    hass: HomeAssistant, actor: Actor, loaded: MockConfigEntry
) -> None:
    """Other locks can be chosen; those that are set up are chosen already."""
    another = add_lock(actor, "Back door")
    uuid = loaded.data[CONF_UUID]
    result = await sign_in_again(hass, actor, await begin_again(hass, loaded, SOURCE_RECONFIGURE))
    assert offered(result) == [actor.lock.did, another.did]
    assert default(result, CONF_LOCKS) == [actor.lock.did]
    result = await submit(hass, result, {CONF_LOCKS: [another.did]})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reconfigure_successful"
    assert loaded.data[CONF_LOCKS] == [another.did]
    assert loaded.data[CONF_UUID] == uuid
    assert list(loaded.runtime_data.coordinators) == [another.did]
