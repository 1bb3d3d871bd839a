"""Setting up from nothing, with the Mi Home app: as its last step, or to read a lock's token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    SOURCE_REAUTH,
    ConfigEntryState,
)
from homeassistant.const import CONF_HOST, CONF_REGION, CONF_TOKEN
from homeassistant.core import callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.account.entry_data import lock_ids
from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_DID,
    CONF_LOCKS,
    CONF_ROOMS,
    DOMAIN,
    ENDPOINTS_VARIABLE,
    SUBENTRY_GUEST,
    SUBENTRY_PERSON,
    SUBENTRY_WHO_MAY_OPEN,
)
from custom_components.xiaomi_smart_lock.events import history_sync
from custom_components.xiaomi_smart_lock.flows import app_code
from simulator import real_names
from tests.at_browser import Person
from tests.flow import add_lock, authorize_url, cards, discover, local_entry, sign_in
from tests.hosts import ELSEWHERE, NEARBY, Hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from homeassistant.config_entries import ConfigEntry, ConfigEntryChange
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.lock import Lock
    from tests.leak_detector import LeakDetector
    from tests.lock_driver import LockDriver

HOUR = 3600  # seconds
ANOTHER_TOKEN = "f" * 32

pytestmark = pytest.mark.usefixtures("short_timeouts")


@pytest.fixture
def lock(driver: LockDriver) -> Iterator[Lock]:
    """Return a lock of the account that is on the local network too."""
    lock = add_lock(driver, "Back door", host=NEARBY, room="Cellar")
    yield lock
    lock.host = NEARBY


@pytest.fixture
async def newcomer(
    hass: HomeAssistant,
    driver: LockDriver,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
    quick_browser: None,
) -> AsyncIterator[Person]:
    """Return who has nothing set up yet, with a phone and a browser."""
    monkeypatch.setattr(history_sync, "SETTLING", HOUR)
    assert await async_setup_component(hass, "config", {})
    # Unlike Home Assistant's web server, that of tests accepts no more views once it runs.
    assert await async_setup_component(hass, DOMAIN, {})
    yield Person(hass, driver, await hass_client())
    await hass.async_block_till_done()
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)


def entry_in(hass: HomeAssistant, shown: dict[str, Any]) -> ConfigEntry[Any]:
    """Return the entry that a flow has created."""
    assert shown["type"] == "create_entry", shown
    entry = hass.config_entries.async_get_entry(shown["result"]["entry_id"])
    assert entry
    return entry


async def use_account(person: Person) -> None:
    """Sign in to the account and choose its lock, up to the question about the Mi Home app."""
    driver = person.driver
    if not person.shown:
        await person.begin()
    await person.choose("account")
    await person.submit(region="cn")
    await person.choose("paste")
    url = authorize_url(person.shown)  # type: ignore[arg-type]
    await person.submit(address=str(await sign_in(driver, url)))
    await person.submit(locks=[driver.lock.did])
    assert person.shown["step_id"] == "offer_link", person.shown
    assert person.shown["menu_options"] == ["link_now", "later"]


# An account


async def test_linking_as_the_last_step(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver
) -> None:
    """Who scans the code then has the entry with all that linking gives, in one go."""
    await use_account(newcomer)
    await newcomer.choose("link_now")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    entry = entry_in(hass, newcomer.shown)
    assert entry.data[CONF_APP][CONF_REGION] == "cn"
    assert entry.data[CONF_APP]["user_id"] == driver.account.user_id
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    with entry.runtime_data.link.request() as client:
        assert await client.dids() == {driver.lock.did}


async def test_people_are_offered_by_the_page_that_shows_the_entry(
    hass: HomeAssistant, newcomer: Person
) -> None:
    """The page is open while the lock is set up, and asks for its buttons before it is known."""
    shown: dict[str, set[str]] = {}

    @callback
    def show(_: ConfigEntryChange, entry: ConfigEntry[Any]) -> None:
        shown[entry.state.value] = set(entry.supported_subentry_types)

    async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, show)
    await use_account(newcomer)
    await newcomer.choose("later")
    await hass.async_block_till_done()
    assert shown[ConfigEntryState.SETUP_IN_PROGRESS.value] == set()
    offered = {SUBENTRY_PERSON, SUBENTRY_GUEST, SUBENTRY_WHO_MAY_OPEN}
    assert shown[ConfigEntryState.LOADED.value] == offered


async def test_later(hass: HomeAssistant, newcomer: Person, driver: LockDriver) -> None:
    """The entry is the same without a link, and no code was asked for."""
    asked = len(driver.simulator.cloud.app_accounts.tickets)
    await use_account(newcomer)
    assert not hass.config_entries.async_entries(DOMAIN)
    await newcomer.choose("later")
    entry = entry_in(hass, newcomer.shown)
    assert CONF_APP not in entry.data
    assert entry.data[CONF_LOCKS] == [driver.lock.did]
    assert len(driver.simulator.cloud.app_accounts.tickets) == asked


async def test_the_phone_is_not_at_hand(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver
) -> None:
    """Who sees the code and has no phone finishes without it; it is waited for no longer."""
    await use_account(newcomer)
    await newcomer.choose("link_now")
    code = await newcomer.see_code()
    await newcomer.submit()
    assert newcomer.shown["errors"] == {"base": "not_scanned"}
    await newcomer.submit(later=True)
    entry = entry_in(hass, newcomer.shown)
    driver.simulation.call(driver.simulator.cloud.app_accounts.confirm, code, driver.account)
    await hass.async_block_till_done()
    assert CONF_APP not in entry.data


@pytest.mark.parametrize("again", [False, True])
async def test_the_code_leads_nowhere(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, again: bool
) -> None:
    """Who refuses on the phone can try again or finish; the sign-in is not lost."""
    await use_account(newcomer)
    await newcomer.choose("link_now")
    await newcomer.phone("refuse", await newcomer.see_code())
    assert newcomer.shown["step_id"] == "another_code"
    assert newcomer.shown["errors"] == {"base": "link_refused"}
    await newcomer.submit(later=not again)
    if again:
        await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert (CONF_APP in entry_in(hass, newcomer.shown).data) is again


async def test_the_app_of_another_account(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver
) -> None:
    """Nothing of it is kept."""
    another = driver.simulation.call(driver.simulator.add_account, "Mei")
    await use_account(newcomer)
    await newcomer.choose("link_now")
    await newcomer.phone("confirm", await newcomer.see_code(), another)
    assert newcomer.shown["errors"] == {"base": "another_account"}
    await newcomer.submit(later=True)
    assert CONF_APP not in entry_in(hass, newcomer.shown).data


async def test_a_link_for_the_phone(newcomer: Person) -> None:
    """Where the page is open on the phone that has the app, the code is a link."""
    await use_account(newcomer)
    await newcomer.choose("link_now")
    code = await newcomer.see_code()
    assert newcomer.shown["description_placeholders"] == {"url": code}


async def test_set_up_twice_at_once(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver
) -> None:
    """Of two who answer the last question, the second one is too late; the first entry stays."""
    await use_account(newcomer)
    second = Person(hass, driver, newcomer.client)
    await use_account(second)
    await newcomer.choose("later")
    entry = entry_in(hass, newcomer.shown)
    await second.choose("later")
    assert second.shown == {"message": "Invalid flow specified"}
    assert hass.config_entries.async_entries(DOMAIN) == [entry]


async def test_set_up_elsewhere_meanwhile(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver
) -> None:
    """A lock is not set up twice, however long somebody thinks about the last question."""
    await use_account(newcomer)
    entry = local_entry(hass, driver.lock)
    await newcomer.choose("later")
    assert newcomer.shown["reason"] == "already_configured"
    assert hass.config_entries.async_entries(DOMAIN) == [entry]


async def test_discovered_and_linked(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver
) -> None:
    """A lock that was discovered has the same last step; its card stays until then."""
    newcomer.shown = dict(await discover(hass, driver.lock.did))
    await use_account(newcomer)
    assert len(cards(hass)) == 1
    await newcomer.choose("link_now")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert CONF_APP in entry_in(hass, newcomer.shown).data
    assert not cards(hass)


# The local network


async def test_read_from_the_app(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock
) -> None:
    """Nobody has to know a token, a region or an address; the session is forgotten."""
    driver.lock.model = "xiaomi.lock.other"
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["step_id"] == "found"
    assert newcomer.shown["description_placeholders"] == {"lock": "Back door"}
    (field,) = newcomer.shown["data_schema"]
    assert (field["name"], field["description"]["suggested_value"]) == (CONF_HOST, NEARBY)
    await newcomer.submit(host=NEARBY)
    await newcomer.choose("later")
    entry = entry_in(hass, newcomer.shown)
    await hass.async_block_till_done()
    assert entry.data == {
        CONF_HOST: NEARBY,
        CONF_TOKEN: lock.token,
        CONF_DID: lock.did,
        "firmware": lock.firmware,
        "mac": lock.mac,
        CONF_ROOMS: {lock.did: "Cellar"},
    }
    assert (entry.title, entry.unique_id, entry.state) == (
        "Back door",
        lock.did,
        ConfigEntryState.LOADED,
    )
    (device,) = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert device.area_id
    assert ar.async_get(hass).areas[device.area_id].name == "Cellar"


async def test_read_from_the_app_and_linked(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock
) -> None:
    """Who links then has scanned a code already: no other one is shown."""
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["step_id"] == "which"
    await newcomer.submit(lock=lock.did)
    await newcomer.submit(host=NEARBY)
    await newcomer.choose("link_now")
    entry = entry_in(hass, newcomer.shown)
    assert entry.data[CONF_APP]["user_id"] == driver.account.user_id
    await hass.async_block_till_done()
    with entry.runtime_data.link.request() as client:
        assert lock.did in await client.dids()


async def test_by_hand_and_linked(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock
) -> None:
    """Who enters a token is asked too, and scans a code then."""
    await newcomer.begin()
    await newcomer.choose("local", "by_hand")
    await newcomer.submit(host=NEARBY, token=lock.token)
    await newcomer.choose("link_now")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert entry_in(hass, newcomer.shown).data[CONF_APP]["user_id"] == driver.account.user_id


async def test_the_lock_sleeps(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock
) -> None:
    """After a touch the same form goes through, with another address too."""
    driver.simulation.call(lock.sleep)
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    await newcomer.submit(lock=lock.did)
    await newcomer.submit(host=ELSEWHERE)
    assert newcomer.shown["errors"] == {"base": "no_answer"}
    driver.simulation.call(lock.wake)
    await newcomer.submit(host=NEARBY)
    await newcomer.choose("later")
    assert entry_in(hass, newcomer.shown).data[CONF_HOST] == NEARBY


@pytest.mark.parametrize("host", [None, "fd00::1", "\ud83d", "192.168.1.2.3"])
async def test_an_address_that_the_app_does_not_have(
    newcomer: Person, driver: LockDriver, lock: Lock, host: str | None
) -> None:
    """It is asked for then."""
    driver.lock.model = "xiaomi.lock.other"
    lock.host = host
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    (field,) = newcomer.shown["data_schema"]
    assert "description" not in field
    lock.host = NEARBY


async def test_a_token_that_is_out_of_date(
    newcomer: Person, driver: LockDriver, lock: Lock
) -> None:
    """A lock that does not take it is told apart from one that sleeps."""
    driver.lock.model = "xiaomi.lock.other"
    right, lock.token = lock.token, ANOTHER_TOKEN
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    lock.token = right
    await newcomer.submit(host=NEARBY)
    assert newcomer.shown["errors"] == {"base": "wrong_token"}


@pytest.mark.parametrize("reason", ["model", "token", "account", "local"])
async def test_no_lock_to_set_up(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock, reason: str
) -> None:
    """It is said, and another account can scan another code."""
    driver.lock.model = "xiaomi.lock.other"
    if reason == "model":
        lock.model = "xiaomi.lock.other"
    elif reason == "token":
        lock.token = "no token"
    else:
        local_entry(hass, lock)
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["errors"] == {"base": "no_lock_to_set_up"}
    assert not newcomer.shown["data_schema"]
    mei = driver.simulation.call(driver.simulator.add_account, "Mei")
    driver.simulation.call(driver.simulator.add_lock, mei, "Mei's door", host=ELSEWHERE)
    await newcomer.submit()
    await newcomer.phone("confirm", await newcomer.see_code(), mei)
    assert newcomer.shown["description_placeholders"] == {"lock": "Mei's door"}
    for one in list(mei.locks.values()):
        driver.simulation.call(driver.simulator.remove_lock, one)
    driver.simulation.call(driver.simulator.settle)


async def test_a_shared_lock(hass: HomeAssistant, newcomer: Person, driver: LockDriver) -> None:
    """One that a friend shares is in the list with its token."""
    driver.lock.model = "xiaomi.lock.other"
    theirs = add_lock(driver, "Friend's door", shared=True, host=NEARBY, home=None)
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    await newcomer.submit(host=NEARBY)
    await newcomer.choose("later")
    entry = entry_in(hass, newcomer.shown)
    assert entry.data[CONF_TOKEN] == theirs.token
    assert CONF_ROOMS not in entry.data


async def test_no_rooms(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock
) -> None:
    """Where they cannot be read, all else goes on."""
    driver.simulator.cloud.refuse_next(500, "gethome_merged")
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    await newcomer.submit(lock=lock.did)
    await newcomer.submit(host=NEARBY)
    await newcomer.choose("later")
    assert CONF_ROOMS not in entry_in(hass, newcomer.shown).data


async def test_a_discovered_lock(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock
) -> None:
    """It alone is looked for in the app, and its announced address is newer than the app's."""
    lock.host = ELSEWHERE
    newcomer.shown = dict(await discover(hass, lock.did))
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    lock.host = NEARBY
    (field,) = newcomer.shown["data_schema"]
    assert field["description"]["suggested_value"] == NEARBY
    await newcomer.submit(host=NEARBY)
    await newcomer.choose("later")
    assert lock_ids(entry_in(hass, newcomer.shown)) == [lock.did]
    assert not cards(hass)


