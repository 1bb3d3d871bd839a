"""The tables of ``xiaomi.lock.d100e``, the Xiaomi Self-Install Smart Lock.

It is a family of its own: nothing in its specification is standard. Its operations are shown as
their specification tells them, and it is not unlocked: that takes a secret in two steps
(docs/decisions/). Source: a published instance.
"""

from __future__ import annotations

from typing import Final

from .roles import Role
from .tables import Support, Tables

# What the log tells. A duress is told neutrally: a person at the door must not see it, and nobody
# has confirmed yet that the number means one.
_OPERATIONS: Final = {
    0: ("Unlocked by Matter", "Matter 开锁"),
    1: ("Locked by Matter", "Matter 上锁"),
    2: ("Closed by hand", "手动关门"),
    3: ("Locked by the app", "App 上锁"),
    4: ("Unlocked by one click", "一键开锁"),
    5: ("Locked by one click", "一键上锁"),
    6: ("Unlocked by password", "密码开锁"),
    7: ("Unlocked by fingerprint", "指纹开锁"),
    8: ("Unlocked by hand", "手动开锁"),
    9: ("Unlocked by the app", "App 开锁"),
    10: ("Unlocked by one-time password", "一次性密码开锁"),
    11: ("Unlocked by periodic password", "周期性密码开锁"),
    12: ("Fingerprint added", "添加指纹"),
    13: ("Fingerprint deleted", "删除指纹"),
    14: ("Password added", "添加密码"),
    15: ("Password deleted", "删除密码"),
    16: ("Emergency unlocking", "应急开锁"),
    17: ("Locked at the keypad", "键盘一键上锁"),
    18: ("Locked automatically", "自动上锁"),
    19: ("Door closed", "关门"),
    20: ("Unlocking failed", "开锁失败"),
    21: ("Locking failed", "上锁失败"),
}
_ALARMS: Final = {
    0: ("Verification failed repeatedly", "多次验证失败"),
    1: ("Alarm", "告警"),
    2: ("Battery of the lock low", "门锁电量低"),
    3: ("Battery of the keypad low", "键盘电量低"),
    4: ("Left open", "门未关"),
    5: ("Keypad tampered with", "键盘被撬"),
}

D100E: Final = Tables(
    model="xiaomi.lock.d100e",
    name="Xiaomi Self-Install Smart Lock",
    support=Support.EXPECTED,
    places={
        Role.LOCK_STATE: (19, 12),
        Role.DOOR_STATE: (20, 1),
    },
    words={
        Role.LOCK_STATE: {0: "locked", 1: "unlocked", 2: "latch_out", 3: "abnormal"},
        Role.DOOR_STATE: {0: "not_closed", 1: "closed", 2: "not_detected"},
    },
    texts={(22, 1): _OPERATIONS, (22, 2): _ALARMS},
)
