"""The locks of config entries: their names, discovery and removal."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_INTEGRATION_DISCOVERY,
    SOURCE_ZEROCONF,
)
from homeassistant.const import CONF_HOST, MAJOR_VERSION, MINOR_VERSION
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import discovery_flow

from ..const import CONF_DECLINED, CONF_DID, CONF_LOCKS, CONF_ROOMS, DOMAIN
from ..miot.instance import is_lock
from ..model.lock_model import MODELS, tables_of
from ..model.s1 import S1
from ..reporting.devices import async_device_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from ..miot.cloud import Device
    from ..model.tables import Ability

CONF_ENTRY_ID: Final = "entry_id"
CONF_MODEL: Final = "model"
CONF_NAME: Final = "name"
DISCOVERED: Final = (SOURCE_INTEGRATION_DISCOVERY, SOURCE_ZEROCONF)
LAST_DIGITS: Final = 4
MOST_DISCOVERED: Final = 20
"""Maximum number of locks offered at once: anybody on the network can announce thousands."""

# Before 2026.8, several config entries may share a device, and it may have identifiers of other
# integrations.
DEVICES_ARE_OF_ONE_ENTRY: Final = (MAJOR_VERSION, MINOR_VERSION) >= (2026, 8)


def lock_ids(entry: ConfigEntry) -> list[str]:
    """Return the dids of an entry's locks."""
    return dids_in(entry.data)


def dids_in(data: Mapping[str, Any]) -> list[str]:
    """Return the dids of the locks in the data of an entry."""
    return [data[CONF_DID]] if CONF_DID in data else list(data[CONF_LOCKS])


def configured_locks(
    hass: HomeAssistant, *, but: ConfigEntry | None = None, local: bool = True
) -> set[str]:
    """Return the dids of the locks of all entries except ``but``.

    With ``local`` False, locks on the local network are left out.
    """
    return {
        did
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False)
        if entry is not but and (local or CONF_LOCKS in entry.data)
        for did in lock_ids(entry)
    }


def last_digits(did: str) -> str:
    """Return the last digits of a did, which tell locks of the same name apart."""
    return f"…{did[-LAST_DIGITS:]}"


def unambiguous(names: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    """Return an unambiguous name for each lock, by did.

    A name that several locks have gets the place appended, then the last digits of the did, then
    the whole did, as far as needed.
    """
    called = dict(names)
    for more in (
        places,
        {did: last_digits(did) for did in called},
        {did: did for did in called},
    ):
        times = Counter(called.values())
        called = {
            did: f"{name} ({more[did]})" if times[name] > 1 and more.get(did) else name
            for did, name in called.items()
        }
    return called


@callback
def async_lock_name(hass: HomeAssistant, entry: ConfigEntry, did: str) -> str:
    """Return the name of a lock, or its did without a device. The entry need not be set up."""
    device = async_device_of(hass, entry, did)
    return (device and (device.name_by_user or device.name)) or did


@callback
def async_lock_names(
    hass: HomeAssistant, locks: Iterable[tuple[ConfigEntry, str]]
) -> dict[str, str]:
    """Return unambiguous names by did, so that the user can choose a lock."""
    names: dict[str, str] = {}
    places: dict[str, str] = {}
    for entry, did in locks:
        names[did] = async_lock_name(hass, entry, did)
        places |= entry.data.get(CONF_ROOMS, {})
    return unambiguous(names, places)


def is_offered(device: Device) -> bool:
    """Return whether a device is a lock: its specification says so, or we have its model."""
    return is_lock(device.urn) or device.model in MODELS


@callback
def async_can(hass: HomeAssistant, entry: ConfigEntry, did: str, ability: Ability) -> bool:
    """Return whether something is possible with a lock. The entry need not be set up.

    Nothing is possible with a lock of an account that was never set up: nobody knows its model yet.
    """
    device = async_device_of(hass, entry, did)
    known = (device and device.model_id) or ""
    model = S1.model if CONF_HOST in entry.data else known
    return ability in tables_of(model).abilities


# Discovery


@callback
def async_offer_new_locks(
    hass: HomeAssistant, entry: ConfigEntry, devices: Iterable[Device]
) -> None:
    """Start a discovery flow for each lock that is neither set up, declined nor ignored.

    At most MOST_DISCOVERED locks are offered at once.
    """
    settled = configured_locks(hass).union(
        entry.data.get(CONF_DECLINED, ()),
        (
            str(ignored.unique_id)
            for ignored in hass.config_entries.async_entries(DOMAIN)
            if ignored.source == SOURCE_IGNORE
        ),
    )
    offered = {
        flow["context"].get("unique_id")
        for flow in hass.config_entries.flow.async_progress_by_handler(
            DOMAIN,
            include_uninitialized=True,
            match_context={"source": SOURCE_INTEGRATION_DISCOVERY},
        )
    }
    new = (one for one in devices if is_offered(one) and one.did not in settled.union(offered))
    for device in islice(new, max(MOST_DISCOVERED - len(offered), 0)):
        discovery_flow.async_create_flow(
            hass,
            DOMAIN,
            context={"source": SOURCE_INTEGRATION_DISCOVERY},
            data={
                CONF_ENTRY_ID: entry.entry_id,
                CONF_DID: device.did,
                CONF_NAME: device.name,
                CONF_MODEL: device.model,
            },
        )


@callback
def async_end_discoveries(hass: HomeAssistant, dids: Collection[str], *, but: str) -> None:
    """Abort the discovery flows of locks that are set up now, except the flow ``but``."""
    for flow in hass.config_entries.flow.async_progress_by_handler(DOMAIN):
        context = flow["context"]
        if (
            context["source"] in DISCOVERED
            and context.get("unique_id") in dids
            and flow["flow_id"] != but
        ):
            hass.config_entries.flow.async_abort(flow["flow_id"])


# Removal


def dids_of(device: dr.DeviceEntry) -> set[str]:
    """Return the dids in a device's identifiers, without identifiers of other integrations.

    There are none for the device of a person.
    """
    if device.entry_type is dr.DeviceEntryType.SERVICE:
        return set()
    return {identifier[1] for identifier in device.identifiers if identifier[0] == DOMAIN}


async def async_forget_lock(hass: HomeAssistant, entry: ConfigEntry, did: str) -> None:
    """Remove a lock from its entry, and the entry with its last lock."""
    if locks := [lock for lock in entry.data[CONF_LOCKS] if lock != did]:
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_LOCKS: locks})
        await hass.config_entries.async_reload(entry.entry_id)
    else:
        await hass.config_entries.async_remove(entry.entry_id)
