"""A number that was deleted and given again is never told as who had it before."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.model.lock_model import model_of
from custom_components.xiaomi_smart_lock.model.s1 import S1
from custom_components.xiaomi_smart_lock.state import user_registry
from custom_components.xiaomi_smart_lock.state.credential import Credential
from custom_components.xiaomi_smart_lock.state.user_registry import Users

from .lock_driver import until
from .lock_harness import LockHarness, Storage, fix, log_file, stored_key
from .people import DURESS, FINGERPRINT, begin, give, invite, named, offers, person, submit, use

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigSubentry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.lock import Lock

PASSWORD = 3
LOCK_RESET = 12  # abnormal-condition (2.4)


async def delete(harness: LockHarness, operation_id: int, when: int) -> None:
    """Have the lock tell that a fingerprint was deleted (4.7)."""
    harness.driver.push_event((4, 7), 5, operation_id, FINGERPRINT, when)
    credential, users = Credential(FINGERPRINT, operation_id), harness.known.users
    await until(lambda: users.deleted(credential) == when)


async def choose(harness: LockHarness, *locks: Lock) -> None:
    """Have the entry have these locks, as after the dialog."""
    data = {**harness.entry.data, CONF_LOCKS: [lock.did for lock in locks]}
    harness.hass.config_entries.async_update_entry(harness.entry, data=data)
    await harness.stop()
    await harness.start()


def held(harness: LockHarness, name: str) -> list[int]:
    """Return the ids of the credentials that a person's data has."""
    return [one["operation_id"] for one in person(harness.entry, name).data["credentials"]]


