"""What is wrong is said in words, has a way out, and is no longer said when it is right again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
import trustme
from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.account.endpoints import async_endpoints
from custom_components.xiaomi_smart_lock.account.specifications import LONGEST_ADDITION
from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, CONF_UUID, DOMAIN
from custom_components.xiaomi_smart_lock.miot import push
from simulator import instances
from tests.flow import sign_in_again

from .lock_driver import until
from .lock_harness import (
    LockHarness,
    Storage,
    connected,
    disconnected,
    entry_of,
    fix,
    is_connected,
    push_of,
    running_lock,
    running_locks,
    stored_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.lock import Lock

    from .lock_driver import LockDriver

REVISION_3: Final = "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1:3"
HOUR: Final = 3600


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long to connect to push again."""
    monkeypatch.setattr(push, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(push, "LAST_DELAY", 0.1)


def cut(harness: LockHarness) -> None:
    """Drop the connections to the broker."""
    harness.driver.simulation.call(harness.driver.simulator.gate.cut)


async def settled(harness: LockHarness, issue: str, *, of_lock: bool = False) -> None:
    """Wait until an issue is gone."""
    await until(lambda: harness.issue(issue, of_lock=of_lock) is None)


async def told(harness: LockHarness, issue: str, *, of_lock: bool = False) -> ir.IssueEntry:
    """Wait until an issue is there, and return it."""
    await until(lambda: harness.issue(issue, of_lock=of_lock))
    found = harness.issue(issue, of_lock=of_lock)
    assert found
    return found


async def test_nothing_is_wrong(hass: HomeAssistant, harness: LockHarness) -> None:
    """On a good day there is nothing to repair."""
    harness.driver.do("ring")
    await harness.poll()
    await harness.reached()
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


# Push


async def test_push_refused(harness: LockHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not even take a token that was renewed for it is named."""
    gate = harness.driver.simulator.gate
    with monkeypatch.context() as patch:
        patch.setattr(gate, "authenticate", lambda *_: False)
        cut(harness)
        issue = await told(harness, "push_refused")
        assert not issue.is_fixable
    await settled(harness, "push_refused")
    assert is_connected(harness.entry)


async def test_an_expired_token_is_no_refusal(harness: LockHarness) -> None:
    """One that is renewed in time is not worth a word."""
    seen: list[object] = []
    harness.hass.bus.async_listen(
        ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, lambda event: seen.append(event.data)
    )
    harness.driver.simulator.cloud.expire_access_tokens()
    cut(harness)
    await disconnected(harness.entry)
    await connected(harness.entry)
    assert not [data for data in seen if data["action"] == "create"]  # type: ignore[index]


async def test_push_down(harness: LockHarness) -> None:
    """An hour without push is worth a word; it is over with the next connection."""
    gate = harness.driver.simulator.gate
    gate.open = False
    try:
        cut(harness)
        await disconnected(harness.entry)
        await harness.later(HOUR - 60)
        assert harness.issue("push_down", of_lock=False) is None
        await harness.later(HOUR + 1)
        await told(harness, "push_down")
    finally:
        gate.open = True
    await settled(harness, "push_down")
    await harness.later(HOUR + 1)
    assert harness.issue("push_down", of_lock=False) is None


async def test_a_backup_beside_the_old_system(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
    loaded: MockConfigEntry,
) -> None:
    """Signing in again here gives this one an identity of its own; then both hear the lock."""
    harness = LockHarness(hass, driver, loaded)
    uuid = loaded.data[CONF_UUID]
    endpoints, tls = await async_endpoints(hass)
    tokens = push_of(loaded)._tokens
    heard: list[object] = []
    other = push.Push(tls, endpoints, "cn", uuid, tokens)
    other.subscribe(driver.lock.did, heard.append)
    running = asyncio.create_task(other.run())
    try:
        issue = await told(harness, "push_taken_over")
        result = await fix(hass, hass_client, issue)
        assert result["type"] == "create_entry"
        [flow] = hass.config_entries.flow.async_progress()
        assert flow["context"]["source"] == SOURCE_REAUTH
        again = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
        again = await sign_in_again(hass, driver, again)
        assert again["reason"] == "reauth_successful"
        await until(lambda: loaded.state is ConfigEntryState.LOADED)
        assert loaded.data[CONF_UUID] != uuid
        gate = driver.simulator.gate
        await until(lambda: {f"ha.{loaded.data[CONF_UUID]}", f"ha.{uuid}"} <= {*gate.connections})
        await until(lambda: other.connected and is_connected(loaded))
        rung = harness.events("doorbell")
        heard.clear()
        driver.do("ring")
        await until(lambda: rung and heard)
        assert harness.issue("push_taken_over", of_lock=False) is None
        # The tokens belong to the new identity: they can be renewed, and push goes on.
        driver.simulator.cloud.expire_access_tokens()
        before = loaded.data["tokens"]
        cut(harness)
        await until(lambda: loaded.data["tokens"] != before)
        await connected(loaded)
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture
def wrong_name(driver: LockDriver) -> Iterator[None]:
    """Have the broker show a certificate that is trusted, but of another host."""
    driver.simulation.call(driver.simulator.name_broker, "push.example")
    yield
    driver.simulation.call(driver.simulator.name_broker)


@pytest.mark.usefixtures("wrong_name")
async def test_push_of_another_name(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is refused, nobody can accept it, and who once did does so no more."""
    entry = entry_of(hass, driver.account_data(), accept_broker_name=True, late_after=7)
    harness = LockHarness(hass, driver, entry)
    tried = caplog.text.count("CERTIFICATE_VERIFY_FAILED")
    assert await hass.config_entries.async_setup(entry.entry_id)
    issue = await told(harness, "push_wrong_name")
    assert not issue.is_fixable
    assert issue.translation_placeholders == {
        "host": "127.0.0.1",
        "port": str(driver.simulator.gate.port),
    }
    await until(lambda: caplog.text.count("CERTIFICATE_VERIFY_FAILED") > tried + 2)
    assert not driver.simulator.gate.connections
    assert (entry.version, entry.minor_version) == (1, 2)
    assert entry.options == {"late_after": 7}
    await harness.stop()


async def test_an_entry_of_a_later_version(hass: HomeAssistant, driver: LockDriver) -> None:
    """One of a later minor version is set up as it is, one of a later version is not."""
    entry = MockConfigEntry(
        domain=DOMAIN, data=driver.account_data(), options={"new": 1}, minor_version=9
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert (entry.minor_version, entry.options) == (9, {"new": 1})
    assert await hass.config_entries.async_unload(entry.entry_id)
    later = MockConfigEntry(domain=DOMAIN, data=driver.account_data(), version=2)
    later.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(later.entry_id)
    assert later.state is ConfigEntryState.MIGRATION_ERROR


@pytest.mark.usefixtures("wrong_name")
async def test_the_right_name_again(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """There is push again once the broker shows its own name."""
    harness = LockHarness(hass, driver, entry_of(hass, driver.account_data()))
    assert await hass.config_entries.async_setup(harness.entry.entry_id)
    await told(harness, "push_wrong_name")
    driver.simulation.call(driver.simulator.name_broker)
    await settled(harness, "push_wrong_name")
    await connected(harness.entry)
    await harness.stop()


@pytest.mark.parametrize("named", ["127.0.0.1", "push.example"])
async def test_push_of_a_stranger(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    caplog: pytest.LogCaptureFixture,
    named: str,
) -> None:
    """A certificate that nobody trusts is never accepted, whatever it names, and said at once."""
    simulator = driver.simulator
    stranger = trustme.CA().issue_cert(named)
    driver.simulation.call(stranger.configure_cert, simulator._gate_tls)
    tried = caplog.text.count("CERTIFICATE_VERIFY_FAILED")
    harness = LockHarness(hass, driver, entry_of(hass, driver.account_data()))
    try:
        assert await hass.config_entries.async_setup(harness.entry.entry_id)
        await until(lambda: caplog.text.count("CERTIFICATE_VERIFY_FAILED") > tried + 2)
        assert not simulator.gate.connections
        issue = await told(harness, "push_untrusted")
        assert not issue.is_fixable
        assert issue.translation_placeholders == {
            "host": "127.0.0.1",
            "port": str(simulator.gate.port),
        }
        await harness.later(HOUR + 1)
        for other in ("push_wrong_name", "push_down"):
            assert harness.issue(other, of_lock=False) is None
        assert not is_connected(harness.entry)
    finally:
        driver.simulation.call(simulator.name_broker)
    await settled(harness, "push_untrusted")
    await connected(harness.entry)
    await harness.stop()


# Locks that are gone


def leave(driver: LockDriver, lock: Lock) -> None:
    """Take a lock out of the account, as its owner does in the app."""
    account = driver.account
    account.places = [place for place in account.places if place.lock is not lock]


async def test_lock_gone_and_back(harness: LockHarness) -> None:
    """It is unavailable and named while it is gone, and neither when it is back."""
    places = harness.driver.account.places
    leave(harness.driver, harness.driver.lock)
    await harness.poll()
    issue = await told(harness, "lock_gone", of_lock=True)
    assert issue.translation_placeholders == {"lock": "Front door"}
    assert harness.state("sensor", "door_state") == STATE_UNAVAILABLE
    harness.driver.account.places = places
    await harness.poll()
    assert harness.issue("lock_gone") is None
    assert harness.state("sensor", "door_state") != STATE_UNAVAILABLE


async def test_gone_and_back_over_a_restart(harness: LockHarness) -> None:
    """It is named as it was known when Home Assistant starts without it."""
    places = harness.driver.account.places
    await harness.stop()
    leave(harness.driver, harness.driver.lock)
    await harness.hass.config_entries.async_setup(harness.entry.entry_id)
    assert harness.entry.state is ConfigEntryState.SETUP_RETRY
    issue = await told(harness, "lock_gone", of_lock=True)
    assert issue.translation_placeholders == {"lock": "Front door"}
    harness.driver.account.places = places
    await harness.later(60)
    await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
    assert harness.issue("lock_gone") is None


async def test_gone_before_the_first_start(hass: HomeAssistant, driver: LockDriver) -> None:
    """An account with other locks alone waits for the one that was chosen, and says for which."""
    driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
    harness = LockHarness(hass, driver, entry_of(hass, driver.account_data()))
    places = driver.account.places
    leave(driver, driver.lock)
    await hass.config_entries.async_setup(harness.entry.entry_id)
    assert harness.entry.state is ConfigEntryState.SETUP_RETRY
    assert driver.lock.did in str(harness.entry.reason)
    issue = await told(harness, "lock_gone", of_lock=True)
    assert issue.translation_placeholders == {"lock": driver.lock.did}
    driver.account.places = places
    await harness.later(60)
    await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
    assert harness.issue("lock_gone") is None
    await harness.stop()


async def test_one_of_two_comes_back(hass: HomeAssistant, driver: LockDriver) -> None:
    """A lock that was not there when Home Assistant started is there as soon as it is back."""
    other: Lock = driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
    harness = LockHarness(hass, driver, entry_of(hass, driver.account_data(driver.lock, other)))
    places = driver.account.places
    leave(driver, driver.lock)
    await harness.start()
    assert running_locks(hass, harness.entry) == [other.did]
    await harness.poll()
    assert harness.issue("lock_gone")
    driver.account.places = places
    await harness.poll()
    await until(lambda: driver.lock.did in running_locks(hass, harness.entry))
    await until(lambda: harness.entry.state is ConfigEntryState.LOADED)
    assert harness.issue("lock_gone") is None
    await harness.stop()


async def test_taking_one_of_two_out(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
) -> None:
    """The fix takes the lock out of Home Assistant; the other one stays."""
    gone = driver.lock
    other: Lock = driver.simulation.call(driver.simulator.add_lock, driver.account, "Back door")
    harness = LockHarness(hass, driver, entry_of(hass, driver.account_data(gone, other)))
    await harness.start()
    await harness.lock.coordinator.async_save()
    leave(driver, gone)
    await harness.poll()
    result = await fix(hass, hass_client, await told(harness, "lock_gone", of_lock=True))
    assert result["type"] == "create_entry"
    assert harness.entry.data[CONF_LOCKS] == [other.did]
    assert harness.entry.state is ConfigEntryState.LOADED
    registry = dr.async_get(hass)
    [device] = dr.async_entries_for_config_entry(registry, harness.entry.entry_id)
    assert device.identifiers == {(DOMAIN, other.did)}
    assert harness.issue("lock_gone") is None
    assert stored_key(driver) not in hass_storage
    await harness.stop()


async def test_taking_the_last_one_out(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client: ClientSessionGenerator,
    harness: LockHarness,
) -> None:
    """With its last lock the entry goes, with all that was known and wrong of it."""
    leave(harness.driver, harness.driver.lock)
    await harness.poll()
    result = await fix(hass, hass_client, await told(harness, "lock_gone", of_lock=True))
    assert result["type"] == "create_entry"
    assert hass.config_entries.async_entries(DOMAIN) == []
    assert stored_key(harness.driver) not in hass_storage
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


# Specifications


async def test_a_newer_specification(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """What the firmware has and we do not know is listed."""
    driver.lock.urn = REVISION_3
    async with running_lock(hass, driver) as harness:
        issue = await told(harness, "specification_newer", of_lock=True)
        assert issue.translation_placeholders == {
            "lock": "Front door",
            "items": (
                "- 2.3 Lock action: +9 = Left open\n"
                "- 13.4 Current time (Unix timestamp): +read, +notify\n"
                "- 13.5 Battery temperature\n"
                "- 9.2 synchronize-time\n"
                "- 17.4 Someone passed by"
            ),
        }
        assert issue.severity is ir.IssueSeverity.WARNING


@pytest.mark.parametrize("revision", [1, 2])
async def test_nothing_new(
    hass: HomeAssistant,
    hass_storage: Storage,
    driver: LockDriver,
    monkeypatch: pytest.MonkeyPatch,
    revision: int,
) -> None:
    """A newer revision without anything new, as the same one, is not worth a word."""
    monkeypatch.setattr(instances, "_NEW_ITEMS", {})
    monkeypatch.setattr(instances, "_NEW_DETAILS", {})
    driver.lock.urn = REVISION_3[:-1] + str(revision)
    requests = driver.simulator.cloud.requests
    before = len(requests)
    async with running_lock(hass, driver) as harness:
        kept = f"{DOMAIN}_specifications"
        await until(lambda: revision == 1 or REVISION_3[:-1] + "2" in str(hass_storage.get(kept)))
        asked = [path for path, _ in requests[before:]].count("/miot-spec-v2/instance")
        assert asked == revision - 1
        assert harness.issue("specification_newer") is None


async def test_a_specification_that_nobody_publishes(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver
) -> None:
    """Where it cannot be fetched, all works all the same."""
    driver.lock.urn = REVISION_3
    driver.simulator.cloud.refuse_next(404, "/miot-spec-v2/instance")
    async with running_lock(hass, driver) as harness:
        assert harness.entry.state is ConfigEntryState.LOADED
        assert harness.issue("specification_newer") is None


async def test_a_specification_with_thousands_of_values(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no lock has is not taken: the one that we have serves."""
    values = [{"value": number, "description": "x" * 190} for number in range(10, 4_000)]
    monkeypatch.setattr(instances, "_NEW_ITEMS", {})
    monkeypatch.setattr(instances, "_NEW_DETAILS", {3: {(2, 3): {"value-list": values}}})
    driver.lock.urn = REVISION_3
    requests = driver.simulator.cloud.requests
    before = len(requests)
    async with running_lock(hass, driver) as harness:
        await until(lambda: instances.TEXTS in [path for path, _ in requests[before:]])
        await harness.reached()
        assert harness.issue("specification_newer") is None
        assert harness.state("lock", "lock") == "locked"


@pytest.mark.parametrize("urn", ["", "no URN", "urn:miot-spec-v2:device:lock:0000A038:other:1"])
async def test_a_urn_of_nothing(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, urn: str
) -> None:
    """A lock of our model has our specification, whatever its URN says."""
    driver.lock.urn = urn
    async with running_lock(hass, driver) as harness:
        assert harness.state("lock", "lock") == "locked"
        assert harness.issue("specification_newer") is None


async def test_a_specification_with_much_that_is_new(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list ends at some length; what others wrote is text, whatever it means in Markdown."""
    event = {"type": "urn:miot-spec-v2:event:ring", "description": "[Ring](http://example.com)"}
    many = [(17, "events", event | {"iid": iid, "arguments": []}) for iid in range(100, 160)]
    monkeypatch.setattr(instances, "_NEW_ITEMS", {3: many})
    monkeypatch.setattr(instances, "_NEW_DETAILS", {})
    monkeypatch.setattr(instances, "_OWN_TYPES", instances._own_types())
    driver.lock.urn = REVISION_3
    async with running_lock(hass, driver) as harness:
        issue = await told(harness, "specification_newer", of_lock=True)
        assert issue.translation_placeholders
        lines = issue.translation_placeholders["items"].split("\n")
        assert lines[0] == r"- 17.100 \[Ring\](http\://example.com)"
        assert lines[50:] == ["- … (+10)"]


async def test_a_specification_with_hundreds_of_values(
    hass: HomeAssistant, hass_storage: Storage, driver: LockDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each item not more is said than anybody reads, and than a browser should get."""
    values = [{"value": number, "description": "x" * 190} for number in range(10, 300)]
    monkeypatch.setattr(instances, "_NEW_ITEMS", {})
    monkeypatch.setattr(instances, "_NEW_DETAILS", {3: {(2, 3): {"value-list": values}}})
    driver.lock.urn = REVISION_3
    async with running_lock(hass, driver) as harness:
        issue = await told(harness, "specification_newer", of_lock=True)
        assert issue.translation_placeholders
        items = issue.translation_placeholders["items"]
        assert items.startswith("- 2.3 Lock action: +10 = xxx")
        assert items.endswith(" …")
        assert len(items) <= LONGEST_ADDITION + 2


async def test_issues_go_with_the_entry(hass: HomeAssistant, harness: LockHarness) -> None:
    """Nothing is left to repair of an entry that was removed."""
    harness.driver.push_event((2, 1020), {"value": [2, 2, 2, 4, 0]})
    await told(harness, "clock_off", of_lock=True)
    await hass.config_entries.async_remove(harness.entry.entry_id)
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


async def test_the_entry_is_removed_meanwhile(hass: HomeAssistant, harness: LockHarness) -> None:
    """A repair that outlives its entry has nothing to do, and says no number of it."""
    leave(harness.driver, harness.driver.lock)
    await harness.poll()
    issue = await told(harness, "lock_gone", of_lock=True)
    assert await async_setup_component(hass, REPAIRS, {})
    manager = repairs_flow_manager(hass)
    assert manager
    form = await manager.async_init(DOMAIN, data={"issue_id": issue.issue_id})
    await hass.config_entries.async_remove(harness.entry.entry_id)
    result = await manager.async_configure(form["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
