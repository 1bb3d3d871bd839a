"""INVENTED locks that nobody knows: their specifications are odd, but such are published.

Each is set up with what it can read as the simulator makes it; tests push what they like.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from simulator import instances, invented
from simulator.sibling import Model, Quirks
from simulator.siblings import MODELS

if TYPE_CHECKING:
    import pytest

    from simulator.published import Item

LONG: Final = "很长的说明<b>🔒</b> " * 40


def _item(iid: int, kind: str, name: str, description: str, **more: Any) -> Item:
    urn = f"urn:miot-spec-v2:{kind}:{name}"
    return {"iid": iid, "type": urn, "description": description, "description_zh": "", **more}


def service(iid: int, name: str, *items: Item, description: str = "") -> Item:
    """Return a service with its properties and events."""
    properties = [one for one in items if ":property:" in one["type"]]
    events = [one for one in items if ":event:" in one["type"]]
    return _item(iid, "service", name, description, properties=properties, events=events)


def prop(iid: int, name: str, form: str, access: str = "", **more: Any) -> Item:
    """Return a property; its access is given as letters of read, notify and write."""
    kinds = [kind for kind in ("read", "notify", "write") if kind[0] in access]
    values = more.pop("values", None)
    if values:
        more["value-list"] = [
            {"value": number, "description": said, "description_zh": ""}
            for number, said in values.items()
        ]
    described = more.pop("description", name)
    return _item(iid, "property", name, described, format=form, access=kinds, **more)


def event(iid: int, name: str, *piids: int, description: str = "") -> Item:
    """Return an event."""
    return _item(iid, "event", name, description or name, arguments=list(piids))


ODD: Final[dict[str, list[Item]]] = {
    # Times and ids that are no numbers of seconds, and an event without arguments.
    "odd.lock.times": [
        service(
            2,
            "lock",
            prop(1, "current-time", "string"),
            prop(2, "operation-id", "string"),
            prop(3, "lock-action", "uint8", values={0: "Lock", 1: "Unlock"}),
            prop(4, "temporary-password", "uint16"),
            event(1, "lock-event", 1, 2, 3, 4),
            event(2, "nothing"),
        ),
        service(
            3,
            "doorbell",
            prop(1, "current-time", "int64"),
            event(1, "doorbell-ring", 1),
        ),
    ],
    # Units where Home Assistant allows none, and a battery that tells words or 255.
    "odd.lock.units": [
        service(
            2,
            "lock",
            prop(1, "open-time", "uint8", "rn", unit="seconds", values={0: "Short", 1: "Long"}),
            prop(2, "firmware", "string", "rn", unit="percentage"),
            prop(3, "inside", "string", "rn", unit="celsius"),
            prop(4, "cold", "int8", "rn", unit="celsius"),
            prop(5, "heavy", "float", "rn", unit="kilogram"),
            event(1, "opened", 1, 4),
        ),
        service(3, "battery", prop(1, "battery-level", "uint8", "rn", values={0: "OK", 1: "Low"})),
    ],
    "odd.lock.levels": [
        service(2, "battery", prop(1, "battery-level", "uint8", "rn", unit="percentage")),
        service(3, "battery", prop(1, "battery-level", "string", "rn")),
        service(4, "lock", event(1, "opened")),
    ],
    # The same numbers several times: properties and events have numbers of their own.
    "odd.lock.numbers": [
        service(
            2,
            "lock",
            prop(1, "password", "string", "rn"),
            prop(2, "mode", "uint8", "rn"),
            prop(2, "mode-again", "uint8", "rn"),
            event(1, "unlocked", description="Unlocked"),
            event(1, "unlocked", description="Unlocked"),
        ),
        service(
            3,
            "battery",
            prop(1, "battery-level", "uint8", "rn", unit="percentage"),
            event(1, "low-battery", 1),
        ),
        service(
            3,
            "battery",
            prop(1, "battery-level", "uint8", "rn", unit="percentage"),
            event(1, "low-battery", 1),
        ),
        service(4, "doorbell", prop(1, "volume", "uint8", "rn"), event(1, "doorbell-ring")),
    ],
    # Formats that nobody can show, and names of secrets.
    "odd.lock.formats": [
        service(
            2,
            "lock",
            prop(1, "raw", "hex", "rn"),
            prop(2, "config", "tlv8", "rn"),
            prop(3, "passcode", "string", "rnw"),
            prop(4, "aes-key", "string", "rn"),
            prop(5, "p-2-5", "string", "rn", description="临时密码"),
            prop(6, "code", "uint32", "rn", description="Temporary Password"),
            prop(7, "secret", "uint16", "rn"),
            prop(8, "written", "uint8", "w"),
            prop(9, "key-id", "uint16", "rn", description="密码编号"),
            event(1, "opened", 3, 6, 7),
        )
    ],
    # Texts that are long, of signs only, or the same.
    "odd.lock.texts": [
        service(
            2000,
            "s",
            prop(
                1001,
                "door",
                "int16",
                "rn",
                description=LONG,
                values={-1: LONG, 0: "+", 1: "-", 2: "> 20%", 3: "< 20%", 65535: "NA", 4: "开"},
            ),
            event(1020, "e", 1001, description="🔔"),
            description=LONG,
        ),
        service(2001, "s", prop(1, "door", "int16", "rn"), event(1, "e"), description="<i>S</i>"),
        service(2002, "s", prop(1, "door", "int16", "rn"), event(1, "e"), description="<i>S</i>"),
        service(65535, "s", prop(65535, "Door", "bool", "n", values={0: "A", 1: "B"})),
    ],
    # Duress in each place and language: nobody has confirmed that a number means it.
    "odd.lock.forced": [
        service(
            2,
            "lock",
            prop(
                1, "operation-method", "uint8", "rn", values={1: "Fingerprint", 2: "Duress finger"}
            ),
            prop(2, "abnormal-condition", "uint8", "rn", values={1: "Hijack alarm", 2: "Ajar"}),
            prop(3, "mood", "uint8", "rn", values={1: "被胁迫", 2: "劫持", 3: "Good"}),
            prop(
                7,
                "method",
                "uint8",
                "rn",
                values={
                    1: "Stress Fingerprint",
                    2: "Threatened",
                    3: "Alarm fingerprint",
                    4: "被威胁",
                    5: "报警指纹",
                    6: "Pried",
                },
            ),
            prop(4, "duress", "bool", "rn"),
            prop(5, "p-2-5", "uint8", "rn", description="胁迫报警", values={0: "Off", 1: "On"}),
            prop(6, "flag", "bool", "n", description="Coerced"),
            event(1, "lock-event", 1, 2, 3, 4, 5, 6),
            event(2, "duress-alarm", 1),
            event(3, "event-3", 1, description="挟持"),
            event(5, "threat-open", 1),
            event(6, "event-6", 1, description="威胁开门"),
            event(4, "exception-occurred", 2),
        ),
        service(3, "hijacking", prop(1, "now", "bool", "rn"), event(1, "begun")),
    ],
    # Names of no standard, in Chinese only; all that a published list gets wrong.
    "odd.lock.chinese": [
        service(
            2,
            "smart-thing",
            prop(1, "p1", "uint8", "rn", description="门的状态", values={0: "已上锁", 1: "已打开"}),
            prop(2, "p2", "uint8", "rn", description="门的状态", values={0: "关", 1: "关", 2: ""}),
            prop(3, "p3", "string", "n", description="最近一次开锁时间"),
            prop(4, "p4", "bool", description="没有任何权限"),
            prop(5, "p5", "uint64", "rn", description="时间戳", unit="ms"),
            event(1, "e1", 1, 5, description="开门了"),
            event(2, "e2", 4, description="开门了"),
            description="智能门锁",
        ),
        service(3, "smart-thing", prop(1, "p1", "bool", "rn", description="已上锁")),
    ],
    # Values of other types than they are said to be, and types that there are not.
    "odd.lock.types": [
        service(
            2,
            "lock",
            prop(1, "lock-state", "bool", "rn"),
            prop(2, "current-time", "uint64", "rn"),
            prop(3, "battery-level", "float", "rn", unit="percentage"),
            prop(4, "door-state", "int", "rn", values={1: "Locked"}),
            prop(5, "count", "uint64", "rn"),
            prop(6, "mode", "bool", "rnw", values={0: "Unlocked", 1: "Locked"}),
            prop(7, "volume", "uint8", "rnw", **{"value-range": [10, 0, 1]}),
            prop(8, "level", "uint8", "rnw", **{"value-range": ["0", "10", "1"]}),
            event(1, "lock-event", 1, 2, 5),
            event(2, "doorbell-ring", 99),
        ),
    ],
    # More than anybody has: each is a property that nobody asks for.
    "odd.lock.huge": [
        service(
            siid,
            "lock",
            *(prop(piid, f"p-{piid}", "uint8", "rn", description="Value") for piid in range(1, 61)),
            event(1, "lock-event", *range(1, 61), description="Happened"),
        )
        for siid in range(2, 15)
    ],
}


def add_odd(monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    """Have the simulator know an odd lock."""
    product = model.replace(".lock.", "-")
    facts = replace(
        invented.FACTS,
        model=model,
        urn=f"urn:miot-spec-v2:device:lock:0000A038:{product}:1",
        door=None,
        exception=None,
        batteries=(),
        bells=(),
    )
    made = Model(facts=facts, services=ODD[model], quirks=Quirks(gateway=True))
    monkeypatch.setitem(MODELS, model, made)
    monkeypatch.setitem(instances._MODEL_OF, facts.urn, made)
