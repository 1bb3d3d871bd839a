"""What happened at a lock is kept over a restart, in order, and not too much of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest
from homeassistant.config_entries import ConfigEntryState

from custom_components.xiaomi_smart_lock import coordinator, lock_log
from custom_components.xiaomi_smart_lock.const import CONF_JOURNAL_ENTRIES, CONF_LOCKS, DOMAIN
from custom_components.xiaomi_smart_lock.state.lock_event import LockEvent
from simulator.model import S1, SPEC
from tests.lock_harness import LockHarness, Storage, connected, log_file, logged, running_lock
from tests.past import DURESS, HOUR, LOCK_EVENT

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.lock_driver import LockDriver

NOON: Final = 1790000000
EVER: Final = (0.0, 2.0**40)


def key(driver: LockDriver) -> str:
    """Return by what name the storage keeps the journal."""
    return f"{DOMAIN}.{driver.lock.did}.journal"


def written(harness: LockHarness) -> list[list[object]]:
    """Return the entries that are written down, in order."""
    lines = logged(harness.hass, harness.driver)
    return [entry for line in lines for entry in line.get("events", [])]


def numbers(harness: LockHarness) -> list[object]:
    """Return the operations that the journal has, in order."""
    return [one.get("operation-id") for one in harness.lock.journal.between(*EVER)]


async def test_kept_over_a_restart(harness: LockHarness) -> None:
    """All that push tells, each once, in the order in which it happened."""
    harness.driver.do("fingerprint", 1)
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 2, harness.driver.lock.time - 2 * HOUR)
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 2, harness.driver.lock.time - 2 * HOUR)
    harness.driver.push_event((4, 6), 3, 7, 2, harness.driver.lock.time - HOUR)
    await harness.reached()
    expected = [2, 7, 1]
    assert numbers(harness) == expected
    before = harness.lock.journal.between(*EVER)
    await harness.stop()
    await harness.start()
    assert list(harness.lock.journal.between(*EVER)) == list(before)


async def test_written_soon(harness: LockHarness) -> None:
    """A power cut takes little: an event is appended at once, and nothing before is rewritten."""
    file = log_file(harness.hass, harness.driver)
    for number in range(1, 4):
        before = file.read_bytes() if file.exists() else b""
        harness.driver.do("fingerprint", number)
        await harness.reached()
        await harness.later(coordinator.SAVE_DELAY_OF_EVENTS)
        assert written(harness)[-1][6] == number
        assert file.read_bytes().startswith(before)
        assert 0 < len(file.read_bytes()) - len(before) < 1000


async def test_written_anew(harness: LockHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that has become long is replaced, by a line with all that is to be kept."""
    monkeypatch.setattr(lock_log, "GROWTH", 4000)
    file = log_file(harness.hass, harness.driver)
    await harness.stop()
    file.unlink()
    await harness.start()
    files = set()
    for number in range(60):
        harness.driver.push_event(
            LOCK_EVENT, 2, 2, 2, number, harness.driver.lock.time - 1000 + number
        )
        await harness.reached()
        await harness.later(coordinator.SAVE_DELAY_OF_EVENTS)
        files.add(file.stat().st_ino)
    assert 1 < len(files) < 6
    assert f"{file.stat().st_mode & 0o777:o}" == "600"
    assert [row[6] for row in written(harness)] == list(range(60))
    await harness.stop()
    await harness.start()
    assert numbers(harness) == list(range(60))
    assert not list(file.parent.glob("*.corrupt.*"))


