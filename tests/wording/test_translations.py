"""All that a user reads is there in both languages, in Chinese in the specification's own words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from homeassistant.const import Platform

from custom_components.xiaomi_smart_lock.button import LockButtonDescription
from custom_components.xiaomi_smart_lock.control.remote_unlock import FAILURES, Refusal
from custom_components.xiaomi_smart_lock.credentials.enrolment import CANCELED, STOPPED
from custom_components.xiaomi_smart_lock.entity import UNDESCRIBED
from custom_components.xiaomi_smart_lock.event import (
    ATTRIBUTES,
    EVENTS,
    HOLDERS,
    UNLOCKING,
    LockEventDescription,
)
from custom_components.xiaomi_smart_lock.media.recordings import WORDS
from custom_components.xiaomi_smart_lock.miot.errors import NotSent, Reason
from custom_components.xiaomi_smart_lock.model.lock_model import MODELS
from custom_components.xiaomi_smart_lock.model.naming import words as words_of_all
from custom_components.xiaomi_smart_lock.model.roles import DURESS, Role
from custom_components.xiaomi_smart_lock.model.words import MORE_WORDS
from custom_components.xiaomi_smart_lock.wording.phrases import OTHER
from custom_components.xiaomi_smart_lock.wording.reasons import REASONS
from simulator.model import S1, SPEC
from tests.documents import PAGES, ROOT_PAGES
from tests.translations import (
    CHINESE,
    ENGLISH,
    HERE,
    ICONS,
    NAMED,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custom_components.xiaomi_smart_lock.entity import LockEntityDescription
    from custom_components.xiaomi_smart_lock.miot.spec import Event, Property


def flat(data: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Return all texts by their path."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}.{key}")
        else:
            yield f"{path}.{key}", value


def states(platform: Platform, description: LockEntityDescription) -> dict[str, list[str]]:
    """Return the keys of an entity's states and what the specification's page calls them."""
    if platform in (Platform.SENSOR, Platform.SELECT) and description.item:
        return words(shown(description))
    return {}


def shown(description: LockEntityDescription) -> Property:
    """Return the property that an entity shows."""
    prop = description.prop(S1)
    assert prop
    return prop


def events(description: LockEventDescription) -> list[Event]:
    """Return the events that an entity shows."""
    return [SPEC.events[address] for address in description.addresses(S1)]


# Our words for properties of other models, by the name of the property
MORE = {role.partition(":")[2]: texts for role, texts in MORE_WORDS.items()}


def words(prop: Property) -> dict[str, list[str]]:
    """Return the page's words for each key of a value list; several values may share a key.

    What only other models have is there in our words.
    """
    found: dict[str, list[str]] = {}
    for named in prop.values:
        found.setdefault(named.key, []).append(named.description_zh)
    return found | {key: [chinese] for key, (_, chinese) in MORE.get(prop.name, {}).items()}


def argument(description: LockEventDescription) -> Property | None:
    """Return the property whose keys are the types of an event entity."""
    arguments = (one for event in events(description) for one in event.arguments)
    return next((one for one in arguments if one.name == description.code), None)


def types_of(description: LockEventDescription) -> set[str]:
    """Return the types of an event entity of any model."""
    return {*description.event_types_of(S1), *MORE.get(description.code or "", {})}


def test_same_keys_and_placeholders() -> None:
    """Whatever is said in one language is said in the other."""
    english, chinese = dict(flat(ENGLISH)), dict(flat(CHINESE))
    assert english.keys() == chinese.keys()
    placeholder = re.compile(r"\{\w+\}")
    for path, text in english.items():
        assert set(placeholder.findall(text)) == set(placeholder.findall(chinese[path])), path
        assert text.strip() == text != "", path


def written_chinese() -> Iterator[tuple[str, str]]:
    """Yield the Chinese texts by their path, but for those that are the specification's words."""
    theirs = {
        *(prop.description_zh for prop in SPEC.properties.values()),
        *(named.description_zh for prop in SPEC.properties.values() for named in prop.values),
        *(action.description_zh for action in SPEC.actions.values()),
        *(event.description_zh for event in SPEC.events.values()),
    }
    for path, text in flat(CHINESE):
        if text not in theirs:
            # What is not read as a sentence: the targets of links, and code.
            yield path, re.sub(r"\]\([^)]*\)|`[^`]*`", "`", text)


