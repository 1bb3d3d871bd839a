"""Xiaomi's cloud when it is hostile, or somebody who shares a lock with the account."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import batched, count
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.setup import allow_unlocking
from simulator import faults
from simulator.door import DOOR_STATE, Door
from simulator.model import SPEC

from .attack import HELD, Attacks, expect
from .house import CODE
from .lies import (
    ACTING,
    BATTERY,
    HALF,
    LOGIN,
    MEDIA,
    READING,
    SEEN,
    TOKENS,
    WHO,
    added,
    another_account,
    another_lock,
    answer_with,
    devices_of,
    diagnostics_of,
    goes_on,
    lying,
    message_of,
    parameter,
    paths,
    reload,
    tell,
)
from .lies import (
    NUMBERS as IN_TURN,
)
from .traces import (
    PATIENCE,
    failures,
    shows,
    spoilt,
    stored,
    texts_in,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.lock import Lock

    from .house import House

ATTACKS: Final = Attacks(WHO)


SPOILT: Final = (
    f"Front {HALF}door",
    "Front\x00 door",
    "Front \x1b[31m\r\ndoor\x7f",
    "Front \u202edoor\u2066\ufeff",
    f"Front {'大' * 100_000}",
    HALF,
)
"""Names that some registry cannot store."""
REGISTRIES: Final = ("core.config_entries", "core.device_registry", "core.entity_registry")


async def _unwritten(house: House, *registries: str) -> list[str]:
    """Change something in each registry as the owner; return those that are not written."""
    home, command = house.homes[house.nearby], house.owner.command
    entry = (await command("config_entries/get_single", entry_id=home.entry_id))["config_entry"]

    async def change(name: str | None, title: str) -> None:
        lock = home.entity_ids["lock.lock"]
        await command("config/device_registry/update", device_id=home.device_id, name_by_user=name)
        await command("config/entity_registry/update", entity_id=lock, name=name)
        await command("config_entries/update", entry_id=home.entry_id, title=title)

    name = f"Written {next(IN_TURN)}"
    await change(name, name)
    try:
        return [key for key in registries if not await written(house, key, name)]
    finally:
        await change(None, entry["title"])


@ATTACKS.try_to("name all of an account so that nothing is saved anymore", in_short=False)
async def _name_all(house: House) -> str:
    async with another_account(house, f"Hua {HALF}\x00") as account:
        account.home = SPOILT[0]
        for name in SPOILT:
            lock = house.simulator.add_lock(account, name, home=name, room=name)
            lock.firmware = lock.mac = lock.host = name
        areas = await house.owner.command("config/area_registry/list")
        async with added(house, account) as entry_id:
            devices = await devices_of(house, entry_id)
            expect(len(devices) == len(SPOILT), "not all locks were added")
            if unwritten := await _unwritten(house, *REGISTRIES):
                return f"{unwritten} are not written anymore"
            entries = await house.owner.command("config_entries/get", domain=DOMAIN)
            entities = await house.owner.command("config/entity_registry/list")
            all_areas = await house.owner.command("config/area_registry/list")
        for area in all_areas:
            if area not in areas:
                await house.owner.command("config/area_registry/delete", area_id=area["area_id"])
        names = [area["name"] for area in all_areas]
        found = [text for text in texts_in([devices, entries, entities, names]) if spoilt(text)]
        return f"{found[0]!a} is kept" if found else HELD


@ATTACKS.try_to("name a lock so that it has no entities")
async def _name_too_long(house: House) -> str:
    async with another_account(house) as account:
        house.simulator.add_lock(account, "大" * 100_000)
        async with added(house, account) as entry_id:
            entities = await house.owner.command("config/entity_registry/list")
            states = await house.owner.command("get_states")
    shown = {state["entity_id"] for state in states}
    ours = [one for one in entities if one["config_entry_id"] == entry_id]
    expect(ours, "the lock was not added")
    hidden = [one for one in ours if not one["disabled_by"] and one["entity_id"] not in shown]
    return f"{len(hidden)} of its entities are not there" if hidden else HELD


@ATTACKS.try_to("rename a lock so that nothing is saved anymore", in_short=False)
async def _rename(house: House) -> str:
    lock, before = house.shut, house.shut.name

    async def shown() -> str:
        devices = await devices_of(house, house.homes[lock].entry_id)
        [device] = [one for one in devices if one["id"] == house.homes[lock].device_id]
        return str(device["name"])

    try:
        lock.name = f"Renamed {HALF}\x00\u202e{'x' * 100_000}"
        house.simulator.gate.cut()  # Home Assistant looks for changes when it reconnects.
        while not (await shown()).startswith("Renamed"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        if unwritten := await _unwritten(house, *REGISTRIES):
            return f"{unwritten} are not written anymore"
        return "the name is kept as it is" if spoilt(await shown()) else HELD
    finally:
        lock.name = before
        await reload(house, lock)


@ATTACKS.try_to("name a lock so that nobody hears that it wakes up")
async def _name_in_push(house: House) -> str:
    async with another_lock(house) as lock:
        for name in SPOILT[:4]:
            lock.sleep()
            expect(await shows(house, lock, "binary_sensor.awake", "off"), "it does not sleep")
            lock.name = name
            lock.wake()
            await house.simulator.settle()
            if not await goes_on(house, lock):
                return "nothing is heard anymore"
            if house.state(lock, "binary_sensor.awake") != "on":
                return f"it seems to sleep, called {name!a}"
    return HELD


NUMBERS: Final = (
    *("1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1e308", "-0", "-0.0", "1.5", "-1"),
    *(f"{2**63}", f"{-(2**63) - 1}", f"{2**64}", "1" + 400 * "0", "-1" + 400 * "0"),
    *(
        '"NaN"',
        '"1e400"',
        f'"{400 * "9"}"',
        '"one"',
        '"\N{FULLWIDTH DIGIT ONE}"',
        '""',
        "true",
        "null",
        "[1]",
        "{}",
    ),
)
"""As they are written in JSON; some are not numbers."""
TEXTS: Final = (
    f"1.0{HALF}",
    "1.0\x00",
    "1.0\x1b[2J\u202e\r\n",
    "1" * 300,
    "1" * 5_000,
    "<script>alert(1)</script>",
)
NOT_LOCKED: Final = (
    "99",
    "0",
    "7",
    "1.5",
    "true",
    '"locked"',
    '"\N{FULLWIDTH DIGIT ONE}"',
    "-1",
    "1e400",
    "[1]",
    "{}",
)
"""Values that are not a door state, as they are written in JSON."""
LARGEST_ATTRIBUTES: Final = 16_384  # bytes, limit of Home Assistant's database


def _unsound(house: House, states: list[dict[str, Any]]) -> list[str]:
    """Return the entities of locks whose state or attributes cannot be stored."""
    ours = {entity_id for home in house.homes.values() for entity_id in home.entity_ids.values()}
    return [
        one["entity_id"]
        for one in states
        if one["entity_id"] in ours
        and (
            any(map(spoilt, texts_in([one["state"], one["attributes"]])))
            or one["state"].lower().lstrip("-") in ("inf", "nan")
            or len(json.dumps(one["attributes"])) > LARGEST_ATTRIBUTES
        )
    ]


async def _harm(house: House, lock: Lock, before: int) -> str:
    """Return the damage done to a lock's states, to their recording or to anything else.

    ``before`` is the number of failures in the log before the attack.
    """
    if not await goes_on(house, lock):
        return "nothing of the lock is shown anymore"
    if unsound := _unsound(house, await house.owner.get("/api/states")):
        return f"{unsound[0]} shows what nothing can keep"
    await diagnostics_of(house, lock)
    await reload(house, lock)  # Writes what is known of the lock.
    if (count := failures(house)) > before:
        return f"{count - before} errors"
    return HELD


async def _tell_all(house: House, lock: Lock, values: tuple[str, ...]) -> None:
    """Push each value for all properties of a lock, and in all events of the specification."""
    for value in values:
        items = [parameter(lock, address, value) for address in SPEC.properties]
        for some in batched(items, 20, strict=False):
            await house.simulator.broker.publish(*message_of(lock, list(some)))
        for (siid, eiid), event in SPEC.events.items():
            arguments = ",".join(
                f'{{"piid": {argument.address[1]}, "value": {value}}}'
                for argument in event.arguments
            )
            said = (
                f'{{"did": "{lock.did}", "siid": {siid}, "eiid": {eiid}, "tid": {value},'
                f' "arguments": [{arguments}]}}'
            )
            await house.simulator.broker.publish(*message_of(lock, [said], "event_occured"))


@ATTACKS.try_to("push numbers that nothing can hold")
async def _push_numbers(house: House) -> str:
    async with another_lock(house) as lock:
        expect(await goes_on(house, lock), "what is pushed is not shown")
        before = failures(house)
        await _tell_all(house, lock, NUMBERS)
        return await _harm(house, lock, before)


@ATTACKS.try_to("answer with numbers that nothing can hold")
async def _answer_numbers(house: House) -> str:
    turns = count()  # In each turn, a property gets another number.

    def spoil(body: bytes) -> bytes:
        answer = json.loads(body)
        for index, item in enumerate(answer["result"], next(turns)):
            item["value"] = item["updateTime"] = f"<{NUMBERS[index % len(NUMBERS)]}>"
        text = json.dumps(answer)
        for number in NUMBERS:
            text = text.replace(json.dumps(f"<{number}>"), number)
        return text.encode()

    async with another_lock(house) as lock:
        before = failures(house)
        with lying(house, faults.spoilt(spoil), READING):
            for _ in range(3):
                await reload(house, lock, READING)
        return await _harm(house, lock, before)


@ATTACKS.try_to("push texts that no state, registry or database can hold")
async def _push_texts(house: House) -> str:
    async with another_lock(house) as lock:
        await tell(house, lock, (20, 2), '"22:00:00-06:00:00"')
        before = failures(house)
        await _tell_all(house, lock, tuple(map(json.dumps, TEXTS)))
        if harm := await _harm(house, lock, before):
            return harm
        entry_id = house.homes[lock].entry_id
        if any(map(spoilt, texts_in(await devices_of(house, entry_id)))):
            return "a version is kept as it came"
        await goes_on(house, lock)
        level = house.state(lock, "sensor.dry_cells")
        return HELD if await _is_recorded(house, lock, level) else "nothing is recorded anymore"


async def _is_recorded(house: House, lock: Lock, level: str) -> bool:
    """Wait until the database contains a state; return False after PATIENCE seconds."""
    entity_id = house.entity_id(lock, "sensor.dry_cells")
    start = datetime.now(UTC) - timedelta(minutes=5)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                history = await house.owner.command(
                    "history/history_during_period",
                    start_time=start.isoformat(),
                    entity_ids=[entity_id],
                    minimal_response=True,
                )
                if level in [state["s"] for state in history.get(entity_id, ())]:
                    return True
                await asyncio.sleep(0.2)
    except TimeoutError:
        return False


@ATTACKS.try_to("have a door shown as locked by a value that nobody knows")
async def _claim_locked(house: House) -> str:
    async with another_lock(house) as lock:
        for value in NOT_LOCKED:
            await tell(house, lock, DOOR_STATE, str(int(Door.LOCKED)))
            expect(await shows(house, lock, "lock.lock", "locked"), "the door is not locked")
            await tell(house, lock, DOOR_STATE, value)
            if not await goes_on(house, lock):
                return "nothing of the lock is shown anymore"
            if (state := house.state(lock, "lock.lock")) != "unknown":
                return f"it is {state} at {value}"
        lock.values[DOOR_STATE] = 99
        await tell(house, lock, DOOR_STATE, str(int(Door.LOCKED)))
        expect(await shows(house, lock, "lock.lock", "locked"), "the door is not locked")
        await reload(house, lock)
        await goes_on(house, lock)
        return HELD if house.state(lock, "lock.lock") == "unknown" else "it is locked at 99"


@ATTACKS.try_to("say that a lock was unlocked which was not", in_short=False)
async def _claim_unlocked(house: House) -> str:
    async with another_lock(house) as lock:
        await allow_unlocking(house.owner, house.homes[lock].entry_id, CODE)
        lock.close_door()
        expect(await shows(house, lock, "lock.lock", "locked"), "the door is not locked")
        lock.accepts_remote_unlock = False
        done = faults.changed(lambda answer: answer | {"result": answer["result"] | {"code": 0}})
        seen: set[str] = set()
        with lying(house, done, ACTING):
            unlocking = asyncio.create_task(house.unlock(house.owner, lock))
            while not unlocking.done():
                seen.add(house.state(lock, "lock.lock"))
                await asyncio.sleep(0.05)
            expect(not await unlocking, "nobody was asked")
        expect(house.asked(lock) == 1, "the lock was not asked once")
        if not await goes_on(house, lock):
            return "nothing of the lock is shown anymore"
        seen.add(house.state(lock, "lock.lock"))
        if wrong := seen - {"locked", "unlocking"}:
            return f"it is shown as {wrong}"
        lock.accepts_remote_unlock = True
        await house.unlock(house.owner, lock)
        expect(await shows(house, lock, "lock.lock", "unlocked"), "an unlocked door is not shown")
    return HELD


@ATTACKS.try_to("tell of one lock in the name of another")
async def _mistake_locks(house: House) -> str:
    def misname(answer: dict[str, Any]) -> dict[str, Any]:
        for item in answer["result"]:
            item |= {"did": house.nearby.did, "value": 44}
        return answer

    async with another_account(house) as account:
        stranger = house.simulator.add_lock(account, "Of somebody else")
        async with another_lock(house) as lock:
            locks = (lock, house.lock, house.shut, house.nearby)
            battery = "sensor.lithium_battery"
            before = {one: house.state(one, battery) for one in locks}
            for other in (stranger, house.lock, house.nearby):
                for topic_of, said_of in ((lock, other), (other, lock)):
                    topic, _ = message_of(topic_of, [])
                    _, said = message_of(said_of, [parameter(said_of, BATTERY, "44")])
                    await house.simulator.broker.publish(topic, said)
            with lying(house, faults.changed(misname), READING):
                await reload(house, lock)
            await goes_on(house, lock)
            if confused := [one.name for one in locks if house.state(one, battery) != before[one]]:
                return f"{confused} show what another lock has"
            await tell(house, lock, BATTERY, "45")
            expect(await shows(house, lock, battery, "45"), "what it tells itself is not shown")
    return HELD


_MADE_UP: Final = (f"x{HALF}", "x\x00", "x;", 100 * "x")


def _entry_texts(house: House) -> Iterator[str]:
    """Yield all texts in the stored config entries."""
    return texts_in(stored(house, "core.config_entries"))


@ATTACKS.try_to("give out tokens that cannot be saved")
async def _spoil_tokens(house: House) -> str:
    cloud, lock = house.simulator.cloud, house.lock
    asked = len(cloud.requests)
    for token, lifetime in (
        (f"x{HALF}", 3_600),
        ("x\x00\r\nX-Evil: 1", 3_600),
        ("x" * 1_000_000, 3_600),
        ("x", 10**400),
        ("x", float("nan")),
        ("x", -1),
    ):
        result = answer_with(access_token=token, refresh_token=token, expires_in=lifetime)
        with lying(house, faults.said(json.dumps(result), "application/json"), TOKENS):
            cloud.expire_access_tokens()
            await reload(house, lock)
    expect(any(TOKENS in path for path in paths(house, asked)), "no tokens were asked for")
    if await _unwritten(house, *REGISTRIES[:1]):
        return "config entries are not written anymore"
    if any(text == "x" or text.startswith(_MADE_UP) for text in _entry_texts(house)):
        return "one is kept"
    await reload(house, lock)
    return HELD if await goes_on(house, lock) else "nothing of the lock is shown anymore"


@ATTACKS.try_to("renew a session so that it cannot be saved")
async def _spoil_session(house: House) -> str:
    cloud, lock = house.simulator.cloud, house.lock
    asked = len(cloud.requests)
    given = {"ssecurity": base64.b64encode(16 * b"x").decode(), "userId": 1, "cUserId": "1"}
    location = "https://account.xiaomi.com/sts?ticket=x"
    for spoilt_token in (f"x{HALF}", "x\x00\r\nX-Evil: 1", "x;y", "x" * 1_000_000):
        said = {"code": 0, "location": location, "passToken": spoilt_token, **given}
        login = faults.said(f"&&&START&&&{json.dumps(said)}")
        ticket = faults.status(200, Set_Cookie="serviceToken=x")
        with lying(house, login, LOGIN), lying(house, ticket, "/sts"):
            cloud.app_accounts.expire_service_tokens()
            await reload(house, lock, SEEN)
            await goes_on(house, lock)
    expect("/sts" in paths(house, asked), "no session was asked for")
    if await _unwritten(house, *REGISTRIES[:1]):
        return "config entries are not written anymore"
    if any(text.startswith(_MADE_UP) for text in _entry_texts(house)):
        return "one is kept"
    await reload(house, lock, SEEN)
    listed = await house.owner.command(
        "media_source/browse_media", media_content_id=f"{MEDIA}/{lock.did}"
    )
    return HELD if listed else "nothing is listed anymore"
