"""Events as the cloud pushes them, and equivalents for Home Assistant's own ``mqtt``."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Final

from simulator.door import Action, Method, Position
from simulator.model import SPEC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from custom_components.xiaomi_smart_lock.miot.spec import Address
    from simulator.facts import Facts

LOCK_EVENT: Final = (2, 1020)
PEOPLE: Final = 2
"""How many people each lock has, who come in turn."""
FINGERPRINTS: Final = 998
"""How many fingerprints raced people have: no two events of a second are duplicates."""
FINGERPRINTS_AT_HOME: Final = 10
"""How many fingerprints the people of a household have."""
EVENT_TYPE: Final = "happened"
"""The only type of the event entities of ``mqtt``."""
EVENT: Final = "event"
ALL: Final = "all"
"""The ends of the topics for the event entity of ``mqtt``, and for the sensors too."""

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
    """A kind of event."""

    name: str
    address: Address
    unique_ids: Sequence[str]
    """Those of the entities that show it in turn, with the lock's did as ``{did}``."""
    happening: Callable[[int], Happening]
    """Makes the event for a number."""
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
        topic = mqtt_topic(did, ALL if self.shown_too else EVENT)
        return topic, self._beside(did, happening)

    def mqtt_event(self, did: str, happening: Happening) -> tuple[str, bytes]:
        """Return topic and payload for the event entity of ``mqtt`` alone."""
        return mqtt_topic(did, EVENT), self._beside(did, happening)

    def _beside(self, did: str, happening: Happening) -> bytes:
        _, pushed = self.pushed(did, happening)
        message = {"event_type": EVENT_TYPE, **happening.attributes}
        return json.dumps(message).encode().ljust(len(pushed))


def numbers() -> count[int]:
    """Return numbers for events from now on: a ring of long ago would not be shown as an event."""
    return count((int(time.time()) - _FIRST_RING) // _BETWEEN_RINGS)


def mqtt_topic(did: str, end: str = "+") -> str:
    """Return a topic of a lock's ``mqtt`` entities, by default that of all of them."""
    return f"benchmarks/{did}/{end}"


def person_of(did: str, number: int) -> str:
    """Return the id of the subentry of a person who has fingerprints of a lock."""
    return f"person_{number}_of_{did}"


def fingerprints_of(number: int, fingerprints: int = FINGERPRINTS) -> range:
    """Return the fingerprints of a person: those of the events whose turn it is."""
    return range(number + 1, fingerprints + 1, PEOPLE)


def _lock_event(number: int) -> Happening:
    now, fingerprint = int(time.time()), number % FINGERPRINTS + 1
    return Happening(
        (Position.OUTSIDE, Method.FINGERPRINT, Action.UNLOCKED, fingerprint, now),
        {
            "position": "outside",
            "method": "fingerprint",
            "operation_id": fingerprint,
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


RING: Final = Kind("ring", (21, 1), ("{did}-doorbell",), _ring, _piids((21, 1)))
UNLOCKED: Final = Kind(
    "unlocked",
    LOCK_EVENT,
    tuple(f"{person_of('{did}', number)}-activity" for number in range(PEOPLE)),
    _lock_event,
    _piids(LOCK_EVENT),
    (
        "{{ value_json.method }} {{ value_json.operation_id }}",  # the lock's changed_by
        "{{ value_json.operation_id }}",  # the person who came last
    ),
)


def unlocked_at(facts: Facts) -> Kind:
    """Return unlocking at a lock of another model: the same, in the model's numbers."""
    words = {"position": "outside", "method": "fingerprint", "action": "unlocked"}
    told = {kind: facts.number(kind, word) for kind, word in words.items()}

    def happening(number: int) -> Happening:
        now = int(time.time())
        given = {**told, "id": number % FINGERPRINTS + 1, "time": now}
        arguments = [given[name] for name in facts.arguments]
        return Happening(arguments, _lock_event(number).attributes)

    piids = tuple(facts.arguments.values())
    return replace(
        UNLOCKED,
        name=f"{UNLOCKED.name}, {facts.model}",
        address=facts.event,
        happening=happening,
        piids=piids,
    )
