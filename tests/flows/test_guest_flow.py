"""Guests: a password that ends, made, changed and ended by clicking."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

import pytest
from homeassistant.exceptions import ServiceValidationError
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from custom_components.xiaomi_smart_lock.state import user_registry
from custom_components.xiaomi_smart_lock.store import LockStore
from simulator import faults
from simulator.users import Credential, UserType
from tests.enrolment import inside
from tests.flows.dialog import Dialog
from tests.flows.guests import add, guest, in_hours, passwords
from tests.lock_driver import LockDriver, until
from tests.lock_harness import LockHarness, fix, stored_key
from tests.people import give

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from tests.lock_harness import Storage

pytestmark = pytest.mark.usefixtures("quick_browser")

PASSWORD = 3
VISITOR = 3
DELETE_CREDENTIAL = (4, 5)
LOCK_RESET = 12


async def test_a_weekend(hass: HomeAssistant, harness: LockHarness) -> None:
    """One form and a look at the password; the guest is in the list with what is left."""
    until_when = in_hours(48)
    dialog = await add(hass, harness, valid_until=until_when)
    assert dialog.step == "password_made"
    assert dialog.default("password") == "246810"
    await dialog.submit()
    assert dialog.step == "enrolled"
    assert passwords(harness) == ["246810"]
    assert guest(harness).title == f"Wei (until {until_when[:16]})"
    assert "246810" not in str(guest(harness).data)


async def test_the_form_asks_for_an_end(hass: HomeAssistant, harness: LockHarness) -> None:
    """What is wrong is said where it is, and what was entered is not lost."""
    give(hass, harness.entry, "Ming")
    dialog = await Dialog.open(hass, harness.entry, "guest")
    made_up = dialog.default("password")
    assert made_up.isdigit()
    await dialog.submit(name="Wei", password=made_up)
    assert dialog.now["errors"] == {"base": "no_end"}
    assert (dialog.default("name"), dialog.default("password")) == ("Wei", made_up)
    wrong = {"name": "Ming", "password": "12345", "valid_until": in_hours(-1)}
    await dialog.submit(**wrong)
    assert dialog.now["errors"] == {
        "name": "name_taken",
        "password": "password_rules",
        "valid_until": "valid_until_past",
    }
    await dialog.submit(name=" ", password=made_up, uses=1)
    assert dialog.now["errors"] == {"name": "no_name"}
    for uses in (0, -1, 1.5, 1001):
        await dialog.submit(name="Wei", password=made_up, uses=uses)
        assert dialog.now["errors"] == {"uses": "uses_range"}
        assert dialog.default("uses") == uses
    assert passwords(harness) == []


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Kiritimati"])
async def test_the_ends_of_time(hass: HomeAssistant, harness: LockHarness, zone: str) -> None:
    """Who enters the last day of all for *never* gets nearly that, in every time zone."""
    await hass.config.async_set_time_zone(zone)
    dialog = await Dialog.open(hass, harness.entry, "guest")
    await dialog.submit(name="Wei", password="246810", valid_until="0001-01-01 00:00:00")
    assert dialog.now["errors"] == {"valid_until": "valid_until_past"}
    await add(hass, harness, valid_until="9999-12-31 23:59:59")
    for anywhere in ("America/Los_Angeles", "Pacific/Kiritimati"):
        await hass.config.async_set_time_zone(anywhere)
        await harness.stop()
        await harness.start()
        assert guest(harness).title.startswith("Wei (until 9999-12-")
    await harness.manage(
        "set_credential",
        person="Wei",
        credential_type="password",
        credential_data="135790",
        valid_until="9999-12-31T23:59:59-11:00",
    )
    assert sorted(passwords(harness)) == ["135790", "246810"]
    assert await harness.manage("get_history", start="0001-01-01", end="9999-12-31T23:59:59-11:00")


async def test_another_time_zone(hass: HomeAssistant, harness: LockHarness) -> None:
    """The list says when a guest's time ends on the clocks of the house."""
    await hass.config.async_update(time_zone="Asia/Shanghai")
    await add(hass, harness, valid_until="2099-01-01 12:00:00")
    await hass.config.async_update(time_zone="Europe/Berlin")
    await until(lambda: guest(harness).title == "Wei (until 2099-01-01 05:00)")


