"""Dialogs that are open while the entry is unloaded, or while whom they are about is removed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.xiaomi_smart_lock.flows import live_enrolment
from simulator.users import Credential as Held
from tests.enrolment import inside, show
from tests.flows.dialog import Dialog
from tests.lock_driver import until
from tests.people import give, person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.config_entries import ConfigSubentry
    from homeassistant.core import HomeAssistant

    from tests.lock_harness import LockHarness

pytestmark = pytest.mark.usefixtures("quick_browser")

FINGERPRINT = 2
FAILURE = 1
PASSWORD = {"password": "246810"}

type Way = tuple[str | dict[str, Any], ...]
"""What is chosen and submitted, in order."""

ADD: Way = ("add",)
MANAGE: Way = ("choose", {"credential": 0})
OF_PERSON: dict[str, Way] = {
    "add": (*ADD, {"credential_type": "fingerprint"}),
    "password": (*ADD, {"credential_type": "password"}, PASSWORD),
    "choose": MANAGE,
    "rename": (*MANAGE, "rename", {"name": "thumb"}),
    "delete": (*MANAGE, "delete", {}),
    "details": ("details", {"name": "Ming"}),
}
OF_GUEST: dict[str, Way] = {
    "change": ("change", {"name": "Wei", "uses": 2}),
    "delete": ("delete", {}),
}


async def go(dialog: Dialog, *way: str | dict[str, Any]) -> None:
    """Go on in a dialog; a credential is chosen by its place in the list."""
    for one in way:
        if isinstance(one, str):
            await dialog.choose(one)
        elif "credential" in one:
            await dialog.submit(credential=next(iter(dialog.labels("credential").values())))
        else:
            await dialog.submit(**one)


async def of_person(hass: HomeAssistant, harness: LockHarness) -> tuple[Dialog, ConfigSubentry]:
    """Open the dialog of a person who has a fingerprint."""
    ming = give(hass, harness.entry, "Ming", (FINGERPRINT, 30))
    return await Dialog.open(hass, harness.entry, "person", ming), ming


async def of_guest(hass: HomeAssistant, harness: LockHarness) -> tuple[Dialog, ConfigSubentry]:
    """Open the dialog of a guest who may open the door once."""
    dialog = await Dialog.open(hass, harness.entry, "guest")
    await dialog.submit(name="Wei", uses=1, **PASSWORD)
    await dialog.done()
    await dialog.submit()
    [wei] = [one for one in harness.entry.subentries.values() if one.subentry_type == "guest"]
    return await Dialog.open(hass, harness.entry, "guest", wei), wei


type Open = Callable[[HomeAssistant, LockHarness], Awaitable[tuple[Dialog, ConfigSubentry]]]
"""How the dialog of somebody is opened, who is returned too."""


@pytest.mark.parametrize("way", OF_PERSON.values(), ids=OF_PERSON)
async def test_unloaded_person(hass: HomeAssistant, harness: LockHarness, way: Way) -> None:
    """Each step says that there is no connection."""
    dialog, _ = await of_person(hass, harness)
    *before, last = way
    await go(dialog, *before)
    await harness.stop()
    await go(dialog, last)
    assert dialog.step == "entry_not_loaded"


@pytest.mark.parametrize("way", OF_GUEST.values(), ids=OF_GUEST)
async def test_unloaded_guest(hass: HomeAssistant, harness: LockHarness, way: Way) -> None:
    """Nothing of a guest is changed then, and that is said."""
    dialog, wei = await of_guest(hass, harness)
    *before, last = way
    await go(dialog, *before)
    await harness.stop()
    await go(dialog, last)
    assert dialog.step == "entry_not_loaded"
    assert wei.title == "Wei (one use left)"


@pytest.mark.parametrize("kind", ["person", "guest", "who_may_open"])
async def test_begun_unloaded(hass: HomeAssistant, harness: LockHarness, kind: str) -> None:
    """A dialog that is opened without a connection says so, instead of asking in vain."""
    await harness.stop()
    assert (await Dialog.open(hass, harness.entry, kind)).step == "entry_not_loaded"


@pytest.mark.parametrize("whose", [of_person, of_guest])
async def test_opened_unloaded(hass: HomeAssistant, harness: LockHarness, whose: Open) -> None:
    """That holds for who is there already, too."""
    _, theirs = await whose(hass, harness)
    await harness.stop()
    dialog = await Dialog.open(hass, harness.entry, theirs.subentry_type, theirs)
    assert dialog.step == "entry_not_loaded"


async def test_unloaded_while_the_lock_sleeps(hass: HomeAssistant, harness: LockHarness) -> None:
    """Whoever is on the way to the lock then is not left with progress that never ends."""
    dialog, ming = await of_person(hass, harness)
    await harness.put_to_sleep()
    await go(dialog, "add", {"credential_type": "fingerprint"})
    await dialog.shows("Touch the lock")
    await harness.stop()
    await dialog.done()
    assert dialog.step == "entry_not_loaded"
    assert [held["operation_id"] for held in ming.data["credentials"]] == [30]
    assert inside(harness).enrolment is None


async def test_nobody_wakes_the_lock(
    hass: HomeAssistant, harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is said, and asked for again, after a while; the lock is asked for nothing meanwhile."""
    monkeypatch.setattr(live_enrolment, "WAKES_WITHIN", 0)
    dialog, _ = await of_person(hass, harness)
    await harness.put_to_sleep()
    harness.acts.clear()
    await go(dialog, "add", {"credential_type": "fingerprint"})
    await dialog.done()
    assert dialog.step == "enrolled"
    assert dialog.options == ["enrol_again", "give_up"]
    assert "asleep" in dialog.says["error"]
    assert harness.acts == []
    await dialog.choose("give_up")
    assert dialog.step == "not_enrolled"


