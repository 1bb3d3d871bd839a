"""What a specification says of a lock without tables, as far as it can be told from its texts."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final

from custom_components.xiaomi_smart_lock.miot.spec import Event, Property, parse
from custom_components.xiaomi_smart_lock.model.door import DoorBits
from custom_components.xiaomi_smart_lock.model.lock_model import NEEDS, LockModel
from custom_components.xiaomi_smart_lock.model.naming import naming_of, words
from custom_components.xiaomi_smart_lock.model.roles import DURESS, USER_SERVICE, Role
from custom_components.xiaomi_smart_lock.model.s1 import S1
from custom_components.xiaomi_smart_lock.model.tables import Support, Tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from custom_components.xiaomi_smart_lock.miot.spec import Address, Item, NamedValue, Spec

# What else specifications call some values, by role and key; in the form of ``plain``
SAID_AS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    Role.OPERATION_POSITION: {
        "inside": ("indoor", "insidethedoor", "内侧", "室内"),
        "outside": ("outdoor", "outsidethedoor", "外侧", "室外"),
        "unknown_side": ("unknown", "未知"),
    },
    Role.OPERATION_METHOD: {
        "phone": ("mobile", "mobilephone", "手机蓝牙"),
        "password": ("数字密码", "密码开锁"),
        "fingerprint": ("指纹开锁",),
        "face": ("刷脸", "人脸识别", "人脸开锁"),
        "nfc": ("nfc开锁", "门卡"),
        "mechanical_key": ("key", "钥匙", "钥匙开锁"),
        "mechanical_key_or_emergency_knob": ("emergencykeyorknob",),
        "turntable": ("转盘",),
        "inside_button": ("indoorbutton", "门内按键", "室内按键", "室内按键开锁"),
        "one_time_password": ("临时密码",),
        "periodic_password": ("周期密码",),
        "remote": ("远程",),
        "automatic": ("auto",),
    },
    Role.LOCK_ACTION: {
        "locked": ("lock",),
        "locked_automatically": ("autolock", "automaticlock"),
        "locked_from_outside": ("lockoutsidethedoor", "门外上提把手上锁"),
        "unlocked": ("unlock",),
        "deadbolt_on": ("enableantilock", "lockinsidethedoor", "反锁", "门内反锁"),
        "deadbolt_off": ("disableantilock", "releaseantilock", "解除反锁"),
        "child_lock_on": ("enablechildlock", "打开童锁"),
        "child_lock_off": ("disablechildlock",),
        "child_lock_and_deadbolt_on": ("enableantilockandchildlock", "反锁且开启童锁"),
        "child_lock_and_deadbolt_off": ("disableantilockandchildlock", "解除反锁且关闭童锁"),
        "away_mode_on": ("enableawaymode", "离家模式"),
        "away_mode_off": ("disableawaymode",),
        "door_closed": ("closedoor",),
        "charging_check": ("chargingcheck",),
        "added": ("add",),
        "deleted": ("delete",),
        "share_cancelled": ("cancelsharing",),
    },
    Role.DOOR_STATE: {
        "locked": ("lock", "上锁"),
        "unlocked": ("unlock", "开锁"),
        "closed": ("close", "关门", "关闭"),
        "not_closed": ("open", "opened", "doornotclosed", "开门", "打开", "门超时未关"),
        "ajar": ("doorajar",),
        "ajar_too_long": ("doorajartimeout", "门虚掩超时"),
        "badly_closed": ("doornotclosedproperly",),
        "deadbolt_on": ("antilocked", "已反锁"),
        "child_lock_on": ("childlockenabled",),
    },
    Role.LOCK_STATE: {
        "locked": ("lock", "上锁"),
        "unlocked": ("unlock", "开锁"),
    },
    Role.ABNORMAL_CONDITION: {
        "possible_tampering": ("门锁被撬", "防撬报警", "lockpried"),
        "lock_reset": ("门锁重置",),
        "door_ajar": ("门未关紧",),
        "door_open_too_long": ("门未关", "doornotclosed"),
        "verification_failed_repeatedly": ("多次验证失败",),
        "unlocked_inside_or_by_key_while_away": ("离家后门内开锁", "unlockedinsideinawaymode"),
        "lithium_battery_too_hot": ("锂电池温度过高",),
        "lithium_battery_low": ("锂电池电量低",),
        "lithium_battery_removed": ("锂电池被取下",),
        "dry_cells_low": ("干电池电量低",),
        "dry_cells_removed": ("干电池被取下",),
        "unlocking_abnormal": ("开锁异常",),
        "emergency_power_supply": ("应急供电",),
    },
}

_CHILD_LOCK: Final = re.compile(r"child|童锁", re.IGNORECASE)
_DEADBOLT: Final = re.compile(r"anti-?lock|deadbolt|反锁", re.IGNORECASE)
_STEP: Final = 16
"""States of a door that are all multiples of it leave room for four bits."""


def plain(text: str) -> str:
    """Return the first clause of a text, without signs and case."""
    clause = re.split(r"[,;(]", unicodedata.normalize("NFKC", text.lower()))[0]
    return re.sub(r"[\W_]", "", clause)


@cache
def _keys(role: str) -> dict[str, str]:
    """Return the keys of a role's values by their texts, as ``plain`` has them."""
    known = words()[Role(role)]
    said = {key: (one.description, one.description_zh, key) for key, one in known.items()}
    more = SAID_AS.get(role, {})
    return {
        plain(text): key
        for texts in (more, said)
        for key, one in texts.items()
        for text in one
        if plain(text)
    }