async def test_restarts_do_not_let_it_grow(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is replaced as early as without them."""
    monkeypatch.setattr(lock_log, "GROWTH", 8000)
    file = log_file(harness.hass, harness.driver)
    sizes = [0]
    for number in range(60):
        for part in range(3):
            harness.driver.do("fingerprint", 10 * number + part)
            await harness.reached()
            await harness.later(coordinator.SAVE_DELAY_OF_EVENTS)
        await harness.stop()
        sizes.append(file.stat().st_size)
        await harness.start()
        if sizes[-1] < sizes[-2]:
            break
    assert sizes[-1] < sizes[-2]
    assert sizes[-2] < 3 * 8000


async def test_a_long_log_beside_a_spoilt_state(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the state begins anew takes no event with it, also where the log has to be replaced."""
    monkeypatch.setattr(lock_log, "GROWTH", -1_000_000)
    harness.driver.do("fingerprint", 1)
    await harness.reached()
    await harness.stop()
    hass_storage[f"{DOMAIN}.{harness.driver.lock.did}"]["data"] = ["spoilt"]
    for _ in range(2):
        await harness.start()
        assert numbers(harness) == [1]
        assert [row[6] for row in written(harness)] == [1]
        await harness.stop()


async def test_not_written_for_nothing(harness: LockHarness) -> None:
    """Where nothing happened there is no journal."""
    await harness.stop()
    assert not written(harness)


async def test_not_too_many(hass: HomeAssistant, harness: LockHarness) -> None:
    """The oldest go first, whenever they come; an option says how many stay."""
    for number in range(110):
        harness.driver.push_event(
            LOCK_EVENT, 2, 2, 2, number, harness.driver.lock.time - 1000 + number
        )
    await harness.reached()
    assert numbers(harness) == list(range(110))
    hass.config_entries.async_update_entry(harness.entry, options={CONF_JOURNAL_ENTRIES: 100})
    await hass.async_block_till_done()
    await connected(harness.entry)
    assert numbers(harness) == list(range(10, 110))
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 500, harness.driver.lock.time - 2000)
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 501, harness.driver.lock.time)
    await harness.reached()
    assert numbers(harness) == [*range(11, 110), 501]
    await harness.stop()
    await harness.start()
    assert numbers(harness) == [*range(11, 110), 501]


async def test_a_flood_of_events(harness: LockHarness) -> None:
    """Before it is looked at or written down, it is no more than what stays of it."""
    kept_of = harness.lock.journal
    when = harness.driver.lock.time
    for number in range(5000):
        kept_of.add(LockEvent(S1, SPEC.events[LOCK_EVENT], {5: number}, when - number % 7))
    assert len(kept_of._added) + len(kept_of._rows) <= 2001
    kept = kept_of.between(*EVER)
    assert len(kept) == 1000
    assert [one.when for one in kept] == sorted(one.when for one in kept)
    assert {one.when for one in kept} == {when, when - 1}


