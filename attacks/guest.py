"""A guest with an account in Home Assistant, who may use entities, dashboards and the API."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import CONF_UNLOCKING, DOMAIN, SUBENTRY_PERSON
from custom_components.xiaomi_smart_lock.flows.options import OFF, WITHOUT_CODE
from custom_components.xiaomi_smart_lock.reporting.logbook_event import EVENT
from demo.setup import with_lock
from simulator.door import AWAY_MODE
from simulator.faults import Held

from .attack import HELD, Attacks, expect, refusal, until
from .house import CODE, WRONG
from .outside import listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping

    from demo.client import Client
    from simulator.lock import Lock

    from .house import House

ATTACKS: Final = Attacks("A guest with an account in Home Assistant")

# Error messages after a refusal
UNAUTHORIZED: Final = "Unauthorized"
WRONG_CODE: Final = "not the code"
BLOCKED: Final = "Too many wrong codes"
FIVE_MINUTES: Final = "Try again in 5 minutes"
FOUR_MINUTES: Final = "Try again in 4 minutes"

FLOW: Final = "/api/config/config_entries/flow"
OPTIONS_FLOW: Final = "/api/config/config_entries/options/flow"
SUBENTRY_FLOW: Final = "/api/config/config_entries/subentries/flow"
ACTION: Final = "/app/v2/miotspec/action"

DOORBELL: Final = (21, 1)
ALARM_VOLUME: Final = (19, 9)
LOCAL_SETTINGS: Final = (18, 11)
SECRET_TEXTS: Final = {"wechat_info": (17, 24), "deadbolt_permission": (22, 11)}

OWNER: Final = 0
"""The id of the lock's owner among its users."""
STRANGER: Final = 9
"""An id that no user of the lock has."""
PASSWORD: Final = {"credential_type": "password", "credential_data": "246810"}


async def _call(client: Client, name: str, target: Mapping[str, object], **data: object) -> Any:
    """Call a service action, ``domain.name``, with any target."""
    domain, service = name.split(".")
    fields = {"domain": domain, "service": service, "target": target, "service_data": data}
    return await client.command("call_service", **fields)


async def _hall(house: House) -> str:
    """Return the id of the area with the locks of the account."""
    areas = await house.owner.command("config/area_registry/list")
    return next(str(area["area_id"]) for area in areas if area["name"] == "Hall")


async def _let_in(house: House, lock: Lock) -> None:
    """Check that the right code opens a lock. This also resets its count of wrong codes."""
    lock.wake()
    before = house.opened(lock)
    said = await house.unlock(house.guest, lock)
    expect(house.opened(lock) == before + 1, f"the right code does not open it: {said}")
    await _close(house, lock)


async def _close(house: House, *locks: Lock) -> None:
    """Close doors, and wait until Home Assistant shows them as locked."""
    for lock in locks:
        lock.close_door()
        entity_id = house.entity_id(lock, "lock.lock")
        await house.owner.action("homeassistant.update_entity", entity_id)
        await until(partial(_is_locked, house, lock), "it stays unlocked")


def _is_locked(house: House, lock: Lock) -> bool:
    return house.state(lock, "lock.lock") == "locked"


# Opening


@ATTACKS.try_to("unlock a lock that nobody allowed to unlock")
async def _unlock_what_is_not_allowed(house: House) -> str:
    await _let_in(house, house.lock)
    for code in (None, "", CODE, WRONG):
        await house.unlock(house.guest, house.shut, code)
    return "it opened" if house.asked(house.shut) or house.opened(house.shut) else HELD


@ATTACKS.try_to("unlock it along with others, by an action on both, on an area, on all")
async def _unlock_together_with_others(house: House) -> str:
    both = (house.lock, house.shut)
    targets: tuple[dict[str, object], ...] = (
        {"entity_id": [house.entity_id(lock, "lock.lock") for lock in both]},
        {"device_id": [house.homes[lock].device_id for lock in both]},
        {"area_id": await _hall(house)},
        {"entity_id": "all"},
    )
    for target in targets:
        house.lock.wake()
        before = house.opened(house.lock)
        await refusal(_call(house.guest, "lock.unlock", target, code=CODE))
        expect(house.opened(house.lock) == before + 1, f"{target} does not reach its neighbor")
        await _close(house, house.lock, house.nearby)
    return "it opened" if house.asked(house.shut) or house.opened(house.shut) else HELD