async def test_two_of_one_name(hass: HomeAssistant, harness: LockHarness) -> None:
    """Two who are added at the same time are not called the same."""
    await harness.put_to_sleep()
    dialogs = [await Dialog.open(hass, harness.entry, "guest") for _ in range(2)]
    for password, dialog in zip(("246810", "135790"), dialogs, strict=True):
        await dialog.submit(name="Wei", password=password, uses=1)
    await harness.wake()
    for dialog in dialogs:
        await dialog.done()
        if dialog.step == "enrolled":
            await dialog.choose("enrol_again")
            await dialog.done()
        assert dialog.step == "password_made"
    titles = sorted(one.title for one in harness.entry.subentries.values())
    assert titles == ["Wei (one use left)", "Wei 2 (one use left)"]


async def test_who_came(hass: HomeAssistant, harness: LockHarness) -> None:
    """A guest is called by name, and each use is counted in the list."""
    await add(hass, harness, uses=2)
    assert guest(harness).title == "Wei (2 uses left)"
    harness.driver.push_event((2, 1020), 2, PASSWORD, 2, 1, harness.driver.lock.time)
    await until(lambda: harness.state("sensor", "last_person") == "Wei")
    await until(lambda: guest(harness).title == "Wei (one use left)")
    harness.driver.push_event((2, 1020), 2, PASSWORD, 2, 1, harness.driver.lock.time + 1)
    await until(lambda: guest(harness).title == "Wei (ended)")
    await until(lambda: passwords(harness) == [] and set(inside(harness).types) == {0})


