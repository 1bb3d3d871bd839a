"""Integration of the Xiaomi Smart Door Lock 4 Pro into Home Assistant."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from homeassistant.config_entries import (
    SIGNAL_CONFIG_ENTRY_CHANGED,
    ConfigEntry,
    ConfigEntryChange,
    ConfigEntryState,
)
from homeassistant.const import ATTR_RESTORED, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_connect

from .account.entry_data import (
    DEVICES_ARE_OF_ONE_ENTRY,
    async_forget_lock,
    configured_locks,
    dids_of,
    lock_ids,
)
from .const import DOMAIN
from .control.unlock_attempts import async_forget_guesses
from .descriptions import DESCRIPTIONS, described, has_settings
from .frontend.registration import async_add_dashboard, async_serve_dashboard
from .lock_log import async_log
from .media.picture_archive import async_forget_pictures
from .media.views import async_register_views
from .model.lock_model import model_of
from .model.s1 import S1
from .people import async_follow_entities, async_forget_users_made, async_read_people
from .reporting.issues import (
    Issue,
    async_clear_issues_of_entry,
    async_clear_issues_of_lock,
    async_raise_issue,
    is_raised,
)
from .runtime import async_create_runtime
from .services.registration import async_register_actions
from .state.expiry import ExpiryRegistry
from .store import async_journal_store, async_specification_store, async_store
from .undescribed import KEY, undescribed
from .wording.phrases import credential_in_words

if TYPE_CHECKING:
    from homeassistant.helpers.typing import ConfigType

    from .runtime import LockConfigEntry

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

ACCEPT_BROKER_NAME = "accept_broker_name"

PLATFORMS = tuple(DESCRIPTIONS)
OF_SETTINGS = {
    one.key for descriptions in DESCRIPTIONS.values() for one in descriptions if one.of_settings
}


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the service actions and what HTTP serves, which exist without an entry too."""
    async_register_actions(hass)
    await async_register_views(hass)
    await async_serve_dashboard(hass)
    return True


async def async_migrate_entry(hass: HomeAssistant, entry: LockConfigEntry) -> bool:
    """Remove the option of minor version 1 to accept any certificate of the push server."""
    if entry.version > 1:
        return False
    if entry.minor_version < 2:  # noqa: PLR2004
        options = {key: value for key, value in entry.options.items() if key != ACCEPT_BROKER_NAME}
        hass.config_entries.async_update_entry(entry, options=options, minor_version=2)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: LockConfigEntry) -> bool:
    """Connect, and set up the platforms for the locks of an entry."""
    async_add_dashboard(hass)
    await async_read_people(hass, entry)
    async_follow_entities(hass, entry)
    runtime = entry.runtime_data = await async_create_runtime(hass, entry)
    entry.async_on_unload(runtime.connection.async_stop)
    _async_follow_changes(hass, entry)
    _async_part_devices(hass, entry)
    models = dict.fromkeys(lock.model for lock in runtime.locks.values())
    more = {model: undescribed(model, described(model)) for model in models}
    for lock in runtime.locks.values():
        lock.undescribed = more[lock.model]
        lock.coordinator.has_settings = has_settings(lock.coordinator, lock.undescribed)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    for lock in runtime.locks.values():
        entry.async_on_unload(lock.async_start())
        await asyncio.sleep(0)
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_STOP, runtime.async_end))
    await _async_forget_other_locks(hass, entry)
    _async_forget_what_is_described(hass, entry)
    await asyncio.sleep(0)
    if runtime.link is None and all(lock.is_learned for lock in runtime.locks.values()):
        _async_forget_what_linking_gave(hass, entry)
    await asyncio.sleep(0)
    runtime.async_listen()
    runtime.async_keep_learning()
    _async_offer_anew(entry)
    return True


@callback
def _async_offer_anew(entry: LockConfigEntry) -> None:
    """Have the entry's page ask again what can be added, such as a person or a guest.

    Home Assistant asks once and keeps the answer until it restarts. A page that is open while the
    entry is added asks before the model of a lock is known; linking changes the answer later.
    """
    entry._supported_subentry_types = None  # noqa: SLF001


@callback
def _async_part_devices(hass: HomeAssistant, entry: LockConfigEntry) -> None:
    """Separate the devices of locks that share one because both reported the same MAC.

    The shared device keeps one lock and loses the MAC; the platforms create devices for the others.
    """
    registry = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
        _, *others = sorted(one for one in device.identifiers if one[0] == DOMAIN)
        if others:
            registry.async_update_device(
                device.id,
                new_identifiers=device.identifiers - set(others),
                new_connections={
                    one for one in device.connections if one[0] != dr.CONNECTION_NETWORK_MAC
                },
            )


