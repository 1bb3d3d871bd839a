"""Somebody at the door who forces its owner, and may see what a screen shows."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.const import CONF_CREDENTIALS, DOMAIN, SUBENTRY_PERSON
from simulator.door import Action, Method, Position

from .attack import COMES_WITHIN, HELD, Attacks, expect, until
from .outside import listening
from .sight import HIDDEN, diary, seen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from demo.setup import Home

    from .house import House

ATTACKS: Final = Attacks("Somebody at the door who forces you")

LANGUAGES: Final = {"en": "fingerprint", "zh-Hans": "指纹"}
"""The languages of Home Assistant to try, and the word for a fingerprint in each."""
CLOSED: Final = {"en": "was closed automatically", "zh-Hans": "自动关门"}
"""The diary's words for a door that closes."""
DURESS_FINGERPRINT: Final = 9
WORDS: Final = ("duress", "胁迫")
# The lists of all options and event types, which are the same for all locks
_STATIC: Final = re.compile(r"[\"'](?:options|event_types)[\"']: ?\[[^\]]*\]")
_EACH_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ][\d:.]+(?:[+-]\d\d:\d\d)?|\d{9,}(?:\.\d+)?|\b[0-9A-Za-z]{26,32}\b"
)
EVERYTHING: Final[tuple[dict[str, object], ...]] = (
    {"type": "subscribe_events"},
    {"type": "subscribe_events", "event_type": "state_changed"},
    {"type": "persistent_notification/subscribe"},
    {"type": "logbook/event_stream", "start_time": "2100-01-01T00:00:00+00:00"},
)
_FLOW: Final = "/api/config/config_entries/subentries/flow"
STEPS: Final = 5
_NUMBERS: Final = count(4001)


@dataclass(frozen=True, slots=True)
class Finger:
    """A fingerprint and its user. Both have the same number, which is used only once."""

    is_forced: bool
    number: int = field(default_factory=lambda: next(_NUMBERS))

    @property
    def kind(self) -> str:
        """The credential type for its enrollment."""
        return "duress_fingerprint" if self.is_forced else "fingerprint"

    @property
    def method(self) -> int:
        """The operation method (siid 2, piid 2)."""
        return DURESS_FINGERPRINT if self.is_forced else Method.FINGERPRINT


# Steps of an attack


async def _enroll(house: House, finger: Finger) -> Any:
    """Enroll a finger for a new user, as the owner; return the answer of the service action."""
    lock, entity_id = house.lock, house.entity_id(house.lock, "lock.lock")
    lock.wake()
    await house.owner.action(f"{DOMAIN}.set_user", entity_id, user_id=finger.number)
    enrolling = asyncio.create_task(
        house.owner.ask(
            f"{DOMAIN}.set_credential",
            entity_id,
            user_id=finger.number,
            credential_type=finger.kind,
            operation_id=finger.number,
        )
    )
    await until(lambda: lock.users.enrolment, "the lock does not ask for a finger")
    for _ in range(STEPS):
        lock.enrol()
    return await enrolling


async def _use(house: House, finger: Finger) -> None:
    """Open the door with a finger, and wait until Home Assistant shows it, and duress as well."""
    lock = house.lock
    await _a_second_later(house)
    before = house.state(lock, HIDDEN), house.state(lock, "sensor.last_operation_time")
    lock.operate(
        Action.UNLOCKED,
        method=finger.method,
        position=Position.OUTSIDE,
        operation_id=finger.number,
    )
    await until(
        lambda: (
            house.state(lock, "sensor.last_operation_id") == str(finger.number)
            and house.state(lock, "event.lock_event") != before[1]
        ),
        "nobody is seen to open the door",
    )
    if finger.is_forced:
        await until(lambda: house.state(lock, HIDDEN) != before[0], "no duress is noticed")


async def _a_second_later(house: House) -> None:
    """Wait for the lock's clock to advance, so that the next event is not a duplicate."""
    since = house.lock.time
    await until(lambda: house.lock.time > since, "the lock's clock stands still")


async def _delete(house: House, finger: Finger) -> None:
    """Delete the user of a finger, as the owner."""
    entity_id = house.entity_id(house.lock, "lock.lock")
    house.lock.wake()
    await house.owner.action(f"{DOMAIN}.delete_user", entity_id, user_id=finger.number)
    await _a_second_later(house)
    house.lock.close_door()
    await until(lambda: house.state(house.lock, "lock.lock") == "locked", "it stays unlocked")


@asynccontextmanager
async def _enrolled(house: House, *, is_forced: bool = True) -> AsyncIterator[Finger]:
    """Enroll a finger, and delete it on exit."""
    finger = Finger(is_forced)
    await _enroll(house, finger)
    try:
        yield finger
    finally:
        await _delete(house, finger)


