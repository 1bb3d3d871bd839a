"""Each blueprint does what it says, in Home Assistant, for what happens at the door."""

from __future__ import annotations

import asyncio
import math
import re
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from awesomeversion import AwesomeVersion
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.components.calendar import CalendarEntity, CalendarEvent
from homeassistant.const import MATCH_ALL, __version__
from homeassistant.core import callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_capture_events,
    async_fire_time_changed,
    async_mock_service,
)

from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_UNLOCKING,
    DOMAIN,
    SUBENTRY_PERSON,
)
from custom_components.xiaomi_smart_lock.event import EVENTS
from custom_components.xiaomi_smart_lock.reporting.devices import async_device_of
from custom_components.xiaomi_smart_lock.state.credential import Credential
from custom_components.xiaomi_smart_lock.state.unlock_code import hash_code
from simulator import faults
from simulator.model import S1, SPEC
from simulator.users import UserType
from tests.pictures import look_often, rang, upload, when

from .documents import PAGES
from .lock_driver import LockDriver, until
from .lock_harness import caught_up, connected, lock_of
from .people import DURESS, FINGERPRINT, NOON, give

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import Event, HomeAssistant, ServiceCall
    from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker
    from pytest_homeassistant_custom_component.typing import (
        ClientSessionGenerator,
        WebSocketGenerator,
    )

    from custom_components.xiaomi_smart_lock.runtime import LockRuntime

HERE: Final = Path(__file__).parent.parent
BLUEPRINTS: Final = sorted((HERE / "blueprints/automation" / DOMAIN).glob("*.yaml"))

PASSWORD: Final = 3
ONE_TIME_PASSWORD: Final = 7
AUTOMATIC: Final = 12

type Install = Callable[..., Awaitable[list[ServiceCall]]]


def device_of(hass: HomeAssistant, entry: MockConfigEntry, identifier: str) -> str:
    """Return the id of the device of a lock or a person."""
    device = async_device_of(hass, entry, identifier)
    assert device
    return device.id


@pytest.fixture
def install(
    hass: HomeAssistant, hass_ws_client: WebSocketGenerator, tmp_path: Path, loaded: MockConfigEntry
) -> Install:
    """Return how to install a blueprint as a user does, and make an automation of it.

    What the automation does is told by the list that is returned.
    """

    async def make(name: str, *facts: str, **inputs: object) -> list[ServiceCall]:
        hass.config.config_dir = str(tmp_path)
        calls: list[ServiceCall] = async_mock_service(hass, "test", "notice")
        assert await async_setup_component(hass, "automation", {})
        client = await hass_ws_client(hass)
        path = f"{DOMAIN}/{name}.yaml"
        [file] = [file for file in BLUEPRINTS if file.stem == name]
        await client.send_json_auto_id(
            {
                "type": "blueprint/save",
                "domain": "automation",
                "path": path,
                "yaml": file.read_text(encoding="utf-8"),
            }
        )
        assert (await client.receive_json())["success"]
        if facts:
            data = {fact: f"{{{{ {fact} }}}}" for fact in facts}
            inputs["actions"] = [{"action": "test.notice", "data": data}]
        inputs["lock"] = device_of(hass, loaded, next(iter(loaded.runtime_data.locks)))
        use = {"use_blueprint": {"path": path, "input": inputs}}
        with pytest.MonkeyPatch.context() as patch:
            # As if it stood in the user's configuration
            patch.setattr(
                "homeassistant.config.load_yaml_config_file", lambda *_: {"automation": [use]}
            )
            await hass.services.async_call("automation", "reload", blocking=True)
        [state] = hass.states.async_all("automation")
        assert state.state == "on"
        return calls

    return make


async def breathe() -> None:
    """Let everybody do what they can, but wait for no automation that waits."""
    for _ in range(100):
        await asyncio.sleep(0)


async def stop(hass: HomeAssistant) -> None:
    """Turn the automation off, whose template has a timer."""
    [automation] = hass.states.async_all("automation")
    target = {"entity_id": automation.entity_id}
    await hass.services.async_call("automation", "turn_off", target, blocking=True)


async def lose_sight(hass: HomeAssistant, entity_id: str) -> None:
    """Have an entity unavailable, and back."""
    before = hass.states.get(entity_id)
    assert before
    hass.states.async_set(entity_id, "unavailable")
    hass.states.async_set(entity_id, before.state, before.attributes)
    await breathe()