def test_chinese_punctuation() -> None:
    """Sentences have full-width punctuation, without blanks around it."""
    beside = r"[\u4e00-\u9fff{}]"
    half_width = re.compile(rf"{beside} ?[,:;?!()]|[,:;?!()] ?{beside}|[\u4e00-\u9fff]\.")
    full_width = "[，。：；？！、（）]"
    blank = re.compile(rf"[ \t]{full_width}|{full_width}[ \t]")
    for path, text in written_chinese():
        assert not half_width.search(text), path
        assert not blank.search(text), path


def test_chinese_is_bold_where_it_is_to_be() -> None:
    """Markdown ends nothing between a full stop and a letter: it would show asterisks."""
    never_ends = re.compile(r"\*\*[^*]+[，。：；？！、）”]\*\*[^\s，。：；？！、（）“”]")
    for path, text in written_chinese():
        assert not never_ends.search(text), path


def test_chinese_and_latin_words_are_apart() -> None:
    """There is a blank between them, as in Home Assistant's own texts."""
    joined = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]")
    for path, text in written_chinese():
        # The specification's words for a user's and a credential's number have none.
        for theirs in ("操作ID", "用户id", "NFC频繁", "Wi-Fi"):
            text = text.replace(theirs, "")  # noqa: PLW2901
        assert not joined.search(text), path


def test_the_logbook_is_called_what_home_assistant_calls_it() -> None:
    """It is 活动; what is called 日志 there is the log."""
    said = [path for path, text in flat(CHINESE) if "日志" in text]
    assert said == [".exceptions.no_remuxer.message"]


def test_no_name_says_a_word_twice() -> None:
    """Neither by itself nor after the name that the lock is sold by."""
    for platform, description in NAMED:
        for translation in (ENGLISH, CHINESE):
            name = translation["entity"][platform][description.key].get("name", "")
            assert not re.search(r"([\u4e00-\u9fff]{2,})\1|\b(\w+) \2\b", name, re.IGNORECASE)


BRITISH = re.compile(
    r"""\w*(?:colour|authoris|synchronis|recognis|organis|behaviour|favour|catalogue|licence)\w*
    |\b(?:centre|cancelled|cancelling|enrol|enrols|enrolments?|any\ more|for\ ever)\b""",
    re.IGNORECASE | re.VERBOSE,
)
# It says what the specification says.
GENERATED = "docs/specification.md"


def test_american_english() -> None:
    """Home Assistant writes it; keys and names of actions are older, and stay."""
    for path, text in flat(ENGLISH):
        assert not BRITISH.findall(re.sub(r"\{\w+\}|`[^`]*`", "", text)), path
    for name, text in (PAGES | ROOT_PAGES).items():
        if name == GENERATED:
            continue
        prose = re.sub(r"```.*?```|`[^`\n]*`|\w+\.py", "", text, flags=re.DOTALL)
        assert not BRITISH.findall(prose), name


def test_every_reason_has_words() -> None:
    """Errors of ours are told by the first type that fits; what they keep is filled in."""
    reasons = {key for key in ENGLISH["common"] if key.startswith("reason_")}
    assert reasons == {f"reason_{key}" for key in REASONS.values()}
    kinds = list(REASONS)
    for at, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[at + 1 :]), kind


def test_every_entity_has_a_name() -> None:
    """Each entity is there, and nothing else is; those with the name of a device have none."""
    expected = {(platform, one.key): one.name is not None for platform, one in NAMED}
    for translation in (ENGLISH["entity"], CHINESE["entity"]):
        named = {
            (platform, key): bool(texts.get("name"))
            for platform, entities in translation.items()
            for key, texts in entities.items()
        }
        of_others = {
            (platform, UNDESCRIBED)
            for platform in (Platform.EVENT, Platform.SELECT, Platform.SENSOR)
        }
        assert named == expected | dict.fromkeys(of_others, True)


def test_words_of_other_locks() -> None:
    """Their entities know our words, and the same ones say the same; none says duress."""
    for translation in (ENGLISH["entity"], CHINESE["entity"]):
        known = translation["sensor"][UNDESCRIBED]["state"]
        attributes = translation["event"][UNDESCRIBED]["state_attributes"]
        for role, key, argument in (
            (Role.OPERATION_METHOD, "last_method", "operation_method"),
            (Role.OPERATION_POSITION, "last_position", "operation_position"),
            (Role.LOCK_ACTION, "last_action", "lock_action"),
            (Role.ABNORMAL_CONDITION, "last_exception", "abnormal_condition"),
        ):
            ours = translation["sensor"][key]["state"]
            said = attributes[argument]["state"]
            assert said == {key: ours[key] for key in ours if not DURESS.search(key)}
            assert {*words_of_all()[role]} - known.keys() <= {"duress_fingerprint"}
        assert not [key for key in known if DURESS.search(key)]
        options = translation["select"][UNDESCRIBED]["state"]
        assert options.items() <= known.items()