@ATTACKS.try_to("unlock without the code, or with something that is nearly the code")
async def _unlock_with_nearly_the_code(house: House) -> str:
    full_width = "".join(chr(0xFEE0 + ord(digit)) for digit in CODE)
    nearly = (None, "", " ", f" {CODE}", f"{CODE} ", f"{CODE}\n", f"{CODE}\0", f"0{CODE}")
    forms = (full_width, f"+{CODE}", f"{CODE[:3]} {CODE[3:]}", float(CODE), -int(CODE), True)
    others = ([CODE], {"code": CODE}, "9" * 100_000, "[0-9]+", "null", "' or '1'='1", int(WRONG))
    house.lock.wake()
    before = house.opened(house.lock)
    for code in (*nearly, *forms, *others):
        await house.unlock(house.guest, house.lock, code)
        if house.opened(house.lock) > before:
            await _close(house, house.lock)
            return f"it opened for {code!r}"
    await _let_in(house, house.lock)
    return HELD


@ATTACKS.try_to("open a door by any other action than to unlock it")
async def _open_by_another_action(house: House) -> str:
    others = ("lock.open", "lock.lock", *(f"homeassistant.{one}" for one in OF_ALL))
    locks = {house.lock: {}, house.shut: {"code": CODE}}
    before = [house.opened(lock) for lock in locks]
    acts = _acts(house)
    for lock, data in locks.items():
        lock.wake()
        entity_ids = house.homes[lock].entity_ids
        for other in others:
            await refusal(house.guest.action(other, entity_ids["lock.lock"], **data))
        for button in (key for key in entity_ids if key.startswith("button.")):
            await refusal(house.guest.action("button.press", entity_ids[button]))
    expect(_acts(house) > acts, "no button does anything")
    return "it opened" if [house.opened(lock) for lock in locks] != before else HELD


OF_ALL: Final = ("turn_on", "turn_off", "toggle")
"""Home Assistant's service actions for entities of any kind."""


def _acts(house: House) -> int:
    """Return how many actions of locks were requested from the cloud."""
    return [path for path, _ in house.simulator.cloud.requests].count(ACTION)


@ATTACKS.try_to("make a scene in which doors are open, and what weakens them is set")
async def _make_a_scene(house: House) -> str:
    lock = house.lock
    volume, before = lock.values[ALARM_VOLUME], (house.opened(lock), house.asked(house.shut))
    harmless = {house.entity_id(lock, "select.alarm_volume"): "mute"}
    scenes = [
        {house.entity_id(one, "lock.lock"): state}
        for one in (lock, house.shut)
        for state in ("unlocked", "open", {"state": "unlocked", "code_format": ""})
    ]
    scenes.append({house.entity_id(lock, "switch.local_settings"): "off"})
    try:
        await _close(house, lock, house.shut)
        await _apply(house, harmless)
        expect(lock.values[ALARM_VOLUME] == 0, "no scene sets anything")
        for scene in scenes:
            await refusal(_apply(house, scene))
        if (house.opened(lock), house.asked(house.shut)) != before:
            return "a scene opened a door"
        return HELD if lock.values[LOCAL_SETTINGS] else "local settings were turned off"
    finally:
        lock.set(ALARM_VOLUME, volume)
        lock.set(LOCAL_SETTINGS, True)


async def _apply(house: House, entities: Mapping[str, object]) -> None:
    """Activate a scene as a guest, by ``scene.apply`` and by ``scene.turn_on``."""
    await refusal(_call(house.guest, "scene.apply", {}, entities=entities))
    await _call(house.guest, "scene.create", {}, scene_id="party", entities=entities)
    await house.guest.action("scene.turn_on", "scene.party")


# Guessing


