"""Who opened the door: said once, then known everywhere."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_load_integrations

from custom_components.xiaomi_smart_lock.people import async_assign, person_of
from custom_components.xiaomi_smart_lock.state.credential import Credential
from tests.shown import shown

from .lock_driver import LockDriver, until
from .lock_harness import connected
from .people import (
    DAY,
    DURESS,
    FINGERPRINT,
    HOUR,
    MINUTE,
    NOON,
    NOON_TEXT,
    begin,
    give,
    invite,
    named,
    names,
    offers,
    person,
    person_entity,
    submit,
    the_lock,
    use,
)

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

PASSWORD = 3

# The lock's own users


async def allocate(
    entry: MockConfigEntry,
    driver: LockDriver,
    operation_id: int,
    user_id: int,
    method: int = FINGERPRINT,
) -> None:
    """Have the lock tell whose a credential is (4.2)."""
    driver.push_event((4, 2), 0, user_id, method, operation_id, driver.lock.time)
    users = the_lock(entry, driver).data.users
    await until(lambda: users.user_of(Credential(method, operation_id)) == user_id)


async def delete(entry: MockConfigEntry, driver: LockDriver, operation_id: int, when: int) -> None:
    """Have the lock tell that a fingerprint was deleted (4.7)."""
    driver.push_event((4, 7), 5, operation_id, FINGERPRINT, when)
    users = the_lock(entry, driver).data.users
    await until(lambda: users.deleted(Credential(FINGERPRINT, operation_id)) == when)


async def test_known_by_the_user(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who has one credential of a user of the lock has the others too, as soon as that is told."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await use(loaded, driver, NOON, 4)
    await named(hass, driver, "Fingerprint 4", "unknown")
    await allocate(loaded, driver, 3, 5)
    await allocate(loaded, driver, 4, 5)
    await named(hass, driver, "Ming", "Ming")


async def test_enrolled_at_the_lock(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The user is learned from an enrolment, too (4.6)."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    for operation_id in (3, 4):
        driver.push_event((4, 6), 5, operation_id, FINGERPRINT, driver.lock.time)
    await use(loaded, driver, driver.lock.time, 4)
    await named(hass, driver, "Ming", "Ming")


async def test_a_family_as_one_user(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A credential that only seems to be somebody's can be given to who has it."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    for operation_id in (3, 4, 6):
        await allocate(loaded, driver, operation_id, 0)
    await use(loaded, driver, driver.lock.time - 60, 4)
    await named(hass, driver, "Ming", "Ming")

    assert offers(await begin(hass, loaded, person(loaded, "Ming"))).keys() == {
        "fingerprint 3, user 0"
    }
    result = await begin(hass, loaded)
    [label] = offers(result)
    assert label.endswith(", fingerprint 4, outside, user 0 (Ming)")
    await submit(hass, result, label, name="Hua")
    await named(hass, driver, "Hua", "Hua")

    await use(loaded, driver, driver.lock.time, 6)
    await named(hass, driver, "Fingerprint 6", "unknown")
    [label] = offers(await begin(hass, loaded))
    assert label.endswith(", fingerprint 6, outside, user 0")


async def test_another_finger_of_the_same_number(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A fingerprint that was deleted and enrolled anew is nobody's until somebody says so."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    now = driver.lock.time
    await use(loaded, driver, now - 60, 3)
    await named(hass, driver, "Ming", "Ming")
    await delete(loaded, driver, 3, now - 50)
    await named(hass, driver, "Ming", "Ming")
    result = await begin(hass, loaded, person(loaded, "Ming"))
    assert not offers(result)
    await submit(hass, result, name="Ming")
    await hass.async_block_till_done()
    await named(hass, driver, "Ming", "Ming")
    driver.push_event((4, 6), 6, 3, FINGERPRINT, now - 45)
    await use(loaded, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")

    result = await begin(hass, loaded)
    [label] = offers(result)
    await submit(hass, result, label, name="Hua")
    await named(hass, driver, "Hua", "Hua")


async def test_the_same_number_of_another_user(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who used the number before it was somebody's is not told to be who has it now."""
    give(hass, loaded, "Ming", (FINGERPRINT, 30))
    await allocate(loaded, driver, 30, 5)
    now = driver.lock.time
    driver.push_event((4, 6), 9, 3, FINGERPRINT, now - 70)
    await use(loaded, driver, now - 60, 3)
    await delete(loaded, driver, 3, now - 50)
    driver.push_event((4, 6), 5, 3, FINGERPRINT, now - 45)
    await allocate(loaded, driver, 3, 5)
    await named(hass, driver, "Fingerprint 3", "unknown")
    await use(loaded, driver, now - 40, 3)
    await named(hass, driver, "Ming", "Ming")


