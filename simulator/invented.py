"""An INVENTED model that no table knows, with shapes that are odd but legal.

Descriptions are in Chinese only, or missing; numbers are in another order than anywhere else, and
1 is a duress fingerprint; states of the door are "Open" and "Closed"; lists are missing where they
would be empty. It is connected by a gateway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .facts import Facts

if TYPE_CHECKING:
    from .published import Item

_METHODS: Final = {
    1: ("duress", "胁迫指纹开锁"),
    2: ("face", "刷脸"),
    4: ("inside_button", "室内按键"),
    7: ("password", "数字密码"),
    9: ("fingerprint", "指纹"),
    30: ("manual", "手动"),
}
_ACTIONS: Final = {
    0: ("unlocked", "开锁"),
    1: ("locked", "上锁"),
    2: ("deadbolt_off", "解除反锁"),
    3: ("deadbolt_on", "反锁"),
    8: ("child_lock_on", "打开童锁"),
    9: ("child_lock_off", "关闭童锁"),
}
_POSITIONS: Final = {0: ("outside", "外侧"), 1: ("inside", "内侧")}
_EXCEPTIONS: Final = {101: ("ajar", "门未关紧"), 102: ("prised", "防撬报警")}
_DOORS: Final = {10: ("closed", "Closed"), 20: ("open", "Open")}

LANGUAGES: Final = {"zh_cn": "description"}


def _item(iid: int, kind: str, name: str, description: str, **more: Any) -> Item:
    urn = f"urn:miot-spec-v2:{kind}:{name}"
    return {"iid": iid, "type": urn, "description": description, **more}


def _enumeration(
    iid: int, name: str, description: str, words: dict[int, tuple[str, str]], *access: str
) -> Item:
    values = [{"value": number, "description": said} for number, (_, said) in words.items()]
    details: Item = {"format": "uint8", "access": list(access), "value-list": values}
    return _item(iid, "property", name, description, **details)


def _words(words: dict[int, tuple[str, str]]) -> dict[int, str]:
    return {number: word for number, (word, _) in words.items()}


FACTS: Final = Facts(
    model="acme.lock.x9",
    name="Invented lock X9",
    urn="urn:miot-spec-v2:device:lock:0000A038:acme-x9:2",
    source="",
    assumed=frozenset(),
    event=(7, 1020),
    arguments={"time": 8, "action": 3, "id": 11, "position": 2, "method": 5},
    texts=frozenset(),
    wide=True,
    words={
        "method": _words(_METHODS),
        "action": _words(_ACTIONS),
        "position": _words(_POSITIONS),
        "door_state": _words(_DOORS),
        "exception": _words(_EXCEPTIONS),
    },
    door=(9, 4),
    bits={},
    exception=(7, 1007),
    exception_arguments={"exception": 6},
    lock_state=None,
    batteries=(((11, 2)),),
    bells=((12, 1),),
    camera=False,
)

SERVICES: Final[list[Item]] = [
    _item(
        7,
        "service",
        "lock",
        "智能门锁",
        properties=[
            _item(8, "property", "current-time", "时间", format="uint32", access=[]),
            _enumeration(3, "lock-action", "动作", _ACTIONS),
            _item(11, "property", "operation-id", "", format="uint32", access=[]),
            _enumeration(2, "operation-position", "位置", _POSITIONS),
            _enumeration(5, "operation-method", "方式", _METHODS),
            _enumeration(6, "abnormal-condition", "异常", _EXCEPTIONS),
            _item(12, "property", "volume", "音量", format="int8", access=["read", "write"]),
        ],
        events=[
            _item(1020, "event", "lock-event", "锁事件", arguments=[8, 3, 11, 2, 5]),
            _item(1007, "event", "exception-occurred", "异常报警", arguments=[6]),
        ],
    ),
    _item(
        9,
        "service",
        "door",
        "门体",
        properties=[_enumeration(4, "door-state", "门体状态", _DOORS, "notify", "read")],
    ),
    _item(
        11,
        "service",
        "battery",
        "电池",
        properties=[
            _item(
                2,
                "property",
                "battery-level",
                "电量",
                format="uint8",
                access=["read", "notify"],
                unit="percentage",
            )
        ],
    ),
    _item(
        12,
        "service",
        "doorbell",
        "门铃",
        properties=[_item(1, "property", "current-time", "时间", format="uint32", access=[])],
        events=[_item(1, "event", "doorbell-ring", "按门铃", arguments=[1])],
    ),
    _item(40, "service", "nothing", ""),
]
