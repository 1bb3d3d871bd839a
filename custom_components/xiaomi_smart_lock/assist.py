"""Questions that Assist and language models ask about the door, and their answers.

They are answered about locks that are exposed to the assistant, and to a user only about locks that
the user may see. What is said is what the logbook and the batteries' sensors show to everybody: a
duress fingerprint is masked, and users, credentials and codes are not spoken of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.components.lock import DOMAIN as LOCK_DOMAIN
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.intent import IntentHandler, IntentResponse, IntentResponseType
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .account.entry_data import async_lock_names
from .const import DOMAIN
from .miot.values import text
from .model.roles import Role
from .people import people, person_of
from .wording.phrases import together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.intent import Intent

    from .runtime import LockConfigEntry, LockRuntime
    from .state.lock_event import LockEvent

LOCK_ID: Final = "-lock"
"""What the unique id of a lock entity has after the did."""

CONVERSATION: Final = "conversation"
"""The assistant that an intent is for, unless it says another one."""

LOW: Final = 20  # percent, below which a battery is called low

# What may stand in the place of a name to ask for everybody
ANYBODY: Final = ("anybody", "anyone", "somebody", "someone", "谁", "有人", "有谁")
# What Chinese people may say beside a name. It does not matter: the answer says the day.
BESIDE_A_NAME: Final = re.compile("^(今天|昨天|刚才)|(今天|昨天|刚才)$")

ENGLISH: Final = "en"
CHINESE: Final = "zh-Hans"

BATTERIES: Final = {
    "lithium_battery": Role.LITHIUM_BATTERY_LEVEL,
    "dry_cells": Role.DRY_CELLS_LEVEL,
}
"""The levels of the batteries, by the keys of their sensors."""


class Texts:
    """The integration's texts in the language of a question."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Take the texts by their path in the translations."""
        self._texts = texts

    @classmethod
    async def async_load(cls, hass: HomeAssistant, language: str) -> Texts:
        """Load the texts; languages other than Chinese are answered in English."""
        ours = CHINESE if language.startswith("zh") else ENGLISH
        parts = [
            await async_get_translations(hass, ours, category, [DOMAIN])
            for category in ("common", "entity")
        ]
        return cls(parts[0] | parts[1])

    def get(self, path: str) -> str:
        """Return a text by its path, empty if there is none."""
        return self._texts.get(f"component.{DOMAIN}.{path}", "")

    def said(self, key: str, **facts: object) -> str:
        """Return a text of the section ``common`` whose placeholders are filled in."""
        return together(self.get(f"common.{key}").format(**facts))

    def listed(self, words: list[str]) -> str:
        """Return words joined to a list."""
        return reduce(lambda first, second: self.said("list", first=first, second=second), words)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about a lock: the intent, who may be asked it how, and what is answered."""

    description: str
    """What a language model is told of it."""
    title: str
    answer: Callable[..., str | None]
    """Returns what is answered about a lock in the words of some texts, given the slots.

    It returns None if another lock may answer instead.
    """
    sentences: Mapping[str, tuple[str, ...]]
    """Templates of sentences by language, as Home Assistant's sentence triggers have them."""
    slots: tuple[str, ...] = ()
    """The texts that a sentence has to have at those names."""
    unanswered: Callable[..., str] = lambda _locks, texts, **_: texts.said("answer_not_set_up")
    """Returns what is said if no lock answers: given the locks, the texts and the slots."""


def _arrivals(lock: LockRuntime, start: float) -> list[LockEvent]:
    """Return the times when the door was unlocked from outside, since a time in Unix seconds."""
    return [
        one
        for one in lock.journal.between(start, float("inf"))
        if one.kind == lock.model.lock_event
        and one.word("lock-action") == "unlocked"
        and one.word("operation-position") == "outside"
    ]


def _who(lock: LockRuntime, texts: Texts, arrival: LockEvent) -> str:
    """Return the name of who came, or words for somebody whom nobody named."""
    credential = arrival.credential
    person = credential and person_of(lock.coordinator, credential, arrival.when)
    return person.name if person else texts.said("answer_somebody")


def _when(texts: Texts, when: float) -> str:
    """Return a time as one says it today."""
    moment = dt_util.as_local(dt_util.utc_from_timestamp(when))
    day = {0: "today", 1: "yesterday"}.get((dt_util.now().date() - moment.date()).days)
    if day is None:
        return f"{moment:%Y-%m-%d %H:%M}"
    return texts.said(day, time=f"{moment:%H:%M}")


def _when_and_how(texts: Texts, arrival: LockEvent) -> str:
    when = _when(texts, arrival.when)
    if method := texts.get(f"common.method_{arrival.masked.word('operation-method')}"):
        return texts.said("answer_how", when=when, method=method)
    return when