async def test_the_truth_without_secrets(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps that a finger was one of duress, but nothing that opens a door."""
    harness.driver.push_event(LOCK_EVENT, 2, DURESS, 2, 8, NOON)
    await harness.reached()
    [kept] = harness.lock.journal.between(*EVER)
    assert kept.get("operation-method") == DURESS
    assert kept.get("operation-id") == 8
    monkeypatch.setitem(vars(harness.lock.model), "secret", frozenset({(2, 5)}))
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 9, NOON + 1)
    await harness.reached()
    _, kept = harness.lock.journal.between(*EVER)
    assert kept.get("operation-id") is None
    await harness.stop()
    said = log_file(harness.hass, harness.driver).read_text(encoding="utf-8")
    for secret in (harness.driver.lock.token, *harness.entry.data["tokens"].values()):
        assert str(secret) not in said


async def test_removed_with_the_entry(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """Nothing is left of it."""
    async with running_lock(hass, driver) as harness:
        driver.do("fingerprint", 1)
        await harness.reached()
        await harness.stop()
        assert written(harness)
        await hass.config_entries.async_remove(harness.entry.entry_id)
        assert not log_file(hass, driver).exists()


async def test_removed_with_the_lock(hass: HomeAssistant, harness: LockHarness) -> None:
    """Where it is no longer chosen."""
    harness.driver.do("fingerprint", 1)
    await harness.reached()
    await harness.stop()
    assert written(harness)
    simulator = harness.driver.simulator
    other = harness.driver.simulation.call(simulator.add_lock, harness.driver.account)
    data = {**harness.entry.data, CONF_LOCKS: [other.did]}
    hass.config_entries.async_update_entry(harness.entry, data=data)
    await harness.start()
    assert not log_file(hass, harness.driver).exists()


GOOD: Final = [NOON, *LOCK_EVENT, 2, 2, 2, 7, NOON]

BROKEN: Final[dict[str, object]] = {
    "nothing": None,
    "an object": {"entries": []},
    "a text": "diary",
    "texts": ["a", "b"],
    "numbers": [1, 2],
    "too short": [[NOON, 2]],
    "no such event": [[NOON, 2, 9999]],
    "event a list": [[NOON, [2], [1020]]],
    "time a text": [["noon", 2, 1020]],
    "time null": [[None, 2, 1020]],
}


def write(harness: LockHarness, *lines: object, header: object = None) -> None:
    """Write lines to the log of the lock, which is not running."""
    rows = [header or {"version": 1}, *lines]
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    log_file(harness.hass, harness.driver).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("stored", BROKEN.values(), ids=BROKEN)
async def test_broken(harness: LockHarness, stored: object) -> None:
    """What makes no sense is left out, and takes nothing with it."""
    await harness.stop()
    entries = [GOOD, *stored] if isinstance(stored, list) else stored
    write(harness, {"line": 1, "events": entries})
    await harness.start()
    assert numbers(harness) == ([7] if isinstance(stored, list) else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"values": [[3, 1021]]},
        {"values": 7},
        {"events": {}},
        {"handled": {"a": 1}},
        {"handled": [7, None]},
        {"pending": [[1]]},
        {"undelivered": 1},
        {"unread": []},
        {"heard": "now"},
        {"contact": [1]},
        {"state": 7},
        {"state": {"values": []}},
        {"replaced": [[None]]},
    ],
    ids=str,
)
async def test_broken_changes(harness: LockHarness, changes: dict[str, object]) -> None:
    """A line whose content makes no sense takes nothing else with it."""
    await harness.stop()
    write(
        harness,
        {"line": 10001, "events": [GOOD]},
        {"line": 10002, **changes},
        {"line": 10003, "events": [[NOON + 1, *LOCK_EVENT, 2, 2, 2, 8, NOON + 1]]},
    )
    await harness.start()
    assert harness.entry.state is ConfigEntryState.LOADED
    assert numbers(harness) == [7, 8]
    assert harness.state("sensor", "last_operation_id") == "8"


async def test_arguments_that_are_not_in_the_specification(harness: LockHarness) -> None:
    """Numbers are kept as they are, as of a specification that has changed; others are left out."""
    await harness.stop()
    order = [argument.address[1] for argument in SPEC.events[LOCK_EVENT].arguments]
    given = {1: 2, 2: 99, 3: "unlocked", 5: 2147876869}
    stored = [[NOON, *LOCK_EVENT, *(given.get(piid) for piid in order), "more"]]
    write(harness, {"line": 1, "events": stored})
    await harness.start()
    [kept] = harness.lock.journal.between(*EVER)
    assert kept.arguments == {1: 2, 2: 99, 5: 2147876869}


@pytest.mark.parametrize("version", [0, 2, 99])
async def test_of_another_version(harness: LockHarness, version: int) -> None:
    """It is not understood, is kept aside, and nothing else suffers."""
    await harness.stop()
    write(harness, {"line": 1, "events": [GOOD]}, header={"version": version})
    await harness.start()
    assert harness.entry.state is ConfigEntryState.LOADED
    assert numbers(harness) == []
    assert harness.issue("journal_unreadable")
    file = log_file(harness.hass, harness.driver)
    assert len(list(file.parent.glob(f"{file.name}.corrupt.*"))) == 1


async def test_of_the_version_before_on_a_full_disk(
    harness: LockHarness, hass_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of its own stays until its events are in the log."""

    def fail(*_: object) -> int:
        raise OSError("no space left")

    await harness.stop()
    log_file(harness.hass, harness.driver).unlink()
    hass_storage[key(harness.driver)] = {"version": 1, "minor_version": 1, "data": [GOOD]}
    with monkeypatch.context() as full:
        full.setattr(lock_log, "replace", fail)
        full.setattr(lock_log, "append", fail)
        await harness.start()
        assert numbers(harness) == [7]
        assert key(harness.driver) in hass_storage
        await harness.stop()
    await harness.start()
    assert numbers(harness) == [7]
    assert key(harness.driver) not in hass_storage


async def test_of_the_version_before(harness: LockHarness, hass_storage: Storage) -> None:
    """A journal in a file of its own is taken over, and that file goes."""
    await harness.stop()
    log_file(harness.hass, harness.driver).unlink()
    hass_storage[key(harness.driver)] = {"version": 1, "minor_version": 1, "data": [GOOD, [1]]}
    state = hass_storage[f"{DOMAIN}.{harness.driver.lock.did}"]["data"]
    del state["line"]
    state["data"]["handled"] = [f"2.1020 {NOON} 2 -1 -1 7 -1 -1 -1 -1"]
    await harness.start()
    assert numbers(harness) == [7]
    assert written(harness) == [GOOD]
    assert key(harness.driver) not in hass_storage
    await harness.stop()
    await harness.start()
    assert numbers(harness) == [7]
    operated = harness.events("lock_event")
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 7, NOON)
    harness.driver.push_event(LOCK_EVENT, 2, 2, 2, 8, harness.driver.lock.time)
    await harness.reached()
    assert [one["operation_id"] for one in operated] == [8]


