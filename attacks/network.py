"""Somebody on the home network: a device in the same Wi-Fi, without an account."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from base64 import b64encode
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from homeassistant.const import CONF_HOST, CONF_TOKEN
from yarl import URL

from custom_components.xiaomi_smart_lock.account.entry_data import MOST_DISCOVERED
from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.media import views
from custom_components.xiaomi_smart_lock.miot.attempt import LEAVES_WITHIN
from custom_components.xiaomi_smart_lock.miot.local import ANSWER_TIMEOUT, GREETING, HELLO_TIMEOUT
from demo.home_assistant import HomeAssistantError, address
from demo.setup import add_lock_nearby, allow_unlocking, sign_in
from simulator.cloud import GET_TOKEN
from simulator.miio import PORT as MIIO
from simulator.miio import MiioServer

from .attack import HELD, Attacks, NotTriedError, expect, until
from .house import CODE, ELSEWHERE, NEARBY, PORT, WRONG
from .wire import Lurker, Wire, announced, greeting, is_request, lock_name, opened, relaying, sealed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sized

    from simulator.lock import Lock

    from .house import House
    from .wire import Address, Packet

    type Forge = Callable[[bytes, Address], None]
    """Does something while the client at an address waits for the answer to a request."""

ATTACKS: Final = Attacks("Somebody on the network at home")

STRANGER: Final = "700099001"
"""The did of a lock that is not set up."""
ANOTHER_TOKEN: Final = "f" * 32
LOCK: Final = (NEARBY, MIIO)
BATTERY: Final = (13, 1)
FORGED: Final = 99
"""A battery level that the lock never has."""
NAMES: Final = (views.PICTURE, views.PLAYLIST, views.VIDEO, views.CLIP, "0.ts", "0.mp4", "0.m4s")
"""All files of a sight, by the names in their addresses."""
ELSEWHERE_IN_FILES: Final = tuple(
    f"{up}{file}"
    for up in ("../", "..%2f", "%2e%2e/", "..%5c", "....//", "%252e%252e%252f", "/", "x/../../")
    for file in ("manifest.json", "const.py", "..%2f..%2f.storage%2fauth")
)
LONGEST_STATE: Final = 255
NOTHING: Final = "nothing"
TALKATIVE_LOGGERS: Final = (f"custom_components.{DOMAIN}", "miio", "homeassistant.components")
_FLOW: Final = "/api/config/config_entries/flow"

NO_DIDS: Final = (
    b"",
    b"../../../../etc/passwd",
    b"..%2f..%2f",
    b"<img src=x onerror=alert(1)>",
    b"[a](http://evil.example)",
    "\u202e100007".encode(),
    "\uff17\u0660\u0966\u06f1".encode(),
    b"7" * 44,
    b"70001\x1b[31m",
    b"70001\x00",
    b"70001\xed\xa0\xbd",
    b"-70001",
    b"0x70001",
    b"7e4",
    b"70001 (2) (3)",
)
"""Texts that are not a did. An mDNS name has at most 63 bytes."""

_LEVELS: Final = count(20)
"""Battery levels, a new one for each reading."""


# Announcements


async def _open(house: House) -> str:
    """Unlock the nearby lock, and close its door; return the problem, "" on success."""
    before = house.opened(house.nearby)
    house.nearby.wake()
    said = await house.unlock(house.guest, house.nearby)
    house.nearby.close_door()
    return said or ("" if house.opened(house.nearby) == before + 1 else "it does not open")


async def _known_address(house: House) -> str:
    """Return the address of the nearby lock that Home Assistant suggests when reconfiguring."""
    entry_id = house.homes[house.nearby].entry_id
    step = await house.owner.post(_FLOW, {"handler": DOMAIN, "entry_id": entry_id})
    flow = f"{_FLOW}/{step['flow_id']}"
    for option in ("reconfigure_local", "by_hand"):
        step = await house.owner.post(flow, {"next_step_id": option})
    await house.owner.delete(flow)
    [host] = [field for field in step["data_schema"] if field["name"] == CONF_HOST]
    known: str = host["description"]["suggested_value"]
    return known


async def _put_back(house: House) -> None:
    """Restore the address of the nearby lock if an attack has changed it."""
    house.nearby.wake()
    entry_id = house.homes[house.nearby].entry_id
    if await _known_address(house) != NEARBY:
        step = await house.owner.post(_FLOW, {"handler": DOMAIN, "entry_id": entry_id})
        flow = f"{_FLOW}/{step['flow_id']}"
        for option in ("reconfigure_local", "by_hand"):
            await house.owner.post(flow, {"next_step_id": option})
        await house.owner.post(flow, {CONF_HOST: NEARBY, CONF_TOKEN: house.nearby.token})
    while not await _is_loaded(house, entry_id):  # noqa: ASYNC110
        await asyncio.sleep(0.2)


async def _is_loaded(house: House, entry_id: str) -> bool:
    answer = await house.owner.command("config_entries/get_single", entry_id=entry_id)
    loaded: bool = answer["config_entry"]["state"] == "loaded"
    return loaded


async def _loaded_at(house: House) -> str:
    """Return when the entry of the nearby lock was loaded: the time when a button last changed.

    The button must not be pressed.
    """
    state = await house.owner.get(f"/api/states/{house.entity_id(house.nearby, 'button.wake')}")
    changed: str = state["last_changed"]
    return changed


async def _offered(house: House) -> dict[str, dict[str, Any]]:
    """Return the flows of locks that are offered because of announcements, by did."""
    return {
        str(flow["context"].get("unique_id")): flow
        for flow in await house.owner.command("config_entries/flow/progress")
        if flow["handler"] == DOMAIN and flow["context"]["source"] == "zeroconf"
    }


async def _until_offered(house: House, did: str) -> dict[str, Any]:
    """Wait for the flow that offers a lock.

    Raises NotTriedError if it does not start, so that announcements are not received.
    """
    for _ in range(100):
        if flow := (await _offered(house)).get(did):
            return flow
        await asyncio.sleep(0.1)
    raise NotTriedError("Home Assistant hears no announcements")


async def _clear_away(house: House) -> None:
    """Abort all offers. Those whose lock is no longer announced may have ended already."""
    for flow in (await _offered(house)).values():
        with suppress(HomeAssistantError):
            await house.owner.delete(f"{_FLOW}/{flow['flow_id']}")


async def _until_quiet(heard: Sized, seconds: float) -> None:
    """Wait until a list does not grow for so many seconds."""
    known = -1
    while known != len(heard):
        known = len(heard)
        await asyncio.sleep(seconds)


def _method(house: House, packet: Packet) -> str:
    """Return the method of a request to the nearby lock, "" for any other packet."""
    if packet.receiver != LOCK or not is_request(packet.data):
        return ""
    return str(opened(packet.data, house.nearby.token)["method"])


async def _announce(house: House, wait: float = HELLO_TIMEOUT, *, asked_at: str = ELSEWHERE) -> str:
    """Announce the nearby lock at another address; return what it gained.

    Home Assistant then sends a request to ``asked_at``, and waits up to ``wait`` seconds for an
    answer. Raises NotTriedError if it does not.
    """

    def is_asked(packet: Packet) -> bool:
        if asked_at == ELSEWHERE:
            return packet.receiver == (ELSEWHERE, MIIO)
        return _method(house, packet) == "miIO.info"

    before = await _loaded_at(house)
    try:
        async with Wire() as wire:
            with announced(lock_name(house.nearby.did), at=(ELSEWHERE,)):
                await until(
                    lambda: any(map(is_asked, wire.seen)),
                    f"{asked_at} is not asked whether the lock has moved",
                )
                await _until_quiet(wire.seen, wait + 1)
        return await _led_away(house, before)
    finally:
        await _put_back(house)


async def _led_away(house: House, loaded_at: str) -> str:
    """Return the changes to the nearby lock's entry because of an announcement."""
    if (host := await _known_address(house)) != NEARBY:
        return f"Home Assistant asks {host} from now on"
    return "the entry was loaded again" if await _loaded_at(house) != loaded_at else HELD


