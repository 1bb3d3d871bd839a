"""A number that was deleted and given again is never told as who had it before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS
from custom_components.xiaomi_smart_lock.state import user_registry
from custom_components.xiaomi_smart_lock.state.credential import Credential

from .lock_driver import until
from .lock_harness import LockHarness, Storage, fix, log_file, stored_key
from .people import FINGERPRINT, begin, give, named, offers, person, submit, use

if TYPE_CHECKING:
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.lock import Lock

PASSWORD = 3


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
    give_at(harness, "Hua", now - 35)
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


def give_at(harness: LockHarness, name: str, since: int) -> None:
    """Add a person who has had fingerprint 3 since a time."""
    of = give(harness.hass, harness.entry, name, (FINGERPRINT, 3))
    data: dict[str, Any] = json.loads(json.dumps(dict(of.data)))
    data["credentials"][0]["since"] = since
    harness.hass.config_entries.async_update_subentry(harness.entry, of, data=data)