def _last_arrival(lock: LockRuntime, texts: Texts) -> str:
    if not (arrivals := _arrivals(lock, 0)):
        return texts.said("answer_nobody")
    last = arrivals[-1]
    person, when = _who(lock, texts, last), _when_and_how(texts, last)
    return texts.said("answer_last", person=person, when=when)


def _arrivals_today(lock: LockRuntime, texts: Texts) -> str:
    came: dict[str, list[str]] = {}
    for one in _arrivals(lock, dt_util.start_of_local_day().timestamp()):
        time = dt_util.as_local(dt_util.utc_from_timestamp(one.when))
        came.setdefault(_who(lock, texts, one), []).append(f"{time:%H:%M}")
    if not came:
        return texts.said("answer_nobody_today")
    arrivals = [
        texts.said("answer_arrival", person=person, times=texts.listed(times))
        for person, times in came.items()
    ]
    return texts.said("answer_today", people=texts.listed(arrivals))


def _name_in(person: str) -> str:
    """Return the name that somebody said."""
    return BESIDE_A_NAME.sub("", text(person)).strip()


def _name_of(lock: LockRuntime, called: str) -> str | None:
    """Return the name of a person as it is written, None if the lock knows nobody of that name."""
    names = {one.name.casefold(): one.name for one in people(lock.coordinator.config_entry)}
    return names.get(called.casefold())


def _arrival_of(lock: LockRuntime, texts: Texts, person: str) -> str | None:
    called = _name_in(person)
    if called.casefold() in ANYBODY:
        return _last_arrival(lock, texts)
    name = _name_of(lock, called)
    theirs = (one for one in reversed(_arrivals(lock, 0)) if _who(lock, texts, one) == name)
    if name is None or (last := next(theirs, None)) is None:
        return None
    return texts.said("answer_person", person=name, when=_when_and_how(texts, last))


def _no_arrival_of(locks: list[LockRuntime], texts: Texts, person: str) -> str:
    if not locks:
        return texts.said("answer_not_set_up")
    called = _name_in(person)
    names = (_name_of(lock, called) for lock in locks)
    if name := next(filter(None, names), None):
        return texts.said("answer_person_never", person=name)
    return texts.said("answer_no_such_person", person=called)


def _battery(lock: LockRuntime, texts: Texts) -> str:
    model, data = lock.model, lock.coordinator.data
    keys = {address: key for key, role in BATTERIES.items() if (address := model.address_of(role))}
    # A model whose tables do not say which battery is which has just batteries.
    there = dict.fromkeys((level.address for level in data.batteries), "battery")
    known = [
        (key, int(level))
        for address, key in (keys | there | keys).items()
        if address in there and (level := data.values.get(address)) is not None
    ]
    if not known:
        return texts.said("answer_battery_unknown")
    levels = [
        texts.said("answer_level", battery=texts.get(f"entity.sensor.{key}.name"), level=level)
        for key, level in known
    ]
    is_low = min(level for _, level in known) < LOW
    key = "answer_battery_low" if is_low else "answer_battery_fine"
    return texts.said(key, levels=texts.listed(levels))