@asynccontextmanager
async def _speaking(house: House, language: str) -> AsyncIterator[None]:
    """Switch Home Assistant to a language, and back to English on exit."""
    await house.owner.command("config/core/update", language=language)
    # Home Assistant loads a language when a browser requests its translations.
    await house.owner.command(
        "frontend/get_translations", language=language, category="entity", integration=[DOMAIN]
    )
    try:
        house.lock.close_door()
        async with asyncio.timeout(COMES_WITHIN):
            while CLOSED[language].encode() not in await house.owner.file(diary(house)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        yield
    finally:
        await house.owner.command("config/core/update", language="en")


# Mentions of duress


def _words(text: str) -> int:
    """Count the mentions of duress in a text, except in lists that are the same for all locks."""
    text = _STATIC.sub("", text.lower())
    return sum(map(text.count, WORDS))


async def _said(house: House) -> dict[str, int]:
    """Count the mentions of duress in all that owner and guest see, except in the hidden entity.

    The counts are by place.
    """
    hidden = f"get_states {house.entity_id(house.lock, HIDDEN)}"
    said = {"the log": _words(house.log)}
    for who, client in (("owner", house.owner), ("guest", house.guest)):
        answers = await seen(house, client)
        expect(answers.pop(hidden), "the entity that tells is not there")
        said |= {f"{name}, for the {who}": _words(text) for name, text in answers.items()}
    return said


async def _read_all(house: House, language: str) -> str:
    """Return the places that mention duress more often than before a duress finger was enrolled."""
    more: set[str] = set()
    async with _speaking(house, language):
        before = await _said(house)

        async def look() -> None:
            now = await _said(house)
            more.update(name for name, times in now.items() if times > before.get(name, 0))

        async with _enrolled(house) as finger:
            await look()
            await _use(house, finger)
            shown = house.homes[house.lock].state("lock.lock").attributes["changed_by"]
            spoken = f"{LANGUAGES[language]} {finger.number}"
            expect(spoken in str(shown).lower(), f"it is shown as {shown}")
            await look()
        await look()
    return f"it is in {', '.join(sorted(more))}" if more else HELD


@ATTACKS.try_to("read of duress wherever one may look, in English")
async def _read_in_english(house: House) -> str:
    return await _read_all(house, "en")


@ATTACKS.try_to("read of duress wherever one may look, in Chinese")
async def _read_in_chinese(house: House) -> str:
    return await _read_all(house, "zh-Hans")


@ATTACKS.try_to("watch for a word of it while the finger is enrolled, used and deleted")
async def _watch_for_a_word(house: House) -> str:
    told: list[str] = []
    for language, word in LANGUAGES.items():
        async with (
            _speaking(house, language),
            listening(house.owner, *EVERYTHING) as heard,
            listening(house.guest, *EVERYTHING[1:]) as by_guest,
        ):
            async with _enrolled(house) as finger:
                await _use(house, finger)
            messages = [*_open(house, heard), *_open(house, by_guest)]
        expect(any(f"{word} {finger.number}" in one.lower() for one in messages), "nothing is told")
        told += [one for one in messages if _words(one)]
    return f"it is told: {told}" if told else HELD


def _open(house: House, messages: Iterable[str]) -> Iterator[str]:
    """Yield messages, except the owner's service calls and those of the hidden entity."""
    hidden = house.entity_id(house.lock, HIDDEN)
    for message in messages:
        event = json.loads(message).get("event", {})
        said_by_the_owner = event.get("event_type") == "call_service"
        if not said_by_the_owner and event.get("data", {}).get("entity_id") != hidden:
            yield message


@ATTACKS.try_to("tell the finger from any other by what changes, however that is said")
async def _tell_it_from_another(house: House) -> str:
    told: dict[bool, set[str]] = {}
    # The first round with an ordinary finger is a warm-up: the event before it was of another kind,
    # so more may change.
    for is_forced in (False, False, True):
        async with listening(house.owner, *EVERYTHING) as heard:
            async with _enrolled(house, is_forced=is_forced) as finger:
                await _use(house, finger)
                answers = await _of_the_finger(house, finger)
            changes = {_anonymous(one) for one in _of_the_lock(house, heard)}
        expect(len(changes) > 10, f"only this changes: {changes}")
        told[is_forced] = changes | answers
    difference = told[True] ^ told[False]
    return f"what differs: {sorted(difference)}" if difference else HELD


def _of_the_lock(house: House, messages: Iterable[str]) -> Iterator[str]:
    """Yield what messages say of the lock, except its last contact and events of other domains."""
    home = house.homes[house.lock]
    shown = set(home.entity_ids.values()) - {home.entity_ids["sensor.last_contact"]}
    for message in _open(house, messages):
        event = json.loads(message).get("event", {})
        data = event.get("data", {})
        if event.get("event_type") != "state_changed":
            if DOMAIN in message:
                yield str(event)
        elif data["entity_id"] in shown:
            state = data["new_state"]
            attributes = dict(state["attributes"])
            if "lately" in attributes:
                # What happened before is that of the rounds before, of which there is one more.
                attributes["lately"] = attributes["lately"][:1]
            yield f"{data['entity_id']}: {state['state']} {attributes}"


async def _of_the_finger(house: House, finger: Finger) -> set[str]:
    """Return what ``get_users`` and the diagnostics say of a finger, made anonymous."""
    entity_id = house.entity_id(house.lock, "lock.lock")
    users = (await house.owner.ask(f"{DOMAIN}.get_users", entity_id))["users"]
    [user] = [str(user) for user in users if user["user_id"] == finger.number]
    of_entry = f"/api/diagnostics/config_entry/{house.homes[house.lock].entry_id}"
    locks = (await house.owner.get(of_entry))["data"]["locks"]
    kept = locks[0]["users"]
    rows = [
        f"{name} {row}" for name in ("grants", "uses") for row in kept[name] if finger.number in row
    ]
    expect(len(rows) == 2, f"diagnostics have {rows}")
    return {_anonymous(one) for one in (user, str(rows), str(locks[0]["events"]))}


def _anonymous(text: str) -> str:
    """Replace numbers of fingers, times and ids in a text, which differ each time."""
    # In the id of a repair, "_" stands before the number.
    return re.sub(r"(?<![0-9A-Za-z])40\d\d(?![0-9A-Za-z])", "N", _EACH_TIME.sub("T", text))


# Where duress is asked for


@ATTACKS.try_to("have the answers of actions tell")
async def _have_actions_tell(house: House) -> str:
    entity_id, told = house.entity_id(house.lock, "lock.lock"), []

    async def ask(action: str, **data: object) -> str:
        return str(await house.owner.ask(f"{DOMAIN}.{action}", entity_id, **data))

    kinds = (await house.owner.command("get_services"))[DOMAIN]["get_history"]["fields"]["kind"]
    others = [one for one in kinds["selector"]["select"]["options"] if one != "duress"]
    finger = Finger(is_forced=True)
    told.append(str(await _enroll(house, finger)))
    try:
        await _use(house, finger)
        told += [await ask("get_users"), await ask("get_history")]
        told += [await ask("get_history", kind=one) for one in others]
        expect(_words(await ask("get_history", kind="duress")), "not even who asks for it is told")
    finally:
        await _delete(house, finger)
    told += [await ask("get_users"), await ask("get_history")]
    expect(sum(str(finger.number) in one for one in told) > 3, "no finger is told of")
    telling = [one for one in told if _words(one)]
    return f"it is told: {telling}" if telling else HELD


@ATTACKS.try_to("say whose finger it is, and read what the form says of it")
async def _say_whose_it_is(house: House) -> str:
    entry_id, told = house.homes[house.lock].entry_id, ""
    for language, word in LANGUAGES.items():
        async with _speaking(house, language), _enrolled(house) as finger:
            await _use(house, finger)
            step = await house.owner.post(_FLOW, {"handler": [entry_id, SUBENTRY_PERSON]})
            [field] = [one for one in step["data_schema"] if one["name"] == CONF_CREDENTIALS]
            options = field["selector"]["select"]["options"]
            [option] = [one for one in options if f"{word} {finger.number}" in one["label"].lower()]
            chosen = {"name": "Wei", CONF_CREDENTIALS: [option["value"]]}
            done = await house.owner.post(f"{_FLOW}/{step['flow_id']}", chosen)
            people = {"entry_id": entry_id}
            listed = await house.owner.command("config_entries/subentries/list", **people)
            [wei] = [one["subentry_id"] for one in listed if one["title"] == "Wei"]
            try:
                await _use(house, finger)
                shown = house.homes[house.lock].state("lock.lock").attributes["changed_by"]
                expect(shown == "Wei", f"it is {shown} who opens the door")
                told += f"{option['label']} {step['description_placeholders']} {done} {listed}"
            finally:
                await house.owner.command(
                    "config_entries/subentries/delete", **people, subentry_id=wei
                )
    return f"it is told: {told}" if _words(told) else HELD


@ATTACKS.try_to("see it in what the camera saw")
async def _see_it_in_the_pictures(house: House) -> str:
    camera, told = house.lock.camera, ""
    camera.upload_seconds = 0
    for language, word in LANGUAGES.items():
        async with _speaking(house, language):
            moment = camera.see("DuressFingerprintUnlock").created
            day = f"{datetime.fromtimestamp(moment / 1000, UTC) + timedelta(hours=8):%Y-%m-%d}"
            # Lists are cached for a minute, by their end time.
            folder = f"media-source://{DOMAIN}/{house.lock.did}/{day}/before/{moment}"
            browse = {"media_content_id": folder}
            listed = str(await house.owner.command("media_source/browse_media", **browse))
            expect(word in listed.lower(), f"what was seen is not listed: {listed}")
            told += listed
    return f"it is listed: {told}" if _words(told) else HELD


@ATTACKS.try_to("find it on a dashboard that Home Assistant makes by itself")
async def _find_it_on_a_dashboard(house: House) -> str:
    registry = {
        entry["entity_id"]: entry["hidden_by"]
        for entry in await house.owner.command("config/entity_registry/list")
    }
    shown = [home.entity_ids["event.doorbell"] for home in _with_events(house)]
    expect(not any(registry[one] for one in shown), "no event is shown")
    told = [home.entity_ids[HIDDEN] for home in _with_events(house)]
    found = [one for one in told if registry[one] is None]
    return f"it shows {found}" if found else HELD


def _with_events(house: House) -> list[Home]:
    return [home for home in house.homes.values() if HIDDEN in home.entity_ids]