@asynccontextmanager
async def _guessing(house: House, lock: Lock) -> AsyncIterator[None]:
    """Check that the right code opens a lock; reset its count of wrong codes on exit."""
    await _let_in(house, lock)
    try:
        yield
    finally:
        await house.allow(lock)
        await _close(house, lock)


async def _guess(house: House, lock: Lock, times: int, client: Client | None = None) -> None:
    for _ in range(times):
        said = await house.unlock(client or house.guest, lock, WRONG)
        expect(WRONG_CODE in said, f"it is not said that the code is wrong, but: {said}")


async def _right_code(house: House, lock: Lock, client: Client | None = None) -> str:
    """Try the right code after five wrong ones; return what it gained."""
    before = house.opened(lock)
    said = await house.unlock(client or house.guest, lock)
    if house.opened(lock) > before:
        return "the right code opens it after five wrong ones"
    expect(BLOCKED in said, f"it is not said that unlocking is blocked, but: {said}")
    return HELD


@ATTACKS.try_to("guess the code until it is right, by WebSocket and by HTTP")
async def _guess_until_it_is_right(house: House) -> str:
    lock = house.lock
    request = {"entity_id": house.entity_id(lock, "lock.lock"), "code": WRONG}
    async with _guessing(house, lock):
        await _guess(house, lock, 4)
        await _let_in(house, lock)  # Four do not block, and the right code resets the count.
        for _ in range(2):
            await _guess(house, lock, 1)
            said = await refusal(house.guest.post("/api/services/lock/unlock", request))
            expect(said, "a wrong code is taken")
        await _guess(house, lock, 1)
        return await _right_code(house, lock)


@ATTACKS.try_to("try hundreds of codes at the same moment")
async def _guess_at_once(house: House) -> str:
    lock, tried = house.lock, 0
    async with _guessing(house, lock):
        for first in range(1000, 3000, 100):
            codes = map(str, range(first, first + 100))
            said = await asyncio.gather(*(house.unlock(house.guest, lock, one) for one in codes))
            tried += sum(WRONG_CODE in one for one in said)
            if tried > 5:
                return f"{tried} codes were tried"
            if any(BLOCKED in one for one in said):
                break
        return await _right_code(house, lock)


@ATTACKS.try_to("share the guesses among two users")
async def _guess_by_two(house: House) -> str:
    lock = house.nearby
    async with _guessing(house, lock):
        await _guess(house, lock, 3)
        await _guess(house, lock, 2, house.owner)
        return await _right_code(house, lock) or await _right_code(house, lock, house.owner)


@ATTACKS.try_to("have the guesses forgotten by a reload of the entry, also in the midst of one")
async def _guess_over_reloads(house: House) -> str:
    lock, tried = house.lock, 0
    async with _guessing(house, lock):
        for _ in range(20):
            guess, _ = await asyncio.gather(
                house.unlock(house.guest, lock, WRONG), house.reload(lock)
            )
            # Home Assistant reports no error while the entity is unloaded.
            tried += WRONG_CODE in guess
            if tried > 5:
                return "six codes were tried"
            if BLOCKED in guess:
                break
        return await _right_code(house, lock)


@ATTACKS.try_to("have the guesses, and the block, forgotten by a restart", in_short=False)
async def _guess_over_a_restart(house: House) -> str:
    async with _guessing(house, house.lock), _guessing(house, house.nearby):
        await _guess(house, house.lock, 3)
        await _guess(house, house.nearby, 5)
        await house.restart()
        for lock in (house.lock, house.nearby):
            await until(partial(_is_locked, house, lock), "it is not locked")
        await _guess(house, house.lock, 2)
        return await _right_code(house, house.lock) or await _right_code(house, house.nearby)


@ATTACKS.try_to("keep the owner out for longer than five minutes", in_short=False)
async def _block_for_longer(house: House) -> str:
    lock = house.nearby
    async with _guessing(house, lock):
        await _guess(house, lock, 5)
        said = await house.unlock(house.guest, lock, WRONG)
        expect(FIVE_MINUTES in said, f"it is not blocked for five minutes, but: {said}")
        for _ in range(90):
            await asyncio.sleep(1)
            if FOUR_MINUTES in await house.unlock(house.guest, lock, WRONG):
                return HELD
        return "it is blocked anew by each guess"


