"""People who open the door, and the form that names them."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigSubentry,
    SubentryFlowContext,
)
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er

from custom_components.xiaomi_smart_lock.state.credential import Credential

from .lock_driver import LockDriver, until
from .lock_harness import lock_of, running_locks

if TYPE_CHECKING:
    from homeassistant.config_entries import SubentryFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.xiaomi_smart_lock.coordinator import LockCoordinator

NOON = 1790000000  # 2026-09-21T14:13:20 UTC
NOON_TEXT = "2026-09-21T14:13:20+00:00"
MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

FINGERPRINT = 2
DURESS = 9


def give(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, *credentials: tuple[int, int]
) -> ConfigSubentry:
    """Add a person who has had credentials of the first lock for 90 days."""
    did = running_locks(hass, entry)[0]
    held = [
        {"did": did, "method": method, "operation_id": operation_id, "since": NOON - 90 * DAY}
        for method, operation_id in credentials
    ]
    person = ConfigSubentry(
        data=MappingProxyType({"credentials": held}),
        subentry_type="person",
        title=name,
        unique_id=None,
    )
    hass.config_entries.async_add_subentry(entry, person)
    return person


def invite(hass: HomeAssistant, entry: MockConfigEntry, name: str, *held: Any) -> ConfigSubentry:
    """Add a guest, as a subentry whose title says more than the name."""
    guest = ConfigSubentry(
        data=MappingProxyType(
            {
                "name": name,
                "credentials": list(held),
                "user_id": 7,
                "valid_until": time.time() + 3600,
                "uses": None,
            }
        ),
        subentry_type="guest",
        title=f"{name} (until tomorrow)",
        unique_id=None,
    )
    hass.config_entries.async_add_subentry(entry, guest)
    return guest


def person_entity(hass: HomeAssistant, name: str) -> er.RegistryEntry:
    """Register a person entity of Home Assistant, ``person.NAME``."""
    registry = er.async_get(hass)
    return registry.async_get_or_create("person", "person", name, suggested_object_id=name)


def person(entry: MockConfigEntry, name: str) -> ConfigSubentry:
    """Return a person by name."""
    [found] = [one for one in entry.subentries.values() if one.title == name]
    assert isinstance(found, ConfigSubentry)
    return found


def names(hass: HomeAssistant, driver: LockDriver) -> tuple[str | None, str]:
    """Return the person who opened the door, according to the lock and to the sensor."""
    changed_by = driver.state(hass, "lock", "lock").attributes.get("changed_by")
    return changed_by, driver.state(hass, "sensor", "last_person").state


async def named(hass: HomeAssistant, driver: LockDriver, *expected: str | None) -> None:
    """Wait until the person who opened the door is as expected."""
    await until(lambda: names(hass, driver) == expected)


def the_lock(entry: MockConfigEntry, driver: LockDriver) -> LockCoordinator:
    """Return the coordinator of the lock."""
    return lock_of(entry, driver).coordinator


async def use(
    entry: MockConfigEntry,
    driver: LockDriver,
    when: int,
    operation_id: int,
    method: int = FINGERPRINT,
    position: int = 2,
) -> None:
    """Open the door with a credential, and wait until the use is stored."""
    driver.push_event((2, 1020), position, method, 2, operation_id, when)
    uses = the_lock(entry, driver).data.users.uses
    credential = Credential(method, operation_id)
    await until(lambda: credential in uses and uses[credential].when == when)


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, person: ConfigSubentry | None = None
) -> SubentryFlowResult:
    """Start to add a person, or to change the details of one."""
    flows = hass.config_entries.subentries
    context = SubentryFlowContext(source=SOURCE_USER)
    if person:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=person.subentry_id)
    result = await flows.async_init((entry.entry_id, "person"), context=context)
    if result["type"] is FlowResultType.MENU:
        return await flows.async_configure(result["flow_id"], {"next_step_id": "details"})
    return result


async def submit(
    hass: HomeAssistant, result: SubentryFlowResult, *said: str, **fields: str
) -> SubentryFlowResult:
    """Submit the form with the operations of these labels."""
    offered = offers(result)
    chosen = {"credentials": [offered[label] for label in said]} if offered else {}
    return await hass.config_entries.subentries.async_configure(
        result["flow_id"], {**fields, **chosen}
    )


def field(result: SubentryFlowResult, name: str) -> Any:
    """Return a field of the form, and its selector."""
    assert result["type"] is FlowResultType.FORM
    schema = result["data_schema"]
    assert schema
    return next((key, selector) for key, selector in schema.schema.items() if key == name)


def offers(result: SubentryFlowResult) -> dict[str, str]:
    """Return the operations that the form offers, newest first, by label."""
    schema = result["data_schema"]
    assert schema
    if "credentials" not in schema.schema:
        return {}
    _, selector = field(result, "credentials")
    return {option["label"]: option["value"] for option in selector.config["options"]}


def filled_in(result: SubentryFlowResult) -> dict[str, Any]:
    """Return the suggested values of the form."""
    schema = result["data_schema"]
    assert schema
    return {
        str(key): key.description["suggested_value"] for key in schema.schema if key.description
    }
