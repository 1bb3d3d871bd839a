"""One look at who may open the door, and what can be done about each credential."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.data_entry_flow import EVENT_DATA_ENTRY_FLOW_PROGRESSED
from homeassistant.helpers import translation
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import (
    async_capture_events,
    async_fire_time_changed,
)

from custom_components.xiaomi_smart_lock.flows import progress
from simulator.users import Credential
from tests.enrolment import inside
from tests.flows.dialog import Dialog
from tests.lock_driver import until
from tests.people import give

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.lock_harness import LockHarness

pytestmark = pytest.mark.usefixtures("quick_browser")

FINGERPRINT = 2
DURESS = 9
PASSWORD = 3
NFC = 4
ONE_TIME_PASSWORD = 7


async def look(hass: HomeAssistant, harness: LockHarness) -> Dialog:
    """Open the dialog, and wait for what it shows."""
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await dialog.done()
    return dialog


async def test_nothing_known(hass: HomeAssistant, harness: LockHarness) -> None:
    """A lock that has told nothing, and is asleep, is to be touched."""
    await harness.put_to_sleep()
    dialog = await look(hass, harness)
    assert dialog.step == "look_only"
    assert dialog.says["how"].startswith("The lock tells it while it is awake: touch it")
    assert dialog.says["who"].strip() == (
        "Front door is asleep, and may have more than it has told."
    )


async def test_on_the_local_network(hass: HomeAssistant, neighbour: LockHarness) -> None:
    """Touching it does not help: there it tells nothing of itself, which is said."""
    neighbour.driver.do("wake")
    await neighbour.poll()
    dialog = await look(hass, neighbour)
    assert dialog.step == "look_only"
    assert dialog.says["how"] == ""
    assert (
        dialog.says["who"]
        .strip()
        .startswith("On the local network Front door does not tell who may open it")
    )


async def test_a_fresh_entry_asks_the_lock(hass: HomeAssistant, harness: LockHarness) -> None:
    """What the lock has is there without having been used, and a person can be given it."""
    give(hass, harness.entry, "Ming")
    users = inside(harness)
    users.types[5] = 2
    users.credentials[20] = Credential(5, FINGERPRINT)
    users.credentials[21] = Credential(5, DURESS)
    dialog = await look(hass, harness)
    assert dialog.step == "look"
    assert dialog.says["who"].splitlines() == [
        "- **Nobody’s**: Fingerprint 20",
        "- **Nobody’s**: Fingerprint 21",
        "- **No credential known**: Ming",
    ]
    labels = dialog.labels("credential")
    await dialog.submit(credential=labels["Nobody’s: Fingerprint 21"])
    assert dialog.options == ["who_is_it", "delete"]
    await dialog.choose("who_is_it")
    await dialog.submit(person=dialog.labels("person")["Ming"])
    assert dialog.step == "given"
    dialog = await look(hass, harness)
    assert "- **Ming**: Fingerprint 21" in dialog.says["who"].splitlines()
    harness.driver.push_event((2, 1020), 2, DURESS, 2, 21, harness.driver.lock.time)
    await until(lambda: harness.state("sensor", "last_person") == "Ming")


async def test_in_chinese(hass: HomeAssistant, harness: LockHarness) -> None:
    """With a full-width colon, in the list as in the choice."""
    translation.async_setup(hass)
    await hass.config.async_update(language="zh-Hans")
    await hass.async_block_till_done()
    give(hass, harness.entry, "小明")
    users = inside(harness)
    users.types[5] = 2
    users.credentials[20] = Credential(5, FINGERPRINT)
    dialog = await look(hass, harness)
    said = ["- **无人认领**：指纹 20", "- **暂无凭据**：小明"]
    assert dialog.says["who"].splitlines() == said
    assert list(dialog.labels("credential")) == ["无人认领：指纹 20"]


async def test_who_cannot_open(hass: HomeAssistant, harness: LockHarness) -> None:
    """Who has no credential is named last, in one line; a used one-time password opens no more."""
    give(hass, harness.entry, "Ming", (FINGERPRINT, 20), (ONE_TIME_PASSWORD, 12))
    give(hass, harness.entry, "Ling")
    give(hass, harness.entry, "Wei")
    users = inside(harness)
    users.types[5] = 2
    users.credentials[20] = Credential(5, FINGERPRINT)
    for number in (12, 13):
        harness.driver.do("one_time_password", number)
    used = [(ONE_TIME_PASSWORD, number) for number in (12, 13)]
    await until(lambda: harness.known.users.uses.keys() >= set(used))
    dialog = await look(hass, harness)
    assert dialog.says["who"].splitlines() == [
        "- **Ming**: Fingerprint 20",
        "- **No credential known**: Ling, Wei",
    ]
    assert list(dialog.labels("credential")) == ["Ming: Fingerprint 20"]


async def test_what_can_be_done(hass: HomeAssistant, harness: LockHarness) -> None:
    """Who holds a credential decides it; a guest's, which has an end, stays that guest's."""
    give(hass, harness.entry, "Ming", (FINGERPRINT, 20))
    users = inside(harness)
    users.types[5] = 2
    users.credentials[20] = Credential(5, FINGERPRINT)
    invited = await Dialog.open(hass, harness.entry, "guest")
    await invited.submit(name="Wei", password="246810", uses=2)
    await invited.done()
    await invited.submit()
    assert invited.step == "enrolled"
    dialog = await look(hass, harness)
    assert dialog.says["who"].splitlines() == [
        "- **Ming**: Fingerprint 20",
        "- **Wei**: 2 uses left — Password 1",
    ]
    for label, options in (
        ("Ming: Fingerprint 20", ["rename", "who_is_it", "delete"]),
        ("Wei: Password 1", ["delete"]),
    ):
        dialog = await look(hass, harness)
        await dialog.submit(credential=dialog.labels("credential")[label])
        assert dialog.options == options


async def test_a_number_that_is_used_again(hass: HomeAssistant, harness: LockHarness) -> None:
    """A card of a number that was another's has not opened the door because that did."""
    for name in ("Ming", "Li"):
        give(hass, harness.entry, name)
    card: dict[str, Any] = {"credential_type": "nfc", "operation_id": 5}
    await harness.manage("set_credential", person="Ming", **card)
    harness.driver.push_event((2, 1020), 2, NFC, 2, 5, harness.driver.lock.time - 1)
    await until(lambda: harness.state("sensor", "last_person") == "Ming")
    await harness.manage("delete_credential", person="Ming", operation_id=5)
    await harness.manage("set_credential", person="Li", **card)
    dialog = await look(hass, harness)
    assert dialog.says["who"].splitlines()[0] == "- **Li**: NFC 5"
    answer = await harness.manage("get_users")
    [its] = [one for user in answer["users"] for one in user["credentials"]]
    assert (its["person"], its["last_used"]) == ("Li", None)
    assert harness.state("sensor", "last_person") == "Ming"