# Unexpected moments


@ATTACKS.try_to("unlock while the owner forbids it")
async def _unlock_while_it_is_forbidden(house: House) -> str:
    lock = house.lock
    await _let_in(house, lock)
    before = house.opened(lock)
    async with _held_back(house, lock):
        pass
    expect(house.opened(lock) == before + 1, "what is held back is never sent")
    await _close(house, lock)
    try:
        async with _held_back(house, lock):
            await _permit(house, lock, OFF)
        return "it opened" if house.opened(lock) > before + 1 else HELD
    finally:
        await house.allow(lock)
        await _close(house, lock)


@asynccontextmanager
async def _held_back(house: House, lock: Lock) -> AsyncIterator[None]:
    """Unlock a lock as the guest, and hold back the token renewal that precedes the request.

    Let it go on exit, and wait for the unlocking to end.
    """
    cloud, held = house.simulator.cloud, Held()
    cloud.expire_access_tokens()
    cloud.disturb_next(held, "get_token")
    unlocking = asyncio.create_task(house.unlock(house.guest, lock))
    try:
        await until(lambda: held.waiting, "no token is renewed")
        yield
    finally:
        held.let_go()
        cloud.calm()
        await unlocking


async def _permit(house: House, lock: Lock, choice: str) -> None:
    """Choose as the owner whether a lock of the account may be unlocked."""
    step = await house.owner.post(OPTIONS_FLOW, {"handler": house.homes[lock].entry_id})
    for answer in (with_lock(step, lock.did), {CONF_UNLOCKING: choice}):
        step = await house.owner.post(f"{OPTIONS_FLOW}/{step['flow_id']}", answer)
    expect(step["type"] == "create_entry", f"it cannot be chosen: {step}")


@ATTACKS.try_to("have a lock that sleeps open when it wakes up")
async def _unlock_it_later(house: House) -> str:
    lock = house.lock
    await _let_in(house, lock)
    volume, before = lock.values[ALARM_VOLUME], house.opened(lock)
    try:
        lock.sleep()
        await until(lambda: house.state(lock, "binary_sensor.awake") == "off", "it stays awake")
        said = await house.unlock(house.guest, lock)
        expect(said, "nobody is told that it sleeps")
        entity_id = house.entity_id(lock, "select.alarm_volume")
        await house.guest.action("select.select_option", entity_id, option="mute")
        lock.wake()
        await until(lambda: lock.values[ALARM_VOLUME] == 0, "it is not noticed that it woke up")
        await asyncio.sleep(1)  # An unlocking that waited for the lock might follow.
        return "it opened" if house.opened(lock) > before else HELD
    finally:
        lock.wake()
        lock.set(ALARM_VOLUME, volume)


@ATTACKS.try_to("have it unlocked by voice")
async def _unlock_by_voice(house: House) -> str:
    lock, before = house.lock, house.opened(house.lock)
    exposed = [house.entity_id(one, "lock.lock") for one in (lock, house.shut)]
    await _expose(house, exposed, should=True)
    try:
        await _close(house, lock)
        await _permit(house, lock, WITHOUT_CODE)
        await until(
            lambda: (
                (shown := house.homes[lock].state("lock.lock")).state == "locked"
                and "code_format" not in shown.attributes
            ),
            "it needs a code all the same",
        )
        await _say(house, "unlock the front door")
        expect(house.opened(lock) == before + 1, "voice opens nothing at all")
        await house.allow(lock)
        await _close(house, lock)
        for sentence in (
            "unlock the front door",
            "unlock the back door",
            "open the back door",
            "unlock all doors",
            f"unlock the front door with code {CODE}",
        ):
            await _say(house, sentence)
        opened = house.opened(lock) > before + 1 or house.asked(house.shut)
        return "it opened" if opened else HELD
    finally:
        await _expose(house, exposed, should=False)
        await house.allow(lock)
        await _close(house, lock)


