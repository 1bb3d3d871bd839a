"""The setup of the integration as a user does it: config flow, sign-in and options."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from homeassistant.const import CONF_CODE, CONF_HOST, CONF_TOKEN

from custom_components.xiaomi_smart_lock.const import CONF_LOCKS, CONF_UNLOCKING, DOMAIN
from custom_components.xiaomi_smart_lock.flows.options import (
    CONF_CODE_AGAIN,
    CONF_LOCK,
    NEW_CODE,
    OFF,
)
from custom_components.xiaomi_smart_lock.miot.endpoints import load

from .home_assistant import HomeAssistantError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from simulator.account import Account
    from simulator.device import Device

    from .client import Client, State

READY_WITHIN: Final = 90
LINKED_WITHIN: Final = 30
_FLOW: Final = "/api/config/config_entries/flow"
_OPTIONS_FLOW: Final = "/api/config/config_entries/options/flow"


@dataclass(frozen=True)
class Home:
    """The lock's entities in Home Assistant.

    ``entity_ids`` are by platform and key, such as ``sensor.door_state``. The key is the end of the
    unique id, which does not depend on names.
    """

    client: Client
    entry_id: str
    device_id: str
    entity_ids: Mapping[str, str]

    def state(self, key: str) -> State:
        """Return the last received state of an entity."""
        return self.client.states[self.entity_ids[key]]


async def add_integration(
    client: Client, endpoints: Path, account: Account, locks: Iterable[Device]
) -> str:
    """Sign in to the account and choose locks; return the config entry's id."""
    step = await begin_integration(client, endpoints, account)
    return await choose_locks(client, step, [lock.did for lock in locks])


async def begin_integration(client: Client, endpoints: Path, account: Account) -> dict[str, Any]:
    """Sign in to the account; return the step that asks for locks.

    Raises HomeAssistantError if there is none.
    """
    step: dict[str, Any] = await client.post(
        _FLOW, {"handler": DOMAIN, "show_advanced_options": False}
    )
    while step["type"] in ("menu", "form"):
        if step.get("errors"):
            raise HomeAssistantError(f"{step['step_id']}: {step['errors']}")
        match step["step_id"]:
            case "user":
                answer: dict[str, Any] = {"next_step_id": "account"}
            case "account":
                answer = {"region": "cn"}
            case "sign_in":
                answer = {"next_step_id": "paste"}
            case "paste":
                link = step["description_placeholders"]["url"]
                answer = {"address": await sign_in(link, endpoints, account)}
            case "locks":
                return step
            case unknown:
                raise HomeAssistantError(f"the config flow asks for {unknown}")
        step = await client.post(f"{_FLOW}/{step['flow_id']}", answer)
    raise HomeAssistantError(f"the config flow ended with {step['type']}: {step['reason']}")


async def choose_locks(client: Client, step: Mapping[str, Any], dids: list[str]) -> str:
    """Choose locks of an account by did; return the config entry's id."""
    step = await client.post(f"{_FLOW}/{step['flow_id']}", {CONF_LOCKS: dids})
    return await _create(client, step)


async def _create(client: Client, step: Mapping[str, Any]) -> str:
    """Leave linking for later, the last step of setting up; return the config entry's id."""
    if step.get("step_id") == "offer_link":
        step = await client.post(f"{_FLOW}/{step['flow_id']}", {"next_step_id": "later"})
    if step["type"] != "create_entry":
        raise HomeAssistantError(f"the config flow ended with {step}")
    entry_id: str = step["result"]["entry_id"]
    return entry_id


async def link_app(client: Client, entry_id: str, scan: Callable[[str], None]) -> None:
    """Link an entry to the Mi Home app; ``scan`` gets the code, as a phone that scans it."""
    step = await client.post(_FLOW, {"handler": DOMAIN, "entry_id": entry_id})
    step = await client.post(f"{_FLOW}/{step['flow_id']}", {"next_step_id": "link"})
    step = await client.post(f"{_FLOW}/{step['flow_id']}", {})
    await scan_code(client, entry_id, step, scan)


async def link_again(client: Client, entry_id: str, scan: Callable[[str], None]) -> None:
    """Complete the flow that asks the user to link the app of an entry again."""
    [flow] = [
        flow
        for flow in await client.command("config_entries/flow/progress")
        if flow["context"].get("entry_id") == entry_id
    ]
    step = await client.get(f"{_FLOW}/{flow['flow_id']}")
    while step["step_id"] in ("confirm_sign_in", "link_again"):
        step = await client.post(f"{_FLOW}/{step['flow_id']}", {})
    await scan_code(client, entry_id, step, scan)


async def scan_code(
    client: Client, entry_id: str, step: dict[str, Any], scan: Callable[[str], None]
) -> None:
    """Scan the code of a flow, and wait until the entry is loaded again.

    Raises HomeAssistantError if linking fails, and TimeoutError after LINKED_WITHIN seconds.
    """
    async with asyncio.timeout(LINKED_WITHIN):
        scanned = False
        while step["type"] in ("progress", "form"):
            if step.get("errors"):
                raise HomeAssistantError(f"{step['step_id']}: {step['errors']}")
            if step["step_id"] == "scan" and not scanned:
                scan(step["data_schema"][0]["selector"]["qr_code"]["data"])
                scanned = True
            await asyncio.sleep(0.2)
            step = await client.get(f"{_FLOW}/{step['flow_id']}")
        if step["reason"] != "linked":
            raise HomeAssistantError(f"linking ended with {step['reason']}")
        while not await _is_loaded(client, entry_id):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def add_lock_nearby(client: Client, host: str, token: str) -> str:
    """Add a lock by its address on the local network; return the config entry's id."""
    step = await client.post(_FLOW, {"handler": DOMAIN})
    given = {CONF_HOST: host, CONF_TOKEN: token}
    for answer in ({"next_step_id": "local"}, {"next_step_id": "by_hand"}, given):
        step = await client.post(f"{_FLOW}/{step['flow_id']}", answer)
    return await _create(client, step)