@ATTACKS.try_to("announce the lock where nobody answers")
async def _nobody_is_there(house: House) -> str:
    house.nearby.sleep()
    return await _announce(house)


@ATTACKS.try_to("announce it where a device with another token answers", in_short=False)
async def _another_token(house: House) -> str:
    house.nearby.sleep()
    asked: list[bytes] = []
    token = bytes.fromhex(ANOTHER_TOKEN)
    did = int(house.nearby.did)
    async with MiioServer(ELSEWHERE, did, token, lambda *_: {}, lambda: True) as pretender:
        pretender.stray = asked.append
        got = await _announce(house, ANSWER_TIMEOUT)
    expect(any(map(is_request, asked)), "who answers a greeting is asked nothing")
    return got


def _is_of_itself(house: House, packet: bytes) -> bool:
    """Return whether a packet is the nearby lock's answer to ``miIO.info``."""
    return is_request(packet) and "model" in opened(packet, house.nearby.token).get("result", ())


@ATTACKS.try_to("announce it where its recorded answers are given again", in_short=False)
async def _recorded_answers_elsewhere(house: House) -> str:
    house.nearby.wake()
    async with Wire() as wire:
        await _announce(house, asked_at=NEARBY)
    answers = [packet.data for packet in wire.seen if packet.sender == LOCK]
    greetings = [answer for answer in answers if not is_request(answer)]
    of_itself = [answer for answer in answers if _is_of_itself(house, answer)]
    expect(greetings and of_itself, "nothing was recorded")

    def again(asked: bytes) -> bytes:
        return (of_itself if is_request(asked) else greetings)[-1]

    house.nearby.sleep()
    async with Lurker(again).at(ELSEWHERE) as lurker:
        got = await _announce(house, ANSWER_TIMEOUT)
    expect(any(map(is_request, lurker.asked)), "who answers a greeting is asked nothing")
    return got