@pytest.mark.parametrize("end", [b'{"line":9,"ev', b"\0" * 4096, b'{"line":9}', b"\xff\n"])
async def test_a_power_cut_while_it_is_written(harness: LockHarness, end: bytes) -> None:
    """What is left of a line at the end goes, without a word, and what is before stays."""
    harness.driver.do("fingerprint", 1)
    await harness.reached()
    await harness.stop()
    file = log_file(harness.hass, harness.driver)
    whole = file.read_bytes()
    file.write_bytes(whole + end)
    await harness.start()
    assert numbers(harness) == [1]
    assert harness.issue("journal_unreadable") is None
    harness.driver.do("fingerprint", 2)
    await harness.reached()
    await harness.stop()
    assert file.read_bytes().startswith(whole)
    await harness.start()
    assert numbers(harness) == [1, 2]


async def test_damaged_in_the_middle(harness: LockHarness) -> None:
    """What can be read is kept, and it is said."""
    for number in (1, 2, 3):
        harness.driver.do("fingerprint", number)
        await harness.reached()
        await harness.later(coordinator.SAVE_DELAY_OF_EVENTS)
    await harness.stop()
    file = log_file(harness.hass, harness.driver)
    whole = file.read_bytes()
    [spoilt] = [
        row for row in whole.splitlines(keepends=True) if b",2," in row and b'"events"' in row
    ][1:2]
    file.write_bytes(whole.replace(spoilt, b"?" + spoilt))
    await harness.start()
    assert numbers(harness) == [1, 3]
    assert harness.issue("journal_unreadable")
    [copy] = file.parent.glob(f"{file.name}.corrupt.*")
    assert copy.read_bytes() == whole.replace(spoilt, b"?" + spoilt)
    await harness.stop()
    await harness.start()
    assert numbers(harness) == [1, 3]


async def test_a_disk_that_takes_nothing(
    harness: LockHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and what could not be written is written later."""

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(lock_log, "append", full)
        for number in (1, 2):
            harness.driver.do("fingerprint", number)
            await harness.reached()
            await harness.later(coordinator.SAVE_DELAY_OF_EVENTS)
    said = [one for one in caplog.records if "cannot be written" in one.message]
    assert [one.levelname for one in said if one.levelname != "DEBUG"] == ["WARNING"]
    assert not written(harness)
    harness.driver.do("fingerprint", 3)
    await harness.reached()
    await harness.later(coordinator.SAVE_DELAY_OF_EVENTS)
    assert [row[6] for row in written(harness)] == [1, 2, 3]