async def test_delete_what_is_nobodys(hass: HomeAssistant, harness: LockHarness) -> None:
    """An old password of somebody is deleted at the lock from here."""
    users = inside(harness)
    users.types[5] = 2
    users.credentials[20] = Credential(5, PASSWORD, "135790")
    dialog = await look(hass, harness)
    await dialog.submit(credential=dialog.labels("credential")["Nobody’s: Password 20"])
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()
    assert dialog.step == "deleted"
    assert users.credentials == {}
    assert (await look(hass, harness)).step == "look_only"


async def test_a_browser_that_listens_late(hass: HomeAssistant, harness: LockHarness) -> None:
    """It is told of the end of progress again, until it loads what follows."""
    told = async_capture_events(hass, EVENT_DATA_ENTRY_FLOW_PROGRESSED)
    dialog = await Dialog.open(hass, harness.entry, "who_may_open")
    await until(lambda: told)
    for more in progress.TOLD_AGAIN[:2]:
        before = len(told)
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=more))
        assert [one.data["flow_id"] for one in told[before:]] == [dialog.now["flow_id"]]
    await dialog.look()
    assert dialog.step == "look_only"
    told.clear()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=10))
    assert told == []


async def test_a_browser_is_not_told_of_a_flow_that_is_over(
    hass: HomeAssistant, harness: LockHarness
) -> None:
    """It would ask for the flow once more, and show an error."""
    inside(harness).types[5] = 2
    inside(harness).credentials[20] = Credential(5, FINGERPRINT)
    dialog = await look(hass, harness)
    await dialog.submit(credential=dialog.labels("credential")["Nobody’s: Fingerprint 20"])
    await dialog.choose("delete")
    await dialog.submit()
    await dialog.done()
    assert dialog.step == "deleted"
    told = async_capture_events(hass, EVENT_DATA_ENTRY_FLOW_PROGRESSED)
    for pause in progress.TOLD_AGAIN:
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=pause))
    assert told == []


async def test_just_looking(hass: HomeAssistant, harness: LockHarness) -> None:
    """Who chooses nothing changes nothing."""
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_credential", user_id=5, credential_type="nfc")
    dialog = await look(hass, harness)
    await dialog.submit()
    assert dialog.step == "looked"


async def test_somebody_new(hass: HomeAssistant, harness: LockHarness) -> None:
    """Without people there is a name to enter, which adds a person who has it."""
    await harness.manage("set_user", user_id=5)
    await harness.manage("set_credential", user_id=5, credential_type="nfc")
    dialog = await look(hass, harness)
    await dialog.submit(credential=dialog.labels("credential")["Nobody’s: NFC 1"])
    await dialog.choose("who_is_it")
    await dialog.submit(name="  ")
    assert dialog.now["errors"] == {"base": "nobody_chosen"}
    await dialog.submit(name=" Hua ")
    assert dialog.step == "given"
    dialog = await look(hass, harness)
    assert dialog.says["who"].splitlines() == ["- **Hua**: NFC 1"]
