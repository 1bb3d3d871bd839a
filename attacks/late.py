"""An attacker on the path to Xiaomi who holds back, repeats or delays messages."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from homeassistant.util import dt as dt_util

from custom_components.xiaomi_smart_lock.const import DOMAIN
from demo.setup import allow_unlocking, forbid_unlocking
from simulator import faults
from simulator.cloud import GET_TOKEN
from simulator.door import DOOR_STATE, Door

from .attack import HELD, Attacks, expect, refusal, until
from .house import CODE, WRONG
from .impostors import Relay, in_the_place_of
from .path import WHO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from .house import House

    type Hold = Callable[[House], AbstractAsyncContextManager[Held]]
    type Change = Callable[[House], Coroutine[Any, Any, object]]

ATTACKS: Final = Attacks(WHO)

ACT: Final = "/miotspec/action"
READ: Final = "/miotspec/prop/get"
LIFETIME: Final = 2  # seconds
BUTTONS: Final = ("wake", "wake_camera", "record_video", "fetch_history", "set_clock")
UNEXPECTED_AFTER: Final = 5  # seconds; an unlocking must leave within three
A_DAY: Final = 86_400
BETWEEN_RINGS: Final = 3  # seconds; rings closer together count as one: two services report each
EVENTS: Final = ("event.doorbell", "event.lock_event")
ONCE: Final = [1, 1]
BATTERY: Final = "sensor.lithium_battery"


class Held(Protocol):
    """A held message that waits until it is let go."""

    waiting: int

    def let_go(self) -> None:
        """Let it continue."""


# What can be held back


@asynccontextmanager
async def _held(
    house: House, path: str, then: faults.Fault | None = None, times: int = 1000
) -> AsyncIterator[Held]:
    """Hold back the next requests to a path of the cloud.

    Once let go, they are answered as usual, or as by the fault ``then``.
    """
    cloud = house.simulator.cloud
    held = faults.Held(then)
    cloud.disturb_next(held, path, times)
    try:
        yield held
    finally:
        held.let_go()
        cloud.calm()


@asynccontextmanager
async def _reading(house: House) -> AsyncIterator[Held]:
    async with _held(house, READ) as held:
        house.lock.sleep()
        house.lock.wake()
        await until(lambda: held.waiting, "nothing is read")
        yield held


@asynccontextmanager
async def _renewal(house: House) -> AsyncIterator[Held]:
    """Hold back the token renewal that precedes the next request."""
    tokens = house.simulator.cloud.tokens
    lifetime, tokens.lifetime = tokens.lifetime, LIFETIME
    try:
        tokens.expire()
        await house.reload(house.lock)
        async with _held(house, GET_TOKEN) as held:
            await asyncio.sleep(LIFETIME)  # By then, the token is due for renewal.
            tokens.lifetime = lifetime
            yield held
    finally:
        tokens.lifetime = lifetime


@asynccontextmanager
async def _second_token(house: House) -> AsyncIterator[Held]:
    """Hold back the renewal of a token that the cloud refuses although it has not expired."""
    house.simulator.cloud.expire_access_tokens()
    async with _held(house, GET_TOKEN) as held:
        yield held


def _refusal(house: House) -> AbstractAsyncContextManager[Held]:
    """Hold back the refusal of a token, after which a request is repeated with another token."""
    return _held(house, ACT, faults.status(401), times=1)


@asynccontextmanager
async def _connection(house: House) -> AsyncIterator[Held]:
    """Hold back everything on new connections, and close the existing ones."""
    relay = Relay(house.simulator.cloud)
    async with in_the_place_of(house.simulator.cloud, relay.meet):
        yield relay


@dataclass(frozen=True, slots=True)
class Way:
    """Something to hold back during an unlocking.

    With ``may_open``, the lock may open before that is let go.
    """

    what: str
    hold: Hold
    may_open: bool = False
    in_short: bool = False


WAYS: Final = (
    Way("the reading before it", _reading, may_open=True),
    Way("the renewal of the token before it", _renewal),
    Way("the renewal of its refused token", _second_token, in_short=True),
    Way("the refusal of its token", _refusal),
    Way("its connection", _connection),
)


async def _unlock_late(way: Way, house: House) -> str:
    """Hold an unlocking back longer than the user waits, then let it go."""
    expect(not await house.unlock(house.guest, house.lock), "the right code does not unlock")
    opened = house.opened(house.lock)
    async with way.hold(house) as held:
        unlocking = asyncio.create_task(house.unlock(house.guest, house.lock))
        await until(lambda: held.waiting, "nothing is held back")
        await asyncio.wait({unlocking}, timeout=UNEXPECTED_AFTER)
        asked, early = house.asked(house.lock), house.opened(house.lock) - opened
        expect(way.may_open or not early, "it was not held back")
        held.let_go()
        told = await unlocking
        if late := await _late(house, asked, opened + early):
            return late
    return HELD if bool(told) is not bool(early) else f"somebody is told {told!r} of it"


async def _late(house: House, asked: int, opened: int) -> str:
    """Return what a held unlocking caused, after another unlocking has succeeded."""
    problem = await house.unlock(house.guest, house.lock)
    expect(not problem, problem)
    if house.opened(house.lock) != opened + 1:
        return "it opened late"
    return "it was asked to open late" if house.asked(house.lock) > asked + 1 else HELD


for _way in WAYS:
    ATTACKS.try_to(f"hold an unlocking back: {_way.what}", in_short=_way.in_short)(
        partial(_unlock_late, _way)
    )


@ATTACKS.try_to("hold back whatever else may start something at the door", in_short=False)
async def _act_late(house: House) -> str:
    asks = _asks(house)
    acts = len(_acts(house))
    for ask in asks:
        await refusal(ask())
    expect(len(_acts(house)) == acts + len(asks), "not all of it is sent when nothing is held")
    async with _renewal(house) as held:
        acts = len(_acts(house))
        asking = asyncio.gather(*(refusal(ask()) for ask in asks))
        await asyncio.wait({asking}, timeout=UNEXPECTED_AFTER)
        expect(held.waiting and len(_acts(house)) == acts, "it was not held back")
        held.let_go()
        told = await asking
        problem = await house.unlock(house.guest, house.lock)
        expect(not problem, problem)
    if len(late := _acts(house)[acts:]) > 1:
        return f"{len(late) - 1} were sent late"
    return HELD if all(told) else "somebody is told that it was done"


def _asks(house: House) -> list[Callable[[], Awaitable[object]]]:
    """Return all requests of an owner that act at once, except unlocking."""
    lock = house.entity_id(house.lock, "lock.lock")
    guest: dict[str, object] = {"user_id": 7}
    password = guest | {"credential_type": "password", "operation_id": 9}
    buttons = [house.entity_id(house.lock, f"button.{key}") for key in BUTTONS]
    actions: dict[str, dict[str, object]] = {
        "set_user": guest,
        "set_credential": password | {"credential_data": "864209"},
        "assign_credential": password,
        "delete_credential": guest | {"operation_id": 9},
        "delete_user": guest | {"user_type": "normal_user"},
        "sync_users": {},
        "sync_credentials": {},
        "cancel_enrolment": {},
    }
    return [
        *(partial(house.owner.action, "button.press", button) for button in buttons),
        *(
            partial(house.owner.action, f"{DOMAIN}.{name}", lock, **data)
            for name, data in actions.items()
        ),
    ]


def _acts(house: House) -> list[Any]:
    """Return the actions that were requested of locks."""
    return [body for path, body in house.simulator.cloud.requests if path.endswith(ACT)]


# Changes while an unlocking is held back


async def _forbid(house: House) -> None:
    await forbid_unlocking(house.owner, house.homes[house.lock].entry_id, house.lock.did)


async def _set_new_code(house: House) -> None:
    await allow_unlocking(house.owner, house.homes[house.lock].entry_id, WRONG, house.lock.did)


CHANGES: Final[dict[str, Change]] = {
    "the owner forbids it": _forbid,
    "the owner sets another code": _set_new_code,
    "the entry is reloaded": lambda house: house.reload(house.lock),
}


async def _unlock_over(change: Change, house: House) -> str:
    """Let a held unlocking go right after a change has unloaded the entry."""
    expect(not await house.unlock(house.guest, house.lock), "the right code does not unlock")
    try:
        async with _renewal(house) as held:
            asked, opened = house.asked(house.lock), house.opened(house.lock)
            unlocking = asyncio.create_task(house.unlock(house.guest, house.lock))
            await until(lambda: held.waiting, "nothing is held back")
            changing = asyncio.create_task(change(house))
            while await _is_loaded(house):  # noqa: ASYNC110, there is no event for it
                await asyncio.sleep(0)
            held.let_go()
            told = await unlocking
            await changing
    finally:
        entry_id = house.homes[house.lock].entry_id
        await allow_unlocking(house.owner, entry_id, CODE, house.lock.did)
    return (await _late(house, asked, opened)) or (HELD if told else "it seems to be done")


async def _is_loaded(house: House) -> bool:
    entry_id = house.homes[house.lock].entry_id
    answer = await house.owner.command("config_entries/get_single", entry_id=entry_id)
    loaded: bool = answer["config_entry"]["state"] == "loaded"
    return loaded


for _what, _change in CHANGES.items():
    ATTACKS.try_to(f"hold an unlocking back, while {_what}", in_short=False)(
        partial(_unlock_over, _change)
    )


# Requests that are sent and never answered


async def _have_it_sent_again(fault: faults.Fault, house: House) -> str:
    """Withhold the answer to an unlocking."""
    asked = house.asked(house.lock)
    expect(not await house.unlock(house.guest, house.lock), "the right code does not unlock")
    expect(house.asked(house.lock) == asked + 1, "it was not asked")
    house.simulator.cloud.disturb_next(fault, ACT)
    told = await house.unlock(house.guest, house.lock)
    expect(not house.simulator.cloud.calm(), "it was not asked")
    problem = await house.unlock(house.guest, house.lock)
    expect(not problem, problem)
    if house.asked(house.lock) != asked + 3:
        return "it was asked to open twice"
    return HELD if told else "it seems to be done, though nobody answered"


for _what, _fault in {
    "cut the connection": faults.cut_after,
    "cut the connection before anything is done": faults.cut,
    "say nothing": faults.silence,
}.items():
    ATTACKS.try_to(f"have an unlocking sent twice: {_what}", in_short=False)(
        partial(_have_it_sent_again, _fault)
    )


# Push messages


@ATTACKS.try_to("repeat what push says", in_short=False)
async def _repeat(house: House) -> str:
    await asyncio.sleep(BETWEEN_RINGS)
    expect(await _fired(house, _happen) == ONCE, "what happens once is not told once")
    await asyncio.sleep(BETWEEN_RINGS)
    house.simulator.gate.repeat = 5
    try:
        fired = await _fired(house, _happen)
    finally:
        house.simulator.gate.repeat = 0
    return HELD if fired == ONCE else f"it fires {fired}"


@ATTACKS.try_to("deliver what push said yesterday", in_short=False)
async def _deliver_late(house: House) -> str:
    await asyncio.sleep(BETWEEN_RINGS)
    said: list[tuple[str, dict[str, Any]]] = []
    house.lock.listeners.append(lambda *message: said.append(message))
    try:
        since = house.lock.time
        await _fired(house, _happen)
    finally:
        house.lock.listeners.pop()
    house.lock.set(DOOR_STATE, Door.LOCKED)
    fired = await _fired(house, partial(_say_again, said, since, -A_DAY))
    locked = house.state(house.lock, "lock.lock") == "locked"
    await asyncio.sleep(BETWEEN_RINGS)
    again = await _fired(house, partial(_say_again, said, since, house.lock.time - since))
    expect(again == ONCE, f"of what is just said {again} fire")
    if any(fired):
        return f"it fires {fired}"
    return HELD if locked else "the door seems to be open"


def _happen(house: House) -> None:
    """Ring the bell, and unlock with a finger."""
    house.lock.ring()
    house.lock.fingerprint(3)


def _say_again(
    said: list[tuple[str, dict[str, Any]]], since: int, seconds: int, house: House
) -> None:
    """Repeat events with shifted times."""
    for topic, payload in said:
        event = json.loads(json.dumps(payload))
        for argument in event["params"].get("arguments", ()):
            if argument["value"] >= since:
                argument["value"] += seconds
                house.lock.listeners[0](topic, event)


async def _fired(house: House, happen: Callable[[House], None]) -> list[int]:
    """Return how often each of EVENTS fires because of something that happens at the lock."""
    since = dt_util.utcnow()
    happen(house)
    level = str(1 + int(house.state(house.lock, BATTERY)) % 99)
    house.lock.set_battery(int(level))
    entity_ids = [house.entity_id(house.lock, key) for key in (*EVENTS, BATTERY)]
    while True:
        answer = await house.owner.command(
            "history/history_during_period",
            start_time=since.isoformat(),
            entity_ids=entity_ids,
            significant_changes_only=False,
            include_start_time_state=False,
            no_attributes=True,
        )
        *events, levels = ([row["s"] for row in answer.get(one, ())] for one in entity_ids)
        if level in levels:  # Everything before it is recorded as well.
            return list(map(len, events))
        await asyncio.sleep(0.2)