def texts_of(named: Item | NamedValue) -> str:
    """Return the texts of an item or a value in both languages."""
    texts = (named.description, named.description_zh)
    return " · ".join(dict.fromkeys(text for text in texts if text))


def is_plain(role: Role) -> bool:
    """Return whether a role is of what a lock shows by itself.

    Actions are not, nor what is about users, nor which of several batteries is which.
    """
    service = role.partition(":")[0]
    return role not in NEEDS and service not in (USER_SERVICE, "dry-cells", "lithium-battery")


def is_duress(value: NamedValue) -> bool:
    """Return whether a value's texts speak of duress."""
    return DURESS.search(texts_of(value).lower()) is not None


def key_for(role: str, value: NamedValue) -> str:
    """Return our key of a value, as its text in either language says; empty if it says none.

    It is never that of duress, nor an ordinary one where one text speaks of duress.
    """
    if is_duress(value):
        return ""
    found = {_keys(role).get(plain(text)) for text in (value.description, value.description_zh)}
    found.discard(None)
    return str(found.pop()) if len(found) == 1 else ""


@dataclass(frozen=True)
class Bits:
    """The bits of a door state, and whether its texts say so, too."""

    door: DoorBits
    is_said: bool


@dataclass(frozen=True, eq=False)
class Draft:
    """What a specification says of a model, so that its tables can be written."""

    model: str
    instance: Mapping[str, Any]

    @cached_property
    def spec(self) -> Spec:
        """The specification, its values without keys of ours."""
        return parse(self.instance)

    @cached_property
    def _named(self) -> dict[str, list[Item]]:
        """The items of all services, as ``SERVICE:ITEM``."""
        found: dict[str, list[Item]] = {}
        for service in self.spec.services:
            for item in (*service.properties, *service.events, *service.actions):
                found.setdefault(f"{service.name}:{item.name}", []).append(item)
        return found

    def found(self, role: Role) -> list[Item]:
        """Return the items that have the standard name of a role."""
        return self._named.get(role, [])

    def elsewhere(self, role: Role) -> list[Item]:
        """Return the items that have a role's name in another service, if none has it in its own.

        Only properties and events of what a lock shows by itself: an action may open the door.
        """
        name = role.partition(":")[2]
        if self.found(role) or not is_plain(role):
            return []
        return [
            item
            for full, items in self._named.items()
            if full.partition(":")[2] == name
            for item in items
        ]

    @cached_property
    def places(self) -> dict[Role, Address]:
        """The addresses of roles that exactly one item of another service has by name."""
        return {role: items[0].address for role in Role if len(items := self.elsewhere(role)) == 1}

    def alike(self, role: Role) -> list[Item]:
        """Return the items that have the text of a role, if none has its name."""
        if self.found(role) or self.elsewhere(role) or not is_plain(role):
            return []
        text = _text_of(role)
        everything = (item for items in self._named.values() for item in items)
        return [
            one for one in everything if text & {plain(one.description), plain(one.description_zh)}
        ]

    def worded(self, role: Role) -> Property | None:
        """Return a property whose values have words of ours, None if there is none."""
        by_place = self.spec.properties.get(self.places[role]) if role in self.places else None
        items = [item for item in self.found(role) if isinstance(item, Property)]
        prop = items[0] if items else by_place
        return prop if prop and prop.values else None

    @cached_property
    def keys(self) -> dict[Role, dict[int, str]]:
        """Our keys by number, empty for a value that has none, by role."""
        return {
            role: {value.value: key_for(role, value) for value in prop.values}
            for role in map(Role, words())
            if (prop := self.worded(role))
        }

    @cached_property
    def duress(self) -> list[tuple[Property, NamedValue]]:
        """The values whose texts speak of duress, with their properties."""
        properties = self.spec.properties.values()
        return [(prop, one) for prop in properties for one in prop.values if is_duress(one)]

    @cached_property
    def bits(self) -> Bits | None:
        """The bits of the door state; None if it does not look like a bit field."""
        if (prop := self.worded(Role.DOOR_STATE)) is None:
            return None
        keys, numbers = self.keys[Role.DOOR_STATE], {one.value for one in prop.values}
        for locked in (number for number, key in keys.items() if key == "locked"):
            by_text = [
                (child.value - locked, dead.value - locked)
                for child in prop.values
                for dead in prop.values
                if _speaks_of(child) == (True, False) and _speaks_of(dead) == (False, True)
            ]
            by_number = [(one - locked, two - locked) for one in numbers for two in numbers]
            for is_said, pairs in ((True, by_text), (False, by_number)):
                for child, dead in sorted(pairs):
                    if child != dead and _are_bits(locked, child, dead, numbers):
                        states = {
                            number: key
                            for number, key in keys.items()
                            if key and not number & (child | dead)
                        }
                        return Bits(DoorBits(states, child_lock=child, deadbolt=dead), is_said)
        return None

    def may_have_bits(self) -> bool:
        """Return whether the numbers of the door state leave room for bits that are not listed."""
        prop = self.worded(Role.DOOR_STATE)
        numbers = [one.value for one in prop.values] if prop else []
        return len(numbers) > 1 and not self.bits and all(one % _STEP == 0 for one in numbers)

    def twice(self) -> Iterator[list[Event]]:
        """Yield the events that several services have by the same name."""
        for items in self._named.values():
            events = [item for item in items if isinstance(item, Event)]
            if len(events) > 1:
                yield events

    @cached_property
    def tables(self) -> Tables:
        """The tables that are sure enough to begin with: they let nothing be done."""
        bits = self.bits.door if self.bits and self.bits.is_said else None
        return Tables(
            model=self.model,
            support=Support.EXPECTED,
            places={str(role): address for role, address in self.places.items()},
            words={
                role: {number: key for number, key in keys.items() if key}
                for role, keys in self.keys.items()
                if not (bits and role is Role.DOOR_STATE)
            },
            door_bits=bits,
        )

    @cached_property
    def lock_model(self) -> LockModel:
        """The lock as the integration understands it with these tables."""
        return LockModel(self.tables, parse(self.instance, naming_of(self.tables)))


def _speaks_of(value: NamedValue) -> tuple[bool, bool]:
    """Return whether a value's texts speak of the child lock, and of the deadbolt."""
    text = texts_of(value)
    return _CHILD_LOCK.search(text) is not None, _DEADBOLT.search(text) is not None


def _are_bits(locked: int, one: int, two: int, numbers: set[int]) -> bool:
    """Return whether two bits of a locked door occur by themselves and together."""
    return (
        all(bit > 0 and bit.bit_count() == 1 and not bit & locked for bit in (one, two))
        and {locked | one, locked | two, locked | one | two} <= numbers
    )


@cache
def _text_of(role: Role) -> set[str]:
    """Return the texts of the item that has a role in our specification."""
    [path] = S1.specs
    model = LockModel(S1, parse(json.loads(path.read_text(encoding="utf-8"))))
    item = model.property(role) or model.event(role)
    return {plain(item.description), plain(item.description_zh)} - {""} if item else set()
