"""Specifications of the models of which no original is known, generated from facts.

GENERATED: nothing here is a published specification. Numbers are those of ``facts``; names are
MIoT's standard ones; texts are worded as such specifications word them, in two languages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from custom_components.xiaomi_smart_lock.miot.spec import Address

    from .facts import Facts, Numbers
    from .published import Item

type Text = tuple[str, str]
"""A text in English and in Chinese."""

_PROPERTIES: Final[Mapping[str, tuple[str, Text]]] = {
    "position": ("operation-position", ("Operation Position", "操作位置")),
    "method": ("operation-method", ("Operation Method", "操作方式")),
    "action": ("lock-action", ("Lock Action", "锁动作")),
    "id": ("operation-id", ("Operation ID", "操作ID")),
    "time": ("current-time", ("Current Time (Unix timestamp)", "当前时间（unix timestamp）")),  # noqa: RUF001
    "exception": ("abnormal-condition", ("Abnormal Condition", "异常情况")),
    "door_state": ("door-state", ("Door State", "门状态")),
    "lock_state": ("status", ("Status", "状态")),
}
"""The name in a specification and the text of each argument and state."""

_TEXTS: Final[Mapping[str, Mapping[str, Text]]] = {
    "position": {
        "inside": ("Inside", "门内"),
        "outside": ("Outside", "门外"),
        "unknown": ("Unknown", "无法区分门内外"),
    },
    "method": {
        "phone": ("Mobile Phone", "手机"),
        "fingerprint": ("Fingerprint", "指纹"),
        "password": ("Password", "密码"),
        "nfc": ("NFC", "NFC"),
        "face": ("Face", "人脸"),
        "finger_vein": ("Finger Vein", "指静脉"),
        "palm": ("Palm Vein", "掌静脉"),
        "key": ("Key", "钥匙"),
        "key/knob": ("Emergency Key or Knob", "机械钥匙/应急旋钮"),
        "one_time_password": ("One-time Password", "一次性密码"),
        "periodic_password": ("Periodic Password", "周期性密码"),
        "homekit": ("HomeKit", "HomeKit"),
        "duress": ("Coerce", "胁迫"),
        "double": ("Double Verification", "双重验证"),
        "turntable": ("Turntable", "转盘"),
        "manual": ("Manual", "手动"),
        "automatic": ("Automatic", "自动"),
        "inside_button": ("Indoor Button", "门内按键"),
        "remote": ("Remote", "远程"),
        "member": ("Member", "成员"),
        "bluetooth": ("Bluetooth", "蓝牙"),
        "bluetooth_outside": ("Bluetooth Outside", "门外蓝牙"),
        "manual_outside": ("Manual Outside", "门外手动"),
        "manual_inside": ("Manual Inside", "门内手动"),
    },
    "action": {
        "locked": ("Lock", "上锁"),
        "locked_automatically": ("Auto Lock", "自动上锁"),
        "locked_from_outside": ("Lock Outside the Door", "门外上提把手上锁"),
        "unlocked": ("Unlock", "开锁"),
        "deadbolt_on": ("Enable Anti-lock", "门内反锁"),
        "deadbolt_off": ("Disable Anti-lock", "解除反锁"),
        "child_lock_on": ("Enable Child Lock", "开启童锁"),
        "child_lock_off": ("Disable Child Lock", "关闭童锁"),
        "away_on": ("Enable Away Mode", "开启离家模式"),
        "away_off": ("Disable Away Mode", "关闭离家模式"),
        "door_closed": ("Close Door", "关门"),
        "child+deadbolt_on": ("Enable Anti-lock and Child Lock", "反锁且开启童锁"),
        "child+deadbolt_off": ("Disable Anti-lock and Child Lock", "解除反锁且关闭童锁"),
        "charging_check": ("Charging Check", "充电检测"),
        "add": ("Add", "添加"),
        "delete": ("Delete", "删除"),
        "share_cancelled": ("Cancel Sharing", "取消分享"),
    },
    "door_state": {
        "locked": ("Locked", "已上锁"),
        "unlocked": ("Unlocked", "已开锁"),
        "not_closed": ("Door Not Closed", "门未关"),
        "ajar": ("Door Ajar", "门虚掩"),
        "ajar_over": ("Door Ajar Timeout", "门虚掩超时"),
        "open_timeout": ("Door Open Timeout", "门超时未关"),
        "badly_closed": ("Door Not Closed Properly", "门未关好"),
        "child_lock_on": ("Child Lock Enabled", "开启童锁"),
        "deadbolt_on": ("Anti-locked", "已反锁"),
        "open": ("Open", "开门"),
        "closed": ("Close", "关门"),
        "other": ("Other", "其它"),
    },
    "lock_state": {"open": ("Open", "开锁"), "other": ("Other", "其它")},
    "exception": {
        "many_failures": ("Multiple Verification Failures", "多次验证失败"),
        "prised": ("Lock Pried", "门锁被撬"),
        "reset": ("Lock Reset", "门锁被重置"),
        "dry_low": ("Dry Battery Low", "干电池电量低"),
        "dry_almost_empty": ("Dry Battery Almost Empty", "干电池电量即将耗尽"),
        "inside_after_away": ("Unlocked Inside in Away Mode", "离家后门内开锁"),
        "ajar": ("Door Ajar", "门虚掩"),
        "not_closed": ("Door Not Closed", "门未关"),
        "ajar_over": ("Door Ajar Timeout", "门虚掩超时"),
        "badly_closed": ("Door Not Closed Properly", "门未关好"),
        "unlock_error": ("Unlock Error", "开锁异常"),
        "indoor_heat": ("Indoor High Temperature", "室内高温"),
        "lithium_low": ("Lithium Battery Low", "锂电池电量低"),
        "lithium_almost_empty": ("Lithium Battery Almost Empty", "锂电池电量即将耗尽"),
        "lithium_hot": ("Lithium Battery Overheated", "锂电池温度过高"),
        "lithium_removed": ("Lithium Battery Removed", "锂电池被取下"),
        "dry_removed": ("Dry Battery Removed", "干电池被取下"),
        "lithium_installed": ("Lithium Battery Installed", "锂电池已安装"),
        "dry_installed": ("Dry Battery Installed", "干电池已安装"),
        "lithium_normal_temp": ("Lithium Battery Temperature Normal", "锂电池温度恢复正常"),
        "emergency_power": ("Emergency Power Supply", "应急供电"),
        "batteries": ("Battery Abnormal", "电池异常"),
        "forced": ("Door Forced Open", "门被强行打开"),
    },
}
"""The texts of words, by kind."""

_LOCKED_TOO: Final[Mapping[str, Text]] = {
    "child_lock": ("Child Lock Enabled", "开启童锁"),
    "deadbolt": ("Anti-locked", "已反锁"),
}

# The published list of these firmwares is wrong: it has other numbers than the locks send. Which it
# has is not known; here, two have changed places.
_SWAPPED: Final[Numbers] = {2: "password", 3: "fingerprint"}
_WRONG_METHODS: Final = ("loock.lock.h01lyk", "loock.lock.h01myk")

_UNIX: Final[Item] = {"format": "uint32", "access": [], "value-range": [0, 0xFFFFFFFF, 1]}
_OLD_EVENT: Final = 1
"""The eiid of the lock event of the oldest models, which has another name."""


def item(iid: int, kind: str, name: str, text: Text, details: Item) -> Item:
    """Return a service or an item of a standard type."""
    english, chinese = text
    return {
        "iid": iid,
        "type": f"urn:miot-spec-v2:{kind}:{name}",
        "description": english,
        "description_zh": chinese,
        **details,
    }


def generated(facts: Facts) -> list[Item]:
    """Return the services of a model, in the form of the integration's own data."""
    services: dict[int, Item] = {}

    def service(siid: int, name: str, text: Text) -> Item:
        empty: Item = {"properties": [], "actions": [], "events": []}
        return services.setdefault(siid, item(siid, "service", name, text, empty))

    lock = service(facts.event[0], "lock", ("Lock", "门锁"))
    lock["properties"] += _of_lock(facts)
    lock["events"] += _events(facts)
    for kind, address in (("door_state", facts.door), ("lock_state", facts.lock_state)):
        if address:
            place = service(address[0], "door", ("Door", "门"))
            place["properties"].append(_state(facts, kind, address))
    for siid, piid in facts.batteries:
        battery = service(siid, "battery", ("Battery", "电池"))
        battery["properties"].append(
            item(
                piid,
                "property",
                "battery-level",
                ("Battery Level", "电池电量"),
                {
                    "format": "uint8",
                    "access": ["read", "notify"],
                    "value-range": [0, 100, 1],
                    "unit": "percentage",
                },
            )
        )
    for siid, eiid in facts.bells:
        bell = service(siid, "doorbell", ("Doorbell", "门铃"))
        bell["properties"].append(item(1, "property", *_PROPERTIES["time"], _UNIX))
        bell["events"].append(
            item(
                eiid, "event", "doorbell-ring", ("Doorbell Ring", "有人按门铃"), {"arguments": [1]}
            )
        )
    return [services[siid] for siid in sorted(services)]


