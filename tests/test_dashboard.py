"""The dashboard that comes with the integration, in Home Assistant's frontend."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.auth.const import GROUP_ID_USER
from homeassistant.components.frontend import DATA_EXTRA_MODULE_URL
from homeassistant.const import EVENT_LOVELACE_UPDATED, MAJOR_VERSION, MINOR_VERSION, Platform
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from playwright.async_api import TimeoutError as BrowserTimeoutError
from pytest_homeassistant_custom_component.common import MockUser, async_capture_events

from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING, DOMAIN
from custom_components.xiaomi_smart_lock.frontend.registration import MODULE
from custom_components.xiaomi_smart_lock.state.unlock_code import hash_code
from demo.any_day import ANY_DAY
from scripts.specification import TRANSLATION
from simulator.siblings import INVENTED, MODELS

from .lock_driver import until
from .lock_harness import running_lock
from .people import FINGERPRINT, give
from .siblings import sibling

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant
    from playwright.async_api import Locator, Page, Request, Route
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import (
        ClientSessionGenerator,
        WebSocketGenerator,
    )

    from .browsing import Browse
    from .lock_driver import LockDriver

SOURCE: Final = MODULE.read_text(encoding="utf-8")
PATH: Final = "door-locks"
LISTED: Final = (MAJOR_VERSION, MINOR_VERSION) >= (2026, 5)
"""Whether Home Assistant lists dashboards of integrations where one is added."""
FOLLOWS: Final = MAJOR_VERSION >= 2026
"""Whether Home Assistant makes the dashboard anew by itself. It did not in 2025."""
COMPLAINTS: Final = """() => {
    const found = [];
    const look = (root) => {
        for (const element of root.querySelectorAll("*")) {
            if (/^hui-(warning|error-)/i.test(element.tagName)) found.push(element.tagName);
            if (element.shadowRoot) look(element.shadowRoot);
        }
    };
    look(document);
    if (document.scrollingElement.scrollWidth > window.innerWidth) found.push("too wide");
    return found;
}"""
"""What returns error cards, warnings, and whether the page is wider than the window."""


# The module


def modules(hass: HomeAssistant) -> list[str]:
    """Return the addresses of our modules that browsers are told to load."""
    return [url for url in hass.data[DATA_EXTRA_MODULE_URL].urls if DOMAIN in url]


async def test_the_module_comes_and_stays(
    hass: HomeAssistant,
    frontend: None,
    hass_client_no_auth: ClientSessionGenerator,
    driver: LockDriver,
    short_timeouts: None,
) -> None:
    """Browsers load it once however many entries there are, and after the last one is deleted."""
    async with running_lock(hass, driver) as first:
        [url] = modules(hass)
        async with running_lock(hass, driver, local=True) as second:
            assert modules(hass) == [url]
            await second.stop()
            await hass.config_entries.async_remove(second.entry.entry_id)
            assert modules(hass) == [url]
        await first.stop()
        assert modules(hass) == [url]
        await hass.config_entries.async_remove(first.entry.entry_id)
    assert modules(hass) == [url]
    async with running_lock(hass, driver):
        assert modules(hass) == [url]
    answer = await (await hass_client_no_auth()).get(url)
    assert answer.status == HTTPStatus.OK
    assert answer.content_type in {"text/javascript", "application/javascript"}
    assert "max-age" in answer.headers["Cache-Control"]
    assert await answer.text() == SOURCE


async def test_the_module_waits_for_no_lock(
    hass: HomeAssistant, frontend: None, entry: MockConfigEntry, driver: LockDriver
) -> None:
    """Browsers load it too while the lock cannot be reached: the dashboard is no error then."""
    driver.simulator.cloud.online = False
    try:
        assert not await hass.config_entries.async_setup(entry.entry_id)
    finally:
        driver.simulator.cloud.online = True
    assert len(modules(hass)) == 1


async def test_without_a_frontend(hass: HomeAssistant, driver: LockDriver) -> None:
    """A Home Assistant without one has the locks all the same."""
    async with running_lock(hass, driver) as harness:
        assert DATA_EXTRA_MODULE_URL not in hass.data
        assert harness.state("lock", "lock") != "unavailable"
        await harness.stop()
        assert await hass.config_entries.async_remove(harness.entry.entry_id)


def test_each_text_is_in_both_languages() -> None:
    """A text in one only would be shown as undefined in the other."""
    texts = SOURCE.partition("const TEXTS = {")[2].partition("\n};")[0]
    english, chinese = (
        set(re.findall(r"^    (\w+):", part, re.MULTILINE)) for part in texts.split("zh: {")
    )
    assert english
    assert english == chinese
    assert set(re.findall(r"texts\.(\w+)", SOURCE)) <= english


def test_entities_of_the_dashboard_exist() -> None:
    """What is shown by name has that name: an entity with another would silently be missing."""
    entities = json.loads(TRANSLATION.read_text(encoding="utf-8"))["entity"]
    entities["lock"] = {"lock": {}}
    names = set(re.findall(rf'"({"|".join(Platform)})\.(\w+)"', SOURCE)) - {("button", "press")}
    assert names
    assert {name for name in names if name[1] not in entities[name[0]]} == set()


# The dashboard


class Dashboard:
    """A dashboard with our strategy, for who has the locks set up."""

    def __init__(self, hass: HomeAssistant, client: WebSocketGenerator, browse: Browse) -> None:
        """Nothing is saved or opened yet."""
        self._hass = hass
        self._client = client
        self._browse = browse

    async def save(self) -> None:
        """Save it, as the editor of a dashboard's whole configuration does."""
        client = await self._client(self._hass)
        config = {"strategy": {"type": "custom:xiaomi-smart-lock"}}
        for command in (
            {"type": "lovelace/dashboards/create", "url_path": PATH, "title": "Door locks"},
            {"type": "lovelace/config/save", "url_path": PATH, "config": config},
        ):
            await client.send_json_auto_id(command)
            assert (await client.receive_json())["success"]

    async def open(
        self, width: int = 1400, user: User | None = None, locale: str = "en-GB"
    ) -> Page:
        """Open it, wait until it is there, and see that no card complains."""
        await self.save()
        page = await self._browse(user, locale)
        await page.set_viewport_size({"width": width, "height": 3000})
        await page.goto(f"/{PATH}")
        await is_well(page)
        return page