@ATTACKS.try_to("announce it where its packets are passed on")
async def _relay(house: House) -> str:
    house.nearby.wake()
    async with relaying(ELSEWHERE, NEARBY):
        return await _announce(house, asked_at=NEARBY)


@ATTACKS.try_to("announce it where its packets are passed on, just before it falls asleep")
async def _relay_before_it_sleeps(house: House) -> str:
    house.nearby.wake()

    def fall_asleep(answer: bytes) -> None:
        if is_request(answer):
            house.nearby.sleep()

    async with relaying(ELSEWHERE, NEARBY, fall_asleep):
        return await _announce(house, asked_at=NEARBY)


@ATTACKS.try_to("announce it where its packets are passed on, just when it wakes up")
async def _relay_when_it_wakes(house: House) -> str:
    house.nearby.sleep()

    async def wake() -> None:
        """Wake the lock, as anybody can by ringing, once a request arrives at the address."""
        await until(lambda: asked, "nobody is asked at the announced address")
        house.nearby.wake()

    async with relaying(ELSEWHERE, NEARBY) as (asked, answers):
        waking = asyncio.create_task(wake())
        try:
            got = await _announce(house)
        finally:
            waking.cancel()
        expect(any(map(is_request, answers)), "no answers of the lock were passed on")
    return got


@ATTACKS.try_to("announce it at addresses where nobody can be asked")
async def _no_address(house: House) -> str:
    names = (lock_name(STRANGER), lock_name(house.nearby.did))
    before = await _loaded_at(house)
    try:
        with announced(names[0], at=(ELSEWHERE,)):
            expect(await _suggested(house) == ELSEWHERE, "no address is suggested that is one")
        for hosts in (("2001:db8::9",), ("2001:db8::9", "169.254.7.7"), ("2001:db8::9", "fe80::9")):
            with announced(*names, at=hosts):
                if host := await _suggested(house):
                    return f"{host} is suggested for a new lock"
        return await _led_away(house, before)
    finally:
        await _clear_away(house)
        await _put_back(house)


async def _suggested(house: House) -> str | None:
    """Return the address that is suggested for an announced new lock, None without one."""
    flow = f"{_FLOW}/{(await _until_offered(house, STRANGER))['flow_id']}"
    for option in ("local", "by_hand"):
        step = await house.owner.post(flow, {"next_step_id": option})
    await house.owner.delete(flow)
    [host] = [field for field in step["data_schema"] if field["name"] == CONF_HOST]
    suggested: str | None = (host.get("description") or {}).get("suggested_value")
    return suggested


async def _log(house: House, level: str, *loggers: str) -> None:
    """Set the log level of some loggers."""
    await house.owner.command(
        "call_service",
        domain="logger",
        service="set_level",
        service_data=dict.fromkeys(loggers, level),
    )


@ATTACKS.try_to("announce locks under names that are none, with HTML")
async def _names_that_are_none(house: House) -> str:
    """Announce names that are no dids. A name is shown in titles and becomes a lock's did."""
    names = [b"xiaomi-lock-s1_miio" + did for did in NO_DIDS]
    markup = b"epoch=<img src=x onerror=alert(1)>"
    try:
        await _log(house, "debug", "homeassistant.components.zeroconf")
        with announced(*names, lock_name(STRANGER), at=(ELSEWHERE,), about=markup):
            await _until_offered(house, STRANGER)
            offered = await _offered(house)
        heard = f"Discovered new device {names[0].decode()}"
        expect(house.log.count(heard) > len(names) / 2, "Home Assistant knows no such names")
    finally:
        await _log(house, "warning", "homeassistant.components.zeroconf")
        await _clear_away(house)
    if "<img" in json.dumps(offered):
        return "HTML is shown"
    return ", ".join(offered.keys() - {STRANGER})