def _of_lock(facts: Facts) -> Iterator[Item]:
    """Yield the properties that occur in the events of the lock."""
    arguments = {**facts.exception_arguments, **facts.arguments}
    for argument, piid in sorted(arguments.items(), key=lambda of: of[1]):
        yield item(piid, "property", *_PROPERTIES[argument], _details(facts, argument))


def _details(facts: Facts, argument: str) -> Item:
    if argument in facts.texts:
        return {"format": "string", "access": []}
    if argument == "time":
        return _UNIX
    if argument == "id":
        largest, form = (0xFFFFFFFF, "uint32") if facts.wide else (0xFFFF, "uint16")
        return {"format": form, "access": [], "value-range": [0, largest, 1]}
    words = facts.words.get(argument, {})
    if argument == "method" and facts.model in _WRONG_METHODS:
        words = {**words, **_SWAPPED}
    values = {"value-list": _values(argument, words)} if words else {}
    return {"format": "uint8", "access": [], **values}


def _values(kind: str, words: Numbers) -> list[Item]:
    texts = _TEXTS[kind]
    return [_value(number, texts[word]) for number, word in sorted(words.items())]


def _value(number: int, text: Text) -> Item:
    english, chinese = text
    return {"value": number, "description": english, "description_zh": chinese}


def _state(facts: Facts, kind: str, address: Address) -> Item:
    words = facts.words[kind]
    values = _values(kind, words)
    if kind == "door_state" and facts.bits:
        values += _locked_too(facts)
    name, text = _PROPERTIES[kind]
    if address[1] == _OLD_EVENT:
        name, text = _PROPERTIES["lock_state"]
    return item(
        address[1],
        "property",
        name,
        text,
        {"format": "uint8", "access": ["read", "notify"], "value-list": values},
    )


def _locked_too(facts: Facts) -> list[Item]:
    """Return the states of a locked door with the child lock, the deadbolt, or both."""
    locked = facts.number("door_state", "locked")
    english, chinese = _TEXTS["door_state"]["locked"]
    sets = (("child_lock",), ("deadbolt",), ("child_lock", "deadbolt"))
    return [
        _value(
            locked + sum(facts.bits[bit] for bit in bits),
            (
                ", ".join([english, *(_LOCKED_TOO[bit][0] for bit in bits)]),
                "，".join([chinese, *(_LOCKED_TOO[bit][1] for bit in bits)]),  # noqa: RUF001
            ),
        )
        for bits in sets
    ]


def _events(facts: Facts) -> Iterator[Item]:
    _, eiid = facts.event
    old = eiid == _OLD_EVENT
    name, text = (
        ("lock-opened", ("Lock Opened", "开锁"))
        if old
        else ("lock-event", ("Lock Event", "锁事件"))
    )
    yield item(eiid, "event", name, text, {"arguments": list(facts.arguments.values())})
    if facts.exception:
        yield item(
            facts.exception[1],
            "event",
            "exception-occurred",
            ("Exception Occurred", "发生异常"),
            {"arguments": list(facts.exception_arguments.values())},
        )