async def is_well(page: Page) -> None:
    """Wait until the dashboard is there, and see that no card complains."""
    await page.locator("hui-heading-card, hui-markdown-card").first.wait_for()
    await page.wait_for_load_state("networkidle")
    assert await page.evaluate(COMPLAINTS) == []
    assert not await page.get_by_text("Error loading").count()


async def follow(page: Page) -> None:
    """Wait until the dashboard is made anew, after a reload where that is needed."""
    if not FOLLOWS:
        await page.reload()
    await is_well(page)


@pytest.fixture
def dashboard(hass: HomeAssistant, hass_ws_client: WebSocketGenerator, browse: Browse) -> Dashboard:
    """Return the dashboard."""
    return Dashboard(hass, hass_ws_client, browse)


async def headings(page: Page) -> list[str]:
    """Return the headings that are shown, in order."""
    cards = page.locator("hui-heading-card")
    texts = await cards.evaluate_all(
        "all => all.filter(card => card.checkVisibility())"
        ".map(card => card.shadowRoot.textContent.trim())"
    )
    return [text for text in texts if text]


async def until_headings(page: Page, expected: list[str]) -> None:
    """Wait until these headings are shown."""
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            while await headings(page) != expected:
                await page.wait_for_timeout(100)
    assert await headings(page) == expected


async def rename(hass: HomeAssistant, driver: LockDriver, platform: str, key: str) -> str:
    """Give an entity another id, as users do; return it."""
    renamed = f"{platform}.something_else"
    entity_id = driver.entity_id(hass, platform, key)
    er.async_get(hass).async_update_entity(entity_id, new_entity_id=renamed)
    await hass.async_block_till_done()
    return renamed


@pytest.mark.parametrize("width", [1400, 390])
async def test_a_linked_lock(
    hass: HomeAssistant,
    dashboard: Dashboard,
    linked: MockConfigEntry,
    driver: LockDriver,
    width: int,
) -> None:
    """Who is at the door is seen at once, then the settings, on a desk and on a phone."""
    driver.lock.camera.upload_seconds = 0
    driver.do("ring")
    give(hass, linked, "Ming", (FINGERPRINT, 3))
    driver.do("fingerprint", 3)
    await until(lambda: driver.state(hass, "sensor", "last_person").state == "Ming")
    page = await dashboard.open(width)
    image = page.locator("hui-picture-entity-card img")
    await image.wait_for()
    assert await image.evaluate("image => image.naturalWidth")
    first = ["Door", "People", "Lock", "At the door", "Last 24 hours"]
    settings = ["Bell", "More settings", "Sounds and reminders", "Camera"]
    assert await headings(page) == first + settings