async def test_more_guests_than_are_remembered(
    hass: HomeAssistant, harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After years of guests the family is known, and a number of one who left is the next one's."""
    monkeypatch.setattr(user_registry, "REMEMBERED", 4)
    give(hass, harness.entry, "Ming")
    await harness.manage("set_credential", person="Ming", credential_type="nfc")
    numbers = []
    for number in range(6):
        await add(hass, harness, name=f"Guest {number}", uses=1)
        *_, newest = harness.entry.subentries.values()
        numbers.append(newest.data["credentials"][0]["operation_id"])
        if number < 5:
            await harness.manage("delete_credential", operation_id=numbers[-1])
    assert numbers == [2, 3, 4, 5, 2, 3]
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await dialog.done()
    assert dialog.says["who"].splitlines() == [
        "- **Ming**: NFC 1",
        "- **Guest 5**: one use left — Password 3",
    ]
    answer = await harness.manage("get_users")
    assert {one["user_name"] for one in answer["users"]} >= {"Ming", "Guest 5"}


async def test_the_time_has_come(
    hass: HomeAssistant, harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """The password and its user go, and the list says so."""
    await add(hass, harness, valid_until=in_hours(1))
    frozen.tick(3601)
    await harness.later(61)
    await until(lambda: passwords(harness) == [] and set(inside(harness).types) == {0})
    await until(lambda: guest(harness).title == "Wei (ended)")
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    assert dialog.step == "guest_ended"


async def test_the_time_has_come_for_a_lock_that_sleeps(
    hass: HomeAssistant, harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """Whoever still can open the door is not listed with a time that is over."""
    await add(hass, harness, valid_until=in_hours(1))
    await harness.put_to_sleep()
    frozen.tick(3601)
    await harness.later(61)
    await until(lambda: guest(harness).title == "Wei (to be deleted as soon as the lock wakes up)")
    assert passwords(harness) == ["246810"]
    await harness.wake()
    await until(lambda: guest(harness).title == "Wei (ended)")


async def test_deleted_elsewhere(
    hass: HomeAssistant, harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """A password that was deleted without a word is looked for once, and then counts as ended."""
    await add(hass, harness, valid_until=in_hours(1))
    inside(harness).credentials.clear()
    frozen.tick(3601)
    await harness.later(61)
    await until(lambda: guest(harness).title == "Wei (ended)")
    await harness.later(61)
    assert harness.acts.count(DELETE_CREDENTIAL) == 1


async def test_the_lock_was_reset(
    hass: HomeAssistant, harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """A guest ends with the lock's reset, and not what has the same number after it."""
    await add(hass, harness, valid_until=in_hours(1))
    users = inside(harness)
    users.credentials.clear()
    harness.driver.do("exception", LOCK_RESET)
    await until(lambda: guest(harness).title == "Wei (ended)")
    await until(lambda: not harness.known.expiries.known)
    users.types[5] = VISITOR
    users.credentials[1] = Credential(5, PASSWORD, "135790")
    await harness.manage("sync_credentials")
    frozen.tick(3601)
    await harness.later(61)
    assert users.credentials == {1: Credential(5, PASSWORD, "135790")}


async def test_the_clock_was_ahead(
    hass: HomeAssistant, harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """A password of a guest who was added by a wrong clock is deleted once, and then has ended."""
    frozen.tick(86_400)
    await add(hass, harness, uses=1)
    frozen.tick(-86_400)
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()
    assert dialog.step == "deleted"
    await harness.later(61)
    assert guest(harness).title == "Wei (ended)"
    assert harness.acts.count(DELETE_CREDENTIAL) == 1


async def test_users_of_others_stay(
    hass: HomeAssistant, neighbour: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """Where the lock cannot tell whose a user is, none is deleted with a guest's password."""
    users = inside(neighbour)
    users.types[1] = UserType.NORMAL
    users.credentials[40] = Credential(1, 2)
    await add(hass, neighbour, valid_until=in_hours(1))
    frozen.tick(3601)
    await neighbour.later(61)
    await until(lambda: guest(neighbour).title == "Wei (ended)")
    await neighbour.later(61)
    assert users.credentials == {40: Credential(1, 2)}
    assert 1 in users.types


async def test_user_who_got_more(
    hass: HomeAssistant, harness: LockHarness, frozen: FrozenDateTimeFactory
) -> None:
    """A guest's user who was given something at the lock, of which it told nothing, stays."""
    await add(hass, harness, valid_until=in_hours(1))
    users = inside(harness)
    [theirs] = {one.user for one in users.credentials.values()}
    users.credentials[40] = Credential(theirs, 2)
    frozen.tick(3601)
    await harness.later(61)
    await until(lambda: guest(harness).title == "Wei (ended)")
    await harness.later(61)
    assert users.credentials == {40: Credential(theirs, 2)}


async def test_change(hass: HomeAssistant, harness: LockHarness) -> None:
    """Name and end can be changed, and what is left is filled in."""
    await add(hass, harness)
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    assert dialog.options == ["change", "delete"]
    await dialog.choose("change")
    assert dialog.default("name") == "Wei"
    await dialog.submit(name="Wei Li", uses=3)
    assert dialog.step == "reconfigure_successful"
    assert guest(harness).title == "Wei Li (3 uses left)"
    await harness.stop()
    await harness.start()
    assert guest(harness).title == "Wei Li (3 uses left)"
    assert passwords(harness) == ["246810"]


async def test_deleted_while_it_is_changed(
    hass: HomeAssistant, harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is deleted while a change is written has ended, and is not said to go on."""
    await add(hass, harness)
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("change")
    save = harness.lock.coordinator.async_save

    async def deleted_now() -> None:
        monkeypatch.undo()
        await harness.manage("delete_credential", operation_id=1)
        await until(lambda: not harness.known.expiries.known)
        await save()

    monkeypatch.setattr(harness.lock.coordinator, "async_save", deleted_now)
    await dialog.submit(name="Wei", uses=3)
    assert dialog.step == "guest_ended"
    assert guest(harness).title == "Wei (ended)"


async def test_changed_while_it_is_deleted(hass: HomeAssistant, harness: LockHarness) -> None:
    """A guest whose password the lock is deleting is not said to be let in for longer."""
    await add(hass, harness)
    changing = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await changing.choose("change")
    held = faults.Held()
    harness.driver.simulator.cloud.disturb_next(held, "miotspec/action")
    [credential] = harness.known.expiries.known
    await harness.lock.expiry.async_expire(credential, 0)
    await until(lambda: held.waiting)
    changed = asyncio.create_task(changing.submit(name="Wei", valid_until=in_hours(48)))
    await asyncio.sleep(0)
    held.let_go()
    await changed
    assert changing.step == "guest_ended"
    assert guest(harness).title == "Wei (ended)"
    assert passwords(harness) == []


async def test_a_full_disk(
    hass: HomeAssistant, harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that cannot be written is none: the form says why, and the guest ends as before."""
    await add(hass, harness, uses=1)
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("change")
    with monkeypatch.context() as patch:
        patch.setattr(LockStore, "async_save", AsyncMock())
        await dialog.submit(name="Wei Li", uses=3)
    assert dialog.now["errors"] == {"base": "not_changed"}
    assert dialog.says["error"]
    assert guest(harness).title == "Wei (one use left)"
    harness.driver.push_event((2, 1020), 2, PASSWORD, 2, 1, harness.driver.lock.time + 1)
    await until(lambda: guest(harness).title == "Wei (ended)")
    await until(lambda: passwords(harness) == [])


async def test_given_to_somebody_else(hass: HomeAssistant, harness: LockHarness) -> None:
    """A guest whose password is another person's by now has nothing that could be changed."""
    give(hass, harness.entry, "Ming")
    await add(hass, harness, uses=1)
    await harness.manage(
        "assign_credential", person="Ming", credential_type="password", operation_id=1
    )
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    assert dialog.step == "guest_ended"


async def test_one_of_two_locks(hass: HomeAssistant, harness: LockHarness) -> None:
    """Whoever has two locks says which one a guest may open, and the other takes no password."""
    other = await harness.add_lock("Back door")
    dialog = await Dialog.open(hass, harness.entry, "guest")
    locks = dialog.labels("lock")
    assert locks == {"Front door": harness.driver.lock.did, "Back door": other.did}
    assert dialog.default("lock") == harness.driver.lock.did
    await dialog.submit(name="Wei", password="246810", uses=1, lock=locks["Back door"])
    await dialog.done()
    assert dialog.step == "password_made"
    assert passwords(harness) == []
    assert [one.text for one in other.users.credentials.values()] == ["246810"]


async def test_end_early(hass: HomeAssistant, harness: LockHarness) -> None:
    """One click and a confirmation end it; the activity tells whose password it was."""
    told = async_capture_events(hass, EVENT)
    await add(hass, harness)
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()
    assert dialog.step == "deleted"
    assert dialog.says == {"credential": "Wei’s password", "lock": "Front door"}
    assert passwords(harness) == []
    assert guest(harness).title == "Wei (ended)"
    assert [(one.data["type"], one.data["credential"]) for one in told] == [
        ("credential_added", "Wei’s password"),
        ("credential_ended", "Wei’s password"),
    ]


async def test_nothing_more_for_who_has_ended(hass: HomeAssistant, harness: LockHarness) -> None:
    """Actions give nothing to a guest who would never end again; what was is still theirs."""
    await add(hass, harness, uses=1)
    harness.driver.push_event((2, 1020), 2, PASSWORD, 2, 1, harness.driver.lock.time + 1)
    await until(lambda: guest(harness).title == "Wei (ended)")
    await until(lambda: passwords(harness) == [])
    for action, fields in (
        ("set_credential", {"credential_type": "password", "credential_data": "135790"}),
        ("assign_credential", {"credential_type": "fingerprint", "operation_id": 7}),
    ):
        with pytest.raises(ServiceValidationError) as raised:
            await harness.manage(action, person="Wei", **fields)
        assert raised.value.translation_key == "guest_ended"
    assert passwords(harness) == []
    history = await harness.manage("get_history", person="Wei")
    assert [event["person"] for event in history["history"]] == ["Wei"]


@pytest.fixture
async def back_door(hass: HomeAssistant, harness: LockHarness) -> LockHarness:
    """Return another lock of the entry, of which Wei has a password until 2031 or two uses."""
    driver = harness.driver
    other = LockDriver(driver.simulation, driver.account, await harness.add_lock("Back door"))
    await add(hass, harness, valid_until="2030-01-01 12:00:00")
    back_door = LockHarness(hass, other, harness.entry)
    await back_door.manage(
        "set_credential",
        person="Wei",
        credential_type="password",
        credential_data="135790",
        valid_until="2031-01-01 12:00:00",
        uses=2,
    )
    return back_door


async def end(hass: HomeAssistant, harness: LockHarness) -> None:
    """End what the guest has that is shown."""
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()


async def test_credentials_of_two_locks(
    hass: HomeAssistant,
    harness: LockHarness,
    back_door: LockHarness,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first end is shown until that credential has ended, then the other one's."""
    title = "Wei (until 2030-01-01 12:00)"
    assert guest(harness).title == title
    driver, other = harness.driver, back_door.driver
    driver.push_event((2, 1020), 2, PASSWORD, 2, 1, driver.lock.time)
    await harness.reached()
    other.push_event((2, 1020), 2, PASSWORD, 2, 1, other.lock.time + 1)
    await until(lambda: back_door.state("sensor", "last_operation_id") == "1")
    assert guest(harness).title == title
    await harness.stop()
    await harness.start()
    assert guest(harness).title == title
    await end(hass, harness)
    assert passwords(harness) == []
    assert guest(harness).title == "Wei (until 2031-01-01 12:00, one use left)"
    other.push_event((2, 1020), 2, PASSWORD, 2, 1, other.lock.time + 9)
    await until(lambda: guest(harness).title == "Wei (ended)")
    await until(lambda: passwords(back_door) == [])
    assert "RecursionError" not in caplog.text


async def test_one_of_two_locks_is_lost(
    hass: HomeAssistant, harness: LockHarness, back_door: LockHarness, hass_storage: Storage
) -> None:
    """What was kept of one lock is restored although the other one has nothing of theirs left."""
    await end(hass, harness)
    left = "Wei (until 2031-01-01 12:00, 2 uses left)"
    assert guest(harness).title == left
    await harness.stop()
    hass_storage.pop(stored_key(back_door.driver))
    await harness.start()
    assert guest(harness).title == left
    await end(hass, harness)
    assert passwords(back_door) == []
    assert guest(harness).title == "Wei (ended)"


async def test_one_of_two_locks_is_no_longer_chosen(
    hass: HomeAssistant, harness: LockHarness, back_door: LockHarness
) -> None:
    """The guest has ended with what they have of the lock that is left."""
    data = harness.driver.account_data(harness.driver.lock)
    hass.config_entries.async_update_entry(harness.entry, data=data)
    await harness.stop()
    await harness.start()
    await end(hass, harness)
    assert passwords(harness) == []
    assert guest(harness).title == "Wei (ended)"


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "not loaded"])
async def test_removed(hass: HomeAssistant, harness: LockHarness, loaded: bool) -> None:
    """With the guest goes the password, whenever the lock can be reached."""
    told = async_capture_events(hass, EVENT)
    await add(hass, harness)
    await harness.put_to_sleep()
    if not loaded:
        await harness.stop()
    hass.config_entries.async_remove_subentry(harness.entry, guest(harness).subentry_id)
    await harness.stop()
    await harness.start()
    assert passwords(harness) == ["246810"]
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await dialog.done()
    assert "is deleted as soon as the lock wakes up" in dialog.says["who"]
    harness.driver.do("wake")
    await until(lambda: passwords(harness) == [] and set(inside(harness).types) == {0})
    ended = [one.data["credential"] for one in told if one.data["type"] == "credential_ended"]
    assert ended == ["Wei’s password"]


async def test_the_entry_is_removed(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, harness: LockHarness
) -> None:
    """Nobody ends the password any more, which is said until it is read."""
    await add(hass, harness)
    give(hass, harness.entry, "Ming")
    await harness.manage("set_credential", person="Ming", credential_type="nfc", uses=3)
    await hass.config_entries.async_remove(harness.entry.entry_id)
    assert "246810" in passwords(harness)
    issue = harness.issue("left_behind", of_lock=True)
    assert issue
    assert issue.translation_placeholders == {"lock": "Front door", "credentials": "Wei, NFC 2"}
    assert (await fix(hass, hass_client, issue))["type"] == "create_entry"
    assert harness.issue("left_behind", of_lock=True) is None


async def test_the_entry_is_removed_after_the_end(
    hass: HomeAssistant, harness: LockHarness
) -> None:
    """What has ended stays nowhere, and nothing is said."""
    await add(hass, harness)
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()
    assert dialog.step == "deleted"
    await hass.config_entries.async_remove(harness.entry.entry_id)
    assert harness.issue("left_behind", of_lock=True) is None


async def test_stored_data_is_lost(
    hass: HomeAssistant, harness: LockHarness, hass_storage: Storage
) -> None:
    """A guest's password ends even if what was kept of the lock is gone."""
    await add(hass, harness, uses=1)
    await harness.stop()
    hass_storage.pop(stored_key(harness.driver))
    await harness.start()
    assert guest(harness).title == "Wei (one use left)"
    harness.driver.push_event((2, 1020), 2, PASSWORD, 2, 1, harness.driver.lock.time + 1)
    await until(lambda: passwords(harness) == [])


async def test_a_refusal(hass: HomeAssistant, harness: LockHarness) -> None:
    """A password that the lock does not take leaves no guest, and no user."""
    await harness.manage("set_user", user_id=9)
    await harness.manage(
        "set_credential", user_id=9, credential_type="password", credential_data="246810"
    )
    dialog = await add(hass, harness)
    assert dialog.step == "enrolled"
    assert dialog.options == ["enrol_again", "enter_again", "give_up"]
    assert "has that credential already" in dialog.says["error"]
    await dialog.choose("give_up")
    assert list(harness.entry.subentries.values()) == []
    assert set(inside(harness).types) == {0, 9}

    dialog = await add(hass, harness, uses=3)
    await dialog.choose("enter_again")
    assert dialog.step == "user"
    assert [dialog.default(key) for key in ("name", "password", "uses")] == ["Wei", "246810", 3]
    await dialog.submit(name="Wei", password="135790", uses=3)
    await dialog.done()
    assert dialog.step == "password_made"
    assert guest(harness).title == "Wei (3 uses left)"
