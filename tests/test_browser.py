"""Home Assistant's own frontend, in a real browser."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.const import (
    ATTR_ENTITY_ID,
    CONF_TOKEN,
    MAJOR_VERSION,
    MINOR_VERSION,
    Platform,
)
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from playwright.async_api import TimeoutError as BrowserTimeoutError
from playwright.async_api import expect
from yarl import URL

from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.events import history_sync
from custom_components.xiaomi_smart_lock.flows import progress
from custom_components.xiaomi_smart_lock.media import views
from demo.recording import named, open_folder, play_recording, until_shown
from simulator import recording
from simulator.app_home import USER_LIST, user_list
from simulator.users import Credential

from .browsing import browsing, set_up_frontend
from .flow import sign_in
from .lock_driver import until
from .lock_harness import nearby
from .people import FINGERPRINT, give

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import date, datetime

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant
    from playwright.async_api import Locator, Page
    from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .browsing import Browse
    from .lock_driver import LockDriver
    from .lock_harness import Storage


HOUR: Final = 3600  # seconds
FINGER_STEPS: Final = 5
WIDTH: Final = 270
"""Of what the simulator's camera shows."""

TRIES: Final = 3
A_WHILE: Final = 30_000  # milliseconds, after which something is tried again
BUTTONS: Final = ("OK", "Next", "Add", "Delete", "Done", "Save")
HAS_MENU: Final = (MAJOR_VERSION, MINOR_VERSION) < (2025, 7)
"""Whether the dialogs of an entry are opened by its menu; later, each has a button."""
NAME: Final = "step-flow-form ha-selector-text input"
DIALOG: Final = ":is(step-flow-form, step-flow-menu, step-flow-progress)"