async def _say(house: House, sentence: str) -> None:
    await house.guest.command("conversation/process", text=sentence, language="en")


async def _expose(house: House, entity_ids: Iterable[str], *, should: bool) -> None:
    await house.owner.command(
        "homeassistant/expose_entity",
        assistants=["conversation"],
        entity_ids=list(entity_ids),
        should_expose=should,
    )


# Settings


@ATTACKS.try_to("allow it to oneself: options, codes, people, another account")
async def _allow_it_to_oneself(house: House) -> str:
    guest, home = house.guest, house.homes[house.shut]
    entry, entity_id = {"entry_id": home.entry_id}, home.entity_ids["lock.lock"]
    me = (await guest.command("auth/current_user"))["id"]
    code = {"options_domain": "lock", "options": {"default_code": CODE}}
    unlock = [{"action": "lock.unlock", "target": {"entity_id": entity_id}}]
    ways: dict[str, Awaitable[object]] = {
        "the options": guest.post(OPTIONS_FLOW, {"handler": home.entry_id}),
        "a new sign-in": guest.post(FLOW, {"handler": DOMAIN, **entry}),
        "a person": guest.post(SUBENTRY_FLOW, {"handler": [home.entry_id, SUBENTRY_PERSON]}),
        "a reload": guest.post(f"/api/config/config_entries/entry/{home.entry_id}/reload", {}),
        "a name": guest.command("config_entries/update", **entry, title="Open"),
        "an end": guest.command("config_entries/disable", **entry, disabled_by="user"),
        "a code": guest.command("config/entity_registry/update", entity_id=entity_id, **code),
        "a voice": _expose_as(guest, entity_id),
        "a script": guest.command("execute_script", sequence=unlock),
        "all rights": guest.command("config/auth/update", user_id=me, group_ids=["system-admin"]),
        "a user": guest.command("config/auth/create", name="me", group_ids=["system-admin"]),
    }
    got = [way for way, asked in ways.items() if not await refusal(asked)]
    # The same requests succeed for the owner.
    await house.owner.post(OPTIONS_FLOW, {"handler": home.entry_id})
    await house.owner.command("config/entity_registry/update", entity_id=entity_id, name=None)
    return f"they got {', '.join(got)}" if got else HELD


async def _expose_as(client: Client, entity_id: str) -> object:
    asked = {"assistants": ["conversation"], "entity_ids": [entity_id], "should_expose": True}
    return await client.command("homeassistant/expose_entity", **asked)


@ATTACKS.try_to("turn local settings off by entity, device, area, with others, and by HTTP")
async def _turn_local_settings_off(house: House) -> str:
    lock = house.lock
    setting = house.entity_id(lock, "switch.local_settings")
    doorbell = house.entity_id(lock, "switch.doorbell")
    places: tuple[dict[str, object], ...] = (
        {"entity_id": [setting, doorbell]},
        {"entity_id": "all"},
        {"device_id": house.homes[lock].device_id},
        {"area_id": await _hall(house)},
    )
    before = {one: dict(one.values) for one in house.locks}
    for one in before:
        one.wake()
    try:
        for place in places:
            await refusal(_call(house.guest, "switch.turn_off", place))
            expect(not lock.values[DOORBELL], "no switch is reached")
        for action in OF_ALL:
            request = {"entity_id": setting}
            await refusal(house.guest.action(f"homeassistant.{action}", setting))
            await refusal(house.guest.post(f"/api/services/switch/{action}", request))
        if not lock.values[LOCAL_SETTINGS]:
            return "a guest did"
        await house.owner.action("switch.turn_off", setting)
        expect(not lock.values[LOCAL_SETTINGS], "nobody can turn them off")
        return HELD
    finally:
        for one, values in before.items():
            _restore(one, values)


def _restore(lock: Lock, values: Mapping[Any, Any]) -> None:
    """Restore a lock's settings."""
    for address in (one for one in values if one[0] in {17, 18, 20, 21, 22}):
        if lock.values[address] != values[address]:
            lock.set(address, values[address])


