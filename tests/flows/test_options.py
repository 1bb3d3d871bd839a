"""The options of an entry, and who may unlock its locks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.setup import async_setup_component

from custom_components.xiaomi_smart_lock.const import (
    CONF_APP,
    CONF_APP_REQUESTS,
    CONF_JOURNAL_ENTRIES,
    CONF_KEEP_PICTURES,
    CONF_LATE_AFTER,
    CONF_LEAST_DIGITS,
    CONF_LOCKS,
    CONF_MOST_DIGITS,
    CONF_PENDING_FOR,
    CONF_POLL_INTERVAL,
    CONF_POLL_INTERVAL_WITHOUT_PUSH,
    CONF_ROOMS,
    CONF_UNAVAILABLE_AFTER,
    CONF_UNLOCKING,
    DOMAIN,
)
from custom_components.xiaomi_smart_lock.state.unlock_code import is_code
from tests.flow import add_lock, default, local_entry, suggested
from tests.hosts import NEARBY
from tests.lock_harness import diagnostics, running_lock, setups
from tests.options import begin, chosen, filled, locks, submit, values

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.lock_driver import LockDriver

ANOTHER = "1000000009"


def offered(result: ConfigFlowResult, key: str) -> list[Any]:
    """Return what there is to choose from."""
    schema = result["data_schema"]
    assert schema
    options: list[Any] = schema.schema[key].config["options"]
    return options


async def test_of_an_account(hass: HomeAssistant, loaded: MockConfigEntry) -> None:
    """They are taken at once, and shown the next time; who may unlock stays as it is."""
    hass.config_entries.async_update_entry(loaded, options={CONF_UNLOCKING: {ANOTHER: None}})
    await hass.async_block_till_done()
    again = setups(loaded)
    result = await begin(hass, loaded)
    assert values(result) == {
        "everyday": {CONF_PENDING_FOR: 24, "ask_who": True},
        "events": {CONF_LATE_AFTER: 5, CONF_JOURNAL_ENTRIES: 1000},
        "unlocking": {},
        "advanced": {
            CONF_POLL_INTERVAL: 3600,
            CONF_POLL_INTERVAL_WITHOUT_PUSH: 60,
            CONF_UNAVAILABLE_AFTER: 10,
            CONF_LEAST_DIGITS: 6,
            CONF_MOST_DIGITS: 10,
        },
    }
    assert result["data_schema"]
    sections = result["data_schema"].schema.items()
    collapsed = {str(part): section.options["collapsed"] for part, section in sections}
    assert collapsed == {"everyday": False, "events": True, "unlocking": False, "advanced": True}
    options = {
        CONF_POLL_INTERVAL: 600,
        CONF_POLL_INTERVAL_WITHOUT_PUSH: 20,
        CONF_UNAVAILABLE_AFTER: 60,
        CONF_LATE_AFTER: 1,
        CONF_JOURNAL_ENTRIES: 5000,
        CONF_PENDING_FOR: 48,
        CONF_LEAST_DIGITS: 4,
        CONF_MOST_DIGITS: 12,
        "ask_who": False,
    }
    chosen = filled(result, **options)
    result = await submit(hass, result, **chosen)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options == options | {CONF_UNLOCKING: {ANOTHER: None}}
    assert again[-1] is ConfigEntryState.LOADED
    result = await begin(hass, loaded)
    assert values(result) == chosen
    hass.config_entries.options.async_abort(result["flow_id"])


async def test_of_a_local_lock(hass: HomeAssistant, driver: LockDriver) -> None:
    """There is no push, and there are no events."""
    entry = local_entry(hass, add_lock(driver, "Back door", host=NEARBY))
    result = await begin(hass, entry)
    assert values(result) == {
        "everyday": {CONF_PENDING_FOR: 24},
        "unlocking": {},
        "advanced": {
            CONF_POLL_INTERVAL: 30,
            CONF_UNAVAILABLE_AFTER: 24 * 60,
            CONF_LEAST_DIGITS: 6,
            CONF_MOST_DIGITS: 10,
        },
    }
    wrong = filled(result, **{CONF_LEAST_DIGITS: 8, CONF_MOST_DIGITS: 7, CONF_PENDING_FOR: 9})
    result = await submit(hass, result, **wrong)
    assert result["errors"] == {"base": "digits_contradict"}
    assert values(result) == wrong
    right = filled(result, **{CONF_LEAST_DIGITS: 7})
    await submit(hass, result, **right)
    stored = {key: value for part in right.values() for key, value in part.items()}
    assert entry.options == stored


async def test_a_lock_is_not_forgotten_for_wrong_digits(
    hass: HomeAssistant, loaded: MockConfigEntry
) -> None:
    """The form comes back with the chosen lock, and then asks who may unlock it."""
    result = await begin(hass, loaded)
    [did] = locks(result)
    digits = {CONF_LEAST_DIGITS: 8, CONF_MOST_DIGITS: 7}
    result = await submit(hass, result, **filled(result, lock=did, **digits))
    assert result["errors"] == {"base": "digits_contradict"}
    assert chosen(result)["lock"] == did
    right = chosen(result) | {CONF_LEAST_DIGITS: 7}
    result = await submit(hass, result, **filled(result, **right))
    assert result["step_id"] == "unlocking_of"


async def test_of_the_mi_home_app(hass: HomeAssistant, linked: MockConfigEntry) -> None:
    """They are there where the entry is linked, and taken at once."""
    hass.config_entries.async_update_entry(linked, options={CONF_LATE_AFTER: 1})
    await hass.async_block_till_done()
    result = await begin(hass, linked)
    shown = values(result)
    assert shown["everyday"][CONF_KEEP_PICTURES] == 0
    assert shown["advanced"][CONF_APP_REQUESTS] == 60
    for wrong in ({CONF_APP_REQUESTS: 9}, {CONF_APP_REQUESTS: 601}, {CONF_KEEP_PICTURES: -1}):
        with pytest.raises(InvalidData):
            await submit(hass, result, **filled(result, **wrong))
    chosen = {CONF_APP_REQUESTS: 10, CONF_KEEP_PICTURES: 7}
    await submit(hass, result, **filled(result, **chosen))
    assert linked.options.items() >= ({CONF_LATE_AFTER: 1} | chosen).items()
    assert (await diagnostics(hass, linked))["link"]["budget"] == 10


async def test_of_a_local_lock_that_is_linked(hass: HomeAssistant, driver: LockDriver) -> None:
    """It knows what happened, if only afterwards."""
    entry = local_entry(hass, add_lock(driver, "Back door", host=NEARBY))
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_APP: driver.app_data()})
    result = await begin(hass, entry)
    assert values(result)["events"] == {CONF_LATE_AFTER: 5, CONF_JOURNAL_ENTRIES: 1000}


async def test_all_at_once(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """Who changes a number and allows unlocking has both."""
    result = await begin(hass, loaded)
    chosen = filled(result, lock=driver.lock.did, **{CONF_PENDING_FOR: 48})
    result = await submit(hass, result, **chosen)
    assert CONF_PENDING_FOR not in loaded.options
    await submit(hass, result, unlocking="without_code")
    assert loaded.options[CONF_PENDING_FOR] == 48
    assert loaded.options[CONF_UNLOCKING] == {driver.lock.did: None}


async def test_unlocking_is_off_until_it_is_allowed(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry
) -> None:
    """It can be allowed without a code, and turned off again."""
    result = await begin(hass, loaded, "unlocking")
    assert result["description_placeholders"] == {"lock": "Front door", "warning": ""}
    assert default(result, CONF_UNLOCKING) == "off"
    assert offered(result, CONF_UNLOCKING) == ["off", "without_code", "new_code"]
    await submit(hass, result, unlocking="without_code")
    assert loaded.options[CONF_UNLOCKING] == {driver.lock.did: None}
    result = await begin(hass, loaded, "unlocking")
    assert default(result, CONF_UNLOCKING) == "without_code"
    await submit(hass, result, unlocking="off")
    assert loaded.options[CONF_UNLOCKING] == {}


@pytest.mark.parametrize("code", ["1234", "0123456789"])
async def test_a_code(
    hass: HomeAssistant, driver: LockDriver, loaded: MockConfigEntry, code: str
) -> None:
    """Only its hash is kept, another one each time; it stays until another one is set or none.

    A short code may be among the digits of a hash by chance.
    """
    hashes = set()
    for _ in range(2):
        result = await submit(hass, await begin(hass, loaded, "unlocking"), unlocking="new_code")
        await submit(hass, result, code=code, code_again=code)
        hashed = loaded.options[CONF_UNLOCKING][driver.lock.did]
        assert re.fullmatch(r"[0-9a-f]{32}:[0-9a-f]{128}", hashed)
        assert is_code(code, hashed)
        assert not is_code(code[:-1], hashed)
        hashes.add(hashed)
    assert len(hashes) == 2
    result = await begin(hass, loaded, "unlocking")
    assert default(result, CONF_UNLOCKING) == "same_code"
    assert offered(result, CONF_UNLOCKING) == ["off", "without_code", "same_code", "new_code"]
    await submit(hass, result, unlocking="same_code")
    assert loaded.options[CONF_UNLOCKING] == {driver.lock.did: hashed}
    assert locks(await begin(hass, loaded)) == {driver.lock.did: "Front door: allowed with a code"}
    await submit(hass, await begin(hass, loaded, "unlocking"), unlocking="without_code")
    assert loaded.options[CONF_UNLOCKING] == {driver.lock.did: None}


@pytest.mark.parametrize(
    ("code", "again", "errors"),
    [
        ("123", "123", {"code": "code_format"}),
        ("01234567890", "01234567890", {"code": "code_format"}),
        ("", "", {"code": "code_format"}),
        ("12a4", "12a4", {"code": "code_format"}),
        ("1234\n", "1234\n", {"code": "code_format"}),
        ("١٢٣٤", "١٢٣٤", {"code": "code_format"}),
        ("1234", "1243", {"code_again": "codes_differ"}),
    ],
)
async def test_no_code(
    hass: HomeAssistant, loaded: MockConfigEntry, code: str, again: str, errors: dict[str, str]
) -> None:
    """What is no code, or was mistyped, changes nothing; it is asked for again."""
    result = await submit(hass, await begin(hass, loaded, "unlocking"), unlocking="new_code")
    result = await submit(hass, result, code=code, code_again=again)
    assert result["errors"] == errors
    shown = {field: suggested(result, field) for field in ("code", "code_again")}
    assert shown == {"code": code, "code_again": again}
    assert CONF_UNLOCKING not in loaded.options
    result = await submit(hass, result, code="1234", code_again="1234")
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_each_lock_has_its_own(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry
) -> None:
    """The lock is asked for where there are several, and others stay as they are."""
    back = add_lock(driver, "Back door")
    data = {**entry.data, CONF_LOCKS: [driver.lock.did, back.did]}
    hass.config_entries.async_update_entry(
        entry, data=data, options={CONF_UNLOCKING: {driver.lock.did: None, ANOTHER: None}}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    result = await begin(hass, entry)
    assert locks(result) == {
        driver.lock.did: "Front door: allowed without a code",
        back.did: "Back door: off",
    }
    result = await submit(hass, result, **filled(result, lock=back.did))
    assert result["description_placeholders"] == {"lock": "Back door", "warning": ""}
    assert default(result, CONF_UNLOCKING) == "off"
    await submit(hass, result, unlocking="without_code")
    assert entry.options[CONF_UNLOCKING] == {driver.lock.did: None, back.did: None}
    await hass.config_entries.async_unload(entry.entry_id)


async def test_locks_of_one_name(
    hass: HomeAssistant, driver: LockDriver, entry: MockConfigEntry
) -> None:
    """Where they are, or their last digits, tell the lock that is unlocked from the other."""
    others = [add_lock(driver, "Front door") for _ in range(2)]
    dids = [driver.lock.did, *(lock.did for lock in others)]
    data = {**entry.data, CONF_LOCKS: dids, CONF_ROOMS: {dids[1]: "Attic", dids[0]: "Hall"}}
    hass.config_entries.async_update_entry(entry, data=data)
    assert await hass.config_entries.async_setup(entry.entry_id)
    result = await begin(hass, entry)
    assert [*locks(result).values()] == [
        "Front door (Hall): off",
        "Front door (Attic): off",
        "Front door: off",
    ]
    result = await submit(hass, result, **filled(result, lock=dids[1]))
    assert result["description_placeholders"] == {"lock": "Front door (Attic)", "warning": ""}
    hass.config_entries.options.async_abort(result["flow_id"])
    hass.config_entries.async_update_entry(entry, data={**data, CONF_ROOMS: {}})
    result = await begin(hass, entry)
    assert [*locks(result).values()] == [f"Front door (…{did[-4:]}): off" for did in dids]
    hass.config_entries.options.async_abort(result["flow_id"])
    await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(("local", "warned"), [(True, True), (False, False)])
async def test_recordings_of_requests(
    hass: HomeAssistant, driver: LockDriver, *, local: bool, warned: bool
) -> None:
    """They are warned of on the local network only."""
    nearby = add_lock(driver, "Back door", host=NEARBY)
    entry = local_entry(hass, nearby)
    if not local:
        hass.config_entries.async_update_entry(entry, data=driver.account_data())
    assert await async_setup_component(hass, DOMAIN, {})
    result = await begin(hass, entry, "unlocking")
    assert result["description_placeholders"]
    assert ("recording" in result["description_placeholders"]["warning"]) is warned
    hass.config_entries.options.async_abort(result["flow_id"])


async def test_a_lock_that_cannot_be_unlocked(hass: HomeAssistant, driver: LockDriver) -> None:
    """There is nothing to choose, and it is said why."""
    driver.lock.model = "xiaomi.lock.m30fa"
    async with running_lock(hass, driver) as harness:
        result = await begin(hass, harness.entry)
        assert "unlocking" not in values(result)
        placeholders = result["description_placeholders"]
        assert placeholders
        assert "not possible with this model" in placeholders["note"]
        hass.config_entries.options.async_abort(result["flow_id"])


async def test_a_lock_that_was_never_seen(hass: HomeAssistant, driver: LockDriver) -> None:
    """It is called by its number until its name is known."""
    nearby = add_lock(driver, "Back door", host=NEARBY)
    result = await begin(hass, local_entry(hass, nearby), "unlocking")
    assert result["description_placeholders"]
    assert result["description_placeholders"]["lock"] == nearby.did
    hass.config_entries.options.async_abort(result["flow_id"])