@pytest.mark.usefixtures("default_entities")
async def test_a_fresh_lock(
    hass: HomeAssistant, dashboard: Dashboard, linked: MockConfigEntry, driver: LockDriver
) -> None:
    """Of what never happened nothing is said; it comes with the first time that it happens."""
    give(hass, linked, "Ming", (FINGERPRINT, 3))
    await hass.async_block_till_done()
    page = await dashboard.open()
    unknown = page.get_by_text("Unknown", exact=True).locator("visible=true")
    assert not await unknown.count()
    settings = ["Bell", "Sounds and reminders", "Camera"]
    first = ["Door", "People", "Last 24 hours"]
    assert await headings(page) == [*first, *settings]
    driver.do("fingerprint", 3)
    await page.locator("strong", has_text="Ming").wait_for()
    driver.do("stay")
    await page.locator("hui-event-entity-row", has_text="Stay").wait_for()
    assert not await unknown.count()
    first = ["Door", "People", "At the door", "Last 24 hours"]
    await until_headings(page, [*first, *settings])


async def test_where_headings_lead(
    hass: HomeAssistant, dashboard: Dashboard, loaded: MockConfigEntry, driver: LockDriver
) -> None:
    """All activity of the lock and its people is where the heading of the last day leads."""
    hass.config.components.add("logbook")
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await hass.async_block_till_done()
    page = await dashboard.open()
    heading = page.locator("hui-heading-card", has_text="Last 24 hours")
    action = await heading.evaluate("card => card._config.tap_action")
    _, _, ids = action["navigation_path"].partition("/logbook?device_id=")
    devices = dr.async_get(hass)
    shown = [device.name for one in ids.split(",") if (device := devices.async_get(one))]
    assert shown == ["Front door", "Ming"]


async def test_a_lock_nearby(
    hass: HomeAssistant, dashboard: Dashboard, driver: LockDriver, short_timeouts: None
) -> None:
    """What only an account or the Mi Home app tells is left out."""
    async with running_lock(hass, driver, local=True):
        page = await dashboard.open()
        settings = ["Bell", "More settings", "Sounds and reminders", "Camera"]
        assert await headings(page) == ["Door", "Lock", *settings]
        tile = page.locator("hui-tile-card", has_text="Locked")
        await tile.wait_for()
        # When is not told: the time of the state is that of the last restart, or of a later change.
        assert "ago" not in await tile.inner_text()


LIKE_OURS: Final = (
    ["Door", "People", "Last 24 hours"],
    ["Door", "People", "At the door", "Last 24 hours"],
)
OF_OTHERS: Final[dict[str, tuple[list[str], list[str]]]] = {
    "xiaomi.lock.m30fa": LIKE_OURS,
    "loock.lock.r2": LIKE_OURS,
    "lumi.lock.mcn002": LIKE_OURS,
    "loock.lock.v5": (["What else it tells"], ["What else it tells"]),
    INVENTED: (["What else it tells"], ["At the door", "What else it tells"]),
}
"""The headings of other models, before something happens and afterwards."""
HAPPENS: Final = (
    "Somebody comes home by fingerprint",
    "The bell rings",
    "Somebody tries to prise the lock",
)
"""What happens meanwhile, of the demo's day."""


