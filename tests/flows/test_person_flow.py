"""Saying who it was that opened the door, and what is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import translation
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.const import CONF_LATE_AFTER, DOMAIN
from tests.conftest import TEN_YEARS
from tests.flow import add_lock
from tests.hosts import NEARBY
from tests.lock_driver import LockDriver
from tests.lock_harness import connected, running_locks, setups
from tests.people import (
    DAY,
    DURESS,
    HOUR,
    MINUTE,
    NOON,
    begin,
    filled_in,
    give,
    named,
    offers,
    person,
    person_entity,
    submit,
    use,
)

if TYPE_CHECKING:
    from freezegun.api import FrozenDateTimeFactory
    from homeassistant.core import HomeAssistant


@pytest.mark.parametrize("frozen", ["2026-09-21T14:13:20"], indirect=True)
@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            [
                "today 22:12, fingerprint 3, outside",
                "today 00:01, NFC 4, inside",
                "yesterday 23:59, one-time password 12, outside",
                "2026-09-19 22:13, fingerprint 8, unknown side",
                "2026-08-22 22:14, face 2, outside",
            ],
        ),
        (
            "zh-Hans",
            [
                "今天 22:12、指纹 3、门外",
                "今天 00:01、NFC 4、门内",
                "昨天 23:59、一次性密码 12、门外",
                "2026-09-19 22:13、指纹 8、无法区分门内外",
                "2026-08-22 22:14、人脸 2、门外",
            ],
        ),
    ],
)
async def test_who_was_it(
    hass: HomeAssistant,
    frozen: FrozenDateTimeFactory,
    driver: LockDriver,
    loaded: MockConfigEntry,
    language: str,
    expected: list[str],
) -> None:
    """The operations of 30 days are there to choose from, newest first, at the house's time."""
    translation.async_setup(hass)
    await hass.config.async_update(language=language, time_zone="Asia/Shanghai")
    await hass.async_block_till_done()
    await use(loaded, driver, NOON - 30 * DAY + MINUTE, 2, method=5)
    await use(loaded, driver, NOON - 30 * DAY - MINUTE, 1, method=5)
    await use(loaded, driver, NOON - 2 * DAY, 8, method=DURESS, position=3)
    await use(loaded, driver, NOON - 22 * HOUR - 14 * MINUTE, 12, method=7)
    await use(loaded, driver, NOON - 22 * HOUR - 12 * MINUTE, 4, method=4, position=1)
    await use(loaded, driver, NOON - 2 * DAY - HOUR, 3)
    await use(loaded, driver, NOON - MINUTE, 3)
    driver.push_event((2, 1020), 1, 11, 2, 0, NOON)

    result = await begin(hass, loaded)
    assert result["step_id"] == "user"
    assert list(offers(result)) == expected


async def test_a_person_comes_changes_and_goes(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Names are shown at once, and no connection is lost for it."""
    again, now = setups(loaded), driver.lock.time
    await use(loaded, driver, now - 1, 3)
    await use(loaded, driver, now, 4)
    await named(hass, driver, "Fingerprint 4", "unknown")

    result = await begin(hass, loaded)
    assert filled_in(result) == {}
    fourth, third = offers(result)
    its = person_entity(hass, "ming")
    result = await submit(hass, result, fourth, name=" Ming ", person_entity="person.ming")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await named(hass, driver, "Ming", "Ming")
    assert person(loaded, "Ming").data["person_entity"] == its.id, "no renaming changes it"

    result = await begin(hass, loaded)
    assert list(offers(result)) == [third], "what is Ming's is no longer to be had"
    await submit(hass, result, third, name="Hua")
    await named(hass, driver, "Ming", "Ming")

    result = await begin(hass, loaded, person(loaded, "Ming"))
    assert result["step_id"] == "details"
    assert list(offers(result)) == [fourth]
    assert filled_in(result) == {
        "name": "Ming",
        "person_entity": "person.ming",
        "credentials": [offers(result)[fourth]],
    }
    result = await submit(hass, result, fourth, name="Xiao Ming")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    await named(hass, driver, "Xiao Ming", "Xiao Ming")
    assert "person_entity" not in person(loaded, "Xiao Ming").data

    await submit(hass, await begin(hass, loaded, person(loaded, "Xiao Ming")), name="Xiao Ming")
    await named(hass, driver, "Fingerprint 4", "unknown")
    result = await begin(hass, loaded, person(loaded, "Hua"))
    assert list(offers(result)) == [fourth, third]
    await submit(hass, result, fourth, third, name="Hua")
    await named(hass, driver, "Hua", "Hua")

    hass.config_entries.async_remove_subentry(loaded, person(loaded, "Hua").subentry_id)
    await named(hass, driver, "Fingerprint 4", "unknown")
    assert list(offers(await begin(hass, loaded))) == [fourth, third]
    assert not again


async def test_nothing_to_choose_from(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who has not opened the door yet can be added all the same, and is asked again later."""
    result = await begin(hass, loaded)
    assert result["step_id"] == "nothing_known"
    assert not offers(result)
    result = await submit(hass, result, name="Ming")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert (await begin(hass, loaded, person(loaded, "Ming")))["step_id"] == "details_only"
    await use(loaded, driver, driver.lock.time, 3)
    assert len(offers(await begin(hass, loaded, person(loaded, "Ming")))) == 1


@pytest.mark.parametrize(
    ("name", "error"), [("  ", "no_name"), ("Hua", "name_taken"), (" Hua ", "name_taken")]
)
async def test_names_that_do_not_work(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, name: str, error: str
) -> None:
    """A name is not empty, and is nobody else's; what was chosen stays chosen."""
    give(hass, loaded, "Hua")
    await use(loaded, driver, driver.lock.time, 3)
    result = await begin(hass, loaded)
    label, value = next(iter(offers(result).items()))
    result = await submit(hass, result, label, name=name)
    assert result["errors"] == {"name": error}
    assert filled_in(result) == {"name": name, "credentials": [value]}
    result = await submit(hass, result, label, name="Ming")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    result = await begin(hass, loaded, person(loaded, "Ming"))
    result = await submit(hass, result, label, name=name)
    assert result["errors"] == {"name": error}


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a\n\n# b", "a # b"),
        ("\u202eMing\u2066", "Ming"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("محمد", "محمد"),
        ("x" * 5000, "x" * 200),
        ("\u200b", ""),
        ("\ud800", ""),
    ],
)
async def test_names_on_one_line(
    hass: HomeAssistant, loaded: MockConfigEntry, name: str, kept: str
) -> None:
    """What cannot be seen is no name, and turns nothing around that is written beside it."""
    result = await submit(hass, await begin(hass, loaded), name=name)
    if kept:
        assert person(loaded, kept)
    else:
        assert result["errors"] == {"name": "no_name"}


