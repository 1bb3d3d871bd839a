"""A MADE-UP revision 4 of the lock's specification, with something new of every kind.

No such firmware was ever seen. It shows what clients do with items that they do not know.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .published import Item

REVISION: Final = 4

_SETTING: Final = ["read", "write", "notify"]
_STATE: Final = ["read", "notify"]


def _new(kind: str, iid: int, name: str, text: tuple[str, str], details: Item) -> Item:
    return {
        "iid": iid,
        "type": f"urn:miot-spec-v2:{kind}:{name}",
        "description": text[0],
        "description_zh": text[1],
        **details,
    }


def _property(
    iid: int,
    name: str,
    text: tuple[str, str],
    form: str,
    access: list[str],
    details: Item | None = None,
) -> Item:
    return _new("property", iid, name, text, {"format": form, "access": access, **(details or {})})


def _value(number: int, english: str, chinese: str) -> Item:
    return {"value": number, "description": english, "description_zh": chinese}


_TONES: Final = [_value(0, "Wind chime", "风铃"), _value(1, "Bird song", "鸟鸣")]
_HEATER: Final = [_value(0, "Closed", "已关闭"), _value(1, "Running", "运行中")]

_NEW_PROPERTIES: Final[dict[int, list[Item]]] = {
    2: [
        _property(20, "auto-relock", ("Relock after opening", "开门后自动回锁"), "bool", _SETTING),
        _property(21, "latch-jammed", ("Latch jammed", "锁舌卡住"), "bool", _STATE),
        _property(
            22,
            "relock-delay",
            ("Relock delay", "自动回锁延时"),
            "uint16",
            _SETTING,
            {"value-range": [5, 600, 5], "unit": "seconds"},
        ),
        _property(23, "remote-unlock-switch", ("Remote unlock", "远程开锁"), "bool", _SETTING),
        _property(
            24,
            "knock-count",
            ("Number of knocks", "敲门次数"),
            "uint8",
            [],
            {"value-range": [0, 255, 1]},
        ),
    ],
    13: [
        _property(
            20,
            "indoor-temperature",
            ("Indoor temperature", "室内温度"),
            "int8",
            _STATE,
            {"value-range": [-40, 85, 1], "unit": "celsius"},
        ),
        _property(
            21,
            "battery-current",
            ("Battery current", "电池电流"),
            "int16",
            _STATE,
            {"unit": "milliampere"},
        ),
    ],
    17: [
        _property(
            40,
            "heater-state",
            ("Lens heater", "镜头加热"),
            "uint8",
            _STATE,
            {"value-list": _HEATER},
        ),
    ],
    18: [
        _property(40, "network-name", ("Network name", "网络名称"), "string", _STATE),
        _property(41, "greeting-text", ("Greeting", "欢迎语"), "string", _SETTING),
        _property(42, "pairing-secret", ("Pairing secret", "配对密钥"), "string", _STATE),
    ],
    21: [
        _property(
            20,
            "night-tone",
            ("Night tone", "夜间铃声"),
            "uint8",
            _SETTING,
            {"value-list": _TONES},
        ),
    ],
}
_NEW_EVENT: Final = _new(
    "event", 40, "someone-knocked", ("Someone knocked", "有人敲门"), {"arguments": [24, 1, 6]}
)
_NEW_ACTION: Final = _new(
    "action", 40, "play-sound", ("Play a sound", "播放提示音"), {"in": [], "out": []}
)
_NEW_SERVICE: Final = _new(
    "service",
    30,
    "air-quality",
    ("Air quality", "空气质量"),
    {
        "properties": [
            _property(
                1,
                "tvoc-density",
                ("TVOC", "总挥发性有机物"),
                "float",
                _STATE,
                {"value-range": [0, 10, 0.01], "unit": "mg/m3"},
            ),
            _property(2, "on", ("Measuring", "测量"), "bool", _SETTING),
        ],
        "actions": [_new("action", 1, "calibrate", ("Calibrate", "校准"), {"in": [], "out": []})],
        "events": [
            _new("event", 1, "air-is-bad", ("The air is bad", "空气质量差"), {"arguments": [1]})
        ],
    },
)

_NEW_VALUES: Final[dict[tuple[int, int], Item]] = {
    (2, 2): _value(16, "Watch", "手表"),
    (2, 3): _value(10, "Bell muted", "门铃已静音"),
    (2, 4): _value(40, "Water inside", "门锁进水"),
    (3, 1021): _value(7, "Latch out", "锁舌未收回"),
}

_NEW_TEXTS: Final[dict[tuple[int, int], tuple[str, str]]] = {
    (3, 1021): ("State of the door", "门体状态"),
    (21, 5): ("Bell loudness", "门铃响度"),
}
_NEW_VALUE_TEXTS: Final[dict[tuple[int, int], dict[int, tuple[str, str]]]] = {
    (2, 2): {2: ("Fingerprint unlock", "指纹开锁")},
    (2, 3): {2: ("Opened", "打开门锁")},
    (2, 4): {24: ("Door not shut properly", "门没有关好")},
    (3, 1021): {4: ("Door slightly open", "门留有缝隙")},
}


def add(services: list[Item]) -> None:
    """Add what is new to the services of revision 3, and change some of their texts."""
    by_iid = {service["iid"]: service for service in services}
    for siid, properties in _NEW_PROPERTIES.items():
        by_iid[siid]["properties"] += deepcopy(properties)
    by_iid[2]["events"].append(_NEW_EVENT)
    by_iid[2]["actions"].append(_NEW_ACTION)
    for service in services:
        for prop in service["properties"]:
            address = service["iid"], prop["iid"]
            _reword(prop, _NEW_TEXTS.get(address))
            for value in prop.get("value-list", ()):
                _reword(value, _NEW_VALUE_TEXTS.get(address, {}).get(value["value"]))
            if address in _NEW_VALUES:
                prop["value-list"].append(dict(_NEW_VALUES[address]))
    services.append(_NEW_SERVICE)


def _reword(item: Item, text: tuple[str, str] | None) -> None:
    if text:
        item["description"], item["description_zh"] = text