@pytest.mark.usefixtures("default_entities")
@pytest.mark.parametrize("model", OF_OTHERS)
async def test_a_lock_of_another_model(
    hass: HomeAssistant, dashboard: Dashboard, driver: LockDriver, model: str
) -> None:
    """What the model has is shown, be it only what its specification says; nothing else is."""
    async with sibling(hass, driver, model) as harness:
        harness.driver.do("set_battery", 41)
        fresh, later = OF_OTHERS[model]
        if "People" in later:
            finger = MODELS[model].facts.number("method", "fingerprint")
            give(hass, harness.entry, "Ming", (finger, 3))
            await hass.async_block_till_done()
        page = await dashboard.open()
        assert await headings(page) == fresh
        await page.locator("hui-entity-badge", has_text="41%").wait_for()
        for act in ANY_DAY:
            if act.name in HAPPENS:
                harness.driver.simulation.call(act.play, harness.driver.lock)
        await until_headings(page, later)
        assert not await page.get_by_text("Unknown", exact=True).locator("visible=true").count()
        assert not await page.get_by_text("undefined").count()


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Expect timers: what a page shows of time is drawn anew until its connection has ended."""
    return True


async def click_until(button: Locator, shown: Locator) -> None:
    """Click until something is shown: a click is lost on a card that is just drawn anew."""
    for _ in range(6):
        with suppress(BrowserTimeoutError):
            await button.click(timeout=5_000)
            await shown.wait_for(timeout=5_000)
            return
    pytest.fail("nothing is shown")


async def test_what_waits(hass: HomeAssistant, dashboard: Dashboard, driver: LockDriver) -> None:
    """What waits for the lock is said as long as it does; a locked lock is opened with a code."""
    async with running_lock(
        hass, driver, local=False, **{CONF_UNLOCKING: hash_code("1234")}
    ) as harness:
        page = await dashboard.open()
        buttons = page.locator("hui-lock-commands-card-feature ha-control-button")
        await buttons.first.wait_for()
        waits = page.get_by_text("Changes waiting for the lock")
        assert not await waits.count()
        await harness.put_to_sleep()
        await page.get_by_text("Touch the lock to wake it").wait_for()
        assert not await page.get_by_text("Wake", exact=True).count()
        await harness.call("switch", "turn_on", "away_mode")
        await waits.wait_for()
        discard = page.locator("hui-tile-card", has_text="Discard waiting changes")
        question = page.get_by_text("Discard the changes that wait for the lock?")
        await click_until(discard, question)
        assert harness.known.pending
        await page.get_by_text("Cancel", exact=True).click()
        await harness.wake()
        await waits.wait_for(state="detached")
        driver.do("fingerprint", 3)
        await buttons.first.wait_for(state="detached")
        driver.do("close_door")
        await buttons.first.wait_for()
        assert await page.evaluate(COMPLAINTS) == []


async def test_for_everybody(
    hass: HomeAssistant, dashboard: Dashboard, linked: MockConfigEntry, driver: LockDriver
) -> None:
    """Nobody needs to be an administrator, nor to call things as we do, nor to read English."""
    lock = await rename(hass, driver, "lock", "lock")
    registry = er.async_get(hass)
    for key, change in (
        ("door", {"disabled_by": er.RegistryEntryDisabler.USER}),
        ("deadbolt", {"hidden_by": er.RegistryEntryHider.USER}),
    ):
        entity_id = driver.entity_id(hass, "binary_sensor", key)
        registry.async_update_entity(entity_id, **change)
    group = await hass.auth.async_get_group(GROUP_ID_USER)
    guest = MockUser(groups=[group]).add_to_hass(hass)
    page = await dashboard.open(user=guest, locale="zh-CN")
    first = ["门", "门锁", "最近 24 小时"]
    assert await headings(page) == [*first, "门铃", "更多设置", "声音与提醒", "摄像头"]
    shown = await page.locator("hui-tile-card").evaluate_all(
        "all => all.map(c => c._config.entity)"
    )
    assert lock in shown
    assert not {one for one in shown if one.endswith(("_door", "_deadbolt"))}
    registry.async_update_entity(entity_id, hidden_by=None)
    await follow(page)
    await page.locator("hui-tile-card", has_text="Deadbolt").wait_for()


async def test_a_title_without_cards(
    hass: HomeAssistant, dashboard: Dashboard, driver: LockDriver
) -> None:
    """A title is hidden as long as all cards below it are."""
    async with running_lock(hass, driver) as harness:
        registry = er.async_get(hass)
        for key in ("last_contact", "wifi_status", "charging_state"):
            registry.async_update_entity(
                driver.entity_id(hass, "sensor", key), hidden_by=er.RegistryEntryHider.USER
            )
        page = await dashboard.open()
        title = page.locator("hui-heading-card", has_text=re.compile("^\\s*Lock\\s*$"))
        await title.wait_for(state="hidden")
        await harness.put_to_sleep()
        await title.wait_for()


async def test_two_locks_and_people(
    hass: HomeAssistant, dashboard: Dashboard, driver: LockDriver, short_timeouts: None
) -> None:
    """Each lock has a view; people, whose devices are no locks, are on the view of their lock."""
    devices = dr.async_get(hass)
    async with running_lock(hass, driver) as front, running_lock(hass, driver, local=True) as back:
        [device] = dr.async_entries_for_config_entry(devices, back.entry.entry_id)
        devices.async_update_device(device.id, name_by_user="Back door")
        give(hass, front.entry, "Li", (FINGERPRINT, 3))
        await hass.async_block_till_done()
        page = await dashboard.open()
        tabs = page.locator("ha-tab-group-tab, sl-tab, paper-tab")
        names = [name.casefold() for name in await tabs.all_inner_texts()]
        assert names == ["back door", "front door"]
        await tabs.nth(1).click()
        await page.get_by_text("None of them has come yet.").wait_for()
        driver.do("fingerprint", 3)
        li = page.locator("strong", has_text="Li")
        await li.wait_for()
        await tabs.nth(0).click()
        await li.wait_for(state="detached")
        await is_well(page)


async def test_without_a_lock(
    hass: HomeAssistant, dashboard: Dashboard, driver: LockDriver
) -> None:
    """Who has deleted the lock reads how to add one, and where to delete the dashboard."""
    async with running_lock(hass, driver) as harness:
        page = await dashboard.open()
        assert "Door" in await headings(page)
        await harness.stop()
        await hass.config_entries.async_remove(harness.entry.entry_id)
        await page.reload()
        await page.get_by_text("No lock is set up here.").wait_for()
        await is_well(page)


async def test_while_the_entry_is_not_loaded(
    hass: HomeAssistant, dashboard: Dashboard, driver: LockDriver
) -> None:
    """Everything is in its place, and unavailable."""
    async with running_lock(hass, driver) as harness:
        await hass.config_entries.async_unload(harness.entry.entry_id)
        page = await dashboard.open()
        await is_well(page)
        assert "Door" in await headings(page)
        await page.get_by_text("Unavailable").first.wait_for()


async def test_before_the_frontend(dashboard: Dashboard, linked: MockConfigEntry) -> None:
    """The dashboard is there too where our module is loaded sooner than the frontend's."""
    module = asyncio.Event()

    def loaded(request: Request) -> None:
        if MODULE.name in request.url:
            module.set()

    async def late(route: Route) -> None:
        await module.wait()
        await route.continue_()

    page = await dashboard.open()
    page.on("requestfinished", loaded)
    await page.route("**/frontend_latest/app.*.js", late)
    await page.reload()
    await is_well(page)
    assert "Door" in await headings(page)