async def test_a_discovered_lock_of_somebody_else(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver
) -> None:
    """The account of the app has to have it."""
    newcomer.shown = dict(await discover(hass, "700012345"))
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["errors"] == {"base": "lock_not_in_account"}


@pytest.mark.parametrize("source", [SOURCE_REAUTH, "reconfigure"])
async def test_a_new_token(
    hass: HomeAssistant, newcomer: Person, driver: LockDriver, lock: Lock, source: str
) -> None:
    """It is read in the same way, of the lock that the entry has; no link comes of it."""
    entry = local_entry(hass, lock, **{CONF_HOST: ELSEWHERE, CONF_TOKEN: ANOTHER_TOKEN})
    if source == SOURCE_REAUTH:
        newcomer.shown = dict(await entry.start_reauth_flow(hass))
    else:
        await newcomer.begin(entry_id=entry.entry_id)
        await newcomer.choose("reconfigure_local")
    await newcomer.choose("from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["step_id"] == "found"
    await newcomer.submit(host=NEARBY)
    assert newcomer.shown["reason"] in ("reauth_successful", "reconfigure_successful")
    assert (entry.data[CONF_HOST], entry.data[CONF_TOKEN]) == (NEARBY, lock.token)
    assert CONF_APP not in entry.data
    await hass.async_block_till_done()


# Regions


@pytest.fixture
async def in_regions(
    driver: LockDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """Have the app's interface of each region under its own name."""
    addresses = json.loads(driver.simulator.endpoints.read_text("utf-8"))
    addresses["app_api"] = "https://{prefix}api.io.mi.com/app"
    file = tmp_path / "endpoints.json"
    file.write_text(json.dumps(addresses), "utf-8")
    file.chmod(0o600)
    monkeypatch.setenv(ENDPOINTS_VARIABLE, str(file))

    hosts = Hosts(real_names.hosts("127.0.0.1"), driver.simulator.cloud.port)
    connector = aiohttp.TCPConnector(resolver=hosts)

    def session(*_: object, **__: object) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    monkeypatch.setattr(app_code, "async_app_session", session)
    yield
    driver.account.region = None
    await connector.close()


@pytest.mark.usefixtures("in_regions")
@pytest.mark.parametrize(("region", "asked"), [("cn", ["cn"]), ("ru", ["cn", "de", "i2", "ru"])])
async def test_the_region_is_found(
    newcomer: Person, driver: LockDriver, lock: Lock, region: str, asked: list[str]
) -> None:
    """The likely one is asked first, then the others until one has a lock."""
    driver.lock.model = "xiaomi.lock.other"
    newcomer.hass.config.country = "CN"
    driver.account.region = region
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    hosts = listen(driver)
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["description_placeholders"] == {"lock": lock.name}
    assert hosts == asked


@pytest.mark.usefixtures("in_regions")
async def test_a_region_is_down(newcomer: Person, driver: LockDriver, lock: Lock) -> None:
    """Others are asked all the same; that the lock is nowhere is said only if all have answered."""
    driver.lock.model = "xiaomi.lock.other"
    driver.account.region = "us"
    driver.simulator.cloud.refuse_next(500, "/home/device_list")
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["description_placeholders"] == {"lock": lock.name}
    await newcomer.begin()
    driver.account.region = "nowhere"
    driver.simulator.cloud.refuse_next(500, "/home/device_list")
    await newcomer.choose("local", "from_app")
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["errors"] == {"base": "cloud_out_of_reach"}
    await newcomer.submit()
    await newcomer.phone("confirm", await newcomer.see_code(), driver.account)
    assert newcomer.shown["errors"] == {"base": "no_lock_to_set_up"}


def listen(driver: LockDriver) -> list[str]:
    """Return a growing list of the regions that are asked for devices."""
    asked: list[str] = []
    app = driver.simulator.cloud.app
    grant = app._grant

    def note(request: Any, fields: dict[str, str]) -> Any:
        if request.path.endswith("/device_list"):
            asked.append(real_names.region_of(request.url.host))
        return grant(request, fields)

    app._grant = note  # type: ignore[method-assign]
    return asked


# Secrets


@pytest.mark.usefixtures("everything_logged")
async def test_the_token_is_told_to_nobody(
    hass: HomeAssistant,
    newcomer: Person,
    driver: LockDriver,
    lock: Lock,
    issued: list[str],
    leak_detector: LeakDetector,
) -> None:
    """Neither while all goes wrong nor at last; a session that is not linked is kept nowhere."""
    shown: list[str] = []
    driver.simulation.call(lock.sleep)
    await newcomer.begin()
    await newcomer.choose("local", "from_app")
    code = await newcomer.see_code()
    await newcomer.phone("confirm", code, driver.account)
    shown.append(json.dumps(newcomer.shown))
    await newcomer.submit(lock=lock.did)
    await newcomer.submit(host=NEARBY)
    shown.append(json.dumps(newcomer.shown))
    driver.simulation.call(lock.wake)
    await newcomer.submit(host=NEARBY)
    shown.append(json.dumps(newcomer.shown))
    await newcomer.choose("later")
    entry = entry_in(hass, newcomer.shown)
    await hass.async_block_till_done()
    await leak_detector.look_around(entry)
    leak_detector.noted += shown
    session = set(issued) - {code.rpartition("/")[2]}
    assert session
    leak_detector.assert_never_heard({lock.token, *session})
    kept = json.dumps(dict(entry.data))
    assert not [secret for secret in session if secret in kept]