@ATTACKS.try_to("set who may open the deadbolt and call by WeChat, or read it", in_short=False)
async def _set_secret_texts(house: House) -> str:
    lock = house.lock
    before = dict(lock.values)
    entity_ids = await _enable_texts(house)
    try:
        # Home Assistant reloads the entry half a minute after an entity is enabled.
        there = partial(_are_there, house, entity_ids)
        expect(await house.owner.wait_until(there, 60), "the entities are not enabled")
        lock.wake()
        for entity_id, address in entity_ids.items():
            await house.owner.action("text.set_value", entity_id, value="made-up secret")
            expect(lock.values[address] == "made-up secret", "nobody can set it")
        device = {"device_id": house.homes[lock].device_id}
        for target in (*({"entity_id": one} for one in entity_ids), device):
            await refusal(_call(house.guest, "text.set_value", target, value="1"))
        await refusal(_apply(house, dict.fromkeys(entity_ids, "1")))
        if any(lock.values[one] != "made-up secret" for one in entity_ids.values()):
            return "a guest set it"
        wechat = next(iter(entity_ids))
        told = str(await house.guest.get(f"/api/states/{wechat}"))
        return "a guest reads what WeChat is called with" if "made-up" in told else HELD
    finally:
        for entity_id in entity_ids:
            await _set_entity(house, entity_id, disabled_by="user")
        _restore(lock, before)


def _are_there(house: House, entity_ids: Iterable[str]) -> bool:
    states = house.owner.states
    return all(one in states and states[one].state != "unavailable" for one in entity_ids)


async def _enable_texts(house: House) -> dict[str, tuple[int, int]]:
    """Enable the secret text entities as the owner; return their addresses by entity id."""
    registry = await house.owner.command("config/entity_registry/list")
    known = {entry["unique_id"]: entry["entity_id"] for entry in registry}
    texts = {known[f"{house.lock.did}-{key}"]: where for key, where in SECRET_TEXTS.items()}
    for entity_id in texts:
        await _set_entity(house, entity_id, disabled_by=None)
    return texts


async def _set_entity(house: House, entity_id: str, **fields: object) -> None:
    await house.owner.command("config/entity_registry/update", entity_id=entity_id, **fields)


@ATTACKS.try_to("have settings changed by voice")
async def _change_settings_by_voice(house: House) -> str:
    lock = house.lock
    entities = [house.entity_id(lock, f"switch.{key}") for key in ("away_mode", "local_settings")]
    lock.wake()
    try:
        await _tell_to_weaken(house)
        if lock.values[AWAY_MODE] or not lock.values[LOCAL_SETTINGS]:
            return "voice may set what nobody said it may"
        await _expose(house, entities, should=True)
        await _tell_to_weaken(house)
        expect(lock.values[AWAY_MODE], "voice sets nothing at all")
        return HELD if lock.values[LOCAL_SETTINGS] else "voice may set what guests may not"
    finally:
        await _expose(house, entities, should=False)
        lock.set(AWAY_MODE, False)
        lock.set(LOCAL_SETTINGS, True)


async def _tell_to_weaken(house: House) -> None:
    for sentence in (
        "turn on Front door Away mode",
        "turn off Front door Local settings",
        "turn off all switches in the hall",
    ):
        await _say(house, sentence)


# For administrators only

ACTIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "set_user": {"user_id": STRANGER},
    "delete_user": {"user_id": STRANGER},
    "delete_all_users": {},
    "set_credential": {"user_id": STRANGER, **PASSWORD},
    "cancel_enrolment": {},
    "delete_credential": {"user_id": STRANGER, "operation_id": 1},
    "delete_all_credentials": {"user_id": STRANGER},
    "assign_credential": {"user_id": STRANGER, "operation_id": 1, "credential_type": "nfc"},
    "sync_users": {},
    "sync_credentials": {},
    "get_users": {},
    "get_credential_capabilities": {},
    "get_history": {},
}


