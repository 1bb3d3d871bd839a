"""The files of a lock: written by one, read back, and begun anew where they cannot be read."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import pytest
from homeassistant import config_entries
from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import (
    ConfigEntryNotReady,
    HomeAssistantError,
    ServiceValidationError,
)
from homeassistant.helpers import storage
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock import coordinator, lock_log
from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, CONF_UNLOCKING, DOMAIN
from custom_components.xiaomi_smart_lock.state.credential import Credential
from custom_components.xiaomi_smart_lock.state.expiry import Expiry, ExpiryRegistry
from custom_components.xiaomi_smart_lock.state.unlock_code import hash_code
from custom_components.xiaomi_smart_lock.store import (
    async_store,
    salvaged_expiries,
)
from simulator.model import S1

from .lock_driver import until
from .lock_harness import (
    LockHarness,
    Storage,
    caught_up,
    entry_of,
    fix,
    log_file,
    logged,
    running_lock,
    runtime_of,
    stored,
    stored_key,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .lock_driver import LockDriver

GUEST: Final = 7
CODE: Final = Credential(3, 20)
DISK: Final = {
    name: getattr(storage.Store, name)
    for name in ("_async_load", "_async_write_data", "async_remove")
}


@pytest.fixture
def disk(
    hass: HomeAssistant, hass_storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Have Home Assistant's storage in real files, and return where."""
    with patch.multiple(storage.Store, **DISK):
        hass.config.config_dir = str(tmp_path)
        monkeypatch.setattr(lock_log, "FOLDER", storage.STORAGE_DIR)
        yield tmp_path / ".storage"


@pytest.fixture
async def on_disk(
    hass: HomeAssistant, disk: Path, driver: LockDriver
) -> AsyncIterator[LockHarness]:
    """Return who lives there, with files on a real disk."""
    async with running_lock(hass, driver) as harness:
        yield harness


async def invite(harness: LockHarness, **data: Any) -> None:
    """Give the guest a password for a day."""
    await harness.manage(
        "set_credential",
        user_id=GUEST,
        credential_type="password",
        credential_data="246810",
        operation_id=CODE.operation_id,
        valid_until=dt_util.utcnow() + timedelta(days=1),
        **data,
    )


# One writer


@pytest.fixture
def fails_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the first attempt to set an entry up fail, when much of it is done."""
    forward = config_entries.ConfigEntries.async_forward_entry_setups
    failed: list[bool] = []

    async def fail_once(self: Any, *args: Any) -> None:
        if not failed:
            failed.append(True)
            raise ConfigEntryNotReady
        await forward(self, *args)

    monkeypatch.setattr(config_entries.ConfigEntries, "async_forward_entry_setups", fail_once)


@pytest.mark.usefixtures("fails_once")
async def test_a_retry_knows_more_than_the_attempt_before(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """What the abandoned attempt wanted to write comes never, not even half a minute later."""
    harness = LockHarness(hass, driver, entry_of(hass, driver.account_data()))
    assert not await hass.config_entries.async_setup(harness.entry.entry_id)
    assert await hass.config_entries.async_reload(harness.entry.entry_id)
    await caught_up(hass, harness.entry)
    await harness.manage("set_user", user_id=GUEST)
    await invite(harness)
    await harness.later(coordinator.SAVE_DELAY + 1)
    assert [Credential(*item[:2]) for item in stored(hass_storage, driver)["endings"]] == [CODE]
    await harness.stop()


@pytest.mark.usefixtures("fails_once")
async def test_what_was_deleted_after_a_failure(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """An attempt that failed does not bring it back."""
    entry = entry_of(hass, driver.account_data())
    harness = LockHarness(hass, driver, entry)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    await hass.config_entries.async_remove(entry.entry_id)
    await harness.later(coordinator.SAVE_DELAY + 1)
    assert not kept(hass_storage, driver)


def kept(storage_data: Storage, driver: LockDriver) -> list[str]:
    """Return the names under which something of the lock is kept."""
    files = Path(lock_log.FOLDER).glob("*")
    names = [*storage_data, *(file.name for file in files)]
    return [name for name in names if name.startswith(stored_key(driver))]


async def test_what_was_deleted_while_it_could_not_be_unloaded(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever still runs writes nothing any more, nor does the journal."""
    hass, lock = harness.hass, harness.lock
    harness.driver.do("fingerprint", 1)
    await harness.reached()

    async def refuse(*_: Any) -> bool:
        return False

    with monkeypatch.context() as patch:
        patch.setattr(hass.config_entries, "async_unload_platforms", refuse)
        assert not await hass.config_entries.async_unload(harness.entry.entry_id)
    assert harness.entry.state is ConfigEntryState.FAILED_UNLOAD
    await hass.config_entries.async_remove(harness.entry.entry_id)
    lock.coordinator.record_contact(contact=1.0)
    await lock.coordinator.async_save()
    await lock.coordinator.async_write()
    await harness.later(coordinator.SAVE_DELAY + 1)
    assert not kept(hass_storage, harness.driver)
    # What nobody unloaded ends with Home Assistant.
    runtime = runtime_of(harness.entry)
    await runtime.async_stop_listening()
    runtime.connection.async_stop()