async def test_unloaded_look(hass: HomeAssistant, harness: LockHarness) -> None:
    """The look at who may open the door is not at what is gone."""
    await of_person(hass, harness)
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await dialog.done()
    await harness.stop()
    await go(dialog, {"credential": 0})
    assert dialog.step == "entry_not_loaded"


@pytest.mark.parametrize("way", OF_PERSON.values(), ids=OF_PERSON)
async def test_removed_person(hass: HomeAssistant, harness: LockHarness, way: Way) -> None:
    """Nobody who was removed gets anything, and no step fails."""
    dialog, ming = await of_person(hass, harness)
    *before, last = way
    await go(dialog, *before)
    hass.config_entries.async_remove_subentry(harness.entry, ming.subentry_id)
    await go(dialog, last)
    if dialog.step == "deleting":
        await dialog.done()
    assert dialog.step in ("removed", "renamed", "not_deleted")
    assert not inside(harness).credentials


@pytest.mark.parametrize("way", OF_GUEST.values(), ids=OF_GUEST)
async def test_removed_guest(hass: HomeAssistant, harness: LockHarness, way: Way) -> None:
    """Nothing that is still open gives a removed guest their password back."""
    dialog, wei = await of_guest(hass, harness)
    *before, last = way
    await go(dialog, *before)
    hass.config_entries.async_remove_subentry(harness.entry, wei.subentry_id)
    await go(dialog, last)
    await until(lambda: not inside(harness).credentials)


async def test_chosen_when_it_is_gone(hass: HomeAssistant, harness: LockHarness) -> None:
    """A credential that was given to somebody else while the list was open is not managed."""
    ming = give(hass, harness.entry, "Ming", (FINGERPRINT, 30), (FINGERPRINT, 31))
    give(hass, harness.entry, "Li")
    dialog = await Dialog.open(hass, harness.entry, "person", ming)
    await go(dialog, "choose")
    [first, _] = dialog.labels("credential").values()
    await harness.manage(
        "assign_credential", person="Li", credential_type="fingerprint", operation_id=30
    )
    await dialog.submit(credential=first)
    assert dialog.now["errors"] == {"credential": "credential_taken"}
    assert list(dialog.labels("credential")) == ["Fingerprint 31"]