QUESTIONS: Final = {
    "XiaomiSmartLockLastArrival": Question(
        title="Who came home last",
        description=(
            "Tells who came home last, when and how, as the door lock noticed it: "
            "who unlocked the door from outside"
        ),
        answer=_last_arrival,
        sentences={
            ENGLISH: (
                "who (came|got) (home|in|back) last",
                "who was [the] last [one] [to come] home",
                "who [was it that] came [home] last",
                "who [just] came (home|in|back)",
                "who [just] (opened|unlocked) the [front] door [last]",
            ),
            CHINESE: (
                "(谁|是谁)最后[一个](回家|回来|到家|进门)[的]",
                "最后[一个](回家|回来|到家|进门)的[人]是谁",
                "[最后|最近|刚才|刚刚](谁|是谁)[刚|刚刚](回家|回来|到家|进门|开门|开锁)[了|的]",
                "[最后|刚才|刚刚](谁|是谁)[刚|刚刚]开(的|了)(门|锁)",
            ),
        },
    ),
    "XiaomiSmartLockPersonArrival": Question(
        title="When somebody came home",
        description=(
            "Tells when a person came home last and how, as the door lock noticed it: "
            "when they unlocked the door from outside"
        ),
        answer=_arrival_of,
        unanswered=_no_arrival_of,
        slots=("person",),
        sentences={
            ENGLISH: (
                "when did {person} [last] (come|get) (home|in|back) [last|today|yesterday]",
                "when did {person} [last] (open|unlock) the [front] door [last|today|yesterday]",
                "(did|has) {person} (come|get|gotten) home [today|yet]",
            ),
            CHINESE: (
                "{person}(几点|几点钟)(回家|回来|到家|进门|开门)[的|了]",
                "{person}[最后|是](什么时候|何时)(回家|回来|到家|进门|开门)[的|了]",
                "{person}(回家|回来|到家)(了吗|了没|了没有)",
            ),
        },
    ),
    "XiaomiSmartLockArrivalsToday": Question(
        title="Who came home today",
        description=(
            "Tells who came home today and at what times, as the door lock noticed it: "
            "who unlocked the door from outside"
        ),
        answer=_arrivals_today,
        sentences={
            ENGLISH: (
                "who [has] (came|come|got|gotten) [home|in|back] today",
                "who was home today",
                "who unlocked the [front] door today",
            ),
            CHINESE: (
                "今天[有|都有](谁|哪些人|什么人)(回家|回来|到家|进门|回过家|来过|来)[了|过]",
                "[都有|有](谁|哪些人|什么人)今天(回家|回来|到家|进门|回过家|来过|来)[了|过]",
            ),
        },
    ),
    "XiaomiSmartLockBattery": Question(
        title="Is the door lock's battery low",
        description="Tells whether a battery of the door lock is low, and the level of each",
        answer=_battery,
        sentences={
            ENGLISH: (
                "is the battery low",
                "is the [front] (lock|door|door lock)['s] battery (low|empty)",
                "is the battery of the [front] (lock|door|door lock) (low|empty)",
                "how (full|low) is the battery of the [front] (lock|door|door lock)",
            ),
            CHINESE: (
                "[门锁|锁|大门|前门][的](电池|电量|电池电量)(低吗|低不低|够吗|够不够|还够吗)",
                "[门锁|锁|大门|前门][的](电池|电量|电池电量)(是不是低了|低了吗|还有多少)",
                "(门锁|锁|大门|前门)[快](没电了吗|没电吗|还有电吗|有没有电)",
            ),
        },
    ),
}
"""The questions by intent."""


class QuestionHandler(IntentHandler):
    """Handler of the intent of a question."""

    platforms: set[str] | None = {LOCK_DOMAIN}  # noqa: RUF012

    def __init__(self, intent_type: str, question: Question) -> None:
        """Prepare for an intent."""
        self.intent_type = intent_type
        self.description = question.description
        self._question = question

    @property
    @override
    def slot_schema(self) -> dict[str, Any] | None:
        """The texts that the question has to have; None without any."""
        return dict.fromkeys(self._question.slots, cv.string) or None

    @override
    async def async_handle(self, intent_obj: Intent) -> IntentResponse:
        """Answer in the language of the question."""
        response: IntentResponse = intent_obj.create_response()
        response.response_type = IntentResponseType.QUERY_ANSWER
        texts = await Texts.async_load(intent_obj.hass, intent_obj.language)
        response.async_set_speech(await self._async_answer(intent_obj, texts))
        return response

    async def _async_answer(self, intent_obj: Intent, texts: Texts) -> str:
        hass = intent_obj.hass
        if not (spoken_of := await _async_spoken_of(intent_obj)):
            return texts.said("answer_no_lock")
        loaded: list[LockConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
        locks = {
            did: lock
            for entry in loaded
            for did, lock in entry.runtime_data.locks.items()
            if did in spoken_of
        }
        slots = self.async_validate_slots(intent_obj.slots)
        said = {name: slots.get(name, {}).get("value", "") for name in self._question.slots}
        answers = {
            did: answer
            for did, lock in locks.items()
            if (answer := self._question.answer(lock, texts, **said)) is not None
        }
        if not answers:
            return self._question.unanswered(list(locks.values()), texts, **said)
        if len(answers) == 1:
            return next(iter(answers.values()))
        entries = ((lock.coordinator.config_entry, did) for did, lock in locks.items())
        names = async_lock_names(hass, entries)
        return " ".join(
            texts.said("answer_of", lock=names[did], answer=answer)
            for did, answer in answers.items()
        )


async def _async_spoken_of(intent_obj: Intent) -> set[str]:
    """Return the dids of locks that may be spoken of to who asks, also if they are not set up."""
    hass, registry = intent_obj.hass, er.async_get(intent_obj.hass)
    assistant = intent_obj.assistant or CONVERSATION
    user_id = intent_obj.context.user_id
    user = await hass.auth.async_get_user(user_id) if user_id else None
    if user_id and user is None:
        return set()
    return {
        entity.unique_id.removesuffix(LOCK_ID)
        for entry in hass.config_entries.async_entries(DOMAIN)
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
        if entity.domain == LOCK_DOMAIN
        and async_should_expose(hass, assistant, entity.entity_id)
        and (user is None or user.permissions.check_entity(entity.entity_id, POLICY_READ))
    }