async def test_a_lock_that_is_no_longer_chosen(harness: LockHarness, hass_storage: Storage) -> None:
    """After a reload without it nothing of it comes back, whatever was still to be done."""
    lock, simulator = harness.lock, harness.driver.simulator
    harness.driver.do("fingerprint", 1)
    await harness.reached()
    other = harness.driver.simulation.call(simulator.add_lock, harness.driver.account)
    data = {**harness.entry.data, CONF_LOCKS: [other.did]}
    harness.hass.config_entries.async_update_entry(harness.entry, data=data)
    await harness.stop()
    await harness.start()
    lock.coordinator.record_contact(contact=1.0)
    await lock.coordinator.async_save()
    await harness.later(coordinator.SAVE_DELAY + 1)
    assert not kept(hass_storage, harness.driver)


async def test_after_a_reload(harness: LockHarness, hass_storage: Storage) -> None:
    """Whoever was there before writes nothing over what is known since."""
    before = harness.lock
    await harness.stop()
    await harness.start()
    await harness.manage("set_user", user_id=GUEST)
    await invite(harness)
    before.coordinator.record_contact(1.0)
    await before.coordinator.async_save()
    before.expiry._changed()
    await harness.later(coordinator.SAVE_DELAY + 1)
    assert stored(hass_storage, harness.driver)["endings"]