async def test_looked_at_when_it_is_gone(hass: HomeAssistant, harness: LockHarness) -> None:
    """What was deleted while the look was open is said to be gone, and is not there any more."""
    await harness.manage("set_user", user_id=5)
    for _ in range(2):
        await harness.manage("set_credential", user_id=5, credential_type="nfc")
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await dialog.done()
    chosen = dialog.labels("credential")["Nobody’s: NFC 1"]
    await harness.manage("delete_credential", user_id=5, operation_id=1)
    await until(lambda: 1 not in inside(harness).credentials)
    await dialog.submit(credential=chosen)
    assert dialog.now["errors"] == {"credential": "credential_taken"}
    assert list(dialog.labels("credential")) == ["Nobody’s: NFC 2"]


async def test_changed_when_it_has_ended(hass: HomeAssistant, harness: LockHarness) -> None:
    """A guest whose password was used up while the dialog was open is not changed."""
    dialog, wei = await of_guest(hass, harness)
    await harness.manage("delete_credential", operation_id=1)
    await until(lambda: not harness.known.expiries.known)
    await dialog.choose("change")
    assert dialog.step == "guest_ended"
    await until(lambda: wei.title == "Wei (ended)")


async def test_given_to_somebody_removed(hass: HomeAssistant, harness: LockHarness) -> None:
    """Whoever was removed while it was asked whose something is, is not given it."""
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_credential", user_id=5, credential_type="nfc")
    ming = give(hass, harness.entry, "Ming")
    give(hass, harness.entry, "Li")
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await dialog.done()
    await dialog.submit(credential=dialog.labels("credential")["Nobody’s: NFC 1"])
    await dialog.choose("who_is_it")
    hass.config_entries.async_remove_subentry(harness.entry, ming.subentry_id)
    await dialog.submit(person=ming.subentry_id)
    assert dialog.now["errors"] == {"base": "nobody_chosen"}
    await dialog.submit(person=dialog.labels("person")["Li"])
    assert dialog.step == "given"


async def test_again_after_a_reload(hass: HomeAssistant, harness: LockHarness) -> None:
    """What is tried again after a reload does not ask what is no longer there."""
    dialog, _ = await of_person(hass, harness)
    await go(dialog, "add", {"credential_type": "fingerprint"})
    await until(lambda: inside(harness).enrolment)
    show(harness, FAILURE)
    await dialog.done()
    await harness.stop()
    await harness.start()
    harness.acts.clear()
    await dialog.choose("enrol_again")
    assert dialog.step == "entry_not_loaded"
    assert harness.acts == []


async def test_a_lock_that_is_not_there(hass: HomeAssistant, harness: LockHarness) -> None:
    """A guest of a lock that cannot be managed now is not said to have ended."""
    _, wei = await of_guest(hass, harness)
    other = [{**one, "did": "another"} for one in wei.data["credentials"]]
    data = {**wei.data, "credentials": other}
    hass.config_entries.async_update_subentry(harness.entry, wei, data=data)
    dialog = await Dialog.open(hass, harness.entry, "guest", wei)
    assert dialog.step == "entry_not_loaded"


async def test_closed_at_the_last_moment(
    hass: HomeAssistant, harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was confirmed when the dialog was closed is somebody's, or it is deleted."""
    give(hass, harness.entry, "Li", (FINGERPRINT, 30))
    await harness.manage("set_user", user_id=5)
    inside(harness).credentials[30] = Held(5, FINGERPRINT)
    await harness.manage("sync_credentials")
    dialog = await Dialog.open(hass, harness.entry, "person", person(harness.entry, "Li"))
    save = harness.lock.coordinator.async_save
    closed: list[Dialog] = []

    async def closed_now() -> None:
        if len(inside(harness).credentials) > 1 and not closed:
            closed.append(dialog)
            dialog.close()
            await asyncio.sleep(0)  # A disk takes its time.
        await save()

    await go(dialog, "add", {"credential_type": "password"})
    monkeypatch.setattr(harness.lock.coordinator, "async_save", closed_now)
    await go(dialog, PASSWORD)
    await until(lambda: closed)
    await until(lambda: set(inside(harness).credentials) == {30})
    await until(lambda: not harness.known.expiries.known)