@ATTACKS.try_to("announce 200 locks")
async def _many_locks(house: House) -> str:
    names = [lock_name(int(STRANGER) + number) for number in range(200)]
    house.nearby.wake()
    try:
        with announced(*names, at=(ELSEWHERE,)):
            await _until_offered(house, STRANGER)
            if said := await _open(house):
                return f"no lock can be opened meanwhile: {said}"
            await asyncio.sleep(1)
            offered = await _offered(house)
    finally:
        await _clear_away(house)
    expect(len(offered) > 10, f"only {len(offered)} of the announcements were heard")
    return f"{len(offered)} are offered" if len(offered) > MOST_DISCOVERED else HELD


@ATTACKS.try_to("have wrong codes be forgotten by announcing the lock between them", in_short=False)
async def _guesses(house: House) -> str:
    house.nearby.wake()
    expect(not await _open(house), "the right code does not unlock")
    before = house.opened(house.nearby)
    try:
        for guesses in (2, 2, 1):
            house.nearby.wake()
            for _ in range(guesses):
                said = await house.unlock(house.guest, house.nearby, WRONG)
                expect("code" in said, f"a wrong code is answered by: {said}")
            async with relaying(ELSEWHERE, NEARBY):
                await _announce(house, asked_at=NEARBY)
            house.nearby.sleep()
            await _announce(house)
        house.nearby.wake()
        await house.unlock(house.guest, house.nearby)
        return "it opened after five wrong codes" if house.opened(house.nearby) > before else HELD
    finally:
        await allow_unlocking(house.owner, house.homes[house.nearby].entry_id, CODE)


# Answers


async def _read_amid(house: House, forge: Forge, level: int) -> str:
    """Return the battery level that is read while packets are forged, or NOTHING with the reason.

    The lock's level is changed before, so that an old value is noticed.
    """
    house.nearby.wake()
    house.nearby.set_battery(level, push=False)
    async with _meddling(house, forge):
        entry = await house.reload(house.nearby)
    if entry["state"] != "loaded":
        return f"{NOTHING} ({entry['reason']})"

    # The owner's client may have an older state.
    entity_id = house.entity_id(house.nearby, "sensor.lithium_battery")
    shown: str = (await house.owner.get(f"/api/states/{entity_id}"))["state"]
    return shown


@asynccontextmanager
async def _meddling(house: House, forge: Forge) -> AsyncIterator[None]:
    """Call ``forge`` each time before the nearby lock gets a request."""
    server = house.simulator.miio[house.nearby]

    async def meddle() -> None:
        while True:
            await until(lambda: server.held, "the lock is asked nothing")
            for packet, sender in server.held or ():
                if is_request(packet):
                    forge(packet, sender)
            server.let_go()
            server.held = []

    server.held = []
    meddling = asyncio.create_task(meddle())
    try:
        yield
    finally:
        meddling.cancel()
        server.let_go()


def _answer(house: House, request: bytes, **changes: object) -> bytes:
    """Return an answer to a request for properties, with the battery at FORGED."""
    value = {"siid": BATTERY[0], "piid": BATTERY[1], "code": 0, "value": FORGED}
    number = opened(request, house.nearby.token)["id"]
    return json.dumps({"id": number, "result": [value], **changes}).encode()


async def _expect_forgeries_to_count(house: House, wire: Wire) -> None:
    """Check that a correct packet with the lock's address as sender is accepted as its answer."""

    def forge(request: bytes, client: Address) -> None:
        answer = _answer(house, request)
        wire.forge(LOCK, client, sealed(answer, house.nearby.did, house.nearby.token))

    shown = await _read_amid(house, forge, next(_LEVELS))
    expect(shown == str(FORGED), f"no forged packet arrives: {shown}")


@ATTACKS.try_to("answer in the place of the lock")
async def _forged_answers(house: House) -> str:
    """Forge answers with the right token and request, each of them wrong in one detail.

    Even an attacker who knows both has to send from the lock's address.
    """
    did, token = house.nearby.did, house.nearby.token

    def forge(request: bytes, client: Address) -> None:
        number = opened(request, token)["id"]
        right = sealed(_answer(house, request), did, token)
        for sender, packet in (
            ((ELSEWHERE, MIIO), right),
            ((NEARBY, MIIO + 1), right),
            (LOCK, sealed(_answer(house, request), did, ANOTHER_TOKEN)),
            (LOCK, sealed(_answer(house, request), STRANGER, token)),
            *(
                (LOCK, sealed(_answer(house, request, id=wrong), did, token))
                for wrong in (number - 1, number + 1, 0, None, True, str(number), [number])
            ),
            (LOCK, right[:-16]),
            (LOCK, right + bytes(16)),
            (LOCK, right[:16] + bytes(16) + right[32:]),
            (LOCK, right[:2] + b"\0\x20" + right[4:16] + b"\xff" * 16 + right[32:]),
            (LOCK, request),
        ):
            wire.forge(sender, client, packet)

    async with Wire() as wire:
        await _expect_forgeries_to_count(house, wire)
        level = next(_LEVELS)
        shown = await _read_amid(house, forge, level)
    return HELD if shown == str(level) else f"{shown} is shown, not {level}"


