"""Enrolling, renaming and deleting what a person opens the door with, by clicking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from tests.enrolment import inside, show
from tests.flows.dialog import Dialog
from tests.lock_driver import until
from tests.people import give, person

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.lock_harness import LockHarness

pytestmark = pytest.mark.usefixtures("quick_browser")

FINGER_WET = 1004
FAILURE = 1
FINGERPRINT = 2
PASSWORD = 3
DURESS = 9


async def expecting(harness: LockHarness) -> None:
    """Wait until the lock expects a finger."""
    await until(lambda: inside(harness).enrolment)


def held(harness: LockHarness) -> dict[int, tuple[int, int]]:
    """Return user and method of each credential in the lock itself, by operation id."""
    return {number: (one.user, one.method) for number, one in inside(harness).credentials.items()}


async def opened(hass: HomeAssistant, harness: LockHarness, name: str = "Ming") -> Dialog:
    """Open the dialog of a person."""
    return await Dialog.open(hass, harness.entry, "person", person(harness.entry, name))


async def test_a_person_with_a_finger(hass: HomeAssistant, harness: LockHarness) -> None:
    """One dialog adds a person and enrolls a finger, step by step, without a number."""
    dialog = await Dialog.open(hass, harness.entry, "person")
    assert dialog.step == "nothing_known"
    await dialog.submit(name="Ming", credential_type="fingerprint")
    assert dialog.step == "enrol"
    await expecting(harness)
    await dialog.shows("Put the finger on the fingerprint sensor of the lock now.")
    show(harness, FINGER_WET)
    await dialog.shows("The finger is wet. Dry it, and try again.")
    show(harness, 0)
    await dialog.shows("Lift the finger, and put it down again. (1 of 5)")
    show(harness, 0)
    await dialog.shows("(2 of 5)")
    show(harness, 0, 0, 0)
    await dialog.done()
    assert dialog.step == "has_it"
    await dialog.choose("finish")
    assert dialog.step == "enrolled"
    assert held(harness) == {1: (1, FINGERPRINT)}
    dialog = await opened(hass, harness)
    assert dialog.says["credentials"] == "- Fingerprint 1"
    harness.driver.push_event((2, 1020), 2, FINGERPRINT, 2, 1, harness.driver.lock.time)
    await until(lambda: harness.state("sensor", "last_person") == "Ming")


async def test_at_one_of_two_locks(hass: HomeAssistant, harness: LockHarness) -> None:
    """Whoever adds a person at an entry of two locks says at which of them they stand."""
    other = await harness.add_lock("Back door")
    dialog = await Dialog.open(hass, harness.entry, "person")
    await dialog.submit(name="Ming", credential_type="nfc")
    assert dialog.step == "add"
    assert dialog.default("credential_type") == "nfc"
    await dialog.submit(credential_type="nfc", lock=dialog.labels("lock")["Back door"])
    await dialog.done()
    assert dialog.step == "has_it"
    assert inside(harness).credentials == {}
    assert list(other.users.credentials) == [1]
    [card] = person(harness.entry, "Ming").data["credentials"]
    assert card["did"] == other.did


async def test_another_one_with_a_name(hass: HomeAssistant, harness: LockHarness) -> None:
    """What is added is of the same user, listed by its name, and told in the activity."""
    give(hass, harness.entry, "Ming")
    told = async_capture_events(hass, EVENT)
    for name in ("right thumb", "left thumb"):
        dialog = await opened(hass, harness)
        await dialog.choose("add")
        await dialog.submit(credential_type="fingerprint", credential_name=f" {name} ")
        await expecting(harness)
        show(harness, *5 * [0])
        await dialog.done()
        assert dialog.step == "has_it"
    assert held(harness) == {1: (1, FINGERPRINT), 2: (1, FINGERPRINT)}
    dialog = await opened(hass, harness)
    assert set(dialog.says["credentials"].splitlines()) == {"- right thumb", "- left thumb"}
    assert [(one.data["type"], one.data["credential"]) for one in told] == [
        ("credential_added", "Ming’s right thumb"),
        ("credential_added", "Ming’s left thumb"),
    ]


async def test_one_after_the_other(hass: HomeAssistant, harness: LockHarness) -> None:
    """What was enrolled is followed by another one; a browser may ask twice where it has got to."""
    dialog = await Dialog.open(hass, harness.entry, "person")
    await dialog.submit(name="Ming", credential_type="fingerprint")
    await expecting(harness)
    show(harness, *5 * [0])
    await dialog.done()
    await dialog.look()
    assert dialog.step == "has_it"
    assert dialog.options == ["add", "finish"]
    await dialog.choose("add")
    await dialog.submit(credential_type="nfc", credential_name="white card")
    await dialog.done()
    assert dialog.step == "has_it"
    dialog.close()
    dialog = await opened(hass, harness)
    assert set(dialog.says["credentials"].splitlines()) == {"- Fingerprint 1", "- white card"}


async def test_a_password_is_shown_once(hass: HomeAssistant, harness: LockHarness) -> None:
    """It is made up, can be another, and is to be read until the dialog is closed."""
    give(hass, harness.entry, "Ming")
    dialog = await opened(hass, harness)
    await dialog.choose("add")
    await dialog.submit(credential_type="password")
    made_up = dialog.default("password")
    assert made_up.isdigit()
    assert len(made_up) == 8
    await dialog.submit(password="12")
    assert dialog.now["errors"] == {"password": "password_rules"}
    assert dialog.says == {"least": "6", "most": "10"}
    await dialog.submit(password=made_up)
    await dialog.done()
    assert dialog.step == "password_made"
    assert dialog.default("password") == made_up
    assert [one.text for one in inside(harness).credentials.values()] == [made_up]
    await dialog.submit()
    assert dialog.step == "enrolled"


async def test_a_password_that_the_lock_has_already(
    hass: HomeAssistant, harness: LockHarness
) -> None:
    """Another one can be chosen; to try the same again would not help."""
    give(hass, harness.entry, "Ming")
    for first in (True, False):
        dialog = await opened(hass, harness)
        await dialog.choose("add")
        await dialog.submit(credential_type="password")
        await dialog.submit(password="246810")
        await dialog.done()
        assert dialog.step == ("password_made" if first else "enrolled")
        if first:
            await dialog.submit()
    assert "has that credential already" in dialog.says["error"]
    await dialog.choose("enter_again")
    assert dialog.step == "password"
    await dialog.submit(password="135790")
    await dialog.done()
    assert dialog.step == "password_made"
    assert {one.text for one in inside(harness).credentials.values()} == {"246810", "135790"}


async def test_duress_is_called_a_fingerprint(hass: HomeAssistant, harness: LockHarness) -> None:
    """Once it is there, nothing tells it from another, in no list."""
    give(hass, harness.entry, "Ming")
    dialog = await opened(hass, harness)
    await dialog.choose("add")
    await dialog.submit(credential_type="duress_fingerprint")
    await expecting(harness)
    await dialog.shows("Put the finger on")
    show(harness, *5 * [0])
    await dialog.done()
    assert held(harness) == {1: (1, DURESS)}
    dialog = await opened(hass, harness)
    assert dialog.says["credentials"] == "- Fingerprint 1"


async def test_a_lock_that_sleeps(hass: HomeAssistant, harness: LockHarness) -> None:
    """The dialog says to touch it, and goes on by itself when it wakes."""
    give(hass, harness.entry, "Ming")
    await harness.put_to_sleep()
    dialog = await opened(hass, harness)
    await dialog.choose("add")
    await dialog.submit(credential_type="fingerprint")
    await dialog.shows("Touch the lock, so that it wakes up.")
    harness.driver.do("wake")
    await expecting(harness)
    await dialog.shows("Put the finger on")
    show(harness, *5 * [0])
    await dialog.done()
    assert dialog.step == "has_it"


async def test_a_failure_can_be_tried_again(hass: HomeAssistant, harness: LockHarness) -> None:
    """It says why, leaves nothing at the lock, and is one click from the next attempt."""
    give(hass, harness.entry, "Ming")
    dialog = await opened(hass, harness)
    await dialog.choose("add")
    await dialog.submit(credential_type="fingerprint")
    await expecting(harness)
    show(harness, 0, FAILURE)
    await dialog.done()
    assert dialog.options == ["enrol_again", "give_up"]
    assert dialog.says == {"error": "Front door could not enroll the credential. Try again"}
    await until(lambda: held(harness) == {} and set(inside(harness).types) == {0})
    await dialog.choose("enrol_again")
    await expecting(harness)
    show(harness, *5 * [0])
    await dialog.done()
    assert dialog.step == "has_it"
    assert len(held(harness)) == 1


async def test_closing_the_dialog_cancels(hass: HomeAssistant, harness: LockHarness) -> None:
    """The lock no longer waits for a finger, and has neither it nor a user for it."""
    give(hass, harness.entry, "Ming")
    dialog = await opened(hass, harness)
    await dialog.choose("add")
    await dialog.submit(credential_type="fingerprint")
    await expecting(harness)
    dialog.close()
    await until(lambda: inside(harness).enrolment is None and set(inside(harness).types) == {0})
    assert held(harness) == {}


async def test_rename_and_delete(hass: HomeAssistant, harness: LockHarness) -> None:
    """A credential gets a name, is deleted at the lock, and opens nothing any more."""
    give(hass, harness.entry, "Ming")
    await harness.manage("set_credential", person="Ming", credential_type="nfc")
    dialog = await opened(hass, harness)
    await dialog.choose("choose")
    labels = dialog.labels("credential")
    assert list(labels) == ["NFC 1"]
    assert dialog.says == {"name": "Ming"}
    await dialog.submit(credential=labels["NFC 1"])
    assert dialog.options == ["rename", "delete"]
    await dialog.choose("rename")
    assert dialog.says["without"] == "NFC 1"
    await dialog.submit(name=" ")
    assert dialog.now["errors"] == {"name": "no_name"}
    await dialog.submit(name="white card")
    assert dialog.step == "renamed"
    assert dialog.says["credential"] == "white card"

    dialog = await opened(hass, harness)
    assert dialog.says["credentials"] == "- white card"
    await dialog.choose("choose")
    await dialog.submit(credential=dialog.labels("credential")["white card"])
    await dialog.choose("delete")
    assert dialog.says == {"credential": "white card", "lock": "Front door"}
    await dialog.submit()
    await dialog.done()
    assert dialog.step == "deleted"
    assert dialog.says == {"credential": "white card", "lock": "Front door"}
    assert held(harness) == {}
    assert (await opened(hass, harness)).step == "without_credential"


async def test_a_name_goes_again(hass: HomeAssistant, harness: LockHarness) -> None:
    """Without a name, a credential is called what it is; the dialog says so."""
    give(hass, harness.entry, "Ming")
    await harness.manage("set_credential", person="Ming", credential_type="nfc")
    for name, outcome, called in (("blue", "renamed", "blue"), ("", "name_removed", "NFC 1")):
        dialog = await opened(hass, harness)
        await dialog.choose("choose")
        [chosen] = dialog.labels("credential").values()
        await dialog.submit(credential=chosen)
        await dialog.choose("rename")
        await dialog.submit(name=name)
        assert dialog.step == outcome
        assert dialog.says["credential"] == called
        assert (await opened(hass, harness)).says["credentials"] == f"- {called}"


async def test_deleted_once_the_lock_wakes(hass: HomeAssistant, harness: LockHarness) -> None:
    """A lost card is written down at once, said to open still, and deleted when that works."""
    give(hass, harness.entry, "Ming")
    await harness.manage("set_credential", person="Ming", credential_type="nfc")
    await harness.put_to_sleep()
    dialog = await opened(hass, harness)
    await dialog.choose("choose")
    await dialog.submit(credential=dialog.labels("credential")["NFC 1"])
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()
    assert dialog.step == "deleted_later"
    assert dialog.says == {"credential": "NFC 1", "lock": "Front door"}
    assert held(harness) != {}
    dialog = await opened(hass, harness)
    assert dialog.says["credentials"] == "- NFC 1 · is deleted as soon as the lock wakes up"
    await harness.stop()
    await harness.start()
    harness.driver.do("wake")
    await until(lambda: held(harness) == {})


async def test_names_with_markup(hass: HomeAssistant, harness: LockHarness) -> None:
    """A name is text: as it is in a title, and escaped where Markdown is shown."""
    ming = give(hass, harness.entry, "~Ming~", (FINGERPRINT, 30))
    dialog = await Dialog.open(hass, harness.entry, "person", ming)
    await dialog.choose("choose")
    await dialog.submit(credential=next(iter(dialog.labels("credential").values())))
    await dialog.choose("rename")
    await dialog.submit(name="#\u202e thumb\n")
    dialog = await Dialog.open(hass, harness.entry, "person", ming)
    assert dialog.says == {
        "title": "~Ming~",
        "name": r"\~Ming\~",
        "credentials": r"- \# thumb",
    }
