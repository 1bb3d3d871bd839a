"""Dialogs that show what is true no more: something else has changed it while they were open."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.dialog import Dialog
from tests.flows.guests import add, guest, in_hours, passwords
from tests.lock_driver import until
from tests.people import give, person

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.core import HomeAssistant

    from tests.lock_harness import LockHarness

pytestmark = pytest.mark.usefixtures("quick_browser")

FINGERPRINT = 2
PASSWORD = 3
NFC = 4


async def change(hass: HomeAssistant, harness: LockHarness) -> Dialog:
    """Open the form that changes the guest."""
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("change")
    return dialog


@pytest.mark.parametrize("credentials", [0, 1])
async def test_enrolled_meanwhile(
    hass: HomeAssistant, harness: LockHarness, credentials: int
) -> None:
    """Who is renamed keeps a card that was enrolled while the form was open."""
    theirs = [(FINGERPRINT, 30)][:credentials]
    ming = give(hass, harness.entry, "Ming", *theirs)
    stale = await Dialog.open(hass, harness.entry, "person", ming)
    await stale.choose("details")
    other = await Dialog.open(hass, harness.entry, "person", ming)
    await other.choose("add")
    await other.submit(credential_type="nfc")
    await other.done()
    assert other.step == "has_it"
    kept = {"credentials": list(stale.labels("credentials").values())} if theirs else {}
    await stale.submit(name="Xiao Ming", **kept)
    assert stale.step == "reconfigure_successful"
    held = person(harness.entry, "Xiao Ming").data["credentials"]
    assert {(one["method"], one["operation_id"]) for one in held} == {*theirs, (NFC, 1)}


async def test_used_meanwhile(hass: HomeAssistant, harness: LockHarness) -> None:
    """Who only renames a guest gives back none of the uses that were counted meanwhile."""
    await add(hass, harness, uses=3)
    dialog = await change(hass, harness)
    harness.driver.push_event((2, 1020), 2, PASSWORD, 2, 1, harness.driver.lock.time + 1)
    await until(lambda: guest(harness).title == "Wei (2 uses left)")
    await dialog.submit(name="Wei Li", uses=3)
    assert guest(harness).title == "Wei Li (2 uses left)"
    dialog = await change(hass, harness)
    await dialog.submit(name="Wei Li", uses=3)
    assert guest(harness).title == "Wei Li (3 uses left)"


async def test_ended_meanwhile(hass: HomeAssistant, harness: LockHarness) -> None:
    """A guest who was ended at a lock that sleeps is not let in again by another open form."""
    await add(hass, harness)
    stale = await change(hass, harness)
    other = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await other.choose("delete")
    await harness.put_to_sleep()
    await other.submit()
    await other.done()
    assert other.step == "deleted_later"
    await stale.submit(name="Wei Li", valid_until=stale.default("valid_until"))
    assert guest(harness).title == "Wei Li (to be deleted as soon as the lock wakes up)"
    harness.driver.do("wake")
    await until(lambda: passwords(harness) == [])


async def test_let_in_again(hass: HomeAssistant, harness: LockHarness) -> None:
    """Another time that is entered then is meant, and the password stays."""
    await add(hass, harness)
    await harness.put_to_sleep()
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()
    dialog = await change(hass, harness)
    until_when = in_hours(24)
    await dialog.submit(name="Wei", valid_until=until_when)
    assert guest(harness).title == f"Wei (until {until_when[:16]})"
    await harness.wake()
    assert passwords(harness) == ["246810"]


async def test_an_hour_that_is_there_twice(hass: HomeAssistant, harness: LockHarness) -> None:
    """Renaming a guest who leaves in the second of two such hours shifts nothing."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    await add(hass, harness)
    known = harness.known.expiries.known
    [credential] = known
    second = 1824946200.0  # 2027-10-31 02:30, after the clocks went back
    await harness.lock.expiry.async_change(credential, lambda expiry: expiry.until(second))
    dialog = await change(hass, harness)
    assert dialog.default("valid_until") == "2027-10-31 02:30:00"
    await dialog.submit(name="Wei Li", valid_until=dialog.default("valid_until"))
    assert known[credential].due == second