@ATTACKS.try_to("call each action on users, credentials and the past")
async def _call_each_action(house: House) -> str:
    described = (await house.owner.command("get_services"))[DOMAIN]
    expect(described.keys() == ACTIONS.keys(), f"there are other actions: {described.keys()}")
    home, acts, got = house.homes[house.lock], _acts(house), []
    targets: tuple[dict[str, object], ...] = (
        {"entity_id": home.entity_ids["lock.lock"]},
        {"device_id": home.device_id},
        {"area_id": await _hall(house)},
        {"entity_id": "all"},
    )
    for name, data in ACTIONS.items():
        answers = {"return_response": True} if "response" in described[name] else {}
        asked = {"domain": DOMAIN, "service": name, "service_data": data, **answers}
        for target in targets:
            said = await refusal(house.guest.command("call_service", **asked, target=target))
            got += [name] * (UNAUTHORIZED not in said)
        path = f"/api/services/{DOMAIN}/{name}{'?return_response' if answers else ''}"
        said = await refusal(house.guest.post(path, {**targets[0], **data}))
        got += [name] * (UNAUTHORIZED not in said)
    if got or _acts(house) > acts:
        return f"they could {', '.join(got) or 'have the lock asked'}"
    await _use_as_owner(house)
    return HELD


async def _use_as_owner(house: House) -> None:
    """Check that the owner may do what the guest may not."""
    entity_id = house.entity_id(house.lock, "lock.lock")
    house.lock.wake()
    await house.owner.action(f"{DOMAIN}.set_user", entity_id, user_id=STRANGER)
    expect(STRANGER in house.lock.users.types, "nobody can set a user")
    await house.owner.action(f"{DOMAIN}.delete_user", entity_id, user_id=STRANGER)


@ATTACKS.try_to("get a key of the owner's, by each way to write the number of the owner")
async def _get_a_key_of_the_owner(house: House) -> str:
    lock, users = house.lock, house.lock.users
    entity_id, zeros = house.entity_id(lock, "lock.lock"), (0, "0", 0.0, 0.9, False, " 0 ", "-0")
    lock.wake()
    await house.owner.action(f"{DOMAIN}.set_user", entity_id, user_id=STRANGER)
    try:
        given = await house.owner.ask(
            f"{DOMAIN}.set_credential", entity_id, user_id=STRANGER, **PASSWORD
        )
        number = given["operation_id"]
        expect(users.credentials[number].user == STRANGER, "nobody can be given a key")
        ways: dict[str, dict[str, object]] = {
            "set_user": {"user_type": "administrator"},
            "set_credential": {**PASSWORD, "credential_data": "135791"},
            "assign_credential": {"credential_type": "password", "operation_id": number},
        }
        for zero in zeros:
            for action, data in ways.items():
                asked = house.owner.action(f"{DOMAIN}.{action}", entity_id, user_id=zero, **data)
                if not await refusal(asked):
                    return f"{action} takes {zero!r}"
        owned = [one for one in users.credentials.values() if one.user == OWNER]
        return "the owner has another key" if owned else HELD
    finally:
        await house.owner.action(f"{DOMAIN}.delete_user", entity_id, user_id=STRANGER)
        users.credentials.clear()


@ATTACKS.try_to("fire our events, answer a notification, or say that the door is locked")
async def _fire_events(house: House) -> str:
    guest, entity_id = house.guest, house.entity_id(house.lock, "lock.lock")
    mark = "of somebody"
    data = {"type": "unlocking_done", "entity_id": entity_id, "action": "UNLOCK", "by": mark}
    ways: list[Awaitable[object]] = [
        guest.post(f"/api/states/{entity_id}", {"state": "locked", "attributes": {"by": mark}})
    ]
    for event in (EVENT, "mobile_app_notification_action", "state_changed", "call_service"):
        ways.append(guest.command("fire_event", event_type=event, event_data=data))
        ways.append(guest.post(f"/api/events/{event}", data))
    async with listening(house.owner, {"type": "subscribe_events"}) as heard:
        refused = [await refusal(way) for way in ways]
        await house.owner.post(f"/api/events/{EVENT}", {"type": "the owner's"})
        await until(lambda: any("the owner's" in one for one in heard), "nobody can fire events")
        told = [one for one in heard if mark in one]
    return HELD if all(refused) and not told else f"they could: {told}"