def test_every_state_has_a_text() -> None:
    """Each state of an enumeration has one, and nothing else has."""
    for translation in (ENGLISH["entity"], CHINESE["entity"]):
        for platform, description in NAMED:
            texts = translation[platform][description.key]
            if platform is not Platform.BINARY_SENSOR:
                expected = states(platform, description).keys()
                assert texts.get("state", {}).keys() == expected, description.key


def test_every_event_type_has_a_text() -> None:
    """So have the keys of attributes that are worth naming."""
    for translation in (ENGLISH["entity"]["event"], CHINESE["entity"]["event"]):
        for description in (*EVENTS, UNLOCKING, *HOLDERS.values()):
            attributes = translation[description.key]["state_attributes"]
            types = attributes["event_type"]["state"]
            assert types.keys() == types_of(description), description.key
            named = {*ATTRIBUTES.values(), "credential", "lock"}
            assert attributes.keys() - {"event_type"} <= named


def test_every_word_of_every_model_has_a_text() -> None:
    """What the tables of a model call a value is one of our words, and texts know all of these."""
    known = words_of_all()
    for tables in MODELS.values():
        bits = tables.door_bits
        called = {role: set(keys.values()) for role, keys in tables.words.items()}
        called[Role.DOOR_STATE] = called.get(Role.DOOR_STATE, set()) | set(
            bits.keys().values() if bits else ()
        )
        for role, keys in called.items():
            assert keys <= known[role].keys(), (tables.model, role)
    for platform, description in NAMED:
        texts_of = known.get(description.item or "")
        if texts_of is not None and platform is Platform.SENSOR:
            for translation in (ENGLISH, CHINESE):
                states = translation["entity"][platform][description.key]["state"]
                assert states.keys() == texts_of.keys(), description.key


def test_our_words_are_said_alike() -> None:
    """Whether an entity, an event or its attribute says them."""
    places = {
        Role.DOOR_STATE: ["sensor.door_state.state"],
        Role.OPERATION_METHOD: [
            "sensor.last_method.state",
            *(
                f"event.{description.key}.state_attributes.method.state"
                for description in (*EVENTS, UNLOCKING, *HOLDERS.values())
                if Role.LOCK_EVENT in description.kinds
            ),
        ],
        Role.LOCK_ACTION: [
            "sensor.last_action.state",
            "event.lock_event.state_attributes.event_type.state",
            "event.person_activity.state_attributes.event_type.state",
        ],
        Role.ABNORMAL_CONDITION: [
            "sensor.last_exception.state",
            "event.exception.state_attributes.event_type.state",
        ],
    }
    for which, translation in enumerate((ENGLISH, CHINESE)):
        texts = dict(flat(translation["entity"]))
        for role, paths in places.items():
            for key, ours in MORE_WORDS[role].items():
                assert {texts[f".{path}.{key}"] for path in paths} == {ours[which]}, key


def test_states_in_the_words_of_the_specification() -> None:
    """Where the page has words for a state, they are its Chinese text."""
    for platform, description in NAMED:
        texts = CHINESE["entity"][platform][description.key].get("state", {})
        for key, expected in states(platform, description).items():
            if any(expected):
                assert {texts[key]} == set(expected), description.key


def test_event_types_in_the_words_of_the_specification() -> None:
    """They are the page's for the event, or for the value that makes the type."""
    for description in EVENTS:
        texts = CHINESE["entity"]["event"][description.key]["state_attributes"]
        types = texts["event_type"]["state"]
        if prop := argument(description):
            assert types.pop(OTHER) == "其他"
            expected = {key: set(said) for key, said in words(prop).items()}
        elif description.key == "duress":
            expected = {"duress": {"胁迫指纹"}}
        else:
            said = {event.description_zh for event in events(description)}
            assert set(types.values()) == said
            continue
        assert {key: {text} for key, text in types.items()} == expected


def test_attributes_in_the_words_of_the_specification() -> None:
    """The keys of an event's arguments are called what the page calls their values."""
    of_lock_events = {"position": SPEC.properties[2, 1], "method": SPEC.properties[2, 2]}
    for key in ("lock_event", "duress"):
        texts = CHINESE["entity"]["event"][key]["state_attributes"]
        for attribute, prop in of_lock_events.items():
            assert texts[attribute]["name"] == prop.description_zh
            said = {key: {text} for key, text in texts[attribute]["state"].items()}
            assert said == {key: set(expected) for key, expected in words(prop).items()}