@pytest.fixture(autouse=True)
def _slow_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a browser on a busy machine more time until it listens: it is told of no earlier end."""
    monkeypatch.setattr(progress, "LISTENS_WITHIN", 5)


@pytest.fixture
async def page(linked: MockConfigEntry, browse: Browse) -> Page:
    """Return the page of an administrator whose lock is linked to the Mi Home app."""
    return await browse()


@pytest.fixture
async def first_page(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client_no_auth: ClientSessionGenerator,
    hass_admin_user: MockUser,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Page]:
    """Return the page of an administrator who has no lock yet."""
    monkeypatch.setattr(history_sync, "SETTLING", HOUR)
    # The web server of tests accepts no more views once it runs.
    await set_up_frontend(hass, hass_storage, Platform.CALENDAR, Platform.IMAGE, DOMAIN)
    async with browsing(hass, hass_client_no_auth, hass_admin_user) as browse:
        yield await browse()
    for entry in hass.config_entries.async_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


class Hand:
    """Clicks, and counts the clicks."""

    def __init__(self, page: Page) -> None:
        """Hover over a page."""
        self.clicks = 0
        self.page = page

    async def click(self, *those: str) -> None:
        """Click what is called so, one after the other."""
        for one in those:
            named = f"role=button[name='{one}']" if one in BUTTONS else f"text='{one}'"
            await self.press(self.page.locator(f"{named} >> visible=true").first)

    async def press(self, what: Locator) -> None:
        """Click something."""
        await what.click()
        self.clicks += 1

    async def have(self, shown: Locator, act: Callable[[], Awaitable[None]]) -> None:
        """Act until something is shown.

        On a busy machine the browser may fail to load what draws it, and never tries again; or what
        was opened is closed when the page is drawn anew. Clicks that led nowhere do not count.
        """
        clicks = self.clicks
        for _ in range(TRIES):
            with suppress(BrowserTimeoutError):
                await act()
                await shown.wait_for(timeout=A_WHILE)
                return
            self.clicks = clicks
        await act()
        await shown.wait_for()

    async def open_entry(self) -> None:
        """Open the page of the entry, where counting begins."""
        await self.page.goto(f"/config/integrations/integration/{DOMAIN}")
        self.clicks = 0

    async def begin(self, flow: str, shown: str = DIALOG) -> None:
        """Open the entry's page and a dialog by its button, which is in a menu in 2025.4."""
        button = self.page.locator(f"text='{flow}' >> visible=true").first
        menu = self.page.locator(".config_entry ha-md-button-menu").first

        async def act() -> None:
            await self.open_entry()
            await button.or_(menu).first.wait_for(timeout=A_WHILE)
            if HAS_MENU:
                await self.press(menu)
                await button.wait_for(timeout=A_WHILE)
            await self.press(button)

        await self.have(self.page.locator(shown).first, act)

    async def configure(self, name: str) -> None:
        """Open the dialog that changes a person or a guest."""
        gear = self.page.locator(f".sub-entry:has-text('{name}') > [slot=end]").first

        async def act() -> None:
            await self.open_entry()
            await gear.wait_for(timeout=A_WHILE)
            await self.press(gear)

        await self.have(self.page.locator(DIALOG).first, act)

    async def begin_with(self, flow: str, name: str) -> None:
        """Open a dialog, and type a name into its first field."""
        await self.begin(flow, NAME)
        await self.type(name)

    async def type(self, text: str) -> None:
        """Type into the first field."""
        field = self.page.locator(NAME).first
        await field.fill(text)
        await expect(field).to_have_value(text)

    async def select(self, option: str) -> None:
        """Open the list of a field, and choose from it."""
        field = self.page.locator(
            "step-flow-form ha-select :is(ha-picker-field, .mdc-select__anchor)"
        )
        listed = self.page.locator(f"text='{option}' >> visible=true").first
        await self.have(listed, lambda: self.press(field))
        await self.press(listed)

    async def tick(self, option: str) -> None:
        """Choose one of the options that are shown."""
        await self.press(
            self.page.locator(
                f"step-flow-form :is(label, ha-radio-option):has-text('{option}')"
            ).first
        )

    async def check(self, option: str) -> None:
        """Choose one more of several options."""
        box = self.page.get_by_role("checkbox", name=option).first
        checked = self.page.get_by_role("checkbox", name=option, checked=True).first

        async def act() -> None:
            if not await box.is_checked():
                await box.click(force=True)
                self.clicks += 1

        await self.have(checked, act)

    async def choose_day(self, day: date) -> None:
        """Choose a day of the next month."""
        picker = self.page.locator("ha-dialog-date-picker")
        for one in (
            self.page.locator("step-flow-form ha-date-input"),
            picker.locator(":is([aria-label='Next month'], ha-icon-button-next)"),
            picker.locator(f"[aria-label^='{day.day} {day:%b}']"),
            picker.locator("text='OK'"),
        ):
            await self.press(one.first)

    async def see(self, text: str) -> None:
        """Wait until a text is shown."""
        await self.page.locator(f"text='{text}' >> visible=true").first.wait_for()

    async def find(self, start: str) -> None:
        """Wait until a text is shown that begins so."""
        await self.page.locator(f"text=/{start}/ >> visible=true").first.wait_for()

    async def add_integration(self) -> None:
        """Open the first step, as by a link of My Home Assistant."""

        async def act() -> None:
            await self.page.goto(f"/config/integrations/dashboard/add?domain={DOMAIN}")
            await self.click("OK")

        await self.have(self.page.locator("step-flow-menu").first, act)

    async def sign_in(self, driver: LockDriver) -> None:
        """Choose the account, and sign in to it by pasting the address on which that ends."""
        await self.click("Xiaomi account", "Next", "Paste the address of the page")
        link = await self.page.locator("step-flow-form a").first.get_attribute("href")
        await self.type(str(await sign_in(driver, URL(link or ""))))
        await self.click("Next")
        await self.see("Choose the locks that Home Assistant is to show.")

    async def scan(self, driver: LockDriver) -> None:
        """Confirm the code that is shown, with the phone, and see the next step."""
        code = self.page.locator("ha-qr-code canvas").first
        await code.wait_for()
        phone = driver.simulator.cloud.app_accounts
        driver.simulation.call(phone.confirm, next(reversed(phone.tickets)), driver.account)
        await code.wait_for(state="detached")  # Its form has a button of the same name.

    async def see_entry(self, hass: HomeAssistant) -> ConfigEntry[Any]:
        """Wait until setting up has ended, in the browser too; return what came of it."""
        await until(lambda: hass.config_entries.async_loaded_entries(DOMAIN))
        await self.page.locator("step-flow-create-entry").first.wait_for()
        # loaded or not: it is reloaded where the specification of a lock was learned meanwhile
        [entry] = hass.config_entries.async_entries(DOMAIN)
        return entry