async def test_two_who_say_that_it_was_them(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """A credential is one person's; who comes second has to look again."""
    await use(loaded, driver, driver.lock.time, 3)
    first, second = await begin(hass, loaded), await begin(hass, loaded)
    [label] = offers(first)
    await submit(hass, first, label, name="Ming")
    result = await submit(hass, second, label, name="Hua")
    assert result["errors"] == {"credentials": "credential_taken"}
    assert result["step_id"] == "nothing_known"
    result = await submit(hass, result, name="Hua")
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await named(hass, driver, "Ming", "Ming")


async def test_without_a_connection(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """It is known only by a connection what there is to choose from."""
    await hass.config_entries.async_unload(loaded.entry_id)
    result = await begin(hass, loaded)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_not_loaded")


async def test_on_the_local_network(hass: HomeAssistant, driver: LockDriver) -> None:
    """Where it is not told who opens the door there are no people."""
    entry = MockConfigEntry(domain=DOMAIN, data=driver.local_data(NEARBY))
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)  # So that its flow is loaded
    assert "person" not in entry.supported_subentry_types


# Two locks


@pytest.fixture
async def two(hass: HomeAssistant, driver: LockDriver) -> tuple[MockConfigEntry, LockDriver]:
    """Return the entry of an account with two locks, and who is at the second one."""
    back = LockDriver(driver.simulation, driver.account, add_lock(driver, "Back door"))
    entry = MockConfigEntry(
        domain=DOMAIN,
        data=driver.account_data(driver.lock, back.lock),
        options={CONF_LATE_AFTER: TEN_YEARS},
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await connected(entry)
    await hass.async_block_till_done()
    return entry, back


async def test_two_locks_of_one_name(
    hass: HomeAssistant, driver: LockDriver, two: tuple[MockConfigEntry, LockDriver]
) -> None:
    """It is said at which of them a finger was used."""
    entry, back = two
    devices = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(devices, entry.entry_id):
        devices.async_update_device(device.id, name_by_user="Door")
    await use(entry, driver, driver.lock.time - 1, 3)
    await use(entry, back, driver.lock.time, 4)
    result = await begin(hass, entry)
    assert [offer.partition("side, ")[2] for offer in offers(result)] == [
        f"Door (…{lock.did[-4:]})" for lock in (back.lock, driver.lock)
    ]
    await hass.config_entries.async_unload(entry.entry_id)


async def test_two_locks(
    hass: HomeAssistant, driver: LockDriver, two: tuple[MockConfigEntry, LockDriver]
) -> None:
    """Each has its own fingerprint 3; a person may have both. One that is away keeps its own."""
    entry, back = two
    now = driver.lock.time
    await use(entry, driver, now - 1, 3)
    await use(entry, back, now, 3)
    result = await begin(hass, entry)
    back_door, front_door = offers(result)
    assert back_door.endswith(", fingerprint 3, outside, Back door")
    assert front_door.endswith(", fingerprint 3, outside, Front door")
    await submit(hass, result, back_door, name="Ming")
    await named(hass, back, "Ming", "Ming")
    await named(hass, driver, "Fingerprint 3", "unknown")

    driver.simulation.call(driver.simulator.remove_lock, back.lock)
    await hass.config_entries.async_reload(entry.entry_id)
    assert running_locks(hass, entry) == [driver.lock.did]
    result = await begin(hass, entry, person(entry, "Ming"))
    [front_door] = offers(result)
    await submit(hass, result, front_door, name="Ming")
    dids = [one["did"] for one in person(entry, "Ming").data["credentials"]]
    assert sorted(dids) == sorted([driver.lock.did, back.lock.did])
    await hass.config_entries.async_unload(entry.entry_id)