def read(file: Path) -> Blueprint:
    """Return a blueprint, if it is one."""
    data = load_yaml(str(file))
    assert isinstance(data, dict)
    return Blueprint(data, expected_domain="automation", schema=BLUEPRINT_SCHEMA)


def entity_filters(blueprint: Blueprint) -> dict[str, dict[str, Any]]:
    """Return by what the entities are filtered that there are to choose from."""
    found = {}
    for key, field in blueprint.inputs.items():
        match field:
            case {"selector": {"entity": {"filter": [one]}}}:
                found[key] = one
    return found


@pytest.mark.parametrize("file", BLUEPRINTS, ids=lambda file: file.stem)
def test_every_blueprint(file: Path) -> None:
    """It is valid, for both versions, is found where it says, and can be imported by a link."""
    blueprint = read(file)
    assert blueprint.validate() is None
    needs = blueprint.metadata["homeassistant"]["min_version"]
    assert AwesomeVersion("2025.4.0") == needs <= AwesomeVersion(__version__)
    source = blueprint.metadata["source_url"]
    assert source.endswith(f"/blob/main/{file.relative_to(HERE).as_posix()}")
    link = "https://my.home-assistant.io/redirect/blueprint_import/?blueprint_url="
    assert f"{link}{quote(source, safe='')})" in PAGES["docs/automations.md"]
    for key, field in blueprint.inputs.items():
        assert field["name"], key
        assert field["selector"], key
    # Nothing but a lock can be chosen as one; the rest is found by itself.
    assert blueprint.inputs["lock"]["selector"]["device"] == {
        "multiple": False,
        "filter": [{"integration": DOMAIN}],
        "entity": [{"integration": DOMAIN, "domain": ["lock"]}],
    }
    others = {
        key for key, one in entity_filters(blueprint).items() if one["domain"] != ["calendar"]
    }
    assert not others


@pytest.mark.parametrize("file", BLUEPRINTS, ids=lambda file: file.stem)
async def test_import_by_a_click(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    aioclient_mock: AiohttpClientMocker,
    file: Path,
) -> None:
    """Home Assistant reads the file where the link says it is, and has nothing against it."""
    source = read(file).metadata["source_url"]
    path = source.removeprefix("https://github.com/").replace("/blob/", "/")
    text = file.read_text(encoding="utf-8")
    aioclient_mock.get(f"https://raw.githubusercontent.com/{path}", text=text)
    assert await async_setup_component(hass, "automation", {})
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "blueprint/import", "url": source})
    answer = await client.receive_json()
    assert answer["success"]
    imported = answer["result"]
    assert imported["suggested_filename"].endswith(f"/{file.stem}")
    assert imported["raw_data"] == text
    assert imported["validation_errors"] is None
    assert imported["blueprint"]["metadata"]["domain"] == "automation"


def test_only_those_that_exist_are_linked() -> None:
    """Nobody is sent to where there is none."""
    text = "\n".join(PAGES.values())
    linked = re.findall(r"blueprint_url=\S+%2F(\w+)\.yaml", text)
    assert sorted(linked) == [file.stem for file in BLUEPRINTS]


async def operate(hass: HomeAssistant, driver: LockDriver, *what: int) -> None:
    """Have the lock operated, and Home Assistant notice: two at once may look like one to it."""
    position, _method, action, operation_id, _time = what
    driver.push_event((2, 1020), *what)

    def shown() -> bool:
        attributes = driver.state(hass, "event", "lock_event").attributes
        seen = attributes.get("position"), attributes.get("event_type"), attributes["operation_id"]
        keys = SPEC.properties[2, 1].key_of(position), SPEC.properties[2, 3].key_of(action)
        return seen == (*keys, operation_id)

    await until(lambda: driver.state(hass, "event", "lock_event").state != "unknown" and shown())