async def test_setting_up_by_clicks(
    hass: HomeAssistant, driver: LockDriver, first_page: Page
) -> None:
    """An account is signed in and linked to the Mi Home app; the lock's area is its room."""
    hand = Hand(first_page)
    await hand.add_integration()
    await hand.sign_in(driver)
    await hand.click("Next", "Link now")
    await hand.scan(driver)
    entry = await hand.see_entry(hass)
    assert hand.clicks == 7
    assert entry.data[CONF_LOCKS] == [driver.lock.did]
    assert entry.data[CONF_APP]["user_id"] == driver.account.user_id
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert device.area_id == "hall"


async def test_setting_up_other_models_by_clicks(
    hass: HomeAssistant, driver: LockDriver, first_page: Page
) -> None:
    """It is said of each lock how much is known of it, where it is chosen and on its page."""
    others = {
        "xiaomi.lock.m30fa": "Xiaomi Smart Door Lock M40 (expected to work)",
        "loock.lock.v5": "loock.lock.v5 (generic: shown as its specification has it)",
    }
    for model in others:
        driver.simulation.call(driver.simulator.add_lock, driver.account, "Gate", model=model)
    hand = Hand(first_page)
    await hand.add_integration()
    await hand.sign_in(driver)
    for said in others.values():
        await hand.check(f"Gate: {said}")
    await hand.click("Next", "Later")
    entry = await hand.see_entry(hass)
    expected = {
        driver.lock.model: "Xiaomi Smart Door Lock 4 Pro",
        **others,
        "loock.lock.v5": "Lock (generic: shown as its specification has it)",
    }
    registry = dr.async_get(hass)

    def shown() -> dict[str | None, str | None]:
        """Return what the locks' pages say; they have none before their specification is known."""
        devices = dr.async_entries_for_config_entry(registry, entry.entry_id)
        return {device.model_id: device.model for device in devices}

    await until(lambda: shown() == expected)


async def test_setting_up_nearby_by_clicks(
    hass: HomeAssistant, driver: LockDriver, first_page: Page, short_timeouts: None
) -> None:
    """Nobody has to type anything: neither address nor token; the lock has to be touched."""
    there = nearby(driver)
    driver.lock.model = "xiaomi.lock.other"
    there.do("sleep")
    hand = Hand(first_page)
    await hand.add_integration()
    await hand.click("Local network", "Read them from my Mi Home app (QR code)")
    await hand.scan(driver)
    await hand.click("Next")
    await first_page.locator("ha-alert >> text=/Touch it to wake it/").first.wait_for()
    there.do("wake")
    await hand.click("Next", "Later")
    entry = await hand.see_entry(hass)
    assert hand.clicks == 6
    assert entry.data[CONF_TOKEN] == there.lock.token
    assert CONF_APP not in entry.data


def listening(hass: HomeAssistant) -> int:
    """Return how many browsers wait for a dialog to go on by itself."""
    return hass.bus.async_listeners().get(EVENT_DATA_ENTRY_FLOW_PROGRESSED, 0)


async def add_with_finger(hass: HomeAssistant, driver: LockDriver, hand: Hand, name: str) -> None:
    """Add a person, and enroll a finger of theirs in the same dialog."""
    listeners = listening(hass)
    await hand.begin_with("Add person", name)
    await hand.select("Fingerprint")
    await hand.click("Add")
    await hand.see("Enroll at the lock")
    driver.do("wake")  # in case that it fell asleep meanwhile
    await until(lambda: driver.lock.users.enrolment)
    await hand.see("Put the finger on the fingerprint sensor of the lock now.")
    await until(lambda: listening(hass) > listeners)
    for step in range(1, FINGER_STEPS):
        driver.do("enrol")
        await hand.see(f"Lift the finger, and put it down again. ({step} of {FINGER_STEPS})")
    driver.do("enrol")
    await hand.see("The lock has it, and it opens the door.")
    assert hand.clicks <= 5
    await hand.click("Finish", "Close")
    # The browser listens no more: it is not taken for that of the next dialog.
    await until(lambda: listening(hass) == listeners)