async def of_person(hass: HomeAssistant, harness: LockHarness) -> Dialog:
    """Choose the card of a person, in the dialog of that person."""
    ming = give(hass, harness.entry, "Ming")
    await harness.manage("set_credential", person="Ming", credential_type="nfc")
    dialog = await Dialog.open(hass, harness.entry, "person", ming)
    await dialog.choose("choose")
    [card] = dialog.labels("credential").values()
    await dialog.submit(credential=card)
    return dialog


async def of_nobody(hass: HomeAssistant, harness: LockHarness) -> Dialog:
    """Choose a card of nobody in the look at who may open the door."""
    give(hass, harness.entry, "Ming")
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_credential", user_id=5, credential_type="nfc")
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await dialog.done()
    [card] = dialog.labels("credential").values()
    await dialog.submit(credential=card)
    return dialog


@pytest.mark.parametrize(
    ("chosen", "option", "fields"),
    [
        (of_person, "rename", {"name": "white card"}),
        (of_person, "delete", {}),
        (of_nobody, "who_is_it", {"name": "Li"}),
        (of_nobody, "delete", {}),
    ],
)
@pytest.mark.parametrize("early", [True, False])
async def test_deleted_meanwhile(
    hass: HomeAssistant,
    harness: LockHarness,
    chosen: Callable[[HomeAssistant, LockHarness], Awaitable[Dialog]],
    option: str,
    fields: dict[str, Any],
    early: bool,
) -> None:
    """Nothing is done with a credential that is gone, nor with the next one of its number."""
    dialog = await chosen(hass, harness)
    if not early:
        await dialog.choose(option)
    await harness.manage("delete_credential", operation_id=1)
    if early:
        await dialog.choose(option)
    else:
        await dialog.submit(**fields)
    assert dialog.step == "credential_gone"
    [ming] = harness.entry.subentries.values()
    assert all("name" not in one for one in ming.data["credentials"])


async def test_a_guest_who_ended(hass: HomeAssistant, harness: LockHarness) -> None:
    """A guest whose password was deleted meanwhile has ended."""
    await add(hass, harness)
    dialog = await Dialog.open(hass, harness.entry, "guest", guest(harness))
    await dialog.choose("delete")
    await harness.manage("delete_credential", operation_id=1)
    await dialog.submit()
    assert dialog.step == "guest_ended"


@pytest.mark.parametrize("kind", ["person", "guest", "who_may_open"])
async def test_the_entry_was_removed(hass: HomeAssistant, harness: LockHarness, kind: str) -> None:
    """A dialog that outlives its entry ends without an error of the server."""
    dialog = await Dialog.open(hass, harness.entry, kind)
    if kind == "who_may_open":
        await dialog.done()
    await hass.config_entries.async_remove(harness.entry.entry_id)
    fields: dict[str, dict[str, Any]] = {
        "person": {"name": "Ming"},
        "guest": {"name": "Wei", "password": "246810", "uses": 1},
    }
    await dialog.submit(**fields.get(kind, {}))
    assert dialog.step == "entry_not_loaded"


@pytest.mark.parametrize("kind", ["person", "guest", "who_may_open"])
async def test_the_lock_left_the_account(
    hass: HomeAssistant, harness: LockHarness, kind: str
) -> None:
    """Where the only lock that could be given anything is gone, nothing is asked in vain."""
    driver = harness.driver
    other = driver.simulation.call(
        partial(driver.simulator.add_lock, driver.account, "Gate", model="loock.lock.r2")
    )
    data = driver.account_data(driver.lock, other)
    hass.config_entries.async_update_entry(harness.entry, data=data)
    await harness.stop()
    driver.simulation.call(driver.simulator.remove_lock, driver.lock)
    await hass.config_entries.async_setup(harness.entry.entry_id)
    dialog = await Dialog.open(hass, harness.entry, kind)
    if kind == "who_may_open":
        await dialog.done()
    expected = {"guest": "entry_not_loaded", "person": "nothing_known", "who_may_open": "look_only"}
    assert dialog.step == expected[kind]
