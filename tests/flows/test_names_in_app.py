"""The names that the Mi Home app keeps are offered where nobody has said who it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers import translation
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.credentials import app_names
from simulator import faults
from simulator.app_home import KEPT, USER_LIST, user_list
from simulator.users import Credential
from tests.enrolment import inside
from tests.flows.dialog import Dialog
from tests.lock_driver import until
from tests.lock_harness import diagnostics
from tests.past import linked_lock
from tests.people import begin, give, offers, person

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from simulator.faults import Fault
    from tests.leak_detector import LeakDetector
    from tests.lock_driver import LockDriver
    from tests.lock_harness import LockHarness, Storage

pytestmark = pytest.mark.usefixtures("quick_browser")

FINGERPRINT: Final = 2
USER: Final = 3
NAME: Final = "李明"
LABEL: Final = f"Fingerprint 20 · user {USER} – {NAME} in the Mi Home app"


@pytest.fixture(autouse=True)
def _named(driver: LockDriver) -> None:
    """Have a user with a finger, of whom the app keeps a name."""
    driver.simulator.cloud.requests.clear()
    driver.lock.kept_by_app[USER_LIST] = user_list({0: "妈妈", USER: NAME})
    driver.lock.users.types[USER] = 2
    driver.lock.users.credentials[20] = Credential(USER, FINGERPRINT)


@pytest.fixture
async def home(linked_harness: LockHarness) -> LockHarness:
    """Return a linked lock with a Home Assistant that runs."""
    await linked_harness.start()
    return linked_harness


def asked(driver: LockDriver) -> int:
    """Return how often the names were requested."""
    return sum(path == KEPT for path, _ in driver.simulator.cloud.requests)


async def look(hass: HomeAssistant, home: LockHarness) -> Dialog:
    """Open the look at who may open, and wait for what it shows."""
    dialog = await Dialog.open(hass, home.entry, "who_may_open")
    await dialog.done()
    return dialog


async def who_is_it(hass: HomeAssistant, home: LockHarness) -> Dialog:
    """Ask whose the finger is, in the look at who may open."""
    dialog = await look(hass, home)
    [value] = dialog.labels("credential").values()
    await dialog.submit(credential=value)
    await dialog.choose("who_is_it")
    return dialog


async def unlock(home: LockHarness) -> None:
    """Unlock the door with the finger, and wait until Home Assistant has heard of it."""
    home.driver.push_event((2, 1020), 2, FINGERPRINT, 2, 20, home.driver.lock.time)
    await home.reached()


async def repair(hass: HomeAssistant) -> Any:
    """Open the only repair that asks who it was."""
    assert await async_setup_component(hass, REPAIRS, {})
    manager = repairs_flow_manager(hass)
    assert manager
    [issue] = [
        one for one in ir.async_get(hass).issues.values() if one.translation_key == "who_was_it"
    ]
    return await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})


def suggested(form: Any) -> dict[str, Any]:
    """Return the suggested values of a form."""
    fields = form["data_schema"].schema
    return {str(key): key.description["suggested_value"] for key in fields if key.description}


async def test_who_may_open(hass: HomeAssistant, home: LockHarness) -> None:
    """The look tells the name; it is there for somebody new, who is only added when submitted."""
    dialog = await look(hass, home)
    assert dialog.says["who"].splitlines() == [f"- **Nobody’s**: {LABEL}"]
    dialog = await who_is_it(hass, home)
    assert dialog.says["in_app"] == f"In the Mi Home app, it belongs to user {USER}, {NAME}."
    assert dialog.default("name") == NAME
    assert not home.entry.subentries
    await dialog.submit(name=dialog.default("name"))
    assert dialog.step == "given"
    await unlock(home)
    assert home.state("sensor", "last_person") == NAME
    dialog = await look(hass, home)
    assert "Mi Home" not in dialog.says["who"]
    assert asked(home.driver) == 1


async def test_form_of_a_person(hass: HomeAssistant, home: LockHarness) -> None:
    """What was used lately says it too."""
    await home.manage("sync_credentials")
    await unlock(home)
    [label] = offers(await begin(hass, home.entry))
    assert label.endswith(f"fingerprint 20, outside, user {USER} – {NAME} in the Mi Home app")
    assert asked(home.driver) == 1


async def test_repair(hass: HomeAssistant, home: LockHarness) -> None:
    """The question has the name filled in; with it a person is added."""
    await home.manage("sync_credentials")
    await unlock(home)
    form = await repair(hass)
    assert suggested(form) == {"name": NAME}
    assert form["description_placeholders"]["in_app"].endswith(f"user {USER}, {NAME}.")
    manager = repairs_flow_manager(hass)
    assert manager
    await manager.async_configure(form["flow_id"], {"name": NAME})
    assert person(home.entry, NAME)
    assert home.state("sensor", "last_person") == NAME
    assert asked(home.driver) == 1


async def test_in_chinese(hass: HomeAssistant, home: LockHarness) -> None:
    """As Chinese people write it."""
    translation.async_setup(hass)
    await hass.config.async_update(language="zh-Hans")
    await hass.async_block_till_done()
    dialog = await who_is_it(hass, home)
    assert dialog.says["in_app"] == f"在米家 App 中，它属于用户 {USER}（“{NAME}”）。"
    dialog = await look(hass, home)
    assert f"用户 {USER}（米家 App 中为“{NAME}”）" in dialog.says["who"]


async def test_on_the_local_network(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, short_timeouts: None
) -> None:
    """An entry there is linked as well."""
    async with linked_lock(hass, driver, local=True) as home:
        home.driver.lock.kept_by_app[USER_LIST] = user_list({USER: NAME})
        await home.start()
        await look(hass, home)
        assert home.known.users.names_in_app == {USER: NAME}


async def test_not_linked(hass: HomeAssistant, harness: LockHarness) -> None:
    """Without the app nothing is asked or said."""
    dialog = await who_is_it(hass, harness)
    assert dialog.says["in_app"] == ""
    assert suggested(dialog.now) == {}
    assert asked(harness.driver) == 0


async def test_somebody_is_that_user(hass: HomeAssistant, home: LockHarness) -> None:
    """Whose another credential of the user is, needs no other name."""
    inside(home).credentials[21] = Credential(USER, FINGERPRINT)
    await look(hass, home)
    give(hass, home.entry, "Ming", (FINGERPRINT, 21))
    dialog = await look(hass, home)
    assert "- **Nobody’s**: Fingerprint 20" in dialog.says["who"].splitlines()


async def test_user_made_here(hass: HomeAssistant, home: LockHarness) -> None:
    """A user that was made for one of the people is theirs, also without a credential."""
    ming = give(hass, home.entry, "Ming")
    data = {**ming.data, "lock_users": {home.driver.lock.did: USER}}
    hass.config_entries.async_update_subentry(home.entry, ming, data=data)
    dialog = await look(hass, home)
    assert "- **Nobody’s**: Fingerprint 20" in dialog.says["who"].splitlines()


async def test_name_taken(hass: HomeAssistant, home: LockHarness) -> None:
    """Somebody of that name is chosen, not added again."""
    give(hass, home.entry, NAME)
    dialog = await who_is_it(hass, home)
    assert LABEL.endswith(f"{NAME} in the Mi Home app")
    assert suggested(dialog.now) == {}
    await dialog.submit()
    assert dialog.now["errors"] == {"base": "nobody_chosen"}
    await dialog.submit(name=NAME)
    assert dialog.now["errors"] == {"name": "name_taken"}
    await dialog.submit(person=dialog.labels("person")[NAME])
    assert dialog.step == "given"


async def test_deleted_meanwhile(hass: HomeAssistant, home: LockHarness) -> None:
    """The number is another user's then, whose name is not known."""
    await look(hass, home)
    await home.manage("delete_user", user_id=USER)
    inside(home).types[USER] = 2
    inside(home).credentials[22] = Credential(USER, FINGERPRINT)
    dialog = await look(hass, home)
    assert dialog.says["who"].splitlines() == ["- **Nobody’s**: Fingerprint 22"]