@ATTACKS.try_to("give recorded answers of the lock again")
async def _recorded_answers(house: House) -> str:
    async with Wire() as wire:
        await _expect_forgeries_to_count(house, wire)
        del wire.seen[:]
        old = next(_LEVELS)
        await _read_amid(house, lambda *_: None, old)
        recorded = [packet.data for packet in wire.seen if packet.sender == LOCK]
        expect(any(map(is_request, recorded)), "nothing was recorded")

        def forge(_request: bytes, client: Address) -> None:
            for packet in recorded * 3:
                wire.forge(LOCK, client, packet)

        level = next(_LEVELS)
        shown = await _read_amid(house, forge, level)
    return HELD if shown == str(level) else f"{shown} is shown, not {level}"


@ATTACKS.try_to("drown its answers in packets of another address")
async def _flood(house: House) -> str:
    async with Wire() as wire:

        def flood(_request: bytes, client: Address) -> None:
            for number in range(10_000):
                wire.forge((ELSEWHERE, MIIO), client, number.to_bytes(4) * 8)

        await _expect_forgeries_to_count(house, wire)
        level = next(_LEVELS)
        shown = await _read_amid(house, flood, level)
    return HELD if shown == str(level) else f"{shown} is shown, not {level}"


@ATTACKS.try_to(
    "drown its answers in its own name, so that its token seems to be wrong", in_short=False
)
async def _flood_in_its_name(house: House) -> str:
    """Check that only the reading during the flood fails, and the next one succeeds."""
    async with Wire() as wire:
        for size in (1, 32, 1000):

            def flood(_request: bytes, client: Address, size: int = size) -> None:
                for _ in range(10_000):
                    wire.forge(LOCK, client, b"!" * size)

            drowned, level = next(_LEVELS), next(_LEVELS)
            shown = await _read_amid(house, flood, drowned)
            expect(shown != str(drowned), "the answers are not drowned")
            if shown.startswith(NOTHING):
                return shown
            shown = await _read_amid(house, lambda *_: None, level)
            if shown != str(level):
                return f"{shown} is shown, not {level}"
    return HELD


# Answers of a device with a token, such as one that was hacked

