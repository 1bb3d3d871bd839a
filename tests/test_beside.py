"""Our lock and one that nobody knows in one entry: what is possible with one is of it alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.components import conversation
from homeassistant.components.calendar import DOMAIN as CALENDAR
from homeassistant.components.homeassistant.exposed_entities import async_expose_entity
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import CONF_APP, CONF_LOCKS, CONF_UNLOCKING, DOMAIN
from simulator.siblings import INVENTED
from simulator.siblings import MODELS as SIBLINGS

from .flows.dialog import Dialog
from .lock_driver import LockDriver, until
from .lock_harness import LockHarness, caught_up, diagnostics, entry_of
from .options import begin
from .people import give
from .siblings import ACTIONS, becomes, keys, troubles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeassistant.core import HomeAssistant

NAME: Final = "Shed"
FINGER: Final = 7
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "get_users": {},
    "get_history": {},
    "get_credential_capabilities": {},
}


@pytest.fixture
async def both(
    hass: HomeAssistant, driver: LockDriver, quick_browser: None
) -> AsyncIterator[tuple[LockHarness, LockHarness]]:
    """Return our lock, and one beside it that nobody knows, in one linked entry."""
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, NAME, model=INVENTED)
    side = LockDriver(driver.simulation, driver.account, lock)
    data = {
        **driver.account_data(),
        CONF_APP: driver.app_data(),
        CONF_LOCKS: [lock.did, driver.lock.did],
    }
    unlocking = {lock.did: None, driver.lock.did: None}
    entry = entry_of(hass, data, **{CONF_UNLOCKING: unlocking})
    ours, theirs = LockHarness(hass, driver, entry), LockHarness(hass, side, entry)
    await ours.start()
    await until(lambda: any(key.startswith("event.event_") for key in keys(hass, theirs)))
    await until(lambda: entry.state is ConfigEntryState.LOADED)
    await caught_up(hass, entry)
    yield ours, theirs
    await ours.stop()


def device_of(hass: HomeAssistant, harness: LockHarness) -> str:
    """Return the id of a lock's device."""
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), harness.entry.entry_id)
    [device] = [one for one in devices if (DOMAIN, harness.driver.lock.did) in one.identifiers]
    return device.id


async def use(hass: HomeAssistant, harness: LockHarness) -> dict[str, Any]:
    """Have the unknown lock tell that a finger opened it; return what its event shows then."""
    facts = SIBLINGS[INVENTED].facts
    key = "event_{}_{}".format(*facts.event)
    for word in facts.words["method"].values():
        harness.driver.do("unlock", word, operation_id=FINGER)
    await until(lambda: harness.state("event", key) != "unknown")
    return harness.attributes("event", key)


async def test_actions(hass: HomeAssistant, both: tuple[LockHarness, LockHarness]) -> None:
    """They are of our lock, whatever is targeted beside it; the other one is never touched."""
    ours, theirs = both
    for action, data in {**ACTIONS, **ANSWERS}.items():
        with pytest.raises(HomeAssistantError):
            await hass.services.async_call(
                DOMAIN,
                action,
                {"device_id": device_of(hass, theirs), **data},
                blocking=True,
                return_response=action in ANSWERS,
            )
    devices = [device_of(hass, ours), device_of(hass, theirs)]
    for action in ANSWERS:
        answers = await hass.services.async_call(
            DOMAIN, action, {"device_id": devices}, blocking=True, return_response=True
        )
        assert answers
        assert list(answers) == [ours.driver.entity_id(hass, "lock", "lock")]
    ours.driver.lock.accepts_remote_unlock = True
    await hass.services.async_call(
        "lock", "unlock", {"device_id": devices}, blocking=True, context=Context()
    )
    await until(lambda: (2, 1) in ours.acts)
    assert theirs.acts == []


async def test_people(
    hass: HomeAssistant, both: tuple[LockHarness, LockHarness], caplog: pytest.LogCaptureFixture
) -> None:
    """No dialog offers what was used at the other one, and nobody is asked whose it is."""
    ours, theirs = both
    give(hass, ours.entry, "Ming")
    await use(hass, theirs)
    ours.driver.do("unlock", "fingerprint", operation_id=FINGER)
    await until(lambda: ours.issue("who_was_it") or ours.known.users.uses)
    for kind in ("person", "guest", "who_may_open"):
        dialog = await Dialog.open(hass, ours.entry, kind)
        if kind == "who_may_open":
            await dialog.done()
        shown = str(dialog.says)
        fields = dialog.now.get("data_schema")
        shown += str([one.config for one in fields.schema.values()] if fields else "")
        assert NAME not in shown
        assert theirs.driver.lock.did not in shown
        dialog.close()
    options = await begin(hass, ours.entry)
    schema = options["data_schema"]
    assert schema
    unlocking = schema.schema["unlocking"].schema.schema.values()
    offered = [choice["value"] for one in unlocking for choice in one.config["options"]]
    assert offered == [ours.driver.lock.did]
    assert theirs.known.users.uses == {}
    assert theirs.issue("who_was_it") is None
    assert troubles(caplog) == []


async def test_shown(
    hass: HomeAssistant, both: tuple[LockHarness, LockHarness], caplog: pytest.LogCaptureFixture
) -> None:
    """It has no lock, no pictures and no settings; diary and diagnostics are of what it tells."""
    ours, theirs = both
    await use(hass, theirs)
    found = keys(hass, theirs)
    kinds = {key.partition(".")[0] for key in found}
    assert not kinds & {"lock", "image", "switch", "select", "number", "text", "time", "button"}
    rings = "event.doorbell" in found
    assert ("calendar.diary" in found) is rings
    if rings:
        theirs.driver.do("ring")
        await until(lambda: theirs.attributes("event", "doorbell").get("event_type") == "ring")
        now = dt_util.utcnow()
        calendar = theirs.driver.entity_id(hass, CALENDAR, "diary")
        await hass.services.async_call(
            CALENDAR,
            "get_events",
            {
                "entity_id": calendar,
                "start_date_time": (now - dt_util.dt.timedelta(days=1)).isoformat(),
                "end_date_time": (now + dt_util.dt.timedelta(days=1)).isoformat(),
            },
            blocking=True,
            return_response=True,
        )
    told = await diagnostics(hass, ours.entry)
    json.dumps(told, default=str)
    assert len(told["locks"]) == 2
    await becomes(ours, "lock", "lock", "locked")
    assert troubles(caplog) == []


async def test_assist(hass: HomeAssistant, both: tuple[LockHarness, LockHarness]) -> None:
    """It speaks of our lock alone, even if all of the other one is exposed."""
    ours, theirs = both
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})
    await hass.async_block_till_done()
    for entity in er.async_entries_for_config_entry(er.async_get(hass), ours.entry.entry_id):
        async_expose_entity(hass, conversation.DOMAIN, entity.entity_id, should_expose=True)
    await use(hass, theirs)
    for sentence in ("who came home last", "who came home today", "is the battery low"):
        result = await conversation.async_converse(hass, sentence, None, Context(), "en")
        assert NAME not in str(result.response.speech)


async def test_never_set_up(hass: HomeAssistant, driver: LockDriver) -> None:
    """As long as nobody knows the model of a lock, nothing is offered for it."""
    lock = driver.simulation.call(driver.simulator.add_lock, driver.account, model=INVENTED)
    entry = entry_of(hass, driver.account_data(lock))
    assert dict(entry.supported_subentry_types) == {}
    options = await begin(hass, entry)
    schema = options["data_schema"]
    assert schema
    assert "unlocking" not in schema.schema
