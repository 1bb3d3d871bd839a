"""Operations of the lock, and their descriptions."""

from __future__ import annotations

# Position, method, action and operation id, and the descriptions in English and Chinese. Ming has
# fingerprint 7 and duress fingerprint 8.
SAID: tuple[tuple[tuple[int, int, int, int], str, str], ...] = (
    (
        (2, 2, 2, 7),
        "was unlocked from outside by Ming with a fingerprint",
        "由 Ming 用指纹从门外开锁",
    ),
    (
        (2, 9, 2, 8),
        "was unlocked from outside by Ming with a fingerprint",
        "由 Ming 用指纹从门外开锁",
    ),
    ((2, 2, 2, 9), "was unlocked from outside with fingerprint 9", "用指纹 9 从门外开锁"),
    ((2, 9, 2, 6), "was unlocked from outside with fingerprint 6", "用指纹 6 从门外开锁"),
    (
        (2, 7, 2, 12),
        "was unlocked from outside with one-time password 12",
        "用一次性密码 12 从门外开锁",
    ),
    ((3, 4, 2, 5), "was unlocked with NFC 5", "用NFC 5 开锁"),
    ((2, 10, 2, 0), "was unlocked from outside with double verification", "经双重验证从门外开锁"),
    ((1, 14, 2, 0), "was unlocked from inside with the inside button", "用门内按钮从门内开锁"),
    ((3, 15, 2, 0), "was unlocked remotely", "远程开锁"),
    ((3, 12, 1, 0), "was closed automatically", "自动关门"),
    ((1, 11, 3, 0), "had its deadbolt turned on from inside by hand", "手动从门内开启反锁"),
    ((1, 11, 4, 0), "had its deadbolt turned off from inside by hand", "手动从门内关闭反锁"),
    ((1, 11, 5, 0), "had its child lock turned on from inside by hand", "手动从门内开启童锁"),
    ((1, 11, 6, 0), "had its child lock turned off from inside by hand", "手动从门内关闭童锁"),
    (
        (1, 2, 7, 7),
        "had its away mode turned on from inside by Ming with a fingerprint",
        "由 Ming 用指纹从门内开启离家模式",
    ),
    (
        (2, 1, 8, 0),
        "had its away mode turned off from outside with a phone",
        "用手机从门外关闭离家模式",
    ),
    (
        (2, 16, 2, 7),
        "was unlocked from outside with operation method (16) 7",
        "用操作方式（16） 7 从门外开锁",
    ),
    ((2, 16, 2, 0), "was unlocked from outside", "从门外开锁"),
    (
        (2, 2, 9, 7),
        "was operated from outside by Ming with a fingerprint",
        "由 Ming 用指纹从门外操作门锁",
    ),
    ((4, 2, 9, 9), "was operated with fingerprint 9", "用指纹 9 操作门锁"),
)
