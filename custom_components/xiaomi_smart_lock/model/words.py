"""The meaning of value keys, independent of a model's numbers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .door import BOTH_ON, LOCKED, OPEN
from .roles import Role

if TYPE_CHECKING:
    from collections.abc import Mapping

type Means = tuple[tuple[tuple[Role, str | bool], tuple[str, ...] | None], ...]
"""Properties with their new value or its key, and the keys that it must have had before."""

# Property values that a lock event implies at once, before the lock reports the property itself. By
# lock action: the new value, and the values that the property must have had before (None: any); the
# first that fits counts. A door that closes is not assumed to be locked, and an open door is not
# assumed to be closed.
LOCK_ACTION_MEANS: Final[Mapping[str, Means]] = {
    "door_closed": (((Role.DOOR_STATE, "unlocked"), OPEN),),
    **dict.fromkeys(
        ("locked", "locked_automatically", "locked_from_outside"),
        (((Role.DOOR_STATE, "locked"), ("unlocked",)),),
    ),
    "unlocked": (((Role.DOOR_STATE, "unlocked"), LOCKED), ((Role.DEADBOLT, False), None)),
    "deadbolt_on": (
        ((Role.DOOR_STATE, BOTH_ON), ("child_lock_on",)),
        ((Role.DOOR_STATE, "deadbolt_on"), ("locked", "unlocked", "child_lock_on")),
        ((Role.DEADBOLT, True), None),
    ),
    "deadbolt_off": (
        ((Role.DOOR_STATE, "locked"), ("deadbolt_on",)),
        ((Role.DOOR_STATE, "child_lock_on"), (BOTH_ON,)),
        ((Role.DEADBOLT, False), None),
    ),
    "child_lock_on": (
        ((Role.DOOR_STATE, "child_lock_on"), ("locked",)),
        ((Role.DOOR_STATE, BOTH_ON), ("deadbolt_on",)),
        ((Role.CHILD_LOCK, True), None),
    ),
    "child_lock_off": (
        ((Role.DOOR_STATE, "locked"), ("child_lock_on",)),
        ((Role.DOOR_STATE, "deadbolt_on"), (BOTH_ON,)),
        ((Role.CHILD_LOCK, False), None),
    ),
    "child_lock_and_deadbolt_on": (
        ((Role.DOOR_STATE, BOTH_ON), (*LOCKED, "unlocked")),
        ((Role.DEADBOLT, True), None),
        ((Role.CHILD_LOCK, True), None),
    ),
    "child_lock_and_deadbolt_off": (
        ((Role.DOOR_STATE, "locked"), LOCKED),
        ((Role.DEADBOLT, False), None),
        ((Role.CHILD_LOCK, False), None),
    ),
    "away_mode_on": (((Role.AWAY_MODE, True), None),),
    "away_mode_off": (((Role.AWAY_MODE, False), None),),
}

# What the specification of xiaomi.lock.s1 has no words for: English and Chinese, by role and key
MORE_WORDS: Final[Mapping[Role, Mapping[str, tuple[str, str]]]] = {
    Role.OPERATION_METHOD: {
        "finger_vein": ("Finger vein", "指静脉"),
        "homekit": ("HomeKit", "HomeKit"),
        "mechanical_key": ("Mechanical key", "机械钥匙"),
        "member": ("Member", "成员"),
        "turntable": ("Knob", "旋钮"),
    },
    Role.LOCK_ACTION: {
        "locked": ("Locked", "上锁"),
        "locked_automatically": ("Locked automatically", "自动上锁"),
        "locked_from_outside": ("Locked from outside", "门外上锁"),
        "child_lock_and_deadbolt_on": ("Child lock and deadbolt on", "开启童锁和反锁"),
        "child_lock_and_deadbolt_off": ("Child lock and deadbolt off", "关闭童锁和反锁"),
        "charging_check": ("Charging checked", "充电检测"),
        "added": ("Added", "添加"),
        "deleted": ("Deleted", "删除"),
        "share_cancelled": ("Sharing ended", "取消分享"),
    },
    Role.DOOR_STATE: {
        "ajar_too_long": ("Ajar too long", "虚掩超时"),
        "badly_closed": ("Not closed properly", "门未关好"),
        "child_lock_and_deadbolt_on": ("Child lock and deadbolt on", "开启童锁和反锁"),
        "closed": ("Closed", "已关门"),
        "not_detected": ("Not detected", "未检测到"),
    },
    Role.LOCK_STATE: {
        "locked": ("Locked", "已上锁"),
        "unlocked": ("Unlocked", "已开锁"),
        "latch_out": ("Latch out", "锁舌伸出"),
        "abnormal": ("Abnormal", "异常"),
    },
    Role.ABNORMAL_CONDITION: {
        "dry_cells_nearly_empty": ("Dry cells nearly empty", "干电池电量即将耗尽"),
        "dry_cells_installed": ("Dry cells installed", "干电池已安装"),
        "lithium_battery_installed": ("Lithium battery installed", "锂电池已安装"),
        "lithium_battery_temperature_normal": (
            "Lithium battery temperature normal again",
            "锂电池温度恢复正常",
        ),
        "door_ajar_too_long": ("Door ajar too long", "门虚掩超时"),
        "door_badly_closed": ("Door not closed properly", "门未关好"),
        "indoor_temperature_high": ("Hot indoors", "室内高温"),
    },
}
