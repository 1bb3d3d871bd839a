"""The property values, token and MAC address of a newly installed lock."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.miot.spec import Access

if TYPE_CHECKING:
    from custom_components.xiaomi_smart_lock.miot.spec import Address, Property, Spec, Value

# Properties for which the first value that the specification allows would be unrealistic.
INSTALLED: Final[dict[Address, Value]] = {
    (6, 1003): 92,
    (13, 1): 87,
    (13, 2): 2,
    (17, 1): True,
    (17, 2): 2,
    (17, 7): True,
    (17, 9): True,
    (17, 12): "00:00:00-23:59:59",
    (17, 13): 1,
    (17, 14): 1,
    (17, 16): 1,
    (17, 18): True,
    (17, 19): 1,
    (17, 22): "00:00:00-23:59:59",
    (17, 23): True,
    (18, 11): True,
    (18, 12): 1,
    (19, 1): 2,
    (19, 2): 2,
    (19, 4): 2,
    (19, 6): 2,
    (19, 8): 2,
    (19, 9): 2,
    (19, 10): 2,
    (20, 2): "22:00:00-07:00:00",
    (21, 1): True,
    (21, 5): 2,
    (21, 7): True,
}

# Properties that are only pushed.
SETTINGS: Final[dict[Address, Value]] = {
    (2, 9): 0,
    (2, 12): True,
    (2, 13): 1,
    (2, 14): 1,
    (2, 15): False,
    (2, 16): True,
    (2, 17): True,
    (2, 18): True,
    (2, 19): 1,
}
VERSIONS: Final[dict[Address, Value]] = {
    (11, 1): "1.2.0_0031",
    (11, 2): "1.2.0_0044",
    (11, 3): "0.3.8",
    (11, 4): "A1",
    (11, 5): "1.0.6",
    (11, 6): "2.1.4_0009",
    (11, 7): "4.5.1_0112",
    (11, 8): "1.1.9",
}


def first(prop: Property) -> Value:
    """Return the first value of a property, or the one nearest to 0."""
    if prop.values:
        return prop.values[0].value
    if prop.range:
        low, high, _ = prop.range
        return int(min(max(low, 0), high))
    match prop.format:
        case "string":
            return ""
        case "bool":
            return False
    return 0


def values(spec: Spec) -> dict[Address, Value]:
    """Return a value for each property that can be read."""
    return {address: first(spec.properties[address]) for address in spec.having(Access.READ)}


def values_of_s1(spec: Spec) -> dict[Address, Value]:
    """Return values for a Xiaomi Smart Door Lock 4 Pro, also of what is only pushed."""
    return values(spec) | INSTALLED | SETTINGS | VERSIONS


def token(did: str) -> str:
    """Return a miIO encryption token of 32 hexadecimal digits, the same in each run."""
    return hashlib.sha256(f"token {did}".encode()).hexdigest()[:32]


def mac(did: str) -> str:
    """Return a MAC address of the vendor, the same in each run."""
    tail = hashlib.sha256(f"mac {did}".encode()).digest()[:3]
    return ":".join(["54", "48", "E6", *(f"{byte:02X}" for byte in tail)])
