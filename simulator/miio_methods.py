"""The miIO methods of a lock on the local network.

The did in a request is a label of the client's choice: it is returned unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .codes import Code
from .miio import MiioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .device import Device

READ_LIMIT: Final = 15
"""The most properties to read in one request."""


def handle(lock: Device, method: str, params: Any) -> object:
    """Return the result of a method.

    Raises MiioError if the method is unknown, or if it or its parameters are refused.
    """
    if method not in _METHODS:
        raise MiioError(-32601, "Method not found.")
    try:
        return _METHODS[method](lock, params)
    except (KeyError, TypeError):
        raise MiioError(-32602, "Invalid params.") from None


def _info(lock: Device, _: object) -> dict[str, Any]:
    return {
        "life": int(lock.clock.now() - lock.installed),
        "model": lock.model,
        "fw_ver": lock.firmware,
        "hw_ver": "ESP32",
        "mac": lock.mac,
        "token": lock.token,
        "ap": {"ssid": "Home", "bssid": "54:48:E6:00:00:01", "rssi": -54},
        "netif": {"localIp": lock.host, "mask": "255.255.255.0", "gw": lock.host},
    }


def _read(lock: Device, params: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(params) > READ_LIMIT:
        raise MiioError(-9999, "user ack timeout")
    return [_read_one(lock, item["siid"], item["piid"], item.get("did")) for item in params]


def _read_one(lock: Device, siid: int, piid: int, label: object) -> dict[str, Any]:
    code, value = lock.read((siid, piid))
    result = {"did": label, "siid": siid, "piid": piid, "code": code}
    return result | {"value": value} if code is Code.DONE else result


def _write(lock: Device, params: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "did": item.get("did"),
            "siid": item["siid"],
            "piid": item["piid"],
            "code": lock.write((item["siid"], item["piid"]), item["value"]),
        }
        for item in params
    ]


def _act(lock: Device, params: dict[str, Any]) -> dict[str, Any]:
    """Do an action; inputs and outputs are items of piid and value."""
    siid, aiid = params["siid"], params["aiid"]
    given = {item["piid"]: item["value"] for item in params.get("in", [])}
    action = lock.spec.actions.get((siid, aiid))
    piids = [prop.address[1] for prop in action.inputs] if action else []
    if given.keys() == set(piids):
        code, values = lock.act((siid, aiid), [given[piid] for piid in piids])
    else:
        code, values = Code.WRONG_PARAMETER_COUNT, []
    outputs = action.outputs if action else ()
    out = [
        {"piid": prop.address[1], "value": value}
        for prop, value in zip(outputs, values, strict=False)
    ]
    return {"did": params.get("did"), "siid": siid, "aiid": aiid, "code": code, "out": out}


_METHODS: Final[dict[str, Callable[[Device, Any], object]]] = {
    "miIO.info": _info,
    "get_properties": _read,
    "set_properties": _write,
    "action": _act,
}
