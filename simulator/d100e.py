"""The specification of ``xiaomi.lock.d100e``, a family of its own, generated from facts.

GENERATED: only the numbers in ``models.json`` are known, and that descriptions are empty or "NA".
The names, and the details of settings and users, are made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .facts import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .published import Item

MODEL: Final = "xiaomi.lock.d100e"
REMOTE_UNLOCK: Final = (18, 1)
REMOTE_LOCK: Final = (18, 3)
EMERGENCY_UNLOCK: Final = (18, 4)
GET_SECRET: Final = (18, 10)

_STATE: Final = ["read", "notify"]
_SETTING: Final = ["read", "write", "notify"]


def _item(iid: int, kind: str, name: str, description: str = "", **more: Any) -> Item:
    urn = f"urn:xiaomi-spec:{kind}:{name}"
    return {"iid": iid, "type": urn, "description": description, **more}


def _property(
    iid: int, name: str, form: str, access: Sequence[str] = (), details: Item | None = None
) -> Item:
    return _item(iid, "property", name, format=form, access=list(access), **(details or {}))


def _words(kind: str) -> Item:
    """Return the list of the values of a kind of words, without a text that helps."""
    return {
        "value-list": [
            {"value": number, "description": "NA" if number % 2 else "", "description_zh": "NA"}
            for number in FACTS[MODEL].words[kind]
        ]
    }


def _action(iid: int, name: str, given: Sequence[int] = (), out: Sequence[int] = ()) -> Item:
    return _item(iid, "action", name, "NA", **{"in": list(given), "out": list(out)})


def _percentage(iid: int, name: str) -> Item:
    more = {"value-range": [0, 100, 1], "unit": "percentage"}
    return _property(iid, name, "int8", _STATE, more)


def _settings(siid: int, name: str, *properties: Item) -> Item:
    return _item(siid, "service", name, properties=list(properties))


SERVICES: Final[list[Item]] = [
    _item(
        18,
        "service",
        "lock-unlock",
        properties=[
            _property(1, "secret", "string"),
            _property(2, "msg", "string"),
            _property(3, "res", "int8"),
            _property(5, "auto-lock-delay", "int16", _SETTING, {"unit": "seconds"}),
        ],
        actions=[
            _action(1, "remote-unlock-e", [1], [3, 2]),
            _action(3, "remote-lock", [1], [3, 2]),
            _action(4, "emergency-unlock", (), [3, 2]),
            _action(8, "ble-lock"),
            _action(9, "ble-unlock"),
            _action(10, "get-lockmsg", (), [1, 3, 2]),
        ],
    ),
    _item(
        19,
        "service",
        "lock-information",
        "NA",
        properties=[
            _property(1, "lock-version", "string", _STATE),
            _property(12, "lock-state", "int8", _STATE, _words("lock_state")),
        ],
    ),
    _item(
        20,
        "service",
        "door-information",
        properties=[_property(1, "door-state", "int8", _STATE, _words("door_state"))],
    ),
    _item(
        21,
        "service",
        "battery-information",
        properties=[_percentage(1, "lock-battery"), _percentage(2, "keypad-battery")],
    ),
    _item(
        22,
        "service",
        "log",
        "NA",
        properties=[
            _property(1, "operation-type", "int8", details=_words("type")),
            _property(2, "alarm-type", "int8", details=_words("exception")),
            _property(3, "res", "int8"),
            _property(4, "user-id", "int16"),
            _property(5, "push", "int8"),
            _property(6, "timestamp", "uint32"),
        ],
        events=[
            _item(1, "event", "operation-log", "NA", arguments=[3, 1, 4, 5, 6]),
            _item(2, "event", "alarm-log", arguments=[3, 2, 4, 5, 6]),
        ],
    ),
    _item(
        24,
        "service",
        "user",
        properties=[
            _property(1, "user-data", "string"),
            _property(2, "user-id", "int16"),
            _property(3, "res", "int8"),
        ],
        actions=[
            _action(1, "edit-user-password", [1], [3]),
            _action(2, "edit-fingerprint", [1], [3]),
            _action(3, "edit-stress-finger", [1], [3]),
            _action(4, "delete-user", [2], [3]),
            _action(5, "update-user-data", (), [3]),
        ],
        events=[_item(1, "event", "user-data-changed", arguments=[1])],
    ),
    _settings(
        25,
        "sound",
        _property(1, "volume", "int8", _SETTING, {"value-range": [0, 3, 1]}),
        _property(2, "mute", "bool", _SETTING),
        _property(3, "language", "int8", _SETTING, {"value-range": [0, 5, 1]}),
    ),
    _settings(
        26,
        "lock-settings",
        *(_property(iid, f"setting-{iid}", "bool", _SETTING) for iid in range(1, 6)),
    ),
    _settings(
        29,
        "keypad-settings",
        *(_property(iid, f"keypad-setting-{iid}", "int16", _SETTING) for iid in range(1, 7)),
    ),
]