# Names that do not have the page's words for what is shown: there are none, or other ones say more.
OWN_WORDS = {
    "awake": "唤醒",
    "battery": "电池电量",
    "charging": "充电中",
    "diary": "日记",
    "discard_pending": "放弃等待中的更改",
    "door": "门",
    "doorbell": "门铃",
    "duress": "胁迫",
    "exception": "异常情况",
    "last_contact": "上次联系",
    "last_operation_time": "上次操作时间",
    "last_person": "上次操作人员",
    "last_stay": "上次停留",
    "last_visitor": "上次访客",
    "pending_changes": "等待中的更改",
    "someone_at_the_door": "停留",
    "users_and_credentials": "用户与凭据",
    "unlocking": "开锁",
}


def test_names_in_the_words_of_the_specification() -> None:
    """A Chinese name has the page's words for what is shown in it."""
    own = {}
    for platform, description in NAMED:
        if description.name is None:
            continue
        name = CHINESE["entity"][platform][description.key]["name"]
        said = (re.sub(r"\(.*", "", text) for text in page_words(description))
        if not any(text and text in name for text in said):
            own[description.key] = name
    assert own == OWN_WORDS


def page_words(description: LockEntityDescription) -> Iterator[str]:
    """Return what the page calls that which an entity shows or does."""
    if description.instead_of:
        prop = S1.property(description.instead_of)
        assert prop
        yield prop.description_zh
    if description.item is not None:
        prop = shown(description)
        yield prop.description_zh
        yield from (named.description_zh for named in prop.values)
    if isinstance(description, LockEventDescription):
        yield from (event.description_zh for event in events(description))
    if isinstance(description, LockButtonDescription) and description.action:
        action = S1.action(description.action)
        assert action
        yield action.description_zh
    if description.event is not None:
        event = S1.event(description.event)
        assert event
        yield event.description_zh


# What the logbook never says: a duress fingerprint is like any other, and who cannot tell says
# nothing of the side.
UNSAID = {"duress_fingerprint", "unknown_side"}


def test_every_operation_has_words() -> None:
    """What the logbook puts together a sentence of is there, in Chinese in the page's words."""
    for fact, address in {"action": (2, 3), "position": (2, 1), "method": (2, 2)}.items():
        said = words(SPEC.properties[address])
        for translation in (ENGLISH["common"], CHINESE["common"]):
            known = {key.removeprefix(f"{fact}_") for key in translation if key.startswith(fact)}
            assert known - {OTHER} == said.keys() - UNSAID
            assert (OTHER in known) == (fact == "action")
        for key in said.keys() - UNSAID:
            phrase = CHINESE["common"][f"{fact}_{key}"]
            assert re.sub("^[用从经由] ?", "", phrase) in said[key][0]


def test_every_error_has_words() -> None:
    """Each error that is raised has a text, and nothing else has."""
    raised = {
        key
        for path in HERE.rglob("*.py")
        for key in re.findall(
            r'translat(?:able|ed)\([^"()]+"(\w+)"',
            path.read_text(encoding="utf-8"),
        )
    }
    raised |= {"no_answer", CANCELED, STOPPED, *WORDS.values(), *Refusal, *NotSent}
    raised |= {f"lock_{reason}" for reason in Reason}
    errors = (*SPEC.properties[4, 7].options, OTHER)
    raised |= {f"error_{key}" for key in errors if key != "success"}
    assert ENGLISH["exceptions"].keys() == raised
    for translation in (ENGLISH, CHINESE):
        # Home Assistant finds no text that is anywhere else.
        assert all(text.keys() == {"message"} for text in translation["exceptions"].values())


def test_every_attempt_to_unlock_has_words() -> None:
    """The logbook has a sentence for whatever comes of it."""
    outcomes = {*Refusal, *FAILURES.values(), "done", "refused", "blocked"}
    kinds = {f"logbook_unlocking_{outcome.removeprefix('unlocking_')}" for outcome in outcomes}
    assert {key for key in ENGLISH["common"] if key.startswith("logbook_unlocking_")} == kinds


def test_icons() -> None:
    """Each entity without a device class has an icon; nothing else has."""
    with_icon = {
        (platform, description.key)
        for platform, description in NAMED
        if not description.device_class
    }
    shown = {(platform, key) for platform, entities in ICONS.items() for key in entities}
    assert with_icon <= shown <= {(platform, description.key) for platform, description in NAMED}
    for platform, description in NAMED:
        icons = ICONS.get(platform, {}).get(description.key, {})
        text = ENGLISH["entity"][platform][description.key].get("state", {})
        assert icons.get("state", {}).keys() <= text.keys() | {"on", "off"}, description.key
        assert all(icon.startswith("mdi:") for _, icon in flat(icons))