@callback
def _async_follow_changes(hass: HomeAssistant, entry: LockConfigEntry) -> None:
    """Reload when options change. Update the names of people at other changes, without a reload.

    Renewed tokens need no reload. An update listener would also have to reload for the tokens of a
    new sign-in, and could not tell them from renewed ones.
    """
    options = dict(entry.options)

    @callback
    def changed(change: ConfigEntryChange, other: ConfigEntry) -> None:
        if other is not entry or entry.state is not ConfigEntryState.LOADED:
            return
        if options != dict(entry.options):
            hass.config_entries.async_schedule_reload(entry.entry_id)
            return
        for lock in entry.runtime_data.locks.values():
            lock.guests.async_look()
            lock.coordinator.async_show_people()

    entry.async_on_unload(async_dispatcher_connect(hass, SIGNAL_CONFIG_ENTRY_CHANGED, changed))


async def async_unload_entry(hass: HomeAssistant, entry: LockConfigEntry) -> bool:
    """Unload the platforms, and save what is known of the locks."""
    await entry.runtime_data.async_stop_listening()
    if unloaded := await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        for lock in entry.runtime_data.locks.values():
            await lock.async_stop()
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: LockConfigEntry) -> None:
    """Delete the issues of an entry and the stored data of its locks."""
    async_clear_issues_of_entry(hass, entry)
    for did in lock_ids(entry):
        await _async_forget(hass, entry, did)
    if not hass.config_entries.async_entries(DOMAIN):
        await async_specification_store(hass).async_remove()


async def _async_forget_other_locks(hass: HomeAssistant, entry: LockConfigEntry) -> None:
    """Delete devices, issues and stored data of locks that are no longer chosen."""
    registry = dr.async_get(hass)
    for device in dr.async_entries_for_config_entry(registry, entry.entry_id):
        dids = dids_of(device)
        if dids and dids.isdisjoint(lock_ids(entry)):
            if DEVICES_ARE_OF_ONE_ENTRY:
                registry.async_remove_device(device.id)
            else:
                registry.async_update_device(device.id, remove_config_entry_id=entry.entry_id)
            for did in dids:
                async_clear_issues_of_lock(hass, entry, did)
                await _async_forget(hass, entry, did)


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: LockConfigEntry, device: dr.DeviceEntry
) -> bool:
    """Allow the deletion of a device if its lock is not chosen or no longer in the account.

    A chosen lock is then removed from the entry. The device of a person goes with the person.
    """
    if any(domain == DOMAIN and one in entry.subentries for domain, one in device.identifiers):
        return False
    chosen = dids_of(device).intersection(lock_ids(entry))
    if not all(is_raised(hass, entry, Issue.GONE, did) for did in chosen):
        return False
    for did in chosen:
        await async_forget_lock(hass, entry, did)
    return True


@callback
def _async_forget_what_is_described(hass: HomeAssistant, entry: LockConfigEntry) -> None:
    """Delete entities of items that have another one since a later version describes them.

    What is about settings that wait goes from a lock that has none to set.
    """
    registry = er.async_get(hass)
    shown = {
        did: {(platform, one.key) for platform, found in lock.undescribed.items() for one in found}
        for did, lock in entry.runtime_data.locks.items()
        if lock.is_learned
    }
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        did, _, key = entity.unique_id.partition("-")
        if did not in shown:
            continue
        gone = KEY.fullmatch(key) and (entity.domain, key) not in shown[did]
        has_none = not entry.runtime_data.locks[did].coordinator.has_settings
        if gone or (has_none and key in OF_SETTINGS):
            registry.async_remove(entity.entity_id)


@callback
def _async_forget_what_linking_gave(hass: HomeAssistant, entry: LockConfigEntry) -> None:
    """Delete entities that nothing provides since the Mi Home app was unlinked.

    These are entities of locks, and those of people who can be told of no more.
    """
    registry = er.async_get(hass)
    dids = entry.runtime_data.locks
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        state = hass.states.get(entity.entity_id)
        of_lock = entity.unique_id.partition("-")[0] in dids
        if (of_lock or entity.config_subentry_id) and state and state.attributes.get(ATTR_RESTORED):
            registry.async_remove(entity.entity_id)


async def _async_forget(hass: HomeAssistant, entry: LockConfigEntry, did: str) -> None:
    """Delete the stored state, journal, wrong codes and pictures of a lock no entry has any more.

    Credentials that were to end stay in the lock, and nobody ends them any more: that is told.
    """
    if did in configured_locks(hass, but=entry):
        return
    store = async_store(hass, did)
    match await store.async_load():
        case {"device": {"name": str(name)}, "data": {"endings": [_, *_] as endings}}:
            # Only locks of this model can be given credentials.
            model = await hass.async_add_executor_job(model_of, S1.model)
            stay = ", ".join(
                expiry.name or credential_in_words(hass, model, credential)
                for credential, expiry in ExpiryRegistry.from_list(model, endings).known.items()
            )
            if stay:
                async_raise_issue(hass, entry, Issue.LEFT_BEHIND, did, lock=name, credentials=stay)
    await store.async_remove()
    await async_journal_store(hass, did).async_remove()
    await async_log(hass, did).async_remove()
    await async_forget_guesses(hass, did)
    await async_forget_pictures(hass, did)
    async_forget_users_made(hass, did)
