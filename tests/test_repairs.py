"""What is wrong is said in words, has a way out, and is no longer said when it is right again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import pytest
import trustme
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.account.endpoints import async_endpoints
from custom_components.xiaomi_smart_lock.account.newer_specification import LONGEST_ADDITION
from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, CONF_UUID, DOMAIN
from custom_components.xiaomi_smart_lock.miot import push
from simulator import instances

from .actor import until
from .resident import Resident, Storage, at_home, entry_of, fix, stored_key
from .test_config_flow import sign_in_again

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from simulator.lock import Lock

    from .actor import Actor

REVISION_3: Final = "urn:miot-spec-v2:device:lock:0000A038:xiaomi-s1:3"
HOUR: Final = 3600


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long to connect to push again."""
    monkeypatch.setattr(push, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(push, "LAST_DELAY", 0.1)


@pytest.fixture
async def resident(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> AsyncIterator[Resident]:
    """Return who lives behind the door of a lock in an account."""
    async with at_home(hass, actor) as resident:
        yield resident


def cut(resident: Resident) -> None:
    """Drop the connections to the broker."""
    resident.actor.simulation.call(resident.actor.simulator.gate.cut)


async def settled(resident: Resident, issue: str, *, of_lock: bool = False) -> None:
    """Wait until an issue is gone."""
    await until(lambda: resident.issue(issue, of_lock=of_lock) is None)


async def told(resident: Resident, issue: str, *, of_lock: bool = False) -> ir.IssueEntry:
    """Wait until an issue is there, and return it."""
    await until(lambda: resident.issue(issue, of_lock=of_lock))
    found = resident.issue(issue, of_lock=of_lock)
    assert found
    return found


async def test_nothing_is_wrong(hass: HomeAssistant, resident: Resident) -> None:
    """On a good day there is nothing to repair."""
    resident.actor.do("ring")
    await resident.poll()
    await resident.reached()
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


# Push


async def test_push_refused(resident: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that does not even take a token that was renewed for it is named."""
    gate = resident.actor.simulator.gate
    with monkeypatch.context() as patch:
        patch.setattr(gate, "authenticate", lambda *_: False)
        cut(resident)
        issue = await told(resident, "push_refused")
        assert not issue.is_fixable
    await settled(resident, "push_refused")
    assert resident.entry.runtime_data.push.connected


async def test_an_expired_token_is_no_refusal(resident: Resident) -> None:
    """One that is renewed in time is not worth a word."""
    seen: list[object] = []
    resident.hass.bus.async_listen(
        ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, lambda event: seen.append(event.data)
    )
    resident.actor.simulator.cloud.expire_access_tokens()
    cut(resident)
    await until(lambda: not resident.entry.runtime_data.push.connected)
    await until(lambda: resident.entry.runtime_data.push.connected)
    assert not [data for data in seen if data["action"] == "create"]  # type: ignore[index]


async def test_push_down(resident: Resident) -> None:
    """An hour without push is worth a word; it is over with the next connection."""
    gate = resident.actor.simulator.gate
    gate.open = False
    try:
        cut(resident)
        await until(lambda: not resident.entry.runtime_data.push.connected)
        await resident.later(HOUR - 60)
        assert resident.issue("push_down", of_lock=False) is None
        await resident.later(HOUR + 1)
        await told(resident, "push_down")
    finally:
        gate.open = True
    await settled(resident, "push_down")
    await resident.later(HOUR + 1)
    assert resident.issue("push_down", of_lock=False) is None


async def test_a_backup_beside_the_old_system(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client: ClientSessionGenerator,
    actor: Actor,
    loaded: MockConfigEntry,
) -> None:
    """Signing in again here gives this one an identity of its own; then both hear the lock."""
    resident = Resident(hass, actor, loaded)
    uuid = loaded.data[CONF_UUID]
    endpoints, tls = await async_endpoints(hass)
    tokens = loaded.runtime_data.push._tokens
    heard: list[object] = []
    other = push.Push(tls, endpoints, "cn", uuid, tokens)
    other.subscribe(actor.lock.did, heard.append)
    running = asyncio.create_task(other.run())
    try:
        issue = await told(resident, "push_taken_over")
        result = await fix(hass, hass_client, issue)
        assert result["type"] == "create_entry"
        [flow] = hass.config_entries.flow.async_progress()
        assert flow["context"]["source"] == SOURCE_REAUTH
        again = await hass.config_entries.flow.async_configure(flow["flow_id"], {})
        again = await sign_in_again(hass, actor, again)
        assert again["reason"] == "reauth_successful"
        await until(lambda: loaded.state is ConfigEntryState.LOADED)
        assert loaded.data[CONF_UUID] != uuid
        gate = actor.simulator.gate
        await until(lambda: {f"ha.{loaded.data[CONF_UUID]}", f"ha.{uuid}"} <= {*gate.connections})
        await until(lambda: other.connected and loaded.runtime_data.push.connected)
        rung = resident.events("doorbell")
        heard.clear()
        actor.do("ring")
        await until(lambda: rung and heard)
        assert resident.issue("push_taken_over", of_lock=False) is None
        # The tokens belong to the new identity: they can be renewed, and push goes on.
        actor.simulator.cloud.expire_access_tokens()
        before = loaded.data["tokens"]
        cut(resident)
        await until(lambda: loaded.data["tokens"] != before)
        await until(lambda: loaded.runtime_data.push.connected)
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.fixture
def wrong_name(actor: Actor) -> Iterator[None]:
    """Have the broker show a certificate that is trusted, but of another host."""
    actor.simulation.call(actor.simulator.name_broker, "push.example")
    yield
    actor.simulation.call(actor.simulator.name_broker)


@pytest.mark.usefixtures("wrong_name")
async def test_push_of_another_name(
    hass: HomeAssistant,
    hass_storage: Storage,
    actor: Actor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is refused, nobody can accept it, and who once did does so no more."""
    entry = entry_of(hass, actor.account_data(), accept_broker_name=True, late_after=7)
    resident = Resident(hass, actor, entry)
    tried = caplog.text.count("CERTIFICATE_VERIFY_FAILED")
    assert await hass.config_entries.async_setup(entry.entry_id)
    issue = await told(resident, "push_wrong_name")
    assert not issue.is_fixable
    assert issue.translation_placeholders == {
        "host": "127.0.0.1",
        "port": str(actor.simulator.gate.port),
    }
    await until(lambda: caplog.text.count("CERTIFICATE_VERIFY_FAILED") > tried + 2)
    assert not actor.simulator.gate.connections
    assert (entry.version, entry.minor_version) == (1, 2)
    assert entry.options == {"late_after": 7}
    await resident.stop()


async def test_an_entry_of_a_later_version(hass: HomeAssistant, actor: Actor) -> None:
    """One of a later minor version is set up as it is, one of a later version is not."""
    entry = MockConfigEntry(
        domain=DOMAIN, data=actor.account_data(), options={"new": 1}, minor_version=9
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert (entry.minor_version, entry.options) == (9, {"new": 1})
    assert await hass.config_entries.async_unload(entry.entry_id)
    later = MockConfigEntry(domain=DOMAIN, data=actor.account_data(), version=2)
    later.add_to_hass(hass)
    assert not await hass.config_entries.async_setup(later.entry_id)
    assert later.state is ConfigEntryState.MIGRATION_ERROR


@pytest.mark.usefixtures("wrong_name")
async def test_the_right_name_again(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> None:
    """There is push again once the broker shows its own name."""
    resident = Resident(hass, actor, entry_of(hass, actor.account_data()))
    assert await hass.config_entries.async_setup(resident.entry.entry_id)
    await told(resident, "push_wrong_name")
    actor.simulation.call(actor.simulator.name_broker)
    await settled(resident, "push_wrong_name")
    await until(lambda: resident.entry.runtime_data.push.connected)
    await resident.stop()


@pytest.mark.parametrize("named", ["127.0.0.1", "push.example"])
async def test_push_of_a_stranger(
    hass: HomeAssistant,
    hass_storage: Storage,
    actor: Actor,
    caplog: pytest.LogCaptureFixture,
    named: str,
) -> None:
    """A certificate that nobody trusts is never accepted, whatever it names, and said at once."""
    simulator = actor.simulator
    stranger = trustme.CA().issue_cert(named)
    actor.simulation.call(stranger.configure_cert, simulator._gate_tls)
    tried = caplog.text.count("CERTIFICATE_VERIFY_FAILED")
    resident = Resident(hass, actor, entry_of(hass, actor.account_data()))
    try:
        assert await hass.config_entries.async_setup(resident.entry.entry_id)
        await until(lambda: caplog.text.count("CERTIFICATE_VERIFY_FAILED") > tried + 2)
        assert not simulator.gate.connections
        issue = await told(resident, "push_untrusted")
        assert not issue.is_fixable
        assert issue.translation_placeholders == {
            "host": "127.0.0.1",
            "port": str(simulator.gate.port),
        }
        await resident.later(HOUR + 1)
        for other in ("push_wrong_name", "push_down"):
            assert resident.issue(other, of_lock=False) is None
        assert not resident.entry.runtime_data.push.connected
    finally:
        actor.simulation.call(simulator.name_broker)
    await settled(resident, "push_untrusted")
    await until(lambda: resident.entry.runtime_data.push.connected)
    await resident.stop()


# Locks that are gone


def leave(actor: Actor, lock: Lock) -> None:
    """Take a lock out of the account, as its owner does in the app."""
    account = actor.account
    account.places = [place for place in account.places if place.lock is not lock]


async def test_lock_gone_and_back(resident: Resident) -> None:
    """It is unavailable and named while it is gone, and neither when it is back."""
    places = resident.actor.account.places
    leave(resident.actor, resident.actor.lock)
    await resident.poll()
    issue = await told(resident, "lock_gone", of_lock=True)
    assert issue.translation_placeholders == {"lock": "Front door"}
    assert resident.state("sensor", "door_state") == STATE_UNAVAILABLE
    resident.actor.account.places = places
    await resident.poll()
    assert resident.issue("lock_gone") is None
    assert resident.state("sensor", "door_state") != STATE_UNAVAILABLE


async def test_gone_and_back_over_a_restart(resident: Resident) -> None:
    """It is named as it was known when Home Assistant starts without it."""
    places = resident.actor.account.places
    await resident.stop()
    leave(resident.actor, resident.actor.lock)
    await resident.hass.config_entries.async_setup(resident.entry.entry_id)
    assert resident.entry.state is ConfigEntryState.SETUP_RETRY
    issue = await told(resident, "lock_gone", of_lock=True)
    assert issue.translation_placeholders == {"lock": "Front door"}
    resident.actor.account.places = places
    await resident.later(60)
    await until(lambda: resident.entry.state is ConfigEntryState.LOADED)
    assert resident.issue("lock_gone") is None


async def test_one_of_two_comes_back(hass: HomeAssistant, actor: Actor) -> None:
    """A lock that was not there when Home Assistant started is there as soon as it is back."""
    other: Lock = actor.simulation.call(actor.simulator.add_lock, actor.account, "Back door")
    resident = Resident(hass, actor, entry_of(hass, actor.account_data(actor.lock, other)))
    places = actor.account.places
    leave(actor, actor.lock)
    await resident.start()
    assert list(resident.entry.runtime_data.locks) == [other.did]
    await resident.poll()
    assert resident.issue("lock_gone")
    actor.account.places = places
    await resident.poll()
    await until(lambda: actor.lock.did in resident.entry.runtime_data.locks)
    await until(lambda: resident.entry.state is ConfigEntryState.LOADED)
    assert resident.issue("lock_gone") is None
    await resident.stop()


async def test_taking_one_of_two_out(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client: ClientSessionGenerator,
    actor: Actor,
) -> None:
    """The fix takes the lock out of Home Assistant; the other one stays."""
    gone = actor.lock
    other: Lock = actor.simulation.call(actor.simulator.add_lock, actor.account, "Back door")
    resident = Resident(hass, actor, entry_of(hass, actor.account_data(gone, other)))
    await resident.start()
    await resident.lock.coordinator.async_save()
    leave(actor, gone)
    await resident.poll()
    result = await fix(hass, hass_client, await told(resident, "lock_gone", of_lock=True))
    assert result["type"] == "create_entry"
    assert resident.entry.data[CONF_LOCKS] == [other.did]
    assert resident.entry.state is ConfigEntryState.LOADED
    registry = dr.async_get(hass)
    [device] = dr.async_entries_for_config_entry(registry, resident.entry.entry_id)
    assert device.identifiers == {(DOMAIN, other.did)}
    assert resident.issue("lock_gone") is None
    assert stored_key(actor) not in hass_storage
    await resident.stop()


async def test_taking_the_last_one_out(
    hass: HomeAssistant,
    hass_storage: Storage,
    hass_client: ClientSessionGenerator,
    resident: Resident,
) -> None:
    """With its last lock the entry goes, with all that was known and wrong of it."""
    leave(resident.actor, resident.actor.lock)
    await resident.poll()
    result = await fix(hass, hass_client, await told(resident, "lock_gone", of_lock=True))
    assert result["type"] == "create_entry"
    assert hass.config_entries.async_entries(DOMAIN) == []
    assert stored_key(resident.actor) not in hass_storage
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]


# Specifications


async def test_a_newer_specification(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> None:
    """What the firmware has and we do not know is listed."""
    actor.lock.urn = REVISION_3
    async with at_home(hass, actor) as resident:
        issue = await told(resident, "specification_newer", of_lock=True)
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
    actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
    revision: int,
) -> None:
    """A newer revision without anything new, as the same one, is not worth a word."""
    monkeypatch.setattr(instances, "_NEW_ITEMS", {})
    monkeypatch.setattr(instances, "_NEW_DETAILS", {})
    actor.lock.urn = REVISION_3[:-1] + str(revision)
    requests = actor.simulator.cloud.requests
    before = len(requests)
    async with at_home(hass, actor) as resident:
        asked = [path for path, _ in requests[before:]].count("/miot-spec-v2/instance")
        assert asked == revision - 1
        assert resident.issue("specification_newer") is None


async def test_a_specification_that_nobody_publishes(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor
) -> None:
    """Where it cannot be fetched, all works all the same."""
    actor.lock.urn = REVISION_3
    actor.simulator.cloud.refuse_next(404, "/miot-spec-v2/instance")
    async with at_home(hass, actor) as resident:
        assert resident.entry.state is ConfigEntryState.LOADED
        assert resident.issue("specification_newer") is None


async def test_a_specification_with_much_that_is_new(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list ends at some length; what others wrote is text, whatever it means in Markdown."""
    event = {"type": "urn:miot-spec-v2:event:ring", "description": "[Ring](http://example.com)"}
    many = [(17, "events", event | {"iid": iid, "arguments": []}) for iid in range(100, 160)]
    monkeypatch.setattr(instances, "_NEW_ITEMS", {3: many})
    monkeypatch.setattr(instances, "_NEW_DETAILS", {})
    monkeypatch.setattr(instances, "_OWN_TYPES", instances._own_types())
    actor.lock.urn = REVISION_3
    async with at_home(hass, actor) as resident:
        issue = await told(resident, "specification_newer", of_lock=True)
        assert issue.translation_placeholders
        lines = issue.translation_placeholders["items"].split("\n")
        assert lines[0] == r"- 17.100 \[Ring\](http\://example.com)"
        assert lines[50:] == ["- … (+10)"]


async def test_a_specification_with_thousands_of_values(
    hass: HomeAssistant, hass_storage: Storage, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each item not more is said than anybody reads, and than a browser should get."""
    values = [{"value": number, "description": "x" * 190} for number in range(10, 4_000)]
    monkeypatch.setattr(instances, "_NEW_ITEMS", {})
    monkeypatch.setattr(instances, "_NEW_DETAILS", {3: {(2, 3): {"value-list": values}}})
    actor.lock.urn = REVISION_3
    async with at_home(hass, actor) as resident:
        issue = await told(resident, "specification_newer", of_lock=True)
        assert issue.translation_placeholders
        items = issue.translation_placeholders["items"]
        assert items.startswith("- 2.3 Lock action: +10 = xxx")
        assert items.endswith(" …")
        assert len(items) <= LONGEST_ADDITION + 2


async def test_issues_go_with_the_entry(hass: HomeAssistant, resident: Resident) -> None:
    """Nothing is left to repair of an entry that was removed."""
    resident.actor.push_event((2, 1020), {"value": [2, 2, 2, 4, 0]})
    await told(resident, "clock_off", of_lock=True)
    await hass.config_entries.async_remove(resident.entry.entry_id)
    assert not [issue for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN]