@pytest.mark.parametrize("fixed", [False, True], ids=["unchosen", "gone"])
async def test_a_lock_that_comes_back(
    harness: LockHarness, hass_client: ClientSessionGenerator, *, fixed: bool
) -> None:
    """With a lock all that is stored of it goes, but not that a finger of somebody was deleted."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming", (FINGERPRINT, 3), (FINGERPRINT, 5))
    now = driver.lock.time
    await use(harness.entry, driver, now - 60, 3)
    await named(hass, driver, "Ming", "Ming")
    await delete(harness, 3, now - 50)
    driver.push_event((4, 6), 6, 3, FINGERPRINT, now - 45)
    await use(harness.entry, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")

    other = await harness.add_lock("Back door")
    await named(hass, driver, "Fingerprint 3", "unknown")
    if fixed:
        places = driver.account.places
        driver.account.places = [place for place in places if place.lock is not driver.lock]
        await harness.poll()
        await fix(hass, hass_client, harness.issue("lock_gone"))
        driver.account.places = places
    else:
        await choose(harness, other)
    assert harness.entry.data[CONF_LOCKS] == [other.did]
    await choose(harness, driver.lock, other)
    await use(harness.entry, driver, now - 30, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")
    await use(harness.entry, driver, now - 20, 5)
    await named(hass, driver, "Ming", "Ming")
    assert held(harness, "Ming") == [3, 5]

    form = await begin(hass, harness.entry)
    [label] = offers(form)
    await submit(hass, form, label, name="Hua")
    await use(harness.entry, driver, now - 10, 3)
    await named(hass, driver, "Hua", "Hua")


async def test_what_is_stored_was_lost(harness: LockHarness, hass_storage: Storage) -> None:
    """Nor is it forgotten where the files cannot be read."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming", (FINGERPRINT, 3))
    now = driver.lock.time
    await delete(harness, 3, now - 50)
    await harness.stop()
    hass_storage[stored_key(driver)]["data"]["data"] = "spoilt"
    log_file(hass, driver).unlink()
    await harness.start()
    await use(harness.entry, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")


async def test_a_version_before_has_not_noted_it(
    harness: LockHarness, hass_storage: Storage
) -> None:
    """What was deleted before the update is noted as soon as the lock is set up."""
    hass, driver = harness.hass, harness.driver
    ming = give(hass, harness.entry, "Ming", (FINGERPRINT, 3))
    as_before = dict(ming.data)
    now = driver.lock.time
    await delete(harness, 3, now - 50)
    await harness.stop()
    hass.config_entries.async_update_subentry(harness.entry, ming, data=as_before)
    await harness.start()
    await harness.stop()
    hass_storage.pop(stored_key(driver))
    log_file(hass, driver).unlink()
    await harness.start()
    await use(harness.entry, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")


async def test_more_deletions_than_are_remembered(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of many guests do not make one be forgotten."""
    monkeypatch.setattr(user_registry, "REMEMBERED", 3)
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming", (FINGERPRINT, 3))
    now = driver.lock.time
    await delete(harness, 3, now - 50)
    for number in range(4):
        driver.push_event((4, 7), 5, 20 + number, PASSWORD, now - 45)
    await harness.reached()
    await use(harness.entry, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")


async def test_deleted_twice(harness: LockHarness) -> None:
    """Each use is told as who had the number then."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming", (FINGERPRINT, 3))
    now = driver.lock.time
    await use(harness.entry, driver, now - 60, 3)
    await delete(harness, 3, now - 50)
    await use(harness.entry, driver, now - 40, 3)
    give_at(harness, "Hua", now - 35, 3)
    await named(hass, driver, "Hua", "Hua")
    await delete(harness, 3, now - 30)
    await named(hass, driver, "Hua", "Hua")
    await use(harness.entry, driver, now - 20, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")

    def told() -> list[str]:
        lately = driver.state(hass, "sensor", "last_person").attributes["lately"]
        return [one["what"] for one in lately]

    await until(
        lambda: (
            told()
            == [
                "Front door was unlocked from outside with fingerprint 3",
                "Front door was unlocked from outside by Hua with a fingerprint",
                "Front door was unlocked from outside by Ming with a fingerprint",
            ]
        )
    )


def give_at(harness: LockHarness, name: str, since: int, operation_id: int) -> None:
    """Add a person who has had a fingerprint since a time."""
    of = give(harness.hass, harness.entry, name, (FINGERPRINT, operation_id))
    data: dict[str, Any] = json.loads(json.dumps(dict(of.data)))
    data["credentials"][0]["since"] = since
    harness.hass.config_entries.async_update_subentry(harness.entry, of, data=data)


@pytest.mark.parametrize("restart", ["none", "soft", "hard"])
async def test_what_the_lock_never_told_of_before_it_was_reset(
    harness: LockHarness, hass_storage: Storage, restart: str
) -> None:
    """It is gone too, also if it was given to somebody without having been used."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming", (FINGERPRINT, 3))
    now = driver.lock.time
    await harness.lock.coordinator.async_save()
    driver.push_event((2, 1007), LOCK_RESET, now - 50)
    await harness.reached()
    if restart != "none":
        ming = person(harness.entry, "Ming")
        kept = copy.deepcopy(hass_storage)
        await harness.lock.coordinator.async_write()
        await harness.stop()
        if restart == "hard":
            hass_storage |= kept
            hass.config_entries.async_update_subentry(
                harness.entry, ming, data={"credentials": without_ends(ming)}
            )
        await harness.start()
    await use(harness.entry, driver, now - 40, 3)
    await named(hass, driver, "Fingerprint 3", "unknown")


def without_ends(of: ConfigSubentry) -> list[dict[str, Any]]:
    """Return the credentials of a person as before they were deleted."""
    return [{**one} for one in copy.deepcopy(of.data["credentials"]) if one.pop("until", 1)]


async def test_told_after_a_reset(harness: LockHarness) -> None:
    """What is told late of before it does not exist any more; what came since is somebody's."""
    hass, driver = harness.hass, harness.driver
    now = driver.lock.time
    driver.push_event((2, 1007), LOCK_RESET, now - 50)
    driver.push_event((4, 4), 5, 2, now - 60)
    driver.push_event((4, 6), 5, 3, FINGERPRINT, now - 60)
    driver.push_event((4, 4), 6, 2, now - 40)
    driver.push_event((4, 6), 6, 4, FINGERPRINT, now - 40)
    await harness.reached()
    known = harness.known.users
    assert set(known.present) == {6}
    assert known.credentials_of(5) == []
    assert known.credentials_of(6) == [Credential(FINGERPRINT, 4)]
    give_at(harness, "Hua", now - 30, 4)
    await use(harness.entry, driver, now - 20, 4)
    await named(hass, driver, "Hua", "Hua")


async def test_a_reset_that_is_told_late(harness: LockHarness) -> None:
    """Users that came since are there."""
    now = harness.driver.lock.time
    harness.driver.push_event((4, 4), 5, 2, now - 60)
    harness.driver.push_event((4, 4), 6, 2, now - 40)
    harness.driver.push_event((2, 1007), LOCK_RESET, now - 50)
    await harness.reached()
    assert set(harness.known.users.present) == {6}


def test_storage_of_a_version_before() -> None:
    """It has no reset, and what it does not know of does not keep it from reading."""
    model = model_of(S1.model)
    before = Users()
    kept = before.as_dict(model)
    assert "reset" not in kept
    assert Users.from_dict(model, kept) == before
    reset = Users(reset=1.5)
    kept = reset.as_dict(model)
    assert kept["reset"] == 1.5
    assert Users.from_dict(model, kept) == reset


# A credential that is somebody else's


async def set_password(harness: LockHarness, password: str, **data: Any) -> int:
    """Have a password enrolled that ends tomorrow; return its id."""
    until = dt_util.utcnow() + timedelta(days=1)
    answer = await harness.manage(
        "set_credential",
        credential_type="password",
        credential_data=password,
        valid_until=until,
        **data,
    )
    return int(answer["operation_id"])


async def test_a_name_that_a_guest_has(harness: LockHarness) -> None:
    """Who is called as a guest gets a password of their own, and the guest keeps theirs."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming")
    await harness.manage("set_user", user_id=7)
    of_guest = await set_password(harness, "246810", user_id=7)
    now = driver.lock.time
    held_by_wei = {"method": PASSWORD, "operation_id": of_guest, "since": now - 1}
    invite(hass, harness.entry, "Wei", {"did": driver.lock.did, **held_by_wei})
    of_ming = await set_password(harness, "135790", person="Ming", name="Wei")
    assert of_ming != of_guest
    nobodys = await set_password(harness, "975310", user_id=7, name="Wei")
    assert {of_ming, of_guest, nobodys} == set(driver.lock.users.credentials)
    await use(harness.entry, driver, now, of_guest, method=PASSWORD)
    await named(hass, driver, "Wei", "Wei")
    await use(harness.entry, driver, now, of_ming, method=PASSWORD)
    await named(hass, driver, "Ming", "Ming")


async def test_a_name_that_another_person_s_credential_has(harness: LockHarness) -> None:
    """It is known again only as the same person's."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming")
    give(hass, harness.entry, "Hua")
    of_ming = await set_password(harness, "246810", person="Ming", name="Stay")
    of_hua = await set_password(harness, "135790", person="Hua", name="Stay")
    assert of_hua != of_ming
    for name, operation_id in {"Ming": of_ming, "Hua": of_hua}.items():
        again = await set_password(harness, "000000", person=name, name="Stay")
        assert again == operation_id
    await use(harness.entry, driver, driver.lock.time, of_ming, method=PASSWORD)
    await named(hass, driver, "Ming", "Ming")


async def test_a_credential_of_a_user_that_was_made_for_somebody(harness: LockHarness) -> None:
    """Who is given one does not become that user."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming")
    give(hass, harness.entry, "Hua")
    card = await harness.manage("set_credential", person="Ming", credential_type="nfc")
    driver.push_event((4, 6), card["user_id"], 9, FINGERPRINT, driver.lock.time)
    await use(harness.entry, driver, driver.lock.time, 9)
    await named(hass, driver, "Ming", "Ming")

    card_only = {"credential_type": "nfc", "operation_id": card["operation_id"]}
    await harness.manage("assign_credential", person="Hua", **card_only)
    await named(hass, driver, "Fingerprint 9", "unknown")
    code = await harness.manage(
        "set_credential", person="Hua", credential_type="password", credential_data="246810"
    )
    assert code["user_id"] != card["user_id"]


@pytest.mark.parametrize("whose", ["Hua", None])
async def test_a_number_that_is_enrolled_anew(harness: LockHarness, whose: str | None) -> None:
    """What the lock takes as new is not what somebody had, whose deletion nobody has told."""
    hass, driver = harness.hass, harness.driver
    give(hass, harness.entry, "Ming", (PASSWORD, 1))
    give(hass, harness.entry, "Hua")
    await harness.manage("set_user", user_id=7)
    now = driver.lock.time
    await use(harness.entry, driver, now - 60, 1, method=PASSWORD)
    await named(hass, driver, "Ming", "Ming")
    data = {"person": whose} if whose else {"user_id": 7}
    assert await set_password(harness, "246810", operation_id=1, **data) == 1
    await named(hass, driver, "Ming", "Ming")
    await use(harness.entry, driver, driver.lock.time, 1, method=PASSWORD)
    await named(hass, driver, whose or "Password 1", whose or "unknown")


async def test_two_that_look_the_same(
    harness: LockHarness, hass_client: ClientSessionGenerator
) -> None:
    """Who says whose a duress fingerprint was takes no finger from whoever has that number."""
    hass, driver = harness.hass, harness.driver
    assert await async_setup_component(hass, "repairs", {})
    give(hass, harness.entry, "Hua", (FINGERPRINT, 8))
    ming = give(hass, harness.entry, "Ming")
    now = driver.lock.time
    await use(harness.entry, driver, now - 60, 8)
    await use(harness.entry, driver, now - 50, 8, method=DURESS)
    issues = ir.async_get(hass).issues.values()
    await until(lambda: [one.translation_key for one in issues] == ["who_was_it"])
    [issue] = issues
    client = await hass_client()
    url = "/api/repairs/issues/fix"
    begun = await client.post(url, json={"handler": DOMAIN, "issue_id": issue.issue_id})
    flow_id = (await begun.json())["flow_id"]
    answer = await client.post(f"{url}/{flow_id}", json={"person": ming.subentry_id})
    assert (await answer.json())["type"] == "create_entry"
    await named(hass, driver, "Ming", "Ming")
    await use(harness.entry, driver, now - 40, 8)
    await named(hass, driver, "Hua", "Hua")