async def test_several_saves_at_once(
    on_disk: LockHarness, disk: Path, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one has the newest state, also where writing the log takes one of them longer."""
    lock, append = on_disk.lock.coordinator, lock_log.append
    go_on = threading.Event()

    def slow(*args: Any) -> int:
        assert go_on.wait(30)
        return append(*args)

    monkeypatch.setattr(lock_log, "append", slow)
    lock.data.set((13, 1), 41)
    first = asyncio.create_task(lock.async_save())
    await asyncio.sleep(0)
    lock.data.users.synchronised = not lock.data.users.synchronised
    second = asyncio.create_task(lock.async_save())
    await asyncio.sleep(0)
    expected = lock.data.users.synchronised
    go_on.set()
    await asyncio.gather(first, second)
    kept = json.loads((disk / stored_key(driver)).read_text(encoding="utf-8"))["data"]
    assert kept["data"]["users"].get("synchronised", False) == expected
    assert kept["line"] == logged(on_disk.hass, driver)[-1]["line"]


async def test_a_write_under_way(
    hass: HomeAssistant, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who removes a file waits for it, even where nobody waits for the write any more."""
    begun, go_on = threading.Event(), threading.Event()
    store = async_store(hass, "1")

    def held(*args: Any, **kwargs: Any) -> None:
        begun.set()
        assert go_on.wait(30)
        real(*args, **kwargs)

    # The one that writes to the disk, by the name that each version has for it
    names = ("_write_prepared_data", "_write_data")
    name = next(name for name in names if hasattr(storage.Store, name))
    real = getattr(storage.Store, name)
    monkeypatch.setattr(storage.Store, name, held)
    writing = asyncio.create_task(store.async_save({"data": {}}))
    await until(begun.is_set)
    writing.cancel()
    removing = asyncio.create_task(store.async_remove())
    await asyncio.sleep(0)
    go_on.set()
    await removing
    await hass.async_block_till_done()
    assert not list(disk.iterdir())
    assert async_store(hass, "1") is not store


async def test_one_store_for_a_file(hass: HomeAssistant) -> None:
    """Nobody but Home Assistant may read it."""
    assert async_store(hass, "1")._private
    for find in (async_store, lock_log.async_log):
        assert find(hass, "1") is find(hass, "1")
        assert find(hass, "1") is not find(hass, "2")


# A disk that takes nothing


async def test_a_full_disk(on_disk: LockHarness, disk: Path, driver: LockDriver) -> None:
    """A password that is to end is not even sent to the lock, and it is said why."""
    await on_disk.manage("set_user", user_id=GUEST)
    file = disk / stored_key(driver)
    await on_disk.lock.coordinator.async_save()
    file.unlink()
    file.mkdir()  # Nothing can be written there.
    on_disk.acts.clear()
    with pytest.raises(HomeAssistantError) as raised:
        await invite(on_disk)
    assert raised.value.translation_key == "not_written"
    assert not driver.lock.users.credentials
    assert not on_disk.acts
    assert not on_disk.known.expiries.known
    file.rmdir()
    await invite(on_disk)
    assert CODE.operation_id in driver.lock.users.credentials
    [ending] = json.loads(file.read_text(encoding="utf-8"))["data"]["data"]["endings"]
    assert ExpiryRegistry.from_list(S1, [ending]).known.keys() == {CODE}


async def test_a_power_cut(
    on_disk: LockHarness, disk: Path, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to end is on the disk itself, not only with the system, before the lock is asked."""
    await on_disk.manage("set_user", user_id=GUEST)
    synced: set[int] = set()
    at_the_lock: list[bool] = []
    real, act = os.fsync, driver.lock.act

    def sync(descriptor: int) -> None:
        real(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def look(address: Any, raw: Any) -> Any:
        inodes = {one.stat().st_ino for one in (disk / stored_key(driver), disk)}
        at_the_lock.append(inodes <= synced)
        return act(address, raw)

    # Home Assistant's writer has its own name for it.
    monkeypatch.setattr("atomicwrites._proper_fsync", sync)
    monkeypatch.setattr(driver.lock, "act", look)
    await invite(on_disk)
    assert at_the_lock == [True]


# Files that cannot be read


def half(text: str) -> str:
    """Tear a file in the middle, after what is to end."""
    return text[: text.index('"unread"')]


def newer(text: str) -> str:
    """Have it written by a version to come."""
    return text.replace('"version":1', '"version":9').replace('"version": 1', '"version": 9')


def reshaped(text: str) -> str:
    """Have values that are none of ours."""
    kept = json.loads(text)
    kept["data"]["data"]["values"] = {"3.1021": 1}
    return json.dumps(kept)


def elsewhere(text: str) -> str:
    """Have all in another place."""
    kept = json.loads(text)
    return json.dumps({**kept, "data": [kept["data"]]})


async def test_a_file_of_another_minor_version(
    on_disk: LockHarness, disk: Path, driver: LockDriver
) -> None:
    """It is read as it is: what this version does not know is left out."""
    await on_disk.manage("set_user", user_id=GUEST)
    await invite(on_disk)
    ending = on_disk.known.expiries.known[CODE]
    await on_disk.stop()
    file = disk / stored_key(driver)
    kept = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**kept, "minor_version": 9}), encoding="utf-8")
    await on_disk.start()
    assert on_disk.known.expiries.known == {CODE: ending}
    assert on_disk.issue("storage_unreadable") is None
    assert not list(disk.glob("*.corrupt.*"))


@pytest.mark.parametrize("spoil", [half, newer, reshaped, elsewhere])
async def test_what_is_to_end_outlives_a_spoilt_file(
    on_disk: LockHarness,
    disk: Path,
    driver: LockDriver,
    hass_client: ClientSessionGenerator,
    spoil: Callable[[str], str],
) -> None:
    """All begins anew but that; it is said, and the file is kept aside as it was."""
    await on_disk.manage("set_user", user_id=GUEST)
    await invite(on_disk)
    ending = on_disk.known.expiries.known[CODE]
    await on_disk.stop()
    file = disk / stored_key(driver)
    spoilt = spoil(file.read_text(encoding="utf-8"))
    file.write_text(spoilt, encoding="utf-8")
    await on_disk.start()
    assert on_disk.entry.state is ConfigEntryState.LOADED
    assert on_disk.known.expiries.known == {CODE: ending}
    assert on_disk.state("lock", "lock") != "unknown"
    [copy] = disk.glob(f"{stored_key(driver)}.corrupt.*")
    assert copy.read_text(encoding="utf-8") == spoilt
    issue = on_disk.issue("storage_unreadable")
    assert issue
    assert issue.is_persistent
    assert issue.translation_placeholders == {"lock": on_disk.lock.coordinator.name, "endings": "1"}
    # It is on the disk again, and is no longer asked about once it was read.
    await on_disk.stop()
    await on_disk.start()
    assert on_disk.known.expiries.known == {CODE: ending}
    assert on_disk.issue("storage_unreadable")
    assert await fix(on_disk.hass, hass_client, issue)
    assert on_disk.issue("storage_unreadable") is None
    assert len(list(disk.glob(f"{stored_key(driver)}.corrupt.*"))) == 1
    assert [path.name for path in disk.glob("*.corrupt.*")] == [copy.name]
    # With the entry all of it goes.
    await on_disk.hass.config_entries.async_remove(on_disk.entry.entry_id)
    assert not list(disk.glob(f"{DOMAIN}*"))


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"[1]", b"null", b"7", b'"a"', b"\xff\xfe", b'{"version": 1}', b"[" * 9999],
    ids=range(10),
)
@pytest.mark.parametrize("of", ["", ".journal", ".log"])
async def test_a_file_that_is_none(
    hass: HomeAssistant, disk: Path, driver: LockDriver, content: bytes, of: str
) -> None:
    """Whatever is on the disk, the lock is set up, and it is said."""
    disk.mkdir()
    file = disk / (stored_key(driver) + of)
    file.write_bytes(content)
    async with running_lock(hass, driver) as harness:
        assert harness.entry.state is ConfigEntryState.LOADED
        issues = {key: harness.issue(key) for key in ("storage_unreadable", "journal_unreadable")}
        [told] = [issue for issue in issues.values() if issue]
        assert told is issues["journal_unreadable" if of else "storage_unreadable"]
        [copy] = disk.glob("*.corrupt.*")
        assert copy.read_bytes() == content
        driver.do("fingerprint", 1)
        await harness.reached()
    assert len([line for line in logged(hass, driver) if line.get("events")]) == 1
    if of != ".journal":
        assert file.read_bytes() != content


async def test_a_log_that_cannot_be_read(
    hass: HomeAssistant, disk: Path, driver: LockDriver
) -> None:
    """It is not lost for that: another time, or somebody else, may be able to."""
    disk.mkdir()
    file = disk / f"{stored_key(driver)}.log"
    file.mkdir()
    (file / "what is in it").touch()
    async with running_lock(hass, driver) as harness:
        assert harness.issue("journal_unreadable")
        driver.do("fingerprint", 1)
        await harness.reached()
    assert len([line for line in logged(hass, driver) if line.get("events")]) == 1
    [aside] = disk.glob("*.corrupt.*")
    assert (aside / "what is in it").exists()


async def test_a_copy_is_for_nobody_else(
    hass: HomeAssistant, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even for the moment until it has the mode of the file that it is of."""
    monkeypatch.setattr(shutil, "copystat", lambda *_, **__: None)
    disk.mkdir()
    store = async_store(hass, "1")
    (disk / store.key).write_text("spoilt", encoding="utf-8")
    assert await store.async_put_aside() == "spoilt"
    [copy] = disk.glob("*.corrupt.*")
    assert copy.read_text(encoding="utf-8") == "spoilt"
    assert f"{copy.stat().st_mode & 0o777:o}" == "600"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"version": 1}', b"[" * 9999], ids=range(4))
async def test_wrong_codes_that_cannot_be_read(
    hass: HomeAssistant, disk: Path, driver: LockDriver, content: bytes
) -> None:
    """There may have been any number: for five minutes the right code does not open either."""
    disk.mkdir()
    (disk / f"{stored_key(driver)}.guesses").write_bytes(content)
    options: dict[str, Any] = {CONF_UNLOCKING: hash_code("2468")}
    async with running_lock(hass, driver, **options) as harness:
        with pytest.raises(ServiceValidationError) as refused:
            await harness.call("lock", "unlock", "lock", code="2468")
        assert refused.value.translation_key == "unlocking_while_blocked"
        assert harness.state("lock", "lock") == "locked"


async def test_a_journal_of_a_newer_version(
    on_disk: LockHarness, disk: Path, driver: LockDriver
) -> None:
    """It begins anew, is kept aside, and takes nothing else with it."""
    driver.do("fingerprint", 1)
    await on_disk.reached()
    await on_disk.stop()
    file = log_file(on_disk.hass, driver)
    file.write_text(newer(file.read_text(encoding="utf-8")), encoding="utf-8")
    await on_disk.start()
    assert len(on_disk.lock.journal) == 0
    assert on_disk.issue("journal_unreadable")
    assert on_disk.issue("storage_unreadable") is None
    assert len(list(disk.glob(f"{file.name}.corrupt.*"))) == 1


KEPT: Final = [3, 20, 7, 1790000000.0, 1790086400.0, None, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ('{"endings":[]}', 0),
        (json.dumps({"endings": [KEPT, KEPT]}), 2),
        (json.dumps({"endings": [KEPT, KEPT]}, indent=2), 2),
        (json.dumps({"endings": [KEPT, KEPT]})[:-20], 1),
        (json.dumps({"a": '"endings": [1]', "endings": [KEPT]}), 1),
        ('"endings": [' + "[" * 99999, 0),
        ('"endings": ["' + "a" * 99, 0),
    ],
    ids=range(8),
)
def test_what_can_still_be_read(text: str, expected: int) -> None:
    """As many as are there as a whole."""
    items = list(salvaged_expiries(text))
    assert items == [KEPT] * expected
    known = ExpiryRegistry.from_list(S1, items).known
    assert known == ({CODE: Expiry(7, 1790000000.0, 1790086400.0)} if expected else {})