async def test_someone_came_home(hass: HomeAssistant, driver: LockDriver, install: Install) -> None:
    """Only unlocking from outside is coming home; who goes out or closes the door does not."""
    calls = await install("someone_came_home", "person", "method")
    inside, outside, unknown_side, closed, unlocked = 1, 2, 3, 1, 2
    await operate(hass, driver, inside, FINGERPRINT, unlocked, 3, NOON)
    await operate(hass, driver, unknown_side, AUTOMATIC, closed, 0, NOON + 1)
    await operate(hass, driver, outside, ONE_TIME_PASSWORD, unlocked, 12, NOON + 2)
    await hass.async_block_till_done()
    assert [call.data for call in calls] == [
        {"person": "Somebody", "method": "one_time_password"},
    ]


async def test_someone_of_some_people(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, install: Install
) -> None:
    """Others come home unnoticed, as do those whom the lock does not know."""
    everybody = [
        give(hass, entry, name, (FINGERPRINT, number))
        for number, name in enumerate(("Ming", "Hong", "Wei"), start=1)
    ]
    await hass.async_block_till_done()
    people = [device_of(hass, entry, person.subentry_id) for person in everybody[:2]]
    calls = await install("someone_came_home", "person", people=people)
    hass.config_entries.async_update_subentry(entry, everybody[1], title="Xiao Hong")
    for second, number in enumerate((1, 3, 9, 2)):
        await operate(hass, driver, 2, FINGERPRINT, 2, number, NOON + second)
    await lose_sight(hass, driver.entity_id(hass, "event", "lock_event"))
    await hass.async_block_till_done()
    assert [call.data["person"] for call in calls] == ["Ming", "Xiao Hong"]


def test_people_of_the_blueprint() -> None:
    """Nothing but a person can be chosen as one."""
    blueprint = read(next(file for file in BLUEPRINTS if file.stem == "someone_came_home"))
    [chosen] = blueprint.inputs["people"]["selector"]["device"]["filter"]
    assert chosen == {"integration": DOMAIN, "model_id": SUBENTRY_PERSON}


@pytest.fixture
async def phone(hass: HomeAssistant) -> tuple[str, list[ServiceCall]]:
    """Return the device of a phone with Home Assistant's app, and what it is notified of."""
    entry = MockConfigEntry(
        domain="mobile_app",
        title="Phone",
        data={
            "app_data": {"push_token": "token", "push_url": "https://push.invalid"},
            "app_id": "app",
            "app_name": "App",
            "app_version": "1",
            "device_id": "phone",
            "device_name": "Phone",
            "manufacturer": "Somebody",
            "model": "Phone",
            "os_name": "Phone OS",
            "os_version": "1",
            "supports_encryption": False,
            "user_id": "ming",
            "webhook_id": "phone",
        },
    )
    entry.add_to_hass(hass)
    assert await async_setup_component(hass, "mobile_app", {})
    assert await async_setup_component(hass, "notify", {})
    await hass.async_block_till_done()
    [device] = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert hass.services.has_service("notify", "mobile_app_phone")
    return device.id, async_mock_service(hass, "notify", "mobile_app_phone")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("someone_came_home", {"kind": "unlocking", "type": "unlocked_outside"}),
        ("failed_attempts", {"kind": "exception", "type": "nfc_failed_repeatedly"}),
        ("doorbell_rang", {"kind": "doorbell", "type": "ring"}),
    ],
)
async def test_events_of_a_user(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    phone: tuple[str, list[ServiceCall]],
    install: Install,
    hass_client_no_auth: ClientSessionGenerator,
    name: str,
    told: dict[str, str],
) -> None:
    """Any user's phone can send events: one that looks like the lock's starts nothing."""
    device_id, notified = phone
    calls = await install(name, **({"phone": device_id} if name == "doorbell_rang" else {}))
    lock = device_of(hass, loaded, driver.lock.did)
    data = {"event_type": f"{DOMAIN}_happened", "event_data": {"device_id": lock, **told}}
    client = await hass_client_no_auth()
    heard = async_capture_events(hass, f"{DOMAIN}_happened")
    await client.post("/api/webhook/phone", json={"type": "fire_event", "data": data})
    await hass.async_block_till_done()
    assert len(heard) == 1
    [automation] = hass.states.async_all("automation")
    assert automation.attributes["last_triggered"] is None
    assert calls == notified == []