async def test_people_by_clicks(hass: HomeAssistant, driver: LockDriver, page: Page) -> None:
    """Two people get a finger each, and are led through it at the lock, all in one dialog."""
    hand = Hand(page)
    for name in ("Hua", "Lei"):
        await add_with_finger(hass, driver, hand, name)
    assert [one.method for one in driver.lock.users.credentials.values()] == 2 * [FINGERPRINT]
    await page.locator(".sub-entry >> text='Lei'").first.wait_for()


async def test_whose_it_is_by_clicks(hass: HomeAssistant, driver: LockDriver, page: Page) -> None:
    """Somebody whom the Mi Home app has a name of is there without typing it."""
    users = driver.lock.users
    users.types[3] = 2
    users.credentials[20] = Credential(3, FINGERPRINT)
    driver.lock.kept_by_app[USER_LIST] = user_list({3: "李明"})
    hand = Hand(page)
    await hand.begin("Who may open?", "step-flow-form")
    await hand.tick("user 3 – 李明 in the Mi Home app")
    await hand.click("Next", "Say whose it is")
    await hand.see("In the Mi Home app, it belongs to user 3, 李明.")
    await expect(page.locator(NAME).first).to_have_value("李明")
    await hand.click("Save")
    await hand.see("From now on it is called by their name.")
    assert hand.clicks <= 6
    await hand.click("Close")
    await page.locator(".sub-entry >> text='李明'").first.wait_for()


async def test_what_a_person_did_is_a_trigger_by_clicks(
    hass: HomeAssistant, linked: MockConfigEntry, page: Page
) -> None:
    """The automation editor has what a person can do by choosing just the person."""
    give(hass, linked, "Hua", (FINGERPRINT, 7))
    await hass.async_block_till_done()
    if find_spec("homeassistant.components.event.trigger") is None:
        assert hass.states.get("event.hua")
        return  # There is no such trigger yet.
    assert await async_setup_component(hass, "automation", {})
    hand = Hand(page)
    offered = page.locator("text='Came home' >> visible=true").first

    async def act() -> None:
        await page.goto("/config/automation/edit/new")
        await hand.click("Add trigger", "Services", "Hua", "Event received")
        await hand.press(page.locator("ha-entity-states-picker ha-generic-picker").first)

    await hand.have(offered, act)


async def test_a_guest_by_clicks(hass: HomeAssistant, driver: LockDriver, page: Page) -> None:
    """A guest has a password until a day, after few clicks; it is shown to be copied."""
    await hass.config.async_set_time_zone("Asia/Shanghai")  # as the browser's
    hand = Hand(page)
    await hand.begin_with("Add guest", "Wei")
    day = (dt_util.now().replace(day=1) + timedelta(days=45)).date().replace(day=15)
    await hand.choose_day(day)
    await hand.click("Add")
    driver.do("wake")  # in case that it fell asleep meanwhile
    await hand.see("The password works now")
    assert hand.clicks <= 8
    [credential] = driver.lock.users.credentials.values()
    await expect(page.locator(NAME).first).to_have_value(credential.text)
    await hand.click("Done", "Close")
    await hand.see(f"Wei (until {day} 00:00)")


async def test_a_lost_card_by_clicks(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, page: Page
) -> None:
    """It is deleted while the lock sleeps; the dialog says that it opens the door until then."""
    give(hass, linked, "Hua")
    driver.do("wake")
    lock = {ATTR_ENTITY_ID: driver.entity_id(hass, "lock", "lock")}
    card = {"person": "Hua", "credential_type": "nfc"}
    await hass.services.async_call(DOMAIN, "set_credential", lock | card, blocking=True)
    driver.do("sleep")
    await until(lambda: driver.state(hass, "binary_sensor", "awake").state == "off")
    hand = Hand(page)
    await hand.configure("Hua")
    await hand.click("Rename or delete one")
    await hand.tick("NFC 1")
    await hand.click("Next", "Delete at the lock")
    await hand.find("^NFC 1 will no longer open Front door")
    await hand.click("Delete")
    await hand.find(": NFC 1 still opens the door. It is deleted as")
    assert hand.clicks == 6
    assert driver.lock.users.credentials
    driver.do("wake")
    await until(lambda: not driver.lock.users.credentials)


