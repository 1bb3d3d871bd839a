"""All that a user reads is there in both languages, in Chinese in the specification's own words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.const import Platform

from custom_components.xiaomi_smart_lock.button import LockButtonDescription
from custom_components.xiaomi_smart_lock.const import DOMAIN
from custom_components.xiaomi_smart_lock.event import ATTRIBUTES, EVENTS, LockEventDescription
from custom_components.xiaomi_smart_lock.miot.errors import Reason
from custom_components.xiaomi_smart_lock.miot.spec import SPEC, Property
from custom_components.xiaomi_smart_lock.recordings import WORDS
from custom_components.xiaomi_smart_lock.unlocking import FAILURES, Refusal
from scripts.specification import ENTITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custom_components.xiaomi_smart_lock.entity import LockEntityDescription

HERE = Path(__file__).parent.parent / "custom_components" / DOMAIN


def read(name: str) -> dict[str, Any]:
    """Return one of the integration's JSON files."""
    data: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return data


ENGLISH = read("translations/en.json")
CHINESE = read("translations/zh-Hans.json")
ICONS = read("icons.json")["entity"]
ICONS_OF_ACTIONS = read("icons.json")["services"]
SERVICES = (ENGLISH["services"], CHINESE["services"])
SELECTORS = (ENGLISH["selector"], CHINESE["selector"])
NAMED = [
    (platform, description)
    for platform, descriptions in ENTITIES.items()
    for description in descriptions
    if platform is not Platform.LOCK  # The lock has the device's name.
]


def flat(data: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Return all texts by their path."""
    for key, value in data.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}.{key}")
        else:
            yield f"{path}.{key}", value


def states(platform: Platform, description: LockEntityDescription) -> dict[str, list[str]]:
    """Return the keys of an entity's states and what the specification's page calls them."""
    if platform in (Platform.SENSOR, Platform.SELECT) and description.address:
        return words(description.prop)
    return {}


def words(prop: Property) -> dict[str, list[str]]:
    """Return the page's words for each key of a value list; several values may share a key."""
    found: dict[str, list[str]] = {}
    for named in prop.values:
        found.setdefault(prop.key_of(named.value), []).append(named.description_zh)
    return found


def argument(description_of_types: list[str]) -> Property | None:
    """Return the property whose keys are the types of an event entity."""
    lists = (prop for prop in SPEC.properties.values() if prop.options == description_of_types)
    return next(lists, None)


def test_same_keys_and_placeholders() -> None:
    """Whatever is said in one language is said in the other."""
    english, chinese = dict(flat(ENGLISH)), dict(flat(CHINESE))
    assert english.keys() == chinese.keys()
    placeholder = re.compile(r"\{\w+\}")
    for path, text in english.items():
        assert set(placeholder.findall(text)) == set(placeholder.findall(chinese[path])), path
        assert text.strip() == text != "", path


def test_every_entity_has_a_name() -> None:
    """Each entity is there, and nothing else is."""
    for translation in (ENGLISH["entity"], CHINESE["entity"]):
        named = {
            (platform, key)
            for platform, entities in translation.items()
            for key, texts in entities.items()
            if texts["name"]
        }
        assert named == {(platform, description.key) for platform, description in NAMED}


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
        for description in EVENTS:
            attributes = translation[description.key]["state_attributes"]
            types = attributes["event_type"]["state"]
            assert list(types) == description.event_types, description.key
            assert attributes.keys() - {"event_type"} <= set(ATTRIBUTES.values())


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
        if prop := argument(list(types)):
            expected = {key: set(said) for key, said in words(prop).items()}
        elif description.key == "duress":
            expected = {"duress": {"胁迫指纹"}}
        else:
            said = {SPEC.events[kind].description_zh for kind in description.kinds}
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
    "charging": "门锁充电中",
    "diary": "门锁日记",
    "discard_pending": "放弃待处理的更改",
    "door": "门",
    "doorbell": "门铃",
    "duress": "胁迫",
    "exception": "异常情况",
    "last_contact": "上次联系",
    "last_operation_time": "上次操作时间",
    "last_person": "上次操作人员",
    "last_stay": "上次停留",
    "last_visitor": "上次访客",
    "pending_changes": "待处理的更改",
    "users_and_credentials": "用户与凭据",
}


def test_names_in_the_words_of_the_specification() -> None:
    """A Chinese name has the page's words for what is shown in it."""
    own = {}
    for platform, description in NAMED:
        name = CHINESE["entity"][platform][description.key]["name"]
        said = (re.sub(r"\(.*", "", text) for text in page_words(description))
        if not any(text and text in name for text in said):
            own[description.key] = name
    assert own == OWN_WORDS


def page_words(description: LockEntityDescription) -> Iterator[str]:
    """Return what the page calls that which an entity shows or does."""
    if description.address is not None:
        yield description.prop.description_zh
        yield from (named.description_zh for named in description.prop.values)
    if isinstance(description, LockEventDescription):
        yield from (SPEC.events[kind].description_zh for kind in description.kinds)
    if isinstance(description, LockButtonDescription) and description.action:
        yield SPEC.actions[description.action].description_zh
    if description.event is not None:
        yield SPEC.events[description.event].description_zh


# What the logbook never says: a duress fingerprint is like any other, and who cannot tell says
# nothing of the side.
UNSAID = {"duress_fingerprint", "unknown_side"}


def test_every_operation_has_words() -> None:
    """What the logbook puts together a sentence of is there, in Chinese in the page's words."""
    for fact, address in {"action": (2, 3), "position": (2, 1), "method": (2, 2)}.items():
        said = words(SPEC.properties[address])
        for translation in (ENGLISH["common"], CHINESE["common"]):
            known = {key.removeprefix(f"{fact}_") for key in translation if key.startswith(fact)}
            assert known == said.keys() - UNSAID
        for key in said.keys() - UNSAID:
            phrase = CHINESE["common"][f"{fact}_{key}"]
            assert re.sub("^[用从经]", "", phrase) in said[key][0]


def test_every_error_has_words() -> None:
    """Each error that is raised has a text, and nothing else has."""
    raised = {
        key
        for path in HERE.rglob("*.py")
        for key in re.findall(
            r'translation_domain=DOMAIN,\s+translation_key="(\w+)"',
            path.read_text(encoding="utf-8"),
        )
    }
    raised |= {"no_answer", *WORDS.values(), *Refusal, *(f"lock_{reason}" for reason in Reason)}
    raised |= {f"error_{key}" for key in SPEC.properties[4, 7].options if key != "success"}
    assert ENGLISH["exceptions"].keys() == raised
    for translation in (ENGLISH, CHINESE):
        # Home Assistant finds no text that is anywhere else.
        assert all(text.keys() == {"message"} for text in translation["exceptions"].values())


def test_every_attempt_to_unlock_has_words() -> None:
    """The logbook has a sentence for whatever comes of it."""
    outcomes = {*Refusal, *FAILURES.values(), "done", "refused", "blocked"}
    kinds = {f"logbook_unlocking_{outcome.removeprefix('unlocking_')}" for outcome in outcomes}
    assert {key for key in ENGLISH["common"] if "unlocking" in key} == kinds


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