async def test_adding_it(hass: HomeAssistant, browse: Browse, linked: MockConfigEntry) -> None:
    """Where Home Assistant lists what integrations bring, three clicks add the dashboard."""
    page = await browse()
    await page.goto("/config/lovelace/dashboards")
    listed, blank = page.get_by_text("Xiaomi Smart Lock"), page.get_by_text("New dashboard from")
    await click_until(page.locator("ha-fab, ha-button[slot=fab]"), listed if LISTED else blank)
    if not LISTED:
        assert not await listed.count()
        return
    saved = async_capture_events(hass, EVENT_LOVELACE_UPDATED)
    create = page.get_by_role("button", name="Create")
    await click_until(listed, create)
    await click_until(create, page.get_by_text("Door locks").first)
    # It is listed before its content is saved.
    await until(lambda: any(event.data["url_path"] == PATH for event in saved))
    # The first page goes back by itself when the dialog has closed, even to another address.
    page = await browse()
    await page.goto(f"/{PATH}")
    await is_well(page)
    assert "Door" in await headings(page)


async def test_who_came(
    hass: HomeAssistant, dashboard: Dashboard, loaded: MockConfigEntry, driver: LockDriver
) -> None:
    """The last day is told in sentences, a name as it is."""
    page = await dashboard.open()
    await page.get_by_text("Nobody came.").wait_for()
    driver.do("fingerprint", 3)
    await page.get_by_text("was unlocked from outside with fingerprint 3").wait_for()
    assert "Last 24 hours" in await headings(page)
    give(hass, loaded, "[Ming](/x) *Li*：`_甲_`", (FINGERPRINT, 3))
    await page.get_by_text("by [Ming](/x) *Li*：`_甲_` with a fingerprint").wait_for()
    # Older versions of Home Assistant show a new person when the page is loaded anew.
    await page.reload()
    await page.locator("strong", has_text="[Ming](/x) *Li*：`_甲_`").wait_for()