async def allow_unlocking(client: Client, entry_id: str, code: str, did: str | None = None) -> None:
    """Allow unlocking a lock with a code, by the options of its entry.

    ``did`` selects the lock if the entry has several.
    """
    new_code = {CONF_CODE: code, CONF_CODE_AGAIN: code}
    await _choose_unlocking(client, entry_id, did, {CONF_UNLOCKING: NEW_CODE}, new_code)


async def forbid_unlocking(client: Client, entry_id: str, did: str | None = None) -> None:
    """Forbid unlocking a lock, by the options of its entry.

    ``did`` selects the lock if the entry has several.
    """
    await _choose_unlocking(client, entry_id, did, {CONF_UNLOCKING: OFF})


async def _choose_unlocking(
    client: Client, entry_id: str, did: str | None, *answers: Mapping[str, str]
) -> None:
    step = await client.post(_OPTIONS_FLOW, {"handler": entry_id})
    for answer in (with_lock(step, did), *answers):
        step = await client.post(f"{_OPTIONS_FLOW}/{step['flow_id']}", answer)
    await _options_are_set(client, entry_id, step)


def with_lock(step: Mapping[str, Any], did: str | None = None) -> dict[str, Any]:
    """Return the answer to the options' form that leads to the unlocking of a lock.

    Without a did it is the only lock.
    """
    if did is None:
        [field] = _fields(step)[CONF_UNLOCKING]
        [lock] = field["selector"]["select"]["options"]
        did = lock["value"]
    return _filled(step, {CONF_LOCK: did})


async def set_options(client: Client, entry_id: str, options: Mapping[str, Any]) -> None:
    """Set some options of an entry; the others stay."""
    step = await client.post(_OPTIONS_FLOW, {"handler": entry_id})
    step = await client.post(f"{_OPTIONS_FLOW}/{step['flow_id']}", _filled(step, options))
    await _options_are_set(client, entry_id, step)


def _fields(step: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the fields of a form by section."""
    return {section["name"]: section["schema"] for section in step["data_schema"]}


def _filled(step: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return some values by section; all sections of the form have to be there."""
    return {
        section: {
            field["name"]: values[field["name"]] for field in fields if field["name"] in values
        }
        for section, fields in _fields(step).items()
    }


async def _options_are_set(client: Client, entry_id: str, step: Mapping[str, Any]) -> None:
    if step["type"] != "create_entry":
        raise HomeAssistantError(f"options were not set: {step}")
    while not await _is_loaded(client, entry_id):  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def _is_loaded(client: Client, entry_id: str) -> bool:
    answer = await client.command("config_entries/get_single", entry_id=entry_id)
    loaded: bool = answer["config_entry"]["state"] == "loaded"
    return loaded


async def enable_all(client: Client, entry_id: str) -> None:
    """Enable the entities of an entry that are off by default, but for the secret texts.

    Home Assistant reloads the entry half a minute later.
    """
    for entry in await client.command("config/entity_registry/list"):
        of_entry = entry["config_entry_id"] == entry_id and entry["disabled_by"] == "integration"
        if of_entry and not entry["entity_id"].startswith("text."):
            await client.command(
                "config/entity_registry/update", entity_id=entry["entity_id"], disabled_by=None
            )


async def at_home(
    client: Client, entry_id: str, lock: Device, *, all_enabled: bool = False
) -> Home:
    """Return the lock's enabled entities once all of them have a state of their own.

    ``all_enabled`` enables all first. Raises HomeAssistantError if there are not all states within
    READY_WITHIN seconds.
    """
    if all_enabled:
        await enable_all(client, entry_id)
    prefix = f"{lock.did}-"
    entries = [
        entry
        for entry in await client.command("config/entity_registry/list")
        if entry["platform"] == DOMAIN
        and entry["unique_id"].startswith(prefix)
        and entry["disabled_by"] is None
    ]
    if not entries:
        raise HomeAssistantError("the lock has no entities")
    home = Home(
        client,
        entry_id,
        entries[0]["device_id"],
        {
            f"{entry['entity_id'].split('.')[0]}.{entry['unique_id'].removeprefix(prefix)}": entry[
                "entity_id"
            ]
            for entry in entries
        },
    )
    await client.follow_states()
    expected = set(home.entity_ids.values())

    def missing() -> set[str]:
        """Return the entities without a state, or with one that Home Assistant holds for them."""
        own = {key for key, it in client.states.items() if not it.attributes.get("restored")}
        return expected - own

    if not await client.wait_until(lambda: not missing(), READY_WITHIN):
        raise HomeAssistantError(f"entities without a state: {missing()}")
    return home


async def sign_in(link: str, endpoints: Path, account: Account) -> str:
    """Sign in on the sign-in page; return the address to which it redirects the browser.

    Raises HomeAssistantError if it does not redirect.
    """
    trust = ssl.create_default_context(cafile=load(endpoints).ca_file)
    async with (
        aiohttp.ClientSession() as browser,
        browser.post(
            link, data={"user": account.user_id}, ssl=trust, allow_redirects=False
        ) as answer,
    ):
        if (location := answer.headers.get("Location")) is None:
            raise HomeAssistantError(f"sign-in: {answer.status} {await answer.text()}")
        return location