async def test_who_came_by_clicks(
    hass: HomeAssistant, driver: LockDriver, linked: MockConfigEntry, page: Page
) -> None:
    """The look at who may open says when; the lock's page says who was the last one."""
    give(hass, linked, "Hua", (FINGERPRINT, 7))
    driver.do("fingerprint", 7)
    await until(lambda: driver.state(hass, "sensor", "last_person").state == "Hua")
    hand = Hand(page)
    await hand.begin("Who may open?", "step-flow-form")
    await hand.find("Hua: Fingerprint 7 · today")
    assert hand.clicks <= 2
    await hand.open_entry()
    row = "ha-config-entry-device-row:has-text('Front door')"
    link = ".config_entry a[href*='/config/devices/device/']"  # in 2025.4, to the only device
    await page.locator(f":is({row}, {link}) >> visible=true").first.click()
    await page.locator("hui-sensor-entity-row >> text='Hua'").first.wait_for()


def rung(driver: LockDriver) -> datetime:
    """Have somebody ring; return when, by the clock of the browser's user."""
    driver.lock.camera.upload_seconds = 0
    driver.do("ring")
    moment = driver.lock.camera.sights[0].created / 1000
    return dt_util.as_local(dt_util.utc_from_timestamp(moment))


@pytest.mark.parametrize("container", ["mp4", "ts"])
async def test_a_recording_is_found_and_played(
    driver: LockDriver, page: Page, container: str
) -> None:
    """A user opens the lock and the day, sees the bell's picture, plays the recording and seeks."""
    driver.lock.camera.codecs = ("H264", "H265")
    driver.lock.camera.container = container
    when = rung(driver)
    await open_folder(page, "Xiaomi Smart Lock", "Front door", "Today")
    await page.locator("[style*='data:image/jpeg']").first.wait_for()
    video = await play_recording(page, f"{when:%H:%M} bell")
    assert await video.evaluate("video => video.videoWidth") == WIDTH
    seconds = recording.PARTS * recording.PART_SECONDS
    # The sound of a part is a little longer than its picture.
    assert await video.evaluate("video => video.duration") == pytest.approx(seconds, abs=0.5)
    await video.evaluate("(video, seconds) => { video.currentTime = seconds; }", seconds - 0.6)
    await until_shown(video, "video => video.ended")


async def test_whoever_has_the_choice_takes_the_recording(
    driver: LockDriver, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser that can play both plays the recording, and never changes over to the words.

    This browser cannot play H.265: what it is offered as such is H.264.
    """
    driver.lock.camera.codecs = ("H264",)
    monkeypatch.setattr(views, "hevc_codecs", lambda _: "avc1.42C01E,mp4a.40.2")
    when = rung(driver)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await open_folder(page, "Xiaomi Smart Lock", "Front door", "Today")
    video = await play_recording(page, f"{when:%H:%M} bell")
    await until_shown(video, "video => video.ended")
    assert await video.evaluate("video => video.videoWidth") == WIDTH
    assert not [url for url in asked if "unplayable" in url]


async def test_a_browser_that_cannot_play_it_says_so(
    driver: LockDriver, linked: MockConfigEntry, page: Page
) -> None:
    """It shows words in place of H.265, asks for no part again and again, and can download it."""
    when = rung(driver)
    day = ("Xiaomi Smart Lock", "Front door", "Today")
    await open_folder(page, *day)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    video = await play_recording(page, f"{when:%H:%M} bell")
    words = await video.evaluate("video => [video.videoWidth, video.duration]")
    assert words == [640, pytest.approx(10, abs=0.1)]
    assert not [url for url in asked if ".m4s" in url]

    await open_folder(page, *day, "Download")
    await named(page, f"{when:%H:%M} bell").click()
    video = page.locator("hui-dialog-web-browser-play-media video")
    await video.wait_for(state="attached")
    address = await video.locator("source").get_attribute("src")
    async with page.expect_download() as downloading:
        # As the player's menu does
        await page.evaluate(
            "address => { const link = document.createElement('a'); link.href = address;"
            " link.download = ''; link.click(); }",
            address,
        )
    download = await downloading.value
    assert download.suggested_filename == f"front_door_{when:%Y-%m-%d_%H-%M-%S}.mp4"
    file = Path(await download.path()).read_bytes()
    [sight] = driver.lock.camera.sights
    parts = driver.lock.camera.recording(sight, "H265", driver.lock.time_zone)
    found = [packet for part in parts for packet in recording.packets(part)]
    assert sorted(recording.packets(file)) == sorted(found)
