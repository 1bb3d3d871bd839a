"""What a user attaches to a bug report: all that helps, and nothing that is nobody's business."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.xiaomi_smart_lock.account import app_session as app_link
from custom_components.xiaomi_smart_lock.const import CONF_APP, DOMAIN
from custom_components.xiaomi_smart_lock.state.credential import Credential
from simulator import faults

from .hosts import NEARBY
from .lock_driver import LockDriver, until
from .lock_harness import lock_of
from .past import EXCEPTION, HOUR, KINDS, LinkedHarness, happened
from .people import give, person_entity

if TYPE_CHECKING:
    import pytest
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator
    from syrupy.assertion import SnapshotAssertion


NOON = 1790000000

# What the lock only tells to those who are entitled to it
SECRETS = {
    (4, 5): "code 123456",
    (5, 11): "rings",
    (5, 12): "exceptions",
    (5, 13): "door states",
    (5, 18): "lock events",
    (5, 14): "deleted users",
    (5, 15): "added users",
    (5, 16): "added credentials",
    (5, 17): "deleted credentials",
    (17, 24): "WeChat's key",
    (22, 5): "code 654321",
    (22, 11): "who may turn the deadbolt",
    (22, 12): "credentials of all users",
}


async def download(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, entry: MockConfigEntry
) -> dict[str, Any]:
    """Return the diagnostics of an entry as a user downloads them."""
    assert await async_setup_component(hass, "diagnostics", {})
    await hass.async_block_till_done()
    client = await hass_client()
    answer = await client.get(f"/api/diagnostics/config_entry/{entry.entry_id}")
    assert answer.status == 200
    data: dict[str, Any] = (await answer.json())["data"]
    return data


def without_time(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is another one each time."""
    for lock in data["locks"]:
        assert lock.pop("heard") > NOON
        assert lock.pop("contact") > NOON
    return data


async def test_of_an_account(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
    loaded: MockConfigEntry,
    snapshot: SnapshotAssertion,
) -> None:
    """Values, last events and what was rejected are there; secrets are not."""
    known = lock_of(loaded, driver).coordinator.data
    for address, text in SECRETS.items():
        driver.push_property(address, text)
    driver.push_property((13, 2), 4)
    driver.push_event((4, 4), 5, 2, NOON)
    driver.push_event((4, 6), 5, 7, 2, NOON)
    now = driver.lock.time
    driver.push_event((2, 1020), 2, 2, 2, 7, now)
    ming = give(hass, loaded, "Ming", (2, 7))
    data = {**ming.data, "person_entity": person_entity(hass, "ming").id}
    hass.config_entries.async_update_subentry(loaded, ming, data=data)
    driver.push_event((17, 4), NOON)
    await until(lambda: SECRETS.keys() <= known.values.keys())
    await until(lambda: known.events and known.rejected == {"13.2": 1, "17.4": 1})

    data = without_time(await download(hass, hass_client, loaded))
    assert data == snapshot
    text = json.dumps(data, ensure_ascii=False)
    tokens = loaded.data["tokens"]
    for secret in (
        *SECRETS.values(),
        *(tokens["access"], tokens["refresh"], loaded.data["uuid"], driver.account.user_id),
        *(driver.lock.did, driver.lock.mac, driver.lock.token),
        *("Ming", "ming"),
    ):
        assert secret not in text
    for time_of_use in (NOON, now, int(known.users.uses[Credential(2, 7)].when)):
        assert str(time_of_use) not in text


async def test_for_administrators(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_read_only_access_token: str,
    loaded: MockConfigEntry,
) -> None:
    """Others get none, also where Home Assistant lets any user download what there is."""
    assert await async_setup_component(hass, "diagnostics", {})
    client = await hass_client(hass_read_only_access_token)
    answer = await client.get(f"/api/diagnostics/config_entry/{loaded.entry_id}")
    assert answer.status == 401


async def test_on_the_local_network(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    driver: LockDriver,
    snapshot: SnapshotAssertion,
) -> None:
    """Nor are the address and the token of a lock on the local network."""
    simulation = driver.simulation
    driver.lock = simulation.call(simulation.simulator.add_lock, driver.account, host=NEARBY)
    simulation.call(simulation.simulator.settle)
    entry = MockConfigEntry(domain=DOMAIN, title="Front door", data=driver.local_data(NEARBY))
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    data = without_time(await download(hass, hass_client, entry))
    assert data == snapshot
    text = json.dumps(data)
    for secret in (NEARBY, driver.lock.did, driver.lock.mac, driver.lock.token):
        assert secret not in text


async def test_of_the_past(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    linked_harness: LinkedHarness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What could not be read is there, then what was; a session's secrets and times never are."""
    monkeypatch.setattr(app_link, "PAUSE", 0)
    told = time.time() - HOUR
    happened(linked_harness.driver, EXCEPTION, 24, told=told)
    linked_harness.disturb(faults.status(500))
    await linked_harness.start_and_read()
    data = await download(hass, hass_client, linked_harness.entry)
    [lock] = data["locks"]
    assert lock["unread"]["known"] == []
    assert len(lock["unread"]["spans"]) == KINDS
    assert lock["journal_entries"] == 0
    assert data["link"]["failed"] == 1
    await linked_harness.read_again()
    data = await download(hass, hass_client, linked_harness.entry)
    [lock] = data["locks"]
    assert lock["unread"] == {"known": ["{}.{}".format(*EXCEPTION)], "spans": []}
    assert lock["journal_entries"] == 1
    text = json.dumps(data)
    assert str(int(told)) not in text
    for name in ("user_id", "cuser_id", "pass_token", "ssecurity", "service_token", "device_id"):
        assert linked_harness.entry.data[CONF_APP][name] not in text