@pytest.mark.parametrize(("pressed", "answer"), [(0, "coming"), (1, "away")])
async def test_doorbell_rang(
    hass: HomeAssistant,
    driver: LockDriver,
    phone: tuple[str, list[ServiceCall]],
    install: Install,
    pressed: int,
    answer: str,
) -> None:
    """The phone is notified; its buttons do what they say, but none of an older ring."""
    device_id, notified = phone
    calls = await install(
        "doorbell_rang",
        phone=device_id,
        first_actions=[{"action": "test.notice", "data": {"answer": "coming"}}],
        second_actions=[{"action": "test.notice", "data": {"answer": "away"}}],
    )

    contexts: set[str] = set()

    @callback
    def look(event: Event[Any]) -> None:
        contexts.update(filter(None, (event.context.id, event.context.parent_id)))

    hass.bus.async_listen(MATCH_ALL, look)

    async def press(button: int, of: int) -> None:
        action = notified[of].data["data"]["actions"][button]["action"]
        hass.bus.async_fire("mobile_app_notification_action", {"action": action})
        await breathe()

    driver.push_event((21, 1), NOON)
    await until(lambda: len(notified) == 1)
    assert notified[0].data["message"] == "Somebody is at the door."
    titles = [one["title"] for one in notified[0].data["data"]["actions"]]
    assert titles == ["I am coming", "Not now"]
    await lose_sight(hass, driver.entity_id(hass, "event", "doorbell"))
    assert len(notified) == 1
    driver.push_event((21, 1), NOON + 10)
    await until(lambda: len(notified) == 2)
    assert notified[0].data["data"]["tag"] == notified[1].data["data"]["tag"]
    await press(pressed, of=0)
    assert calls == []
    secrets = [one.data["data"]["actions"][pressed]["action"].partition("_")[2] for one in notified]
    assert all(len(secret) == 40 for secret in secrets)
    assert len({secret[at : at + 5] for secret in secrets for at in range(0, 40, 5)}) > 8
    for context in list(contexts):
        for button in ("FIRST", "SECOND"):
            answer_to = {"action": f"{button}_{context}"}
            hass.bus.async_fire("mobile_app_notification_action", answer_to)
    await breathe()
    assert calls == []
    await press(pressed, of=1)
    await until(lambda: calls)
    assert [call.data["answer"] for call in calls] == [answer]


