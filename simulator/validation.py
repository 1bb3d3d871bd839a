"""Which values a lock accepts; as strict as a device. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custom_components.xiaomi_smart_lock.miot.errors import InvalidValueError

if TYPE_CHECKING:
    from custom_components.xiaomi_smart_lock.miot.spec import Property, Value

_SIGNED: Final = {"int8": 1 << 7, "int16": 1 << 15, "int32": 1 << 31, "int64": 1 << 63}
"""The formats of integers that may be negative, each with the first number that is too large."""


def validate(prop: Property, raw: object) -> Value:
    """Return a value if it is valid; also checks the range's step.

    Raises InvalidValueError if it is not.
    """
    if isinstance(raw, str) != (prop.format == "string"):
        raise InvalidValueError(f"{prop}: a {type(raw).__name__} is no {prop.format}")
    if isinstance(raw, float) and prop.format != "float":
        raise InvalidValueError(f"{prop}: a float is no {prop.format}")
    value = _integer(prop, raw) if prop.format in _SIGNED else prop.validate(raw)
    if prop.range and prop.range[2] and (float(value) - prop.range[0]) % prop.range[2]:
        raise InvalidValueError(f"{prop}: {value} is between two steps")
    return value


def _integer(prop: Property, raw: object) -> int:
    limit = _SIGNED[prop.format]
    if not isinstance(raw, int) or isinstance(raw, bool) or not -limit <= raw < limit:
        raise InvalidValueError(f"{prop}: {raw} is no {prop.format}")
    if prop.range and not prop.range[0] <= raw <= prop.range[1]:
        raise InvalidValueError(f"{prop}: {raw} is out of range")
    if prop.values and not prop.named(raw):
        raise InvalidValueError(f"{prop}: {raw} is not in the value list")
    return raw
