"""Events as the cloud pushes them, and equivalents for Home Assistant's own ``mqtt``."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from simulator.door import Action, Method, Position
from simulator.model import SPEC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.facts import Facts

LOCK_EVENT: Final = (2, 1020)
EVENT_TYPE: Final = "happened"
"""The only type of the event entities of ``mqtt``."""

_FIRST_RING: Final = int(time.time())
_BETWEEN_RINGS: Final = 2
"""Seconds; closer rings count as duplicates."""


@dataclass(frozen=True)
class Happening:
    """An event of the lock: its arguments, and its attributes in Home Assistant."""

    arguments: Sequence[int]
    attributes: dict[str, object]


@dataclass(frozen=True)
class Kind:
    """A kind of event. The value of the attribute ``mark`` is different for each event."""

    name: str
    address: Address
    entity: str
    """The end of the unique id of the entity that shows it."""
    mark: str
    happening: Callable[[int], Happening]
    """Makes the event for a number below 65536."""
    piids: Sequence[int]
    """The piids of its arguments, in order."""
    shown_too: Sequence[str] = ()
    """Templates for more ``mqtt`` entities, as many as other entities of the lock change too."""

    def pushed(self, did: str, happening: Happening) -> tuple[str, bytes]:
        """Return topic and payload as the cloud pushes them."""
        siid, eiid = self.address
        arguments = [
            {"piid": piid, "value": value}
            for piid, value in zip(self.piids, happening.arguments, strict=True)
        ]
        params = {"did": did, "siid": siid, "eiid": eiid, "tid": 1, "arguments": arguments}
        message = {"id": 1, "method": "event_occured", "params": params}
        return f"device/{did}/up/event_occured/{siid}/{eiid}", json.dumps(message).encode()

    def mqtt(self, did: str, happening: Happening) -> tuple[str, bytes]:
        """Return topic and payload for ``mqtt``: the same attributes, and as many bytes."""
        _, pushed = self.pushed(did, happening)
        message = {"event_type": EVENT_TYPE, **happening.attributes}
        return mqtt_topic(did, self), json.dumps(message).encode().ljust(len(pushed))


def mqtt_topic(did: str, kind: Kind | None = None) -> str:
    """Return the topic of a lock's ``mqtt`` entities for a kind of event, or for all kinds."""
    return f"benchmarks/{did}/{kind.name if kind else '+'}"


def _lock_event(number: int) -> Happening:
    now = int(time.time())
    return Happening(
        (Position.OUTSIDE, Method.FINGERPRINT, Action.UNLOCKED, number, now),
        {
            "position": "outside",
            "method": "fingerprint",
            "operation_id": number,
            "device_time": _iso(now),
        },
    )


def _ring(number: int) -> Happening:
    when = _FIRST_RING + _BETWEEN_RINGS * number
    return Happening((when,), {"device_time": _iso(when)})


def _iso(when: int) -> str:
    return datetime.fromtimestamp(when, UTC).isoformat()


def _piids(address: Address) -> tuple[int, ...]:
    return tuple(argument.address[1] for argument in SPEC.events[address].arguments)


RING: Final = Kind("ring", (21, 1), "doorbell", "device_time", _ring, _piids((21, 1)))
UNLOCKED: Final = Kind(
    "unlocked",
    LOCK_EVENT,
    "lock_event",
    "operation_id",
    _lock_event,
    _piids(LOCK_EVENT),
    (
        "{{ value_json.operation_id }}",
        "{{ value_json.device_time }}",
        "{{ value_json.method }} {{ value_json.operation_id }}",  # the lock's changed_by
    ),
)


def unlocked_at(facts: Facts) -> Kind:
    """Return unlocking at a lock of another model: the same, in the model's numbers."""
    words = {"position": "outside", "method": "fingerprint", "action": "unlocked"}
    told = {kind: facts.number(kind, word) for kind, word in words.items()}

    def happening(number: int) -> Happening:
        now = int(time.time())
        given = {**told, "id": number, "time": now}
        arguments = [given[name] for name in facts.arguments]
        return Happening(arguments, _lock_event(number).attributes)

    piids = tuple(facts.arguments.values())
    return replace(UNLOCKED, address=facts.event, happening=happening, piids=piids)