ODD_VALUES: Final = (
    *("NaN", "Infinity", "1e999", "-1e999", "-1", "1.5", "true", "null", "{}", "[]"),
    "1" + "0" * 400,
    "[" * 500 + "]" * 500,
    '"\\ud83d"',
    '"\\u0000\\u202e<img src=x onerror=alert(1)>"',
    f'"{"9" * 30_000}"',
)
"""As they are written in JSON, for the properties of a request in turn."""
ODD_ANSWERS: Final = (
    b"",
    b"{}",
    b'{"id": %d}',
    b'{"id": %d, "error": {"code": "\\ud83d", "message": {}}}',
    b'{"id": %d, "error": 1e999}',
    b'{"id": %d, "result": null}',
    b'{"id": %d, "result": [1, null, [], {"siid": {}, "piid": []}, {"siid": 13, "piid": 1}]}',
    b'{"id": %d, "result": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    b'{"id": %d, "result": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
    b'{"id": %d, "result": 1' + b"0" * 60_000 + b"}",
    b'{"id": %d, "result": "' + b"\xed\xa0\xbd" * 20_000 + b'"}',
    b"\0" * 65_000,
)


def _odd_readings(request: dict[str, Any]) -> bytes:
    """Return an answer with an odd value for each requested property."""
    items = ", ".join(
        f'{{"siid": {item["siid"]}, "piid": {item["piid"]}, "code": 0, "value": {value}}}'
        for item, value in zip(request["params"], ODD_VALUES, strict=False)
    )
    return f'{{"id": {request["id"]}, "result": [{items}]}}'.encode()


def _errors(house: House) -> int:
    """Return the number of tracebacks in the log."""
    return house.log.count("Traceback (most recent call last)")


def _is_sane(text: object) -> bool:
    """Return whether a value is a text that can be stored and shown in one line."""
    hidden = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    shown = isinstance(text, str) and not any(unicodedata.category(char) in hidden for char in text)
    return shown and len(str(text)) <= LONGEST_STATE


@ATTACKS.try_to("answer with numbers, texts and depths that nothing can hold", in_short=False)
async def _odd_answers(house: House) -> str:
    did, token = house.nearby.did, house.nearby.token
    before = _errors(house)
    async with Wire() as wire:
        await _expect_forgeries_to_count(house, wire)
        for odd in (None, *ODD_ANSWERS):

            def forge(packet: bytes, client: Address, odd: bytes | None = odd) -> None:
                request = opened(packet, token)
                number = str(request["id"]).encode()
                payload = _odd_readings(request) if odd is None else odd.replace(b"%d", number)
                wire.forge(LOCK, client, sealed(payload, did, token))

            async with _meddling(house, forge):
                await house.reload(house.nearby)
            states = await house.owner.command("get_states")
            if not all(_is_sane(state["state"]) for state in states):
                return "a state has what cannot be shown"
        level = next(_LEVELS)
        shown = await _read_amid(house, lambda *_: None, level)
    if shown != str(level):
        return f"{shown} is shown, not {level}"
    return "it is logged as an error of ours" if _errors(house) > before else HELD


@ATTACKS.try_to("have what a device says of itself spoil the registries", in_short=False)
async def _odd_info(house: House) -> str:
    spoilt = "2.1\ud83d\0\u202e<b>\u2028" + "9" * 20_000
    says: dict[str, object] = {"model": "xiaomi.lock.s1", "fw_ver": spoilt, "mac": spoilt}

    def handle(method: str, _: object) -> object:
        return says if method == "miIO.info" else []

    token = bytes.fromhex(ANOTHER_TOKEN)
    async with MiioServer(ELSEWHERE, int(STRANGER), token, handle, lambda: True):
        entry_id = await add_lock_nearby(house.owner, ELSEWHERE, ANOTHER_TOKEN)
        try:
            devices = await house.owner.command("config/device_registry/list")
            device = next((one for one in devices if entry_id in one["config_entries"]), None)
            if device is None:
                return "the registry cannot be shown anymore"
            expect(str(device["sw_version"]).startswith("2.1"), "it is not asked who it is")
            shown = [device["sw_version"], *chain.from_iterable(device["connections"])]
            if not all(map(_is_sane, shown)):
                return "the device's version or MAC is kept as it came"
            for file in ("core.config_entries", "core.device_registry"):
                if not await _is_written(house, file, entry_id):
                    return f"{file} cannot be written anymore"
        finally:
            await house.owner.delete(f"/api/config/config_entries/entry/{entry_id}")
    return HELD


async def _is_written(house: House, file: str, text: str) -> bool:
    """Return whether Home Assistant writes a text into a storage file within 30 seconds."""
    path = house.configuration / ".storage" / file
    for _ in range(300):
        if path.exists() and text in path.read_text(encoding="utf-8"):
            return True
        await asyncio.sleep(0.1)
    return False


def _spoil(wire: Wire, lock: Lock, _request: bytes, client: Address) -> None:
    """Forge a packet of the lock with invalid JSON that contains its token."""
    payload = f'{{"result": {{"token": "{lock.token}"'.encode()
    wire.forge(LOCK, client, sealed(payload, lock.did, lock.token))


@ATTACKS.try_to("have it answer greetings with its token, as old devices do, and look for that")
async def _talkative(house: House) -> str:
    lock, server = house.nearby, house.simulator.miio[house.nearby]
    key = bytes.fromhex(lock.token)
    before = len(house.log)

    def tell(asked: bytes) -> bytes | None:
        return greeting(lock.did, key) if asked == GREETING else None

    async with Wire() as wire:
        try:
            await _log(house, "debug", *TALKATIVE_LOGGERS)
            server.stray = tell
            await _read_amid(house, lambda *_: None, next(_LEVELS))
            expect(any(key in packet.data for packet in wire.seen), "the token is not told")
            await _open(house)
            await house.unlock(house.guest, lock, WRONG)
            await _open(house)
            await _announce(house, asked_at=NEARBY)
            async with _meddling(house, partial(_spoil, wire, lock)):
                await house.reload(lock)
        finally:
            server.stray = lambda _: None
            await _log(house, "warning", *TALKATIVE_LOGGERS)
    log = house.log[before:]
    expect("DEBUG" in log and DOMAIN in log, "nothing is logged")
    shown = [
        await house.owner.command("get_states"),
        await house.owner.command("config/device_registry/list"),
        await house.owner.command("config/entity_registry/list"),
        await house.owner.command("config_entries/get"),
        await house.owner.command("repairs/list_issues"),
    ]
    text = f"{log} {json.dumps(shown)}".lower()
    forms = (lock.token, b64encode(key).decode(), str(key)[2:-1], key.hex(" "), str(list(key)))
    return ", ".join(form for form in forms if form.lower() in text)


# Actions


def _actions(house: House, wire: Wire) -> int:
    """Return the number of actions that were requested of the nearby lock on the network."""
    return sum(_method(house, packet) == "action" for packet in wire.seen)


@ATTACKS.try_to("have it opened twice, by losing what it answers", in_short=False)
async def _twice(house: House) -> str:
    lock, server = house.nearby, house.simulator.miio[house.nearby]
    before = house.opened(lock)

    def lose(packet: bytes) -> None:
        if is_request(packet) and opened(packet, lock.token)["method"] == "action":
            server.loss = 1
            asyncio.get_running_loop().call_soon(setattr, server, "loss", 0)

    lock.wake()
    server.stray = lose
    try:
        async with Wire() as wire:
            said = await house.unlock(house.guest, lock)
            expect(said, "the answer is not lost")
            expect(house.opened(lock) > before, "the lock does not open")
            await asyncio.sleep(ANSWER_TIMEOUT)
    finally:
        server.stray = lambda _: None
        lock.close_door()
    return (
        "it opened again" if _actions(house, wire) > 1 or house.opened(lock) > before + 1 else HELD
    )


@ATTACKS.try_to("hold an unlocking back, and let it go when nobody expects it", in_short=False)
async def _held_back(house: House) -> str:
    """Make the lock seem asleep, and deliver all packets four seconds later."""
    lock, server = house.nearby, house.simulator.miio[house.nearby]
    expect(not await _open(house), "the lock does not open")
    before = house.opened(lock)
    server.held = []
    try:
        async with Wire() as wire:
            unlocking = asyncio.create_task(house.unlock(house.guest, lock))
            await until(lambda: server.held, "the lock is asked nothing")
            await asyncio.sleep(LEAVES_WITHIN + 1)
            server.let_go()
            said = await unlocking
            await asyncio.sleep(ANSWER_TIMEOUT)
            expect(any(packet.receiver == LOCK for packet in wire.seen), "nothing arrived")
    finally:
        server.let_go()
        lock.close_door()
    if _actions(house, wire) or house.opened(lock) > before:
        return "it opened"
    return HELD if said else "it is said to have opened"


@ATTACKS.try_to("have an unlocking wait behind a slow reading, and let it go then", in_short=False)
async def _behind_a_reading(house: House) -> str:
    lock, server = house.nearby, house.simulator.miio[house.nearby]
    expect(not await _open(house), "the lock does not open")
    before = house.opened(lock)

    def lose(packet: bytes) -> None:
        if is_request(packet) and opened(packet, lock.token)["method"] == "get_properties":
            server.loss = 1
            asyncio.get_running_loop().call_soon(setattr, server, "loss", 0)

    server.stray = lose
    try:
        async with Wire() as wire:

            def readings() -> int:
                return sum(_method(house, packet) == "get_properties" for packet in wire.seen)

            update = ("homeassistant.update_entity", house.entity_id(lock, "lock.lock"))
            reading = asyncio.create_task(house.owner.action(*update))
            await until(readings, "the lock is not read")
            said = await house.unlock(house.guest, lock)
            await reading
            expect(readings() > 1, f"the reading was not slow, and unlocking led to: {said}")
            await _until_quiet(wire.seen, ANSWER_TIMEOUT + 1)
    finally:
        server.stray = lambda _: None
        lock.close_door()
    if _actions(house, wire) or house.opened(lock) > before:
        return "it opened when the reading had ended"
    return HELD if said else "it is said to have opened"


# Home Assistant's web server


@asynccontextmanager
async def _stranger() -> AsyncIterator[aiohttp.ClientSession]:
    """Open an HTTP session without a sign-in or cookies."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield http


def _address(path: str) -> URL:
    """Return the URL of a path on Home Assistant's web server, exactly as written."""
    return URL(address(PORT) + path, encoded=True)


@asynccontextmanager
async def _signing_in(house: House, way: str) -> AsyncIterator[tuple[str, URL]]:
    """Sign in to another account as the owner; yield the flow and the sign-in's final address.

    The account has no lock, so the flow ends once the sign-in is accepted.
    """
    account = house.simulator.add_account("Hua")
    step = await house.owner.post(_FLOW, {"handler": DOMAIN})
    flow = f"{_FLOW}/{step['flow_id']}"
    try:
        for answer in ({"next_step_id": "account"}, {"region": "cn"}, {"next_step_id": way}):
            step = await house.owner.post(flow, answer)
        link = step["description_placeholders"]["url"]
        yield flow, URL(await sign_in(link, house.simulator.endpoints, account))
    finally:
        with suppress(HomeAssistantError):
            await house.owner.delete(flow)
        del house.simulator.cloud.accounts[account.user_id]


def _exchanges(house: House) -> int:
    """Return how often a code was exchanged for tokens."""
    return [path for path, _ in house.simulator.cloud.requests].count(GET_TOKEN)


@ATTACKS.try_to("bring a sign-in of their own to the webhook, or one that was used")
async def _webhook(house: House) -> str:
    async with _stranger() as stranger, _signing_in(house, "browser") as (flow, ends):
        before = _exchanges(house)
        path, right = ends.path, dict(ends.query)
        for method, query in (
            ("GET", {}),
            ("GET", {"code": right["code"]}),
            ("GET", {"state": right["state"]}),
            ("GET", {"code": "of the stranger", "state": ""}),
            ("GET", {"code": "of the stranger", "state": right["state"][:-1]}),
            ("GET", {"code": "of the stranger", "state": right["state"] + "0"}),
            ("GET", {"code": "of the stranger", "state": right["state"].swapcase()}),
            ("GET", {"error": "access_denied", "state": "0" * 22}),
            ("POST", right),
            ("PUT", right),
            ("HEAD", right),
        ):
            async with stranger.request(method, _address(path), params=query) as answer:
                if "Signed in" in await answer.text():
                    return f"{method} {query} is taken for the sign-in"
            step = await house.owner.get(flow)
            if step["type"] != "external" or _exchanges(house) > before:
                return f"{method} {query} moved the sign-in"
        async with stranger.get(_address(path), params=right) as answer:
            said = await answer.text()
        expect("Signed in" in said and _exchanges(house) == before + 1, f"it fails: {said}")
        for query in (right, {**right, "code": "of the stranger"}):
            async with stranger.get(_address(path), params=query) as answer:
                await answer.read()
    return "a sign-in was used twice" if _exchanges(house) > before + 1 else HELD


@ATTACKS.try_to("have the owner paste a sign-in of theirs")
async def _paste(house: House) -> str:
    async with _signing_in(house, "paste") as (flow, ends):
        before = _exchanges(house)
        code, state = ends.query["code"], ends.query["state"]
        for pasted in (
            code,
            f"code={code}",
            str(ends.with_query(code=code)),
            str(ends.with_query(code=code, state="")),
            str(ends.with_query(code=code, state="0" * len(state))),
            str(ends.with_query(code=code, state=state[:-1])),
            str(ends.with_query(code=code, state=state.swapcase())),
        ):
            step = await house.owner.post(flow, {"address": pasted})
            if not step.get("errors") or _exchanges(house) > before:
                return f"{pasted} is taken"
        step = await house.owner.post(flow, {"address": str(ends)})
        expect(step.get("reason") == "no_lock", f"the right one is not taken: {step}")
    return HELD


@ATTACKS.try_to("see pictures, recordings and files without being signed in")
async def _addresses(house: House) -> str:
    camera = house.lock.camera
    waits, camera.upload_seconds = camera.upload_seconds, 0
    house.lock.ring()
    camera.upload_seconds = waits
    moment = camera.sights[-1].created
    static = f"/{DOMAIN}/static"
    picture = views.path(house.lock.did, moment, views.PICTURE)
    seen = await house.owner.file(picture)
    expect(seen.startswith(b"\xff\xd8"), "who is signed in sees no picture")
    async with _stranger() as stranger:
        async with stranger.get(_address(f"{static}/unplayable.m3u8")) as answer:
            expect(answer.ok, "what anybody may see is not there")
        for path in (
            *(views.path(house.lock.did, moment, name) for name in NAMES),
            f"{picture}?authSig=e30.e30.",
            f"{picture}?access_token=e30.e30.&token=e30",
            views.path("700099999", moment, views.PICTURE),
            f"/api/image_proxy/{house.entity_id(house.lock, 'image.last_visitor')}",
            f"/api/image_proxy/{house.entity_id(house.lock, 'image.last_visitor')}?token=0",
            f"/api/diagnostics/config_entry/{house.homes[house.lock].entry_id}",
            *(f"{static}/{there}" for there in ELSEWHERE_IN_FILES),
            *(f"/api/{DOMAIN}/{there}" for there in ELSEWHERE_IN_FILES),
        ):
            async with stranger.get(_address(path), allow_redirects=False) as answer:
                expect(answer.url.raw_path_qs == path, f"{answer.url} is asked for")
                if answer.ok or seen in (body := await answer.read()) or b"version" in body:
                    return f"{path} is answered by {answer.status}"
    return HELD
