"""What can be done with a lock is what the tables of its model name, and nothing else.

The locks here have the whole specification of the Xiaomi Smart Door Lock 4 Pro, under the names of
other models: whatever its items offer, a model without tables that allow it can do nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from homeassistant.components.lock import DOMAIN as LOCK
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING, DOMAIN
from custom_components.xiaomi_smart_lock.miot.spec import Access
from custom_components.xiaomi_smart_lock.model.lock_model import (
    MODELS,
    NEEDS,
    LockModel,
    model_with,
    tables_of,
)
from custom_components.xiaomi_smart_lock.model.roles import COMPLETION_EVENTS, DURESS
from custom_components.xiaomi_smart_lock.model.s1 import S1
from custom_components.xiaomi_smart_lock.model.tables import Ability
from custom_components.xiaomi_smart_lock.state.lock_event import LockEvent
from simulator.model import SPEC

from .lock_driver import until
from .lock_harness import entry_of, lock_of
from .siblings import ACTIONS

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .lock_driver import LockDriver

UNKNOWN: Final = "acme.lock.copy"
"""A model that no table knows."""
URN: Final = SPEC.urn[:-1] + "2"
"""A revision that is not shipped, so that it is learned."""

SETTINGS: Final = {"switch", "select", "number", "text", "time", "button"}


@pytest.mark.parametrize("name", [*MODELS, UNKNOWN])
def test_abilities(name: str) -> None:
    """A model's tables say what is possible, whatever its specification has."""
    tables = tables_of(name)
    model = LockModel(tables, SPEC)
    for role, ability in NEEDS.items():
        assert (model.action(role) is not None) is (
            ability in tables.abilities and role in model._actions
        )
    for command in COMPLETION_EVENTS:
        assert bool(model.commands(command)) is (Ability.MANAGEMENT in tables.abilities)
    event = SPEC.events[2, 1020]
    used = LockEvent(model, event, {1: 2, 2: 9, 3: 2, 5: 7, 6: 0}, 0)
    assert (used.credential is not None) is (Ability.PEOPLE in tables.abilities)
    assert bool(model.masks) is bool(tables.masks)
    if name == UNKNOWN:
        assert used.masked is used


@pytest.mark.parametrize("name", [*MODELS, UNKNOWN])
def test_duress(name: str) -> None:
    """Whatever a specification calls duress is only a number, but for a method that is masked."""
    instance = json.loads(S1.specs[0].read_text(encoding="utf-8"))
    forced = {201: ("Duress alarm", ""), 202: ("Coercion", "劫持"), 203: ("Palm", "胁迫掌静脉")}
    for service in instance["services"]:
        for prop in service["properties"]:
            if "value-list" in prop:
                prop["value-list"] += [
                    {"value": number, "description": said, "description_zh": said_zh}
                    for number, (said, said_zh) in forced.items()
                ]
    model = model_with(name, instance)
    told = {
        (prop.name, named.value)
        for prop in model.spec.properties.values()
        for named in prop.values
        if DURESS.search(f"{named.key} {named.description} {named.description_zh}".lower())
    }
    assert {prop for prop, _ in told} == ({"operation-method"} if tables_of(name).masks else set())
    assert {number for _, number in told} == model.masks.keys()
    shown = {model.methods.key_of(number) for number in model.masks.values()}  # type: ignore[union-attr]
    assert not [key for key in shown if DURESS.search(str(key))]
    if name != UNKNOWN:
        assert model.masks.keys() >= ({*forced} if tables_of(name).masks else set())


def test_only_ours_can_do_everything() -> None:
    """No model that nobody has confirmed can be unlocked, or have its users changed."""
    for name, tables in MODELS.items():
        able = tables.abilities & {Ability.UNLOCKING, Ability.MANAGEMENT}
        assert bool(able) is (name == "xiaomi.lock.s1")
    assert tables_of(UNKNOWN).abilities == frozenset()


@pytest.mark.parametrize("name", [UNKNOWN, "xiaomi.lock.s2", "loock.lock.r2", "xiaomi.lock.d100e"])
async def test_nothing_is_done(
    hass: HomeAssistant, driver: LockDriver, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Nothing reaches the lock: no action, no setting, no unlocking, whatever is asked."""
    tables = tables_of(name)
    monkeypatch.setattr(driver.lock, "model", name)
    monkeypatch.setattr(driver.lock, "urn", URN)
    acts: list[Any] = []
    monkeypatch.setattr(driver.lock, "act", lambda *asked: acts.append(asked))
    options = {CONF_UNLOCKING: {driver.lock.did: None}}
    entry = entry_of(hass, driver.account_data(), **options)
    await hass.config_entries.async_setup(entry.entry_id)
    registry = er.async_get(hass)
    ours = f"{driver.lock.did}-"

    def found() -> dict[str, er.RegistryEntry]:
        return {
            f"{one.domain}.{one.unique_id.removeprefix(ours)}": one
            for one in er.async_entries_for_config_entry(registry, entry.entry_id)
        }

    await until(lambda: any(key.startswith("event.") for key in found()))
    await hass.async_block_till_done()
    platforms = {key.partition(".")[0] for key in found()}
    assert bool(platforms & SETTINGS) is (Ability.SETTINGS in tables.abilities)
    assert "event.duress" in found() if tables.masks else "event.duress" not in found()
    assert ("sensor.last_person" in found()) is (Ability.PEOPLE in tables.abilities)
    offered = set(entry.supported_subentry_types)
    assert offered == ({"person"} if Ability.PEOPLE in tables.abilities else set())

    some = next(key for key in found() if key.startswith("event."))
    lock = found().get("lock.lock") or found()[some]
    if lock.domain == LOCK:
        with pytest.raises(HomeAssistantError):
            await hass.services.async_call(
                LOCK, "unlock", {"entity_id": lock.entity_id}, blocking=True
            )
        for action, data in ACTIONS.items():
            with pytest.raises(HomeAssistantError):
                await hass.services.async_call(
                    DOMAIN, action, {"entity_id": lock.entity_id, **data}, blocking=True
                )
    settings = lock_of(entry, driver).settings
    writable = [one for one in SPEC.properties.values() if Access.WRITE in one.access]
    if Ability.SETTINGS not in tables.abilities:
        for prop in writable:
            with pytest.raises(HomeAssistantError):
                await settings.async_write(prop.address, driver.lock.values[prop.address])
    assert acts == []
    await hass.config_entries.async_unload(entry.entry_id)