async def test_a_user_was_deleted(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """So were the user's fingerprints (4.5)."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    now = driver.lock.time
    driver.push_event((4, 6), 5, 3, FINGERPRINT, now - 70)
    await use(loaded, driver, now - 60, 3)
    driver.push_event((4, 5), 5, 2, now - 50)
    await use(loaded, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")


async def test_a_deletion_that_comes_late(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A finger that was enrolled since is not the one that was deleted."""
    now = driver.lock.time
    driver.push_event((4, 6), 5, 3, FINGERPRINT, now - 50)
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    driver.push_event((4, 7), 5, 3, FINGERPRINT, now - 60)
    driver.push_event((2, 1007), 12, now - 60)
    await use(loaded, driver, now - 40, 3)
    await named(hass, driver, "Ming", "Ming")


async def test_the_lock_was_reset(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """All credentials are new ones then (2.1007, 12)."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    now = driver.lock.time
    await use(loaded, driver, now - 60, 3)
    driver.push_event((2, 1007), 12, now - 50)
    await use(loaded, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")


# Given from Home Assistant


@pytest.mark.parametrize("by", ["id", "name", "entity"])
async def test_assign(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, by: str
) -> None:
    """What is enrolled from Home Assistant is the person's at once, and nobody else's."""
    give(hass, loaded, "Hua", (FINGERPRINT, 3), (FINGERPRINT, 4))
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 7))
    data = {**ming.data, "person_entity": person_entity(hass, "ming").id}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    await use(loaded, driver, driver.lock.time, 3)
    await named(hass, driver, "Hua", "Hua")

    lock = the_lock(loaded, driver)
    named_by = {"id": ming.subentry_id, "name": "Ming", "entity": "person.ming"}[by]
    for _ in range(2):
        async_assign(lock, Credential(FINGERPRINT, 3), named_by)
        await named(hass, driver, "Ming", "Ming")
    held = {
        one.title: {held["operation_id"] for held in one.data["credentials"]}
        for one in loaded.subentries.values()
    }
    assert held == {"Hua": {4}, "Ming": {7, 3}}
    assert person(loaded, "Ming").data["person_entity"] == data["person_entity"]


async def test_assign_to_nobody(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who is not there gets nothing, and is not made up."""
    give(hass, loaded, "Ming")
    with pytest.raises(ServiceValidationError) as raised:
        async_assign(the_lock(loaded, driver), Credential(FINGERPRINT, 3), "Hua")
    assert raised.value.translation_key == "no_such_person"
    assert raised.value.translation_placeholders == {"person": "Hua"}
    assert person_of(the_lock(loaded, driver), Credential(FINGERPRINT, 3)) is None


# Where it is said


async def test_the_event(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """Automations get all that is known of who it was, and nothing that is not."""
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await use(loaded, driver, NOON, 3)
    its = {
        "event_type": "unlocked",
        "method": "fingerprint",
        "position": "outside",
        "operation_id": 3,
        "device_time": NOON_TEXT,
        "person": "Ming",
    }
    assert shown(hass, driver, "lock_event") == its

    data = {**ming.data, "person_entity": person_entity(hass, "ming").id}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    await allocate(loaded, driver, 3, 5)
    await use(loaded, driver, NOON + 1, 3)
    its |= {"person_entity": "person.ming", "user_id": 5}
    assert shown(hass, driver, "lock_event").items() >= (its | {"device_time": after(1)}).items()

    await allocate(loaded, driver, 4, 6)
    await use(loaded, driver, NOON + 2, 4)
    its = {"operation_id": 4, "user_id": 6, "device_time": after(2)}
    its |= {"event_type": "unlocked", "method": "fingerprint", "position": "outside"}
    assert shown(hass, driver, "lock_event") == its


def after(seconds: int) -> str:
    """Return a time after noon as attributes have it."""
    return NOON_TEXT.replace(":20+", f":{20 + seconds}+")


async def test_what_has_no_credential(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Whoever came last stays so when the door closes, or opens by its button."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await use(loaded, driver, NOON, 3)
    driver.push_event((2, 1020), 3, 12, 1, 0, NOON + 1)
    await named(hass, driver, "Automatic", "Ming")
    driver.push_event((2, 1020), 1, 14, 2, 0, NOON + 2)
    await named(hass, driver, "Inside button", "Ming")
    await use(loaded, driver, NOON + 3, 4)
    await named(hass, driver, "Fingerprint 4", "unknown")


async def test_what_comes_late(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """The last person is who was the last by the clock, not by delivery."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    give(hass, loaded, "Hua", (FINGERPRINT, 4))
    driver.push_event((2, 1020), 3, 12, 1, 0, NOON + 30)
    await use(loaded, driver, NOON, 3)
    await named(hass, driver, "Automatic", "Ming")
    await use(loaded, driver, NOON - 5, 4)
    await named(hass, driver, "Automatic", "Ming")
    await use(loaded, driver, NOON + 10, 4)
    await named(hass, driver, "Automatic", "Hua")


async def test_after_a_restart(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who it was, and whose what is, is known before the lock says anything."""
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await allocate(loaded, driver, 3, 5)
    await allocate(loaded, driver, 4, 5)
    await use(loaded, driver, NOON, 4)
    await hass.config_entries.async_reload(loaded.entry_id)
    assert names(hass, driver) == ("Ming", "Ming")
    await connected(loaded)
    driver.push_event((2, 1020), 3, 12, 1, 0, NOON + 1)
    await named(hass, driver, "Automatic", "Ming")


async def test_a_person_entity_is_renamed_and_removed(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Events name the entity as it is called now, and none that is not there."""
    registry, entity = er.async_get(hass), person_entity(hass, "ming")
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    # As a version before kept it
    data = {**ming.data, "person_entity": "person.ming"}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await connected(loaded)
    await use(loaded, driver, NOON, 3)
    assert shown(hass, driver, "lock_event")["person_entity"] == "person.ming"

    registry.async_update_entity(entity.entity_id, new_entity_id="person.xiao_ming")
    await use(loaded, driver, NOON + 1, 3)
    assert shown(hass, driver, "lock_event")["person_entity"] == "person.xiao_ming"

    registry.async_remove("person.xiao_ming")
    await use(loaded, driver, NOON + 2, 3)
    assert shown(hass, driver, "lock_event")["person"] == "Ming"
    assert "person_entity" not in shown(hass, driver, "lock_event")


async def test_duress(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """Who stands at the door sees an ordinary unlocking; the Duress event tells all."""
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3), (DURESS, 8))
    data = {**ming.data, "person_entity": person_entity(hass, "ming").id}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    await allocate(loaded, driver, 8, 5, method=DURESS)
    await allocate(loaded, driver, 3, 5)
    await use(loaded, driver, NOON, 8, method=DURESS)
    await until(lambda: shown(hass, driver, "duress")["event_type"])
    ordinary = {
        "event_type": "unlocked",
        "method": "fingerprint",
        "position": "outside",
        "operation_id": 8,
        "device_time": NOON_TEXT,
        "person": "Ming",
        "person_entity": "person.ming",
        "user_id": 5,
    }
    assert shown(hass, driver, "lock_event") == ordinary
    duress = {"event_type": "duress", "method": "duress_fingerprint"}
    assert shown(hass, driver, "duress") == ordinary | duress
    await named(hass, driver, "Ming", "Ming")
    assert suspicious(hass, driver) == []
    registered = er.async_get(hass).async_get(driver.entity_id(hass, "event", "duress"))
    assert registered
    assert registered.hidden_by is er.RegistryEntryHider.INTEGRATION

    hass.config_entries.async_remove_subentry(loaded, ming.subentry_id)
    await named(hass, driver, "Fingerprint 8", "unknown")
    assert suspicious(hass, driver) == []
    await hass.config_entries.async_reload(loaded.entry_id)
    await named(hass, driver, "Fingerprint 8", "unknown")
    assert suspicious(hass, driver) == []


def suspicious(hass: HomeAssistant, driver: LockDriver) -> list[str]:
    """Return what says a word of duress, but for the event that is there for it."""
    event = driver.entity_id(hass, "event", "duress")
    lists = {"options": "", "event_types": "", "friendly_name": ""}
    return [
        state.entity_id
        for state in hass.states.async_all()
        if state.entity_id != event
        and "duress" in f"{state.state} { ({**state.attributes} | lists) }".lower()
    ]


NEW_METHOD, LONG_ID = 16, 2147876869


async def test_a_credential_of_a_kind_that_nobody_knows(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """Its numbers are enough to say whose it is; that stays after a restart."""
    now = driver.lock.time
    await use(loaded, driver, now, LONG_ID, method=NEW_METHOD)
    assert names(hass, driver) == (f"Operation method ({NEW_METHOD}) {LONG_ID}", "unknown")
    form = await begin(hass, loaded)
    [said] = offers(form)
    assert f"operation method ({NEW_METHOD}) {LONG_ID}" in said
    await submit(hass, form, said, name="Ming")
    await named(hass, driver, "Ming", "Ming")
    event = shown(hass, driver, "lock_event")
    assert (event["method"], event["operation_id"]) == (NEW_METHOD, LONG_ID)
    driver.push_event((4, 6), 70000, LONG_ID, NEW_METHOD, now)
    credential = Credential(NEW_METHOD, LONG_ID)
    await until(lambda: the_lock(loaded, driver).data.users.user_of(credential) == 70000)
    driver.push_event((4, 4), 70000, 9, now)
    users = the_lock(loaded, driver).data.users
    await until(lambda: 70000 in users.known)

    assert await hass.config_entries.async_unload(loaded.entry_id)
    key = f"xiaomi_smart_lock.{driver.lock.did}"
    hass_storage[key] = json.loads(json.dumps(hass_storage[key]))
    kept = hass_storage[key]["data"]["data"]["users"]
    # A version before takes nothing at all from where it finds what it does not know.
    assert kept["users"] == kept["grants"] == kept["uses"] == []
    assert kept["other_uses"] == [[NEW_METHOD, LONG_ID, now, 2]]
    assert await hass.config_entries.async_setup(loaded.entry_id)
    await named(hass, driver, "Ming", "Ming")
    assert the_lock(loaded, driver).data.users == users
    assert the_lock(loaded, driver).data.events[2, 1020].credential == credential

    entity_id = driver.entity_id(hass, "lock", "lock")
    answer = await hass.services.async_call(
        "xiaomi_smart_lock",
        "get_users",
        {"entity_id": entity_id},
        blocking=True,
        return_response=True,
    )
    found: Any = answer and answer[entity_id]
    [user] = found["users"]
    assert (user["user_id"], user["user_type"]) == (70000, None)
    [known] = user["credentials"]
    assert (known["method"], known["operation_id"]) == (NEW_METHOD, LONG_ID)
    assert known["person"] == "Ming"


async def test_lately(hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry) -> None:
    """What happened within a day is told in sentences, the latest first; duress as any finger."""
    now = driver.lock.time
    give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await use(loaded, driver, now - DAY - MINUTE, 3)
    await use(loaded, driver, now - HOUR, 3)
    await use(loaded, driver, now - MINUTE, 8, method=DURESS)
    driver.push_event((2, 1020), 1, 12, 1, 0, now)  # the door closes by itself
    driver.push_event((21, 1), now)
    await until(lambda: len(driver.state(hass, "sensor", "last_person").attributes["lately"]) == 3)
    lately = driver.state(hass, "sensor", "last_person").attributes["lately"]
    assert [one["what"] for one in lately] == [
        "Doorbell rang",
        "Front door was unlocked from outside with fingerprint 8",
        "Front door was unlocked from outside by Ming with a fingerprint",
    ]
    told = [datetime.fromisoformat(one["when"]).timestamp() for one in lately]
    assert told == [now, now - MINUTE, now - HOUR]


async def test_when_people_came(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who came last is first, and who is named later came all the same; an ended guest is gone."""

    def came() -> list[tuple[str, float]]:
        people = driver.state(hass, "sensor", "last_person").attributes["people"]
        return [(one["name"], datetime.fromisoformat(one["when"]).timestamp()) for one in people]

    now = driver.lock.time
    give(hass, loaded, "Ming", (FINGERPRINT, 3), (FINGERPRINT, 4))
    wei = {"did": driver.lock.did, "method": PASSWORD, "operation_id": 21, "since": now - 9 * DAY}
    invite(hass, loaded, "Wei", wei)
    await use(loaded, driver, now - DAY, 3)
    await use(loaded, driver, now - HOUR, 5)
    await use(loaded, driver, now - MINUTE, 21, method=PASSWORD)
    await use(loaded, driver, now - 1, 4)
    await until(lambda: came() == [("Ming", now - 1), ("Wei", now - MINUTE)])
    li = give(hass, loaded, "Li", (FINGERPRINT, 5))
    await until(lambda: came()[2:] == [("Li", now - HOUR)])
    hass.config_entries.async_remove_subentry(loaded, li.subentry_id)
    driver.push_event((4, 7), 7, 21, PASSWORD, now)
    await until(lambda: came() == [("Ming", now - 1)])


async def test_lately_follows(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """What happened lately is told anew once a person, the lock or the language is another one."""

    def told() -> str:
        lately = driver.state(hass, "sensor", "last_person").attributes["lately"]
        return " ".join(one["what"] for one in lately)

    async def becomes(sentence: str) -> None:
        await until(lambda: told() == sentence)

    await use(loaded, driver, driver.lock.time - HOUR, 3)
    await becomes("Front door was unlocked from outside with fingerprint 3")
    ming = give(hass, loaded, "Ming", (FINGERPRINT, 3))
    await becomes("Front door was unlocked from outside by Ming with a fingerprint")
    hass.config_entries.async_update_subentry(loaded, ming, title="Li")
    await becomes("Front door was unlocked from outside by Li with a fingerprint")
    device = er.async_get(hass).async_get(driver.entity_id(hass, "lock", "lock"))
    assert device
    assert device.device_id
    dr.async_get(hass).async_update_device(device.device_id, name_by_user="Gate")
    await becomes("Gate was unlocked from outside by Li with a fingerprint")
    await hass.config.async_update(language="zh-Hans")
    await async_load_integrations(hass, {"xiaomi_smart_lock"})
    hass.config_entries.async_update_subentry(loaded, ming, title="Ming")
    await becomes("Gate：Ming 从门外用指纹开锁")
    hass.config_entries.async_update_subentry(loaded, ming, title="小明")
    await becomes("Gate：小明从门外用指纹开锁")