async def test_doorbell_rang_with_its_picture(
    hass: HomeAssistant,
    driver: LockDriver,
    loaded: MockConfigEntry,
    phone: tuple[str, list[ServiceCall]],
    install: Install,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Text comes at once; the same again with the picture when it is there, and then no more."""
    look_often(monkeypatch)
    hass.config_entries.async_update_entry(
        loaded, data={**loaded.data, CONF_APP: driver.app_data()}
    )
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await caught_up(hass, loaded)
    device_id, notified = phone
    visitor = driver.entity_id(hass, "image", "last_visitor")
    calls = await install(
        "doorbell_rang",
        phone=device_id,
        first_actions=[{"action": "test.notice", "data": {"answer": "coming"}}],
    )
    driver.lock.camera.upload_seconds = math.inf
    first = rang(driver, ago=7)
    await until(lambda: len(notified) == 1)
    second = rang(driver)
    await until(lambda: len(notified) == 2)
    assert "image" not in notified[0].data["data"] | notified[1].data["data"]
    # The first one's picture is there before the second one's.
    for sight in (first, second):
        before = len(notified)
        upload(sight)
        await until(partial(lambda before: len(notified) > before, before))
        assert driver.state(hass, "image", "last_visitor").state == when(sight)
    text, *_, last = (call.data["data"] for call in notified[1:])
    url = f"/api/image_proxy/{visitor}"
    assert last == text | {"image": url, "alert_once": True, "push": {"sound": "none"}}
    assert {call.data["message"] for call in notified} == {"Somebody is at the door."}
    answer = await (await hass_client()).get(url)
    store_id = second.frames["Bell"].store_id
    assert await answer.read() == driver.lock.camera.picture(second.file_id, store_id)
    hass.bus.async_fire("mobile_app_notification_action", {"action": text["actions"][0]["action"]})
    await until(lambda: calls)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))
    await until(lambda: hass.states.async_all("automation")[0].attributes["current"] == 0)
    assert len(notified) == 4


async def test_doorbell_rang_and_no_picture_comes(
    hass: HomeAssistant, driver: LockDriver, phone: tuple[str, list[ServiceCall]], install: Install
) -> None:
    """Nothing more is sent for one that stays, is lost from sight, or comes much too late."""
    device_id, notified = phone
    image = "image.front_door_last_visitor"
    hass.states.async_set(image, "2026-11-24T08:12:00+00:00", {"access_token": "1"})
    await install(
        "doorbell_rang",
        phone=device_id,
    )
    driver.push_event((21, 1), NOON)
    await until(lambda: len(notified) == 1)
    await breathe()
    hass.states.async_set(image, "2026-11-24T08:12:00+00:00", {"access_token": "2"})
    await lose_sight(hass, image)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=61))
    await breathe()
    hass.states.async_set(image, "2026-11-24T08:13:00+00:00")
    await breathe()
    assert len(notified) == 1


async def test_door_left_open(hass: HomeAssistant, driver: LockDriver, install: Install) -> None:
    """It is told after the time that was asked for, again after the same, until it is closed."""
    calls = await install("door_left_open", "minutes", minutes=2)

    async def later(minutes: float) -> None:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=minutes))
        await breathe()

    async def see(state: str) -> None:
        await until(lambda: driver.state(hass, "binary_sensor", "door").state == state)

    driver.do("open_door")
    await see("on")
    await later(1.9)
    assert calls == []
    driver.push_property((3, 1021), 4)  # ajar is as open
    await until(lambda: driver.state(hass, "sensor", "door_state").state == "ajar")
    for _ in range(3):
        await later(2.1)
    assert [call.data["minutes"] for call in calls] == [2, 4, 6]
    driver.do("close_door")
    await see("off")
    await later(5)
    assert len(calls) == 3
    driver.do("open_door")
    await see("on")
    await later(2.1)
    assert [call.data["minutes"] for call in calls] == [2, 4, 6, 2]
    driver.do("close_door")
    await see("off")


async def test_duress(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, install: Install
) -> None:
    """Only a duress fingerprint is one; it is told whose."""
    give(hass, entry, "Ming", (DURESS, 8))
    entity_id = driver.entity_id(hass, "event", "duress")
    calls = await install("duress", "person")
    driver.do("fingerprint", 3)
    driver.push_event((2, 1020), 2, 9, 2, 8, NOON)
    await until(lambda: calls)
    await lose_sight(hass, entity_id)
    await hass.async_block_till_done()
    assert [call.data for call in calls] == [{"person": "Ming"}]
    await stop(hass)


async def test_failed_attempts(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry, install: Install
) -> None:
    """At the door all that fails repeatedly counts, and nothing else; and codes from here."""
    options = {**entry.options, CONF_UNLOCKING: {driver.lock.did: hash_code("1234")}}
    hass.config_entries.async_update_entry(entry, options=options)
    await hass.async_block_till_done()
    await connected(entry)
    await hass.async_block_till_done()
    calls = await install("failed_attempts", "means")
    [types] = [event.event_types_of(S1) for event in EVENTS if event.key == "exception"]
    failures = [means for means in types if means.endswith("_failed_repeatedly")]
    assert len(failures) == 6

    def shown(code: int) -> bool:
        return driver.state(hass, "event", "exception").attributes.get("code") == code

    for second, named in enumerate(SPEC.properties[2, 4].values):
        driver.push_event((2, 1007), named.value, NOON + second)
        await until(partial(shown, named.value))
    await hass.async_block_till_done()
    assert [call.data["means"] for call in calls] == failures
    calls.clear()
    hass.bus.async_fire(f"{DOMAIN}_event", {"type": "unlocking_blocked", "device_id": "another"})
    target = {"entity_id": driver.entity_id(hass, "lock", "lock"), "code": "4321"}
    for _ in range(5):
        with pytest.raises(ServiceValidationError):
            await hass.services.async_call("lock", "unlock", target, blocking=True)
    await hass.async_block_till_done()
    assert [call.data["means"] for call in calls] == ["code_failed_repeatedly"]


async def test_battery_low(hass: HomeAssistant, driver: LockDriver, install: Install) -> None:
    """Each battery is told once, until it was full again."""
    calls = await install("battery_low", "battery", "percent", level=15)

    async def drain(level: int, *, dry_cells: bool = False) -> None:
        key = "dry_cells" if dry_cells else "lithium_battery"
        driver.do("set_battery", level, dry_cells=dry_cells)
        await until(lambda: driver.state(hass, "sensor", key).state == str(level))
        await hass.async_block_till_done()
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=6))
        await hass.async_block_till_done()

    await drain(15)
    await drain(14)
    await drain(9)
    await drain(80)
    await drain(3)
    await drain(2, dry_cells=True)
    assert [call.data["percent"] for call in calls] == [14, 3, 2]
    # The one of both that is lower, and each by itself, are enabled here.
    names = {f"Front door {name}" for name in ("Battery", "Lithium battery", "Dry cells")}
    assert {call.data["battery"] for call in calls} <= names


class Stays(CalendarEntity):
    """A calendar with stays."""

    _attr_name = "Stays"

    def __init__(self, *stays: CalendarEvent) -> None:
        """Note the stays."""
        self.stays = list(stays)

    @property
    def event(self) -> CalendarEvent | None:
        """Return the stay of now, or the next one."""
        coming = [stay for stay in self.stays if stay.end_datetime_local > dt_util.now()]
        return min(coming, key=lambda stay: stay.start_datetime_local, default=None)

    async def async_get_events(
        self,
        hass: HomeAssistant,  # noqa: ARG002
        start_date: datetime,
        end_date: datetime,
    ) -> list[CalendarEvent]:
        """Return the stays of a time."""
        return [
            stay
            for stay in self.stays
            if stay.start_datetime_local < end_date and stay.end_datetime_local > start_date
        ]


BERLIN: Final = ZoneInfo("Europe/Berlin")
CHECK_IN: Final = datetime.combine(
    datetime.now(BERLIN).date() + timedelta(days=9), time(15), BERLIN
)
CHECK_OUT: Final = CHECK_IN + timedelta(days=2, hours=-4)
OWN_USER: Final = 1000


class Guests:
    """An automation of the blueprint, its calendar, and what it does."""

    def __init__(
        self,
        hass: HomeAssistant,
        driver: LockDriver,
        lock: LockRuntime,
        frozen: FrozenDateTimeFactory,
    ) -> None:
        """Prepare; there are no stays yet."""
        self.hass = hass
        self.driver = driver
        self.lock = lock
        self.frozen = frozen
        self.calendar = Stays()
        self.calls: list[ServiceCall] = []
        self.days = 0

    @property
    def taken(self) -> list[str]:
        """The guests whose password the lock was said to have taken."""
        return [call.data["guest"] for call in self.calls if "guest" in call.data]

    @property
    def told(self) -> list[tuple[str, str]]:
        """The guests without a password that was told of, and why."""
        return [
            (call.data["failed"], call.data["reason"])
            for call in self.calls
            if "failed" in call.data
        ]

    @property
    def passwords(self) -> dict[str | None, datetime]:
        """The passwords that the lock has, and when each ends as far as we know."""
        endings = self.lock.coordinator.data.expiries.known
        return {
            held.text: datetime.fromtimestamp(endings[Credential(PASSWORD, number)].due or 0, UTC)
            for number, held in self.driver.lock.users.credentials.items()
        }

    def stay(self, text: str, begins: date = CHECK_IN, ends: date = CHECK_OUT) -> CalendarEvent:
        """Have a stay in the calendar, by its title and, after a line break, its description."""
        title, _, description = text.partition("\n")
        event = CalendarEvent(begins, ends, title, description)
        self.calendar.stays.append(event)
        self.calendar.async_write_ha_state()
        return event

    async def tick(self, when: datetime) -> None:
        """Let it be that time, some minutes before it and some after."""
        for moment in (when - timedelta(minutes=5), when, when + timedelta(minutes=5)):
            await self.be(moment)

    async def be(self, moment: datetime) -> None:
        """Let it be a time, and all be done that comes of it."""
        self.frozen.move_to(moment)
        self.calendar.async_write_ha_state()
        # Timers do not know the time that is held: they are due at the latest when the next day
        # is, of which they believe that it is now.
        self.days += 1
        async_fire_time_changed(self.hass, moment + timedelta(days=self.days))
        await self.hass.async_block_till_done()

    async def sleep(self) -> None:
        """Have the lock fall asleep."""
        self.driver.do("sleep")
        await self._is_awake("off")

    async def wake(self) -> None:
        """Have the lock wake up, and all be done that comes of it."""
        self.driver.do("wake")
        await self._is_awake("on")
        await self.hass.async_block_till_done()

    async def _is_awake(self, state: str) -> None:
        await until(lambda: self.driver.state(self.hass, "binary_sensor", "awake").state == state)


@pytest.fixture
async def guests(
    request: pytest.FixtureRequest,
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    driver: LockDriver,
    loaded: MockConfigEntry,
    install: Install,
) -> AsyncIterator[Guests]:
    """Return guests whose passwords the blueprint sets, with some inputs."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    guests = Guests(hass, driver, lock_of(loaded, driver), frozen)
    assert await async_setup_component(hass, "calendar", {})
    await hass.data["calendar"].async_add_entities([guests.calendar])
    tell = {"failed": "{{ guest }}", "reason": "{{ reason }}"}
    guests.calls = await install(
        "guest_password",
        "guest",
        calendar=guests.calendar.entity_id,
        keyword="Stay",
        failed=[{"action": "test.notice", "data": tell}],
        **getattr(request, "param", {}),
    )
    yield guests
    await stop(hass)
    await guests.calendar.async_remove()


async def test_guest_password(guests: Guests, entry: MockConfigEntry) -> None:
    """It is set when the lock wakes up, once, ends with the stay, and is a visitor's of its own."""
    guests.stay("Stay of Wei\nTwo people. Code: 0482913, ground floor 12.")
    await guests.sleep()
    await guests.tick(CHECK_IN)
    assert not guests.passwords
    await guests.wake()
    assert guests.passwords == {"0482913": CHECK_OUT}
    [held] = guests.driver.lock.users.credentials.values()
    assert (held.user, held.method) == (OWN_USER, PASSWORD)
    assert guests.driver.lock.users.types[OWN_USER] == UserType.VISITOR
    # Whatever comes again: it is there.
    await guests.sleep()
    await guests.wake()
    await guests.tick(CHECK_IN + timedelta(hours=1))
    assert await guests.hass.config_entries.async_reload(entry.entry_id)
    await caught_up(guests.hass, entry)
    await guests.tick(CHECK_IN + timedelta(hours=2))
    assert len(guests.passwords) == 1
    assert (guests.taken, guests.told) == (["Stay of Wei"], [])
    # Until the stay ends, and no longer
    await guests.tick(CHECK_OUT)
    await until(lambda: not guests.driver.lock.users.credentials)
    await guests.tick(CHECK_OUT + timedelta(hours=1))
    assert not guests.driver.lock.users.credentials
    assert (guests.taken, guests.told) == (["Stay of Wei"], [])


async def test_guest_password_of_other_events(guests: Guests) -> None:
    """What does not have the keyword as a word of its own is no stay, and not worth a word."""
    for title in ("Overstay", "stays", "Wei", "Stay_"):
        guests.stay(f"{title}\ncode: 482913")
    await guests.tick(CHECK_IN)
    await guests.tick(CHECK_IN + timedelta(minutes=15))
    assert (guests.passwords, guests.taken, guests.told) == ({}, [], [])


async def test_guest_password_without_a_code(guests: Guests) -> None:
    """A stay whose code is not written as it has to be gets none, and that is said once."""
    descriptions = (
        "482913",
        "password: 482913",
        "passcode: 482913",
        "code: 48291",
        "code: 48291345678",
        "code: 482913a",
        "code: 482913, code: 482914",
    )
    for number, description in enumerate(descriptions):
        guests.stay(f"Stay {number}\n{description}")
    await guests.tick(CHECK_IN)
    await guests.tick(CHECK_IN + timedelta(minutes=15))
    assert not guests.passwords
    assert [guest for guest, _ in guests.told] == [f"Stay {number}" for number in range(7)]
    assert all("`code: 123456`" in reason for _, reason in guests.told)


async def test_guest_password_however_it_is_written(guests: Guests) -> None:
    """In title or description, in capitals or not, and more than once."""
    guests.stay("Stay, code: 482913")
    guests.stay("A stay.\ncode:731205\nCODE: 731205")
    guests.stay("Wei\n(STAY) code: 0055512345.")
    await guests.tick(CHECK_IN)
    assert guests.passwords == dict.fromkeys(("482913", "731205", "0055512345"), CHECK_OUT)


@pytest.mark.parametrize(
    ("guests", "days", "begins", "ends"),
    [
        ({}, 3, CHECK_IN, CHECK_OUT),
        ({"nights": True}, 2, CHECK_IN, CHECK_OUT),
        ({}, 1, CHECK_IN, CHECK_OUT - timedelta(days=1)),
        (
            {"check_in": "14:30:00", "check_out": "09:15:00"},
            3,
            CHECK_IN - timedelta(minutes=30),
            CHECK_OUT - timedelta(minutes=105),
        ),
        ({"hours": -24}, 3, CHECK_IN - timedelta(days=1), CHECK_OUT),
    ],
    indirect=["guests"],
)
async def test_guest_password_of_days(
    guests: Guests, days: int, begins: datetime, ends: datetime
) -> None:
    """Days without times begin with the check-in, and last until the last day's check-out."""
    guests.stay("Stay\ncode: 482913", CHECK_IN.date(), CHECK_IN.date() + timedelta(days=days))
    await guests.tick(begins - timedelta(minutes=10))
    assert not guests.passwords
    await guests.tick(begins)
    assert guests.passwords == {"482913": ends}
    await guests.tick(ends - timedelta(minutes=10))
    assert guests.passwords == {"482913": ends}
    await guests.tick(ends)
    await until(lambda: not guests.driver.lock.users.credentials)
    assert guests.told == []


async def test_guest_password_that_could_not_be_set(guests: Guests) -> None:
    """It is told once, also where nobody ran at that moment, and it is set later all the same."""
    guests.stay("Stay of Wei\ncode: 482913")
    await guests.sleep()
    await guests.tick(CHECK_IN)
    assert guests.told == []
    await guests.tick(CHECK_IN + timedelta(minutes=40))
    await guests.tick(CHECK_IN + timedelta(hours=2))
    [(guest, reason)] = guests.told
    assert guest == "Stay of Wei"
    assert "has not taken the password yet" in reason
    await guests.wake()
    assert guests.passwords == {"482913": CHECK_OUT}
    await guests.tick(CHECK_IN + timedelta(hours=3))
    assert (len(guests.told), guests.taken) == (1, ["Stay of Wei"])


async def test_guest_password_is_tried_again(guests: Guests) -> None:
    """After a refusal, and where somebody deleted it; one stay does not hold up the other."""
    guests.stay("Stay of Wei\ncode: 482913")
    guests.stay("Stay of Mei\ncode: 739184", ends=CHECK_OUT + timedelta(days=1))
    cloud = guests.driver.simulator.cloud
    cloud.disturb_next(faults.status(500), "miotspec/action", times=2)
    await guests.be(CHECK_IN)
    assert guests.passwords.keys() == {"739184"}
    await guests.tick(CHECK_IN + timedelta(minutes=10))
    both = {"482913": CHECK_OUT, "739184": CHECK_OUT + timedelta(days=1)}
    assert guests.passwords == both
    for number in list(guests.driver.lock.users.credentials):
        data = {"user_id": OWN_USER, "operation_id": number}
        target = {"entity_id": guests.driver.entity_id(guests.hass, "lock", "lock")}
        await guests.hass.services.async_call(
            DOMAIN, "delete_credential", target | data, blocking=True
        )
    assert not guests.passwords
    await guests.tick(CHECK_IN + timedelta(hours=1))
    assert guests.passwords == both


async def test_guest_password_of_a_stay_that_changes(guests: Guests) -> None:
    """Another end of the stay is one of the password, even while the lock sleeps."""
    event = guests.stay("Stay\ncode: 482913")
    await guests.tick(CHECK_IN)
    await guests.sleep()
    event.end = CHECK_OUT + timedelta(days=1)
    await guests.tick(CHECK_IN + timedelta(hours=1))
    assert guests.passwords == {"482913": CHECK_OUT + timedelta(days=1)}
    assert guests.taken == ["Stay"]
    await guests.wake()


def test_guest_password_is_safe_by_default() -> None:
    """Nobody is asked for less than a word, and nobody is the owner."""
    blueprint = read(next(file for file in BLUEPRINTS if file.stem == "guest_password"))
    assert "default" not in blueprint.inputs["keyword"]
    assert blueprint.inputs["user_id"]["selector"]["number"]["min"] == 1
    assert "whoever can write" in blueprint.metadata["description"].lower()
