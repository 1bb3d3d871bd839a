"""Operations of the lock, and their descriptions."""

from __future__ import annotations

# Position, method, action and operation id, and the descriptions in English and Chinese. Ming has
# fingerprint 7 and duress fingerprint 8.
SAID: tuple[tuple[tuple[int, int, int, int], str, str], ...] = (
    (
        (2, 2, 2, 7),
        "was unlocked from outside by Ming with a fingerprint",
        "Ming 从门外用指纹开锁",
    ),
    (
        (2, 9, 2, 8),
        "was unlocked from outside by Ming with a fingerprint",
        "Ming 从门外用指纹开锁",
    ),
    ((2, 2, 2, 9), "was unlocked from outside with fingerprint 9", "从门外用指纹 9 开锁"),
    ((2, 9, 2, 6), "was unlocked from outside with fingerprint 6", "从门外用指纹 6 开锁"),
    (
        (2, 7, 2, 12),
        "was unlocked from outside with one-time password 12",
        "从门外用一次性密码 12 开锁",
    ),
    ((3, 4, 2, 5), "was unlocked with NFC 5", "用 NFC 5 开锁"),
    ((2, 10, 2, 0), "was unlocked from outside with double verification", "从门外经双重验证开锁"),
    ((1, 14, 2, 0), "was unlocked from inside with the inside button", "从门内用门内按钮开锁"),
    ((3, 15, 2, 0), "was unlocked remotely", "远程开锁"),
    ((3, 12, 1, 0), "was closed automatically", "自动关门"),
    ((1, 11, 3, 0), "had its deadbolt turned on from inside by hand", "从门内手动开启反锁"),
    ((1, 11, 4, 0), "had its deadbolt turned off from inside by hand", "从门内手动关闭反锁"),
    ((1, 11, 5, 0), "had its child lock turned on from inside by hand", "从门内手动开启童锁"),
    ((1, 11, 6, 0), "had its child lock turned off from inside by hand", "从门内手动关闭童锁"),
    (
        (1, 2, 7, 7),
        "had its away mode turned on from inside by Ming with a fingerprint",
        "Ming 从门内用指纹开启离家模式",
    ),
    (
        (2, 1, 8, 0),
        "had its away mode turned off from outside with a phone",
        "从门外用手机关闭离家模式",
    ),
    (
        (2, 16, 2, 7),
        "was unlocked from outside with operation method (16) 7",
        "从门外用操作方式（16） 7 开锁",
    ),
    ((2, 16, 2, 0), "was unlocked from outside", "从门外开锁"),
    (
        (2, 2, 9, 7),
        "was operated from outside by Ming with a fingerprint",
        "Ming 从门外用指纹操作门锁",
    ),
    ((4, 2, 9, 9), "was operated with fingerprint 9", "用指纹 9 操作门锁"),
)