async def test_characters_that_mean_something(hass: HomeAssistant, home: LockHarness) -> None:
    """A name is text, wherever it is shown as Markdown."""
    home.driver.lock.kept_by_app[USER_LIST] = user_list({USER: "[x](http://a) *b*"})
    dialog = await who_is_it(hass, home)
    assert "\\[x\\]" in dialog.says["in_app"]
    assert dialog.default("name") == "[x](http://a) *b*"


PASSING: Final[dict[str, Fault]] = {
    "500": faults.status(500),
    "429": faults.status(429, Retry_After="60"),
    "cut": faults.cut,
    "cut within": faults.cut_within,
    "truncated": faults.spoilt(lambda body: body[: len(body) // 2]),
    "a web page": faults.page,
    "another key's": faults.spoilt(lambda body: body[::-1]),
    "an error": faults.said('{"code": -8, "message": "no"}'),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_failures(hass: HomeAssistant, home: LockHarness, fault: Fault) -> None:
    """Without names all goes on, and nobody is bothered."""
    home.driver.simulator.cloud.disturb_next(fault, KEPT)
    dialog = await look(hass, home)
    assert dialog.says["who"].splitlines() == ["- **Nobody’s**: Fingerprint 20"]
    assert not hass.config_entries.flow.async_progress()
    assert not [one for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN]


async def test_failed_once(hass: HomeAssistant, home: LockHarness) -> None:
    """What failed is tried again when it is needed again."""
    home.driver.simulator.cloud.disturb_next(PASSING["an error"], KEPT)
    await look(hass, home)
    dialog = await look(hass, home)
    assert LABEL in dialog.says["who"]


@pytest.mark.parametrize("code", [401, 403])
async def test_refused(hass: HomeAssistant, home: LockHarness, code: int) -> None:
    """There are no names for this run; the session is not ended by that."""
    home.driver.simulator.cloud.refuse_next(code, KEPT, times=9)
    await look(hass, home)
    dialog = await look(hass, home)
    assert dialog.says["who"].splitlines() == ["- **Nobody’s**: Fingerprint 20"]
    assert asked(home.driver) == 1
    assert not hass.config_entries.flow.async_progress()
    assert not [one for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN]


async def test_slow(
    hass: HomeAssistant, home: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A form waits for a while only; the names are there later, without being asked for again."""
    monkeypatch.setattr(app_names, "WAIT", 0.01)
    held = faults.Held()
    home.driver.simulator.cloud.disturb_next(held, KEPT)
    dialog = await look(hass, home)
    assert "Mi Home" not in dialog.says["who"]
    held.let_go()
    await until(lambda: home.known.users.names_in_app)
    dialog = await look(hass, home)
    assert LABEL in dialog.says["who"]
    assert asked(home.driver) == 1


@pytest.mark.usefixtures("everything_logged")
async def test_nobody_else_is_told(
    hass: HomeAssistant,
    hass_storage: Storage,
    home: LockHarness,
    leak_detector: LeakDetector,
) -> None:
    """The names are in no log, state, file or diagnostics."""
    await home.manage("sync_credentials")
    await unlock(home)
    await repair(hass)
    await look(hass, home)
    assert home.known.users.names_in_app
    await home.lock.coordinator.async_save()
    await leak_detector.look_around(home.entry)
    leak_detector.assert_never_heard({NAME, "妈妈"})
    said = [json.dumps(hass_storage, ensure_ascii=False, default=str)]
    said.append(json.dumps(await diagnostics(hass, home.entry), ensure_ascii=False))
    assert not [one for one in said if NAME in one]
